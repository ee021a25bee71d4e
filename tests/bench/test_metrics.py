"""The measure of extraction: 4-grams of words, one word a Han character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrics import Overlap, ngrams, overlap, snippets, words


def test_words_are_runs_of_letters_and_digits_and_single_han_and_kana() -> None:
    found = words("It's 3.5 km,中文ab かな_x 한국")
    assert found == ["It", "s", "3", "5", "km", "中", "文", "ab", "か", "な", "x", "한국"]


def test_overlap_counts_repeats_once_each() -> None:
    # Grams of the text: abcd twice, bcda, cdab, dabc; of the gold: abcd. One of five is right.
    found = overlap("a b c d a b c d", "a b c d")
    assert found == Overlap(1 / 5, 1.0, 2 / 6)


def test_a_short_text_is_one_gram() -> None:
    assert ngrams("one two") == {("one", "two"): 1}
    assert overlap("one two", "one two").f1 == 1
    assert overlap("one two", "one two three").f1 == 0


@pytest.mark.parametrize(("text", "gold", "f1"), [("", "", 1.0), ("", "a b", 0.0), ("a", "", 0.0)])
def test_empty_texts(text: str, gold: str, f1: float) -> None:
    assert overlap(text, gold).f1 == f1


@given(st.text("ab中 ", max_size=30), st.text("ab中 ", max_size=30))
def test_swapping_the_texts_swaps_precision_and_recall(a: str, b: str) -> None:
    one, other = overlap(a, b), overlap(b, a)
    assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)
    assert overlap(a, a).f1 == 1


def test_snippets_are_found_across_line_breaks() -> None:
    assert snippets("one\ntwo three", ["one two", "four"], ["three", "five"]) == (1, 1, 1)
