"""What one task does for one part: read, measure, cut, write, or bring back what a relate found.

Runs on an executor and needs no Spark: a task is a value, its result a receipt.
"""

import time
from typing import Any

from skypile.contents import check_same
from skypile.tasks.amounts import amount_of, done_of
from skypile.tasks.base import AlignedTask, PieceTask, ReadTask, check_code, code_of, collect_less
from skypile.tasks.cut import cut_part
from skypile.tasks.measure import measure_part
from skypile.tasks.read import read_part
from skypile.tasks.related import write_related
from skypile.tasks.texts import fetch, texts_of
from skypile.tasks.write import write_part

__all__ = [
    "AlignedTask",
    "PieceTask",
    "ReadTask",
    "amount_of",
    "check_code",
    "code_of",
    "collect_less",
    "done_of",
    "fetch",
    "run_task",
    "texts_of",
    "write_related",
]


def run_task(task: PieceTask) -> dict[str, Any]:
    """Do a task; its receipt, and in its `work` how many milliseconds that took.

    Raises:
        SkypileError: this process has other code, libraries, models or lists than the driver.
    """
    begun = time.monotonic()
    collect_less()
    check_code(task.stage, task.code)
    check_same(task.contents)
    receipt = _done(task)
    spent = round((time.monotonic() - begun) * 1000)
    return {**receipt, "work": {**receipt["work"], "task_ms": spent}}


def _done(task: PieceTask) -> dict[str, Any]:
    match task:
        case ReadTask():
            return read_part(task)
        case AlignedTask(piece="measure"):
            return measure_part(task)
        case AlignedTask(piece="cut"):
            return cut_part(task)
        case AlignedTask(piece="write"):
            return write_part(task)
    raise TypeError(f"not a task: {task!r}")
