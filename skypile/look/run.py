"""The parts of a run that are looked at, and their narrow columns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skypile.errors import NothingFoundError, SkypileError
from skypile.files import Root
from skypile.ledger import Funnel, Ledger
from skypile.manifests import CORPUS, FileEntry, Manifest
from skypile.settings import did_you_mean

MAX_DOCUMENTS = 1_000_000
KEPT = "kept"
REMEMBERED_PARTS = 16
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a source: its committed files by table, `documents` among them."""

    root: Root
    source: str
    part: int
    files: Mapping[str, FileEntry]

    @property
    def rows(self) -> int:
        """Documents in it."""
        return self.files["documents"].rows

    def columns(self, table: str, names: Sequence[str]) -> pa.Table:
        """Columns of one of its tables, all rows; only those that the file has."""
        with self.root.open(self.files[table].path) as stream:
            file = pq.ParquetFile(stream)
            have = [n for n in names if n in file.schema_arrow.names]
            return file.read(columns=have, use_threads=False)

    def schema(self, table: str) -> pa.Schema:
        """The schema of one of its tables."""
        with self.root.open(self.files[table].path) as stream:
            return pq.read_schema(stream)

    @cached_property
    def ids(self) -> list[str]:
        """The document ids, by row."""
        return self.columns("documents", ["doc_id"])["doc_id"].to_pylist()  # type: ignore[no-any-return]

    def order(self, salt: str) -> npt.NDArray[np.int64]:
        """Its rows in an order that is random but fixed: by a hash of `salt` and each id."""
        return np.argsort(sample_keys(self.ids, salt), kind="stable")

    def has(self, table: str) -> bool:
        """Whether it has a file of a table whose rows are those of its documents."""
        entry = self.files.get(table)
        return entry is not None and entry.rows == self.rows


def sample_keys(ids: Sequence[str], salt: str) -> U64:
    """(ids,) numbers that order documents at random, the same in every run: the ids are hashes
    already, so their last 64 bits are mixed with the salt (splitmix64).
    """
    start = int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "little")
    keys = np.fromiter((int(name[-16:], 16) for name in ids), np.uint64, len(ids))
    with np.errstate(over="ignore"):
        mixed: U64 = keys ^ np.uint64(start)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


class Looked:
    """A run as it is looked at: its funnel, which is exact, the stages that are done, and parts.

    Raises:
        SkypileError: the folder is no run, or has not been read yet. StaleError: it is stale.
    """

    def __init__(self, run: str, max_documents: int = MAX_DOCUMENTS) -> None:
        self.reader = Ledger(run)
        self.funnel: Funnel = self.reader.funnel()
        names = [s["name"] for s in self.reader.record["stages"]]
        self.stages = [n for n in names if n not in self.funnel.pending]
        self._max_documents = max_documents
        self._fates: dict[tuple[str, int], Fates] = {}

    @cached_property
    def cuts(self) -> list[str]:
        """The stages that are done and gave verdicts on any source, in order."""
        record = {s["name"]: s for s in self.reader.record["stages"]}
        return [n for n in self.stages if record[n]["pieces"].get("cut")]

    def manifest(self, piece: str, source: str = CORPUS) -> Manifest | None:
        """The current manifest of a piece of a stage that is done; None where there is none."""
        if piece.partition(".")[0] not in self.stages:
            return None
        if f"{piece}/{source}" not in self.reader.record["pieces"]:
            return None
        return self.reader.fresh(piece, source)

    @cached_property
    def manifests(self) -> list[Manifest]:
        """All current manifests of the stages that are done, in order."""
        names = [n.rpartition("/") for n in self.reader.record["pieces"]]
        found = [self.manifest(piece, source) for piece, _, source in names]
        return [m for m in found if m]

    @cached_property
    def all_parts(self) -> list[Part]:
        """Every part of the run, by source and number."""
        files: dict[tuple[str, int], dict[str, FileEntry]] = {}
        for manifest in self.manifests:
            for file in self.reader.manifests.files(manifest):
                files.setdefault((file.source, file.part), {})[file.table] = file
        order = {s: i for i, s in enumerate(self.reader.sources)}
        found = [
            Part(self.reader.root, source, part, tables)
            for (source, part), tables in files.items()
            if source in order and "documents" in tables
        ]
        return sorted(found, key=lambda p: (order[p.source], p.part))

    @cached_property
    def parts(self) -> list[Part]:
        """The parts that are looked at, in an order by hash: of each source as many as hold its
        share of `max_documents`, one at least.
        """
        total = sum(p.rows for p in self.all_parts)
        share = min(1.0, self._max_documents / total) if total else 1.0
        chosen: list[Part] = []
        for source in self.reader.sources:
            own = [p for p in self.all_parts if p.source == source]
            wanted, have = sum(p.rows for p in own) * share, 0
            for part in sorted(own, key=_by_hash):
                if have >= wanted and have:
                    break
                chosen.append(part)
                have += part.rows
        return sorted(chosen, key=_by_hash)

    @cached_property
    def scale(self) -> dict[str, float]:
        """By source: documents there are over documents looked at."""
        scale = {}
        for source in self.reader.sources:
            have = sum(p.rows for p in self.parts if p.source == source)
            there = sum(p.rows for p in self.all_parts if p.source == source)
            scale[source] = there / have if have else 1.0
        return scale

    def fates(self, part: Part) -> "Fates":
        """What became of a part's documents; of the parts asked for last it is remembered."""
        key = (part.source, part.part)
        if key not in self._fates:
            if len(self._fates) >= REMEMBERED_PARTS:
                self._fates.pop(next(iter(self._fates)))
            self._fates[key] = fates(part, self.cuts)
        return self._fates[key]

    @property
    def whole(self) -> bool:
        """Whether all of it is looked at, so that nothing is an estimate."""
        return len(self.parts) == len(self.all_parts)

    def missing(self, stage: str) -> str | None:
        """Why there is nothing to see of a stage, None where it is done."""
        if stage in self.stages:
            return None
        if stage in self.funnel.pending:
            return f"stage {stage} of this run has not been run yet, or is out of date"
        return f"this run has no stage {stage}"

    def need(self, *stages: str) -> "Looked":
        """The run, where all these stages are done.

        Raises:
            NothingFoundError: one is not.
        """
        for why in filter(None, map(self.missing, stages)):
            raise NothingFoundError(f"nothing to see here: {why}")
        return self

    def check_stage(self, stage: str) -> None:
        """Raise SkypileError where a stage gives no verdicts in this run."""
        if stage not in self.cuts:
            raise SkypileError(
                f"no verdicts of a stage {stage!r} in this run; {did_you_mean(stage, self.cuts)}"
            )


def _by_hash(part: Part) -> bytes:
    name = f"{part.source} {part.part}".encode()
    return hashlib.blake2b(name, digest_size=8).digest()


@dataclass(frozen=True)
class Fates:
    """What became of the documents of one part. Arrays have a value a row.

    left: index in `stages` of the stage that dropped it, len(stages) where none did. reason: why,
    "kept" where none did. removed: by stage, row to the block indices that it removed.
    """

    stages: Sequence[str]
    left: npt.NDArray[np.int64]
    reason: npt.NDArray[np.object_]
    removed: Mapping[str, Mapping[int, list[int]]]

    def seen_by(self, stage: str) -> npt.NDArray[np.bool_]:
        """The documents that a stage judged (or let pass)."""
        return np.asarray(self.left >= self.stages.index(stage))

    def kept_by(self, stage: str) -> npt.NDArray[np.bool_]:
        """The documents that were still in after a stage."""
        return np.asarray(self.left > self.stages.index(stage))

    def dropped_by(self, stage: str) -> npt.NDArray[np.bool_]:
        """The documents that a stage dropped."""
        return np.asarray(self.left == self.stages.index(stage))


def fates(part: Part, stages: Sequence[str]) -> Fates:
    """What became of a part's documents in the stages named, of which it has verdicts or not."""
    left = np.full(part.rows, len(stages), np.int64)
    reason = np.full(part.rows, KEPT, object)
    removed: dict[str, dict[int, list[int]]] = {}
    for index, stage in enumerate(stages):
        if not part.has(f"verdicts_{stage}"):
            continue
        table = part.columns(f"verdicts_{stage}", ["kept", "reason", "removed_blocks"])
        dropped = pc.equal(table["kept"], False).fill_null(False).to_numpy()
        left[dropped] = index
        reason[dropped] = np.asarray(table["reason"].to_pylist(), object)[dropped]
        cut = table["removed_blocks"]
        if cut.null_count < len(cut):
            rows = np.flatnonzero(pc.greater(pc.list_value_length(cut), 0).fill_null(False))
            lists = cut.take(pa.array(rows)).to_pylist()
            removed[stage] = dict(zip(rows.tolist(), lists, strict=True))
    return Fates(stages, left, reason, removed)


def scalars(part: Part, table: str, rows: Sequence[int], names: Sequence[str]) -> list[Any]:
    """Rows of a table as dictionaries of the columns named, those that it has."""
    taken = part.columns(table, names).take(pa.array(rows, pa.int64()))
    return taken.to_pylist() if taken.num_columns else [{} for _ in rows]
