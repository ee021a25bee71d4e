"""What a corpus of N pages or T tokens costs: hours, shuffles, files, and what breaks first.

`python scripts/scale.py [--pages 3e9] [--tokens 6e12] [--kept quality=0.3]` prints tables; with
`--write` it puts them into docs/scale.md. What was measured is in scripts/scale_costs.py; what was
not, the tables say. All of it is multiplication: costs are proportional to their unit (measured
slopes: dedup's time grows as documents^.944), cores add up, and what Spark costs outside of the
kernels is in no per-document line.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scale_costs import COSTS, LIMITS, SIZES, Cost, Limit, Sizes

PAGE = Path(__file__).resolve().parent.parent / "docs/scale.md"
BEGIN, END = "<!-- scale.py begins -->", "<!-- scale.py ends -->"
TABLES = 25  # of a run, about: as in bench.run_sizes


@dataclass(frozen=True)
class Line:
    """What one piece does in all."""

    piece: str
    documents: float  # in
    core_hours: float | None
    shuffle_bytes: float | None
    stored_bytes: float | None


def simulate(costs: Sequence[Cost], sizes: Sizes, pages: float) -> list[Line]:
    """What each piece does to `pages`. An unknown `kept` lets everything through; a missing cost
    is None in its line.
    """
    lines, documents = [], pages

    def units(unit: str) -> float:
        return {
            "run": 1.0,
            "page": pages,
            "stored": pages * sizes.stored_bytes / 1e6,
            "document": documents,
            "block": documents * sizes.document_blocks,
            "MB": documents * sizes.document_bytes / 1e6,
            "token": documents * sizes.document_tokens,
        }[unit]

    for cost in costs:
        n = units(cost.unit)
        stays = documents * (1.0 if cost.kept is None else cost.kept)
        hours = None if cost.cpu_ms is None else n * cost.cpu_ms / 3.6e6
        shuffled = None if cost.shuffle_bytes is None else n * cost.shuffle_bytes
        before = documents
        documents = stays  # what is written holds what is left
        stored = None if cost.stored_bytes is None else units(cost.stored_unit) * cost.stored_bytes
        lines.append(Line(cost.piece, before, hours, shuffled, stored))
    return lines


def kept_of(costs: Sequence[Cost]) -> float:
    """Documents left of a page read; what is not known counts as all."""
    return math.prod(1.0 if c.kept is None else c.kept for c in costs)


def pages_for(costs: Sequence[Cost], sizes: Sizes, tokens: float) -> float:
    """Pages that must be read for as many tokens."""
    return tokens / (kept_of(costs) * sizes.document_tokens)


def core_hours(lines: Sequence[Line]) -> float:
    """Of all pieces whose cost is known."""
    return sum(line.core_hours or 0.0 for line in lines)


def parts_of(sizes: Sizes, pages: float, part_bytes: int) -> int:
    """Parts of archives that are as large as that or larger."""
    return math.ceil(pages * sizes.stored_bytes / part_bytes)


def held_bytes(limit: Limit, pages: float, documents: float, parts: int) -> float | None:
    """Of what is in one place."""
    counts = {"part": parts, "entry": parts * TABLES, "document": documents, "category": 2}
    return None if limit.each is None else limit.each * counts.get(limit.unit, 1)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None, unit: float = 1.0) -> str:
    """Three digits; what is not known says so."""
    if value is None:
        return "not measured"
    value /= unit
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}"


def measured(costs: Sequence[Cost]) -> str:
    """The table of costs."""
    unit = {"stored": "MB stored", "MB": "MB text"}
    rows = [
        [
            c.piece,
            unit.get(c.unit, c.unit),
            number(c.cpu_ms),
            number(c.shuffle_bytes),
            f"{number(c.stored_bytes)} a {c.stored_unit}" if c.stored_bytes else "0",
            number(c.kept),
            c.evidence,
            " ".join(f"`{x}`" for x in c.command.split("; ")),
        ]
        for c in costs
    ]
    heads = ["piece", "unit", "CPU ms", "shuffled", "stored", "kept", "where", "command"]
    return table(heads, rows)


def derived(cases: Sequence[Sequence[Line]], names: Sequence[str]) -> str:
    """Core hours, shuffles and files of each piece, and their sums, a column a case."""
    rows = [
        [
            lines[0].piece,
            number(lines[0].documents, 1e9),
            *(number(x.core_hours) for x in lines),
            *(number(x.shuffle_bytes, 1e12) for x in lines),
            *(number(x.stored_bytes, 1e12) for x in lines),
        ]
        for lines in zip(*cases, strict=True)
    ]
    sums = [
        *(number(core_hours(c)) for c in cases),
        *(number(sum(x.shuffle_bytes or 0 for x in c), 1e12) for c in cases),
        *(number(sum(x.stored_bytes or 0 for x in c), 1e12) for c in cases),
    ]
    heads = [f"{what}, {n}" for what in ("core hours", "shuffled TB", "stored TB") for n in names]
    return table(
        ["piece", f"1e9 documents in, {names[0]}", *heads], [*rows, ["what is known", "", *sums]]
    )


def breaks(cases: Sequence[tuple[float, float, int]], names: Sequence[str]) -> str:
    """What is in one place: GB for (pages, documents that dedup relates, parts)."""
    rows = [
        [
            x.what,
            number(x.each) + f" a {x.unit}" * (x.each is not None),
            *(number(held_bytes(x, *case), 1e9) for case in cases),
            x.setting,
            x.then,
            x.evidence,
        ]
        for x in LIMITS
    ]
    return table(["what", "bytes", *names, "setting", "then", "where"], rows)


def page(costs: Sequence[Cost], pages: float, tokens: float, part_bytes: int = 256 << 20) -> str:
    """The generated part of docs/scale.md."""
    both = pages, pages_for(costs, SIZES, tokens)
    cases = [simulate(costs, SIZES, p) for p in both]
    names = f"{number(pages, 1e9)} billion pages", f"{number(tokens, 1e12)}T tokens"
    a_page = number(kept_of(costs) * SIZES.document_tokens)
    missing = "; ".join(c.piece for c in costs if c.cpu_ms is None)
    through = "; ".join(c.piece for c in costs if c.kept is None)
    supposed = f", if all documents pass {through}" if through else ""
    files = [max(lines, key=lambda x: x.stored_bytes or 0) for lines in cases]
    moved = [max(lines, key=lambda x: x.shuffle_bytes or 0) for lines in cases]
    parts = [parts_of(SIZES, p, part_bytes) for p in both]
    related = [next(x.documents for x in c if x.piece == "dedup.relate") for c in cases]
    cores = [
        [f"{n:,}", *(number(core_hours(c) / n) for c in cases)] for n in (100, 1000, 5000, 20_000)
    ]
    made = [
        "**Measured**, by piece. CPU in ms of one core, shuffles and files in bytes.",
        measured(costs),
        f"**Derived** for {names[0]} and for {names[1]}; these are {number(both[1], 1e9)} billion "
        f"pages at {a_page} tokens a page read{supposed}. Not in the hours: {missing}.",
        derived(cases, names),
        f"The largest tables are those of {files[0].piece} ({number(files[0].stored_bytes, 1e12)} "
        f"and {number(files[1].stored_bytes, 1e12)} TB), the largest shuffle known that of "
        f"{moved[0].piece} ({number(moved[0].shuffle_bytes, 1e12)} and "
        f"{number(moved[1].shuffle_bytes, 1e12)} TB).",
        table(["cores", *(f"hours, {n}" for n in names)], cores),
        f"**What breaks first**, in GB in one place, with parts of {part_bytes >> 20} MiB "
        f"({parts[0]:,} and {parts[1]:,}):",
        breaks(list(zip(both, related, parts, strict=True)), names),
    ]
    return "\n\n".join(made)


def replaced(text: str, made: str) -> str:
    """The page's text with what stands between the markers replaced.

    Raises:
        ValueError: the markers are not there, each once, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"docs/scale.md needs {BEGIN} and {END}, each once")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=float, default=3e9)
    parser.add_argument("--tokens", type=float, default=6e12)
    parser.add_argument("--part-bytes", type=int, default=256 << 20)
    parser.add_argument("--kept", action="append", default=[], metavar="PIECE=SHARE")
    parser.add_argument("--write", action="store_true", help="into docs/scale.md")
    given = parser.parse_args()
    other = {name: float(share) for name, _, share in (k.partition("=") for k in given.kept)}
    if odd := sorted(set(other) - {c.piece for c in COSTS}):
        parser.error(f"no piece {odd[0]!r}: {', '.join(c.piece for c in COSTS)}")
    costs = [replace(c, kept=other.get(c.piece, c.kept)) for c in COSTS]
    made = page(costs, given.pages, given.tokens, given.part_bytes)
    if not given.write:
        print(made)
        return
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf8"), made), encoding="utf8")
    print(PAGE)


if __name__ == "__main__":
    main()
