"""Small training runs on real text: a tokenizer, shards, a plan, the trainer."""

import dataclasses
import gzip
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import sentencepiece
import torch

from experiments.shards import Phase, Source, shard, write_plan
from model import train as trainer
from model.checkpoint import newest, read_card
from model.mixture import read_plan
from model.run_config import read_config
from model.watch import validations

SMALL = {"hidden": 64, "layers": 2, "heads": 2, "ffn": 172, "context": 128}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file, also .gz."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf8") as lines:
        yield from map(json.loads, lines)


def place(text: str) -> float:
    """A number from 0 to 1 that a text has by its hash: what is drawn does not depend on order."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def fit_pieces(
    texts: Sequence[str], vocabulary: int, folder: Path, coverage: float = 0.9995
) -> Path:
    """A SentencePiece model of LLaMA's kind (BPE, byte fallback, digits split); its file.

    coverage: the share of the texts' characters that get a piece each, the others are bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=vocabulary,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        character_coverage=coverage,
        max_sentence_length=1 << 16,
        num_threads=1,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


@dataclass(frozen=True, kw_only=True)
class Size:
    """What most experiments have in common: 0.5M parameters on English and Chinese text.

    coverage: see `fit_pieces`; windows: of each validation set.
    """

    batch: int = 8
    windows: int = 12
    vocabulary: int = 3072
    coverage: float = 0.985
    model: Mapping[str, Any] = field(default_factory=lambda: SMALL)

    @property
    def step_tokens(self) -> int:
        """Tokens a step."""
        return self.batch * int(self.model["context"])

    def scaled(self, factor: float, *steps: str) -> Self:
        """The same with so many times the steps of some fields, eight at least."""
        more = {name: max(8, round(getattr(self, name) * factor)) for name in steps}
        return dataclasses.replace(self, **more)

    def pieces(self, sources: Iterable[Source], folder: Path) -> Path:
        """A tokenizer of what the sources train on; its file."""
        texts = [text for source in sources for text in source.train]
        return fit_pieces(texts, self.vocabulary, folder, self.coverage)


@dataclass(frozen=True)
class Run:
    """A run that has ended. losses: validation set to (step, nats a token)."""

    folder: Path
    tokens: int
    seconds: float
    losses: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    @property
    def checkpoints(self) -> Path:
        """Where its last step is."""
        return self.folder / "out/checkpoints"


def train(
    folder: Path,
    sources: Mapping[str, Source],
    pieces: Path,
    model: Mapping[str, Any],
    *,
    batch: int = 16,
    peak: float = 3e-3,
    final: float = 3e-4,
    kind: str = "cosine",
    seed: int = 0,
    validations: int = 4,
    weights: Path | None = None,
) -> Run:
    """Trains on all sources for as many tokens as their epochs are, each with its part of them.

    model: hidden, layers, heads, ffn, context (and shape). weights: a Hugging Face Llama to go on
    from.

    Raises:
        ValueError: what the trainer refuses.
    """
    made = shard(folder, sources, pieces)
    given = {name: made[name]["tokens"] * source.epochs for name, source in sources.items()}
    step = batch * int(model["context"])
    steps = int(sum(given.values())) // step
    shares = {name: tokens / sum(given.values()) for name, tokens in given.items()}
    most = max(5.0, *(source.epochs for source in sources.values()))
    write_plan(folder, made, pieces, {"only": Phase(steps, shares)}, step, max_epochs=most)
    session = {"name": "only", "phase": "only", "kind": kind, "peak": peak}
    if kind == "cosine":
        session |= {"final": final, "warmup_steps": max(1, steps // 50)}
    every = max(1, steps // validations)
    return launch(
        folder, model, [session], batch=batch, seed=seed, validate_every=every, weights=weights
    )


def launch(
    folder: Path,
    model: Mapping[str, Any],
    sessions: Sequence[Mapping[str, Any]],
    *,
    batch: int = 16,
    seed: int = 0,
    validate_every: int = 0,
    windows: int = 256,
    keep_all: bool = False,
    weights: Path | None = None,
) -> Run:
    """Runs the sessions over FOLDER/plan.json, from where FOLDER/out is, in one thread.

    sessions: tables as in a configuration of the trainer. validate_every: steps; 0: at the ends of
    sessions alone. windows: of each validation set. keep_all: a checkpoint stays at each of them.

    Raises:
        ValueError: what the trainer refuses. KeyboardInterrupt: it was asked to stop.
    """
    begun = time.perf_counter()
    plan = json.loads((folder / "plan.json").read_text(encoding="utf8"))
    run: dict[str, Any] = {"out": "out", "seed": seed}
    if weights is not None:
        run["weights"] = str(weights.resolve())
    settings = {
        "run": run,
        "model": {"vocabulary": plan["vocabulary"], **model},
        "data": {"plan": "plan.json", "document_mask": True},
        "layout": {"batch": batch, "micro_batch": batch},
        "checkpoint": {"every": 0, "milestone_every": validate_every if keep_all else 0},
        "watch": {
            "validate_every": validate_every,
            "validation_windows": windows,
            "log_every": 50,
        },
    }
    text = "".join(_table(f"[{name}]", values) for name, values in settings.items())
    text += "".join(_table("[[sessions]]", session) for session in sessions)
    (folder / "run.toml").write_text(text)
    before = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    try:
        cfg = read_config(folder / "run.toml")
        trainer.train(cfg)
    finally:
        torch.set_num_threads(before)
    last = newest(folder / "out/checkpoints")
    card = {"step": 0} if last is None else read_card(last)
    end = cfg.spans(read_plan(cfg.plan_path))[-1]
    if card["step"] < end.first + end.steps:  # the trainer leaves in good order on SIGTERM
        raise KeyboardInterrupt(f"{folder}: stopped at step {card['step']}")
    tokens = int(card["tokens"])
    losses = validations(folder / "out/metrics.jsonl")
    return Run(folder, tokens, time.perf_counter() - begun, losses)


def branch(folder: Path, into: Path) -> None:
    """A copy of a plan and its run, if that has begun, to go on otherwise; shards are shared."""
    into.mkdir(parents=True)
    for name in ("train", "validation"):
        if (folder / name).exists():
            (into / name).symlink_to((folder / name).resolve())
    shutil.copy(folder / "plan.json", into / "plan.json")
    if (folder / "out").exists():
        shutil.copytree(folder / "out", into / "out")


def _table(head: str, values: Mapping[str, Any]) -> str:
    return f"{head}\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()) + "\n"


def write(out: Path, name: str, said: Mapping[str, Any], table: str) -> None:
    """OUT/NAME.json and NAME.md; the table is printed."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf8")
    (out / f"{name}.md").write_text(table + "\n", encoding="utf8")
    print(table, flush=True)
