"""What `page_scan` reads piece by piece: names, words of attributes, entities, the page's title."""

import numpy as np

from skypile.kernels.compiled import I32, U8, U16, U32, compiled
from skypile.kernels.fast_engine.page_tags import (
    BASIS,
    MAX_NAME_CHARS,
    MAX_WORDS,
    PRIME,
    SLOTS,
    TAG_HASHES,
    TAG_NUMBERS,
    name_hash,
)
from skypile.kernels.text.characters import DIGIT, LETTER, WIDE


@compiled
def lower(c: int) -> int:
    """The small letter of an ASCII capital, anything else as it is."""
    return c + 32 if 65 <= c <= 90 else c


@compiled
def is_space(c: int) -> bool:
    """Whether HTML takes a code point for white space."""
    return c == 32 or 9 <= c <= 13


@compiled
def tag_number(name: np.uint32) -> int:
    """The number in `TAGS` of a tag by the hash of its name, 0 for one that is not there."""
    at = int(name) % SLOTS
    while TAG_HASHES[at]:
        if TAG_HASHES[at] == name:
            return int(TAG_NUMBERS[at])
        at = (at + 1) % SLOTS
    return 0


@compiled
def find_mark(c: U32, i: int, a: int, b: int, d: int) -> int:
    """Where three code points stand in a row, from i on; the end if nowhere."""
    n = len(c)
    while i + 2 < n:
        if c[i] == a and c[i + 1] == b and c[i + 2] == d:
            return i
        i += 1
    return n


@compiled
def behind_no_tag(c: U32, i: int, follows: int) -> int:
    """Behind a comment, a declaration, or a sign that begins nothing."""
    n = len(c)
    if follows == 33 and i + 3 < n and c[i + 2] == 45 and c[i + 3] == 45:
        return find_mark(c, i + 4, 45, 45, 62) + 3
    if follows == 33 or follows == 63 or follows == 47:
        while i < n and c[i] != 62:
            i += 1
    return i + 1


@compiled
def behind_tag(c: U32, j: int) -> int:
    """Behind the tag whose name ends here; ends of tags in quotes do not count."""
    quote = 0
    while j < len(c) and (quote or c[j] != 62):
        if quote:
            quote = 0 if c[j] == quote else quote
        elif c[j] == 34 or c[j] == 39:
            quote = int(c[j])
        j += 1
    return j + 1


@compiled
def raw_end(c: U32, i: int, name: np.uint32) -> int:
    """Where the end tag of an element without markup stands; the end of the page if nowhere."""
    n = len(c)
    while i + 2 < n:
        if c[i] == 60 and c[i + 1] == 47:
            state, j = BASIS, i + 2
            while j < n and j - i < MAX_NAME_CHARS and c[j] > 32 and c[j] != 62 and c[j] != 47:
                state = np.uint32((state ^ np.uint32(lower(c[j]))) * PRIME)
                j += 1
            if state == name:
                return i
        i += 1
    return n


CLASS, ID, ROLE = (np.uint32(name_hash(n)) for n in ("class", "id", "role"))
PROPERTY, STYLE, HIDDEN_NAME = (np.uint32(name_hash(n)) for n in ("itemprop", "style", "hidden"))


@compiled
def read_words(c: U32, i: int, stop: int, element: int, of: I32, hashes: U32, count: int) -> int:
    """Add the words of an attribute: letters, cut before a capital behind a small letter."""
    first = count
    while i < stop and count < len(of) and count - first < MAX_WORDS:
        state, size, before = BASIS, 0, 0
        while i < stop:
            code = int(c[i])
            capital = 65 <= code <= 90
            small = 97 <= code <= 122
            if not (capital or small) or (capital and 97 <= before <= 122):
                break
            state = np.uint32((state ^ np.uint32(lower(code))) * PRIME)
            size += 1
            before = code
            i += 1
        if 2 <= size <= MAX_NAME_CHARS:
            of[count], hashes[count] = element, state
            count += 1
        if size == 0:
            i += 1
    return count


@compiled
def is_hidden(c: U32, i: int, stop: int) -> bool:
    """Whether a style says `display: none`."""
    while i + 11 < stop:
        if lower(c[i]) == 100 and lower(c[i + 1]) == 105 and lower(c[i + 6]) == 121:  # d i....y
            j = i + 7
            while j < stop and (c[j] == 32 or c[j] == 58):
                j += 1
            if j + 3 < stop + 0 and c[j] == 110 and c[j + 1] == 111 and c[j + 2] == 110:
                return True
        i += 1
    return False


@compiled
def read_entity(c: U32, i: int) -> tuple[int, int]:
    """(code point, length) of the entity at an ampersand; the ampersand itself if it is none."""
    n = len(c)
    if i + 3 < n and c[i + 2] == 116 and c[i + 3] == 59:
        if c[i + 1] == 108:
            return 60, 4
        if c[i + 1] == 103:
            return 62, 4
    if i + 4 < n and c[i + 1] == 97 and c[i + 2] == 109 and c[i + 3] == 112 and c[i + 4] == 59:
        return 38, 5
    if i + 5 < n and c[i + 1] == 110 and c[i + 2] == 98 and c[i + 3] == 115 and c[i + 5] == 59:
        return 160, 6
    if i + 5 < n and c[i + 1] == 113 and c[i + 2] == 117 and c[i + 3] == 111 and c[i + 5] == 59:
        return 34, 6
    return 38, 1


@compiled
def joins_lines(code: int) -> bool:
    """Han, kana and their punctuation, which a line end of the source does not part."""
    return (
        0x2E80 <= code <= 0x303F
        or 0x3041 <= code <= 0x30FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFF01 <= code <= 0xFF60
    )


TITLE_BITS = 4096


@compiled
def note_title(c: U32, i: int, stop: int, classes: U16, bits: U8) -> int:
    """Note the words of the title in a table; how many."""
    count, state = 0, BASIS
    inside = False
    while i <= stop:
        code = int(c[i]) if i < stop else 32
        kind = int(classes[code])
        if kind & (LETTER | DIGIT):
            state = np.uint32((state ^ np.uint32(lower(code))) * PRIME)
            inside = True
        elif inside:
            bits[int(state) % TITLE_BITS] = 1
            count += 1
            state, inside = BASIS, False
        if kind & WIDE:
            bits[int(np.uint32((BASIS ^ np.uint32(code)) * PRIME)) % TITLE_BITS] = 1
            count += 1
        i += 1
    return count
