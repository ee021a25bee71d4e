"""Errors of a piece as its user should read them: what a task raised, who wrote what is damaged.

A task that meets a damaged file knows the table alone; which stage writes it, the driver knows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from skypile.errors import DamagedError, SkypileError
from skypile.stage import Stage


@contextmanager
def naming_who_wrote(stages: Sequence[Stage]) -> Iterator[None]:
    """What is raised inside as skypile raised it, on an executor too; where a committed file is
    damaged, with the stage to run again.
    """
    try:
        yield
    except Exception as e:
        found = e if isinstance(e, SkypileError) else _of_task(e)
        if isinstance(found, DamagedError):
            for stage in stages:
                tables = [t.name for piece in stage.pieces() for t in stage.writes(piece)]
                if any(f"writes table {table} again" in str(found) for table in tables):
                    again = f"skypile run --stage {stage.name} --force"
                    raise DamagedError(f"{found}: `{again}`, then `skypile run`") from e
        if found is e:
            raise
        raise found from e


def _of_task(error: Exception) -> Exception:
    """What a task raised, out of what Spark made of it where it is Spark's."""
    if type(error).__module__.startswith(("py4j", "pyspark")):
        from skypile.spark import translated

        return translated(error)
    return error
