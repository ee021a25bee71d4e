"""Earlier runs that a stage compares its documents with: found, checked, and their parts.

An earlier run is read, never written to. It must have been measured in the same way: the same
settings, code and libraries for the tables that are compared, and be up to date in itself.
"""

from dataclasses import dataclass
from typing import Any

from skypile.errors import SkypileError, StaleError
from skypile.fingerprints import digest_of, library_versions
from skypile.manifests import FileEntry, Manifest
from skypile.parts import PartFiles
from skypile.reader import RunReader
from skypile.settings import settings_of
from skypile.stage import Stage


@dataclass(frozen=True)
class Earlier:
    """The parts of another run, as its stage of the same name left them.

    parts: of the sources that the stage judged there, with the stage's verdicts, so that what is
    still in is what it kept. texts: whether all files of `documents` are there. digest: of all that
    a reader can find there.
    """

    name: str
    parts: tuple[PartFiles, ...]
    texts: bool
    digest: str


def find(
    name: str, out: str, stage: Stage, settings: Any, own: str, there: frozenset[str]
) -> Earlier:
    """An earlier run by its folder or URI, for a run whose folder is `out`.

    settings: this run's, of the stage. own: fingerprint of its measure, less the inputs. there:
    the optional tables that this run has for the measure.

    Raises:
        SkypileError: there is no run, it is this one, it has not run the stage, it is stale, or it
            was measured in another way; the message says which.
    """
    if name.rstrip("/") == out.rstrip("/"):
        raise SkypileError(f"{stage.name}: against {name}: a run cannot be compared with itself")
    try:
        reader = RunReader(name)
    except SkypileError as e:
        raise SkypileError(f"{stage.name}: against {e}") from e
    known = {s["name"]: s for s in reader.record["stages"]}
    if stage.name not in known:
        raise SkypileError(f"{stage.name}: against {name}: that run has no stage {stage.name}")
    parts: list[PartFiles] = []
    digests = []
    _check_tables(reader, name, stage, there)
    for source in known[stage.name]["applies"]:
        measured = _needed(reader, f"{stage.name}.measure", source, name, stage)
        _check_same(measured, name, stage, settings, own)
        found = _parts(reader, name, stage, source)
        digests.append([source, measured.digest, [_listed(p) for p in found]])
        parts += found
    entries = [part.paths["documents"] for part in parts]
    sizes = reader.root.sizes([e.path for e in entries])
    texts = all(sizes[e.path] == e.bytes for e in entries)
    return Earlier(name, tuple(parts), texts, digest_of([digests, texts]))


def _check_tables(reader: RunReader, name: str, stage: Stage, there: frozenset[str]) -> None:
    assert stage.measure
    if theirs := reader.tables() & set(stage.measure.optional) ^ there:
        raise SkypileError(
            f"{stage.name}: against {name}: only one of the two runs has "
            f"{', '.join(sorted(theirs))}: texts are compared in another way"
        )


def _needed(reader: RunReader, piece: str, source: str, name: str, stage: Stage) -> Manifest:
    try:
        manifest = reader.fresh(piece, source)
    except StaleError as e:
        raise SkypileError(f"{stage.name}: against {name}: {e}") from e
    if manifest is None:
        raise SkypileError(
            f"{stage.name}: against {name}: {piece} of source {source} is missing there; "
            "`skypile run` that run first"
        )
    return manifest


def _check_same(manifest: Manifest, name: str, stage: Stage, settings: Any, own: str) -> None:
    if manifest.own_fingerprint == own:
        return
    pairs = (
        (manifest.settings, settings_of(settings, "measure")),
        (manifest.libraries, library_versions(stage.libraries)),
    )
    differ = [
        f"{key} {then.get(key)!r} there, {now.get(key)!r} here"
        for then, now in pairs
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    raise SkypileError(
        f"{stage.name}: against {name}: its tables cannot be compared with this run's: "
        f"{'; '.join(differ) or 'they were computed by other code'}. Run both with the same "
        f"settings and version (there: --stage {stage.name})"
    )


def _parts(reader: RunReader, name: str, stage: Stage, source: str) -> list[PartFiles]:
    """The parts of a source with all that the stage saw and wrote."""
    names = [s["name"] for s in reader.record["stages"]]
    upto = reader.record["stages"][: names.index(stage.name) + 1]
    judged = [s["name"] for s in upto if source in s["pieces"].get("cut", ())]
    pieces = [f"{reader.record['readers'][source]}.read", f"{stage.name}.measure"]
    by_part: dict[int, dict[str, FileEntry]] = {}
    for piece in [*pieces, *(f"{j}.cut" for j in judged)]:
        manifest = _needed(reader, piece, source, name, stage)
        for file in reader.manifests.files(manifest):
            by_part.setdefault(file.part, {})[file.table] = file
    for table in stage.reads_if_there("measure"):
        for file in reader.files(table):
            if file.source == source:
                by_part[file.part][table] = file
    earlier = tuple(f"verdicts_{j}" for j in judged)
    return [
        PartFiles(reader.root, source, part, files["documents"].rows, files, earlier)
        for part, files in sorted(by_part.items())
    ]


def _listed(part: PartFiles) -> list[list[str]]:
    wanted = sorted({*part.paths} - {"records", "read_log", "signatures"})
    return [[table, part.paths[table].sha256] for table in wanted]
