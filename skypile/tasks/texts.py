"""Texts of chosen documents for a fit: selected by tasks where they lie, read by the driver.

Each task writes the texts asked for of one part into a file of the run that no manifest lists; the
driver reads the files in order of parts and deletes them. Texts do not pass through Spark.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skypile.parts import KEY_ROW_BITS, PartFiles, TableWriter
from skypile.tables import field

FETCHED = pa.schema([field("key", pa.int64()), field("text", pa.large_string())])


@dataclass(frozen=True)
class FetchTask:
    """The rows of one part whose texts are wanted. `index` is the part's in keys."""

    files: PartFiles
    index: int
    rows: tuple[int, ...]
    folder: str


def fetch(task: FetchTask) -> str:
    """Write the texts of a task's rows; the path of the file, relative to the run."""
    path = f"{task.folder}/part-{task.index:05d}-{uuid.uuid4().hex[:12]}.parquet"
    out = TableWriter(task.files.run, path, FETCHED)
    want = np.zeros(task.files.rows, dtype=bool)
    want[list(task.rows)] = True
    for rows, table in task.files.texts(want, task.files.removed_blocks()):
        keys = pa.array((task.index << KEY_ROW_BITS) + rows.astype(np.int64))
        columns = [keys, table["text"].combine_chunks()]
        out.write(pa.RecordBatch.from_arrays(columns, schema=FETCHED))
    out.close("texts", task.files.source, task.index)
    return path


def texts_of(
    parts: Sequence[PartFiles],
    run_all: Callable[[Sequence[FetchTask]], list[str]],
    fingerprint: str,
    keys: Any,
) -> Iterator[pa.Table]:
    """Tables of `key` and `text` of the documents with these keys, ascending.

    parts: as keys number them. run_all: does fetch tasks, in order.
    """
    wanted = np.unique(np.asarray(keys, np.int64))
    if not len(wanted):
        return
    run, folder = parts[0].run, f"fit_texts/{parts[0].source}/{fingerprint}"
    indices, starts = np.unique(wanted >> KEY_ROW_BITS, return_index=True)
    rows = np.split(wanted & ((1 << KEY_ROW_BITS) - 1), starts[1:])
    todo = [
        FetchTask(parts[index], index, tuple(of_part.tolist()), folder)
        for index, of_part in zip(indices.tolist(), rows, strict=True)
    ]
    for path in run_all(todo):
        with run.open(path) as stream:
            file = pq.ParquetFile(stream)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)
        run.delete(path)
