"""Lines of an extracted text: which say something, and how they are spelled.

Listings (code, and what else a page sets in `pre`) pass through the extractor as one word, their
line ends and spaces written as marks that the page does not hold; here they become lines again.

Left out: what is a listing (`markup`), and which lines a text is better without (`furniture`).
"""

import re
import unicodedata
from itertools import islice
from typing import NamedTuple

from skypile.kernels.extraction.furniture import is_furniture

# Controls and non-characters, which are in no text, but in titles that scripts spell as "\u0000".
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_CELL_EDGE = re.compile(r"(?<!\\)\|")
_NESTED_ITEM = re.compile(r"(?:  ){1,20}(?=- )")
_INNER_SPACE = re.compile(r"^ +| {2,}| +$")

# Signs that no page of 1,014 has; printable, since the extractor drops what is not.
_SIGNS = [chr(c) for c in range(0x1D300, 0x1D357)]


class Marks(NamedTuple):
    """Characters that stand for the two ends, line ends, spaces and tabs of a listing.

    aside: begins what is no part of the text.
    """

    begin: str
    end: str
    newline: str
    space: str
    tab: str
    aside: str

    def listing(self, text: str) -> str:
        """A text as one word that keeps its lines; blank lines at its ends are left out."""
        lines = [line.replace("\xa0", " ").rstrip() for line in text.splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
        words = (_INNER_SPACE.sub(lambda m: self.space * len(m[0]), line) for line in lines)
        return f"{self.begin}{self.newline.join(words)}{self.end}".replace("\t", self.tab)


def marks_for(html: str) -> Marks | None:
    """Marks that a page does not hold; None for one that holds nearly all that there are."""
    free = list(islice((sign for sign in _SIGNS if sign not in html), len(Marks._fields)))
    return Marks(*free) if len(free) == len(Marks._fields) else None


def line(text: str | None) -> str | None:
    """A text as one line: printable, NFC, spaces collapsed; None without a letter or digit."""
    joined = " ".join((text or "").split())
    if joined.isascii() and joined.isprintable():  # nothing to take out or to compose
        return joined if any(map(str.isalnum, joined)) else None
    shown = _UNPRINTABLE.sub("", joined)
    if len(shown) < len(joined):  # spaces that met
        shown = " ".join(shown.split())
    shown = unicodedata.normalize("NFC", shown)
    return shown if any(map(str.isalnum, shown)) else None


def blocks(text: str, marks: Marks | None = None) -> tuple[str, ...]:
    """The lines of an extracted text that say something.

    A table row is its filled cells, joined by " | "; a nested item keeps its indent, of two spaces
    a level. The lines of a listing are all kept, as they are but for spaces at their ends; of
    several blank ones in a row, one.
    """
    raws = text.splitlines()
    if marks and marks.aside in text:
        inside = [raw for raw in raws if raw.lstrip(" -|")[:1] != marks.aside]
        kept = inside if any(map(line, inside)) else raws
        raws = [raw.replace(marks.aside, "") for raw in kept]
    found: list[str] = []
    for raw in raws:
        if marks and marks.begin in raw:
            found += _around_listings(raw, marks)
        elif said := _said(raw):
            found.append(said)
    return tuple(found)


def _said(raw: str) -> str | None:
    text = line(raw)
    if text is None or is_furniture(text):
        return None
    if text.startswith("|"):
        return _cells(text)
    indent = _NESTED_ITEM.match(raw)
    return indent[0] + text if indent else text


def _cells(row: str) -> str:
    # trafilatura writes rows as Markdown; pages laid out as tables are all row, and mostly empty.
    cells = [c.strip() for c in _CELL_EDGE.split(row) if any(map(str.isalnum, c))]
    return " | ".join(cells).replace("\\|", "|")


def _around_listings(raw: str, marks: Marks) -> list[str]:
    """The lines of a line that holds listings; one of a single line stays where it is."""
    found: list[str] = []
    in_row = raw.lstrip().startswith("|")
    plain = ""
    for piece in re.split(f"({marks.begin}[^{marks.begin}{marks.end}]*{marks.end})", raw):
        lines = marks.newline in piece or piece == raw.strip()
        if not (piece.startswith(marks.begin) and lines):
            plain += _unmarked(piece, marks, " ")
            continue
        found += filter(None, [_said(plain)])
        code = _unmarked(piece.replace("\\|", "|") if in_row else piece, marks, "\n")
        found += _code_lines(code)
        plain = "|" if in_row else ""
    return [*found, *filter(None, [_said(plain)])]


def _unmarked(text: str, marks: Marks, newline: str) -> str:
    signs = dict(zip(map(ord, marks), ("", "", newline, " ", "\t", ""), strict=True))
    return text.translate(signs)


def _code_lines(code: str) -> list[str]:
    kept: list[str] = []
    for raw in unicodedata.normalize("NFC", _UNPRINTABLE.sub("", code)).split("\n"):
        # What else ends a line was made a line end before; a bare "\x85" cannot come back.
        text = raw.rstrip()
        if text or (kept and kept[-1]):
            kept.append(text)
    return kept
