"""Two more toy stages: `final` writes what is left in capitals, `sum` counts what was written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.manifests import FileEntry
from skypile.pipeline import check
from skypile.settings import setting
from skypile.stage import Cut, Derive, Derived, Stage, Write
from skypile.tables import Table, field
from tests import toy

FINAL = Table(
    "final",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("row", pa.int32()),
            field("text", pa.large_string()),
            field("chars", pa.int64()),
        ]
    ),
    key=("doc_id",),
    meaning="what is left, in capitals",
)


@dataclass(frozen=True, kw_only=True)
class FinalConfig:
    divisor: int = setting(0, piece="cut", low=0, help="lengths it divides go; 0: none")
    last: bool = setting(False, piece="cut", help="the last block goes")
    upper: bool = setting(True, piece="write", help="capitals")
    reverse: bool = setting(False, piece=None, help="a kernel that breaks its contract")


def make_cut(config: FinalConfig, facts: Any) -> Any:
    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        trim = toy.TrimConfig(divisor=config.divisor)
        made = toy.make_trim_cut(trim, {})(batch)
        if not config.last:
            return made
        blocks = [[len(b) - 1] for b in batch["block_chars"].to_pylist()]
        at = made.schema.get_field_index("removed_blocks")
        return made.set_column(at, "removed_blocks", pa.array(blocks, pa.list_(pa.int32())))

    return kernel


def make_writer(config: FinalConfig) -> Any:
    def kernel(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
        rows = batch.to_pylist()
        for row in rows:
            row["text"] = row["text"].upper() if config.upper else row["text"]
        counts = {"letters": {c: sum(c in r["text"] for r in rows) for c in "AB"}}
        made = FINAL.from_rows(rows)
        return made.take(list(range(len(rows)))[::-1]) if config.reverse else made, counts

    return kernel


WRITING = Stage(
    name="final",
    step=40,
    paper="none",
    config=FinalConfig,
    reasons=("divisible",),
    cut=Cut(reads={"documents": ("chars", "block_chars")}, make_kernel=make_cut),
    write=Write(FINAL, {"documents": ("chars",)}, make_writer),
)


@dataclass(frozen=True, kw_only=True)
class SumConfig:
    times: int = setting(1, piece="derive", low=0, help="what the sum is multiplied by; 0: fails")


def derive(config: SumConfig, run: Root, files: Sequence[FileEntry]) -> Derived:
    if not config.times:
        raise SkypileError("nothing to multiply")
    rows = sum(f.rows for f in files if f.table == "final") * config.times
    return Derived({"sum.json": json.dumps(rows).encode()}, {"rows": rows})


SUMMING = Stage(
    name="sum",
    step=50,
    paper="none",
    config=SumConfig,
    reasons=(),
    derive=Derive(after=("final", "not_in_this_run"), derive=derive),
)
STAGES = check((toy.LINES, toy.TRIM, WRITING, SUMMING))
