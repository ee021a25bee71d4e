"""Derived files: small ones that the driver makes of what earlier stages committed."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from skypile.config import Config
from skypile.files import Root
from skypile.manifests import CORPUS, FileEntry, Manifests
from skypile.stage import Stage


def derive(
    run: Root, manifests: Manifests, stage: Stage, config: Config, inputs: Iterable[str]
) -> tuple[list[FileEntry], dict[str, Any]]:
    """Write a stage's derived files, each in one atomic write: their entries, and what the stage
    says about them. inputs: the manifests that it reads.
    """
    assert stage.derive
    found = [manifests.get(piece, unit) for piece, _, unit in (n.partition("/") for n in inputs)]
    files = [f for manifest in found if manifest for f in manifests.files(manifest)]
    made = stage.derive.derive(config.settings[stage.name], run, files)
    entries = []
    for path, data in sorted(made.files.items()):
        run.write_atomic(path, data)
        digest = hashlib.sha256(data).hexdigest()
        entries.append(FileEntry(stage.name, CORPUS, 0, path, 0, len(data), digest))
    return entries, json.loads(json.dumps(made.about))
