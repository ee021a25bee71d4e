"""One writer at a time: a lock file in the run's folder that says who holds it.

Two runs on one folder would not harm each other's rows (names are unique to an attempt, commits
atomic), but `gc` would delete what a run has not committed yet. A lock whose process is gone, on
this host, is taken over.
"""

import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skypile.errors import SkypileError
from skypile.files import Root, is_uri

LOCK = "lock.json"


@contextmanager
def held(root: Root, what: str) -> Iterator[None]:
    """Hold the lock of a run.

    Raises:
        SkypileError: another holds it, in this process too; says who.
    """
    me = {"host": socket.gethostname(), "pid": os.getpid(), "what": what, "token": uuid.uuid4().hex}
    other = _read(root)
    if other and not _is_gone(other):
        raise _in_use(root, other)
    if other:
        root.delete(LOCK)
    _take(root, me)
    try:
        yield
    finally:
        if _read(root) == me:
            root.delete(LOCK)


def _take(root: Root, me: dict[str, Any]) -> None:
    data = json.dumps(me).encode()
    if is_uri(root.uri):
        root.write_atomic(LOCK, data)  # an object store has no exclusive creation: last one wins,
    else:
        Path(root.uri).mkdir(parents=True, exist_ok=True)
        try:
            with open(root.at(LOCK), "xb") as lock:
                lock.write(data)
        except FileExistsError:
            pass
    if (now := _read(root)) != me:  # and the others see that they lost
        raise _in_use(root, now or {"what": "?", "host": "?", "pid": "?"})


def _read(root: Root) -> dict[str, Any] | None:
    try:
        return json.loads(root.read(LOCK)) if root.exists(LOCK) else None
    except (OSError, ValueError):  # gone, or being written, this very moment
        return None


def _in_use(root: Root, other: dict[str, Any]) -> SkypileError:
    return SkypileError(
        f"{root.uri} is in use: `skypile {other['what']}` on {other['host']}, process "
        f"{other['pid']}; if that has ended, delete {root.at(LOCK)}"
    )


def _is_gone(other: dict[str, Any]) -> bool:
    if other["host"] != socket.gethostname():
        return False
    try:
        os.kill(other["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
