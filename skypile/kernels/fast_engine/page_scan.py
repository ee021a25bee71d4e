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

import numpy as np

from skypile.kernels.compiled import I32, I64, U8, U16, U32, compiled
from skypile.kernels.fast_engine.page_counts import (
    BEGUN,
    BREAKING,
    BROKEN,
    COUNT,
    CURRENT,
    DEEPEST,
    IN_WORD,
    KNOWN,
    LAST,
    NEWLINE,
    SIZE,
    SPACED,
    TITLED,
    WORD,
    WORDS_KNOWN,
    add_counts,
    end_block,
)
from skypile.kernels.fast_engine.page_read import (
    CLASS,
    HIDDEN_NAME,
    ID,
    PROPERTY,
    ROLE,
    STYLE,
    TITLE_BITS,
    behind_no_tag,
    behind_tag,
    is_hidden,
    is_space,
    joins_lines,
    lower,
    note_title,
    raw_end,
    read_entity,
    read_words,
    tag_number,
)
from skypile.kernels.fast_engine.page_tags import (
    BASIS,
    BEHIND_BREAK,
    BLOCK,
    BREAK,
    CELL,
    DEPTH,
    ELEMENT,
    END,
    FIRST,
    HIDDEN,
    HIDING,
    IN_LINK,
    INNER,
    IS_VOID,
    ITEM,
    KIND_OF,
    LINKS,
    LISTS,
    PARENT,
    PRIME,
    RAW,
    ROW,
    START,
    TAG_A,
    TAG_LI,
    TAG_OF,
    TAG_OL,
    TAG_TD,
    TAG_TH,
    TAG_TITLE,
    TAG_TR,
    TAG_UL,
    Scan,
)
from skypile.kernels.text import characters
from skypile.kernels.text.characters import (
    DIGIT,
    LETTER,
    PUNCTUATION,
    SPACE,
    TERMINAL,
    WIDE,
)


def scan(html: str) -> Scan:
    """The elements and blocks of a page, in time linear in it."""
    data = html.encode("utf-32-le", "replace")
    codes = np.frombuffer(data, np.uint32)
    return Scan(*_scan(codes, characters.classes()))


@compiled
def _scan(c: U32, classes: U16) -> tuple[U32, I32, I32, I32, U32, int, int]:
    n = len(c)
    tags = 1
    for i in range(n):
        tags += c[i] == 60
    elements, blocks = np.full((tags + 1, 11), -1, np.int32), np.zeros((tags + 1, 17), np.int32)
    names, title = np.zeros(tags + 1, np.uint32), np.zeros(TITLE_BITS, np.uint8)
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
        letter = lower(int(c[j])) if j < n else 0
        if not 97 <= letter <= 122:
            i = behind_no_tag(c, i, follows)
            continue
        name = BASIS
        while j < n and c[j] > 32 and c[j] != 62 and c[j] != 47:
            name = np.uint32((name ^ np.uint32(lower(c[j]))) * PRIME)
            j += 1
        tag = tag_number(name)
        kind = int(KIND_OF[tag])
        if kind == BLOCK or kind == BREAK:  # noqa: SIM109
            end_block(blocks, text, title, state)
            state[BROKEN] = kind == BREAK
        if closing:
            while j < n and c[j] != 62:
                j += 1
            i = j + 1
            _close(elements, names, holders, name, state)
        elif tag and IS_VOID[tag]:
            i = behind_tag(c, j)
        else:
            new = _open(elements, blocks, tag, kind, state)
            names[new], holders[new] = name, state[BREAKING]
            i = _read_attributes(c, j, new, elements, of, hashes, state)
            if kind == RAW:
                end = raw_end(c, i, name)
                if tag == TAG_TITLE and state[TITLED] == 0:
                    state[TITLED] = note_title(c, i, end, classes, title)
                i = end
    end_block(blocks, text, title, state)
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
def _read_text(
    c: U32, i: int, classes: U16, elements: I32, blocks: I32, text: U32, title: U8, state: I64
) -> int:
    """Add the characters up to the next tag to the block at hand; where that tag is."""
    n, current, first = len(c), state[CURRENT], state[SIZE]
    if elements[current, HIDDEN] > 1:
        while i < n and c[i] != 60:
            i += 1
        return i
    size, begun = first, state[BEGUN]
    spaced, newline = state[SPACED], state[NEWLINE]
    in_word, word = state[IN_WORD], np.uint32(state[WORD])
    row = blocks[state[COUNT]]
    # Counted here and added to the row once: each of them stays in a register.
    chars = wide = digits = marks = ends = commas = capitals = words = title_words = 0
    while i < n and c[i] != 60:
        code, step = int(c[i]), 1
        if code == 38:
            code, step = read_entity(c, i)
        i += step
        if is_space(code) or code == 0x3000:  # which indents Chinese paragraphs
            spaced = 1
            newline |= code == 10
            continue
        kind = int(classes[code])
        if not begun:
            begun, in_word = 1, 0
            row[ELEMENT], row[INNER], row[START] = state[BREAKING], current, size
            row[BEHIND_BREAK] = state[BROKEN]
        elif spaced and not (newline and joins_lines(int(text[size - 1])) and joins_lines(code)):
            text[size] = 32
            size += 1
        if in_word and (spaced or not kind & (LETTER | DIGIT)):
            words += 1
            title_words += title[int(word) % TITLE_BITS]
            in_word = 0
        spaced = newline = 0
        text[size] = code
        size += 1
        if kind & SPACE:
            continue
        chars += 1
        if kind & (LETTER | DIGIT):
            word = np.uint32(((word if in_word else BASIS) ^ np.uint32(lower(code))) * PRIME)
            in_word = 1
        if 97 <= code <= 122:  # most are, and are nothing else
            continue
        if kind & WIDE:
            wide += 1
            words += 1
            title_words += title[int(np.uint32((BASIS ^ np.uint32(code)) * PRIME)) % TITLE_BITS]
        elif 0xAC00 <= code <= 0xD7A3:
            wide += 1
        digits += (kind & DIGIT) != 0
        if kind & PUNCTUATION:
            marks += 1
            ends += (kind & TERMINAL) != 0
            commas += code == 44 or code == 0xFF0C or code == 0x3001
        capitals += 65 <= code <= 90
    if size > first:
        state[LAST] = current
    counts = (chars, wide, digits, marks, ends, commas, capitals, words, title_words)
    add_counts(row, counts, elements[current, IN_LINK] > 0)
    state[SIZE], state[BEGUN], state[SPACED], state[NEWLINE] = size, begun, spaced, newline
    state[IN_WORD], state[WORD] = in_word, word
    return i


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
    if tag == TAG_A:
        elements[new, IN_LINK] = 1
        blocks[state[COUNT], LINKS] += state[BEGUN]
    elif tag == TAG_LI:
        elements[new, ITEM] = new
    elif tag == TAG_UL or tag == TAG_OL:  # noqa: SIM109
        elements[new, LISTS] += 1
    elif tag == TAG_TD or tag == TAG_TH:  # noqa: SIM109
        elements[new, CELL], elements[new, ITEM], elements[new, LISTS] = new, -1, 0
    elif tag == TAG_TR:
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
        name, begin = BASIS, j
        while j < n and c[j] > 32 and c[j] != 62 and c[j] != 61 and c[j] != 47:
            name = np.uint32((name ^ np.uint32(lower(c[j]))) * PRIME)
            j += 1
        if name == HIDDEN_NAME:
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
        if name == CLASS or name == ID or name == ROLE or name == PROPERTY:  # noqa: SIM109
            known = state[WORDS_KNOWN]
            state[WORDS_KNOWN] = read_words(c, start, stop, element, of, hashes, known)
        elif name == STYLE and elements[element, HIDDEN] == 0:
            elements[element, HIDDEN] = is_hidden(c, start, stop)
    return j + 1
