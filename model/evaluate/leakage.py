"""Whether a benchmark leaked into the training text: section 5.2 and Table 8 of the paper.

The mean loss over the benchmark's training split, its test split, and a reference set that is like
it and younger than the model. D1 = L_test - L_ref: well below zero, the test set is known. D2 =
L_test - L_train: well above zero, the training split is. Beyond the paper: a confidence interval of
each by the bootstrap; a control model, whose D1 and D2 are taken off; and D2 well *below* zero, by
which the test split is known better than the training split. The two splits are of one making, a
reference set seldom is: D1 accuses any model that has learnt the benchmark's manner from its
training split (`make experiment-leakage`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluate.scoring import Loss
from model.settings import SettingsError

Floats = NDArray[np.float64]
SPLITS = ("train", "test", "ref")
# Table 8: models called clean have D1 of 0.01 and D2 of 0.04; Qwen-14B, called suspicious, -0.11
# and 0.61. A decision of ours between them.
MARGIN = 0.05  # nats a token
_RESAMPLES = 10_000
_AT_A_TIME = 250


@dataclass(frozen=True)
class Difference:
    """Nats a token, with the bounds of a two-sided confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Losses are means over samples of nats a token."""

    train: float
    test: float
    ref: float
    samples: dict[str, int]
    d1: Difference
    d2: Difference
    test_leaked: bool  # by D1, as the paper says it
    train_known: bool  # by D2
    test_known: bool  # by D2
    confidence: float
    margin: float
    control: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def means(losses: Sequence[Loss]) -> Floats:
    """Nats a token of each sample; (samples,)."""
    return np.array([loss.nats / loss.tokens for loss in losses if loss.tokens])


def check(confidence: float, margin: float) -> None:
    """Raises SettingsError where an interval or a margin cannot be meant."""
    if not 0 < confidence < 1:
        raise SettingsError(f"confidence must be above 0 and below 1, got {confidence}")
    if not 0 <= margin < math.inf:
        raise SettingsError(f"margin must be 0 or above, got {margin}")


def judge(
    model: Mapping[str, Floats],
    control: Mapping[str, Floats] | None = None,
    *,
    control_name: str | None = None,
    confidence: float = 0.95,
    margin: float = MARGIN,
    seed: int = 0,
) -> Verdict:
    """The verdict on a model.

    model, control: split (`train`, `test`, `ref`) to nats a token of each sample, in one order.
    A verdict is given where the whole interval lies beyond the margin: D1 below -margin, D2 above
    the margin, D2 below -margin.

    Raises:
        ValueError: a split without samples, or other samples in the control; see `check`.
    """
    check(confidence, margin)
    values = {}
    for split in SPLITS:
        if not len(model[split]):
            raise ValueError(f"no samples in {split}")
        values[split] = model[split]
        if control is not None:
            if len(control[split]) != len(model[split]):
                raise ValueError(f"{split}: the control has other samples")
            values[split] = model[split] - control[split]
    rng = np.random.default_rng(seed)
    drawn = {split: _resampled(values[split], rng) for split in SPLITS}
    d1 = _difference(values["test"], values["ref"], drawn["test"] - drawn["ref"], confidence)
    d2 = _difference(values["test"], values["train"], drawn["test"] - drawn["train"], confidence)
    return Verdict(
        **{split: float(model[split].mean()) for split in SPLITS},
        samples={split: len(model[split]) for split in SPLITS},
        d1=d1,
        d2=d2,
        test_leaked=d1.high < -margin,
        train_known=d2.low > margin,
        test_known=d2.high < -margin,
        confidence=confidence,
        margin=margin,
        control=control_name,
    )


def _resampled(values: Floats, rng: np.random.Generator) -> Floats:
    """Means of resamples with replacement, (_RESAMPLES,)."""
    size = (_AT_A_TIME, len(values))
    turns = range(_RESAMPLES // _AT_A_TIME)
    return np.concatenate([values[rng.integers(0, len(values), size)].mean(axis=1) for _ in turns])


def _difference(one: Floats, other: Floats, drawn: Floats, confidence: float) -> Difference:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Difference(float(one.mean() - other.mean()), float(low), float(high))


# Table 8 of the paper: L_train, L_test, L_ref.
PAPER = {
    "Skywork-13B": (0.97, 1.01, 1.00),
    "Aquila2-34B": (0.39, 0.78, 1.29),
    "Qwen-14B": (0.42, 1.03, 1.14),
}


def flags(verdict: Verdict) -> list[str]:
    """What was found, and by which difference."""
    said = (
        ("test leaked (D1)", verdict.test_leaked),
        ("test known (D2)", verdict.test_known),
        ("train known (D2)", verdict.train_known),
    )
    return [text for text, found in said if found]


def markdown(verdicts: Mapping[str, Verdict]) -> str:
    """A row a model, like Table 8, and the paper's below."""
    lines = [
        "| model | L_train | L_test | L_ref | D1 | D2 | verdict |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, v in verdicts.items():
        d1, d2 = (f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]" for d in (v.d1, v.d2))
        said = ", ".join(flags(v)) or "nothing found"
        losses = " | ".join(f"{x:.3f}" for x in (v.train, v.test, v.ref))
        less = f" (less those of {v.control})" if v.control else ""
        lines.append(f"| {name} | {losses} | {d1} | {d2} | {said}{less} |")
    for name, (train, test, ref) in PAPER.items():
        d1, d2 = f"{test - ref:+.2f}", f"{test - train:+.2f}"
        lines.append(f"| {name} (the paper) | {train} | {test} | {ref} | {d1} | {d2} | |")
    return "\n".join(lines)
