"""Fitting vectors: the singular vectors are right, the same bits in any order, meaning shows."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import random_array
from scipy.sparse.linalg import svds

from skypile import artifacts
from skypile.errors import InputError
from skypile.fits import vectors as fits
from skypile.fits.names import COMPONENTS
from skypile.fits.vectors import VectorSettings, fit_vectors, randomised_svd
from skypile.kernels.arrow import utf8
from skypile.kernels.distribution.vectors import Vectoriser

SMALL = VectorSettings(bits=12, dims=16, word_dims=0, min_units=2, oversampling=8)
TOPICS = {
    "en": (
        "cookies browser site experience accept policy settings",
        "river bridge valley stone water mill village",
    ),
    "zh": ("饼干浏览器网站体验接受政策设置", "河流桥梁山谷石头水磨坊村庄"),
}


def corpus(language: str, topic: int, seed: int, count: int = 60) -> list[str]:
    rng = random.Random(f"{language}{topic}{seed}")
    words = TOPICS[language][topic].split() if language == "en" else [*TOPICS[language][topic]]
    joint = " " if language == "en" else ""
    return [joint.join(rng.choices(words, k=rng.randint(8, 30))) for _ in range(count)]


def vectors(folder: Path, texts: list[str]) -> np.ndarray:
    make = Vectoriser.load(folder / COMPONENTS, fold_han=True)
    content, offsets = utf8(pa.array(texts))
    made = make(content, offsets[:-1], offsets[1:]).vectors.astype(float)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_texts_of_one_topic_are_close_and_cards_are_full(tmp_path: Path) -> None:
    units = [u for lang in TOPICS for topic in (0, 1) for u in corpus(lang, topic, 0)]
    four = dataclasses.replace(SMALL, dims=4)  # as many as there are topics
    card = fit_vectors(units, tmp_path, settings=four, licence="x", trained_on={"by": "test"})
    assert (card.kind, card.language, card.licence) == ("vectors", None, "x")
    assert card.trained_on["units"] == card.trained_on["units_learnt_from"] == len(units)
    assert card.trained_on["by"] == "test"
    assert 0.3 < card.quality["explained"] < 1
    assert card.parameters["bits"] == 12
    assert artifacts.load_card(str(tmp_path), kind="vectors") == card
    for language in TOPICS:
        one, other = (vectors(tmp_path, corpus(language, topic, 1)) for topic in (0, 1))
        assert np.median(one @ one.T) > 0.6
        assert (one @ other.T).max() < 0.3
    assert (vectors(tmp_path, ["餅乾瀏覽器網站"]) == vectors(tmp_path, ["饼干浏览器网站"])).all()


def test_any_order_any_batches_any_repeats_give_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = [u for lang in TOPICS for topic in (0, 1) for u in corpus(lang, topic, 0)]
    drawn = VectorSettings(bits=12, dims=16, word_dims=4, min_units=2, max_units=100)
    card = fit_vectors(units, tmp_path / "one", settings=drawn)
    assert card.trained_on["units_learnt_from"] == 100
    mixed = random.Random(4).sample(units * 3, len(units) * 3)
    monkeypatch.setattr(fits, "_BATCH", 37)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    other = fit_vectors(iter(mixed), tmp_path / "other", settings=drawn)
    assert other.digest == card.digest
    assert other.trained_on["units"] == 3 * len(units)
    seeded = VectorSettings(bits=12, dims=16, word_dims=4, min_units=2, max_units=100, seed=1)
    assert fit_vectors(units, tmp_path / "seed", settings=seeded).digest != card.digest


def test_singular_vectors_are_those_of_scipy() -> None:
    rng = np.random.default_rng(2)
    matrix = random_array((300, 200), density=0.05, rng=rng).tocsr()
    matrix = matrix + 5 * random_array((300, 200), density=0.002, rng=rng).tocsr()
    right, singular = randomised_svd(matrix, 5, 20, 30, 0)
    assert (np.diff(singular) <= 0).all()
    _, exact, transposed = svds(matrix, k=5, random_state=0)
    assert np.allclose(singular, exact[::-1], rtol=1e-6)
    assert np.allclose(np.abs((transposed[::-1] @ right).diagonal()), 1, atol=1e-4)
    assert (right[np.abs(right).argmax(axis=0), np.arange(5)] > 0).all()


def test_whitening_evens_dimensions_out(tmp_path: Path) -> None:
    units = [u for lang in TOPICS for topic in (0, 1) for u in corpus(lang, topic, 0)]
    spread = []
    for power in (0.0, 1.0):
        given = dataclasses.replace(SMALL, whitening=power)
        fit_vectors(units, tmp_path / str(power), settings=given)
        squares = (vectors(tmp_path / str(power), units) ** 2).mean(axis=0)
        spread.append(squares.max() / squares.min())
    assert spread[0] > 5 > spread[1]


def test_words_never_seen_keep_a_unit_apart(tmp_path: Path) -> None:
    units = [u for lang in TOPICS for topic in (0, 1) for u in corpus(lang, topic, 0)]
    known, strange = "river stone", " ".join(f"zq{chr(97 + n)}x" for n in range(20))
    near = []
    for words in (0, 8):
        given = dataclasses.replace(SMALL, dims=8 + words, word_dims=words)
        fit_vectors(units, tmp_path / str(words), settings=given)
        made = vectors(tmp_path / str(words), [known, f"{known} {strange}", f"{known} bridge"])
        near.append((made @ made.T)[0])
    assert near[0][1] > 0.8  # by hash, strange words can fall on known columns
    assert near[1][1] < 0.5 < near[1][2]
    with pytest.raises(ValueError, match="16 of 16"):
        VectorSettings(dims=16, word_dims=16)


def test_a_corpus_of_few_words_has_few_dimensions(tmp_path: Path) -> None:
    units = ["river stone", "stone river", "mill river", "mill stone water"]
    card = fit_vectors(units, tmp_path, settings=SMALL)
    assert card.quality["dims_used"] <= 4
    assert card.quality["explained"] == 1
    made = np.load(tmp_path / COMPONENTS)
    assert made.shape == (1 << 12, 16)
    assert not made[:, card.quality["dims_used"] :].any()


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ([], "0 different units share 0 features"),
        (["All blocks are equal"] * 9, "1 different units"),
        (["😀😀", "***", "12345"], "0 different units"),
        (["one two", "three four"], "no vectors to fit"),
    ],
)
def test_too_little_is_refused(units: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        fit_vectors(units, tmp_path, settings=SMALL)


@pytest.mark.parametrize("units", [[], ["one unit of words"], ["nothing in common", "here at all"]])
def test_with_words_of_their_own_little_is_enough(units: list[str], tmp_path: Path) -> None:
    """What cannot be learnt is left empty: vectors of the words alone."""
    words = dataclasses.replace(SMALL, word_dims=4)
    card = fit_vectors(units, tmp_path, settings=words)
    assert card.quality == {"explained": 0, "dims_used": 0}
    made = vectors(tmp_path, ["one unit of words", "One unit: of words", "of other words"])
    assert (made[0] == made[1]).all()
    assert abs(made[0] @ made[2]) < 0.99
