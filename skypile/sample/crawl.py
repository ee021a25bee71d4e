"""The sample as WARC files, with a line of truth for each response record.

Same seed, same bytes. About 60 pages: articles in English, simplified and traditional Chinese and
other languages, in several templates and charsets; exact and near mirrors; what every crawl has:
redirects, missing pages, files that are not HTML, empty pages, a record fetched twice, a page
from after the cut-off date; and a file that ends in the middle of a record.
"""

import gzip
import hashlib
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skypile.sample.articles import Article, articles
from skypile.sample.templates import TEMPLATES, render

CRAWLED = "2023-06-20T08:00:00Z"
CRAWLED_LATE = "2023-08-02T08:00:00Z"  # after the paper's cut-off, 2023-06-30


@dataclass(frozen=True)
class Response:
    """One response record and the truth about it. `expect` is "kept" or a reason of `extract`."""

    url: str
    body: bytes
    kind: str
    expect: str
    status: str = "200 OK"
    content_type: str = "text/html"
    crawled: str = CRAWLED
    article: str | None = None
    lang: str | None = None
    charset: str | None = None
    template: str | None = None
    copy_of: str | None = None
    gold_text: str | None = None
    record_id: str = ""


def write_sample(out: Path, *, seed: int = 0) -> dict[str, int]:
    """Write `sample-NNNNN.warc[.gz]` and `truth.jsonl` to a folder; records and files written."""
    out.mkdir(parents=True, exist_ok=True)
    responses, twice = make_responses(seed)
    files = [responses[i::3] for i in range(3)]
    files[2].append(twice)  # behind its first copy, in the order of files and records
    # The record that is cut off must be one whose loss no other expectation depends on.
    copied = {r.copy_of for r in responses} | {twice.url}
    cut = next(
        i
        for i, r in enumerate(files[2])
        if r.kind == "page" and r.lang == "en" and r.url not in copied
    )
    files[2].append(files[2].pop(cut))
    files[2][-1] = replace(files[2][-1], kind="cut_off", expect="truncated_record", gold_text=None)
    truth: list[dict[str, Any]] = []
    for number, group in enumerate(files):
        name = f"sample-{number:05d}.warc" + ("" if number == 1 else ".gz")
        data = b"".join(_members(group, name, compress=number != 1))
        if number == 2:
            last = _record(group[-1])
            data = data[: len(data) - len(_gzip(last)) // 2]
        (out / name).write_bytes(data)
        truth += [_truth(r, name) for r in group]
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in truth)
    (out / "truth.jsonl").write_text(lines, encoding="utf8")
    return {"records": len(truth), "files": len(files)}


def make_responses(seed: int) -> tuple[list[Response], Response]:
    """Every response record of the sample, shuffled by the seed, and one that occurs again."""
    rng = random.Random(f"skypile sample {seed}")
    english, hans, hant = articles("en"), articles("zh_hans"), articles("zh_hant")
    pages = [
        *_pages(english[:13], ["utf-8", "windows-1252"], rng),
        *_pages(hans[:12], ["utf-8", "gb2312", "gbk", "gb18030"], rng),
        *_pages(
            (*hant[:6], *(a for a in hant if a.lang in ("yue", "lzh"))), ["utf-8", "big5"], rng
        ),
        *_pages(_others(), ["utf-8", "shift_jis"], rng),
    ]
    responses = [
        *pages,
        *(_mirror(p, i) for i, p in enumerate([pages[0], pages[15], pages[27]])),
        *(_near_mirror(p, i, rng) for i, p in enumerate(_utf8(pages, "en")[1:3])),
        *(_near_mirror(p, i, rng) for i, p in enumerate(_utf8(pages, "zh-Hans")[1:3], 2)),
        *_furniture(),
        *_late(english[13], hans[12], rng),
    ]
    rng.shuffle(responses)
    twice = replace(pages[2], kind="fetched_twice", expect="duplicate_record")
    named = [replace(r, record_id=_record_id(seed, r)) for r in responses]
    return named, replace(twice, record_id=_record_id(seed, twice))


def _others() -> tuple[Article, ...]:
    """One article of each other language, and two in Japanese for its charsets."""
    chosen: list[Article] = []
    for article in articles("other"):
        if sum(a.lang == article.lang for a in chosen) < (2 if article.lang == "ja" else 1):
            chosen.append(article)
    return tuple(chosen)


def _record_id(seed: int, response: Response) -> str:
    name = f"{seed}/{response.url}" + ("" if response.kind != "mirror" else "/mirror")
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def _pages(group: tuple[Article, ...], charsets: list[str], rng: random.Random) -> list[Response]:
    names = list(TEMPLATES)
    made = []
    for i, article in enumerate(group):
        charset = next(
            c for c in [*charsets[i % len(charsets) :], *charsets] if _encodes(article, c)
        )
        template = names[(i + len(article.id)) % len(names)]
        # Declared in the header, in the page, in both, or nowhere.
        where = ("header", "meta", "both", "none")[i % 4] if charset != "utf-8" else "both"
        made.append(_page(article, template, charset, where, i, rng))
    return made


def _encodes(article: Article, charset: str) -> bool:
    try:
        (article.title + article.gold_text).encode(_codec(charset))
    except UnicodeEncodeError:
        return False
    return True


def _codec(charset: str) -> str:
    return {"big5": "big5hkscs", "shift_jis": "cp932"}.get(charset, charset)


def _page(
    article: Article, template: str, charset: str, where: str, number: int, rng: random.Random
) -> Response:
    host = f"{template.replace('_', '-')}{number % 3 + 1}.{article.lang.lower()}.example"
    meta = f'<meta charset="{charset}">\n' if where in ("meta", "both") else ""
    others = [a.title for a in _same_file(article) if a.id != article.id]
    html = render(
        template,
        article,
        date=f"2023-0{number % 5 + 1}-{number % 27 + 1:02d}",
        meta=meta,
        related=rng.sample(others, 5),
    )
    header = f"; charset={charset}" if where in ("header", "both") else ""
    return Response(
        url=f"https://{host}/{article.id}.html",
        body=html.encode(_codec(charset), "xmlcharrefreplace"),
        kind="page",
        expect="kept",
        content_type=f"text/html{header}",
        article=article.id,
        lang=article.lang,
        charset=charset,
        template=template,
        gold_text=article.gold_text,
    )


def _same_file(article: Article) -> tuple[Article, ...]:
    name = {
        "en": "en",
        "zh-Hans": "zh_hans",
        "zh-Hant": "zh_hant",
        "yue": "zh_hant",
        "lzh": "zh_hant",
    }.get(article.lang, "other")
    return articles(name)


def _utf8(pages: list[Response], lang: str) -> list[Response]:
    return [p for p in pages if p.charset == "utf-8" and p.lang == lang]


def _mirror(page: Response, number: int) -> Response:
    return replace(
        page,
        url=f"https://mirror{number}.example/{page.article}.html",
        kind="mirror",
        copy_of=page.url,
    )


def _near_mirror(page: Response, number: int, rng: random.Random) -> Response:
    """The page with one paragraph less and a sentence of its own at the end."""
    assert page.gold_text
    gone = rng.choice(page.gold_text.split("\n")[1:])
    added = (
        "转载自网络，文字略有改动，图片请见原文。"
        if page.lang == "zh-Hans"
        else ("This copy was shortened a little and first appeared elsewhere under the same title.")
    )
    from html import escape

    html = page.body.decode("utf8").replace(escape(gone), added, 1)
    return replace(
        page,
        url=f"https://copies.example/{number}/{page.article}.html",
        body=html.encode(),
        kind="near_mirror",
        copy_of=page.url,
        gold_text=page.gold_text.replace(gone, added, 1),
    )


def _furniture() -> list[Response]:
    """What every crawl brings home besides pages of text."""
    menu = render_menu()
    return [
        Response(
            "https://news1.en.example/old.html",
            b"",
            "redirect",
            "http_error",
            status="301 Moved Permanently",
        ),
        Response(
            "https://news1.en.example/gone.html",
            b"<html><body><h1>Not found</h1></body></html>",
            "missing",
            "http_error",
            status="404 Not Found",
        ),
        Response(
            "https://blog1.en.example/paper.pdf",
            b"%PDF-1.7\n" + bytes(range(256)) * 4,
            "pdf",
            "not_html",
            content_type="application/pdf",
        ),
        Response(
            "https://blog1.en.example/feed.json",
            b'{"items": []}',
            "json",
            "not_html",
            content_type="application/json",
        ),
        Response("https://forum1.zh-hans.example/blank.html", b"", "blank", "empty"),
        Response(
            "https://forum1.zh-hans.example/noise.html",
            b"\x89PNG\r\n\x1a\n" + hashlib.shake_256(b"noise").digest(4096),
            "noise",
            "undecodable",
        ),
        Response("https://news2.en.example/", menu, "menu", "no_paragraph_run", lang="en"),
        Response(
            "https://blog2.zh-hans.example/soon.html",
            "<html><body><h1>建设中</h1><p>本页面正在建设，敬请期待。</p></body></html>".encode(),
            "stub",
            "too_short",
            lang="zh-Hans",
        ),
    ]


def render_menu() -> bytes:
    """A front page: links and teasers, no text."""
    titles = "".join(f"<li><a href='/{a.id}'>{a.title}</a></li>" for a in articles("en")[:6])
    return f"<html><head><title>Front</title></head><body><ul>{titles}</ul></body></html>".encode()


def _late(english: Article, hans: Article, rng: random.Random) -> list[Response]:
    """Pages fetched after the cut-off: one written before it, one after."""
    early = _page(english, "news", "utf-8", "both", 3, rng)
    late = _page(hans, "news", "utf-8", "both", 3, rng)
    body = late.body.replace(b"2023-04-04", b"2023-07-14")
    return [
        replace(early, kind="fetched_late", crawled=CRAWLED_LATE),
        replace(
            late,
            body=body,
            kind="late",
            crawled=CRAWLED_LATE,
            expect="after_cutoff",
            gold_text=None,
        ),
    ]


def _truth(response: Response, file: str) -> dict[str, Any]:
    fields = (
        "record_id",
        "url",
        "kind",
        "expect",
        "article",
        "lang",
        "charset",
        "template",
        "copy_of",
        "gold_text",
    )
    return {"file": file, **{f: getattr(response, f) for f in fields}}


def _members(group: list[Response], name: str, *, compress: bool) -> list[bytes]:
    pack = _gzip if compress else bytes
    info = f"software: skypile sample\r\nformat: WARC File Format 1.1\r\nfile: {name}\r\n".encode()
    records = [_warc("warcinfo", "application/warc-fields", info, name, None, CRAWLED)]
    for response in group:
        path = response.url.split("/", 3)[3]
        request = f"GET /{path} HTTP/1.1\r\nHost: {response.url.split('/')[2]}\r\n\r\n".encode()
        records.append(
            _warc(
                "request",
                "application/http; msgtype=request",
                request,
                "req-" + response.record_id,
                response.url,
                response.crawled,
            )
        )
        records.append(_record(response))
    return [pack(r) for r in records]


def _record(response: Response) -> bytes:
    http = (
        f"HTTP/1.1 {response.status}\r\nContent-Type: {response.content_type}\r\n"
        f"Content-Length: {len(response.body)}\r\n\r\n"
    ).encode() + response.body
    return _warc(
        "response",
        "application/http; msgtype=response",
        http,
        response.record_id,
        response.url,
        response.crawled,
    )


def _warc(kind: str, mime: str, block: bytes, name: str, url: str | None, date: str) -> bytes:
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{name}>\r\n"
        f"WARC-Date: {date}\r\n{target}Content-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)
