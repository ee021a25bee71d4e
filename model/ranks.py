"""The processes of a run: device, groups, and a stage's model sharded over its ranks."""

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from model.config import ModelConfig
from model.layout import Layout, check, layers_of
from model.network import Stage, initialise

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Ranks:
    """Where this process stands, and whom it talks to."""

    layout: Layout
    mesh: DeviceMesh  # stage x data
    device: torch.device

    @property
    def rank(self) -> int:
        """Of this process in the world."""
        return dist.get_rank()

    @property
    def stage(self) -> int:
        """Of this process, from 0."""
        return self.layout.place(self.rank)[0]

    @property
    def data_rank(self) -> int:
        """Of this process among those of its stage."""
        return self.layout.place(self.rank)[1]

    @property
    def last(self) -> bool:
        """Whether this process has the head."""
        return self.stage == self.layout.stages - 1

    @property
    def data_group(self) -> dist.ProcessGroup:
        """The ranks of this stage."""
        return self.mesh.get_group("data")

    @property
    def stage_group(self) -> dist.ProcessGroup:
        """The ranks of this pipeline."""
        return self.mesh.get_group("stage")

    def peer(self, stage: int) -> int:
        """The rank in another stage that has the same samples."""
        return stage * self.layout.data_parallel + self.data_rank


@contextmanager
def world(layout: Layout, model: ModelConfig, minutes: float = 30.0) -> Iterator[Ranks]:
    """A process in the world that torchrun made, or in one of its own; left again at the end.

    minutes: after which a rank that waits for another gives up.

    Raises:
        ValueError: the layout does not fit the world or the model; before any rank waits.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    check(layout, model, size)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else _CPU
    if cuda:
        torch.cuda.set_device(device)
    timeout = datetime.timedelta(minutes=minutes)
    # gloo beside NCCL: asynchronous checkpoints talk over it.
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    if "RANK" in os.environ:
        dist.init_process_group(backend, timeout=timeout)
    else:
        dist.init_process_group(
            backend, store=dist.HashStore(), rank=0, world_size=1, timeout=timeout
        )
    try:
        shape = (layout.stages, layout.data_parallel)
        mesh = init_device_mesh(device.type, shape, mesh_dim_names=("stage", "data"))
        yield Ranks(layout, mesh, device)
    finally:
        dist.destroy_process_group()


_CPU = torch.device("cpu")


def build_stage(
    cfg: ModelConfig, ranks: Ranks, *, compute: str, seed: int, backend: str, compiled: bool = False
) -> Stage:
    """A rank's stage, sharded as ZeRO-1 and initialised.

    Master weights, gradients and their sum over ranks are float32 (float64 where `compute` is);
    `compute`: the type of forward and backward passes. Parameters stay gathered from the first
    forward pass of a step to its last backward pass, in which gradients are summed and scattered:
    the traffic of ZeRO-1, one reduce-scatter and one all-gather a step. (The gradients of a stage
    are whole until then, so their memory is not ZeRO-2's.) A stage on one rank alone that computes
    in the masters' type has nothing to gather, scatter or cast, and stays as it is: the copies cost
    a small model on a CPU some 6 % of its time.
    compiled: each block by torch.compile, which fuses norms and activations; not with dropout,
    whose seeds are Python numbers that would compile anew each step.
    """
    mine = layers_of(cfg.layers, ranks.layout.stages, ranks.stage)
    wide = torch.float64 if compute == "float64" else torch.float32
    with torch.device("meta"):
        stage = Stage(cfg, mine, backend).to(wide)
    if compiled and not cfg.dropout:
        for block in stage.blocks.values():
            block.compile()
    if ranks.layout.data_parallel > 1 or DTYPES[compute] != wide:
        policy = MixedPrecisionPolicy(param_dtype=DTYPES[compute], reduce_dtype=wide)
        _shard(stage, ranks.mesh["data"], policy)
    stage.to_empty(device=ranks.device)
    initialise(stage, cfg, seed)
    return stage


def _shard(stage: Stage, mesh: DeviceMesh, policy: MixedPrecisionPolicy) -> None:
    """Shards a stage's blocks, its ends, and what is left of it, over the ranks of a mesh."""
    ends = [] if stage.cfg.tied else [m for m in (stage.embedding, stage.head) if m is not None]
    for module in (*stage.blocks.values(), *ends, stage):
        fully_shard(module, mesh=mesh, reshard_after_forward=False, mp_policy=policy)
    for module in sharded(stage):
        # Losses are divided by the tokens of the whole batch: gradients are summed, not averaged.
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)


def sharded(stage: nn.Module) -> list[FSDPModule]:
    """The sharded modules of a stage, itself included."""
    return [m for m in stage.modules() if isinstance(m, FSDPModule)]


def last_backward(stage: nn.Module, last: bool) -> None:
    """Whether the next backward pass is the step's last: gradients are reduced in it, and
    parameters are shards again after it.
    """
    if not isinstance(stage, FSDPModule):
        return  # on this rank alone: gradients add up where they are
    stage.set_requires_gradient_sync(last)
    stage.set_reshard_after_backward(last)
    stage.set_is_last_backward(last)


def reshard(stage: nn.Module) -> None:
    """Frees gathered parameters, as after validation."""
    for module in sharded(stage):
        module.reshard()
