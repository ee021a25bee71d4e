"""The whole pipeline on the embedded sample under faults: every piece of every stage is hit, and
all tables, models and shards are those of a run that nothing disturbed, with sums that match.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPO
from tests.demo_run import DEMO, content, elsewhere, free_port, needs_lmplz, small

pytestmark = [pytest.mark.slow, pytest.mark.spark]

ANNOUNCED = re.compile(r"(\w+\.\w+ \w+)(?:: \d+ of \d+ parts to do.*|: \d+ parts.*|)$")
PROGRAM = """
import os
if "clock" in os.environ["FAULTS"]:
    from tests.wrong_clock import set_wrong
    set_wrong(2e8)
from skypile.cli import main
main()
"""
DAEMON = {"spark.python.daemon.module": "tests.faulty_daemon"}


class Driver:
    """`skypile run` in a session of its own, and what it says."""

    def __init__(self, config: Path, faults: Path, *kinds: str) -> None:
        faults.mkdir(exist_ok=True)
        self._at, self.said = time.monotonic(), list[tuple[float, str]]()
        self._seen, self._rest, self._told = 0, b"", 0
        # A file, not a pipe: children that outlive a driver hold its standard error.
        self._log = faults / f"driver-{uuid.uuid4().hex}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "run", "--config", str(config)],
                cwd="/",
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(REPO),
                    "SPARK_LOCAL_IP": "127.0.0.1",
                    "FAULTS": ",".join(kinds),
                    "FAULTS_AT": str(faults),
                },
            )

    def lines(self) -> Iterator[str]:
        """What it says, as it says it, until it has ended."""
        ended = False
        while not ended:
            ended = self.process.poll() is not None
            with self._log.open("rb") as log:
                log.seek(self._seen)
                seen = log.read()
            self._seen += len(seen)
            *whole, self._rest = (self._rest + seen).split(b"\n")
            self.said += [(time.monotonic() - self._at, line.decode()) for line in whole]
            while self._told < len(self.said):
                self._told += 1
                yield self.said[self._told - 1][1]
            time.sleep(0.0 if whole or ended else 0.02)

    def finish(self) -> "Driver":
        """Wait for its end, which must be a good one."""
        try:
            self.wait()
        except BaseException:
            self.kill()
            raise
        assert self.process.returncode == 0, "\n".join(line for _, line in self.said[-60:])
        return self

    def kill(self, *, alone: bool = False) -> None:
        """SIGKILL to the driver, or to it and all that it started: JVM, daemon, Python workers."""
        if alone:
            self.process.kill()
        for pid in () if alone else psutil.pids():
            with suppress(ProcessLookupError):
                if os.getsid(pid) == self.process.pid:
                    os.kill(pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Until it has ended."""
        for _ in self.lines():
            pass

    def pieces(self) -> dict[str, float]:
        """The pieces that it began, in order, and when, in seconds since its start."""
        found = ((at, ANNOUNCED.match(line)) for at, line in self.said)
        return {match[1]: at for at, match in found if match}


@dataclass
class Undisturbed:
    """A run without faults. begun: pieces and sources in order, and when, in seconds since its
    start. pieces: those that have tasks for Python.
    """

    storage: Path
    content: Mapping[str, str]
    begun: Mapping[str, float]
    seconds: float
    pieces: set[str]


def configure(storage: Path, name: str, master: str, **conf: object) -> Path:
    """The demo's configuration for a run of that name; its file."""
    given = {**DAEMON, **{k.replace("__", "."): str(v) for k, v in conf.items()}}
    text = elsewhere(small(DEMO.read_text(encoding="utf8")), str(storage), name, master, given)
    path = storage / f"{name}.toml"
    path.write_text(text, encoding="utf8")
    return path


def marks(folder: Path, kind: str) -> set[str]:
    """The stages of Spark that left a file of that kind."""
    return {f.name.removesuffix(f".{kind}") for f in folder.glob(f"*.{kind}")}


def pieces_of(stages: Iterable[str]) -> set[str]:
    """The pieces that stages of Spark are of, as `dedup.measure web, stage 40`, of any source."""
    names = {stage.partition(", stage ")[0].split()[0] for stage in stages}
    return {name if "." in name else f"{name}.build" for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A run in local mode, in which only what can be hit is noted."""
    from skypile.sample.crawl import write_sample

    needs_lmplz()
    storage = tmp_path_factory.mktemp("storage")
    write_sample(storage / "input", pages=60)
    noted = storage / "none"
    driver = Driver(configure(storage, "whole", "local[2]"), noted).finish()
    begun = driver.pieces()
    seen = pieces_of(marks(noted, "seen"))
    assert {name.split()[0] for name in begun} - {"plan.derive"} <= seen  # it alone has no tasks
    made = content(storage / "whole")
    assert len(made) > 60
    return Undisturbed(storage, made, begun, driver.said[-1][0], seen)


def test_the_driver_killed_at_ten_moments_and_run_again(whole: Undisturbed) -> None:
    """In ten different pieces, spread over the whole; the driver alone and with all its children,
    by turns.
    """
    rng = random.Random(2310)
    order = list(whole.begun)
    ends = [*list(whole.begun.values())[1:], whole.seconds]
    config, noted = configure(whole.storage, "killed", "local[2]"), whole.storage / "killed-marks"
    hit: list[str] = []
    drivers: list[Driver] = []
    try:
        for number in range(10):
            wanted = rng.randrange(len(order) * number // 10, len(order) * (number + 1) // 10)
            wanted = max(wanted, order.index(hit[-1]) + 1 if hit else 0)
            drivers.append(Driver(config, noted))
            for line in drivers[-1].lines():
                found = ANNOUNCED.match(line)
                if found and order.index(found[1]) >= wanted:
                    break
            else:
                pytest.fail(f"kill {number}: {order[wanted]} was never begun: {drivers[-1].said}")
            begun = order.index(found[1])  # type: ignore[index]
            took = ends[begun] - whole.begun[order[begun]]
            time.sleep(rng.uniform(0, 0.8) * took)
            drivers[-1].kill(alone=number % 2 == 0)
            assert drivers[-1].process.returncode == -signal.SIGKILL
            hit.append(list(drivers[-1].pieces())[-1])
        last = Driver(config, noted).finish()
    finally:
        for driver in drivers:
            driver.kill()  # what a driver that was killed alone may have left
    assert len(set(hit)) == 10, f"killed in {hit}"
    assert content(whole.storage / "killed") == whole.content, f"killed in {hit}"
    again = set(last.pieces())
    assert order[0] not in again  # what was finished stayed
    print(f"the driver was killed in {', '.join(hit)}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A standalone master and two workers, which count as hosts of their own; the master's URL."""
    line = [sys.executable, str(REPO / "scripts/cluster.py")]
    folder = ["--folder", str(tmp_path_factory.mktemp("cluster"))]
    ports = ["--port", str(free_port()), "--ui-port", str(free_port())]
    try:
        said = subprocess.run(
            [*line, "up", *folder, *ports], check=True, capture_output=True, text=True
        ).stdout
        yield re.search(r"spark://\S+", said)[0]  # type: ignore[index]
    finally:
        subprocess.run([*line, "down", *folder], check=True)


def on_cluster(whole: Undisturbed, master: str, name: str, kinds: str, **conf: object) -> Driver:
    """A run on the cluster under faults of these kinds, to its end."""
    noted = whole.storage / f"{name}-marks"
    conf = {
        "spark__executor__memory": "1g",
        "spark__executorEnv__PYTHONPATH": REPO,
        "spark__executorEnv__FAULTS": kinds,
        "spark__executorEnv__FAULTS_AT": noted,
        **conf,
    }
    return Driver(configure(whole.storage, name, master, **conf), noted, kinds).finish()


def test_each_piece_loses_python_workers_executors_and_memory(
    whole: Undisturbed, cluster: str
) -> None:
    """Every stage of Spark that runs Python loses one of these: the first of each piece a Python
    worker, killed, the second an executor, the third memory, and so on; Spark tries again.
    """
    on_cluster(whole, cluster, "dying", "worker,executor,memory")
    noted = whole.storage / "dying-marks"
    lost = {kind: marks(noted, kind) for kind in ("worker", "executor", "memory")}
    assert pieces_of(lost["worker"]) == whole.pieces
    names = {piece.partition(".")[0] for piece in whole.pieces}
    assert {piece.partition(".")[0] for piece in pieces_of(lost["executor"])} == names
    assert len(pieces_of(lost["memory"])) > len(whole.pieces) / 2
    print("lost", {kind: len(stages) for kind, stages in lost.items()})
    assert content(whole.storage / "dying") == whole.content


def test_each_stage_has_a_straggler_and_no_process_the_right_time(
    whole: Undisturbed, cluster: str
) -> None:
    """Both attempts at a task write at the same time; the driver and each Python worker have clocks
    of their own; and the inputs were written in years to come and long ago.
    """
    for year, path in enumerate(sorted((whole.storage / "input").rglob("*"))):
        os.utime(path, (4e9 * (year % 2), 4e9 * (year % 2)))
    on_cluster(
        whole,
        cluster,
        "slow",
        "straggler,clock",
        spark__speculation="true",
        spark__speculation__interval="100ms",
        spark__speculation__minTaskRuntime="100ms",
        spark__speculation__quantile="0.1",
        spark__speculation__multiplier="1.1",
        spark__speculation__efficiency__enabled="false",
        spark__speculation__task__duration__threshold="500ms",
    )
    noted = whole.storage / "slow-marks"
    waited = marks(noted, "straggler")
    raced = {name.rpartition(".")[0] for name in marks(noted, "again")}
    assert pieces_of(waited & raced) == whole.pieces
    years = {path.read_text()[:4] for path in noted.glob("*.seen")}
    assert len(years) > 3, years
    print(f"{len(waited & raced)} tasks were tried twice at a time, {len(waited - raced)} were not")
    assert content(whole.storage / "slow") == whole.content
