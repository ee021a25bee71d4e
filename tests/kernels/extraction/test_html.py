"""Extraction of one page: what is kept, what decides the engine, and pages made to hurt."""

import datetime
import json
import re
import resource
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from skypile.kernels.extraction import article as engine
from skypile.kernels.extraction import html as kernel
from skypile.kernels.extraction import metadata
from skypile.kernels.extraction.html import DEFAULT_LIMITS, Limits, Page, extract
from skypile.kernels.fast_engine import fast

PROSE = (
    "The bridge over the river was closed for the whole of the winter, and the people of the "
    "two villages had to take the ferry, which went only twice a day and not at all in a storm. "
)
ZH_PROSE = (
    "大桥整个冬天都封闭了，两个村子的人只好坐渡船，渡船一天只开两班，遇到风暴就完全停航。" * 3
)


def of(page: str, **changes: Any) -> Page | None:
    given = {"url": None, "limits": DEFAULT_LIMITS, "latest_date": "2024-06-30", **changes}
    return extract(page, **given)


def found(page: str, **changes: Any) -> Page:
    result = of(page, **changes)
    assert result is not None
    return result


def article(body: str, head: str = "<title>A bridge</title>") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


PLAIN = article(f"<h1>The bridge</h1><p>{PROSE}</p><p>{PROSE}Twice.</p>")


def test_paragraphs_without_navigation_comments_and_footer() -> None:
    page = found(
        article(
            "<nav><a href=/>Home</a><a href=/x>Contact</a></nav>"
            f"<article><h1>The bridge</h1><p>{PROSE}</p><p>{PROSE}Again,\n in\u3000spring.</p>"
            "<div id=comments class=comments><p>First! I take the ferry too.</p></div></article>"
            "<footer>Copyright 2024, call 555-0100</footer>",
            '<title>A bridge</title><meta property="article:published_time" content="2021-03-04">',
        )
    )
    assert page == Page(
        title="The bridge",
        date="2021-03-04",
        blocks=("The bridge", PROSE.strip(), f"{PROSE}Again, in spring."),
        engine="trafilatura",
        limit=None,
    )


def test_chinese_and_a_layout_table() -> None:
    page = found(
        article(
            f"<table><tr><td></td><td>{ZH_PROSE}</td><td></td></tr>"
            f"<tr><td>左 | 右</td><td>{ZH_PROSE}</td></tr><tr><td></td></tr></table>"
        )
    )
    assert page.blocks == (ZH_PROSE, f"左 | 右 | {ZH_PROSE}")


@pytest.mark.parametrize("prefix", ["", " " * 60, "<text id=1>"])
def test_a_page_need_not_begin_like_html(prefix: str) -> None:
    page = found(f"{prefix}<div><p>{PROSE}</p><p>{PROSE}</p></div>")
    assert page.engine == "trafilatura"
    assert page.blocks == (PROSE.strip(),) * 2


@pytest.mark.parametrize("page", ["", " \n", "<html></html>", "<p>", "\0", "<script>x=1", "***"])
def test_nothing_is_found_where_nothing_is(page: str) -> None:
    assert of(page) is None
    assert of(page, fallback_only=True) is None


def test_the_same_page_gives_the_same_however_often_it_came() -> None:
    first = found(PLAIN)
    for other in (article(f"<p>{ZH_PROSE}</p>"), PLAIN, PLAIN, PLAIN, PLAIN):
        of(other)
    assert found(PLAIN) == first


def test_no_date_is_later_than_the_given_one() -> None:
    page = article(f"<p>{PROSE}</p>", '<meta name="date" content="2024-07-01T10:00:00">')
    assert found(page).date is None
    assert found(page, latest_date="2024-07-01").date == "2024-07-01"


def test_a_date_is_not_completed_from_todays() -> None:
    today = datetime.date.today()
    page = article(f'<p>{PROSE}</p><p class="date">2019 10:30</p>')
    assert found(page).date != f"2019-{today:%m-%d}"
    with pytest.raises(ValueError, match="no whole date"):
        metadata.whole_date("2019 10:30", fuzzy=False)
    assert metadata.whole_date("2019-3-4 10:30 EST") == datetime.datetime(2019, 3, 4)


def test_the_address_dates_a_page() -> None:
    url = "https://news.example/2020/05/06/bridge.html"
    assert found(PLAIN, url=url).date == "2020-05-06"
    assert found(PLAIN, url="http://[broken/2020/05/06/").date in (None, "2020-05-06")


def test_a_title_that_scripts_spell_is_printable() -> None:
    title = "A\ud800 \u0000bridge\ufeff\n &amp; more"
    data = json.dumps({"@context": "https://schema.org", "@type": "Article", "headline": title})
    page = article(f"<p>{PROSE}</p>", f'<script type="application/ld+json">{data}</script>')
    assert found(page).title == "A bridge & more"
    long = article(f"<h1>{'a bridge ' * 1000}</h1><p>{PROSE}</p>")
    assert len(found(long).title or "") <= metadata.MAX_TITLE_CHARS


@pytest.mark.parametrize(
    ("limit", "fits", "exceeds"),
    [
        ("nodes", Limits(max_nodes=9), Limits(max_nodes=8)),
        ("depth", Limits(max_depth=5), Limits(max_depth=4)),
        ("table_rows", Limits(max_table_rows=1), Limits(max_table_rows=0)),
    ],
)
def test_limits_are_inclusive_and_name_themselves(
    limit: str, fits: Limits, exceeds: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    # html, head, title, body, p, p, table, tr, td; the cell is the deepest, at five.
    page = article(f"<p>{PROSE}</p><p>{PROSE}</p><table><tr><td>{PROSE}</table>")
    kept = found(page, limits=fits)
    assert (kept.engine, kept.limit) == ("trafilatura", None)
    monkeypatch.setattr(engine, "bare_extraction", _never)
    monkeypatch.setattr(metadata, "find_date", _never)
    sent = found(page, limits=exceeds)
    assert (sent.engine, sent.limit, sent.title) == ("resiliparse", limit, "A bridge")
    assert PROSE.strip() in sent.blocks
    assert sent == found(page, limits=exceeds)


def _never(*_: Any, **__: Any) -> Any:
    raise NameError("must not be called")


@pytest.mark.parametrize(
    "limits",
    [
        *({"max_nodes": 0}, {"max_depth": 0}, {"max_table_rows": -1}, {"max_depth": 251}),
        {"max_nesting": 0},
    ],
)
def test_limits_that_cannot_be_kept_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at"):
        Limits(**limits)


def test_tables_nest_up_to_a_limit() -> None:
    for depth, limit in ((3, None), (4, "nesting")):
        tables = "<table><tr><td>" * depth + PROSE + "</td></tr></table>" * depth
        assert (
            found(article(f"<p>{PROSE}</p>{tables}"), limits=Limits(max_nesting=3)).limit == limit
        )


def test_a_tag_with_too_many_attributes_is_read_without_them() -> None:
    for count, title in ((kernel.MAX_ATTRIBUTES, "kept"), (kernel.MAX_ATTRIBUTES + 1, "A bridge")):
        # The property is one attribute and the content another.
        more = " ".join(f"attribute{i}" for i in range(count - 2))
        meta = f'<meta property="og:title" content="kept" {more}>'
        page = found(article(f"<p>{PROSE}</p><p>{PROSE}</p>", f"<title>A bridge</title>{meta}"))
        assert page.title == title
    path = f'<svg><path d="{"M 1 2 " * 2000}"/></svg>'  # one attribute, however long
    assert kernel._CROWDED.sub(kernel._less_crowded, path) == path


def test_long_data_is_not_read() -> None:
    for size, date in ((90_000, "2021-03-04"), (110_000, None)):
        data = json.dumps({"@type": "Article", "x": "y" * size, "datePublished": "2021-03-04"})
        head = f'<title>T</title><script type="application/ld+json">{data}</script>'
        assert found(article(f"<p>{PROSE}</p><p>{PROSE}</p>", head)).date == date


def test_a_text_between_thousands_of_elements_goes_to_the_fallback() -> None:
    def page(words: str) -> str:
        return article(f"<p>{PROSE}</p><div>" + f"<button>b</button>{words}" * 1100 + "</div>")

    assert found(page("words ")).limit is None
    assert found(page("words " * 150)).limit == "siblings"


def test_fallback_only_calls_no_trafilatura(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "bare_extraction", _never)
    page = found(PLAIN, fallback_only=True)
    assert (page.engine, page.limit, page.date) == ("resiliparse", None, None)
    assert PROSE.strip() in page.blocks


@pytest.mark.parametrize("error", [RecursionError, AssertionError, IndexError, ValueError])
def test_a_page_that_the_engine_breaks_on_goes_to_the_fallback(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(engine, "bare_extraction", broken)
    monkeypatch.setattr(metadata, "find_date", broken)
    page = found(PLAIN)
    assert (page.engine, page.limit, page.date) == ("resiliparse", None, None)
    assert page.title == "The bridge"


@pytest.mark.parametrize("error", [MemoryError, OSError, ImportError, NameError])
def test_a_fault_that_is_not_the_pages_is_raised(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(engine, "bare_extraction", broken)
    with pytest.raises(error):
        of(PLAIN)


BOMB = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
# name: (page, engine and limit that it must end with, or None where no text is found)
HOSTILE: dict[str, tuple[Callable[[], str], tuple[str, str | None] | None]] = {
    "100,000 nested divs": (
        lambda: article("<div>" * 100_000 + PROSE + "</div>" * 100_000 + f"<p>{PROSE}</p>"),
        ("resiliparse", "depth"),
    ),
    "20,000 nested lists": (lambda: article("<ul><li>x" * 20_000), ("resiliparse", "depth")),
    "20 MB in one line": (
        lambda: article("<p>" + "lorem ipsum dolor " * 1_150_000),
        ("resiliparse", None),  # libxml2 drops a text of more than 10 MB
    ),
    "100,000 table rows": (
        lambda: article("<table>" + "<tr><td>some words</td></tr>" * 100_000 + "</table>"),
        ("resiliparse", "nodes"),
    ),
    "10,001 rows": (
        lambda: article("<table>" + "<tr><td>some words</td></tr>" * 10_001 + "</table>"),
        ("resiliparse", "table_rows"),
    ),
    "entity bomb": (
        lambda: f'<!DOCTYPE html [<!ENTITY e0 "lol">{BOMB}]><html><body><p>&e9; {PROSE}</p>',
        ("trafilatura", None),
    ),
    "script that never ends": (lambda: "<html><script>var a = '" + "x" * 5_000_000, None),
    "comment that never ends": (
        lambda: article(f"<p>{PROSE}</p><!-- " + "- " * 2_000_000),
        ("trafilatura", None),
    ),
    "NUL bytes": (
        lambda: article(f"<p>{PROSE}\0</p><p\0>\0{PROSE}</p>" * 50),
        ("trafilatura", None),
    ),
    "tags that never end": (lambda: "<html><body>" + "<a" * 1_000_000, None),
    "200,000 line breaks": (
        lambda: article(f"<p>{PROSE}" + "<br>" * 200_000),
        ("resiliparse", "nodes"),
    ),
    "nested JSON": (
        lambda: article(
            f"<p>{PROSE}</p>",
            '<script type="application/ld+json">' + '{"@graph":[' * 50_000 + "</script>",
        ),
        ("trafilatura", None),
    ),
    "12,000 paragraphs": (
        lambda: article(f"<p>{PROSE}</p>" * 12_000),
        ("trafilatura", None),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_end_in_seconds_and_always_the_same(name: str) -> None:
    make, wanted = HOSTILE[name]
    page = make()
    begun, peak_kib = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = of(page)
    assert time.process_time() - begun < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 1 << 20
    assert (first and (first.engine, first.limit)) == wanted
    assert of(page) == first
    if first is not None and first.limit == "depth" and "div" in name:
        assert first.blocks[-1] == PROSE.strip()  # what follows the abyss is not lost


@pytest.mark.slow
def test_a_table_of_a_million_rows() -> None:
    page = article("<table>" + "<tr><td>a</td></tr>" * 1_000_000 + "</table>")
    begun = time.process_time()
    result = found(page)
    assert time.process_time() - begun < 60
    assert (result.engine, result.limit, len(result.blocks)) == ("resiliparse", "nodes", 1_000_000)


PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<table>",
            "<tr>",
            "<td colspan=-1>",
            "</table>",
            "<br>",
        ),
        *("<ul>", "<li>", "<pre>", "<h1>", "<title>", "<script>", "</script>", "<!--", "-->", "<a"),
        *(
            "&amp;",
            "&#0;",
            "&#xD800;",
            "&nbsp;",
            "\0",
            "\r\n",
            "\u2028",
            "\x85",
            "\ud800",
            "\ufeff",
        ),
        *("<iframe>", "<svg>", "<frameset>", "<time datetime='0000-00-00'>", "|", "\\|", PROSE),
        *(ZH_PROSE, "e\u0301", "12.03.2019", "<meta property='og:title' content='\x01\x02'>"),
    ]
)


@settings(max_examples=150, deadline=None)
@example("<pre>|<p><br>-->")  # a blank line inside a listing is a block
@given(st.lists(PIECES | st.text(max_size=8), max_size=25).map("".join))
def test_any_page_gives_lines_that_can_be_written(page: str) -> None:
    for result in (of(page), of(page, fallback_only=True)):
        if result is None:
            continue
        assert result.blocks
        for block in (*result.blocks, *filter(None, [result.title])):
            assert block == block.rstrip()
            assert len(block.splitlines()) == bool(block)
            assert block or "<pre>" in page
            block.encode()
        assert result.date is None or datetime.date.fromisoformat(result.date)


FORBIDDEN = [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF]


@pytest.mark.parametrize("extract", [kernel.extract, fast.extract])
@pytest.mark.parametrize("code", [1, 8, 11, 31, 0xFFFE])
def test_references_to_controls_are_read_over(extract: Any, code: int) -> None:
    """lxml reads them, and raises where it is to write the text again: the job would end."""
    said = "The bridge over the river was closed for the winter, and people took the ferry. "
    parted = (f"&#\x01{code};", f"&\x02#{code}", f"&#x\x03{code:x};")  # until the parser drops them
    shapes = (f"&#{code};", f"&#0{code}", f"&#x{code:x};", f"&#X00{code:X};", f"&#&#{code};8;")
    for shape in (*shapes, *parted):
        page = (
            f"<html><head><title>A{shape}B</title></head><body><h1>{shape}</h1><p>{said * 3}"
            f"{shape} one\ntwo <b>three</b>{shape}\nfour</p><pre>x = 1{shape}\ny = 2</pre>"
            f"<p>{said * 4}</p><math>{shape}</math><img class=tex alt='a{shape}^2'>"
            f"<ul><li><a href=x>{shape} l</a></li></ul></body></html>"
        )
        found = extract(page, url=None, limits=DEFAULT_LIMITS, latest_date="2030-01-01")
        assert found is not None
        text = "\n".join(found.blocks)
        assert said.strip() in text
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufeff\ufffe\uffff]", text)


def test_every_reference_to_what_no_xml_may_hold_goes_and_no_other() -> None:
    element = etree.Element("p")
    for code in [*range(1, 0x300), *range(0xFDD0, 0xFDF0), 0xFFFD, 0xFFFE, 0xFFFF, 0x10FFFF]:
        for shape in (f"&#{code};", f"&#x{code:x}"):
            assert (kernel.readable(shape) != shape) == (code in FORBIDDEN)
            element.text = engine.parse(f"<p>a{kernel.readable(shape)} b</p>").findtext(".//p")


@pytest.mark.parametrize(
    "shape", ["&#9;", "&#10;", "&#13;", "&#32;", "&#130;", "&#x1F600;", "&#80;"]
)
def test_other_references_stay(shape: str) -> None:
    assert kernel.readable(f"a{shape}b") == f"a{shape}b"
