"""The piece `read` of a stage: slices of raw files to rows of `records` and `documents`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Row = dict[str, Any]
CutPoints = Callable[[Any, int], list[tuple[int, int]]]


@dataclass(frozen=True)
class Hints:
    """What a source's configuration says about the inside of its files.

    fields: column of `documents` to the field of the file that fills it, where it is not of the
    same name. language: code of the texts' language. blocks: what a paragraph is in ready text.
    repository_folders: of code, how many folders of a path name the repository.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    blocks: str = "lines"
    repository_folders: int | None = None


NO_HINTS = Hints()


class ReadKernel(Protocol):
    """Reads one slice: yields (row of `records`, row of `documents` or None) for each record that
    could be a document and is in the sample.
    """

    def __call__(
        self,
        stream: Any,
        *,
        source: str,
        format: str,
        path: str,
        start: int,
        first_ordinal: int,
        hints: Hints = NO_HINTS,
    ) -> Iterator[tuple[Row, Row | None]]:
        """The records of one slice."""

    def log(self) -> Row:
        """What the slice just read held: the columns of `read_log` that are not the slice's."""

    def close(self) -> None:
        """Give back what the kernel holds (a child process)."""


@dataclass(frozen=True)
class Read:
    """Raw input to documents. `formats`: where a big file of each may be cut, `(stream, every) ->
    [(offset, ordinal of the record there)]`; None: read whole. `check_hints` raises ValueError on a
    wrong hint; without it none is taken. The stages `not_judged_by` let its sources pass.
    """

    make_kernel: Callable[[Any, Callable[[str], bool]], ReadKernel]
    formats: Mapping[str, CutPoints | None]
    check_hints: Callable[[str, Hints], None] | None = None
    not_judged_by: tuple[str, ...] = ()
