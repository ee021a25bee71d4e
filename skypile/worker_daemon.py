"""The process that Spark forks Python workers from, with what their tasks import loaded already.

Spark's own daemon imports nothing, so that each worker, two or more a core in the course of a run,
spends a second and a half of a processor and 200 MB on the same modules; forked from this one they
share both. `skypile.spark.session` names it in `spark.python.daemon.module`.

Nothing here may leave a thread behind that a fork would lose: nothing is computed and no file is
read. (pyarrow's allocator has a thread of its own, which it ends and begins around a fork.)
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from pyspark import daemon


def preload() -> None:
    """Import what the tasks of all stages do. What cannot be imported is left to the task that
    needs it, which says so.
    """
    # OpenBLAS begins its threads when it is loaded; Spark says how many a task may have.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    for name in ("pyspark.worker", "skypile.spark", "skypile.tasks", "skypile.pipeline"):
        with _told(name):
            import_module(name)
    if pipeline := sys.modules.get("skypile.pipeline"):
        with _told("a stage"):
            pipeline.all_stages()
    gc.collect()
    gc.freeze()  # no collection of a worker touches, and so copies, what it shares


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Go on after a failure, with a line on standard error; and nothing printed meanwhile comes to
    standard output, from which Spark reads where the daemon listens.
    """
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    except Exception as e:
        print(f"skypile.worker_daemon: {what}: {e!r}; workers import it anew", file=sys.stderr)
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    preload()
    daemon.manager()
