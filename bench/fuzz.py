"""Hostile input for an hour: `make fuzz SECONDS=3600 TARGETS="warc mask"`.

Each target of `bench.fuzz_seeds` runs in turn in one child process with its share of the time, led
by coverage (atheris, which sees the branches of skypile's and trafilatura's Python; kernels that
are machine code it does not, but their indices are checked here). Beside what libFuzzer does to
bytes, inputs are taken apart where their format has seams: pieces are dropped, repeated up to a
thousand times, swapped with those of others, replaced by words that mean something there.

A finding is whatever a check raises, an input slower than the target allows, one that takes more
than 256 MiB, and the death of the process. Findings of one kind (type, place in skypile) are one;
the smallest input is kept in FOLDER/findings/TARGET/KIND, cut down further at the end. Inputs that
reached new branches stay in FOLDER/corpus/TARGET and are where the next run begins.

At the end of its turn, `growth` takes inputs of the corpus, longer and longer ones made by
repetition, and looks at how time grows: linear, or a finding. One JSON line a target:
`executions`, `findings`, `seconds`. Exit status 1 where there are findings.

`python -m bench.fuzz --replay TARGET FILE` runs one input in this process, without atheris.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.fuzz_targets import Finding, Target, Twice

REPO = Path(__file__).resolve().parent.parent
MOST_BYTES = 256 << 20  # that the process may grow by one input
HANG_SECONDS = 60  # until the process is killed
RSS_MIB = 3 << 10
ENDING = 0.15, 40  # share of a target's time, and most seconds, for growth and for minimising
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
                self.keep(long, f"growth-{_digest(data[a:b])}", f"{shown} s at 32 KiB and doubled")
        Twice.on = True


def _digest(data: bytes) -> str:
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


def child(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process, which ends here."""
    import atheris  # type: ignore[import-not-found]

    compiled = [
        f"skypile.kernels.{p.stem}"
        for p in (REPO / "skypile/kernels").glob("*.py")
        if "@compiled" in p.read_text(encoding="utf8")
    ]
    with atheris.instrument_imports(include=["skypile", "trafilatura"], exclude=compiled):
        from bench.fuzz_seeds import TARGETS

        target = next(t for t in TARGETS if t.name == name)
        scratch = Path(tempfile.mkdtemp(prefix="skypile-fuzz-"))
        watch = Watch(target, folder, scratch)
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / _digest(seed)).write_bytes(seed)
    ending = min(ENDING[0] * seconds, ENDING[1])
    until, mutate = time.monotonic() + seconds - ending, mutator(target)

    def one(data: bytes) -> None:
        if time.monotonic() > until:
            inputs = [p.read_bytes() for p in sorted(corpus.iterdir())]
            watch.growth([i for i in inputs if i], ending / 2)
            watch.minimise(ending / 2)
            watch.say()
            shutil.rmtree(scratch, ignore_errors=True)
            sys.stderr.flush()
            os._exit(0)
        watch.one(data)

    def custom(data: bytes, most: int, seed: int) -> bytes:
        return mutate(data, most, seed, atheris.Mutate)

    crashes = folder / "findings" / name
    crashes.mkdir(parents=True, exist_ok=True)
    options = [f"-max_len={target.most}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={RSS_MIB}"]
    options += [f"-artifact_prefix={crashes}/", "-print_funcs=0", "-reload=0", f"{corpus}"]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=custom)
    atheris.Fuzz()


def run(target: str, seconds: float, folder: Path, python: str) -> dict[str, Any]:
    """Fuzz a target so long, again where its process dies; how many inputs, which findings."""
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "PYTHONPATH": str(REPO),
    }
    until, kinds, executions, deaths = time.monotonic() + seconds, dict[str, int](), 0, 0
    counts, log = folder / "counts" / f"{target}.json", folder / f"{target}.log"
    while (left := until - time.monotonic()) > 5:
        counts.unlink(missing_ok=True)
        command = [python, "-m", "bench.fuzz", "--child", target, "--seconds", str(int(left))]
        with log.open("ab") as stream:
            done = subprocess.run(
                [*command, "--folder", str(folder)],
                cwd=REPO,
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        if counts.exists():
            said = json.loads(counts.read_text())
            executions += said["executions"]
            for kind, number in said["kinds"].items():
                kinds[kind] = kinds.get(kind, 0) + number
        if done.returncode == 0:
            break
        deaths += 1
        kinds["died"] = deaths
        if not counts.exists():
            raise SystemExit(f"{target}: the process could not begin; see {log}")
    return {"case": target, "executions": executions, "findings": kinds}


def main() -> None:
    """The command."""
    from bench.fuzz_seeds import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3600, help="of all targets together")
    parser.add_argument("--folder", type=Path, default=REPO / "runs/fuzz")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with atheris")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("targets", nargs="*", help="all where none is named")
    given = parser.parse_args()
    if given.child:
        child(given.child, int(given.seconds), given.folder)
    names = [t.name for t in TARGETS]
    if given.replay:
        name, file = given.replay
        target = next(t for t in TARGETS if t.name == name)
        with tempfile.TemporaryDirectory() as scratch:
            target.make(Path(scratch))(Path(file).read_bytes())
        return
    if unknown := sorted(set(given.targets) - set(names)):
        parser.error(f"no target {unknown[0]!r}: {', '.join(names)}")
    chosen = given.targets or names
    given.folder.mkdir(parents=True, exist_ok=True)
    folder = given.folder.resolve()
    found = 0
    for name in chosen:
        started = time.monotonic()
        line = run(name, given.seconds / len(chosen), folder, str(Path(given.python).absolute()))
        spent = round(time.monotonic() - started)
        found += len(line["findings"])
        print(json.dumps({"bench": "fuzz", **line, "seconds": spent}), flush=True)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
