"""A web server on this machine with Common Crawl's layout, which misbehaves as it is told."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CRAWL = "CC-MAIN-2024-10"
SEGMENTS = f"crawl-data/{CRAWL}/segments"
PAGES = {
    "http://en.example.org/a": "<html><p>Tides and mills, in English.</p></html>",
    "http://zh.example.org/甲": "<html><p>潮汐與磨坊，繁體中文。</p></html>",
    "http://zh.example.org/乙": "<html><p>潮汐与磨坊，简体中文。</p></html>",
}


def member(url: str, html: str, digest: str = "") -> bytes:
    """A response record as a gzip member."""
    body = html.encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    said = f"WARC-Payload-Digest: sha1:{digest}\r\n" if digest else ""
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{abs(len(url)):012d}>\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2024-03-01T00:00:00Z\r\n{said}"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


@dataclass
class Request:
    path: str
    headers: dict[str, str]


# What a request is answered with instead: sends all of it, given the handler.
Misbehaviour = Callable[["Handler"], None]


@dataclass
class Site:
    """files: by path, as they are now. odd: what the next requests for a path are answered with;
    None: as usual. headers: sent with a file.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    odd: dict[str, list[Misbehaviour | None]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    captures: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 2
    seen: list[Request] = field(default_factory=list)
    version: str = "1"
    ranges: bool = True
    base: str = ""

    def asked(self, path: str) -> list[Request]:
        return [r for r in self.seen if r.path.lstrip("/").partition("?")[0] == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.site.seen.append(Request(self.path, dict(self.headers)))
        path = urlsplit(self.path).path.lstrip("/")
        waiting = self.site.odd.get(path)
        if waiting and (answer := waiting.pop(0)):
            answer(self)
        elif path.endswith("-index"):
            self.index()
        elif path in self.site.files:
            self.file(self.site.files[path])
        else:
            self.send(404, b"no such file")

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def file(self, data: bytes, *, cut: int | None = None, **headers: str) -> None:
        """As a good server does; cut: bytes after which the connection breaks."""
        etag = f'"{self.site.version}"'
        headers = {"ETag": etag, **self.site.headers, **headers}
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        status = 200
        if asked and self.site.ranges and self.headers.get("If-Range", etag) == etag:
            first, _, last = asked.partition("-")
            if int(first) >= len(data):
                self.send(416, b"", Content_Range=f"bytes */{len(data)}", **headers)
                return
            end = min(int(last or len(data)), len(data) - 1)
            headers["Content_Range"] = f"bytes {first}-{end}/{len(data)}"
            status, data = 206, data[int(first) : end + 1]
        if cut is None:
            self.send(status, data, **headers)
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data[:cut])
        self.close_connection = True

    def index(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        suffix = asked["url"][0].removeprefix("*")
        found = [c for c in self.site.captures if suffix in c["url"].split("/")[2]]
        if not found:
            self.send(404, b'{"message": "No Captures found"}')
        elif "showNumPages" in asked:
            pages = -(-len(found) // self.site.page_size)
            self.send(200, json.dumps({"pages": pages, "pageSize": 5, "blocks": 9}).encode())
        else:
            first = int(asked["page"][0]) * self.site.page_size
            rows = found[first : first + self.site.page_size]
            self.send(200, "".join(json.dumps(r) + "\n" for r in rows).encode())


def busy(status: int = 503, after: str | None = None) -> Misbehaviour:
    more = {} if after is None else {"Retry_After": after}
    return lambda handler: handler.send(status, b"busy", **more)


def dropped(cut: int) -> Misbehaviour:
    """The connection breaks after so many bytes of the body."""

    def answer(handler: Handler) -> None:
        path = urlsplit(handler.path).path.lstrip("/")
        handler.file(handler.site.files[path], cut=cut)

    return answer


def then(change: Callable[[Site], None], answer: Misbehaviour) -> Misbehaviour:
    """Answer, and change the site for those who come later."""

    def both(handler: Handler) -> None:
        answer(handler)
        change(handler.site)

    return both


@contextmanager
def serving() -> Iterator[Site]:
    """A site with two segments of WARC files, their lists, and an index."""
    site = Site()
    handler = type("Bound", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.base = f"http://127.0.0.1:{server.server_port}"
    lists: dict[str, list[str]] = {"warc": [], "wet": []}
    for number in range(4):
        for kind in lists:
            ending = "" if kind == "warc" else f".{kind}"
            path = f"{SEGMENTS}/170{number // 2}.0/{kind}/CC-{number:05d}.warc{ending}.gz"
            lists[kind].append(path)
            members = [(url, member(url, f"{html} {number} {kind}")) for url, html in PAGES.items()]
            site.files[path] = b"".join(data for _, data in members)
            offset = 0
            for url, data in members if kind == "warc" and number < 2 else ():
                row = {"url": url, "filename": path, "offset": str(offset), "status": "200"}
                site.captures.append({**row, "length": str(len(data))})
                offset += len(data)
    for kind, paths in lists.items():
        text = "".join(f"{p}\n" for p in paths)
        site.files[f"crawl-data/{CRAWL}/{kind}.paths.gz"] = gzip.compress(text.encode())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
