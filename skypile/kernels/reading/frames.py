"""Frames of zstd and lz4, decoded block by block, so that a damaged one gives what comes before.

Sources: RFC 8878; the LZ4 frame format 1.6; IIPC's Zstandard Compression for WARC Files 1.0 (the
dictionary that a file may begin with). Left out: lz4's legacy frames and dictionaries.
"""

import lz4.frame
import zstandard

MAX_DICTIONARY = 64 << 20  # bytes; the specification asks for 8 MiB
_MAX_WINDOW = 128 << 20  # bytes; zstd's own limit
_LZ4_STEP = 512 << 10  # bytes


class Zstd:
    """Makes decoders of zstd frames, with the dictionary that the file begins with, if any."""

    def __init__(self) -> None:
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self._context = self._made()

    def _made(self) -> zstandard.ZstdDecompressor:
        return zstandard.ZstdDecompressor(dict_data=self._dictionary, max_window_size=_MAX_WINDOW)

    def load(self, data: bytes) -> None:
        """Take the dictionary out of the content of a dictionary frame.

        Raises one of ERRORS where it is none.
        """
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            data = self._made().stream_reader(data).read(MAX_DICTIONARY + 1)
        if len(data) > MAX_DICTIONARY or not data.startswith(b"\x37\xa4\x30\xec"):
            raise ValueError(f"{len(data):,} bytes are no dictionary")
        self._dictionary = zstandard.ZstdCompressionDict(
            data, dict_type=zstandard.DICT_TYPE_FULLDICT
        )
        try:
            self._context = self._made()
        except zstandard.ZstdError:
            self._dictionary = None
            raise

    def frame(self, apart: bool) -> "zstandard.ZstdDecompressionObj":
        """A decompressor of one frame. apart: beside one that is not done; a new one, too, since
        what an old one says of damaged data depends on what it was used for.
        """
        return (self._made() if apart else self._context).decompressobj()


class DictionaryFrame:
    """Decodes the dictionary frame into `zstd`; puts nothing out."""

    def __init__(self, zstd: Zstd) -> None:
        self.needs = self.likes = 8
        self.ended = False
        self._zstd = zstd

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        """As a Decoder's, all in one."""
        size = 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if size > MAX_DICTIONARY:
            raise ValueError(f"a dictionary of {size:,} bytes")
        if len(data) - at < size:
            self.needs = self.likes = size
            return 0, b""
        self._zstd.load(bytes(data[at + 8 : at + size]))
        self.ended = True
        return size, b""


class ZstdFrame:
    """A header, blocks of at most 128 KiB, and a checksum, each fed by itself (RFC 8878, 3.1.1)."""

    def __init__(self, z: "zstandard.ZstdDecompressionObj") -> None:
        self.needs = self.likes = 5
        self.ended = False
        self._z, self._part, self._checksum = z, "header", False

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        """As a Decoder's."""
        size, after = self._piece(data, at)
        if len(data) - at < size:
            self.needs = self.likes = size
            return 0, b""
        made = self._z.decompress(data[at : at + size])
        self._part, self.needs = after, 4 if after == "checksum" else 3
        self.likes = self.needs
        self.ended = after == "end"
        return size, made

    def _piece(self, data: bytearray, at: int) -> tuple[int, str]:
        """(length of the piece at `at`, what is behind it)."""
        if self._part == "header":
            self._checksum = bool(data[at + 4] & 4)
            return _zstd_header(data[at + 4]), "block"
        if self._part == "checksum":
            return 4, "end"
        head = int.from_bytes(data[at : at + 3], "little")
        size = head >> 3  # at most 2 MiB; zstd refuses more than 128 KiB
        last = "checksum" if self._checksum else "end"
        return 3 + (1 if head >> 1 & 3 == 1 else size), last if head & 1 else "block"


class Lz4Frame:
    """A header, blocks of the size it states, and an end mark (LZ4 frame format, 1.6).

    Several blocks a step, since the library copies 64 KiB with each call; careful: one, since an
    error costs its step's output.
    """

    def __init__(self, careful: bool = False) -> None:
        self.needs = self.likes = 7
        self.ended = False
        self._z, self._flags, self._largest = lz4.frame.LZ4FrameDecompressor(), 0, 0
        self._at_once = 1 if careful else _LZ4_STEP

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        """As a Decoder's."""
        used, blocks = 0, 0
        while not self.ended and (not blocks or blocks * self._largest < self._at_once):
            if len(data) - at - used < self.needs:
                break
            size, ends = self._piece(data, at + used)
            if len(data) - at - used < size:
                self.needs = size
                break
            used, blocks = used + size, blocks + 1
            if not self._largest:
                self._flags, self._largest = data[at + 4], 1 << 8 + 2 * (data[at + 5] >> 4 & 7)
            self.ended, self.needs = ends, 4
        self.likes = self.needs
        if not used:
            return 0, b""
        # Without a limit, it begins with a small piece and doubles it. A block never has more.
        made: bytes = self._z.decompress(data[at : at + used], blocks * self._largest + 1)
        return used, made

    def _piece(self, data: bytearray, at: int) -> tuple[int, bool]:
        """(length of the piece at `at`, whether it is the last)."""
        if not self._largest:
            return _lz4_header(data[at + 4]), False
        size = int.from_bytes(data[at : at + 4], "little") & 0x7FFFFFFF
        if size > self._largest:
            raise ValueError(f"a block of {size:,} bytes")
        if not size:
            return 4 + (4 if self._flags & 4 else 0), True
        return 4 + size + (4 if self._flags & 16 else 0), False


def zstd_front(data: bytearray, at: int, most: int) -> bytes:
    """The first bytes that the zstd frame at `at` holds as they are, in a raw block: they show what
    is in it though the block may be cut.
    """
    if len(data) - at < 18:
        return b""
    at += _zstd_header(data[at + 4])
    head = int.from_bytes(data[at : at + 3], "little")
    return b"" if head >> 1 & 3 else bytes(data[at + 3 : at + 3 + min(head >> 3, most)])


def lz4_front(data: bytearray, at: int, most: int) -> bytes:
    """The first bytes that the lz4 frame at `at` holds as they are: a raw block, or literals."""
    if len(data) - at < 24:
        return b""
    at += _lz4_header(data[at + 4]) + 4
    size = int.from_bytes(data[at - 4 : at], "little")
    if size >> 31:
        return bytes(data[at : at + min(size & 0x7FFFFFFF, most)])
    literals = data[at] >> 4
    at += 1
    if literals == 15:
        while at < len(data) and literals < most:
            more, at = data[at], at + 1
            literals += more
            if more < 255:
                break
    return bytes(data[at : at + min(literals, size, most)])


def _zstd_header(flags: int) -> int:
    single = flags >> 5 & 1
    return 6 - single + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]


def _lz4_header(flags: int) -> int:
    return 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
