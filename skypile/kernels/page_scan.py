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
    HAN,
    KANA,
    LETTER,
    ODD,
    PUNCTUATION,
    SPACE,
    TERMINAL,
    WIDE,
)
from skypile.kernels.compiled import I32, I64, U8, U16, U32, compiled

# What a tag does to text: it is part of a line, breaks it, hides what it holds, or holds text that
# is no markup.
INLINE, BLOCK, HIDING, RAW, BREAK = 0, 1, 2, 3, 4
_KINDS = {
    BLOCK: (
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog"),
        *("dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1"),
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
_KIND[[TAG["br"], TAG["hr"]]] = BREAK
_KIND[[TAG["dialog"]]] = HIDING
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


@compiled
def _scan(c: U32, classes: U16) -> tuple[U32, I32, I32, I32, U32, int, int]:
    n = len(c)
    tags = 1
    for i in range(n):
        tags += c[i] == 60
    elements = np.full((tags + 1, 11), -1, np.int32)
    blocks = np.zeros((tags + 1, 17), np.int32)
    names = np.zeros(tags + 1, np.uint32)
    of = np.empty(n // 4 + 16, np.int32)
    hashes = np.empty(n // 4 + 16, np.uint32)
    text = np.empty(n + 1, np.uint32)
    title = np.zeros(_TITLE_BITS, np.uint8)
    title_words = words = size = count = deepest = 0
    # The root, which nothing closes.
    elements[0, TAG_OF] = elements[0, DEPTH] = elements[0, FIRST] = elements[0, LISTS] = 0
    elements[0, IN_LINK] = elements[0, HIDDEN] = 0
    known, current, block_element = 1, 0, 0
    begun = space = newline = broken = False
    word_state, in_word, last_inner = _BASIS, False, 0
    i = 0
    while i < n:
        code = int(c[i])
        if code != 60:
            if code == 38:
                code, step = _entity(c, i)
                i += step
            else:
                i += 1
            if _is_space(code):
                space = True
                newline = newline or code == 10
                continue
            if elements[current, HIDDEN] > 1:
                continue
            kind = int(classes[code])
            row = blocks[count]
            if not begun:
                begun = True
                row[ELEMENT], row[INNER], row[START] = block_element, current, size
                row[BEHIND_BREAK] = broken
                in_word, word_state = False, _BASIS
            elif space:
                if not (newline and _joins(int(text[size - 1])) and _joins(code)):
                    text[size] = 32
                    size += 1
            if in_word and (space or not kind & (LETTER | DIGIT)):
                row[WORDS] += 1
                row[TITLE_WORDS] += title[int(word_state) % _TITLE_BITS]
                in_word, word_state = False, _BASIS
            space = newline = False
            text[size] = code
            size += 1
            last_inner = current
            if kind & SPACE:
                continue
            row[CHARS] += 1
            weight = 2
            if kind & WIDE or 0xAC00 <= code <= 0xD7A3:
                weight = 7
                row[WIDE_CHARS] += 1
            if kind & WIDE:
                row[WORDS] += 1
                at = int(np.uint32((_BASIS ^ np.uint32(code)) * _PRIME)) % _TITLE_BITS
                row[TITLE_WORDS] += title[at]
            elif kind & (LETTER | DIGIT):
                word_state = np.uint32((word_state ^ np.uint32(_lower(code))) * _PRIME)
                in_word = True
            row[WEIGHT] += weight
            if elements[current, IN_LINK]:
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
            continue
        follows = int(c[i + 1]) if i + 1 < n else 0
        closing = follows == 47
        j = i + 2 if closing else i + 1
        letter = _lower(int(c[j])) if j < n else 0
        if not 97 <= letter <= 122:
            if follows == 33 and i + 3 < n and c[i + 2] == 45 and c[i + 3] == 45:
                i = _find(c, i + 4, 45, 45, 62) + 3
            elif follows == 33 or follows == 63 or closing:
                while i < n and c[i] != 62:
                    i += 1
                i += 1
            else:  # a sign that is no tag
                i += 1
            continue
        name = _BASIS
        while j < n and c[j] > 32 and c[j] != 62 and c[j] != 47:
            name = np.uint32((name ^ np.uint32(_lower(c[j]))) * _PRIME)
            j += 1
        tag = _tag_number(name)
        kind = int(_KIND[tag])
        if begun and kind != INLINE:
            row = blocks[count]
            if in_word:
                row[WORDS] += 1
                row[TITLE_WORDS] += title[int(word_state) % _TITLE_BITS]
                in_word = False
            if last_inner != row[INNER]:
                row[INNER] = row[ELEMENT]
            row[STOP] = size
            text[size] = 10
            size += 1
            count += 1
            begun = False
        if kind != INLINE:
            space = newline = False
            broken = kind == BREAK
        if closing:
            while j < n and c[j] != 62:
                j += 1
            i = j + 1
            at, steps = current, 0
            while at > 0 and names[at] != name and steps < 64:
                at = int(elements[at, PARENT])
                steps += 1
            if at > 0 and names[at] == name:
                while True:
                    elements[current, END] = count + begun
                    parent = int(elements[current, PARENT])
                    if current == at:
                        break
                    current = parent
                current = parent
                block_element = current
                while block_element > 0 and _KIND[elements[block_element, TAG_OF]] == INLINE:
                    block_element = int(elements[block_element, PARENT])
            continue
        if tag and _IS_VOID[tag]:
            quote = 0
            while j < n and (quote or c[j] != 62):
                if quote:
                    quote = 0 if c[j] == quote else quote
                elif c[j] == 34 or c[j] == 39:
                    quote = int(c[j])
                j += 1
            i = j + 1
            continue
        new = known
        known += 1
        elements[new] = elements[current]
        elements[new, PARENT], elements[new, TAG_OF] = current, tag
        elements[new, DEPTH] = elements[current, DEPTH] + 1
        deepest = max(deepest, int(elements[new, DEPTH]))
        elements[new, FIRST], elements[new, END] = count, -1
        names[new] = name
        if tag == _A:
            elements[new, IN_LINK] = 1
            if begun:
                blocks[count, LINKS] += 1
        elif tag == _LI:
            elements[new, ITEM] = new
        elif tag == _UL or tag == _OL:
            elements[new, LISTS] += 1
        elif tag == _TD or tag == _TH:
            elements[new, CELL], elements[new, ITEM], elements[new, LISTS] = new, -1, 0
        elif tag == _TR:
            elements[new, ROW], elements[new, CELL] = new, -1
        if kind == HIDING or kind == RAW:
            elements[new, HIDDEN] = 2
        # Its attributes.
        slash = False
        while j < n and c[j] != 62:
            if c[j] <= 32 or c[j] == 47:
                slash = c[j] == 47
                j += 1
                continue
            slash = False
            state = _BASIS
            while j < n and c[j] > 32 and c[j] != 62 and c[j] != 61 and c[j] != 47:
                state = np.uint32((state ^ np.uint32(_lower(c[j]))) * _PRIME)
                j += 1
            if state == _HIDDEN_NAME and elements[new, HIDDEN] == 0:
                elements[new, HIDDEN] = 1
            if j < n and c[j] == 61:
                j += 1
                quote = int(c[j]) if j < n else 0
                if quote == 34 or quote == 39:
                    j += 1
                    start = j
                    while j < n and c[j] != quote:
                        j += 1
                    stop = j
                    j += 1
                else:
                    start = j
                    while j < n and c[j] > 32 and c[j] != 62:
                        j += 1
                    stop = j
                if state == _CLASS or state == _ID or state == _ROLE or state == _PROPERTY:
                    words = _words(c, start, stop, new, of, hashes, words)
                elif state == _STYLE and _hides(c, start, stop) and elements[new, HIDDEN] == 0:
                    elements[new, HIDDEN] = 1
            elif j < n and c[j] != 62 and c[j] > 32 and c[j] != 47:
                j += 1
        i = j + 1
        if kind == RAW:
            end = _raw_end(c, i, name)
            in_head = tag == _TITLE and elements[current, TAG_OF] != _SVG
            if in_head and title_words == 0:
                title_words = _note_title(c, i, end, classes, title)
            i = end
        if slash and tag == 0:  # an element of another language, closed at once
            elements[new, END] = count + begun
            continue
        current = new
        if kind != INLINE:
            block_element = new
    if begun:
        blocks[count, STOP] = size
        blocks[count, WORDS] += in_word
        count += 1
    for at in range(known):
        if elements[at, END] < 0:
            elements[at, END] = count
    return (
        text[:size].copy(),
        elements[:known].copy(),
        blocks[:count].copy(),
        of[:words].copy(),
        hashes[:words].copy(),
        title_words,
        deepest,
    )
