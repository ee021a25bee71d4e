"""The sums of a run: the funnel, and that it balances.

The funnel adds up what the manifests counted, and refuses to where the sums do not match or a
manifest is stale; `recount` adds up the tables themselves.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from skypile.errors import BalanceError, RejectBudgetError, StaleError
from skypile.manifests import FileEntry, Manifest
from skypile.reader import RunReader
from skypile.tasks.base import added


@dataclass
class Line:
    """One stage's doing to one source. `rows_in` = `kept` + all of `dropped`."""

    stage: str
    source: str
    rows_in: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    applies: bool = True
    blocks_removed: int = 0


@dataclass
class Funnel:
    """The ledger of a run: what was read of each source, and a line a stage and source."""

    reads: dict[str, dict[str, Any]]  # source -> counts of its read
    lines: list[Line]
    record: Mapping[str, Any]
    pending: tuple[str, ...] = ()  # stages that are not in it: not run yet, or not asked for
    written: Mapping[str, Any] = field(default_factory=dict)  # what stage mixture counted in all


class Ledger(RunReader):
    """A run's sums, from its folder alone."""

    def funnel(self, upto: str | None = None) -> Funnel:
        """The funnel, checked; of the stages up to `upto`, where one is named.

        Raises:
            StaleError: one of them is stale.
            BalanceError: rows in are not rows kept plus rows dropped.
            SkypileError: a source has not been read yet.
        """
        names = [s["name"] for s in self.record["stages"]]
        last = names.index(upto) if upto else len(names) - 1
        stages = self.record["stages"][: last + 1]
        reads: dict[str, dict[str, Any]] = {}
        inside: dict[str, int] = {}
        for source in self.sources:
            reader = self.record["readers"][source]
            if reader in names[: last + 1]:
                read = self._needed(f"{reader}.read", source)
                reads[source] = dict(read.counts)
                inside[source] = _check_read(read)
        lines: list[Line] = []
        pending: list[str] = []
        written: dict[str, Any] = {}
        for stage in stages:
            found = {
                (piece, source): self.fresh(f"{stage['name']}.{piece}", source)
                for piece, sources in stage["pieces"].items()
                for source in sources
            }
            if None in found.values():
                pending.append(stage["name"])
                break  # what comes after cannot be current
            for (piece, source), manifest in found.items():
                if piece == "cut" and manifest:
                    lines.append(_line(stage, source, manifest, inside))
                if piece == "write" and manifest:
                    _check_written(manifest, inside, stage)
                    written = added([written, manifest.counts])
        pending += names[names.index(pending[0]) + 1 :] if pending else names[last + 1 :]
        return Funnel(reads, lines, self.record, tuple(pending), written)

    def check_budgets(self, funnel: Funnel) -> None:
        """Fail where a source rejects more of its records than it may.

        Raises:
            RejectBudgetError: names source, share, budget and the commonest reasons.
        """
        for source in self.record["sources"]:
            if source["name"] not in funnel.reads:
                continue
            counts = funnel.reads[source["name"]]
            if counts["damages"] and not counts["records"]:
                raise RejectBudgetError(
                    f"source {source['name']}: not one record could be read from its files "
                    f"({counts['damages']:,} damaged places, see read_log): is its format right?"
                )
            rejected, judged = sum(counts["rejected"].values()), counts["judged"]
            budget = source["max_reject_fraction"]
            if judged and rejected / judged > budget:
                common = Counter(counts["rejected"]).most_common(3)
                reasons = ", ".join(f"{r} {n:,}" for r, n in common)
                raise RejectBudgetError(
                    f"source {source['name']}: {rejected:,} of {judged:,} records "
                    f"({rejected / judged:.1%}) did not become documents, more than its "
                    f"max_reject_fraction of {budget:g}: {reasons}. The tables are written; look "
                    "at `records`, then mend the input or raise the budget"
                )

    def recount(self, funnel: Funnel) -> None:
        """Count the tables again and compare with the funnel; each `doc_id` once; every committed
        file whole; every aligned table with the rows of its documents, in their order.

        Raises:
            BalanceError: a count differs, or an id occurs twice.
            StaleError: a file is not the one that was committed.
        """
        for manifest in self._committed():
            for file in self.manifests.files(manifest):
                self._verify(file)
        records = self.table("records", ["doc_id", "source", "kept", "reason"])
        distinct = pc.count_distinct(records["doc_id"]).as_py()
        _same("doc_id of records, each once", records.num_rows, distinct)
        documents = self.table("documents", ["doc_id", "source"])
        for source, counts in funnel.reads.items():
            own = records.filter(pc.equal(records["source"], source))
            became = pc.filter(own["doc_id"], own["kept"])
            ids = pc.filter(documents["doc_id"], pc.equal(documents["source"], source))
            _same(f"records of {source}", own.num_rows, counts["judged"])
            _same(f"rejects of {source}", _reasons(own["reason"]), counts["rejected"])
            _same(f"documents of {source}, in order", ids.to_pylist(), became.to_pylist())
        for line in funnel.lines:
            self._recount_line(line)

    def _recount_line(self, line: Line) -> None:
        name = f"{line.stage} of {line.source}"
        documents = {f.part: f for f in self.files("documents") if f.source == line.source}
        kept, reasons = [], []
        for file in self.files(f"verdicts_{line.stage}"):
            if file.source == line.source:
                verdicts = self.read(file)
                ids = self.read(documents[file.part])["doc_id"]
                _same(f"{name}: ids", verdicts["doc_id"].to_pylist(), ids.to_pylist())
                kept += verdicts["kept"].to_pylist()
                reasons += verdicts["reason"].to_pylist()
        _same(f"{name}: in", sum(k is not None for k in kept), line.rows_in)
        _same(f"{name}: kept", sum(k is True for k in kept), line.kept)
        counted = Counter(r for r in reasons if r is not None)
        _same(f"{name}: dropped", dict(counted), line.dropped)

    def _verify(self, file: FileEntry) -> None:
        size = self.root.size(file.path)
        if size != file.bytes or self.root.sha256(file.path) != file.sha256:
            raise StaleError(
                f"{self.root.at(file.path)} is not the file that was committed; run the stage that "
                f"writes {file.table} again with --force"
            )


def _line(of: Mapping[str, Any], source: str, cut: Manifest, inside: dict[str, int]) -> Line:
    counts, stage = cut.counts, of["name"]
    dropped = dict(counts.get("dropped", {}))
    rows_in, kept = counts.get("in", 0), counts.get("kept", 0)
    if rows_in != inside[source]:
        raise BalanceError(
            f"stage {stage}, {source}: {inside[source]} documents were in, it saw {rows_in}"
        )
    if rows_in != kept + sum(dropped.values()):
        raise BalanceError(f"stage {stage}, {source}: {rows_in} in, {kept} kept, {dropped}")
    inside[source] = kept
    applies = source in of["applies"]
    return Line(stage, source, rows_in, kept, dropped, applies, counts.get("blocks_removed", 0))


def _check_written(manifest: Manifest, inside: Mapping[str, int], of: Mapping[str, Any]) -> None:
    """What a stage kept of a source is what it wrote."""
    kept = inside[manifest.source] if manifest.source in of["applies"] else 0
    for table, rows in manifest.rows.items():
        if rows != kept or manifest.counts["documents"] != kept:
            raise BalanceError(
                f"table {table}, {manifest.source}: {kept} documents were kept, {rows} are in it"
            )


def _check_read(manifest: Manifest) -> int:
    """The documents of a source that was read; the sums must match."""
    counts = manifest.counts
    rows = manifest.rows
    equations = {
        "records = judged + passed over + sampled out": (
            counts["records"],
            counts["judged"] + counts["passed_over"] + counts["sampled_out"],
        ),
        "rows of records = judged": (rows["records"], counts["judged"]),
        "judged = documents + rejected": (
            counts["judged"],
            counts["documents"] + sum(counts["rejected"].values()),
        ),
        "rows of documents = documents": (rows["documents"], counts["documents"]),
    }
    for name, (left, right) in equations.items():
        if left != right:
            raise BalanceError(
                f"source {manifest.source}: {name} does not hold: {left} and {right}"
            )
    return rows["documents"]


def _reasons(column: Any) -> dict[str, int]:
    return {r["values"]: r["counts"] for r in pc.value_counts(pc.drop_null(column)).to_pylist()}


def _same(what: str, counted: Any, said: Any) -> None:
    if counted != said:
        shown = [str(v)[:200] for v in (counted, said)]
        raise BalanceError(f"{what}: the tables have {shown[0]}, the ledger {shown[1]}")


def as_json(funnel: Funnel) -> dict[str, Any]:
    """The funnel as JSON types."""
    lines = [dataclasses.asdict(line) for line in funnel.lines]
    return {
        "reads": funnel.reads,
        "lines": lines,
        "pending": list(funnel.pending),
        "written": funnel.written,
    }
