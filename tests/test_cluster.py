"""Faults under a real Spark: a worker that dies, a driver that is killed, other parallelism."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from skypile.driver import run_config
from skypile.ledger import Ledger
from tests import toy
from tests.conftest import REPO
from tests.demo_run import with_small_tokenizer
from tests.test_run import ALL_TABLES, LINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.spark]
SECTIONS: dict[str, Any] = {
    "trim": {"divisor": 3, "max_blocks": 1},
    "length": {"min_length": 9, "max_rank": 60},
}


def prepare(base: Path) -> None:
    for i in range(4):
        toy.write_lines(base, f"f{i}.txt", [f"{i} {t}" for t in LINES])


def digests(base: Path) -> list[str]:
    ledger = Ledger(str(base / "run"))
    ledger.recount(ledger.funnel())
    return [ledger.digest(t) for t in ALL_TABLES]


def test_a_worker_that_dies_costs_its_parts_and_a_rerun_takes_over_the_others(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    for name in ("whole", "crashed"):
        prepare(tmp_path / name)
    config = toy.make_config(tmp_path / "whole", part_bytes=2_000, **SECTIONS)
    run_config(config, start, say=lambda _: None)

    base = tmp_path / "crashed"
    crash = {"lines": {"crash_on": f"3 {LINES[100]}"}}
    with pytest.raises(Exception, match=r"(?s)worker|crash|exit"):
        run_config(
            toy.make_config(base, part_bytes=2_000, **SECTIONS, **crash), start, say=lambda _: None
        )
    assert not (base / "run/manifests/lines.read/web.json").exists()
    said: list[str] = []
    run_config(toy.make_config(base, part_bytes=2_000, **SECTIONS), start, say=said.append)
    (line,) = (s for s in said if s.startswith("lines.read") and "to do" in s)
    assert "were done before" in line
    assert digests(base) == digests(tmp_path / "whole")


def drive(base: Path) -> "subprocess.Popen[bytes]":
    code = (
        "import sys; from pathlib import Path; from tests import toy, test_cluster as t;"
        "from skypile.driver import run_config; from skypile.spark import session;"
        "c = toy.make_config(Path(sys.argv[1]), part_bytes=2000, **t.SECTIONS);"
        "run_config(c, lambda: session('local[2]', '1g', {'spark.sql.shuffle.partitions': '2'}),"
        " say=lambda _: None)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(base)],
        cwd=REPO,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )


def test_a_driver_killed_at_random_moments_under_spark(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        prepare(tmp_path / name)
    begun = time.monotonic()
    assert drive(tmp_path / "whole").wait() == 0
    took = time.monotonic() - begun
    rng = random.Random(19341)
    for _ in range(4):
        process = drive(tmp_path / "killed")
        time.sleep(rng.uniform(0.2, 0.95) * took)
        os.killpg(process.pid, signal.SIGKILL)  # driver, JVM and workers, all at once
        process.wait()
    assert drive(tmp_path / "killed").wait() == 0
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_the_sample_has_the_same_rows_on_1_2_and_4_cores(tmp_path: Path) -> None:
    from skypile.sample.crawl import write_sample

    write_sample(tmp_path / "runs/demo/input", pages=60)
    (tmp_path / "conf").mkdir()
    text = with_small_tokenizer((REPO / "conf/demo.toml").read_text(encoding="utf8"))
    (tmp_path / "conf/demo.toml").write_text(text, encoding="utf8")
    done = subprocess.run(
        [sys.executable, "-m", "bench.same_rows", "--config", str(tmp_path / "conf/demo.toml")],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["case"] for line in lines} >= {"documents", "duplicates", "quality", "signals"}
    assert all(line["ok"] for line in lines)
    assert len(set(lines[0]["parts"])) > 1
