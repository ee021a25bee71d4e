"""Each experiment from texts to its table and figure, at the smallest size."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")
pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[train]'")

from experiments import (
    architecture,
    in_domain,
    leakage,
    leakage_power,
    learning_rate,
    small_runs,
    validation_loss,
)
from experiments.command import figure
from experiments.small_runs import Size
from model.config import ModelConfig
from model.evaluate.scoring import Pieces
from model.run_config import RunConfig
from tests.experiments import tiny


def drawn(said: Mapping[str, Any], draw: Callable[..., None], folder: Path) -> None:
    figure(said, draw, folder / "a.png")
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")


def test_rates_are_compared_from_one_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = dict([*learning_rate.RATES.items()][::3])  # constant, and the cosine
    monkeypatch.setattr(learning_rate, "RATES", rates)
    size = learning_rate.Sessions(one=4, two=2, validations=1, **tiny.SIZE)
    said = learning_rate.experiment(tmp_path, tiny.sources(), size)
    before = [[found[:2] for found in losses.values()] for losses in said["losses"].values()]
    assert [step for step, _ in before[0][0]] == [0, 4]
    assert all(b == before[0] for b in before)
    last = {name: learning_rate.at(losses, 6) for name, losses in said["losses"].items()}
    assert len({x["en_0"] for x in last.values()}) == 2
    shown = learning_rate.table(said)
    assert all(f"| {name} |" in shown for name in rates)
    assert "±" in shown
    drawn(said, learning_rate.draw, tmp_path)


def test_shapes_have_as_many_parameters(tmp_path: Path) -> None:
    full = ModelConfig(vocabulary=Size().vocabulary, **Size().model)
    gpt = architecture.matched(full, 0.1)
    assert (gpt.shape, gpt.dropout) == ("gpt", 0.1)
    assert abs(gpt.parameters() - full.parameters()) < 1e-3 * full.parameters()
    said = architecture.experiment(
        tmp_path, tiny.sources(), architecture.Shapes(steps=4, validations=2, seeds=2, **tiny.SIZE)
    )
    last = {
        (name, seed): architecture.means(losses)[-1]
        for name, shape in said["shapes"].items()
        for seed, losses in enumerate(shape["losses"])
    }
    assert {step for step, _ in last.values()} == {4}
    assert len({x["mean"] for _, x in last.values()}) == 6  # shape, dropout and seed all count
    assert "by seed" in architecture.table(said)
    drawn(said, architecture.draw, tmp_path)


def test_in_domain_data_helps_its_domain(tmp_path: Path) -> None:
    english = [
        (f"Tom has {i} eggs and eats {i % 7}.", f"{i}-{i % 7}={i - i % 7}") for i in range(150)
    ]
    chinese = [(f"小明有{i}個蘋果，吃了{i % 7}個。", f"x={i}-{i % 7}") for i in range(150)]
    problems = {
        "maths_en": in_domain.Problems(english[20:], english[:20]),
        "maths_zh": in_domain.Problems(chinese[20:], chinese[:20]),
    }
    size = in_domain.Continued(before=8, after=24, items=8, **tiny.SIZE)
    said = in_domain.experiment(tmp_path, tiny.sources(), problems, size)
    runs = said["runs"]
    for name in problems:
        last = {run: found["last"][name] for run, found in runs.items()}
        assert last[in_domain.IN_DOMAIN] < last[in_domain.MORE] - 0.05
        assert runs["before"]["choices"][name]["items"] == 8
    assert runs["before"]["last"]["en_0"] > runs[in_domain.MORE]["last"]["en_0"]
    shown = in_domain.table(said)
    assert "40.7 (GSM8K)" in shown
    drawn(said, in_domain.draw, tmp_path)


def test_losses_beside_answers_along_a_run(tmp_path: Path) -> None:
    model = tiny.MODEL | {"context": 256}
    size = validation_loss.Watched(
        steps=6, checkpoints=3, items=5, **(tiny.SIZE | {"model": model})
    )
    said = validation_loss.experiment(tmp_path, tiny.sources(), size)
    assert said["steps"] == [2, 4, 6]
    assert said["questions"] == {"en": 10, "zh": 10}
    for found in said["right"].values():
        assert len(found) == 3
        assert all(0 <= x <= 100 for x in found)
    for found in said["correlations"].values():
        assert all(c["low"] <= c["value"] + 1e-9 for c in found.values())
    assert "Figure 1" in validation_loss.table(said)
    drawn(said, validation_loss.draw, tmp_path)


def test_leakage_is_asked_of_models_of_which_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(leakage.SIZES, "tiny", tiny.MODEL | {"context": 128})
    monkeypatch.setattr(leakage, "SAMPLES", 12)
    monkeypatch.setattr(leakage, "CASES", (("clean", 0), ("test", 4)))
    texts = tiny.texts("en", 60)
    asked = {s: tiny.texts("en", 24, 60, seed) for seed, s in enumerate(("train", "test", "ref"))}
    pieces = leakage.fit_pieces(texts, 340, tmp_path / "pieces")
    verdicts, runs = leakage.experiment(
        tmp_path / "runs", "tiny", asked, texts[5:], texts[:5], pieces
    )
    assert list(verdicts) == [
        f"tiny {x}" for x in ("clean", "clean, control", "test x4", "test x4, control")
    ]
    assert verdicts["tiny clean"].samples == {"train": 12, "test": 12, "ref": 12}
    assert verdicts["tiny clean, control"].control == "a clean model"
    assert verdicts["tiny test x4"].test < verdicts["tiny clean"].test
    assert runs["test x4"].tokens > runs["clean"].tokens
    assert "Aquila2" in leakage.table(verdicts)
    said = {"verdicts": {name: dataclasses.asdict(v) for name, v in verdicts.items()}}
    drawn(said, leakage.draw, tmp_path)


def test_groups_are_shown_as_often_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a model that lies there already is not trained again, unless its settings are others."""
    monkeypatch.setitem(leakage.SIZES, "tiny", tiny.MODEL | {"context": 96})
    for name, value in {"SEEDS": {"tiny": 2}, "GROUP": 16, "OTHERS": 20, "ITEM_CHARS": 120}.items():
        monkeypatch.setattr(leakage_power, name, value)
    monkeypatch.setattr(leakage_power, "VOCABULARY", 340)
    asked = {s: tiny.texts("en", 90, 60, seed) for seed, s in enumerate(("train", "test", "ref"))}
    texts = tiny.texts("en", 40)
    monkeypatch.setattr(leakage_power, "questions", lambda data: asked)
    monkeypatch.setattr(leakage_power, "background", lambda data, chars: (texts[5:], texts[:5]))
    assert leakage_power.main(["--out", str(tmp_path)]) == 0
    said = json.loads((tmp_path / "leakage_power.json").read_text())
    assert [m["leaked"] for m in said["models"]] == ["test", "train"]
    assert [r["repetitions"] for r in said["rows"]] == [0, 1, 2, 4, 8]
    pieces = Pieces(small_runs.fit_pieces(texts[5:], 340, tmp_path / "pieces"))
    for model in said["models"]:
        given = leakage_power.groups(asked, tmp_path / "pieces/tokenizer.model", 96, model["seed"])
        shown = sum(
            times * (len(pieces.encode(text)) + 1)
            for times in (1, 2, 4, 8)
            for text in given[f"x{times}"]
        )
        whole = shown + sum(len(pieces.encode(text)) + 1 for text in texts[5:])
        assert 0 <= whole - model["tokens"] < 16 * 96  # a step
    assert "| tiny | 8 |" in (tmp_path / "leakage_power.md").read_text()
    assert (tmp_path / "leakage_power.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(leakage_power, "train", None)  # would fail
    assert leakage_power.main(["--out", str(tmp_path)]) == 0
    monkeypatch.setattr(leakage_power, "GROUP", 15)  # made with others: made again
    with pytest.raises(TypeError):
        leakage_power.main(["--out", str(tmp_path)])


def test_a_run_that_was_asked_to_stop_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer leaves in good order on SIGTERM: half a run must not pass for a whole one."""
    whole = small_runs.trainer.train

    def stopped(cfg: RunConfig) -> None:
        whole(cfg, "one")

    monkeypatch.setattr(small_runs.trainer, "train", stopped)
    size = learning_rate.Sessions(one=2, two=2, validations=1, **tiny.SIZE)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 2"):
        learning_rate.experiment(tmp_path, tiny.sources(), size)
