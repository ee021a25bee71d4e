"""What every task shares: what it is told, and how it leaves its rows.

A task writes files under attempt-unique names and then, last, a receipt. Killed at any point it
leaves at most files that no manifest lists. Two attempts at one part write the same rows.
"""

import gc
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.fingerprints import code_digest, digest_of, library_versions
from skypile.manifests import FileEntry, receipt_path
from skypile.parts import PartFiles, TableWriter
from skypile.plan import Slice
from skypile.reads import Hints
from skypile.stage import Model, Stage


@dataclass(frozen=True, kw_only=True)
class PieceTask:
    """What every task knows: which part of which piece, and where the run is.

    folder: names the rows' way of being made; files and receipts lie below it. key: of the part in
    it, so that a part is known again. code: digest of the code and libraries that the driver has.
    contents: of what the settings point to, digest by path.
    """

    run: Root
    stage: Stage
    piece: str
    config: Any
    source: str
    part: int
    folder: str
    key: str
    code: str
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def piece_name(self) -> str:
        """The piece's name in manifests, `extract.read`."""
        return f"{self.stage.name}.{self.piece}"

    @property
    def aligned_to(self) -> str:
        """SHA-256 of the documents that the task's rows are about, "" where it makes them."""
        return ""


@dataclass(frozen=True, kw_only=True)
class ReadTask(PieceTask):
    """Read slices of raw input."""

    root: Root
    format: str
    hints: Hints
    slices: tuple[Slice, ...]
    seed: int
    sample_fraction: float


@dataclass(frozen=True, kw_only=True)
class AlignedTask(PieceTask):
    """Measure, cut or write the documents of one part."""

    files: PartFiles
    applies: bool = True
    reusable: tuple[FileEntry, ...] = ()  # what earlier runs of a measure wrote about this part
    facts: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)  # fitted in this run, by name

    @property
    def aligned_to(self) -> str:
        """SHA-256 of the documents whose rows the task's are; "" for a write, which has fewer."""
        return "" if self.piece == "write" else self.files.paths["documents"].sha256


def code_of(stage: Stage) -> str:
    """Digest of the code and libraries that decide a stage's rows, as this process has them."""
    return digest_of([code_digest(stage.module), library_versions(stage.libraries)])


def check_code(stage: Stage, code: str) -> None:
    """That this process has the code and libraries of `code`, which the driver has.

    Raises:
        SkypileError: it has not.
    """
    if code != code_of(stage):
        raise SkypileError(
            f"stage {stage.name}: an executor has another version of skypile, Python or of "
            f"{', '.join(stage.libraries) or 'its libraries'} than the driver; install the "
            "same environment on both"
        )


COLLECT_AFTER_OBJECTS = 100_000


def collect_less() -> None:
    """Have Python look for cycles of objects after 100,000 new ones, not after some hundreds: tasks
    make millions of rows and arrays, next to none in a cycle; 6 % of the encoder's time was it.
    """
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)


def added(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts summed by key, nested ones too."""
    total: dict[str, Any] = {}
    for one in counts:
        for key, value in one.items():
            if isinstance(value, Mapping):
                total[key] = added([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return dict(sorted(total.items()))


class PartWriter:
    """The tables of one task: `write` rows, then `finish` once for the receipt."""

    def __init__(self, task: PieceTask) -> None:
        self._task = task
        self._attempt = uuid.uuid4().hex[:12]  # in names that no row and no digest depends on
        self._writers: dict[str, TableWriter] = {}

    def write(self, table: str, schema: pa.Schema, batch: pa.RecordBatch) -> None:
        """Append a batch to a table of this part."""
        if table not in self._writers:
            t = self._task
            path = f"{table}/{t.source}/{t.folder}/part-{t.part:05d}-{self._attempt}.parquet"
            self._writers[table] = TableWriter(t.run, path, schema)
        self._writers[table].write(batch)

    def finish(self, counts: Mapping[str, Any], work: Mapping[str, int]) -> dict[str, Any]:
        """Close the files and leave the receipt that makes them count."""
        t = self._task
        files = [
            w.close(name, t.source, t.part, t.aligned_to)
            for name, w in sorted(self._writers.items())
        ]
        receipt = {
            "key": t.key,
            "files": [asdict(f) for f in files],
            "counts": dict(counts),
            "work": dict(work),
        }
        path = receipt_path(t.piece_name, t.source, t.folder, t.key, self._attempt)
        t.run.write_atomic(path, json.dumps(receipt, sort_keys=True).encode())
        return receipt


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one batch, an empty one too."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def null_rows(schema: pa.Schema, rows: int) -> pa.Table:
    """Rows of nulls."""
    return pa.table([pa.nulls(rows, f.type) for f in schema], names=schema.names)


def write_table(out: PartWriter, name: str, schema: pa.Schema, table: pa.Table) -> None:
    """Write a whole table of one part, an empty one too."""
    table = pa.table([c.combine_chunks() for c in table.columns], schema=schema)
    for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], schema=schema)]:
        out.write(name, schema, batch)
