"""A wall clock that is wrong and jumps: for this process alone, and for Python's look at it.

Not in it: what C code asks of the system by itself, and the monotonic clock, which does not jump.
"""

import ctypes
import datetime
import gc
import time
from collections.abc import Callable
from typing import Any

_STEP_SECONDS = 86_400.0 * 40


def set_wrong(offset_seconds: float) -> None:
    """From now on the clock is off by that, and by forty days more or less at every second look."""
    real, looks = time.time, 0

    def now() -> float:
        nonlocal looks
        looks += 1
        return real() + offset_seconds + (_STEP_SECONDS if looks % 2 else -_STEP_SECONDS)

    def given(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda seconds=None: function(now() if seconds is None else seconds)

    time.time = now
    time.time_ns = lambda: int(now() * 1e9)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, given(getattr(time, name)))
    strftime = time.strftime
    time.strftime = lambda format, t=None: strftime(format, t or time.localtime())  # type: ignore[assignment]

    kind = datetime.datetime
    _replace(kind, "now", lambda cls, tz=None: cls.fromtimestamp(now(), tz))
    _replace(kind, "today", lambda cls: cls.fromtimestamp(now()))
    _replace(
        kind, "utcnow", lambda cls: cls.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)
    )
    _replace(datetime.date, "today", lambda cls: cls.fromtimestamp(now()))


def _replace(kind: type, name: str, function: Callable[..., Any]) -> None:
    """A class method of a built-in type, which has no setter; the type stays the same object."""
    slots: Any = gc.get_referents(kind.__dict__)[0]
    slots[name] = classmethod(function)  # type: ignore[arg-type]
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
