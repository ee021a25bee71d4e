"""What each code point is, as arrays for compiled kernels: classes, and one folding for all.

From Python's Unicode data (`unicodedata.unidata_version` decides rows and belongs into
fingerprints). Hangul is a letter here, not a character that is a word: Korean is written with
spaces. So are Thai and Khmer, which are not: their text is one long word a clause.
"""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

LETTER, MARK, DIGIT, HAN, KANA = 1, 2, 4, 8, 16
PUNCTUATION, SYMBOL, SPACE, LATIN, ODD = 32, 64, 128, 256, 512
TERMINAL, QUOTE, CLOSER, BULLET, ELLIPSIS = 1024, 2048, 4096, 8192, 16384
WIDE = HAN | KANA

_TABLE = 0x110000
_LOOKED_UP = (range(0x20000), range(0xE0000, 0xE0200))  # beyond: Han, private, unassigned
_HAN = (
    *((0x3005, 0x3008), (0x3021, 0x302A), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00)),
    (0x20000, 0x323B0),
)
_KANA = ((0x3041, 0x3097), (0x309D, 0x30A0), (0x30A1, 0x30FB), (0x30FC, 0x3100), (0xFF66, 0xFF9E))
_OF_CATEGORY = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo"), LETTER),
    **dict.fromkeys(("Mn", "Mc", "Me"), MARK),
    **dict.fromkeys(("Nd", "Nl", "No"), DIGIT),
    **dict.fromkeys(("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"), PUNCTUATION),
    **dict.fromkeys(("Sm", "Sc", "Sk", "So"), SYMBOL),
    **dict.fromkeys(("Zs", "Zl", "Zp", "Cf"), SPACE),  # zero-width characters show as nothing
    **dict.fromkeys(("Cc", "Cs", "Co", "Cn"), ODD),
}
# Ends of sentences; of lines, too, as are closing quotes (C4: . ! ? "), and these before a CLOSER.
_TERMINAL = ".!?。！？．｡…⋯‼⁇⁈⁉"
_QUOTE = "\"'”’」』〞»›"
_CLOSER = ")]}）］｝】》〉〕〗〛"
_BULLET = "•‣◦▪▫●○■□◆◇★☆※►▶▷‧∙·・⁃-–—*－＊"
_ELLIPSIS = "…⋯"


@functools.cache
def classes() -> npt.NDArray[np.uint16]:
    r"""The class bits of every code point; one array a process, read-only. 50 ms when first asked.

    Every code point has one of LETTER, MARK, DIGIT, HAN, KANA, PUNCTUATION, SYMBOL, SPACE, ODD
    (controls, private, unassigned, U+FFFD); LATIN and the rest come on top. Full-width forms are
    what they stand for. `\n`, `\r`, `\t` are SPACE.
    """
    table = np.full(_TABLE, ODD, np.uint16)
    for span in _LOOKED_UP:
        for code in span:
            table[code] = _OF_CATEGORY[unicodedata.category(chr(code))]
    for first, end in _HAN:
        table[first:end] = HAN
    for first, end in _KANA:
        table[first:end] = KANA
    for code in range(0x250):
        if table[code] == LETTER:
            table[code] |= LATIN
    for first, end in ((0x1E00, 0x1F00), (0xFF21, 0xFF3B), (0xFF41, 0xFF5B)):
        table[first:end] |= LATIN
    table[[9, 10, 11, 12, 13, 0x85]] = SPACE
    table[0xFFFD] = ODD
    for characters, bit in (
        (_TERMINAL, TERMINAL),
        (_QUOTE, QUOTE),
        (_CLOSER, CLOSER),
        (_BULLET, BULLET),
        (_ELLIPSIS, ELLIPSIS),
    ):
        table[[ord(c) for c in characters]] |= bit
    table.flags.writeable = False
    return table


@functools.cache
def folding() -> npt.NDArray[np.uint32]:
    """For every code point the one it is compared as; one array a process, read-only.

    Lower case where that is one code point; full-width ASCII as ASCII; the dashes as `-`; spaces
    of any width as ` `. Line ends stay.
    """
    table = np.arange(_TABLE, dtype=np.uint32)
    table[0xFF01:0xFF5F] = np.arange(0x21, 0x7F)
    for code in _LOOKED_UP[0]:
        lower = chr(table[code]).lower()
        if len(lower) == 1:
            table[code] = ord(lower)
    for code in range(0x3001):
        if unicodedata.category(chr(code)) == "Zs":
            table[code] = 32
    table[[0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212]] = ord("-")
    table.flags.writeable = False
    return table


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """The text as an array; lone surrogates stay what they are."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
