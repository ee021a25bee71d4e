"""The Feistel shuffle: a permutation for every n, another for every key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.order import key_of, permuted


@given(n=st.integers(1, 3000), seed=st.integers(0, 2**32))
def test_it_is_a_permutation(n: int, seed: int) -> None:
    moved = permuted(np.arange(n), n, key_of(seed, "epoch", 0))
    assert sorted(moved.tolist()) == list(range(n))


@given(n=st.integers(1, 2**40), data=st.data())
def test_one_index_alone_goes_where_it_goes_among_others(n: int, data: st.DataObject) -> None:
    some = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20)))
    key = key_of("k")
    assert permuted(some, n, key)[-1] == permuted(some[-1:], n, key)[0]


def test_it_shuffles() -> None:
    n = 100_003
    moved = permuted(np.arange(n), n, key_of(7))
    assert abs(np.corrcoef(np.arange(n), moved)[0, 1]) < 0.02
    neighbours = np.abs(np.diff(moved))
    assert abs(neighbours.mean() / (n / 3) - 1) < 0.02  # of two random numbers below n: n / 3
    assert (moved == np.arange(n)).sum() < 10
    assert (moved == permuted(np.arange(n), n, key_of(8))).sum() < 10


def test_the_order_is_the_same_on_every_machine() -> None:
    assert permuted(np.arange(5), 781_250_000, key_of(1, "x", 0)).tolist() == GOLDEN


GOLDEN = [301378611, 707725115, 248726682, 8473447, 761349218]


def test_indices_outside_are_errors() -> None:
    with pytest.raises(ValueError, match="indices"):
        permuted(np.array([5]), 5, key_of(1))
    with pytest.raises(ValueError, match="indices"):
        permuted(np.array([-1]), 5, key_of(1))
