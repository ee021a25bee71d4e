"""Attention against the formula; who sees whom; backends that are not there."""

import itertools
import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model.attention import attend, available, choose, visible

EOS = 2
CPU = torch.device("cpu")
TOKENS = torch.tensor([[5, 6, EOS, 7, 8, 9, EOS, EOS, 5], [9] * 9])
DOCUMENTS = [[0, 0, 0, 1, 1, 1, 1, 2, 3], [0] * 9]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def by_hand(q, k, v, allowed):  # type: ignore[no-untyped-def]
    scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~allowed.unsqueeze(1), -math.inf)
    return torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v)


def qkv(dtype: "torch.dtype" = torch.float64) -> list:
    g = torch.Generator().manual_seed(1)
    return [torch.randn(2, 9, 3, 8, generator=g, dtype=torch.float64).to(dtype) for _ in range(3)]


@pytest.mark.parametrize("masked", [False, True])
def test_sdpa_is_the_formula(masked: bool) -> None:
    documents = torch.tensor(DOCUMENTS)
    allowed = torch.ones(9, 9, dtype=torch.bool).tril().expand(2, 9, 9)
    if masked:
        allowed = allowed & (documents.unsqueeze(2) == documents.unsqueeze(1))
    seen = visible(TOKENS, EOS if masked else None, "sdpa")
    found = attend(*qkv(), seen, "sdpa")
    assert torch.allclose(found, by_hand(*qkv(), allowed), rtol=0, atol=1e-14)


def test_ends_of_documents_for_variable_length_kernels() -> None:
    seen = visible(TOKENS, EOS, "varlen")
    assert seen.ends.tolist() == [0, 3, 7, 8, 9, 18]
    assert seen.longest == 9
    assert seen.ends.dtype == torch.int32
    whole = visible(TOKENS, None, "varlen")
    assert (whole.ends.tolist(), whole.longest) == ([0, 9, 18], 9)


def test_the_ends_and_the_mask_say_the_same() -> None:
    mask = visible(TOKENS, EOS, "sdpa").mask[:, 0]
    ends = visible(TOKENS, EOS, "varlen").ends.tolist()
    for a, b in itertools.pairwise(ends):
        row, first, last = a // 9, a % 9, (b - 1) % 9 + 1
        assert mask[row, first:last, first:last].tril().sum() == (b - a) * (b - a + 1) // 2
        assert mask[row, first:last].sum() == (b - a) * (b - a + 1) // 2


def test_backends_on_a_cpu() -> None:
    """flash-attention 1832, 1717: never needed to import or to train."""
    assert available(CPU, torch.float32) == ("sdpa",)
    assert choose("auto", CPU, torch.bfloat16) == "sdpa"
    with pytest.raises(ValueError, match="cannot run on cpu"):
        choose("flash_attn", CPU, torch.bfloat16)


def test_float32_on_a_gpu_does_not_take_half_precision_kernels() -> None:
    assert available(torch.device("cuda"), torch.float32) == ("sdpa",)


@needs_gpu
@pytest.mark.parametrize("masked", [False, True])
def test_kernels_of_the_gpu_give_the_same_numbers(masked: bool) -> None:
    device = torch.device("cuda")
    q, k, v = (x.repeat(1, 1, 1, 8).to(device, torch.bfloat16) for x in qkv())
    tokens = TOKENS.to(device)
    eos = EOS if masked else None
    expected = attend(q, k, v, visible(tokens, eos, "sdpa"), "sdpa")
    for backend in available(device, torch.bfloat16):
        found = attend(q, k, v, visible(tokens, eos, backend), backend)
        assert torch.allclose(found.float(), expected.float(), atol=2e-2), backend
