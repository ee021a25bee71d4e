"""Aligned parts: reading the tables of one part side by side, and text as a stage sees it.

Every per-document table has one file a part, with the same rows in the same order, so tables are
joined by position. Text is read a row group at a time, only for rows that are still in, and only
where its reader asks for it. Edits remove whole blocks by their original index, so those of
several stages commute: the removed sets are united and applied at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skypile.errors import DamagedError, StaleError
from skypile.files import Root
from skypile.hashing import HashingWriter
from skypile.kernels.reading.ids import read_digest
from skypile.manifests import FileEntry

# A row group is what a reader holds at a time: bounded in bytes for long documents, in rows for
# short ones. Both are properties of the rows alone, so equal rows give equal files.
ROW_GROUP_BYTES = 32 << 20
ROW_GROUP_ROWS = 8192
KEY_ROW_BITS = 32  # a document's int64 key in corpus-wide jobs: part index << 32 | row


@dataclass(frozen=True)
class PartFiles:
    """The committed files of one part, by table; `earlier` are the verdict tables, in order, of
    the stages before the reader.
    """

    run: Root
    source: str
    part: int
    rows: int
    paths: Mapping[str, FileEntry]
    earlier: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        documents = self.paths["documents"]
        for name, entry in self.paths.items():
            if entry.aligned_to and entry.aligned_to != documents.sha256:
                raise StaleError(
                    f"{name} of source {self.source}, part {self.part}, was made from other "
                    "documents than there are now; `skypile run` brings it up to date"
                )

    def narrow(self, reads: Mapping[str, Sequence[str]], *, ids_of: str = "documents") -> pa.Table:
        """Columns of several tables joined by position: `doc_id` (from any table, they all have
        the same) and those asked for.
        """
        columns: dict[str, Any] = {"doc_id": self._read(ids_of, ["doc_id"])["doc_id"]}
        for table, names in reads.items():
            got = self._read(table, [n for n in names if n != "text"])
            for name in got.column_names:
                if name in columns and name != "doc_id":
                    raise ValueError(f"two tables have a column {name!r}: {list(reads)}")
                columns[name] = got[name]
        return pa.table(columns)

    def _read(self, table: str, names: Sequence[str]) -> pa.Table:
        path = self._checked(table)
        with self._whole(table), self.run.open(path) as stream:
            found = read_parquet(stream, names, checksums=True)
        if names and any(len(c) != self.paths[table].rows for c in found.columns):
            raise self._damaged(table, "has columns of other lengths")  # a page's head, without sum
        return found

    def _checked(self, table: str) -> str:
        entry = self.paths[table]
        size = self.run.size(entry.path)
        if size != entry.bytes:
            state = "is missing" if size is None else f"has {size:,} bytes, not {entry.bytes:,}"
            raise self._damaged(table, state)
        return entry.path

    def _damaged(self, table: str, state: str) -> DamagedError:
        return DamagedError(
            f"{self.run.at(self.paths[table].path)} {state}: the run's files were changed from "
            f"outside; run the stage that writes table {table} again with --force"
        )

    @contextmanager
    def _whole(self, table: str) -> Iterator[None]:
        """Bytes that are no Parquet any more, or not those of their page's checksum, are damage;
        what the reader's own code raises is not caught, since it runs outside.
        """
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError) as e:
            # Anything else that goes wrong with storage says so itself, and may be over next time.
            entry = self.paths[table]
            if self.run.size(entry.path) == entry.bytes and (
                self.run.sha256(entry.path) == entry.sha256
            ):
                raise
            raise self._damaged(table, f"cannot be read ({' '.join(str(e).split())[:200]})") from e

    def still_in(self) -> np.ndarray:
        """(rows,) bool: the documents that no earlier stage dropped."""
        if not self.earlier:
            return np.ones(self.rows, dtype=bool)
        kept = self._read(self.earlier[-1], ["kept"])["kept"]
        return np.asarray(kept.fill_null(False).to_numpy())

    def removed_blocks(self) -> list[list[int]]:
        """For each row the block indices that earlier stages removed, sorted."""
        removed: list[set[int]] = [set() for _ in range(self.rows)]
        for table in self.earlier:
            column = self._read(table, ["removed_blocks"])["removed_blocks"]
            if column.null_count == len(column):
                continue
            for row, blocks in enumerate(column.to_pylist()):
                removed[row].update(blocks or ())
        return [sorted(r) for r in removed]

    def text_digests(self, removed: list[list[int]]) -> list[str]:
        """For each row the digest of the text as the reader sees it; no text is read."""
        digests = self._read("documents", ["text_digest"])["text_digest"].to_pylist()
        return [read_digest(d, r) for d, r in zip(digests, removed, strict=True)]

    def texts(
        self, want: np.ndarray, removed: list[list[int]], columns: Sequence[str] = ()
    ) -> Iterator[tuple[np.ndarray, pa.Table]]:
        """Rows of `documents` where `want` is true, a row group at a time: (row numbers, table of
        doc_id, text after edits, and `columns`).
        """
        path = self._checked("documents")
        with self.run.open(path) as stream:
            with self._whole("documents"):
                file = pq.ParquetFile(stream, page_checksum_verification=True)
            first = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                rows = np.flatnonzero(want[first : first + size])
                if len(rows):
                    names = list(dict.fromkeys(["doc_id", "text", *columns]))
                    with self._whole("documents"):
                        table = file.read_row_group(group, columns=names)
                    table = table if len(rows) == size else table.take(rows)
                    rows = rows + first
                    yield rows, _edited(table, [removed[r] for r in rows])
                first += size


@dataclass(frozen=True)
class CorpusFiles(PartFiles):
    """One part of the finished corpus, which stands in place of `documents`: its rows are those
    that every stage kept, their text is final, and it has the columns of `corpus`.
    """

    def still_in(self) -> np.ndarray:
        """(rows,) bool: all of them, less rows without a split, which are no documents."""
        return np.asarray(self._read("corpus", ["split"])["split"].is_valid().to_numpy())


def corpus_part(run: Root, source: str, part: int, entry: FileEntry) -> CorpusFiles:
    """A part of the corpus as its committed file has it."""
    alone = replace(entry, aligned_to="")
    paths = {"documents": alone, "corpus": alone}
    return CorpusFiles(run, source, part, entry.rows, paths)


def read_parquet(
    stream: Any, names: Sequence[str] | None = None, *, checksums: bool = False
) -> pa.Table:
    """Columns of one Parquet file, in the order of `names`; all where None. checksums: of pages are
    compared. `pyarrow.parquet.read_table` makes a data set of it first: three to six times as long.
    """
    file = pq.ParquetFile(stream, page_checksum_verification=checksums)
    if names is None:
        return file.read(use_threads=False)
    return file.read(columns=list(names), use_threads=False).select(list(names))


def _edited(table: pa.Table, removed: list[list[int]]) -> pa.Table:
    if not any(removed):
        return table
    texts = [
        without_blocks(text, gone) if gone else text
        for text, gone in zip(table["text"].to_pylist(), removed, strict=True)
    ]
    index = table.column_names.index("text")
    return table.set_column(index, "text", pa.array(texts, type=pa.large_string()))


def without_blocks(text: str, removed: Sequence[int]) -> str:
    """The text less the blocks with these indices; indices beyond its end raise IndexError."""
    blocks = text.split("\n")
    gone = set(removed)
    if gone and max(gone) >= len(blocks):
        raise IndexError(f"block {max(gone)} of a text with {len(blocks)} blocks")
    return "\n".join(b for i, b in enumerate(blocks) if i not in gone)


class _ParquetWriter(pq.ParquetWriter):  # type: ignore[misc]
    """Finishes a file when it is closed, and only then."""

    def __del__(self) -> None:
        """Given up after an error (a disk that is full): nothing more is tried."""


class TableWriter:
    """Writes one file of a table: row groups bounded in bytes and rows, hashed on the way."""

    def __init__(self, run: Root, path: str, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._context = run.create(path)
        self._hashing = HashingWriter(self._context.__enter__())
        self._writer = _ParquetWriter(
            pa.PythonFile(self._hashing, mode="w"),
            schema,
            compression="zstd",
            write_page_checksum=True,  # a byte that flips on disk is no other row
        )
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = self._held_rows = 0
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch of the schema given; it is cut so that row groups depend on rows alone."""
        for row in range(0, batch.num_rows, 256):
            piece = batch.slice(row, 256)
            self._held.append(piece)
            self._held_bytes += piece.nbytes
            self._held_rows += piece.num_rows
            if self._held_bytes >= ROW_GROUP_BYTES or self._held_rows >= ROW_GROUP_ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._held:
            table = pa.Table.from_batches(self._held, schema=self._schema).combine_chunks()
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            self.rows += table.num_rows
        self._held, self._held_bytes, self._held_rows = [], 0, 0

    def close(self, table: str, source: str, part: int, aligned_to: str = "") -> FileEntry:
        """Finish the file; its manifest entry."""
        self._flush()
        self._writer.close()
        self._context.__exit__(None, None, None)
        h = self._hashing
        return FileEntry(table, source, part, self._path, self.rows, h.bytes, h.sha256, aligned_to)
