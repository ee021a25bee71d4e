"""What of a page is text beside its paragraphs: titles, headings, items, cells, readers' comments.

Each is told by the page's own structure, the same in both engines, and taken or left out as one
asks. An item or a cell that holds more than a few paragraphs is the layout of a page and no item,
and so is a row of a single cell.

Left out: definition lists, and what looks like a heading without being one.
"""

from typing import Any

from lxml import etree

from skypile.kernels.extraction.furniture import mark_texts
from skypile.kernels.extraction.lines import Marks

TITLE, HEADINGS, ITEMS, CELLS, COMMENTS = "title", "headings", "items", "cells", "comments"
KINDS = (TITLE, HEADINGS, ITEMS, CELLS, COMMENTS)
DEFAULT_KINDS = (HEADINGS, ITEMS, CELLS)
MAX_PARAGRAPHS = 3  # of an item, or of a cell of data

_HEADINGS: Any = etree.XPath("//h1 | //h2 | //h3 | //h4 | //h5 | //h6")
_ITEMS: Any = etree.XPath("//li")
_ROWS: Any = etree.XPath("//tr[count(*[self::td or self::th][normalize-space()]) > 1]")
_PARAGRAPHS = ("p", "div", "section", "article", "table", "blockquote", "pre", "h2", "h3", "h4")


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
        found += [item for item in _ITEMS(tree) if _is_small(item)]
    if CELLS not in kinds:
        found += [row for row in _ROWS(tree) if all(map(_is_small, row))]
    chosen = set(found)
    for element in found:
        if chosen.isdisjoint(element.iterancestors()):
            mark_texts(element, marks.aside)


def _is_small(element: Any) -> bool:
    """Whether an item or a cell holds at most a few paragraphs."""
    paragraphs = element.iter(*_PARAGRAPHS)
    return (
        sum(1 for _ in zip(paragraphs, range(MAX_PARAGRAPHS + 1), strict=False)) <= MAX_PARAGRAPHS
    )


def with_title_and_comments(
    blocks: tuple[str, ...], title: str | None, said: tuple[str, ...], kinds: tuple[str, ...]
) -> tuple[str, ...]:
    """The blocks of a text, its title before them where that is asked for and not their first, and
    behind them the comments that are not among them.
    """
    first = (title,) if title and TITLE in kinds and title not in blocks[:1] else ()
    known = set(blocks)
    return (*first, *blocks, *(line for line in said if line not in known))
