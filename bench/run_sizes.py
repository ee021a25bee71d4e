"""What a finished run weighs: bytes of its tables a document, and what the driver holds of parts.

`python -m bench.run_sizes RUN` prints JSON lines: bytes of each table by document that was read
(an aligned table has a row for each, whether a stage dropped it or not), texts, blocks and tokens
of the documents that are left, and the bytes that describe one part to a Spark task.
`python -m bench.run_sizes --parts 20000` writes a manifest of as many files, a table each, as a
commit does, and reads it back: bytes on disk, memory of the driver, seconds. `scripts/scale.py`
has the numbers of the real crawl (`make crawl-demo`, then `runs/crawl/out`).
"""

import argparse
import hashlib
import json
import pickle
import tempfile
import time
import tracemalloc
from collections import Counter
from typing import Any

import pyarrow.compute as pc

from skypile.files import Root
from skypile.ledger import Ledger
from skypile.manifests import FileEntry, Manifest, Manifests, content_digest
from skypile.parts import PartFiles

TABLES = 25  # of a run, about


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    given = {"bench": "run_sizes", "case": case, "metric": metric, "value": round(value, 3)}
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def of_run(folder: str) -> None:
    """The lines of a run."""
    run = Ledger(folder)
    size: Counter[str] = Counter()
    parts: dict[tuple[str, int], dict[str, FileEntry]] = {}
    for manifest in run.manifests.all():
        if manifest.piece == "plan":
            line(manifest.source, "stored_bytes", manifest.counts["bytes"], "B", **manifest.counts)
            continue
        for file in run.manifests.files(manifest):
            size[file.table] += file.bytes
            if file.rows and file.table != "read_log":
                parts.setdefault((file.source, file.part), {})[file.table] = file
    documents = sum(f.rows for f in run.files("documents"))
    files = len(run.files("documents"))
    for table, found in sorted(size.items()):
        line(table, "bytes_per_document_read", found / documents, "B", files=files, n=documents)
    (source, part), tables = max(parts.items(), key=lambda item: len(item[1]))
    described = PartFiles(run.root, source, part, tables["documents"].rows, tables)
    sent = len(pickle.dumps(described).hex())
    line("part", "bytes_to_a_task", sent, "B", tables=len(tables))
    _texts(run)


def _texts(run: Ledger) -> None:
    """Bytes, blocks and estimated tokens of the corpus, by category."""
    corpus = run.table("corpus", ["category", "text", "estimated_tokens"])
    blocks = pc.add(pc.count_substring(corpus["text"], "\n"), 1)
    sized = corpus.append_column("bytes", pc.binary_length(corpus["text"]))
    sized = sized.append_column("blocks", blocks).drop_columns(["text"])
    names = ("bytes", "blocks", "estimated_tokens")
    sums = sized.group_by("category").aggregate([*((n, "sum") for n in names), ("bytes", "count")])
    for row in sums.to_pylist():
        n = row["bytes_count"]
        for name in names:
            line(row["category"], f"{name}_per_document", row[f"{name}_sum"] / n, "1", n=n)


def of_parts(parts: int) -> None:
    """The lines of a manifest of many files."""
    with tempfile.TemporaryDirectory() as folder:
        root = Root(folder)
        files = [
            FileEntry(
                table=f"table_{n % TABLES}",
                source="crawl",
                part=n // TABLES,
                path=f"table_{n % TABLES}/crawl/{'f' * 32}/part-{n // TABLES:05d}-{n:08x}.parquet",
                rows=8000,
                bytes=1_000_000 + n,
                sha256=hashlib.sha256(b"%d" % n).hexdigest(),
                aligned_to=hashlib.sha256(b"%d" % (n // TABLES)).hexdigest(),
            )
            for n in range(parts * TABLES)
        ]
        manifest = Manifest(
            piece="made",
            source="crawl",
            fingerprint="0" * 32,
            own_fingerprint="",
            inputs={},
            settings={},
            libraries={},
            tables={},
            rows={},
            digest=content_digest({}, files, {}),
        )
        begun = time.process_time()
        Manifests(root).commit(manifest, files)
        wrote = time.process_time() - begun
        n = len(files)
        size = root.size(manifest.files_at)
        del files
        begun = time.process_time()
        Manifests(root).files(manifest)
        took = time.process_time() - begun
        tracemalloc.start()
        held = Manifests(root).files(manifest)
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(held) == n
    case = f"{parts}_parts"
    line(case, "manifest_bytes_per_file", (size or 0) / n, "B", n=n)
    line(case, "driver_bytes_per_file", memory / n, "B", n=n)
    line(case, "write_us_per_file", wrote / n * 1e6, "us", seconds=round(wrote, 2))
    line(case, "read_us_per_file", took / n * 1e6, "us", seconds=round(took, 2))


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", help="a finished run's folder")
    parser.add_argument("--parts", type=int, default=0)
    given = parser.parse_args()
    if given.run:
        of_run(given.run)
    if given.parts:
        of_parts(given.parts)


if __name__ == "__main__":
    main()
