"""What of a page is text beside its paragraphs: titles, headings, items, cells, readers' comments.

Each is told by the page's own structure, the same in both engines, and taken or left out as one
asks. An item or a cell that holds more than a few lines, or a long text, is the layout of a page
and no item, and so is a row of a single cell. Comments are added: what an engine takes for the main
text stays, whoever wrote it.

Left out: definition lists, and what looks like a heading without being one.
"""

from typing import Any

from lxml import etree

from skypile.kernels.extraction.flow import lines_of
from skypile.kernels.extraction.furniture import mark_texts
from skypile.kernels.extraction.lines import Marks
from skypile.kernels.extraction.paragraphs import WIDE_WEIGHT
from skypile.kernels.text.scripts import wide_chars

TITLE, HEADINGS, ITEMS, CELLS, COMMENTS = "title", "headings", "items", "cells", "comments"
KINDS = (TITLE, HEADINGS, ITEMS, CELLS, COMMENTS)
DEFAULT_KINDS = (HEADINGS, ITEMS, CELLS)
# Of an item, or of a cell of data, less the items and cells in it; weighted, without spaces.
MAX_LINES, MAX_CHARS = 3, 600
FEW = 5  # blocks, among which a page has its title: a byline may be before it

_HEADINGS: Any = etree.XPath("//h1 | //h2 | //h3 | //h4 | //h5 | //h6")
_ITEMS: Any = etree.XPath("//li")
_ROWS: Any = etree.XPath("//tr")
_INNER = frozenset({"ul", "ol", "li", "table", "tr", "td", "th"})


def mark_left_out(tree: Any, kinds: tuple[str, ...], marks: Marks | None) -> None:
    """Begin each text of the kinds that are not asked for with the mark of what is no text.

    They stay in the page, since extractors go by how much of it they took. Nothing is marked
    without `marks`.
    """
    if marks is None:
        return
    found: list[Any] = []
    if HEADINGS not in kinds:
        found += _HEADINGS(tree)
    if ITEMS not in kinds:
        found += [item for item in _ITEMS(tree) if _is_small(_own_text(item))]
    if CELLS not in kinds:
        found += filter(_is_data, _ROWS(tree))
    chosen = set(found)
    for element in found:
        if chosen.isdisjoint(element.iterancestors()):
            mark_texts(element, marks.aside)


def _is_data(row: Any) -> bool:
    """Whether a row has several cells with text of their own, and all of them are small."""
    cells = [text for text in map(_own_text, row.iterchildren("td", "th")) if text]
    return len(cells) > 1 and all(map(_is_small, cells))


def _own_text(element: Any) -> str:
    return lines_of(element, lambda inner: inner.tag in _INNER)


def _is_small(text: str) -> bool:
    """Whether lines are no more than an item or a cell holds."""
    size = len("".join(text.split()))
    return text.count("\n") < MAX_LINES and size + (WIDE_WEIGHT - 1) * wide_chars(text) <= MAX_CHARS


def with_title_and_comments(
    blocks: tuple[str, ...], title: str | None, said: tuple[str, ...], kinds: tuple[str, ...]
) -> tuple[str, ...]:
    """The blocks of a text, its title before them where that is asked for and none of the first,
    and behind them the comments that are not among them.
    """
    first = (title,) if title and TITLE in kinds and title not in blocks[:FEW] else ()
    known = set(map(_unmarked, blocks)) if said else set()
    return (*first, *blocks, *(line for line in said if _unmarked(line) not in known))


def _unmarked(block: str) -> str:
    """A block without the mark of an item."""
    return block.lstrip(" ").removeprefix("- ")
