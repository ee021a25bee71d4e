"""The rows of a Parquet file, one by one, none lost in silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skypile.kernels.ready_texts.ready import Reject

_BATCH_BYTES = 16 << 20  # unpacked bytes held at a time, about: by the mean row of a group
_MAX_BATCH_ROWS = 64  # and a few times more where long rows lie together
_UNREADABLE = (pa.ArrowException, OSError, ValueError)  # Arrow raises all of them on bad bytes


def parquet_rows(
    file: Any, wanted: Sequence[Sequence[str]], max_bytes: int = 64 << 20
) -> Iterator[Mapping[str, Any] | Reject]:
    """Each row of a Parquet file as a mapping of the fields wanted, or why it cannot be read
    (`malformed_record`, `invalid_utf8`, `too_large` with more than max_bytes in them). As many
    items as the file says that it has rows; one reject for a file that is no Parquet.

    file: random access (a memory map, a buffer). wanted: for each value the fields that may hold
    it, dotted ones reach into structs. One of the first must be there: `missing_field`.
    """
    try:
        parquet = pq.ParquetFile(file)
        meta = parquet.metadata
    except _UNREADABLE as e:
        yield Reject("malformed_record", f"no Parquet file: {e}")
        return
    names = parquet.schema_arrow.names
    tops = [[_top(field, names) for field in fields] for fields in wanted]
    columns = sorted({name for some in tops for name in some if name in names})
    if not any(name in names for name in tops[0]):
        missing = " or ".join(repr(name) for name in tops[0])
        why = f"no column {missing}; the file has: {', '.join(names)[:500]}"
        for _ in range(meta.num_rows):
            yield Reject("missing_field", why)
        return
    for group in range(meta.num_row_groups):
        rows, given = meta.row_group(group).num_rows, 0
        row_bytes = meta.row_group(group).total_byte_size // max(1, rows)
        batch_rows = max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // max(1, row_bytes)))
        try:
            for batch in parquet.iter_batches(batch_rows, row_groups=[group], columns=columns):
                for row in _rows(batch, max_bytes):
                    yield row
                    given += 1
        except _UNREADABLE as e:
            for _ in range(rows - given):
                yield Reject("malformed_record", f"row group {group}: {e}")


def _top(path: str, names: list[str]) -> str:
    """The column that holds a dotted field."""
    return path if path in names else path.partition(".")[0]


def _rows(batch: pa.RecordBatch, max_bytes: int) -> Iterator[Mapping[str, Any] | Reject]:
    if batch.nbytes > max_bytes:  # else no row of it is too large
        for i in range(batch.num_rows):
            one = batch.slice(i, 1)
            if one.nbytes > max_bytes:
                yield Reject("too_large", f"{one.nbytes:,} bytes")
            else:
                yield from _small_rows(one)
        return
    yield from _small_rows(batch)


def _small_rows(batch: pa.RecordBatch) -> Iterator[Mapping[str, Any] | Reject]:
    try:
        rows: list[Mapping[str, Any] | Reject] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = [_row(batch, i) for i in range(batch.num_rows)]
    for row in rows:
        yield _decoded(row) if not isinstance(row, Reject) else row


def _row(batch: pa.RecordBatch, index: int) -> Mapping[str, Any] | Reject:
    row = {}
    for name in batch.schema.names:
        try:
            row[name] = batch[name][index].as_py()
        except UnicodeDecodeError as e:
            return Reject("invalid_utf8", f"{name!r}, byte {e.start}: {e.reason}")
    return row


def _decoded(row: Mapping[str, Any]) -> Mapping[str, Any] | Reject:
    """Binary columns hold text, too."""
    if not any(isinstance(v, bytes) for v in row.values()):
        return row
    out = dict(row)
    for name, value in row.items():
        if isinstance(value, bytes):
            try:
                out[name] = value.decode()
            except UnicodeDecodeError as e:
                return Reject("invalid_utf8", f"{name!r}, byte {e.start}: {e.reason}")
    return out
