"""What the stages that read ready text and code share: slices of files to judged rows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from skypile.kernels.ready_texts.formats import Slice
from skypile.kernels.ready_texts.ready_rows import ReadyRows, Row
from skypile.reads import NO_HINTS, Hints


class ReadyKernel:
    """Reads slices of the formats that a subclass names, cut up as its `slice` says."""

    formats: ClassVar[Mapping[str, Any]]  # format to a function from (stream, slice) to items

    def __init__(self, config: Any, wanted: Callable[[str], bool]) -> None:
        self.config, self._rows = config, ReadyRows(wanted)

    def slice(
        self, *, source: str, path: str, start: int, first_ordinal: int, hints: Hints
    ) -> Slice:
        """What a reader is told of a slice."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""

    def log(self) -> Row:
        """What the slice just read held."""
        return self._rows.log

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
        """The judged rows of one slice, in order."""
        this = self.slice(
            source=source, path=path, start=start, first_ordinal=first_ordinal, hints=hints
        )
        items = self.formats[format](stream, this)
        yield from self._rows(items, this, source=source, path=path, format=format)
