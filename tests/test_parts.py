"""Aligned parts: edits by original index, text a row group at a time, files that rows decide."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile import parts
from skypile.files import Root
from skypile.parts import PartFiles, TableWriter, without_blocks

blocks = st.lists(st.text(st.characters(exclude_characters="\n"), max_size=5), min_size=1)


@given(st.data(), blocks)
def test_edits_commute(data: st.DataObject, texts: list[str]) -> None:
    """What two stages remove is united and applied at once, so their order does not matter."""
    index = st.sets(st.integers(0, len(texts) - 1))
    first, second = data.draw(index), data.draw(index)
    text = "\n".join(texts)
    both = without_blocks(text, sorted(first | second))
    assert both == without_blocks(text, [*second, *first])
    assert (
        both.split("\n") == [t for i, t in enumerate(texts) if i not in first | second]
        or both == ""
    )


def test_an_index_beyond_the_text_is_an_error() -> None:
    with pytest.raises(IndexError, match="block 2 of a text with 2 blocks"):
        without_blocks("一\n二", [2])


SCHEMA = pa.schema([("doc_id", pa.string()), ("text", pa.large_string())])


def write(root: Root, name: str, rows: list[tuple[str, str]], batch: int) -> parts.FileEntry:
    writer = TableWriter(root, name, SCHEMA)
    for at in range(0, len(rows), batch):
        ids, texts = zip(*rows[at : at + batch], strict=True)
        writer.write(
            pa.RecordBatch.from_arrays(
                [pa.array(ids), pa.array(texts, pa.large_string())], schema=SCHEMA
            )
        )
    return writer.close("documents", "web", 0)


def test_row_groups_are_bounded_in_bytes_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 1 << 16)
    root = Root(str(tmp_path))
    long = [(f"{i:032d}", "长文" * 2_000) for i in range(40)]
    entry = write(root, "a.parquet", long, 1)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 7  # 12 kB a text: six of them reach 64 KiB, 40 / 6
    assert entry.rows == file.metadata.num_rows == 40
    import hashlib

    data = (tmp_path / "a.parquet").read_bytes()
    assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_texts_come_edited_and_only_for_the_rows_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 256)
    root = Root(str(tmp_path))
    entry = write(root, "d", [(f"{i:032d}", f"a{i}\n乙{i}\nc{i}") for i in range(1_000)], 1_000)
    part = PartFiles(root, "web", 0, 1_000, {"documents": entry})
    want = np.zeros(1_000, dtype=bool)
    want[[3, 300, 301, 999]] = True
    removed: list[list[int]] = [[] for _ in range(1_000)]
    removed[300], removed[999] = [0, 2], [1]
    got = {
        int(r): t
        for rows, table in part.texts(want, removed)
        for r, t in zip(rows, table["text"].to_pylist(), strict=True)
    }
    assert got == {3: "a3\n乙3\nc3", 300: "乙300", 301: "a301\n乙301\nc301", 999: "a999\nc999"}
    assert len(list(part.texts(want, removed))) == 3  # the third row group was not even read
