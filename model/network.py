"""The decoder as a pipeline stage: some blocks, the embedding on the first, the head on the last.

The whole model is the stage that has everything. Parameters are named as in
`ModelConfig.parameter_shapes` on every stage, and seeded by name, so that neither a checkpoint
nor the initial weights know about layouts.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import Visible, attend
from model.config import ModelConfig
from model.loss import summed_cross_entropy
from model.noise import Noise, seed_of


@functools.lru_cache(maxsize=8)
def rotations(
    length: int, head_size: int, theta: float, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines [length, 1, head_size] of RoPE; angles in float64, as `dtype`."""
    pairs = torch.arange(0, head_size, 2, dtype=torch.float64, device=device) / head_size
    angles = torch.outer(torch.arange(length, dtype=torch.float64, device=device), theta**-pairs)
    cos, sin = angles.cos(), angles.sin()
    tables = torch.cat((cos, cos), 1), torch.cat((-sin, sin), 1)
    return tables[0].unsqueeze(1).to(dtype), tables[1].unsqueeze(1).to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE in the half-split layout of Hugging Face's Llama, computed in the tables' type."""
    first, second = x.chunk(2, -1)
    return torch.addcmul(x * cos, torch.cat((second, first), -1), sin).to(x.dtype)


class RMSNorm(nn.Module):
    """x / rms(x) * weight."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


def _norm(cfg: ModelConfig) -> nn.Module:
    if cfg.shape == "llama":
        return RMSNorm(cfg.hidden, cfg.norm_epsilon)
    return nn.LayerNorm(cfg.hidden, cfg.norm_epsilon)


class Attention(nn.Module):
    """Multi-head causal attention with its four projections."""

    def __init__(self, cfg: ModelConfig, place: str, backend: str) -> None:
        super().__init__()
        biased = cfg.shape == "gpt"
        for name in ("query", "key", "value", "output"):
            setattr(self, name, nn.Linear(cfg.hidden, cfg.hidden, bias=biased))
        self.cfg, self.place, self.backend = cfg, place, backend

    def forward(self, x: Tensor, seen: Visible, noise: Noise | None) -> Tensor:
        """[batch, time, hidden] to the same."""
        batch, time, hidden = x.shape
        split = (batch, time, self.cfg.heads, self.cfg.head_size)
        q, k, v = (f(x).view(split) for f in (self.query, self.key, self.value))
        if seen.cos is not None and seen.sin is not None:
            q, k = rotate(q, seen.cos, seen.sin), rotate(k, seen.cos, seen.sin)
        if noise is None:
            out = attend(q, k, v, seen, self.backend)
        else:
            out = self._noisy(q, k, v, seen, noise)
        return self.output(out.reshape(batch, time, hidden))

    def _noisy(self, q: Tensor, k: Tensor, v: Tensor, seen: Visible, noise: Noise) -> Tensor:
        """Sample by sample, so that the mask of one does not depend on its neighbours."""
        if seen.ends is not None and len(q) > 1:
            raise ValueError("dropout in attention: micro_batch = 1, or attention = 'sdpa'")
        outs = []
        for i, seed in enumerate(noise.seeds(self.place)):
            mask = None if seen.mask is None else seen.mask[i : i + 1]
            own = dataclasses.replace(seen, mask=mask)
            with noise.drawing(q.device, seed):
                one = slice(i, i + 1)
                outs.append(attend(q[one], k[one], v[one], own, self.backend, noise.share))
        return torch.cat(outs)


class Feed(nn.Module):
    """SwiGLU (LLaMA) or GELU (GPT) between two widths."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.gated = cfg.shape == "llama"
        biased = not self.gated
        if self.gated:
            self.gate = nn.Linear(cfg.hidden, cfg.ffn, bias=False)
        self.up = nn.Linear(cfg.hidden, cfg.ffn, bias=biased)
        self.down = nn.Linear(cfg.ffn, cfg.hidden, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] to the same."""
        wide = F.silu(self.gate(x)) * self.up(x) if self.gated else F.gelu(self.up(x))
        return self.down(wide)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed(norm(x))."""

    def __init__(self, cfg: ModelConfig, layer: int, backend: str) -> None:
        super().__init__()
        self.place = f"blocks.{layer}"
        self.attention_norm = _norm(cfg)
        self.attention = Attention(cfg, f"{self.place}.probabilities", backend)
        self.feed_norm = _norm(cfg)
        self.feed = Feed(cfg)

    def forward(self, x: Tensor, seen: Visible, noise: Noise | None = None) -> Tensor:
        """[batch, time, hidden] to the same."""
        y = self.attention(self.attention_norm(x), seen, noise)
        x = x + (y if noise is None else noise.drop(y, f"{self.place}.attention"))
        y = self.feed(self.feed_norm(x))
        return x + (y if noise is None else noise.drop(y, f"{self.place}.feed"))


class Embedding(nn.Module):
    """Tokens to vectors, and in the GPT shape their positions."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(cfg.vocabulary, cfg.hidden)
        self.positions = nn.Embedding(cfg.context, cfg.hidden) if cfg.shape == "gpt" else None

    def forward(self, tokens: Tensor, noise: Noise | None = None) -> Tensor:
        """[batch, time] to [batch, time, hidden]."""
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        return x if noise is None else noise.drop(x, "embedding")


class Head(nn.Module):
    """The last norm, and logits or the summed loss."""

    def __init__(self, cfg: ModelConfig, tied: nn.Parameter | None) -> None:
        super().__init__()
        self.norm = _norm(cfg)
        self.weight = (
            nn.Parameter(torch.empty(cfg.vocabulary, cfg.hidden)) if tied is None else tied
        )

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """The summed loss, or logits [batch, time, vocabulary] where labels is None."""
        x = self.norm(x)
        if labels is None:
            return F.linear(x, self.weight)
        return summed_cross_entropy(x.flatten(0, 1), self.weight, labels.flatten())


class Stage(nn.Module):
    """The part of a model that one pipeline stage holds.

    layers: which blocks, by their number in the whole model. backend: of attention.
    """

    def __init__(
        self, cfg: ModelConfig, layers: Iterable[int] | None = None, backend: str = "sdpa"
    ):
        super().__init__()
        mine = list(range(cfg.layers) if layers is None else layers)
        self.cfg, self.backend = cfg, backend
        self.first, self.last = mine[0] == 0, mine[-1] == cfg.layers - 1
        self.embedding = Embedding(cfg) if self.first else None
        self.blocks = nn.ModuleDict({str(i): Block(cfg, i, backend) for i in mine})
        tied = self.embedding.tokens.weight if cfg.tied and self.embedding is not None else None
        self.head = Head(cfg, tied) if self.last else None

    def forward(
        self,
        x: Tensor,
        seen: Visible,
        labels: Tensor | None = None,
        noise: Noise | None = None,
    ) -> Tensor:
        """First stage: tokens in. Last: summed loss out, or logits where labels is None.
        Between stages: [batch, time, hidden].
        """
        if self.cfg.shape == "llama":
            # In float32 also where blocks compute in bfloat16.
            exact = next(self.parameters()).dtype == torch.float64
            wide = torch.float64 if exact else torch.float32
            theta, size = self.cfg.rope_theta, self.cfg.head_size
            cos, sin = rotations(x.shape[1], size, theta, x.device, wide)
            seen = dataclasses.replace(seen, cos=cos, sin=sin)
        if self.embedding is not None:
            x = self.embedding(x, noise)
        for block in self.blocks.values():
            x = block(x, seen, noise)
        return x if self.head is None else self.head(x, labels)


def initial(name: str, shape: Iterable[int], cfg: ModelConfig, seed: int) -> Tensor:
    """The initial value of one parameter in float32, from its name and a seed alone."""
    shape = tuple(shape)
    if name.endswith(".bias"):
        return torch.zeros(shape)
    if len(shape) == 1:
        return torch.ones(shape)
    ends_a_half = name.endswith(("attention.output.weight", "feed.down.weight"))
    std = cfg.init_std / (math.sqrt(2 * cfg.layers) if ends_a_half else 1)
    generator = torch.Generator().manual_seed(seed_of(seed, name))
    return torch.empty(shape).normal_(0.0, std, generator=generator)


def initialise(stage: nn.Module, cfg: ModelConfig, seed: int) -> None:
    """Sets every parameter of a stage to its initial value; of a shard, its part of it."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    for name, parameter in stage.named_parameters():
        value = initial(name, parameter.shape, cfg, seed)
        value = value.to(device=parameter.device, dtype=parameter.dtype)
        with torch.no_grad():
            if isinstance(parameter, DTensor):
                # src_data_rank=None: each rank takes its part of its own copy, nothing is sent.
                mesh, placements = parameter.device_mesh, parameter.placements
                local = distribute_tensor(value, mesh, placements, src_data_rank=None).to_local()
                parameter.to_local().copy_(local)
            else:
                parameter.copy_(value)
