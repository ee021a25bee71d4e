"""Blocks and elements of a page, against what is written in it."""

import gzip
import random
import time
from pathlib import Path

import numpy as np
import pytest
from lxml import html as lxml_html
from resiliparse.parse.html import HTMLTree

from skypile.kernels.fast_engine import page_tags as s
from skypile.kernels.fast_engine.page_scan import scan
from skypile.kernels.fast_engine.page_tags import Scan, name_hash


def texts(found: Scan) -> list[str]:
    spans = found.blocks[:, [s.START, s.STOP]].tolist()
    return [found.text[a:b].tobytes().decode("utf-32-le") for a, b in spans]


def tags(found: Scan) -> list[str]:
    return [s.TAGS[t] for t in found.elements[found.blocks[:, s.ELEMENT], s.TAG_OF]]


def parsed(html: str) -> Scan:
    return scan(str(HTMLTree.parse(html)))


def test_blocks_are_runs_between_tags_that_break_lines() -> None:
    found = parsed(
        "<title>A title</title><h1>Head</h1><p>One <b>two</b>\n three<br>four</p>"
        "<ul><li>a<li>b <a href='x>y'>c</a></ul><div>bare<p>in p</p>tail</div>"
    )
    assert texts(found) == ["Head", "One two three", "four", "a", "b c", "bare", "in p", "tail"]
    assert tags(found) == ["h1", "p", "p", "li", "li", "div", "p", "div"]
    assert found.blocks[:, s.BEHIND_BREAK].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


def test_chinese_lines_of_the_source_are_joined_and_others_are_not() -> None:
    found = parsed("<p>第一行，\n  第二行。\nEnglish\n中文 又</p><p>한국\n어</p>")
    assert texts(found) == ["第一行，第二行。 English 中文 又", "한국 어"]
    found = parsed("<p>　　第一段。  \n\n　　第二段　完</p><p>　</p>")
    assert texts(found) == ["第一段。第二段 完"]


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>a &amp; b &lt;p&gt; &copy;&nbsp;2 &bogus; &amp</p>", ["a & b <p> © 2 &bogus; &"]),
        ("<p>a<script>if (a<b) {'</p>'}</script>b</p><style>p{}</style>", ["ab"]),
        ("<p>a<!-- <p>no</p> -->b</p>", ["ab"]),
        ("<p>漢<ruby>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby></p>", ["漢字"]),
        ("<p>a<button>no</button><svg><text>no</text></svg><select><option>no</select>b", ["ab"]),
        ("<p>a<script>never ends <p>b", ["a"]),
        ("<p title='<p>no'>a</p \n>b", ["a", "b"]),
        ("a\x00b\ud800c", ["abc"]),
        ("", []),
        ("<<<>>< b", ["<<<>>< b"]),
    ],
)
def test_what_is_text(html: str, shown: list[str]) -> None:
    html = html.encode("utf-8", "ignore").decode()
    assert [t.replace("\xa0", " ").replace("�", "") for t in texts(parsed(html))] == shown


def test_counts_of_a_block() -> None:
    block = parsed("<p>Two words, <a>12 中文</a>。").blocks[0]
    assert block[s.CHARS] == 9 + 2 + 2 + 1
    assert block[s.WIDE_CHARS] == 2
    assert block[s.WEIGHT] == 2 * 12 + 7 * 2  # halves of characters; a wide one is 3.5
    assert block[s.LINKED] == 2 * 2 + 7 * 2
    assert (block[s.DIGITS], block[s.MARKS], block[s.ENDS], block[s.COMMAS]) == (2, 2, 1, 1)
    assert (block[s.CAPITALS], block[s.WORDS], block[s.LINKS]) == (1, 5, 1)


def test_words_of_attributes_are_lower_case_and_cut_at_capitals() -> None:
    found = parsed("<div class='articleBody post-content x' ID=main_2 data-class=no role=Main>a")
    expected = ["article", "body", "post", "content", "main", "main"]
    assert found.word_hashes.tolist() == list(map(name_hash, expected))


def test_words_of_the_title_are_counted() -> None:
    found = parsed("<title>Big news 中文</title><h1>Big news: 中文</h1><p>other words</p>")
    assert found.title_words == 4
    assert found.blocks[:, s.TITLE_WORDS].tolist() == [4, 0]


def test_items_cells_and_what_is_hidden() -> None:
    found = parsed(
        "<ul><li>a<ul><li>b</ul></ul><table><tr><td>c<ul><li>d</ul><td>e</table>"
        "<p style='color:red;DISPLAY : none'>f</p><p hidden>g</p>"
    )
    places = found.elements[found.blocks[:, s.ELEMENT]]
    assert places[:, s.LISTS].tolist() == [1, 2, 0, 1, 0, 0, 0]
    assert (places[:, s.CELL] >= 0).tolist() == [False, False, True, True, True, False, False]
    assert places[:, s.HIDDEN].tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_an_element_spans_its_blocks() -> None:
    found = parsed("<div id=one><p>a</p><p>b</p></div><div id=two>c</div>")
    spans = {s.TAGS[e[s.TAG_OF]] + str(e[s.FIRST]): (e[s.FIRST], e[s.END]) for e in found.elements}
    assert (spans["div0"], spans["div2"], spans["body0"]) == ((0, 2), (2, 3), (0, 3))


# What is written again is well-formed; the scanner must survive anything.
SHAPES = {
    "deep": "<div>" * 100_000,
    "deep inline": "<p>x" + "<b><i>" * 50_000 + "x",
    "signs": "<" * 1_000_000,
    "open comment": "<p>a<!--" + "x<!--" * 100_000,
    "open script": "<p>a" + "<script>x" * 50_000,
    "closing": "</div>" * 200_000,
    "open tag": "<p>a<div " + "a='" * 100_000,
    "attributes": "<p " + "class=a-b " * 50_000 + ">x",
    "words": "<p class='" + "a-bc " * 200_000 + "'>x",
    "NULs": "<p>a" + "\0" * 100_000,
    "ampersands": "<p>" + "&" * 500_000,
    "text alone": "中文" * 500_000,
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("is_parsed", [True, False])
def test_hostile_pages_take_linear_time(name: str, is_parsed: bool) -> None:
    html = SHAPES[name]
    serialised = str(HTMLTree.parse(html)) if is_parsed else html
    begun = time.process_time()
    found = scan(serialised)
    assert time.process_time() - begun < 2
    sound(found)


def sound(found: Scan) -> None:
    """Blocks follow one another, and elements span blocks that there are."""
    starts, stops = found.blocks[:, s.START], found.blocks[:, s.STOP]
    assert (starts < stops).all()
    assert (stops[:-1] <= starts[1:]).all()
    first, end = found.elements[:, s.FIRST], found.elements[:, s.END]
    assert ((first >= 0) & (first <= end) & (end <= len(found.blocks))).all()
    assert (found.elements[1:, s.PARENT] < np.arange(1, len(found.elements))).all()
    assert (found.blocks[:, s.CHARS] >= 0).all()


def test_pages_of_random_pieces() -> None:
    pieces = [
        "<",
        ">",
        "</",
        "<p>",
        "</p",
        "'",
        '"',
        "=",
        "&",
        ";",
        "&amp;",
        "<!--",
        "-->",
        "中",
        "a",
    ]
    pieces += [
        "<td>",
        "<table>",
        "<a href=",
        "<script>",
        "</script>",
        "<br/>",
        " ",
        "\n",
        "class=x",
    ]
    draw = random.Random(1)
    for _ in range(2000):
        html = "".join(draw.choices(pieces, k=draw.randrange(40)))
        sound(scan(html))
        sound(parsed(html))


HIDDEN = "//script|//style|//title|//head|//noscript|//button|//select|//textarea|//svg|//iframe"
HIDDEN += "|//template|//object|//video|//audio|//rt|//rp|//canvas|//map|//math|//datalist|//option"
HIDDEN += "|//noembed|//noframes|//xmp|//rtc|//dialog|//ignore_js_op|//comment()"


def test_the_text_is_that_of_the_tree_on_real_pages(shared_data: Path) -> None:
    """All characters but spaces, of both engines' trees, on every twelfth page."""
    files = sorted(shared_data.glob("html_[acm]*/html/*.gz"))[::12]
    near = 0
    for file in files:
        page = gzip.decompress(file.read_bytes()).decode("utf-8", "replace")
        page = str(HTMLTree.parse(page.replace("\0", "")))
        ours = "".join("".join(texts(scan(page))).split())
        tree = lxml_html.document_fromstring(page)
        for element in tree.xpath(HIDDEN):
            if element.getparent() is not None:
                element.drop_tree()
        theirs = "".join("".join(tree.itertext()).split())
        near += abs(len(ours) - len(theirs)) <= 0.02 * len(theirs) + 10
    assert len(files) > 30
    assert near >= 0.97 * len(files)
