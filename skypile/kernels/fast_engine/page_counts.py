"""What `page_scan` counts of each block, by character, and what it remembers meanwhile."""

import numpy as np

from skypile.kernels.compiled import I32, I64, U8, U32, compiled
from skypile.kernels.fast_engine.page_read import TITLE_BITS
from skypile.kernels.fast_engine.page_tags import (
    CAPITALS,
    CHARS,
    COMMAS,
    DIGITS,
    ELEMENT,
    ENDS,
    INNER,
    LINKED,
    MARKS,
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


WEIGHT_OF_CHAR, MORE_OF_WIDE = 2, 5  # a wide character counts 3.5 times


@compiled
def add_counts(
    row: I32, counts: tuple[int, int, int, int, int, int, int, int, int], linked: bool
) -> None:
    """Add what a piece of text has: characters but spaces, of these wide ones, digits, marks, marks
    that end sentences, commas, capitals; words, of these such as the title has.
    """
    weight = WEIGHT_OF_CHAR * counts[0] + MORE_OF_WIDE * counts[1]
    row[WEIGHT] += weight
    if linked:
        row[LINKED] += weight
    row[CHARS] += counts[0]
    row[WIDE_CHARS] += counts[1]
    row[DIGITS] += counts[2]
    row[MARKS] += counts[3]
    row[ENDS] += counts[4]
    row[COMMAS] += counts[5]
    row[CAPITALS] += counts[6]
    row[WORDS] += counts[7]
    row[TITLE_WORDS] += counts[8]


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
