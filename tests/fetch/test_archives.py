"""`skypile fetch` against a server with Common Crawl's layout that breaks its promises."""

import base64
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from skypile.cli import app
from skypile.errors import SkypileError
from skypile.fetch.archives import Book, Wish, fetch
from skypile.fetch.http import Client, FetchError, Manners, Stopped
from skypile.fetch.index import Query, fetch_index
from skypile.kernels.reading.warc import WarcReader
from tests.crawl_server import (
    CRAWL,
    PAGES,
    SEGMENTS,
    Handler,
    Misbehaviour,
    Site,
    busy,
    dropped,
    member,
    serving,
    then,
)

FIRST = f"{SEGMENTS}/1700.0/warc/CC-00000.warc.gz"
LIST = f"crawl-data/{CRAWL}/warc.paths.gz"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as made:
        yield made


class Clock:
    """A client that does not wait, but notes for how long it would."""

    def __init__(self, **manners: Any) -> None:
        self.waits: list[float] = []
        given = {"delay": 0.0, "attempts": 4, **manners}
        self.client = Client(Manners(**given), self.waits.append)


def get(site: Site, out: Path, clock: Clock | None = None, **wish: Any) -> list[dict[str, Any]]:
    wish = {"files": 1, **wish}
    client = (clock or Clock()).client
    return fetch(str(out), Wish(CRAWL, base=site.base, **wish), client, lambda _: None)


def urls(path: Path) -> list[str]:
    with open(path, "rb") as stream:
        reader = WarcReader(stream)
        found = [record.url for record in reader if record.payload]
    assert not reader.damages
    return found  # type: ignore[return-value]


def leftovers(out: Path) -> list[str]:
    return [p.name for p in out.rglob("*") if ".part" in p.name or p.name.endswith(".tmp")]


def test_files_of_a_crawl_and_their_manifest(site: Site, tmp_path: Path) -> None:
    entries = get(site, tmp_path, segments=1, files=None)
    assert [e["path"] for e in entries] == [FIRST, FIRST.replace("00000", "00001")]
    for entry in entries:
        data = (tmp_path / entry["path"]).read_bytes()
        assert data == site.files[entry["path"]]
        assert entry["url"] == f"{site.base}/{entry['path']}"
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["version"] == '"1"'
        assert urls(tmp_path / entry["path"]) == [*PAGES]
    manifest = (tmp_path / "fetched.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in manifest] == entries
    assert not leftovers(tmp_path)
    asked = len(site.seen)
    assert get(site, tmp_path, segments=1, files=None) == entries
    assert len(site.seen) == asked + 1  # the list alone
    assert get(site, tmp_path, kind="wet")[0]["path"].endswith("CC-00000.warc.wet.gz")
    assert all(r.headers["User-Agent"].startswith("skypile/") for r in site.seen)


@pytest.mark.parametrize("connections", [1, 3])
def test_several_connections_get_the_same(site: Site, tmp_path: Path, connections: int) -> None:
    clock = Clock(connections=connections)
    entries = get(site, tmp_path, clock, segments=2, files=None)
    assert [e["path"] for e in entries] == sorted(p for p in site.files if "/warc/" in p)
    lines = [json.loads(x)["path"] for x in (tmp_path / "fetched.jsonl").read_text().splitlines()]
    assert lines == sorted(lines)


def test_a_dropped_connection_goes_on_by_range(site: Site, tmp_path: Path) -> None:
    site.odd[FIRST] = [dropped(100), dropped(50)]
    (entry,) = get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    asked = [(r.headers.get("Range"), r.headers.get("If-Range")) for r in site.asked(FIRST)]
    assert asked == [(None, None), ("bytes=100-", '"1"'), ("bytes=150-", '"1"')]
    assert entry["verified"] == "records"


def test_progress_renews_the_attempts(site: Site, tmp_path: Path) -> None:
    site.odd[FIRST] = [dropped(20) for _ in range(12)]  # of 4 attempts in a row
    get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]


def test_without_progress_the_attempts_end_and_the_part_stays(site: Site, tmp_path: Path) -> None:
    clock = Clock()
    site.odd[FIRST] = [dropped(100), *[busy(500)] * 9]
    with pytest.raises(FetchError, match=r"1 of 1 files.*\n.*HTTP 500, 4 attempts in a row"):
        get(site, tmp_path, clock)
    assert not (tmp_path / FIRST).exists()
    assert [round(w / 1.25) <= 2**i <= w for i, w in enumerate(clock.waits)] == [True] * 3
    site.odd.clear()
    site.seen.clear()
    get(site, tmp_path)
    assert [r.headers.get("Range") for r in site.asked(FIRST)] == ["bytes=100-"]
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    assert not leftovers(tmp_path)


def test_the_wait_that_a_server_asks_for(site: Site, tmp_path: Path) -> None:
    clock = Clock()
    site.odd[LIST] = [busy(503, "17")]
    site.odd[FIRST] = [busy(429, "23"), busy(503, "Fri, 01 Mar 2024 00:00:00 GMT")]
    get(site, tmp_path, clock)
    assert clock.waits[:2] == [17.0, 23.0]
    assert 2 <= clock.waits[2] <= 2.5  # that date is over
    site.odd[FIRST] = [busy(503, "86400")]
    with pytest.raises(FetchError, match="asks to wait 86,400 s"):
        get(site, tmp_path / "other")


def test_requests_keep_their_distance(site: Site, tmp_path: Path) -> None:
    clock = Clock(delay=5.0)
    get(site, tmp_path, clock, segments=1, files=None)
    assert len(clock.waits) == 2  # list, file, file
    assert clock.waits[0] == pytest.approx(5, abs=0.5)
    assert clock.waits[1] == pytest.approx(10, abs=1)  # the clock stands still here


FIRST_URL, FIRST_HTML = next(iter(PAGES.items()))
FIRST_BYTES = len(member(FIRST_URL, f"{FIRST_HTML} 0 warc"))  # of the first record of FIRST


def change(site: Site) -> None:
    """Another version of the file, whose records are as long: two halves would make a whole."""
    data = bytearray(site.files[FIRST])
    for start in (0, FIRST_BYTES):
        assert data[start : start + 2] == b"\x1f\x8b"
        data[start + 4] ^= 1  # the time in the gzip header
    site.version, site.files[FIRST] = "2", bytes(data)


def forgetful(handler: Handler) -> None:
    """Ignores If-Range and continues with the bytes of another version."""
    data = handler.site.files[FIRST]
    first = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
    span = f"bytes {first}-{len(data) - 1}/{len(data)}"
    handler.send(206, data[first:], Content_Range=span, ETag=f'"{handler.site.version}"')


@pytest.mark.parametrize("second", [None, forgetful], ids=["If-Range", "no If-Range"])
def test_a_file_that_changed_meanwhile_is_read_from_its_start(
    site: Site, tmp_path: Path, second: Misbehaviour | None
) -> None:
    site.odd[FIRST] = [then(change, dropped(FIRST_BYTES)), second]
    (entry,) = get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    assert entry["version"] == '"2"'
    assert urls(tmp_path / FIRST) == [*PAGES]


def test_a_file_that_shrank_below_the_part(site: Site, tmp_path: Path) -> None:
    def shrink(site: Site) -> None:
        site.files[FIRST] = member("http://en.example.org/s", "<p>s</p>")[:]
        site.headers["ETag"] = '"same"'  # and the server does not tell

    site.headers["ETag"] = '"same"'
    site.version = "same"
    site.odd[FIRST] = [then(shrink, dropped(len(site.files[FIRST]) - 5))]
    get(site, tmp_path)
    assert urls(tmp_path / FIRST) == ["http://en.example.org/s"]
    assert 416 not in site.headers.values()
    assert len(site.asked(FIRST)) == 3


def test_a_part_that_is_the_whole_file(site: Site, tmp_path: Path) -> None:
    def whole_but_cut(handler: Handler) -> None:  # a content length that is too high by ten
        data = site.files[FIRST]
        handler.send_response(200)
        for name, value in (("ETag", '"1"'), ("Content-Length", str(len(data) + 10))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    site.odd[FIRST] = [whole_but_cut]
    get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    assert [r.headers.get("Range") for r in site.asked(FIRST)] == [
        None,
        f"bytes={len(site.files[FIRST])}-",  # 416: it is all there
    ]


def test_a_content_length_that_is_too_low(site: Site, tmp_path: Path) -> None:
    def short(handler: Handler) -> None:
        handler.send(200, site.files[FIRST][:-30], ETag='"1"')
        handler.close_connection = True

    site.odd[FIRST] = [short]
    get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    site.odd[FIRST] = [short, short]
    with pytest.raises(FetchError, match="what came is wrong, 2 times: it is damaged"):
        get(site, tmp_path / "other")
    assert not (tmp_path / "other" / FIRST).exists()


def test_a_server_without_versions_is_not_asked_for_the_rest(site: Site, tmp_path: Path) -> None:
    def nameless(cut: int | None) -> Misbehaviour:
        def answer(handler: Handler) -> None:
            data = site.files[FIRST]
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:cut])
            handler.close_connection = True

        return answer

    site.odd[FIRST] = [nameless(100), nameless(None)]
    (entry,) = get(site, tmp_path)
    assert [r.headers.get("Range") for r in site.asked(FIRST)] == [None, None]
    assert entry["version"] is None
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]


def test_a_server_without_ranges_makes_no_endless_loop(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    site.odd[FIRST] = [dropped(100), None]
    get(site, tmp_path / "a")
    assert (tmp_path / "a" / FIRST).read_bytes() == site.files[FIRST]
    site.seen.clear()
    site.odd[FIRST] = [dropped(100) for _ in range(50)]
    with pytest.raises(FetchError, match="4 attempts in a row"):
        get(site, tmp_path / "b")
    assert len(site.asked(FIRST)) == 4


def flipped(handler: Handler) -> None:
    data = bytearray(handler.site.files[FIRST])
    data[len(data) // 2] ^= 1
    handler.file(bytes(data))


def md5_of(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def sha256_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


STATED: dict[str, tuple[Callable[[bytes], dict[str, str]], str]] = {
    "Content-MD5": (lambda d: {"Content-MD5": md5_of(d)}, "md5"),
    "Repr-Digest": (lambda d: {"Repr-Digest": f"sha-256=:{sha256_of(d)}:"}, "sha256"),
    "x-goog-hash": (lambda d: {"x-goog-hash": f"crc32c=AAAAAA==,md5={md5_of(d)}"}, "md5"),
    "nothing": (lambda d: {}, "records"),
}


@pytest.mark.parametrize("kind", STATED)
def test_damage_on_the_way_is_found(site: Site, tmp_path: Path, kind: str) -> None:
    headers, name = STATED[kind]
    site.headers = headers(site.files[FIRST])
    site.odd[FIRST] = [flipped]
    (entry,) = get(site, tmp_path)
    assert (tmp_path / FIRST).read_bytes() == site.files[FIRST]
    assert entry["verified"] == name
    assert len(site.asked(FIRST)) == 2


def test_a_damaged_file_with_the_digest_of_its_server_is_kept(site: Site, tmp_path: Path) -> None:
    site.files[FIRST] = site.files[FIRST][:-10]  # as it was crawled: the reader tells
    site.headers = {"Content-MD5": md5_of(site.files[FIRST])}
    assert get(site, tmp_path)[0]["verified"] == "md5"


def test_a_file_that_is_not_there_does_not_keep_the_others(site: Site, tmp_path: Path) -> None:
    second = FIRST.replace("00000", "00001")
    data = site.files.pop(FIRST)
    with pytest.raises(FetchError, match=r"1 of 2 files.*\n.*00000.warc.gz: HTTP 404"):
        get(site, tmp_path, files=2)
    assert len(site.asked(FIRST)) == 1
    assert (tmp_path / second).exists()
    site.files[FIRST] = data
    assert len(get(site, tmp_path, files=2)) == 2
    assert len(site.asked(second)) == 1


def test_what_was_renamed_but_not_noted_or_changed_since(site: Site, tmp_path: Path) -> None:
    (entry,) = get(site, tmp_path)
    with open(tmp_path / "fetched.jsonl", "w") as out:
        out.write('{"half a li')
    (again,) = get(site, tmp_path)
    assert again == {**entry, "version": None}
    assert len(site.asked(FIRST)) == 1
    (tmp_path / FIRST).write_bytes(site.files[FIRST][:-3])
    assert get(site, tmp_path)[0]["sha256"] == entry["sha256"]
    assert len(site.asked(FIRST)) == 2


HOSTILE = (
    "crawl-data/../../../etc/passwd",
    "../outside.warc.gz",
    "/etc/passwd",
    "crawl-data/a/./b.warc.gz",
    "crawl-data//b.warc.gz",
    "crawl-data/a\\..\\b.warc.gz",
    "crawl-data/.ssh/authorized_keys",
    "fetched.jsonl",
    "http://other.example/crawl-data/x.warc.gz",
    "crawl-data/a\x00b.warc.gz",
    "crawl-data/甲.warc.gz",
    "crawl-data/" + "a" * 2000,
)


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_of_a_server_stay_below_the_folder(site: Site, tmp_path: Path, path: str) -> None:
    site.files[LIST] = gzip.compress(f"{FIRST}\n{path}\n".encode())
    with pytest.raises(FetchError, match="line 2 is no path of a crawl"):
        get(site, tmp_path / "out", files=2)
    assert {p.name for p in tmp_path.rglob("*")} == {"out"}


def test_a_link_in_the_folder_leads_nowhere(site: Site, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/crawl-data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchError, match="leads out of"):
        get(site, tmp_path / "out")
    assert not [*(tmp_path / "elsewhere").iterdir()]


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"x" * 5000)[:-9], gzip.compress(FIRST.encode())[:-2] + b"xx"],
    ids=["no gzip", "cut", "wrong checksum"],
)
def test_a_list_that_is_none(site: Site, tmp_path: Path, data: bytes) -> None:
    site.files[LIST] = data
    with pytest.raises(FetchError, match="is no list of paths"):
        get(site, tmp_path)


def test_a_list_that_unpacks_without_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skypile.fetch.archives._MAX_LIST_BYTES", 1000)
    site.files[LIST] = zlib.compress(b"\n" * 10**6, wbits=31)
    with pytest.raises(FetchError, match="more than 1,000 bytes"):
        get(site, tmp_path)


# Records by their address.


def ask(site: Site, out: Path, pattern: str = "*.example.org", **query: Any) -> dict[str, Any]:
    clock = query.pop("clock", Clock())
    asked = Query(pattern, base=site.base, **query)
    wish = Wish(CRAWL, base=site.base)
    return fetch_index(str(out), wish, asked, clock.client, lambda _: None)


def test_records_of_a_site(site: Site, tmp_path: Path) -> None:
    entry = ask(site, tmp_path, "*.zh.example.org".replace("*.", "*"))
    assert urls(tmp_path / entry["path"]) == [u for u in PAGES if "zh." in u] * 2
    assert (entry["records"], entry["failed"]) == (4, [])
    assert entry["sha256"] == hashlib.sha256((tmp_path / entry["path"]).read_bytes()).hexdigest()
    pages = [r.path for r in site.seen if "-index" in r.path]
    assert len(pages) == 3  # how many, and two of two records
    assert all("filter=%3Dstatus%3A200" in p for p in pages)
    asked = len(site.seen)
    assert ask(site, tmp_path, "*zh.example.org") == entry
    assert len(site.seen) == asked
    assert not leftovers(tmp_path)


def test_an_interrupted_query_goes_on(site: Site, tmp_path: Path) -> None:
    whole = ask(site, tmp_path / "whole")
    site.seen.clear()
    second = FIRST.replace("00000", "00001")
    site.odd[second] = [None, *[busy(503)] * 4]
    with pytest.raises(FetchError, match="HTTP 503, 4 attempts in a row"):
        ask(site, tmp_path / "out")
    part = next((tmp_path / "out").rglob("*.warc.gz.part"))
    with open(part, "ab") as out:
        out.write(b"half a record")
    site.seen.clear()
    entry = ask(site, tmp_path / "out")
    assert entry == whole
    assert [r.path.lstrip("/") for r in site.seen] == [second] * 2  # no index, no first file
    data = (tmp_path / "out" / entry["path"]).read_bytes()
    assert data == (tmp_path / "whole" / entry["path"]).read_bytes()


def test_records_that_cannot_be_had_are_named(site: Site, tmp_path: Path) -> None:
    site.captures[0] |= {"length": str(int(site.captures[0]["length"]) - 5)}
    site.captures[1] |= {"url": "http://other.example.org/"}
    site.captures[3] |= {"filename": f"{SEGMENTS}/gone.warc.gz"}
    site.odd[FIRST] = [dropped(10), busy(500)]
    entry = ask(site, tmp_path)
    assert entry["records"] == 3
    whys = sorted(f["why"] for f in entry["failed"])
    assert whys[0] == "HTTP 404"
    assert whys[1].startswith("it is not one whole record")
    assert whys[2].startswith("it is the record of 'http://zh.example.org/甲'")
    assert len(urls(tmp_path / entry["path"])) == 3


def test_records_that_could_not_be_had_are_tried_again(site: Site, tmp_path: Path) -> None:
    whole = ask(site, tmp_path / "whole")
    second = FIRST.replace("00000", "00001")
    away = {FIRST: site.files.pop(FIRST)}
    first = ask(site, tmp_path / "out")
    assert 0 < len(first["failed"]) < len(whole["failed"]) + whole["records"]
    assert {f["filename"] for f in first["failed"]} == {FIRST}

    site.seen.clear()
    assert ask(site, tmp_path / "out") == first  # they are still away
    assert {r.path.lstrip("/") for r in site.seen} == {FIRST}
    site.files |= away
    shutil.copytree(tmp_path / "out", tmp_path / "moved")
    next((tmp_path / "moved").rglob("*.captures.jsonl")).unlink()
    kept = list(site.captures)
    site.captures.remove(next(c for c in kept if c["filename"] == second))
    other = ask(site, tmp_path / "moved")  # the index names other records now: all come anew
    assert other == ask(site, tmp_path / "fresh")
    found = [(tmp_path / name / other["path"]).read_bytes() for name in ("moved", "fresh")]
    assert found[0] == found[1]
    site.captures[:] = kept
    site.odd[FIRST] = [dropped(10)]
    assert ask(site, tmp_path / "out") == whole
    data = (tmp_path / "out" / whole["path"]).read_bytes()
    assert data == (tmp_path / "whole" / whole["path"]).read_bytes()
    assert second in site.files
    assert not leftovers(tmp_path / "out")
    site.seen.clear()
    assert ask(site, tmp_path / "out") == whole
    assert not site.seen


def test_a_payload_that_is_not_the_one_of_the_index(site: Site, tmp_path: Path) -> None:
    mine, other = "A" * 32, "B" * 32
    url = "http://en.example.org/d"
    data = member(url, "<p>d</p>", mine)
    site.files[FIRST] = data
    row = {"url": url, "filename": FIRST, "offset": "0", "length": str(len(data))}
    site.captures = [{**row, "digest": mine}]
    assert ask(site, tmp_path / "a")["records"] == 1
    site.captures = [{**row, "digest": other}]
    with pytest.raises(FetchError, match="its payload is another one"):
        ask(site, tmp_path / "b")


def test_a_limit_ends_the_query(site: Site, tmp_path: Path) -> None:
    assert ask(site, tmp_path, limit=3)["records"] == 3
    assert len([r for r in site.seen if "page=" in r.path]) == 2


def test_nothing_in_the_index_and_no_index(site: Site, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="has nothing of"):
        ask(site, tmp_path, "*.nowhere.example.net")
    site.captures = [{"url": "http://en.example.org/", "filename": "../../x", "offset": 0}]
    with pytest.raises(FetchError, match="is no record of an index"):
        ask(site, tmp_path)
    site.captures = [
        {"url": "http://en.example.org/", "filename": "../x.gz", "offset": "0", "length": "9"}
    ]
    with pytest.raises(FetchError, match="is no record of an index"):
        ask(site, tmp_path)


def test_a_server_without_ranges_has_no_records(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    with pytest.raises(FetchError, match="gives no byte ranges"):
        ask(site, tmp_path)


# Interrupts

PIECE = 1 << 18  # bytes that are written at a time


def silent(sent: int, begun: Event, until: Event) -> Misbehaviour:
    """Bytes of a file, and then nothing, on an open connection."""

    def answer(handler: Handler) -> None:
        data = handler.site.files[urlsplit(handler.path).path.lstrip("/")]
        handler.send_response(200)
        handler.send_header("ETag", f'"{handler.site.version}"')
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:sent])
        handler.wfile.flush()
        begun.set()
        until.wait(60)
        handler.wfile.write(data[sent:])

    return answer


@pytest.fixture(autouse=True)
def heeds_interrupts() -> Iterator[None]:
    """What a shell starts in the background is born deaf to Ctrl-C, and so are its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def interrupted_when(begun: Event) -> Iterator[None]:
    """Ctrl-C, when that has happened; the block ends by it, within three seconds."""
    at: list[float] = []

    def press() -> None:
        begun.wait(60)
        time.sleep(0.2)  # the client waits by now
        at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        yield
    thread.join()
    assert time.monotonic() - at[0] < 3


def test_an_interrupt_does_not_wait_for_a_server_that_says_nothing(
    site: Site, tmp_path: Path
) -> None:
    begun, until = Event(), Event()
    site.files[FIRST] *= 1000
    site.odd[FIRST] = [silent(PIECE + 100, begun, until)]
    with interrupted_when(begun):
        get(site, tmp_path, Clock(connections=2), segments=2, files=None)
    part = tmp_path / f"{FIRST}.part"
    assert part.read_bytes() == site.files[FIRST][:PIECE]
    until.set()  # the rest comes after all, to a thread that was left behind
    left = [t for t in threading.enumerate() if t.name.startswith("fetch-")]
    for thread in left:
        thread.join(10)
    assert part.read_bytes() == site.files[FIRST][:PIECE]
    assert not (tmp_path / FIRST).exists()
    site.seen.clear()
    get(site, tmp_path, segments=2, files=None)
    assert [r.headers.get("Range") for r in site.asked(FIRST)] == [f"bytes={PIECE}-"]
    assert {p: (tmp_path / p).read_bytes() for p in site.files if "/warc/" in p} == {
        p: data for p, data in site.files.items() if "/warc/" in p
    }
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("manners", [{}, {"first_wait": 40.0}, {"delay": 40.0}])
def test_an_interrupt_ends_every_wait(site: Site, tmp_path: Path, manners: dict[str, Any]) -> None:
    """That a server asks for, between attempts, and between requests."""
    begun = Event()

    def answer(handler: Handler) -> None:
        busy(503, None if manners else "40")(handler)
        begun.set()

    site.odd[FIRST] = [answer]
    if "delay" in manners:  # the list comes, and the first file is waited for
        data = site.files[LIST]
        site.odd[LIST] = [then(lambda _: begun.set(), lambda handler: handler.file(data))]
    client = Client(Manners(**{"delay": 0.0, **manners}))
    with interrupted_when(begun):
        fetch(str(tmp_path), Wish(CRAWL, base=site.base, files=1), client, lambda _: None)
    with pytest.raises(Stopped):
        client.small(f"{site.base}/{LIST}")
    assert len(get(site, tmp_path)) == 1


def test_the_command_exits_with_130_when_it_is_interrupted(site: Site, tmp_path: Path) -> None:
    begun, until = Event(), Event()
    site.files[FIRST] *= 1000
    site.odd[FIRST] = [silent(PIECE + 100, begun, until)]
    words = [str(tmp_path), "--crawl", CRAWL, "--base", site.base, "--files", "2", "--delay", "0"]
    run = [sys.executable, "-c", "from skypile.cli import main; main()", "fetch", *words]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert begun.wait(60)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=10)
        finally:
            process.kill()
            until.set()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert (tmp_path / f"{FIRST}.part").stat().st_size == PIECE


def test_a_full_disk_stops_all(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(book: Book, entry: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Book, "add", full)
    with pytest.raises(OSError, match="No space left"):
        get(site, tmp_path, segments=2, files=None)
    assert len(site.seen) == 2  # the list and one file


def test_the_command(site: Site, tmp_path: Path) -> None:
    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["fetch", str(tmp_path / "out"), *arguments])

    here = ("--base", site.base, "--delay", "0")
    done = call("--crawl", CRAWL, "--files", "2", *here)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("2 files, ")
    done = call("--crawl", CRAWL, "--index", "*.example.org", "--limit", "2", *here)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("2 records, 0 failed: ")
    for wrong, message in (
        (("--crawl", CRAWL), "say how much"),
        (("--crawl", "../x", "--files", "1"), "no name such as CC-MAIN"),
        (("--crawl", CRAWL, "--files", "1", "--kind", "arc"), "--kind arc"),
        (("--crawl", CRAWL, "--files", "1", "--limit", "3"), "--filter and --limit"),
        (("--crawl", CRAWL, "--index", "*.x", "--kind", "wet"), "--index finds WARC"),
    ):
        assert message in str(call(*wrong, *here).exception), wrong


def test_a_folder_on_an_object_store(site: Site) -> None:
    with pytest.raises(SkypileError, match="fetch to a local folder"):
        fetch("s3://bucket/x", Wish(CRAWL, base=site.base), Clock().client, lambda _: None)
