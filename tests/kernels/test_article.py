"""trafilatura as it is used here finds what it finds by itself."""

import importlib

import pytest
from lxml import etree
from trafilatura import load_html

from skypile.kernels import article

ODD = (
    "<!-- a comment --><form id=f><label for=i>Name 姓名</label><input id=i><select><option>1"
    "</select><textarea>\n two\n</textarea></form><p>One<!-- note --> two<?pi x?> three<br>four"
    "<p>第一段<b>粗體</b>尾</p><svg><g></g></svg>"
)
PAGES = {
    "whole": f"<!doctype html><html><head><title>T</title></head><body>{ODD}</body></html>",
    "fragment": ODD,
    "self-closed": f"<html xmlns='x'/>\n<body>{ODD}",
    "declared": f'<?xml version="1.0" encoding="utf-8"?><html><body>{ODD}</body></html>',
    "text": "no markup at all, 只有文字",
}


@pytest.mark.parametrize("html", PAGES.values(), ids=PAGES)
def test_the_tree_is_that_of_trafilaturas_parser(html: str) -> None:
    tree, expected = article.parse(html), load_html(html)
    if expected is None:
        expected = load_html(f"<html><body>{html}</body></html>")
    assert etree.tostring(tree, encoding="unicode") == etree.tostring(expected, encoding="unicode")


def test_no_element_asks_python_for_its_class() -> None:
    form = article.parse(PAGES["whole"]).find(".//form")
    assert type(form).__name__ == "HtmlElement"  # a FormElement by lxml.html's own lookup
    assert type(load_html(PAGES["whole"]).find(".//form")).__name__ == "FormElement"


PARTS = (
    "<aside>aside</aside><div class='page-footer'>a</div><div id=footer class=x>b</div>"
    "<div class=x id=footer>c</div><footer>d</footer><script>e</script><svg></svg><p>text 正文</p>"
)
NOTES = {
    "none": "<div class=cookies-not-set>recipes 食譜</div>",
    "class": "<div class='top Cookie-Banner'>we use 使用 cookies<p id=onetrust-x>more</p></div>",
    "id": "<section id=CookieBot>x</section><p class=consent_manager>y</p>",
    "split": "<p class=cookie></p><p class=banner></p>",
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_what_is_no_text_is_what_trafilaturas_own_path_finds(note: str) -> None:
    tree = article.parse(f"<html><body>{PARTS}{note}</body></html>")
    own = importlib.import_module("trafilatura.settings").BASIC_CLEAN_XPATH
    for root in (tree, tree.find("body")):
        assert article._no_text(root) == own(root)
    assert len(own(tree)) >= 6


@pytest.mark.parametrize(
    ("html", "least"),
    [
        ("<p>plain words</p>", 250),
        ("<p>caf\u00e9 \u201cquoted\u201d</p>", 250),
        ("<p>只有中文的頁面\n</p>", 71),
        ("<p>漢字abc</p>", 125),
        ("<p>words</p><script>'漢字漢字'</script><style>/*漢字*/</style>", 250),
        ("<p>漢字<script>var x = 1</script>漢字</p>", 71),
    ],
)
def test_the_least_size_of_a_text_follows_its_scripts(html: str, least: int) -> None:
    found = article._least_chars(article.parse(f"<html><body>{html}</body></html>"))
    assert int(found) == least
    assert found * 2 == 500


def test_what_is_replaced_is_put_back() -> None:
    baseline = importlib.import_module("trafilatura.baseline")
    utils = importlib.import_module("trafilatura.utils")
    before = baseline.BASIC_CLEAN_XPATH, baseline.block_text, utils.HTML_PARSER
    assert "正文" in article.text(article.parse(f"<html><body>{PARTS}</body></html>"))
    assert (baseline.BASIC_CLEAN_XPATH, baseline.block_text, utils.HTML_PARSER) == before
    assert baseline.BASIC_CLEAN_XPATH is not article._no_text
