"""The files of a release: JSON lines, packed or not, and Parquet.

The bytes depend on the rows alone (and on the versions of the libraries that pack): not on how they
come, a few or many at a time. No time stamp and no name is in them.
"""

import zlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zlib_ng.zlib_ng
import zstandard

from skypile.files import Root
from skypile.hashing import HashingWriter
from skypile.parts import ROW_GROUP_BYTES, ROW_GROUP_ROWS

JSONL, PARQUET = FORMATS = ("jsonl", "parquet")
SUFFIXES = {"none": ".jsonl", "gzip": ".jsonl.gz", "zstd": ".jsonl.zst"}
METADATA = (
    *("id", "source", "category", "partition", "url", "title", "date", "licence", "repository"),
)
GZIP_LEVEL, ZSTD_LEVEL = 6, 3
_PACK_BYTES = 1 << 20  # a packer is fed pieces of this size: what it makes may depend on them


@dataclass(frozen=True)
class Layout:
    """How shards are written. `shard_bytes`: of JSON lines, or in Parquet of the strings of a row
    in UTF-8, before they are packed. metadata: with the columns METADATA beside `text`.
    """

    format: str = JSONL
    compression: str = "none"
    shard_bytes: int = 500_000_000
    metadata: bool = False

    @property
    def columns(self) -> pa.Schema:
        """The columns: all strings; only `text` is always there."""
        names = ("text", *(METADATA if self.metadata else ()))
        return pa.schema([pa.field(n, pa.string(), nullable=n != "text") for n in names])

    @property
    def suffix(self) -> str:
        """How the names of shards end."""
        return ".parquet" if self.format == PARQUET else SUFFIXES[self.compression]


class Writer(Protocol):
    """Writes one shard."""

    def write(self, rows: "Rows") -> None:
        """Append rows."""

    def close(self) -> tuple[int, str]:
        """Finish the file: its bytes and SHA-256."""


class Rows:
    """Rows of a release as they will be written, and where each ends, in bytes before packing."""

    def __init__(self, table: pa.Table, layout: Layout) -> None:
        self.table = table.select(layout.columns.names).cast(layout.columns)
        self.lines: list[bytes] | None = None
        if layout.format == JSONL:
            self.lines = [
                orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
                for row in self.table.to_pylist()
            ]
            sizes = np.array([len(line) for line in self.lines], np.int64)
        else:
            sizes = np.zeros(table.num_rows, np.int64)
            for column in self.table.columns:
                sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
        self.ends = np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def bytes(self) -> int:
        """Of all rows, before packing."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def slice(self, first: int, rows: int) -> "Rows":
        """Some of them."""
        cut = Rows.__new__(Rows)
        cut.table = self.table.slice(first, rows)
        cut.lines = None if self.lines is None else self.lines[first : first + rows]
        cut.ends = self.ends[first : first + rows] - (self.ends[first - 1] if first else 0)
        return cut

    def fitting(self, room: int) -> int:
        """How many of the first rows have at most so many bytes."""
        return int(np.searchsorted(self.ends, room, side="right"))


class Lines:
    """A file of JSON lines."""

    def __init__(self, root: Root, path: str, layout: Layout) -> None:
        self._context = root.create(path)
        self._out = HashingWriter(self._context.__enter__())
        self._held = bytearray()
        self._packer: Any = None
        if layout.compression == "gzip":
            self._packer = zlib_ng.zlib_ng.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
        elif layout.compression == "zstd":
            # With workers, of whatever number, the bytes are the same; without, they are others.
            self._packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=2).compressobj()

    def write(self, rows: Rows) -> None:
        """Append rows."""
        self._held += b"".join(rows.lines or ())
        while len(self._held) >= _PACK_BYTES:
            self._put(bytes(self._held[:_PACK_BYTES]))
            del self._held[:_PACK_BYTES]

    def _put(self, data: bytes) -> None:
        self._out.write(self._packer.compress(data) if self._packer else data)

    def close(self) -> tuple[int, str]:
        """Finish the file: its bytes and SHA-256."""
        self._put(bytes(self._held))
        if self._packer:
            self._out.write(self._packer.flush())
        self._context.__exit__(None, None, None)
        return self._out.bytes, self._out.sha256


class Parquet:
    """A Parquet file; its row groups are as large as those of the run's own tables."""

    def __init__(self, root: Root, path: str, layout: Layout) -> None:
        self._context = root.create(path)
        self._out = HashingWriter(self._context.__enter__())
        # Readers on a hub look at pages, and send only chunks that changed since the last version.
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._out, mode="w"),
            layout.columns,
            compression="zstd",
            write_page_index=True,
            use_content_defined_chunking=True,
        )
        self._held: list[pa.Table] = []
        self._bytes = self._rows = 0

    def write(self, rows: Rows) -> None:
        """Append rows."""
        while len(rows):
            fits = min(rows.fitting(ROW_GROUP_BYTES - self._bytes), ROW_GROUP_ROWS - self._rows)
            fits = fits or (0 if self._rows else 1)  # one row at least
            self._held.append(rows.table.slice(0, fits))
            self._bytes += int(rows.ends[fits - 1]) if fits else 0
            self._rows += fits
            if fits < len(rows):
                self._flush()
            rows = rows.slice(fits, len(rows) - fits)

    def _flush(self) -> None:
        if self._rows:
            table = pa.concat_tables(self._held).combine_chunks()
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._held, self._bytes, self._rows = [], 0, 0

    def close(self) -> tuple[int, str]:
        """Finish the file: its bytes and SHA-256."""
        self._flush()
        self._writer.close()
        self._context.__exit__(None, None, None)
        return self._out.bytes, self._out.sha256


def writer(root: Root, path: str, layout: Layout) -> Writer:
    """A writer of one file."""
    made: type[Lines] | type[Parquet] = Lines if layout.format == JSONL else Parquet
    return made(root, path, layout)
