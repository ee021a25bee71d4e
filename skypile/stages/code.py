"""Code (Skywork 3.1, GitHub): simple rules in RedPajama's manner, aimed at quality, not at volume;
and unlike usual, json, xml, yaml and html are not thrown away: a proportion of them stays.

`read` takes files of checkouts, rows of BigQuery's and The Stack's tables, and tar archives; blank
lines and indentation stay. `measure` counts lines, letters and tokens, tells language, licence,
and what was generated, minified, encoded or copied. `relate` gives each file the licence of its
folder or repository, applies the rules, and finds where the files of each limited language end:
its share of all code tokens, better files first. `cut` drops what the rules or the shares leave.

Copies are for `dedup`, which comes later; equal texts count once here, and have one fate. Left out:
parsing (whether a file compiles), stars and forks, Jupyter notebooks as anything but JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skypile.kernels.code.code_formats import COLUMNS, FORMATS, CodeSlice
from skypile.kernels.code.code_languages import DATA_FORMATS, LANGUAGES, REDPAJAMA
from skypile.kernels.code.licences import IDENTIFIERS
from skypile.kernels.reading import streams
from skypile.reads import Hints, Read
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Relate, Related, Stage
from skypile.stages.code_measures import CODE, make_measure_kernel
from skypile.stages.code_rules import OVER_SHARE, REASONS
from skypile.stages.code_shares import FATES, settle
from skypile.stages.ready_kernel import ReadyKernel
from skypile.tables import verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    max_record_bytes: int = setting(
        8 << 20, piece="read", low=1 << 10, help="longer files, lines, members: too_large"
    )
    max_replaced_fraction: float = setting(
        0.01, piece="read", low=0, high=1, help="share of undecodable characters: undecodable"
    )
    languages: tuple[str, ...] = setting(
        tuple(sorted({*REDPAJAMA, *DATA_FORMATS})),
        piece="relate",
        choices=LANGUAGES,
        help="by extension; others: unlisted_language (RedPajama's list, json and yaml)",
    )
    licences: tuple[str, ...] = setting(
        ("MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "0BSD", "Apache-2.0"),
        piece="relate",
        choices=IDENTIFIERS,
        help="that a file may have (RedPajama: MIT, BSD, Apache); none: any, and none at all",
    )
    keep_unlicensed: bool = setting(
        False, piece="relate", help="keep files of which no licence is known (unknown_licence)"
    )
    max_line_chars: int = setting(
        1000, piece="relate", low=1, help="longest line, code points (RedPajama): long_line"
    )
    max_mean_line_chars: float = setting(
        100, piece="relate", low=1, help="mean line, code points (RedPajama): long_mean_line"
    )
    min_alphanumeric_share: float = setting(
        0.25, piece="relate", low=0, high=1, help="of all code points (RedPajama): few_alphanumeric"
    )
    min_letters_per_token: float = setting(
        1.5, piece="relate", low=0, help="estimated tokens (RedPajama): few_letters_per_token"
    )
    max_encoded_share: float = setting(
        0.5, piece="relate", low=0, high=1, help="in base64, hex, escapes (The Stack v2): data_blob"
    )
    max_encoded_chars: int = setting(
        1024, piece="relate", low=0, help="longest run of these (The Stack v2): data_blob"
    )
    max_number_share: float = setting(
        0.5, piece="relate", low=0, high=1, help="of visible characters, in numbers: data_blob"
    )
    drop: tuple[str, ...] = setting(
        ("vendored", "generated", "minified", "data_blob"),
        piece="relate",
        choices=("vendored", "generated", "minified", "data_blob"),
        help="what is recognised and goes",
    )
    shares: dict[str, float] = setting(
        {"JSON": 0.02, "XML": 0.01, "YAML": 0.02, "HTML": 0.03},
        piece="relate",
        help="language to its largest share of the code tokens (ours; the paper: a proportion)",
    )
    seed: int = setting(0, piece="relate", low=0, help="of the draw of files within a share")

    def __post_init__(self) -> None:
        for language, share in self.shares.items():
            if language not in LANGUAGES:
                raise ValueError(f"shares: unknown language {language!r}")
            if not 0 <= share < 1:
                raise ValueError(f"shares.{language} must be at least 0 and below 1, got {share:g}")
        if (total := sum(self.shares.values())) >= 1:
            raise ValueError(f"shares must sum to less than 1, got {total:g}")


class CodeKernel(ReadyKernel):
    """Reads slices of code."""

    formats = FORMATS

    def slice(
        self, *, source: str, path: str, start: int, first_ordinal: int, hints: Hints
    ) -> CodeSlice:
        """What a reader is told of a slice."""
        folders = hints.repository_folders
        return CodeSlice(
            start=start,
            first_ordinal=first_ordinal,
            max_record_bytes=self.config.max_record_bytes,
            max_replaced_fraction=self.config.max_replaced_fraction,
            fields=hints.fields,
            source=source,
            path=path,
            repository_folders=1 if folders is None else folders,
        )


def check_hints(format: str, hints: Hints) -> None:
    """Whether a format can use what a source says of its files.

    Raises:
        ValueError: it cannot.
    """
    rows = format in ("code_jsonl", "code_parquet")
    if hints.fields and not rows:
        raise ValueError(f"fields: format {format} has none")
    if odd := sorted(set(hints.fields) - set(COLUMNS)):
        raise ValueError(f"fields: unknown column {odd[0]!r}; known: {', '.join(COLUMNS)}")
    if hints.repository_folders is not None and rows:
        raise ValueError(f"repository_folders: format {format} takes none: its rows name them")
    if hints.language is not None or hints.blocks != "lines":
        raise ValueError(f"format {format} takes no language or blocks")


def relate(config: Config, frame: "DataFrame") -> Related:
    """FATES, and the tokens of each language before and after."""
    return settle(config, frame)


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """The verdict that `relate` came to."""
    return lambda batch: verdict_rows(batch["doc_id"], batch["fate"])


STAGE = Stage(
    name="code",
    step=14,
    paper="3.1 Code (GitHub)",
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
        "undecodable",
        "binary",
        "empty",
        *REASONS,
        OVER_SHARE,
    ),
    read=Read(
        make_kernel=CodeKernel,
        formats={
            "code_files": None,
            "code_jsonl": streams.line_boundaries,
            "code_parquet": streams.uncut,
            "code_tar": streams.uncut,
        },
        check_hints=check_hints,
    ),
    measure=Measure(
        table=CODE,
        reads={"documents": ("text", "source", "title", "repository", "licence")},
        make_kernel=make_measure_kernel,
    ),
    relate=Relate(
        table=FATES,
        reads={
            "documents": ("text_digest",),
            CODE.name: tuple(n for n in CODE.schema.names if n != "doc_id"),
        },
        relate=relate,
    ),
    cut=Cut(reads={FATES.name: ("fate",)}, make_kernel=make_cut_kernel),
    libraries=("pyarrow", "orjson", "zstandard", "lz4", "numpy"),
    optional=True,
)
