"""The shares that AUC is the mean of, and how far it can be trusted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.crossfit import below, interval
from skypile.kernels.quality.reference import auc

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12)


def test_a_text_has_the_share_of_the_positives_above_it() -> None:
    found = below(np.array([0.9, 0.5, 0.7, 0.1]), np.array([0.0, 0.5, 0.8, 1.0]))
    assert found.tolist() == [1.0, 0.625, 0.25, 0.0]  # the tie counts half


@given(SCORES, SCORES)
def test_their_mean_is_the_auc(positives: list[float], asked: list[float]) -> None:
    above, of_texts = np.array(positives), np.array(asked)
    assert below(above, of_texts).mean() == pytest.approx(auc(above, of_texts))


def test_the_interval_narrows_with_more_texts() -> None:
    shares = np.array([0.5, 1.0] * 10)
    low, high = interval(shares)
    assert low < 0.75 < high
    more_low, more_high = interval(np.tile(shares, 100))
    assert 0.73 < more_low < 0.75 < more_high < 0.77
    assert interval(np.ones(5)) == [1.0, 1.0]
