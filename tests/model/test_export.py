"""Export as Hugging Face's Llama and back: the same logits, names, files, cards."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from safetensors import safe_open
from safetensors.torch import load_file

from model import export
from model.attention import Visible
from model.config import PRESETS, ModelConfig
from model.huggingface import load_weights, our_config, write_weights
from model.network import Stage, initialise
from tests.model import cases
from tests.model.corpora import TOKENIZER
from tests.model.plain import plain_llama
from tests.model.test_train import config_in, losses, ran

# Written from transformers' modeling_llama, not from our table: their names to ours.
THEIRS = {
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.output",
    "mlp.gate_proj": "feed.gate",
    "mlp.up_proj": "feed.up",
    "mlp.down_proj": "feed.down",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "feed_norm",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A run's checkpoints, and its last weights."""
    config = config_in(tmp_path_factory.mktemp("run"))
    (result,) = ran(config)
    weights = {
        k.removeprefix("model."): v for k, v in result["whole"].items() if k.startswith("model.")
    }
    return Path(config).parent / "out/checkpoints", weights


def exported(trained: tuple[Path, Any], out: Path, *args: str) -> Path:
    assert export.main([str(trained[0]), str(out), "--dtype", "float32", *args]) == 0
    return out


def test_milestones_become_llamas_with_cards(trained: tuple, tmp_path: Path, capsys: Any) -> None:
    out = exported(trained, tmp_path)
    assert sorted(p.name for p in out.iterdir()) == ["session_one", "session_two"]
    folder = out / "session_two"
    tensors = load_file(folder / "model.safetensors")
    outer = {
        "model.embed_tokens.weight": "embedding.tokens.weight",
        "model.norm.weight": "head.norm.weight",
        "lm_head.weight": "head.weight",
    }
    layers = {
        f"model.layers.{i}.{a}.weight": f"blocks.{i}.{b}.weight"
        for i in range(5)
        for a, b in THEIRS.items()
    }
    assert tensors.keys() == (outer | layers).keys()
    for theirs, ours in (outer | layers).items():
        assert np.array_equal(tensors[theirs].numpy(), trained[1][ours]), theirs
    card = (folder / "README.md").read_text()
    assert "step 14" in card
    assert f"{14 * 8 * 24:,} tokens" in card
    assert "| stem.stem |" in card
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["num_key_value_heads"], config["eos_token_id"]) == (3, 2)


def test_logits_of_the_import_are_those_of_the_run(trained: tuple, tmp_path: Path) -> None:
    folder = exported(trained, tmp_path) / "session_two"
    cfg = our_config(folder)
    stage = Stage(cfg)
    load_weights(folder, stage)
    tokens = torch.from_numpy(cases.batch_of(cfg, 2)[0])
    with torch.no_grad():
        found = stage(tokens, Visible()).numpy()
    expected = plain_llama(trained[1], tokens.numpy(), cfg)
    assert np.abs(found - expected).max() <= 1e-5
    assert np.abs(expected).max() > 0.5


def test_transformers_has_the_same_logits(trained: tuple, tmp_path: Path) -> None:
    """nanotron 427, torchtitan 1441: RoPE's layout."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    folder = exported(trained, tmp_path) / "session_two"
    theirs = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    stage = Stage(our_config(folder))
    load_weights(folder, stage)
    tokens = torch.from_numpy(cases.batch_of(stage.cfg, 2)[0])
    with torch.no_grad():
        difference = (stage(tokens, Visible()) - theirs(tokens).logits).abs().max()
    assert difference <= 1e-5
    theirs.save_pretrained(tmp_path / "again")
    assert our_config(tmp_path / "again") == stage.cfg


def test_several_files_have_an_index(tmp_path: Path) -> None:
    cfg = PRESETS["llama_tiny"]
    stage = Stage(cfg)
    initialise(stage, cfg, 0)
    mine = dict(stage.named_parameters())
    write_weights(
        tmp_path,
        cfg.parameter_shapes(),
        lambda names: {n: mine[n].detach() for n in names},
        torch.float32,
        shard_bytes=200_000,
    )
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert len(files) > 3
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert index["metadata"]["total_size"] == cfg.parameters() * 4
    for name, file in index["weight_map"].items():
        with safe_open(tmp_path / file, framework="pt") as f:
            assert name in f.keys()  # noqa: SIM118
    other = Stage(cfg)
    load_weights(tmp_path, other)
    assert all(torch.equal(p, mine[n]) for n, p in other.named_parameters())


def test_a_run_starts_from_exported_weights_on_two_ranks(trained: tuple, tmp_path: Path) -> None:
    folder = exported(trained, tmp_path / "hf") / "session_two"
    (tmp_path / "new").mkdir()
    config = config_in(tmp_path / "new")
    change = (f"run.weights={folder}",)
    found = ran(config, 2, 1, change)
    expected = losses(str(trained[0].parents[1] / "run.toml"))
    assert losses(config)[0] < expected[0] - 0.3
    assert found[0]["found"] is None


def test_the_tokenizer_is_that_of_the_shards(trained: tuple, tmp_path: Path, capsys: Any) -> None:
    good, bad = tmp_path / "good.model", tmp_path / "bad.model"
    good.write_bytes(b"a tokenizer")
    assert hashlib.sha256(good.read_bytes()).hexdigest() == TOKENIZER
    bad.write_bytes(b"another")
    args = [str(trained[0]), str(tmp_path / "out"), "--milestone", "session_one", "--tokenizer"]
    assert export.main([*args, str(bad)]) == 2
    assert "not the tokenizer of the token shards" in capsys.readouterr().err
    assert not (tmp_path / "out/session_one").exists()
    assert export.main([*args, str(good)]) == 0
    assert (tmp_path / "out/session_one/tokenizer.model").read_bytes() == b"a tokenizer"


def test_what_cannot_be_exported(trained: tuple, tmp_path: Path, capsys: Any) -> None:
    assert export.main([str(trained[0]), str(tmp_path), "--milestone", "nothing"]) == 2
    assert "no milestone nothing" in capsys.readouterr().err
    assert export.main([str(tmp_path), str(tmp_path / "out"), "--latest"]) == 2
    with pytest.raises(ValueError, match="LLaMA shape"):
        export.their_config(PRESETS["gpt_tiny"], "float32", None, 2)


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_key_value_heads", 1), ("attention_bias", True), ("model_type", "mistral")],
)
def test_llamas_that_the_network_is_not(
    trained: tuple, tmp_path: Path, key: str, value: Any
) -> None:
    """Silence would train another model."""
    folder = exported(trained, tmp_path, "--latest")
    path = next(folder.glob("*/config.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ValueError, match=key):
        our_config(path.parent)


def test_half_precision_is_rounded_once(trained: tuple, tmp_path: Path) -> None:
    assert export.main([str(trained[0]), str(tmp_path), "--latest"]) == 0
    tensors = load_file(tmp_path / "step-00000014/model.safetensors")
    ours = torch.from_numpy(trained[1]["head.weight"]).to(torch.bfloat16)
    assert torch.equal(tensors["lm_head.weight"], ours)
    assert isinstance(our_config(tmp_path / "step-00000014"), ModelConfig)
