"""What the experiments are made of: texts, questions, correlations, the command."""

import gzip
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from scipy.stats import spearmanr

from experiments import choices, command, corpora, leakage_power, learning_rate
from experiments.small_runs import fit_pieces
from experiments.validation_loss import correlation, questions, spearman
from model.evaluate.leakage import MARGIN, judge
from model.evaluate.scoring import Loss
from tests.experiments import tiny


def write_data(data: Path) -> None:
    """Files laid out like the real ones."""
    for name, where in corpora.GENERAL.items():
        path = data / where.file
        path.parent.mkdir(exist_ok=True)
        made = tiny.texts(name[:2], 90, 200, seed=len(name))
        with gzip.open(path, "at", encoding="utf8") as file:
            for i, text in enumerate(made):
                row = {"text": text, "title": f"{name} {i // 2}", **where.where}
                file.write(json.dumps(row) + "\n")


def test_a_document_is_trained_on_or_held_out_whole(tmp_path: Path) -> None:
    write_data(tmp_path)
    found = corpora.general(tmp_path, 10_000)
    assert list(found) == list(corpora.GENERAL)
    for name, source in found.items():
        train, held = set(source.train), set(source.held)
        assert train
        assert held
        assert not train & held
        made = tiny.texts(name[:2], 90, 200, seed=len(name))
        for one, other in zip(made[::2], made[1::2], strict=True):  # of one title
            assert not {one, other} & train or not {one, other} & held
    assert sum(map(len, corpora.general(tmp_path, 500)["en_news"].train)) < 700
    assert corpora.general(tmp_path, 10_000) == found


def test_means_of_languages_leave_out_what_is_of_neither() -> None:
    losses = {"en_a": 1.0, "en_b": 3.0, "zh_a": 4.0, "maths_en": 9.0}
    assert corpora.by_language(losses) == {"en": 2.0, "zh": 4.0, "mean": 3.0}


class Letters:
    """A token a character."""

    size, prefix = 1 << 16, (0,)

    def encode(self, text: str) -> list[int]:
        return [ord(c) % self.size for c in text]


class Told:
    """Scores by a function of the text, where a model would be."""

    context, tokenizer, name = 100, Letters(), "told"

    def __init__(self, nats: Callable[[str], float]) -> None:
        self.nats = nats

    def score(self, texts: Sequence[str]) -> list[Loss]:
        return [Loss(self.nats(text), len(text)) for text in texts]


def test_questions_have_their_own_continuation_once() -> None:
    asked = questions(tiny.sources(), 5)
    assert {language: len(some) for language, some in asked.items()} == {"en": 10, "zh": 10}
    held = [text for source in tiny.sources().values() for text in source.held]
    answers = set()
    for item in (*asked["en"], *asked["zh"]):
        assert len(set(item.choices)) == 4
        own = [c for c in item.choices if any(item.prompt + c in text for text in held)]
        assert own == [item.choices[item.answer]]
        answers.add(item.answer)
    assert answers == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="2 different texts to choose from"):
        choices.items([("a", "b"), ("c", "d"), ("e", "d")])


def test_questions_are_cut_between_words_and_chinese_at_any_character() -> None:
    english = "The old canal winds past the mill, and people don't hurry."
    assert [english[: choices.cut(english, n)] for n in (0, 2, 3, 5, 8, 53)] == [
        *("", "", "The", "The", "The old"),
        "The old canal winds past the mill, and people don't",
    ]
    assert choices.cut(english, 1000) == len(english)
    for chinese in (
        "运河绕过磨坊，傍晚时人们谈论GPU的价钱。",
        "運河繞過磨坊，傍晚時人們談論GPU的價錢。",
    ):
        assert [choices.cut(chinese, n) for n in (1, 6, 7, 14)] == [1, 6, 7, 14]
        assert [choices.cut(chinese, n) for n in (15, 16, 17)] == [14, 14, 17]  # not in "GPU"
    pairs = choices.continuations([english, "a" * 40, english[4:]], 12, 12)
    assert pairs == [("The old", " canal winds past"), ("old canal", " winds past the")]
    assert choices.continuations([english] * 3, 12, 12, 2) == pairs[:1] * 2
    for item in questions(tiny.sources(), 5)["en"]:
        text = next(t for s in tiny.sources().values() for t in s.held if item.prompt in t)
        before, _, after = text.partition(item.prompt)
        assert not before or before[-1].isspace()
        assert not after or after[0].isspace()


def test_a_choice_that_is_likely_anywhere_has_no_advantage() -> None:
    pairs = [(f"{c * 9} ", c * 3) for c in "abcdefgh"]
    some = choices.items(pairs)

    def nats(text: str) -> float:
        prompt, space, end = text.rpartition(" ")
        if not space:
            return 1.0 if end[0] == "a" else 10.0  # "aaa" is likely in itself
        return nats(end) + (4.0 if prompt[0] == end[0] else 5.0)

    assert choices.right(Told(nats), some).all()  # type: ignore[arg-type]
    worse = choices.right(Told(lambda t: float(len(set(t)))), some)  # type: ignore[arg-type]
    assert worse.all()  # a prompt and its own letters have fewest different ones
    assert not choices.right(Told(lambda t: -float(len(set(t)))), some).any()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no items"):
        choices.right(Told(nats), [])  # type: ignore[arg-type]
    assert choices.fitting(some, Letters(), 13) == some
    assert choices.fitting(some, Letters(), 12) == []
    share, error = choices.percent(np.array([True, False, False, False]))
    assert (share, error) == (25.0, pytest.approx(100 * math.sqrt(0.25 * 0.75 / 4)))


def test_rank_correlation_beside_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(5, 9)), rng.integers(0, 4, size=(5, 9)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert spearman(one, other) == pytest.approx(expected)
    assert spearman(one[0], np.ones(9)) == 0


def test_the_interval_knows_a_trend_from_chance() -> None:
    rng = np.random.default_rng(1)
    losses = [5 - 0.1 * i for i in range(10)]
    learns = [list(rng.random(400) < 0.25 + 0.05 * i) for i in range(10)]
    found = correlation(losses, learns)
    assert found["value"] < -0.9
    assert found["high"] < -0.7
    guesses = [list(rng.random(400) < 0.25) for _ in range(10)]
    found = correlation(losses, guesses)
    assert found["low"] < 0 < found["high"]
    assert found["low"] <= found["value"] <= found["high"]
    with pytest.raises(ValueError, match="2 checkpoints"):
        correlation([1.0, 2.0], guesses[:2])


def test_the_command_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = (learning_rate.table, learning_rate.draw)
    args = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert command.main("learning-rate", "", learning_rate.real, *given, argv=args) == 2
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    write_data(tmp_path)
    path = tmp_path / "zh_web_text/texts.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf8") as file:
        file.write(json.dumps({"text": "字", "domain": "tech newsletter"}) + "\n")
    args[1] = str(tmp_path)
    assert command.main("learning-rate", "", learning_rate.real, *given, argv=args) == 2
    assert "no text for zh_law" in capsys.readouterr().err
    for scale in ("0", "nan", "-1", "3"):
        with pytest.raises(SystemExit):
            command.main("a", "", learning_rate.real, *given, argv=["--scale", scale])
        assert "--scale: above 0 and at most 2" in capsys.readouterr().err


def test_power_is_how_often_the_verdict_falls() -> None:
    """Against the test itself, on drawn losses."""
    rng = np.random.default_rng(0)
    count, sd, difference = 80, 0.3, 0.2
    falls = 0
    for turn in range(150):
        train, test = rng.normal(1, sd, count), rng.normal(1 - difference, sd, count)
        found = judge({"train": train, "test": test, "ref": train}, seed=turn)
        falls += found.test_known
    expected = leakage_power.power(difference, 2 * sd**2, count, MARGIN)
    assert 0.8 < expected < 0.95
    assert falls / 150 == pytest.approx(expected, abs=0.08)  # three standard errors
    needed = leakage_power.items_needed(difference, 2 * sd**2, MARGIN)
    assert needed is not None
    assert leakage_power.power(difference, 2 * sd**2, needed, MARGIN) == pytest.approx(0.8)
    assert leakage_power.items_needed(0.05, 2 * sd**2, MARGIN) is None


def test_groups_of_items_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage_power, "GROUP", 4)
    monkeypatch.setattr(leakage_power, "OTHERS", 6)
    asked = {s: tiny.texts("zh", 30, 50, seed) for seed, s in enumerate(("train", "test", "ref"))}
    pieces = fit_pieces(asked["train"], 340, tmp_path)
    for seed, leaked in ((0, "test"), (1, "train")):
        found = leakage_power.groups(asked, pieces, 512, seed)
        assert {name: len(some) for name, some in found.items()} == {
            "x0": 4, "x1": 4, "x2": 4, "x4": 4, "x8": 4, "other": 6, "ref": 6
        }  # fmt: skip
        shown = [text for name, some in found.items() if name[0] == "x" for text in some]
        assert len(set(shown)) == 20
        assert set(shown) <= set(asked[leaked])
        assert set(found["other"]) <= set(asked["train" if leaked == "test" else "test"])
    with pytest.raises(ValueError, match="train: 0 items fit the context, not 6"):
        leakage_power.groups(asked, pieces, 8, 0)


def test_a_verdict_on_the_wrong_split_is_counted_as_such() -> None:
    rng = np.random.default_rng(1)
    losses = {name: rng.normal(2, 0.2, 100) for name in ("x0", "x1", "x2", "x4", "other", "ref")}
    losses |= {"x8": rng.normal(1, 0.2, 100)}
    model = {"size": "s", "seed": 0, "losses": losses}
    *_, test = leakage_power.summary([model | {"leaked": "test"}])
    *_, train = leakage_power.summary([model | {"leaked": "train"}])
    for row in (test, train):
        assert (row["flagged"], row["wrong_split_flagged"]) == (1, 0)
        assert row["known_mean"] == pytest.approx(1, abs=0.1)
    assert test["accused_by_d1"] == {"test": 1, "train": 0}
    assert train["accused_by_d1"] == {"test": 0, "train": 0}
    losses["x8"] = losses["x8"] + 2  # items that were shown, and are known worse
    *_, row = leakage_power.summary([model | {"leaked": "test"}])
    assert (row["flagged"], row["wrong_split_flagged"]) == (0, 1)
