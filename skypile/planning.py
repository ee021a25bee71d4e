"""Planning a run: list and survey the files of each source, and commit the plan of parts.

A file whose size and modification time are those of the last plan is not read again: an edit that
keeps both goes unnoticed until its part is due, where the SHA-256 of what is read is compared.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from skypile.config import Config, Source
from skypile.files import Found, Root
from skypile.fingerprints import code_digest, digest_of
from skypile.manifests import FileEntry, Manifest, Manifests, content_digest, rows_by_table
from skypile.parts import TableWriter
from skypile.plan import (
    Slice,
    Surveyed,
    SurveyTask,
    find_files,
    pack,
    refuse_repeats,
    survey_all,
    surveys,
)
from skypile.tables import INPUTS, SLICES, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLAN = "plan"
BATCH_ROWS = 8192  # of a plan, held as Python objects
SURVEY_ON_DRIVER_BYTES = 64 << 20  # below this, starting Spark tasks costs more than reading


class Planner:
    """Makes and reads the plans of a run."""

    def __init__(
        self,
        config: Config,
        manifests: Manifests,
        start_spark: Callable[[], "SparkSession"],
        say: Callable[[str], None],
    ) -> None:
        self._config, self._manifests = config, manifests
        self._start_spark, self._say = start_spark, say

    def plan(self, sources: Sequence[Source]) -> None:
        """Bring the plans of all sources up to date.

        Raises:
            InputError: nothing matches a path, or a file is listed twice.
        """
        surveyed = {s.name: self._survey(s) for s in sources}
        many = [s for s in sources if self._cut_points(s)]
        refuse_repeats(
            (s.name, f.file.path, f.file.bytes, f.sha256) for s in many for f in surveyed[s.name]
        )
        for source in sources:
            self._commit(source, surveyed[source.name])

    def parts(self, source: str) -> list[list[Slice]]:
        """The planned parts of a source."""
        parts: list[list[Slice]] = []
        for row in self._table(source, SLICES):
            if row.pop("part") == len(parts):
                parts.append([])
            parts[-1].append(Slice(**row))
        return parts

    def _cut_points(self, source: Source) -> Any:
        reader = self._config.reader(source)
        assert reader.read
        return reader.read.formats[source.format]

    def _own(self, source: Source) -> dict[str, Any]:
        cut_points = self._cut_points(source)
        modules = ["skypile.plan", *([cut_points.__module__] if cut_points else [])]
        return {
            "format": source.format,
            "part_bytes": self._config.run.part_bytes,
            "code": [code_digest(m) for m in modules],
        }

    def _survey(self, source: Source) -> list[Surveyed]:
        root = Root(source.root)
        files = find_files(root, source.paths)
        known = self._known(source)
        due = [f for f in files if (f.path, f.stamp) not in known]
        todo = [
            SurveyTask(root, f, self._config.run.part_bytes, self._cut_points(source)) for f in due
        ]
        size = sum(f.bytes for f in due)
        if due:
            self._say(f"plan {source.name}: {len(due):,} files, {size:,} bytes to survey")
        groups = surveys(todo)
        if size <= SURVEY_ON_DRIVER_BYTES:
            done = [one for group in groups for one in survey_all(group)]
        else:
            from skypile.spark import run_tasks

            found = run_tasks(self._start_spark(), survey_all, groups, f"plan {source.name}")
            done = [one for group in found for one in group]
        known.update({(s.file.path, s.file.stamp): s for s in done})
        return [known[f.path, f.stamp] for f in files]

    def _known(self, source: Source) -> dict[tuple[str, str], Surveyed]:
        """Surveys of the last plan, by path and stamp."""
        manifest = self._manifests.get(PLAN, source.name)
        if manifest is None or manifest.own_fingerprint != digest_of(self._own(source)):
            return {}
        slices: dict[str, list[Slice]] = {}
        for part in self.parts(source.name):
            for one in part:
                slices.setdefault(one.path, []).append(one)
        return {
            (row["path"], row["stamp"]): Surveyed(
                Found(row["path"], row["bytes"], row["stamp"]),
                row["sha256"],
                tuple(slices[row["path"]]),
            )
            for row in self._table(source.name, INPUTS)
        }

    def _commit(self, source: Source, files: list[Surveyed]) -> None:
        """One manifest of two tables: the slices, on which all that is read depends, and the files
        with their time stamps, which are left out of its digest.
        """
        parts = pack((s for f in files for s in f.slices), self._config.run.part_bytes)
        # Made anew each time they are gone through: a million files are a gigabyte of rows.
        rows: dict[Table, Callable[[], Iterator[dict[str, Any]]]] = {
            SLICES: lambda: ({"part": i, **vars(s)} for i, part in enumerate(parts) for s in part),
            INPUTS: lambda: (
                {
                    "path": f.file.path,
                    "bytes": f.file.bytes,
                    "sha256": f.sha256,
                    "stamp": f.file.stamp,
                }
                for f in files
            ),
        }
        own = self._own(source)
        fingerprint = digest_of([own, *(_digest_of_rows(made()) for made in rows.values())])
        now = self._manifests.get(PLAN, source.name)
        if now and now.fingerprint == fingerprint:
            return
        entries = [self._write(t, source.name, fingerprint, rows[t]()) for t in rows]
        tables = {t.name: t.version for t in rows}
        self._manifests.commit(
            Manifest(
                piece=PLAN,
                source=source.name,
                fingerprint=fingerprint,
                own_fingerprint=digest_of(own),
                inputs={},
                settings=own,
                libraries={},
                tables=tables,
                rows=rows_by_table(entries),
                digest=content_digest(tables, entries, {}),
                counts={
                    "files": len(files),
                    "bytes": sum(f.file.bytes for f in files),
                    "parts": len(parts),
                },
            ),
            entries,
        )

    def _write(
        self, table: Table, source: str, fingerprint: str, rows: Iterator[dict[str, Any]]
    ) -> FileEntry:
        path = f"{table.name}/{source}/{fingerprint}/plan.parquet"
        writer = TableWriter(self._manifests.root, path, table.schema)
        first = True
        while (batch := [*islice(rows, BATCH_ROWS)]) or first:
            writer.write(table.from_rows(batch))
            first = False
        return writer.close(table.name, source, 0)

    def _table(self, source: str, table: Table) -> Iterator[dict[str, Any]]:
        manifest = self._manifests.get(PLAN, source)
        assert manifest
        (file,) = (f for f in self._manifests.files(manifest) if f.table == table.name)
        with self._manifests.root.open(file.path) as stream:
            for batch in pq.ParquetFile(stream).iter_batches(BATCH_ROWS):
                yield from batch.to_pylist()


def _digest_of_rows(rows: Iterator[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode("utf8", "surrogatepass") + b"\n")
    return digest.hexdigest()
