"""The same rows for any parallelism, part size and order of input: shown by a hash.

`python -m bench.same_rows --config conf/crawl.toml` runs a configuration with 1, 2 and 4 local
cores, its paths in another order and its parts of another size each time, and prints one JSON line
a table: the hash of its rows, and whether it was the same every time. Exits with 1 if not.
"""

import argparse
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VARIANTS = ((1, 1.0), (2, 0.5), (4, 0.23))  # local cores, factor on part_bytes


def run_variant(config: str, out: str, cores: int, factor: float) -> None:
    """One run in a process of its own: paths listed one by one in random order."""
    from skypile.config import load
    from skypile.driver import run_config
    from skypile.files import Root
    from skypile.pipeline import all_stages
    from skypile.plan import find_files
    from skypile.spark import session

    loaded = load(config, all_stages())
    sources = []
    for source in loaded.sources:
        paths = [f.path for f in find_files(Root(source.root), source.paths)]
        random.Random(cores).shuffle(paths)
        sources.append(dataclasses.replace(source, paths=tuple(paths)))
    part_bytes = max(1024, int(loaded.run.part_bytes * factor))
    run = dataclasses.replace(loaded.run, out=out, part_bytes=part_bytes)
    loaded = dataclasses.replace(loaded, run=run, sources=tuple(sources))
    spark = loaded.spark
    run_config(
        loaded,
        lambda: session(f"local[{cores}]", spark.driver_memory, spark.conf),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )


def tables(config: str) -> list[str]:
    """Every table of documents that a run of the configuration writes, in order."""
    from skypile.config import load
    from skypile.pipeline import all_stages

    loaded = load(config, all_stages())
    formats = {source.format for source in loaded.sources}
    names = ["documents", "records"]
    for stage in loaded.stages:
        if stage.read is None or formats & set(stage.read.formats):
            pieces = [p for p in stage.pieces() if p != "read"]
            names += [table.name for p in pieces for table in stage.writes(p)]
    return names


def main() -> int:
    """Run all variants and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="conf/crawl.toml")
    parser.add_argument("--variant", nargs=3, metavar=("OUT", "CORES", "FACTOR"))
    given = parser.parse_args()
    if given.variant:
        out, cores, factor = given.variant
        run_variant(given.config, out, int(cores), float(factor))
        return 0
    from skypile.reader import RunReader

    digests: dict[str, list[str]] = {t: [] for t in tables(given.config)}
    seconds, parts = [], []
    with tempfile.TemporaryDirectory() as folder:
        for cores, factor in VARIANTS:
            out = str(Path(folder) / f"cores{cores}")
            begun = time.perf_counter()
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "bench.same_rows",
                    "--config",
                    given.config,
                    "--variant",
                    out,
                    str(cores),
                    str(factor),
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds.append(round(time.perf_counter() - begun, 1))
            reader = RunReader(out)
            parts.append(len(reader.files("documents")))
            for table, found in digests.items():
                found.append(reader.digest(table))
    same = True
    for table, found in digests.items():
        ok = len(set(found)) == 1
        same &= ok
        line = {
            "bench": "same_rows",
            "case": table,
            "metric": "identical",
            "value": int(ok),
            "unit": "bool",
            "target": 1,
            "ok": ok,
            "sha256": found[0],
            "cores": [c for c, _ in VARIANTS],
            "parts": parts,
            "seconds": seconds,
        }
        print(json.dumps(line))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
