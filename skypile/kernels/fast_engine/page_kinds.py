"""Which of the chosen blocks of a page are of the kinds that are asked for (`extraction.kinds`)."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from skypile.kernels.compiled import I64
from skypile.kernels.extraction.kinds import CELLS, HEADINGS, ITEMS, MAX_CHARS, MAX_LINES
from skypile.kernels.fast_engine.page_tags import (
    CELL,
    ELEMENT,
    ITEM,
    PARENT,
    ROW,
    TAG,
    TAG_OF,
    WEIGHT,
    Scan,
)

Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int32]
F64: TypeAlias = npt.NDArray[np.float64]
_HEADINGS = [TAG[f"h{n}"] for n in range(1, 7)]


def of_kinds(page: Scan, chosen: I64, kinds: tuple[str, ...]) -> I64:
    """Of these blocks, ascending, those that are paragraphs or of a kind that is asked for."""
    out = np.zeros(len(page.blocks), bool)
    elements = page.elements[page.blocks[:, ELEMENT]]  # of each block
    sizes = page.blocks[:, WEIGHT] / 2  # it is in halves
    if HEADINGS not in kinds:
        out |= _in_headings(page)
    if ITEMS not in kinds:
        out |= _in_small(elements[:, ITEM], sizes)
    if CELLS not in kinds:
        out |= _in_rows_of_data(elements[:, ROW], elements[:, CELL], sizes)
    return chosen[~out[chosen]]


def _in_headings(page: Scan) -> Flags:
    parents = page.elements[:, PARENT]
    inside = np.isin(page.elements[:, TAG_OF], _HEADINGS)
    while True:
        more = inside | ((parents >= 0) & inside[parents])
        if (more == inside).all():
            found: Flags = inside[page.blocks[:, ELEMENT]]
            return found
        inside = more


def _in_small(owners: Numbers, sizes: F64) -> Flags:
    """Blocks whose owner, -1 for none, has a few of them at most, and no long text."""
    _, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
    total = np.bincount(places, sizes)
    few = (counts <= MAX_LINES) & (total <= MAX_CHARS)
    small: Flags = (owners >= 0) & few[places]
    return small


def _in_rows_of_data(rows: Numbers, cells: Numbers, sizes: F64) -> Flags:
    """Blocks in rows of several cells with text, all of which are small."""
    small, inside = _in_small(cells, sizes), (rows >= 0) & (cells >= 0)
    _, places = np.unique(np.where(inside, rows, -1), return_inverse=True)
    large = np.bincount(places, inside & ~small)
    pairs = np.unique(np.stack((places, cells), 1)[inside], axis=0)
    several = np.bincount(pairs[:, 0], minlength=len(large)) > 1
    found: Flags = inside & ((large == 0) & several)[places]
    return found
