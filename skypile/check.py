"""`skypile check`: look before anything runs.

Are the inputs there and readable, does the engine start, does the memory add up, how many parts
will there be, and what will it cost. The cost is measured, not assumed: a few records of this
very input are extracted here, on one core, and the time is scaled to its bytes.
"""

import os
import time
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table

from skypile.config import Config, Source
from skypile.errors import SkypileError
from skypile.files import Found, Root
from skypile.hashing import SliceReader
from skypile.kernels.reading.streams import uncut
from skypile.lineage import Lineage
from skypile.manifests import Manifests
from skypile.memory import check_executors
from skypile.plan import find_files

PROBE_BYTES = 1 << 20  # read from the start of each probed file
WHOLE_BYTES = 1 << 30  # and no more of one that cannot be cut
PROBE_FILES = 3
PROBE_RECORDS = 24
WORKER_BYTES = 1 << 30  # a Python worker and its extracting child, seen at 0.5 to 0.8 GiB


def check_config(config: Config, master: str | None, console: Console) -> None:
    """Print what a run would read and cost.

    Raises:
        SkypileError: an input or a model is missing or unreadable, Java is missing, or memory
            cannot suffice.
    """
    from skypile.jvm import check_java

    console.print(f"engine    {check_java()}", highlight=False)
    console.print(f"master    {master or config.spark.master}", highlight=False)
    console.print(f"stages    {', '.join(s.name for s in config.stages)}", highlight=False)
    config.validate()
    _check_out(config)
    lineage = Lineage(config, Manifests(Root(config.run.out)))
    for stage in config.stages:
        for run in lineage.earlier_runs(stage):
            texts = "with" if run.texts else "without"
            console.print(f"against   {run.name}, {len(run.parts)} parts, {texts} texts")
    cores = local_cores(master or config.spark.master)
    table = Table(title="Sources", title_justify="left")
    for name in ("source", "files", "bytes", "parts about", "ms a MB", "core-hours about"):
        table.add_column(name, justify="left" if name == "source" else "right")
    hours = 0.0
    for source in config.sources:
        files = find_files(Root(source.root), source.paths)
        size = sum(f.bytes for f in files)
        cost = probe(config, source, files)
        hours += cost * size / 1e6 / 3.6e6
        parts = sum(max(1, -(-f.bytes // config.run.part_bytes)) for f in files)
        parts = min(parts, max(1, -(-size // config.run.part_bytes)))
        table.add_row(
            source.name,
            f"{len(files):,}",
            f"{size:,}",
            f"{parts:,}",
            f"{cost:,.0f}",
            f"{cost * size / 1e6 / 3.6e6:.3g}",
        )
    console.print(table)
    if line := check_executors(config, master or config.spark.master, config.spark.conf):
        console.print(f"memory    {line}", highlight=False, soft_wrap=True)
    if cores:
        need, have = cores * WORKER_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        console.print(f"memory    {cores} workers of about 1 GiB, {have / 2**30:.1f} GiB here")
        if need > have:
            raise SkypileError(
                f"{cores} workers need about {need / 2**30:.0f} GiB, the machine has "
                f"{have / 2**30:.1f}: use --master 'local[{max(1, have // WORKER_BYTES)}]'"
            )
        console.print(f"time      about {hours * 60 / cores:.1f} minutes on {cores} cores")


def _check_out(config: Config) -> None:
    root = Root(config.run.out)
    try:
        root.write_atomic("check.tmp", b"skypile check\n")
        root.delete("check.tmp")
    except OSError as e:
        raise SkypileError(f"cannot write to the run's folder {root.uri}: {e}") from e


def local_cores(master: str) -> int:
    """The cores of a local master, 0 for a cluster's."""
    if not master.startswith("local"):
        return 0
    inside = master.partition("[")[2].rstrip("]").split(",")[0]
    if inside == "*":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return int(inside or 1)


def probe(config: Config, source: Source, files: list[Found]) -> float:
    """Milliseconds of one core a megabyte of input as stored, measured on the first records of up
    to three files spread over the list.

    Raises:
        SkypileError: a file cannot be read.
    """
    reader = config.reader(source)
    assert reader.read
    root = Root(source.root)
    settings = config.settings[reader.name]
    chosen = files[:: max(1, len(files) // PROBE_FILES)][:PROBE_FILES]
    # A format that is never cut is read whole, or (Parquet) not at all.
    whole = reader.read.formats[source.format] in (None, uncut)
    most = WHOLE_BYTES if whole else PROBE_BYTES
    spent, read = 0.0, 0
    kernel: Any = reader.read.make_kernel(settings, lambda _: True)
    try:
        for file in chosen:
            with root.open(file.path) as stream:
                window = SliceReader(stream, 0, min(file.bytes, most))
                begun = time.perf_counter()
                rows = kernel(
                    window,
                    source=source.name,
                    format=source.format,
                    path=file.path,
                    start=0,
                    first_ordinal=0,
                    hints=source.hints(),
                )
                seen = [
                    (time.perf_counter(), record["offset"])
                    for record, _ in islice(rows, PROBE_RECORDS)
                ]
            between = seen[-1][1] - seen[0][1] if seen else 0
            if between > 0:  # from the first record to the last: starting up is not counted
                spent += seen[-1][0] - seen[0][0]
                read += between
            elif seen:  # one record, or many in one compressed block, which begins for all of them
                spent += seen[-1][0] - begun
                read += window.read_so_far
    except OSError as e:
        raise SkypileError(f"source {source.name}: {root.at(file.path)}: {e}") from e
    finally:
        kernel.close()
    return spent * 1000 / max(1e-6, read / 1e6)
