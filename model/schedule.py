"""Learning rates as pure functions of the step within a session."""

import math
from dataclasses import dataclass

from model.settings import require


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """cosine: from `peak` to `final`; constant: `peak`; wsd: `peak`, in the last part to `final`.

    Each after a linear warm-up from 0; step 0 of a warm-up of n has peak / n.
    """

    kind: str = "cosine"
    peak: float
    final: float = 0.0
    warmup_steps: int = 0
    # cosine: reaches `final` after so many steps of the session and stays there (0: all of them).
    decay_steps: int = 0
    decay_fraction: float = 0.1  # wsd: the part of the session in which it falls
    decay_shape: str = "linear"  # wsd: linear, sqrt (1 - sqrt x) or exponential

    def __post_init__(self) -> None:
        require(self.kind in ("cosine", "constant", "wsd"), "kind: cosine, constant or wsd")
        shapes = ("linear", "sqrt", "exponential")
        require(self.decay_shape in shapes, f"decay_shape is one of: {', '.join(shapes)}")
        require(self.peak > 0 and 0 <= self.final <= self.peak, "0 <= final <= peak, peak > 0")
        require(0 < self.decay_fraction <= 1, "decay_fraction must be in (0, 1]")
        require(self.warmup_steps >= 0 and self.decay_steps >= 0, "steps must not be below 0")
        exponential = self.kind == "wsd" and self.decay_shape == "exponential"
        require(not exponential or self.final > 0, "an exponential decay ends above 0")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a session's step, 0 ... steps - 1."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.kind == "constant":
            return self.peak
        if self.kind == "cosine":
            end = self.decay_steps or steps
            done = (step - self.warmup_steps) / max(1, end - self.warmup_steps)
            cosine = (1 + math.cos(math.pi * min(1.0, done))) / 2
            return self.final + (self.peak - self.final) * cosine
        falling = max(1, round(steps * self.decay_fraction))
        done = min(1.0, max(0.0, (step + 1 - (steps - falling)) / falling))
        if self.decay_shape == "exponential":
            return float(self.peak ** (1 - done) * self.final**done)
        left = 1 - (done if self.decay_shape == "linear" else math.sqrt(done))
        return self.final + (self.peak - self.final) * left
