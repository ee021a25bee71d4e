"""One lazy Spark session for the whole run, no network, and the shared data where it is."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REPO = Path(__file__).resolve().parent.parent
DATA = REPO.parent / "shared" / "data"

# Spark's Python workers import the test stages by name.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]
)
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Every connection to another host is a failure of the test that makes it."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if self.family in (socket.AF_INET, socket.AF_INET6) and host not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise RuntimeError(f"a test tried to reach {address!r}")
        real(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """The run's one session: two cores, two shuffle partitions, no UI."""
    from skypile.spark import session

    made = session(
        "local[2]",
        "1g",
        {
            "spark.sql.shuffle.partitions": "2",
            "spark.default.parallelism": "2",
            # Each plan is compiled for a few rows: the JVM's quick compiler is enough.
            "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1",
        },
    )
    yield made
    made.stop()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession") -> Path:
    """A folder with the embedded sample and its finished run, in `runs/demo/out`."""
    from tests.demo_run import run_demo

    base = tmp_path_factory.mktemp("demo")
    run_demo(base, spark)
    return base


@pytest.fixture
def start(spark: "SparkSession") -> "Callable[[], SparkSession]":
    """As the driver asks for a session."""
    return lambda: spark


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Part jobs run one after the other in this process; a start of Spark is an error."""
    import skypile.spark

    monkeypatch.setattr(
        skypile.spark, "run_tasks", lambda spark, function, tasks, *_, **__: [*map(function, tasks)]
    )
    return lambda: None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}")
    return DATA
