"""The summed cross-entropy in pieces against PyTorch's with all logits."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

import torch.nn.functional as F

from model.config import IGNORED
from model.loss import _SummedCrossEntropy, summed_cross_entropy


def inputs(dtype: "torch.dtype", tokens: int = 300) -> tuple:
    g = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, 24, generator=g, dtype=torch.float64).to(dtype)
    weight = torch.randn(97, 24, generator=g, dtype=torch.float64).to(dtype)
    labels = torch.randint(0, 97, (tokens,), generator=g)
    labels[::7] = IGNORED
    labels[-40:] = IGNORED
    return hidden.requires_grad_(), weight.requires_grad_(), labels


@pytest.mark.parametrize("rows", [1, 64, 299, 300, 1000])
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-14), ("float32", 5e-7)])
def test_loss_and_gradients(dtype: str, bound: float, rows: int) -> None:
    hidden, weight, labels = inputs(getattr(torch, dtype))
    plain = F.cross_entropy(hidden @ weight.T, labels, ignore_index=IGNORED, reduction="sum")
    expected = torch.autograd.grad(plain * 0.37, (hidden, weight))
    ours = _SummedCrossEntropy.apply(hidden, weight, labels, rows)
    found = torch.autograd.grad(ours * 0.37, (hidden, weight))
    assert abs((ours / plain).item() - 1) < bound
    for a, b in zip(found, expected, strict=True):
        assert ((a - b).norm() / b.norm()).item() < bound


def test_the_sum_is_float32_where_the_model_is_bfloat16() -> None:
    """`F.linear_cross_entropy` of torch 2.13 returns bfloat16: three digits."""
    hidden, weight, labels = inputs(torch.bfloat16)
    exact = F.cross_entropy(
        hidden.double() @ weight.double().T, labels, ignore_index=IGNORED, reduction="sum"
    )
    ours = summed_cross_entropy(hidden, weight, labels)
    assert ours.dtype == torch.float32
    assert abs((ours.double() / exact).item() - 1) < 2e-3
    (slope,) = torch.autograd.grad(ours, weight)
    assert slope.dtype == torch.bfloat16


def test_labels_that_all_count_for_nothing() -> None:
    hidden, weight, labels = inputs(torch.float32)
    loss = summed_cross_entropy(hidden, weight, torch.full_like(labels, IGNORED))
    loss.backward()
    assert loss.item() == 0
    assert not hidden.grad.any()
    assert not weight.grad.any()


def test_no_gradients_are_made_where_none_are_asked_for() -> None:
    hidden, weight, labels = inputs(torch.float32)
    with torch.no_grad():
        loss = summed_cross_entropy(hidden, weight, labels)
    assert not loss.requires_grad
    assert loss.item() > 0
