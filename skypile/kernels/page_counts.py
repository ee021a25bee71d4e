"""What `page_scan` counts of each block, by character, and what it remembers meanwhile."""

import numpy as np

from skypile.kernels.characters import DIGIT, PUNCTUATION, TERMINAL, WIDE
from skypile.kernels.compiled import I32, I64, U8, U32, compiled
from skypile.kernels.page_read import TITLE_BITS
from skypile.kernels.page_tags import (
    BASIS,
    CAPITALS,
    CHARS,
    COMMAS,
    DIGITS,
    ELEMENT,
    ENDS,
    INNER,
    LINKED,
    MARKS,
    PRIME,
    STOP,
    TITLE_WORDS,
    WEIGHT,
    WIDE_CHARS,
    WORDS,
)

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
def count_character(row: I32, code: int, kind: int, linked: bool, title: U8) -> None:
    """Count a character that is no space."""
    row[CHARS] += 1
    weight = 2
    if kind & WIDE:
        weight = 7
        row[WIDE_CHARS] += 1
        end_word(row, np.uint32((BASIS ^ np.uint32(code)) * PRIME), title)
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
def end_word(row: I32, word: np.uint32, title: U8) -> None:
    """Count a word, and whether the title has it (a bit a hash)."""
    row[WORDS] += 1
    row[TITLE_WORDS] += title[int(word) % TITLE_BITS]


@compiled
def end_block(blocks: I32, text: U32, title: U8, state: I64) -> None:
    """End the block at hand, if it has text."""
    if state[BEGUN]:
        row = blocks[state[COUNT]]
        if state[IN_WORD]:
            end_word(row, np.uint32(state[WORD]), title)
        if state[LAST] != row[INNER]:
            row[INNER] = row[ELEMENT]
        row[STOP] = state[SIZE]
        text[state[SIZE]] = 10
        state[SIZE] += 1
        state[COUNT] += 1
    state[BEGUN] = state[IN_WORD] = state[SPACED] = state[NEWLINE] = 0
