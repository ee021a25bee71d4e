"""Fitting the reference classifier: the same bits in any order, held-out hosts, honest cards."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from skypile import artifacts
from skypile.errors import InputError
from skypile.fits.names import CLASSIFIER
from skypile.fits.reference import Page, ReferenceSettings, fit_reference
from skypile.kernels.quality.reference import make_classifier
from skypile.kernels.text.textnorm import han_fold

SMALL = ReferenceSettings(
    hash_buckets=2000, chunk_tokens=40, min_chunk_tokens=10, heldout_fraction=0.3
)
WORDS = {
    "en": (
        "treaty empire river species century theorem dynasty province",
        "buy cheap click now win",
    ),
    "zh": ("條約帝國河流物種世紀定理王朝省份歷史", "買便宜點擊現在贏賺錢優惠"),
}


def pages(language: str, positive: bool, hosts: int = 40) -> list[Page]:
    rng = random.Random(f"{language}{positive}")
    joint = " " if language == "en" else ""
    common = "the of and in a is" if language == "en" else "的是在了和有"
    own = WORDS[language][0 if positive else 1]
    words = own.split() + common.split() if language == "en" else [*own, *common]
    return [
        Page(f"{positive}-{n}.example", joint.join(rng.choices(words, k=rng.randint(30, 200))))
        for n in range(hosts)
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_classifier_tells_classes_on_hosts_it_never_saw(language: str, tmp_path: Path) -> None:
    yes, no = pages(language, True), pages(language, False)
    fold = han_fold() if language == "zh" else None
    card = fit_reference(
        yes, no, language, tmp_path / "one", settings=SMALL, fold=fold, licence="x"
    )
    assert card.quality["auc"] > 0.95
    assert card.quality["precision"] > 0.8
    held = card.quality["heldout_reference_pages"], card.quality["heldout_random_pages"]
    about = card.trained_on
    assert (held[0] + about["reference_pages"], held[1] + about["random_pages"]) == (40, 40)
    assert min(held) > 3
    least = min(about["reference_chunks"], about["random_chunks"])
    assert about["chunks_of_each"] == least > 20
    assert (card.kind, card.language, card.licence) == ("reference", language, "x")
    assert artifacts.load_card(str(tmp_path / "one"), kind="reference", language=language) == card
    # In another order: the same bits.
    mixed = random.Random(1)
    other = fit_reference(
        mixed.sample(yes, len(yes)),
        iter(mixed.sample(no, len(no))),
        language,
        tmp_path / "other",
        settings=SMALL,
        fold=fold,
    )
    assert other.digest == card.digest


def test_a_page_in_the_other_script_scores_the_same(tmp_path: Path) -> None:
    fold = han_fold()
    fit_reference(pages("zh", True), pages("zh", False), "zh", tmp_path, settings=SMALL, fold=fold)
    classify = make_classifier(str(tmp_path / CLASSIFIER), fold)
    texts = [page.text for page in pages("zh", True)[:10] + pages("zh", False)[:10]]
    simplified = [text.translate(fold) for text in texts]
    assert simplified != texts
    assert classify(pa.array(texts)) == classify(pa.array(simplified))


def test_a_class_is_not_told_by_the_length_of_its_pages(tmp_path: Path) -> None:
    """Both classes have the same words; positives have ten times as many."""
    rng = random.Random(0)
    words = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(10) for b in range(10)]
    yes = [Page(f"y{n}", " ".join(rng.choices(words, k=400))) for n in range(40)]
    no = [Page(f"n{n}", " ".join(rng.choices(words, k=40))) for n in range(200)]
    card = fit_reference(yes, no, "en", tmp_path, settings=SMALL)
    assert 0.25 < card.quality["auc"] < 0.75


def test_without_pages_of_a_class_there_is_nothing_to_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"language 'en': 0 pieces of reference pages"):
        fit_reference([], pages("en", False), "en", tmp_path, settings=SMALL)
    with pytest.raises(InputError, match="0 of random pages"):
        fit_reference(pages("zh", True), [Page("h", "太短")], "zh", tmp_path, settings=SMALL)


def test_a_card_without_held_out_hosts_says_so(tmp_path: Path) -> None:
    settings = ReferenceSettings(hash_buckets=2000, heldout_fraction=0)
    card = fit_reference(pages("en", True), pages("en", False), "en", tmp_path, settings=settings)
    assert card.quality["auc"] is None
    assert card.quality["heldout_random_pages"] == 0
