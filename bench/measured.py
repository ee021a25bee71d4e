"""A command as its user runs it: the processor time of all its processes, and their memory.

By a control group (which takes root): waiting for a busy machine costs nothing, and no process is
forgotten. RUSAGE_CHILDREN would do if every process waited for its children. Spark's do not: of a
run that took 150 s of a processor it told 45.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.scale import pss_mb, tree

CGROUPS = Path("/sys/fs/cgroup")
SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Took:
    """A run of a command: processor and clock seconds, most memory in MB, its standard output."""

    cpu_s: float
    wall_s: float
    most_mb: float
    said: str


def measured(argv: list[str], cores: int, **environ: str) -> Took:
    """Run a command on the first cores; all that it started is waited for and counted.

    Raises:
        subprocess.CalledProcessError: it failed; its standard error has been shown.
    """
    begun, most = time.monotonic(), 0.0
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with Group() as group, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:

        def enter() -> None:
            group.enter()
            os.sched_setaffinity(0, allowed)

        child = subprocess.Popen(
            argv, stdout=out, stderr=err, env=os.environ | environ, preexec_fn=enter
        )
        while child.poll() is None:
            most = max(most, sum(map(pss_mb, tree(child.pid))))
            time.sleep(SAMPLE_SECONDS)
        if child.returncode:
            err.seek(0)
            print(err.read()[-4000:], file=sys.stderr)
            raise subprocess.CalledProcessError(child.returncode, argv)
        group.wait()
        out.seek(0)
        said = out.read()
        return Took(group.cpu_s(), time.monotonic() - begun, most, said)


class Group:
    """A control group of its own, of either version, while it is entered."""

    def __init__(self) -> None:
        name = f"skypile-bench-{os.getpid()}"
        one = CGROUPS / "cpuacct"
        self._old = one.is_dir()
        self._folder = (one if self._old else CGROUPS) / name

    def __enter__(self) -> "Group":
        try:
            self._folder.mkdir()
        except OSError as e:
            raise SystemExit(f"bench: no control group: {e}: run it as root") from e
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever still runs in it is killed."""
        until = time.monotonic() + 10
        while (left := self._running()) and time.monotonic() < until:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self._folder.rmdir()

    def _running(self) -> list[int]:
        return [int(pid) for pid in (self._folder / "cgroup.procs").read_text().split()]

    def enter(self) -> None:
        """Put this process into it, and all that it will start."""
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def wait(self) -> None:
        """Until all that was started has ended; what goes on for a minute is an error."""
        until = time.monotonic() + 60
        while self._running():
            if time.monotonic() > until:
                raise SystemExit("bench: processes of the run do not end")
            time.sleep(0.2)

    def cpu_s(self) -> float:
        """Processor seconds of all that ran in it."""
        if self._old:
            return int((self._folder / "cpuacct.usage").read_text()) / 1e9
        fields = dict(x.split() for x in (self._folder / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6
