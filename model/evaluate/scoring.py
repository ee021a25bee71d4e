"""The loss of a model on each of some texts: one of our checkpoints, or a Hugging Face model."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sentencepiece
import torch
from torch import Tensor

from model.attention import Visible
from model.checkpoint import CheckpointError, newest, read_card
from model.config import IGNORED, ModelConfig
from model.export import read_tensors
from model.huggingface import load_weights, our_config
from model.loss import each_cross_entropy
from model.network import Stage
from model.settings import SettingsError, build

_BATCH_TOKENS = 8192  # padding included
Losses = Callable[[Tensor, Tensor], Tensor]  # tokens, labels [batch, time] to nats [batch, time]


@dataclass(frozen=True)
class Loss:
    """Of one text: -log p summed over its tokens, in nats, and how many those are."""

    nats: float
    tokens: int


class Tokenizer(Protocol):
    """Text to tokens."""

    @property
    def size(self) -> int:
        """How many tokens there are."""

    @property
    def prefix(self) -> Sequence[int]:
        """What stands in front of a document."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without those that begin or end a document."""


class Pieces:
    """A SentencePiece model. A document of our corpora follows the end of another one."""

    def __init__(self, path: Path) -> None:
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (OSError, RuntimeError) as e:
            raise SettingsError(f"{path}: no SentencePiece model ({e})") from e
        self.size: int = self._processor.vocab_size()
        self.prefix = [self._processor.eos_id()]
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def encode(self, text: str) -> list[int]:
        """As the token shards have it."""
        return list(self._processor.encode(text))


class TheirTokenizer:
    """A tokenizer of transformers; a document begins with `bos`, or `eos` where there is none."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.size = len(self._tokenizer)
        first = self._tokenizer.bos_token_id
        first = self._tokenizer.eos_token_id if first is None else first
        self.prefix = [] if first is None else [first]

    def encode(self, text: str) -> list[int]:
        """Without special tokens."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class Scorer:
    """A model that texts can be shown to. context: in tokens; losses: see `Losses`."""

    name: str
    context: int
    tokenizer: Tokenizer
    losses: Losses

    def score(
        self, texts: Sequence[str], done: Callable[[int], None] = lambda n: None
    ) -> list[Loss]:
        """The loss of each text, predicted after what begins a document.

        done: told how many texts have been scored.

        Raises:
            SettingsError: a text is longer than the context.
        """
        prefix = self.tokenizer.prefix
        encoded = [[*prefix, *self.tokenizer.encode(text)] for text in texts]
        for number, tokens in enumerate(encoded):
            if len(tokens) > self.context + 1:
                raise SettingsError(
                    f"document {number + 1} has {len(tokens):,} tokens, more than the context of "
                    f"{self.name}, {self.context:,}: cut it (--max-chars)"
                )
        found = [Loss(0.0, 0)] * len(texts)
        for rows in _batches([len(t) for t in encoded]):
            some = [encoded[r] for r in rows]
            longest = max(map(len, some))
            padded = torch.zeros(len(some), longest, dtype=torch.int64)
            labels = torch.full((len(some), longest), IGNORED)
            for i, tokens in enumerate(some):
                padded[i, : len(tokens)] = labels[i, : len(tokens)] = torch.tensor(tokens)
            with torch.inference_mode():
                nats = self.losses(padded[:, :-1], labels[:, 1:]).double().sum(dim=1).tolist()
            for row, tokens, loss in zip(rows, some, nats, strict=True):
                found[row] = Loss(loss, len(tokens) - 1)
            done(len(rows))
        return found


def _batches(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts with something to predict, of like size together."""
    held: list[int] = []
    for row in sorted((r for r, n in enumerate(sizes) if n > 1), key=lambda r: (sizes[r], r)):
        if held and (len(held) + 1) * sizes[row] > _BATCH_TOKENS:
            yield held
            held = []
        held.append(row)
    if held:
        yield held


def load(path: Path, tokenizer: Path | None, dtype: torch.dtype, device: torch.device) -> Scorer:
    """A model by its path: a run of ours (its `checkpoints` or one step of them), or a folder of
    Hugging Face. Llamas are run by our own network, others by transformers, if it is installed.

    tokenizer: the SentencePiece model; in the folder itself where None.

    Raises:
        SettingsError: no model there, no tokenizer, or one that is not the model's.
    """
    if (path / "config.json").exists():
        return _exported(path, tokenizer, dtype, device)
    step = path if (path / "card.json").exists() else newest(path) or newest(path / "checkpoints")
    if step is None:
        raise SettingsError(f"{path}: neither a checkpoint nor a Hugging Face model")
    try:
        card = read_card(step)
    except CheckpointError as e:
        raise SettingsError(str(e)) from e
    if tokenizer is None:
        raise SettingsError(f"{path}: --tokenizer: which tokenizer.model the shards were made with")
    pieces = Pieces(tokenizer)
    if pieces.digest != card["tokenizer"]:
        raise SettingsError(
            f"{tokenizer}: not the tokenizer of {step} ({card['tokenizer'][:12]}...)"
        )
    cfg = build(ModelConfig, card["model"], f"{step}: model")
    stage = Stage(cfg)
    with torch.no_grad():
        for name, value in read_tensors(step, cfg, cfg.parameter_shapes()).items():
            stage.get_parameter(name).copy_(value)
    return Scorer(
        str(path), cfg.context, _fitting(pieces, cfg.vocabulary, path), own(stage, dtype, device)
    )


def _exported(
    folder: Path, tokenizer: Path | None, dtype: torch.dtype, device: torch.device
) -> Scorer:
    its = folder / "tokenizer.model"
    pieces = tokenizer or its
    if tokenizer and its.exists() and Pieces(tokenizer).digest != Pieces(its).digest:
        raise SettingsError(f"{tokenizer}: not the tokenizer of {folder}, which has one of its own")
    kind = json.loads((folder / "config.json").read_text(encoding="utf8")).get("model_type")
    if kind == "llama" and pieces.exists():
        cfg = our_config(folder)
        stage = Stage(cfg)
        load_weights(folder, stage)
        fitting = _fitting(Pieces(pieces), cfg.vocabulary, folder)
        return Scorer(str(folder), cfg.context, fitting, own(stage, dtype, device))
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as e:
        raise SettingsError(f"{folder}: a {kind}: pip install transformers") from e
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    config = theirs.config
    context = getattr(config, "max_position_embeddings", None) or getattr(
        config, "n_positions", None
    )
    if context is None:
        raise SettingsError(f"{folder}/config.json: it does not say how long its context is")
    fitting = _fitting(TheirTokenizer(folder), config.vocab_size, folder)
    return Scorer(str(folder), context, fitting, _of_transformers(theirs.to(device).eval(), device))


def _fitting(tokenizer: Tokenizer, vocabulary: int, where: Path) -> Tokenizer:
    if tokenizer.size > vocabulary:
        raise SettingsError(
            f"{where}: a tokenizer of {tokenizer.size:,} pieces, a model of {vocabulary:,}: "
            "not the model's tokenizer"
        )
    return tokenizer


def own(stage: Stage, dtype: torch.dtype, device: torch.device) -> Losses:
    """The losses of a whole model of ours."""
    stage = stage.to(device=device, dtype=dtype).eval()
    head = stage.head
    assert head is not None
    stage.head = None  # it would sum over all texts of a batch

    def losses(tokens: Tensor, labels: Tensor) -> Tensor:
        hidden = head.norm(stage(tokens.to(device), Visible()))
        found = each_cross_entropy(hidden.flatten(0, 1), head.weight, labels.to(device).flatten())
        return found.view_as(tokens)

    return losses


def _of_transformers(model: Any, device: torch.device) -> Losses:
    def losses(tokens: Tensor, labels: Tensor) -> Tensor:
        found = []
        for row, wanted in zip(
            tokens.to(device), labels.to(device), strict=True
        ):  # logits are large
            logits = model(input_ids=row[None], use_cache=False).logits[0].float()
            cross = torch.nn.functional.cross_entropy
            found.append(cross(logits, wanted, ignore_index=IGNORED, reduction="none"))
        return torch.stack(found)

    return losses
