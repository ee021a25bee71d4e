"""Fitting centres: crowds of a sample in any order and any batches; none where nothing crowds."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skypile import artifacts
from skypile.errors import SkypileError
from skypile.fits.centres import CentreSettings, fit_centres
from skypile.fits.names import CENTRE_TABLE, COMPONENTS
from skypile.fits.vectors import VectorSettings, fit_vectors
from skypile.kernels.arrow import utf8
from skypile.kernels.distribution.recurrence import assign
from skypile.kernels.distribution.vectors import Vectoriser
from skypile.stages.distribution import Config as Distribution
from skypile.stages.distribution import validate
from tests.stages.test_distribution import NOTICES, PAGES

TEXTS = [page["text"] for page in PAGES]
VECTORS = VectorSettings(bits=14, dims=48, word_dims=16, min_units=2)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    fit_vectors((block for text in TEXTS for block in text.split("\n")), folder, settings=VECTORS)
    return folder


def test_centres_lie_where_wordings_of_one_thing_are(vectors: Path, tmp_path: Path) -> None:
    card = fit_centres([pa.array(TEXTS, pa.large_string())], vectors, tmp_path, licence="x")
    centres = np.load(tmp_path / CENTRE_TABLE)
    assert centres.dtype == np.int16
    assert card.quality["centres"] == len(centres) >= 2
    assert (card.kind, card.licence, card.trained_on["documents"]) == ("centres", "x", 80)
    assert card.parameters["vectors"] == artifacts.load_card(str(vectors)).digest
    make = Vectoriser.load(vectors / COMPONENTS, fold_han=True)
    for wordings in NOTICES.values():
        content, offsets = utf8(pa.array(wordings))
        found = assign(make(content, offsets[:-1], offsets[1:]).vectors, centres, 0.55)
        assert (found.centre >= 0).all()
        assert len(set(found.centre.tolist())) <= 2


def test_any_order_and_any_batches_give_the_same_file(vectors: Path, tmp_path: Path) -> None:
    one = fit_centres([pa.array(TEXTS, pa.large_string())], vectors, tmp_path / "one")
    mixed = random.Random(1).sample(TEXTS, len(TEXTS))
    batches = [pa.array(mixed[i : i + 7], pa.large_string()) for i in range(0, len(mixed), 7)]
    assert fit_centres(batches, vectors, tmp_path / "other").digest == one.digest
    few = CentreSettings(max_centres=1)
    assert fit_centres(batches, vectors, tmp_path / "few", settings=few).quality["centres"] == 1


def test_centres_of_an_earlier_fit_are_refused_for_wider_balls(
    vectors: Path, tmp_path: Path
) -> None:
    fit_centres([], vectors, tmp_path / "centres")
    models = {"vectors": str(vectors), "centres": str(tmp_path / "centres")}
    validate(Distribution(models=models))
    validate(Distribution(models=models, min_cosine=0.7))
    with pytest.raises(SkypileError, match=r"min_cosine 0\.5 is below 0\.6"):
        validate(Distribution(models=models, min_cosine=0.5))


def test_nothing_crowds(vectors: Path, tmp_path: Path) -> None:
    for name, texts in (("none", []), ("one", TEXTS[:1]), ("empty", ["", "😀", "7"])):
        batches = [pa.array(texts, pa.large_string())] if texts else []
        card = fit_centres(batches, vectors, tmp_path / name)
        assert np.load(tmp_path / name / CENTRE_TABLE).shape == (0, 48)
        assert card.quality["centres"] == 0
