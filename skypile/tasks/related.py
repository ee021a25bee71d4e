"""The way back from a corpus-wide job to one part."""

from typing import Any

import numpy as np
import pyarrow as pa

from skypile.parts import KEY_ROW_BITS
from skypile.tables import aligned_file_schema
from skypile.tasks.base import AlignedTask, PartWriter, write_table


def write_related(task: AlignedTask, rows: pa.Table | None) -> dict[str, Any]:
    """Bring what a relate found back to one part: rows of `key` and the table's columns (None for
    a part about which it said nothing), aligned, with nulls for all other documents.
    """
    assert task.stage.relate
    table = task.stage.relate.table
    assert table
    schema = aligned_file_schema(table, measured=False)
    ids = task.files.narrow({})["doc_id"]
    at = np.full(task.files.rows, -1, dtype=np.int64)
    still_in = task.files.still_in()
    found = 0
    if rows is not None:
        found = rows.num_rows
        at[rows["key"].to_numpy() & ((1 << KEY_ROW_BITS) - 1)] = np.arange(found)
        if int((at >= 0).sum()) != found:
            raise ValueError(f"{task.piece_name}: a key occurs twice in part {task.part}")
        if not still_in[at >= 0].all():
            raise ValueError(f"{task.piece_name}: a row about a document that was dropped before")
        for wanted in table.schema:
            if not wanted.nullable and wanted.name != "doc_id" and rows[wanted.name].null_count:
                raise ValueError(f"{task.piece_name}: column {wanted.name!r} of a row is null")
    columns = [ids.combine_chunks()]
    for f in list(schema)[1:]:
        if rows is None:
            columns.append(pa.nulls(task.files.rows, f.type))
        else:
            values = rows[f.name].combine_chunks().cast(f.type)
            columns.append(values.take(pa.array(np.maximum(at, 0), mask=at < 0)))
    out = PartWriter(task)
    write_table(out, table.name, schema, pa.table(columns, schema=schema))
    return out.finish({"rows": found}, {"computed": found, "reused": 0})
