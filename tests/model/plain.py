"""LLaMA and GPT in plain NumPy, written from the papers' formulas: what the network must give."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig

A = NDArray[np.float64]
erf = np.vectorize(math.erf)


def softmax(x: A) -> A:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q: A, k: A, v: A, heads: int) -> A:
    """[time, hidden] each; causal."""
    time, hidden = q.shape
    size = hidden // heads
    out = np.zeros_like(q)
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size)
        scores[np.triu_indices(time, 1)] = -np.inf
        out[:, part] = softmax(scores) @ v[:, part]
    return out


def rope(x: A, heads: int, theta: float) -> A:
    """Each pair (i, i + size / 2) of a head turned by position / theta^(2 i / size)."""
    time, hidden = x.shape
    size = hidden // heads
    out = x.copy().reshape(time, heads, size)
    for i in range(size // 2):
        angle = np.arange(time) * theta ** (-2 * i / size)
        a, b = (
            x.reshape(time, heads, size)[:, :, i],
            x.reshape(time, heads, size)[:, :, i + size // 2],
        )
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        out[:, :, i], out[:, :, i + size // 2] = a * cos - b * sin, b * cos + a * sin
    return out.reshape(time, hidden)


def plain_llama(w: dict[str, A], tokens: NDArray[np.int64], cfg: ModelConfig) -> A:
    def norm(x: A, name: str) -> A:
        scale = np.sqrt((x**2).mean(-1, keepdims=True) + cfg.norm_epsilon)
        return x / scale * w[f"{name}.weight"]

    rows = []
    for row in tokens:
        x = w["embedding.tokens.weight"][row]
        for i in range(cfg.layers):
            b = f"blocks.{i}"
            y = norm(x, f"{b}.attention_norm")
            q, k, v = (y @ w[f"{b}.attention.{p}.weight"].T for p in ("query", "key", "value"))
            q, k = (rope(z, cfg.heads, cfg.rope_theta) for z in (q, k))
            x = x + attention(q, k, v, cfg.heads) @ w[f"{b}.attention.output.weight"].T
            y = norm(x, f"{b}.feed_norm")
            gate, up = (y @ w[f"{b}.feed.{p}.weight"].T for p in ("gate", "up"))
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[f"{b}.feed.down.weight"].T
        rows.append(norm(x, "head.norm") @ w["head.weight"].T)
    return np.stack(rows)


def plain_gpt(w: dict[str, A], tokens: NDArray[np.int64], cfg: ModelConfig) -> A:
    def norm(x: A, name: str) -> A:
        mean = x.mean(-1, keepdims=True)
        scale = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + cfg.norm_epsilon)
        return (x - mean) / scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: A, name: str) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    rows = []
    for row in tokens:
        x = w["embedding.tokens.weight"][row] + w["embedding.positions.weight"][: len(row)]
        for i in range(cfg.layers):
            b = f"blocks.{i}"
            y = norm(x, f"{b}.attention_norm")
            q, k, v = (linear(y, f"{b}.attention.{p}") for p in ("query", "key", "value"))
            x = x + linear(attention(q, k, v, cfg.heads), f"{b}.attention.output")
            u = linear(norm(x, f"{b}.feed_norm"), f"{b}.feed.up")
            x = x + linear(u * (1 + erf(u / math.sqrt(2))) / 2, f"{b}.feed.down")
        rows.append(norm(x, "head.norm") @ w["head.weight"].T)
    return np.stack(rows)
