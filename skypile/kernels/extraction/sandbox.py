"""Extraction in a child process that may be killed, as the backstop behind the limits on pages.

One child serves page after page over a pair of pipes. For each it raises its own limit of CPU time,
so that the kernel ends it by what the page has cost, however busy the machine is; its address space
is limited as well. When it dies, a new one is started and extracts the page with the fallback
alone, and the page is marked. A page is judged only by what a fresh child makes of it: one that
dies of memory, or for a reason unknown, after others in the same child is tried again first. And it
is not judged by what befalls the child from outside: SIGKILL, which no page brings about, is a host
or container that is out of memory, and the same page elsewhere would be another row. So a page is
the same whichever pages a child had before, and a child may serve one task after another (`lent`):
starting one takes seconds of a core.

The child is a new interpreter, not a fork: the parent may run threads, and Spark's workers do. It
ends with the parent, whose end of the pipe closes, after the page in hand at the latest.

Left out: a page that hangs without using the processor; and memory that runs out where a library
catches the error and goes on with less. Linux only, as RLIMIT_AS is.
"""

import atexit
import fcntl
import importlib
import logging
import math
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Any, Self

from skypile.kernels.extraction.html import Limits, Page
from skypile.kernels.extraction.kinds import DEFAULT_KINDS

EXTRACT = "skypile.kernels.extraction.html:extract"
EXTRACT_FAST = "skypile.kernels.fast_engine.fast:extract"
KILLS = 3  # of children in a row, by others, before it is an error
_LENGTH = struct.Struct("<Q")
_PIPE_BYTES = 1 << 20  # so that a page goes at once


@dataclass(frozen=True)
class Failure:
    """A page not brought to an end. reason: "cpu", "memory", or "crash" for any other death."""

    reason: str


_KILLED = Failure("killed")


class Sandbox:
    """Extracts pages one after another; not for use by two threads at a time.

    cpu_seconds: for one page; it may take a second more. memory_bytes: address space of the child,
    which takes 0.1 GiB before the first page. target: "module:function", called in the child as
    `extract` of `kernels.extraction.html` would be; if it has an attribute `warm`, that is called
    first, outside the limits.
    """

    def __init__(self, cpu_seconds: float, memory_bytes: int, *, target: str = EXTRACT) -> None:
        self._settings = (str(math.ceil(cpu_seconds)), str(memory_bytes), target)
        self._child: subprocess.Popen[bytes] | None = None
        self._served = 0

    def extract(
        self,
        html: str,
        *,
        url: str | None,
        limits: Limits,
        latest_date: str,
        kinds: tuple[str, ...] = DEFAULT_KINDS,
    ) -> Page | Failure | None:
        """As `skypile.kernels.extraction.html.extract`: None where there is no main text.

        Where the backstop fired: the fallback's page with what fired as its `limit`, or a Failure
        if that found nothing or fired as well.

        Raises:
            RuntimeError: the target raised (the child's traceback follows), or does not start; or
                children were killed from outside, again and again.
        """
        request: dict[str, Any] = {"url": url, "limits": limits, "latest_date": latest_date}
        if kinds != DEFAULT_KINDS:
            request["kinds"] = kinds
        answer = self._ask_fresh(html, request)
        if not isinstance(answer, Failure):
            return answer
        page = self._ask_fresh(html, {**request, "fallback_only": True})
        return replace(page, limit=answer.reason) if isinstance(page, Page) else page or answer

    def _ask_fresh(self, html: str, request: dict[str, Any]) -> Page | Failure | None:
        """The answer of a child; of a fresh one if the first may have died of earlier pages, or was
        killed.
        """
        for _ in range(KILLS):
            served = self._served
            answer = self._ask(html, request)
            if isinstance(answer, Failure) and answer.reason != "cpu" and served:
                answer = self._ask(html, request)
            if answer != _KILLED:
                return answer
        raise RuntimeError(
            f"the process that extracts pages was killed {KILLS} times by others (signal 9): the "
            "host or its container is out of memory; give it more, or fewer tasks at a time"
        )

    def _ask(self, html: str, request: dict[str, Any]) -> Page | Failure | None:
        child = self._child = self._child or self._start()
        self._served += 1
        try:
            _send(child.stdin, (html, request))
            kind, answer = _receive(child.stdout)
        except (EOFError, BrokenPipeError):
            self.close()
            by = {-signal.SIGXCPU: Failure("cpu"), -signal.SIGKILL: _KILLED}
            return by.get(child.returncode, Failure("crash"))
        except BaseException:  # an interrupt: the answer to come would be taken for another page's
            child.kill()
            self.close()
            raise
        if kind == "memory":
            self.close()
            return Failure("memory")
        if kind == "raised":
            raise RuntimeError(f"extraction raised in the child process:\n{answer}")
        return answer  # type: ignore[no-any-return]

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: nothing in the current folder shadows a module. -W: the child has nobody to warn.
        command = [sys.executable, "-P", "-W", "ignore", "-m", "skypile.kernels.extraction.sandbox"]
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        child = subprocess.Popen(
            [*command, *self._settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # a user may have only so much of it
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # type: ignore[arg-type]
        try:
            _receive(child.stdout)
        except EOFError:
            self._child = child
            self.close()
            raise RuntimeError(f"extraction process: exit code {child.returncode}") from None
        return child

    def close(self) -> None:
        """End the child and wait for it. The next page starts another."""
        child, self._child, self._served = self._child, None, 0
        if child is not None:
            with suppress(BrokenPipeError):
                child.stdin.close()  # type: ignore[union-attr]
            child.stdout.close()  # type: ignore[union-attr]
            child.wait()

    def give_back(self) -> None:
        """Let this process's next `lent` with the same settings have the child. One of a kind is
        kept; it ends with this process.
        """
        if self._child is None or _waiting.setdefault(self._settings, self) is not self:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_waiting: dict[tuple[str, str, str], Sandbox] = {}
os.register_at_fork(after_in_child=_waiting.clear)  # a fork shares the pipes, not the child


def lent(cpu_seconds: float, memory_bytes: int, *, target: str = EXTRACT) -> Sandbox:
    """A `Sandbox` with these settings: one that was given back, else a new one."""
    new = Sandbox(cpu_seconds, memory_bytes, target=target)
    return _waiting.pop(new._settings, new)


@atexit.register
def _close_all() -> None:
    while _waiting:
        _waiting.popitem()[1].close()


def _send(pipe: IO[bytes] | None, message: Any) -> None:
    assert pipe is not None
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes] | None, begin: Callable[[], None] = lambda: None) -> Any:
    """The next message; `begin` is called when it starts to arrive. EOFError if the pipe ends."""
    assert pipe is not None
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    begin()
    (size,) = _LENGTH.unpack(head)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def _serve(cpu_seconds: int, memory_bytes: int, target: str) -> None:
    """The child: answers requests until standard input ends."""
    # The pipes are ours alone: what a library prints goes to standard error.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    logging.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the parent decides
    # What the parent ignores or blocks would be ignored and blocked here.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGXCPU})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    module, _, function = target.partition(":")
    extract = getattr(importlib.import_module(module), function)
    getattr(extract, "warm", lambda: None)()  # what it loads or compiles once is no page's cost
    _limit(resource.RLIMIT_AS, memory_bytes)
    _send(answers, "ready")

    def begin() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + cpu_seconds)

    while True:
        try:
            html, request = _receive(requests, begin)
            answer = ("page", extract(html, **request))
        except EOFError:
            return
        except MemoryError:
            answer = ("memory", None)
        except Exception:
            answer = ("raised", traceback.format_exc())
        _send(answers, answer)


def _limit(kind: int, soft: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
