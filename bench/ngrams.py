"""Long n-grams: how many Chinese characters are as long as 13 words, and how fast they are found.

`python -m bench.ngrams [--data ../shared/data]` prints JSON lines. Characters a word: texts of
`parallel_en_zh` that are no HTML, Han characters of the Chinese side for each word of the English
one less the words that the Chinese side leaves in Latin letters. Chance: share of the n-grams of
one half of a collection (by hash) that the other half has, and of its documents that have one.
Times are CPU time of one core, with 10 million n-grams to look up.
"""

import argparse
import gzip
import json
import re
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.metrics import half
from skypile.kernels.decontamination import ngrams

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
HAN, LATIN, WORD = re.compile("[\u3400-\u9fff]"), re.compile("[A-Za-z0-9]+"), re.compile(r"\w+")
COLLECTIONS = {
    "wikitext2": ("en", "wiki_reference/wikitext2_en.jsonl.gz"),
    "domain_text": ("en", "domain_text/texts.jsonl.gz"),
    "zh_tech": ("zh", "skywork_release/zh_tech.jsonl.gz"),
    "zh_general": ("zh", "skywork_release/zh_general.jsonl.gz"),
    "drcd": ("zh", "wiki_reference/zhwiki_hant_drcd.jsonl.gz"),
}
LENGTHS = {"en": (8, 10, 13, 16), "zh": (13, 16, 18, 21, 26)}
KNOWN = 10_000_000


def rows(path: Path) -> list[dict[str, Any]]:
    """JSON lines, packed."""
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def say(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """One line."""
    line = {"bench": "ngrams", "case": case, "metric": metric, "value": float(f"{value:.4g}")}
    print(json.dumps({**line, "unit": unit, **more}), flush=True)


def characters_a_word(data: Path) -> None:
    """Of each set of translations: what 13 words are."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for pair in rows(data / "parallel_en_zh/pairs.jsonl.gz"):
        words = len(WORD.findall(pair["en"])) - len(LATIN.findall(pair["zh"]))
        if pair["format"] != "html" and words > 50:
            for i, n in enumerate((len(HAN.findall(pair["zh"])), words, 1)):
                sums[pair["set"]][i] += n
    for name, (han, words, n) in sums.items():
        say(name, "han_a_word", han / words, "characters", n=n, words_13=round(13 * han / words, 1))


def chance(data: Path) -> None:
    """What texts share that are no copies of each other."""
    for name, (lang, path) in COLLECTIONS.items():
        found = rows(data / path)
        texts = {
            r["text"][:80]: r["text"] for r in found if r["text"] and r.get("lang", lang) == lang
        }
        halves = {"tune": [], "test": []}  # type: dict[str, list[str]]
        for text in texts.values():
            halves[half(text)].append(text)
        for length in LENGTHS[lang]:
            lengths = {"words" if lang == "en" else "characters": length}
            one, two = (pa.array(halves[h], pa.large_string()) for h in ("tune", "test"))
            known = ngrams.benchmark(ngrams.ngrams(one, **lengths)[0])
            shared = ngrams.shared(two, known, **lengths)
            share = shared.counts.sum() / shared.total.sum()
            documents = float((shared.counts > 0).mean())
            more = {"language": lang, "bin": length, "n": len(texts), "documents": documents}
            say(name, "shared_by_chance", 1e4 * share, "of 10,000", **more)


def speed(data: Path) -> None:
    """Of making n-grams, and of looking them up."""
    known = ngrams.benchmark(np.random.default_rng(0).integers(0, 2**64, KNOWN, np.uint64))
    for lang, path in (("en", "domain_text/texts.jsonl.gz"), ("zh", "zh_web_text/texts.jsonl.gz")):
        texts = [r["text"] for r in rows(data / path) if r.get("lang", lang) == lang]
        column, size = pa.array(texts, pa.large_string()), sum(len(t.encode()) for t in texts) / 1e6
        for metric, work in (
            ("mb_per_s", lambda column=column: ngrams.ngrams(column)),
            ("lookup_mb_per_s", lambda column=column: ngrams.shared(column, known)),
        ):
            work()
            begun = time.process_time()
            work()
            say(
                path.split("/")[0],
                metric,
                size / (time.process_time() - begun),
                "MB/s",
                n=len(texts),
            )


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    for part in (characters_a_word, chance, speed):
        part(data)


if __name__ == "__main__":
    main()
