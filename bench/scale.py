"""Runs of generated corpora, measured: seconds by piece, memory of all processes, shuffle bytes."""

import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skypile.config import from_table
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.run import Run
from skypile.spark import session

SAMPLE_SECONDS = 0.5


class Memory:
    """The highest memory of this process and its children, in MB, while it is entered."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.most_mb = max(self.most_mb, sum(map(pss_mb, tree(os.getpid()))))


def tree(pid: int) -> list[int]:
    """A process and all below it (Linux)."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue  # it has ended
        parent = int(stat.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


def pss_mb(pid: int) -> float:
    """Its proportional memory: pages that several share (forked Python workers) count once."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it has ended
    return 0.0


def shuffled_bytes(spark: Any) -> int:
    """What all stages so far wrote to shuffles, by Spark's own REST interface."""
    context = spark.sparkContext
    url = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"
    with urllib.request.urlopen(url) as answer:
        return sum(stage["shuffleWriteBytes"] for stage in json.load(answer))


@dataclass(frozen=True)
class Measured:
    """What stages took: seconds by `stage.piece`, the most memory, bytes written to shuffles."""

    seconds: dict[str, float]
    most_mb: float
    shuffled_bytes: int
    ledger: Ledger

    @property
    def total_seconds(self) -> float:
        """Of all pieces."""
        return sum(self.seconds.values())


def measure(
    base: Path,
    rows: Iterable[Mapping[str, Any]],
    stages: Sequence[str],
    *,
    cores: int,
    memory_gb: float,
    **sections: Any,
) -> Measured:
    """Rows as JSON lines through `ingest` and some stages, of which the latter are measured.

    base: an empty folder. memory_gb: the budget, of which the JVM gets a third.
    """
    (base / "in").mkdir()
    with open(base / "in/rows.jsonl", "w", encoding="utf8") as out:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False), file=out)
    source = {"name": "made", "format": "jsonl", "root": "in", "paths": ["*"]}
    table = {
        "run": {"out": "out", "part_bytes": 32 << 20, "stages": ["ingest", *stages]},
        "sources": [{**source, "category": "webpages", "licence": "generated"}],
        **sections,
    }
    config = from_table(table, all_stages(), base=base, where="bench.scale")
    conf = {
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
        "spark.ui.retainedStages": "100000",
        "spark.local.dir": str(base / "spark"),
    }
    spark = session(f"local[{cores}]", f"{round(memory_gb / 3 * 1024)}m", conf)
    seconds: dict[str, float] = {}
    run = Run(config, lambda: spark, say=lambda _: None)
    with redirect_stdout(sys.stderr):
        run.execute(["ingest"])
    before = shuffled_bytes(spark)
    with Memory() as memory, redirect_stdout(sys.stderr):
        for stage in config.stages[1:]:
            for piece in stage.pieces():
                begun = time.perf_counter()
                for unit in run.lineage.units(stage, piece):
                    run._bring_up(stage, piece, unit, True, False)
                seconds[f"{stage.name}.{piece}"] = time.perf_counter() - begun
    shuffled = shuffled_bytes(spark) - before
    spark.stop()
    return Measured(seconds, memory.most_mb, shuffled, Ledger(config.run.out))
