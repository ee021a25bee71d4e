"""Scale of stage dedup: minutes, memory, bytes shuffled a document, and growth with the corpus.

`python -m bench.dedup_scale [--documents 250000 1000000] [--cores 2] [--memory-gb 12]` prints JSON
lines. Documents of 1 to 2 kB are generated, by number alone: nine in ten are like no other, the
rest lie in clusters of 2 to 1,000 (each member: the cluster's text with up to 1 % of its words
replaced); every other text is Chinese. They are written as JSON lines and go through the stages
`ingest` and `dedup` of a run in local mode; the times are of `dedup` alone, by piece.

`rss_mb` is the highest sum of the proportional memory (PSS) of this process and all its children,
JVM and Python workers among them, seen at half-second intervals; the target is the budget. The JVM
gets a third of it. `shuffle_bytes_per_doc` is what Spark wrote to shuffles in the relate.
`exponent` is that of time against documents between the smallest and the largest size.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from skypile.config import from_table
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import all_stages
from skypile.run import Run
from skypile.spark import session

SEED = 20_231_030
WORDS, HAN = 50_000, 3_000  # vocabularies; a shingle of five is hardly ever met twice by chance
IN_CLUSTERS = 0.1
LARGEST = 1_000
CHANGED = 0.01
SAMPLE_SECONDS = 0.5


def cluster_sizes(documents: int) -> list[int]:
    """Sizes of 2 to LARGEST that add up to a tenth of the documents: as many documents in clusters
    of 2 to 4 as in those of 4 to 8, and so on.
    """
    rng = np.random.default_rng(SEED)
    left, sizes = round(documents * IN_CLUSTERS), []
    while left > 1:
        low = 2 ** int(rng.integers(1, 10))
        if rng.random() < 2 / low:  # big ones are drawn less often, and weigh the same
            sizes.append(min(left, int(rng.integers(low, min(2 * low, LARGEST + 1)))))
            left -= sizes[-1]
    return sizes


def units(number: int, chinese: bool) -> list[str]:
    """The words, or characters, of a text of 1 to 2 kB."""
    rng = np.random.default_rng([SEED, number])
    size = int(rng.integers(1_000, 2_000))
    if chinese:
        return [chr(0x4E00 + c) for c in rng.integers(0, HAN, size // 3)]
    return [f"w{w:x}" for w in rng.integers(0, WORDS, size // 5)]


def texts(documents: int) -> Iterator[str]:
    """The corpus; members of a cluster lie apart."""
    at, owners = 0, np.full(documents, -1)
    places = np.random.default_rng(SEED + 1).permutation(documents)
    for number, size in enumerate(cluster_sizes(documents)):
        owners[places[at : at + size]] = number
        at += size
    for document, owner in enumerate(owners.tolist()):
        if owner < 0:
            chinese = document % 2 == 1
            made = units(2 * document, chinese)
        else:
            chinese = owner % 2 == 1
            made = units(2 * owner + 1, chinese)
            rng = np.random.default_rng([SEED, documents, document])
            changed = rng.random(len(made)) < CHANGED * rng.random()
            other = units(2 * (documents + document), chinese)
            made = [
                other[i % len(other)] if c else u
                for i, (u, c) in enumerate(zip(made, changed, strict=True))
            ]
        yield ("" if chinese else " ").join(made)


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


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    if "target" in more:
        more["ok"] = value <= more["target"]
    given = {"bench": "dedup_scale", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def measure(documents: int, cores: int, memory_gb: float) -> float:
    """The lines of one size; the seconds of dedup."""
    case = f"{documents}_documents"
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "in").mkdir()
        size = 0
        with open(base / "in/rows.jsonl", "w", encoding="utf8") as out:
            for text in texts(documents):
                size += len(text.encode())
                print(json.dumps({"text": text}, ensure_ascii=False), file=out)
        source = {"name": "made", "format": "jsonl", "root": "in", "paths": ["*"]}
        table = {
            "run": {"out": "out", "part_bytes": 32 << 20, "stages": ["ingest", "dedup"]},
            "sources": [{**source, "category": "webpages", "licence": "generated"}],
        }
        config = from_table(table, all_stages(), base=base, where="bench.dedup_scale")
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
                    seconds[piece] = time.perf_counter() - begun
        shuffled = shuffled_bytes(spark) - before
        spark.stop()
        manifest = Ledger(config.run.out).manifests.get("dedup.relate", CORPUS)
        verdicts = Ledger(config.run.out).manifests.get("dedup.cut", "made")
        assert manifest
        assert verdicts
        dropped = sum(verdicts.counts["dropped"].values())
        clustered = cluster_sizes(documents)
        expected = sum(clustered) - len(clustered)
        total = sum(seconds.values())
        by_piece = {f"{p}_s": round(s, 1) for p, s in seconds.items()}
        line(
            case, "minutes", total / 60, "min", bytes_a_document=round(size / documents), **by_piece
        )
        line(case, "rss_mb", memory.most_mb, "MB", target=memory_gb * 1024)
        line(case, "shuffle_bytes_per_doc", shuffled / documents, "B")
        facts = {k: v for k, v in manifest.facts.items() if isinstance(v, int)}
        line(case, "dropped", dropped / expected, "fraction of the copies made", **facts)
    return total


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=12)
    given = parser.parse_args()
    sizes = sorted(given.documents)
    took = [measure(n, given.cores, given.memory_gb) for n in sizes]
    if len(sizes) > 1:
        exponent = math.log(took[-1] / took[0]) / math.log(sizes[-1] / sizes[0])
        line(f"{sizes[0]}_to_{sizes[-1]}", "exponent", exponent, "of time", target=1.2)


if __name__ == "__main__":
    main()
