"""The piece `build`: what it is told, and what it gives back. `skypile.building` does one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skypile.files import Root
    from skypile.parts import PartFiles
    from skypile.stage import Model


@dataclass(frozen=True)
class BuildInput:
    """What a build gets: the parts of the corpus, the models of the stages it names, the run, and
    the folder in it that the files belong into, which no other build writes to.

    run_tasks: a function of each of some tasks, each in a Spark task of its own, in order.
    """

    parts: "Sequence[PartFiles]"
    models: "Mapping[str, Model]"
    run: "Root"
    folder: str
    run_tasks: Callable[[Callable[[Any], Any], Sequence[Any], str], list[Any]]


@dataclass(frozen=True)
class BuiltFile:
    """One file of a build: its path relative to the run, bytes, SHA-256, and documents in it."""

    path: str
    bytes: int
    sha256: str
    documents: int = 0


@dataclass(frozen=True)
class Built:
    """What a build gives back. `facts` are what later stages and readers depend on."""

    files: "Sequence[BuiltFile]"
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Build:
    """The finished corpus to files that are no table, all in `BuildInput.folder`. models: stages
    whose fitted models it uses.
    """

    reads: Mapping[str, tuple[str, ...]]
    build: Callable[[Any, BuildInput], Built]
    models: tuple[str, ...] = ()
