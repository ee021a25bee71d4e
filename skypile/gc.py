"""Garbage collection: delete what no current manifest lists.

Files of tasks that were killed or speculated, rows measured for settings that are no longer used,
receipts of what is gone, and all of sources and stages that left the configuration. Only files
that a run writes are looked at: whatever else lies in its folder stays. Never while a run is at
work on it.
"""

import re

from skypile.files import Found
from skypile.lock import held
from skypile.manifests import Manifests, parse_receipt
from skypile.planning import PLAN
from skypile.reader import RunReader

_OURS = re.compile(
    r"[a-z][a-z0-9_]*/[a-z_][a-z0-9_]*/[0-9a-f]{32}/(part-\d{5,}-[0-9a-f]{12}|plan)\.parquet(\.\w+\.tmp)?"
    r"|(models/[a-z][a-z0-9_]*|shards)/[0-9a-f]{32}/.*"
    r"|(manifests|receipts)/[a-z][a-z0-9_.]*/.*|[a-z]+\.json\.[0-9a-f]{32}\.tmp"
)


def collect(run: str, *, dry_run: bool = False) -> list[Found]:
    """Delete unlisted files of a run; those deleted (or, on a dry run, those that would be).

    Raises:
        SkypileError: the folder is not a run, or a run is at work on it.
    """
    reader = RunReader(run)
    with held(reader.root, "gc"):
        keep = _listed(reader)
        removed = [f for f in reader.root.walk() if _OURS.fullmatch(f.path) and f.path not in keep]
        if not dry_run:
            for file in removed:
                reader.root.delete(file.path)
            reader.root.delete_empty_folders()
    return removed


def _listed(reader: RunReader) -> set[str]:
    manifests = Manifests(reader.root)
    names = [*reader.record["pieces"], *(f"{PLAN}/{s}" for s in reader.sources)]
    keep: set[str] = set()
    files: set[str] = set()
    for name in names:
        piece, _, source = name.partition("/")
        if manifest := manifests.get(piece, source):
            files |= {f.path for f in manifests.files(manifest)}
            folder = manifest.files_at.rpartition("/")[0]
            keep |= {f"manifests/{name}.json", manifest.files_at, f"{folder}/manifest.json"}
    for receipt in reader.root.walk("receipts"):
        if receipt.path.endswith(".json"):
            written = parse_receipt(reader.root.read(receipt.path))
            if written and all(f["path"] in files for f in written["files"]):
                keep.add(receipt.path)  # by it a part of raw input is known again
    return keep | files
