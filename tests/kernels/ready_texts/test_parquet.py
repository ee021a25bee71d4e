import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skypile.kernels.ready_texts.parquet import parquet_rows
from skypile.kernels.ready_texts.ready import COLUMNS, Reject


def written(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def read(data: bytes, fields: dict[str, str] | None = None) -> list[Any]:
    names = [(fields or {}).get(c, c) for c in COLUMNS]
    return list(parquet_rows(pa.BufferReader(data), [(n,) for n in names]))


TEXTS = [f"第{i}篇 article {i}" for i in range(1000)]


def test_rows_in_order_with_only_the_columns_asked_for() -> None:
    table = pa.table({"text": TEXTS, "other": range(1000), "url": [None, *TEXTS[1:]]})
    rows = read(written(table, row_group_size=300))
    assert [r["text"] for r in rows] == TEXTS
    assert set(rows[0]) == {"text", "url"}
    rows = read(written(pa.table({"meta": [{"t": t, "n": 1} for t in TEXTS]})), {"text": "meta.t"})
    assert rows[5] == {"meta": {"t": TEXTS[5], "n": 1}}


def test_bytes_that_are_no_utf8_cost_their_row_only() -> None:
    raw = pa.array([b"one", b"\xd6\xd0\xce\xc4", "三".encode()])
    as_text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    for column in (raw, as_text):
        one, two, three = read(written(pa.table({"text": column})))
        assert (one["text"], three["text"]) == ("one", "三")
        assert isinstance(two, Reject)
        assert two.reason == "invalid_utf8"


def test_a_missing_column_is_named_for_every_row() -> None:
    rows = read(written(pa.table({"content": TEXTS})))
    assert len(rows) == 1000
    assert {r.reason for r in rows} == {"missing_field"}
    assert "content" in rows[0].detail


def test_no_parquet_is_one_reject() -> None:
    for data in (b"", b"PAR1", b'{"text": "x"}\n' * 100, written(pa.table({"text": TEXTS}))[:-9]):
        (only,) = read(data)
        assert only.reason == "malformed_record"


def test_damaged_pages_cost_their_row_group_each_row_on_record() -> None:
    data = bytearray(written(pa.table({"text": TEXTS}), row_group_size=250, use_dictionary=False))
    meta = pq.ParquetFile(io.BytesIO(bytes(data))).metadata
    chunk = meta.row_group(1).column(0)
    for at in range(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size):
        data[at] ^= 0x5A
    rows = read(bytes(data))
    assert len(rows) == 1000
    assert [r["text"] for r in rows[:250]] == TEXTS[:250]
    assert {r.reason for r in rows[250:500]} == {"malformed_record"}
    assert [r["text"] for r in rows[500:]] == TEXTS[500:]


def test_an_empty_table_has_no_rows() -> None:
    assert read(written(pa.table({"text": pa.array([], pa.string())}))) == []


@pytest.mark.parametrize("group", [2, 100])
def test_a_row_that_is_too_large_is_a_reject_and_costs_no_other(group: int) -> None:
    texts = ["a" * 100, "中" * 400, "b" * 1000, "c" * 1200, "d"]
    table = pa.table({"text": texts, "url": [None, "u" * 30, "x", None, "y" * 2000]})
    rows = list(
        parquet_rows(
            pa.BufferReader(written(table, row_group_size=group)), [["text"], ["url"]], 1100
        )
    )
    large = [isinstance(row, Reject) and row.reason == "too_large" for row in rows]
    assert large == [False, True, False, True, True]
    assert rows[2] == {"text": texts[2], "url": "x"}


def test_batches_of_huge_rows_are_bounded_by_bytes() -> None:
    """A mean row of 4 MiB: some rows at a time, not all of the group."""
    texts = [chr(97 + i % 26) * (4 << 20) for i in range(40)]
    data = written(pa.table({"text": texts}), use_dictionary=False, write_batch_size=1)
    del texts
    before = pa.total_allocated_bytes()
    most = 0
    for row in parquet_rows(pa.BufferReader(data), [["text"]]):
        assert not isinstance(row, Reject)
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 64 << 20
