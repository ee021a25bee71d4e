"""Checkpoints: complete or not there, whatever layout wrote them, wherever it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model.checkpoint import CheckpointError, complete, newest, read_card
from model.layout import Layout
from tests.model import cases

CFG = cases.small()
ONE = Layout(batch=8, micro_batch=8)
REPO = Path(__file__).resolve().parents[2]


def layout(data_parallel: int, stages: int) -> Layout:
    return Layout(data_parallel=data_parallel, stages=stages, batch=24, micro_batch=1)


def same(a: list[dict], b: list[dict]) -> bool:
    """Whether ranks together hold the same tensors, bit by bit."""
    one, two = ({k: v for rank in ranks for k, v in rank.items()} for ranks in (a, b))
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


@pytest.mark.parametrize(
    ("writes", "reads"),
    [
        (layout(2, 2), layout(1, 1)),
        (layout(2, 1), layout(3, 1)),
        pytest.param(layout(2, 1), layout(4, 1), marks=pytest.mark.slow),
        pytest.param(layout(2, 1), layout(1, 1), marks=pytest.mark.slow),
        pytest.param(layout(1, 4), layout(2, 2), marks=pytest.mark.slow),
        pytest.param(layout(1, 1), layout(1, 3), marks=pytest.mark.slow),
    ],
)
def test_other_layouts_read_the_same_tensors(tmp_path: Path, writes: Layout, reads: Layout) -> None:
    """Megatron-LM 659: 16 ranks to 24. The vocabulary is odd, so shards are uneven."""
    written = cases.on_ranks(writes.world, cases.write_checkpoint, CFG, writes, str(tmp_path))
    read = cases.on_ranks(reads.world, cases.read_checkpoint, CFG, reads, str(tmp_path))
    assert same(written, read)
    assert sum("optimizer" in k for rank in written for k in rank) > 0


def test_what_is_computed_with_is_what_was_loaded(tmp_path: Path) -> None:
    """Megatron-LM 6920: gathered half-precision weights stayed those of before."""
    lay = layout(2, 1)
    cases.on_ranks(2, cases.write_checkpoint, CFG, lay, str(tmp_path))
    assert all(cases.on_ranks(2, cases.gathered_are_loaded, CFG, lay, str(tmp_path)))


def test_asynchronous_checkpoints_hold_the_step_they_were_begun_at(tmp_path: Path) -> None:
    lay = layout(2, 1)
    sync, late = tmp_path / "sync", tmp_path / "async"
    cases.on_ranks(2, cases.write_checkpoint, CFG, lay, str(sync))
    cases.on_ranks(2, cases.write_checkpoint, CFG, lay, str(late), True)
    read = [cases.on_ranks(2, cases.read_checkpoint, CFG, lay, str(p)) for p in (sync, late)]
    assert same(*read)


def test_the_newest_and_the_milestones_are_kept(tmp_path: Path) -> None:
    cases.on_ranks(1, cases.many_checkpoints, CFG, ONE, str(tmp_path), 2)
    assert [p.name for p in complete(tmp_path)] == [
        "step-00000002",
        "step-00000004",
        "step-00000005",
        "step-00000006",
    ]
    assert (tmp_path / "latest").read_text() == "step-00000006\n"
    assert read_card(tmp_path / "step-00000002")["milestone"] == "even"
    assert not list(tmp_path.glob("*.tmp"))


def test_a_step_is_never_written_over(tmp_path: Path) -> None:
    cases.on_ranks(1, cases.write_checkpoint, CFG, ONE, str(tmp_path))
    with pytest.raises(AssertionError, match="is there already"):
        cases.on_ranks(1, cases.write_checkpoint, CFG, ONE, str(tmp_path))


@pytest.mark.parametrize("damage", ["short", "gone", "card"])
def test_damaged_checkpoints_are_refused(tmp_path: Path, damage: str) -> None:
    cases.on_ranks(1, cases.write_checkpoint, CFG, ONE, str(tmp_path))
    found = newest(tmp_path)
    assert found is not None
    data = next(found.glob("*.distcp"))
    if damage == "short":
        os.truncate(data, data.stat().st_size - 1)
    elif damage == "gone":
        data.unlink()
    else:
        (found / "card.json").write_text("{")
    with pytest.raises(CheckpointError):
        read_card(found)


POINTS = ["begin", "written", "card", "renamed", "latest", "removing"]


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_point(tmp_path: Path, point: str) -> None:
    """A process that saves steps 1, 2, 3 ... and is killed at a point of saving step 3."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.saver", str(tmp_path), point, "3"],
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    expected = 3 if point in ("renamed", "latest", "removing") else 2
    check_last(tmp_path, {expected})


def check_last(folder: Path, expected: set[int]) -> None:
    """The last complete checkpoint is one of those, loads, and is of one step alone."""
    found = newest(folder)
    assert found is not None
    step = read_card(found)["step"]
    assert step in expected
    named = int((folder / "latest").read_text().strip().removeprefix("step-"))
    assert named in (step, step - 1)
    values = cases.on_ranks(1, cases.values_of_checkpoint, str(found))[0]
    assert values == {float(step)}, "a mixture of steps"


@pytest.mark.slow
def test_killed_twenty_times_at_random(tmp_path: Path) -> None:
    """KempnerForge 102, ezpz 196, Lightning 688: the last complete step, every time."""
    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    first = 1
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.model.saver", str(tmp_path), "", str(first)],
            cwd=REPO,
            env=os.environ | {"PYTHONPATH": str(REPO)},
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(float(rng.uniform(0.05, 0.8)))
            child.kill()
            said = [int(x) for x in child.stdout.read().split() if x.isdigit()]
        last = max(said, default=first - 1)  # `save` had returned
        if newest(tmp_path) is None:
            assert not said
            continue
        # The step after may be complete too: killed between the rename and the word.
        check_last(tmp_path, {last, last + 1})
        found = newest(tmp_path)
        assert found is not None
        first = read_card(found)["step"] + 1
    assert first > 5  # saves went through between the kills, on a busy machine too


def test_leftovers_do_not_count(tmp_path: Path) -> None:
    """ezpz 196: a marker of an earlier try."""
    cases.on_ranks(1, cases.write_checkpoint, CFG, ONE, str(tmp_path))
    step = newest(tmp_path)
    left = tmp_path / "step-00000009.tmp"
    left.mkdir()
    (left / ".metadata").write_text("x")
    (left / "card.json").write_text(json.dumps({"step": 9}))
    assert newest(tmp_path) == step
