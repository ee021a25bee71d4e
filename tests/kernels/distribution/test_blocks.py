"""Units of comparison against a plain reading of the rules: joined, cut, left out."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skypile.kernels.distribution import blocks
from skypile.kernels.distribution.blocks import LEAST, MOST, Units, units
from skypile.kernels.text import textnorm

EN = "The treaty was signed by both sides in the old town hall. "
ZH = "双方在旧市政厅签署了这项条约。"
UNTIMED = settings(deadline=None, max_examples=300)
PIECES = st.sampled_from(
    ["the old town", "条约", "签署了这项。", "hall. ", '"Yes!" ', "他说：“好！”", "\n", "\n", "😀",
     " ", "3.14", "e.g. ", "……", "한국어", "é", "e\u0301", "①", "\U0001f1e9", "ﷺ", "no" * 30]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def of(*texts: str, **limits: int) -> Units:
    return units(pa.array(texts, pa.string()), **limits)


def shown(found: Units) -> list[tuple[str, int, int, int]]:
    return [
        (found.text(i), int(found.first[i]), int(found.last[i]), int(found.weights[i]))
        for i in range(len(found.starts))
    ]


def weigh(text: str) -> int:
    """Half words: runs of letters of spaced scripts 2, other letters 1."""
    weight, inside = 0, False
    for char in text:
        kind = int(blocks._kinds()[ord(char)])
        if kind == textnorm.SINGLE:
            weight += 1
        if kind == textnorm.WORD and not inside:
            weight += 2
        if kind not in (textnorm.EXTEND, textnorm.DROP):
            inside = kind == textnorm.WORD
    return weight


def test_a_paragraph_is_a_unit_and_its_weight_is_in_half_words() -> None:
    assert shown(of(f"{EN}\n{ZH}")) == [(EN, 0, 1, 24), (ZH, 1, 2, 14)]
    assert weigh(EN) == 24
    assert weigh(ZH) == 14


@pytest.mark.parametrize("short", ["Home news", "首页新闻"])
def test_short_blocks_of_a_row_are_joined_and_the_rest_goes_with_the_last(short: str) -> None:
    assert weigh(short) == 4
    long = EN if short.isascii() else ZH
    three, rows = "\n".join([short] * 3), "\n".join([short] * 5)
    assert shown(of(three)) == [(three, 0, 3, 12)]
    assert shown(of(rows)) == [(rows, 0, 5, 20)]
    seven = "\n".join([short] * 7)
    assert [(a, b, w) for _, a, b, w in shown(of(seven))] == [(0, 3, 12), (3, 7, 16)]
    assert [w for *_, w in shown(of(f"{short}\nnews here now"))] == [LEAST]
    # Too little between two paragraphs is left out, and what follows a row is not of it.
    text = f"{short}\n{long}\n{short}\n{short}\n{long}\n{three}\n{short}\n{long}\n{short}"
    assert [(a, b) for _, a, b, _ in shown(of(text))] == [(1, 2), (4, 5), (5, 9), (9, 10)]


def test_blocks_without_a_word_are_left_out_and_end_a_row() -> None:
    assert shown(of("😀😀😀", "", "***\n—\n12345\n①", "\n\n")) == []
    row = "Home news\nmore news\nall news"
    assert [(a, b) for _, a, b, _ in shown(of(f"{row}\n😀\nHome\n{row}"))] == [(0, 3), (4, 7 + 1)]
    assert shown(of("Home news\n😀\nmore news\n***\nall news")) == []


def test_offsets_are_those_of_documents() -> None:
    found = of("", EN, "😀", f"{EN}\n{ZH}")
    assert found.offsets.tolist() == [0, 0, 1, 1, 3]
    assert of().offsets.tolist() == [0]
    sliced = pa.array(["x" * 50, EN, ZH])[1:]
    assert [t for t, *_ in shown(units(sliced))] == [EN, ZH]


@pytest.mark.parametrize(
    ("sentence", "ends"),
    [
        (EN, r"hall\.$"),
        (ZH, r"。$"),
        ("他在會上說：「我們簽了條約。」", r"。」$"),
        ("他问：“你签了吗？！”", r"？！”$"),
        ('She asked: "Did you sign it?" ', r'\?"$'),
        ("Rates rose by 3.5 in v2.0.1 of the plan (see above.) ", r"\.\)$"),
    ],
)
def test_long_blocks_are_cut_at_ends_of_sentences(sentence: str, ends: str) -> None:
    text = sentence * 200
    found = of(text, most=100)
    assert len(found.starts) > 10
    assert "".join(t for t, *_ in shown(found)) == text
    for piece, first, last, weight in shown(found):
        assert (first, last) == (0, 1)
        assert re.search(ends, piece.rstrip())  # at the end of the block a space may follow
        assert weight == weigh(piece) <= 100 + LEAST - 1


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    for text in ("word " * 1000, "条约" * 1000, "한국어" * 700):
        found = of(text)
        assert "".join(t for t, *_ in shown(found)) == text
        assert max(found.weights) <= MOST + LEAST - 1
    assert shown(of("word" * 100_000)) == []  # one word
    assert shown(of("word " * 301)) == [("word " * 301, 0, 1, 602)]  # a short end stays
    assert [w for *_, w in shown(of("word " * 310))] == [600, 20]


def test_a_block_of_a_megabyte() -> None:
    text = (EN + ZH) * (1_000_000 // len((EN + ZH).encode()))
    found = of(f"{EN}\n{text}\n{ZH}")
    assert found.first[[0, 1, -2, -1]].tolist() == [0, 1, 1, 2]
    assert found.weights[1:-2].min() > MOST - weigh(EN + ZH)
    assert "".join(t for t, first, *_ in shown(found) if first == 1) == text


def check(texts: list[str], least: int, most: int) -> None:
    found = of(*texts, least=least, most=most)
    assert found.offsets[-1] == len(found.starts)
    for doc, text in enumerate(texts):
        mine = shown(found)[found.offsets[doc] : found.offsets[doc + 1]]
        lines = text.split("\n")
        covered: set[int] = set()
        for at, (piece, first, last, weight) in enumerate(mine):
            assert weight == weigh(piece)
            assert least <= weight < most + least
            if last - first > 1:
                assert piece == "\n".join(lines[first:last])
                assert all(0 < weigh(line) < least for line in lines[first:last])
            if at and mine[at - 1][1] != first:
                assert mine[at - 1][2] <= first
            covered |= set(range(first, last))
        for at in covered:
            pieces = [t for t, first, last, _ in mine if first == at and last == at + 1]
            assert not pieces or "".join(pieces) == lines[at]
        for at in set(range(len(lines))) - covered:
            assert weigh(lines[at]) < least
            near = [n for n in (at - 1, at + 1) if 0 <= n < len(lines)]
            if weigh(lines[at]):
                # Were a neighbour a short one in a unit, this one would be with it.
                assert not any(n in covered and 0 < weigh(lines[n]) < least for n in near)


@UNTIMED
@given(st.lists(TEXTS, max_size=4), st.integers(2, 12), st.integers(24, 60))
@example(["the old town\nhall. ", "\n"], 6, 24)
def test_rules_hold_for_any_text(texts: list[str], least: int, most: int) -> None:
    check(texts, least, most)


@UNTIMED
@given(st.lists(TEXTS, max_size=5), st.integers(0, 5))
def test_a_batch_is_its_documents(texts: list[str], cut: int) -> None:
    whole = shown(of(*texts))
    assert whole == shown(of(*texts[:cut])) + shown(of(*texts[cut:]))


@UNTIMED
@given(st.lists(st.sampled_from(["The old", " hall", "旧市", "政厅", "\n", "é"]), max_size=40))
def test_composition_does_not_move_a_cut(pieces: list[str]) -> None:
    text = "".join(pieces)
    plain, apart = (
        shown(of(unicodedata.normalize(form, text), most=20)) for form in ("NFC", "NFD")
    )
    assert [(a, b, w) for _, a, b, w in plain] == [(a, b, w) for _, a, b, w in apart]


def test_limits_are_refused_and_constants_are_those_of_the_table() -> None:
    for limits in ({"least": 1}, {"least": 10, "most": 19}):
        with pytest.raises(ValueError, match="no units of"):
            of(EN, **limits)
    with pytest.raises(ValueError, match="null"):
        units(pa.array([None], pa.string()))
    for name in ("WORD", "SINGLE", "EXTEND", "DROP", "JAMO", "SEVERAL"):
        assert getattr(blocks, f"_{name}") == getattr(textnorm, name)
