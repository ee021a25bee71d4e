"""Fitted models as directories with a card, and one verified copy of each a host.

An artifact is a directory of files with a `card.json`, which says what each file is (SHA-256,
bytes), what the model was fitted on, under which licence, with which settings and library versions,
and what was measured of it. `local` gives a path on this host's disk that a model library may map
into memory: many processes may ask at once, and one of them fetches. Left out: deleting old copies
(the cache's folders are named by content and may be deleted at any time when nothing runs).
"""

import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skypile.errors import InputError
from skypile.files import Root, is_uri
from skypile.hashing import HashingWriter
from skypile.lmplz import cache

CARD = "card.json"
_CHUNK = 4 << 20  # bytes read at a time


class ArtifactError(InputError):
    """An artifact is missing, damaged, or not the one that is needed."""


@dataclass(frozen=True)
class File:
    """One file of an artifact, as it was when the card was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """What an artifact is; everything in it is JSON."""

    kind: str  # "lm", "reference", "tokenizer": what may read it
    files: dict[str, File]  # by path below the directory
    language: str | None = None  # None: all languages, or none
    trained_on: dict[str, Any] = field(default_factory=dict)  # documents, tokens, sources, notes
    licence: str = ""  # of the fitted model: that of what it was fitted on, mostly
    parameters: dict[str, Any] = field(default_factory=dict)  # every setting of the fit
    quality: dict[str, Any] = field(default_factory=dict)  # what was measured, by name
    libraries: dict[str, str] = field(default_factory=dict)  # name to version
    format: int = 1

    @property
    def digest(self) -> str:
        """The hash of what decides the model's answers: kind, language, files. For fingerprints."""
        decides = {
            "kind": self.kind,
            "language": self.language,
            "files": {name: file.sha256 for name, file in self.files.items()},
        }
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def write(folder: Path, card: Card) -> Card:
    """Complete the card with the files that lie in `folder`, and write it there, last.

    Returns the card with its `files` filled in. What `card.files` held is ignored.

    Raises:
        ArtifactError: the folder has no files.
    """
    root = Root(str(folder))
    files = {
        found.path: File(found.bytes, root.sha256(found.path))
        for found in root.walk()
        if found.path != CARD
    }
    if not files:
        raise ArtifactError(f"{folder} has no files: nothing to make an artifact of")
    done = dataclasses.replace(card, files=files)
    text = json.dumps(dataclasses.asdict(done), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    root.write_atomic(CARD, text.encode())
    return done


def publish(folder: Path, uri: str) -> Card:
    """Copy an artifact to any file system, its card last: who finds a card finds all of it.

    Raises:
        ArtifactError: a file is not what the card says.
    """
    card, source, target = load_card(str(folder)), Root(str(folder)), Root(uri)
    for name, file in card.files.items():
        with target.create(name) as out:
            _copy(source, name, file, out)
    target.write_atomic(CARD, source.read(CARD))
    return card


def load_card(uri: str, *, kind: str | None = None, language: str | None = None) -> Card:
    """The card of an artifact, which must be of the given kind and language where those are given.

    Raises:
        ArtifactError: there is none, it cannot be read, or it is of another kind or language.
    """
    root = Root(uri)
    if not root.exists(CARD):
        raise ArtifactError(f"no artifact at {uri}: it has no {CARD}")
    try:
        fields = json.loads(root.read(CARD))
        fields["files"] = {name: File(**file) for name, file in fields["files"].items()}
        card = Card(**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise ArtifactError(f"{root.at(CARD)} is not an artifact's card: {e}") from e
    if strange := [n for n in card.files if n.startswith("/") or ".." in n.split("/")]:
        raise ArtifactError(f"{root.at(CARD)} names files outside its directory: {strange}")
    if kind is not None and card.kind != kind:
        raise ArtifactError(f"{uri} is a model of kind {card.kind!r}; {kind!r} is needed")
    if language is not None and card.language not in (None, language):
        raise ArtifactError(
            f"{uri} is a model for {card.language!r}; one for {language!r} is needed"
        )
    return card


def local(uri: str, *, kind: str | None = None, language: str | None = None) -> Path:
    """A directory on this host with the artifact's files, each verified against the card.

    A local path is used where it is; from elsewhere one copy a host is made in the cache. Files are
    hashed once, and again only when their size or time stamps move.

    Raises:
        ArtifactError: as `load_card`; or a file is missing or damaged.
    """
    card = load_card(uri, kind=kind, language=language)
    here = None if is_uri(uri) else Path(uri).absolute()
    name = hashlib.sha256(f"{here}\n{card.digest}".encode()).hexdigest() if here else card.digest
    base = cache() / "artifacts"
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base / f"{name}.lock"):
        folder, seen = here or base / name, base / f"{name}.seen"
        if folder.exists() and _as_seen(folder, card, seen):
            return folder
        if here is None and (not folder.exists() or _damage(folder, card)):
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(Root(uri), card, folder)
        elif problem := _damage(folder, card):
            raise ArtifactError(f"{uri} is damaged: {problem}; fit or copy it again")
        Root(str(base)).write_atomic(seen.name, json.dumps(_stamps(folder, card)).encode())
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process of this host at a time; the kernel gives the lock back when its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stamps(folder: Path, card: Card) -> dict[str, list[int]] | None:
    try:
        stats = {name: (folder / name).stat() for name in card.files}
    except OSError:
        return None
    return {name: [s.st_size, s.st_mtime_ns, s.st_ino] for name, s in stats.items()}


def _as_seen(folder: Path, card: Card, seen: Path) -> bool:
    """Whether the files are, by size and time, those that were hashed before."""
    try:
        return bool(json.loads(seen.read_bytes()) == _stamps(folder, card))
    except (OSError, ValueError):
        return False


def _damage(folder: Path, card: Card) -> str | None:
    """What is wrong with the files of a local artifact; None if nothing is."""
    root = Root(str(folder))
    for name, file in card.files.items():
        if (size := root.size(name)) is None:
            return f"{name} is missing"
        if size != file.bytes:
            return f"{name} has {size} bytes, not {file.bytes}"
        if root.sha256(name) != file.sha256:
            return f"{name} does not have the SHA-256 that the card names"
    return None


def _fetch(source: Root, card: Card, folder: Path) -> None:
    """All files into a folder beside the target, which takes its name when they are right."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as work:
        made = Path(work) / "artifact"
        for name, file in card.files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            with (made / name).open("wb") as out:
                _copy(source, name, file, out)
        (made / CARD).write_bytes(source.read(CARD))
        os.replace(made, folder)


def _copy(source: Root, name: str, file: File, out: Any) -> None:
    if source.size(name) is None:
        raise ArtifactError(f"{source.uri} is damaged: {name} is missing")
    writer = HashingWriter(out)
    with source.open(name) as stream:
        while data := stream.read(_CHUNK):
            writer.write(data)
    if (writer.bytes, writer.sha256) != (file.bytes, file.sha256):
        raise ArtifactError(
            f"{source.uri} is damaged: {name} has {writer.bytes} bytes and SHA-256 "
            f"{writer.sha256[:12]}..., the card says {file.bytes} and {file.sha256[:12]}..."
        )
