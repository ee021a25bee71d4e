"""What the settings of extraction were chosen from, measured again.

Sizes and CPU time of the real pages, and how time grows with the elements of a page (limits in
`kernels.extraction.html`); gains of rules on two halves of the hosts, shares of pages by their
longest run, and letters of English a wide character (`skypile.kernels.extraction.paragraphs`).
"""

import argparse
import gzip
import itertools
import json
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trafilatura
from lxml import etree

from bench.extract import (
    GOLD_SETS,
    HELD_OUT,
    LATEST_DATE,
    OTHER_SETS,
    GoldPage,
    Line,
    blocks_of,
    kept_text,
    pages,
)
from bench.metrics import overlap
from skypile.kernels.extraction.html import DEFAULT_LIMITS, extract
from skypile.kernels.extraction.paragraphs import longest_run, weigh
from skypile.kernels.text.scripts import wide_chars


def evidence(data: Path) -> Iterator[Line]:
    """What the settings were chosen from."""
    blocks: list[tuple[GoldPage, tuple[str, ...]]] = []
    for case in (*GOLD_SETS, HELD_OUT, *OTHER_SETS):
        sizes = []
        for page in pages(data, case):
            begun = time.process_time()
            blocks.append((page, blocks_of(page)))
            sizes.append((time.process_time() - begun, *shape(page.text)))
        for metric, values in zip(
            ("cpu_s", "nodes", "depth", "table_rows"), zip(*sizes, strict=True), strict=True
        ):
            ranked = sorted(values)
            p99 = ranked[int(0.99 * len(ranked))]
            yield {
                "case": case,
                "metric": metric,
                "pages": len(ranked),
                "p99": p99,
                "max": ranked[-1],
            }
    gold = [(p, b) for p, b in blocks if p.gold and p.id.split("/")[0] in GOLD_SETS]
    yield from rule_gains(gold)
    yield from run_shares(gold, [(p, b) for p, b in blocks if p.is_list])
    yield from wide_weights(data)
    yield from growth()


def shape(html: str) -> tuple[int, int, int]:
    """Elements, depth and table rows of a page as lxml parses it."""
    tree = trafilatura.load_html(html)
    if tree is None:
        return 0, 0, 0
    depth = deepest = nodes = rows = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(depth, deepest)
        nodes += event == "start"
        rows += event == "start" and element.tag == "tr"
    return nodes, deepest, rows


def rule_gains(gold: Sequence[tuple[GoldPage, tuple[str, ...]]]) -> Iterator[Line]:
    """Mean gain in F1 over removing nothing, with its standard error, by rule, set and half."""
    plain = {page.id: overlap("\n".join(blocks), page.gold or "").f1 for page, blocks in gold}
    for fraction, kept in itertools.product((0.02, 0.05, 0.1, 1.0), (0, 1, 2)):
        for chars in (30, 40, 60, 80):
            rule = {
                "fragment_chars": chars,
                "kept_fragments": kept,
                "max_fragments_fraction": fraction,
            }
            gains: dict[tuple[str, int], list[float]] = {}
            for page, blocks in gold:
                gain = overlap(kept_text(blocks, **rule), page.gold or "").f1 - plain[page.id]
                gains.setdefault((page.id.split("/")[0], page.half), []).append(gain)
            for (case, half), values in sorted(gains.items()):
                error = statistics.stdev(values) / len(values) ** 0.5
                mean = round(statistics.fmean(values), 4)
                yield {"case": case, "half": half, **rule, "gain": mean, "se": round(error, 4)}


def run_shares(
    gold: Sequence[tuple[GoldPage, tuple[str, ...]]],
    lists: Sequence[tuple[GoldPage, tuple[str, ...]]],
) -> Iterator[Line]:
    """Share of pages with a run of so many weighted characters: gold pages by half, and lists."""
    groups = [(f"gold half {h}", [b for p, b in gold if p.half == h]) for h in (0, 1)]
    groups.append(("lists", [b for _, b in lists]))
    for paragraph in (80, 100, 140):
        for least in (100, 200, 300):
            for case, group in groups:
                runs = [
                    longest_run(
                        weigh([len(b) for b in bs], [wide_chars(b) for b in bs]), paragraph, 1
                    )
                    for bs in group
                ]
                share = round(sum(r >= least for r in runs) / len(runs), 3)
                at = {"paragraph_chars": paragraph, "min_run_chars": least, "pages": len(runs)}
                yield {"case": case, "metric": "share", **at, "value": share}


def wide_weights(data: Path) -> Iterator[Line]:
    """The weight of a wide character that makes a Chinese text as long as its English original."""
    with gzip.open(data / "parallel_en_zh/pairs.jsonl.gz", "rt", encoding="utf8") as file:
        pairs = [json.loads(line) for line in file]
    for name in ("xquad", "ntrex"):
        chosen = [p for p in pairs if p["set"] == name]
        english = sum(len(p["en"]) for p in chosen)
        wide = sum(wide_chars(p["zh"]) for p in chosen)
        narrow = sum(len(p["zh"]) for p in chosen) - wide
        yield {"case": name, "metric": "wide_weight", "value": round((english - narrow) / wide, 2)}


SHAPES: dict[str, Callable[[int], str]] = {
    "paragraphs": lambda n: "<p>Some words of a paragraph, long enough for anyone.</p>" * n,
    "table": lambda n: "<table>" + "<tr><td>a cell</td><td>b</td></tr>" * (n // 3) + "</table>",
    "links": lambda n: "<div>" + "<a href=/x>some link</a> " * n + "</div>",
    "nested lists": lambda n: ("<ul><li>x" * 20 + "</li></ul>" * 20) * (n // 40),
}


def growth() -> Iterator[Line]:
    """CPU seconds of pages of one shape by their elements, up to the limit."""
    for case, shape_of in SHAPES.items():
        for nodes in (6_000, 12_000, 24_000):
            html = f"<html><head><title>T</title></head><body>{shape_of(nodes)}</body></html>"
            begun = time.process_time()
            extract(html, url=None, limits=DEFAULT_LIMITS, latest_date=LATEST_DATE)
            seconds = round(time.process_time() - begun, 2)
            yield {"case": case, "metric": "cpu_s", "nodes": nodes, "value": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for line in evidence(given.data):
        print(json.dumps({"bench": "extract_evidence", **line}), flush=True)


if __name__ == "__main__":
    main()
