"""trafilatura as it is used here finds what it finds by itself."""

import importlib

import pytest
from lxml import etree
from trafilatura import load_html

from skypile.kernels.extraction import article

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


HANS = (
    "五月十三日，农场里的无人插秧机在田间来回行走，操作员站在田埂上看着平板。",
    "今年全镇有四十多户改用机械插秧，每天可以完成三十亩，比往年快了一倍，工人的工资也省下一半。"
    "农会说，秋收以后还会再添三台机器。",
)
HANT = (
    "五月十三日，農場裡的無人插秧機在田間來回行走，操作員站在田埂上看著平板。",
    "今年全鎮有四十多戶改用機械插秧，每天可以完成三十畝，比往年快了一倍，工人的工資也省下一半。"
    "農會說，秋收以後還會再添三台機器。",
)
OTHERS = (
    "县图书馆新馆六月开放借阅，读者须先登记",
    "河岸步道整修工程完工，沿线路灯全部更换",
    "全县少年棋赛周末举行，报名人数创下纪录",
)
NOTE = (
    "【免责声明】本文仅代表作者本人观点，与本网站无关。本网站对文中陈述与观点判断保持中立，"
    "不对所包含内容的准确性、可靠性或完整性提供任何明示或暗示的保证，请读者仅作参考。"
)


def _paragraphs(texts: tuple[str, ...]) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def _found(body: str) -> list[str]:
    return article.text(article.parse(f"<html><body>{body}</body></html>")).splitlines()


@pytest.mark.parametrize("texts", [HANS, HANT], ids=["hans", "hant"])
def test_headlines_that_are_long_enough_are_not_taken_for_the_article(
    texts: tuple[str, ...],
) -> None:
    items = "".join(f"<li><a href=/x>{t}</a> <span>2024-05-24</span></li>" for t in OTHERS)
    headlines = f"<div class=article-content><ul>{items}</ul></div>"
    assert _found(f"<div class=detail>{_paragraphs(texts)}</div>{headlines}") == list(texts)
    assert len(_found(headlines)) == 3  # they are what there is on a page without more


@pytest.mark.parametrize("texts", [HANS, HANT], ids=["hans", "hant"])
def test_a_note_that_is_long_enough_is_not_taken_for_the_article(texts: tuple[str, ...]) -> None:
    hidden = f"<div class=box style='overflow: hidden'>{_paragraphs(texts)}</div>"
    assert _found(f"<div>{hidden}</div><div class=below><p>{NOTE}</p></div>") == list(texts)


def test_a_longer_text_that_shares_a_piece_with_the_article_is_not_preferred() -> None:
    own = article.parse(f"<html><body>{_paragraphs(HANS)}</body></html>").find("body")
    options = article.Extractor(output_format="python")
    options.min_extracted_size = 72
    size = sum(map(len, HANS))

    def preferred(text: str) -> bool:
        return article._prefer_the_longer(own, own, text, size, len(text), options)

    assert preferred("".join(OTHERS) * 2)
    assert not preferred("".join(OTHERS) * 2 + HANS[1])
    assert not preferred("".join(OTHERS))  # shorter
    options.min_extracted_size = 250
    assert not preferred("".join(OTHERS) * 2)  # other searches follow
