"""Response records as WARC files, and the line of truth about each."""

import gzip
from collections.abc import Sequence
from typing import Any

from skypile.sample.copies import NEAR
from skypile.sample.pages import CRAWLED, Response

LOW = ("spam", "word_salad")
DEBATABLE = ("forum", "notice")  # what one wants of them is a matter of taste


def warc_file(group: Sequence[Response], name: str, *, cut_off: bool) -> bytes:
    """A file: a warcinfo record, then request and response of each; cut_off: in its last record."""
    pack = _gzip if name.endswith(".gz") else bytes
    info = f"software: skypile sample\r\nformat: WARC File Format 1.1\r\nfile: {name}\r\n".encode()
    members = [pack(_warc("warcinfo", "application/warc-fields", info, name, None, CRAWLED))]
    for response in group:
        members += [pack(_request(response)), pack(_record(response))]
    if cut_off:
        members[-1] = members[-1][: len(members[-1]) // 2]
    return b"".join(members)


def truth(group: Sequence[Response], file: str) -> list[dict[str, Any]]:
    """A line of truth for each response of a file; see the package's documentation."""
    return [
        {"file": file, "ordinal": 2 * i + 2, **line_of_truth(response)}
        for i, response in enumerate(group)
    ]


def line_of_truth(r: Response) -> dict[str, Any]:
    """What is known about one record, file and place aside."""
    gold = r.gold_text
    return {
        **{"record_id": r.record_id, "url": r.url, "host": r.url.split("/")[2], "kind": r.kind},
        **{"split": r.split, "expect": expectations(r), "lang": r.lang},
        "charset": r.charset.name if r.charset else None,
        "declared": {"header": r.charset.header, "meta": r.charset.meta} if r.charset else None,
        **{"template": r.template, "broken": r.meta or None},
        "article": r.article.id if r.article else None,
        "generator": r.article.generator if r.article else None,
        "quality": r.article.quality if r.article else None,
        **{"family": r.family, "copy_of": r.copy_of, "degree": r.degree, "jaccard": r.jaccard},
        "boilerplate": [
            {"intent": p.kind, "wording": p.wording, "block": _block(r, p.text), "text": p.text}
            for p in r.planted
            if p.group == "boilerplate" and gold is not None
        ],
        "personal": _spans(r, "personal"),
        "decoys": _spans(r, "decoy"),
        "python": r.python,
        "blocks": [[b.kind, b.text] for b in r.article.blocks] if r.article and gold else None,
        "gold_text": gold,
    }


def expectations(r: Response) -> dict[str, str | None]:
    """What each stage should make of a record; None where the sample does not say."""
    if r.expect != "kept" or r.article is None:
        return {"extract": r.expect}
    chinese = r.article.lang.startswith(("zh", "yue", "lzh"))
    near = r.jaccard is not None and r.jaccard >= NEAR
    quality = r.article.quality
    return {
        "extract": "kept",
        "language": "zh" if chinese else "en" if r.article.lang == "en" else "other",
        "dedup": "duplicate" if near else "distinct",
        "quality": "low" if quality in LOW else None if quality in DEBATABLE else "high",
    }


def _block(r: Response, text: str) -> int:
    assert r.article
    return [b.text for b in r.article.blocks].index(text)


def _spans(r: Response, group: str) -> list[dict[str, Any]]:
    gold = r.gold_text
    if gold is None:
        return []
    return [
        {"kind": p.kind, "start": gold.index(p.text), "end": gold.index(p.text) + len(p.text)}
        | {"text": p.text}
        for p in r.planted
        if p.group == group
    ]


def _request(response: Response) -> bytes:
    _, _, host, path = response.url.split("/", 3)
    block = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    name = "req-" + response.record_id
    mime = "application/http; msgtype=request"
    return _warc("request", mime, block, name, response.url, response.crawled)


def _record(response: Response) -> bytes:
    http = (
        f"HTTP/1.1 {response.status}\r\nContent-Type: {response.content_type}\r\n"
        f"Content-Length: {len(response.body)}\r\n\r\n"
    ).encode() + response.body
    mime = "application/http; msgtype=response"
    return _warc("response", mime, http, response.record_id, response.url, response.crawled)


def _warc(kind: str, mime: str, block: bytes, name: str, url: str | None, date: str) -> bytes:
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{name}>\r\n"
        f"WARC-Date: {date}\r\n{target}Content-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)
