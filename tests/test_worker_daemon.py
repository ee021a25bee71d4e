"""What workers are forked from: everything is loaded, and no thread is that a fork would lose."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from skypile import jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAID = """
import json, os, sys
from skypile import worker_daemon
{before}
worker_daemon.preload()
tasks = "/proc/self/task"
threads = [open(f"{{tasks}}/{{t}}/comm").read().strip() for t in os.listdir(tasks)]
print(json.dumps([sorted(threads), sorted(sys.modules)]))
"""


def preloaded(before: str = "") -> tuple[list[str], set[str], str]:
    """Threads and modules of a process that has preloaded, and what it said of failures."""
    made = subprocess.run(
        [sys.executable, "-c", SAID.format(before=before)],
        check=True,
        capture_output=True,
        text=True,
    )
    threads, modules = json.loads(made.stdout)
    return threads, set(modules), made.stderr


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc")
def test_all_stages_are_loaded_and_only_the_allocator_has_a_thread() -> None:
    threads, modules, said = preloaded()
    assert said == ""
    assert {"skypile.stages.extract", "skypile.stages.dedup", "pyspark.worker"} <= modules
    assert {name for name in threads if "jemalloc" not in name} == {Path(sys.executable).name[:15]}
    assert len([name for name in threads if "jemalloc" not in name]) == 1


def test_what_cannot_be_imported_is_left_to_the_task_and_told() -> None:
    _, modules, said = preloaded('sys.modules["skypile.stages.dedup"] = None')
    assert {"pyspark.worker", "skypile.tasks"} <= modules
    assert "skypile.worker_daemon: a stage: " in said


def test_what_is_printed_meanwhile_is_no_address() -> None:
    """Spark reads from standard output where the daemon listens."""
    _, _, said = preloaded("worker_daemon.import_module = lambda name: print('loaded', name)")
    assert "loaded skypile.tasks" in said


def parent(_: int) -> tuple[str, str | None]:
    command = Path(f"/proc/{os.getppid()}/cmdline").read_text()
    return command, os.environ.get("PYTHON_WORKER_FACTORY_SOCK_DIR")


@pytest.mark.spark
def test_workers_are_forked_from_it_and_have_no_tcp_socket(spark: "SparkSession") -> None:
    ((command, folder),) = spark.sparkContext.parallelize([0], 1).map(parent).collect()
    assert "skypile.worker_daemon" in command
    assert folder == jvm.socket_folder()
