"""Spark's daemon of Python workers, with faults: `spark.python.daemon.module=tests.faulty_daemon`.

FAULTS in the environment names kinds, FAULTS_AT a folder. Every Spark stage that runs Python loses
one task once, the first that creates a file there, by one kind of death: those of a piece, whatever
its source, take them in turn. Which stages there were is noted there too. Kinds:

worker     the process is killed (SIGKILL) at a random moment, at the latest when its rows are
           written and its receipt lies there, but Spark does not know of it
executor   so is the executor above it, with the shuffle files that it holds
memory     an allocation fails: MemoryError is raised wherever Python is at a random moment
straggler  the task waits until Spark has begun another attempt at it; both go on at once
clock      of every process: another offset, which moves with every look at the clock

Left out: programs that a worker starts (the extraction child, lmplz) have the true clock.
"""

import ctypes
import datetime
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.wrong_clock import set_wrong

KINDS = tuple(filter(None, os.environ.get("FAULTS", "").split(",")))
AT = Path(os.environ["FAULTS_AT"])
LATEST_SECONDS = 1.0
WAIT_SECONDS = 20.0


def patch() -> None:
    """In a worker, before its first task."""
    if "clock" in KINDS:
        set_wrong(random.Random(os.getpid()).uniform(-3e8, 3e8))
    import pyspark.worker as worker

    for name in ("read_command", "read_udfs"):  # what the worker's main gets its function from
        real = getattr(worker, name)
        setattr(worker, name, lambda *a, real=real: _with_faults(*real(*a)))


def _with_faults(function: Callable[[int, Any], Any], *others: Any) -> tuple[Any, ...]:
    from pyspark import TaskContext

    if len(others) < 3:  # a function within the task's: others are profiler and serialisers
        return function, *others

    def faulty(split: int, items: Any) -> Iterator[Any]:
        context = TaskContext.get()
        assert context
        group = context.getLocalProperty("spark.jobGroup.id") or "none-"
        stage = f"{group.rpartition('-')[0]}, stage {context.stageId()}"
        (AT / f"{stage}.seen").write_text(datetime.date.today().isoformat())
        if "straggler" in KINDS:
            _straggle(stage, context.partitionId(), context.attemptNumber())
        turns = [k for k in KINDS if k in DEATHS]
        if turns and _mine(f"{stage}.hit"):
            piece = stage.partition(",")[0].split()[0]
            kind = turns[next(i for i in itertools.count() if _mine(f"{piece}.{i}")) % len(turns)]
            (AT / f"{stage}.{kind}").touch()
            yield from DEATHS[kind](function(split, items), f"{stage}.{kind}")
        else:
            yield from function(split, items)

    return faulty, *others


def _mine(name: str) -> bool:
    """Whether this process is the first to create the file."""
    try:
        (AT / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _killed(items: Iterator[Any], name: str) -> Iterator[Any]:
    kill = _kill_executor if name.endswith("executor") else _kill_worker
    timer = threading.Timer(random.Random(name).uniform(0, LATEST_SECONDS), kill)
    timer.daemon = True
    timer.start()
    yield from items
    kill()


def _kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_executor() -> None:
    daemon = Path(f"/proc/{os.getppid()}")
    executor = int((daemon / "stat").read_text().rpartition(")")[2].split()[1])
    os.kill(executor, signal.SIGKILL)
    _kill_worker()


def _short_of_memory(items: Iterator[Any], name: str) -> Iterator[Any]:
    # (A true limit on addresses, tests/test_damage.py has. Here it would often be met where Arrow
    # starts a thread, for which Arrow then waits for ever.)
    main, fault = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(MemoryError)
    timer = threading.Timer(
        random.Random(name).uniform(0, LATEST_SECONDS),
        lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(main, fault),
    )
    timer.daemon = True
    timer.start()
    yield from items
    timer.cancel()
    raise MemoryError


def _straggle(stage: str, partition: int, attempt: int) -> None:
    other = AT / f"{stage}.{partition}.again"
    if attempt:
        other.touch()
    elif _mine(f"{stage}.straggler"):
        until = time.monotonic() + WAIT_SECONDS
        while not other.exists() and time.monotonic() < until:
            time.sleep(0.02)


DEATHS = {"worker": _killed, "executor": _killed, "memory": _short_of_memory}


def main() -> None:
    """As `python -m pyspark.daemon`."""
    import pyspark.daemon as daemon

    real = daemon.worker

    def worker(*args: Any) -> int:
        global patched
        if not patched:
            patch()
            patched = True
        return real(*args)

    daemon.worker = worker
    daemon.manager()


patched = False
if __name__ == "__main__":
    main()
