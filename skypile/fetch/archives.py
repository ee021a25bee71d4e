"""`skypile fetch`: archives of Common Crawl, or of a server with its layout, into a folder.

`BASE/crawl-data/CRAWL/KIND.paths.gz` lists the files; each lies in the folder under the path that
it has there, and `fetched.jsonl` says of each its address, bytes, SHA-256 and how it was verified.
A file has its name when it is whole, so a folder can be read while it fills; what was cut short
goes on where it stopped. Records by their address: `skypile.fetch.index`.
"""

import gzip
import io
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from skypile.errors import SkypileError
from skypile.fetch.download import Got, download, inside, record_fault
from skypile.fetch.http import Client, FetchError
from skypile.files import Root, is_uri
from skypile.kernels.reading.commoncrawl import BASE, KINDS, in_segments, is_crawl, parse_paths
from skypile.lock import held
from skypile.progress import transfer

MANIFEST = "fetched.jsonl"
_MAX_LIST_BYTES = 256 << 20
_GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Wish:
    """Which files of a crawl. segments, files: the first so many, all where None."""

    crawl: str
    kind: str = "warc"
    segments: int | None = None
    files: int | None = None
    base: str = BASE

    def __post_init__(self) -> None:
        if not is_crawl(self.crawl):
            raise SkypileError(f"--crawl {self.crawl}: no name such as CC-MAIN-2024-10")
        if self.kind not in KINDS:
            raise SkypileError(f"--kind {self.kind}: {', '.join(KINDS)}")


class Book:
    """`fetched.jsonl`: what a folder has. Appended as files come, sorted in the end."""

    def __init__(self, folder: Path) -> None:
        self._root, self._path = Root(str(folder)), folder / MANIFEST
        self._turn = threading.Lock()
        self.entries: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            whole = self._path.read_text(encoding="utf8").rpartition("\n")[0]  # no half line
            for line in whole.splitlines():
                entry = json.loads(line)
                self.entries[entry["path"]] = entry
            self.sort()

    def add(self, entry: dict[str, Any]) -> None:
        """One file more."""
        with self._turn:
            self.entries[entry["path"]] = entry
            with open(self._path, "a", encoding="utf8") as out:
                out.write(json.dumps(entry, ensure_ascii=False) + "\n")
                out.flush()
                os.fsync(out.fileno())

    def sort(self) -> None:
        """Write it anew, by path."""
        lines = [json.dumps(e, ensure_ascii=False) for _, e in sorted(self.entries.items())]
        self._root.write_atomic(MANIFEST, "".join(f"{x}\n" for x in lines).encode())

    def has(self, path: str, folder: Path) -> bool:
        """Whether a file is there as it was fetched."""
        entry, target = self.entries.get(path), folder / path
        return bool(entry and target.is_file() and target.stat().st_size == entry["bytes"])


def folder_of(out: str) -> Path:
    """The folder to fetch to.

    Raises:
        SkypileError: it is on an object store, which cannot append to what it has.
    """
    if is_uri(out):
        raise SkypileError(f"{out}: fetch to a local folder, and copy from there")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(out: str, wish: Wish, client: Client, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Fetch files of a crawl; the entries of `fetched.jsonl` of all that were wished for.

    Raises:
        FetchError: some could not be had; the others are there, and the next call goes on.
        KeyboardInterrupt: interrupted, about a second ago; the client is stopped, and the next call
            goes on with another one.
    """
    folder = folder_of(out)
    with held(Root(out), "fetch"):
        paths = in_segments(_listed(wish, client), wish.segments, wish.files)
        book = Book(folder)
        due = [p for p in paths if not book.has(p, folder)]
        say(f"{len(paths):,} files, {len(paths) - len(due):,} are there")
        errors = _fetch_all(folder, due, wish, client, book)
        book.sort()
    if errors:
        shown = "\n".join(errors[:20])
        raise FetchError(f"{len(errors):,} of {len(due):,} files could not be had:\n{shown}")
    return [book.entries[p] for p in paths]


def _listed(wish: Wish, client: Client) -> list[str]:
    url = f"{wish.base.rstrip('/')}/crawl-data/{wish.crawl}/{wish.kind}.paths.gz"
    _, _, data = client.small(url)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            text = stream.read(_MAX_LIST_BYTES + 1)
        if len(text) > _MAX_LIST_BYTES:
            raise ValueError(f"more than {_MAX_LIST_BYTES:,} bytes")
        return parse_paths(text)
    except (ValueError, OSError, EOFError, zlib.error) as e:
        raise FetchError(f"{url} is no list of paths: {e}") from e


class _Tally:
    """Bytes of all files; of those that have not begun, as many as the others have on average."""

    def __init__(self, files: int, report: Callable[[int, int], None]) -> None:
        self._files, self._report = files, report
        self._done: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._turn = threading.Lock()

    def update(self, path: str, done: int, total: int | None) -> None:
        with self._turn:
            self._done[path] = done
            self._totals[path] = total or done
            known = sum(self._totals.values())
            rest = (self._files - len(self._totals)) * known // len(self._totals)
            self._report(sum(self._done.values()), known + rest)


def _fetch_all(
    folder: Path, due: Sequence[str], wish: Wish, client: Client, book: Book
) -> list[str]:
    """What could not be had."""
    errors: list[str] = []

    with transfer("fetch") as report:
        tally = _Tally(len(due), report)

        def one(path: str) -> None:
            try:
                got = _one(folder, path, wish, client, tally)
                client.go_on()
                book.add(asdict(got))
            except FetchError as e:  # of this file; the others may be there
                errors.append(str(e))

        _side_by_side(one, due, client)
    return errors


def _side_by_side(work: Callable[[str], None], paths: Sequence[str], client: Client) -> None:
    """Do the work on each path, on as many threads as there may be connections.

    What a path raises, a full disk, stops all and is raised; an interrupt does, too. The threads
    are no pool's, whose end would wait for a server that says nothing: who does not stop within
    `_GRACE_SECONDS` is left behind, and writes nothing when it wakes.
    """
    due: SimpleQueue[str] = SimpleQueue()
    done: SimpleQueue[BaseException | None] = SimpleQueue()
    for path in paths:
        due.put(path)

    def take() -> None:
        try:
            while True:
                work(due.get_nowait())
                done.put(None)
        except Empty:
            pass
        except BaseException as e:
            done.put(e)

    count = min(client.manners.connections, len(paths))
    threads = [Thread(target=take, name=f"fetch-{i}", daemon=True) for i in range(count)]
    try:
        for thread in threads:
            thread.start()
        for _ in paths:
            if fault := done.get():
                raise fault
    except BaseException:
        client.stop()
        latest = time.monotonic() + _GRACE_SECONDS
        for thread in threads:
            if thread.ident:
                thread.join(max(0.0, latest - time.monotonic()))
        raise


def _one(folder: Path, path: str, wish: Wish, client: Client, tally: _Tally) -> Got:
    url = f"{wish.base.rstrip('/')}/{path}"
    target = inside(folder, path)
    if target.exists():  # renamed, and then the process was killed before it was noted; or changed
        if record_fault(target) is None:
            size = target.stat().st_size
            tally.update(path, size, size)
            return Got(url, path, size, Root(str(folder)).sha256(path), None, "records")
        client.go_on()
        target.unlink()
    return download(client, url, folder, path, record_fault, lambda d, t: tally.update(path, d, t))
