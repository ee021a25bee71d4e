"""Two more toy stages: `letters` fits a model of which letters occur, `known` measures with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from skypile import artifacts
from skypile.artifacts import Card
from skypile.pipeline import check
from skypile.settings import setting
from skypile.stage import Cut, Fit, FitInput, Measure, Model, Stage
from skypile.tables import Table, field, verdict_rows
from tests.toy import TOYS


@dataclass(frozen=True, kw_only=True)
class LettersConfig:
    sources: tuple[str, ...] = setting((), piece="fit", help="whose texts")
    min_chars: int = setting(0, piece="fit", low=0, help="shorter ones are not asked for")
    count_file: str = setting("", piece=None, help="texts that came are written here")


def fit(config: LettersConfig, given: FitInput) -> Mapping[str, Any]:
    wanted = given.frame.where(f"chars >= {config.min_chars}")
    keys = wanted.select("key").toArrow()["key"].to_numpy()
    seen: list[int] = []
    texts: list[str] = []
    for table in given.texts(keys[::-1]):
        seen += table["key"].to_pylist()
        texts += table["text"].to_pylist()
    assert seen == sorted(keys.tolist())
    if config.count_file:
        with open(config.count_file, "a", encoding="utf8") as f:
            f.writelines(f"{text!r}\n" for text in texts)
    folder = given.folder / "letters"
    folder.mkdir()
    (folder / "letters.json").write_text(json.dumps(sorted(set("".join(texts)))))
    artifacts.write(folder, Card("letters", {}, licence=given.licence(config.sources)))
    return {"documents": len(texts)}


LETTERS = Stage(
    name="letters",
    step=32,
    paper="none",
    config=LettersConfig,
    reasons=(),
    fit=Fit(
        reads={"documents": ("source", "chars")}, sources=lambda config: config.sources, fit=fit
    ),
)
KNOWN = Table(
    "known",
    pa.schema([field("doc_id", pa.string()), field("known", pa.int64())]),
    key=("doc_id",),
    meaning="characters that the model has seen",
)
STATES = Table(
    "states",
    pa.schema([field("doc_id", pa.string()), field("state", pa.string())]),
    key=("doc_id",),
    meaning="a word on each document, written by a cut",
)


@dataclass(frozen=True, kw_only=True)
class KnownConfig:
    more: str = setting("", piece="measure", content=True, help="a file of more letters")
    count_file: str = setting("", piece=None, help="measured texts are written here")
    min_known: int = setting(0, piece="cut", low=0, help="fewer: unknown")


def make_known_kernel(config: KnownConfig, models: Mapping[str, Model]) -> Any:
    letters: set[str] = set()
    for model in models.values():
        letters |= {*json.loads((artifacts.local(model.uri) / "letters.json").read_text())}
    if config.more:
        letters |= {*Path(config.more).read_text()}

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch["text"].to_pylist()
        if config.count_file:
            with open(config.count_file, "a", encoding="utf8") as f:
                f.writelines(f"{text!r}\n" for text in texts)
        counts = [sum(c in letters for c in text) for text in texts]
        return pa.RecordBatch.from_pydict(
            {"doc_id": batch["doc_id"], "known": pa.array(counts, pa.int64())}
        )

    return kernel


def make_known_cut(config: KnownConfig, facts: Any) -> Any:
    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        counts = batch["known"].to_pylist()
        rows = verdict_rows(
            batch["doc_id"], ["unknown" if n < config.min_known else None for n in counts]
        )
        states = ["some" if n else "none" for n in counts]
        return rows.append_column("state", pa.array(states, pa.string()))

    return kernel


KNOWN_STAGE = Stage(
    name="known",
    step=34,
    paper="none",
    config=KnownConfig,
    reasons=("unknown",),
    measure=Measure(
        table=KNOWN,
        reads={"documents": ("text",)},
        make_kernel=make_known_kernel,
        models=("letters",),
    ),
    cut=Cut(table=STATES, reads={"known": ("known",)}, make_kernel=make_known_cut),
)
FITTING = check((*(s for s in TOYS if s.name != "length"), LETTERS, KNOWN_STAGE))
