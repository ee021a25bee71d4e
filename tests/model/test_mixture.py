"""Counts of the mixture: exact sums, near the integral, never falling; five epochs at most."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.mixture import Phase, epochs, read_plan
from model.settings import SettingsError
from tests.model.corpora import phase, write_corpus


def ramp(start: list[float], end: list[float], power: float = 1.0) -> Phase:
    return Phase("p", 1, np.array(start), np.array(end), power)


def test_a_linear_ramp_from_10_to_40_percent_over_a_thousand_steps() -> None:
    """research/trainers.md, section E: 0.2500 over all, 0.1001 first, 0.3999 last."""
    p = ramp([0.9, 0.1], [0.6, 0.4])
    counts = p.counts(np.arange(1001) * 4096, 1000 * 4096)
    steps = np.diff(counts[:, 1]) / 4096
    assert counts[-1, 1] / (1000 * 4096) == pytest.approx(0.25, abs=1e-6)
    assert f"{steps[0]:.4f}" == "0.1001"
    assert f"{steps[-1]:.4f}" == "0.3999"


def test_stage_two_of_the_paper_averages_20_percent_stem() -> None:
    p = ramp([0.9, 0.1], [0.6, 0.4], 2.0)
    assert p.counts(1_000_000, 1_000_000)[1] == 200_000
    first = p.counts(np.array([0, 1000, 999_000, 1_000_000]), 1_000_000)[:, 1]
    assert first[1] == 100
    assert first[3] - first[2] == 400


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=22).filter(
        lambda w: sum(a for a, _ in w) > 0.1 and sum(b for _, b in w) > 0.1
    ),
    power=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    batch=st.integers(1, 64),
    steps=st.integers(1, 200),
)
def test_sums_are_exact_counts_never_fall_and_stay_near_the_integral(
    weights: list[tuple[float, float]], power: float, batch: int, steps: int
) -> None:
    start, end = (np.array(column) / sum(column) for column in zip(*weights, strict=True))
    p = Phase("p", 1, start, end, power)
    wanted = np.arange(steps + 1) * batch
    counts = p.counts(wanted, steps * batch)
    assert (counts.sum(1) == wanted).all()
    assert (np.diff(counts, axis=0) >= 0).all()
    exact = steps * batch * p.given(np.arange(steps + 1) / steps)
    # Half a sample of rounding, and what the others' roundings move in time.
    room = 0.5 + np.maximum(start, end) * (len(start) / 2 + 1) + 1e-6
    assert (np.abs(counts - exact) <= room).all()
    one = p.counts(int(wanted[steps // 2]), steps * batch)
    assert (one == counts[steps // 2]).all()


def test_with_the_papers_shares_no_count_is_off_by_more_than_two() -> None:
    share = np.array([39.8, 3.6, 3.0, 0.5, 2.9, 30.4, 5.5, 0.8, 3.1, 2.4, 8.0]) / 100
    p = Phase("p", 1, share, share, 1.0)
    steps = np.arange(0, 119_000, 7)
    counts = p.counts(steps * 4096, 119_000 * 4096)
    assert np.abs(counts - steps[:, None] * 4096 * share).max() < 2


def test_more_than_five_epochs_is_an_error_with_the_table(tmp_path: Path) -> None:
    path = write_corpus(tmp_path, {"a.main": 40, "b.stem": 40}, [phase("p", 1, {"a.main": 1.0})])
    plan = read_plan(path)
    tokens = plan.domains[0].tokens
    assert epochs(plan, {"p": 5.0 * tokens}) == {"a.main": 5.0, "b.stem": 0.0}
    with pytest.raises(SettingsError, match=r"a\.main .* 5\.01"):
        epochs(plan, {"p": 5.01 * tokens})


def test_epochs_of_several_phases_add_up(tmp_path: Path) -> None:
    phases = [phase("one", 1, {"a.main": 1.0}), phase("two", 1, {"a.main": 0.5, "b.stem": 0.5})]
    plan = read_plan(write_corpus(tmp_path, {"a.main": 40, "b.stem": 40}, phases))
    n = plan.domains[0].tokens
    assert epochs(plan, {"one": 2.0 * n, "two": 2.0 * n})["a.main"] == 3.0
    with pytest.raises(SettingsError, match="epochs"):
        epochs(plan, {"one": 4.0 * n, "two": 2.5 * n})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "not a"),
        ({"version": 2}, "not a"),
        ({"phases": [phase("p", 1, {"a.main": 0.9})]}, "adds up to 0.9"),
        ({"phases": [phase("p", 1, {"a.main": 1.0, "z": 0.0})]}, "no domains"),
        ({"phases": [phase("p", 1, {"a.main": 2.0, "b.stem": -1.0})]}, "adds up"),
        ({"phases": [phase("p", 0, {"a.main": 1.0})]}, "above 0"),
    ],
)
def test_plans_that_cannot_be_meant(tmp_path: Path, change: dict, message: str) -> None:
    path = write_corpus(tmp_path, {"a.main": 5, "b.stem": 5}, [phase("p", 1, {"a.main": 1.0})])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SettingsError, match=message):
        read_plan(path)
