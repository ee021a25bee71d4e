"""Checkpoints that are complete or not there, and load on any number of ranks and stages.

`step-00001000/` holds what PyTorch's distributed checkpoint (DCP) writes, each tensor by its name
in the whole model, and `card.json`, written last. It is made as `step-00001000.tmp`, always a new
folder, and renamed when every rank is done: a folder of that name is complete. (DCP's own
`.metadata` is no such mark: it stays beside half of an overwritten checkpoint.) `latest` is moved
after that; older checkpoints go last.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn

from model.ranks import reshard
from model.reading import read_into

FORMAT, VERSION = "skypile-checkpoint", 1
_STEP = re.compile(r"step-(\d{8})")


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says which and why."""


def name_of(step: int) -> str:
    """The folder of a step."""
    return f"step-{step:08d}"


def complete(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if _STEP.fullmatch(p.name) and p.is_dir())


def newest(folder: Path) -> Path | None:
    """The last complete checkpoint; `latest` may be one behind, after a kill between renames."""
    found = complete(folder)
    return found[-1] if found else None


def read_card(checkpoint: Path) -> dict[str, Any]:
    """The card of a checkpoint, whose files are all there in their sizes.

    Raises:
        CheckpointError: they are not.
    """
    try:
        card: dict[str, Any] = json.loads((checkpoint / "card.json").read_text(encoding="utf8"))
    except (OSError, ValueError) as e:
        raise CheckpointError(f"{checkpoint}: {e}") from e
    if (card.get("format"), card.get("version")) != (FORMAT, VERSION):
        raise CheckpointError(f"{checkpoint}: not a {FORMAT} of version {VERSION}")
    for name, size in card["files"].items():
        file = checkpoint / name
        if not file.exists() or file.stat().st_size != size:
            raise CheckpointError(f"{file}: not there, or not of {size} bytes as the card says")
    return card


def state_of(stage: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """A stage's parameters and moments by name; what is loaded into them is loaded in place."""
    state: dict[str, Tensor] = {}
    for name, parameter in stage.named_parameters():
        state[f"model.{name}"] = parameter.data
        moments = optimizer.state[parameter]
        if not moments:  # before the first step
            moments["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            moments["exp_avg"] = torch.zeros_like(parameter.data)
            moments["exp_avg_sq"] = torch.zeros_like(parameter.data)
        for key, value in moments.items():
            state[f"optimizer.{name}.{key}"] = value
    return state


def load(checkpoint: Path, stage: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Sets parameters and moments to a checkpoint's, whatever layout wrote it.

    Raises:
        CheckpointError: incomplete, or of another model.
    """
    read_card(checkpoint)
    reshard(stage)
    state = state_of(stage, optimizer)
    try:
        read_into(state, checkpoint)
    except Exception as e:
        raise CheckpointError(f"{checkpoint}: does not load: {e}") from e


@dataclass
class Checkpoints:
    """The checkpoints of a run, as its ranks write them. All methods are called on all ranks."""

    folder: Path
    keep: int = 2
    asynchronous: bool = False
    # For tests: called with a word at each point where a kill would be worst.
    at: Callable[[str], None] = lambda point: None
    _pending: tuple[Future[Any], int, dict[str, Any]] | None = field(default=None, init=False)
    _group: Any = field(default=None, init=False)

    def prepare(self) -> None:
        """Removes what a killed run left half written."""
        if dist.get_rank() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob("step-*.tmp"):
                shutil.rmtree(left)
        if self.asynchronous:
            self._group = dist.new_group(backend="gloo")
        dist.barrier()

    def save(
        self,
        step: int,
        stage: nn.Module,
        optimizer: torch.optim.Optimizer,
        card: dict[str, Any],
    ) -> None:
        """Writes a step's checkpoint; returns when it is complete, or under way if asynchronous.

        card: JSON types, among them `milestone`: a name, or null; milestones are kept.

        Raises:
            CheckpointError: there is a complete one of this step.
        """
        self.finish()
        final = self.folder / name_of(step)
        if final.exists():
            raise CheckpointError(
                f"{final} is there already: move it away to train again from before"
            )
        scratch = final.with_suffix(".tmp")
        if dist.get_rank() == 0:
            shutil.rmtree(scratch, ignore_errors=True)
        dist.barrier()
        self.at("begin")
        state = state_of(stage, optimizer)
        if self.asynchronous:
            future = dcp.async_save(state, checkpoint_id=scratch, process_group=self._group)
            assert isinstance(future, Future)
            self._pending = future, step, card
        else:
            dcp.save(state, checkpoint_id=scratch)
            self._commit(step, card)

    def poll(self) -> None:
        """Commits an asynchronous checkpoint that every rank has written."""
        if self._pending is None:
            return
        # In the world's own group: DCP's thread is talking in the other.
        done = torch.tensor(int(self._pending[0].done()))
        dist.all_reduce(done, dist.ReduceOp.MIN)
        if done.item():
            self.finish()

    def finish(self) -> None:
        """Waits for what is under way and commits it."""
        if self._pending is not None:
            future, step, card = self._pending
            future.result()
            self._pending = None
            self._commit(step, card)

    def _commit(self, step: int, card: dict[str, Any]) -> None:
        dist.barrier()  # every rank's files are there
        if dist.get_rank() == 0:
            final = self.folder / name_of(step)
            scratch = final.with_suffix(".tmp")
            self.at("written")
            files = {p.name: p.stat().st_size for p in sorted(scratch.iterdir())}
            said = {"format": FORMAT, "version": VERSION, "step": step, **card, "files": files}
            _write(scratch / "card.json", json.dumps(said, indent=1))
            self.at("card")
            os.replace(scratch, final)
            _sync(self.folder)
            self.at("renamed")
            _write(self.folder / "latest", final.name + "\n")
            self.at("latest")
            self._remove_old()
        dist.barrier()

    def _remove_old(self) -> None:
        plain = [p for p in complete(self.folder) if not read_card(p).get("milestone")]
        for old in plain[: -self.keep]:
            gone = old.with_suffix(".tmp")  # from here on it is not a checkpoint
            os.replace(old, gone)
            self.at("removing")
            shutil.rmtree(gone)


def _write(path: Path, text: str) -> None:
    """The whole text or the file as it was, also after a loss of power."""
    scratch = path.with_name(f".{path.name}.tmp")
    with scratch.open("w", encoding="utf8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(scratch, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
