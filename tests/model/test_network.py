"""The network against plain formulas in NumPy; initial weights; documents apart; dropout."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model.attention import Visible, visible
from model.config import PRESETS, ModelConfig, model_config
from model.layout import layers_of
from model.network import Stage, initial, initialise
from model.noise import Noise
from tests.model.plain import plain_gpt, plain_llama

LLAMA, GPT = PRESETS["llama_tiny"], PRESETS["gpt_tiny"]
EVERYTHING = Visible()


def stage_of(cfg: ModelConfig, seed: int = 3, layers: range | None = None) -> Stage:
    stage = Stage(cfg, layers).double()
    initialise(stage, cfg, seed)
    return stage


def tokens_of(cfg: ModelConfig, batch: int = 2, seed: int = 0) -> "torch.Tensor":
    g = torch.Generator().manual_seed(seed)
    return torch.randint(3, cfg.vocabulary, (batch, cfg.context), generator=g)


def loud(cfg: ModelConfig) -> ModelConfig:
    """Weights so large that attention is far from uniform."""
    return model_config({**cfg.__dict__, "init_std": 0.3}, "t")


@pytest.mark.parametrize(("cfg", "plain"), [(LLAMA, plain_llama), (GPT, plain_gpt)])
def test_logits_are_the_formulas(cfg: ModelConfig, plain: object) -> None:
    cfg = loud(cfg)
    stage = stage_of(cfg).eval()
    tokens = tokens_of(cfg)
    with torch.no_grad():
        found = stage(tokens, EVERYTHING).numpy()
    weights = {n: p.detach().numpy() for n, p in stage.named_parameters()}
    expected = plain(weights, tokens.numpy(), cfg)  # type: ignore[operator]
    assert np.abs(found - expected).max() < 1e-10
    assert np.abs(expected).max() > 1


@pytest.mark.parametrize("preset", ["llama_tiny", "gpt_tiny"])
@pytest.mark.parametrize("tied", [False, True])
def test_parameters_are_those_that_the_config_counts(preset: str, tied: bool) -> None:
    cfg = model_config({"preset": preset, "tied": tied}, "t")
    with torch.device("meta"):
        found = {n: tuple(p.shape) for n, p in Stage(cfg).named_parameters()}
    assert found == cfg.parameter_shapes()
    assert sum(p.numel() for p in Stage(cfg).parameters()) == cfg.parameters()


@pytest.mark.parametrize("preset", ["skywork_13b", "llama2_13b", "gpt_7b", "llama_7b"])
def test_the_papers_models_are_as_large_as_counted(preset: str) -> None:
    cfg = PRESETS[preset]
    with torch.device("meta"):
        assert sum(p.numel() for p in Stage(cfg).parameters()) == cfg.parameters()


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_stages_together_are_the_model(stages: int) -> None:
    whole = stage_of(LLAMA)
    parts = [stage_of(LLAMA, layers=layers_of(4, stages, s)) for s in range(stages)]
    named = {n: p for part in parts for n, p in part.named_parameters()}
    assert sum(len(list(part.parameters())) for part in parts) == len(named)
    for name, p in whole.named_parameters():
        assert torch.equal(p, named[name]), name
    x = tokens_of(LLAMA)
    with torch.no_grad():
        expected = whole(x, EVERYTHING)
        for part in parts:
            x = part(x, EVERYTHING)
    assert torch.equal(x, expected)


def test_initial_weights_depend_on_seed_and_name_alone() -> None:
    a, b = "blocks.0.attention.query.weight", "blocks.1.attention.query.weight"
    shape = (64, 64)
    assert torch.equal(initial(a, shape, LLAMA, 1), initial(a, shape, LLAMA, 1))
    assert not torch.equal(initial(a, shape, LLAMA, 1), initial(b, shape, LLAMA, 1))
    assert not torch.equal(initial(a, shape, LLAMA, 1), initial(a, shape, LLAMA, 2))
    assert float(initial(a, (500, 500), LLAMA, 1).std()) == pytest.approx(0.02, rel=0.02)
    out = initial("blocks.0.feed.down.weight", (500, 500), LLAMA, 1)
    assert float(out.std()) == pytest.approx(0.02 / 8**0.5, rel=0.02)
    assert initial("head.norm.weight", (5,), LLAMA, 1).tolist() == [1] * 5
    assert initial("head.norm.bias", (5,), GPT, 1).tolist() == [0] * 5


def test_the_first_loss_is_that_of_guessing() -> None:
    stage = stage_of(LLAMA)
    tokens = tokens_of(LLAMA)
    loss = stage(tokens, EVERYTHING, tokens) / tokens.numel()
    assert loss.item() == pytest.approx(np.log(512), rel=0.01)


def test_nothing_sees_what_comes_later() -> None:
    stage = stage_of(loud(LLAMA)).eval()
    tokens = tokens_of(LLAMA)
    changed = tokens.clone()
    changed[:, 40] = (changed[:, 40] + 7) % 500
    with torch.no_grad():
        a, b = stage(tokens, EVERYTHING), stage(changed, EVERYTHING)
    assert torch.allclose(a[:, :40], b[:, :40], rtol=0, atol=1e-12)
    assert not torch.allclose(a[:, 40:], b[:, 40:], rtol=0, atol=1e-3)


def test_documents_do_not_see_each_other_where_the_mask_is_on() -> None:
    """nanoVLM 204, functionary 265: starting positions again is not enough."""
    stage = stage_of(loud(LLAMA)).eval()
    tokens = tokens_of(LLAMA)
    tokens[:, 20] = 2
    changed = tokens.clone()
    changed[:, 5] = (changed[:, 5] + 7) % 500
    with torch.no_grad():
        on = [stage(x, visible(x, 2, "sdpa")) for x in (tokens, changed)]
        off = [stage(x, visible(x, None, "sdpa")) for x in (tokens, changed)]
    assert torch.allclose(on[0][:, 21:], on[1][:, 21:], rtol=0, atol=1e-12)
    assert not torch.allclose(on[0][:, 5:20], on[1][:, 5:20], rtol=0, atol=1e-3)
    assert not torch.allclose(off[0][:, 21:], off[1][:, 21:], rtol=0, atol=1e-3)


def test_dropout_depends_on_seed_step_sample_and_layer() -> None:
    stage = stage_of(loud(GPT))
    tokens = tokens_of(GPT, 4)

    def out(rows: list[int], samples: tuple[int, ...], step: int = 0, seed: int = 0):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            return stage(tokens[rows], EVERYTHING, None, Noise(0.1, seed, step, samples))

    together = out([0, 1, 2, 3], (0, 1, 2, 3))
    alone = torch.cat([out([i], (i,)) for i in range(4)])
    assert torch.allclose(together, alone, rtol=0, atol=1e-12)
    for other in (
        out([0], (9,)),
        out([0], (0,), step=1),
        out([0], (0,), seed=1),
        stage(tokens[:1], EVERYTHING).detach(),
    ):
        assert not torch.allclose(other, alone[:1], rtol=0, atol=1e-3)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    noise = Noise(0.25, 0, 0, (0, 1))
    x = torch.ones(2, 400, 50)
    y = noise.drop(x, "somewhere")
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(y[0], y[1])
    assert not torch.equal(y, noise.drop(x, "elsewhere"))


def test_dropout_leaves_the_random_state_as_it_was() -> None:
    tokens, stage = tokens_of(GPT), stage_of(GPT)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    stage(tokens, EVERYTHING, tokens, Noise(0.1, 0, 0, (0, 1)))
    assert torch.equal(torch.rand(3), expected)
