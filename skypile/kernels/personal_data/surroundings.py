"""What the scanners of personal data share: how they look around in a text.

They see folded code points: lower case, full-width forms as ASCII, dashes as `-`. What is found is
overwritten with FILLED + its kind, as are placeholders that stand there from the start: to what
follows, text that is masked and text that will be look the same, so that masking twice changes
nothing. Every step looks at a bounded stretch: time is linear whatever the text is.
"""

import numpy as np

from skypile.kernels.compiled import U32, compiled
from skypile.kernels.text import characters

EMAIL, IP, RESIDENT_ID, PHONE, BANK_CARD = range(1, 6)
FILLED = 0x110000
LF, SPACE, HASH, DOLLAR, PERCENT, OPEN, CLOSE = 10, 32, 35, 36, 37, 40, 41
PLUS, DASH, DOT, SLASH, COLON, EQUALS, AT, UNDERSCORE = 43, 45, 46, 47, 58, 61, 64, 95
SMALL_X = 120
# What an ASCII character is, as bits; a table, since this is asked for every character around.
_DIGIT, _LETTER, _NEVER_BEFORE, _NEVER_AFTER, _POINT, _LINK = 1, 2, 4, 8, 16, 32
_ASCII = np.zeros(128, np.uint8)
_ASCII[48:58] = _DIGIT | _NEVER_BEFORE | _NEVER_AFTER
_ASCII[97:123] = _LETTER | _NEVER_BEFORE | _NEVER_AFTER
_ASCII[[UNDERSCORE]] = _NEVER_BEFORE | _NEVER_AFTER
_ASCII[[HASH, DOLLAR]] = _NEVER_BEFORE
_ASCII[[PERCENT]] = _NEVER_AFTER
_ASCII[[DOT, COLON]] = _POINT
_ASCII[[DASH, SLASH]] = _LINK


@compiled
def _bits(c: np.uint32) -> int:
    return _ASCII[c] if c < 128 else 0


@compiled
def is_digit(c: np.uint32) -> bool:
    """Whether the character is 0 to 9."""
    return bool(c >= 48 and c <= 57)  # a chained comparison takes Numba twice the time


@compiled
def is_alnum(c: np.uint32) -> bool:
    """Whether the character is an ASCII digit or letter."""
    return bool((c >= 48 and c <= 57) or (c >= 97 and c <= 122))


@compiled
def char_at(c: U32, i: int) -> np.uint32:
    """The character at i, or a space outside of the text."""
    if i >= 0 and i < len(c):
        return np.uint32(c[i])
    return np.uint32(SPACE)


@compiled
def _is_money(c: np.uint32) -> bool:
    """¥ ￥ € £, and 元万萬亿億円圓圆."""
    return (c in (0xA5, 0xFFE5, 0x20AC, 0xA3)) or (
        c in (0x5143, 0x4E07, 0x842C, 0x4EBF, 0x5104, 0x5186, 0x5713, 0x5706)
    )


@compiled
def may_begin(c: U32, i: int) -> bool:
    """Whether a number may begin at i: not inside a word, a decimal, a path, a chain, no sum."""
    p = char_at(c, i - 1)
    bits = _bits(p)
    if not bits:
        return int(p) < 128 or not _is_money(p)
    if bits & _NEVER_BEFORE:
        return False
    before = char_at(c, i - 2)
    if bits & _POINT:
        return not is_digit(before)
    return not (is_alnum(before) or before in (SLASH, DASH))


@compiled
def may_end(c: U32, i: int) -> bool:
    """Whether a number may end before i."""
    p = char_at(c, i)
    bits = _bits(p)
    if not bits:
        return int(p) < 128 or not _is_money(p)
    if bits & _NEVER_AFTER:
        return False
    if p == DOT:
        return not is_digit(char_at(c, i + 1))
    return p != DASH or not is_alnum(char_at(c, i + 1))


def word_table(words: tuple[str, ...]) -> U32:
    """Words for `context`: [word, character from the end], 0 behind its first.

    Before them a row of 256 bits: the low bytes of the characters that words end in. A look at it
    spares most characters of a text the comparison with every word.
    """
    table = np.zeros((1 + len(words), max(8, *(1 + len(w) for w in words))), np.uint32)
    for row, word in zip(table[1:], words, strict=True):
        row[: len(word)] = characters.code_points(word)[::-1]
        low = int(row[0]) & 255
        table[0, low >> 5] |= np.uint32(1 << (low & 31))
    return table


@compiled
def context(c: U32, i: int, limit: int, words: U32, kind: int) -> int:
    """How many characters before i a word of `words` ends, or a span of the kind; else -1.

    words: as `word_table` makes it. An ASCII word stands alone.
    """
    for back in range(limit + 1):
        at = i - 1 - back
        if at < 0:
            return -1
        if c[at] >= FILLED:
            return back if c[at] == FILLED + kind else -1
        low = c[at] & 255
        if not words[0, low >> 5] >> (low & 31) & 1:  # no word ends so
            continue
        for w in range(1, len(words)):
            if words[w, 0] != c[at]:
                continue
            size = 1
            while words[w, size] and at - size >= 0 and c[at - size] == words[w, size]:
                size += 1
            if words[w, size]:
                continue
            if is_alnum(c[at]) and (
                is_alnum(char_at(c, at + 1)) or is_alnum(char_at(c, at - size))
            ):
                continue
            return back
    return -1
