"""Measures: numbers of the documents of one part, those known already taken over."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.parts import PartFiles, read_parquet
from skypile.tables import aligned_file_schema
from skypile.tasks.base import AlignedTask, PartWriter, null_rows, one_batch, write_table


def measure_part(task: AlignedTask) -> dict[str, Any]:
    """Numbers of the documents still in. A row is taken over where a document was measured before
    on the same input: its text after edits, and whatever else the measure reads.
    """
    measure = task.stage.measure
    assert measure
    files, table = task.files, measure.table
    schema = aligned_file_schema(table, measured=True)
    want = files.still_in() if task.applies else np.zeros(files.rows, dtype=bool)
    removed = files.removed_blocks()
    there = {t: columns for t, columns in measure.optional.items() if t in files.paths}
    narrow = files.narrow({**measure.reads, **there})
    ids = narrow["doc_id"].to_pylist()
    digests = input_digests(files.text_digests(removed), narrow, want)

    pool = _Pool(schema, files.rows)
    for entry in task.reusable:
        if pool.lacks(want).any():
            pool.take_over(task, entry.path, entry.sha256, ids, digests, want)
    reused = pool.found

    due = pool.lacks(want)
    more = (task.models,) if measure.models else ()
    kernel = measure.make_kernel(task.config, *more) if due.any() else None
    for rows, batch in _measurable(files, measure.reads, narrow, due, removed):
        assert kernel
        result = table.conform(kernel(batch))
        if result["doc_id"].to_pylist() != [ids[r] for r in rows]:
            raise ValueError(f"{task.piece_name}: the kernel did not return the rows it was given")
        pool.add(rows, result, [digests[r] for r in rows])

    out = PartWriter(task)
    write_table(out, table.name, schema, pool.aligned(ids))
    done = int(want.sum())
    return out.finish({"in": done}, {"computed": done - reused, "reused": reused})


def input_digests(texts: list[str], narrow: pa.Table, want: np.ndarray) -> list[str]:
    """For each wanted row a digest of all that its measure reads; the text's own where that is all.
    The others have "".
    """
    columns = [n for n in narrow.column_names if n != "doc_id"]
    if not columns:
        return [t if w else "" for t, w in zip(texts, want, strict=True)]
    digests = [""] * len(texts)
    rows = np.flatnonzero(want)
    for row, values in zip(rows, narrow.select(columns).take(rows).to_pylist(), strict=True):
        data = json.dumps([texts[row], values], sort_keys=True, default=str, ensure_ascii=False)
        digests[row] = hashlib.blake2b(
            data.encode("utf8", "surrogatepass"), digest_size=16
        ).hexdigest()
    return digests


class _Pool:
    """Measured rows, taken over or new, and which of them each document has."""

    def __init__(self, schema: pa.Schema, documents: int) -> None:
        self._schema = schema
        self._tables: list[pa.Table] = [schema.empty_table()]
        self._rows = 0
        self._origin = np.full(documents, -1, dtype=np.int64)

    @property
    def found(self) -> int:
        return int((self._origin >= 0).sum())

    def lacks(self, want: np.ndarray) -> np.ndarray:
        return want & (self._origin < 0)

    def take_over(
        self,
        task: AlignedTask,
        path: str,
        sha256: str,
        ids: list[str],
        digests: list[str],
        want: np.ndarray,
    ) -> None:
        data = task.run.read(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            return  # damaged: measured anew
        old = read_parquet(io.BytesIO(data))
        if old.schema != self._schema:
            return
        keys = zip(old["doc_id"].to_pylist(), old["read_digest"].to_pylist(), strict=True)
        known = {key: self._rows + row for row, key in enumerate(keys) if key[1] is not None}
        for row in np.flatnonzero(self.lacks(want)):
            self._origin[row] = known.get((ids[row], digests[row]), -1)
        self._tables.append(old)
        self._rows += old.num_rows

    def add(self, rows: np.ndarray, result: pa.RecordBatch, digests: list[str]) -> None:
        self._origin[rows] = np.arange(self._rows, self._rows + len(rows))
        table = pa.Table.from_batches([result])
        read = pa.array(digests, pa.string())
        self._tables.append(table.append_column("read_digest", read).cast(self._schema))
        self._rows += len(rows)

    def aligned(self, ids: list[str]) -> pa.Table:
        """One row a document, with nulls where it was not measured."""
        if self._rows:
            index = pa.array(np.maximum(self._origin, 0), mask=self._origin < 0)
            table = pa.concat_tables(self._tables).take(index)
        else:
            table = null_rows(self._schema, len(ids))
        return table.set_column(0, self._schema.field("doc_id"), pa.array(ids, pa.string()))


def _measurable(
    files: PartFiles,
    reads: Mapping[str, tuple[str, ...]],
    narrow: pa.Table,
    due: np.ndarray,
    removed: list[list[int]],
) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    if "text" not in reads.get("documents", ()):
        rows = np.flatnonzero(due)
        if len(rows):
            yield rows, one_batch(narrow.take(rows))
        return
    for rows, texts in files.texts(due, removed):
        yield rows, one_batch(narrow.take(rows).append_column("text", texts["text"]))
