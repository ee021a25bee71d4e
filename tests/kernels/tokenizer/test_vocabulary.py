"""Words that are added to a BPE vocabulary, and whether its merges ever reach them."""

import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.tokenizer import sp_model
from skypile.kernels.tokenizer.vocabulary import (
    choose_characters,
    extend,
    is_han_word,
    merged,
    standard_han,
)
from tests.tokenizer_texts import english_base, lines

CHARACTERS = {c: -1.0 - i for i, c in enumerate("中华人民共和国大学生研究")}
WORDS = st.lists(
    st.tuples(st.text("中华人民", min_size=2, max_size=6), st.integers(1, 9)),
    unique_by=lambda w: w[0],
)


def test_merges_take_the_highest_score_first_and_the_leftmost_of_equals() -> None:
    scores = {"ab": -1.0, "bc": 0.0, "abc": -2.0}
    assert merged("abc", scores) == ["abc"]  # a + bc, though only ab + c is written down first
    assert merged("abab", {"ab": 0.0, "ba": 1.0}) == ["a", "ba", "b"]
    assert merged("aaa", {"aa": 0.0}) == ["aa", "a"]
    assert merged("", {}) == []


def test_merges_are_those_of_the_library() -> None:
    model = english_base()
    scores = sp_model.scores_of(model)
    encode = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString()).encode
    words = {word for line in lines("en") for word in line.split(" ") if word}
    known = [w for w in sorted(words) if all(c in scores for c in w)]
    assert len(known) > 1000
    for word in known:
        assert merged("\u2581" + word, scores) == encode(word, out_type=str), word


def test_a_long_word_gets_the_pieces_on_the_way_within_the_budget() -> None:
    made = extend(CHARACTERS, [("中华人民共和国", 9), ("共和国", 1)], 100, -100)
    assert {"中华人民共和国", "共和国"} <= made.words
    assert len(made.pieces) == 6  # seven characters: five helpers at most, and the word
    assert "共和国" in made.pieces  # the helper that another word needs is the one taken


def test_a_word_whose_characters_go_elsewhere_is_refused() -> None:
    base = CHARACTERS | {"学生": -0.5, "大学生": -99.0, "大学": -99.5}
    made = extend(base, [("研究", 3), ("大学", 2), ("大学生", 2), ("未知", 1)], 9, -100)
    assert made.pieces == ("研究",)
    assert made.refused == ("未知",)
    blocked = extend(
        CHARACTERS | {"生研": 0.0, "生研究": 1.0, "大学生": -2.0}, [("学生研究", 1)], 9, -100
    )
    assert blocked.words == {"学生研究"}


def test_a_piece_that_better_merges_hide_is_not_counted_as_a_word() -> None:
    base = CHARACTERS | {
        "学生": 0.0,
        "大学": -1.0,
        "大学生研": -2.0,
    }  # 大|学生|研: no pair of these
    made = extend(base, [("大学生研", 5)], 9, -100)
    assert made.refused == ("大学生研",)
    assert made.pieces == ()


@given(WORDS, st.integers(0, 12))
def test_every_added_word_is_reached_and_the_budget_kept(
    words: list[tuple[str, int]], pieces: int
) -> None:
    made = extend(CHARACTERS, words, pieces, -100)
    assert len(made.pieces) <= pieces
    assert len(set(made.pieces)) == len(made.pieces)
    scores = CHARACTERS | {piece: -100.0 - i for i, piece in enumerate(made.pieces)}
    assert all(merged(word, scores) == [word] for word in made.words)
    assert made.words <= {word for word, _ in words}
    if pieces >= 12 * len(words):
        assert made.words == {word for word, _ in words}  # room for all


@given(WORDS)
def test_the_budget_is_filled_where_words_are_left(words: list[tuple[str, int]]) -> None:
    all_of_them = extend(CHARACTERS, words, 1000, -100)
    half = len(all_of_them.pieces) // 2
    made = extend(CHARACTERS, words, half, -100)
    left = [w for w, _ in words if len(w) == 2 and w not in made.pieces]
    assert len(made.pieces) == half or not left


def test_characters_come_from_the_list_then_the_corpus_then_the_standards() -> None:
    counts = {
        "龘": 5,
        "的": 50,
        "é": 99,
        "a": 99,
        "😀": 7,
        " ": 9,
        "\u2581": 9,
        "\ue000": 9,
        "国": 1,
    }
    chosen = choose_characters(counts, ["[PAD]", "##的", "國", "国", "Z"], "的", 6)
    assert chosen[:4] == ["国", "國", "😀", "龘"]  # of the list the more frequent first
    assert chosen[4:] == ["啊", "阿"]  # GB 2312 begins with them
    assert choose_characters(counts, ["國", "国"], "", 1) == ["国"]


def test_the_standard_sets_hold_both_scripts_once_each() -> None:
    found = standard_han()
    assert len(found) == len(set(found)) == 8926
    assert {"国", "國", "电", "電"} <= set(found)
    assert len(choose_characters({}, [], "", 8000)) == 8000


def test_what_a_chinese_word_is() -> None:
    assert [
        w for w in ("中国", "中國", "中", "中A", "ab", "𠀀𠀁", "カナ", "十年") if is_han_word(w)
    ] == [
        "中国",
        "中國",
        "𠀀𠀁",
        "十年",
    ]
