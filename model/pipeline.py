"""1F1B: the order in which a pipeline stage works and talks, as a pure function; and its executor.

After a warm-up of forward passes each stage alternates one forward and one backward pass, so that
no more than `stages - stage` micro-batches are in flight. What a stage sends and receives between
two passes is posted as one batch, so that neighbours never wait for each other crosswise.
(PipeDream-flush; Narayanan et al. 2021, section 2.2.1. `torch.distributed.pipelining` has the
same schedule, but reduces gradients only after the last pass: no overlap.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor

FORWARD, BACKWARD = "forward", "backward"
SEND, RECEIVE = "send", "receive"


@dataclass(frozen=True)
class Pass:
    """A forward or backward pass of one micro-batch."""

    kind: str
    micro_batch: int


@dataclass(frozen=True)
class Talk:
    """One message: the activation of a micro-batch to the next stage, or its gradient back."""

    kind: str
    of: str  # which pass made it
    micro_batch: int
    peer: int  # stage


Action = Pass | tuple[Talk, ...]  # messages of one tuple are posted together


def passes(stages: int, stage: int, micro_batches: int) -> list[Pass]:
    """The order of a stage's passes."""
    warm = min(stages - stage - 1, micro_batches)
    order = [Pass(FORWARD, i) for i in range(warm)]
    for i in range(micro_batches - warm):
        order += [Pass(FORWARD, warm + i), Pass(BACKWARD, i)]
    return order + [Pass(BACKWARD, i) for i in range(micro_batches - warm, micro_batches)]


def forward_only(micro_batches: int) -> list[Pass]:
    """The order for validation."""
    return [Pass(FORWARD, i) for i in range(micro_batches)]


def with_talk(order: Sequence[Pass], stages: int, stage: int) -> list[Action]:
    """Passes with the messages between them: what a pass made goes out together with what the next
    one needs.
    """

    def needs(p: Pass) -> list[Talk]:
        peer = stage - 1 if p.kind == FORWARD else stage + 1
        return [Talk(RECEIVE, p.kind, p.micro_batch, peer)] if 0 <= peer < stages else []

    def makes(p: Pass) -> list[Talk]:
        peer = stage + 1 if p.kind == FORWARD else stage - 1
        return [Talk(SEND, p.kind, p.micro_batch, peer)] if 0 <= peer < stages else []

    actions: list[Action] = []
    made: list[Talk] = []
    for p in order:
        if talk := made + needs(p):
            actions.append(tuple(talk))
        actions.append(p)
        made = makes(p)
    if made:
        actions.append(tuple(made))
    return actions


class Work(Protocol):
    """What the executor asks of a stage's model."""

    def forward(self, micro_batch: int, received: Tensor | None) -> Tensor:
        """The stage's output; on the last stage the scaled loss, or a detached one."""

    def before_backward(self, micro_batch: int) -> None:
        """Called before each backward pass; gradients may be reduced in the last."""


def execute(
    actions: Sequence[Action],
    work: Work,
    *,
    peer: Callable[[int], int],
    empty: Callable[[], Tensor],
    group: dist.ProcessGroup | None,
    last: bool,
) -> list[Tensor]:
    """Runs a stage's actions; returns the detached outputs of the last stage, else nothing.

    peer: the global rank of a stage's like in another stage. empty: a new tensor of an
    activation's shape and type. last: whether this is the last stage.
    """
    inbox: dict[tuple[str, int], Tensor] = {}
    outbox: dict[tuple[str, int], Tensor] = {}
    running: dict[int, tuple[Tensor | None, Tensor]] = {}
    losses: list[Tensor] = []
    for action in actions:
        if isinstance(action, Pass):
            i = action.micro_batch
            if action.kind == FORWARD:
                received = inbox.pop((FORWARD, i), None)
                if received is not None and torch.is_grad_enabled():
                    received.requires_grad_()
                output = work.forward(i, received)
                if last:
                    losses.append(output.detach())
                else:
                    outbox[FORWARD, i] = output.detach()
                if output.requires_grad:
                    running[i] = received, output
            else:
                received, output = running.pop(i)
                work.before_backward(i)
                torch.autograd.backward(output, inbox.pop((BACKWARD, i), None))
                if received is not None:
                    assert received.grad is not None
                    outbox[BACKWARD, i] = received.grad
                del received, output
            continue
        posted, kept = [], []
        for talk in action:
            key = (talk.of, talk.micro_batch)
            if talk.kind == RECEIVE:
                tensor = inbox[key] = empty()
            else:
                tensor = outbox.pop(key).contiguous()
            op = dist.irecv if talk.kind == RECEIVE else dist.isend
            kept.append(tensor)  # until sent
            posted.append(dist.P2POp(op, tensor, peer(talk.peer), group))
        for request in dist.batch_isend_irecv(posted):
            request.wait()
    return losses
