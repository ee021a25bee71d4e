"""The raw page of a document, read again from its archive: shown on request only."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow.compute as pc

from skypile.files import Root
from skypile.hashing import SliceReader
from skypile.kernels.reading import charset, warc
from skypile.kernels.reading.pages import html_file
from skypile.look.run import Looked, Part
from skypile.look.samples import Sample, find
from skypile.look.shown import masked_html, short

RAW_CHARS = 4_000
_RECORD_BYTES = 64 << 20
_MAX_RECORDS = 10_000  # of one member


def pages_of(run: Looked, shown: Iterable[Sample]) -> dict[str, str]:
    """The beginning of the page of each document that came from a WARC or HTML file, masked, by
    id. An archive that is gone gives no page.
    """
    sources = {s["name"]: s for s in run.reader.record["sources"]}
    ids = sorted({s.doc_id for s in shown if sources[s.source]["format"] in ("warc", "html")})
    found = {}
    for name, pick in find(run.parts, ids).items():
        source = sources[pick.part.source]
        page = _page(Root(source["root"]), source["format"], pick.part, name)
        if page is not None:
            found[name] = short(masked_html(page), RAW_CHARS)
    return found


def _page(root: Root, format_: str, part: Part, doc_id: str) -> str | None:
    records = part.columns("records", ["doc_id", "path", "offset", "record_id"])
    (row,) = records.filter(pc.equal(records["doc_id"], doc_id)).to_pylist()
    size = root.size(row["path"])
    if size is None:
        return None
    with root.open(row["path"]) as stream:
        if format_ == "html":
            record = html_file(stream.read())
        else:
            found = _record(SliceReader(stream, row["offset"], size), row)
            if found is None:
                return None
            record = found
    decoded = charset.decode(record.payload, record.header_charset, max_replaced_fraction=1.0)
    return decoded.text if decoded else None


def _record(stream: Any, row: Mapping[str, Any]) -> warc.Record | None:
    """The record, which is the first behind its offset, or inside the member that begins there."""
    reader = warc.WarcReader(
        stream,
        start=row["offset"],
        first_ordinal=0,
        max_record_bytes=_RECORD_BYTES,
        file_head=stream.file_head,
    )
    near = itertools.islice(reader, _MAX_RECORDS)
    same = (r for r in near if r.type == "response" and r.record_id == row["record_id"])
    return next(same, None)
