"""The rules on paragraphs see lengths only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.extraction.paragraphs import longest_run, substance, weigh

LENGTHS = st.lists(st.integers(1, 400), max_size=30)


def test_a_wide_character_weighs_three_and_a_half() -> None:
    assert weigh([10, 10], [0, 4]) == [10, 20]
    assert weigh([10], [10], wide_weight=1) == [10]


def test_weigh_refuses_lists_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        weigh([1, 2], [0])


@pytest.mark.parametrize(
    ("weights", "run"),
    [
        ([], 0),
        ([99, 99], 0),
        ([100], 100),
        ([150, 20, 120], 270),  # a heading between two paragraphs
        ([150, 20, 20, 120], 150),  # two blocks between them
        ([20, 20, 150, 110, 20, 20, 300], 300),
    ],
)
def test_a_run_reaches_over_one_block_and_no_further(weights: list[float], run: float) -> None:
    assert longest_run(weights, 100, 1) == run


def test_fragments_go_from_the_ends_but_for_the_one_beside_the_text() -> None:
    found = substance([5, 6, 30, 900, 10, 900, 20, 7, 8], [0] * 9)
    assert found.removed == (0, 1, 7, 8)
    assert found.chars == 30 + 900 + 10 + 900 + 20
    assert found.run_chars == 1800


def test_fragments_that_are_much_of_the_page_stay() -> None:
    assert substance([20, 20, 20, 100, 900], [0] * 5).removed == ()  # 40 of 1,060, above 2 %
    assert substance([20, 20, 20, 100, 1900], [0] * 5).removed == (0, 1)


def test_a_page_of_fragments_keeps_all_and_has_no_run() -> None:
    found = substance([30] * 50, [0] * 50)
    assert (found.removed, found.run_chars, found.chars) == ((), 0, 1500)


def test_short_chinese_paragraphs_are_paragraphs() -> None:
    assert substance([29], [29]).run_chars == 101.5
    assert substance([29], [0]).run_chars == 0
    assert substance([3, 3, 3, 12, 400], [0, 0, 0, 12, 400]).removed == (0, 1)
    assert substance([3, 3, 3, 11, 400], [0, 0, 0, 11, 400]).removed == (0, 1, 2)


@given(LENGTHS, st.floats(0, 0.3))
def test_what_is_removed_is_bounded_and_at_the_ends(lengths: list[int], bound: float) -> None:
    found = substance(lengths, [0] * len(lengths), max_fragments_fraction=bound)
    removed = set(found.removed)
    assert sorted(removed) == list(found.removed)
    assert sum(lengths[i] for i in removed) <= bound * sum(lengths)
    assert found.chars == sum(lengths) - sum(lengths[i] for i in removed)
    kept = [i for i in range(len(lengths)) if i not in removed]
    assert kept == list(range(kept[0], kept[-1] + 1)) if kept else not lengths
    assert all(lengths[i] < 40 for i in removed)


@given(LENGTHS)
def test_a_run_is_no_heavier_than_the_page(lengths: list[int]) -> None:
    found = substance(lengths, [0] * len(lengths))
    assert 0 <= found.run_chars <= found.chars
