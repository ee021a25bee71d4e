"""From shares of a mixture to tokens and epochs: the rule of five (Skywork 3.2), phases and ramps.

A phase gives a number of tokens; at fraction x of it a domain's share is start + (end - start) x^p,
with start and end that each sum to 1, so that every point of a phase does. No domain is repeated
more than `max_epochs` times over all phases together. Phases are gone through in order: what
cannot fill its share any more gives what it has, evenly along the phase in which it runs out, and
the others take the rest in proportion to their shares.

Pure arithmetic: no files, no names of the corpus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SUM_SLACK = 1e-6  # shares written with six decimals sum to 1
SLACK = 1e-9  # relative, of sums of floats
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Phase:
    """Shares by domain, at the start and at the end; `power` is how they go from one to the other.
    A phase without a ramp ends as it starts.
    """

    name: str
    tokens: float
    start: Mapping[str, float]
    end: Mapping[str, float]
    power: float = 1.0

    def given(self, domain: str, x: float = 1.0) -> float:
        """The tokens that a domain gives to the first x (0 to 1) of the phase."""
        start, end = self.start.get(domain, 0.0), self.end.get(domain, 0.0)
        ramp = x ** (self.power + 1) / (self.power + 1)
        return float(self.tokens * (start * x + (end - start) * ramp))


@dataclass(frozen=True)
class Line:
    """What a domain was to give and gives. Shares are of all tokens of all phases; `exhausted_at`
    is how many of these had been given when the domain reached its last epoch, None if it does not.
    """

    domain: str
    available: int
    wanted_share: float
    reached_share: float
    given: float
    epochs: float
    exhausted_at: float | None = None
    exhausted_in: str | None = None  # the phase


class Shortfall(ValueError):
    """A mixture that the tokens there are do not allow. lines: what each domain would have to give.
    budget: the most tokens that phases in these proportions may have, 0 where a domain is empty.
    """

    def __init__(self, message: str, lines: Sequence[Line], budget: float) -> None:
        super().__init__(message)
        self.lines, self.budget = tuple(lines), budget


def power_of(start: float, end: float, mean: float) -> float:
    """The power of a ramp from start to end with this mean over the phase.

    The mean of start + (end - start) x^p is start + (end - start) / (p + 1). The paper's 10 %, 40 %
    and 20 % (3.6) have 2.

    Raises:
        ValueError: the mean is not between the two, or not theirs where they are the same.
    """
    if start == end:
        if abs(mean - start) > SLACK:
            raise ValueError(f"a constant share of {start:g} has no mean of {mean:g}")
        return 1.0
    if not min(start, end) < mean < max(start, end):
        raise ValueError(f"a ramp from {start:g} to {end:g} has no mean of {mean:g}")
    return (end - start) / (mean - start) - 1


def normalised(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares, made to sum to 1 to the last digit that floats have.

    Raises:
        ValueError: one is negative or no number, or their sum is not 1.
    """
    for name, share in shares.items():
        if not 0 <= share <= 1 + SUM_SLACK:
            raise ValueError(f"the share of {name} is {share!r}, not from 0 to 1")
    total = sum(shares.values())
    if not abs(total - 1) <= SUM_SLACK:
        raise ValueError(f"shares must sum to 1, these sum to {total:.6g}")
    return {name: share / total for name, share in shares.items()}


def fit(
    phases: Sequence[Phase], available: Mapping[str, int], max_epochs: float, *, spread: bool
) -> list[Phase]:
    """The phases, with shares that the domains can fill within `max_epochs`.

    available: tokens by domain; one that is not there has none. spread: what a domain cannot give,
    others give, in proportion to their shares; else every share is kept.

    Raises:
        Shortfall: a domain cannot fill its share (without spread), or all domains together cannot
            fill a phase (with it).
    """
    names = sorted({name for p in phases for name in (*p.start, *p.end)})
    capacity = np.array([max_epochs * available.get(name, 0) for name in names], np.float64)
    if not spread:
        lines = report(phases, phases, available, max_epochs)
        over = [x for x in lines if x.given > (1 + SLACK) * max_epochs * x.available]
        if over:
            ratio = min(max_epochs * x.available / x.given for x in over)
            raise Shortfall(
                f"{', '.join(x.domain for x in over)} cannot fill their shares within "
                f"{max_epochs:g} epochs",
                lines,
                ratio * sum(p.tokens for p in phases),
            )
        return list(phases)
    used = np.zeros(len(names))
    fitted: list[Phase] = []
    for phase in phases:
        found = _spread(phase, names, capacity - used)
        if found is None:
            lines = report(phases, phases, available, max_epochs)
            raise Shortfall(
                f"phase {phase.name}: all sources together cannot give its tokens within "
                f"{max_epochs:g} epochs",
                lines,
                float(capacity.sum()),
            )
        fitted.append(found)
        used += [found.given(name) for name in names]
    return fitted


def _spread(phase: Phase, names: Sequence[str], left: F64) -> Phase | None:
    """The phase, with no domain giving more than is left; None where that leaves a gap."""
    start, end = (np.array([s.get(n, 0.0) for n in names]) for s in (phase.start, phase.end))
    weight = 1 / (phase.power + 1)
    left = np.maximum(left, 0.0)
    full = np.zeros(len(names), bool)
    while True:
        gives = phase.tokens * ((1 - weight) * start + weight * end)
        over = ~full & (gives > left * (1 + 1e-12))
        if not over.any():
            break
        part = np.where(over, left / np.where(over, gives, 1.0), 1.0)
        full |= over
        for share in (start, end):
            freed = float((share * (1 - part)).sum())
            share *= part
            others = float(share[~full].sum())
            if freed > SLACK and others <= 0:
                return None
            if others > 0:
                share[~full] *= 1 + freed / others
    first, last = (dict(zip(names, s.tolist(), strict=True)) for s in (start, end))
    return Phase(phase.name, phase.tokens, first, last, phase.power)


def report(
    wanted: Sequence[Phase],
    phases: Sequence[Phase],
    available: Mapping[str, int],
    max_epochs: float,
) -> list[Line]:
    """A line a domain that is wanted or there, by name.

    wanted: the phases as they were asked for; phases: as they are.
    """
    total = sum(p.tokens for p in phases)
    named = {n for p in (*wanted, *phases) for n in (*p.start, *p.end)}
    lines = []
    for name in sorted(named | set(available)):
        there = available.get(name, 0)
        given = sum(p.given(name) for p in phases)
        share = sum(p.given(name) for p in wanted) / sum(p.tokens for p in wanted)
        epochs = given / there if there else float("inf") if given else 0.0
        at, phase = exhausted(phases, name, max_epochs * there) if share else (None, None)
        lines.append(Line(name, there, share, given / total, given, epochs, at, phase))
    return lines


def exhausted(
    phases: Sequence[Phase], domain: str, capacity: float
) -> tuple[float, str] | tuple[None, None]:
    """(tokens that all domains had given, phase) when a domain has given `capacity` tokens; a pair
    of None where it does not.
    """
    before, base = 0.0, 0.0
    for phase in phases:
        if before + phase.given(domain) >= capacity * (1 - SLACK):
            low, high = 0.0, 1.0
            for _ in range(60):  # to the last bit: what is given grows with x
                middle = (low + high) / 2
                if before + phase.given(domain, middle) >= capacity * (1 - SLACK):
                    high = middle
                else:
                    low = middle
            return base + high * phase.tokens, phase.name
        before += phase.given(domain)
        base += phase.tokens
    return None, None
