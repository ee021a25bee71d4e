"""Which of the chosen blocks of a page are of the kinds that are asked for (`extraction.kinds`)."""

import numpy as np

from skypile.kernels.compiled import I64
from skypile.kernels.extraction.kinds import CELLS, HEADINGS, ITEMS, MAX_PARAGRAPHS
from skypile.kernels.fast_engine.page_tags import (
    CELL,
    ELEMENT,
    ITEM,
    PARENT,
    ROW,
    TAG,
    TAG_OF,
    Scan,
)

_HEADINGS = [TAG[f"h{n}"] for n in range(1, 7)]


def of_kinds(page: Scan, chosen: I64, kinds: tuple[str, ...]) -> I64:
    """Of these blocks, ascending, those that are paragraphs or of a kind that is asked for."""
    out = np.zeros(len(page.blocks), bool)
    elements = page.elements[page.blocks[:, ELEMENT]]  # of each block
    if HEADINGS not in kinds:
        out |= _in_headings(page)
    if ITEMS not in kinds:
        out |= _in_small(elements[:, ITEM])
    if CELLS not in kinds:
        out |= _in_rows_of_data(elements[:, ROW], elements[:, CELL])
    return chosen[~out[chosen]]


def _in_headings(page: Scan) -> np.typing.NDArray[np.bool_]:
    parents = page.elements[:, PARENT]
    inside = np.isin(page.elements[:, TAG_OF], _HEADINGS)
    while True:
        more = inside | ((parents >= 0) & inside[parents])
        if (more == inside).all():
            found: np.typing.NDArray[np.bool_] = inside[page.blocks[:, ELEMENT]]
            return found
        inside = more


def _in_small(owners: np.typing.NDArray[np.int32]) -> np.typing.NDArray[np.bool_]:
    """Blocks whose owner, -1 for none, has a few of them at most."""
    _, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
    small: np.typing.NDArray[np.bool_] = (owners >= 0) & (counts[places] <= MAX_PARAGRAPHS)
    return small


def _in_rows_of_data(
    rows: np.typing.NDArray[np.int32], cells: np.typing.NDArray[np.int32]
) -> np.typing.NDArray[np.bool_]:
    """Blocks in rows of more than one cell with text, each of which is small."""
    small = _in_small(cells)
    found = np.zeros(len(rows), bool)
    for row in np.unique(rows[small & (rows >= 0)]):
        of_row = (rows == row) & (cells >= 0)
        found |= of_row & (small[of_row].all() and len(np.unique(cells[of_row])) > 1)
    return found
