"""The driver: which pieces of which stages are due, in what order, and their commits.

A piece is current when its manifest has the fingerprint that settings, code and inputs give today;
otherwise it is computed, taking over what an unfinished run left, parts of raw input that were
read before in the same way, and what was measured before on the same text. Everything here is
bookkeeping: rows are made in `skypile.tasks`.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skypile import tasks
from skypile.building import publish_models
from skypile.config import Config
from skypile.damage import naming_who_wrote
from skypile.deriving import derive
from skypile.errors import StaleError
from skypile.files import Root
from skypile.fingerprints import digest_of, library_versions
from skypile.lineage import Expected, Lineage
from skypile.manifests import (
    CORPUS,
    FileEntry,
    Manifest,
    Manifests,
    content_digest,
    rows_by_table,
)
from skypile.parts import PartFiles
from skypile.planning import Planner
from skypile.progress import took
from skypile.reader import save_record
from skypile.relating import tables_of
from skypile.settings import settings_of
from skypile.stage import FitInput, Stage
from skypile.tasks.base import added

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Say = Callable[[str], None]


class Run:
    """One run of a configuration. `start_spark` is called when the first task is due."""

    def __init__(self, config: Config, start_spark: Callable[[], "SparkSession"], say: Say) -> None:
        self.config = config
        self.root = Root(config.run.out)
        self.manifests = Manifests(self.root, remember=True)
        self.lineage = Lineage(config, self.manifests)
        self.planner = Planner(config, self.manifests, start_spark, say)
        self._start_spark, self._say = start_spark, say
        self._begun = 0.0  # of the piece at hand

    def execute(self, only: Sequence[str] = (), *, force: bool = False) -> None:
        """Bring the run, or the stages named, up to date.

        force: compute the stages (those named, or all) though they are current, and take nothing
        over from before.

        Raises:
            SkypileError: what a stage's settings name (a model) is missing or unusable.
            StaleError: a stage named needs an earlier one that is missing or stale.
            InputError: an input is missing, listed twice or changed.
        """
        self.config.validate(only)
        save_record(self.root, self.config, self.lineage)
        self.planner.plan(self.config.sources)
        named = [s for s in self.config.stages if not only or s.name in only]
        for stage in self.config.stages:
            if stage.step > named[-1].step:
                return  # what comes after is stale now; `funnel` says so
            for piece in stage.pieces():
                for source in self.lineage.units(stage, piece):
                    with naming_who_wrote(self.config.stages):
                        self._bring_up(stage, piece, source, stage in named, force)

    def _bring_up(self, stage: Stage, piece: str, source: str, named: bool, force: bool) -> None:
        name = f"{stage.name}.{piece}"
        force = force and named
        expected = self.lineage.expected(stage, piece, source)
        now = self.manifests.get(name, source)
        if now and now.fingerprint == expected.fingerprint and not force:
            self._say(f"{name} {source}: up to date")
            return
        if not named:
            state = "is missing" if now is None else "is stale"
            raise StaleError(
                f"stage {stage.name} ({piece}, source {source}) {state}, and later stages read it; "
                f"run it too: --stage {stage.name}"
            )
        self._begun = time.monotonic()
        if piece == "relate":
            self._relate(stage, expected)
        elif piece == "fit":
            self._fit(stage, expected)
        elif piece == "build":
            self._build(stage, expected)
        elif piece == "derive":
            self._say(f"{name} {CORPUS}")
            entries, about = derive(self.root, self.manifests, stage, self.config, expected.inputs)
            self._commit(stage, piece, source, expected, [_receipt(entries)], {}, about)
        elif piece == "read":
            self._do(
                stage, piece, source, expected, self._read_tasks(stage, source, expected), force
            )
        else:
            todo = self._aligned_tasks(stage, piece, source, expected, force)
            self._do(stage, piece, source, expected, todo, force)

    def _read_tasks(self, stage: Stage, source: str, expected: Expected) -> list[tasks.PieceTask]:
        where = self.config.source(source)
        return [
            tasks.ReadTask(
                **self._common(stage, "read", source, part),
                folder=expected.own_fingerprint,  # a part is known again by the bytes it reads
                key=digest_of([asdict(s) for s in slices]),
                root=Root(where.root),
                format=where.format,
                hints=where.hints(),
                slices=tuple(slices),
                seed=self.config.run.seed,
                sample_fraction=self.config.sample_fraction,
            )
            for part, slices in enumerate(self.planner.parts(source))
        ]

    def _aligned_tasks(
        self, stage: Stage, piece: str, source: str, expected: Expected, force: bool = False
    ) -> list[tasks.AlignedTask]:
        facts: Any = {}
        reusable: dict[str, list[FileEntry]] = {}
        if piece == "cut" and stage.relate:
            related = self.manifests.get(f"{stage.name}.relate", CORPUS)
            facts = related.facts if related else {}
        models = self.lineage.models(stage, piece)
        if piece == "measure" and not force:
            reusable = self.lineage.reusable(stage, source, expected)
        return [
            tasks.AlignedTask(
                **self._common(stage, piece, source, files.part),
                **_place(piece, expected, files),
                files=files,
                applies=self.lineage.applies(stage, source),
                reusable=tuple(
                    dict.fromkeys(
                        reusable.get(files.paths["documents"].sha256, [])
                        + reusable.get(f"part-{files.part}", [])
                    )
                ),
                facts=facts,
                models=models,
            )
            for files in self.lineage.part_files(stage, piece, source)
        ]

    def _common(self, stage: Stage, piece: str, source: str, part: int) -> dict[str, Any]:
        return {
            "run": self.root,
            "stage": stage,
            "piece": piece,
            "config": self.config.settings[stage.name],
            "source": source,
            "part": part,
            "code": tasks.code_of(stage),
            "contents": dict(self.lineage.contents(stage, piece).values()),
        }

    def _do(
        self,
        stage: Stage,
        piece: str,
        source: str,
        expected: Expected,
        todo: Sequence[tasks.PieceTask],
        force: bool,
    ) -> None:
        name = f"{stage.name}.{piece}"
        folder = todo[0].folder if todo else expected.fingerprint
        if force:
            self.manifests.forget(name, source, folder)
        receipts = self.manifests.receipts(name, source, folder)
        due = [task for task in todo if task.key not in receipts]
        before = f", {len(todo) - len(due)} were done before" if len(due) < len(todo) else ""
        self._say(f"{name} {source}: {len(due)} of {len(todo)} parts to do{before}")
        if due:
            from skypile.spark import run_tasks

            spark, amount, begun = self._start_spark(), tasks.amount_of(due), time.monotonic()
            done = run_tasks(spark, tasks.run_task, due, f"{name} {source}", amount)
            receipts.update({r["key"]: r for r in done})
            spent = time.monotonic() - begun
            self._say(f"{name} {source}: {took(tasks.done_of(done) or amount, spent)}")
        in_order = [
            {**r, "files": [{**f, "part": task.part} for f in r["files"]]}
            for task in todo
            for r in [receipts[task.key]]
        ]
        self._commit(stage, piece, source, expected, in_order, {})

    def _commit(
        self,
        stage: Stage,
        piece: str,
        source: str,
        expected: Expected,
        receipts: Sequence[dict[str, Any]],
        facts: dict[str, Any],
        about: dict[str, Any] | None = None,
    ) -> None:
        files = [FileEntry(**f) for r in receipts for f in r["files"]]
        tables = {t.name: t.version for t in stage.writes(piece)}
        manifest = Manifest(
            piece=f"{stage.name}.{piece}",
            source=source,
            fingerprint=expected.fingerprint,
            own_fingerprint=expected.own_fingerprint,
            inputs=expected.inputs,
            settings=settings_of(self.config.settings[stage.name], piece),
            libraries=library_versions(stage.libraries),
            tables=tables,
            rows={**dict.fromkeys(tables, 0), **rows_by_table(files)},
            digest=content_digest(tables, files, facts),
            facts=facts,
            counts=added(r["counts"] for r in receipts) | (about or {}),
            work=added([*(r["work"] for r in receipts), {"wall_ms": self._spent_ms()}]),
        )
        self.manifests.commit(manifest, files)

    def _spent_ms(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)

    def _relate(self, stage: Stage, expected: Expected) -> None:
        from skypile.relating import relate

        todo = [
            task
            for source in self.lineage.sources_of(stage, "relate")
            for task in self._aligned_tasks(stage, "relate", source, expected)
        ]
        name = f"{stage.name}.relate {CORPUS}"
        self._say(f"{name}: {len(todo)} parts")
        spark, begun = self._start_spark(), time.monotonic()
        receipts, facts = relate(self.config, self.lineage, spark, stage, todo, name)
        self._say(f"{name}: {took(tasks.amount_of(todo), time.monotonic() - begun)}")
        self._commit(stage, "relate", CORPUS, expected, receipts, facts)

    def _fit(self, stage: Stage, expected: Expected) -> None:
        """Fit models on the driver, from texts that tasks select; they are files of the run."""
        from skypile.spark import letting_go, narrow_frame, run_tasks, text_mapper

        assert stage.fit
        name = f"{stage.name}.fit"
        sources = self.lineage.sources_of(stage, "fit")
        parts = [p for s in sources for p in self.lineage.part_files(stage, "fit", s)]
        self._say(f"{name} {CORPUS}: {len(parts)} parts of {', '.join(sources) or 'no source'}")
        models: dict[str, str] = {}
        files: list[FileEntry] = []
        facts: Mapping[str, Any] = {}
        if parts:
            spark = self._start_spark()
            frame = narrow_frame(spark, parts, stage.fit.reads, tables_of(self.config))
            run_all = partial(run_tasks, spark, tasks.fetch, label=f"{name} texts")
            with tempfile.TemporaryDirectory(prefix="skypile-fit-") as work, letting_go(spark):
                texts = partial(tasks.texts_of, parts, run_all, expected.fingerprint)
                licences = {s.name: s.licence for s in self.config.sources}
                given = FitInput(frame, texts, Path(work), licences, text_mapper(spark, parts))
                facts = stage.fit.fit(self.config.settings[stage.name], given)
                models, files = publish_models(self.root, name, expected.fingerprint, Path(work))
        # What a card says of its text is no fact that a measure depends on: the model is.
        about = json.loads(json.dumps(facts))
        self._commit(stage, "fit", CORPUS, expected, [_receipt(files)], {"models": models}, about)

    def _build(self, stage: Stage, expected: Expected) -> None:
        from skypile.building import build

        sources = self.lineage.sources_of(stage, "build")
        parts = [p for s in sources for p in self.lineage.part_files(stage, "build", s)]
        self._say(f"{stage.name}.build {CORPUS}: {len(parts)} parts")
        given = (self.config.settings[stage.name], self.lineage.models(stage, "build"), parts)
        files, facts = build(self._start_spark(), self.root, stage, expected.fingerprint, *given)
        self._commit(stage, "build", CORPUS, expected, [_receipt(files)], facts)


def _receipt(files: Iterable[FileEntry]) -> dict[str, Any]:
    return {"files": [asdict(f) for f in files], "counts": {}, "work": {}}


def _place(piece: str, expected: Expected, files: PartFiles) -> dict[str, Any]:
    """Folder and key of the rows of one part. What a write made of the same files is known again
    when others of its source moved: text is written once.
    """
    if piece != "write":
        return {"folder": expected.fingerprint, "key": f"{files.part:05d}"}
    # The log of what was read is among them: no two parts are the same, not even two empty ones.
    read = {table: entry.sha256 for table, entry in files.paths.items()}
    return {"folder": expected.own_fingerprint, "key": digest_of(read)}
