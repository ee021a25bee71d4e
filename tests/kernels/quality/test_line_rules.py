"""Laws of decoding, of blocks and of the rules on them, on whatever input comes."""

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skypile.kernels.extraction.furniture import MAX_LINE_CHARS, is_furniture
from skypile.kernels.extraction.lines import blocks, line, marks_for
from skypile.kernels.extraction.paragraphs import longest_run, substance, weigh
from skypile.kernels.reading import charset

ENCODED = st.binary(max_size=600) | st.builds(
    lambda text, codec, at, junk: text.encode(codec, "replace")[:at] + junk,
    st.text(max_size=200),
    st.sampled_from(["utf-8", "gb18030", "big5hkscs", "cp932", "cp949", "utf-16", "cp1252"]),
    st.integers(0, 400),
    st.binary(max_size=8),
)
HEADERS = st.none() | st.text(max_size=30) | st.sampled_from(["gb2312", "big5", "utf-16", "x"])


@settings(max_examples=300, deadline=None)
@given(ENCODED, HEADERS, st.floats(0, 1))
def test_any_bytes_are_decoded_or_refused(body: bytes, header: str | None, limit: float) -> None:
    found = charset.decode(body, header, max_replaced_fraction=limit)
    assert found == charset.decode(body, header, max_replaced_fraction=limit)
    if found is None:
        return
    assert 0 <= found.replaced <= found.text.count("\ufffd")
    assert found.source in {"bom", "header", "meta", "detected", "default"}
    found.text.encode("utf8", "surrogatepass")


SIMPLIFIED = (
    "船闸的看守人每晚把水位写进账簿账簿比运河活得更久直到那年春天发大水才有人来问这些数字"
    "他们把曲线画在镇公所的墙上至今还看得见下面写着他的名字在那之前几乎没有知道"
)
TRADITIONAL = (
    "船閘的看守人每晚把水位寫進帳簿帳簿比運河活得更久直到那年春天發大水才有人來問這些數字"
    "他們把曲線畫在鎮公所的牆上至今還看得見下面寫著他的名字在那之前幾乎沒有知道"
)


def sentences(characters: str) -> st.SearchStrategy[str]:
    clause = st.text(st.sampled_from(characters), min_size=4, max_size=20)
    return st.lists(clause, min_size=3, max_size=12).map(lambda found: "，".join(found) + "。")


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize(
    ("codec", "label", "characters"),
    [
        ("gb18030", "gb2312", SIMPLIFIED),
        ("gb18030", "gbk", SIMPLIFIED + TRADITIONAL),
        ("gb18030", "gb18030", TRADITIONAL),
        ("big5hkscs", "big5", TRADITIONAL),
        ("utf-8", "utf-8", SIMPLIFIED + TRADITIONAL),
        ("utf-16", "utf-16", SIMPLIFIED),
    ],
)
def test_declared_chinese_comes_back(
    codec: str, label: str, characters: str, data: st.DataObject
) -> None:
    text = data.draw(sentences(characters))
    page = f"<html><head><title>页</title></head><body><p>{text}</p></body></html>"
    page = page.replace("页", "頁") if codec == "big5hkscs" else page
    by_header = charset.decode(page.encode(codec), label)
    assert by_header is not None
    assert by_header.text == page
    declared = page.replace("<head>", f"<head><meta charset={label}>")
    by_meta = charset.decode(declared.encode(codec))
    assert by_meta is not None
    assert by_meta.text == declared


LINES = st.text(
    st.sampled_from("ab 字，|-\\\t\n\r\x00\x0b\x85\u2028\u3000e\u0301\ufeff") | st.characters(),
    max_size=60,
)


@example("0\r\x1b\x850")  # a control between two ends of lines
@given(LINES)
def test_a_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    found = line(text)
    if found is None:
        return
    assert found == found.strip()
    assert len(found.splitlines()) == 1
    assert line(found) == found


@given(st.lists(LINES, max_size=6).map("\n".join))
def test_blocks_join_and_part_at_line_ends(text: str) -> None:
    found = blocks(text, marks_for(text))
    assert list(found) == ("\n".join(found).split("\n") if found else [])
    assert all(any(map(str.isalnum, block)) for block in found)
    assert found == blocks(text)  # there is no mark in it


@given(LINES.filter(str.strip), LINES)
def test_a_listing_keeps_its_lines_between_others(code: str, before: str) -> None:
    marks = marks_for(code + before)
    assert marks is not None
    first = f"before {' '.join(before.split())}"
    found = blocks(f"{first}\n{marks.listing(code)}\nafter", marks)
    inner = [b for b in found[: -1 if found[-1] == "after" else None] if not b.startswith("before")]
    wanted = [re.sub(r"\s+", "", x) for x in code.splitlines()]
    shown = [re.sub(r"\s+", "", x) for x in inner]
    plain = [x for x in (line(w) or "" for w in wanted) if x]
    assert [x for x in (line(s) or "" for s in shown) if x] == plain
    assert all(a or b for a, b in itertools.pairwise(inner))
    assert not any(mark in block for block in found for mark in marks)


@given(st.text(min_size=MAX_LINE_CHARS + 1, max_size=400))
def test_a_paragraph_is_no_furniture(text: str) -> None:
    assert not is_furniture(text)


@pytest.mark.parametrize(
    "text",
    [
        "Share this article",
        "Copyright 2023 Canal Times. All rights reserved.",
        "We use cookies to improve your experience on this site.",
        "Next article: The ferry is late",
        "Related stories",
        "- Tweet",
        "分享到：微信 新浪微博 QQ空间",
        "您现在的位置：首页 > 新闻 > 正文",
        "上一篇：闸门检修完毕 下一篇：水位预报",
        "版权所有 © 2023 运河时报 京ICP备00000000号",
        "【打印本页】【关闭窗口】",
        "违法和不良信息举报电话：010-00000000",
        "微信扫一扫关注我们",
        "浏览次数：1204",
        "相關閱讀",
        "字号：[大] [中] [小]",
        "[13]",
    ],
)
def test_lines_of_fixed_form_are_furniture(text: str) -> None:
    assert is_furniture(text)
    assert blocks(f"a line\n{text}\nanother") == ("a line", "another")


@pytest.mark.parametrize(
    "text",
    [
        "Share prices fell on Monday.",
        "Print runs were small in those years.",
        "The copyright of the ledger was never claimed.",
        "Next stories came from the engineers.",
        "Cookies were baked on the barge every Friday.",
        "分享到最后，他哭了。",
        "他的位置在闸门右边。",
        "上一篇文章里，我们谈到了水位。",
        "举报人说，他不知道。",
        "推荐他去的人是看守人。",
        "扫地的人来了，扫一扫院子就走了；他扫了一整天，直到傍晚看守人回来，才放下扫帚坐下来喝茶休息。",
        "[13] 看守人的账簿，第三卷。",
    ],
)
def test_sentences_that_mention_such_things_stay(text: str) -> None:
    assert not is_furniture(text)


BLOCKS = st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), max_size=40).map(
    lambda pairs: ([n for n, _ in pairs], [int(n * wide) for n, wide in pairs])
)
SETTINGS = st.fixed_dictionaries(
    {
        "wide_weight": st.sampled_from([1.0, 2.5, 3.5]),
        "paragraph_chars": st.integers(1, 300),
        "max_gap_blocks": st.integers(0, 4),
        "fragment_chars": st.integers(0, 120),
        "kept_fragments": st.integers(0, 3),
        "max_fragments_fraction": st.floats(0, 1),
    }
)


@given(BLOCKS, SETTINGS)
def test_removals_are_sorted_unique_in_range_and_repeatable(
    given: tuple[list[int], list[int]], settings: dict[str, float]
) -> None:
    found = substance(*given, **settings)  # type: ignore[arg-type]
    assert found == substance(*given, **settings)  # type: ignore[arg-type]
    assert list(found.removed) == sorted(set(found.removed))
    assert all(0 <= i < len(given[0]) for i in found.removed)
    weights = weigh(*given, settings["wide_weight"])
    assert found.chars == sum(weights) - sum(weights[i] for i in found.removed)
    assert all(weights[i] < settings["fragment_chars"] for i in found.removed)
    kept = [i for i in range(len(weights)) if i not in found.removed]
    assert len(found.removed) < len(weights) or not weights
    assert kept == list(range(kept[0], kept[-1] + 1)) if kept else not weights


@given(BLOCKS, st.integers(1, 300), st.integers(0, 3))
def test_a_wider_gap_and_a_lower_bar_make_no_run_lighter(
    given: tuple[list[int], list[int]], least: int, gap: int
) -> None:
    weights = weigh(*given)
    run = longest_run(weights, least, gap)
    assert run <= longest_run(weights, least, gap + 1) <= sum(weights)
    assert longest_run(weights[::-1], least, gap) == pytest.approx(run)
    single = max((w for w in weights if w >= least), default=0)
    assert single <= run
