"""Budgets of limited languages, and where their files end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.code.code_shares import BIN_BITS, boundary_bin, budgets, cut_off, order, tier


def test_a_share_is_of_all_that_is_kept() -> None:
    found = budgets(700, {"JSON": 5000, "XML": 5000}, {"JSON": 0.2, "XML": 0.1})
    assert found == {"JSON": pytest.approx(200), "XML": pytest.approx(100)}


def test_what_one_lacks_does_not_widen_the_others() -> None:
    found = budgets(700, {"JSON": 5000, "XML": 0}, {"JSON": 0.3, "XML": 0.3})
    assert found == {"JSON": pytest.approx(300), "XML": 0}


def test_who_falls_short_of_a_plan_does_not_of_what_is_kept() -> None:
    """Two languages that have nothing make the total smaller, and so the others' budgets."""
    found = budgets(9, {"a": 0, "b": 0, "c": 2}, {"a": 0.125, "b": 0.1875, "c": 0.125})
    assert found == {"a": 0, "b": 0, "c": pytest.approx(9 * 0.125 / 0.875)}


@given(
    st.integers(0, 10**6),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10**6), min_size=4, max_size=4),
    st.lists(st.floats(0, 0.24), min_size=4, max_size=4),
)
def test_no_share_is_above_its_limit_and_none_is_below_for_nothing(
    others: int, available: dict[str, int], limits: list[float]
) -> None:
    shares = dict(zip("abcd", limits, strict=True))
    kept = budgets(others, available, shares)
    total = others + sum(kept.values())
    for name, tokens in kept.items():
        assert tokens <= available[name] + 1e-6
        assert tokens <= shares[name] * total + 1e-3
        enough = tokens == pytest.approx(available[name], abs=1e-3)
        assert enough or tokens == pytest.approx(shares[name] * total, abs=1e-3)


def test_better_files_come_first() -> None:
    assert tier(0.8, 0.9, 0.0) == 0
    assert tier(0.2, 0.3, 0.6) == 3
    texts = [str(i) for i in range(200)]
    good, bad = ([order(t, text, 0) for text in texts] for t in (0, 1))
    assert max(good) < min(bad)
    assert max(order(3, text, 0) for text in texts) < 2**63
    assert sorted(good) != sorted(order(0, text, 1) for text in texts)


@given(
    st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 100)), max_size=60, unique=True)
)
def test_the_end_is_that_of_walking_through_all_files(files: list[tuple[int, int]]) -> None:
    budget, bins = 500.0, dict[int, int]()
    for place, tokens in files:
        bins[place >> BIN_BITS] = bins.get(place >> BIN_BITS, 0) + tokens
    found, total, end = boundary_bin(bins, budget), 0, None
    for place, tokens in sorted(files):
        total += tokens
        if total > budget:
            end = place
            break
    if end is None:
        assert found is None
    else:
        assert found
        at, before = found
        rows = [f for f in files if f[0] >> BIN_BITS == at]
        assert cut_off(rows, before, budget) == end
