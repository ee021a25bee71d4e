import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.ready_texts.ready import Ready, Reject, blocks_of, from_row, parse_json


def row(value: Any, fields: dict[str, str] | None = None, mode: str = "lines") -> Ready | Reject:
    return from_row(parse_json(json.dumps(value).encode()), fields or {}, mode)


def reason(found: Ready | Reject) -> str | None:
    return found.reason if isinstance(found, Reject) else None


def test_lines_are_blocks_with_their_indentation() -> None:
    text = "第一段。　\r\n\r\n　　第二段\u2028def f():\n\treturn 1  \x0b\x00ende\x07\ufeff"
    assert blocks_of(text) == ("第一段。", "　　第二段", "def f():", "\treturn 1", "ende")


def test_hard_wrapped_paragraphs_are_joined_as_their_script_wants() -> None:
    text = (
        "The first line\nand the second.\n\n\n  New one\n\n第一行文字，\n第二行。\nLatin 接\nword\n"
    )
    assert blocks_of(text, "paragraphs") == (
        "The first line and the second.",
        "New one",
        "第一行文字，第二行。Latin 接word",
    )
    assert blocks_of("한국어 문장\n다음 줄", "paragraphs") == ("한국어 문장 다음 줄",)


@given(st.text(), st.sampled_from(["lines", "paragraphs"]))
def test_no_block_is_blank_or_holds_a_line_end(text: str, mode: str) -> None:
    blocks = blocks_of(text, mode)
    assert all(b.strip() and "\n" not in b and "\0" not in b for b in blocks)
    assert blocks_of("\n".join(blocks), "lines") == blocks


def test_columns_by_name_by_map_and_by_path() -> None:
    given = {
        "content": ["一", "二"],
        "meta": {"url": "https://a.example/1", "date": "2020-02-03"},
        "a.b": 7,
        "title": "t",
    }
    fields = {"text": "content", "url": "meta.url", "date": "meta.date", "id": "a.b"}
    assert row(given, fields) == Ready(
        ("一", "二"), "t", "https://a.example/1", datetime.date(2020, 2, 3), "7"
    )
    assert row({"text": "x", "url": None}) == Ready(("x",))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"text": "x"', "bad_json"),
        (b"", "bad_json"),
        (b'{"text": "x"} trailing', "bad_json"),
        ("\ufeffnothing".encode(), "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'["text"]', "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b'{"text": 5}', "wrong_type"),
        (b'{"text": ["a", 5]}', "wrong_type"),
        (b'{"text": {"a": 1}}', "wrong_type"),
        (b'{"text": "x", "url": ["y"]}', "wrong_type"),
        (b'{"text": "x", "title": true}', "wrong_type"),
        (b"{}", "missing_field"),
        (b'{"text": null}', "missing_field"),
        (b'{"txt": "x"}', "missing_field"),
        (b'{"text": "\xff"}', "invalid_utf8"),
        ('{"text": "全角"}'.encode("gb18030"), "invalid_utf8"),
        (b'{"text": "a\\ud800b"}', "lone_surrogate"),
        (b'{"text": "x", "title": "\\udfff"}', "lone_surrogate"),
        (b'{"text": " \\n\\t\\u3000"}', "empty"),
        (b'{"text": ""}', "empty"),
    ],
)
def test_each_reason(data: bytes, why: str) -> None:
    assert reason(from_row(parse_json(data), {}, "lines")) == why


@pytest.mark.parametrize(
    "data",
    [
        b'{"text": "x", "score": NaN}',
        b'{"text": "x", "n": 123456789012345678901234567890}',
        b'\xef\xbb\xbf{"text": "x"}',
        b'{"text": "\\ud83d\\ude00", "k": "\\ud800"}',
        b'{"text": "x", "text2": "y"}',
        b'{"text": "x", "date": {"odd": 1}}',
    ],
)
def test_what_does_not_concern_the_document_does_not_cost_it(data: bytes) -> None:
    assert isinstance(from_row(parse_json(data), {}, "lines"), Ready)


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    found = from_row(parse_json(data), {}, "lines")
    assert isinstance(found, Ready | Reject)
