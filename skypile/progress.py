"""Progress with an estimate of what is left: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    def __call__(self, done: int) -> None:
        """`done` pieces are done."""


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Report]:
    """A report function for `total` pieces of work, drawn on standard error."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    yield _Lines(label, total, unit)


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
    def __init__(self, label: str, total: int, unit: str) -> None:
        self._label, self.total, self._unit = label, total, unit
        self._begun = self._last = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last < LINE_EVERY_SECONDS or done >= self.total:
            return
        self._last = now
        spent = now - self._begun
        left = f", about {spent / done * (self.total - done):.0f} s left" if done else ""
        print(
            f"{self._label}: {done}/{self.total} {self._unit}, {spent:.0f} s{left}",
            file=sys.stderr,
            flush=True,
        )
