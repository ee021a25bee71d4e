"""Causal attention: which kernel, and which positions see which.

`auto` takes flash-attn where it is installed, else PyTorch's own variable-length kernel, both on
CUDA in half precision; everywhere else scaled_dot_product_attention. All give the same numbers.
"""

import importlib.util
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BACKENDS = ("flash_attn", "varlen", "sdpa")


def available(device: torch.device, dtype: torch.dtype) -> tuple[str, ...]:
    """The backends that can run here, best first; nothing is imported that is not there."""
    half = device.type == "cuda" and dtype in (torch.float16, torch.bfloat16)
    found = []
    if half and importlib.util.find_spec("flash_attn") is not None:
        found.append("flash_attn")
    if half and importlib.util.find_spec("torch.nn.attention.varlen") is not None:
        found.append("varlen")
    return (*found, "sdpa")


def choose(setting: str, device: torch.device, dtype: torch.dtype) -> str:
    """The backend for a setting: `auto`, or one by name.

    Raises:
        ValueError: no such backend, or it cannot run here.
    """
    can = available(device, dtype)
    if setting == "auto":
        return can[0]
    if setting not in can:
        raise ValueError(f"attention = {setting!r} cannot run on {device} in {dtype}: {can}")
    return setting


@dataclass(frozen=True)
class Visible:
    """Which positions of a batch see which: earlier ones, of the same document where `mask` or
    `ends` say so.

    mask: [batch, 1, time, time], true where seen (sdpa). ends: int32 ends of documents in the
    flattened batch, from 0 (the others). longest: tokens of the longest document. cos, sin: RoPE's
    tables; here, since a sharded block would cast its arguments to half precision.
    """

    mask: Tensor | None = None
    ends: Tensor | None = None
    longest: int = 0
    cos: Tensor | None = None
    sin: Tensor | None = None


def visible(tokens: Tensor, eos: int | None, backend: str) -> Visible:
    """What each position of `tokens` [batch, time] sees.

    eos: a document ends with it, and what follows does not see it; None: all of the sample is one
    text.
    """
    batch, time = tokens.shape
    if eos is None:
        if backend == "sdpa":
            return Visible()
        ends = torch.arange(0, batch * time + 1, time, dtype=torch.int32, device=tokens.device)
        return Visible(ends=ends, longest=time)
    last = tokens == eos
    if backend == "sdpa":
        document = last.cumsum(1) - last.long()
        same = document.unsqueeze(2) == document.unsqueeze(1)
        return Visible(mask=same.tril_().unsqueeze(1))
    last = last.clone()
    last[:, -1] = True
    ends = F.pad(last.flatten().nonzero().flatten() + 1, (1, 0)).to(torch.int32)
    return Visible(ends=ends, longest=int(ends.diff().max()))


def attend(
    query: Tensor, key: Tensor, value: Tensor, seen: Visible, backend: str, dropout: float = 0.0
) -> Tensor:
    """softmax(q k / sqrt(d)) v over what each position sees.

    query, key, value: [batch, time, heads, d]. dropout: of the probabilities, drawn from the
    device's default generator. Returns the same shape.
    """
    if backend == "sdpa":
        q, k, v = (x.transpose(1, 2) for x in (query, key, value))
        causal = seen.mask is None
        out = F.scaled_dot_product_attention(
            q, k, v, attn_mask=seen.mask, dropout_p=dropout, is_causal=causal
        )
        return out.transpose(1, 2)
    q, k, v = (x.flatten(0, 1) for x in (query, key, value))
    ends, longest = seen.ends, seen.longest
    if backend == "flash_attn":
        from flash_attn import flash_attn_varlen_func

        out = flash_attn_varlen_func(
            q, k, v, ends, ends, longest, longest, dropout_p=dropout, causal=True
        )
    elif dropout:
        raise ValueError("PyTorch's variable-length kernel has no dropout: attention = 'sdpa'")
    else:
        from torch.nn.attention.varlen import varlen_attn

        out = varlen_attn(q, k, v, ends, ends, longest, longest, window_size=(-1, 0))
    return out.view_as(query)
