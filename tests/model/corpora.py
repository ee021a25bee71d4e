"""A writer of token shards and mixture plans for tests, as docs/trainer.md has the formats."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TOKENIZER = hashlib.sha256(b"a tokenizer").hexdigest()
EOS = 2


def documents(
    n: int, vocabulary: int, seed: int, longest: int = 90, order: int = 1
) -> list[np.ndarray]:
    """Documents from a Markov chain that a small model can learn; each domain has its own chain."""
    rng = np.random.default_rng(seed)
    likely = rng.integers(3, vocabulary, size=(vocabulary, 4))
    out = []
    for _ in range(n):
        length = int(rng.integers(5, longest))
        tokens = np.empty(length, np.int64)
        token = int(rng.integers(3, vocabulary))
        for i in range(length):
            tokens[i] = token
            token = int(likely[token, rng.integers(0, 4)])
        out.append(tokens)
    return out


def write_shards(
    folder: Path,
    domain: str,
    docs: Sequence[np.ndarray],
    *,
    split: str = "train",
    files: int = 2,
    vocabulary: int = 512,
) -> dict[str, Any]:
    """Shards of a domain; returns its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for i in range(files):
        mine = docs[i * len(docs) // files : (i + 1) * len(docs) // files]
        stream = [np.append(d, EOS) for d in mine]
        tokens = np.concatenate([*stream, np.zeros(0, np.int64)]).astype("<u2")
        ends = np.cumsum([len(d) for d in stream], dtype="<u8").astype("<u8")
        name, ends_name = f"part-{i:05d}.u16", f"part-{i:05d}.docs"
        (folder / name).write_bytes(tokens.tobytes())
        (folder / ends_name).write_bytes(ends.tobytes())
        entries.append(
            {
                "name": name,
                "docs": ends_name,
                "tokens": len(tokens),
                "documents": len(ends),
                "sha256": hashlib.sha256(tokens.tobytes()).hexdigest(),
                "docs_sha256": hashlib.sha256(ends.tobytes()).hexdigest(),
            }
        )
    manifest = {
        "format": "skypile-shard",
        "version": 1,
        "domain": domain,
        "split": split,
        "tokenizer": TOKENIZER,
        "vocabulary": vocabulary,
        "eos": EOS,
        "tokens": sum(e["tokens"] for e in entries),
        "documents": sum(e["documents"] for e in entries),
        "files": entries,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return manifest


def phase(
    name: str,
    tokens: int,
    start: Mapping[str, float],
    end: Mapping[str, float] | None = None,
    power: float = 1.0,
) -> dict[str, Any]:
    return {
        "name": name,
        "tokens": tokens,
        "start": dict(start),
        "end": dict(start if end is None else end),
        "power": power,
    }


def write_corpus(
    root: Path,
    sizes: Mapping[str, int],
    phases: Sequence[dict[str, Any]],
    *,
    vocabulary: int = 512,
    validation: int = 12,
    max_epochs: float = 5,
) -> Path:
    """Domains of so many documents, a validation set each, and a plan; returns the plan's path."""
    domains = {}
    for seed, (name, n) in enumerate(sizes.items()):
        every = documents(n + validation, vocabulary, seed)
        train = write_shards(root / "train" / name, name, every[:n], vocabulary=vocabulary)
        entry: dict[str, Any] = {
            "train": f"train/{name}",
            "tokens": train["tokens"],
            "documents": train["documents"],
            "validation": None,
            "validation_tokens": 0,
        }
        if validation:
            held = write_shards(
                root / "validation" / name,
                name,
                every[n:],
                split="validation",
                files=1,
                vocabulary=vocabulary,
            )
            entry |= {
                "validation": f"validation/{name}",
                "validation_tokens": held["tokens"],
            }
        domains[name] = entry
    plan = {
        "format": "skypile-plan",
        "version": 1,
        "tokenizer": TOKENIZER,
        "vocabulary": vocabulary,
        "eos": EOS,
        "max_epochs": max_epochs,
        "domains": domains,
        "phases": list(phases),
    }
    path = root / "plan.json"
    path.write_text(json.dumps(plan))
    return path
