"""What was measured, for scripts/scale.py: what pieces cost, how large pages are, what grows.

Every number names where it is written down and the command that measures it again; None is a number
that nobody has measured. Costs are proportional to their unit.
"""

from dataclasses import dataclass

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
