"""One file over HTTP, whole or not at all: resumed by byte range, checked, then given its name.

What came so far is `NAME.part`, and `NAME.part.json` says of what: a range is asked for with
If-Range, and what a server answers must continue the same version of the file (its ETag or
Last-Modified, its size), else it is read from its start. A server that names no version is never
asked for the rest of a file. What is whole is compared with the digest that the server stated;
where there is none, every record of the archive must be whole.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skypile.fetch.http import BROKEN, PASSING, Client, FetchError
from skypile.kernels.reading.commoncrawl import checksums, parse_range, strong_validator
from skypile.kernels.reading.warc import WarcReader

_PIECE = 1 << 18  # bytes read at a time
MAX_FAULTY = 2  # how often a file may come whole and be wrong

Report = Callable[[int, int | None], None]  # bytes that are there, bytes in all
Check = Callable[[Path], str | None]  # what is wrong with a file


@dataclass(frozen=True)
class Got:
    """A file that was fetched. verified: by which digest of the server, or `records`."""

    url: str
    path: str  # relative to the folder
    bytes: int
    sha256: str
    version: str | None  # ETag or Last-Modified
    verified: str


@dataclass
class _Part:
    """What `NAME.part` is a part of."""

    url: str
    version: str | None
    total: int | None
    sums: dict[str, str] = field(default_factory=dict)


class _Again(Exception):
    """An attempt failed, another may not; seconds that the server asks to wait."""

    def __init__(self, why: str, asked: float | None = None) -> None:
        super().__init__(why)
        self.asked = asked


class _Download:
    def __init__(self, client: Client, url: str, target: Path, report: Report) -> None:
        self._client, self._url, self._report = client, url, report
        self._target = target
        self._file = target.with_name(target.name + ".part")
        self._about = target.with_name(target.name + ".part.json")
        self._part = self._taken_up()
        self._best = self._size()

    def _taken_up(self) -> _Part | None:
        try:
            part = _Part(**json.loads(self._about.read_text()))
        except (OSError, ValueError, TypeError):
            part = None
        if part is None or part.url != self._url or not self._file.exists():
            self._drop()
            return None
        return part

    def _size(self) -> int:
        return self._file.stat().st_size if self._part else 0

    def _drop(self) -> None:
        self._part = None
        self._file.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def run(self, check: Check) -> tuple[int, str, str | None, str]:
        """Bytes, SHA-256, version, and how it was verified."""
        backoff, faulty = self._client.backoff(self._url), 0
        while True:
            try:
                self._attempt(backoff.progress)
            except _Again as e:
                backoff.wait(str(e), e.asked)
                continue
            except BROKEN as e:
                backoff.wait(f"{type(e).__name__} after {self._size():,} bytes")
                continue
            assert self._part
            size, version = self._size(), self._part.version
            sha256, verified, fault = self._verify(check)
            self._client.go_on()
            if fault is None:
                os.replace(self._file, self._target)
                self._about.unlink(missing_ok=True)
                return size, sha256, version, verified
            self._drop()
            faulty += 1
            if faulty >= MAX_FAULTY:
                raise FetchError(f"{self._url}: what came is wrong, {faulty} times: {fault}")
            backoff.wait(fault)

    def _attempt(self, progress: Callable[[], None]) -> None:
        """One request; returns when the file is there to its end."""
        have = self._size()
        headers = {}
        if have and self._part and self._part.version:
            headers = {"Range": f"bytes={have}-", "If-Range": self._part.version}
        with self._client.get(self._url, headers) as answer:
            if not self._opened(answer, have):
                return
            self._read(answer, progress)
        assert self._part
        size, total = self._size(), self._part.total
        if total is not None and size != total:
            if size > total:
                self._drop()
            raise _Again(f"{size:,} bytes came, {total:,} are due")

    def _opened(self, answer: Any, have: int) -> bool:
        """Whether the answer has more of the file; the part is what it continues."""
        first, total = parse_range(answer.headers.get("Content-Range"))
        version = strong_validator(answer.headers)
        part = self._part
        if answer.status in PASSING:
            raise _Again(f"HTTP {answer.status}", self._client.asked_wait(answer))
        if answer.status == 416 and have and part:
            if total == have and version in (None, part.version):
                part.total = total
                return False  # all of it was there
            self._drop()
            raise _Again("HTTP 416: the file is another one now")
        if answer.status == 206 and have and part:
            known = part.total is None or total in (None, part.total)
            if first != have or not known or version not in (None, part.version):
                self._drop()
                raise _Again("the file changed")
            part.total = part.total or total
            return True
        if answer.status != 200:
            raise FetchError(f"{self._url}: HTTP {answer.status}")
        length = answer.headers.get("Content-Length", "")
        self._drop()
        self._part = _Part(
            self._url, version, int(length) if length.isdigit() else None, checksums(answer.headers)
        )
        self._file.touch()
        self._about.write_text(json.dumps(asdict(self._part)))
        return True

    def _read(self, answer: Any, progress: Callable[[], None]) -> None:
        assert self._part
        size = self._size()
        with open(self._file, "ab") as out:
            for piece in answer.stream(_PIECE, decode_content=False):
                self._client.go_on()
                out.write(piece)
                out.flush()
                size += len(piece)
                self._report(size, self._part.total)
                if size > self._best:  # a file that is begun anew for ever makes no progress
                    self._best = size
                    progress()
            os.fsync(out.fileno())

    def _verify(self, check: Check) -> tuple[str, str, str | None]:
        """SHA-256, by what it was verified, and what is wrong."""
        assert self._part
        stated = self._part.sums
        hashes = {name: hashlib.new(name) for name in ("sha256", *stated)}
        with open(self._file, "rb") as stream:
            while data := stream.read(4 << 20):
                self._client.go_on()
                for one in hashes.values():
                    one.update(data)
        sha256 = hashes["sha256"].hexdigest()
        for name, digest in stated.items():
            if hashes[name].hexdigest() != digest:
                return sha256, name, f"its {name} is not the one that the server states"
        if stated:
            return sha256, "sha256" if "sha256" in stated else next(iter(stated)), None
        return sha256, "records", check(self._file)


def download(
    client: Client, url: str, folder: Path, path: str, check: Check, report: Report
) -> Got:
    """Fetch a file to `folder / path`, from where an earlier attempt stopped.

    check: what is wrong with the file, asked where the server states no digest.

    Raises:
        FetchError: the server refuses, or gives up, or gives what is wrong; the part stays.
    """
    target = inside(folder, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    size, sha256, version, verified = _Download(client, url, target, report).run(check)
    return Got(url, path, size, sha256, version, verified)


def inside(folder: Path, path: str) -> Path:
    """`folder / path`, which is below the folder, also where links lie on the way.

    Raises:
        FetchError: it is not.
    """
    target, top = (folder / path).resolve(), folder.resolve()
    if top not in target.parents:
        raise FetchError(f"{path} leads out of {folder}")
    return target


def record_fault(path: Path) -> str | None:
    """What is wrong with an archive: no records, damaged places, a last record that is cut."""
    with open(path, "rb") as stream:
        reader = WarcReader(stream, want=frozenset())
        last = None
        for last in reader:  # noqa: B007 the last one is looked at
            pass
    if last is None:
        return "it has no records"
    if reader.damages:
        damage = reader.damages[0]
        return f"it is damaged at byte {damage.offset:,}: {damage.reason}"
    return "its last record is cut" if last.problem == "truncated_record" else None
