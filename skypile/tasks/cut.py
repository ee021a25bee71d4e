"""Cuts: the verdict on each document of one part."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.tables import Table, aligned_file_schema, verdicts
from skypile.tasks.base import AlignedTask, PartWriter, null_rows, one_batch, write_table


def cut_part(task: AlignedTask) -> dict[str, Any]:
    """Verdicts on the documents still in: kept, or dropped for a reason from the stage's list."""
    cut = task.stage.cut
    assert cut
    files, table = task.files, verdicts(task.stage.name)
    rows = np.flatnonzero(files.still_in())
    judged: list[tuple[bool, str | None, list[int] | None]] = [(True, None, None)] * len(rows)
    narrow = files.narrow(cut.reads if task.applies else {})
    result = None
    if task.applies and len(rows):
        before = pa.array(files.removed_blocks(), pa.list_(pa.int32())).take(pa.array(rows))
        batch = one_batch(narrow.take(rows).append_column("removed_before", before))
        result = cut.make_kernel(task.config, task.facts)(batch)
        judged = _judged(task, batch, result, rows)

    columns: dict[str, list[Any]] = {n: [None] * files.rows for n in ("kept", "reason", "blocks")}
    applies = np.zeros(files.rows, dtype=bool)
    for row, (kept, reason, blocks) in zip(rows, judged, strict=True):
        columns["kept"][row], columns["reason"][row] = kept, reason
        columns["blocks"][row] = blocks
        applies[row] = task.applies
    batch = pa.RecordBatch.from_arrays(
        [
            narrow["doc_id"].combine_chunks(),
            pa.array(applies),
            pa.array(columns["kept"], pa.bool_()),
            pa.array(columns["reason"], pa.string()),
            pa.array(columns["blocks"], table.schema.field("removed_blocks").type),
        ],
        names=table.schema.names,
    )
    out = PartWriter(task)
    write_table(out, table.name, table.schema, pa.Table.from_batches([table.conform(batch)]))
    if cut.table:
        beside = _beside(cut.table, files.rows, rows, result, narrow["doc_id"])
        write_table(out, cut.table.name, beside.schema, beside)
    counts = {
        "in": len(rows),
        "kept": sum(kept for kept, _, _ in judged),
        "dropped": dict(Counter(reason for _, reason, _ in judged if reason is not None)),
        "blocks_removed": sum(len(blocks) for _, _, blocks in judged if blocks),
        "documents_edited": sum(1 for _, _, blocks in judged if blocks),
    }
    return out.finish(counts, {"computed": len(rows), "reused": 0})


def _beside(
    table: Table, documents: int, rows: np.ndarray, result: pa.RecordBatch | None, ids: Any
) -> pa.Table:
    """The table that a cut writes beside its verdicts, with nulls for what it did not judge."""
    schema = aligned_file_schema(table, measured=False)
    if result is None:
        return null_rows(schema, documents).set_column(0, schema.field(0), ids).cast(schema)
    at = np.full(documents, -1, dtype=np.int64)
    at[rows] = np.arange(len(rows))
    place = pa.array(np.maximum(at, 0), mask=at < 0)
    own = table.conform(result.select(table.schema.names))
    columns = [ids, *(column.take(place) for column in own.columns[1:])]
    return pa.table(columns, names=schema.names).cast(schema)


def _judged(
    task: AlignedTask, batch: pa.RecordBatch, result: pa.RecordBatch, rows: np.ndarray
) -> list[tuple[bool, str | None, list[int] | None]]:
    """(kept, reason, blocks to remove) for each row.

    Raises:
        ValueError: the kernel broke the contract: other rows, kept and reason that do not agree, a
            reason that is not on the list, a block that is not there or is gone already.
    """
    name = task.piece_name
    if result["doc_id"].to_pylist() != batch["doc_id"].to_pylist():
        raise ValueError(f"{name}: the kernel did not return the rows it was given")
    verdicts_ = list(
        zip(
            result["kept"].to_pylist(),
            result["reason"].to_pylist(),
            [blocks or None for blocks in result["removed_blocks"].to_pylist()],
            strict=True,
        )
    )
    for kept, reason, _ in verdicts_:
        if kept is not (reason is None):
            raise ValueError(f"{name}: kept and reason do not agree: {kept}, {reason!r}")
        if reason is not None and reason not in task.stage.reasons:
            raise ValueError(f"{name}: reason {reason!r} is not on the stage's list")
    if any(blocks for _, _, blocks in verdicts_):
        gone = task.files.removed_blocks()
        blocks_of = task.files.narrow({"documents": ("block_chars",)})["block_chars"].to_pylist()
        for row, (_, _, blocks) in zip(rows, verdicts_, strict=True):
            there = set(range(len(blocks_of[row]))) - set(gone[row])
            if blocks and not (sorted(set(blocks)) == blocks and there.issuperset(blocks)):
                raise ValueError(
                    f"{name}: removed_blocks {blocks} of a document with {len(blocks_of[row])} "
                    f"blocks, of which {gone[row]} are gone: must be sorted, once each, and there"
                )
    return verdicts_
