import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skypile.kernels.quality.lmtext import make_normaliser

normalise = make_normaliser()
# All of Unicode, and more often the places where a rule lies.
RULED = "AÉéǿİſßẞΣςĳﬁ１９Ａｚ！～　「」『』、。…—．►がカガ゙゚각́҇̈٠७𝟎\u0301\u200b\ufeff\r\t\x85\u2028 \n"
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(RULED)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Café — 1,234 “naïve” Users…", 'the cafe - 0,000 "naive" users...'),
        ("Ångström ǿ İstanbul Cafe\u0301 o\u0308\u0301", "angstrom ø istanbul cafe o"),
        ("it’s ‘so’ \t fine\u00a0…", "it's 'so' fine ..."),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark\x00", "softhyphen zerowidth mark"),
        ("hid\U000e0041\U000e0042den", "hidden"),
    ],
)
def test_english(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("《红楼梦》，２０２４年，共１２０回。", '"红楼梦",0000年,共000回.'),
        ("ＡＢＣ（％）！　“好”、～", 'abc(%)! "好",~'),
        ("「臺灣」與『香港』：繁體字保留；", '"臺灣"與"香港":繁體字保留;'),
        ("﹁直排﹂︑﹃引號﹄︒", '"直排","引號".'),
        ("赌\u200b博\u2060网", "赌博网"),
        ("１", "0"),  # a quotation mark in CCNet's table
    ],
)
def test_chinese(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ガラスとカラス、がぎぐ", "ガラスとカラス,がぎぐ"),
        ("カ\u3099", "カ\u3099"),  # a voicing mark of its own; SentencePiece composes it
        ("ﾃｽﾄ｡｢ｶｯｺ｣", 'ﾃｽﾄ."ｶｯｺ"'),
        ("대한민국 １２３번지", "대한민국 000번지"),
    ],
)
def test_japanese_and_korean_keep_their_marks_and_syllables(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert "각" in normalise("각")


def test_other_scripts_keep_their_marks() -> None:
    for text in ("мой ёлка", "καλημέρα", "हिन्दी", "مَرحَبًا", "שָׁלוֹם"):
        assert normalise(text) == text
    assert normalise("٣٧ ৪২ 𝟗") == "00 00 0"


def test_lines_stay_lines() -> None:
    assert normalise(" Un \r\n\r\n Deux\n\u3000第三\u2028行 ") == "un\n\ndeux\n第三 行"
    assert normalise("\n") == "\n"
    assert normalise("") == ""


def test_a_table_folds_traditional_characters() -> None:
    fold = make_normaliser({ord("灣"): "湾", ord("臺"): "台", 0x20C34: "𠃌"})
    assert fold("臺灣\U00020c34，Ａ") == "台湾𠃌,a"
    assert normalise("臺灣") == "臺灣"


@pytest.mark.parametrize("fold", [{ord("灣"): "Ａ"}, {1: "A"}, {ord("甲"): "乙", ord("乙"): "丙"}])
def test_a_table_whose_results_would_change_again_is_refused(fold: dict[int, str]) -> None:
    with pytest.raises(ValueError, match="changed again"):
        make_normaliser(fold)


@given(TEXTS)
@example("ΑΣ\u200bΑ \x00Σ")
@example("\u0301e \u0301")
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXTS, TEXTS)
def test_each_line_is_as_it_would_be_alone(one: str, other: str) -> None:
    assert normalise(f"{one}\n{other}") == f"{normalise(one)}\n{normalise(other)}"


@given(TEXTS)
def test_nothing_is_left_that_the_rules_name(text: str) -> None:
    out = normalise(text)
    assert not [c for c in out if unicodedata.category(c) == "Cc" and c != "\n"]
    assert not [c for c in out if c.isdecimal() and c != "0" and ord(c) < 0x20000]
    assert not [c for c in out if 0xFF01 <= ord(c) <= 0xFF5E]
    assert "  " not in out


@pytest.mark.parametrize("text", [" ", " \n", "e\u0301", "\u0301", "１", "—", "\U000e0041", "的"])
def test_hostile_text_costs_linear_time(text: str) -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        normalise(text * (size // len(text)))
        return time.process_time() - start

    assert min(seconds(300_000) for _ in range(2)) < 0.5
