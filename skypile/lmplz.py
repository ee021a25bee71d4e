"""Where KenLM's training programs are: built once by `make lmplz`, kept in the user's cache.

No package index or distribution carries `lmplz`, so it is built from the sources in the PyPI sdist
of kenlm; queries go through a wheel. The folder's name holds the hash of those sources, so that
another version is another folder. Left out: Windows.
"""

import os
import platform
import shutil
from pathlib import Path

from skypile.errors import SkypileError

KENLM = "0.3.0"
SDIST_SHA256 = "c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8"
MAX_ORDER = 6  # the wheels' limit, too: a model of a higher order could not be queried
PROGRAMS = ("lmplz", "build_binary")


class MissingProgram(SkypileError):
    """A program that a fit needs is not on this machine; says how to get it."""


def cache() -> Path:
    """The folder of what is made once a machine: `$SKYPILE_CACHE`, else `~/.cache/skypile`."""
    if given := os.environ.get("SKYPILE_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "skypile"


def folder() -> Path:
    """Where the programs built from these sources are, or would be, on this kind of machine."""
    kind = f"{platform.system()}-{platform.machine()}".lower()
    return cache() / f"kenlm-{KENLM}-{SDIST_SHA256[:12]}-{kind}"


def find(name: str) -> Path:
    """The path of `lmplz`, `build_binary` or `query`: from the cache, else from PATH.

    Raises:
        MissingProgram: it is in neither.
    """
    built = folder() / name
    if os.access(built, os.X_OK):
        return built
    if on_path := shutil.which(name):
        return Path(on_path)
    raise MissingProgram(
        f"KenLM's {name} is neither in {folder()} nor on PATH: `make lmplz` builds it "
        "(a C++ compiler, cmake and Boost's headers; about three minutes, once)"
    )
