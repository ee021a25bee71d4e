"""The classifier of exercises: what it learns, and that it is the same however it is fed."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from skypile import artifacts
from skypile.errors import InputError
from skypile.fits.names import CLASSIFIER, STEM_KIND
from skypile.fits.stem import StemSettings, fit_stem
from skypile.kernels.quality.stem import make_classifier
from skypile.kernels.text.textnorm import han_fold

NAMES = {"en": ["Anna", "Tom", "Mary", "Li"], "zh": list("芳明红刚")}
THINGS = {"en": ["apples", "eggs", "books", "coins"], "zh": ["苹果", "鸡蛋", "书本", "硬币"]}


def exercise(language: str, seed: int) -> str:
    rng = random.Random(f"{language}{seed}")
    name, thing = rng.choice(NAMES[language]), rng.choice(THINGS[language])
    a, b = rng.randrange(2, 99), rng.randrange(2, 99)
    if language == "en":
        asked = f"How many {thing} has {name}?"
        return f"{name} has {a} {thing} and buys {b} more. {asked} {a}+{b}={a + b}"
    return (
        f"小{name}有{a}个{thing}，又买了{b}个，小{name}一共有多少个{thing}？{a}+{b}={a + b}（个）"
    )


def news(language: str, seed: int) -> str:
    rng = random.Random(f"news{language}{seed}")
    words = {
        "en": [
            "council",
            "mayor",
            "vote",
            "road",
            "budget",
            "town",
            "river",
            "market",
            "people",
            "said",
            "Monday",
            "report",
        ],
        "zh": list("市政府会议表示道路预算居民周一报告称河流市场代表投票"),
    }[language]
    return ("" if language == "zh" else " ").join(rng.choices(words, k=40))


SETTINGS = StemSettings(epochs=20, hash_buckets=5000, heldout_fraction=0.2)


def test_it_tells_exercises_in_three_scripts_and_any_order(tmp_path: Path) -> None:
    texts = [exercise(x, n) for x in ("en", "zh") for n in range(120)]
    others = [news(x, n) for x in ("en", "zh") for n in range(120)]
    cards = [
        fit_stem(a, b, tmp_path / name, settings=SETTINGS, fold=han_fold(), licence="t")
        for name, a, b in (("one", texts, others), ("two", texts[::-1], others[::-1]))
    ]
    assert cards[0].digest == cards[1].digest
    card = artifacts.load_card(str(tmp_path / "one"), kind=STEM_KIND)
    assert card.quality["auc"] == 1.0
    assert card.quality["heldout_exercises"] > 20
    classify = make_classifier(str(tmp_path / "one" / CLASSIFIER), han_fold())
    asked = [
        exercise("en", 999),
        exercise("zh", 999),
        "小紅有9個蘋果，又買了12個，一共有多少個蘋果",
    ]
    asked += [news("en", 999), news("zh", 999)]
    found = classify(pa.array([*asked, "?!"])).to_pylist()
    assert min(found[:3]) > 0.5 > max(found[3:5])
    assert found[5] is None


def test_a_script_that_only_one_class_has_is_not_learnt_from(tmp_path: Path) -> None:
    texts = [exercise(x, n) for x in ("en", "zh") for n in range(60)]
    others = [news("en", n) for n in range(60)]
    card = fit_stem(texts, others, tmp_path, settings=SETTINGS)
    assert card.trained_on["wide_pieces_of_each"] == 0
    assert card.trained_on["spaced_pieces_of_each"] > 20
    with pytest.raises(InputError, match="no script has both"):
        fit_stem([exercise("zh", 1)], others, tmp_path, settings=SETTINGS)
