"""Which blocks of a document are compared with those of others: units of distribution filtering.

A block is a line of a document's text, as `documents` holds it. A unit is what gets one vector:

- a block, as a rule;
- of a long block, a piece: cut behind the last end of a sentence that leaves the piece within
  `most`, or behind the last word or wide character where a sentence alone is longer. An end of a
  sentence is a terminal mark with the marks, closing quotes and brackets behind it; Western marks
  need white space after them. A last piece that is short stays with the one before.
- of blocks in a row that are short each, as many as are not short together; what is left of the row
  goes with the last unit of the same row, or is left out where there is none.

Blocks without a word (rules, emoji, digits alone) are left out and end a row. Length is weighed in
half words: 2 for a word of a spaced script, 1 for a character of Han, kana or another unspaced
script (a Chinese word has about two), as `skypile.kernels.text.textnorm` tells them apart.

Left out: abbreviations. A cut behind "Dr." makes two pieces of a sentence, the same ones wherever
the block occurs.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.kernels.arrow import utf8
from skypile.kernels.compiled import compiled
from skypile.kernels.text import characters, textnorm
from skypile.kernels.text.characters import CLOSER, QUOTE, SPACE, TERMINAL
from skypile.kernels.text.tokens import decode

LEAST = 10  # half words: "All rights reserved" joins its neighbours, a copyright line stands
MOST = 600  # half words: 300 English words, 600 Chinese characters

# As in textnorm, whose values a test compares: compiled code may not depend on another module.
_WORD, _SINGLE, _EXTEND, _DROP, _JAMO, _SEVERAL = 1, 2, 3, 4, 5, 7
_LF = 10
Ints = NDArray[np.int64]


class Units(NamedTuple):
    """The units of a batch of documents, in order.

    content: uint8, the bytes of all texts, a view. starts, ends: int64, unit i is the bytes from
    starts[i] to ends[i], line feeds between joined blocks included. first, last: int64, it covers
    the blocks first[i] to last[i] - 1 of its document, or a piece of the one. weights: int64, half
    words. offsets: int64[documents + 1], document d has the units offsets[d] to offsets[d + 1] - 1.
    """

    content: NDArray[np.uint8]
    starts: Ints
    ends: Ints
    first: Ints
    last: Ints
    weights: Ints
    offsets: Ints

    def text(self, unit: int) -> str:
        """The text of one unit."""
        return bytes(self.content[self.starts[unit] : self.ends[unit]]).decode("utf8", "replace")


@compiled
def _next(text: NDArray[np.uint8], pos: Any, end: Any) -> Any:
    """(code point, where the next one begins)."""
    if text[pos] < 0x80:
        return np.int64(text[pos]), pos + 1
    return decode(text, pos, end)


@compiled
def _emit(rows: Ints, count: Any, start: Any, end: Any, first: Any, last: Any, weight: Any) -> Any:
    rows[count, 0], rows[count, 1] = start, end
    rows[count, 2], rows[count, 3], rows[count, 4] = first, last, weight
    return count + 1


@compiled
def _cut(
    text: NDArray[np.uint8],
    pos: Any,
    end: Any,
    block: Any,
    kinds: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    least: Any,
    most: Any,
    rows: Ints,
    count: Any,
) -> Any:
    """The pieces of the block from pos to end into rows; the new count.

    One look at each character: where the last sentence ended, and what the piece weighed by then,
    is kept; what lies behind it becomes the beginning of the next piece.
    """
    begun = count
    start: Any = pos
    weight: Any = np.int64(0)
    sentence: Any = np.int64(-1)
    at_sentence: Any = np.int64(0)
    kind_open: Any = np.int64(0)
    closing: Any = np.int64(0)  # behind a terminal mark: 1 Western, 2 Chinese
    while pos < end:
        here = pos
        code, pos = _next(text, pos, end)
        kind, bits = np.int64(kinds[code]), np.int64(classes[code])
        marks = bits & (TERMINAL | QUOTE | CLOSER) != 0
        if closing and not marks and (closing == 2 or bits & SPACE):
            sentence, at_sentence = here, weight
        if closing and not marks:
            closing = np.int64(0)
        if bits & TERMINAL:
            closing = np.int64(1 if code < 0x80 and closing < 2 else 2)
        if kind == _SINGLE or (kind == _WORD and kind_open != _WORD):
            added = np.int64(1 if kind == _SINGLE else 2)
            if weight + added > most:
                if sentence < 0 or at_sentence < least:
                    sentence, at_sentence = here, weight
                count = _emit(rows, count, start, sentence, block, block + 1, at_sentence)
                start, weight, sentence = sentence, weight - at_sentence, np.int64(-1)
            weight += added
        if kind not in (_EXTEND, _DROP):
            kind_open = kind
    if weight < least and count > begun:
        rows[count - 1, 1] = end
        rows[count - 1, 4] += weight
        return count
    return _emit(rows, count, start, end, block, block + 1, weight)


@compiled
def _weigh(text: NDArray[np.uint8], pos: Any, end: Any, kinds: NDArray[np.uint8]) -> Any:
    """Half words from pos to end."""
    weight: Any = np.int64(0)
    kind_open: Any = np.int64(0)
    while pos < end:
        code, pos = _next(text, pos, end)
        kind = np.int64(kinds[code])
        if kind == _SINGLE:
            weight += 1
        elif kind == _WORD and kind_open != _WORD:
            weight += 2
        if kind not in (_EXTEND, _DROP):
            kind_open = kind
    return weight


@compiled
def _units(
    text: NDArray[np.uint8],
    offsets: Ints,
    kinds: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    least: Any,
    most: Any,
    rows: Ints,
    ends: Ints,
) -> Any:
    """The units of all documents into rows (start, end, first, last, weight); how many."""
    count: Any = np.int64(0)
    for doc in range(len(offsets) - 1):
        pos, block = offsets[doc], np.int64(0)
        # The short blocks that are in no unit yet: their first byte and block, weight, and the end
        # of the last.
        row: Any = np.int64(-1)
        row_block, row_weight, row_end = np.int64(0), np.int64(0), np.int64(0)
        joined = False  # whether the unit before is of the same row
        while pos <= offsets[doc + 1]:
            end = pos
            while end < offsets[doc + 1] and text[end] != _LF:
                end += 1
            weight = _weigh(text, pos, end, kinds)
            if 0 < weight < least:
                if row < 0:
                    row, row_block, row_weight = pos, block, np.int64(0)
                row_weight += weight
                row_end = end
                if row_weight >= least:
                    count = _emit(rows, count, row, end, row_block, block + 1, row_weight)
                    row, joined = np.int64(-1), True
            if row >= 0 and joined and (not 0 < weight < least or end == offsets[doc + 1]):
                # The rest of a row.
                rows[count - 1, 1] = row_end
                rows[count - 1, 3] = block + (0 < weight < least)
                rows[count - 1, 4] += row_weight
            if not 0 < weight < least:
                row, joined = np.int64(-1), False
                if weight > most:
                    count = _cut(text, pos, end, block, kinds, classes, least, most, rows, count)
                elif weight:
                    count = _emit(rows, count, pos, end, block, block + 1, weight)
            pos, block = end + 1, block + 1
        ends[doc + 1] = count
    return count


def units(texts: "pa.Array | pa.ChunkedArray", *, least: int = LEAST, most: int = MOST) -> Units:
    """The units of each text; linear in the text, 48 bytes a unit beside it and no copy of it.

    least, most: half words; a unit has least to most + least - 1 of them.

    Raises:
        ValueError: a text is null, or not 2 <= least <= most / 2.
    """
    if not 2 <= least <= most / 2:
        raise ValueError(f"no units of {least} to {most} half words: 2 <= least <= most / 2")
    text, offsets = utf8(texts)
    span = text[offsets[0] : offsets[-1]]
    # Every unit has at least `least` half words, and a half word has at least a byte.
    room = np.count_nonzero(span == _LF) + 2 * len(texts) + len(span) // least + 1
    rows = np.empty((room, 5), np.int64)
    ends = np.zeros(len(texts) + 1, np.int64)
    used = _units(text, offsets, _kinds(), characters.classes(), least, most, rows, ends)
    starts, stops, first, last, weights = rows[:used].T.copy()
    return Units(text, starts, stops, first, last, weights, ends)


@cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of each code point, that of the first of several, digits as white space."""
    made = textnorm.words()
    kinds = (made.entries & 7).astype(np.uint8)
    many = np.flatnonzero(kinds == _SEVERAL)
    kinds[many] = made.several[(made.entries[many] >> 11) + 1] & 7
    kinds[kinds == _JAMO] = _SINGLE
    kinds.flags.writeable = False
    return kinds
