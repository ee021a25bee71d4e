"""A training run as one TOML file: model, data, layout, sessions in a row, checkpoints, watching.

Relative paths are relative to the file. Unknown keys are errors.
"""

import dataclasses
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.config import ModelConfig, model_config
from model.data import Span
from model.layout import Layout
from model.mixture import Plan
from model.optimizer import OptimizerConfig
from model.schedule import Schedule
from model.settings import SettingsError, build, require


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the mixture plan is and how samples are made."""

    plan: str
    document_mask: bool = False  # documents of one sample do not see each other
    check_files: bool = False  # read all shards at start and compare their digests


@dataclass(frozen=True, kw_only=True)
class LayoutConfig:
    """As `Layout`; data_parallel = 0 takes all ranks there are."""

    batch: int
    micro_batch: int = 1
    stages: int = 1
    data_parallel: int = 0

    def of(self, world: int) -> Layout:
        """The layout in a world of so many ranks.

        Raises:
            ValueError: it does not fit.
        """
        require(self.stages >= 1, "stages must be at least 1")
        require(
            self.data_parallel > 0 or world % self.stages == 0,
            f"{world} ranks are no multiple of {self.stages} stages",
        )
        return Layout(
            data_parallel=self.data_parallel or world // self.stages,
            stages=self.stages,
            batch=self.batch,
            micro_batch=self.micro_batch,
        )


@dataclass(frozen=True, kw_only=True)
class Session:
    """A stretch of training: a phase of the plan, and how the learning rate goes in it."""

    name: str
    phase: str
    schedule: Schedule
    steps: int = 0  # 0: the phase's tokens

    def __post_init__(self) -> None:
        require(self.steps >= 0, "steps must not be below 0")

    def length(self, plan: Plan, batch: int, context: int) -> int:
        """Steps; where not set, as many as the phase's tokens fill, so that a domain whose plan
        is five epochs does not get more; at least one.
        """
        return self.steps or max(1, plan.phase(self.phase).tokens // (batch * context))


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When checkpoints are written, in steps (0: never for that), and which are kept."""

    every: int = 1000
    keep: int = 2  # the newest; milestones stay besides
    milestone_every: int = 0
    asynchronous: bool = False

    def __post_init__(self) -> None:
        require(self.keep >= 1, "keep must be at least 1")


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """What is measured when, in steps."""

    log_every: int = 10
    validate_every: int = 500  # 0: at the end of each session alone
    validation_windows: int = 256  # of each set
    tensorboard: bool = False
    peak_tflops: float = 0.0  # of one device, for MFU; 0: known by the device's name, or no MFU


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of a run."""

    out: Path
    seed: int
    compute: str  # float32, bfloat16, float64
    attention: str
    compile: bool
    weights: Path | None  # a Hugging Face Llama to start from
    model: ModelConfig
    data: DataConfig
    plan_path: Path
    layout: LayoutConfig
    optimizer: OptimizerConfig
    sessions: tuple[Session, ...]
    checkpoint: CheckpointConfig
    watch: WatchConfig

    def spans(self, plan: Plan) -> list[Span]:
        """Where each session is in the run."""
        spans: list[Span] = []
        for s in self.sessions:
            first = spans[-1].first + spans[-1].steps if spans else 0
            steps = s.length(plan, self.layout.batch, self.model.context)
            spans.append(Span(s.phase, first, steps))
        return spans

    def card(self, begun: int) -> dict[str, Any]:
        """What decided the weights after some sessions had begun, as JSON types.

        Not where files are, nor the layout, nor when steps are left out.
        """
        guard = ("spike_factor", "spike_window", "max_skips")
        optimizer = dataclasses.asdict(self.optimizer).items()
        said = {
            "model": dataclasses.asdict(self.model),
            "optimizer": {k: v for k, v in optimizer if k not in guard},
            "sessions": [dataclasses.asdict(s) for s in self.sessions[:begun]],
            "compute": self.compute,
            "document_mask": self.data.document_mask,
            "seed": self.seed,
        }
        return json.loads(json.dumps(said))


@dataclass(frozen=True, kw_only=True)
class _Run:
    out: str
    seed: int = 0
    compute: str = "float32"
    attention: str = "auto"
    compile: bool = False
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class _File:
    run: _Run
    data: DataConfig
    layout: LayoutConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)


_SCHEDULE = {f.name for f in dataclasses.fields(Schedule)}


def read_config(path: Path, changes: Sequence[str] = ()) -> RunConfig:
    """The run of a file. changes: `section.key=value` each, the value in TOML or a bare word.

    Raises:
        SettingsError: the file cannot be meant.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf8"))
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise SettingsError(f"{path}: {e}") from e
    for change in changes:
        _set(raw, change)
    model = model_config(raw.pop("model", {}), f"{path}: model")
    sessions = tuple(
        _session(s, f"{path}: sessions[{i}]") for i, s in enumerate(raw.pop("sessions", []))
    )
    if not sessions:
        raise SettingsError(f"{path}: no [[sessions]]")
    names = [s.name for s in sessions]
    if len(set(names)) != len(names):
        raise SettingsError(f"{path}: two sessions of one name: {names}")
    f = build(_File, raw, str(path))
    if f.run.compute not in ("float32", "bfloat16", "float64"):
        raise SettingsError(f"{path}: run.compute: float32, bfloat16 or float64")
    return RunConfig(
        out=path.parent / f.run.out,
        seed=f.run.seed,
        compute=f.run.compute,
        attention=f.run.attention,
        compile=f.run.compile,
        weights=None if f.run.weights is None else path.parent / f.run.weights,
        model=model,
        data=f.data,
        plan_path=path.parent / f.data.plan,
        layout=f.layout,
        optimizer=f.optimizer,
        sessions=sessions,
        checkpoint=f.checkpoint,
        watch=f.watch,
    )


def _session(table: dict[str, Any], where: str) -> Session:
    rate = {k: v for k, v in table.items() if k in _SCHEDULE}
    rest = {k: v for k, v in table.items() if k not in _SCHEDULE}
    return build(Session, rest | {"schedule": build(Schedule, rate, where)}, where)


def _set(raw: dict[str, Any], change: str) -> None:
    """Sets one key, `sessions.0.steps=3` in a list too."""
    name, equals, text = change.partition("=")
    keys = name.split(".")
    if not equals or len(keys) < 2:
        raise SettingsError(f"--set {change}: section.key=value")
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = json.loads(json.dumps(text))
    at: Any = raw
    for key in keys[:-1]:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    at[keys[-1]] = value
