"""The classifier sees words, not where a text comes from."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.quality.reference import (
    RANDOM,
    REFERENCE,
    auc,
    chunks,
    make_classifier,
    make_tokens,
)
from skypile.kernels.text import characters
from skypile.kernels.text.characters import LETTER, MARK, WIDE
from skypile.kernels.text.textnorm import han_fold

EN = "The lobster's claws, known since 1758, are blue."
TOKENS = ["the", "lobster", "s", "claws", "known", "since", "are", "blue"]


def make_list(*args: Any, **more: Any) -> Callable[[str], list[str]]:
    tokens = make_tokens(*args, **more)
    return lambda text: tokens(text).split()


def test_tokens_are_words_and_single_han_and_kana() -> None:
    tokens = make_list()
    assert tokens(EN) == TOKENS
    assert tokens("梵語的 study，2021年、カナ") == [*"梵語的", "study", "年", *"カナ"]
    assert tokens("Привет, мир! 한국어 문장") == ["привет", "мир", "한국어", "문장"]
    assert tokens("ＡＢＣ １２３ ﾊﾝｶｸ") == ["abc", *"ハンカク"]
    assert tokens("हिन्दी में 12") == ["हिन्दी", "में"]
    assert tokens("") == tokens("123 …… !!") == []
    assert make_tokens()(EN) == " ".join(TOKENS)


@pytest.mark.parametrize(
    "traced",
    [
        "The lobster 's claws , known since 1 @,@ 758 , are blue .".replace(
            "lobster 's", "lobster's"
        ),
        "The <unk> lobster's claws, <unk> known since <unk> are blue.",
        "== The lobster's claws ==\n* known[1] since [[1758]], '''are''' blue",
        "The lobster’s claws&nbsp;known since\n\n1758 are<br/>blue https://en.wikipedia.org/wiki/Lobster",
    ],
)
def test_traces_of_a_source_are_gone(traced: str) -> None:
    assert make_list()(traced) == TOKENS


def test_scripts_of_chinese_are_one_when_folded() -> None:
    tokens = make_list(han_fold())
    assert tokens("電腦與龍蝦，裡面") == tokens("电脑与龙虾，里面") == [*"电脑与龙虾里面"]
    assert make_list()("電腦") == [*"電腦"]


def test_a_long_text_is_seen_from_its_start_in_bounded_time() -> None:
    tokens = make_list(max_tokens=5)
    assert tokens("a b c d e f g") == [*"abcde"]
    assert len(make_list()("字" * 10_000_000)) == 2000
    assert len(make_list()("<unk>" * 2_000_000)) == 0


@given(st.text(st.characters(exclude_characters="<&:"), max_size=60))
def test_the_compiled_pass_does_what_a_plain_loop_does(text: str) -> None:
    kinds = characters.classes()
    kept = ""
    for char in unicodedata.normalize("NFKC", text.lower()):
        kind = kinds[ord(char)]
        kept += char if kind & (LETTER | MARK) else f" {char} " if kind & WIDE else " "
    assert make_tokens()(text).split(" ") == (kept.split() or [""])
    assert make_list(max_tokens=3)(text) == kept.split()[:3]


def test_chunks_leave_out_a_short_end() -> None:
    assert chunks([*"abcdefgh"], 3, 2) == [[*"abc"], [*"def"], [*"gh"]]
    assert chunks([*"abcdefg"], 3, 2) == [[*"abc"], [*"def"]]
    assert chunks([], 3, 1) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    lines = [f"{REFERENCE} treaty empire river 史 国"] * 50 + [f"{RANDOM} buy cheap now 买 赚"] * 50
    (folder / "train").write_text("\n".join(lines) + "\n")
    made = fasttext.train_supervised(
        str(folder / "train"), dim=8, epoch=50, lr=0.5, bucket=0, thread=1, verbose=0
    )
    made.save_model(str(folder / "model.bin"))
    return folder / "model.bin"


def test_probabilities_are_of_the_reference_class(model: Path) -> None:
    classify = make_classifier(str(model), han_fold())
    texts = [
        "Treaty\nof the river",
        "buy\nnow!\n",
        "國史",
        "便宜買",
        "123",
        "",
        None,
        "unknown words",
    ]
    found = classify(pa.array(texts)).to_pylist()
    assert found[0] > 0.9 > 0.1 > found[1] >= 0
    assert found[2] > 0.9 > 0.1 > found[3]
    assert found[4:7] == [None] * 3
    assert classify(pa.array(["国史"])).to_pylist() == classify(pa.array(["國\n史"])).to_pylist()
    again = make_classifier(str(model), han_fold())(pa.array(texts[::-1])).to_pylist()
    assert again[::-1] == found
    assert classify(pa.array([], pa.string())).to_pylist() == []


def test_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "train").write_text("__label__a x\n__label__b y\n" * 20)
    other = fasttext.train_supervised(str(tmp_path / "train"), dim=2, bucket=0, verbose=0)
    other.save_model(str(tmp_path / "other.bin"))
    with pytest.raises(ValueError, match="has the labels"):
        make_classifier(str(tmp_path / "other.bin"))
    with pytest.raises(ValueError, match="cannot be opened"):
        make_classifier(str(tmp_path / "gone.bin"))


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 9, 40).astype(float), rng.integers(0, 7, 30).astype(float)
    pairs = one[:, None] - other[None, :]
    assert auc(one, other) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert auc(np.array([2.0, 3]), np.array([0.0, 1])) == 1.0
    assert np.isnan(auc(np.array([]), np.array([1.0])))
