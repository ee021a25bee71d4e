"""Signals: against a plain loop over Python's own strings, and by hand."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plain_signals import plain
from skypile.kernels.quality import repetition, signals
from skypile.kernels.quality.flagged import FlaggedWords, parse
from skypile.kernels.quality.signal_table import SCHEMA, SIGNALS
from skypile.kernels.text import characters

PIECES = st.sampled_from(
    [
        *(
            "the ",
            "of ",
            "Cat",
            "don't",
            "3.14",
            "1,000",
            " ",
            "\n",
            "\n\n",
            "\t",
            "\r\n",
            "\u3000",
        ),
        *(
            "我们",
            "的",
            "於",
            "于",
            "漢字",
            "カナ",
            "ｶﾅ",
            "한국어 ",
            "。",
            "！",
            "，",
            "……",
            "...",
            "…",
            "。。。",
        ),
        *(
            "•",
            "- ",
            "·",
            "（记者）",
            "(Reuters)",
            "”",
            "」",
            "ＡＢＣ",
            "１２",
            "#",
            "＃",
            "{",
            "｛",
            "e\u0301",
        ),
        *(
            "JavaScript",
            "lorem ipsum",
            "隐私政策",
            "隱私政策",
            "use cookies",
            "\x08",
            "\ufffd",
            "\ue000",
        ),
        *(
            "\U00020000",
            "\U0001f600",
            "\u200b",
            "İ",
            "ß",
            "a.b",
            "x_y",
            "?",
            "!)",
            "的人在",
            "的人在",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


def one(text: str, **more: FlaggedWords) -> dict[str, float]:
    return signals.measure([text], **more).to_pylist()[0]


def assert_same(row: dict[str, float], text: str) -> None:
    expected = plain(text)
    assert set(row) == set(expected)
    wrong = {k: (row[k], expected[k]) for k in row if np.float32(expected[k]) != np.float32(row[k])}
    assert not wrong, repr(text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_the_kernel_is_the_plain_loop(text: str) -> None:
    assert_same(one(text), text)


def test_the_kernel_is_the_plain_loop_on_real_text(shared_data: Path) -> None:
    with gzip.open(shared_data / "web_text/texts.jsonl.gz", "rt", encoding="utf8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = [t for t in texts if len(t) < 4000][:60]
    for row, text in zip(signals.measure(texts).to_pylist(), texts, strict=True):
        assert_same(row, text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS | st.none(), max_size=6))
def test_a_batch_is_its_texts_one_by_one(texts: list[str | None]) -> None:
    whole = signals.measure(texts)
    assert whole.schema == SCHEMA
    assert whole.to_pylist() == [one(text or "") for text in texts]


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_fractions_are_from_0_to_1(text: str) -> None:
    for name, value in one(text).items():
        assert value >= 0, name
        assert not name.endswith("fraction") or value <= 1, name


def test_slices_chunks_and_types_of_strings() -> None:
    texts = ["a b", "你好。", None, "c\nd"]
    expected = signals.measure(texts).to_pylist()
    array = pa.array(["x", *texts, "y"])
    for given_ in (
        array[1:5],
        array[1:5].cast(pa.large_string()),
        pa.chunked_array([array[1:3], array[3:5]]),
    ):
        assert signals.measure(given_).to_pylist() == expected
    assert signals.measure([]).num_rows == 0
    assert signals.measure(pa.chunked_array([], pa.string())).num_rows == 0


def test_columns_are_named_and_explained() -> None:
    assert SCHEMA.names == [s.name for s in SIGNALS]
    assert len(set(SCHEMA.names)) == len(SIGNALS)
    assert {f.type for f in SCHEMA} == {pa.int32(), pa.float32()}
    assert all(s.meaning for s in SIGNALS)


def test_english_by_hand() -> None:
    found = one("The cat sat.\nThe cat sat.\n- Don't pay 3.50 #now...\n")
    assert (found["lines"], found["words"], found["word_equivalents"]) == (3, 10, 10)
    assert found["mean_word_letters"] == pytest.approx((3 * 6 + 5 + 3 + 4 + 3) / 10)
    assert found["alpha_word_fraction"] == pytest.approx(0.9)
    assert found["hash_to_word_ratio"] == pytest.approx(0.1)
    assert found["ellipsis_to_word_ratio"] == pytest.approx(0.1)
    assert found["bullet_line_fraction"] == pytest.approx(1 / 3)
    assert found["ellipsis_line_fraction"] == pytest.approx(1 / 3)
    assert found["terminal_line_fraction"] == pytest.approx(2 / 3)
    assert found["duplicate_line_fraction"] == pytest.approx(1 / 3)
    assert found["newline_to_word_ratio"] == pytest.approx(0.3)
    assert found["top_3gram_char_fraction"] == pytest.approx(18 / 33)
    assert (found["en_stop_words"], found["zh_stop_words"], found["stop_words"]) == (1, 0, 1)


@pytest.mark.parametrize(
    "text", ["我们在北京看了为民的书。他说：「好！」", "我們在北京看了為民的書。他說：「好！」"]
)
def test_chinese_by_hand_in_both_scripts(text: str) -> None:
    found = one(text)
    assert (found["words"], found["wide_chars"]) == (0, 14)
    assert found["word_equivalents"] == pytest.approx(14 / 1.8)
    assert found["mean_word_letters"] == pytest.approx(6.3)
    assert found["mean_word_chars"] == pytest.approx(1.8)
    assert found["zh_stop_words"] == 5  # 在 了 为為 的 他
    assert found["zh_stop_char_fraction"] == pytest.approx(5 / 14)
    assert found["han_fraction"] == pytest.approx(14 / 19)
    assert found["punctuation_fraction"] == pytest.approx(5 / 19)
    assert (found["sentences"], found["terminal_line_fraction"]) == (2, 1)


def test_full_width_is_what_it_stands_for() -> None:
    wide, plain_ = one("ＴＨＥ ＣＡＴ １２，"), one("the cat 12,")
    for name in (
        "words",
        "en_stop_words",
        "latin_fraction",
        "digit_fraction",
        "alpha_word_fraction",
    ):
        assert wide[name] == plain_[name]


@pytest.mark.parametrize(
    ("line", "terminal"),
    [
        *(
            ("Yes.", True),
            ("Yes!", True),
            ('He said "no"', True),
            ("No...", False),
            ("Title", False),
        ),
        *(("他说好。", True), ("“好”", True), ("「好」", True), ("也许……", True), ("标题", False)),
        *(("好！）", True), ("he left. (Reuters)", True), ("他走了。（记者 王某）", True)),
        *(("（编辑 王某）", False), ("链接（一）", False), ("a, (" + "x" * 60 + ")", False)),
    ],
)
def test_ends_of_lines(line: str, terminal: bool) -> None:
    assert one(line)["terminal_line_fraction"] == terminal


def test_c4_leaves_out_lines_and_counts_what_is_left() -> None:
    text = (
        "One two three. And four.\nEnable JavaScript to go on.\nWe use cookies on this site.\n"
        "Too few.\nNo end of sentence here\n本站使用cookie以改善您的体验。\n这是第三个句子。\n"
        + "x" * 1001
        + " a b c."
    )
    found = one(text)
    assert (found["javascript_lines"], found["policy_lines"]) == (1, 2)
    assert found["c4_sentences"] == 3
    assert 0 < found["c4_line_char_fraction"] < 0.05


def test_paragraphs_are_what_blank_lines_separate() -> None:
    found = one("a b\nc d\n\na b\nc d\n \ne f")
    assert found["duplicate_paragraph_fraction"] == pytest.approx(1 / 3)
    assert found["duplicate_line_fraction"] == pytest.approx(2 / 5)
    same = one("a b\na b\nc d")
    assert same["duplicate_paragraph_fraction"] == same["duplicate_line_fraction"]


def test_ngrams_of_characters_are_longer() -> None:
    assert repetition.UNITS[0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert repetition.UNITS[1].tolist() == [4, 5, 7, 9, 11, 13, 14, 16, 18]
    eight, nine = "一二三四五六七八", "一二三四五六七八九"
    assert one(f"{eight}，天{eight}地")["duplicate_5gram_char_fraction"] == 0
    assert one(f"{nine}，天{nine}地")["duplicate_5gram_char_fraction"] == pytest.approx(9 / 20)


def test_the_same_text_in_both_scripts_repeats_the_same() -> None:
    simplified = one("为了发展经济，为了发展国家，我们为了发展经济。")
    traditional = one("為了發展經濟，為了發展國家，我們為了發展經濟。")
    for name in SCHEMA.names:
        assert simplified[name] == traditional[name], name


def test_a_long_text_is_taken_in_windows() -> None:
    words = " ".join(f"w{i}" for i in range(repetition.MAX_UNITS))
    found = one(words + "\n" + words)
    assert found["duplicate_line_fraction"] == pytest.approx(0.5)
    assert found["duplicate_10gram_char_fraction"] == 0  # each window for itself
    again = one("a b c d e f g h i j k " * 60_000)
    assert again["duplicate_10gram_char_fraction"] > 0.999
    assert again["top_2gram_char_fraction"] == pytest.approx(2 / 11, abs=1e-4)


def test_character_classes() -> None:
    flags = characters.classes()
    for text, bit in (
        ("漢𠮷々〇", characters.HAN),
        ("あアｱー", characters.KANA),
        ("aＺé", characters.LATIN),
        ("Ж한ا", characters.LETTER),
        ("1１²Ⅷ", characters.DIGIT),
        ("，。「」！—…·・（", characters.PUNCTUATION),
        ("$＋=😀", characters.SYMBOL),
        (" \n\t\u3000\u200b\ufeff", characters.SPACE),
        ("\x00\x08\ufffd\ue000", characters.ODD),
    ):
        for c in text:
            assert flags[ord(c)] & bit, (c, bit)
    assert (
        "".join(map(chr, characters.folding()[characters.code_points("ＡbＣ＠—１　é中")]))
        == "abc@-1 é中"
    )


FLAGGED = FlaggedWords(["sex", "casino night", "性交", "賭博", "赌博"], ["理性交流", "反赌博法"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sex, SEX and sex_", ["sex", "sex", "sex"]),
        ("Essex, Sussex, sexes, 2sex", []),
        ("性sex交", ["sex"]),
        ("a casino night, CASINO\u3000NIGHT", ["casino night", "casino night"]),
        ("理性交流，个性交流", ["性交"]),
        ("反赌博法禁止赌博", ["赌博"]),
        ("禁止賭博", ["賭博"]),
        ("ｓｅｘ", ["sex"]),
        ("", []),
    ],
)
def test_flagged_words(text: str, words: list[str]) -> None:
    assert [word for _, _, word in FLAGGED.find(text)] == words
    found = one(text, flagged=FLAGGED)
    assert found["flagged_words"] == len(words)
    assert found["flagged_words_per_line"] == len(words)


def test_flagged_words_overlap_once_and_lists_are_checked() -> None:
    words = FlaggedWords(["赌", "赌博", "博彩"])
    assert words.find("赌博彩") == [(0, 2, "赌博")]
    assert one("ab赌博\n赌博cd", flagged=words)["flagged_char_fraction"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="flagged and innocent at once: a"):
        FlaggedWords(["A"], ["a"])
    with pytest.raises(ValueError, match="empty"):
        FlaggedWords([" "])
    assert parse(["\ufeff", "# note", "a", "!b c", " a ", "", "!"]) == (["a"], ["b c"])
