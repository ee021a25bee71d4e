"""Token shards and a mixture plan of some texts, as the stages `tokens` and `plan` write them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece


@dataclass(frozen=True)
class Source:
    """Texts of a domain. epochs: how often its training texts are shown in the run."""

    train: Sequence[str]
    held: Sequence[str] = ()
    epochs: float = 1.0


@dataclass(frozen=True)
class Phase:
    """A stretch of a plan: so many steps, in which each domain has its share of the samples."""

    steps: int
    shares: Mapping[str, float]


def even(names: Sequence[str]) -> dict[str, float]:
    """The same share of everything."""
    return {name: 1 / len(names) for name in names}


def shard(folder: Path, sources: Mapping[str, Source], pieces: Path) -> dict[str, dict[str, Any]]:
    """The shards of all sources, training and held out, in FOLDER; their entries in a plan."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    entries: dict[str, dict[str, Any]] = {}
    for name, source in sources.items():
        made = _shards(folder / "train" / name, name, "train", source.train, processor, pieces)
        held: dict[str, Any] = {"validation": None, "validation_tokens": 0}
        if source.held:
            path = folder / "validation" / name
            other = _shards(path, name, "validation", source.held, processor, pieces)
            held = {"validation": f"validation/{name}", "validation_tokens": other["tokens"]}
        entries[name] = {"train": f"train/{name}", **made, **held}
    return entries


def write_plan(
    folder: Path,
    entries: Mapping[str, Mapping[str, Any]],
    pieces: Path,
    phases: Mapping[str, Phase],
    step_tokens: int,
    max_epochs: float = 5,
) -> None:
    """FOLDER/plan.json, of phases by name, in order. entries: what `shard` gives.

    max_epochs: as often may a domain be read; the trainer refuses more.
    """
    processor = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    said = [
        {"name": name, "tokens": p.steps * step_tokens, "power": 1}
        | {"start": dict(p.shares), "end": dict(p.shares)}
        for name, p in phases.items()
    ]
    plan = {
        **{"format": "skypile-plan", "version": 1},
        **{"tokenizer": _digest(pieces), "max_epochs": max_epochs},
        **{"eos": processor.eos_id(), "vocabulary": processor.vocab_size()},
        **{"domains": entries, "phases": said},
    }
    (folder / "plan.json").write_text(json.dumps(plan))


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
