"""1F1B: its order, no deadlock with messages that block, PyTorch's own schedule as oracle."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

import numpy as np

from model.layout import Layout
from model.pipeline import (
    BACKWARD,
    FORWARD,
    RECEIVE,
    SEND,
    Action,
    Pass,
    forward_only,
    passes,
    with_talk,
)
from tests.model import cases

SIZES = [(p, m) for p in range(1, 9) for m in range(1, 20) if m >= p]


def test_the_order_of_two_stages() -> None:
    def short(stage: int) -> str:
        return " ".join(f"{a.kind[0]}{a.micro_batch}" for a in passes(2, stage, 4))

    assert short(0) == "f0 f1 b0 f2 b1 f3 b2 b3"
    assert short(1) == "f0 b0 f1 b1 f2 b2 f3 b3"


@pytest.mark.parametrize(("stages", "micro_batches"), SIZES)
def test_every_pass_once_and_few_in_flight(stages: int, micro_batches: int) -> None:
    for stage in range(stages):
        order = passes(stages, stage, micro_batches)
        flying, most = set(), 0
        for p in order:
            if p.kind == FORWARD:
                flying.add(p.micro_batch)
            else:
                flying.remove(p.micro_batch)
            most = max(most, len(flying))
        assert not flying
        assert len(order) == 2 * micro_batches
        assert most == min(stages - stage, micro_batches)
        for kind in (FORWARD, BACKWARD):
            assert [p.micro_batch for p in order if p.kind == kind] == [*range(micro_batches)]


def simulate(orders: list[list[Action]]) -> int:
    """Runs all stages where a send ends only when it is received; the time in passes."""
    at = [0] * len(orders)
    clock = [0] * len(orders)
    posted: dict = {}  # (from, to, of, micro-batch): time
    waited: dict = {}
    have = [set() for _ in orders]
    moved = True
    while moved:
        moved = False
        for stage, actions in enumerate(orders):
            if at[stage] == len(actions):
                continue
            action = actions[at[stage]]
            if isinstance(action, Pass):
                key = (action.kind, action.micro_batch)
                if action.kind == FORWARD and stage > 0:
                    assert key in have[stage], "a pass before what it needs"
                if action.kind == BACKWARD and stage < len(orders) - 1:
                    assert key in have[stage], "a pass before what it needs"
                clock[stage] += 1
                at[stage] += 1
                moved = True
                continue
            for t in action:  # posting is immediate, and together
                pair = (stage, t.peer) if t.kind == SEND else (t.peer, stage)
                side = posted if t.kind == SEND else waited
                side.setdefault((*pair, t.of, t.micro_batch), clock[stage])
            keys = [
                ((stage, t.peer) if t.kind == SEND else (t.peer, stage)) + (t.of, t.micro_batch)
                for t in action
            ]
            if all(k in posted and k in waited for k in keys):
                clock[stage] = max([clock[stage], *(posted[k] for k in keys)])
                have[stage] |= {(t.of, t.micro_batch) for t in action if t.kind == RECEIVE}
                at[stage] += 1
                moved = True
    assert at == [len(a) for a in orders], "deadlock"
    return max(clock)


@pytest.mark.parametrize(("stages", "micro_batches"), SIZES)
def test_no_stage_waits_for_ever_and_the_bubble_is_that_of_1f1b(
    stages: int, micro_batches: int
) -> None:
    orders = [with_talk(passes(stages, s, micro_batches), stages, s) for s in range(stages)]
    # Passes of equal length: m forward, m backward, and p - 1 of each waiting.
    assert simulate(orders) == 2 * (micro_batches + stages - 1)
    order = [with_talk(forward_only(micro_batches), stages, s) for s in range(stages)]
    assert simulate(order) == micro_batches + stages - 1


def test_the_simulation_sees_a_deadlock() -> None:
    """Messages one after the other, receiving first, on both sides."""
    orders: list[list[Action]] = []
    for stage in range(2):
        split: list[Action] = []
        for a in with_talk(passes(2, stage, 4), 2, stage):
            if isinstance(a, Pass):
                split.append(a)
            else:
                split += [(t,) for t in sorted(a, key=lambda t: t.kind)]
        orders.append(split)
    with pytest.raises(AssertionError, match="deadlock"):
        simulate(orders)


def oracle(cfg, layout, compute):  # type: ignore[no-untyped-def]
    """Gradients by `torch.distributed.pipelining`, one stage a rank, without data parallelism."""
    import warnings

    from torch.distributed.pipelining import PipelineStage, Schedule1F1B

    from model.attention import Visible
    from model.layout import layers_of
    from model.loss import IGNORED
    from model.network import Stage, initialise
    from model.ranks import world

    with world(layout, cfg) as ranks, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine = layers_of(cfg.layers, layout.stages, ranks.stage)
        stage = Stage(cfg, mine).to(getattr(torch, compute))
        initialise(stage, cfg, 5)
        inputs, labels = (torch.from_numpy(x) for x in cases.batch_of(cfg, layout.batch))
        count = int((labels != IGNORED).sum())

        class Plain(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.stage = stage

            def forward(self, x):  # type: ignore[no-untyped-def]
                return self.stage(x, Visible())

        def loss(logits, y):  # type: ignore[no-untyped-def]
            return (
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="sum"
                )
                / count
            )

        part = PipelineStage(Plain(), ranks.stage, layout.stages, torch.device("cpu"))
        schedule = Schedule1F1B(part, layout.micro_batches, loss_fn=loss, scale_grads=False)
        args = (inputs,) if ranks.stage == 0 else ()
        schedule.step(*args, target=labels if ranks.last else None)
        return {n: p.grad.numpy().copy() for n, p in stage.named_parameters()}


@pytest.mark.parametrize("stages", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_pytorchs_schedule_gives_the_same_gradients(stages: int) -> None:
    cfg, layout = cases.small(), Layout(stages=stages, batch=8)
    theirs, ours = {}, {}
    for rank in cases.on_ranks(stages, oracle, cfg, layout, "float64"):
        theirs |= rank
    for rank in cases.on_ranks(stages, cases.gradients_of, cfg, layout, "float64"):
        ours |= rank["grads"]
    assert theirs.keys() == ours.keys()
    for name, g in theirs.items():
        assert np.linalg.norm(ours[name] - g) / np.linalg.norm(g) < 1e-13, name
