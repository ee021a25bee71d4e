"""What a corpus of N pages or T tokens costs: hours, shuffles, files, and what breaks first.

`python scripts/scale.py [--pages 3e9] [--tokens 6e12] [--kept quality=0.3]` prints tables; with
`--write` it puts them into docs/scale.md. Every number in `COSTS`, `SIZES` and `LIMITS` was
measured, and names where it is written down and the command that measures it again; None is a
number that nobody has measured, which the tables say. All of it is multiplication: costs are
proportional to their unit (measured slopes: dedup's time grows as documents^.944), cores add up,
and what Spark costs outside of the kernels is in no per-document line.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/scale.md"
BEGIN, END = "<!-- scale.py begins -->", "<!-- scale.py ends -->"
CRAWL = "make crawl-demo; python -m bench.run_sizes runs/crawl/out"
DEMO = "make demo; python -m bench.run_sizes runs/demo/out"
LOG, BENCH = "log.md", "bench.md"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One piece of a stage, by its unit: a `page` read, a `document` still in, a `block` or a `MB`
    of the text of these, a `token`, a MB of archives as `stored`, or the `run`.
    """

    piece: str
    unit: str
    cpu_ms: float | None  # of one core
    shuffle_bytes: float | None = 0.0
    evidence: str
    command: str
    # Tables are aligned: a row for every page read, whatever happened to it. The corpus and what
    # is made of it have rows of documents that are left.
    stored_bytes: float | None = 0.0
    stored_unit: str = "page"
    kept: float | None = 1.0  # of the documents in


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a page and a document of the crawl are, by which the units are converted."""

    stored_bytes: float  # of archives, a page
    document_blocks: float
    document_bytes: float  # UTF-8
    document_tokens: float  # estimated
    english_bytes: float  # share of the text's bytes
    english_documents: float


@dataclass(frozen=True)
class Line:
    """What one piece does in all."""

    piece: str
    documents: float  # in
    core_hours: float | None
    shuffle_bytes: float | None
    stored_bytes: float | None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Something that grows with the run in one place."""

    what: str
    each: float | None  # bytes, a unit
    unit: str  # part, entry (a file of a table), document, category, or run
    setting: str
    then: str
    evidence: str


# The real crawl of 1,014 pages (bench.run_sizes): 556 documents of 5,260 bytes are English, 196 of
# 6,895 Chinese.
SIZES = Sizes(
    stored_bytes=34_830_251 / 1014,
    document_blocks=(556 * 33.60 + 196 * 34.07) / 752,
    document_bytes=(556 * 5259.6 + 196 * 6895.0) / 752,
    document_tokens=(556 * 1305.3 + 196 * 1459.2) / 752,
    english_bytes=556 * 5259.6 / (556 * 5259.6 + 196 * 6895.0),
    english_documents=556 / 752,
)


def by_text(english_mb_per_s: float, chinese_mb_per_s: float) -> float:
    """The ms a MB of the crawl's text, from two speeds."""
    share = SIZES.english_bytes
    return 1000 * (share / english_mb_per_s + (1 - share) / chinese_mb_per_s)


def by_documents(english_per_s: float, chinese_per_s: float) -> float:
    """The ms a document of the crawl, from two speeds."""
    share = SIZES.english_documents
    return 1000 * (share / english_per_s + (1 - share) / chinese_per_s)


COSTS = (
    Cost(
        piece="plan",
        unit="stored",
        cpu_ms=1000 / 41,
        evidence="41 MB/s, files above part_bytes (this page)",
        command="-",
    ),
    Cost(
        piece="read archives",
        unit="page",
        cpu_ms=1000 / 3423,
        evidence=f"{BENCH}, crawl.warc.gz 3,423 records/s",
        command="make bench-read",
    ),
    Cost(
        piece="extract",
        unit="page",
        cpu_ms=21.6,
        shuffle_bytes=None,  # of its relate, which knows repeated records
        stored_bytes=3073 + 198 + 70 + 34 + 51,
        kept=987 / 1014,
        evidence=f"{LOG}, 1,014 pages, busy machine",
        command=f"make bench-extract; {CRAWL}",
    ),
    Cost(
        piece="language",
        unit="document",
        cpu_ms=1000 / 5123,
        stored_bytes=170 + 49,
        kept=767 / 987,
        evidence=f"{BENCH}, domain_text 5,123 documents/s",
        command=f"make bench-language; {CRAWL}",
    ),
    Cost(
        piece="dedup.measure",
        unit="document",
        cpu_ms=by_documents(10_120, 10_530),
        stored_bytes=184,
        evidence=f"{BENCH}, text_to_signature",
        command=f"make bench-dedup; {CRAWL}",
    ),
    Cost(
        piece="dedup.relate",
        unit="document",
        cpu_ms=7.4 * 60 * 1000 * 2 / 1e6,
        shuffle_bytes=2222,
        stored_bytes=54 + 49,
        kept=756 / 767,
        evidence=f"{LOG}, 1,000,000 documents, 7.4 minutes of 2 cores",
        command=f"make bench-dedup-scale; {CRAWL}",
    ),
    Cost(
        piece="fit_vectors",
        unit="run",
        cpu_ms=2 * 5e6 / 3541 / 2 * 1000,
        stored_bytes=134.2e6 + 4096 * 512,
        stored_unit="run",
        evidence=f"{BENCH}, 100,000 documents; does not grow",
        command=f"make bench-distribution-scale; {DEMO}",
    ),
    Cost(
        piece="distribution.measure",
        unit="block",
        cpu_ms=1000 / 36_300,
        stored_bytes=217.4 * 595 / 4522,
        stored_unit="block",
        evidence=f"{BENCH}, 36,300 blocks/s; bytes: the sample's",
        command=f"make bench-distribution-scale; {DEMO}",
    ),
    Cost(
        piece="distribution.relate",
        unit="block",
        cpu_ms=1000 / 31_950,
        shuffle_bytes=49.28,
        stored_bytes=78,
        evidence=f"{BENCH}, 31,950 blocks/s; bytes: the sample's",
        command=f"make bench-distribution-scale; {DEMO}",
    ),
    Cost(
        piece="distribution.cut",
        unit="block",
        cpu_ms=1000 / 40_280,
        stored_bytes=66 + 49,
        kept=1.0,
        evidence=f"{BENCH}, 40,280 blocks/s; {LOG}: no document of the crawl goes",
        command=f"make bench-distribution-scale; {DEMO}",
    ),
    Cost(
        piece="signals",
        unit="MB",
        cpu_ms=by_text(16.79, 18.58),
        stored_bytes=451 + 48,
        kept=1.0,
        evidence=f"{BENCH}, 16.8 and 18.6 MB/s; no rule is set by default",
        command=f"make bench-signals; {CRAWL}",
    ),
    Cost(
        piece="quality, perplexity",
        unit="document",
        cpu_ms=None,
        evidence="neither page has its speed",
        command="make bench-perplexity",
    ),
    Cost(
        piece="quality, classifier",
        unit="document",
        cpu_ms=by_documents(2238, 10_836),
        shuffle_bytes=None,  # of its relate, which finds percentiles
        stored_bytes=71 + 45 + 48,
        kept=None,
        evidence=f"{BENCH}, 2,238 and 10,836 documents/s; no crawl went through fitted models",
        command=f"make bench-quality; {CRAWL}",
    ),
    Cost(
        piece="mixture.measure",
        unit="document",
        cpu_ms=None,
        stored_bytes=134,
        evidence="no bench has its speed",
        command=CRAWL,
    ),
    Cost(
        piece="mixture.relate",
        unit="MB",
        cpu_ms=by_text(44, 29),
        shuffle_bytes=None,
        stored_bytes=63 + 48,
        kept=752 / 756,
        evidence=f"{LOG}, n-grams looked up in 10 million: 44 and 29 MB/s",
        command=f"make bench-ngrams; {CRAWL}",
    ),
    Cost(
        piece="mixture.write",
        unit="MB",
        cpu_ms=by_text(165.1, 360.2),
        stored_bytes=2936,
        stored_unit="document",
        evidence=f"{BENCH}, masking alone, 165 and 360 MB/s",
        command=f"make bench-signals; {CRAWL}",
    ),
    Cost(
        piece="tokens",
        unit="MB",
        cpu_ms=by_text(4.08, 13.17),
        stored_bytes=2.0,
        stored_unit="token",
        evidence=f"{BENCH}, 4.08 and 13.17 MB/s; uint16",
        command="make bench-tokens",
    ),
)

LIMITS = (
    Limit(
        what="descriptions of the parts, sent with every job: memory of the JVM's driver",
        each=9952,
        unit="part",
        setting="`part_bytes`; `[spark] driver_memory`; `spark.driver.maxResultSize`",
        then="a job does not start: out of memory",
        evidence=f"18 tables; {CRAWL}",
    ),
    Limit(
        what="files of all tables in the manifests: memory of the driver's Python",
        each=706,
        unit="entry",
        setting="`part_bytes`",
        then="the driver is out of memory",
        evidence="python -m bench.run_sizes --parts 4000",
    ),
    Limit(
        what="shared band rows of dedup, 33 bytes each on the driver, few duplicates",
        each=33 * 44 / 767,
        unit="document",
        setting="`[dedup] max_driver_rows` (50,000,000, 1.65 GB)",
        then="beyond it dedup goes to Spark by itself, to the same rows",
        evidence="44 rows of 767 documents; `facts` of dedup.relate",
    ),
    Limit(
        what="the same where a tenth of the documents are copies (a bound: 14 bands each)",
        each=33 * 14 * 0.1,
        unit="document",
        setting="the same",
        then="the same; `[dedup] bands`, `rows` move it",
        evidence="computed, not measured",
    ),
    Limit(
        what="n-grams of validation, 16 bytes a character, in every Python worker (two categories)",
        each=16 * 2000 * 3_416_202 / 752,
        unit="category",
        setting="`[mixture] validation_documents`, `max_validation_chars`",
        then="a worker is over its memory",
        evidence="3,416,202 characters in 752 documents of the crawl; 2,000 documents a category",
    ),
    Limit(
        what="centres and vectors of distribution, mapped once a host",
        each=134.2e6 + 4096 * 512,
        unit="run",
        setting="`[fit_vectors] bits`, `dims`, `max_centres`",
        then="does not grow with the corpus",
        evidence=DEMO,
    ),
    Limit(
        what="listing the parts' files and receipts of an unfinished job on an object store",
        each=None,
        unit="part",
        setting="`part_bytes`",
        then="a resumed job waits before its first task",
        evidence="not measured",
    ),
)
TABLES = 25  # of a run, about: as in bench.run_sizes


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
