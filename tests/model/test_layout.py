"""Layouts: every sample and every layer once; what cannot run is an error at once."""

import pytest

from model.config import PRESETS, model_config
from model.layout import Layout, check, layers_of


@pytest.mark.parametrize("layers", [5, 7, 52, 53])
@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_every_layer_is_on_one_stage(layers: int, stages: int) -> None:
    """Megatron-LM 1304 built 28 of 30 layers."""
    parts = [list(layers_of(layers, stages, s)) for s in range(stages)]
    assert [i for part in parts for i in part] == list(range(layers))
    sizes = [len(p) for p in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    "layout",
    [
        Layout(batch=16),
        Layout(data_parallel=2, batch=16, micro_batch=4),
        Layout(data_parallel=4, stages=2, batch=24, micro_batch=3),
    ],
)
def test_every_sample_is_in_one_micro_batch(layout: Layout) -> None:
    found = [
        place
        for d in range(layout.data_parallel)
        for i in range(layout.micro_batches)
        for place in layout.samples(d, i)
    ]
    assert found == list(range(layout.batch))


def test_ranks_are_places() -> None:
    layout = Layout(data_parallel=3, stages=2, batch=6)
    assert [layout.place(r) for r in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_the_papers_layout() -> None:
    layout = Layout(data_parallel=256, stages=2, batch=4096)
    assert (layout.world, layout.micro_batches) == (512, 16)
    check(layout, PRESETS["skywork_13b"], 512)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"batch": 2, "stages": 4}, "2 micro-batches a step cannot fill 4 pipeline stages"),
        ({"batch": 6, "data_parallel": 4}, "not a multiple"),
        ({"batch": 8, "micro_batch": 3}, "not a multiple"),
        ({"batch": 0}, "batch must be at least 1"),
    ],
)
def test_layouts_that_cannot_run(sizes: dict, message: str) -> None:
    """torchtitan 775: fewer micro-batches than stages hung."""
    with pytest.raises(ValueError, match=message):
        Layout(**sizes)


def test_models_that_do_not_fit_a_layout() -> None:
    tiny = PRESETS["llama_tiny"]
    with pytest.raises(ValueError, match="4 layers cannot be 5 stages"):
        check(Layout(stages=5, batch=8), tiny, 5)
    with pytest.raises(ValueError, match="needs 2 ranks, there are 4"):
        check(Layout(data_parallel=2, batch=8), tiny, 4)
    tied = model_config({"preset": "llama_tiny", "tied": True}, "t")
    check(Layout(batch=8), tied, 1)
    with pytest.raises(ValueError, match="tied"):
        check(Layout(stages=2, batch=8), tied, 2)
