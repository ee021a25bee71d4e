"""Reading a run from its folder alone: its tables, its texts, and the fate of one record.

Readers take the files that manifests list, and never list a folder.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skypile.config import Config
from skypile.errors import SkypileError, StaleError
from skypile.files import Root
from skypile.lineage import Lineage
from skypile.manifests import FileEntry, Manifest, Manifests
from skypile.objects import have, parse_object
from skypile.parts import PartFiles, read_parquet
from skypile.settings import plain

RECORD_OF_CONFIG = "run.json"


def save_record(root: Root, config: Config, lineage: Lineage) -> None:
    """Write what a run remembers of its configuration: sources, stages, and of each piece its own
    fingerprint and what it reads, by which readers tell a stale one.
    """
    record = {
        "sources": [plain(s) for s in config.sources],
        "stages": [
            {
                "name": s.name,
                "paper": s.paper,
                "pieces": {p: lineage.units(s, p) for p in s.pieces()},
                "applies": [n for n in lineage.units(s, "cut") if lineage.applies(s, n)],
            }
            for s in config.stages
        ],
        "readers": {s.name: config.reader(s).name for s in config.sources},
        "pieces": lineage.pieces(),
        "sample_fraction": config.sample_fraction,
    }
    root.write_atomic(RECORD_OF_CONFIG, json.dumps(record, indent=1).encode())


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    """What `save_record` wrote.

    Raises:
        ValueError: it is something else.
    """
    have(record, ["sources", "stages"], list, "record")
    have(record, ["readers", "pieces"], dict, "record")
    have(record, ["sample_fraction"], float, "record")
    for source in record["sources"]:
        have(source, ["name"], str, "source")
        have(record["readers"], [source["name"]], str, "readers")
    for stage in record["stages"]:
        have(stage, ["name", "paper"], str, "stage")
        have(stage, ["pieces"], dict, "stage")
        have(stage, ["applies"], list, "stage")
    for name, piece in record["pieces"].items():
        have(piece, ["own"], str, name)
        have(piece, ["inputs"], list, name)
    return record


class RunReader:
    """A finished or half-finished run. `record` is what it remembers of its configuration."""

    def __init__(self, run: str) -> None:
        self.root = Root(run)
        if not self.root.exists(RECORD_OF_CONFIG):
            raise SkypileError(f"{run} is not a run: it has no {RECORD_OF_CONFIG}")
        try:
            self.record = _checked(parse_object(self.root.read(RECORD_OF_CONFIG)))
        except ValueError as e:
            raise SkypileError(
                f"{self.root.at(RECORD_OF_CONFIG)} is damaged ({e}); `skypile run` writes it again"
            ) from e
        self.manifests = Manifests(self.root)

    def fresh(self, piece: str, source: str) -> Manifest | None:
        """The committed manifest of a piece; None where it was never computed.

        Raises:
            StaleError: it was computed with other settings or code, or from other inputs, than
                the run has now.
        """
        manifest = self.manifests.get(piece, source)
        if manifest is None:
            return None
        name = f"{piece}/{source}"
        expected = self.record["pieces"].get(name)
        if expected is None:
            why = "the run has no such piece now"
        elif manifest.own_fingerprint != expected["own"]:
            why = "it was computed with other settings or code"
        elif list(manifest.inputs) != expected["inputs"]:
            why = "other stages or sources go before it now"
        elif moved := self.manifests.moved_inputs(manifest):
            why = f"{', '.join(moved)} moved since it was made"
        else:
            return manifest
        raise StaleError(f"{name} is stale: {why}; `skypile run` brings it up to date")

    @property
    def sources(self) -> list[str]:
        """The names of its sources, in the configuration's order."""
        return [s["name"] for s in self.record["sources"]]

    def files(self, table: str) -> list[FileEntry]:
        """The committed files of a table, all sources, in order of source and part."""
        order = {s: i for i, s in enumerate(self.sources)}
        found = [f for m in self._committed(table) for f in self.manifests.files(m)]
        return sorted(
            (f for f in found if f.table == table and f.source in order),
            key=lambda f: (order[f.source], f.part),
        )

    def tables(self) -> set[str]:
        """The names of the tables that the run has."""
        return {table for manifest in self._committed() for table in manifest.tables}

    def _committed(self, table: str | None = None) -> list[Manifest]:
        """The committed manifests of the run's pieces, in order; of those that hold a table."""
        names = [n.rpartition("/") for n in self.record["pieces"]]
        found = [self.manifests.get(piece, source) for piece, _, source in names]
        return [m for m in found if m and (table is None or table in m.tables)]

    def table(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A whole table in memory, for looking at small runs."""
        read = []
        for file in self.files(table):
            with self.root.open(file.path) as stream:
                read.append(read_parquet(stream, columns))
        if not read:
            raise SkypileError(f"the run has no table {table!r}")
        return pa.concat_tables(read)

    def digest(self, table: str) -> str:
        """A SHA-256 of a table's rows that does not depend on parts, files or their order: `row`, a
        number in a part, is left out.
        """
        hashes = []
        for file in self.files(table):
            for row in self.read(file).to_pylist():
                row.pop("row", None)
                data = json.dumps(row, sort_keys=True, default=str, ensure_ascii=False)
                hashes.append(hashlib.sha256(data.encode("utf8", "surrogatepass")).digest())
        return hashlib.sha256(b"".join(sorted(hashes))).hexdigest()

    def texts(
        self,
        upto: str,
        columns: tuple[str, ...] = ("url", "title"),
        *,
        ids: frozenset[str] | None = None,
    ) -> Iterator[pa.Table]:
        """What was kept by the stages up to `upto`, that one included: doc_id, text after their
        edits, and other columns of `documents`, a row group at a time. ids: only these documents.

        Raises:
            SkypileError: the run has no such stage, or it has not judged every source yet.
            StaleError: a verdict is stale.
        """
        names = [s["name"] for s in self.record["stages"]]
        if upto not in names:
            raise SkypileError(f"the run has no stage {upto!r}; it has {', '.join(names)}")
        stages = self.record["stages"][: names.index(upto) + 1]
        for source in self.sources:
            read = self._needed(f"{self.record['readers'][source]}.read", source)
            earlier = {
                f"verdicts_{s['name']}": self._needed(f"{s['name']}.cut", source)
                for s in stages
                if source in s["pieces"].get("cut", ())
            }
            files = {"documents": self._by_part(read, "documents")}
            files |= {table: self._by_part(m, table) for table, m in earlier.items()}
            for part, document in files["documents"].items():
                paths = {table: by_part[part] for table, by_part in files.items()}
                one = PartFiles(self.root, source, part, document.rows, paths, tuple(earlier))
                want = one.still_in()
                if ids is not None:
                    names = one.narrow({})["doc_id"]
                    asked = pc.is_in(names, pa.array(sorted(ids), pa.string()))
                    want = want & asked.to_numpy()
                if want.any():
                    for _, table in one.texts(want, one.removed_blocks(), columns):
                        yield table

    def _needed(self, piece: str, source: str) -> Manifest:
        manifest = self.fresh(piece, source)
        if manifest is None:
            raise SkypileError(f"{piece} of source {source} is missing: run its stage first")
        return manifest

    def _by_part(self, manifest: Manifest, table: str) -> dict[int, FileEntry]:
        return {f.part: f for f in self.manifests.files(manifest) if f.table == table}

    def read(self, file: FileEntry) -> pa.Table:
        """One committed file."""
        with self.root.open(file.path) as stream:
            return read_parquet(stream)

    def why(self, name: str) -> Iterator[dict[str, Any]]:
        """The fate of each record with this URL or document id (or the first digits of one): its
        record, its document without the text, and each stage's row on it.
        """
        for file in self.files("records"):
            with self.root.open(file.path) as stream:
                table = read_parquet(stream)
            hit = pc.or_(
                pc.fill_null(pc.equal(table["url"], name), False),
                pc.starts_with(table["doc_id"], name) if len(name) >= 8 else False,
            )
            for record in table.filter(hit).to_pylist():
                yield {"record": record, **self.rows_on(record["doc_id"], file.source, file.part)}

    def rows_on(self, doc_id: str, source: str, part: int) -> dict[str, Any]:
        """The row on one document, by table, without texts; the document is in this part."""
        rows: dict[str, Any] = {}
        for manifest in self._committed():
            for file in self.manifests.files(manifest):
                if (file.source, file.part) != (source, part) or file.table in (
                    "records",
                    "read_log",
                ):
                    continue
                with self.root.open(file.path) as stream:
                    columns = [c for c in pq.read_schema(stream).names if c != "text"]
                    stream.seek(0)
                    table = pq.read_table(
                        stream, columns=columns, filters=[("doc_id", "=", doc_id)]
                    )
                for row in table.to_pylist():
                    row.pop("doc_id")
                    rows[file.table] = row
        return rows
