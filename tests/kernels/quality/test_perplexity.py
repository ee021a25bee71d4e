import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.quality import perplexity as pp

FLOATS = st.floats(1, 2.0**120, width=32)


def floats(values: list[float | None]) -> pa.Array:
    return pa.array(values, pa.float32())


def counted(values: pa.Array) -> dict[int, int]:
    numbers, counts = np.unique(pp.bins(values), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def test_perplexity_is_ten_to_the_mean_cost_of_a_token() -> None:
    found = pp.perplexities(np.array([-4.0, 0.0, -1e6]), np.array([2, 0, 1]))
    assert found.type == pa.float32()
    assert found.to_pylist() == [100.0, None, np.float32(1e38)]


def test_exact_cutoffs_are_values_that_occur() -> None:
    values = floats([float(v) for v in range(1, 11)] + [None, float("nan")])
    assert pp.cutoffs(values) == (3.0, 6.0)
    assert pp.cutoffs(values, (0, 10, 10.1, 100)) == (1.0, 1.0, 2.0, 10.0)


def test_buckets_at_and_around_the_limits() -> None:
    values = floats([1, 2.9, 3, 5.9, 6, 1e30, None, float("nan")])
    expected = ["head", "head", "middle", "middle", "tail", "tail", None, None]
    assert pp.buckets(values, (3.0, 6.0)).to_pylist() == expected
    assert pp.buckets(floats([]), (3.0, 6.0)).to_pylist() == []


def test_no_bucket_is_made_of_nothing() -> None:
    for values in (floats([]), floats([None, None])):
        assert pp.cutoffs(values) is None
        assert pp.histogram_cutoffs(counted(values)) is None
        assert pp.buckets(values, None).to_pylist() == [None] * len(values)
    few = floats([5, 6])
    assert pp.cutoffs(few, min_documents=3) is None
    assert pp.histogram_cutoffs(counted(few), min_documents=3) is None
    assert pp.buckets(few, None).to_pylist() == [None, None]
    assert pp.cutoffs(floats([7])) == (7.0, 7.0)


@pytest.mark.parametrize("limits", [(3.0,), (6.0, 3.0), (1.0, 2.0, 3.0)])
def test_limits_that_are_none(limits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        pp.buckets(floats([1]), limits)


@given(st.lists(FLOATS, min_size=1), st.lists(st.floats(0, 100), min_size=1))
def test_the_histogram_is_within_its_error(values: list[float], percentiles: list[float]) -> None:
    exact = pp.cutoffs(floats(values), percentiles)
    near = pp.histogram_cutoffs(counted(floats(values)), percentiles)
    assert exact
    assert near
    for right, found in zip(exact, near, strict=True):
        assert right * (1 - pp.RELATIVE_ERROR) < found <= right


@given(st.lists(FLOATS), st.lists(FLOATS), st.randoms())
def test_histograms_of_parts_add_up(one: list[float], two: list[float], rng: random.Random) -> None:
    both = [*one, *two]
    rng.shuffle(both)
    parts, whole = [counted(floats(one)), counted(floats(two))], counted(floats(both))
    assert {b: sum(p.get(b, 0) for p in parts) for b in whole} == whole
    assert pp.cutoffs(floats(both)) == pp.cutoffs(floats([*one, *two]))


@given(st.lists(FLOATS))
def test_bins_ascend_with_their_values(values: list[float]) -> None:
    ordered = floats(sorted(values))
    found = pp.bins(ordered)
    assert (np.diff(found) >= 0).all()
    assert (pp.lower_edges(found) <= ordered.to_numpy()).all()
    assert (pp.lower_edges(found + 1) > ordered.to_numpy()).all()


def test_what_is_no_perplexity_has_no_bin() -> None:
    odd = floats([None, float("nan"), float("inf"), 0.0, -1.0])
    assert pp.bins(odd).tolist() == [-1] * 5
    assert pp.bins(odd).dtype == np.int32
