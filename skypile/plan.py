"""Planning: the files of each source, cut or packed into parts of one size.

A part is one task's work: several small files, or a range of records of a big one. The plan is
stored, so that every later table is aligned to it, and depends on the input and `part_bytes`
alone. Each slice carries the SHA-256 of its bytes: a task that reads something else is refused.

Big files are cut where records start. Finding these means reading the file from its start (and once
more for the digests of the slices): guessing a record boundary in the middle (the magic bytes of a
gzip member, the word "WARC") goes wrong on pages that hold archives themselves. Files are surveyed
in parallel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skypile.errors import InputError
from skypile.files import Found, Root
from skypile.hashing import SliceReader
from skypile.reads import CutPoints


@dataclass(frozen=True)
class Slice:
    """Bytes `start` to `end` of a file: whole records, the first of which is number
    `first_ordinal` of the file.
    """

    path: str
    start: int
    end: int
    first_ordinal: int
    records: int | None  # how many; None for the last slice of a file
    file_bytes: int
    sha256: str

    @property
    def bytes(self) -> int:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True)
class SurveyTask:
    """One file to be surveyed."""

    root: Root
    file: Found
    part_bytes: int
    cut_points: CutPoints | None


# Of a Spark task. A task a file would be a million tasks for a million files of some hundred bytes.
SURVEY_BYTES, SURVEY_FILES = 64 << 20, 4096


def surveys(tasks: Sequence[SurveyTask]) -> list[list[SurveyTask]]:
    """Files in order, in groups of at most SURVEY_BYTES and SURVEY_FILES; a longer file alone."""
    groups: list[list[SurveyTask]] = []
    filled = 0
    for task in tasks:
        more = filled + task.file.bytes
        if not groups or more > SURVEY_BYTES or len(groups[-1]) == SURVEY_FILES:
            groups.append([])
            filled = 0
        groups[-1].append(task)
        filled += task.file.bytes
    return groups


@dataclass(frozen=True)
class Surveyed:
    """What a survey found: digest and slices, the latter covering the file without gaps."""

    file: Found
    sha256: str
    slices: tuple[Slice, ...]


def survey(task: SurveyTask) -> Surveyed:
    """Read one file: its digest, and slices of about `part_bytes` where its format can be cut.

    Raises:
        InputError: the file is gone or has another size than when it was listed.
    """
    file = task.file
    with task.root.open(file.path) as stream:
        if stream.size() != file.bytes:
            raise InputError(f"{task.root.at(file.path)} changed while it was being planned")
        whole = SliceReader(stream, 0, file.bytes)
        points: list[tuple[int, int]] = []
        if task.cut_points and file.bytes > task.part_bytes:
            points = task.cut_points(whole, task.part_bytes)
        sha256 = whole.digest()
        starts = [(0, 0), *((o, n) for o, n in points if 0 < o < file.bytes)]
        ends: list[tuple[int, int | None]] = [*starts[1:], (file.bytes, None)]
        slices = []
        for (start, ordinal), (end, next_ordinal) in zip(starts, ends, strict=True):
            one = sha256 if len(starts) == 1 else SliceReader(stream, start, end).digest()
            records = None if next_ordinal is None else next_ordinal - ordinal
            slices.append(Slice(file.path, start, end, ordinal, records, file.bytes, one))
    return Surveyed(file, sha256, tuple(slices))


def survey_all(tasks: Sequence[SurveyTask]) -> list[Surveyed]:
    """`survey` of each."""
    return [survey(task) for task in tasks]


def find_files(root: Root, patterns: Sequence[str]) -> list[Found]:
    """The files that any pattern matches, each once, by path.

    Raises:
        InputError: a pattern matches nothing.
    """
    found = {f.path: f for pattern in patterns for f in root.match(pattern)}
    return [found[path] for path in sorted(found)]


def refuse_repeats(files: Iterable[tuple[str, str, int, str]]) -> None:
    """Check that no file is listed twice under two names.

    files: (source, path, bytes, sha256) of files that hold many records. (Folders of single pages
    are not given here: two equal pages are a matter for deduplication.)

    Raises:
        InputError: two files have the same size and digest; names both.
    """
    seen: dict[tuple[int, str], str] = {}
    for source, path, size, sha256 in files:
        name = f"{path} (source {source})"
        if size and (size, sha256) in seen:
            raise InputError(
                f"the same file is listed twice: {seen[size, sha256]} and {name} hold the same "
                f"{size:,} bytes; take one of them out of `paths`"
            )
        seen[size, sha256] = name


def pack(slices: Iterable[Slice], part_bytes: int) -> list[list[Slice]]:
    """Slices in order, in parts of at most `part_bytes` (one slice may be longer on its own).

    The same for the same slices, whatever reads them; small files share a part, in path order.
    """
    parts: list[list[Slice]] = []
    filled = 0
    for piece in slices:
        if not parts or (filled and filled + piece.bytes > part_bytes):
            parts.append([])
            filled = 0
        parts[-1].append(piece)
        filled += piece.bytes
    return parts
