"""The mixture plan: which share each domain has at each step, and how many samples that makes.

A phase is a number of tokens in which a domain's share goes from `start` to `end`:
start + (end - start) x**power, x from 0 to 1 (paper, section 3.6: STEM 10 to 40 %, mean 20 %:
power 2). Counts are a pure function of plan and step, exact in every step's sum.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.settings import SettingsError

FORMAT, VERSION = "skypile-plan", 1
_SLACK = 1e-9  # of epochs and of sums of shares: floats


@dataclass(frozen=True)
class Domain:
    """One domain of the plan: where its shards are, and what is in them."""

    name: str
    train: Path
    tokens: int
    documents: int
    validation: Path | None
    validation_tokens: int


@dataclass(frozen=True)
class Phase:
    """Shares over one stretch of training; arrays are in the order of the plan's domains."""

    name: str
    tokens: int
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    power: float

    def given(self, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Of one token in all, what each domain gives in the first x of the phase: [..., domains].

        Beyond x = 1 it goes on with the last shares.
        """
        x = np.asarray(x, np.float64)[..., None]
        inside = np.minimum(x, 1.0)
        ramp = (self.end - self.start) * inside ** (self.power + 1) / (self.power + 1)
        return self.start * inside + ramp + self.end * (x - inside)

    def counts(self, samples: NDArray[np.int64] | int, total: int) -> NDArray[np.int64]:
        """How many of the first `samples` of the phase's `total` samples each domain gives.

        Each row adds up to `samples` exactly, never falls from one row to a later one, and stays
        near the integral: a domain's j-th sample is due when its integral reaches j - 1/2, and
        samples are taken in the order in which they are due (Webster's rule, in time).
        """
        wanted = np.atleast_1d(np.asarray(samples, np.int64))
        # The smallest time, in samples, at which at least as many are due; by bisection.
        low = np.zeros(len(wanted))
        high = wanted + float(len(self.start)) + 1.0

        def due(time: NDArray[Any]) -> NDArray[np.int64]:
            at = np.floor(total * self.given(time / total) + 0.5)
            return at.astype(np.int64)

        for _ in range(80):
            middle = (low + high) / 2
            enough = due(middle).sum(-1) >= wanted
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        counts, before = due(high), due(low)
        # Several due at one moment: the first domains of the plan come first.
        surplus = counts.sum(-1) - wanted
        for column in range(counts.shape[1] - 1, -1, -1):
            back = np.minimum(surplus, np.maximum(counts[:, column] - before[:, column], 0))
            counts[:, column] -= back
            surplus = surplus - back
        assert (surplus == 0).all()
        return counts if np.ndim(samples) else counts[0]


@dataclass(frozen=True)
class Plan:
    """A mixture plan, checked."""

    path: Path
    tokenizer: str
    vocabulary: int
    eos: int
    max_epochs: float
    domains: tuple[Domain, ...]
    phases: tuple[Phase, ...]
    raw: dict[str, Any]

    def phase(self, name: str) -> Phase:
        """A phase by name.

        Raises:
            SettingsError: the plan has none of that name.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        known = ", ".join(p.name for p in self.phases)
        raise SettingsError(f"{self.path}: no phase {name!r}; there are: {known}")


def read_plan(path: Path) -> Plan:
    """The plan of a file; folders are relative to it.

    Raises:
        SettingsError: another format, shares that do not add up to 1 or name no domain.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as e:
        raise SettingsError(f"{path}: {e}") from e
    if (raw.get("format"), raw.get("version")) != (FORMAT, VERSION):
        raise SettingsError(f"{path}: not a {FORMAT!r} of version {VERSION}")
    try:
        return _plan(path, raw)
    except KeyError as e:
        raise SettingsError(f"{path}: no {e}") from e


def _plan(path: Path, raw: dict[str, Any]) -> Plan:
    def folder(value: str | None) -> Path | None:
        return None if value is None else path.parent / value

    domains = tuple(
        Domain(
            name,
            path.parent / d["train"],
            d["tokens"],
            d["documents"],
            folder(d.get("validation")),
            d.get("validation_tokens", 0),
        )
        for name, d in raw["domains"].items()
    )
    names = [d.name for d in domains]

    def shares(table: dict[str, float], where: str) -> NDArray[np.float64]:
        if unknown := sorted(set(table) - set(names)):
            raise SettingsError(f"{path}: {where} names {unknown}, which are no domains")
        values = np.array([float(table.get(n, 0.0)) for n in names])
        if (values < 0).any() or abs(math.fsum(values) - 1) > _SLACK * 1000:
            raise SettingsError(f"{path}: {where} adds up to {math.fsum(values)!r}, not 1")
        return values

    phases = []
    for p in raw["phases"]:
        where = f"phase {p['name']!r}"
        start, end = shares(p["start"], f"{where}.start"), shares(p["end"], f"{where}.end")
        if p["tokens"] <= 0 or p.get("power", 1.0) <= 0:
            raise SettingsError(f"{path}: {where}: tokens and power must be above 0")
        phases.append(Phase(p["name"], p["tokens"], start, end, float(p.get("power", 1.0))))
    return Plan(
        path,
        raw["tokenizer"],
        raw["vocabulary"],
        raw["eos"],
        float(raw["max_epochs"]),
        domains,
        tuple(phases),
        raw,
    )


def epochs(plan: Plan, given: dict[str, float]) -> dict[str, float]:
    """How often each domain is read through, when phases give so many tokens: {phase: tokens}.

    Raises:
        SettingsError: more often than the plan allows; the message is a table.
    """
    total = np.zeros(len(plan.domains))
    for name, tokens in given.items():
        total += tokens * plan.phase(name).given(1.0)
    found = {d.name: float(t / max(d.tokens, 1)) for d, t in zip(plan.domains, total, strict=True)}
    if any(e > plan.max_epochs + _SLACK for e in found.values()):
        rows = [
            f"  {d.name:<32} {d.tokens:>16,} {t:>18,.0f} {found[d.name]:>8.2f}"
            for d, t in zip(plan.domains, total, strict=True)
        ]
        head = f"  {'domain':<32} {'tokens':>16} {'planned':>18} {'epochs':>8}"
        raise SettingsError(
            f"{plan.path}: more than {plan.max_epochs:g} epochs\n" + "\n".join([head, *rows])
        )
    return found
