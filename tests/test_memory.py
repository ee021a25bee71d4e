"""Memory beside the heap: sizes, defaults of each kind of cluster, what stages need."""

from pathlib import Path
from typing import Any

import pytest

from skypile import artifacts, memory
from skypile.config import Config, load
from skypile.errors import SkypileError
from skypile.memory import MIB, check_executors, executor_of, needs, parse_size
from skypile.pipeline import all_stages
from tests.conftest import REPO

GIB = 1 << 30


@pytest.fixture
def demo() -> Config:
    return load(REPO / "conf/demo.toml", all_stages())


@pytest.mark.parametrize(
    ("text", "size"),
    [("1g", GIB), ("512m", GIB // 2), ("1024", GIB), ("2GB", 2 * GIB), (" 64k ", 1 << 16)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_what_is_no_size() -> None:
    with pytest.raises(SkypileError, match="'much' is no size"):
        parse_size("much")


MEMORY = "spark.executor.memory"
OVERHEAD = f"{MEMORY}Overhead"
CORES = "spark.executor.cores"
PYTHON = "spark.executor.pyspark.memory"


@pytest.mark.parametrize(
    ("master", "conf", "outside", "tasks"),
    [
        ("yarn", {}, 384 * MIB, 1),  # Spark's least
        ("yarn", {MEMORY: "8g", CORES: "4"}, 8 * GIB // 10, 4),
        ("k8s://https://x", {MEMORY: "8g"}, 8 * GIB * 4 // 10, 1),
        ("yarn", {MEMORY: "8g", f"{OVERHEAD}Factor": "0.5"}, 4 * GIB, 1),
        ("yarn", {OVERHEAD: "3g", CORES: "4", "spark.task.cpus": "2"}, 3 * GIB, 2),
        ("spark://h:7077", {CORES: "3"}, None, 3),
        ("local-cluster[2,1,1024]", {}, None, 1),
    ],
)
def test_what_an_executor_has(
    master: str, conf: dict[str, str], outside: int | None, tasks: int
) -> None:
    executor = executor_of(master, conf)
    assert executor
    assert (executor.outside, executor.tasks) == (outside, tasks)


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]"])
def test_a_local_master_has_no_executors(demo: Config, master: str) -> None:
    assert executor_of(master, {}) is None
    assert check_executors(demo, master, {}) is None


def test_what_is_too_little_is_refused_with_what_would_do(demo: Config) -> None:
    conf = {MEMORY: "4g", CORES: "4"}
    with pytest.raises(SkypileError, match=r"stage extract needs .*it has 0\.4 GiB") as refused:
        check_executors(demo, "yarn", conf)
    advice = str(refused.value).partition("spark.executor.memoryOverhead=")[2].partition(",")[0]
    enough = {**conf, OVERHEAD: advice}
    assert "an executor has" in str(check_executors(demo, "yarn", enough))
    less = {**enough, OVERHEAD: f"{int(advice[:-1]) - 256}m"}
    with pytest.raises(SkypileError):
        check_executors(demo, "yarn", less)
    # Fewer tasks at a time need less; a stage that reads no text less than one that extracts.
    assert check_executors(demo, "yarn", {**less, CORES: "3"})
    names = [need.stage for need in needs(demo)]
    assert names.index("extract") < names.index("language")
    assert [n.stage for n in needs(demo, ["dedup"])] == ["dedup"]


def test_a_limit_on_addresses_is_checked_by_worker(demo: Config) -> None:
    conf = {CORES: "2", PYTHON: "2g"}
    with pytest.raises(SkypileError, match=r"limits the addresses of each to 1 GiB\. Set it to 6g"):
        check_executors(demo, "spark://h:7077", conf)
    assert check_executors(demo, "spark://h:7077", {**conf, PYTHON: "6g"})


def test_a_standalone_master_reserves_nothing_and_says_so(demo: Config) -> None:
    line = check_executors(demo, "spark://h:7077", {})
    assert "leave that much a core" in str(line)


def test_models_that_settings_name_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"x" * 5000)
    artifacts.write(folder, artifacts.Card(kind="lm", files={}, language="en"))
    text = (REPO / "conf/demo.toml").read_text(encoding="utf8")
    text = text.replace('keep = ["high"', f'lm = {{ en = "{folder}" }}\nkeep = ["high"')
    (tmp_path / "x.toml").write_text(text, encoding="utf8")
    found: Any = needs(load(tmp_path / "x.toml", all_stages()), ["quality"])
    assert found[0].parts["models"] == 5000
    assert found[0].bytes > memory.WORKER + 5000
