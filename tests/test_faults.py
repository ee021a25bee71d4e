"""Killed at any point and run again: the same rows, and finished parts are not done twice."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skypile.ledger import Ledger
from tests.conftest import REPO
from tests.test_run import LINES
from tests.toy import write_lines

TABLES = ("documents", "records", "verdicts_trim")


def killable(base: Path, *last: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.killable", str(base), *map(str, last)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )


def digests(base: Path) -> list[str]:
    ledger = Ledger(str(base / "run"))
    ledger.recount(ledger.funnel())
    return [ledger.digest(t) for t in TABLES]


def prepare(base: Path) -> None:
    write_lines(base, "a.txt", LINES[:60])
    write_lines(base, "b.txt", ["!no", *LINES[60:90]])


def change(base: Path) -> None:
    """A line more in one file, and another file."""
    write_lines(base, "a.txt", [*LINES[:60], "one more"])
    write_lines(base, "c.txt", ["new|file"])


def total_operations(base: Path, tmp: Path) -> int:
    shutil.copytree(base, tmp)
    done = killable(tmp)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_killed_at_random_points_and_run_again_gives_the_same_rows(tmp_path: Path) -> None:
    """First runs, and runs over changed input: the second must not take old plans for new ones."""
    fresh = tmp_path / "fresh"
    prepare(fresh)
    assert killable(fresh).returncode == 0
    first = digests(fresh)
    ready = tmp_path / "ready"
    shutil.copytree(fresh, ready)
    change(ready)
    shutil.copytree(ready, tmp_path / "second", ignore=shutil.ignore_patterns("run"))
    assert killable(tmp_path / "second").returncode == 0
    second = digests(tmp_path / "second")
    assert first != second

    empty = tmp_path / "empty"
    prepare(empty)
    rng = random.Random(2310)
    for start, expected in ((empty, first), (ready, second)):
        total = total_operations(start, tmp_path / f"{start.name}-total")
        for last in sorted(rng.sample(range(1, total), 5)):
            base = tmp_path / f"{start.name}-{last}"
            shutil.copytree(start, base)
            died = killable(base, last)
            assert died.returncode == -signal.SIGKILL, died.stderr
            done = killable(base)
            assert done.returncode == 0, (last, done.stderr)
            assert digests(base) == expected, last
            shutil.rmtree(base)


@pytest.mark.slow
def test_killed_at_every_point(tmp_path: Path) -> None:
    for name in ("first", "changed"):
        start = tmp_path / name
        prepare(start)
        if name == "changed":
            assert killable(start).returncode == 0
            change(start)
        total = total_operations(start, tmp_path / f"{name}-total")
        expected = digests(tmp_path / f"{name}-total")
        for last in range(1, total + 1):
            base = tmp_path / "killed"
            shutil.copytree(start, base)
            killable(base, last)
            done = killable(base)
            assert done.returncode == 0, (name, last, done.stderr)
            assert digests(base) == expected, (name, last)
            shutil.rmtree(base)


def test_a_rerun_takes_over_the_parts_that_were_done(tmp_path: Path) -> None:
    write_lines(tmp_path, "a.txt", LINES)
    total = int(killable(tmp_path).stdout.split()[-1])
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file() and path.suffix == ".json" and path.parent.name.endswith(".read"):
            path.unlink()  # as if killed just before the commit
    again = killable(tmp_path)
    assert int(again.stdout.split()[-1]) < total / 3
