"""Tokens and shingles in plain Python, from the definitions alone: what the kernels are held to.

Shares no code with `skypile.kernels`: characters by `unicodedata`, whole strings and no tables.
Slow; exact.
"""

import unicodedata
from collections.abc import Iterator

Shingle = tuple[str, ...]

# By code point, all of it: Han, kana, bopomofo and hangul with their numerals and marks.
WIDE = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x3096),
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0xF900, 0xFAFF),
    (0x1100, 0x11FF),
    (0xA960, 0xA97F),
    (0xD7B0, 0xD7FF),
    (0x1AFF0, 0x1B16F),
)
# Blocks that are full, or will be.
FULL = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x17000, 0x18DFF),
    (0x20000, 0x3FFFD),
)
# Their letters (Lo) are by code point, their digits are words: South-East Asia, Yi, Nushu.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x1950, 0x19DF),
    (0x1A20, 0x1AAF),
    (0x1B00, 0x1B7F),
    (0xA000, 0xA48F),
    (0xA980, 0xA9FF),
    (0xAA60, 0xAADF),
    (0x1B170, 0x1B2FF),
)


def normal(text: str) -> str:
    """NFKC after full case folding, to the fixed point, without what does not print."""
    before = ""
    while text != before:
        before = text
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", "".join(c for c in text if not _ignorable(ord(c))))


def _ignorable(code: int) -> bool:
    return (
        unicodedata.category(chr(code)) == "Cf"
        or code in (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)
        or 0x180B <= code <= 0x180F
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
    )


def _is_single(char: str) -> bool:
    code, category = ord(char), unicodedata.category(char)

    def within(ranges: tuple[tuple[int, int], ...]) -> bool:
        return any(first <= code <= last for first, last in ranges)

    if within(FULL) or (within(WIDE) and category[0] not in "CZ"):
        return True
    return category == "Lo" and within(UNSPACED)


def units(text: str) -> Iterator[tuple[bool, str]]:
    """(is a token, what it is): tokens, and each punctuation mark or symbol between them."""
    token, single = "", False
    for char in normal(text):
        category = unicodedata.category(char)
        if category[0] == "M":
            token += char if token else ""
            continue
        alone = _is_single(char)
        word = not alone and category[0] in "LN"
        if token and (single or not word):
            yield True, token
            token = ""
        if alone or word:
            token, single = token + char, alone
        elif category[0] in "PS":
            yield False, char
    if token:
        yield True, token


def tokens(text: str) -> list[str]:
    """The tokens of a text, composed."""
    return [unit for is_token, unit in units(text) if is_token]


def shingles(text: str, size: int = 5) -> frozenset[Shingle]:
    """The set of n-grams of tokens; the tokens there are where they are fewer; else the symbols."""
    found = tokens(text) or ["", *(unit for _, unit in units(text))]
    if len(found) < size or not found[0]:
        return frozenset([tuple(found)])
    return frozenset(zip(*(found[i:] for i in range(size)), strict=False))


def jaccard(left: frozenset[Shingle], right: frozenset[Shingle]) -> float:
    """|A & B| / |A | B|."""
    return len(left & right) / len(left | right)
