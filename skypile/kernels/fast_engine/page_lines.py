"""Chosen blocks of a page as lines of text, as `lines.blocks` reads them: the same marks for items
and rows as the other engine's text has.

A block is a line. The first block of an item begins with "- ", two spaces a level before it. Cells
of one row are one line between bars, unless one of them holds more than a cell of a table would:
pages are laid out as tables, too.

Left out: listings, which are marked words already (`markup`).
"""

from collections.abc import Sequence
from itertools import groupby

from skypile.kernels.fast_engine.page_tags import CELL, ELEMENT, ITEM, LISTS, ROW, START, STOP, Scan

MAX_CELL_BLOCKS = 3  # of a cell of data; what has more is a part of the page
MAX_INDENTS = 20


def lines_of(scan: Scan, chosen: Sequence[int]) -> str:
    """The text of the blocks with these numbers, ascending."""
    lines: list[str] = []
    begun: set[int] = set()
    whole = scan.text.tobytes().decode("utf-32-le", "replace")  # a character a code point
    ends = scan.blocks[chosen][:, [START, STOP]].tolist()
    text = {block: whole[a:b] for block, (a, b) in zip(chosen, ends, strict=True)}
    places = scan.elements[scan.blocks[chosen, ELEMENT]][:, [ROW, CELL, ITEM, LISTS]].tolist()
    found = [(block, *place) for block, place in zip(chosen, places, strict=True)]
    # Blocks outside cells are in no row: each is a group of its own.
    for _, group in groupby(found, key=lambda one: one[1] if one[2] >= 0 else -1 - one[0]):
        row = list(group)
        cells = [list(cell) for _, cell in groupby(row, key=lambda one: one[2])]
        if len(cells) > 1 and max(map(len, cells)) <= MAX_CELL_BLOCKS:
            texts = (" ".join(text[one[0]] for one in cell) for cell in cells)
            lines.append("| " + " | ".join(t.replace("|", "\\|") for t in texts) + " |")
            continue
        for block, _, _, item, lists in row:
            mark = ""
            if item >= 0 and item not in begun:
                begun.add(item)
                mark = "  " * min(lists - 1, MAX_INDENTS) + "- "
            lines.append(mark + text[block])
    return "\n".join(lines)
