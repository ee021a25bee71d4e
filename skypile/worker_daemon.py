"""The process that Spark forks Python workers from, with what their tasks import loaded already.

Spark's own daemon imports nothing, so that each worker, two or more a core in the course of a run,
spends a second and a half of a processor and 200 MB on the same modules; forked from this one they
share both. `skypile.spark.session` names it in `spark.python.daemon.module`.

Nothing here may leave a thread behind that a fork would lose: nothing is computed and no file is
read. (pyarrow's allocator has a thread of its own, which it ends and begins around a fork.)
"""

import gc
import os
from contextlib import suppress
from importlib import import_module

from pyspark import daemon


def preload() -> None:
    """Import what the tasks of all stages do. What cannot be imported is left to the task that
    needs it, which says so.
    """
    # OpenBLAS begins its threads when it is loaded; a task has one core in any case.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with suppress(Exception):
        for name in ("pyspark.worker", "skypile.spark", "skypile.tasks"):
            import_module(name)
        import_module("skypile.pipeline").all_stages()
    gc.collect()
    gc.freeze()  # no collection of a worker touches, and so copies, what it shares


if __name__ == "__main__":
    preload()
    daemon.manager()
