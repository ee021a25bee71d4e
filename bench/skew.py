"""Skewed and odd corpora: `make bench-skew`, or `python -m bench.skew files parts` for some cases.

Prints JSON lines. Each case runs in a process of its own, whose highest memory (PSS, with all its
children, JVM and Python workers among them) is `rss_mb`. In local mode on two cores.

- `files`: a million WARC files of 300 bytes, planned: listed, surveyed, packed, and planned again.
- `parts`: 20,000 parts through the stages of tests/toy.py, all pieces.
- `document`: one document of 500 MB among others, as a JSON line, a row of Parquet, a text file and
  a WARC record, through the stages that read. It must come out as a row with a reason.
- `host`: documents of which 40 % are of one host, beside the same of even hosts.
- `cluster`: documents of which 30 % are near duplicates of one text, beside the same without.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench import dedup_scale, scale

REPO = Path(__file__).resolve().parent.parent
DOCUMENT_BYTES = 500_000_000
MEMORY_MB = 8_192  # what a case may take


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    if "target" in more:
        more["ok"] = value <= more["target"]
    given = {"bench": "skew", "case": case, "metric": metric, "value": round(value, 3)}
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def record(name: str, body: bytes) -> bytes:
    """A WARC record of a page."""
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{name}>\r\nWARC-Target-URI: "
    head += f"http://{name}.example/\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def processor_seconds() -> float:
    """Of this process and the children that it has waited for: what a busy machine cannot change
    much. (Of a JVM that goes on nothing is known.)
    """
    own, others = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def source(name: str, format: str, paths: str, **more: Any) -> dict[str, Any]:
    """A source of the case's folder."""
    common = {"category": "webpages", "licence": "generated", "root": f"in/{name}"}
    return {"name": name, "format": format, "paths": [paths], **common, **more}


def run_of(base: Path, table: dict[str, Any], memory: str = "1g") -> Any:
    """A run in local mode on two cores."""
    from skypile.config import from_table
    from skypile.pipeline import all_stages
    from skypile.run import Run
    from skypile.spark import session

    config = from_table(table, all_stages(), base=base, where="bench.skew")
    conf = {"spark.local.dir": str(base / "spark"), "spark.sql.shuffle.partitions": "8"}
    return Run(config, lambda: session("local[2]", memory, conf), say=lambda _: None)


def files(base: Path, count: int) -> None:
    """Plan a folder of tiny files."""
    folder = base / "in/web"
    for group in range(-(-count // 1000)):
        (folder / f"{group:04d}").mkdir(parents=True)
        for number in range(group * 1000, min(count, group * 1000 + 1000)):
            path = f"{folder}/{group:04d}/{number:07d}.warc"
            file = os.open(path, os.O_WRONLY | os.O_CREAT)
            os.write(file, record(f"p{number}", b"<p>a page</p>" + b"x" * 100))
            os.close(file)
    table = {"run": {"out": "out"}, "sources": [source("web", "warc", "**/*.warc")]}
    run = run_of(base, table)
    case = f"{count}_files"
    for metric in ("plan", "plan_again"):
        with scale.Memory() as memory, redirect_stdout(sys.stderr):
            begun, cpu = time.perf_counter(), processor_seconds()
            run.planner.plan(run.config.sources)
            spent, cpu = time.perf_counter() - begun, processor_seconds() - cpu
            parts = run.planner.parts("web")
        planned = sum(map(len, parts))
        line(case, f"{metric}_s", spent, "s", cpu_s=round(cpu, 1), parts=len(parts), files=planned)
        line(case, f"{metric}_rss_mb", memory.most_mb, "MB", target=MEMORY_MB)
        assert planned == count


def parts(base: Path, count: int) -> None:
    """So many parts through toy stages."""
    from skypile.ledger import Ledger
    from skypile.run import Run
    from skypile.spark import session
    from tests import toy

    (base / "input").mkdir()
    with open(base / "input/a.txt", "w") as out:
        for number in range(count):
            out.write(f"line {number} ".ljust(1023, "x") + "\n")
    conf = {"spark.local.dir": str(base / "spark"), "spark.sql.shuffle.partitions": "8"}
    config = toy.make_config(base)
    seconds: dict[str, float] = {}
    run = Run(config, lambda: session("local[2]", "2g", conf), say=lambda _: None)
    with scale.Memory() as memory, redirect_stdout(sys.stderr):
        begun = time.perf_counter()
        run.execute()
        seconds["all"] = time.perf_counter() - begun
    ledger = Ledger(str(base / "run"))
    found = len(ledger.files("documents"))
    line(f"{found}_parts", "run_s", seconds["all"], "s", parts=found)
    line(f"{found}_parts", "rss_mb", memory.most_mb, "MB", target=MEMORY_MB)


def write_documents(base: Path, size: int) -> None:
    """Files of four formats with one document of so many bytes each."""
    small = "A bridge over the river was closed for the winter. " * 20
    large = ("The bridge over the river was closed. " * (1 + size // 38))[:size]
    for name in ("jsonl", "parquet", "text", "warc"):
        (base / "in" / name).mkdir(parents=True)
    with open(base / "in/jsonl/a.jsonl", "w") as out:
        for text in (small, large, small + "b"):
            out.write(json.dumps({"text": text}) + "\n")
    rows = pa.table({"text": pa.array([small, large, small + "b"], pa.large_string())})
    pq.write_table(rows, base / "in/parquet/a.parquet")
    (base / "in/text/a.txt").write_text(large)
    (base / "in/text/b.txt").write_text(small)
    page = record("a", f"<p>{small}".encode())
    huge = record("b", f"<p>{large}".encode())
    (base / "in/warc/a.warc").write_bytes(page + huge + page.replace(b"urn:a", b"urn:c"))


def document(base: Path, size: int) -> None:
    """One document of so many bytes in each of four formats, among small ones."""
    # In a process of its own, whose memory is not that of the run.
    writer = multiprocessing.get_context("spawn").Process(target=write_documents, args=(base, size))
    writer.start()
    writer.join()
    assert writer.exitcode == 0
    formats = {"jsonl": "*.jsonl", "parquet": "*.parquet", "text": "*.txt", "warc": "*.warc"}
    for name, paths in formats.items():
        more = {"max_reject_fraction": 1.0}
        reader = "extract" if name == "warc" else "ingest"
        table = {
            "run": {"out": f"out-{name}", "stages": [reader]},
            "sources": [source(name, name, paths, **more)],
        }
        run = run_of(base, table)
        with scale.Memory() as memory, redirect_stdout(sys.stderr):
            begun = time.perf_counter()
            run.execute()
            spent = time.perf_counter() - begun
        from skypile.reader import RunReader

        records = RunReader(str(base / f"out-{name}")).table("records").to_pylist()
        reasons = Counter(r["reason"] or "kept" for r in records)
        line(f"500_mb_{name}", "run_s", spent, "s", **reasons)
        line(f"500_mb_{name}", "rss_mb", memory.most_mb, "MB", target=MEMORY_MB)
        assert reasons["too_large"] == 1, records


def rows_of(kind: str, count: int) -> Iterator[dict[str, str]]:
    """Documents, 40 % of one host, 30 % in one cluster, or neither."""
    for number, text in enumerate(dedup_scale.texts(count)):
        of_one = kind == "host" and number % 5 < 2
        host = "one.example" if of_one else f"h{number % (count // 10)}.example"
        if kind == "cluster" and number % 10 < 3:
            words = dedup_scale.units(1, False)
            words[number % len(words)] = f"n{number}"
            text = " ".join(words)
        yield {"text": text, "url": f"http://{host}/{number}"}


def compared(base: Path, count: int, kind: str, stages: list[str]) -> None:
    """The corpus with its skew beside the same without it."""
    seconds = {}
    for case in ("even", kind):
        (base / case).mkdir()
        made = scale.measure(base / case, rows_of(case, count), stages, cores=2, memory_gb=4)
        seconds[case] = made.total_seconds
        by_piece = {piece: round(s, 1) for piece, s in made.seconds.items()}
        name = f"{kind}_{case}" if case == "even" else kind
        line(name, "run_s", made.total_seconds, "s", n=count, **by_piece)
        line(name, "rss_mb", made.most_mb, "MB", target=MEMORY_MB)
    line(kind, "slowdown", seconds[kind] / seconds["even"], "ratio", target=2)


CASES: dict[str, tuple[Any, int]] = {
    "files": (files, 1_000_000),
    "parts": (parts, 20_000),
    "document": (document, DOCUMENT_BYTES),
    "host": (
        lambda base, n: compared(base, n, "host", ["fit_vectors", "dedup", "distribution"]),
        20_000,
    ),
    "cluster": (lambda base, n: compared(base, n, "cluster", ["dedup"]), 60_000),
}


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all where none is named")
    parser.add_argument("--size", type=int, help="files, parts, bytes or documents")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        (case,) = given.cases
        function, size = CASES[case]
        with tempfile.TemporaryDirectory(prefix="skypile-skew-") as folder:
            function(Path(folder), given.size or size)
        return
    for case in given.cases or CASES:
        more = ["--size", str(given.size)] if given.size else []
        command = [sys.executable, "-m", "bench.skew", case, "--here", *more]
        subprocess.run(command, cwd=REPO, check=True)


if __name__ == "__main__":
    main()
