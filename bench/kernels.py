"""What each piece of a run costs a document, on one core, and where it goes.

`python -m bench.kernels [--config conf/crawl.toml] [--engine fast]` makes the crawl of real pages
and runs the configuration's stages on it with every part's task in this process, one after
the other, under Python's profiler the second time. It prints JSON lines:

- by piece (`extract.read`, `language.measure`, ...) `ms` of processor time a document, that of its
  extracting child too, `docs_per_s`, and `mb_per_s` of packed input for what reads it,
  `mchars_per_s` of text for others. The first part of each is left out: it loads and compiles.
- `top` functions of each piece, with their share of its time: what the next attempt to make it
  faster should look at. Functions of compiled libraries are named as Python calls them.

Corpus-wide pieces are Spark's and not measured here (`bench.scale`).
"""

import argparse
import contextlib
import cProfile
import importlib
import json
import os
import pstats
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import skypile.spark
from bench.crawl import make_crawl
from bench.pipeline import REPO
from bench.scale import tree
from skypile.config import load
from skypile.driver import run_config
from skypile.pipeline import all_stages
from skypile.sample.crawl import write_sample
from skypile.stages import extract_read
from skypile.tasks import AlignedTask, PieceTask, ReadTask

TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Processor seconds, documents, bytes and a profile, by piece; of all tasks but the first."""

    def __init__(self, profiled: bool) -> None:
        self.profiled = profiled
        self.spent: dict[str, float] = defaultdict(float)
        self.documents: dict[str, int] = defaultdict(int)
        self.size: dict[str, float] = defaultdict(float)  # in millions
        self.profiles: dict[str, cProfile.Profile] = defaultdict(cProfile.Profile)
        self._seen: set[str] = set()

    def run_tasks(
        self, _: Any, function: Callable[[Any], Any], todo: Sequence[Any], *__: Any, **___: Any
    ) -> list[Any]:
        """In place of Spark's: here, in order."""
        return [self._one(function, task) for task in todo]

    def _one(self, function: Callable[[Any], Any], task: Any) -> Any:
        piece = task.piece_name if isinstance(task, PieceTask) else _name(function)
        if piece not in self._seen:
            self._seen.add(piece)
            return function(task)
        profile = self.profiles[piece]
        before = _cpu_s()
        if self.profiled:
            profile.enable()
        receipt = function(task)
        profile.disable()
        self.spent[piece] += _cpu_s() - before
        if isinstance(task, ReadTask):
            self.documents[piece] += receipt["counts"]["judged"]
            self.size[piece] += sum(one.bytes for one in task.slices) / 1e6
        elif isinstance(task, AlignedTask):
            want = task.files.still_in()
            chars = task.files.narrow({"documents": ("chars",)})["chars"].to_numpy()
            self.documents[piece] += int(want.sum())
            self.size[piece] += float(chars[want].sum()) / 1e6
        return receipt


def _name(function: Any) -> str:
    return str(getattr(function, "func", function).__name__)


def _cpu_s() -> float:
    """Of this process and its children, those that run still too."""
    mine = time.process_time()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    for pid in tree(os.getpid())[1:]:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_text()
            if "skypile.kernels.extraction.sandbox" in line:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                mine += (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            continue
    return mine + ended.ru_utime + ended.ru_stime


class _InProcess:
    """Extraction without a child, so that the profiler sees it."""

    def __init__(self, target: str) -> None:
        module, _, function = target.partition(":")
        self.extract = getattr(importlib.import_module(module), function)

    def give_back(self) -> None:
        """Nothing to do."""


def measured(config: Path, profiled: bool) -> Meter:
    """A run of a configuration in this process, from nothing."""
    meter = Meter(profiled)
    loaded = load(config, all_stages())
    if Path(loaded.run.out).exists():
        shutil.rmtree(loaded.run.out)
    plain_tasks, plain_lent = skypile.spark.run_tasks, extract_read.lent
    skypile.spark.run_tasks = meter.run_tasks  # type: ignore[assignment]
    if profiled:
        extract_read.lent = lambda *_, target: _InProcess(target)  # type: ignore[assignment,return-value]
    spark = loaded.spark
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output has the lines alone
            run_config(
                loaded,
                lambda: skypile.spark.session("local[1]", spark.driver_memory, spark.conf),
                say=lambda text: print(text, file=sys.stderr),
            )
    finally:
        skypile.spark.run_tasks, extract_read.lent = plain_tasks, plain_lent
    return meter


def top_of(profile: cProfile.Profile, count: int) -> list[str]:
    """The functions that took most by themselves, with percents of all."""
    stats: Any = pstats.Stats(profile)
    rows = sorted(((row[2], where) for where, row in stats.stats.items()), reverse=True)
    total = sum(own for own, _ in rows) or 1.0
    return [
        f"{Path(file).stem + '.' if file != '~' else ''}{name} {100 * own / total:.0f} %"
        for own, (file, _, name) in rows[:count]
    ]


def main() -> None:
    """Two runs, the second with the profiler."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--config", type=Path, default=REPO / "conf/crawl.toml")
    parser.add_argument("--engine", choices=("trafilatura", "fast"), default="fast")
    parser.add_argument("--top", type=int, default=4)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-kernels-") as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        text = args.config.read_text(encoding="utf8")
        if '"../runs/crawl/input"' in text:
            make_crawl(args.data, folder, 0)
            (folder / "runs/crawl").mkdir(parents=True)
            (folder / "in").rename(folder / "runs/crawl/input")
            # Parts of some hundred documents: in smaller ones opening files is most of it.
            text = text.replace("part_bytes = 2_097_152", "part_bytes = 8_388_608")
            text += f'\n[extract]\nengine = "{args.engine}"\n'
        else:
            write_sample(folder / "runs/demo/input")
        config = folder / "conf" / args.config.name
        config.write_text(text, encoding="utf8")
        plain, seen = measured(config, False), measured(config, True)
    for piece, spent in plain.spent.items():
        if documents := plain.documents[piece]:
            report(piece, spent, documents, plain.size[piece], seen.profiles[piece], args.top)


def report(
    piece: str, spent: float, documents: int, size: float, profile: cProfile.Profile, top: int
) -> None:
    """The lines of one piece."""
    named: dict[str, Any] = {"bench": "kernels", "case": piece, "n": documents}
    for metric, value, unit in (
        ("docs_per_s", documents / spent, "documents/s"),
        ("mb_per_s" if piece.endswith(".read") else "mchars_per_s", size / spent, "M/s"),
        ("ms", 1000 * spent / documents, "ms"),
    ):
        more = {"top": top_of(profile, top)} if metric == "ms" else {}
        line = {**named, "metric": metric, "value": round(value, 4), "unit": unit, **more}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
