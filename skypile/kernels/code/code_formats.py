"""Files of code as they come: single files of a folder of checkouts, rows of data sets, members of
tar archives. Each becomes a text with its lines as they are, its path within its repository (the
title), the repository, and the licence that a data set names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from skypile.kernels.code.code_text import lines_of
from skypile.kernels.reading import charset
from skypile.kernels.reading.pages import printable
from skypile.kernels.reading.streams import up_to
from skypile.kernels.reading.tar import Member, TarReader
from skypile.kernels.ready_texts import formats, ready
from skypile.kernels.ready_texts.formats import Item, Slice
from skypile.kernels.ready_texts.ready import Ready, Reject

# Column to the fields that may hold it, the first that does: BigQuery's tables `contents` and
# `files`, joined; The Stack 1 and 2; RedPajama's and CodeParrot's files.
_REPOSITORY = "max_stars_repo_name repo_name sample_repo_name repo repository meta.repo_name"
_LICENCE = "max_stars_repo_licenses license licenses detected_licenses licence meta.license"
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("content", "code", "text"),
    "repository": tuple(_REPOSITORY.split()),
    "path": ("max_stars_repo_path", "path", "sample_path", "file_path", "meta.path"),
    "licence": tuple(_LICENCE.split()),
    "commit": ("max_stars_repo_head_hexsha", "revision_id", "commit", "ref", "sample_ref"),
    "id": ("hexsha", "blob_id", "id"),
    "binary": ("binary", "is_binary"),
}
COLUMNS = tuple(c for c in FIELDS if c != "binary")  # what a field map may name
_SNIFFED_BYTES = 8000  # where git looks for a zero byte, which makes a file binary
_UTF16_32 = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class CodeSlice(Slice):
    """What the formats of code need beside: the source and the file's path below its root, and how
    many of its folders name the repository (2 for `owner/name`, 1 for `name`, 0 where the whole
    source is one).
    """

    source: str = ""
    path: str = ""
    repository_folders: int = 1

    def wanted(self) -> tuple[tuple[str, ...], ...]:
        """The fields of a row that may be needed."""
        return tuple(self._fields(column) for column in FIELDS)

    def _fields(self, column: str) -> tuple[str, ...]:
        return (self.fields[column],) if column in self.fields else FIELDS[column]

    def document(self, row: Any) -> Ready | Reject:
        """The file in a row."""
        if isinstance(row, Reject):
            return row
        if not isinstance(row, dict):
            return Reject("wrong_type", "the row is no object")
        found: dict[str, Any] = {}
        for column in FIELDS:
            values = ((f, ready.value_at(row, f)) for f in self._fields(column))
            field, value = next(((f, v) for f, v in values if v is not None), (None, None))
            if column == "licence" and isinstance(value, list):
                value = " AND ".join(map(str, value)) or None
            strange = value is not None and not isinstance(value, str | int)
            if strange or (column == "text" and not isinstance(value, str | None)):
                return Reject("wrong_type", f"{field!r} is no text")
            found[column] = value
        if found["binary"] is True:
            return Reject("binary", "the row says so")
        if found["text"] is None:
            return Reject("missing_field", f"no text in {' or '.join(self._fields('text'))}")
        for column in COLUMNS[1:]:
            found[column] = None if found[column] is None else str(found[column])
        return _file(found["text"], **{c: found[c] for c in COLUMNS[1:]})

    def place(self, path: str) -> tuple[str, str]:
        """(repository, path within it) of a file below the source's root."""
        *folders, name = path.split("/")
        depth = min(self.repository_folders, len(folders))
        return "/".join(folders[:depth]) or self.source, "/".join([*folders[depth:], name])


def _file(
    text: str,
    *,
    repository: str | None,
    path: str | None,
    licence: str | None = None,
    commit: str | None = None,
    id: str | None = None,
    charset: str | None = None,
    charset_source: str | None = None,
) -> Ready | Reject:
    named = {"text": text, "repository": repository, "path": path, "licence": licence, "id": id}
    for name, value in named.items():
        if value and (at := ready.lone_surrogate(value)) is not None:
            return Reject("lone_surrogate", f"{name}, character {at:,}: U+{ord(value[at]):04X}")
    if "\0" in text:
        return Reject("binary", f"a zero at character {text.index(chr(0)):,}")
    lines = lines_of(text)
    if not lines:
        return Reject("empty", "no text but white space")
    return Ready(
        lines,
        title=path,
        url=github_url(repository, commit, path),
        id=id,
        repository=repository,
        licence=licence,
        charset=charset,
        charset_source=charset_source,
    )


def github_url(repository: str | None, commit: str | None, path: str | None) -> str | None:
    """Where a file is on GitHub, at a commit or at the head; None where owner, name or path is not
    known.
    """
    if not repository or not path or repository.count("/") != 1:
        return None
    ref = quote((commit or "HEAD").removeprefix("refs/heads/").removeprefix("refs/tags/"))
    return f"https://github.com/{quote(repository)}/blob/{ref}/{quote(path)}"


def _decoded(data: bytes, this: CodeSlice, path: str, commit: str | None) -> Ready | Reject:
    """The file that these bytes are, in any charset."""
    if b"\0" in data[:_SNIFFED_BYTES] and not data.startswith(_UTF16_32):
        return Reject("binary", f"a zero at byte {data.index(0):,}")
    read = charset.decode(data, None, max_replaced_fraction=this.max_replaced_fraction)
    if read is None:
        return Reject("undecodable", "no charset fits")
    repository, inner = this.place(printable(path) or "")
    return _file(
        read.text,
        repository=repository,
        path=inner,
        commit=commit,
        charset=read.charset,
        charset_source=read.source,
    )


def single(stream: Any, this: CodeSlice) -> Iterator[Item]:
    """A file of a checkout. What git keeps for itself is passed over; packed files are binary."""
    if ".git" in this.path.split("/")[:-1]:
        yield Item(0, 0, lambda: Reject("binary", ""), passed_over="git")
        return
    data = up_to(stream, this.max_record_bytes + 1)

    def parse() -> Ready | Reject:
        if len(data) > this.max_record_bytes:
            return Reject("too_large", f"more than {this.max_record_bytes:,} bytes")
        return _decoded(data, this, this.path, None)

    yield Item(0, 0, parse, data, len(data))


def tar(stream: Any, this: CodeSlice) -> Iterator[Item]:
    """A tar of checkouts, or of one; `git archive` says of which commit."""
    reader = TarReader(stream, this.max_record_bytes, this.damages)
    for member in reader:

        def parse(member: Member = member, commit: str | None = reader.comment) -> Ready | Reject:
            if member.cut:
                return Reject("truncated_record", f"the archive ends in {member.name}")
            if member.data is None:
                return Reject("too_large", f"{member.size:,} bytes")
            return _decoded(member.data, this, member.name.removeprefix("./"), commit)

        git = ".git" in member.name.split("/")[:-1]
        kind = member.kind or ("git" if git else None)
        yield Item(
            member.ordinal, member.offset, parse, member.data or b"", member.size, passed_over=kind
        )


FORMATS: dict[str, Callable[[Any, CodeSlice], Iterator[Item]]] = {
    "code_files": single,
    "code_jsonl": formats.jsonl,
    "code_parquet": formats.parquet,
    "code_tar": tar,
}
