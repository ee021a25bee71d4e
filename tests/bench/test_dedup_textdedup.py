"""How whom two programs drop is judged: by the true similarities, whoever is kept of a group."""

from typing import Any

import numpy as np
import pytest

from bench.dedup_textdedup import Result, closest, compare
from bench.dedup_texts import all_pairs

# 0, 1 and 2 are alike; 3 and 4 are not quite; 5 is alone.
PAIRS = (
    np.array([0, 0, 1, 3]),
    np.array([1, 2, 2, 4]),
    np.array([0.9, 0.85, 0.8, 0.7]),
)


def stays(*dropped: int) -> np.ndarray:
    found = np.ones(6, bool)
    found[list(dropped)] = False
    return found


def lines_of(
    ours: np.ndarray, other: np.ndarray, firsts: np.ndarray | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}

    def line(_case: str, metric: str, value: float, _unit: str, **more: Any) -> None:
        found[metric, more.get("pairs", "")] = {"value": value, **more}

    result = Result(other, other if firsts is None else firsts, 1.0, 1.0)
    compare("c", ours, result, PAIRS, line, peer="p")
    return found


def test_the_closest_is_among_the_others_that_stay() -> None:
    assert closest(stays(1, 2), PAIRS).tolist() == [0, 0.9, 0.85, 0.7, 0.7, 0]
    assert closest(stays(0), PAIRS).tolist() == [0.9, 0.8, 0.8, 0.7, 0.7, 0]


def test_a_document_dropped_for_one_unlike_it_is_the_peers_fault() -> None:
    found = lines_of(stays(1, 2), stays(1, 4, 5))
    agreement = found["agreement", ""]
    assert agreement["value"] == 3 / 6
    assert (agreement["both_drop"], agreement["both_keep"]) == (1, 2)
    right = found["precision", "dropped, J >= 0.8 to one that stays"]
    assert (right["value"], right["peer_value"]) == (1, pytest.approx(1 / 3, abs=1e-4))
    assert right["peer_value_to_any"] == pytest.approx(1 / 3, abs=1e-4)
    left = found["pairs_left", "J >= 0.8, both stay"]
    assert (left["value"], left["peer_value"], left["n"]) == (0, pytest.approx(1 / 3, abs=1e-4), 3)
    only = found["documents", "only ours drops"]
    assert (only["value"], only["below_threshold"], only["j"]) == (1, 0, {"0.85": 1})
    only = found["documents", "only the peer drops"]
    assert (only["value"], only["below_threshold"], only["j"]) == (2, 2, {"0.00": 1, "0.70": 1})


def test_another_copy_kept_is_no_disagreement() -> None:
    found = lines_of(stays(1, 2), stays(0, 1), stays(1, 2))
    assert found["agreement", ""]["value"] == 1
    assert found["documents", "only ours drops"]["value"] == 0
    assert found["documents", "only the peer drops"]["value"] == 0
    # 0 and 1 fall to 2 in what it wrote.
    assert found["precision", "dropped, J >= 0.8 to one that stays"]["peer_value"] == 1


def test_whoever_drops_nothing_is_right() -> None:
    found = lines_of(stays(), stays())
    assert found["agreement", ""]["value"] == 1
    right = found["precision", "dropped, J >= 0.8 to one that stays"]
    assert (right["value"], right["peer_value"]) == (1, 1)


def test_true_pairs_are_of_plain_shingles_in_both_languages() -> None:
    texts = ["a b c d e f", "a b c d e g", "网络爬虫收集网页", "网络爬虫收集网站", "z"]
    left, right, true = all_pairs(texts)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 1), (2, 3)]
    assert true.tolist() == [1 / 3, 3 / 5]
