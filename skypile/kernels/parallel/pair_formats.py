"""The formats of parallel text: TMX, tab-separated and JSON lines of pairs, and JSON lines of whole
documents, which are aligned by paragraph. Each is a generator of `PairItem`s.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skypile.kernels.parallel import gale_church, tmx
from skypile.kernels.parallel.pair_text import joined, paragraph
from skypile.kernels.reading import streams
from skypile.kernels.reading.members import Damage
from skypile.kernels.ready_texts import ready
from skypile.kernels.ready_texts.ready import Reject
from skypile.kernels.text.dates import parse_date

COLUMNS = ("en", "zh", "url", "title", "date", "id")  # what a field map may name
# Heads of tab-separated files, which have a line of names or none.
_HEADS = {"en", "eng", "english", "source", "src", "zh", "zho", "chinese", "target", "tgt"}


@dataclass(frozen=True)
class Pair:
    """Two sides, a line each, neither blank."""

    english: str
    chinese: str
    title: str | None = None
    url: str | None = None
    date: datetime.date | None = None
    id: str | None = None


@dataclass(frozen=True)
class PairItem:
    """A line, unit or paragraph of the input: a pair, a reject, or passed over as of a kind."""

    ordinal: int
    offset: int
    bytes: int
    found: Pair | Reject | None
    passed_over: str | None = None


@dataclass
class PairSlice:
    """What a format needs to know to read one slice, and the damage that it met.

    start: byte of the file. first_ordinal: number in the file of what is there. fields: of a side
    or another column to the field or the number of the column that has it.
    """

    start: int = 0
    first_ordinal: int = 0
    max_record_bytes: int = 64 << 20
    fields: Mapping[str, str] = field(default_factory=dict)
    blocks: str = "lines"
    damages: list[Damage] = field(default_factory=list)


def pairs_tsv(stream: Any, this: PairSlice) -> Iterator[PairItem]:
    """Tab-separated lines, without quotes: English and Chinese in the columns 1 and 2, or those
    that `fields` numbers.
    """
    places = {"en": "1", "zh": "2", **this.fields}
    columns = {name: int(place) - 1 for name, place in places.items()}
    for line, data in _lines(stream, this):
        row = _cells(data, columns) if isinstance(data, bytes) else data
        first = row if line.ordinal == 0 and isinstance(row, dict) else {}
        if first and all(first.get(s, "").strip().lower() in _HEADS for s in ("en", "zh")):
            yield PairItem(line.ordinal, line.offset, line.size, None, "head")
        else:
            yield _item(line, row if row is None else pair_of(row, {}))


def _cells(data: bytes, columns: Mapping[str, int]) -> dict[str, str] | Reject:
    try:
        cells = data.decode().removeprefix("\ufeff").split("\t")
    except UnicodeDecodeError as e:
        return Reject("invalid_utf8", f"byte {e.start}: {e.reason}")
    return {name: cells[i] for name, i in columns.items() if i < len(cells)}


def pairs_jsonl(stream: Any, this: PairSlice) -> Iterator[PairItem]:
    """JSON lines, a pair each."""
    for line, data in _lines(stream, this):
        row = ready.parse_json(data) if isinstance(data, bytes) else data
        yield _item(line, row if data is None else pair_of(row, this.fields))


def _item(line: streams.Line, found: Pair | Reject | None) -> PairItem:
    kind = "blank_line" if found is None else None
    return PairItem(line.ordinal, line.offset, line.size, found, kind)


def _lines(stream: Any, this: PairSlice) -> Iterator[tuple[streams.Line, bytes | Reject | None]]:
    """The lines of a slice, with their bytes, why one cannot be read, or None where it is blank."""
    packed = streams.Unpacked(stream) if this.start == 0 else None
    for line in streams.lines(
        packed or stream,
        start=this.start,
        first_ordinal=this.first_ordinal,
        max_bytes=this.max_record_bytes,
    ):
        if line.data is None:
            yield line, Reject("too_large", f"{line.size:,} bytes")
        elif packed and packed.broken is not None:  # only ever the last line
            yield line, Reject("truncated_record", "the file ends in this line")
        else:
            yield line, line.data if line.data.strip() else None
    if packed and packed.broken:
        this.damages.append(Damage(0, "truncated_record", packed.broken))


def translation_memory(stream: Any, this: PairSlice) -> Iterator[PairItem]:
    """TMX, read whole: a unit without English or without Chinese in it is passed over."""
    for unit in tmx.units(stream, this.max_record_bytes, this.damages):
        found: Pair | Reject
        if unit.too_large:
            found = Reject("too_large", f"{unit.size:,} characters")
        elif unit.english is None or unit.chinese is None:
            yield PairItem(unit.ordinal, unit.offset, unit.size, None, "other_languages")
            continue
        else:
            found = pair_of({"en": unit.english, "zh": unit.chinese, "id": unit.id}, {})
        yield PairItem(unit.ordinal, unit.offset, unit.size, found)


def document_pairs(stream: Any, this: PairSlice) -> Iterator[PairItem]:
    """JSON lines, a document in both languages each, read whole: a pair for each bead of the
    alignment of their paragraphs. A paragraph without a counterpart is `unaligned`.
    """
    ordinal = 0
    for line, data in _lines(stream, this):
        row = ready.parse_json(data) if isinstance(data, bytes) else data
        found: list[Pair | Reject | None] = [None]
        if data is not None:
            found = [*_aligned(row, this, f"line {line.ordinal + 1}")]
        for one in found:
            yield replace(_item(line, one), ordinal=ordinal)
            ordinal += 1


def _aligned(row: Any, this: PairSlice, name: str) -> Iterator[Pair | Reject]:
    read = _texts(row, this.fields)
    if isinstance(read, Reject):
        yield read
        return
    texts, named = read
    english, chinese = (ready.blocks_of(text, this.blocks) for text in texts)
    if not english or not chinese:
        yield _empty("zh" if english else "en")
        return
    named["title"] = named["title"] or named["id"] or named["url"] or name
    try:
        beads = gale_church.align(english, chinese)
    except ValueError as e:
        yield Reject("too_large", str(e))
        return
    for bead in beads:
        left = joined([*english[bead.en : bead.en_end]])
        right = joined([*chinese[bead.zh : bead.zh_end]])
        if left and right:
            yield Pair(left, right, **named)
        else:
            yield Reject("unaligned", f"{name}, {'en' if left else 'zh'}: {(left or right)[:80]}")


def _empty(side: str) -> Reject:
    return Reject("empty", f"no text in {side!r} but white space")


def pair_of(row: Any, fields: Mapping[str, str]) -> Pair | Reject:
    """The pair in a row (a mapping, or a Reject of what could not be read).

    fields: column to field, dots reach into objects. A side is a string, or a list of strings; its
    lines become one. Only the sides must be there.
    """
    read = _texts(row, fields)
    if isinstance(read, Reject):
        return read
    (english, chinese), named = read
    english, chinese = paragraph(english), paragraph(chinese)
    if not english or not chinese:
        return _empty("zh" if english else "en")
    return Pair(english, chinese, **named)


def _texts(row: Any, fields: Mapping[str, str]) -> tuple[list[str], dict[str, Any]] | Reject:
    """Both sides, and the other columns."""
    if isinstance(row, Reject):
        return row
    if not isinstance(row, Mapping):
        return Reject("wrong_type", f"the row is {ready.json_kind(row)}, not an object")
    sides: list[str] = []
    for side in ("en", "zh"):
        name = fields.get(side, side)
        value = ready.value_at(row, name)
        if isinstance(value, list) and all(isinstance(t, str) for t in value):
            value = "\n".join(value)
        if value is None:
            return Reject("missing_field", f"no text in {name!r}")
        if not isinstance(value, str):
            return Reject("wrong_type", f"{name!r} is {ready.json_kind(value)}, not text")
        sides.append(value)
    named: dict[str, Any] = {}
    for column in ("title", "url", "id"):
        value = ready.value_at(row, fields.get(column, column))
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            name = fields.get(column, column)
            return Reject("wrong_type", f"{name!r} is {ready.json_kind(value)}, not text")
        named[column] = None if value is None else str(value)
    for name, text in [("en", sides[0]), ("zh", sides[1]), *named.items()]:
        if text and (at := ready.lone_surrogate(text)) is not None:
            return Reject("lone_surrogate", f"{name}, character {at:,}: U+{ord(text[at]):04X}")
    named["date"] = parse_date(ready.value_at(row, fields.get("date", "date")))
    return sides, named


FORMATS: dict[str, Callable[[Any, PairSlice], Iterator[PairItem]]] = {
    "tmx": translation_memory,
    "pairs_tsv": pairs_tsv,
    "pairs_jsonl": pairs_jsonl,
    "document_pairs": document_pairs,
}
