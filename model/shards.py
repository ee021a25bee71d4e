"""Token shards of one domain, memory-mapped: any window of its tokens, whatever their number.

`part-NNNNN.u16` is a little-endian stream of tokens in which each document ends with EOS,
`part-NNNNN.docs` the end offsets of its documents as u64, `manifest.json` the list of both
(docs/trainer.md). Opening reads the manifest and the sizes of files, no document.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from model.settings import SettingsError

FORMAT, VERSION = "skypile-shard", 1
_OPEN = 64  # files mapped at a time, over all domains


class ShardError(SettingsError):
    """Shards that are not what their manifest says."""


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards says about itself."""

    folder: Path
    domain: str
    split: str
    tokenizer: str
    vocabulary: int
    eos: int
    tokens: int
    documents: int
    files: tuple[dict[str, Any], ...]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder, checked against itself and the sizes of the files.

    Raises:
        ShardError: none there, another format, sums or sizes that do not match.
    """
    path = folder / "manifest.json"
    try:
        raw = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError, RecursionError) as e:
        raise ShardError(f"{path}: {e}") from e
    if not isinstance(raw, dict):
        raise ShardError(f"{path}: {type(raw).__name__}, not an object")
    if (raw.get("format"), raw.get("version")) != (FORMAT, VERSION):
        raise ShardError(
            f"{path}: format {raw.get('format')!r} version {raw.get('version')!r}, "
            f"read are {FORMAT!r} version {VERSION}"
        )
    try:
        found = Manifest(
            folder=folder,
            domain=raw["domain"],
            split=raw["split"],
            tokenizer=raw["tokenizer"],
            vocabulary=raw["vocabulary"],
            eos=raw["eos"],
            tokens=raw["tokens"],
            documents=raw["documents"],
            files=tuple(raw["files"]),
        )
        sums = {n: sum(f[n] for f in found.files) for n in ("tokens", "documents")}
        sizes = [
            (folder / f[name], count * width)
            for f in found.files
            for name, count, width in (("name", f["tokens"], 2), ("docs", f["documents"], 8))
        ]
        if strange := [f for f, _ in sizes if f.parent != folder or f.name == ".."]:
            raise ShardError(f"{path}: {strange[0]} is not in its folder")
    except KeyError as e:
        raise ShardError(f"{path}: no {e}") from e
    except TypeError as e:
        raise ShardError(f"{path}: {e}") from e
    if sums != {"tokens": found.tokens, "documents": found.documents}:
        raise ShardError(f"{path}: files add up to {sums}, not to what it says")
    if not 0 < found.vocabulary <= 1 << 16:
        raise ShardError(f"{path}: vocabulary {found.vocabulary} does not fit 16 bits")
    for file, size in sizes:
        have = file.stat().st_size if file.exists() else None
        if have != size:
            raise ShardError(f"{file}: {have} bytes, the manifest says {size}")
    return found


def verify(manifest: Manifest) -> None:
    """Reads every file and compares its SHA-256, tokens' range and last document's end.

    Raises:
        ShardError: a file that is not what the manifest says.
    """
    for entry in manifest.files:
        for name, digest in ((entry["name"], "sha256"), (entry["docs"], "docs_sha256")):
            path = manifest.folder / name
            with path.open("rb") as f:
                if hashlib.file_digest(f, "sha256").hexdigest() != entry[digest]:
                    raise ShardError(f"{path}: its SHA-256 is not the manifest's")
        tokens = np.fromfile(manifest.folder / entry["name"], "<u2")
        ends = np.fromfile(manifest.folder / entry["docs"], "<u8")
        if len(tokens) and int(tokens.max()) >= manifest.vocabulary:
            raise ShardError(f"{manifest.folder / entry['name']}: token {tokens.max()}")
        if (ends[-1] if len(ends) else 0) != len(tokens):
            raise ShardError(f"{manifest.folder / entry['docs']}: ends before or after the tokens")
        if (tokens[ends - 1] != manifest.eos).any():
            raise ShardError(f"{manifest.folder / entry['docs']}: a document without EOS")


class Stream:
    """All tokens of one domain as one array, in the manifest's order of files."""

    _maps: ClassVar[OrderedDict[Path, NDArray[np.uint16]]] = OrderedDict()

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._ends = np.cumsum([f["tokens"] for f in manifest.files], dtype=np.int64)

    def __len__(self) -> int:
        return self.manifest.tokens

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Tokens start to stop, less where the stream ends before."""
        stop = min(stop, len(self))
        file = int(np.searchsorted(self._ends, start, "right"))
        pieces: list[NDArray[np.int64]] = []
        while start < stop:
            end = int(self._ends[file])
            base = end - int(self.manifest.files[file]["tokens"])
            if base == end:  # an empty file cannot be mapped
                file += 1
                continue
            piece = self._map(file)[start - base : min(stop, end) - base]
            pieces.append(piece.astype(np.int64))
            start, file = start + len(piece), file + 1
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    def _map(self, file: int) -> NDArray[np.uint16]:
        """The file's tokens; of all streams the ones used last stay mapped."""
        path = self.manifest.folder / self.manifest.files[file]["name"]
        found = self._maps.pop(path, None)
        if found is None:
            while len(self._maps) >= _OPEN:
                self._maps.popitem(last=False)
            found = np.memmap(path, "<u2", mode="r")
        self._maps[path] = found
        return found
