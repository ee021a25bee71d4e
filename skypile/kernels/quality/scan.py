"""Counts of a text's characters, words and lines in two compiled passes over its code points.

*Units* are what is counted and repeated: a Han or kana character each; else a word, a run of
letters, digits, marks and symbols, with an apostrophe between letters and a point or comma between
digits inside (don't, 3.14). Punctuation belongs to none.
"""

import numpy as np

from skypile.kernels.compiled import I64, U8, U16, U32, U64, compiled
from skypile.kernels.text import characters
from skypile.kernels.text.characters import (
    BULLET,
    CLOSER,
    DIGIT,
    ELLIPSIS,
    HAN,
    KANA,
    LATIN,
    LETTER,
    MARK,
    ODD,
    PUNCTUATION,
    QUOTE,
    SPACE,
    SYMBOL,
    TERMINAL,
    WIDE,
)

# What a Han or kana character counts as. In letters, 3.5: see kernels.extraction.paragraphs. In
# words: jieba's words of shared/data/zh_web_text have 1.86 characters (1.72 in blogs, 2.09 in
# statutes); an English word and its space are 5.7 letters, 1.6 characters.
WIDE_LETTERS = 3.5
WIDE_PER_WORD = 1.8

ASIDE_CHARS = 40  # a remark in brackets behind the end of a sentence: (Reuters), （记者 王某）

SHORT_LINE_LETTERS = 30.0  # FineWeb's short line, in letters: 8 Han characters
FEW_WORDS = 3.0  # C4: a line of fewer words is no text
MAX_WORD_CHARS = 1000  # C4's code: a longer word is no word

COUNTERS = (
    *("chars", "solid", "han", "kana", "latin", "digits", "punctuation", "symbols", "odd"),
    *("words", "word_chars", "alpha_words", "longest", "hashes", "ellipses", "braces"),
    *("lines", "line_chars", "newlines", "bullet_lines", "ellipsis_lines", "terminal_lines"),
    *(
        "short_lines",
        "few_word_lines",
        "sentence_lines",
        "sentences",
        "c4_sentences",
        "c4_line_chars",
    ),
    *("en_stop_words", "zh_stop_words", "zh_stop_chars", "gaps"),  # the first two as bits
)
CHARS, SOLID, N_HAN, N_KANA, N_LATIN, N_DIGITS, N_PUNCTUATION, N_SYMBOLS, N_ODD = range(9)
WORDS, WORD_CHARS, ALPHA_WORDS, LONGEST, HASHES, ELLIPSES, BRACES = range(9, 16)
LINES, LINE_CHARS, NEWLINES, BULLET_LINES, ELLIPSIS_LINES, TERMINAL_LINES = range(16, 22)
SHORT_LINES, FEW_WORD_LINES, SENTENCE_LINES, SENTENCES, C4_SENTENCES, C4_LINE_CHARS = range(22, 28)
EN_STOP_WORDS, ZH_STOP_WORDS, ZH_STOP_CHARS, GAPS = range(28, 32)

_WORD = LETTER | DIGIT | MARK | SYMBOL
_NEWLINE, _HASH, _FULL_HASH, _DOT, _CJK_STOP = 10, 35, 0xFF03, 46, 0x3002
SEED = np.uint64(0xCBF29CE484222325)
_ROUND = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


@compiled
def hash_step(state: np.uint64, value: np.uint64) -> np.uint64:
    """A 64-bit hash of a sequence, element by element; begin with SEED."""
    state = (state ^ value) * _ROUND
    return state ^ (state >> _SHIFT)


@compiled
def decode(data: U8, start: int, stop: int, out: U32) -> int:
    """The code points of valid UTF-8 into `out`; how many."""
    size, i = 0, start
    while i < stop:
        byte = np.uint32(data[i])
        more = 0 if byte < 0x80 else 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
        value = byte if more == 0 else byte & np.uint32(0x3F >> more)
        for k in range(1, more + 1):
            if i + k < stop:
                value = (value << np.uint32(6)) | np.uint32(data[i + k] & 0x3F)
        out[size] = min(value, np.uint32(0x10FFFF))
        size += 1
        i += more + 1
    return size


@compiled
def trim(text: U32, start: int, stop: int, flags: U16) -> tuple[int, int]:
    """A range without the space around it."""
    while start < stop and flags[text[start]] & SPACE:
        start += 1
    while start < stop and flags[text[stop - 1]] & SPACE:
        stop -= 1
    return start, stop


@compiled
def next_unit(text: U32, i: int, stop: int, flags: U16) -> tuple[int, int]:
    """(start, end) of the first unit from i on; (stop, stop) where there is none."""
    while i < stop and not flags[text[i]] & (_WORD | WIDE):
        i += 1
    if i == stop:
        return stop, stop
    start = i
    if flags[text[i]] & WIDE:
        return start, i + 1
    while i < stop:
        if flags[text[i]] & _WORD:
            i += 1
            continue
        c = text[i]
        inside = LETTER if c in (0x27, 0x2019) else DIGIT if c in (0x2E, 0x2C) else 0
        if not (inside and i + 1 < stop and flags[text[i - 1]] & flags[text[i + 1]] & inside):
            break
        i += 2
    return start, i


@compiled
def _characters(text: U32, flags: U16, count: I64) -> None:
    longest = token = dots = 0
    for c in text:
        f = flags[c]
        count[SOLID] += not f & SPACE
        count[N_HAN] += (f & HAN) != 0
        count[N_KANA] += (f & KANA) != 0
        count[N_LATIN] += (f & LATIN) != 0
        count[N_DIGITS] += (f & DIGIT) != 0
        count[N_PUNCTUATION] += (f & PUNCTUATION) != 0
        count[N_SYMBOLS] += (f & SYMBOL) != 0
        count[N_ODD] += (f & ODD) != 0
        count[HASHES] += c in (_HASH, _FULL_HASH)
        count[BRACES] += c in (0x7B, 0xFF5B)
        count[NEWLINES] += c == _NEWLINE
        token = 0 if f & (SPACE | WIDE) else token + 1
        longest = max(longest, token)
        # ... and … and …… and 。。。 are one each, counted where they are long enough.
        if f & ELLIPSIS:
            dots = 3 if dots < 3 else 4
        else:
            dots = dots + 1 if c in (_DOT, _CJK_STOP) else 0
        count[ELLIPSES] += dots == 3
    count[CHARS] = len(text)
    count[LONGEST] = longest


@compiled
def _words(
    text: U32,
    start: int,
    stop: int,
    flags: U16,
    folding: U32,
    stop_words: U64,
    stop_chars: U8,
    count: I64,
) -> float:
    """The words of a line, Han and kana in their measure; the rest into `count`."""
    words = wide = 0
    at, end = next_unit(text, start, stop, flags)
    while at < stop:
        if flags[text[at]] & WIDE:
            wide += 1
            stop_char = np.int64(stop_chars[text[at]])
            count[ZH_STOP_CHARS] += stop_char > 0
            count[ZH_STOP_WORDS] |= (np.int64(1) << stop_char) >> 1
        else:
            words += 1
            count[WORD_CHARS] += end - at
            alpha, key = False, SEED
            for i in range(at, end):
                alpha = alpha or (flags[text[i]] & LETTER) != 0
                key = hash_step(key, np.uint64(folding[text[i]]))
            count[ALPHA_WORDS] += alpha
            if end - at <= 4:
                for k in range(len(stop_words)):
                    if stop_words[k] == key:
                        count[EN_STOP_WORDS] |= np.int64(1) << k
        at, end = next_unit(text, end, stop, flags)
    count[WORDS] += words
    return words + wide / WIDE_PER_WORD


@compiled
def _sentences(text: U32, start: int, stop: int, flags: U16) -> int:
    """Ends of sentences: runs of .!? before a space, a quote or the end; of 。！？ anywhere."""
    found, i = 0, start
    while i < stop:
        if not flags[text[i]] & TERMINAL:
            i += 1
            continue
        spaced = True
        while i < stop and flags[text[i]] & TERMINAL:
            spaced = spaced and text[i] < 128
            i += 1
        found += not spaced or i == stop or (flags[text[i]] & (SPACE | QUOTE | CLOSER | WIDE)) != 0
    return found


@compiled
def _before_aside(text: U32, start: int, stop: int, flags: U16) -> int:
    """Where the last character is before a line's closing remark in brackets, if there is one."""
    for i in range(stop - 2, max(start, stop - 2 - ASIDE_CHARS), -1):
        if text[i] in (0x28, 0xFF08):
            return trim(text, start, i, flags)[1] - 1
    return stop - 1


@compiled
def _ends(
    text: U32,
    start: int,
    stop: int,
    flags: U16,
    count: I64,
) -> bool:
    """Whether a line without space around it ends as text does; its ends into `count`."""
    count[BULLET_LINES] += (flags[text[start]] & BULLET) != 0
    last = text[stop - 1]
    dots = stop - start >= 3 and text[stop - 2] == last and text[stop - 3] == last
    cut = last == _DOT and dots
    count[ELLIPSIS_LINES] += cut or (last == _CJK_STOP and dots) or (flags[last] & ELLIPSIS) != 0
    f = flags[last]
    if f & CLOSER and stop - start > 1:
        f = flags[text[stop - 2]] | flags[text[_before_aside(text, start, stop, flags)]]
    # An English text cut off ends in three points (C4); a Chinese sentence may end in ……
    terminal = (f & (TERMINAL | QUOTE)) != 0 and not cut
    count[TERMINAL_LINES] += terminal
    return terminal


@compiled
def _line(
    text: U32,
    start: int,
    stop: int,
    skipped: bool,
    flags: U16,
    folding: U32,
    stop_words: U64,
    stop_chars: U8,
    count: I64,
) -> None:
    """A line that is not blank, without the space around it."""
    wide = token = longest = 0
    for i in range(start, stop):
        wide += (flags[text[i]] & WIDE) != 0
        token = 0 if flags[text[i]] & (SPACE | WIDE) else token + 1
        longest = max(longest, token)
    count[LINES] += 1
    count[LINE_CHARS] += stop - start
    count[SHORT_LINES] += stop - start + (WIDE_LETTERS - 1) * wide <= SHORT_LINE_LETTERS
    terminal = _ends(text, start, stop, flags, count)
    few = _words(text, start, stop, flags, folding, stop_words, stop_chars, count) < FEW_WORDS
    count[FEW_WORD_LINES] += few
    sentences = _sentences(text, start, stop, flags)
    count[SENTENCES] += sentences
    count[SENTENCE_LINES] += sentences > 0
    if terminal and not few and not skipped and longest <= MAX_WORD_CHARS:
        count[C4_SENTENCES] += sentences
        count[C4_LINE_CHARS] += stop - start


@compiled
def scan(
    text: U32,
    skipped: I64,
    flags: U16,
    folding: U32,
    stop_words: U64,
    stop_chars: U8,
    count: I64,
) -> None:
    """All of COUNTERS of a text into `count`, which is zero.

    skipped: numbers of lines, ascending, that C4 leaves out for what they say; blank lines count.
    GAPS counts blank lines between others, a run of them once.
    stop_words: hashes of the English ones. stop_chars: for each code point 0 or 1 + which one.
    """
    _characters(text, flags, count)
    start = ordinal = at = 0
    gap = False
    for i in range(len(text) + 1):
        if i < len(text) and text[i] != _NEWLINE:
            continue
        first, last = trim(text, start, i, flags)
        skip = at < len(skipped) and skipped[at] == ordinal
        at += skip
        gap = gap or first == last
        if first < last:
            count[GAPS] += gap and count[LINES] > 0
            gap = False
            _line(text, first, last, skip, flags, folding, stop_words, stop_chars, count)
        start = i + 1
        ordinal += 1


def word_hash(word: str) -> int:
    """The hash by which `scan` knows a word."""
    state = int(SEED)
    for code in characters.folding()[characters.code_points(word)]:
        state = ((state ^ int(code)) * int(_ROUND)) % 2**64
        state ^= state >> int(_SHIFT)
    return state
