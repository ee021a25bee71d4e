"""What every crawl brings home besides pages of text: redirects, errors, files, empty pages."""

import hashlib
import json
from html import escape
from itertools import cycle

from skypile.sample.articles import articles
from skypile.sample.pages import PageMaker, Response
from skypile.sample.splits import SPLITS

STUBS = (
    ("zh-Hans", "建设中", "本页面正在建设，敬请期待。"),
    ("en", "Coming soon", "This page is being rebuilt. Please call again next week."),
    ("zh-Hans", "提示", "您访问的帖子已被删除，或者正在审核。"),
    ("en", "Log in", "You must log in to read this topic."),
    ("zh-Hant", "公告", "本站維護中，造成不便敬請見諒。"),
    ("en", "Error", "No article with this number was found in the archive."),
)
BLANKS = (
    (b"", "text/html"),
    (b" \r\n\t ", "text/html"),
    (b"<html><body><script>go()</script></body></html>", "text/html; charset=utf-8"),
)
STATUS = {
    "redirect": ("301 Moved Permanently", "302 Found", "307 Temporary Redirect"),
    "missing": ("404 Not Found", "410 Gone", "404 Not Found", "403 Forbidden"),
    "server_error": ("503 Service Unavailable", "500 Internal Server Error"),
}
HOSTS = ("news1-en.example", "blog1-zh-hans.example", "forum1-en.example", "news3-zh-hans.example")


def specials(maker: PageMaker, counts: dict[str, int]) -> list[Response]:
    """So many of each kind. Each kind's first ones have fixed addresses, whatever the number."""
    makers = {
        **dict.fromkeys(STATUS, _error),
        **{"pdf": _file, "json": _file, "image": _file},
        **{"blank": _blank, "noise": _noise, "menu": _menu, "stub": _stub},
    }
    made = []
    for kind, make in makers.items():
        splits = cycle(SPLITS)
        for number, split in zip(range(counts[kind]), splits, strict=False):
            made.append(make(maker, kind, number, split))
    return made


def _response(
    maker: PageMaker, kind: str, url: str, body: bytes, expect: str, split: str, **more: str
) -> Response:
    name = maker.record_id(f"{kind}/{url}")
    return Response(name, url, body, kind, expect, split, **more)  # type: ignore[arg-type]


def _error(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    status = STATUS[kind][number % len(STATUS[kind])]
    body = b"" if kind == "redirect" else f"<html><body><h1>{status}</h1></body></html>".encode()
    url = f"https://{HOSTS[number % len(HOSTS)]}/{kind}{number}.html"
    return _response(maker, kind, url, body, "http_error", split, status=status)


def _file(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    """PDF, JSON and PNG files, as far as a crawler's eye goes."""
    items = [{"id": a.id, "title": a.title} for a in articles("zh_hans")[number : number + 4]]
    bodies = {
        "pdf": (
            b"%PDF-1.7\n" + hashlib.shake_256(f"{number}".encode()).digest(900),
            "application/pdf",
        ),
        "json": (json.dumps({"items": items}, ensure_ascii=False).encode(), "application/json"),
        "image": (b"\x89PNG\r\n\x1a\n" + hashlib.shake_256(b"png").digest(600), "image/png"),
    }
    body, mime = bodies[kind]
    name = {"pdf": "paper.pdf", "json": "feed.json", "image": "photo.png"}[kind]
    path = name if not number else f"{number}/{name}"
    return _response(
        maker, kind, f"https://blog1-en.example/{path}", body, "not_html", split, content_type=mime
    )


def _blank(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    body, mime = BLANKS[number % len(BLANKS)]
    url = f"https://forum1-zh-hans.example/blank{number or ''}.html"
    return _response(maker, kind, url, body, "empty", split, content_type=mime)


def _noise(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    """A picture that its server calls HTML."""
    body = b"\x89PNG\r\n\x1a\n" + hashlib.shake_256(f"noise{number}".encode()).digest(4096)
    url = f"https://forum1-zh-hans.example/noise{number or ''}.html"
    return _response(maker, kind, url, body, "undecodable", split)


def _menu(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    """A front page: links, no text."""
    lang = ("en", "zh-Hans")[number % 2]
    every = articles("en" if lang == "en" else "zh_hans")
    some = [a for a in every if maker.articles[a.id] == split][number : number + 6]
    links = "".join(f"<li><a href='/{a.id}'>{escape(a.title)}</a></li>" for a in some)
    html = f"<html><head><title>Front</title></head><body><ul>{links}</ul></body></html>"
    host = "news2-en.example" if not number else f"news2-{number}-{lang.lower()}.example"
    return _response(
        maker, kind, f"https://{host}/", html.encode(), "no_paragraph_run", split, lang=lang
    )


def _stub(maker: PageMaker, kind: str, number: int, split: str) -> Response:
    lang, title, text = STUBS[number % len(STUBS)]
    html = f"<html><body><h1>{title}</h1><p>{text}</p></body></html>"
    url = f"https://blog2-{lang.lower()}.example/soon{number or ''}.html"
    return _response(maker, kind, url, html.encode(), "too_short", split, lang=lang)
