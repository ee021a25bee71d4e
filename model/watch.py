"""What a run shows: JSON lines, the console, TensorBoard. Rank 0 alone writes."""

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from model.config import ModelConfig
from model.settings import SettingsError

# Dense bfloat16 TFLOP/s of the makers' data sheets; by a part of the device's name.
PEAK_TFLOPS = {"A100": 312.0, "A800": 312.0, "H100": 989.4, "H800": 989.4, "H200": 989.4}


def peak_tflops(setting: float, device: torch.device) -> float | None:
    """The peak that MFU is counted against, or None where it is not known."""
    if setting:
        return setting
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


def memory_gb(device: torch.device) -> float:
    """Peak memory of this rank in 1e9 bytes: of the device, or resident on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def speed(model: ModelConfig, tokens_per_s_per_rank: float, peak: float | None) -> dict[str, float]:
    """Tokens/s of a rank, TFLOP/s, and MFU in both countings where the peak is known.

    The PaLM counting (attention not halved) is the one of the paper's 56.5 %.
    """
    found = {"tokens_per_s_per_rank": tokens_per_s_per_rank}
    for counting in ("palm", "causal"):
        tflops = tokens_per_s_per_rank * model.flops_per_token(counting) / 1e12
        found[f"tflops_{counting}"] = tflops
        if peak:
            found[f"mfu_{counting}"] = tflops / peak
    return found


def after(path: Path, step: int) -> None:
    """Removes the lines of steps that a resumed run is going to do again (`step` and later)."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf8").splitlines()
    kept = []
    for line in lines:
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):  # the half line of a kill
            continue
    scratch = path.with_suffix(".tmp")
    scratch.write_text("".join(f"{line}\n" for line in kept), encoding="utf8")
    os.replace(scratch, path)


def validations(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Validation set to (step, loss in nats a token) in the order of steps, of a metrics file."""
    found: dict[str, list[tuple[int, float]]] = {}
    if not path.exists():
        return found
    for line in map(json.loads, path.read_text(encoding="utf8").splitlines()):
        for name, loss in line.get("validation", {}).items():
            found.setdefault(name, []).append((line["step"], loss))
    return found


@dataclass
class Watcher:
    """Shows one run; on ranks other than 0 it does nothing.

    `step` counts finished steps: the line of step 10 is written after ten steps.
    """

    out: Path
    active: bool
    steps: int
    tensorboard: bool = False
    console: Console = field(default_factory=lambda: Console(file=sys.stderr))

    def __enter__(self) -> "Watcher":
        self._board: Any = None
        self._progress: Progress | None = None
        if self.active:
            self.out.mkdir(parents=True, exist_ok=True)
            if self.tensorboard:
                try:
                    from torch.utils.tensorboard import SummaryWriter
                except ImportError as e:
                    raise SettingsError("watch.tensorboard: pip install tensorboard") from e
                self._board = SummaryWriter(str(self.out / "tensorboard"))
            if self.console.is_terminal:
                self._progress = Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TimeRemainingColumn(),
                    TextColumn("{task.fields[note]}"),
                    console=self.console,
                )
                self._progress.start()
                self._task = self._progress.add_task("steps", total=self.steps, note="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._board is not None:
            self._board.close()

    def resume(self, step: int) -> None:
        """Goes on after so many finished steps."""
        if self.active:
            after(self.out / "metrics.jsonl", step)
            self.moved(step)

    def moved(self, step: int) -> None:
        """Moves the bar."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step)

    def say(self, text: str) -> None:
        """One line on the console."""
        if self.active:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def line(self, step: int, values: Mapping[str, Any]) -> None:
        """One line of `metrics.jsonl`, the same to TensorBoard, and the main numbers to the eye."""
        if not self.active:
            return
        with (self.out / "metrics.jsonl").open("a", encoding="utf8") as f:
            f.write(json.dumps({"step": step, "time": time.time(), **values}) + "\n")
        if self._board is not None:
            for name, value in _flat(values):
                self._board.add_scalar(name, value, step)
        note = _note(values)
        shown = "validation" in values  # stays in sight above the bar; the rest is the bar's note
        if self._progress is not None:
            self._progress.update(self._task, completed=step)
            if not shown:
                self._progress.update(self._task, note=note)
        if note and (shown or self._progress is None):
            self.say(f"step {step}/{self.steps}  {note}")

    def closing(self) -> None:
        """A table of every validation set's loss: at first, at its lowest, at last."""
        if not self.active:
            return
        table = Table("validation set", title="Loss in nats a token", title_justify="left")
        for name in ("first", "lowest", "last", "change"):
            table.add_column(name, justify="right")
        for name, found in validations(self.out / "metrics.jsonl").items():
            low, at = min((loss, step) for step, loss in found)
            first, last = found[0][1], found[-1][1]
            lowest = f"{low:.3f} (step {at})"
            table.add_row(name, f"{first:.3f}", lowest, f"{last:.3f}", f"{last - first:+.3f}")
        if table.row_count:
            self.console.print(table)


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, float]]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((before + name, float(value)))
    return found


def _note(values: Mapping[str, Any]) -> str:
    if "validation" in values:
        return "  ".join(f"{name} {loss:.4f}" for name, loss in values["validation"].items())
    if "loss" not in values:
        return ""
    text = (
        f"loss {values['loss']:.4f}  norm {values['norm']:.2f}  rate {values['rate']:.2e}  "
        f"{values['tokens_per_s_per_rank']:,.0f} tokens/s/rank"
    )
    return text + (f"  MFU {values['mfu_palm']:.1%}" if "mfu_palm" in values else "")
