"""From recurrent units to the blocks of a document that go: one document at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Gone(NamedTuple):
    """Blocks that go, ascending, and for each the unit that is named for it."""

    blocks: list[int]
    units: list[int]


def blocks_of(
    first: NDArray[np.int32],
    end: NDArray[np.int32],
    recurrent: NDArray[np.bool_],
    documents: NDArray[np.int64],
) -> Gone:
    """The blocks of a document of which every unit is recurrent.

    A unit of several blocks takes all of them; a block that was cut goes when each of its pieces is
    recurrent, and is named after the rarest. Blocks in no unit stay.

    first, end: unit i covers the blocks first[i] to end[i] - 1, ascending. documents: in how many
    each unit recurs.
    """
    named: dict[int, int] = {}
    stays: set[int] = set()
    for unit in range(len(first)):
        for block in range(int(first[unit]), int(end[unit])):
            if not recurrent[unit]:
                stays.add(block)
            elif block not in named or documents[unit] < documents[named[block]]:
                named[block] = unit
    blocks = sorted(named.keys() - stays)
    return Gone(blocks, [named[block] for block in blocks])


def original(blocks: Sequence[int], removed: Sequence[int]) -> list[int]:
    """Indices of blocks before earlier edits, of indices after them; both ascending.

    removed: indices, before the edits, of what they took away.
    """
    found, gone, at = [], 0, list(removed)
    for block in blocks:
        while gone < len(at) and at[gone] <= block + gone:
            gone += 1
        found.append(block + gone)
    return found
