"""A minute of training on real text as bytes: does every domain's validation loss fall?

The texts of `../shared/data` (zh_web_text, domain_text) by domain, every twentieth held out; shards
and plan as the stages `tokens` and `plan` write them, with 256 + 3 tokens in place of a tokenizer.
"""

import gzip
import hashlib
import json
import math
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from experiments.shards import write_shard

VOCABULARY, EOS, OFFSET = 259, 2, 3
TOKENIZER = hashlib.sha256(b"bytes + 3").hexdigest()
STEPS, BATCH, CONTEXT = 120, 8, 256
CONFIG = f"""
[run]
out = "out"

[model]
vocabulary = {VOCABULARY}
hidden = 192
layers = 4
heads = 6
ffn = 512
context = {CONTEXT}

[data]
plan = "plan.json"
document_mask = true
check_files = true

[layout]
batch = {BATCH}
micro_batch = {BATCH}

[checkpoint]
every = 0

[watch]
validate_every = 40
validation_windows = 48

[[sessions]]
name = "session_one"
phase = "session_one"
kind = "cosine"
peak = 2e-3
final = 2e-4
warmup_steps = 20

[[sessions]]
name = "stage_two"
phase = "stage_two"
kind = "constant"
peak = 2e-4
"""


def domains(data: Path) -> dict[str, list[bytes]]:
    """Texts by domain, the six largest."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for name in ("zh_web_text", "domain_text"):
        with gzip.open(data / name / "texts.jsonl.gz", "rt", encoding="utf8") as f:
            for row in map(json.loads, f):
                lang = "zh" if name == "zh_web_text" else row["lang"]
                label = "".join(c if c.isalnum() else "_" for c in row["domain"])
                found[f"{lang}_{label}.main"].append(row["text"].encode())
    sizes = sorted(found, key=lambda k: -sum(map(len, found[k])))
    return {k: found[k] for k in sizes[:6]}


def shards(folder: Path, domain: str, split: str, texts: list[bytes]) -> dict[str, int]:
    """One file of one domain; its tokens and documents."""
    streams = [np.append(np.frombuffer(t, np.uint8).astype("<u2") + OFFSET, EOS) for t in texts]
    said = {"tokenizer": TOKENIZER, "vocabulary": VOCABULARY, "eos": EOS}
    return write_shard(folder, streams, {"domain": domain, "split": split, **said})


def unigram(train: list[bytes], held: list[bytes]) -> float:
    """Nats a byte of held-out text when each byte is guessed by how frequent it is in training."""
    counts = np.ones(VOCABULARY)
    counts += np.bincount(np.frombuffer(b"".join(train), np.uint8), minlength=VOCABULARY)
    logs = np.log(counts / counts.sum())
    return -float(logs[np.frombuffer(b"".join(held), np.uint8)].mean())


def train_on_text(data: Path, folder: Path) -> dict[str, tuple[float, float, float]]:
    """{domain: (loss before, loss after, loss of knowing only how frequent bytes are)}."""
    entries, floors = {}, {}
    for name, texts in domains(data).items():
        held, train = texts[::20], [t for i, t in enumerate(texts) if i % 20]
        floors[name] = unigram(train, held)
        mine = shards(folder / "train" / name, name, "train", train)
        other = shards(folder / "validation" / name, name, "validation", held)
        entries[name] = {
            "train": f"train/{name}",
            "tokens": mine["tokens"],
            "documents": mine["documents"],
            "validation": f"validation/{name}",
            "validation_tokens": other["tokens"],
        }
    even = dict.fromkeys(entries, 1 / len(entries))
    tokens = STEPS * BATCH * CONTEXT
    phases = [
        {"name": "session_one", "tokens": tokens * 5 // 6, "start": even, "end": even, "power": 1},
        {"name": "stage_two", "tokens": tokens // 6, "start": even, "end": even, "power": 1},
    ]
    plan = {
        **{"format": "skypile-plan", "version": 1, "tokenizer": TOKENIZER, "eos": EOS},
        **{"vocabulary": VOCABULARY, "max_epochs": 5, "domains": entries, "phases": phases},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "run.toml").write_text(CONFIG)
    subprocess.run(
        [sys.executable, "-m", "model.train", str(folder / "run.toml")],
        check=True,
        stdout=sys.stderr,
    )
    lines = (folder / "out/metrics.jsonl").read_text().splitlines()
    losses = [x["validation"] for x in map(json.loads, lines) if "validation" in x]
    assert all(math.isfinite(v) for x in losses for v in x.values())
    return {n: (losses[0][n], losses[-1][n], floors[n]) for n in entries}
