"""Text to hashed shingles: n-grams that fit the script, in one pass over the bytes of a batch.

A text is a stream of tokens (`skypile.kernels.text.textnorm`): each word of a spaced script, each
character of Han, kana, hangul and other unspaced ones. Its shingles are the n-grams of that stream,
so that English is compared by words, Chinese by characters, and mixed text by both, run by run.
No property of the document as a whole decides which, and so there is no threshold on which two
near-identical documents could fall on different sides: an edit changes the shingles that overlap
it (at most size - 1 more than it has tokens) and no other, whatever the document is.

Documents shorter than a shingle are compared whole: their one shingle is all they have. One with no
token at all (nothing but punctuation) is compared by its punctuation and symbols. So every document
has a shingle.

Lines that are on very many documents can be left out: their hashes (`line_hashes`) are handed in.
The tokens before and after such a line are then neighbours.

Hashes are 64 bits wide and wrap by design: a shingle is a polynomial of its tokens' hashes,
finished by MurmurHash3's fmix64. They are the same on every machine; tests pin them. They do not
withstand someone who looks for collisions.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.kernels.arrow import utf8
from skypile.kernels.text import textnorm
from skypile.kernels.text.tokens import Hashes, Offsets, fill, keys, lines, new_buffers

SHINGLE_TOKENS = 5
BLOCK_SHINGLES = 1 << 20  # 8 MiB


class Block(NamedTuple):
    """Shingles of a run of documents.

    hashes: uint64, views that hold until the next block. docs: int64, indices of the documents,
    ascending; one that does not fit goes on in the next block. ends: int64, where each ends in
    hashes.
    """

    hashes: Hashes
    docs: Offsets
    ends: Offsets


def shingle_blocks(
    texts: "pa.Array | pa.ChunkedArray",
    *,
    size: int = SHINGLE_TOKENS,
    fold_han: bool = False,
    skip_lines: Hashes | None = None,
    block_shingles: int = BLOCK_SHINGLES,
) -> Iterator[Block]:
    """The shingles of each text, in order and with repeats, in blocks of bounded size.

    At least one each. size: tokens of a shingle. fold_han: traditional characters as simplified
    ones. skip_lines: ascending hashes of lines to leave out (`line_hashes` with the same fold_han).
    A block takes 8 bytes a shingle whatever the texts are, and one call into compiled code.

    Raises:
        ValueError: a text is null, a size is out of range or skip_lines is not sorted.
    """
    if not 1 <= size <= 256:
        raise ValueError(f"a shingle has 1 to 256 tokens, not {size}")
    skip = np.zeros(0, np.uint64) if skip_lines is None else np.array(skip_lines, np.uint64)
    if np.any(skip[:-1] > skip[1:]):
        raise ValueError("skip_lines must be sorted")
    text, offsets = utf8(texts)
    made = textnorm.table(fold_han)
    tokens, state = new_buffers()
    hashes = np.empty(max(block_shingles, len(tokens)), np.uint64)
    docs, ends = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
    cursor = np.array([0, offsets[0], 0, 0, 0, 0], np.int64)
    while cursor[0] < len(texts):
        used, parts = fill(
            text,
            offsets,
            made.entries,
            made.several,
            skip,
            size,
            tokens,
            cursor,
            state,
            hashes,
            docs,
            ends,
        )
        yield Block(hashes[:used], docs[:parts], ends[:parts])


def line_hashes(
    texts: "pa.Array | pa.ChunkedArray", *, fold_han: bool = False
) -> tuple[Hashes, Offsets]:
    """Hashes of the lines of each text, in order and with repeats: text i has [offsets[i]:[i + 1]].

    Lines end at a line feed and are compared as their tokens. Those without a token and those of
    more than MAX_LINE_TOKENS have no hash here: they are never left out. uint64, int64[len + 1].
    """
    text, offsets = utf8(texts)
    made = textnorm.table(fold_han)
    tokens, state = new_buffers()
    span = text[offsets[0] : offsets[-1]]
    hashes = np.empty(np.count_nonzero(span == 10) + len(texts), np.uint64)
    ends = np.zeros(len(texts) + 1, np.int64)
    used = lines(text, offsets, made.entries, made.several, tokens, state, hashes, ends)
    return hashes[:used].copy(), ends


def text_keys(texts: "pa.Array | pa.ChunkedArray", *, fold_han: bool = False) -> NDArray[np.int64]:
    """A 128-bit key of each text for exact comparison, int64[len, 2].

    Equal for texts that differ in case, width, composition, white space and line breaks alone;
    punctuation and symbols count. Where a space parts two words it counts too; around Han, kana and
    hangul it does not.
    """
    text, offsets = utf8(texts)
    made = textnorm.table(fold_han)
    tokens, state = new_buffers()
    found = np.empty((len(texts), 2), np.uint64)
    keys(text, offsets, made.entries, made.several, tokens, state, found)
    return found.view(np.int64)
