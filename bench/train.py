"""The trainer beside litgpt on one CPU, what ZeRO-1 saves, and a minute on real text.

`python -m bench.train [--data ../shared/data] [--peers .venv-bench-train/bin/python]` prints JSON
lines. Speed: the same model (equal parameters), batch and steps, in turns, the best of all rounds.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from model.config import PRESETS

MODEL = PRESETS["llama_4m"]
BATCH, STEPS, ROUNDS, TURNS = 8, 4, 4, 3


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Prints one bench line."""
    given = {"bench": "train", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def peak_mb() -> float:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in status if "VmHWM" in x).split()[1]) / 1024


def ours(threads: int) -> dict[str, float]:
    """Steps of the engine, as `model.train` takes them."""
    import numpy as np
    import torch

    from model.engine import Engine, MicroBatch
    from model.layout import Layout
    from model.optimizer import OptimizerConfig
    from model.ranks import build_stage, world

    torch.set_num_threads(threads)
    layout = Layout(batch=BATCH, micro_batch=BATCH)
    with world(layout, MODEL) as ranks:
        stage = build_stage(MODEL, ranks, compute="float32", seed=0, backend="sdpa")
        engine = Engine(MODEL, stage, ranks, OptimizerConfig(), compute="float32", seed=0)
        rng = np.random.default_rng(1)
        tokens = rng.integers(0, MODEL.vocabulary, size=(BATCH, MODEL.context + 1))
        batch = MicroBatch(tokens[:, :-1].copy(), tokens[:, 1:].copy(), tuple(range(BATCH)))
        rates, own, losses = [], [], []
        for i in range(ROUNDS + 1):
            start, cpu = time.perf_counter(), time.process_time()
            first = i * STEPS
            losses += [engine.step([batch], first + j, 1e-3).loss for j in range(STEPS)]
            tokens_of_round = STEPS * BATCH * MODEL.context
            rates.append(tokens_of_round / (time.perf_counter() - start))
            own.append(tokens_of_round / (time.process_time() - cpu))
        return {
            "tokens_per_s": max(rates[1:]),
            "tokens_per_cpu_s": max(own[1:]),
            "rss_mb": peak_mb(),
            "first": losses[0],
            "last": losses[-1],
        }


def zero() -> dict[str, float]:
    """Bytes of master weights and moments that a rank holds, and its peak memory."""
    import torch

    from model.checkpoint import state_of
    from model.layout import Layout
    from model.optimizer import OptimizerConfig, adamw, local
    from model.ranks import build_stage, world

    torch.set_num_threads(1)
    ranks_of = int(os.environ["WORLD_SIZE"])
    with world(Layout(data_parallel=ranks_of, batch=ranks_of), MODEL) as ranks:
        stage = build_stage(MODEL, ranks, compute="float32", seed=0, backend="sdpa")
        state = state_of(stage, adamw(stage, OptimizerConfig()))
        held = sum(local(t).numel() * local(t).element_size() for t in state.values())
    return {"mb": held / 1e6}


def child(argv: list[str], **environ: str) -> dict[str, float]:
    """The last line that a process prints, as JSON.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        argv, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environ
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def speed(peers: Path) -> None:
    """Tokens/s and peak memory, in turns with the peer."""
    threads = len(os.sched_getaffinity(0))
    sizes = {
        **dataclasses.asdict(MODEL),
        **{"batch": BATCH, "steps": STEPS, "rounds": ROUNDS, "threads": threads},
        "parameters": MODEL.parameters(),
    }
    mine, theirs = [], []
    for _ in range(TURNS):
        mine.append(child([sys.executable, "-m", "bench.train", "--ours", str(threads)]))
        if peers.exists():
            peer = Path(__file__).with_name("train_peer.py")
            theirs.append(child([str(peers), str(peer), json.dumps(sizes)]))
    metrics = (
        ("tokens_per_s", "tokens/s", max),
        ("tokens_per_cpu_s", "tokens/CPU s", max),  # steady also where others use the machine
        ("rss_mb", "MB", min),
    )
    for metric, unit, best in metrics:
        value = best(m[metric] for m in mine)
        more: dict[str, Any] = {}
        if theirs:
            other = best(t[metric] for t in theirs)
            good = value >= other if best is max else value <= other
            more = {"peer": "litgpt", "peer_value": round(other, 1), "target": other, "ok": good}
            more["target"] = round(other, 1)
        line("llama_4m", metric, value, unit, **more)


def memory() -> None:
    """What a rank of 1, 2 and 4 holds."""
    whole = 0.0
    for ranks in (1, 2, 4):
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        argv = [*run, "--nproc-per-node", str(ranks), "-m", "bench.train", "--zero"]
        held = child(argv, GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1")["mb"]
        whole = whole or held
        line(
            f"zero1_of_{ranks}",
            "state_mb",
            held,
            "MB",
            target=round(whole / ranks * 1.02, 2),
            ok=held <= whole / ranks * 1.02,
        )


def real_text(data: Path, folder: Path) -> None:
    """About a minute on real English and Chinese bytes: the fall of each validation loss."""
    from bench.train_text import train_on_text

    for name, (before, after, untrained) in train_on_text(data, folder).items():
        line(
            name,
            "validation_loss",
            after,
            "nats/byte",
            first=round(before, 4),
            target=round(untrained, 4),
            ok=after < untrained,
        )


def main() -> None:
    """The bench, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--peers", type=Path, default=Path(".venv-bench-train/bin/python"))
    parser.add_argument("--ours", type=int, default=0)
    parser.add_argument("--zero", action="store_true")
    args = parser.parse_args()
    if args.ours:
        print(json.dumps(ours(args.ours)))
    elif args.zero:
        found = zero()
        if os.environ["RANK"] == "0":
            print(json.dumps(found))
    else:
        speed(args.peers)
        memory()
        if args.data.is_dir():
            with tempfile.TemporaryDirectory() as folder:
                real_text(args.data, Path(folder))


if __name__ == "__main__":
    main()
