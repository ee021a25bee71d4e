"""What a run says of itself: settings, versions, what was computed, models; a training run's log;
and what a leakage test found.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.look.run import Looked
from skypile.tasks.base import added

METRICS = "metrics.jsonl"
LEAKAGE = "leakage.json"


@dataclass(frozen=True)
class StageAbout:
    """A stage: its section of the paper, settings by piece, versions of the libraries that decide
    its rows, and what its pieces did (documents computed and reused, milliseconds) by piece.
    """

    name: str
    paper: str
    settings: Mapping[str, Mapping[str, Any]]
    libraries: Mapping[str, str]
    work: Mapping[str, Mapping[str, int]]


def stages(run: Looked) -> list[StageAbout]:
    """All stages that are done, in order."""
    papers = {s["name"]: s["paper"] for s in run.reader.record["stages"]}
    found = []
    for name in run.stages:
        own = [m for m in run.manifests if m.piece.startswith(f"{name}.")]
        settings: dict[str, dict[str, Any]] = {}
        work: dict[str, dict[str, int]] = {}
        libraries: dict[str, str] = {}
        for manifest in own:
            piece = manifest.piece.partition(".")[2]
            settings[piece] = dict(manifest.settings)
            libraries |= manifest.libraries
            work[piece] = added([work.get(piece, {}), manifest.work])
        found.append(
            StageAbout(
                name, papers[name], {p: s for p, s in settings.items() if s}, libraries, work
            )
        )
    return found


@dataclass(frozen=True)
class Training:
    """Curves of a training run: name to (tokens, value) points. loss: of training; validation: by
    domain; rate: the learning rate; speed: tokens a second and rank.
    """

    loss: Sequence[tuple[float, float]] = ()
    validation: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    rate: Sequence[tuple[float, float]] = ()
    speed: Sequence[tuple[float, float]] = ()
    sessions: Sequence[str] = ()


def training(folder: str) -> Training:
    """The curves of a training run, from its folder.

    Raises:
        SkypileError: it has no log, or one that is not JSON lines.
    """
    root = Root(folder)
    if not root.exists(METRICS):
        raise SkypileError(f"{folder} has no {METRICS}: is it the `out` of a training run?")
    try:
        rows = [json.loads(line) for line in root.read(METRICS).splitlines() if line.strip()]
    except ValueError as e:
        raise SkypileError(f"{root.at(METRICS)} is not JSON lines: {e}") from e
    tokens_at: dict[int, float] = {0: 0.0}
    loss, rate, speed = [], [], []
    validation: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda r: ("validation" in r, r["step"])):
        if "loss" in row:
            at = tokens_at[row["step"]] = float(row["tokens"])
            loss.append((at, row["loss"]))
            rate.append((at, row["rate"]))
            speed.append((at, row["tokens_per_s_per_rank"]))
        for domain, value in row.get("validation", {}).items():
            if row["step"] in tokens_at:
                points = validation.setdefault(domain, [])
                if not points or points[-1][0] < tokens_at[row["step"]]:
                    points.append((tokens_at[row["step"]], value))
    sessions = list(dict.fromkeys(r["session"] for r in rows if r.get("session")))
    return Training(loss, validation, rate, speed, sessions)


class Interval(NamedTuple):
    """A value with the bounds of its confidence interval. found: it tells of a leak."""

    value: float
    low: float
    high: float
    found: bool


@dataclass(frozen=True)
class Leaks:
    """Leakage tests by name of the model: L_train, L_test, L_ref, D1, D2, and the margin that an
    interval must lie beyond to tell of a leak, all in nats a token; and what was found.
    """

    losses: Mapping[str, Mapping[str, float]]
    d1: Mapping[str, Interval]
    d2: Mapping[str, Interval]
    found: Mapping[str, Sequence[str]]
    margin: float


_FLAGS = {
    "test_leaked": "test leaked (D1)",
    "test_known": "test known (D2)",
    "train_known": "train known (D2)",
}


def leaks(folder: str) -> Leaks | None:
    """What `python -m model.evaluate leakage --out FOLDER` or the experiment on it wrote; None
    where neither did.

    Raises:
        SkypileError: the file is not theirs.
    """
    root = Root(folder)
    if not root.exists(LEAKAGE):
        return None
    try:
        said = json.loads(root.read(LEAKAGE))
        tests = said["verdicts"] if "verdicts" in said else said["models"]
        return Leaks(
            {name: {of: t[of] for of in ("train", "test", "ref")} for name, t in tests.items()},
            {name: _interval(t["d1"], t["test_leaked"]) for name, t in tests.items()},
            {
                name: _interval(t["d2"], t["test_known"] or t["train_known"])
                for name, t in tests.items()
            },
            {name: [what for f, what in _FLAGS.items() if t[f]] for name, t in tests.items()},
            max((t["margin"] for t in tests.values()), default=0.0),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise SkypileError(f"{root.at(LEAKAGE)} is not of a leakage test: {e!r}") from e


def _interval(of: Mapping[str, float], found: bool) -> Interval:
    return Interval(of["value"], of["low"], of["high"], found)
