"""The mixture plan (Skywork 3.2, 3.6): how many tokens each domain gives to each phase of training.

A domain is a category in a partition: `english_webpages.main`. From the exact counts of the token
shards and the shares of the settings comes `plan.json`, the one thing that a trainer reads beside
the shards; so new shares rewrite neither corpus nor shards. No source is repeated more than
`max_epochs` times over all phases together: what cannot fill its share is an error that shows the
table, or (`on_shortfall = "spread"`) its remainder goes to the others, in proportion.

Shares are of SkyPile-Main. A phase with `stem` takes that part of its tokens from SkyPile-STEM,
from its domains in proportion to the tokens they have.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.kernels.mixing import mixture
from skypile.kernels.mixing.categories import CATEGORIES, MAIN, STEM
from skypile.manifests import FileEntry
from skypile.settings import did_you_mean, setting
from skypile.stage import Derive, Derived, Stage
from skypile.stages.plan_shards import MANIFEST, TRAIN, VALIDATION, Shards, by_split, parse

PLAN_FILE = "plan.json"
FORMAT, VERSION = "skypile-plan", 1
NO_STEM = f"none.{STEM}"  # stands for the exercises that a phase wants and the corpus lacks


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A share that changes over a phase; the power of its rise follows from its mean."""

    start: float = setting(low=0, high=1, help="share when the phase begins")
    end: float = setting(low=0, high=1, help="share when it ends")
    mean: float = setting(low=0, high=1, help="share over the whole phase")

    def __post_init__(self) -> None:
        mixture.power_of(self.start, self.end, self.mean)

    @property
    def ends(self) -> tuple[float, float]:
        """Its share at the start and at the end."""
        return self.start, self.end


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with one mixture."""

    name: str = setting(help="as `session_one`")
    tokens: int = setting(low=1, help="of all domains")
    shares: dict[str, float] = setting({}, help="its own, where they are not those of all phases")
    stem: Ramp | None = setting(None, help="the part that exercises are of; absent: none")

    def __post_init__(self) -> None:
        _check_shares(self.shares)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    shares: dict[str, float] = setting({}, piece="derive", help="category to share; they sum to 1")
    phases: tuple[Phase, ...] = setting((), piece="derive", help="in order")
    budget: int = setting(
        0, piece="derive", low=0, help="tokens of all phases, which are scaled to it; 0: as given"
    )
    max_epochs: float = setting(
        5.0, piece="derive", low=0.01, help="over all phases together (the paper, 3.2: five)"
    )
    on_shortfall: str = setting(
        "error",
        piece="derive",
        choices=("error", "spread"),
        help="what a domain that cannot fill its share does: an error, or spread over the others",
    )

    def __post_init__(self) -> None:
        _check_shares(self.shares)
        names = [p.name for p in self.phases]
        if len(set(names)) < len(names):
            raise ValueError(f"two phases have one name: {', '.join(names)}")
        if bare := [p.name for p in self.phases if not (p.shares or self.shares)]:
            raise ValueError(f"no shares: phase {bare[0]} has none of its own")


def _check_shares(shares: Mapping[str, float]) -> None:
    for name in shares:
        if name not in CATEGORIES:
            hint = did_you_mean(name, list(CATEGORIES))
            raise ValueError(f"shares: unknown category {name!r}; {hint}")
    if shares:
        mixture.normalised(shares)


def _agrees(settings: Mapping[str, Any]) -> None:
    if not settings["plan"].phases:
        raise ValueError("a plan needs phases: one [[plan.phases]] each, with name and tokens")


def wanted(config: Config, available: Mapping[str, int]) -> list[mixture.Phase]:
    """The phases as the settings ask for them. available: tokens by domain."""
    stem = {d: n for d, n in available.items() if d.endswith(f".{STEM}") and n}
    exercises = {d: n / sum(stem.values()) for d, n in stem.items()} or {NO_STEM: 1.0}
    total = sum(p.tokens for p in config.phases)
    scale = config.budget / total if config.budget else 1.0
    phases = []
    for phase in config.phases:
        shares = mixture.normalised(phase.shares or config.shares)
        ramp = phase.stem or Ramp(start=0.0, end=0.0, mean=0.0)
        start, end = (_mixed(shares, part, exercises if phase.stem else {}) for part in ramp.ends)
        power = mixture.power_of(ramp.start, ramp.end, ramp.mean)
        phases.append(mixture.Phase(phase.name, phase.tokens * scale, start, end, power))
    return phases


def _mixed(
    shares: Mapping[str, float], part: float, exercises: Mapping[str, float]
) -> dict[str, float]:
    """Shares by domain where exercises have a part of the whole."""
    main = {f"{name}.{MAIN}": (1 - part) * share for name, share in shares.items()}
    return main | {domain: part * share for domain, share in exercises.items()}


def make_plan(config: Config, shards: Sequence[Shards]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(What the trainer reads, what `skypile plan` shows: a line a domain.)

    Raises:
        SkypileError: the shards do not go together, or do not hold what the shares ask for.
    """
    found = by_split(shards)
    train, held = found[TRAIN], found[VALIDATION]
    available = {domain: s.tokens for domain, s in train.items()}
    asked = wanted(config, available)
    try:
        spread = config.on_shortfall == "spread"
        phases = mixture.fit(asked, available, config.max_epochs, spread=spread)
    except mixture.Shortfall as e:
        raise SkypileError(_told(e, config)) from e
    lines = mixture.report(asked, phases, available, config.max_epochs)
    first = next(iter(train.values()))
    plan = {
        "format": FORMAT,
        "version": VERSION,
        "tokenizer": first.tokenizer,
        "vocabulary": first.vocabulary,
        "eos": first.eos,
        "max_epochs": _whole(config.max_epochs),
        "domains": {domain: _domain(s, held.get(domain)) for domain, s in train.items()},
        "phases": [_phase(p, list(train)) for p in phases],
    }
    about = {
        "phases": [{"name": p.name, "tokens": p.tokens} for p in phases],
        "max_epochs": config.max_epochs,
        "lines": [dataclasses.asdict(line) for line in lines],
    }
    return plan, about


def _domain(train: Shards, held: Shards | None) -> dict[str, Any]:
    return {
        "train": train.folder,
        "tokens": train.tokens,
        "documents": train.documents,
        "validation": held.folder if held else None,
        "validation_tokens": held.tokens if held else 0,
    }


def _phase(phase: mixture.Phase, domains: Sequence[str]) -> dict[str, Any]:
    """Shares of every domain that has tokens, zeros too; those of others are 0 by now."""
    return {
        "name": phase.name,
        "tokens": _whole(phase.tokens),
        "start": {d: phase.start.get(d, 0.0) for d in domains},
        "end": {d: phase.end.get(d, 0.0) for d in domains},
        "power": phase.power,
    }


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _told(shortfall: mixture.Shortfall, config: Config) -> str:
    """The error with its table: who cannot give what is asked for."""
    rows = [f"plan: {shortfall}; they would give:"]
    for line in shortfall.lines:
        if line.given or line.available:
            over = line.given > config.max_epochs * line.available
            times = f"{line.epochs:.2f} epochs" if line.available else "no tokens there"
            rows.append(
                f"  {line.domain:32} share {line.wanted_share:7.2%}  {line.given:18,.0f} tokens of "
                f"{line.available:18,}  {times}{'  <- too many' if over else ''}"
            )
    rows.append(f"A budget of at most {shortfall.budget:,.0f} tokens could be met ([plan] budget).")
    if config.on_shortfall == "error":
        rows.append('on_shortfall = "spread" gives what is missing to the others, in proportion.')
    return "\n".join(rows)


def derive(config: Config, run: Root, files: Sequence[FileEntry]) -> Derived:
    """plan.json from the manifests of shards among the files that stage `tokens` committed.

    Raises:
        SkypileError: as `make_plan`.
    """
    folders = [f.path.rpartition("/") for f in files]
    shards = [
        parse(folder, run.read(f"{folder}/{name}"))
        for folder, _, name in folders
        if name == MANIFEST
    ]
    plan, about = make_plan(config, shards)
    return Derived({PLAN_FILE: (json.dumps(plan, indent=1) + "\n").encode()}, about)


STAGE = Stage(
    name="plan",
    step=85,
    paper="3.2 Table 1 and the rule of five, 3.6 sessions and stages",
    config=Config,
    reasons=(),
    derive=Derive(after=("tokens",), derive=derive),
    optional=True,
    agrees=_agrees,
)
