"""Work that tests give to several processes: pickled by name, so it lives in a module."""

import dataclasses
import os
import socket
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from rich.console import Console

from model.attention import Visible
from model.checkpoint import Checkpoints, load, newest, state_of
from model.config import IGNORED, ModelConfig
from model.data import ValidationSet
from model.engine import Engine, MicroBatch
from model.layout import Layout
from model.optimizer import OptimizerConfig, gradient_norm, local
from model.ranks import Ranks, build_stage, world
from model.run_config import read_config
from model.shards import Stream, read_manifest
from model.train import Run
from model.watch import Watcher


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _worker(tasks: Any, results: Any) -> None:
    torch.set_num_threads(1)
    while (task := tasks.get()) is not None:
        rank, size, port, function, args = task
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                results.put((rank, "done", function(*args)))
        except BaseException:
            results.put((rank, "failed", traceback.format_exc()))


class Pool:
    """Processes that have imported PyTorch, started when asked for, ended when one fails."""

    def __init__(self) -> None:
        self.workers: list[Any] = []
        self.queues: list[Any] = []
        self.results: Any = None

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join()
        self.__init__()  # type: ignore[misc]

    def run(self, size: int, function: Callable[..., Any], args: tuple, seconds: float) -> list:
        context = mp.get_context("forkserver")  # which imports PyTorch once for all
        context.set_forkserver_preload(["tests.model.cases"])
        if self.results is None:
            self.results = context.Queue()
        while len(self.workers) < size:
            self.queues.append(context.Queue())
            worker = context.Process(
                target=_worker, args=(self.queues[-1], self.results), daemon=True
            )
            worker.start()
            self.workers.append(worker)
        port = free_port()
        for rank in range(size):
            self.queues[rank].put((rank, size, port, function, args))
        found: dict[int, Any] = {}
        deadline = time.monotonic() + seconds
        try:
            while len(found) < size:
                left = max(0.1, deadline - time.monotonic())
                rank, what, value = self.results.get(timeout=left)
                if what == "failed":
                    raise AssertionError(f"rank {rank} of {size}:\n{value}")
                found[rank] = value
        except BaseException:
            self.close()
            raise
        return [found[r] for r in range(size)]


POOL = Pool()


def on_ranks(size: int, function: Callable[..., Any], *args: Any, seconds: float = 600) -> list:
    """`function(*args)` in `size` processes that make one world; what each returned, by rank."""
    return POOL.run(size, function, args, seconds)


def batch_of(cfg: ModelConfig, samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs and labels in which samples have very different numbers of labels."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(3, cfg.vocabulary, size=(samples, cfg.context + 1))
    inputs, labels = tokens[:, :-1].copy(), tokens[:, 1:].copy()
    for i in range(samples):
        labels[i, int(cfg.context * (0.1 + 0.9 * (i * 7 % samples) / samples)) :] = IGNORED
    return inputs, labels


def micro_batches(
    ranks: Ranks, inputs: np.ndarray, labels: np.ndarray, step: int = 0
) -> list[MicroBatch]:
    layout = ranks.layout
    out = []
    for i in range(layout.micro_batches):
        places = layout.samples(ranks.data_rank, i)
        rows = slice(places.start, places.stop)
        numbers = tuple(step * layout.batch + p for p in places)
        out.append(MicroBatch(inputs[rows], labels[rows], numbers))
    return out


def small(**changes: Any) -> ModelConfig:
    """A model whose sizes are no multiples of anything, so that shards are uneven."""
    sizes: dict[str, Any] = {
        "vocabulary": 131,
        "hidden": 36,
        "layers": 5,
        "heads": 3,
        "ffn": 50,
        "context": 24,
        "init_std": 0.2,
    }
    return ModelConfig(**(sizes | changes))


def whole(x: torch.Tensor) -> np.ndarray:
    """A tensor from all its shards."""
    full = getattr(x, "full_tensor", lambda: x)()
    return full.detach().double().numpy().copy()


def make_engine(
    cfg: ModelConfig,
    ranks: Ranks,
    compute: str,
    optimizer: OptimizerConfig | None = None,
    eos: int | None = None,
) -> Engine:
    stage = build_stage(
        cfg, ranks, compute=compute, seed=5, backend="sdpa", compiled="COMPILED" in os.environ
    )
    return Engine(
        cfg, stage, ranks, optimizer or OptimizerConfig(), compute=compute, seed=11, eos=eos
    )


def gradients_of(cfg: ModelConfig, layout: Layout, compute: str, fault: str = "") -> dict[str, Any]:
    """After one step's backward passes: gradients by name, loss, norm."""
    with world(layout, cfg) as ranks, planted(fault):
        engine = make_engine(cfg, ranks, compute)
        inputs, labels = batch_of(cfg, layout.batch)
        loss, count = engine.gradients(micro_batches(ranks, inputs, labels), 0)
        grads = {n: whole(p.grad) for n, p in engine.stage.named_parameters()}
        return {"loss": loss, "labels": count, "norm": gradient_norm(engine.stage), "grads": grads}


def trained(
    cfg: ModelConfig, layout: Layout, compute: str, steps: int, clip: float = 1.0, fault: str = ""
) -> dict[str, Any]:
    """Losses and norms of some steps, and the parameters after them."""
    with world(layout, cfg) as ranks, planted(fault):
        engine = make_engine(cfg, ranks, compute, OptimizerConfig(clip=clip))
        losses, norms = [], []
        for step in range(steps):
            inputs, labels = batch_of(cfg, layout.batch, seed=step % 3)
            result = engine.step(micro_batches(ranks, inputs, labels, step), step, 1e-2)
            losses.append(result.loss)
            norms.append(result.norm)
        params = {n: whole(p) for n, p in engine.stage.named_parameters()}
        return {"losses": losses, "norms": norms, "params": params}


def trained_compiled(*args: Any) -> dict[str, Any]:
    """As `trained`, blocks by torch.compile."""
    os.environ["COMPILED"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            return trained(*args)
    finally:
        del os.environ["COMPILED"]


class planted:
    """A fault that others reported, in this process, for the time of a `with`."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __enter__(self) -> None:
        import model.engine
        import model.optimizer

        self.patch = pytest.MonkeyPatch()
        if self.fault == "scale":  # each rank divides by its own labels (torchtitan 2972)
            real = torch.distributed.all_reduce
            calls = []

            def first_not(x: torch.Tensor, *a: Any, **k: Any) -> Any:
                calls.append(1)
                return None if len(calls) == 1 else real(x, *a, **k)

            self.patch.setattr(torch.distributed, "all_reduce", first_not)
        elif self.fault == "stage_norm":  # the norm of one stage (torchtitan 596)
            self.patch.setattr(model.engine, "gradient_norm", own_stage_norm)
        elif self.fault == "mean":  # gradients averaged over ranks
            from torch.distributed.fsdp import FSDPModule

            self.patch.setattr(FSDPModule, "set_gradient_divide_factor", lambda *a: None)
            self.patch.setattr(FSDPModule, "set_force_sum_reduction_for_comms", lambda *a: None)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()


def own_stage_norm(stage: torch.nn.Module) -> float:
    square = sum((local(p.grad).double() ** 2).sum() for p in stage.parameters())
    return float(square**0.5)


def validated(cfg: ModelConfig, layout: Layout, folder: str, windows: int) -> tuple[float, int]:
    """A validation loss, and again after a training step did not change it by being undone."""
    held = ValidationSet("a.main", Stream(read_manifest(Path(folder))), cfg.context, windows)
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "float64")
        first = engine.validation_loss(held)
        assert engine.validation_loss(held) == first
        return first


def kinds_of_parameters(compute: str) -> set[str]:
    """What a rank alone holds its parameters as."""
    cfg, layout = small(), Layout(batch=4, micro_batch=4)
    with world(layout, cfg) as ranks:
        stage = make_engine(cfg, ranks, compute).stage
        return {type(p.data).__name__ for p in stage.parameters()}


def bfloat16_norms(steps: int) -> dict[str, Any]:
    """How many weights of norms moved in a run that computes in bfloat16."""
    cfg, layout = small(init_std=0.02, layers=2), Layout(batch=4, micro_batch=4)
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "bfloat16")
        seen = []
        engine.stage.blocks["0"].register_forward_hook(
            lambda module, args, out: seen.append(str(out.dtype))
        )
        losses = []
        for step in range(steps):
            inputs, labels = batch_of(cfg, 4, seed=step % 3)
            losses.append(engine.step(micro_batches(ranks, inputs, labels, step), step, 6e-4).loss)
        norms = [whole(p) for n, p in engine.stage.named_parameters() if p.ndim == 1]
        return {
            "dtypes": {str(p.dtype) for p in engine.stage.parameters()},
            "computed": seen[0],
            "moved": int(sum((n != 1).sum() for n in norms)),
            "of": sum(n.size for n in norms),
            "losses": losses,
        }


def nan_at(cfg: ModelConfig, layout: Layout, at: int) -> dict[str, Any]:
    """Five steps, a NaN in one gradient of rank 0 in one of them."""
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "float32")
        taken, losses, unchanged = [], [], False

        def spoil(stage: Any) -> None:
            if ranks.rank == 0:
                local(next(iter(stage.parameters())).grad).view(-1)[0] = float("nan")

        def everything() -> list[np.ndarray]:
            moments = [m for s in engine.optimizer.state.values() for m in s.values()]
            return [whole(x) for x in (*engine.stage.parameters(), *moments)]

        for step in range(5):
            inputs, labels = batch_of(cfg, layout.batch, seed=step)
            before = everything()
            result = engine.step(
                micro_batches(ranks, inputs, labels, step),
                step,
                1e-3,
                spoil if step == at else None,
            )
            if step == at:
                pairs = zip(before, everything(), strict=True)
                unchanged = all(np.array_equal(a, b) for a, b in pairs)
            taken.append(result.taken)
            losses.append(result.loss)
        return {
            "taken": taken,
            "losses": losses,
            "unchanged": unchanged,
            "skipped": engine.guard.skipped,
        }


def tiny_gradients(n: int) -> float:
    """The sum, over its first, of n equal gradients of micro-batches computed in bfloat16."""
    cfg = small()
    totals = []
    for count in (1, n):
        layout = Layout(batch=count)
        with world(layout, cfg) as ranks:
            engine = make_engine(cfg, ranks, "bfloat16")
            inputs, labels = batch_of(cfg, 1, seed=1)
            labels[:] = inputs
            one = MicroBatch(inputs[:, :8], labels[:, :8], (0,))
            engine.gradients([one] * count, 0)
            # The mean is over all labels: as many times smaller as there are micro-batches.
            grad = whole(engine.stage.blocks["4"].feed.down.weight.grad)
            totals.append(float(np.abs(grad).sum()) * count)
    return totals[1] / totals[0]


def contents(engine: Engine) -> dict[str, np.ndarray]:
    """All tensors of a checkpoint, whole."""
    return {k: whole(v) for k, v in state_of(engine.stage, engine.optimizer).items()}


def write_checkpoint(
    cfg: ModelConfig, layout: Layout, folder: str, late: bool = False, tokenizer: str = ""
) -> dict[str, np.ndarray]:
    """Two steps, a checkpoint, one step more; what was in it. tokenizer: its digest."""
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "float32")
        checkpoints = Checkpoints(Path(folder), asynchronous=late)
        checkpoints.prepare()
        for step in range(3):
            if step == 2:
                kept = contents(engine)
                model = dataclasses.asdict(cfg)
                card = {"milestone": None, "tokenizer": tokenizer, "model": model}
                checkpoints.save(2, engine.stage, engine.optimizer, card)
            inputs, labels = batch_of(cfg, layout.batch, seed=step)
            engine.step(micro_batches(ranks, inputs, labels, step), step, 1e-2)
            checkpoints.poll()
        checkpoints.finish()
        return kept


def read_checkpoint(cfg: ModelConfig, layout: Layout, folder: str) -> dict[str, np.ndarray]:
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "float32")
        found = newest(Path(folder))
        assert found is not None
        load(found, engine.stage, engine.optimizer)
        return contents(engine)


def gathered_are_loaded(cfg: ModelConfig, layout: Layout, folder: str) -> bool:
    """After validation has gathered the initial weights, and a load: gathered == cast(master)."""
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "bfloat16")
        tokens = torch.from_numpy(batch_of(cfg, 2)[0])
        with torch.no_grad():
            engine.stage(tokens, Visible())
        found = newest(Path(folder))
        assert found is not None
        load(found, engine.stage, engine.optimizer)
        master = {n: whole(p) for n, p in engine.stage.named_parameters()}
        with torch.no_grad():
            engine.stage(tokens, Visible())
        good = True
        for n, p in engine.stage.named_parameters():
            assert p.dtype == torch.bfloat16
            cast = torch.from_numpy(master[n]).to(torch.bfloat16)
            good &= torch.equal(p.detach().to("cpu"), cast)
        return good


def many_checkpoints(cfg: ModelConfig, layout: Layout, folder: str, keep: int) -> None:
    with world(layout, cfg) as ranks:
        engine = make_engine(cfg, ranks, "float32")
        checkpoints = Checkpoints(Path(folder), keep=keep)
        checkpoints.prepare()
        for step in range(1, 7):
            name = "even" if step in (2, 4) else None
            checkpoints.save(step, engine.stage, engine.optimizer, {"milestone": name})


def fill(engine: Engine, value: float) -> None:
    """Sets every number of a checkpoint."""
    for tensor in state_of(engine.stage, engine.optimizer).values():
        local(tensor).fill_(value)


def values_of_checkpoint(folder: str) -> set[float]:
    """The different numbers in a checkpoint of `tests.model.saver`."""
    cfg = small(hidden=96, vocabulary=4001, ffn=301)
    with world(Layout(batch=1), cfg) as ranks:
        engine = make_engine(cfg, ranks, "float32")
        load(Path(folder), engine.stage, engine.optimizer)
        return {float(x) for tensor in contents(engine).values() for x in np.unique(tensor)}


def run_training(config: str, changes: tuple[str, ...], until: int | None) -> dict[str, Any]:
    """Resumes a run and trains to a step; samples by step, and the state after.

    A change `nan=K` spoils the gradient of step K.
    """
    at = [int(c.removeprefix("nan=")) for c in changes if c.startswith("nan=")]
    cfg = read_config(Path(config), [c for c in changes if not c.startswith("nan=")])
    size = int(os.environ["WORLD_SIZE"])
    with world(cfg.layout.of(size), cfg.model) as ranks:
        run = Run(cfg, ranks)
        found = run.resume()
        samples: dict[int, list[Any]] = {}
        real = run.data.samples

        def noted(step: int, places: range) -> list[Any]:
            some = real(step, places)
            samples.setdefault(step, []).extend(some)
            return some

        run.data.samples = noted  # type: ignore[method-assign, assignment]

        def spoil(step: int, stage: Any) -> None:
            if step in at and ranks.rank == 0:
                local(next(iter(stage.parameters())).grad).view(-1)[0] = float("nan")

        with Watcher(cfg.out, ranks.rank == 0, run.steps, console=Console(quiet=True)) as watcher:
            watcher.resume(run.step)
            run.train(run.steps if until is None else until, watcher, spoil=spoil)
        state = {
            k: local(v).clone().numpy()
            for k, v in state_of(run.engine.stage, run.engine.optimizer).items()
        }
        return {
            "found": found and found.name,
            "samples": samples,
            "shards": state,
            "whole": contents(run.engine),
            "losses": run.losses,
        }
