"""Manifests: which files are a table, what they were made from, and whether that still holds.

A table is exactly the files that a manifest lists (name, rows, bytes, SHA-256); readers never list
folders. One manifest covers one piece of one stage for one source (or, for a corpus-wide piece,
for the corpus), and committing it is one atomic write; its list of files is a Parquet file that is
written before. Its `digest` is of the *content* listed, so that a piece that was recomputed to the
same rows makes no other stale; its `fingerprint` is of all that decides the content: settings,
inputs, library versions, and the code of the stage and its kernels; not paths, master, parallelism
or the commit.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.fingerprints import digest_of
from skypile.objects import check_types, have, parse_object
from skypile.tables import INPUTS

READERS = 32  # small files read at a time: latency, not bandwidth, is what they cost
MODELS = "models"  # the "table" of the files of a model
SHARDS = "shards"  # the "table" of the files of a build
CORPUS = "_corpus"  # the "source" of a corpus-wide piece


@dataclass(frozen=True)
class FileEntry:
    """One committed file of a table. `aligned_to` is the SHA-256 of the file of `documents` whose
    rows it has, "" for a table that is not aligned.
    """

    table: str
    source: str
    part: int
    path: str  # relative to the run
    rows: int
    bytes: int
    sha256: str
    aligned_to: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a piece committed. `inputs` name the manifests it read, in order, and the digests they
    had; `counts` are of rows, for the ledger; `work` says what was computed and what was reused
    and, in milliseconds, how long that took (`wall_ms`; `task_ms`: all tasks together); it is the
    one part that may differ between two runs with the same rows.
    """

    piece: str
    source: str
    fingerprint: str
    own_fingerprint: str  # without the inputs: equal ones compute a row in the same way
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    libraries: Mapping[str, str]
    tables: Mapping[str, int]  # schema version by table
    rows: Mapping[str, int]  # by table
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    work: Mapping[str, int] = field(default_factory=dict)

    @property
    def files_at(self) -> str:
        """Where its list of files is, relative to the run."""
        return f"{_folder(self.piece, self.source, self.fingerprint)}/files.parquet"

    def to_json(self) -> bytes:
        """UTF-8 JSON."""
        return (json.dumps(dataclasses.asdict(self), indent=1) + "\n").encode()


def content_digest(
    tables: Mapping[str, int], files: Iterable[FileEntry], facts: Mapping[str, Any]
) -> str:
    """Hex digest of what a manifest lists: what its readers depend on. Time stamps of inputs are
    not among it, nor what a model's card says: the facts of a fit hold the digests of its models.
    """
    listed = [
        [f.table, f.source, f.part, f.rows, f.sha256]
        for f in files
        if f.table not in (INPUTS.name, MODELS)
    ]
    return digest_of({"tables": dict(tables), "files": listed, "facts": dict(facts)})


def rows_by_table(files: Iterable[FileEntry]) -> dict[str, int]:
    """Rows of the files of each table."""
    rows: dict[str, int] = {}
    for file in files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    return rows


class Manifests:
    """The manifests of one run, read and written at `RUN/manifests/PIECE/SOURCE.json`.

    remember: parse each once; for who holds the run's lock, or looks at it once.
    """

    def __init__(self, root: Root, *, remember: bool = False) -> None:
        self.root = root
        self._remember = remember
        self._manifests: dict[str, Manifest] = {}
        self._files: dict[str, tuple[FileEntry, ...]] = {}

    def get(self, piece: str, source: str) -> Manifest | None:
        """The committed manifest, None where there is none.

        Raises:
            SkypileError: the file is there but is not a manifest.
        """
        path = _path(piece, source)
        if path not in self._manifests:
            if not self.root.exists(path):
                return None
            manifest = self._parse(path)
            if not self._remember:
                return manifest
            self._manifests[path] = manifest
        return self._manifests[path]

    def _parse(self, path: str) -> Manifest:
        try:
            found = Manifest(**parse_object(self.root.read(path)))
            check_types(found)
            if path not in (_path(found.piece, found.source), _kept_path(found)):
                raise ValueError(f"it is of {found.piece}, source {found.source}")
            return found
        except (ValueError, TypeError) as e:
            raise SkypileError(
                f"{self.root.at(path)} is not a manifest of this version ({e}); "
                "delete it and run again"
            ) from e

    def files(self, manifest: Manifest) -> tuple[FileEntry, ...]:
        """The files that a manifest lists, by source and part."""
        at = manifest.files_at
        if at in self._files:
            return self._files[at]
        try:
            with self.root.open(at) as stream:
                rows = pq.read_table(stream).to_pylist()
            files = tuple(FileEntry(**row) for row in rows)
        except (pa.ArrowException, OSError, TypeError, ValueError) as e:
            raise self._no_list(manifest, "cannot be read") from e
        if content_digest(manifest.tables, files, manifest.facts) != manifest.digest:
            raise self._no_list(manifest, "is not the list of files that was committed")
        if self._remember:
            self._files[at] = files
        return files

    def _no_list(self, manifest: Manifest, state: str) -> SkypileError:
        path = _path(manifest.piece, manifest.source)
        return SkypileError(
            f"{self.root.at(manifest.files_at)} {state}; delete {self.root.at(path)} and run "
            "again: parts that are whole are taken over"
        )

    def commit(self, manifest: Manifest, files: Sequence[FileEntry]) -> None:
        """Make the files the tables of the piece. Also kept under the fingerprint, so that rows
        measured for it can be taken over later.
        """
        names = [f.name for f in dataclasses.fields(FileEntry)]
        table = pa.table({n: [getattr(f, n) for f in files] for n in names})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        self.root.write_atomic(manifest.files_at, buffer.getvalue())
        data = manifest.to_json()
        self.root.write_atomic(_kept_path(manifest), data)
        path = _path(manifest.piece, manifest.source)
        self.root.write_atomic(path, data)
        if self._remember:
            self._manifests[path] = manifest
            self._files[manifest.files_at] = tuple(files)

    def past(self, piece: str, source: str) -> list[Manifest]:
        """Every manifest of a piece that `gc` has not removed, the committed one among them."""
        under = f"manifests/{piece}/{source}"
        paths = [f.path for f in self.root.walk(under) if f.path.endswith("/manifest.json")]
        return [self._parse(p) for p in paths]

    def all(self) -> list[Manifest]:
        """Every committed manifest of the run."""
        found = [f.path for f in self.root.walk("manifests") if f.path.count("/") == 2]
        return [self._parse(p) for p in found if p.endswith(".json")]

    def moved_inputs(self, manifest: Manifest) -> list[str]:
        """The inputs of a manifest that are gone or have other content now: it is stale."""
        moved = []
        for name, digest in manifest.inputs.items():
            piece, _, source = name.partition("/")
            now = self.get(piece, source)
            if now is None or now.digest != digest:
                moved.append(name)
        return moved

    # The parts that tasks of an unfinished (or killed, or earlier) job have written.

    def receipts(self, piece: str, source: str, folder: str) -> dict[str, dict[str, Any]]:
        """What each finished task of a piece left behind, by key, where its files are still whole.
        The first by name where a part was written twice: the rows are the same.
        """
        found = self.root.walk(f"receipts/{piece}/{source}/{folder}")
        paths = [f.path for f in found if f.path.endswith(".json")]
        with ThreadPoolExecutor(READERS) as pool:
            read = [*filter(None, map(parse_receipt, pool.map(self.root.read, paths)))]
        sizes = self.root.sizes([f["path"] for r in read for f in r["files"]])
        receipts: dict[str, dict[str, Any]] = {}
        for receipt in read:
            if all(sizes[f["path"]] == f["bytes"] for f in receipt["files"]):
                receipts.setdefault(receipt["key"], receipt)
        return receipts

    def forget(self, piece: str, source: str, folder: str) -> None:
        """Drop the receipts of a piece, so that it is computed anew."""
        for found in self.root.walk(f"receipts/{piece}/{source}/{folder}"):
            self.root.delete(found.path)


def parse_receipt(data: bytes) -> dict[str, Any] | None:
    """A receipt, None for half of one (a disk that was full): its part is done again."""
    try:
        found = parse_object(data)
        have(found, ["key"], str, "receipt")
        have(found, ["files"], list, "receipt")
        for file in found["files"]:
            have(file, ["path"], str, "file")
            have(file, ["bytes"], int, "file")
    except ValueError:
        return None
    return found if found["key"] else None


def _path(piece: str, source: str) -> str:
    return f"manifests/{piece}/{source}.json"


def _folder(piece: str, source: str, fingerprint: str) -> str:
    return f"manifests/{piece}/{source}/{fingerprint}"


def _kept_path(manifest: Manifest) -> str:
    return f"{_folder(manifest.piece, manifest.source, manifest.fingerprint)}/manifest.json"


def receipt_path(piece: str, source: str, folder: str, key: str, attempt: str) -> str:
    """Where a task says that its part is written."""
    return f"receipts/{piece}/{source}/{folder}/{key}-{attempt}.json"
