"""Leakage: the intervals cover as often as they say, verdicts, the command."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from model.evaluate import leakage
from model.evaluate.__main__ import main
from model.evaluate.leakage import judge, means
from model.evaluate.scoring import Loss, Pieces
from tests.model.evaluate.test_scoring import recomputed, tokenizer, write_llama

__all__ = ["tokenizer"]


def drawn(seed: int, train: float, test: float, ref: float, n: int = 300) -> dict:
    rng = np.random.default_rng(seed)
    given = {"train": train, "test": test, "ref": ref}
    return {split: rng.normal(mean, 0.3, n) for split, mean in given.items()}


def test_losses_of_samples_are_nats_a_token() -> None:
    assert means([Loss(6.0, 3), Loss(0.0, 0), Loss(1.0, 4)]).tolist() == [2.0, 0.25]


def test_the_papers_rows_have_the_papers_differences() -> None:
    """Section 5.2 gives D1 and D2 beside the losses."""
    published = {
        "Skywork-13B": (0.01, 0.04), "Aquila2-34B": (-0.51, 0.39), "Qwen-14B": (-0.11, 0.61)
    }  # fmt: skip
    for name, (train, test, ref) in leakage.PAPER.items():
        assert (round(test - ref, 2), round(test - train, 2)) == published[name]


def test_verdicts() -> None:
    clean = judge(drawn(0, 1.0, 1.0, 1.0))
    assert not clean.test_leaked
    assert not clean.train_known
    assert not clean.test_known
    leaked = judge(drawn(1, 1.0, 0.7, 1.0))
    assert leaked.test_leaked
    assert not leaked.train_known
    assert leaked.d1.low < leaked.d1.value < leaked.d1.high < -0.05
    assert leaked.test_known  # better than the training split, which is of the same making
    known = judge(drawn(2, 0.6, 1.0, 1.0))
    assert not known.test_known
    assert known.train_known
    assert not known.test_leaked
    # A difference within the margin is none, however sure it is.
    assert not judge(drawn(3, 1.0, 0.97, 1.0, n=5_000)).test_leaked
    assert "test leaked" in leakage.markdown({"m": leaked})
    assert "nothing found" in leakage.markdown({"m": clean})


def test_a_control_takes_away_what_the_reference_set_is_by_itself() -> None:
    """A reference set that is harder looks like a leak without a control."""
    model = drawn(4, 1.0, 1.0, 1.4)
    control = {split: values + 0.5 for split, values in model.items()}
    assert judge(model).test_leaked
    with_it = judge(model, control, control_name="c")
    assert not with_it.test_leaked
    assert with_it.d1.value == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="other samples"):
        judge(model, drawn(5, 1, 1, 1, n=10))
    with pytest.raises(ValueError, match="no samples in ref"):
        judge(model | {"ref": np.array([])})


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    true = -0.1
    found = [judge(drawn(seed, 1.0, 0.9, 1.0, n=60), seed=seed).d1 for seed in range(200)]
    covered = sum(d.low <= true <= d.high for d in found)
    assert 180 <= covered <= 199  # 95 % of 200, three standard errors (3.1) each way


def test_the_command(tokenizer: Path, tmp_path: Path) -> None:
    weights = write_llama(tmp_path / "llama", tokenizer)
    rows = {
        "train": [{"question": "2 + 2 = ?", "answer": "4"}, {"question": "3 - 1", "answer": "2"}],
        "test": [{"question": "小明有三个苹果", "answer": "三"}],
        "ref": [{"text": "5 + 5 is 10"}, {"text": "7"}],
    }
    given = ["leakage", "--model", str(tmp_path / "llama"), "--out", str(tmp_path / "out")]
    for split, lines in rows.items():
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        given += [f"--{split}", str(path)]
    assert main([*given, "--ref-field", "text"]) == 0
    (said,) = json.loads((tmp_path / "out/leakage.json").read_text())["models"].values()
    pieces = Pieces(tokenizer)
    for split, lines in rows.items():
        joined = [" ".join(line.values()) for line in lines]
        each = [recomputed(weights, pieces, t) / len(pieces.encode(t)) for t in joined]
        assert said[split] == pytest.approx(np.mean(each), rel=1e-4)
    assert said["samples"] == {"train": 2, "test": 1, "ref": 2}
    assert said["d1"]["value"] == pytest.approx(said["test"] - said["ref"])
    assert "Aquila2-34B" in (tmp_path / "out/leakage.md").read_text()
    assert main(given) == 2  # no question in the reference set


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-chars", "0", "0: must be a whole number above 0"),
        ("--max-chars", "-3", "-3: must be a whole number above 0"),
        ("--max-chars", "1.5", "1.5: must be a whole number above 0"),
        ("--confidence", "0", "confidence must be above 0 and below 1, got 0.0"),
        ("--confidence", "1", "confidence must be above 0 and below 1"),
        ("--confidence", "95", "confidence must be above 0 and below 1"),
        ("--confidence", "nan", "confidence must be above 0 and below 1"),
        ("--confidence", "high", "high: must be a number"),
        ("--margin", "-0.1", "margin must be 0 or above, got -0.1"),
        ("--margin", "inf", "margin must be 0 or above"),
    ],
)
def test_what_cannot_be_meant_is_said_before_a_model_is_loaded(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    given = ["leakage", "--model", "none", "--train", "a", "--test", "b", "--ref", "c"]
    try:
        code: object = main([*given, option, value])
    except SystemExit as left:  # argparse's
        code = left.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_a_sample_that_is_longer_than_the_context(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_llama(tmp_path / "llama", tokenizer)
    (tmp_path / "a.jsonl").write_text('{"text": "short"}\n{"text": "' + "1" * 200 + '"}\n')
    given = ["leakage", "--model", str(tmp_path / "llama"), "--field", "text"]
    for split in ("train", "test", "ref"):
        given += [f"--{split}", str(tmp_path / "a.jsonl")]
    assert main(given) == 2
    said = capsys.readouterr().err
    assert "train: document 2 has " in said
    assert "--max-chars" in said
    assert main([*given, "--max-chars", "60"]) == 0
    (tmp_path / "a.jsonl").write_text("\n")
    assert main(given) == 2
    assert "no text in it" in capsys.readouterr().err
