"""A process that saves checkpoints until it is killed: `saver FOLDER POINT STEP`.

Every number of step n's tensors is n. POINT: where the save of STEP kills the process; none: it
goes on from STEP, saying each step when its `save` has returned.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from model.checkpoint import Checkpoints
from model.layout import Layout
from model.ranks import world
from tests.model import cases


def main() -> None:
    folder, point, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    now = 1 if point else step

    def at(name: str) -> None:
        if point == name and now == step:
            os.kill(os.getpid(), signal.SIGKILL)

    # Large enough that a kill falls inside a file.
    cfg = cases.small(hidden=96, vocabulary=4001, ffn=301)
    with world(Layout(batch=1), cfg) as ranks:
        engine = cases.make_engine(cfg, ranks, "float32")
        checkpoints = Checkpoints(folder, keep=1, at=at)
        checkpoints.prepare()
        print("ready", flush=True)
        while now < 10_000:
            cases.fill(engine, float(now))
            checkpoints.save(now, engine.stage, engine.optimizer, {"milestone": None})
            print(now, flush=True)
            now += 1


if __name__ == "__main__":
    main()
