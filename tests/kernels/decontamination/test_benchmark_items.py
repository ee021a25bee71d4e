"""Benchmark files to items."""

import bz2
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skypile.kernels.decontamination.benchmark_items import read_items
from skypile.kernels.decontamination.contamination import Item

ROWS = [
    {"question": "几只鸡？", "options": ["(A) 一", "(B) 二"], "other": {"solution": "Two."}},
    {"question": "How many?", "options": None, "other": None},
]
WANTED = [
    Item("b", "x:0", ("几只鸡？", "(A) 一", "(B) 二", "Two.")),
    Item("b", "x:1", ("How many?",)),
]
FIELDS = ("question", "options", "other.solution")


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


LINES = "".join(json.dumps(r) + "\n\n" for r in ROWS).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.jsonl", LINES),
        ("x.jsonl.gz", gzip.compress(LINES)),
        ("x.jsonl.bz2", bz2.compress(b"\xef\xbb\xbf" + LINES)),
        ("x.json", json.dumps(ROWS).encode()),
        ("x.parquet", parquet()),
    ],
)
def test_every_format_gives_the_same_items(name: str, data: bytes) -> None:
    found = list(read_items("b", f"folder/{name}", data, FIELDS))
    assert [i.passages for i in found] == [i.passages for i in WANTED]
    assert [i.name for i in found] == [f"{name}:0", f"{name}:1"]


def test_tables_and_plain_lines() -> None:
    table = b'question,id\n"Is it, or\nis it not?",1\n'
    (one,) = read_items("b", "x.csv", table, ("question",))
    assert one.passages == ("Is it, or\nis it not?",)
    (one,) = read_items("b", "x.tsv", b"id\tquestion\n1\tWhy, then?\n", ("question",))
    assert one.passages == ("Why, then?",)
    lines = list(read_items("b", "x.txt", "一行\n\n another\n".encode(), ()))
    assert [i.passages for i in lines] == [("一行",), (" another",)]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("x.pdf", b"", "ends in none of jsonl"),
        ("x.jsonl", b'{"text": "a"}\n', "item 0 has none of the fields question.*it has text"),
        ("x.jsonl", b'{"question": \n', "is no jsonl file"),
        ("x.jsonl", b"[1]\n", "is no object"),
        ("x.jsonl.gz", gzip.compress(LINES)[:-12], "is no jsonl file"),
        ("x.parquet", b"PAR1", "is no parquet file"),
        ("x.txt", b"\xff\xfe", "is no txt file"),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(read_items("b", name, data, ("question",)))
