"""The content that settings point to: models and lists, by digest, for fingerprints.

A setting with `content=True` holds the path of an artifact, of a plain file or of several, by a
glob or their folder (or several paths, by name). What decides rows is what lies there, not where:
the digest of an artifact's card, the SHA-256 of a file's bytes, or one of those of several files.
"""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from skypile.artifacts import CARD, load_card
from skypile.errors import InputError, SkypileError
from skypile.files import Root, is_uri, parent_of


def paths_of(config: Any, piece: str) -> dict[str, str]:
    """The paths in the settings of one piece whose content counts, by `setting` or
    `setting.name`.
    """
    found: dict[str, str] = {}
    for f in dataclasses.fields(config):
        if f.metadata.get("content") and f.metadata.get("piece") == piece:
            value = getattr(config, f.name)
            named = value.items() if isinstance(value, Mapping) else [("", value)]
            found |= {f"{f.name}.{name}".rstrip("."): path for name, path in named if path}
    return found


def digest(path: str) -> str:
    """The digest of what lies at a path.

    Raises:
        InputError: nothing does.
    """
    if Root(path).exists(CARD):
        return load_card(path).digest
    parent, name = parent_of(path)
    if parent.size(name) is None:
        try:
            root, files = matching(path)
        except InputError as e:
            raise InputError(f"no artifact and no file at {path}") from e
        lines = [f"{root.sha256(file)} {file.rpartition('/')[2]}\n" for file in files]
        return hashlib.sha256("".join(lines).encode("utf8", "surrogatepass")).hexdigest()
    return hashlib.sha256(parent.read(name)).hexdigest()


def matching(path: str) -> tuple[Root, list[str]]:
    """The files that a path or glob names (of a folder all), as a root and paths below it, sorted.

    Raises:
        InputError: there is none.
    """
    place, query, options = path.partition("?") if is_uri(path) else (path, "", "")
    glob = re.search(r"[*?\[]", place)
    fixed = place[: glob.start()] if glob else place.rstrip("/")
    folder, slash, _ = fixed.rpartition("/")
    root = Root(f"{folder or (slash and '/') or '.'}{query}{options}")
    return root, [f.path for f in root.match(place[len(folder) + len(slash) :].rstrip("/"))]


def check_same(contents: Mapping[str, str]) -> None:
    """That this host sees the contents (digest by path) that the driver sees.

    Raises:
        SkypileError: it does not.
    """
    for path, expected in contents.items():
        if digest(path) != expected:
            raise SkypileError(
                f"{path} has other content on this host than on the driver; put the same files on "
                "every host, or where all of them look"
            )
