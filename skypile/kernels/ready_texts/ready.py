"""Ready text: rows of data files and whole texts to blocks, or to the reason why not."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from skypile.kernels.text.dates import parse_date
from skypile.kernels.text.scripts import wide_chars

COLUMNS = ("text", "url", "title", "date", "id")  # what a field map may name
# Separators that no text needs; tabs stay, and line ends are handled before.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff]")
_LINE_END = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Ready:
    """A document as its file has it: blocks without line ends, none of them blank."""

    blocks: tuple[str, ...]
    title: str | None = None
    url: str | None = None
    date: datetime.date | None = None
    id: str | None = None
    cited_urls: tuple[str, ...] | None = None  # of encyclopedias
    repository: str | None = None  # of code
    licence: str | None = None  # as the input names it
    charset: str | None = None
    charset_source: str | None = None


@dataclass(frozen=True)
class Reject:
    """Why there is none: a reason of stage `ingest`, and what exactly."""

    reason: str
    detail: str


def blocks_of(text: str, mode: str = "lines") -> tuple[str, ...]:
    """The blocks of a text: its lines that are not blank, without white space at their ends and
    without control characters.

    mode: `paragraphs` takes the lines between two blank ones as one block, for hard-wrapped texts;
    they are joined by a space, or by nothing where a side of the seam is Han, kana or their
    punctuation.
    """
    lines = [_CONTROLS.sub("", line).rstrip() for line in _LINE_END.split(text)]
    if mode == "lines":
        return tuple(line for line in lines if line and not line.isspace())
    blocks: list[list[str]] = [[]]
    for line in map(str.strip, lines):
        if line:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return tuple(_joined(block) for block in blocks if block)


def _joined(lines: list[str]) -> str:
    out = lines[0]
    for line in lines[1:]:
        out += line if _unspaced(out[-1]) or _unspaced(line[0]) else " " + line
    return out


def _unspaced(char: str) -> bool:
    wide_form = "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uff60"
    return (wide_form or wide_chars(char) == 1) and not "\uac00" <= char <= "\ud7a3"


def parse_json(data: bytes) -> Any:
    """The value of one line of JSON, or a Reject: `invalid_utf8`, `bad_json`."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as e:
        why = str(e)
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        return Reject("invalid_utf8", f"byte {e.start}: {e.reason}")
    return _parse_leniently(text, why)


def _parse_leniently(text: str, why: str) -> Any:
    """What Python's writer makes and the standard forbids: NaN, lone surrogates (judged later)."""
    import json

    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return Reject("bad_json", why)


def from_row(row: Any, fields: Mapping[str, str], mode: str) -> Ready | Reject:
    """The document in a row (parsed JSON, or a mapping of a Parquet row).

    fields: column to field, dots reach into objects (`meta.url`); columns that are not in it are
    filled from the field of their own name. Only the text must be there: a string, or a list of
    strings. What a row gives for another column must be a string or a number (a date: `date`).
    """
    if isinstance(row, Reject):
        return row
    if not isinstance(row, Mapping):
        return Reject("wrong_type", f"the row is {json_kind(row)}, not an object")
    text = value_at(row, fields.get("text", "text"))
    if text is None:
        return Reject("missing_field", f"no text in {fields.get('text', 'text')!r}")
    if isinstance(text, list) and all(isinstance(t, str) for t in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        return Reject(
            "wrong_type", f"{fields.get('text', 'text')!r} is {json_kind(text)}, not text"
        )
    named: dict[str, str | None] = {}
    for column in ("url", "title", "id"):
        value = value_at(row, fields.get(column, column))
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            field = fields.get(column, column)
            return Reject("wrong_type", f"{field!r} is {json_kind(value)}, not text")
        named[column] = None if value is None else str(value)
    date = parse_date(value_at(row, fields.get("date", "date")))
    return from_text(text, mode, date=date, **named)


def from_text(text: str, mode: str, **named: Any) -> Ready | Reject:
    """The document of a text, with what is known beside it."""
    for name, value in [("text", text), *named.items()]:
        if isinstance(value, str) and (at := lone_surrogate(value)) is not None:
            return Reject("lone_surrogate", f"{name}, character {at:,}: U+{ord(value[at]):04X}")
    blocks = blocks_of(text, mode)
    return Ready(blocks, **named) if blocks else Reject("empty", "no text but white space")


def lone_surrogate(text: str) -> int | None:
    """Where a text has half of a surrogate pair, which is no character; None where it has none."""
    found = _SURROGATE.search(text)
    return found.start() if found else None


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """What a row has in a field, dots reaching into objects; None where it has none."""
    if path in row:  # a field may have a dot in its name
        return row[path]
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


_JSON_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int | float, "a number"),
    (list | tuple, "a list"),
    (Mapping, "an object"),
    (bytes, "bytes"),
)


def json_kind(value: Any) -> str:
    """What a value of JSON is, for messages."""
    return next((n for t, n in _JSON_KINDS if isinstance(value, t)), type(value).__name__)
