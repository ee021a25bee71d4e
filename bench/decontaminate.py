"""Decontamination: planted benchmark items found, by kind, and what clean text loses.

`python -m bench.decontaminate [--data ../shared/data]` prints JSON lines. Items of the benchmarks
at hand are planted, one a document, into real texts: verbatim, in other case, with other
punctuation and width of characters, and half of them quoted (the first half, by words or
characters). A document counts as found where the item planted, and no other text, makes it so: the
judgement of the stage's cut at its defaults, on the index that the stage broadcasts. Half items
are reported by whether the half is as long as an n-gram: a shorter one is no more than a phrase.

`false_alarms`: share of the same texts without a plant that are dropped; their findings are printed
(`found`), since a real text may contain an item, or what the item quotes. `mb_per_s`: of the first
pass over clean texts, one core, and the same at four times the texts (`linear`).
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.kernels.decontamination.benchmark_items import read_items
from skypile.kernels.decontamination.contamination import Finder, Found, Item, build
from skypile.stages.decontaminate import Config, contained
from skypile.stages.decontaminate_find import row_of

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
AGIEVAL = ("passage", "question", "other.solution")
BENCHMARKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gsm8k": ("en", ("question", "answer")),
    "mmlu": ("en", ("question", "A", "B", "C", "D")),
    "humaneval": ("en", ("prompt",)),
    "svamp": ("en", ("Body", "Question")),
    "cmmlu": ("zh", ("Question", "A", "B", "C", "D")),
    "cmath": ("zh", ("input",)),
    "math23k": ("zh", ("original_text",)),
    "agieval_gaokao": ("zh", AGIEVAL),
    "agieval_logiqa-zh": ("zh", AGIEVAL),
    "agieval_logiqa-en": ("en", AGIEVAL),
    "agieval_lsat": ("en", AGIEVAL),
    "agieval_math": ("en", AGIEVAL),
    "agieval_sat": ("en", AGIEVAL),
}
PLANTED = 40  # of a benchmark
CLEAN = 250  # of a collection, its first
TARGETS = {"verbatim": 1.0, "case": 1.0, "punctuation": 1.0, "width": 1.0}
PAIRS = str.maketrans(",.?!:;()", "，。？！：；（）")
BACK = str.maketrans("，。？！：；（）", ",.?!:;()")


def say(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    row = {"bench": "decontaminate", "case": case, "metric": metric, "unit": unit}
    row["value"] = float(f"{value:.4g}")
    print(json.dumps({**row, **more}, ensure_ascii=False), flush=True)


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def load(data: Path) -> list[Item]:
    """All items; the chain-of-thought prompts, made of others', are left out."""
    items: list[Item] = []
    for name, (_, fields) in BENCHMARKS.items():
        for path in sorted((data / "benchmarks").glob(f"{name}*.jsonl.gz")):
            if "cot_prompts" not in path.name:
                items += read_items(name, path.name, path.read_bytes(), fields)
    return items


def clean(data: Path) -> dict[str, list[str]]:
    """Real texts by collection."""
    sets: dict[str, list[str]] = {}
    for row in rows(data / "domain_text/texts.jsonl.gz"):
        sets.setdefault(f"domain_text {row['lang']}", []).append(row["text"])
    sets["zh_web_text"] = [r["text"] for r in rows(data / "zh_web_text/texts.jsonl.gz")]
    sets["web_text"] = [r["text"] for r in rows(data / "web_text/texts.jsonl.gz")]
    for name in ("html_aeb", "html_magic", "html_newspaper_en", "html_cwce_zh"):
        gold = (data / name / "gold.jsonl").read_text(encoding="utf8").splitlines()
        sets[name] = [t for line in gold if (t := json.loads(line).get("gold_text"))]
    for name in ("wikitext2_en", "enwiki_articles", "zhwiki_cmrc2018", "zhwiki_hant_drcd"):
        sets[name] = [r["text"] for r in rows(data / f"wiki_reference/{name}.jsonl.gz")]
    return sets


# What is done to an item before it is planted.


def shuffled_case(text: str) -> str:
    return "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(text))


def punctuated(text: str) -> str:
    """Marks of the other script's width, a dash for commas, none at the end."""
    other = text.translate(PAIRS if text.isascii() else BACK)
    return other.replace("，", " — ").rstrip("?？.。") + " …"


def wide(text: str) -> str:
    """Full-width letters, digits and marks."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def half(text: str) -> str:
    words = text.split(" ")
    if len(words) > len(text) / 12:
        return " ".join(words[: (len(words) + 1) // 2])
    return text[: (len(text) + 1) // 2]


KINDS: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "case": shuffled_case,
    "punctuation": punctuated,
    "width": wide,
    "half": half,
}


class Judge:
    """The stage's judgement on single texts."""

    def __init__(self, items: list[Item]) -> None:
        self._names = [(i.benchmark, i.name) for i in items]
        self.index = build(items)
        self.finder = Finder(self.index)
        self._none = np.zeros(0, np.uint64)

    def items(self, texts: list[str], config: Config | None = None) -> list[list[Found]]:
        """The items that each text contains."""
        hashes, offsets = self.finder.hits(pa.array(texts, pa.large_string()))
        del hashes
        found: list[list[Found]] = [[] for _ in texts]
        for at in np.flatnonzero(np.diff(offsets)).tolist():
            seen = self.finder.items(texts[at], self._none)
            judged = contained(config or Config(), row_of(seen, self._names))
            found[at] = [one for one, ok in zip(seen, judged, strict=True) if ok]
        return found

    def has_ngram(self, text: str) -> bool:
        """Whether a text is at least as long as an n-gram (or a short item, whole)."""
        alone = build([Item("", "", (text,))])
        return alone.sizes[0] > 1


def planted(items: list[Item], judge: Judge, texts: dict[str, list[str]]) -> None:
    """Recall by benchmark and kind."""
    rng = random.Random(0)
    hosts = {
        "en": [t for n in ("domain_text en", "html_aeb", "html_newspaper_en") for t in texts[n]],
        "zh": [t for n in ("domain_text zh", "zh_web_text", "html_cwce_zh") for t in texts[n]],
    }
    totals: dict[tuple[str, str], list[int]] = {}
    for name, (language, _) in BENCHMARKS.items():
        of = [n for n, i in enumerate(items) if i.benchmark == name and i.passages]
        drawn = rng.sample(of, min(PLANTED, len(of)))
        short = [n for n in drawn if judge.index.sizes[n] <= 1]
        bare = [f"{items[n].passages[0]} 0 0" for n in short]
        inside = {n for n, hits in zip(short, judge.items(bare), strict=True) if hits}
        for kind, change in KINDS.items():
            plants, documents = [], []
            for n in drawn:
                passages = items[n].passages
                plants.append(change(passages[0] if n in short else max(passages, key=len)))
                host = rng.choice(hosts[language])[:4000]
                cut = rng.randrange(len(host))
                documents.append(f"{host[:cut]}\n{plants[-1]}\n{host[cut:]}")
            seen: dict[str, list[bool]] = {}
            for n, plant, hits in zip(drawn, plants, judge.items(documents), strict=True):
                label = kind
                if n in short:
                    label = f"{kind}, {'short' if n in inside else 'under 8 words'}"
                if kind == "half":
                    label = "half" if judge.has_ngram(plant) else "half, under an n-gram"
                seen.setdefault(label, []).append(any(same(items, n, f.item) for f in hits))
            for label, hit in seen.items():
                say(name, f"recall, {label}", sum(hit) / len(hit), "fraction", n=len(hit))
                total = totals.setdefault((language, label), [0, 0])
                total[0] += sum(hit)
                total[1] += len(hit)
    for (language, label), (hit_count, n) in sorted(totals.items()):
        target = TARGETS.get(label)
        more = {"target": target, "ok": hit_count / n >= target} if target else {}
        say("all", f"recall, {label}", hit_count / n, "fraction", n=n, language=language, **more)


def same(items: list[Item], one: int, other: int) -> bool:
    """Whether two items share a passage: many have one text with several questions."""
    return one == other or bool({*items[one].passages} & {*items[other].passages})


def false_alarms(items: list[Item], judge: Judge, texts: dict[str, list[str]]) -> None:
    """What clean text loses, at the defaults and where a tenth of an item must be there."""
    for name, every in texts.items():
        collection = every[:CLEAN]
        found = judge.items(collection)
        tenth = [[f for f in hits if f.covered >= 0.1 * f.size] for hits in found]
        share = sum(map(bool, found)) / len(collection)
        more = {"n": len(collection), "of_a_tenth": sum(map(bool, tenth)) / len(collection)}
        say(name, "false_alarms", share, "fraction", **more)
        for text, hits in zip(collection, found, strict=True):
            for hit in hits[:1]:
                item = items[hit.item]
                line = text.split("\n")[hit.blocks[0]]
                print(f"found in {name}: {item.benchmark} {item.name} {hit[1:4]}: {line[:200]!r}",
                      file=sys.stderr)  # fmt: skip


def speed(judge: Judge, texts: dict[str, list[str]]) -> None:
    """Of the pass over all texts."""
    for name in ("domain_text en", "zh_web_text"):
        rates = []
        for times in (1, 4):
            column = pa.array(texts[name][:CLEAN] * times, pa.large_string())
            size = sum(len(t.encode()) for t in texts[name][:CLEAN]) * times / 1e6
            judge.finder.hits(column)
            begun = time.process_time()
            judge.finder.hits(column)
            rates.append(size / (time.process_time() - begun))
        say(name, "mb_per_s", rates[0], "MB/s", n=len(texts[name][:CLEAN]))
        say(name, "linear", rates[1] / rates[0], "ratio", target=0.8, ok=rates[1] / rates[0] >= 0.8)


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    items = load(data)
    judge = Judge(items)
    say("benchmarks", "items", len(items), "items")
    say("benchmarks", "ngrams", len(judge.index.hashes), "n-grams")
    say("benchmarks", "templates", int(judge.index.template.sum()), "n-grams")
    say("benchmarks", "too_short", judge.index.too_short, "items")
    texts = clean(data)
    planted(items, judge, texts)
    false_alarms(items, judge, texts)
    speed(judge, texts)


if __name__ == "__main__":
    main()
