"""A model as Hugging Face's Llama: safetensors, config.json, the tokenizer; and back.

RoPE's layout is the same on both sides (halves), so no weight is permuted.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from model.config import ModelConfig
from model.settings import SettingsError

_BLOCK = {
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_norm": "post_attention_layernorm",
    "feed.gate": "mlp.gate_proj",
    "feed.up": "mlp.up_proj",
    "feed.down": "mlp.down_proj",
}
_OUTER = {
    "embedding.tokens.weight": "model.embed_tokens.weight",
    "head.norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}


def their_name(name: str) -> str:
    """Llama's name of a parameter of ours."""
    if name in _OUTER:
        return _OUTER[name]
    _, layer, rest = name.split(".", 2)
    return f"model.layers.{layer}.{_BLOCK[rest.removesuffix('.weight')]}.weight"


def their_config(cfg: ModelConfig, dtype: str, bos: int | None, eos: int) -> dict[str, Any]:
    """config.json of a model.

    Raises:
        SettingsError: it has not the LLaMA shape.
    """
    if cfg.shape != "llama":
        raise SettingsError("only models of the LLaMA shape are exported")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": cfg.vocabulary,
        "hidden_size": cfg.hidden,
        "intermediate_size": cfg.ffn,
        "num_hidden_layers": cfg.layers,
        "num_attention_heads": cfg.heads,
        "num_key_value_heads": cfg.heads,
        "head_dim": cfg.head_size,
        "max_position_embeddings": cfg.context,
        "hidden_act": "silu",
        "rms_norm_eps": cfg.norm_epsilon,
        "rope_theta": cfg.rope_theta,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": cfg.init_std,
        "tie_word_embeddings": cfg.tied,
        "torch_dtype": dtype,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "use_cache": True,
    }


def our_config(folder: Path) -> ModelConfig:
    """The model of a folder.

    Raises:
        SettingsError: no Llama, or one with what this network does not have.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf8"))
    except (OSError, ValueError) as e:
        raise SettingsError(f"{folder}: {e}") from e
    # Since version 5, transformers writes RoPE's numbers as a table.
    rope = raw.get("rope_parameters") or {}
    expected = {
        "model_type": "llama",
        "num_key_value_heads": raw.get("num_attention_heads"),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rope_scaling": None,
        "head_dim": raw["hidden_size"] // raw["num_attention_heads"],
    }
    odd = {k: raw[k] for k, v in expected.items() if k in raw and raw[k] not in (v, None)}
    if rope.get("rope_type", "default") != "default":
        odd["rope_type"] = rope["rope_type"]
    if odd:
        raise SettingsError(f"{folder}/config.json: the network here has no {odd}")
    return ModelConfig(
        vocabulary=raw["vocab_size"],
        hidden=raw["hidden_size"],
        layers=raw["num_hidden_layers"],
        heads=raw["num_attention_heads"],
        ffn=raw["intermediate_size"],
        context=raw["max_position_embeddings"],
        norm_epsilon=raw.get("rms_norm_eps", 1e-6),
        rope_theta=float(raw.get("rope_theta", rope.get("rope_theta", 10_000.0))),
        tied=raw.get("tie_word_embeddings", False),
    )


def write_weights(
    folder: Path,
    shapes: dict[str, tuple[int, ...]],
    read: Callable[[Iterable[str]], dict[str, Tensor]],
    dtype: torch.dtype,
    shard_bytes: int = 5_000_000_000,
) -> None:
    """Safetensors files of at most `shard_bytes` each (a larger tensor: one of its own).

    read: the tensors of some names; asked for one file's at a time.
    """
    groups: list[list[str]] = [[]]
    size = 0
    for name, shape in shapes.items():
        bytes_ = torch.Size(shape).numel() * dtype.itemsize
        if groups[-1] and size + bytes_ > shard_bytes:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += bytes_
    where: dict[str, str] = {}
    total = 0
    for i, names in enumerate(groups):
        file = f"model-{i + 1:05d}-of-{len(groups):05d}.safetensors"
        if len(groups) == 1:
            file = "model.safetensors"
        tensors = {their_name(n): t.to(dtype).contiguous() for n, t in read(names).items()}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        total += sum(t.nbytes for t in tensors.values())
        where |= dict.fromkeys(tensors, file)
    if len(groups) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))


def write_tokenizer(folder: Path, tokenizer: Path, digest: str, context: int) -> None:
    """The SentencePiece model and what transformers needs to know of it.

    Raises:
        SettingsError: it is not the tokenizer that the shards were made with.
    """
    content = tokenizer.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise SettingsError(
            f"{tokenizer}: not the tokenizer of the token shards ({digest[:12]}...)"
        )
    shutil.copyfile(tokenizer, folder / "tokenizer.model")
    said = {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": False,
        "add_bos_token": False,  # documents of the corpus begin without one
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said, indent=1))


def load_weights(folder: Path, stage: nn.Module) -> None:
    """Sets a stage's parameters from a folder; of a shard, its part.

    Raises:
        SettingsError: a parameter that is not there, or of another shape.
    """
    index = folder / "model.safetensors.index.json"
    if index.exists():
        where = json.loads(index.read_text(encoding="utf8"))["weight_map"]
    else:
        with safe_open(folder / "model.safetensors", framework="pt") as f:
            where = dict.fromkeys(f.keys(), "model.safetensors")
    for name, parameter in stage.named_parameters():
        theirs = their_name(name)
        if theirs not in where:
            raise SettingsError(f"{folder}: no {theirs}")
        with safe_open(folder / where[theirs], framework="pt") as f:
            value = f.get_tensor(theirs)
        if value.shape != parameter.shape:
            raise SettingsError(f"{folder}: {theirs} is {tuple(value.shape)}")
        value = value.to(device=parameter.device, dtype=parameter.dtype)
        with torch.no_grad():
            if isinstance(parameter, DTensor):
                mesh, placements = parameter.device_mesh, parameter.placements
                local = distribute_tensor(value, mesh, placements, src_data_rank=None).to_local()
                parameter.to_local().copy_(local)
            else:
                parameter.copy_(value)
