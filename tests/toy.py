"""A pipeline of two toy stages with every piece, to test the contracts without HTML or WARC.

`lines` reads text files, one record a line; lines that begin with `!` are rejected, lines that
begin with `#` are of another type. `length` measures, relates (rank by length in the corpus) and
cuts. Measured documents are counted in a file, so that tests see what was recomputed.
"""

import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.kernels.reading.ids import doc_id, payload_digest, text_digest
from skypile.pipeline import check
from skypile.reads import Hints, Read, Row
from skypile.settings import setting
from skypile.stage import Cut, Measure, Relate, Related, Stage
from skypile.tables import Table, field


@dataclass(frozen=True, kw_only=True)
class LinesConfig:
    crash_on: str = setting("", piece=None, help="a line that kills the task's process")
    crash_how: str = setting("exit", piece=None, help="exit, signal or memory")
    crash_once: str = setting("", piece=None, help="a file; where it is there, nothing is killed")


class LinesKernel:
    def __init__(self, config: LinesConfig, wanted: Any) -> None:
        self._config, self._wanted = config, wanted
        self._log: Row = {}

    def close(self) -> None:
        pass

    def log(self) -> Row:
        return self._log

    def __call__(
        self,
        stream: Any,
        *,
        source: str,
        format: str,
        path: str,
        start: int,
        first_ordinal: int,
        hints: Hints,
    ) -> Iterator[tuple[Row, Row | None]]:
        data = stream.read()
        log = {"records": 0, "judged": 0, "sampled_out": 0}
        others = 0
        offset = start
        for ordinal, raw in enumerate(data.split(b"\n")[:-1], first_ordinal):
            log["records"] += 1
            line = raw.decode()
            here, offset = offset, offset + len(raw) + 1
            name = doc_id(source, path, ordinal)
            if line.startswith("#"):
                others += 1
                continue
            if not self._wanted(name):
                log["sampled_out"] += 1
                continue
            log["judged"] += 1
            if self._config.crash_on and line == self._config.crash_on:
                crash(self._config)
            record: Row = {
                "doc_id": name,
                "source": source,
                "url": f"http://toy.example/{path}/{ordinal}",
                "record_id": None,
                "crawled_at": None,
                "path": path,
                "ordinal": ordinal,
                "offset": here,
                "http_status": None,
                "content_type": None,
                "payload_bytes": len(raw),
                "payload_digest": payload_digest(raw),
                "kept": not line.startswith("!"),
                "detail": None,
                "reason": "shouted" if line.startswith("!") else None,
            }
            yield record, None if line.startswith("!") else to_document(record, line)
        self._log = {**log, "passed_over": [("comment", others)] if others else [], "damages": []}


def crash(config: LinesConfig) -> None:
    """End the process as it is told to; memory: beyond a limit on it, as Spark sets one."""
    if config.crash_once:
        if os.path.exists(config.crash_once):
            return
        with open(config.crash_once, "x"):
            pass
    match config.crash_how:
        case "exit":
            os._exit(9)
        case "signal":  # as the kernel does that has no memory left
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))
            held = []
            while True:
                held.append(bytearray(256 << 20))


def to_document(record: Row, line: str) -> Row:
    blocks = line.split("|")
    text = "\n".join(blocks)
    same = ("doc_id", "source", "url", "record_id", "crawled_at", "path", "ordinal")
    return {
        **{k: record[k] for k in same},
        "payload_digest": record["payload_digest"],
        "host": "toy.example",
        "date": None,
        "title": None,
        "text": text,
        "block_chars": [len(b) for b in blocks],
        "block_wide_chars": [0] * len(blocks),
        "chars": sum(len(b) for b in blocks),
        "text_digest": text_digest(text),
        "charset": "utf-8",
        "charset_source": "default",
        "engine": "toy",
        "engine_limit": None,
        "cited_urls": None,
        "repository": None,
        "licence": None,
    }


def line_cut_points(stream: Any, every_bytes: int) -> list[tuple[int, int]]:
    points, offset, due = [], 0, every_bytes
    for ordinal, line in enumerate(stream.read().split(b"\n")[:-1]):
        if offset >= due:
            points.append((offset, ordinal))
            due = (offset // every_bytes + 1) * every_bytes
        offset += len(line) + 1
    return points


LINES = Stage(
    name="lines",
    step=10,
    paper="none",
    config=LinesConfig,
    reasons=("shouted",),
    read=Read(make_kernel=LinesKernel, formats={"lines": line_cut_points, "line": None}),
)


@dataclass(frozen=True, kw_only=True)
class TrimConfig:
    max_blocks: int = setting(99, piece="cut", low=0, help="later blocks are removed")
    divisor: int = setting(0, piece="cut", low=0, help="lengths it divides go; 0: none")


def make_trim_cut(config: TrimConfig, facts: Any) -> Any:
    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        drop = [config.divisor > 0 and c % config.divisor == 0 for c in batch["chars"].to_pylist()]
        removed = [list(range(config.max_blocks, len(b))) for b in batch["block_chars"].to_pylist()]
        return pa.RecordBatch.from_pydict(
            {
                "doc_id": batch["doc_id"],
                "kept": pa.array([not d for d in drop], pa.bool_()),
                "reason": pa.array(["divisible" if d else None for d in drop], pa.string()),
                "removed_blocks": pa.array(removed, pa.list_(pa.int32())),
            }
        )

    return kernel


TRIM = Stage(
    name="trim",
    step=20,
    paper="none",
    config=TrimConfig,
    reasons=("divisible",),
    cut=Cut(reads={"documents": ("chars", "block_chars")}, make_kernel=make_trim_cut),
)

LENGTHS = Table(
    "lengths",
    pa.schema(
        [field("doc_id", pa.string()), field("length", pa.int64()), field("vowels", pa.int64())]
    ),
    key=("doc_id",),
    meaning="length of each text",
)
RANKS = Table(
    "ranks",
    pa.schema([field("doc_id", pa.string()), field("rank", pa.int32())]),
    key=("doc_id",),
    meaning="rank by length in the corpus, only of texts with a vowel",
)


@dataclass(frozen=True, kw_only=True)
class LengthConfig:
    factor: int = setting(1, piece="measure", low=1, help="what lengths are multiplied by")
    count_file: str = setting(
        "", piece=None, help="measured documents are counted here, a line each"
    )
    min_length: int = setting(0, piece="cut", low=0, help="shorter ones are too_short")
    max_rank: int = setting(10**9, piece="cut", low=0, help="later ones are ranked_out")


def make_length_kernel(config: LengthConfig) -> Any:
    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch["text"].to_pylist()
        if config.count_file:
            with open(config.count_file, "a", encoding="utf8") as f:
                f.writelines(f"{t!r}\n" for t in texts)
        return pa.RecordBatch.from_pydict(
            {
                # columns in another order than the table's, as a careless kernel would
                "vowels": pa.array([sum(t.count(v) for v in "aeiou") for t in texts], pa.int64()),
                "length": pa.array([len(t) * config.factor for t in texts], pa.int64()),
                "doc_id": batch["doc_id"],
            }
        )

    return kernel


def rank(config: LengthConfig, frame: Any) -> Related:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = Window.orderBy(F.desc("length"), "doc_id")
    ranked = frame.where("vowels > 0").withColumn("rank", F.row_number().over(order).cast("int"))
    longest = frame.agg(F.max("length")).collect()[0][0]
    return Related(ranked.select("key", "rank"), {"longest": longest})


def make_length_cut(config: LengthConfig, facts: Any) -> Any:
    def reason(length: int, rank: int | None) -> str | None:
        assert length <= facts["longest"]
        if length < config.min_length:
            return "too_short"
        return "ranked_out" if rank is not None and rank > config.max_rank else None

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        reasons = [
            reason(x, r)
            for x, r in zip(batch["length"].to_pylist(), batch["rank"].to_pylist(), strict=True)
        ]
        return pa.RecordBatch.from_pydict(
            {
                "doc_id": batch["doc_id"],
                "kept": pa.array([r is None for r in reasons], pa.bool_()),
                "reason": pa.array(reasons, pa.string()),
                "removed_blocks": pa.array([None] * len(reasons), pa.list_(pa.int32())),
            }
        )

    return kernel


LENGTH = Stage(
    name="length",
    step=30,
    paper="none",
    config=LengthConfig,
    reasons=("too_short", "ranked_out"),
    measure=Measure(table=LENGTHS, reads={"documents": ("text",)}, make_kernel=make_length_kernel),
    relate=Relate(
        table=RANKS, reads={"documents": ("doc_id",), "lengths": ("length", "vowels")}, relate=rank
    ),
    cut=Cut(reads={"lengths": ("length",), "ranks": ("rank",)}, make_kernel=make_length_cut),
)
TOYS = check((LENGTH, LINES, TRIM))


def make_config(
    base: Path,
    *,
    out: str = "run",
    part_bytes: int = 1024,
    sources: Any = None,
    run: Any = None,
    stages: Any = TOYS,
    **sections: Any,
) -> RunConfig:
    """A configuration of the toy stages over `base/input`."""
    default = [
        {
            "name": "web",
            "format": "lines",
            "root": "input",
            "paths": ["**"],
            "category": "webpages",
            "licence": "test",
        }
    ]
    table = {
        "run": {"out": out, "part_bytes": part_bytes, **(run or {})},
        "sources": sources or default,
        **sections,
    }
    return from_table(table, stages, base=base, where="test")


def write_lines(base: Path, name: str, lines: list[str]) -> None:
    path = base / "input" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf8")
