"""How much of a text repeats itself: lines, paragraphs and n-grams of units (Gopher, table A1).

A unit is a word or a Han or kana character (kernels.quality.scan). Gopher's n counts words; where
most units are characters an n-gram of n words is one of 1.8 n characters, so that it spans as much
text: a 5-gram is 9 characters (and a 7-gram the 13 of ChineseWebText). Without that, two
characters are one common word, and the commonest 2-gram of any Chinese text is 的 and something.
With it, 250 news texts repeat as much as FineWeb-2 finds with jieba's words: .043 of the characters
in 5-grams by either measure, 3.2 % and 3.6 % of the texts above its threshold. (At 1.6 n, 5.2 %.)
Counting words of a segmenter would cost more than all other signals together (jieba, .34 MB/s),
and differ between simplified and traditional forms.

Equality is that of 64-bit hashes. Work is linear; a long text is taken in windows of MAX_UNITS
units and MAX_UNITS lines, each for itself, so that memory is bounded (20 MB).

Paragraphs are what blank lines separate; in a text without any, as skypile's own, the lines.
"""

import numpy as np

from skypile.kernels.compiled import I32, I64, U16, U32, U64, compiled
from skypile.kernels.quality.scan import SEED, WIDE_PER_WORD, hash_step, next_unit, trim

MAX_UNITS = 1 << 18
TOP_N = (2, 3, 4)
DUPLICATE_N = (5, 6, 7, 8, 9, 10)
# n-grams as units: [0] where units are words, [1] where they are characters.
UNITS = np.array(
    [TOP_N + DUPLICATE_N, [int(WIDE_PER_WORD * n + 0.5) for n in TOP_N + DUPLICATE_N]], np.int64
)
COUNTERS = (
    *("lines", "duplicate_lines", "line_chars", "duplicate_line_chars"),
    *("paragraphs", "duplicate_paragraphs", "paragraph_chars", "duplicate_paragraph_chars"),
    "unit_chars",
    *(f"top_{n}gram_chars" for n in TOP_N),
    *(f"duplicate_{n}gram_chars" for n in DUPLICATE_N),
)
_LINES, _PARAGRAPHS, _UNIT_CHARS, _NGRAMS = 0, 4, 8, 9
_NEWLINE = 10
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Workspace:
    """Arrays that one call of `repetition` after the other uses; for texts of max_chars each."""

    def __init__(self, max_chars: int) -> None:
        self.units = min(max_chars, MAX_UNITS)
        self.size = 1 << (2 * max(self.units, 8) - 1).bit_length()
        self.keys = np.zeros(self.size, np.uint64)
        self.stamps = np.zeros(self.size, np.int64)
        self.counts = np.zeros(self.size, np.int32)
        self.ends = np.zeros(self.size, np.int32)
        self.hashes = np.zeros(self.units + 1, np.uint64)
        self.lengths = np.zeros(self.units + 1, np.int64)
        self.stamp = np.zeros(1, np.int64)


@compiled
def _slot(key: np.uint64, mask: int, stamp: int, keys: U64, stamps: I64) -> tuple[np.int64, bool]:
    """Where a key is in the table, and whether it was there before; it is there afterwards."""
    slot = np.int64(((key * _SPREAD) >> np.uint64(32)) & np.uint64(mask))
    while stamps[slot] == stamp:
        if keys[slot] == key:
            return slot, True
        slot = (slot + 1) & mask
    stamps[slot] = stamp
    keys[slot] = key
    return slot, False


@compiled
def _mask(units: int) -> int:
    size = 16
    while size < 2 * units:
        size *= 2
    return size - 1


@compiled
def _top(
    n: int,
    units: int,
    hashes: U64,
    lengths: I64,
    keys: U64,
    stamps: I64,
    counts: I32,
    ends: I32,
    stamp: int,
) -> np.int64:
    """Characters of the n-gram that, its occurrences apart from each other, covers the most."""
    mask, best, gram = _mask(units), np.int64(0), np.uint64(0)
    power = np.uint64(1)
    for _ in range(n):
        power *= _MULTIPLIER
    chars = np.int64(0)
    for i in range(units):
        gram = gram * _MULTIPLIER + hashes[i]
        chars += lengths[i]
        if i >= n:
            gram -= hashes[i - n] * power
            chars -= lengths[i - n]
        if i < n - 1:
            continue
        slot, there = _slot(gram, mask, stamp, keys, stamps)
        if not there:
            counts[slot] = 1
            ends[slot] = i + 1
        elif i + 1 - n >= ends[slot]:
            counts[slot] += 1
            ends[slot] = i + 1
            best = max(best, counts[slot] * chars)
    return best


@compiled
def _duplicates(
    n: int, units: int, hashes: U64, lengths: I64, keys: U64, stamps: I64, stamp: int
) -> np.int64:
    """Characters in n-grams that were there before, each character once."""
    mask, found, gram = _mask(units), np.int64(0), np.uint64(0)
    power = np.uint64(1)
    for _ in range(n):
        power *= _MULTIPLIER
    covered = 0
    for i in range(units):
        gram = gram * _MULTIPLIER + hashes[i]
        if i >= n:
            gram -= hashes[i - n] * power
        if i < n - 1 or not _slot(gram, mask, stamp, keys, stamps)[1]:
            continue
        for k in range(max(covered, i + 1 - n), i + 1):
            found += lengths[k]
        covered = i + 1
    return found


@compiled
def _pieces(
    text: U32, flags: U16, blank: bool, keys: U64, stamps: I64, stamp_of: I64, count: I64
) -> None:
    """Lines, or paragraphs if `blank`: how many, how many were there before, and characters."""
    mask = len(keys) - 1
    start = seen = 0
    stamp_of[0] += 1
    first = last = 0
    for i in range(len(text) + 1):
        if i < len(text) and text[i] != _NEWLINE:
            continue
        at, end = trim(text, start, i, flags)
        start = i + 1
        if blank and at < end:  # a line of a paragraph that goes on
            first, last = (at, end) if first == last else (first, end)
            if i < len(text):
                continue
        elif not blank:
            first, last = at, end
        if first == last:
            continue
        key = SEED
        for k in range(first, last):
            key = hash_step(key, np.uint64(text[k]))
        if seen == MAX_UNITS:
            stamp_of[0] += 1
            seen = 0
        seen += 1
        there = _slot(key, mask, stamp_of[0], keys, stamps)[1]
        count[0] += 1
        count[1] += there
        count[2] += last - first
        count[3] += (last - first) * there
        first = last = 0


@compiled
def _ngrams(
    sizes: I64,
    units: int,
    hashes: U64,
    lengths: I64,
    keys: U64,
    stamps: I64,
    counts: I32,
    ends: I32,
    stamp_of: I64,
    count: I64,
) -> None:
    """The n-grams of a window."""
    for k in range(len(sizes)):
        stamp_of[0] += 1
        if k < len(TOP_N):
            count[k] += _top(
                sizes[k], units, hashes, lengths, keys, stamps, counts, ends, stamp_of[0]
            )
        else:
            count[k] += _duplicates(sizes[k], units, hashes, lengths, keys, stamps, stamp_of[0])


@compiled
def repetition(
    text: U32,
    wide: bool,
    blank: bool,
    flags: U16,
    folding: U32,
    sizes: I64,
    hashes: U64,
    lengths: I64,
    keys: U64,
    stamps: I64,
    counts: I32,
    ends: I32,
    stamp_of: I64,
    count: I64,
) -> None:
    """All of COUNTERS of a text into `count`, which is zero.

    wide: whether n-grams are of characters. blank: whether blank lines separate paragraphs.
    """
    _pieces(text, flags, False, keys, stamps, stamp_of, count[_LINES:_PARAGRAPHS])
    if blank:
        _pieces(text, flags, True, keys, stamps, stamp_of, count[_PARAGRAPHS:_UNIT_CHARS])
    else:
        count[_PARAGRAPHS:_UNIT_CHARS] = count[_LINES:_PARAGRAPHS]
    units = 0
    at, end = next_unit(text, 0, len(text), flags)
    while at < len(text):
        key = SEED
        for i in range(at, end):
            key = hash_step(key, np.uint64(folding[text[i]]))
        hashes[units] = key
        lengths[units] = end - at
        count[_UNIT_CHARS] += end - at
        units += 1
        at, end = next_unit(text, end, len(text), flags)
        if units == MAX_UNITS or at == len(text):
            _ngrams(
                sizes[1 if wide else 0],
                units,
                hashes,
                lengths,
                keys,
                stamps,
                counts,
                ends,
                stamp_of,
                count[_NGRAMS:],
            )
            units = 0
