"""UTF-8 bytes to hashes of tokens, lines, shingles and whole texts: the compiled part.

What it computes is said in `kernels.dedup.shingles`, which calls it. One pass over the bytes, a
table look-up for each code point, in buffers of fixed size; any byte sequence is safe to read.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled

# A line of more tokens than this is never left out: it is a text, not a footer's line.
MAX_LINE_TOKENS = 4096

Bytes = NDArray[np.uint8]
Entries = NDArray[np.uint32]
Hashes = NDArray[np.uint64]
Offsets = NDArray[np.int64]

# As in textnorm, whose values a test compares: compiled code may not depend on another module.
_WORD, _SINGLE, _EXTEND, _DROP, _JAMO, _SEVERAL = 1, 2, 3, 4, 5, 7
_MAX_MARKS = 30  # held for their canonical order; the limit of UAX 15's stream-safe text
_HELD = 4  # where they stand in the state of a tokeniser
_MAX_UNITS = 24  # more than one code point can become (18, U+FDFA)
_TOKENS = 2 * MAX_LINE_TOKENS + 2 * _MAX_UNITS
_SEED = np.uint64(0x9AE16A3B2F90404F)
_MARK = np.uint64(0xC949C7DEFE1B9E6B)  # sets apart what is no token: symbols, whole texts, lines
_STEP = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0xD6E8FEB86659FD93)
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


@compiled
def mix(h: Any) -> Any:
    """MurmurHash3's fmix64."""
    h = (h ^ (h >> _33)) * _FIRST
    h = (h ^ (h >> _33)) * _SECOND
    return h ^ (h >> _33)


@compiled
def decode(text: Bytes, pos: int, end: int) -> tuple[Any, int]:
    """(code point, where the next one begins); U+FFFD for what is not UTF-8."""
    byte = np.int64(text[pos])
    if byte >= 0xF0:
        size, code = 4, byte & 7
    elif byte >= 0xE0:
        size, code = 3, byte & 15
    elif byte >= 0xC2:
        size, code = 2, byte & 31
    else:
        return np.int64(0xFFFD), pos + 1
    if pos + size > end:
        return np.int64(0xFFFD), end
    for i in range(pos + 1, pos + size):
        code = code << 6 | np.int64(text[i]) & 63
    return (code if code <= 0x10FFFF else np.int64(0xFFFD)), pos + size


@compiled
def _close(h: Any, marks: Any, state: Hashes) -> Any:
    """The hash of a token with the marks that are held."""
    for i in range(_HELD, _HELD + marks):
        h = (h ^ (state[i] >> np.uint64(11))) * _STEP
    return h


@compiled
def _hold(entry: Any, marks: Any, state: Hashes) -> Any:
    """One more mark, behind those of the same or a lower combining class; returns their number."""
    at = _HELD + marks
    ccc = entry >> 3 & 255
    while at > _HELD and np.int64(state[at - 1]) >> 3 & 255 > ccc:
        state[at] = state[at - 1]
        at -= 1
    state[at] = np.uint64(entry)
    return marks + 1


@compiled
def _join(base: Any, code: Any) -> Any:
    """The hangul syllable of two parts, 0 where they do not join."""
    if 0x1100 <= base <= 0x1112 and 0x1161 <= code <= 0x1175:
        return 0xAC00 + ((base - 0x1100) * 21 + code - 0x1161) * 28
    if 0xAC00 <= base <= 0xD7A3 and (base - 0xAC00) % 28 == 0 and 0x11A8 <= code <= 0x11C2:
        return base + code - 0x11A7
    return np.int64(0)


@compiled
def tokenise(
    text: Bytes,
    pos: int,
    end: int,
    entries: Entries,
    several: Entries,
    exact: bool,
    by_line: bool,
    out: Hashes,
    count: Any,
    state: Hashes,
) -> tuple[int, Any]:
    """Hashes of tokens into out, from index count on; (where it stopped, the new count).

    It stops at the end, where out is full, and behind a line break if by_line; what is begun is in
    state, and it can go on from there. exact: with punctuation and symbols.
    """
    kind_open: Any = np.int64(state[0])
    base: Any = np.int64(state[2])
    marks: Any = np.int64(state[3])
    h, room = state[1], len(out) - _MAX_UNITS
    while pos < end and count <= room:
        byte = text[pos]
        if byte < 0x80:
            code = np.int64(byte)
            pos += 1
        else:
            code, pos = decode(text, pos, end)
        entry = np.int64(entries[code])
        part: Any = np.int64(0)
        last: Any = part
        if entry & 7 == _SEVERAL:
            part = (entry >> 11) + 1
            last = part + (np.int64(several[part - 1]) >> 3) - 1
            entry = np.int64(several[part])
        while True:
            kind: Any = entry & 7
            value = np.uint64(entry >> 11)
            if kind == _EXTEND:
                if kind_open:
                    if entry >> 3 & 255 == 0 or marks == _MAX_MARKS:
                        h = _close(h, marks, state)
                        marks = 0
                    if entry >> 3 & 255 == 0:
                        h = (h ^ value) * _STEP
                    else:
                        marks = _hold(entry, marks, state)
                    base = 0
            elif kind != _DROP:
                joined = np.int64(0)
                if kind == _JAMO:
                    kind = _SINGLE
                    if kind_open == _SINGLE:
                        joined = _join(base, entry >> 11)
                if joined:
                    base = joined
                    h = (_SEED ^ np.uint64(joined)) * _STEP
                else:
                    if marks:
                        h = _close(h, marks, state)
                        marks = 0
                    if kind_open and (kind != _WORD or kind_open != _WORD):
                        out[count] = mix(h)
                        count += 1
                        kind_open = 0
                    if kind in (_WORD, _SINGLE):
                        h = ((h if kind_open else _SEED) ^ value) * _STEP
                        kind_open, base = kind, entry >> 11
                        while byte < 0x80 and pos < end and text[pos] < 0x80:
                            follow = entries[text[pos]]  # the rest of an ASCII word
                            if follow & 7 != _WORD:
                                break
                            h = (h ^ np.uint64(follow >> 11)) * _STEP
                            pos += 1
                    elif exact and value:
                        out[count] = mix((_MARK ^ value) * _STEP)
                        count += 1
            if part >= last:
                break
            part += 1
            entry = np.int64(several[part])
        if by_line and byte == 10:
            break
    state[0], state[1], state[2], state[3] = kind_open, h, base, marks
    return pos, count


@compiled
def finish(out: Hashes, count: Any, state: Hashes) -> Any:
    """Close the token that is open at the end of a text; the new count."""
    if state[0]:
        out[count] = mix(_close(state[1], np.int64(state[3]), state))
        count += 1
    state[0] = state[3] = 0
    return count


@compiled
def whole(tokens: Hashes, first: Any, last: Any) -> Any:
    """One hash of a sequence of tokens."""
    h = _MARK ^ np.uint64(last - first)
    for i in range(first, last):
        h = h * _BASE + tokens[i]
    return mix(h)


@compiled
def _exact(
    text: Bytes,
    pos: int,
    end: int,
    entries: Entries,
    several: Entries,
    tokens: Hashes,
    state: Hashes,
) -> tuple[Any, Any]:
    """Two independent hashes of a text with its punctuation."""
    one, two, size = _MARK, _SEED, np.uint64(0)
    while pos < end:
        pos, count = tokenise(
            text, pos, end, entries, several, True, False, tokens, np.int64(0), state
        )
        if pos == end:
            count = finish(tokens, count, state)
        for i in range(count):
            one = one * _BASE + tokens[i]
            two = (two ^ (tokens[i] >> _33) ^ tokens[i]) * _STEP
            two ^= two >> _33
        size += np.uint64(count)
    return mix(one ^ size), mix(two + size)


@compiled
def fill(
    text: Bytes,
    offsets: Offsets,
    entries: Entries,
    several: Entries,
    skip: Hashes,
    size: int,
    tokens: Hashes,
    cursor: Offsets,
    state: Hashes,
    hashes: Hashes,
    docs: Offsets,
    ends: Offsets,
) -> tuple[int, int]:
    """Shingles of the next documents into hashes; (number of hashes, number of documents).

    cursor: document, position, tokens at hand, where its line begins among them, whether that line
    is too long to be left out, shingles so far.
    """
    doc, pos, pending = cursor[0], cursor[1], cursor[2]
    line, long, made = cursor[3], cursor[4], cursor[5]
    used, parts, begun, by_line = 0, 0, 0, skip.size > 0
    while doc < len(offsets) - 1 and parts < len(docs) and used + len(tokens) <= len(hashes):
        end = offsets[doc + 1]
        pos, pending = tokenise(
            text, pos, end, entries, several, False, by_line, tokens, pending, state
        )
        done = pos == end
        if done:
            pending = finish(tokens, pending, state)
        if by_line and (done or text[pos - 1] == 10):
            if not long and 0 < pending - line <= MAX_LINE_TOKENS:
                h = whole(tokens, line, pending)
                at = np.searchsorted(skip, h)
                if at < skip.size and skip[at] == h:
                    pending = line
            line, long = pending, 0
        elif by_line:
            line, long = pending, 1
        if done or pending > MAX_LINE_TOKENS:
            for i in range(pending - size + 1):
                h = tokens[i]
                for j in range(i + 1, i + size):
                    h = h * _BASE + tokens[j]
                hashes[used] = mix(h)
                used += 1
            if pending >= size:
                made += pending - size + 1
                for i in range(size - 1):
                    tokens[i] = tokens[pending - size + 1 + i]
                line = pending = size - 1
        if done:
            if made == 0:
                hashes[used] = whole(tokens, 0, pending)
                if pending == 0:
                    hashes[used], _ = _exact(
                        text, offsets[doc], end, entries, several, tokens, state
                    )
                used += 1
            docs[parts], ends[parts] = doc, used
            parts, begun, doc = parts + 1, used, doc + 1
            pos, pending, line, long, made = end, 0, 0, 0, 0
    if used > begun:
        docs[parts], ends[parts] = doc, used
        parts += 1
    cursor[0], cursor[1], cursor[2] = doc, pos, pending
    cursor[3], cursor[4], cursor[5] = line, long, made
    return used, parts


@compiled
def lines(
    text: Bytes,
    offsets: Offsets,
    entries: Entries,
    several: Entries,
    tokens: Hashes,
    state: Hashes,
    hashes: Hashes,
    ends: Offsets,
) -> int:
    """The hash of each line that can be left out; how many there are."""
    used = 0
    for doc in range(len(offsets) - 1):
        pos, end, long = offsets[doc], offsets[doc + 1], False
        pending: Any = np.int64(0)
        while pos < end:
            pos, pending = tokenise(
                text, pos, end, entries, several, False, True, tokens, pending, state
            )
            if pos == end:
                pending = finish(tokens, pending, state)
            if pos == end or text[pos - 1] == 10:
                if not long and 0 < pending <= MAX_LINE_TOKENS:
                    hashes[used] = whole(tokens, 0, pending)
                    used += 1
                pending, long = 0, False
            else:
                pending, long = 0, True
        ends[doc + 1] = used
    return used


@compiled
def keys(
    text: Bytes,
    offsets: Offsets,
    entries: Entries,
    several: Entries,
    tokens: Hashes,
    state: Hashes,
    out: Hashes,
) -> None:
    """Two hashes of each text, with its punctuation, into out."""
    for doc in range(len(offsets) - 1):
        out[doc, 0], out[doc, 1] = _exact(
            text, offsets[doc], offsets[doc + 1], entries, several, tokens, state
        )


def new_buffers() -> tuple[Hashes, Hashes]:
    """A buffer of tokens, and the state of a tokeniser at the beginning of a text."""
    return np.empty(_TOKENS, np.uint64), np.zeros(_HELD + _MAX_MARKS, np.uint64)
