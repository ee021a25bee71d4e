"""Features against their parts, vectors against floating point, batches against their units."""

import hashlib
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.arrow import utf8
from skypile.kernels.distribution import vectors
from skypile.kernels.distribution.vectors import (
    MAX_TOKENS,
    SCALE,
    Features,
    Vectoriser,
    Vectors,
    features,
)
from skypile.kernels.text import textnorm

UNTIMED = settings(deadline=None, max_examples=200)
# Tokens, what may stand between two that need it, and what may stand anywhere.
WORDS = ("treaty", "the", "straße", "Ünïon", "дом", "条", "约", "の", "條", "가")
NOISE = ("", " ", "!", " 3.14 ", "。", "——", "①", "\n", "1,000")
TOKENS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(NOISE)), max_size=40)
RNG = np.random.default_rng(7)
COMPONENTS = RNG.integers(-32767, 32768, (1 << 10, 40)).astype(np.int16)


def of(*texts: str, bits: int = 20, fold_han: bool = False) -> Features:
    content, offsets = utf8(pa.array(texts, pa.string()))
    return features(content, offsets[:-1], offsets[1:], bits=bits, fold_han=fold_han)


def vectors_of(*texts: str, fold_han: bool = False) -> Vectors:
    content, offsets = utf8(pa.array(texts, pa.string()))
    return Vectoriser(COMPONENTS, fold_han=fold_han)(content, offsets[:-1], offsets[1:])


def counts(found: Features, unit: int = 0) -> Counter[int]:
    span = slice(found.offsets[unit], found.offsets[unit + 1])
    columns = found.columns[span].tolist()
    assert columns == sorted(set(columns))
    return Counter(dict(zip(columns, found.counts[span].tolist(), strict=True)))


@cache
def column(*tokens: str) -> int:
    """The one column that tokens in a row have more than their parts."""
    if len(tokens) == 1:
        return next(iter(counts(of(tokens[0]))))
    left, right = tokens
    pair = counts(of(f"{left} {right}")) - Counter([column(left)]) - Counter([column(right)])
    return next(iter(pair.elements()))


@UNTIMED
@given(TOKENS)
def test_features_are_tokens_and_pairs_of_neighbours(given_: list[tuple[str, str]]) -> None:
    text = "".join(f"{word} {noise}" for word, noise in given_)
    tokens = [word for word, _ in given_]
    expected = Counter([column(t) for t in tokens])
    expected += Counter([column(a, b) for a, b in pairwise(tokens)])
    assert counts(of(text)) == expected


def test_parts_differ_and_order_matters_in_pairs_alone() -> None:
    singles = {column(w) for w in WORDS}
    pairs = {column(a, b) for a in WORDS for b in WORDS}
    assert len(singles) == len(WORDS)
    assert len(pairs) == len(WORDS) ** 2
    assert not singles & pairs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("© 2023 Example Inc. All rights reserved.", "© 1999, EXAMPLE INC — all rights reserved!"),
        ("版权所有 2023 未经许可，不得转载。", "版权所有２０２４未经许可不得转载"),
        ("Café “Ünïon”", "cafe\u0301 ünïon"),
    ],
)
def test_case_width_digits_and_punctuation_do_not_count(one: str, other: str) -> None:
    found = of(one, other, one + " more 多")
    assert counts(found, 0) == counts(found, 1) != counts(found, 2)
    assert found.keys[0] == found.keys[1] != found.keys[2]


def test_scripts_fold_by_an_option() -> None:
    pair = "版權所有，未經許可不得轉載", "版权所有，未经许可不得转载"
    apart, folded = of(*pair), of(*pair, fold_han=True)
    assert apart.keys[0] != apart.keys[1]
    assert folded.keys[0] == folded.keys[1]
    assert folded.keys[1] == apart.keys[1]
    both = vectors_of(*pair, fold_han=True)
    assert (both.vectors[0] == both.vectors[1]).all()


def test_features_and_vectors_are_pinned() -> None:
    """A change here makes fitted models useless: it must be meant."""
    texts = ["Subscribe to our newsletter", "订阅我们的新闻邮件", ""]
    found = of(*texts, bits=18)
    assert found.columns[:3].tolist() == GOLDEN_COLUMNS
    assert found.keys.tolist() == GOLDEN_KEYS
    digest = hashlib.sha256(vectors_of(*texts).vectors.astype("<i2").tobytes()).hexdigest()
    assert digest[:32] == GOLDEN_DIGEST


GOLDEN_COLUMNS = [12249, 54029, 122740]
GOLDEN_KEYS = [8207027341110402997, 5053774510378335849, -8105759836526585542]
GOLDEN_DIGEST = "f17ffc8f12ad854a0fd8dce3bdd47e82"


def test_vectors_are_those_of_floating_point() -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 200))) for _ in range(50)]
    found, plain = of(*texts, bits=10), np.zeros((50, 40))
    for unit in range(50):
        for at, n in counts(found, unit).items():
            plain[unit] += (1 + np.log(n)) * COMPONENTS[at]
    plain *= SCALE / np.linalg.norm(plain, axis=1, keepdims=True)
    made = vectors_of(*texts).vectors
    # A weight is rounded to 1/16: a few units of 2048.
    assert np.abs(made - plain).max() < 0.01 * SCALE
    lengths = np.linalg.norm(made.astype(float), axis=1)
    assert np.abs(lengths - SCALE).max() <= np.sqrt(40) / 2
    # Unweighted, nothing is lost but the last place.
    single = np.stack([COMPONENTS[column_10(w)] for w in WORDS]).astype(float)
    single *= SCALE / np.linalg.norm(single, axis=1, keepdims=True)
    assert np.abs(vectors_of(*WORDS).vectors - single).max() <= 0.5 + 1e-6


def column_10(word: str) -> int:
    return next(iter(counts(of(word, bits=10))))


@UNTIMED
@given(st.lists(st.one_of(TOKENS.map(str), st.text(max_size=40)), max_size=6), st.integers(0, 6))
def test_a_batch_is_its_units(texts: list[str], cut: int) -> None:
    texts = [t.encode("utf8", "ignore").decode() for t in texts]
    whole, parts = vectors_of(*texts), [vectors_of(*texts[:cut]), vectors_of(*texts[cut:])]
    assert (whole.vectors == np.concatenate([p.vectors for p in parts])).all()
    assert (whole.keys == np.concatenate([p.keys for p in parts])).all()
    found = of(*texts)
    assert found.keys.tolist() == whole.keys.tolist()
    for unit, text in enumerate(texts):
        assert counts(found, unit) == counts(of(text))


def test_products_are_exact_integers() -> None:
    """The largest vectors there can be: float32 has their products to the last bit."""
    dims = vectors.MAX_DIMS
    assert (SCALE + np.sqrt(dims) / 2) ** 2 < 1 << 24
    rng = np.random.default_rng(1)
    made = np.rint(rng.standard_normal((300, dims)) * SCALE / np.sqrt(dims)).astype(np.int64)
    as_float = made.astype(np.float32)
    assert (as_float @ as_float.T == (made @ made.T)).all()


def test_long_units_are_read_to_a_limit_and_sums_do_not_overflow() -> None:
    for word in ("tok", "约"):
        most = " ".join([word] * MAX_TOKENS)
        found = of(most, most + " x" * 50, most[:-1] + "x")
        assert sum(counts(found, 0).values()) == 2 * MAX_TOKENS - 1
        assert found.keys[0] == found.keys[1]
    # Nothing of what was left out stays for the next unit.
    assert counts(of("约" * 5000, "treaty"), 1) == Counter([column("treaty")])
    assert vectors.TF_UNIT * 2 * MAX_TOKENS * 32768 < 1 << 31
    top = Vectoriser(np.full((256, 3), 32767, np.int16), fold_han=False)
    text = " ".join(chr(0x4E00 + i) for i in range(1500))
    content, offsets = utf8(pa.array([text, text * 3]))
    assert (top(content, offsets[:-1], offsets[1:]).vectors == round(SCALE / 3**0.5)).all()


def test_many_features_take_several_blocks() -> None:
    text = " ".join(chr(0x4E00 + i) for i in range(1000))
    found = of(*([text] * 700), "treaty")
    assert len(found.columns) > vectors._BLOCK
    assert counts(found, 0) == counts(found, 699)
    assert counts(found, 700) == Counter([column("treaty")])


def test_nothing_known_is_a_zero_vector() -> None:
    zero = Vectoriser(np.zeros((256, 4), np.int16), fold_han=False)
    content, offsets = utf8(pa.array(["treaty", ""]))
    assert not zero(content, offsets[:-1], offsets[1:]).vectors.any()
    assert vectors_of("😀😀", "").vectors.any() == np.False_
    assert vectors_of().vectors.shape == (0, 40)
    assert of().offsets.tolist() == [0]


def test_files_are_loaded_and_wrong_ones_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", COMPONENTS)
    content, offsets = utf8(pa.array(["treaty 条约"]))
    loaded = Vectoriser.load(tmp_path / "c.npy", fold_han=False)
    made = loaded(content, offsets[:-1], offsets[1:]).vectors
    assert (made == vectors_of("treaty 条约").vectors).all()
    for bad in (COMPONENTS[:1000], COMPONENTS.astype(float), COMPONENTS[0], COMPONENTS[:, :0]):
        with pytest.raises(ValueError, match="no components"):
            Vectoriser(bad, fold_han=False)
    with pytest.raises(ValueError, match=r"2\^25"):
        of("x", bits=25)


def test_the_table_without_digits_is_the_table_otherwise() -> None:
    made, plain = textnorm.words(), textnorm.table()
    changed = np.flatnonzero(made.entries != plain.entries)
    assert {"1", "٣", "Ⅷ"} >= {c for c in map(chr, changed.tolist()) if c in "1٣Ⅷabc一〇"}
    assert ord("1") in changed
    assert ord("٣") in changed
    assert len(changed) < 2000
