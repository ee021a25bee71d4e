"""Readers of parallel text: each row a pair, a reject or passed over; hostile XML costs nothing."""

import gzip
import io
import json
from itertools import pairwise
from typing import Any

import pytest

from skypile.kernels.parallel.pair_formats import FORMATS, Pair, PairItem, PairSlice
from skypile.kernels.parallel.pair_text import Template, chinese_first, paragraph
from skypile.kernels.reading.streams import line_boundaries
from skypile.kernels.ready_texts.ready import Reject
from tests.kernels.parallel.test_gale_church import EN, ZH, ZHT


def read(data: bytes, format: str, **given: Any) -> tuple[list[PairItem], PairSlice]:
    this = PairSlice(**given)
    return [*FORMATS[format](io.BytesIO(data), this)], this


def sides(items: list[PairItem]) -> list[Any]:
    """(English, Chinese) of pairs, the reason of rejects, the kind of what was passed over."""
    return [
        (i.found.english, i.found.chinese)
        if isinstance(i.found, Pair)
        else (i.found.reason if isinstance(i.found, Reject) else i.passed_over)
        for i in items
    ]


def tmx(*units: str, head: str = "") -> bytes:
    body = "".join(units)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<tmx version="1.4"><header/><body>{body}'
        "</body></tmx>"
    ).encode()


def unit(**segments: str) -> str:
    variants = "".join(
        f'<tuv xml:lang="{lang.replace("_", "-")}"><seg>{text}</seg></tuv>'
        for lang, text in segments.items()
    )
    return f'<tu tuid="7">{variants}</tu>'


def test_tmx() -> None:
    data = tmx(
        unit(en_US="The &amp; ferry", zh_TW="渡船"),
        unit(EN="Go <bpt i='1'>&lt;b&gt;</bpt><hi>on</hi><ept i='1'>/b</ept>.", ZH="走吧。"),
        unit(en="Only", fr="Seulement"),
        unit(en="Empty", zh=" "),
        '<tu><tuv lang="en"><seg>Old\n style</seg></tuv><tuv lang="zh_cn"><seg>旧</seg></tuv></tu>',
        head='<!DOCTYPE tmx SYSTEM "tmx14.dtd">',
    )
    for packed in (
        data,
        gzip.compress(data),
        data.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ):
        items, this = read(packed, "tmx")
        assert sides(items) == [
            ("The & ferry", "渡船"),
            ("Go on.", "走吧。"),
            "other_languages",
            "empty",
            ("Old style", "旧"),
        ]
        assert [i.ordinal for i in items] == [0, 1, 2, 3, 4]
        assert items[0].found.id == "7"  # type: ignore[union-attr]
        assert not this.damages


BOMB = (
    "<!DOCTYPE tmx ["
    + '<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    + "]>"
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (tmx(unit(en="&a11;", zh="好"), head=BOMB), "it declares an entity, 'a0'"),
        (
            tmx(
                unit(en="&x;", zh="好"),
                head='<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            ),
            "it declares an entity, 'x'",
        ),
        (
            tmx(head='<!DOCTYPE t [<!ENTITY % p SYSTEM "http://a.example/x.dtd"> %p;]>'),
            "it declares an entity, 'p'",
        ),
        (tmx("<x>" * 300), "nested more than 256 deep"),
        (tmx(f'<tu a="{"x" * 5_000_000}"></tu>'), "a tag of more than"),
        (b"no xml", "syntax error: line 1, column 0"),
    ],
)
def test_hostile_xml_is_refused_and_on_record(data: bytes, why: str) -> None:
    items, this = read(data, "tmx", max_record_bytes=1 << 16)
    assert sides(items) == []
    assert [d.reason for d in this.damages] == ["malformed_record"]
    assert why in this.damages[0].detail


def test_what_stands_in_front_of_damage_is_kept_and_long_units_are_rejects() -> None:
    whole = tmx(unit(en="One", zh="一"), unit(en="x" * 70_000, zh="二"), unit(en="Three", zh="三"))
    items, this = read(whole, "tmx", max_record_bytes=1 << 16)
    assert sides(items) == [("One", "一"), "too_large", ("Three", "三")]
    items, this = read(whole.replace(b"Three<", b"Three<<"), "tmx", max_record_bytes=1 << 16)
    assert sides(items) == [("One", "一"), "too_large"]
    assert this.damages[0].offset > 70_000
    items, this = read(gzip.compress(whole)[:-12], "tmx")
    assert [d.reason for d in this.damages] == ["truncated_record"]


TSV = "\n".join(
    [
        "English\tChinese",
        *(f"{a}\t{b}\t0.9" for a, b in zip(EN, ZHT, strict=True)),
        "",
        "alone",
        "a\t ",
    ]
).encode()


def test_tsv_in_any_slices() -> None:
    whole, _ = read(TSV, "pairs_tsv")
    pairs = [*zip(EN, ZHT, strict=True)]
    assert sides(whole) == ["head", *pairs, "blank_line", "missing_field", "empty"]
    cuts = [(0, 0), *line_boundaries(io.BytesIO(TSV), 100), (len(TSV), 0)]
    assert len(cuts) > 4
    pieces = [
        item
        for (start, ordinal), (end, _) in pairwise(cuts)
        for item in read(TSV[start:end], "pairs_tsv", start=start, first_ordinal=ordinal)[0]
    ]
    assert pieces == whole
    swapped, _ = read("x\t好\tGood".encode(), "pairs_tsv", fields={"en": "3", "zh": "2"})
    assert sides(swapped) == [("Good", "好")]
    assert sides(read(b"a\t\xff", "pairs_tsv")[0]) == ["invalid_utf8"]


def test_jsonl() -> None:
    rows: list[Any] = [
        {
            "t": {"en": "Two\nlines", "zh": "两\n行"},
            "url": "https://a.example/1",
            "date": "2020-05-06",
        },
        {"t": {"en": ["A", "list"], "zh": "單子"}},
        {"t": {"en": "no Chinese"}},
        {"t": {"en": 3, "zh": "三"}},
        {"t": {"en": "\ud800", "zh": "三"}},
        [],
    ]
    data = "\n".join(map(json.dumps, rows)).encode() + b"\n{\n"
    items, _ = read(data, "pairs_jsonl", fields={"en": "t.en", "zh": "t.zh"})
    assert sides(items) == [
        ("Two lines", "两行"),
        ("A list", "單子"),
        "missing_field",
        "wrong_type",
        "lone_surrogate",
        "wrong_type",
        "bad_json",
    ]
    first = items[0].found
    assert isinstance(first, Pair)
    assert (first.url, str(first.date)) == ("https://a.example/1", "2020-05-06")


@pytest.mark.parametrize("chinese", [ZH, ZHT])
def test_documents_are_aligned_and_what_has_no_counterpart_is_a_reject(chinese: list[str]) -> None:
    rows = [
        {"id": "d1", "en": "\n\n".join(EN), "zh": "\n\n".join([*chinese[:1], *chinese[2:]])},
        {"en": EN[0], "zh": ""},
        {"en": EN, "zh": [*chinese[:1], chinese[1] + chinese[2], *chinese[3:]]},
    ]
    data = "\n".join(json.dumps(r) for r in rows).encode()
    items, _ = read(data, "document_pairs")
    pairs = [*zip(EN, chinese, strict=True)]
    joined = (f"{EN[1]} {EN[2]}", chinese[1] + chinese[2])
    assert sides(items) == [
        *(pairs[0], "unaligned", *pairs[2:]),
        "empty",
        *(pairs[0], joined, *pairs[3:]),
    ]
    assert [i.ordinal for i in items] == [*range(len(items))]
    assert [i.found.title for i in (items[0], items[-1])] == ["d1", "line 3"]  # type: ignore[union-attr]


def test_a_pair_is_found_again_in_its_template() -> None:
    for text in ("{en}\n{zh}", "{zh}\n{en}", "Translate.\nEnglish: {en}!\n中文：{zh}"):
        template = Template(text)
        for english, chinese in [*zip(EN, ZHT, strict=True), ("{zh}", "{en}")]:
            assert template.sides(template.fill(english, chinese)) == (english, chinese)
    for odd in ("{en}", "{en} {zh}", "{en}\n\n{zh}", "{en}\n{zh}\n{zh}"):
        with pytest.raises(ValueError, match=r"\{zh\}|blank"):
            Template(odd)
    with pytest.raises(ValueError, match="is not that of"):
        Template("EN: {en}\n{zh}").sides("DE: x\ny")


def test_half_of_the_ids_have_the_chinese_first() -> None:
    ids = [f"{i:032x}" for i in range(2000)]
    first = [chinese_first(i, 0.5) for i in ids]
    assert 900 < sum(first) < 1100
    assert first == [chinese_first(i, 0.5) for i in ids]
    assert not any(chinese_first(i, 0) for i in ids)
    assert all(chinese_first(i, 1) for i in ids)


def test_a_paragraph_is_a_line() -> None:
    assert paragraph("one \n\n two\r\nthree") == "one two three"
    assert paragraph("一\n二 \n\n three") == "一二three"
