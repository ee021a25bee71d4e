"""Streams that hash what goes through them: files that are written, slices that are read."""

import hashlib
from typing import Any, BinaryIO, cast


class HashingWriter:
    """A binary writer that passes bytes on, counts them and hashes them on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write and hash."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._stream.write(view)
        self.bytes += len(view)
        return len(view)

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        """Mark as closed; the stream below stays with its owner."""
        self.closed = True

    def readable(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Never."""
        return False

    def tell(self) -> int:
        """Bytes written so far."""
        return self.bytes

    @property
    def sha256(self) -> str:
        """Hex digest of everything written."""
        return self._hash.hexdigest()


class SliceReader:
    """The bytes from `start` to `end` of a file as a stream that hashes what it hands out.

    `digest` reads what is left: a file that changed after it was planned is refused before anything
    of it is committed.
    """

    def __init__(self, stream: Any, start: int, end: int) -> None:
        stream.seek(start)
        self._stream = stream
        self._left, self._end = end - start, end
        self._hash = hashlib.sha256()
        self.read_so_far = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all that is left when it is negative; b"" at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = cast(bytes, self._stream.read(wanted)) if wanted else b""
        self._left -= len(data)
        self.read_so_far += len(data)
        self._hash.update(data)
        return data

    def file_head(self, size: int) -> bytes:
        """The first bytes of the file, whatever the slice; not hashed, since the task that reads
        the file's first slice does that.
        """
        self._stream.seek(0)
        data = cast(bytes, self._stream.read(size))
        self._stream.seek(self._end - self._left)
        return data

    def digest(self) -> str:
        """Reads to the end; the hex SHA-256 of the slice."""
        while self.read(1 << 20):
            pass
        return self._hash.hexdigest()
