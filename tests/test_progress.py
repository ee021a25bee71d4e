"""Progress where no terminal is: lines with a rate, and what is left where that is known."""

import pytest

from skypile import progress
from skypile.progress import Amount, took


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress.time, "monotonic", made)
    return made


def test_a_line_has_the_rate_and_what_is_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress("dedup.measure 网页", 20, "parts", Amount(4000, "documents")) as report:
        report(1)
        assert capsys.readouterr().err == ""  # not every half second
        clock.now += 20
        report(5)
        assert capsys.readouterr().err == (
            "dedup.measure 网页: 5/20 parts, 20 s, 50 documents/s, about 60 s left\n"
        )
        clock.now += 20
        report(20)
        assert capsys.readouterr().err == ""  # it ends with what the caller says


def test_nothing_done_has_no_rate(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("extract.read web", 20, "parts", Amount(3.5, "MB")) as report:
        clock.now += 20
        report(0)
        assert capsys.readouterr().err == "extract.read web: 0/20 parts, 20 s\n"


def test_where_more_may_come_nothing_is_promised(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    some = Amount(1000, "documents")
    with progress.progress("dedup.relate", 0, "tasks so far", some, grows=True) as report:
        clock.now += 20
        report(4, 4)
        clock.now += 20
        report(6, 12)
    assert capsys.readouterr().err == (
        "dedup.relate: 4/4 tasks so far, 20 s\ndedup.relate: 6/12 tasks so far, 40 s\n"
    )


def test_what_a_job_says_at_its_end() -> None:
    assert took(Amount(1014, "records"), 61) == "1,014 records in 61 s, 17 records/s"
    assert took(Amount(3.25, "MB"), 2.0) == "3 MB in 2 s, 1.6 MB/s"
    assert took(Amount(0, "documents"), 0.0) == "0 documents in 0 s"
