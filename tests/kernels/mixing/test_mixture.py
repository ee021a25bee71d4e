"""Shares sum, caps hold, the budget is met or refused; the paper's own numbers."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skypile.kernels.mixing.mixture import (
    Phase,
    Shortfall,
    exhausted,
    fit,
    normalised,
    power_of,
    report,
)

NAMES = [f"d{i}" for i in range(6)]
T = 1e12


def shares_of(weights: list[float]) -> dict[str, float]:
    return {n: w / sum(weights) for n, w in zip(NAMES, weights, strict=False)}


WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(0.01, 1)), min_size=2, max_size=6).filter(sum)
PHASES = st.lists(
    st.builds(
        lambda tokens, start, end, power: Phase(
            "p", tokens, shares_of(start), shares_of(end), power
        ),
        st.floats(1e3, 1e6),
        WEIGHTS,
        WEIGHTS,
        st.floats(0.2, 5),
    ),
    min_size=1,
    max_size=4,
)
AVAILABLE = st.fixed_dictionaries(
    {n: st.one_of(st.just(0), st.integers(1, 10**6), st.just(10**9)) for n in NAMES}
)


def whole(phases: list[Phase]) -> float:
    return sum(p.tokens for p in phases)


@given(PHASES, AVAILABLE, st.booleans(), st.sampled_from([1.0, 2.5, 5.0]))
def test_shares_sum_caps_hold_and_the_budget_is_met_or_refused(
    phases: list[Phase], available: dict[str, int], spread: bool, cap: float
) -> None:
    try:
        fitted = fit(phases, available, cap, spread=spread)
    except Shortfall as e:
        refused = e
    else:
        refused = None
    if refused and not spread:
        assert any(x.epochs > cap for x in refused.lines)
        assert refused.budget < whole(phases)
        return
    if refused:
        # Refused only where those that could take more have no share there, or all are used up.
        gaps = any(0 in (p.start.get(n, 0), p.end.get(n, 0)) for p in phases for n in NAMES)
        assert gaps or cap * sum(available.values()) < whole(phases) * (1 + 1e-9)
        return
    for asked, phase in zip(phases, fitted, strict=True):
        for side, before in ((phase.start, asked.start), (phase.end, asked.end)):
            assert sum(side.values()) == pytest.approx(1, abs=1e-9)
            assert all(v >= 0 for v in side.values())
            assert all(before.get(n, 0) > 0 for n, v in side.items() if v > 1e-12)
        assert sum(phase.given(n) for n in NAMES) == pytest.approx(phase.tokens, rel=1e-9)
        for x in (0.25, 0.8):
            gave = sum(phase.given(n, x) for n in NAMES)
            assert gave == pytest.approx(x * phase.tokens, rel=1e-9)
    for line in report(phases, fitted, available, cap):
        assert line.given <= cap * line.available * (1 + 1e-9) + 1e-6
    reached = sum(x.reached_share for x in report(phases, fitted, available, cap))
    assert reached == pytest.approx(1, abs=1e-9)


@given(PHASES, st.floats(1, 3))
def test_what_fits_is_left_as_it_was_asked_for(phases: list[Phase], room: float) -> None:
    asked_of = {n: sum(p.given(n) for p in phases) for n in NAMES}
    available = {n: math.ceil(room * given / 5) for n, given in asked_of.items()}
    for spread in (False, True):
        for asked, phase in zip(phases, fit(phases, available, 5, spread=spread), strict=True):
            for name in NAMES:
                assert phase.given(name) == pytest.approx(asked.given(name), rel=1e-9, abs=1e-6)


EVERYWHERE = st.builds(
    lambda tokens, start, end: Phase("p", tokens, shares_of(start), shares_of(end), 2),
    st.floats(1e3, 1e6),
    st.lists(st.floats(0.01, 1), min_size=6, max_size=6),
    st.lists(st.floats(0.01, 1), min_size=6, max_size=6),
)


@given(st.lists(EVERYWHERE, min_size=1, max_size=3), AVAILABLE)
def test_where_all_have_shares_only_too_few_tokens_are_refused(
    phases: list[Phase], available: dict[str, int]
) -> None:
    enough = 5 * sum(available.values()) / whole(phases)
    assume(abs(enough - 1) > 1e-6)
    try:
        fit(phases, available, 5, spread=True)
    except Shortfall:
        assert enough < 1
    else:
        assert enough > 1


@given(PHASES, AVAILABLE)
def test_the_rest_goes_to_the_others_in_proportion(
    phases: list[Phase], available: dict[str, int]
) -> None:
    flat = [Phase(p.name, p.tokens, p.start, p.start) for p in phases[:1]]
    try:
        (phase,) = fit(flat, available, 5, spread=True)
    except Shortfall:
        return
    asked = flat[0]
    ratios = {
        n: phase.start[n] / asked.start[n]
        for n in asked.start
        if asked.start[n] and phase.given(n) < 5 * available[n] * (1 - 1e-6)
    }
    if ratios:
        assert max(ratios.values()) == pytest.approx(min(ratios.values()), rel=1e-6)


def test_the_budget_named_is_the_most_that_fits() -> None:
    asked = Phase("one", 100, {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5})
    with pytest.raises(Shortfall, match="a cannot fill their shares within 5 epochs") as caught:
        fit([asked], {"a": 4, "b": 1000}, 5, spread=False)
    assert caught.value.budget == pytest.approx(40)
    smaller = Phase("one", 40, asked.start, asked.end)
    assert fit([smaller], {"a": 4, "b": 1000}, 5, spread=False) == [smaller]


def test_the_cap_counts_all_phases_together_and_says_when() -> None:
    """As the paper tells it: session two (2T to 3T) goes on without what session one used up."""
    shares = {"wiki": 0.02, "web": 0.98}
    one, two = (Phase(n, t, shares, shares) for n, t in (("one", 2 * T), ("two", T)))
    available = {"wiki": int(0.01 * T), "web": 3 * 10**12}
    first, second = fit([one, two], available, 5, spread=True)
    assert first == one
    assert second.start["wiki"] == pytest.approx(0.01)  # 0.05T in all, of which 0.04T were given
    assert second.start["web"] == pytest.approx(0.99)
    wiki = next(x for x in report([one, two], [first, second], available, 5) if x.domain == "wiki")
    assert wiki.epochs == pytest.approx(5)
    assert (wiki.exhausted_at, wiki.exhausted_in) == (pytest.approx(3 * T), "two")
    assert wiki.wanted_share == pytest.approx(0.02)
    assert wiki.reached_share == pytest.approx(0.05 / 3)
    gone = fit([one, two], {"wiki": int(0.008 * T), "web": 3 * 10**12}, 5, spread=True)
    assert gone[1].start == {"web": pytest.approx(1), "wiki": pytest.approx(0)}
    assert exhausted(gone, "wiki", 0.04 * T) == (pytest.approx(2 * T), "one")


def test_the_papers_ramp() -> None:
    p = power_of(0.1, 0.4, 0.2)
    assert p == pytest.approx(2)
    stage = Phase("two", 130e9, {"m": 0.9, "s": 0.1}, {"m": 0.6, "s": 0.4}, p)
    assert stage.given("s") == pytest.approx(0.2 * 130e9)
    assert stage.given("m") == pytest.approx(0.8 * 130e9)
    near = 1 - 1e-6
    last = (stage.given("s") - stage.given("s", near)) / (130e9 * 1e-6)
    assert last == pytest.approx(0.4, rel=1e-3)
    assert stage.given("s", 1e-6) / (130e9 * 1e-6) == pytest.approx(0.1, rel=1e-3)
    at, phase = exhausted([stage], "s", 13e9)
    assert at is not None
    assert stage.given("s", at / 130e9) == pytest.approx(13e9, rel=1e-6)
    assert phase == "two"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_a_ramp_has_the_mean_asked_for(start: float, end: float, at: float) -> None:
    assume(abs(end - start) > 1e-3)
    mean = start + at * (end - start)
    p = power_of(start, end, mean)
    assert p > 0
    assert start + (end - start) / (p + 1) == pytest.approx(mean)


@pytest.mark.parametrize("ramp", [(0.1, 0.4, 0.4), (0.1, 0.4, 0.05), (0.2, 0.2, 0.3)])
def test_a_ramp_without_that_mean(ramp: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="has no mean of"):
        power_of(*ramp)
    assert power_of(0.2, 0.2, 0.2) == 1


def test_shares_that_are_none() -> None:
    assert normalised({"a": 0.3333333, "b": 0.6666667}) == pytest.approx({"a": 1 / 3, "b": 2 / 3})
    assert math.fsum(normalised(dict.fromkeys(NAMES, 1 / 6)).values()) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"must sum to 1, these sum to 0\.9"):
        normalised({"a": 0.5, "b": 0.4})
    for share in (-0.1, float("nan"), 1.5):
        with pytest.raises(ValueError, match="share of a is"):
            normalised({"a": share, "b": 1.1})


def test_a_domain_without_tokens() -> None:
    asked = Phase("one", 100, {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5})
    with pytest.raises(Shortfall, match="b cannot fill") as caught:
        fit([asked], {"a": 1000}, 5, spread=False)
    assert caught.value.budget == 0
    (phase,) = fit([asked], {"a": 1000}, 5, spread=True)
    assert phase.start == {"a": 1, "b": 0}
    with pytest.raises(Shortfall, match="phase one: all sources together cannot give its tokens"):
        fit([asked], {"a": 19}, 5, spread=True)
