"""The loss of each text: beside plain NumPy, in any batch, for our models and others."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from experiments.small_runs import fit_pieces
from model.config import ModelConfig
from model.evaluate import scoring
from model.evaluate.scoring import Pieces, load
from model.huggingface import their_config, write_weights
from model.layout import Layout
from model.network import Stage, initialise
from model.settings import SettingsError
from tests.model import cases
from tests.model.plain import plain_llama
from tests.tokenizer_texts import make_tokenizer

CFG = ModelConfig(vocabulary=1400, hidden=48, layers=2, heads=3, ffn=64, context=90, init_std=0.2)
TEXTS = [
    "The tide mill stands at the mouth.",
    "今天天气不错，我们去公園散步吧。",
    "a",
    "",
    "x = 1\n\n  y",
]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "made"
    make_tokenizer(folder)
    return folder / "tokenizer.model"


def write_llama(folder: Path, tokenizer: Path, cfg: ModelConfig = CFG) -> dict[str, np.ndarray]:
    """A random Llama as a Hugging Face folder; its weights by our names."""
    stage = Stage(cfg)
    initialise(stage, cfg, seed=3)
    weights = {name: p.detach() for name, p in stage.named_parameters()}
    folder.mkdir(parents=True)
    shapes = cfg.parameter_shapes()
    write_weights(folder, shapes, lambda ns: {n: weights[n] for n in ns}, torch.float32)
    config = their_config(cfg, "float32", bos=None, eos=2)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
    return {name: value.numpy() for name, value in weights.items()}


def recomputed(weights: dict[str, np.ndarray], pieces: Pieces, text: str) -> float:
    """-log p of a text after the end of another document, one text at a time in NumPy."""
    tokens = np.array([pieces.prefix + pieces.encode(text)])
    logits = plain_llama(weights, tokens[:, :-1], CFG)[0].astype(np.float64)
    largest = logits.max(axis=1)
    norm = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return float((norm - logits[np.arange(len(norm)), tokens[0, 1:]]).sum())


@pytest.mark.parametrize("batch_tokens", [1, 60, 8192])
def test_beside_plain_numpy(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_tokens: int
) -> None:
    monkeypatch.setattr(scoring, "_BATCH_TOKENS", batch_tokens)
    weights = write_llama(tmp_path / "llama", tokenizer)
    scorer = load(tmp_path / "llama", None, torch.float32, CPU)
    seen: list[int] = []
    found = scorer.score(TEXTS, seen.append)
    pieces = Pieces(tokenizer)
    for text, loss in zip(TEXTS, found, strict=True):
        assert loss.tokens == len(pieces.encode(text))
        expected = recomputed(weights, pieces, text) if loss.tokens else 0.0
        assert loss.nats == pytest.approx(expected, rel=1e-5)
    assert sum(seen) == sum(loss.tokens > 0 for loss in found)
    likeliest = found[0].nats / found[0].tokens
    assert abs(likeliest - math.log(1400)) > 0.1  # no uniform model


def test_a_checkpoint_and_what_is_none(tokenizer: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
    one = Layout(batch=8, micro_batch=8)
    folder = tmp_path / "run/checkpoints"
    kept = cases.on_ranks(1, cases.write_checkpoint, CFG, one, str(folder), False, digest)[0]
    weights = {k.removeprefix("model."): v for k, v in kept.items() if k.startswith("model.")}
    pieces = Pieces(tokenizer)
    expected = recomputed(weights, pieces, TEXTS[0])
    (step,) = (p for p in folder.iterdir() if p.is_dir())
    for path in (tmp_path / "run", folder, step):
        scorer = load(path, tokenizer, torch.float32, CPU)
        assert scorer.score(TEXTS[:1])[0].nats == pytest.approx(expected, rel=1e-5)
    with pytest.raises(SettingsError, match="--tokenizer"):
        load(folder, None, torch.float32, CPU)
    with pytest.raises(SettingsError, match="neither a checkpoint nor"):
        load(tmp_path, tokenizer, torch.float32, CPU)
    other = tmp_path / "other.model"
    other.write_bytes(tokenizer.read_bytes() + b"\n")
    with pytest.raises(SettingsError, match=r"not the tokenizer|no SentencePiece"):
        load(folder, other, torch.float32, CPU)


def test_a_tokenizer_that_is_too_large_and_a_text_that_is_too_long(
    tokenizer: Path, tmp_path: Path
) -> None:
    small = ModelConfig(vocabulary=1000, hidden=48, layers=1, heads=3, ffn=64, context=90)
    write_llama(tmp_path / "small", tokenizer, small)
    with pytest.raises(SettingsError, match=r"1,400 pieces, a model of 1,000"):
        load(tmp_path / "small", None, torch.float32, CPU)
    write_llama(tmp_path / "llama", tokenizer)
    assert load(tmp_path / "llama", tokenizer, torch.float32, CPU).context == 90
    other = fit_pieces(TEXTS * 9, 300, tmp_path / "other")  # small enough, and another one
    with pytest.raises(SettingsError, match="not the tokenizer of .*llama"):
        load(tmp_path / "llama", other, torch.float32, CPU)
    scorer = load(tmp_path / "llama", None, torch.float32, CPU)
    with pytest.raises(SettingsError, match=r"document 2 has 151 tokens, more than .* 90"):
        scorer.score(["a", "1" * 149])
    assert scorer.score(["1" * 89])[0].tokens == 90


def test_beside_transformers(tokenizer: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    cfg = transformers.GPT2Config(
        vocab_size=300,
        n_positions=64,
        n_embd=48,
        n_layer=2,
        n_head=3,
        bos_token_id=1,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    folder = tmp_path / "gpt2"
    model = transformers.GPT2LMHeadModel(cfg).eval()
    model.save_pretrained(folder)
    _bytes_tokenizer(folder)
    scorer = load(folder, None, torch.float32, CPU)
    assert (scorer.context, scorer.tokenizer.prefix) == (64, [1])
    texts = ["abc", "hello there", "z"]
    for text, loss in zip(texts, scorer.score(texts), strict=True):
        tokens = torch.tensor([[1, *scorer.tokenizer.encode(text)]])
        with torch.no_grad():
            mean = model(tokens, labels=tokens).loss.item()
        assert loss.tokens == tokens.shape[1] - 1
        assert loss.nats == pytest.approx(mean * loss.tokens, rel=1e-4)


def _bytes_tokenizer(folder: Path) -> Any:
    """A tokenizer of single characters in transformers' own format."""
    import tokenizers
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "<s>": 1} | {chr(i): i for i in range(32, 127)}
    made = tokenizers.Tokenizer(WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = Split(tokenizers.Regex("."), "isolated")
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", unk_token="<unk>")
    fast.save_pretrained(folder)
