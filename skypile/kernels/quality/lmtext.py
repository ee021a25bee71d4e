"""CCNet's text normalisation before its language models, written for Chinese and Japanese too.

Lower case, accents, digits, punctuation and control characters are folded as CCNet does (Wenzek et
al. 2020, section 4.2; `text_normalizer` of its code), with these differences: accents go from Latin
letters only, so that the voicing marks of kana, hangul and the letters й and ё stay; a full-width
digit is a digit, not a quotation mark; full-width ASCII and the marks of vertical and half-width
text become ASCII; invisible characters go, which CCNet leaves, and white space other than the end
of a line is one space. Traditional characters are kept unless a table to fold them is given.

Left out: what SentencePiece does after it (NFKC), and CCNet's variants for deduplication.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache

# The characters of each entry become its key. CCNet's table first, then the forms it lacks.
_PUNCTUATION = {
    '"': "„”“«»」「《》" + "『』〝〞〟＂｢｣﹁﹂﹃﹄︽︾︗︘",
    "'": "´’" + "‘‚‛`",
    ",": "，、" + "､︐︑﹐﹑",
    ".": "。" + "｡︒﹒",
    ":": "∶：" + "︓﹕",
    ";": "；" + "︔﹔",
    "?": "？" + "︖﹖",
    "!": "！" + "︕﹗",
    "(": "（" + "︵﹙",
    ")": "）" + "︶﹚",
    "<": "〈" + "︿‹",
    ">": "〉" + "﹀›",
    "[": "【" + "〔〖︹︻",
    "]": "】" + "〕〗︺︼",
    "%": "％" + "﹪",
    "~": "～" + "〜",
    "-": "–━►" + "‐‑‒−─﹣",
    " - ": "—" + "―",
    "...": "…" + "︙",
    ". ": "．",
}
# Soft hyphen, zero-width and direction marks, variation selectors: nothing that a reader sees.
# U+200C and U+200D stay: they spell words in Persian and Indian scripts.
_INVISIBLE = [
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0xAD, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF9, 0xFFFC),
]
_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_RARE = re.compile("[\u0300-\u036f\U000e0000-\U000e01ff]")
_TAGS = re.compile("[\U000e0000-\U000e01ff]+")  # invisible, too
_LATIN_MARKS = re.compile("(?<=[a-zß-öø-ɏɐ-ʯᴀ-ᶿḀ-ỿ])[\u0300-\u036f]+")
_SIZE = 0x20000  # of the table: what lies beyond stays as it is, but for `fold`
Entry = int | str  # a code point, or a text of any length


def _without_accents(char: str) -> str:
    """A Latin letter's base in lower case; any other character as it is."""
    parts = unicodedata.normalize("NFD", char)
    latin = len(parts) > 1 and unicodedata.name(parts[0], "").startswith("LATIN")
    return parts[0].lower() if latin else char


@cache
def _changes() -> dict[int, str]:
    """What each code point becomes that does not stay, of text in lower case."""
    table = {c: _without_accents(chr(c)) for c in range(0xC0, 0x2200)}
    table.update(dict.fromkeys(_INVISIBLE, ""))
    table.update(dict.fromkeys(map(ord, _SPACES), " "))
    table.update({c: chr(c - 0xFEE0).lower() for c in range(0xFF01, 0xFF5F)})
    for new, old in _PUNCTUATION.items():
        table.update(dict.fromkeys(map(ord, old), new))
    table.update({c: "0" for c in range(_SIZE) if chr(c).isdecimal()})
    return {c: text for c, text in table.items() if text != chr(c) and chr(c) != "\n"}


def make_normaliser(fold: Mapping[int, str] | None = None) -> Callable[[str], str]:
    """A function from text to the text that language models see.

    It keeps the ends of lines: lines in, as many lines out, each as it would be alone, without
    spaces at its ends. It is idempotent, and linear in the text.

    fold: code point to text, for folding traditional to simplified characters (each character on
    its own, so a table of one-to-one variants; None keeps both).

    Raises:
        ValueError: `fold` gives a character that would be changed again.
    """
    changes = {**_changes(), **(fold or {})}
    for text in (fold or {}).values():
        if text.lower() != text or any(ord(c) in changes for c in text):
            raise ValueError(f"fold gives {text!r}, which would be changed again")
    # A list is twice as fast here as a dictionary, whose every miss is an exception.
    table: list[Entry] = list(range(max(_SIZE, *changes) + 1))
    for code, text in changes.items():
        table[code] = ord(text) if len(text) == 1 else text

    def normalise(text: str) -> str:
        text = text.lower().translate(table)
        if not text.isascii() and _RARE.search(text):
            text = _LATIN_MARKS.sub("", _TAGS.sub("", text))
        while "  " in text:
            text = text.replace("  ", " ")
        return text.replace(" \n", "\n").replace("\n ", "\n").strip(" ")

    return normalise
