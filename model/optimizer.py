"""AdamW that decays matrices only, one gradient norm for the whole model, and steps left out."""

import math
import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from model.settings import require


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """The paper's numbers: AdamW (0.9, 0.95), weight decay 0.1, gradient norm at most 1."""

    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    # A step is left out where its gradient norm is not finite, or above this many times the median
    # of the last `spike_window` norms (0: never for that). So many in a row end the run.
    spike_factor: float = 0.0
    spike_window: int = 128
    max_skips: int = 20

    def __post_init__(self) -> None:
        require(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "betas must be in [0, 1)")
        require(self.clip > 0, "clip must be above 0")
        require(self.spike_factor == 0 or self.spike_factor > 1, "spike_factor: 0, or above 1")
        require(self.spike_window >= 8 and self.max_skips >= 1, "spike_window >= 8, max_skips >= 1")


def adamw(stage: nn.Module, cfg: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over a stage's parameters; norms' weights and biases do not decay."""
    matrices = [p for p in stage.parameters() if p.ndim >= 2]
    others = [p for p in stage.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": cfg.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=0.0,
        betas=(cfg.beta1, cfg.beta2),
        eps=cfg.epsilon,
        fused=True,
    )


def local(x: Tensor) -> Tensor:
    """The part of a tensor that this rank holds."""
    return x.to_local() if isinstance(x, DTensor) else x


def gradient_norm(stage: nn.Module) -> float:
    """The 2-norm of all gradients of all stages and shards, the same number on every rank.

    Each number of the gradient is on one rank alone, so one sum over the world is enough.
    """
    grads = [local(p.grad) for p in stage.parameters() if p.grad is not None]
    grads = [g for g in grads if g.numel()]
    device = next(stage.parameters()).device
    square = torch.zeros((), dtype=torch.float64, device=device)
    if grads:
        square = torch.stack(torch._foreach_norm(grads)).double().square().sum()
    dist.all_reduce(square)
    return math.sqrt(s) if math.isfinite(s := square.item()) else s


def scale_gradients(stage: nn.Module, factor: float) -> None:
    """Multiplies all gradients."""
    grads = [local(p.grad) for p in stage.parameters() if p.grad is not None]
    if grads:
        torch._foreach_mul_(grads, factor)


@dataclass
class Guard:
    """Decides from a step's gradient norm whether it counts; on all ranks alike, as the norm is."""

    cfg: OptimizerConfig
    norms: deque[float] = field(init=False)
    skipped: int = 0  # over the whole run
    in_a_row: int = 0

    def __post_init__(self) -> None:
        self.norms = deque(maxlen=self.cfg.spike_window)

    def accepts(self, norm: float) -> bool:
        """Whether to take the step.

        Raises:
            FloatingPointError: `max_skips` steps in a row were left out.
        """
        good = math.isfinite(norm)
        if good and self.cfg.spike_factor and len(self.norms) == self.norms.maxlen:
            good = norm <= self.cfg.spike_factor * statistics.median(self.norms)
        if good:
            self.norms.append(norm)
            self.in_a_row = 0
            return True
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row >= self.cfg.max_skips:
            raise FloatingPointError(
                f"{self.in_a_row} steps in a row left out, the last for a gradient norm of {norm}"
            )
        return False

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON types."""
        return {"norms": list(self.norms), "skipped": self.skipped, "in_a_row": self.in_a_row}

    def load(self, state: dict[str, Any]) -> None:
        """Back to a checkpoint's state."""
        self.norms = deque(state["norms"], maxlen=self.cfg.spike_window)
        self.skipped, self.in_a_row = state["skipped"], state["in_a_row"]
