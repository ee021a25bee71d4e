"""What the fuzzer does with one input, and how it makes the next: findings kept and cut down."""

import hashlib
import json
import random
import re
import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.fuzz.target import Finding, Target, Twice

MOST_BYTES = 256 << 20  # that the process may grow by one input
EXPONENT, WORTH_SECONDS = 1.6, 0.5  # of time by length; below so much time nothing is said


class Watch:
    """Runs inputs and keeps what they find.

    executions: so far. kinds: how often each kind of finding occurred.
    """

    def __init__(self, target: Target, folder: Path, scratch: Path) -> None:
        self.target, self.executions = target, 0
        self.kinds: dict[str, int] = {}
        self._check = target.make(scratch)
        self._at = folder / "findings" / target.name
        self._counts = folder / "counts" / f"{target.name}.json"
        self._counts.parent.mkdir(parents=True, exist_ok=True)
        self._said = 0.0
        for seed in target.seeds():  # compile and load before time is taken
            self.fault(seed)

    def fault(self, data: bytes, timed: bool = False) -> tuple[str, str] | None:
        """(kind, what happened) of an input that does what it must not."""
        grown, started = _peak(), time.process_time()
        try:
            self._check(data)
        except Exception as error:
            return _kind(error), traceback.format_exc()
        spent, grown = time.process_time() - started, _peak() - grown
        if timed and spent > self.target.seconds:
            return "slow", f"{spent:.2f} s of a processor for {len(data):,} bytes"
        if timed and grown > MOST_BYTES:
            return "memory", f"{grown >> 20} MiB for {len(data):,} bytes"
        return None

    def one(self, data: bytes) -> None:
        """Run an input, and keep it where it is a finding."""
        found = self.fault(data, timed=True)
        if found and found[0] == "slow":
            found = self.fault(data, timed=True)  # a page fault, a collection: not twice
        self.executions += 1
        if found:
            self.keep(data, *found)
        if time.monotonic() - self._said > 1:
            self.say()

    def say(self) -> None:
        """Write down how many ran."""
        self._said = time.monotonic()
        said = {"executions": self.executions, "kinds": self.kinds}
        self._counts.write_text(json.dumps(said))

    def keep(self, data: bytes, kind: str, what: str) -> None:
        """The smallest input of each kind."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        at = self._at / kind
        if (at / "input").exists() and len(data) >= (at / "input").stat().st_size:
            return
        at.mkdir(parents=True, exist_ok=True)
        (at / "input").write_bytes(data)
        (at / "what.txt").write_text(what, errors="backslashreplace")

    def minimise(self, seconds: float) -> None:
        """Cut findings down, as long as they stay what they are."""
        until = time.monotonic() + seconds
        for kind in sorted(self.kinds):
            path = self._at / kind / "input"
            if kind in ("slow", "memory") or not path.exists():
                continue
            best, size = path.read_bytes(), 1 << 12
            while size and time.monotonic() < until:
                at = 0
                while at < len(best) and time.monotonic() < until:
                    less = best[:at] + best[at + size :]
                    found = self.fault(less)
                    if found and found[0] == kind:
                        self.keep(less, *found)
                        best = less
                    else:
                        at += size
                size //= 2

    def growth(self, inputs: list[bytes], seconds: float) -> None:
        """Look for inputs whose time grows faster than their length."""
        until, Twice.on = time.monotonic() + seconds, False
        chance = random.Random(0)
        while inputs and time.monotonic() < until:
            data = chance.choice(inputs)
            a, b = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            if b - a < 1:
                continue
            times = []
            for size in (1 << 15, 1 << 16, 1 << 17, 1 << 18):
                long = data[:a] + data[a:b] * (size // (b - a)) + data[b:]
                started = time.process_time()
                if found := self.fault(long):
                    self.keep(long, *found)
                times.append(time.process_time() - started)
                self.executions += 1
                if times[-1] > 5:
                    break
            # Over two doublings: one may be where a table grows out of a cache.
            fast = len(times) > 2 and times[-1] > times[-3] * 4**EXPONENT
            if times[-1] > WORTH_SECONDS and (fast or times[-1] > 5):
                shown = ", ".join(f"{t:.2f}" for t in times)
                self.keep(long, f"growth-{digest(data[a:b])}", f"{shown} s at 32 KiB and doubled")
        Twice.on = True


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _kind(error: BaseException) -> str:
    """The type of an error and the place where it left skypile, or what does not hold."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if "/skypile/" in f.filename] or frames
    if isinstance(error, Finding):
        return "finding-" + re.sub(r"\W+", "-", str(error).partition(":")[0])[:60]
    return f"{type(error).__name__}-{Path(inside[-1].filename).stem}-{inside[-1].name.strip('<>')}"


def mutator(target: Target) -> Callable[[bytes, int, int, Any], bytes]:
    """A mutator of inputs that have seams; half of the time libFuzzer's own."""
    cut = re.compile(target.cut)
    pool: list[bytes] = [p for seed in target.seeds() for p in cut.split(seed) if p]

    def mutate(data: bytes, most: int, seed: int, own: Callable[[bytes, int], bytes]) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5 or not data:
            return own(data, most)
        pieces = [p for p in cut.split(data) if p]
        for _ in range(1 + chance.randrange(4)):
            at = chance.randrange(len(pieces) + 1)
            end = at + 1 + int(chance.expovariate(0.5))
            match chance.randrange(6):
                case 0:
                    del pieces[at:end]
                case 1:
                    pieces[at:at] = pieces[at:end] * int(1 + chance.paretovariate(0.7))
                case 2:
                    pieces[at:end] = [chance.choice(pool)]
                case 3:
                    pieces.insert(at, chance.choice(pool))
                case 4:
                    pieces.insert(at, chance.choice(target.words or tuple(pool)))
                case _:
                    to = chance.randrange(len(pieces) + 1)
                    pieces[to:to] = pieces[at:end]
            if sum(map(len, pieces)) > most:
                break
        return b"".join(pieces)[:most]

    return mutate
