"""Stage parallel on real pairs: how many true ones it keeps, how many wrong ones it rejects, and
how much of the alignment of paragraphs it finds again. Prints JSON lines.

`python -m bench.parallel [--data ../shared/data] [--wrong FILE] [--fit]`. True pairs are paragraphs
of parallel_en_zh whose place is known without any aligner: XQuAD's paragraphs, NTREX's lines of a
document taken three by three, and of the Markdown and HTML documents those in which both sides have
the same sequence of kinds of blocks (heading of a level, list, quote, text), code aside. Blocks
without Chinese, which the translators left in English, are no pairs.

Wrong pairs are made of them: `shuffled` (Chinese of another document of the set), `adjacent` (the
next paragraph of the same document), `truncated` (a side cut at a random place between .3 and .7 of
its length), `cut at a sentence` (a side without its last sentences, .3 to .7 of them).

Documents fall into halves by a hash of their name: weights and thresholds were chosen on `tune`
(--fit prints the weights), the lines are about `test`. --wrong writes what was judged wrongly.
"""

import argparse
import gzip
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lxml import html

from bench.metrics import half
from skypile.kernels.parallel import pair_checks
from skypile.kernels.parallel.anchors import anchors
from skypile.kernels.parallel.gale_church import align
from skypile.kernels.parallel.pair_checks import compare, features
from skypile.kernels.ready_texts.ready import blocks_of
from skypile.kernels.text.scripts import wide_chars
from skypile.stages.parallel import Config
from skypile.stages.parallel_fates import CHECKS, failed
from skypile.stages.parallel_measure import languages

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
MIN_CHARS = 40  # visible ones of the English side, markup aside: a paragraph, not a heading
NTREX_LINES = 3
_KIND = re.compile(r"(#{1,6}|[-*+]|\d+\.|>|\||:::|<|```|~~~|!\[|\[#\]|---)?")
_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


class Pair(NamedTuple):
    """A paragraph and its translation, or what is not; document: where the English is from."""

    set: str
    document: str
    english: str
    chinese: str


def documents(data: Path) -> Iterator[dict[str, Any]]:
    """The rows of parallel_en_zh."""
    with gzip.open(data / "parallel_en_zh/pairs.jsonl.gz", "rt", encoding="utf8") as lines:
        yield from map(json.loads, lines)


def blocks(row: dict[str, Any], side: str) -> list[tuple[str, str]]:
    """(kind, text) of the blocks of a side of a document."""
    text = row[side]
    if row["format"] == "html":
        tree = html.fromstring(text.encode())
        found = [
            (e.tag, " ".join(e.text_content().split()))
            for e in tree.iter("h1", "h2", "h3", "h4", "p", "dt", "pre", "li", "td")
            if not e.xpath(".//p|.//li|.//pre|.//td")
        ]
        return [f for f in found if f[1]]
    if row["set"] == "ntrex":
        lines = text.split("\n")
        groups = [lines[i : i + NTREX_LINES] for i in range(0, len(lines), NTREX_LINES)]
        gap = "" if side == "zh" else " "
        return [("text", gap.join(group)) for group in groups]
    text = re.sub(r"^---\n.*?\n---\n", "", text, flags=re.S)  # front matter
    text = re.sub(r"^(```|~~~).*?^\1", "```", text, flags=re.S | re.M)  # code
    return [(_KIND.match(b)[0], b) for b in blocks_of(text, "paragraphs")]  # type: ignore[index]


def true_pairs(data: Path) -> list[list[Pair]]:
    """The true pairs, a list a document, in its order."""
    found = []
    for row in documents(data):
        en, zh = blocks(row, "en"), blocks(row, "zh")
        if [kind for kind, _ in en] != [kind for kind, _ in zh]:
            continue
        pairs = [
            Pair(row["set"], row["id"], a, b)
            for (_, a), (_, b) in zip(en, zh, strict=True)
            if len("".join((read := anchors(a).read).split())) >= MIN_CHARS
            and wide_chars(anchors(b).read) >= 5
            and not wide_chars(read)
        ]
        if pairs:
            found.append(pairs)
    return found


def wrong_pairs(kept: list[list[Pair]]) -> dict[str, list[Pair]]:
    """Wrong pairs by kind."""
    rng = random.Random(16)
    found: dict[str, list[Pair]] = defaultdict(list)
    by_set: dict[str, list[Pair]] = defaultdict(list)
    for pairs in kept:
        by_set[pairs[0].set] += pairs
    for pairs in kept:
        for here, after in pairwise(pairs):
            found["adjacent"].append(here._replace(chinese=after.chinese))
        for pair in pairs:
            other = rng.choice(by_set[pair.set])
            if other.document != pair.document:
                found["shuffled"].append(pair._replace(chinese=other.chinese))
            side = rng.choice(("english", "chinese"))
            text, share = getattr(pair, side), rng.uniform(0.3, 0.7)
            cut = text[: round(share * len(text))].rstrip()
            found["truncated"].append(pair._replace(**{side: cut}))
            sentences = _END.split(text)
            left = max(1, round(share * len(sentences)))
            if len(sentences) > 1:
                gap = " " if side == "english" else ""
                whole = gap.join(sentences[:left])
                found["cut at a sentence"].append(pair._replace(**{side: whole}))
    return found


def measured(pair: Pair, config: Config) -> dict[str, Any]:
    """What the stage measures of a pair, and the reason why it goes."""
    row = {**compare(pair.english, pair.chinese), **languages(config, pair.english, pair.chinese)}
    return {**row, "fate": failed(config, row)}


def fit(true: Sequence[dict[str, Any]], wrong: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Weights of a logistic regression on the features, true pairs as likely as wrong ones."""
    names = [*features(true[0])]
    caps = {n: pair_checks.WEIGHTS[n][1] for n in names}
    rows = [[1.0, *(min(features(r)[n], caps[n]) for n in names)] for r in (*true, *wrong)]
    x, y = np.array(rows), np.repeat([1.0, 0.0], [len(true), len(wrong)])
    weight = np.where(y == 1, len(wrong) / len(true), 1.0)
    w = np.zeros(x.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-x @ w))
        slope = x.T @ (weight * (y - p)) - w
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + np.eye(len(w))
        w += np.linalg.solve(curve, slope)
    return dict(zip(["intercept", *names], w.round(2).tolist(), strict=True))


def alignment(data: Path, part: str) -> tuple[int, int, int]:
    """(beads of the truth that are found, in the truth, found) of NTREX, a tenth of the lines of a
    side left out and a tenth joined to the next by a draw.
    """
    rng = random.Random(93)
    right = true = found = 0
    for row in documents(data):
        if row["set"] != "ntrex" or half(row["id"]) != part:
            continue
        lines = [*zip(row["en"].split("\n"), row["zh"].split("\n"), strict=True)]
        en: list[str] = []
        zh: list[str] = []
        gold: set[tuple[int, ...]] = set()
        while lines:
            (a, b), draw = lines.pop(0), rng.random()
            i, j = len(en), len(zh)
            if draw < 0.2:
                en, zh = ([*en, a], zh) if draw < 0.1 else (en, [*zh, b])
                continue
            if draw < 0.3 and lines:
                after = lines.pop(0)
                en, zh = ([*en, a, after[0]], [*zh, b + after[1]])
                if draw < 0.25:
                    en, zh = ([*en[:-2], f"{a} {after[0]}"], [*zh[:-1], b, after[1]])
            else:
                en, zh = [*en, a], [*zh, b]
            gold.add((i, len(en), j, len(zh)))
        beads = {tuple(b) for b in align(en, zh) if b.en < b.en_end and b.zh < b.zh_end}
        right, true, found = right + len(gold & beads), true + len(gold), found + len(beads)
    return right, true, found


def speed(pairs: Sequence[Pair]) -> float:
    """Megabytes of pairs (UTF-8, both sides) measured in a second of one core, languages aside."""
    size = sum(len(p.english.encode()) + len(p.chinese.encode()) for p in pairs)
    start = time.process_time()
    for pair in pairs:
        compare(pair.english, pair.chinese)
    return size / 1e6 / (time.process_time() - start)


def line(case: str, metric: str, value: float, unit: str = "", **more: Any) -> None:
    """Print a line."""
    row = {"bench": "parallel", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**row, "unit": unit, **more}), flush=True)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--half", choices=("test", "tune"), default="test")
    parser.add_argument("--wrong", type=Path, help="where to write what is judged wrongly")
    parser.add_argument("--fit", action="store_true", help="print the weights instead")
    given = parser.parse_args()
    part = "tune" if given.fit else given.half
    kept = [pairs for pairs in true_pairs(given.data) if half(pairs[0].document) == part]
    every = {"true": [p for pairs in kept for p in pairs], **wrong_pairs(kept)}
    config = Config()
    rows = {kind: [(p, measured(p, config)) for p in pairs] for kind, pairs in every.items()}
    if given.fit:
        wrong = [r for kind in rows if kind != "true" for _, r in rows[kind]]
        print(json.dumps(fit([r for _, r in rows["true"]], wrong), indent=1))
        return
    for name in sorted({p.set for p in every["true"]}):
        stays = [r["fate"] is None for p, r in rows["true"] if p.set == name]
        line(name, "recall", float(np.mean(stays)), "share of true pairs", n=len(stays))
    for kind, of_kind in rows.items():
        out = [r["fate"] is not None for _, r in of_kind]
        metric, unit = (
            ("recall", "share of true pairs") if kind == "true" else ("rejected", "share")
        )
        line(
            kind,
            metric,
            float(np.mean(out) if kind != "true" else 1 - np.mean(out)),
            unit,
            n=len(out),
        )
    for fate in CHECKS:
        lost = sum(r["fate"] == fate for _, r in rows["true"])
        line(f"true pairs lost: {fate}", "documents", lost)
    right, true, found = alignment(given.data, part)
    line("ntrex, lines lost and joined", "recall", right / true, "beads", n=true)
    line("ntrex, lines lost and joined", "precision", right / found, "beads", n=found)
    line("true", "mb_per_s", speed(every["true"]), "MB/s")
    if given.wrong:
        with given.wrong.open("w", encoding="utf8") as out_file:
            for kind, of_kind in rows.items():
                for pair, row in of_kind:
                    if (row["fate"] is None) != (kind == "true"):
                        about = {"kind": kind, **pair._asdict(), **row}
                        out_file.write(json.dumps(about, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
