"""Writes: the texts of one part that every stage kept, as a table of their own."""

from typing import Any

import numpy as np
import pyarrow as pa

from skypile.tasks.base import AlignedTask, PartWriter, added, one_batch, write_table


def write_part(task: AlignedTask) -> dict[str, Any]:
    """One file of the documents still in, in the order of their rows; none of a source that the
    stage does not apply to.

    Raises:
        ValueError: the kernel broke the contract: other rows than it was given.
    """
    write = task.stage.write
    assert write
    files, table = task.files, write.table
    want = files.still_in() if task.applies else np.zeros(files.rows, dtype=bool)
    kernel = write.make_kernel(task.config) if want.any() else None
    narrow = files.narrow(write.reads if task.applies else {})
    out = PartWriter(task)
    counts: list[Any] = [{"documents": int(want.sum())}]
    for rows, texts in files.texts(want, files.removed_blocks()):
        assert kernel
        given = narrow.take(rows).append_column("row", pa.array(rows.astype(np.int32)))
        batch = one_batch(given.append_column("text", texts["text"]))
        made, counted = kernel(batch)
        made = table.conform(made)
        if made["doc_id"].to_pylist() != batch["doc_id"].to_pylist():
            raise ValueError(f"{task.piece_name}: the kernel did not return the rows it was given")
        out.write(table.name, table.schema, made)
        counts.append(counted)
    if kernel is None:
        write_table(out, table.name, table.schema, table.schema.empty_table())
    return out.finish(added(counts), {"computed": int(want.sum()), "reused": 0})
