"""`python -m model.plan --preset skywork_13b --gpus 512 --gpu a800`: which layouts fit, how fast.

Memory and throughput of each data x pipeline x tensor parallel layout from the model's shape and
four constants, fitted on the paper's table of section 3.6 (eight rows; the two DP128+TP4 rows
contradict themselves, and those out of memory have no numbers). Tensor parallelism is predicted
for comparison; this trainer does not have it.

Memory of a stage's worst GPU: 2 bytes a parameter of gathered bfloat16 weights and 4 of float32
gradients, 12 / data parallel of master weights and moments, activations of the micro-batches in
flight, and a constant. Time: the slowest stage's FLOPs at a constant share of the peak, the 1F1B
bubble, and two all-reduces a block and direction where there is tensor parallelism.
"""

import argparse
import math
import sys
from dataclasses import dataclass

import numpy as np

from model.config import PRESETS, ModelConfig
from model.layout import layers_of

# Peak dense bfloat16 TFLOP/s and memory in GB, from the makers' data sheets.
GPUS = {
    "a800": (312.0, 80.0),
    "a100": (312.0, 80.0),
    "h800": (989.4, 80.0),
    "h100": (989.4, 80.0),
    "h200": (989.4, 141.0),
}


@dataclass(frozen=True)
class Parallel:
    """A layout, and the samples of a step."""

    data: int
    pipeline: int
    tensor: int
    batch: int = 4096
    micro_batch: int = 1

    @property
    def micro_batches(self) -> int:
        """Of a rank in a step."""
        return self.batch // (self.data * self.micro_batch)

    def runs(self, cfg: ModelConfig) -> bool:
        """Whether sizes divide and the pipeline can be filled."""
        divides = self.batch % (self.data * self.micro_batch) == 0
        split = cfg.heads % self.tensor == 0 and cfg.ffn % self.tensor == 0
        enough = self.micro_batches >= self.pipeline
        return divides and split and enough and cfg.layers >= self.pipeline


@dataclass(frozen=True)
class Constants:
    """What is fitted: one set for all models and layouts."""

    activations: float  # of the bytes counted below, what is really held
    overhead_gb: float  # CUDA, NCCL, fragments
    efficiency: float  # of the peak, in what a stage computes
    tensor_gb_per_s: float  # all-reduce, smaller matrices included


# (model, layout, tokens/GPU/s, GB): PAPER section 3.6, Table of layouts.
ROWS = [
    ("llama2_13b", Parallel(256, 2, 1), 2045, 70.7),
    ("llama2_13b", Parallel(256, 1, 2), 1928, 65.5),
    ("llama2_13b", Parallel(128, 2, 2), 1936, 39.4),
    ("llama2_13b", Parallel(128, 4, 1), 1964, 53.4),
    ("skywork_13b", Parallel(256, 2, 1), 1873, 77.1),
    ("skywork_13b", Parallel(256, 1, 2), 1775, 67.9),
    ("skywork_13b", Parallel(128, 2, 2), 1776, 42.5),
    ("skywork_13b", Parallel(128, 4, 1), 1828, 58.7),
]


def _sizes(cfg: ModelConfig, stages: int, stage: int) -> tuple[int, int, int, int]:
    """(blocks, parameters of a block, of all, of the head's matrix) on a stage."""
    shapes = cfg.parameter_shapes()
    block = sum(math.prod(s) for n, s in shapes.items() if n.startswith("blocks.0."))
    mine = len(layers_of(cfg.layers, stages, stage))
    total = mine * block
    if stage == 0:
        total += sum(math.prod(s) for n, s in shapes.items() if n.startswith("embedding."))
    head = 0
    if stage == stages - 1:
        total += sum(math.prod(s) for n, s in shapes.items() if n.startswith("head."))
        head = cfg.vocabulary * cfg.hidden
    return mine, block, total, head


def memory_terms(cfg: ModelConfig, at: Parallel) -> tuple[float, float]:
    """(GB of weights, gradients and optimizer, GB of activations) of the fullest stage.

    A block keeps, a token and hidden number, 10 bytes on every GPU (residuals and norms) and
    8 + 2 x 3 ffn / hidden that tensor parallelism divides (q, k, v, attention, gate, up, product).
    """
    found = []
    for stage in range(at.pipeline):
        blocks, _, total, _ = _sizes(cfg, at.pipeline, stage)
        parameters = total / at.tensor
        fixed = 6 * parameters + 12 * parameters / at.data
        wide = 3 if cfg.shape == "llama" else 2
        per_number = 10 + (8 + 2 * wide * cfg.ffn / cfg.hidden) / at.tensor
        flying = min(at.pipeline - stage, at.micro_batches) * blocks * at.micro_batch
        found.append((fixed, flying * cfg.context * cfg.hidden * per_number))
    fixed, activations = max(found, key=sum)
    return fixed / 1e9, activations / 1e9


def time_terms(cfg: ModelConfig, at: Parallel) -> tuple[float, float]:
    """(TFLOP, GB sent in all-reduces) that a GPU does for each of its own tokens, bubble included.

    A GPU's own tokens: those of its pipeline, divided by its number of GPUs.
    """
    worst = 0.0
    for stage in range(at.pipeline):
        blocks, block, _, head = _sizes(cfg, at.pipeline, stage)
        attention = 12 * cfg.hidden * cfg.context
        worst = max(worst, blocks * (6 * block + attention) + 6 * head)
    m = at.micro_batches
    bubble = (m + at.pipeline - 1) / m
    sent = 4 * 2 * cfg.hidden * 2 * (at.tensor - 1) / at.tensor  # a block: bytes, ring
    blocks = len(layers_of(cfg.layers, at.pipeline, 0))
    traffic = blocks * sent * bubble * at.pipeline * at.tensor
    return worst * bubble * at.pipeline / 1e12, traffic / 1e9


def memory_gb(cfg: ModelConfig, at: Parallel, c: "Constants") -> float:
    """Of the fullest GPU."""
    fixed, activations = memory_terms(cfg, at)
    return fixed + c.activations * activations + c.overhead_gb


def tokens_per_s(cfg: ModelConfig, at: Parallel, c: "Constants", peak_tflops: float) -> float:
    """Tokens a GPU and second."""
    tflop, gigabytes = time_terms(cfg, at)
    return 1 / (tflop / (peak_tflops * c.efficiency) + gigabytes / c.tensor_gb_per_s)


def fit(rows: list[tuple[str, Parallel, int, float]], peak_tflops: float = 312.0) -> Constants:
    """The constants that fit measured rows best: least squares, of GB and of relative time."""
    memory, wanted, times = [], [], []
    for name, at, tokens, gigabytes in rows:
        fixed, activations = memory_terms(PRESETS[name], at)
        memory.append([activations, 1.0])
        wanted.append(gigabytes - fixed)
        tflop, sent = time_terms(PRESETS[name], at)
        times.append([tflop / peak_tflops * tokens, sent * tokens])
    activations, overhead = np.linalg.lstsq(np.array(memory), np.array(wanted), rcond=None)[0]
    slowness, tensor = np.linalg.lstsq(np.array(times), np.ones(len(rows)), rcond=None)[0]
    return Constants(float(activations), float(overhead), float(1 / slowness), float(1 / tensor))


FITTED = fit(ROWS)


def layouts(cfg: ModelConfig, gpus: int, batch: int, micro_batch: int) -> list[Parallel]:
    """All layouts of so many GPUs with up to 8 stages and 8 tensor parallel ranks."""
    found = []
    for pipeline in range(1, 9):
        for tensor in (1, 2, 4, 8):
            if gpus % (pipeline * tensor) == 0:
                data = gpus // (pipeline * tensor)
                at = Parallel(data, pipeline, tensor, batch, micro_batch)
                if at.runs(cfg):
                    found.append(at)
    return found


def table(cfg: ModelConfig, found: list[Parallel], gpu: str, tokens: float) -> list[str]:
    """Lines to print, the fastest that fits and that this trainer has marked with a star."""
    peak, room = GPUS[gpu]
    rows = []
    for at in found:
        speed = tokens_per_s(cfg, at, FITTED, peak)
        rows.append((at, memory_gb(cfg, at, FITTED), speed))
    ours = [r for r in rows if r[1] <= room and r[0].tensor == 1]
    best = max(ours, key=lambda r: r[2], default=None)
    gpus = found[0].data * found[0].pipeline * found[0].tensor if found else 0
    lines = [f"  {'layout':<18}{'GB':>7} {'fits':>5}{'tokens/GPU/s':>14}{'MFU':>8}{'days':>8}"]
    for row in rows:
        at, gigabytes, speed = row
        name = f"DP{at.data}" + "".join(
            f"+{k}{n}" for k, n in (("TP", at.tensor), ("PP", at.pipeline)) if n > 1
        )
        mfu = speed * cfg.flops_per_token("palm") / (peak * 1e12)
        days = tokens / (speed * gpus) / 86_400
        fits = "yes" if gigabytes <= room else "OOM"
        star = "* " if row is best else "  "
        other = "" if at.tensor == 1 else "   (no tensor parallelism here)"
        numbers = f"{gigabytes:>7.1f} {fits:>5}{speed:>14,.0f}{mfu:>8.1%}{days:>8.1f}"
        lines.append(f"{star}{name:<18}{numbers}{other}")
    return lines


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m model.plan", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="skywork_13b")
    parser.add_argument("--gpus", type=int, required=True)
    parser.add_argument("--gpu", choices=sorted(GPUS), default="a800")
    parser.add_argument(
        "--batch", type=int, default=4096, help="samples a step (section 3.6: 4096)"
    )
    parser.add_argument("--micro-batch", type=int, default=1)
    parser.add_argument("--tokens", type=float, default=3.2e12, help="for the days")
    args = parser.parse_args(argv)
    cfg = PRESETS[args.preset]
    found = layouts(cfg, args.gpus, args.batch, args.micro_batch)
    if not found:
        print(f"no layout of {args.gpus} GPUs divides {args.batch} samples", file=sys.stderr)
        return 2
    print(f"{args.preset}: {cfg.parameters():,} parameters, {args.gpus} x {args.gpu.upper()}")
    print("\n".join(table(cfg, found, args.gpu, args.tokens)))
    if args.gpu not in ("a800", "a100"):
        print("the constants are measured on A800s: read speeds of other GPUs as upper bounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
