"""The content that settings point to: models and lists, by digest, for fingerprints.

A setting with `content=True` holds the path of an artifact or of a plain file (or several, by
name). What decides rows is what lies there, not where: the digest of an artifact's card, or the
SHA-256 of a file's bytes.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from skypile.artifacts import CARD, load_card
from skypile.errors import InputError, SkypileError
from skypile.files import Root, parent_of


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
        raise InputError(f"no artifact and no file at {path}")
    return hashlib.sha256(parent.read(name)).hexdigest()


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
