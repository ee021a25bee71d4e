"""Scripts of text by code point: which characters carry a syllable or a word each, and how much of
a text is in which script, in simplified, traditional or Japanese forms.

Tables by code point, not Unicode names, so that a page of a megabyte costs milliseconds.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from skypile.kernels.text import han

# Han with its extensions and compatibility forms, kana, hangul syllables; not their punctuation.
_WIDE = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af]+"
)

# Unicode's property Script (Scripts.txt of version 18.0, through fonttools 4.68) as runs: the first
# code point in hex, and who has it from there on: Latin, Han, Kana (hiragana and katakana),
# Bopomofo, hanGul, Cyrillic, Arabic, Other; `-` is Common and Inherited (digits, punctuation,
# emoji, combining marks), surrogates and private use. Unassigned code points go with what is
# before them.
# Written by scripts/make_script_tables.py.
_RUNS = (
    "0- 41L 5b- 61L 7b- aaL ab- baL bb- c0L d7- d8L f7- f8L 2b9- 2e0L 2e5- 2eaB 2ec- 370O 374- "
    "375O 37e- 37fO 385- 386O 387- 388O 400C 485- 487C 531O 600A 605- 606A 60c- 60dA 61b- 61cA "
    "61f- 620A 640- 641A 64b- 656A 670- 671A 6dd- 6deA 700O 750A 780O 870A 8e2- 8e3A 900O 951- "
    "955O 964- 966O e3f- e40O fd5- fd9O 10fb- 10fcO 1100G 1200O 16eb- 16eeO 1735- 1740O 1802- "
    "1804O 1805- 1806O 1ab0- 1b00O 1c80C 1c90O 1cd0- 1d00L 1d26O 1d2bC 1d2cL 1d5dO 1d62L 1d66O "
    "1d6bL 1d78C 1d79L 1dbfO 1dc0- 1e00L 1f00O 2000- 2071L 2074- 207fL 2080- 2090L 20a0- 2126O "
    "2127- 212aL 212c- 2132L 2133- 214eL 214f- 2160L 2189- 2800O 2900- 2c00O 2c60L 2c80O 2de0C "
    "2e00- 2e80H 2ff0- 3005H 3006- 3007H 3008- 3021H 302a- 302eG 3030- 3038H 303c- 3041K 3099- "
    "309dK 30a0- 30a1K 30fb- 30fdK 3105B 3131G 3190- 31a0B 31c0- 31f0K 3200G 3220- 3260G 327f- "
    "32d0K 32ff- 3300K 3358- 3400H 4dc0- 4e00H a000O a640C a6a0O a700- a722L a788- a78bL a800O "
    "a830- a840O a92e- a92fO a960G a980O a9cf- a9d0O ab30L ab5b- ab5cL ab65O ab66L ab6a- ab6cL "
    "ab70O ac00G d800- f900H fb00L fb13O fb50A fd3e- fd40A fe00- fe2eC fe30- fe70A feff- ff21L "
    "ff3b- ff41L ff5b- ff66K ff70- ff71K ff9e- ffa0G ffe0- 10000O 10100- 10140O 10190- 101a0O "
    "101d0- 10280O 102e0- 10300O 10780L 10800O 10e60A 10e80O 10ec2A 10f00O 1133b- 1133cO 16fe2H "
    "16fe4O 16ff0H 17000O 1aff0K 1b170O 1bca0- 1d200O 1d250- 1d800O 1db00- 1df00L 1dff3O 1dff5L "
    "1e000O 1e030C 1e100O 1ec71- 1ee00A 1f000- 1f200K 1f201- 20000H 3d000O e0001- "
)
_IDS = {letter: i for i, letter in enumerate("-LHKBGCAO")}
_SPACE = 9
_HAN = 16  # classes from here on: Han, plus the flags below
_SIMPLIFIED, _TRADITIONAL, _JAPANESE, _NOT_JAPANESE = 1, 2, 4, 8
_FLAGGED = [
    [c for c in range(_HAN, 2 * _HAN) if c & flag]
    for flag in (_SIMPLIFIED, _TRADITIONAL, _JAPANESE, _NOT_JAPANESE)
]
_CHUNK = 1 << 20  # code points; bounds the memory that a text of any size takes


def wide_chars(text: str) -> int:
    """Code points that are Han, kana or hangul."""
    return 0 if text.isascii() else sum(len(run) for run in _WIDE.findall(text))


@dataclass(frozen=True)
class Profile:
    """How many code points of a text are in each script (Unicode's property Script).

    Common and Inherited code points (digits, punctuation, emoji, marks) are in none: `letters` is
    the sum of the scripts. `spaces` are white space of any kind. Of the Han characters, how many
    exist only in `simplified` Chinese, only in `traditional`, only in `japanese`, or not in
    Japanese (`not_japanese`); most are common to all. Simplified and traditional may be Japanese
    too (国, 東); the sets say what a text is not.
    """

    chars: int
    spaces: int
    latin: int
    han: int
    kana: int
    bopomofo: int
    hangul: int
    cyrillic: int
    arabic: int
    other: int
    simplified: int
    traditional: int
    japanese: int
    not_japanese: int

    @property
    def letters(self) -> int:
        """Code points in any script."""
        return self.latin + self.wide + self.cyrillic + self.arabic + self.other

    @property
    def wide(self) -> int:
        """Code points in the scripts of East Asia."""
        return self.han + self.kana + self.bopomofo + self.hangul


@cache
def _classes() -> np.ndarray:
    """The class of each code point, uint8."""
    starts, letters = zip(*((int(r[:-1], 16), r[-1]) for r in _RUNS.split()), strict=True)
    lengths = np.diff([*starts, 0x110000])
    table = np.repeat(np.array([_IDS[x] for x in letters], dtype=np.uint8), lengths)
    is_han = table == _IDS["H"]
    table[is_han] = _HAN | _NOT_JAPANESE
    table[[c for c in range(0x3001) if chr(c).isspace()]] = _SPACE  # none is above U+3000
    japanese = np.array([ord(c) for c in han.in_japanese()])
    table[japanese[is_han[japanese]]] &= ~np.uint8(_NOT_JAPANESE)
    for flag, chars in (
        (_SIMPLIFIED, han.SIMPLIFIED),
        (_TRADITIONAL, han.TRADITIONAL),
        (_JAPANESE, han.JAPANESE),
    ):
        table[np.frombuffer(chars.encode("utf-32-le"), dtype=np.uint32)] |= np.uint8(flag)
    return table


def profile(text: str) -> Profile:
    """The scripts of a text, in linear time and bounded memory; lone surrogates are in none."""
    total = np.zeros(32, dtype=np.int64)
    for start in range(0, len(text), _CHUNK):
        data = text[start : start + _CHUNK].encode("utf-32-le", "surrogatepass")
        total += np.bincount(_classes()[np.frombuffer(data, dtype=np.uint32)], minlength=32)
    counts = total.tolist()
    _, latin, _, kana, bopomofo, hangul, cyrillic, arabic, other, spaces = counts[:10]
    simplified, traditional, japanese, not_japanese = (
        sum(counts[c] for c in classes) for classes in _FLAGGED
    )
    return Profile(
        chars=len(text),
        spaces=spaces,
        latin=latin,
        han=sum(counts[_HAN:]),
        kana=kana,
        bopomofo=bopomofo,
        hangul=hangul,
        cyrillic=cyrillic,
        arabic=arabic,
        other=other,
        simplified=simplified,
        traditional=traditional,
        japanese=japanese,
        not_japanese=not_japanese,
    )
