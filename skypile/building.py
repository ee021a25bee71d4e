"""Files of a run that are no tables: models, and what is built of the finished corpus."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skypile import artifacts
from skypile.builds import BuildInput
from skypile.files import Root
from skypile.lineage import build_path, model_path
from skypile.manifests import CORPUS, MODELS, SHARDS, FileEntry
from skypile.parts import PartFiles
from skypile.stage import Model, Stage
from skypile.tasks import check_code, code_of, collect_less

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def build(
    spark: "SparkSession",
    run: Root,
    stage: Stage,
    fingerprint: str,
    settings: Any,
    models: Mapping[str, Model],
    parts: Sequence[PartFiles],
) -> tuple[list[FileEntry], dict[str, Any]]:
    """Do a stage's build: its files, for the manifest, and its facts.

    What lies in its folder beside them afterwards (of attempts that died, of an earlier run that
    was killed) is deleted.
    """
    from skypile.spark import run_tasks

    assert stage.build
    folder = build_path(fingerprint)
    given = BuildInput(
        parts,
        models,
        run,
        folder,
        lambda function, todo, label: run_tasks(
            spark, partial(_checked, stage, code_of(stage), function), todo, f"{stage.name} {label}"
        ),
    )
    built = stage.build.build(settings, given)
    listed = {f.path for f in built.files}
    for found in run.walk(folder):
        if found.path not in listed:
            run.delete(found.path)
    run.child(folder).delete_empty_folders()
    files = [
        FileEntry(SHARDS, CORPUS, 0, f.path, f.documents, f.bytes, f.sha256) for f in built.files
    ]
    return files, json.loads(json.dumps(built.facts))


def _checked(stage: Stage, code: str, function: Callable[[Any], Any], task: Any) -> Any:
    collect_less()
    check_code(stage, code)
    return function(task)


def publish_models(
    run: Root, fit: str, fingerprint: str, made: Path
) -> tuple[dict[str, str], list[FileEntry]]:
    """Copy each artifact in a local folder to the run: digests by name, and the files' entries."""
    models: dict[str, str] = {}
    files: list[FileEntry] = []
    for folder in sorted(f.parent for f in made.glob(f"*/{artifacts.CARD}")):
        at = model_path(fit, fingerprint, folder.name)
        card = artifacts.publish(folder, run.at(at))
        models[folder.name] = card.digest
        text = (folder / artifacts.CARD).read_bytes()
        listed = {n: (f.bytes, f.sha256) for n, f in card.files.items()}
        listed[artifacts.CARD] = (len(text), hashlib.sha256(text).hexdigest())
        files += [
            FileEntry(MODELS, CORPUS, 0, f"{at}/{name}", 0, size, sha256)
            for name, (size, sha256) in sorted(listed.items())
        ]
    return models, files
