"""Training: `python -m model.train CONFIG`, or the same under torchrun on many GPUs.

Runs the sessions of the configuration one after the other, each from where the former ended, and
goes on from the last complete checkpoint when it is started again, on any number of ranks.
"""

import argparse
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

from model import attention
from model.checkpoint import CheckpointError, Checkpoints, load, newest, read_card
from model.data import TrainingData, ValidationSet, validation_sets
from model.engine import Engine, MicroBatch, StepResult
from model.huggingface import load_weights
from model.mixture import read_plan
from model.network import Stage
from model.ranks import DTYPES, Ranks, build_stage, world
from model.run_config import RunConfig, read_config
from model.settings import SettingsError
from model.watch import Watcher, memory_gb, peak_tflops, speed


class Run:
    """One process's part in a training run."""

    def __init__(self, cfg: RunConfig, ranks: Ranks) -> None:
        """Raises SettingsError or ValueError for what cannot be trained."""
        self.cfg, self.ranks = cfg, ranks
        plan = read_plan(cfg.plan_path)
        if plan.vocabulary > cfg.model.vocabulary:
            raise SettingsError(
                f"the plan's vocabulary {plan.vocabulary} does not fit the model's "
                f"{cfg.model.vocabulary}"
            )
        self.spans = cfg.spans(plan)
        self.steps = self.spans[-1].first + self.spans[-1].steps
        self.data = TrainingData(
            plan,
            self.spans,
            batch=cfg.layout.batch,
            context=cfg.model.context,
            seed=cfg.seed,
            check_files=cfg.data.check_files,
        )
        self.held = validation_sets(plan, cfg.model.context, cfg.watch.validation_windows)
        self.backend = attention.choose(cfg.attention, ranks.device, DTYPES[cfg.compute])
        stage = build_stage(
            cfg.model,
            ranks,
            compute=cfg.compute,
            seed=cfg.seed,
            backend=self.backend,
            compiled=cfg.compile,
        )
        eos = plan.eos if cfg.data.document_mask else None
        self.engine = Engine(
            cfg.model, stage, ranks, cfg.optimizer, compute=cfg.compute, seed=cfg.seed, eos=eos
        )
        c = cfg.checkpoint
        self.checkpoints = Checkpoints(cfg.out / "checkpoints", c.keep, c.asynchronous)
        self.step = 0  # finished steps
        self.losses: dict[str, float] = {}

    def resume(self) -> Path | None:
        """Goes on from the last complete checkpoint, if there is one; else from `run.weights`.

        Raises:
            CheckpointError: it is of another model, other data or other sessions.
        """
        self.checkpoints.prepare()
        found = newest(self.checkpoints.folder)
        if found is None:
            if self.cfg.weights is not None:
                load_weights(self.cfg.weights, self.engine.stage)
            return None
        card = read_card(found)
        now = self._decided(card["step"])
        differ = [key for key, value in now.items() if card.get(key) != value]
        if differ:
            raise CheckpointError(
                f"{found} was made with other {', '.join(differ)}: take another run.out, "
                "or the settings of then"
            )
        load(found, self.engine.stage, self.engine.optimizer)
        self.engine.guard.load(card["guard"])
        self.step = card["step"]
        return found

    def _decided(self, step: int) -> dict[str, Any]:
        """What decided the weights after so many steps."""
        begun = sum(s.first < step for s in self.spans)
        return {"data": self.data.fingerprint(step), **self.cfg.card(begun)}

    def micro_batches(self, step: int) -> list[MicroBatch]:
        """The part of a step that is this rank's."""
        layout, found = self.ranks.layout, []
        for i in range(layout.micro_batches):
            samples = self.data.samples(step, layout.samples(self.ranks.data_rank, i))
            inputs, labels = self.data.tokens(samples)
            found.append(MicroBatch(inputs, labels, tuple(s.number for s in samples)))
        return found

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        i = self.session(step)
        span = self.spans[i]
        return self.cfg.sessions[i].schedule.rate(step - span.first, span.steps)

    def session(self, step: int) -> int:
        """Which session a step belongs to."""
        return next(i for i, s in enumerate(self.spans) if step < s.first + s.steps)

    def validate(self) -> dict[str, float]:
        """The loss of every validation set."""
        self.losses = {held.name: self._loss(held) for held in self.held}
        return self.losses

    def _loss(self, held: ValidationSet) -> float:
        return self.engine.validation_loss(held)[0]

    def save(self, milestone: str | None) -> None:
        """Writes a checkpoint of now."""
        layout = self.ranks.layout
        each = self.cfg.layout.batch
        card: dict[str, Any] = {
            "milestone": milestone,
            "samples": self.step * each,
            "tokens": self.step * each * self.cfg.model.context,
            "tokenizer": self.data.plan.tokenizer,
            "epochs": self.data.epochs_at(self.step),
            "validation": self.losses,
            "guard": self.engine.guard.state(),
            "layout": dataclasses.asdict(layout),
            "torch": torch.__version__,
            "weights": None if self.cfg.weights is None else str(self.cfg.weights),
            **self._decided(self.step),
        }
        self.checkpoints.save(self.step, self.engine.stage, self.engine.optimizer, card)

    def train(
        self,
        until: int,
        watcher: Watcher,
        stop: Callable[[], bool] = lambda: False,
        spoil: Callable[[int, Stage], None] | None = None,
    ) -> None:
        """Trains until so many steps are finished.

        stop: asked after every step; where any rank says yes, a checkpoint is written and all
        return. spoil: for tests, what happens to the gradients of a step.
        """
        cfg, watch = self.cfg, self.cfg.watch
        peak = peak_tflops(watch.peak_tflops, self.ranks.device)
        each = cfg.layout.batch * cfg.model.context
        begun, begun_step = time.perf_counter(), self.step
        while self.step < until:
            step = self.step
            rate = self.rate(step)
            hook = None if spoil is None else (lambda stage, at=step: spoil(at, stage))
            result = self.engine.step(self.micro_batches(step), step, rate, hook)
            self.step += 1
            watcher.moved(self.step)
            self.checkpoints.poll()
            session = cfg.sessions[self.session(step)]
            ends = self.step == until or self.session(self.step) != self.session(step)
            if not result.taken:
                watcher.say(f"step {self.step} left out: gradient norm {result.norm}")
            if ends or self.step % watch.log_every == 0 or not result.taken:
                seconds = time.perf_counter() - begun
                done = (self.step - begun_step) * each / self.ranks.layout.world
                watcher.line(
                    self.step,
                    _numbers(self, session.name, result, rate)
                    | speed(cfg.model, done / seconds, peak)
                    | {"memory_gb": memory_gb(self.ranks.device)},
                )
                begun, begun_step = time.perf_counter(), self.step
            paused = time.perf_counter()
            if ends or (watch.validate_every and self.step % watch.validate_every == 0):
                watcher.line(self.step, {"session": session.name, "validation": self.validate()})
            c = cfg.checkpoint
            milestone = session.name if ends and self.ends_session() else None
            if milestone is None and c.milestone_every and self.step % c.milestone_every == 0:
                milestone = f"step {self.step}"
            leave = _any(stop(), self.ranks.device)
            if milestone or leave or ends or (c.every and self.step % c.every == 0):
                self.save(milestone)
            begun += time.perf_counter() - paused  # neither is training speed
            if leave:
                break
        self.checkpoints.finish()

    def ends_session(self) -> bool:
        """Whether a session's last step was the last step."""
        return any(self.step == s.first + s.steps for s in self.spans)


def _numbers(run: Run, session: str, result: StepResult, rate: float) -> dict[str, Any]:
    return {
        "session": session,
        "loss": result.loss,
        "norm": result.norm,
        "rate": rate,
        "taken": result.taken,
        "skipped": run.engine.guard.skipped,
        "tokens": run.step * run.cfg.layout.batch * run.cfg.model.context,
        "labels": result.labels,
        "epochs": run.data.epochs_at(run.step),
    }


def _any(flag: bool, device: torch.device) -> bool:
    said = torch.tensor(float(flag), device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said.item())


def train(cfg: RunConfig, session: str | None = None) -> None:
    """A run to its end, or to the end of a session.

    Raises:
        SettingsError, ValueError, CheckpointError: what cannot be trained or resumed.
        FloatingPointError: too many steps in a row left out.
    """
    layout = cfg.layout.of(int(os.environ.get("WORLD_SIZE", "1")))
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = signal.signal(signal.SIGTERM, ask)
    try:
        with world(layout, cfg.model) as ranks:
            run = Run(cfg, ranks)
            until = run.steps
            if session is not None:
                names = [s.name for s in cfg.sessions]
                if session not in names:
                    raise SettingsError(f"no session {session!r}; there are: {', '.join(names)}")
                span = run.spans[names.index(session)]
                until = span.first + span.steps
            first = ranks.rank == 0
            with Watcher(cfg.out, first, until, cfg.watch.tensorboard) as watcher:
                found = run.resume()
                watcher.say(_opening(run, found))
                watcher.resume(run.step)
                if run.step == 0 and run.held:
                    watcher.line(0, {"session": "", "validation": run.validate()})
                run.train(until, watcher, stop=lambda: bool(asked))
                watcher.closing()
    finally:
        signal.signal(signal.SIGTERM, before)


def _opening(run: Run, found: Path | None) -> str:
    cfg, layout = run.cfg, run.ranks.layout
    return (
        f"{cfg.model.parameters():,} parameters, {run.steps:,} steps of "
        f"{cfg.layout.batch * cfg.model.context:,} tokens; {layout.data_parallel} data parallel x "
        f"{layout.stages} stages, {layout.micro_batches} micro-batches; {cfg.compute} on "
        f"{run.ranks.device.type}, attention: {run.backend}; "
        + (f"goes on from {found}" if found else f"starts from {cfg.weights or 'scratch'}")
    )


def main(argv: list[str] | None = None) -> int:
    """The command; 2 for a configuration that cannot run."""
    parser = argparse.ArgumentParser(prog="python -m model.train", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--session", help="stop after this session")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    args = parser.parse_args(argv)
    try:
        train(read_config(args.config, args.set), args.session)
    except (ValueError, CheckpointError, FloatingPointError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
