"""The pages of a MediaWiki XML dump (`pages-articles*.xml`, .gz, .bz2, multistream .bz2), in order.

The stream only has to offer `read`, and is read once. MediaWiki escapes `<` in all text, so pages
are found by their tags, and each is parsed by lxml, alone: a page that is no XML costs that page.
No entities but XML's own exist there, since a page cannot declare any. After damage, reading goes
on with the next page; inside a bzip2 stream, with the next stream. So a range cut at `boundaries`
yields what the whole file yields there, of a damaged file too.

The schema: https://www.mediawiki.org/xml/export-0.11.xsd. Left out: all revisions but the last of
a page (dumps of articles have one), contributors, the site's list of namespaces, and what follows
damage inside a gzip file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from skypile.kernels.reading.members import Damage
from skypile.kernels.wiki.wikistream import Readable, XmlText

_TAG = re.compile(rb"<(/?)page>")
_LONGEST_TAG = 7
_HEAD = 64 << 10  # bytes that are looked at of a broken page, and of what stands before a page
_FIELDS = {
    name: re.compile(rb"<%b>([^<]{0,1000})</%b>" % (name.encode(), name.encode()))
    for name in ("title", "ns", "id", "timestamp")
}


@dataclass(frozen=True)
class Page:
    """One page. problem: None, `malformed_record`, `truncated_record` or `too_large`; then the
    text is empty, and the other fields are what could be made out.
    """

    ordinal: int  # counts all pages of the file, of every namespace
    offset: int  # byte where it starts; compressed: where its bzip2 stream or gzip member does
    id: int | None
    ns: int | None
    title: str
    redirect: str | None  # the title that it leads to
    revision_id: int | None
    timestamp: str | None  # of the revision, ISO 8601 as MediaWiki writes it
    text: str  # wikitext
    problem: str | None
    detail: str | None  # what exactly the problem is


_EMPTY = Page(0, 0, None, None, "", None, None, None, "", None, None)


class DumpReader:
    """Iterates over the pages of `stream`, which begins with page `first_ordinal` of its file, at
    byte `start`. Bad data never raise: they become `damages` and the `problem` of pages.

    max_page_bytes: longer pages are `too_large`. (MediaWiki takes no article above 2 MiB, of which
    XML's escapes may make 12.) Memory is bounded by a small multiple of it. pages: so far.
    at_cut_point: whether a range may begin with the last page.
    """

    def __init__(
        self,
        stream: Readable,
        *,
        start: int = 0,
        first_ordinal: int = 0,
        max_page_bytes: int = 16 << 20,
    ) -> None:
        self.damages: list[Damage] = []
        self.pages, self.at_cut_point = 0, False
        self._first, self._max = first_ordinal, max_page_bytes
        self._text = XmlText(stream, start)

    def __iter__(self) -> Iterator[Page]:
        text = self._text
        while True:
            while page := self._page():
                self.pages += 1
                yield page
            if not text.fault:
                break
            self.damages.append(text.fault)
            text.clear()
        if not (self.pages or self.damages):
            self.damages.append(Damage(text.start, "not_a_dump", "there is no <page>"))

    def _page(self) -> Page | None:
        """The next page; None at the end, or where what can be read of it ends."""
        text, between = self._text, _Between()
        while not text.data and text.fill():
            pass
        start, _ = text.place()
        while not (found := _TAG.search(text.data)) or found[1]:
            between.add(text, found.end() if found else len(text.data) - _LONGEST_TAG)
            if not found and not text.fill():
                between.add(text, len(text.data))
                break
        if found:
            between.add(text, found.start())
        if between.bytes and not between.known() and not text.fault:
            detail = f"{between.bytes:,} bytes that are no page"
            self.damages.append(Damage(start, "malformed_record", detail))
        if not found:
            return None
        offset, self.at_cut_point = text.place()
        return self._body(offset)

    def _body(self, offset: int) -> Page:
        """The page in front, whose tag is there; it is dropped from the text."""
        text, at, head, size = self._text, _LONGEST_TAG - 1, b"", 0
        empty = replace(_EMPTY, ordinal=self._first + self.pages, offset=offset)
        while not (found := _TAG.search(text.data, at)):
            at = max(at, len(text.data) - _LONGEST_TAG)
            if size + len(text.data) > self._max:
                head = head or bytes(text.data[:_HEAD])
                size += at
                text.drop(at)
                at = 0
            if not text.fill():
                break
        closed = found is not None and bool(found[1])  # a match reads what the buffer holds now
        end = (found.end() if closed else found.start()) if found else len(text.data)
        data, size = head or bytes(text.data[:end]), size + end
        text.drop(end)
        if not found:
            return self._broken(empty, data, "truncated_record", f"{size:,} bytes without an end")
        if not closed:
            return self._broken(empty, data, "malformed_record", "another page begins inside it")
        if size > self._max:
            return _salvaged(empty, data, "too_large", f"{size:,} bytes")
        try:
            return _parsed(empty, data)
        except (etree.XMLSyntaxError, ValueError) as error:
            return self._broken(empty, data, "malformed_record", str(error)[:200])

    def _broken(self, page: Page, data: bytes, problem: str, detail: str) -> Page:
        if not self._text.fault:  # else that is the cause, and is noted itself
            self.damages.append(Damage(page.offset, problem, detail))
        return _salvaged(page, data, problem, detail)


class _Between:
    """What stands between two pages: how many bytes up to the last that is no space."""

    def __init__(self) -> None:
        self.bytes, self._seen, self._begin = 0, 0, b""

    def add(self, text: XmlText, size: int) -> None:
        """Take it from the front of the text."""
        data = bytes(text.data[: max(0, size)])
        self._begin += data[: _HEAD - len(self._begin)]
        if solid := data.rstrip():
            self.bytes = self._seen + len(solid)
        self._seen += len(data)
        text.drop(len(data))

    def known(self) -> bool:
        """Whether it is the head or the end of a dump."""
        rest = self._begin.strip().removeprefix(b"</mediawiki>").lstrip()
        return not rest or (rest.startswith((b"<mediawiki", b"<?xml")) and self.bytes < _HEAD)


def boundaries(stream: Readable, every_bytes: int) -> list[tuple[int, int]]:
    """(offset, ordinal) of the first page at or after each multiple of `every_bytes` where the file
    can be cut, but for page 0; as `warc.record_boundaries`. Reads the stream, a whole file, to its
    end. A plain file can be cut at every page, a compressed one where a page begins a stream.
    """
    reader, points, due = DumpReader(stream), [], every_bytes
    for page in reader:
        if page.ordinal and page.offset >= due and reader.at_cut_point:
            points.append((page.offset, page.ordinal))
            due = (page.offset // every_bytes + 1) * every_bytes
    return points


def _parsed(page: Page, data: bytes) -> Page:
    """Raises: XMLSyntaxError: it is no XML. ValueError: it is no page of MediaWiki's."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(data, parser)
    values: dict[str, Any] = {c.tag: c for c in root}
    revision = {c.tag: c.text for c in values["revision"]} if "revision" in values else {}
    if "title" not in values or "text" not in revision:
        raise ValueError("no title or no text")
    if len(values["revision"].find("text")):
        raise ValueError("elements in the text")
    redirect = values["redirect"].get("title", "") if "redirect" in values else None
    return replace(
        page,
        id=_number(root.findtext("id")),
        ns=_number(root.findtext("ns")),
        title=root.findtext("title") or "",
        redirect=redirect,
        revision_id=_number(revision.get("id")),
        timestamp=revision.get("timestamp"),
        text=revision["text"] or "",
        detail=None,
    )


def _salvaged(page: Page, data: bytes, problem: str, detail: str) -> Page:
    """What can be made out of a page that is not parsed."""
    found = {k: m[1].decode("utf8", "replace") for k, p in _FIELDS.items() if (m := p.search(data))}
    title = re.sub("&(amp|lt|gt|quot);", lambda m: _ESCAPES[m[1]], found.get("title", ""))
    return replace(
        page,
        id=_number(found.get("id")),
        ns=_number(found.get("ns")),
        title=title,
        timestamp=found.get("timestamp"),
        problem=problem,
        detail=detail,
    )


_ESCAPES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}


def _number(text: str | None) -> int | None:
    plain = (text or "").strip()
    return int(plain) if re.fullmatch("-?[0-9]{1,18}", plain) else None
