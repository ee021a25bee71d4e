"""What is text beside paragraphs, as asked for: the same of both engines and of the fallback."""

import time
from typing import Any

import pytest

from skypile.kernels.extraction import html as slow
from skypile.kernels.extraction.html import DEFAULT_LIMITS, Limits, Page
from skypile.kernels.extraction.kinds import CELLS, COMMENTS, DEFAULT_KINDS, HEADINGS, ITEMS, TITLE
from skypile.kernels.fast_engine import fast

EN = (
    "The river rose for three days before the town council asked the families in the lower streets "
    "to leave their houses, and most of them went to stay with friends on the hill. "
)
ZH = (
    "连续三天的大雨之后，河水漫过了堤岸，镇政府请低处街道的居民离开家门，"
    "大多数人去了山上的亲友那里暂住，等待水位回落。"
)
ITEM = {EN: "Boats are tied to the lamps.", ZH: "小船系在路灯上，一共七条。"}
HEADING = {EN: "What the families took along", ZH: "居民带走了什么东西"}
COMMENT = {
    EN: "My aunt lives there and she is fine, thank you.",
    ZH: "我姑妈就住在那里，她没事，谢谢大家关心。",
}
ENGINES = pytest.mark.parametrize("engine", [slow, fast], ids=["trafilatura", "fast"])
LANGUAGES = pytest.mark.parametrize("text", [EN, ZH], ids=["en", "zh"])


def page(text: str) -> str:
    prose = [f"<p>{text}{part}</p>" for part in range(16)]
    one, two, three, four = ("".join(prose[at : at + 4]) for at in range(0, 16, 4))
    items = f"<ul><li>{ITEM[text]}</li><li>{text}of them</li></ul>"
    rows = "".join(f"<tr><td>{year}</td><td>{text}That year.</td></tr>" for year in (2023, 2024))
    said = (
        f"<div id=comments class=comments-area><h3>2 Comments</h3><ol class=comment-list>"
        f"<li class=comment><div class=comment-meta>Ann, 3 days ago</div>"
        f"<div class=comment-content><p>{COMMENT[text]}</p></div>"
        f"<a class=reply href=#>Reply</a></li>"
        f"<li class=comment><div class=comment-content><p>+1</p></div></li></ol>"
        f"<form class=comment-form><p>Leave a comment</p></form></div>"
    )
    return (
        f"<html><head><title>High water 大水</title></head><body><article class=article-body>"
        f"{one}<h2>{HEADING[text]}</h2>{two}{items}{three}<table>{rows}</table>{four}</article>{said}</body></html>"
    )


def paragraphs(text: str) -> list[str]:
    return [f"{text}{part}" for part in range(16)]


def found(engine: Any, html: str, *kinds: str, limits: Limits = DEFAULT_LIMITS) -> Page:
    given = {"url": None, "limits": limits, "latest_date": "2026-01-01"}
    read: Page | None = engine.extract(html, **given, kinds=kinds)
    assert read is not None
    return read


@ENGINES
@LANGUAGES
def test_each_kind_is_taken_where_it_is_asked_for_and_left_out_where_not(
    engine: Any, text: str
) -> None:
    html = page(text)
    of = {
        HEADINGS: HEADING[text],
        ITEMS: f"- {ITEM[text]}",
        CELLS: f"2023 | {text}That year.",
        COMMENTS: COMMENT[text],
    }
    whole = found(engine, html, *of).blocks
    assert not [kind for kind, block in of.items() if block not in whole]
    for kind, block in of.items():
        rest = found(engine, html, *(k for k in of if k != kind)).blocks
        others = [b for k, b in of.items() if k != kind]
        assert block not in rest, kind
        assert not [b for b in others if b not in rest], kind
        assert [b for b in rest if b in paragraphs(text)] == paragraphs(text), kind
    assert list(found(engine, html).blocks) == paragraphs(text)


@ENGINES
def test_what_is_taken_unless_said_otherwise(engine: Any) -> None:
    given: dict[str, Any] = {"url": None, "limits": DEFAULT_LIMITS, "latest_date": "2026-01-01"}
    prose = paragraphs(ZH)
    assert list(engine.extract(page(ZH), **given).blocks) == [
        *prose[:4],
        HEADING[ZH],
        *prose[4:8],
        f"- {ITEM[ZH]}",
        f"- {ZH}of them",
        *prose[8:12],
        *(f"{year} | {ZH}That year." for year in (2023, 2024)),
        *prose[12:],
    ]


@ENGINES
def test_of_comments_only_what_was_said_is_taken(engine: Any) -> None:
    blocks = found(engine, page(ZH), *DEFAULT_KINDS, COMMENTS).blocks
    assert blocks[-1] == COMMENT[ZH]
    assert not [b for b in blocks if "Reply" in b or "Ann" in b or "Comment" in b or "Leave" in b]


@ENGINES
def test_comments_that_the_main_text_has_are_not_said_twice(engine: Any) -> None:
    prose = "".join(f"<p>{EN}{part}</p>" for part in range(6))
    said = f"<ul class=comments><li>{COMMENT[EN]}</li><li>{EN}again</li></ul>"
    html = f"<title>t</title><body><article>{prose}{said}</article>"
    blocks = found(engine, html, *DEFAULT_KINDS, COMMENTS).blocks
    bare = [b.strip().removeprefix("- ") for b in blocks]
    assert bare.count(COMMENT[EN]) == 1
    assert len(bare) == len(set(bare))


@ENGINES
def test_a_title_is_there_once(engine: Any) -> None:
    title = "High water 大水"
    assert found(engine, page(EN), TITLE, *DEFAULT_KINDS).blocks[0] == title
    prose = "".join(f"<p>{EN}{part}</p>" for part in range(6))
    body = (
        f"<article><p>By Ann Lee, our reporter in the valley.</p><h1>{title}</h1>{prose}</article>"
    )
    html = f"<html><head><title>{title}</title></head><body>{body}</body></html>"
    assert found(engine, html, TITLE, *DEFAULT_KINDS).blocks.count(title) == 1


@ENGINES
def test_items_and_cells_are_told_by_lines_not_by_wrappers(engine: Any) -> None:
    prose = "".join(f"<p>{EN}{part}</p>" for part in range(6))
    wrapped = "".join(
        f"<li><div><div><div><div>Boats {n} are tied to the lamps.</div></div></div></div></li>"
        for n in range(3)
    )
    lines = "<br>".join(f"Line {n} of a poem on the river." for n in range(5))
    html = f"<title>t</title><body><article>{prose}<ul>{wrapped}</ul>{prose.replace(EN, EN * 2)}"
    assert not [b for b in found(engine, html).blocks if "Boats" in b]
    poem = f"{html}<ul><li>{lines}</li></ul><p>{EN}end</p></article>"
    assert sum("poem" in b for b in found(engine, poem).blocks) == 5


@ENGINES
@pytest.mark.parametrize("between", ["<br><br>", " "])
def test_an_article_in_a_cell_is_no_data(engine: Any, between: str) -> None:
    article = between.join(f"{EN}{part}." for part in range(8))
    table = f"<table><tr><td>Menu here</td><td class=content>{article}</td></tr></table>"
    html = f"<title>t</title><body><h3>News</h3>{table}<p>{EN}Outside of the table.</p></body>"
    assert "".join(found(engine, html).blocks).count(EN.strip()) == 9


@ENGINES
@LANGUAGES
def test_a_page_laid_out_in_cells_or_items_keeps_its_text(engine: Any, text: str) -> None:
    prose = "".join(f"<p>{text}{part}</p>" for part in range(6))
    cells = f"<table><tr><td>2023</td><td class=content>{prose}</td></tr></table>"
    items = f"<ul><li class=content>{prose}</li></ul>"
    for html in (cells, items):
        blocks = found(engine, f"<title>t</title><body>{html}</body>").blocks
        assert "".join(blocks).count(text.strip()) == 6


@ENGINES
def test_a_page_of_nothing_else_is_taken_as_it_is(engine: Any) -> None:
    items = "".join(f"<li>{EN}{part}</li>" for part in range(8))
    html = f"<title>t</title><body><article><ul>{items}</ul></article></body>"
    blocks = found(engine, html).blocks
    assert sum(EN.strip() in b for b in blocks) == 8


@ENGINES
def test_words_stay_apart_where_what_is_left_out_is_taken_after_all(engine: Any) -> None:
    items = "".join(f"<li>{EN}{part}, <b>the second</b> flood</li>" for part in range(8))
    html = f"<title>t</title><body><article><ul>{items}</ul></article></body>"
    blocks = found(engine, html).blocks
    assert sum("0, the second flood" in b or "7, the second flood" in b for b in blocks) == 2


@ENGINES
def test_posts_of_a_thread_are_text_whatever_is_asked_of_comments(engine: Any) -> None:
    posts = "".join(f"<td id=postmessage_{i}>{ZH}<br>{i}</td>" for i in range(4))
    html = f"<body><table><tr>{posts}</tr></table>"
    assert len(found(engine, html, *DEFAULT_KINDS).blocks) == 8
    assert len(found(engine, html, *DEFAULT_KINDS, COMMENTS).blocks) == 8


@ENGINES
def test_kinds_hold_in_the_fallback(engine: Any) -> None:
    shallow = Limits(max_depth=2)
    whole = found(engine, page(EN), HEADINGS, ITEMS, limits=shallow)
    assert (whole.engine, whole.limit) == ("resiliparse", "depth")
    assert HEADING[EN] in whole.blocks
    assert any(ITEM[EN] in b for b in whole.blocks)
    bare = found(engine, page(EN), TITLE, limits=shallow).blocks
    assert bare[0] == "High water 大水"
    assert HEADING[EN] not in bare
    assert not any(ITEM[EN] in b for b in bare)
    only = f"<ul>{f'<li>{EN}</li>' * 8}</ul>"
    assert "".join(found(engine, only, limits=Limits(max_depth=1)).blocks).count(EN.strip()) == 8


@ENGINES
@pytest.mark.parametrize(
    "unit", ["<td>a", "<td id=postmessage_1>a", "<li>a<div>", "<pre>a</pre><li>b"]
)
def test_leaving_out_takes_time_linear_in_items_and_cells(engine: Any, unit: str) -> None:
    html = f"<title>t</title><body><p>{EN}</p><ul><table><tr>{unit * 8000}"
    begun = time.process_time()
    engine.extract(html, url=None, limits=DEFAULT_LIMITS, latest_date="2026-01-01", kinds=())
    assert time.process_time() - begun < 5
