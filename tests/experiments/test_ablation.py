"""The ablation of stages, at the smallest size: what is compared, and when a difference is one."""

from pathlib import Path

import pytest

from experiments import ablation
from experiments.ablation import CLEAN, PEER, RAW, Ablation, table, visible
from tests.experiments import tiny


def test_sets_are_compared_for_as_many_tokens_and_as_many_epochs(tmp_path: Path) -> None:
    english, chinese = tiny.texts("en", 24), tiny.texts("zh", 24)
    sets = {RAW: english + chinese, CLEAN: english + chinese[:12], PEER: english[:1]}
    size = Ablation(**{**tiny.SIZE, "steps": 8, "seeds": 2, "piece_chars": 20_000})
    said = ablation.experiment(tmp_path / "runs", sets, tiny.sources(), size)
    steps = {
        (name, way): {r["steps"] for r in one["runs"] if r["equal"] == way and "steps" in r}
        for name, one in said["sets"].items()
        for way in ("tokens", "epochs")
    }
    assert steps[RAW, "tokens"] == steps[CLEAN, "tokens"] == {8}
    assert steps[PEER, "tokens"] == set()  # more than five epochs of a text
    for name in (RAW, CLEAN):
        tokens = said["sets"][name]["tokens"]
        assert steps[name, "epochs"] == {
            max(8, int(ablation.EPOCHS * tokens / said["step_tokens"]))
        }
        assert len(said["sets"][name]["runs"]) == 4
    assert said["sets"][RAW]["tokens"] > said["sets"][CLEAN]["tokens"]
    assert [line.split(" | ")[0] for line in table(said).splitlines() if "| 1 |" in line] == [
        f"| {PEER}",
        f"| {PEER}",
    ]


def of(*values: float) -> dict[str, object]:
    runs = [
        {"equal": way, "seed": i, "steps": 9, "mean": {"en": v, "zh": v}}
        for way in ("tokens", "epochs")
        for i, v in enumerate(values)
    ]
    return {"documents": 2, "tokens": 1000, "runs": runs}


def test_a_difference_that_the_seeds_could_make_is_called_none() -> None:
    sets = {RAW: of(5.0, 5.2), CLEAN: of(5.01, 5.19), "+ quality": of(4.0, 4.2)}
    said = {"seeds": 2, "step_tokens": 100, "sets": sets}
    # Variances of .0162 (b) and .02: of a mean of two seeds half of it.
    assert visible(said, "tokens", "en", RAW) == pytest.approx(2 * 0.0181**0.5, rel=1e-3)
    assert visible(said, "tokens", "en") == pytest.approx(2 * 0.0162**0.5, rel=1e-3)
    lines = {line.split(" | ")[0]: line for line in table(said).splitlines()}
    assert "none (+0.000 ± 0.269)" in lines[f"| {RAW}"]
    assert "-1.000 ± 0.269" in lines["| + quality"]
    assert "none" not in lines["| + quality"]
