"""File access: pyarrow's file systems behind one small face, so that local disk, S3, GCS and HDFS
are one code path.

A `Root` is a folder on any of them; paths below it are relative, with `/` between folders. Writes
that must be all or nothing go through `write_atomic`: a rename where the file system has one, a
single PUT where it is an object store.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pyarrow import fs

from skypile.errors import InputError

# File systems with a rename; object stores PUT whole objects. (HDFS by way of Arrow deletes the
# target before it renames: a reader may find no manifest there for a moment.)
_RENAMES = {"local", "hdfs", "abfs"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.I)
_GLOB = re.compile(r"[*?\[]")


def is_uri(path: str) -> bool:
    """Whether `path` names its file system (`s3://bucket/x`) rather than a local place."""
    return bool(_SCHEME.match(path))


_PASSWORD = re.compile(r"(?<=://)[^/?#@]*:[^/?#@]*@")
_SECRET = re.compile(
    r"(?i)[?&](?:[^=&]*(?:secret|password|token|access_key|account_key|signature)[^=&]*|sig)=[^&]*"
)


def refuse_secrets(uri: str) -> None:
    """Names of places stand in messages, logs, manifests and reports: none may hold credentials.

    Raises:
        InputError: one does; without them.
    """
    if is_uri(uri) and (_PASSWORD.search(uri) or _SECRET.search(uri)):
        shown = _SECRET.sub("", _PASSWORD.sub("", uri))
        raise InputError(
            f"{shown}: credentials do not belong into an address, which is written to logs and "
            "manifests; give them by the environment (AWS_ACCESS_KEY_ID and the like)"
        )


def _with_single_put(uri: str) -> str:
    """Small files as one PUT on S3, not as multipart uploads of one part."""
    if not uri.startswith("s3://") or "allow_delayed_open" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}allow_delayed_open=true"


@dataclass(frozen=True)
class Found:
    """A file below a root: its path relative to it, bytes, and a stamp that moves when it does."""

    path: str
    bytes: int
    stamp: str


class Root:
    """A folder on any file system. Picklable: it holds the URI only and connects when used."""

    def __init__(self, uri: str) -> None:
        refuse_secrets(uri)
        self.uri = uri if is_uri(uri) else str(Path(uri).absolute())
        self._fs: fs.FileSystem | None = None
        self._base = ""

    def __getstate__(self) -> str:
        return self.uri

    def __setstate__(self, uri: str) -> None:
        self.__init__(uri)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"Root({self.uri!r})"

    def _open(self) -> tuple[fs.FileSystem, str]:
        if self._fs is None:
            if is_uri(self.uri):
                self._fs, self._base = fs.FileSystem.from_uri(_with_single_put(self.uri))
                self._base = self._base.rstrip("/")
            else:
                self._fs, self._base = fs.LocalFileSystem(), self.uri.rstrip("/")
        return self._fs, self._base

    def at(self, path: str) -> str:
        """The full name of a path below this root, for messages and for tools beside pyarrow."""
        head, query, tail = self.uri.partition("?")
        return f"{head.rstrip('/')}/{path}{query}{tail}"

    def child(self, path: str) -> "Root":
        """A folder below this one."""
        return Root(self.at(path))

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        return bool(self._info(path).type != fs.FileType.NotFound)

    def size(self, path: str) -> int | None:
        """Bytes of a file, None if it is not there."""
        info = self._info(path)
        return cast(int, info.size) if info.type == fs.FileType.File else None

    def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Bytes of many files at once, None for those that are not there."""
        system, base = self._open()
        infos = system.get_file_info([f"{base}/{p}" for p in paths]) if paths else []
        return {
            p: i.size if i.type == fs.FileType.File else None
            for p, i in zip(paths, infos, strict=True)
        }

    def _info(self, path: str) -> Any:
        system, base = self._open()
        return system.get_file_info(f"{base}/{path}")

    @contextmanager
    def open(self, path: str) -> Iterator[Any]:
        """A pyarrow NativeFile for random reading."""
        system, base = self._open()
        with system.open_input_file(f"{base}/{path}") as stream:
            yield stream

    @contextmanager
    def create(self, path: str) -> Iterator[Any]:
        """A pyarrow output stream; folders are made. Not atomic: for attempt-unique names."""
        system, base = self._open()
        full = f"{base}/{path}"
        if system.type_name in _RENAMES:
            system.create_dir(full.rsplit("/", 1)[0], recursive=True)
        with system.open_output_stream(full, compression=None) as stream:
            yield stream

    def read(self, path: str) -> bytes:
        """The whole of a small file."""
        with self.open(path) as stream:
            return cast(bytes, stream.read())

    def write_atomic(self, path: str, data: bytes) -> None:
        """Write so that a reader sees the old bytes or the new ones, never a part."""
        system, base = self._open()
        if system.type_name not in _RENAMES:
            with self.create(path) as stream:
                stream.write(data)
            return
        # Random only in a name that nothing reads: two writers must not share a temporary file.
        temporary = f"{path}.{uuid.uuid4().hex}.tmp"
        with self.create(temporary) as stream:
            stream.write(data)
        system.move(f"{base}/{temporary}", f"{base}/{path}")

    @contextmanager
    def create_whole(self, path: str) -> Iterator[Any]:
        """As `create`, but the file is under its name only when the block is left without an error;
        after one nothing is left. Several writers of the same bytes do not disturb each other.
        """
        system, base = self._open()
        temporary = f"{path}.{uuid.uuid4().hex}.tmp"  # as in `write_atomic`
        try:
            with self.create(temporary) as stream:
                yield stream
            system.move(f"{base}/{temporary}", f"{base}/{path}")
        except BaseException:
            with suppress(OSError):
                system.delete_file(f"{base}/{temporary}")
            raise

    def sha256(self, path: str) -> str:
        """Hex SHA-256 of a file, read a piece at a time."""
        digest = hashlib.sha256()
        with self.open(path) as stream:
            while data := stream.read(4 << 20):
                digest.update(data)
        return digest.hexdigest()

    def move(self, source: str, target: str) -> None:
        """Give a file another name: at once on disk, a copy on an object store."""
        system, base = self._open()
        if system.type_name in _RENAMES:
            system.create_dir(f"{base}/{target}".rsplit("/", 1)[0], recursive=True)
        system.move(f"{base}/{source}", f"{base}/{target}")

    def delete(self, path: str) -> None:
        """Delete a file."""
        system, base = self._open()
        system.delete_file(f"{base}/{path}")

    def delete_empty_folders(self) -> None:
        """Remove folders that hold nothing, on local disk; one that gets a file meanwhile stays."""
        if is_uri(self.uri):
            return
        for folder, _, _ in os.walk(self.uri, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)

    def walk(self, under: str = "") -> list[Found]:
        """All files below a folder, sorted by path; an absent folder has none."""
        system, base = self._open()
        top = f"{base}/{under}".rstrip("/")
        selector = fs.FileSelector(top, recursive=True, allow_not_found=True)
        found = [
            Found(i.path[len(base) :].lstrip("/"), i.size, f"{i.size}:{i.mtime_ns}")
            for i in system.get_file_info(selector)
            if i.type == fs.FileType.File
        ]
        return sorted(found, key=lambda f: f.path)

    def match(self, pattern: str) -> list[Found]:
        """Files whose path below this root matches a glob: `*`, `?`, `[a-z]`, and `**` for any
        depth. Sorted by path.

        Raises:
            InputError: nothing matches.
        """
        fixed = pattern[: m.start()] if (m := _GLOB.search(pattern)) else pattern
        if fixed == pattern:
            info = self._info(pattern)
            if info.type == fs.FileType.File:
                return [Found(pattern, info.size, f"{info.size}:{info.mtime_ns}")]
            if info.type == fs.FileType.Directory:
                return self.match(pattern.rstrip("/") + "/**")
            raise InputError(f"no such file: {self.at(pattern)}")
        accept = re.compile(glob_to_regex(pattern))
        found = [f for f in self.walk(fixed.rpartition("/")[0]) if accept.fullmatch(f.path)]
        if not found:
            raise InputError(f"no file matches {self.at(pattern)}")
        return found


def parent_of(path: str) -> tuple[Root, str]:
    """The folder of a file, and its name in it; a URI keeps its options (`s3://b/x?endpoint=...`)."""
    place, query, options = path.partition("?") if is_uri(path) else (path, "", "")
    folder, slash, name = place.rstrip("/").rpartition("/")
    return Root(f"{folder or (slash and '/') or '.'}{query}{options}"), name


def read_text(path: str) -> str:
    """The whole of a small UTF-8 file, on any file system.

    Raises:
        InputError: it is not there, or not UTF-8.
    """
    root, name = parent_of(path)
    if root.size(name) is None:
        raise InputError(f"no such file: {path}")
    try:
        return root.read(name).decode("utf8")
    except UnicodeDecodeError as e:
        raise InputError(f"{path} is not UTF-8: {e}") from e


def glob_to_regex(pattern: str) -> str:
    """A regular expression for a glob in which `*` stops at `/` and `**` does not."""
    out, i = [], 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out.append("(?:[^/]+/)*")
            i += 3
        elif pattern.startswith("**", i):
            out.append("(?s:.*)")  # a name may hold line ends
            i += 2
        elif pattern[i] == "*":
            out.append("[^/]*")
            i += 1
        elif pattern[i] == "?":
            out.append("[^/]")
            i += 1
        elif pattern[i] == "[" and (close := pattern.find("]", i + 2)) > 0:
            out.append(pattern[i : close + 1].replace("[!", "[^"))
            i = close + 1
        else:
            out.append(re.escape(pattern[i]))
            i += 1
    return "".join(out)
