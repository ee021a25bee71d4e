"""One step of training, one validation loss: what every rank does with tensors."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from model import pipeline
from model.attention import visible
from model.config import IGNORED, ModelConfig
from model.data import ValidationSet
from model.network import Stage
from model.noise import Noise
from model.optimizer import Guard, OptimizerConfig, adamw, gradient_norm, scale_gradients
from model.ranks import DTYPES, Ranks, last_backward, reshard

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class MicroBatch:
    """Inputs and labels [samples, context], and the samples' numbers in the run."""

    inputs: Numbers
    labels: Numbers
    samples: tuple[int, ...]


@dataclass(frozen=True)
class StepResult:
    """What every rank knows of a step."""

    loss: float  # mean over labels, natural logarithm
    labels: int  # that counted, of all ranks
    norm: float  # of the gradient before clipping
    taken: bool  # whether the optimizer stepped


class _Work:
    """The executor's view of this rank's stage and micro-batches."""

    def __init__(self, engine: "Engine", batches: list[MicroBatch], step: int, scale: float | None):
        self.engine, self.batches, self.step, self.scale = engine, batches, step, scale

    def forward(self, micro_batch: int, received: Tensor | None) -> Tensor:
        e, batch = self.engine, self.batches[micro_batch]
        device = e.ranks.device
        inputs = torch.from_numpy(batch.inputs).to(device, non_blocking=True)
        labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
        noise = None
        if e.model.dropout and self.scale is not None:
            noise = Noise(e.model.dropout, e.seed, self.step, batch.samples)
        seen = visible(inputs, e.eos, e.stage.backend)
        out = e.stage(inputs if received is None else received, seen, labels, noise)
        scaled = e.ranks.last and self.scale is not None
        return out * self.scale if scaled else out

    def before_backward(self, micro_batch: int) -> None:
        last_backward(self.engine.stage, micro_batch == len(self.batches) - 1)


class Engine:
    """A stage, its optimizer and the schedule of passes."""

    def __init__(
        self,
        model: ModelConfig,
        stage: Stage,
        ranks: Ranks,
        optimizer: OptimizerConfig,
        *,
        compute: str,
        seed: int,
        eos: int | None = None,
    ) -> None:
        """seed: of dropout. eos: documents do not see each other across it; None: they do."""
        self.model, self.stage, self.ranks = model, stage, ranks
        self.optimizer_config, self.seed, self.eos = optimizer, seed, eos
        self.optimizer = adamw(stage, optimizer)
        self.guard = Guard(optimizer)
        self.dtype = DTYPES[compute]

    def _run(self, order: list[pipeline.Pass], batches: list[MicroBatch], work: _Work) -> Tensor:
        """The sum of the last stage's outputs, 0 on the others."""
        ranks = self.ranks
        shape = (len(batches[0].samples), batches[0].inputs.shape[1], self.model.hidden)

        def empty() -> Tensor:
            return torch.empty(shape, dtype=self.dtype, device=ranks.device)

        losses = pipeline.execute(
            pipeline.with_talk(order, ranks.layout.stages, ranks.stage),
            work,
            peer=ranks.peer,
            empty=empty,
            group=ranks.stage_group,
            last=ranks.last,
        )
        zero = torch.zeros((), dtype=torch.float64, device=ranks.device)
        return sum((loss.double() for loss in losses), zero)

    def gradients(self, batches: list[MicroBatch], step: int) -> tuple[float, int]:
        """Fills the gradients of a step's loss; returns the mean loss and the number of labels."""
        ranks, layout = self.ranks, self.ranks.layout
        mine = sum(int((b.labels != IGNORED).sum()) for b in batches)
        count = torch.tensor(float(mine), dtype=torch.float64, device=ranks.device)
        dist.all_reduce(count, group=ranks.data_group)
        labels = int(count.item())
        work = _Work(self, batches, step, 1 / max(1, labels))
        order = pipeline.passes(layout.stages, ranks.stage, len(batches))
        loss = self._run(order, batches, work)
        dist.all_reduce(loss)
        return loss.item(), labels

    def step(
        self,
        batches: list[MicroBatch],
        step: int,
        rate: float,
        spoil: Callable[[Stage], None] | None = None,
    ) -> StepResult:
        """One optimizer step on this rank's micro-batches; left out where the guard says so.

        spoil: for tests, what happens to the gradients.

        Raises:
            FloatingPointError: too many steps in a row were left out.
        """
        loss, labels = self.gradients(batches, step)
        if spoil is not None:
            spoil(self.stage)
        norm = gradient_norm(self.stage)
        taken = self.guard.accepts(norm)
        if taken:
            if norm > self.optimizer_config.clip:
                scale_gradients(self.stage, self.optimizer_config.clip / (norm + 1e-6))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return StepResult(loss, labels, norm, taken)

    @torch.no_grad()
    def validation_loss(self, held: ValidationSet) -> tuple[float, int]:
        """Mean loss over a set's labels, and how many there are; the same on every rank.

        Every rank runs the same number of passes; what is beyond the set's end counts for nothing.
        """
        layout, ranks = self.ranks.layout, self.ranks
        each = layout.data_parallel * layout.micro_batch
        rounds = max(layout.stages, -(-held.windows // each))
        batches = []
        for i in range(rounds):
            first = (i * layout.data_parallel + ranks.data_rank) * layout.micro_batch
            places = range(first, first + layout.micro_batch)
            batches.append(MicroBatch(*held.batch(places), tuple(places)))
        self.stage.eval()
        work = _Work(self, batches, 0, None)
        total = self._run(pipeline.forward_only(rounds), batches, work)
        self.stage.train()
        reshard(self.stage)
        mine = sum(int((b.labels != IGNORED).sum()) for b in batches) if ranks.last else 0
        sums = torch.stack((total, torch.full_like(total, mine)))
        dist.all_reduce(sums)
        loss, labels = sums.tolist()
        return (loss / labels if labels else math.nan), int(labels)
