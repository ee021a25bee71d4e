"""A long run of all stages on one machine: does its memory grow with time?

`python -m bench.endurance [--copies 30] [--engine trafilatura] [--plot FILE]` makes the crawl of
real pages with so many copies (30: some 31,000 records), runs conf/crawl.toml on it on two cores,
and looks at all its processes every few seconds (proportional memory: what forked workers share
counts once). It prints JSON lines:

- of each piece `seconds`, and `most_mb` of all processes together; `most_mb` of `all` is held
  against the memory that the run is given (--memory-gb), driver and workers together;
- of each kind of process (driver, jvm, worker, extractor) in the pieces that take long, `growth`:
  the median memory of a process in the last quarter of the piece over that in its second quarter
  (what it loads when it begins is in the first). Up to 1.1 is none: the collectors' saw teeth.
- `accounted`: records that are in the funnel, of those that were written.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.crawl import make_crawl
from bench.scale import pss_mb, tree
from skypile.ledger import Ledger

REPO = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 3.0
MIN_SAMPLES = 40  # of a piece, for its growth to be told
MAX_GROWTH = 1.1
KINDS = (
    ("jvm", "java"),
    ("extractor", "skypile.kernels.extraction.sandbox"),
    ("worker", "pyspark"),
    ("driver", "skypile.cli"),
)


@dataclass
class Watch:
    """What was seen of a run: at each moment (seconds) MB of each process by kind; and when each
    line of its output came.
    """

    samples: list[tuple[float, dict[str, list[float]]]] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)


def kind_of(pid: int) -> str:
    """Which part of the run a process is."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "other"
    return next((kind for kind, name in KINDS if name in line), "other")


def watched(argv: list[str]) -> Watch:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    seen, begun = Watch(), time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def listen() -> None:
        assert child.stdout
        for line in child.stdout:
            seen.said.append((time.monotonic() - begun, line.rstrip()))
            print(line, end="", file=sys.stderr)

    thread = threading.Thread(target=listen)
    thread.start()
    while child.poll() is None:
        now: dict[str, list[float]] = defaultdict(list)
        for pid in tree(child.pid):
            if (mb := pss_mb(pid)) > 1:
                now[kind_of(pid)].append(mb)
        seen.samples.append((time.monotonic() - begun, dict(now)))
        time.sleep(SAMPLE_SECONDS)
    thread.join()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, argv)
    return seen


def lines_of(seen: Watch, pieces: set[str], memory_gb: float) -> Iterator[dict[str, object]]:
    """The lines of a finished run."""
    starts: dict[str, float] = {}
    for at, line in seen.said:
        if (name := line.partition(" ")[0]) in pieces:
            starts.setdefault(name, at)
    ends = [*list(starts.values())[1:], seen.samples[-1][0]]
    for (piece, start), end in zip(starts.items(), ends, strict=True):
        during = [by for at, by in seen.samples if start <= at < end]
        yield _line(piece, "seconds", end - start, "s")
        if during:
            yield _line(piece, "most_mb", max(map(_total, during)), "MB")
        if len(during) >= MIN_SAMPLES:
            yield from _growth(piece, during)
    most = max(_total(by) for _, by in seen.samples)
    yield _line("all", "seconds", seen.samples[-1][0], "s")
    target = memory_gb * 1024
    yield _line("all", "most_mb", most, "MB", target=target, ok=most <= target)


def _growth(piece: str, during: list[dict[str, list[float]]]) -> Iterator[dict[str, object]]:
    quarter = len(during) // 4
    for kind, _ in KINDS:
        early, late = (
            [mb for by in part for mb in by.get(kind, ())]
            for part in (during[quarter : 2 * quarter], during[3 * quarter :])
        )
        if early and late:
            before, after = statistics.median(early), statistics.median(late)
            more = {"process": kind, "mb": round(after, 1), "target": MAX_GROWTH}
            value = after / before
            yield _line(piece, "growth", value, "late/early", **more, ok=value <= MAX_GROWTH)


def _total(by: dict[str, list[float]]) -> float:
    return sum(map(sum, by.values()))


def _line(case: str, metric: str, value: float, unit: str, **more: object) -> dict[str, object]:
    named = {"bench": "endurance", "case": case, "metric": metric, "value": round(value, 3)}
    return {**named, "unit": unit, **more}


def draw(seen: Watch, path: Path) -> None:
    """The memory of each kind of process over time, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    minutes = [at / 60 for at, _ in seen.samples]
    kinds = [*(kind for kind, _ in KINDS), "other"]  # a fit runs in a process of its own
    sums = [[sum(by.get(kind, ())) / 1024 for _, by in seen.samples] for kind in kinds]
    axes.stackplot(minutes, *sums, labels=kinds, alpha=0.85)
    axes.set(xlabel="minutes", ylabel="GB, proportional", title="Memory of a run, by process")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--copies", type=int, default=30)
    parser.add_argument("--engine", choices=("trafilatura", "fast"), default="trafilatura")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=8.0)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-endurance-") as name:
        folder = Path(name)
        records = make_crawl(args.data, folder, args.copies)
        text = (REPO / "conf/crawl.toml").read_text(encoding="utf8")
        for old, new in (
            ('"../runs/crawl/out"', json.dumps(str(folder / "out"))),
            ('"../runs/crawl/input"', json.dumps(str(folder / "in"))),
            ("part_bytes = 2_097_152", "part_bytes = 33_554_432"),
            ('"local[*]"', f'"local[{args.cores}]"'),
            ('driver_memory = "1g"', 'driver_memory = "3g"'),
        ):
            assert old in text, old
            text = text.replace(old, new)
        config = folder / "endurance.toml"
        config.write_text(f'{text}\n[extract]\nengine = "{args.engine}"\n', encoding="utf8")
        argv = [sys.executable, "-m", "skypile.cli", "run", "--config", str(config)]
        seen = watched(argv)
        ledger = Ledger(str(folder / "out"))
        funnel = ledger.funnel()
        ledger.recount(funnel)
        reads = funnel.reads["web"]
        pieces = {manifest.piece for manifest in ledger.manifests.all()}
        for line in lines_of(seen, pieces, args.memory_gb):
            print(json.dumps(line), flush=True)
        told = reads["documents"] + sum(reads["rejected"].values())
        print(json.dumps(_line("all", "accounted", told, "records", n=records, ok=told == records)))
    if args.plot:
        draw(seen, args.plot)


if __name__ == "__main__":
    main()
