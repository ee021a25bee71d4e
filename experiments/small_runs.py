"""Small training runs on real text: a tokenizer, shards, a plan, the trainer's own command."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

PYTHON = sys.executable


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file, also .gz."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf8") as lines:
        yield from map(json.loads, lines)


def place(text: str) -> float:
    """A number from 0 to 1 that a text has by its hash: what is drawn does not depend on order."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def fit_pieces(texts: Sequence[str], vocabulary: int, folder: Path) -> Path:
    """A SentencePiece model of LLaMA's kind (BPE, byte fallback, digits split); its file."""
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
        character_coverage=0.9995,
        max_sentence_length=1 << 16,
        num_threads=1,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


@dataclass(frozen=True)
class Source:
    """Texts of a domain. epochs: how often its training texts are shown in the run."""

    train: Sequence[str]
    held: Sequence[str] = ()
    epochs: float = 1.0


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
        subprocess.CalledProcessError: the trainer failed; it has said why.
    """
    begun = time.perf_counter()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    entries, given = {}, {}
    for name, source in sources.items():
        made = _shards(folder / "train" / name, name, "train", source.train, processor, pieces)
        entries[name] = {
            "train": f"train/{name}",
            **made,
            "validation": None,
            "validation_tokens": 0,
        }
        given[name] = made["tokens"] * source.epochs
        if source.held:
            other = _shards(
                folder / "validation" / name, name, "validation", source.held, processor, pieces
            )
            entries[name]["validation"] = f"validation/{name}"
            entries[name]["validation_tokens"] = other["tokens"]
    step = batch * int(model["context"])
    steps = int(sum(given.values())) // step
    shares = {name: tokens / sum(given.values()) for name, tokens in given.items()}
    phase = {"name": "only", "tokens": steps * step, "start": shares, "end": shares, "power": 1}
    plan = {
        **{"format": "skypile-plan", "version": 1, "tokenizer": _digest(pieces), "max_epochs": 5},
        **{"eos": processor.eos_id(), "vocabulary": processor.vocab_size()},
        **{"domains": entries, "phases": [phase]},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    run: dict[str, Any] = {"out": "out", "seed": seed}
    if weights is not None:
        run["weights"] = str(weights.resolve())
    settings = {
        "run": run,
        "model": {"vocabulary": processor.vocab_size(), **model},
        "data": {"plan": "plan.json", "document_mask": True},
        "layout": {"batch": batch, "micro_batch": batch},
        "checkpoint": {"every": 0},
        "watch": {
            "validate_every": max(1, steps // validations),
            "validation_windows": 256,
            "log_every": 50,
        },
    }
    session = {"name": "only", "phase": "only", "kind": kind, "peak": peak}
    if kind == "cosine":
        session |= {"final": final, "warmup_steps": max(1, steps // 50)}
    text = "".join(_table(f"[{name}]", values) for name, values in settings.items())
    (folder / "run.toml").write_text(text + _table("[[sessions]]", session))
    subprocess.run(
        [PYTHON, "-m", "model.train", str(folder / "run.toml")],
        check=True,
        stdout=sys.stderr,
        env=os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
    )
    losses: dict[str, list[tuple[int, float]]] = {}
    for line in rows(folder / "out/metrics.jsonl"):
        for name, loss in line.get("validation", {}).items():
            losses.setdefault(name, []).append((line["step"], loss))
    return Run(folder, steps * step, time.perf_counter() - begun, losses)


def _table(head: str, values: Mapping[str, Any]) -> str:
    return f"{head}\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()) + "\n"


def _digest(pieces: Path) -> str:
    return hashlib.sha256(pieces.read_bytes()).hexdigest()


def _shards(
    folder: Path, domain: str, split: str, texts: Sequence[str], processor: Any, pieces: Path
) -> dict[str, int]:
    """The texts' shard; its tokens and documents."""
    eos, size = processor.eos_id(), processor.vocab_size()
    streams = [np.array([*ids, eos], "<u2") for ids in processor.encode(list(texts))]
    said = {"tokenizer": _digest(pieces), "vocabulary": size, "eos": eos}
    return write_shard(folder, streams, {"domain": domain, "split": split, **said})


def write_shard(
    folder: Path, streams: Sequence[np.ndarray], said: Mapping[str, Any]
) -> dict[str, int]:
    """One file of one domain, as stage `tokens` writes it; its tokens and documents.

    streams: the tokens of each document, its end included. said: domain, split, tokenizer,
    vocabulary, eos.
    """
    folder.mkdir(parents=True)
    tokens = np.concatenate(streams).astype("<u2").tobytes()
    ends = np.cumsum([len(s) for s in streams]).astype("<u8").tobytes()
    (folder / "part-00000.u16").write_bytes(tokens)
    (folder / "part-00000.docs").write_bytes(ends)
    counts = {"tokens": len(tokens) // 2, "documents": len(streams)}
    digests = {
        "sha256": hashlib.sha256(tokens).hexdigest(),
        "docs_sha256": hashlib.sha256(ends).hexdigest(),
    }
    file = {"name": "part-00000.u16", "docs": "part-00000.docs", **counts, **digests}
    manifest = {"format": "skypile-shard", "version": 1, **said, **counts, "files": [file]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return counts


def write(out: Path, name: str, said: Mapping[str, Any], table: str) -> None:
    """OUT/NAME.json and NAME.md; the table is printed."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf8")
    (out / f"{name}.md").write_text(table + "\n", encoding="utf8")
    print(table, flush=True)
