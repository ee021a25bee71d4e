"""A serialised page as elements and blocks of text, in one compiled pass over its code points.

A *block* is a run of text between two tags that break lines: `<p>One <b>two</b></p>` is one. Its
white space is that of a flow of text: runs of it are one space, none where a line of the source
ends between two Han or kana (CSS Text 3, 4.1.3).

What is read has been parsed and written again: every element that needs an end tag has one, and the
only entities in text are those of markup itself. Any other text is scanned without harm, and its
blocks may be wrong.

Left out: listings, whose white space counts (`markup` turns them into marked words before), and
which blocks are the main text (`page_features`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skypile.kernels import characters
from skypile.kernels.characters import (
    DIGIT,
    LETTER,
    PUNCTUATION,
    SPACE,
    TERMINAL,
    WIDE,
)
from skypile.kernels.compiled import I32, I64, U8, U16, U32, compiled

# What a tag does to text: it is part of a line, breaks it, hides what it holds, or holds text that
# is no markup and hidden. What is hidden breaks no line: icons and scripts stand in sentences.
INLINE, BLOCK, HIDING, RAW, BREAK = 0, 1, 2, 3, 4
_KINDS = {
    BLOCK: (
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dir"),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1"),
        *("h2", "h3", "h4", "h5", "h6", "header", "hgroup", "html", "legend", "li", "main", "menu"),
        *("nav", "ol", "p", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "tr", "ul", "caption", "optgroup", "label"),
    ),
    HIDING: (
        *("template", "button", "select", "textarea", "svg", "object", "video", "audio", "rt"),
        *("rp", "rtc", "canvas", "map", "datalist", "ignore_js_op", "math", "head", "noscript"),
        *("option", "dialog"),
    ),
    RAW: ("script", "style", "iframe", "noembed", "noframes", "xmp", "title"),
    BREAK: ("br", "hr"),
}
_INLINE_NAMED = ("a", "b", "strong", "em", "i", "span", "time", "font", "code", "cite", "small")
_VOID = (
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr", "frame", "keygen", "basefont", "bgsound"),
)
TAGS = ("", *dict.fromkeys((*sum(_KINDS.values(), ()), *_INLINE_NAMED, *_VOID)))
TAG = {name: i for i, name in enumerate(TAGS)}

_MAX_NAME_CHARS = 24  # of a tag, and of a word in a class: what is longer is a number in letters
_MAX_WORDS = 12  # of an element's class, id, role and itemprop
_BASIS, _PRIME = np.uint32(0x811C9DC5), np.uint32(0x01000193)


def name_hash(name: str) -> int:
    """The 32-bit FNV-1a hash of a lower-case ASCII name, as the scanner makes it."""
    state = 0x811C9DC5
    for byte in name.encode("ascii"):
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state


_SLOTS = 1024


def _tag_slots() -> tuple[U32, U8]:
    """An open hash table of the tags: hashes, 0 where free, and their numbers."""
    hashes, numbers = np.zeros(_SLOTS, np.uint32), np.zeros(_SLOTS, np.uint8)
    for name, number in TAG.items():
        if name:
            at = name_hash(name) % _SLOTS
            while hashes[at]:
                at = (at + 1) % _SLOTS
            hashes[at], numbers[at] = name_hash(name), number
    return hashes, numbers


def _of_tags(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in TAGS])


_TAG_HASHES, _TAG_NUMBERS = _tag_slots()
_IS_VOID = _of_tags(*_VOID)
_KIND = np.array([next((k for k, v in _KINDS.items() if t in v), INLINE) for t in TAGS], np.uint8)
_A, _LI, _UL, _OL, _TD = TAG["a"], TAG["li"], TAG["ul"], TAG["ol"], TAG["td"]
_TH, _TR, _TITLE, _TABLE = TAG["th"], TAG["tr"], TAG["title"], TAG["table"]
_HEAD, _SVG = TAG["head"], TAG["svg"]

# Columns of `Scan.elements`: the element around, the tag, the nesting; the first block at or
# behind its start, and the one behind its end; the innermost item, cell and row that it is or is
# in, and the number of lists around it, each within one cell; -1 where there is none.
PARENT, TAG_OF, DEPTH, FIRST, END, ITEM, CELL, ROW, LISTS, IN_LINK, HIDDEN = range(11)
# Columns of `Scan.blocks`. Weights are characters but spaces, a wide one counted 3.5 times, in
# halves; so texts of all scripts have lengths that can be compared.
(
    ELEMENT,  # the innermost element that breaks lines
    INNER,  # the innermost element of all where that is one and the same at both ends, else ELEMENT
    START,
    STOP,  # of its text in `Scan.text`
    WEIGHT,
    LINKED,  # weight of it in links
    LINKS,
    CHARS,
    WIDE_CHARS,
    DIGITS,
    MARKS,  # punctuation
    ENDS,  # of sentences
    COMMAS,
    CAPITALS,
    WORDS,  # a wide character is one
    BEHIND_BREAK,  # begun by br
    TITLE_WORDS,  # how many of its words are in the page's title
) = range(17)


class Scan(NamedTuple):
    """A page: elements in order of their start tags, blocks in order, and the words in attributes.

    word_elements, word_hashes: the words of class, id, role and itemprop, in order of elements.
    title: (start, stop) of the title in `text`; behind one another if there is none.
    """

    text: U32
    elements: I32
    blocks: I32
    word_elements: I32
    word_hashes: U32
    title_words: int
    deepest: int


def scan(html: str) -> Scan:
    """The elements and blocks of a page, in time linear in it."""
    data = html.encode("utf-32-le", "replace")
    codes = np.frombuffer(data, np.uint32)
    return Scan(*_scan(codes, characters.classes()))


@compiled
def _lower(c: int) -> int:
    return c + 32 if 65 <= c <= 90 else c


@compiled
def _is_space(c: int) -> bool:
    return c == 32 or 9 <= c <= 13


@compiled
def _tag_number(name: np.uint32) -> int:
    at = int(name) % _SLOTS
    while _TAG_HASHES[at]:
        if _TAG_HASHES[at] == name:
            return int(_TAG_NUMBERS[at])
        at = (at + 1) % _SLOTS
    return 0


@compiled
def _find(c: U32, i: int, a: int, b: int, d: int) -> int:
    """Where three code points stand in a row, from i on; the end if nowhere."""
    n = len(c)
    while i + 2 < n:
        if c[i] == a and c[i + 1] == b and c[i + 2] == d:
            return i
        i += 1
    return n


@compiled
def _raw_end(c: U32, i: int, name: np.uint32) -> int:
    """Where the end tag of an element without markup stands; the end of the page if nowhere."""
    n = len(c)
    while i + 2 < n:
        if c[i] == 60 and c[i + 1] == 47:
            state, j = _BASIS, i + 2
            while j < n and j - i < _MAX_NAME_CHARS and c[j] > 32 and c[j] != 62 and c[j] != 47:
                state = np.uint32((state ^ np.uint32(_lower(c[j]))) * _PRIME)
                j += 1
            if state == name:
                return i
        i += 1
    return n


_CLASS, _ID, _ROLE = (np.uint32(name_hash(n)) for n in ("class", "id", "role"))
_PROPERTY, _STYLE, _HIDDEN_NAME = (np.uint32(name_hash(n)) for n in ("itemprop", "style", "hidden"))


@compiled
def _words(c: U32, i: int, stop: int, element: int, of: I32, hashes: U32, count: int) -> int:
    """Add the words of an attribute: letters, cut before a capital behind a small letter."""
    first = count
    while i < stop and count < len(of) and count - first < _MAX_WORDS:
        state, size, before = _BASIS, 0, 0
        while i < stop:
            code = int(c[i])
            capital = 65 <= code <= 90
            small = 97 <= code <= 122
            if not (capital or small) or (capital and 97 <= before <= 122):
                break
            state = np.uint32((state ^ np.uint32(_lower(code))) * _PRIME)
            size += 1
            before = code
            i += 1
        if 2 <= size <= _MAX_NAME_CHARS:
            of[count], hashes[count] = element, state
            count += 1
        if size == 0:
            i += 1
    return count


@compiled
def _hides(c: U32, i: int, stop: int) -> bool:
    """Whether a style says `display: none`."""
    while i + 11 < stop:
        if _lower(c[i]) == 100 and _lower(c[i + 1]) == 105 and _lower(c[i + 6]) == 121:  # d i....y
            j = i + 7
            while j < stop and (c[j] == 32 or c[j] == 58):
                j += 1
            if j + 3 < stop + 0 and c[j] == 110 and c[j + 1] == 111 and c[j + 2] == 110:
                return True
        i += 1
    return False


@compiled
def _entity(c: U32, i: int) -> tuple[int, int]:
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
def _joins(code: int) -> bool:
    """Han, kana and their punctuation, which a line end of the source does not part."""
    return (
        0x2E80 <= code <= 0x303F
        or 0x3041 <= code <= 0x30FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFF01 <= code <= 0xFF60
    )


_TITLE_BITS = 4096


@compiled
def _note_title(c: U32, i: int, stop: int, classes: U16, bits: U8) -> int:
    """Note the words of the title in a table; how many."""
    count, state = 0, _BASIS
    inside = False
    while i <= stop:
        code = int(c[i]) if i < stop else 32
        kind = int(classes[code])
        if kind & (LETTER | DIGIT):
            state = np.uint32((state ^ np.uint32(_lower(code))) * _PRIME)
            inside = True
        elif inside:
            bits[int(state) % _TITLE_BITS] = 1
            count += 1
            state, inside = _BASIS, False
        if kind & WIDE:
            bits[int(np.uint32((_BASIS ^ np.uint32(code)) * _PRIME)) % _TITLE_BITS] = 1
            count += 1
        i += 1
    return count


# What the scanner remembers from one tag or piece of text to the next, in one array.
(
    SIZE,  # of the text so far
    COUNT,  # blocks that are finished; the number of the one at hand
    KNOWN,  # elements begun
    WORDS_KNOWN,  # words of attributes
    CURRENT,  # the innermost open element
    BREAKING,  # the innermost open one that breaks lines
    BEGUN,  # whether the block at hand has text
    SPACED,  # whether white space waits to be written
    NEWLINE,  # whether a line ended in it
    BROKEN,  # whether the last tag was a break
    IN_WORD,
    WORD,  # hash of the word at hand
    LAST,  # element of the last character
    TITLED,  # words of the title
    DEEPEST,
) = range(15)


@compiled
def _scan(c: U32, classes: U16) -> tuple[U32, I32, I32, I32, U32, int, int]:
    n = len(c)
    tags = 1
    for i in range(n):
        tags += c[i] == 60
    elements, blocks = np.full((tags + 1, 11), -1, np.int32), np.zeros((tags + 1, 17), np.int32)
    names, title = np.zeros(tags + 1, np.uint32), np.zeros(_TITLE_BITS, np.uint8)
    holders = np.zeros(tags + 1, np.int32)  # the innermost element around that breaks lines
    of, hashes = np.empty(n // 4 + 16, np.int32), np.empty(n // 4 + 16, np.uint32)
    text, state = np.empty(n + tags + 1, np.uint32), np.zeros(15, np.int64)
    # The root, which nothing closes.
    for column in (TAG_OF, DEPTH, FIRST, LISTS, IN_LINK, HIDDEN):
        elements[0, column] = 0
    state[KNOWN] = 1
    i = 0
    while i < n:
        if c[i] != 60:
            i = _read_text(c, i, classes, elements, blocks, text, title, state)
            continue
        follows = int(c[i + 1]) if i + 1 < n else 0
        closing = follows == 47
        j = i + 2 if closing else i + 1
        letter = _lower(int(c[j])) if j < n else 0
        if not 97 <= letter <= 122:
            i = _behind_no_tag(c, i, follows)
            continue
        name = _BASIS
        while j < n and c[j] > 32 and c[j] != 62 and c[j] != 47:
            name = np.uint32((name ^ np.uint32(_lower(c[j]))) * _PRIME)
            j += 1
        tag = _tag_number(name)
        kind = int(_KIND[tag])
        if kind == BLOCK or kind == BREAK:  # noqa: SIM109
            _end_block(blocks, text, title, state)
            state[BROKEN] = kind == BREAK
        if closing:
            while j < n and c[j] != 62:
                j += 1
            i = j + 1
            _close(elements, names, holders, name, state)
        elif tag and _IS_VOID[tag]:
            i = _behind_tag(c, j)
        else:
            new = _open(elements, blocks, tag, kind, state)
            names[new], holders[new] = name, state[BREAKING]
            i = _read_attributes(c, j, new, elements, of, hashes, state)
            if kind == RAW:
                end = _raw_end(c, i, name)
                if tag == _TITLE and state[TITLED] == 0:
                    state[TITLED] = _note_title(c, i, end, classes, title)
                i = end
    _end_block(blocks, text, title, state)
    known, count = state[KNOWN], state[COUNT]
    for at in range(known):
        if elements[at, END] < 0:
            elements[at, END] = count
    return (
        text[: state[SIZE]].copy(),
        elements[:known].copy(),
        blocks[:count].copy(),
        of[: state[WORDS_KNOWN]].copy(),
        hashes[: state[WORDS_KNOWN]].copy(),
        state[TITLED],
        state[DEEPEST],
    )


@compiled
def _behind_no_tag(c: U32, i: int, follows: int) -> int:
    """Behind a comment, a declaration, or a sign that begins nothing."""
    n = len(c)
    if follows == 33 and i + 3 < n and c[i + 2] == 45 and c[i + 3] == 45:
        return _find(c, i + 4, 45, 45, 62) + 3
    if follows == 33 or follows == 63 or follows == 47:
        while i < n and c[i] != 62:
            i += 1
    return i + 1


@compiled
def _behind_tag(c: U32, j: int) -> int:
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
def _read_text(
    c: U32, i: int, classes: U16, elements: I32, blocks: I32, text: U32, title: U8, state: I64
) -> int:
    """Add the characters up to the next tag to the block at hand; where that tag is."""
    n, current = len(c), state[CURRENT]
    hidden, linked = elements[current, HIDDEN] > 1, elements[current, IN_LINK] > 0
    size, begun = state[SIZE], state[BEGUN]
    spaced, newline = state[SPACED], state[NEWLINE]
    in_word, word = state[IN_WORD], np.uint32(state[WORD])
    row = blocks[state[COUNT]]
    while i < n and c[i] != 60:
        code = int(c[i])
        if code == 38:
            code, step = _entity(c, i)
            i += step
        else:
            i += 1
        if hidden:
            continue
        if _is_space(code):
            spaced = 1
            newline |= code == 10
            continue
        kind = int(classes[code])
        if not begun:
            begun, in_word = 1, 0
            row[ELEMENT], row[INNER], row[START] = state[BREAKING], current, size
            row[BEHIND_BREAK] = state[BROKEN]
        elif spaced and not (newline and _joins(int(text[size - 1])) and _joins(code)):
            text[size] = 32
            size += 1
        if in_word and (spaced or not kind & (LETTER | DIGIT)):
            _end_word(row, word, title)
            in_word = 0
        spaced = newline = 0
        text[size] = code
        size += 1
        state[LAST] = current
        if kind & SPACE:
            continue
        if kind & (LETTER | DIGIT):
            word = np.uint32(((word if in_word else _BASIS) ^ np.uint32(_lower(code))) * _PRIME)
            in_word = 1
        _count(row, code, kind, linked, title)
    state[SIZE], state[BEGUN], state[SPACED], state[NEWLINE] = size, begun, spaced, newline
    state[IN_WORD], state[WORD] = in_word, word
    return i


@compiled
def _count(row: I32, code: int, kind: int, linked: bool, title: U8) -> None:
    """Count a character that is no space."""
    row[CHARS] += 1
    weight = 2
    if kind & WIDE:
        weight = 7
        row[WIDE_CHARS] += 1
        _end_word(row, np.uint32((_BASIS ^ np.uint32(code)) * _PRIME), title)
    elif 0xAC00 <= code <= 0xD7A3:
        weight = 7
        row[WIDE_CHARS] += 1
    row[WEIGHT] += weight
    if linked:
        row[LINKED] += weight
    if kind & DIGIT:
        row[DIGITS] += 1
    elif kind & PUNCTUATION:
        row[MARKS] += 1
        if kind & TERMINAL:
            row[ENDS] += 1
        elif code == 44 or code == 0xFF0C or code == 0x3001:
            row[COMMAS] += 1
    elif 65 <= code <= 90:
        row[CAPITALS] += 1


@compiled
def _end_word(row: I32, word: np.uint32, title: U8) -> None:
    row[WORDS] += 1
    row[TITLE_WORDS] += title[int(word) % _TITLE_BITS]


@compiled
def _end_block(blocks: I32, text: U32, title: U8, state: I64) -> None:
    """End the block at hand, if it has text."""
    if state[BEGUN]:
        row = blocks[state[COUNT]]
        if state[IN_WORD]:
            _end_word(row, np.uint32(state[WORD]), title)
        if state[LAST] != row[INNER]:
            row[INNER] = row[ELEMENT]
        row[STOP] = state[SIZE]
        text[state[SIZE]] = 10
        state[SIZE] += 1
        state[COUNT] += 1
    state[BEGUN] = state[IN_WORD] = state[SPACED] = state[NEWLINE] = 0


_MAX_STEPS = 64  # up to an element that an end tag closes: what was written again needs one


@compiled
def _close(elements: I32, names: U32, holders: I32, name: np.uint32, state: I64) -> None:
    """Close the innermost element of a name, and all in it."""
    at, steps = state[CURRENT], 0
    while at > 0 and names[at] != name and steps < _MAX_STEPS:
        at = int(elements[at, PARENT])
        steps += 1
    if at == 0 or names[at] != name:
        return
    current, outer = state[CURRENT], int(elements[at, PARENT])
    while current != outer:
        elements[current, END] = state[COUNT] + state[BEGUN]
        current = int(elements[current, PARENT])
    state[CURRENT], state[BREAKING] = outer, holders[outer]


@compiled
def _open(elements: I32, blocks: I32, tag: int, kind: int, state: I64) -> int:
    """Begin an element; its number."""
    new, current = state[KNOWN], state[CURRENT]
    for column in range(11):
        elements[new, column] = elements[current, column]
    elements[new, PARENT], elements[new, TAG_OF] = current, tag
    elements[new, DEPTH] += 1
    elements[new, FIRST], elements[new, END] = state[COUNT], -1
    if tag == _A:
        elements[new, IN_LINK] = 1
        blocks[state[COUNT], LINKS] += state[BEGUN]
    elif tag == _LI:
        elements[new, ITEM] = new
    elif tag == _UL or tag == _OL:  # noqa: SIM109
        elements[new, LISTS] += 1
    elif tag == _TD or tag == _TH:  # noqa: SIM109
        elements[new, CELL], elements[new, ITEM], elements[new, LISTS] = new, -1, 0
    elif tag == _TR:
        elements[new, ROW], elements[new, CELL] = new, -1
    if kind == HIDING or kind == RAW:  # noqa: SIM109
        elements[new, HIDDEN] = 2
    state[DEEPEST] = max(state[DEEPEST], int(elements[new, DEPTH]))
    state[KNOWN], state[CURRENT] = new + 1, new
    if kind == BLOCK:
        state[BREAKING] = new
    return int(new)


@compiled
def _read_attributes(
    c: U32, j: int, element: int, elements: I32, of: I32, hashes: U32, state: I64
) -> int:
    """Note the words of an element's class, id, role and itemprop, and whether it is hidden; where
    its start tag ends.
    """
    n = len(c)
    while j < n and c[j] != 62:
        if c[j] <= 32 or c[j] == 47:
            j += 1
            continue
        name, begin = _BASIS, j
        while j < n and c[j] > 32 and c[j] != 62 and c[j] != 61 and c[j] != 47:
            name = np.uint32((name ^ np.uint32(_lower(c[j]))) * _PRIME)
            j += 1
        if name == _HIDDEN_NAME:
            elements[element, HIDDEN] = max(1, elements[element, HIDDEN])
        if j == begin and c[j] != 61:
            j += 1
        if j >= n or c[j] != 61:
            continue
        quote = int(c[j + 1]) if j + 1 < n else 0
        quoted = quote == 34 or quote == 39
        start = stop = j + 1 + quoted
        while stop < n and (c[stop] != quote if quoted else c[stop] > 32 and c[stop] != 62):
            stop += 1
        j = stop + quoted
        if name == _CLASS or name == _ID or name == _ROLE or name == _PROPERTY:  # noqa: SIM109
            known = state[WORDS_KNOWN]
            state[WORDS_KNOWN] = _words(c, start, stop, element, of, hashes, known)
        elif name == _STYLE and elements[element, HIDDEN] == 0:
            elements[element, HIDDEN] = _hides(c, start, stop)
    return j + 1
