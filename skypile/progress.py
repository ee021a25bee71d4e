"""Progress with a rate and an estimate of what is left: a bar on a terminal, a line now and then
elsewhere.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LINE_EVERY_SECONDS = 15.0


class Report(Protocol):
    """Told how many of the total are done."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """`done` pieces are done. total: of how many, where that is known better by now."""


@dataclass(frozen=True)
class Amount:
    """What all the pieces of a job hold: so much of a unit, spread over them about evenly."""

    all: float
    unit: str

    def rate(self, share: float, seconds: float) -> str:
        """`, 34 documents/s`, where a share of it took so long; "" before anything is done."""
        done = self.all * share
        if not done or seconds <= 0:
            return ""
        value = done / seconds
        return f", {value:,.0f} {self.unit}/s" if value >= 10 else f", {value:.2g} {self.unit}/s"


NO_AMOUNT = Amount(0, "")


@contextmanager
def progress(
    label: str, total: int, unit: str, amount: Amount = NO_AMOUNT, *, grows: bool = False
) -> Iterator[Report]:
    """A report function for `total` pieces of work, drawn on standard error.

    amount: what they hold. grows: more pieces may come, so neither rate nor what is left is told.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            *(() if grows else (TextColumn("left"), TimeRemainingColumn())),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total, rate="")
            begun = time.monotonic()

            def report(done: int, total: int | None = total) -> None:
                known = total or 1
                share = 0.0 if grows else done / known
                rate = amount.rate(share, time.monotonic() - begun).lstrip(", ")
                bar.update(task, completed=done, total=known, rate=rate)

            yield report
        return
    yield _Lines(label, total, unit, amount, grows)


@contextmanager
def transfer(label: str) -> Iterator[Callable[[int, int], None]]:
    """A report function for bytes: those that are there, and those in all as far as is known."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    lines = _Lines(label, 0, "MB")

    def report(done: int, total: int) -> None:
        lines.total = total // 1_000_000
        lines(done // 1_000_000)

    yield report


class _Lines:
    def __init__(
        self,
        label: str,
        total: int,
        unit: str,
        amount: Amount = NO_AMOUNT,
        grows: bool = False,
    ) -> None:
        self._label, self.total, self._unit = label, total, unit
        self._amount, self._grows = amount, grows
        self._begun = self._last = time.monotonic()

    def __call__(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        self.total = total or self.total
        if now - self._last < LINE_EVERY_SECONDS or (done >= self.total and not self._grows):
            return
        self._last = now
        spent = now - self._begun
        known = done and not self._grows
        left = f", about {spent / done * (self.total - done):.0f} s left" if known else ""
        rate = "" if self._grows else self._amount.rate(done / max(1, self.total), spent)
        print(
            f"{self._label}: {done}/{self.total} {self._unit}, {spent:.0f} s{rate}{left}",
            file=sys.stderr,
            flush=True,
        )


def took(amount: Amount, seconds: float) -> str:
    """`1,014 records in 61 s, 16 records/s`: what a finished job says of itself."""
    return f"{amount.all:,.0f} {amount.unit} in {seconds:.0f} s{amount.rate(1, seconds)}"
