"""The stretches of an archive that no record crosses, each as a buffer that reads on as asked.

A stretch is a whole plain file, or a member of a compressed one (and members that go on with its
last record). A damaged member gives what can be had of it, and ends where the next one with a
record begins. Skippable frames are passed over.

Where a damaged member ends may hang on bytes far behind that end: a candidate for the next member
is judged by what it decodes to, and may state any length. `_Members` notes how far it has looked,
and no range begins within that (`Buffer.may_cut`): so a range of a file has all that decided it.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from skypile.kernels.reading import codecs, heads
from skypile.kernels.reading.frames import DictionaryFrame, Zstd

HOLD = 64 << 20  # kept for a second look; not a setting, since ordinals must not depend on one
_SNIFF, _MAX_SNIFF = 4096, 1 << 20  # bytes of a member that may show if a record begins there
_LOOK = 64  # bytes; of a member, to begin with: more than its head has
_KEEP = 2 << 20  # bytes
_STEP = 8 << 20  # bytes; more than a decoder takes in a step
_TRIES, _TRY = 16, 4096  # bytes that may be tried for each one searched; of a try, at least


@dataclass(frozen=True)
class Damage:
    """Where a file is not as it should be: `truncated_record`, `malformed_record`, `not_a_warc`,
    `not_a_dump`.
    """

    offset: int
    reason: str
    detail: str


class Buffer:
    """Bytes out of an iterator, as many as asked for: `data`, after `at` that were dropped. `fault`
    is how they end badly, as a generator returns it. members: what they are inflated from, if so.
    may_cut: whether a range of the file may begin with the first of them.
    """

    def __init__(
        self, pieces: Iterator[bytes], start: int, members: "_Members | None" = None
    ) -> None:
        self.data, self.at, self._pieces = bytearray(), 0, pieces
        self._start, self._members, self.plain = start, members, members is None
        self.may_cut = members is None or members.may_cut()
        self._ended = False
        self.fault: Damage | None = None

    @property
    def offset(self) -> int:
        """Byte of the file where `data` begins; where its member does, if it is inflated."""
        return self._start + self.at if self.plain else self._start

    def fill(self, size: int, join: bool = False) -> bool:
        """Whether `data` has as many, after reading on; join: in a member without a record, too."""
        data = self.data
        while len(data) < size:
            if not self._ended:
                try:
                    data += next(self._pieces)
                except StopIteration as end:
                    self.fault, self._ended = end.value, True
            elif not self.fault and join and self._members and self._members.goes_on():
                self._pieces, self._ended = self._members.member(), False
            else:
                return False
        return True

    def drop(self, size: int) -> None:
        """Forget as many bytes."""
        del self.data[:size]
        self.at += size

    def at_fault(self) -> bool:
        """Whether nothing is left but a bad end."""
        return self.fault is not None and not self.data.strip(b"\r\n")

    def skip(self, size: int) -> bool:
        """Read and drop as many bytes; False where there are less."""
        while size and self.fill(1, join=True):
            step = min(size, len(self.data))
            self.drop(step)
            size -= step
        return not size

    def closed(self, at: int, syntax: heads.Syntax) -> bool:
        """Whether at `at` is what follows a record."""
        if len(self.data) < at + syntax.look:
            self.fill(at + syntax.look)
        return syntax.behind.match(self.data, at) is not None

    def resync(self, syntax: heads.Syntax, dropped: int = 0) -> int:
        """Drop so many bytes, and all up to the next start of a record; how many in all."""
        self.drop(dropped)
        while not (found := syntax.start.search(self.data)):
            size = len(self.data)
            step = max(0, size - syntax.look) if self.fill(size + 1) else size
            self.drop(step)
            dropped += step
            if step == size:
                return dropped
        self.drop(found.start())
        return dropped + found.start()


def stretches(
    raw: Buffer, start: int, file_head: Callable[[int], bytes] | None = None
) -> Iterator[Buffer]:
    """The stretches of a file from `start` on, in order; each is to be read to its end before the
    next. file_head: gives the first bytes of the file, for the dictionary of what is behind them.
    """
    raw.fill(codecs.MAX_MAGIC)
    if raw.data and not codecs.starts(raw.data):
        yield raw
    members = _Members(raw)
    if start and file_head and raw.data:
        members.take_dictionary(file_head)
    while raw.fill(1):
        yield Buffer(members.member(), raw.offset, members)


class _Members:
    """The members of a compressed file, one after the other."""

    def __init__(self, raw: Buffer) -> None:
        self._raw, self._zstd = raw, Zstd()
        # What was decided of bytes before the one in front hangs on bytes up to `_looked`; what was
        # decided of the one in front, on bytes up to `_looked_here`.
        self._looked = self._looked_here = 0

    def may_cut(self) -> bool:
        """Whether nothing that was decided so far hangs on what is in front, or behind it."""
        return self._looked <= self._raw.offset

    def take_dictionary(self, file_head: Callable[[int], bytes]) -> None:
        """Use the dictionary that the file begins with, if it does. (A broken one is noted where
        the file is read from its start.)
        """
        size = 8
        while codecs.is_dictionary(data := bytearray(file_head(size))) and len(data) == size:
            frame = DictionaryFrame(self._zstd)
            try:
                frame.step(data, 0, 0)
            except codecs.ERRORS:
                return
            if frame.ended:
                return
            size = frame.needs

    def member(self) -> Generator[bytes, None, Damage | None]:
        """The member in front, decoded; where it is damaged, as much as there is.

        The first `_KEEP` bytes are kept back until it is known how the member ends: if the next one
        begins within it, what is behind that is not its own.
        """
        raw, kept, size = self._raw, list[bytes](), 0
        raw.fill(codecs.MAX_MAGIC)
        kind, at, fed, made, error = codecs.kind(raw.data), raw.offset, 0, 0, None
        decoder = codecs.decoder(kind, self._zstd)
        if at == 0 and codecs.is_dictionary(raw.data):
            decoder = DictionaryFrame(self._zstd)
        self._looked = max(self._looked, self._looked_here)
        if not decoder:
            self._looked = max(self._looked, at + codecs.MAX_MAGIC)
            error = None if codecs.is_cut(raw.data) else "no member begins there"
        while decoder:
            raw.fill(fed + decoder.likes)
            if len(raw.data) - fed < decoder.needs:
                break
            try:
                used, data = decoder.step(raw.data, fed, codecs.MAKE)
            except codecs.ERRORS as caught:
                error = str(caught)
                break
            fed += used
            if data:
                kept.append(data)
                size += len(data)
            if kept and (decoder.ended or made or size > _KEEP):
                yield kept[0] if len(kept) == 1 else b"".join(kept)
                made, size = made + size, 0
                kept.clear()
            if decoder.ended or fed > HOLD:
                raw.drop(fed)
                fed = 0
            if decoder.ended:
                self._pass_over()
                return None
        kept.clear()
        if made or raw.offset > at:
            self._looked = max(self._looked, raw.offset + fed + _STEP)
        return (yield from self._rest(kind, at, made, error))

    def _pass_over(self) -> None:
        """Drop skippable frames in front: a record may go on behind them."""
        raw = self._raw
        while (
            raw.fill(8)
            and raw.data[2] == 0x4D
            and 0 < (size := codecs.skippable(raw.data)) <= HOLD
            and raw.fill(size)
        ):
            raw.drop(size)

    def _rest(
        self, kind: int, at: int, made: int, error: str | None
    ) -> Generator[bytes, None, Damage]:
        """Where the next member begins, the damaged one ends: what else is its own."""
        raw = self._raw
        end = self._find()
        size = raw.offset + end - at
        if raw.offset == at and kind:
            rest = codecs.rescue(kind, bytes(raw.data[:end]), self._zstd, HOLD)
            error = rest.error or (error if rest.ended else None)
            yield rest.data[made:]
        elif error and kind:
            error = "it is damaged"  # what a library says may depend on what came before
        raw.drop(end)
        reason = "malformed_record" if error else "truncated_record"
        return Damage(
            at, reason, f"{codecs.name(kind)} of {size:,} bytes: {error or 'it has no end'}"
        )

    def _find(self) -> int:
        """Where in the raw data, from 1, the next member with a record begins; or where all ends.

        What looks like members is tried for a multiple of the bytes searched, no more: hostile data
        may look like nothing else.
        """
        raw, at, searched, tried = self._raw, 1, 0, 0
        while True:
            found = codecs.find(raw.data, at)
            step = 1
            if found >= 0 and tried > HOLD + _TRIES * (searched + found):
                step = _TRY // _TRIES
            elif found >= 0:
                holds, cost, looked = self._sniff(found)
                tried += cost
                if holds:
                    self._looked_here = looked
                    return found
                self._looked = max(self._looked, looked)
            tail = max(1, len(raw.data) - codecs.MAX_MAGIC + 1)
            at = min(found + step, len(raw.data)) if found >= 0 else tail
            if at > HOLD:
                raw.drop(at - 1)
                searched += at - 1
                at = 1
            if found < 0 and not raw.fill(len(raw.data) + 1):
                return len(raw.data)

    def goes_on(self) -> bool:
        """Whether there is a member in front, and no record begins with it."""
        holds, _, self._looked_here = self._sniff(0)
        return holds is False

    def _sniff(self, at: int) -> tuple[bool | None, int, int]:
        """(whether a record begins with the member at `at`, None where there is no such member,
        how many bytes it took to tell, the byte of the file up to which they lie).
        """
        raw, fed, cost, made, holds, size = self._raw, 0, _TRY, b"", None, _LOOK
        raw.fill(at + _SNIFF)
        kind = codecs.kind(raw.data, at)
        front = codecs.front(kind, raw.data, at, _SNIFF // 2)
        if len(front) >= 5 and (holds := heads.begins(front)) is not None:
            return holds, cost, raw.offset + at + len(front) + size
        decoder = codecs.decoder(kind, self._zstd, apart=True) if kind != codecs.SKIPPABLE else None
        while decoder and not decoder.ended and fed < _MAX_SNIFF and len(made) < heads.MAX_LINE:
            size = max(size, fed + max(decoder.needs, fed, _LOOK))
            raw.fill(at + size)
            if len(raw.data) - at - fed < decoder.needs:
                break
            cost += decoder.needs
            try:
                used, data = decoder.step(raw.data[at + fed : at + size], 0, 16)
            except codecs.ERRORS:
                break
            fed, made = fed + used, made + data
            if made and (holds := heads.begins(made)) is not None:
                break
        looked = raw.offset + at + len(front) + size
        return bool(holds) if made else None, cost + fed, looked
