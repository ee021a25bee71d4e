"""A page without what no judge of its blocks looks at, in one compiled pass over its bytes: what
scripts, styles and comments hold, and all attributes but those that `page_scan` reads or that move
elements in the tree. What is left is a quarter of a page, and parses to the same tree.

Only what is plain is left out: where a page ends in the middle of a tag, of a comment or of a
script, the rest is as it was.
"""

import numpy as np

from skypile.kernels.compiled import I64, U8, compiled
from skypile.kernels.fast_engine.page_read import lower
from skypile.kernels.fast_engine.page_tags import BASIS, MAX_NAME_CHARS, PRIME, name_hash

# What says something of a block, and what decides where an element goes: a hidden input stays in
# a table, a font with a colour ends a drawing, an annotation in HTML holds HTML; a role of
# data tells a thread (`threads`), and a button in a listing does something (`markup`).
_KEPT = (
    *("class", "id", "role", "itemprop", "style", "hidden", "type", "color", "face", "size"),
    *("encoding", "data-role", "onclick"),
)
_SLOTS = 256


def _slots(*names: str) -> U8:
    """A table by hash: 1 + the number of a name, 0 for others; no two names share a place."""
    table = np.zeros(_SLOTS, np.uint8)
    for number, name in enumerate(names):
        at = name_hash(name) % _SLOTS
        if table[at]:
            raise ValueError(f"{name} shares its place with {names[table[at] - 1]}")
        table[at] = number + 1
    return table


_KEPT_AT = _slots(*_KEPT)
_KEPT_HASHES = np.array([name_hash(name) for name in _KEPT], np.uint32)
# Elements whose content is no markup: of the first two it is left out, of the others copied.
_RAW = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
_RAW_AT = _slots(*_RAW)
_RAW_HASHES = np.array([name_hash(name) for name in _RAW], np.uint32)
_EMPTIED = 2
_PLAINTEXT, _SVG, _MATH = (np.uint32(name_hash(n)) for n in ("plaintext", "svg", "math"))
_AT, _SIZE = 0, 1  # what has been read, and written


def slim(page: bytes) -> bytes:
    """The page, in UTF-8, without what is looked at by nobody; in time linear in it."""
    data = np.frombuffer(page, np.uint8)
    out = np.empty(2 * len(data) + 64, np.uint8)
    return out[: _slim(data, out)].tobytes()


@compiled
def _slim(c: U8, out: U8) -> int:
    n, state, drawings = len(c), np.zeros(2, np.int64), 0
    while state[_AT] < n:
        i, size = state[_AT], state[_SIZE]
        while i < n and c[i] != 60:
            out[size] = c[i]
            i += 1
            size += 1
        state[_AT], state[_SIZE] = i, size
        if i == n:
            break
        closing = i + 1 < n and c[i + 1] == 47
        begin = i + 2 if closing else i + 1
        letter = int(c[begin]) if begin < n else 0
        if 97 <= letter | 32 <= 122:
            name, own_end = _tag(c, out, begin, closing, state)
            if name == 0:
                break
            if name == _SVG or name == _MATH:  # noqa: SIM109
                drawings = max(0, drawings + (-1 if closing else 1 - own_end))
            elif not closing and not (own_end and drawings) and not _raw(c, out, name, state):
                break
        elif not closing and letter == 33 and begin + 2 < n and _is_comment(c, begin):
            end = _comment_end(c, begin + 1)
            if end == n:
                break
            # In its place stays an empty one: what stands around it must not become a tag.
            _copy(c, out, i, i + 4, state)
            _copy(c, out, end - 3, end, state)
            if c[end - 3] == 45 and c[end - 2] == 33:
                out[state[_SIZE] - 2] = 45
            state[_AT] = end
        else:
            # A declaration, or what is read as a comment, ends at the next bracket in any case.
            end = i + 1
            if closing or letter == 63 or letter == 33:
                while end < n and c[end] != 62:
                    end += 1
            _copy(c, out, i, end, state)
    _copy(c, out, state[_AT], n, state)
    return int(state[_SIZE])


@compiled
def _copy(c: U8, out: U8, start: int, stop: int, state: I64) -> None:
    size = state[_SIZE]
    for i in range(start, stop):
        out[size] = c[i]
        size += 1
    state[_AT], state[_SIZE] = stop, size


@compiled
def _is_comment(c: U8, i: int) -> bool:
    """Whether a comment begins at this exclamation mark."""
    return bool(c[i + 1] == 45 and c[i + 2] == 45)


@compiled
def _comment_end(c: U8, i: int) -> int:
    """Behind the comment whose first hyphen stands here: `-->`, `--!>`, or `>` at once."""
    n, first = len(c), i
    while i + 2 < n:
        if c[i] == 45 and c[i + 1] == 45:
            if c[i + 2] == 62:
                return i + 3
            if i >= first + 2 and i + 3 < n and c[i + 2] == 33 and c[i + 3] == 62:
                return i + 4
        i += 1
    return n


@compiled
def _is_white(byte: int) -> bool:
    return byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13


@compiled
def _tag(c: U8, out: U8, i: int, closing: bool, state: I64) -> tuple[np.uint32, int]:
    """Write the tag whose name begins here, with the attributes that count. The hash of its name,
    0 where the page ends in it (then nothing is read); and whether it says that it has no content.
    """
    n, name = len(c), BASIS
    at, size = state[_AT], state[_SIZE]
    while i < n and c[i] != 47 and c[i] != 62 and not _is_white(int(c[i])):
        name = np.uint32((name ^ np.uint32(lower(int(c[i])))) * PRIME)
        i += 1
    for j in range(at, i):
        out[size + j - at] = c[j]
    size += i - at
    seen, own_end = 0, 0
    while True:
        own_end = 0
        while i < n and (c[i] == 47 or _is_white(int(c[i]))):
            own_end = int(c[i] == 47)
            i += 1
        if i >= n:
            return np.uint32(0), 0
        if c[i] == 62:
            break
        start, kept = i, BASIS
        while i < n and not _is_white(int(c[i])) and c[i] != 47 and c[i] != 62:
            if c[i] == 61 and i > start:
                break
            kept = np.uint32((kept ^ np.uint32(lower(int(c[i])))) * PRIME)
            i += 1
        name_end = i
        while i < n and _is_white(int(c[i])):
            i += 1
        if i < n and c[i] == 61:
            i = _value_end(c, i + 1)
        else:
            i = name_end
        if i >= n:
            return np.uint32(0), 0
        number = int(_KEPT_AT[int(kept) % _SLOTS])
        if number == 0 or _KEPT_HASHES[number - 1] != kept or closing or (seen >> number) & 1:
            continue
        seen |= 1 << number
        out[size] = 32
        for j in range(start, i):
            out[size + 1 + j - start] = c[j]
        size += 1 + i - start
    if own_end:
        out[size], out[size + 1] = 32, 47
        size += 2
    out[size] = 62
    state[_AT], state[_SIZE] = i + 1, size + 1
    return name, own_end


@compiled
def _value_end(c: U8, i: int) -> int:
    """Behind the value that follows an equals sign; the end of the page if it ends in there."""
    n = len(c)
    while i < n and _is_white(int(c[i])):
        i += 1
    if i < n and (c[i] == 34 or c[i] == 39):
        quote = c[i]
        i += 1
        while i < n and c[i] != quote:
            i += 1
        return i + 1
    while i < n and c[i] != 62 and not _is_white(int(c[i])):
        i += 1
    return i


@compiled
def _raw(c: U8, out: U8, name: np.uint32, state: I64) -> bool:
    """Go behind the content of an element that holds no markup, to its end tag. False where the
    rest of the page is best left as it is.
    """
    if name == _PLAINTEXT:
        return False
    number = int(_RAW_AT[int(name) % _SLOTS])
    if number == 0 or _RAW_HASHES[number - 1] != name:
        return True
    start, n = int(state[_AT]), len(c)
    i, nested = start, 0  # in a script: 1 in what looks like a comment, 2 in a script within it
    while i + 2 < n:
        if number == 1 and c[i] == 45 and c[i + 1] == 45 and c[i + 2] == 62:
            nested = 0
        elif c[i] == 60 and c[i + 1] == 47 and _named(c, i + 2, name):
            if nested < 2:
                if number <= _EMPTIED:
                    state[_AT] = i
                else:
                    _copy(c, out, start, i, state)
                return True
            nested = 1
        elif number == 1 and c[i] == 60:
            if nested == 1 and _named(c, i + 1, name):
                nested = 2
            elif nested == 0 and i + 3 < n and c[i + 1] == 33 and c[i + 2] == 45 and c[i + 3] == 45:
                nested = 1
                i += 1
        i += 1
    return False


@compiled
def _named(c: U8, i: int, name: np.uint32) -> bool:
    """Whether a tag's name that begins here is this one."""
    found, stop = BASIS, min(len(c), i + MAX_NAME_CHARS)
    while i < stop and c[i] != 47 and c[i] != 62 and not _is_white(int(c[i])):
        found = np.uint32((found ^ np.uint32(lower(int(c[i])))) * PRIME)
        i += 1
    return bool(found == name and i < len(c))
