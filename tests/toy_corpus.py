"""A toy stage that writes `corpus`, so that stages which read it are tested without those before.

Sources are the toy's text files, a document a line, blocks joined by `|`. The category is the
source's name, every seventh document is STEM, every ninth is for validation, by its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from skypile.config import Config
from skypile.pipeline import check
from skypile.settings import setting
from skypile.stage import Cut, Stage, Write
from skypile.stages import fit_tokenizer, tokens
from skypile.tables import CORPUS, verdict_rows
from tests import toy


@dataclass(frozen=True, kw_only=True)
class FinishedConfig:
    unit: int = setting(1, piece="write", low=1, help="characters a token, estimated")


def make_kernel(config: FinishedConfig) -> Any:
    def kernel(batch: pa.RecordBatch) -> Any:
        ids, texts = batch["doc_id"].to_pylist(), batch["text"].to_pylist()
        names = batch["source"].to_pylist()
        numbers = [int(name[:8], 16) for name in ids]
        chars = [len(text) for text in texts]
        rows = pa.RecordBatch.from_pydict(
            {
                "doc_id": batch["doc_id"],
                "row": batch["row"],
                "category": pa.array([name.removesuffix("_2") for name in names]),
                "partition": pa.array(["main" if n % 7 else "stem" for n in numbers]),
                "split": pa.array(["train" if n % 9 else "validation" for n in numbers]),
                "text": batch["text"],
                "chars": pa.array(chars, pa.int64()),
                "estimated_tokens": pa.array([c // config.unit for c in chars], pa.int64()),
                "masked": pa.array([0] * len(ids), pa.int32()),
            }
        )
        return rows, {}

    return kernel


def make_cut(config: FinishedConfig, facts: Any) -> Any:
    return lambda batch: verdict_rows(batch["doc_id"], [None] * batch.num_rows)


FINISHED = Stage(
    name="finished",
    step=60,
    paper="none",
    config=FinishedConfig,
    reasons=(),
    cut=Cut(reads={}, make_kernel=make_cut),
    write=Write(table=CORPUS, reads={"documents": ("source",)}, make_kernel=make_kernel),
)
STAGES = check((toy.LINES, toy.TRIM, FINISHED, fit_tokenizer.STAGE, tokens.STAGE))


def config_of(
    base: Path, sources: dict[str, Sequence[str]], *, part_bytes: int = 4096, **sections: Any
) -> Config:
    """A run over sources, each with its lines; without a section [tokens] none are made."""
    for name, lines in sources.items():
        folder = base / name
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{line}\n" for line in lines)
        (folder / "lines.txt").write_text(text, encoding="utf8")
    entries = [
        {
            "name": name,
            "format": "lines",
            "root": name,
            "paths": ["**"],
            "category": "webpages",
            "licence": f"licence of {name}",
        }
        for name in sources
    ]
    return toy.make_config(base, sources=entries, stages=STAGES, part_bytes=part_bytes, **sections)
