"""A toy run that kills its own process at the Nth operation on files: `python -m tests.killable
BASE N`. Without N it only counts the operations and prints how many there are.

Part jobs run in this process, one after the other, so that every point between two writes can be
hit exactly: before and after a file is opened, written, closed, renamed and listed.

With KILLABLE_WAIT in the environment it says "waiting" and waits for that file, in its first part.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import skypile.spark
from skypile.driver import run_config
from skypile.files import Root
from skypile.parts import TableWriter
from tests import toy

SECTIONS: dict[str, Any] = {
    "run": {"stages": ["lines", "trim"]},
    "trim": {"divisor": 3, "max_blocks": 1},
}
operations = 0


def main() -> None:
    base, last = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            global operations
            for after in (False, True):
                operations += 1
                if operations == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                if not after:
                    result = function(*args, **kwargs)
            return result

        return wrapped

    for owner, names in (
        (Root, ("create", "write_atomic", "delete")),
        (TableWriter, ("write", "close")),
    ):
        for name in names:
            setattr(owner, name, counted(getattr(owner, name)))
    skypile.spark.run_tasks = lambda spark, function, tasks, *_, **__: [*map(function, tasks)]
    if wait := os.environ.get("KILLABLE_WAIT"):
        write = TableWriter.write

        def waiting(*args: Any) -> None:
            if not os.path.exists(wait):
                print("waiting", flush=True)
            while not os.path.exists(wait):
                time.sleep(0.02)
            write(*args)

        TableWriter.write = waiting  # type: ignore[method-assign]
    config = toy.make_config(base, part_bytes=2_000, **SECTIONS)
    run_config(config, lambda: None, say=lambda _: None)  # type: ignore[arg-type, return-value]
    print("operations", operations)


if __name__ == "__main__":
    main()
