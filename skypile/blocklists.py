"""Block lists as files: UT1's layout in, a compiled folder out, memory-mapped by every process.

`compile_lists` is run once; its folder (`hashes.npy`, `category_of.npy`, and a card) is an
artifact like a model (`skypile.artifacts`). `load` maps it: the pages are in memory once a host,
however many workers look things up.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from skypile import artifacts
from skypile.artifacts import Card
from skypile.errors import InputError
from skypile.files import Root
from skypile.kernels.quality.blocklist import Arrays, BlockList, build
from skypile.kernels.quality.flagged import NONE, FlaggedWords

KIND = "blocklist"  # of the artifact
KINDS = ("domains", "urls")
_ARRAYS = ("hashes", "category_of")


def compile_lists(source: Root, target: Path, licence: str = "") -> Card:
    """Read every list below `source` and write the compiled folder; the card that is written.

    Lists are files `CATEGORY/domains` and `CATEGORY/urls`, plain or `.gz`, loose or in archives,
    `.tar.gz` or `.tar` (as UT1 ships them: all, or one a category). Other files are left out.

    Raises:
        InputError: no list is there, or an archive is damaged.
    """
    with ExitStack() as opened:
        lists = list(_lists(source, opened))
        if not lists:
            raise InputError(f"{source.uri}: no CATEGORY/domains or CATEGORY/urls")
        try:
            arrays = build(lists)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{source.uri}: a damaged .gz file: {error}") from error
    target.mkdir(parents=True, exist_ok=True)
    for name in _ARRAYS:
        stream = io.BytesIO()
        np.save(stream, getattr(arrays, name))
        Root(str(target)).write_atomic(f"{name}.npy", stream.getvalue())
    about = {
        "entries": len(arrays.hashes),
        "categories": arrays.categories,
        "refused": arrays.refused,
    }
    return artifacts.write(target, Card(KIND, {}, parameters=about, licence=licence))


def load(folder: Path, flagged: FlaggedWords = NONE) -> BlockList:
    """The list of a compiled folder, its arrays memory-mapped.

    Raises:
        InputError: it is no such folder, or its files do not belong together.
    """
    try:
        about = artifacts.load_card(str(folder), kind=KIND).parameters
        hashes, category_of = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: no compiled block list: {error}") from error
    if not about.get("entries") == len(hashes) == len(category_of):
        raise InputError(f"{folder}: card and arrays differ in length: compile it again")
    return BlockList(Arrays(hashes, category_of, about["categories"], about["refused"]), flagged)


def _lists(source: Root, opened: ExitStack) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    for file in sorted(source.walk(), key=lambda f: f.path):
        if file.path.endswith((".tar.gz", ".tgz", ".tar")):
            stream = opened.enter_context(source.open(file.path))
            yield from _archive(source.at(file.path), stream)
        elif found := _kind(file.path):
            raw = opened.enter_context(source.open(file.path))
            packed = file.path.endswith(".gz")
            yield *found, gzip.GzipFile(fileobj=raw) if packed else io.BufferedReader(raw)


def _archive(name: str, stream: Any) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    try:
        with tarfile.open(fileobj=stream) as archive:
            for member in archive:
                found = _kind(member.name)
                if found and member.isfile():
                    data = archive.extractfile(member)
                    assert data is not None
                    yield *found, io.BytesIO(data.read())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{name}: damaged: {error}") from error


def _kind(path: str) -> tuple[str, str] | None:
    """(category, kind) of a list by its path."""
    parts = path.removesuffix(".gz").split("/")
    if len(parts) > 1 and parts[-1] in KINDS:
        return parts[-2], parts[-1]
    return None
