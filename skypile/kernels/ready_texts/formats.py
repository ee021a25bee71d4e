"""The formats of ready text: a stream's lines, rows, records or pages, each not yet judged.

Each format is a generator of `Item`s. What is wrong with one item is found when it is parsed and
concerns that item; what is wrong with the stream goes into the slice's `damages`.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from skypile.kernels.reading import charset, streams, warc
from skypile.kernels.reading.members import Damage
from skypile.kernels.reading.pages import printable_url
from skypile.kernels.ready_texts import ready
from skypile.kernels.ready_texts.parquet import parquet_rows
from skypile.kernels.ready_texts.ready import Ready, Reject
from skypile.kernels.text.dates import parse_timestamp
from skypile.kernels.wiki.wikidump import DumpReader, Page
from skypile.kernels.wiki.wikipedia import article, passed_over

SPOOL_BYTES = 64 << 20  # a Parquet file above it is read from a temporary file, not from memory


@dataclass(frozen=True)
class Item:
    """A row, line, record or file of the input, before it is judged."""

    ordinal: int
    offset: int
    parse: Callable[[], Ready | Reject]
    payload: bytes | None = None  # None: the text stands for it
    payload_bytes: int | None = None
    passed_over: str | None = None  # the kind, of what is no text at all
    record: warc.Record | None = None


@dataclass
class Slice:
    """What a format needs to know to read one slice, and the damage that it met.

    start: byte of the file. first_ordinal: number in the file of what is there. fields, blocks and
    language as the source's configuration has them.
    """

    start: int = 0
    first_ordinal: int = 0
    max_record_bytes: int = 64 << 20
    max_replaced_fraction: float = 0.01
    fields: Mapping[str, str] = field(default_factory=dict)
    blocks: str = "lines"
    language: str | None = None
    variant: str | None = None
    damages: list[Damage] = field(default_factory=list)

    def document(self, row: Any) -> Ready | Reject:
        """The document in a row of a data file."""
        return ready.from_row(row, self.fields, self.blocks)

    def wanted(self) -> tuple[tuple[str, ...], ...]:
        """The fields of a row that it needs: for each column those that may fill it."""
        return tuple((self.fields.get(c, c),) for c in ready.COLUMNS)


def jsonl(stream: Any, this: Slice) -> Iterator[Item]:
    """JSON lines: one object a line."""
    packed = streams.Unpacked(stream) if this.start == 0 else None
    for line in streams.lines(
        packed or stream,
        start=this.start,
        first_ordinal=this.first_ordinal,
        max_bytes=this.max_record_bytes,
    ):
        data = line.data
        cut = packed is not None and packed.broken is not None  # only ever the last line

        def parse(data: bytes | None = data, cut: bool = cut, size: int = line.size) -> Any:
            if data is None:
                return Reject("too_large", f"{size:,} bytes")
            if cut:
                return Reject("truncated_record", "the file ends in this line")
            return this.document(ready.parse_json(data))

        blank = data is not None and not data.strip()
        kind = "blank_line" if blank else None
        yield Item(line.ordinal, line.offset, parse, data, line.size, passed_over=kind)
    if packed and packed.broken:
        this.damages.append(Damage(0, "truncated_record", packed.broken))


def parquet(stream: Any, this: Slice) -> Iterator[Item]:
    """Parquet: one row a document. Read whole: its table of contents is at its end."""
    with _spooled(stream) as file:
        rows = parquet_rows(file, this.wanted(), this.max_record_bytes)
        for ordinal, row in enumerate(rows):

            def parse(row: Any = row) -> Ready | Reject:
                return this.document(row)

            yield Item(ordinal, 0, parse)


@contextmanager
def _spooled(stream: Any) -> Iterator[Any]:
    head = stream.read(SPOOL_BYTES)
    more = stream.read(streams.READ_BYTES)
    if not more:
        yield pa.BufferReader(head)
        return
    with tempfile.NamedTemporaryFile(prefix="skypile-parquet-") as file:
        file.write(head)
        while more:
            file.write(more)
            more = stream.read(streams.READ_BYTES)
        file.flush()
        with pa.memory_map(file.name) as mapped:
            yield mapped


def text(stream: Any, this: Slice) -> Iterator[Item]:
    """A file of plain text in any charset."""
    unpacked = streams.Unpacked(stream)
    most = this.max_record_bytes
    data = streams.up_to(unpacked, most + 1)
    size = len(data)

    def parse() -> Ready | Reject:
        if size > most:
            return Reject("too_large", f"more than {most:,} bytes")
        if unpacked.broken:
            return Reject("truncated_record", unpacked.broken)
        share = this.max_replaced_fraction
        decoded = charset.decode(data, None, max_replaced_fraction=share)
        if decoded is None:
            return Reject("undecodable", "no charset fits")
        return ready.from_text(decoded.text, this.blocks)

    if unpacked.broken:
        this.damages.append(Damage(0, "truncated_record", unpacked.broken))
    yield Item(0, 0, parse, data, size)


def wet(stream: Any, this: Slice) -> Iterator[Item]:
    """WET: the plain text of crawled pages (`conversion` records), its lines as blocks."""
    reader = warc.WarcReader(
        stream,
        start=this.start,
        first_ordinal=this.first_ordinal,
        max_record_bytes=this.max_record_bytes,
        want=frozenset({"conversion"}),
    )
    for record in reader:

        def parse(record: warc.Record = record) -> Ready | Reject:
            if record.problem:
                return Reject(record.problem, record.detail or "")
            try:
                body = record.payload.decode()
            except UnicodeDecodeError as e:
                return Reject("invalid_utf8", f"byte {e.start}: {e.reason}")
            return ready.from_text(body, this.blocks, url=printable_url(record.url))

        yield Item(
            record.ordinal,
            record.offset,
            parse,
            record.payload,
            record.payload_bytes,
            passed_over=None if record.type == "conversion" else record.type,
            record=record,
        )
    this.damages += reader.damages


def wikipedia(stream: Any, this: Slice) -> Iterator[Item]:
    """A Wikipedia dump: an article a page; other namespaces and redirects are passed over."""
    assert this.language
    language = this.language
    reader = DumpReader(
        stream,
        start=this.start,
        first_ordinal=this.first_ordinal,
        max_page_bytes=this.max_record_bytes,
    )
    for page in reader:

        def parse(page: Page = page) -> Ready | Reject:
            found = article(page, language, variant=this.variant)
            if found.reason:
                return Reject(found.reason, page.detail or page.title)
            stamp = parse_timestamp(page.timestamp)
            return Ready(
                found.blocks,
                title=found.title,
                url=f"https://{language}.wikipedia.org/wiki/{quote(page.title.replace(' ', '_'))}",
                date=stamp.date() if stamp else None,
                id=None if page.id is None else str(page.id),
                cited_urls=found.cited_urls,
            )

        kind = None if page.problem else passed_over(page, language)
        yield Item(page.ordinal, page.offset, parse, page.text.encode(), passed_over=kind)
    this.damages += reader.damages


FORMATS: dict[str, Callable[[Any, Slice], Iterator[Item]]] = {
    "jsonl": jsonl,
    "parquet": parquet,
    "text": text,
    "wet": wet,
    "wikipedia": wikipedia,
}
