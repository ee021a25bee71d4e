"""The whole pipeline on the embedded sample under faults: every piece of every stage is hit, and
all tables, models and shards are those of a run that nothing disturbed, with sums that match.
"""

import os
import re
import signal
import subprocess
import sys
import time
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
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "run", "--config", str(config)],
            cwd="/",
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(REPO),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "FAULTS": ",".join(kinds),
                "FAULTS_AT": str(faults),
            },
        )

    def lines(self) -> Iterator[str]:
        """What it says, as it says it."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append((time.monotonic() - self._at, line.rstrip("\n")))
            yield self.said[-1][1]

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
        """Until it has ended, and whoever else holds its standard error."""
        for _ in self.lines():
            pass
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

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
