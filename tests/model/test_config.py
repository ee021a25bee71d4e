"""Golden numbers of the presets, and what a model cannot be."""

import pytest

from model.config import PRESETS, model_config
from model.settings import SettingsError

# research/trainers.md, section C28: Skywork-13B 94.90, 93.09, 87.20 GFLOP a token.
GOLDEN = {
    "skywork_13b": (13_854_269_952, 94.903225344, 93.091286016, 87.2024832),
    "llama2_13b": (12_937_221_120, 87.68965632, 86.70661632, 81.67345152),
    "gpt_7b": (6_997_811_200, 48.429318144, 46.718042112, 43.49681664),
    "llama_7b": (7_013_142_528, 48.521306112, 46.910693376, 43.689467904),
}


@pytest.mark.parametrize("preset", GOLDEN)
def test_parameters_and_flops(preset: str) -> None:
    cfg = PRESETS[preset]
    parameters, *gflops = GOLDEN[preset]
    assert cfg.parameters() == parameters
    found = [cfg.flops_per_token(c) / 1e9 for c in ("all", "palm", "causal")]
    assert found == pytest.approx(gflops, rel=1e-12)


def test_skywork_by_hand() -> None:
    """Table 3: two embeddings, 52 blocks of 4 h^2 + 3 h ffn + 2 h, and the last norm."""
    h, ffn = 4_608, 12_288
    by_hand = 2 * 65_536 * h + 52 * (4 * h * h + 3 * h * ffn + 2 * h) + h
    assert PRESETS["skywork_13b"].parameters() == by_hand
    assert PRESETS["skywork_13b"].head_size == 128


def test_the_papers_1873_tokens_are_its_mfu_only_with_attention_not_halved() -> None:
    """Section 3.6: 1,873 tokens/GPU/s, 56.5 % of 312 TFLOP/s: between `palm` and `all`."""
    cfg = PRESETS["skywork_13b"]
    mfu = {c: 1_873 * cfg.flops_per_token(c) / 312e12 for c in ("all", "palm", "causal")}
    assert mfu["palm"] == pytest.approx(0.559, abs=5e-4)
    assert mfu["all"] == pytest.approx(0.570, abs=5e-4)
    assert mfu["causal"] == pytest.approx(0.5235, abs=5e-5)


def test_a_tied_head_is_no_parameter_but_works_as_one() -> None:
    cfg = model_config({"preset": "llama_tiny", "tied": True}, "t")
    untied = PRESETS["llama_tiny"]
    assert untied.parameters() - cfg.parameters() == 512 * 64
    assert cfg.flops_per_token("palm") == untied.flops_per_token("palm")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"preset": "skywork"}, "is none of"),
        ({"preset": "llama_tiny", "head": 3}, "unknown key 'head'; did you mean 'heads'"),
        ({"preset": "llama_tiny", "heads": 5}, "not divisible by 5 heads"),
        ({"preset": "llama_tiny", "heads": 64}, "RoPE turns pairs"),
        ({"preset": "llama_tiny", "shape": "bert"}, "llama or gpt"),
        ({"preset": "llama_tiny", "hidden": 64.0}, "must be int"),
        ({"hidden": 64}, "'vocabulary' is missing"),
    ],
)
def test_models_that_cannot_be(table: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        model_config(table, "conf.toml: model")
