"""Units that recur to blocks that go, and block numbers before and after edits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.distribution.recurrent import blocks_of, original


def gone(first: list[int], end: list[int], recurrent: list[bool], documents: list[int]) -> tuple:
    spans = (np.array(first, np.int32), np.array(end, np.int32))
    found = blocks_of(*spans, np.array(recurrent), np.array(documents))
    return found.blocks, found.units


def test_a_unit_takes_all_its_blocks_and_pieces_go_together() -> None:
    assert gone([0, 3], [3, 4], [True, False], [9, 0]) == ([0, 1, 2], [0, 0, 0])
    assert gone([1, 2, 2], [2, 3, 3], [True, True, False], [9, 9, 0]) == ([1], [0])
    assert gone([2, 2], [3, 3], [True, True], [9, 8]) == ([2], [1])
    assert gone([], [], [], []) == ([], [])


@given(st.sets(st.integers(0, 30)), st.data())
def test_original_undoes_edits(removed: set[int], data: st.DataObject) -> None:
    there = [b for b in range(40) if b not in removed]
    asked = sorted(data.draw(st.sets(st.integers(0, len(there) - 1))))
    assert original(asked, sorted(removed)) == [there[b] for b in asked]
