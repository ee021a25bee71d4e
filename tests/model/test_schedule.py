"""Learning rates at the steps that the paper names."""

import pytest

from model.schedule import Schedule


def test_cosine_of_appendix_a() -> None:
    """2,000 steps of warm-up, 3e-4 to 3e-5 over 43,945 of 51,200 steps, then 3e-5."""
    s = Schedule(peak=3e-4, final=3e-5, warmup_steps=2_000, decay_steps=43_945)
    assert s.rate(0, 51_200) == pytest.approx(1.5e-7)
    assert s.rate(999, 51_200) == pytest.approx(1.5e-4)
    assert s.rate(1_999, 51_200) == s.rate(2_000, 51_200) == 3e-4
    middle = 2_000 + (43_945 - 2_000) // 2
    assert s.rate(middle, 51_200) == pytest.approx(1.65e-4, rel=1e-4)
    assert s.rate(43_945, 51_200) == s.rate(51_199, 51_200) == pytest.approx(3e-5, rel=1e-12)
    rates = [s.rate(i, 51_200) for i in range(2_000, 51_200)]
    assert rates == sorted(rates, reverse=True)


def test_cosine_over_the_whole_session_by_default() -> None:
    s = Schedule(peak=6e-4, final=6e-5)
    assert s.rate(0, 1_000) == 6e-4
    assert s.rate(500, 1_000) == pytest.approx(3.3e-4)
    assert s.rate(999, 1_000) == pytest.approx(6e-5, rel=1e-4)


def test_constant_with_a_warm_up() -> None:
    s = Schedule(kind="constant", peak=6e-5, warmup_steps=4)
    assert [s.rate(i, 9) for i in range(6)] == pytest.approx(
        [1.5e-5, 3e-5, 4.5e-5, 6e-5, 6e-5, 6e-5]
    )


@pytest.mark.parametrize("shape", ["linear", "sqrt", "exponential"])
def test_wsd_falls_in_its_last_part_alone_and_ends_at_final(shape: str) -> None:
    s = Schedule(kind="wsd", peak=1e-3, final=1e-5, decay_fraction=0.2, decay_shape=shape)
    rates = [s.rate(i, 100) for i in range(100)]
    assert rates[:80] == [1e-3] * 80
    assert rates[79:] == sorted(rates[79:], reverse=True)
    assert rates[80] < 1e-3
    assert rates[99] == pytest.approx(1e-5)


@pytest.mark.parametrize(
    "bad",
    [
        {"peak": 0.0},
        {"peak": 1e-4, "final": 1e-3},
        {"peak": 1e-4, "kind": "linear"},
        {"peak": 1e-4, "kind": "wsd", "decay_fraction": 0.0},
        {"peak": 1e-4, "kind": "wsd", "decay_shape": "exponential"},
        {"peak": 1e-4, "warmup_steps": -1},
    ],
)
def test_schedules_that_cannot_be(bad: dict) -> None:
    with pytest.raises(ValueError):
        Schedule(**bad)
