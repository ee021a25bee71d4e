"""What is measured of a pair, in simplified and traditional Chinese."""

import time
from typing import Any

import pytest

from skypile.kernels.parallel.anchors import anchors, length
from skypile.kernels.parallel.pair_checks import compare, length_deviation
from tests.kernels.parallel.test_gale_church import EN, ZH, ZHT

MARKED = (
    "Set `PATH` in /etc/profile ([see the manual](https://www.example.org/en/docs/x)), or call "
    "load_all() of libFoo 2.6.32."
)
MARKED_ZH = (
    "在/etc/profile中设置`PATH`（[参见手册](https://example.org/zh-cn/docs/x/)），"
    "或调用 libFoo 2.6.32 的 load_all()。"
)


@pytest.mark.parametrize("chinese", [ZH, ZHT])
def test_true_pairs_are_likelier_than_their_neighbours(chinese: list[str]) -> None:
    for i, english in enumerate(EN):
        others = [compare(english, z)["pair_log_odds"] for j, z in enumerate(chinese) if j != i]
        assert compare(english, chinese[i])["pair_log_odds"] > max(others)


def test_the_same_words_in_traditional_characters_measure_the_same() -> None:
    for english, simplified, traditional in zip(EN, ZH, ZHT, strict=True):
        assert compare(english, simplified) == compare(english, traditional)


def test_anchors_of_both_sides() -> None:
    en, zh = anchors(MARKED), anchors(MARKED_ZH)
    assert en.urls == zh.urls == {"example.org/docs/x"}
    assert en.code == zh.code == {"PATH", "/etc/profile", "load_all()", "libFoo"}
    row = compare(MARKED, MARKED_ZH)
    assert (row["urls"], row["urls_agree"]) == (2, 1.0)
    assert (row["code_spans"], row["code_agrees"]) == (8, 1.0)
    assert (row["numbers"], row["numbers_agree"]) == (2, 1.0)
    assert row["pair_log_odds"] > 2
    wrong = compare(MARKED, MARKED_ZH.replace("PATH", "HOME").replace("docs/x", "docs/y"))
    assert wrong["code_agrees"] == 0.75
    assert wrong["urls_agree"] == 0.5  # the host is the same
    assert compare(MARKED, MARKED_ZH.replace("example.org", "other.net"))["urls_agree"] == 0


def test_prose_is_no_code_and_has_no_link() -> None:
    found = anchors("He and/or she said `so' at 5 p.m., e.g. in the U.S. on the 浏览器/IDE.")
    assert not found.code
    assert not found.urls
    assert anchors("Ｒｅａｃｔ 和 Ergänzungsschule").words == {"react", "erganzungsschule"}


@pytest.mark.parametrize(
    ("english", "chinese", "column", "value"),
    [
        ("He left. She stayed.", "他走了。她留下了。", "english_sentences", 2),
        ("He left. She stayed.", "他走了。她留下了。", "chinese_sentences", 2),
        ("He left", "他走了。", "english_complete", False),
        ("He left.", "他走", "chinese_complete", False),
        ('"He left."', "“他走了。”", "chinese_complete", True),
        ("「他走了。」", "「他走了。」", "english_complete", True),
        ("See [it.](/a/b)", "参见[它](/a/b)。", "english_complete", True),
        ("See https://a.example/.", "参见 https://a.example/。", "english_complete", True),
        ("The React team", "React 团队", "names_agree", 1.0),
        ("The React team", "Angular 团队", "names_agree", 0.0),
        ("Nothing is here.", "Nothing is here.", "untranslated_share", 1.0),
        ("Nothing is here.", "这里什么也没有。", "untranslated_share", 0.0),
        ("Is it?", "是吗？", "marks_agree", 1.0),
        ("Is it?", "是。", "marks_agree", 0.0),
    ],
)
def test_measures(english: str, chinese: str, column: str, value: Any) -> None:
    assert compare(english, chinese)[column] == value


def test_lengths() -> None:
    assert length("a b\n中文") == 2 + 2 * 2.9
    assert length_deviation(100, 100) == 0
    assert length_deviation(100, 200) == -length_deviation(200, 100) > 3
    assert abs(length_deviation(10, 20)) < abs(length_deviation(1000, 2000))


@pytest.mark.parametrize(
    "piece", ["(", "](", "`", "<a ", "a.b", "/a", "a", "a_", "<!--", "1万", "?", ". "]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    start = time.process_time()
    compare(text, "。" * 60_000)
    compare("?" * 60_000, text)
    assert time.process_time() - start < 3  # 0.1 s; quadratic ones took minutes
