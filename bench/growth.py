"""How time and memory grow with a crawl, and what Spark takes for itself.

`python -m bench.growth [--copies 0 2 9 29] [--engine fast] [--cores 2]` runs the stages from
archives to signals on the real crawl of 1,014 pages with so many copies of it (29: 30 times as
many), each in a process of its own, and once on a few pages, whose seconds are the start-up (of so
few no tokenizer can be made, so the stages from there on are not in it). JSON lines:

- of each size `wall_s`, `cpu_s`, `most_mb` (of all processes), `start_up_s`;
- `outside_tasks` of per-document pieces (those that read, measure, cut, write): the share of
  cores x clock time that no task was running in: scheduling, starting workers, the tail of a job
  whose last task runs alone, committing. That is Spark's own cost and ours on the driver; opening
  and writing Parquet is within the tasks.
- `slope` of each piece between the last two sizes, start-up subtracted: log(time) by log(records).
"""

import argparse
import json
import math
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.crawl import make_crawl
from bench.measured import Took
from bench.pipeline import REPO, ours, start_up
from skypile.ledger import Ledger
from skypile.manifests import Manifests

STAGES = ("extract", "language", "dedup", "fit_vectors", "distribution", "signals")
PER_DOCUMENT = (".read", ".measure", ".cut", ".write")
MOST_OUTSIDE, MOST_SLOPE = 0.15, 1.1
PART_BYTES = 8 << 20  # some 240 pages: several parts a core in the smallest crawl
WORTH_SECONDS = 2.0  # of a piece in the smaller run: below them its time is noise


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    if "target" in more:
        more["ok"] = value <= more["target"]
    named = {"bench": "growth", "case": case, "metric": metric, "value": round(value, 3)}
    print(json.dumps({**named, "unit": unit, **more}), flush=True)


def times(ledger: Ledger) -> tuple[dict[str, float], dict[str, float]]:
    """By piece, seconds by the clock and seconds of all tasks together."""
    wall: dict[str, float] = defaultdict(float)
    inside: dict[str, float] = defaultdict(float)
    for manifest in Manifests(ledger.root).all():
        wall[manifest.piece] += manifest.work.get("wall_ms", 0) / 1000
        inside[manifest.piece] += manifest.work.get("task_ms", 0) / 1000
    return wall, inside


def report(case: str, took: Took, ledger: Ledger, cores: int) -> dict[str, float]:
    """The lines of one size; seconds by piece."""
    line(case, "wall_s", took.wall_s, "s")
    line(case, "cpu_s", took.cpu_s, "s")
    line(case, "most_mb", took.most_mb, "MB")
    wall, inside = times(ledger)
    pieces = [piece for piece in wall if piece.endswith(PER_DOCUMENT)]
    for piece in pieces:
        if wall[piece] >= WORTH_SECONDS:
            share = 1 - inside[piece] / (cores * wall[piece])
            line(case, "outside_tasks", share, "share", piece=piece, seconds=round(wall[piece], 1))
    share = 1 - sum(inside[p] for p in pieces) / (cores * sum(wall[p] for p in pieces))
    line(case, "outside_tasks", share, "share", piece="all", target=MOST_OUTSIDE)
    return wall


def main() -> None:
    """All sizes, smallest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--copies", type=int, nargs="+", default=[0, 2, 9, 29])
    parser.add_argument("--engine", choices=("trafilatura", "fast"), default="fast")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    few: dict[str, float] = {}
    before: tuple[int, dict[str, float]] | None = None
    for copies in sorted(args.copies):
        with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
            folder = Path(name)
            records = make_crawl(args.data, folder, copies)
            if not few:
                started = start_up(folder, STAGES, args.engine, args.cores)
                (out,) = [p for p in (folder / "few").glob("out-*") if p.is_dir()]
                few = times(Ledger(str(out)))[0]
                line("few", "start_up_s", started.wall_s, "s", cpu_s=round(started.cpu_s, 1))
                shutil.rmtree(out)
            took, ledger = ours(folder, STAGES, args.engine, args.cores, PART_BYTES)
            wall = report(f"{records}", took, ledger, args.cores)
        less = {piece: spent - few.get(piece, 0.0) for piece, spent in wall.items()}
        if before:
            slopes(before, (records, less))
        before = records, less


def slopes(small: tuple[int, dict[str, float]], large: tuple[int, dict[str, float]]) -> None:
    """The line of each piece that takes long enough, and of all together."""
    for piece in [*large[1], "all"]:
        times = [
            sum(by.values()) if piece == "all" else by.get(piece, 0) for _, by in (small, large)
        ]
        if min(times) >= WORTH_SECONDS:
            slope = math.log(times[1] / times[0]) / math.log(large[0] / small[0])
            seconds = [round(s, 1) for s in times]
            more = {"piece": piece, "seconds": seconds, "target": MOST_SLOPE}
            line(f"{small[0]}_to_{large[0]}", "slope", slope, "log/log", **more)


if __name__ == "__main__":
    main()
