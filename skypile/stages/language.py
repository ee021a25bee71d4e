"""Language identification (Skywork 3.1, CCNet): pages that are neither English nor Chinese go.

`measure` says what each document is written in: fastText's lid.176 on a bounded sample, combined
with the scripts of the whole text (`kernels.text.language`). `cut` drops other languages, what
the measure is not sure of, and what has too few letters to tell. The share of simplified and of
traditional characters is a number, never a reason: traditional text stays.

Left out: languages within a document (a page half English, half German is one or the other), and
CCNet's choice of language by paragraph.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skypile.errors import ConfigError
from skypile.kernels.text import language
from skypile.kernels.text.language import Verdict
from skypile.settings import setting
from skypile.stage import Cut, Measure, Stage
from skypile.tables import Table, field, verdict_rows

ENGLISH, CHINESE, OTHER = "en", "zh", "other"

LANGUAGE = Table(
    "language",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("lang", pa.string()),  # ISO 639 code, "und" without letters
            field("lang_prob", pa.float32()),  # how probable that is
            field("family", pa.string()),  # en, zh or other
            field("model_lang", pa.string()),  # what fastText alone says
            field("model_prob", pa.float32()),
            field("letters", pa.int64()),  # code points in any script
            field("wide_letters", pa.int64()),  # of these Han, kana, bopomofo and hangul
            field("letter_share", pa.float32()),  # of the code points that are not white space
            # Shares of the letters; they add up to 1, or are 0 where there is none.
            field("latin_share", pa.float32()),
            field("han_share", pa.float32()),
            field("kana_share", pa.float32()),
            field("hangul_share", pa.float32()),
            field("cyrillic_share", pa.float32()),
            field("arabic_share", pa.float32()),
            field("other_script_share", pa.float32()),
            # Shares of the Han characters that are in use in that form alone.
            field("simplified_share", pa.float32()),
            field("traditional_share", pa.float32()),
        ]
    ),
    key=("doc_id",),
    meaning="what each document is written in: language, scripts, simplified and traditional",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    lid_model: str = setting(
        "",
        piece=None,
        path=True,
        help="fastText model (.bin, .ftz) at this path on every host; the installed lid.176.ftz "
        "where empty",
    )
    lid_sha256: str = setting(
        language.LID_SHA256,
        piece="measure",
        help="SHA-256 of the model, which every host checks",
    )
    sample_chars: int = setting(
        2000, piece="measure", low=100, high=1 << 20, help="code points of a text the model sees"
    )
    sample_windows: int = setting(
        3, piece="measure", low=1, high=100, help="pieces of the text that they are taken from"
    )
    chinese_family: tuple[str, ...] = setting(
        ("zh", "yue", "wuu", "lzh"),
        piece="measure",
        help="languages that count as Chinese: Mandarin, Cantonese, Wu, Classical Chinese",
    )
    languages: tuple[str, ...] = setting(
        (ENGLISH, CHINESE), piece="cut", help="families or languages that stay (3.1: en, zh)"
    )
    min_prob: float = setting(
        0.65, piece="cut", low=0, high=1, help="probability; below: low_confidence (FineWeb: 0.65)"
    )
    min_letters: int = setting(
        12, piece="cut", low=0, help="weighted letters; fewer: too_little_text"
    )
    min_letter_share: float = setting(
        0.1, piece="cut", low=0, high=1, help="letters a visible character; less: too_little_text"
    )
    wide_weight: float = setting(
        language.WIDE_WEIGHT,
        piece="cut",
        low=1,
        help="English letters that one Han, kana or hangul character counts as",
    )

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("languages must name at least one")
        if strangers := set(self.chinese_family) - language.SINITIC:
            raise ValueError(f"chinese_family: {sorted(strangers)} are no Chinese languages")


def validate(config: Config) -> None:
    """Whether the model is there and is what the settings say.

    Raises:
        ConfigError: it is not.
    """
    try:
        language.open_model(config.lid_model, config.lid_sha256)
    except ValueError as e:
        raise ConfigError(f"[language] {e}") from e


def make_measure_kernel(config: Config) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Identifies the language of each text; the model is opened here, once a process."""
    model = language.open_model(config.lid_model, config.lid_sha256)

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = []
        for doc_id, text in zip(batch["doc_id"], batch["text"], strict=True):
            verdict = language.identify(
                text.as_py(),
                model,
                sample_chars=config.sample_chars,
                windows=config.sample_windows,
            )
            rows.append({"doc_id": doc_id.as_py(), **row_of(verdict, config.chinese_family)})
        return LANGUAGE.from_rows(rows)

    return kernel


def row_of(verdict: Verdict, chinese_family: tuple[str, ...]) -> dict[str, Any]:
    """The columns of `LANGUAGE` but the id."""
    p, lang = verdict.profile, verdict.lang
    family = CHINESE if lang in chinese_family else ENGLISH if lang == ENGLISH else OTHER

    def share(count: int, of: int) -> float:
        return count / of if of else 0.0

    return {
        "lang": lang,
        "lang_prob": verdict.prob,
        "family": family,
        "model_lang": verdict.model_lang,
        "model_prob": verdict.model_prob,
        "letters": p.letters,
        "wide_letters": p.wide,
        "letter_share": share(p.letters, p.chars - p.spaces),
        "latin_share": share(p.latin, p.letters),
        "han_share": share(p.han, p.letters),
        "kana_share": share(p.kana, p.letters),
        "hangul_share": share(p.hangul, p.letters),
        "cyrillic_share": share(p.cyrillic, p.letters),
        "arabic_share": share(p.arabic, p.letters),
        "other_script_share": share(p.other + p.bopomofo, p.letters),
        "simplified_share": share(p.simplified, p.han),
        "traditional_share": share(p.traditional, p.han),
    }


def make_cut_kernel(
    config: Config, facts: Mapping[str, Any]
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """The verdict on each document, from stored numbers alone."""
    stay = pa.array(config.languages, pa.string())

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        weighted = pc.add(
            batch["letters"], pc.multiply(batch["wide_letters"], config.wide_weight - 1)
        )
        too_little = pc.or_(
            pc.less(weighted, config.min_letters),
            pc.less(batch["letter_share"], config.min_letter_share),
        )
        wanted = pc.or_(pc.is_in(batch["family"], stay), pc.is_in(batch["lang"], stay))
        reason = pc.case_when(
            pc.make_struct(
                too_little, pc.invert(wanted), pc.less(batch["lang_prob"], config.min_prob)
            ),
            "too_little_text",
            "other_language",
            "low_confidence",
        )
        return verdict_rows(batch["doc_id"], reason)

    return kernel


STAGE = Stage(
    name="language",
    step=20,
    paper="3.1 CCNet language identification",
    config=Config,
    reasons=("too_little_text", "other_language", "low_confidence"),
    measure=Measure(
        table=LANGUAGE, reads={"documents": ("text",)}, make_kernel=make_measure_kernel
    ),
    cut=Cut(
        reads={
            "language": (
                "lang",
                "lang_prob",
                "family",
                "letters",
                "wide_letters",
                "letter_share",
            )
        },
        make_kernel=make_cut_kernel,
    ),
    libraries=("fasttext-community",),
    validate=validate,
    not_for=("code",),
)
