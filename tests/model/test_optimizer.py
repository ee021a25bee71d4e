"""What decays, what is left out, and the same AdamW as PyTorch's on the whole model."""

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model.config import PRESETS
from model.network import Stage
from model.optimizer import Guard, OptimizerConfig, adamw


@pytest.mark.parametrize("preset", ["llama_tiny", "gpt_tiny"])
def test_matrices_decay_and_nothing_else(preset: str) -> None:
    stage = Stage(PRESETS[preset])
    optimizer = adamw(stage, OptimizerConfig())
    names = {p: n for n, p in stage.named_parameters()}
    decay = {names[p]: g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decay.keys() == set(names.values())
    for name, value in decay.items():
        matrix = name.endswith(".weight") and "norm" not in name
        assert value == (0.1 if matrix else 0.0), name


def test_a_norm_that_is_not_finite_is_left_out_and_counted() -> None:
    guard = Guard(OptimizerConfig(max_skips=3))
    assert [guard.accepts(n) for n in (1.0, math.nan, math.inf, 2.0)] == [True, False, False, True]
    assert (guard.skipped, guard.in_a_row) == (2, 0)
    guard.accepts(math.nan)
    guard.accepts(math.nan)
    with pytest.raises(FloatingPointError, match="3 steps in a row"):
        guard.accepts(math.nan)


def test_spikes_are_left_out_once_the_window_is_full() -> None:
    guard = Guard(OptimizerConfig(spike_factor=4.0, spike_window=8))
    assert all(guard.accepts(n) for n in [50.0, *[1.0] * 7])  # the first norms are large
    assert not guard.accepts(4.01)
    assert guard.accepts(4.0)
    assert guard.skipped == 1
    off = Guard(OptimizerConfig(spike_window=8))
    assert all(off.accepts(n) for n in [*[1.0] * 9, 1e9])


def test_a_guard_comes_back_from_json() -> None:
    import json

    guard = Guard(OptimizerConfig(spike_factor=4.0, spike_window=8))
    for n in [1.0, 2.0, math.nan, 3.0]:
        guard.accepts(n)
    other = Guard(OptimizerConfig(spike_factor=4.0, spike_window=8))
    other.load(json.loads(json.dumps(guard.state())))
    assert other == guard
    assert other.norms.maxlen == 8


@pytest.mark.parametrize("bad", [{"clip": 0.0}, {"spike_factor": 0.5}, {"beta1": 1.0}])
def test_settings_that_cannot_be(bad: dict) -> None:
    with pytest.raises(ValueError):
        OptimizerConfig(**bad)
