"""Benchmark files to items: JSON lines, Parquet, CSV, TSV and plain text, packed or not."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from skypile.kernels.decontamination.contamination import Item
from skypile.kernels.reading.streams import READ_BYTES, Unpacked

PACKED = (".gz", ".zst", ".bz2", ".xz", ".lz4")
FORMATS = ("jsonl", "json", "parquet", "csv", "tsv", "txt")
csv.field_size_limit(1 << 30)


def read_items(benchmark: str, path: str, data: bytes, fields: Sequence[str]) -> Iterator[Item]:
    """The items of one file, named `FILE:NUMBER` (from 0); each field named is a passage.

    The name's ending says what the file is. Of plain text each line that is not blank is an item.
    A field may be a list: each of its strings is a passage. `a.b` is field b of field a. An item
    may lack some of the fields, or have null there, but not all.

    Raises:
        ValueError: the file is of no known kind, broken, or an item has none of the fields.
    """
    name = PurePosixPath(path).name
    plain = PurePosixPath(name)
    kind = (plain.with_suffix("") if plain.suffix in PACKED else plain).suffix.lstrip(".")
    if kind not in FORMATS:
        raise ValueError(f"{path}: its name ends in none of {', '.join(FORMATS)}")
    try:
        rows = list(_rows(kind, data))
    except (ValueError, OSError, csv.Error) as e:
        raise ValueError(f"{path} is no {kind} file: {e}") from e
    for number, row in enumerate(rows):
        if isinstance(row, str):
            passages = [row]
        else:
            there = [v for f in fields if (v := _at(row, f)) is not None]
            if not there:
                raise ValueError(
                    f"{path}, item {number} has none of the fields {', '.join(fields)}; it has "
                    f"{', '.join(map(str, row))}"
                )
            passages = [p for value in there for p in _strings(value)]
        yield Item(benchmark, f"{name}:{number}", tuple(passages))


def _rows(kind: str, data: bytes) -> Iterator[Any]:
    if kind == "parquet":
        yield from pq.read_table(io.BytesIO(data)).to_pylist()
        return
    text = _whole(data).decode("utf8").removeprefix("\ufeff")
    if kind in ("csv", "tsv"):
        dialect = "excel" if kind == "csv" else "excel-tab"
        yield from csv.DictReader(io.StringIO(text, newline=""), dialect=dialect)
    elif kind == "txt":
        yield from (line for line in text.split("\n") if line.strip())
    else:
        whole = json.loads(text) if kind == "json" else None
        rows = whole if isinstance(whole, list) else None
        lines = filter(str.strip, text.split("\n"))
        for row in map(json.loads, lines) if rows is None else rows:
            if not isinstance(row, dict):
                raise ValueError(f"an item is no object: {str(row)[:80]}")
            yield row


def _whole(data: bytes) -> bytes:
    stream = Unpacked(io.BytesIO(data))
    pieces = list(iter(lambda: stream.read(READ_BYTES), b""))
    if stream.broken is not None:
        raise ValueError(stream.broken)
    return b"".join(pieces)


def _at(row: Any, field: str) -> Any:
    if isinstance(row, dict) and field in row:
        return row[field]
    head, dot, rest = field.partition(".")
    return _at(row[head], rest) if dot and isinstance(row, dict) and head in row else None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str) and value.strip():
        yield value
