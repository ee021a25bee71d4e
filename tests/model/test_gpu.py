"""What needs a CUDA device: kernels in half precision, compiled blocks, NCCL. Skips without one."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model import attention
from model.config import model_config
from model.engine import Engine
from model.layout import Layout
from model.optimizer import OptimizerConfig
from model.ranks import build_stage, world
from tests.model import cases

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def losses(backend: str, compute: str, compiled: bool, steps: int = 10) -> list[float]:
    """A small model on the device; its heads are as large as the kernels want them."""
    cfg = model_config({"preset": "llama_tiny", "heads": 1, "context": 256}, "t")
    layout = Layout(batch=8, micro_batch=4)
    with world(layout, cfg) as ranks:
        assert ranks.device.type == "cuda"
        stage = build_stage(cfg, ranks, compute=compute, seed=5, backend=backend, compiled=compiled)
        engine = Engine(cfg, stage, ranks, OptimizerConfig(), compute=compute, seed=11, eos=2)
        found = []
        for step in range(steps):
            inputs, labels = cases.batch_of(cfg, layout.batch, seed=step % 3)
            batches = cases.micro_batches(ranks, inputs, labels, step)
            found.append(engine.step(batches, step, 1e-3).loss)
        return found


@pytest.mark.parametrize("compiled", [False, True])
def test_every_backend_trains_as_float32_does(compiled: bool) -> None:
    expected = losses("sdpa", "float32", False)
    for backend in attention.available(torch.device("cuda"), torch.bfloat16):
        found = losses(backend, "bfloat16", compiled)
        assert found == pytest.approx(expected, rel=2e-2), backend


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices here")
def test_two_stages_over_nccl() -> None:
    cfg = cases.small()
    expected = cases.on_ranks(1, cases.trained, cfg, Layout(batch=8), "float32", 5)[0]
    found = cases.on_ranks(2, cases.trained, cfg, Layout(stages=2, batch=8), "float32", 5)
    assert np.allclose(found[0]["losses"], expected["losses"], rtol=1e-5)
