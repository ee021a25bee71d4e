"""Cross-entropy of a head without all its logits: they are made, used and dropped in pieces.

Logits of 4,096 tokens over 65,536 pieces are 1.07 GB in float32, once more for their gradient.
`torch.nn.functional.linear_cross_entropy` does the same since 2.13, but returns a sum in the
inputs' type: three digits of the loss in bfloat16.
"""

from typing import Any

import torch
from torch import Tensor

from model.config import IGNORED

_LOGITS = 1 << 25  # a piece: 134 MB in float32


class _SummedCrossEntropy(torch.autograd.Function):
    """Gradients are made in the forward pass, while a piece's logits are there."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, rows: int) -> Tensor:
        wide = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        total = torch.zeros((), dtype=wide, device=hidden.device)
        wanted = any(ctx.needs_input_grad[:2])
        hidden_grad = torch.empty_like(hidden) if wanted else None
        # Pieces add up in float32 even where the weight is bfloat16.
        weight_grad = torch.zeros_like(weight, dtype=wide) if wanted else None
        for start in range(0, len(hidden), rows):
            piece = slice(start, start + rows)
            x, y = hidden[piece], labels[piece]
            counts = (y != IGNORED).to(wide).unsqueeze(1)
            y = y.clamp(min=0).unsqueeze(1)
            logs = (x @ weight.T).to(wide)
            torch.log_softmax(logs, 1, out=logs)
            total -= (logs.gather(1, y) * counts).sum()
            if hidden_grad is not None and weight_grad is not None:
                slope = logs.exp_()
                slope.scatter_add_(1, y, torch.full_like(counts, -1.0))
                slope = slope.mul_(counts).to(x.dtype)
                hidden_grad[piece] = slope @ weight
                if weight_grad.dtype == x.dtype:
                    weight_grad.addmm_(slope.T, x)
                else:
                    weight_grad += slope.T @ x
        ctx.save_for_backward(hidden_grad, weight_grad)
        ctx.weight_dtype = weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        hidden_grad, weight_grad = ctx.saved_tensors
        factor = upstream[0]
        return (
            hidden_grad.mul_(factor),
            weight_grad.mul_(factor).to(ctx.weight_dtype),
            None,
            None,
        )


def summed_cross_entropy(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """The sum over labels of -log p, natural logarithm, in float32 (float64 for float64).

    hidden: [tokens, size]. weight: [vocabulary, size]. labels: [tokens], IGNORED where none.
    """
    rows = max(64, _LOGITS // len(weight))
    return _SummedCrossEntropy.apply(hidden, weight, labels, rows)


def each_cross_entropy(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """-log p of each label, float32 (float64 for float64) [tokens]; 0 where IGNORED. No gradient.

    Shapes as `summed_cross_entropy`.
    """
    wide = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    found = torch.empty(len(hidden), dtype=wide, device=hidden.device)
    rows = max(64, _LOGITS // len(weight))
    for start in range(0, len(hidden), rows):
        piece = slice(start, start + rows)
        logits = (hidden[piece] @ weight.T).to(wide)
        found[piece] = torch.nn.functional.cross_entropy(
            logits, labels[piece], ignore_index=IGNORED, reduction="none"
        )
    return found
