"""`python -m model.export CHECKPOINTS OUT`: milestones of a run as Hugging Face models, with cards.

CHECKPOINTS: the folder of a run (`out/checkpoints`). Every milestone becomes OUT/NAME, or the ones
named by --milestone; --latest exports the newest checkpoint, milestone or not. One process, no
process group, whatever layout wrote them; memory: one file of weights.
"""

import argparse
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import CheckpointError, complete, newest, read_card
from model.config import ModelConfig
from model.huggingface import their_config, write_tokenizer, write_weights
from model.ranks import DTYPES
from model.reading import read_into
from model.settings import SettingsError, build


def read_tensors(
    checkpoint: Path, cfg: ModelConfig, names: Iterable[str], dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Some parameters of a checkpoint, whole, without a process group."""
    shapes = cfg.parameter_shapes()
    state = {f"model.{n}": torch.empty(shapes[n], dtype=dtype) for n in names}
    with warnings.catch_warnings():  # one process is what is meant
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        try:
            read_into(state, checkpoint, alone=True)
        except RuntimeError as e:
            raise CheckpointError(f"{checkpoint}: does not load: {e}") from e
    return {n.removeprefix("model."): t for n, t in state.items()}


def export(checkpoint: Path, out: Path, *, dtype: str, eos: int, tokenizer: Path | None) -> None:
    """One checkpoint as a Hugging Face folder, complete or not there.

    eos: the token that ends documents. tokenizer: the SentencePiece model of the shards.

    Raises:
        CheckpointError: incomplete. SettingsError: no LLaMA shape, another tokenizer, or `out`
        is there.
    """
    card = read_card(checkpoint)
    cfg = build(ModelConfig, card["model"], f"{checkpoint}: model")
    if out.exists():
        raise SettingsError(f"{out} is there already")
    config = their_config(cfg, dtype, bos=None, eos=eos)
    scratch = out.with_name(f"{out.name}.tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    wide = torch.float64 if card["compute"] == "float64" else torch.float32

    def read(names: Iterable[str]) -> dict[str, Tensor]:
        return read_tensors(checkpoint, cfg, names, wide)

    write_weights(scratch, cfg.parameter_shapes(), read, DTYPES[dtype])
    _json(scratch / "config.json", config)
    _json(scratch / "generation_config.json", {"eos_token_id": eos})
    if tokenizer is not None:
        write_tokenizer(scratch, tokenizer, card["tokenizer"], cfg.context)
    (scratch / "README.md").write_text(model_card(card, cfg, dtype), encoding="utf8")
    os.replace(scratch, out)


def _json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf8")


def model_card(card: dict[str, Any], cfg: ModelConfig, dtype: str) -> str:
    """What a user of the weights must know, in Markdown."""
    losses = "\n".join(f"| {n} | {v:.4f} |" for n, v in card["validation"].items())
    epochs = "\n".join(f"| {n} | {v:.2f} |" for n, v in card["epochs"].items())
    sessions = "\n".join(
        f"- {s['name']}: phase {s['phase']}, {s['schedule']['kind']}, peak "
        f"{s['schedule']['peak']:g}, final {s['schedule']['final']:g}"
        for s in card["sessions"]
    )
    return f"""# {card["milestone"] or "checkpoint"} at step {card["step"]:,}

{cfg.parameters():,} parameters ({cfg.layers} layers, hidden {cfg.hidden}, {cfg.heads} heads, FFN
{cfg.ffn}, context {cfg.context}, vocabulary {cfg.vocabulary}), weights in {dtype}.
Trained on {card["tokens"]:,} tokens ({card["samples"]:,} samples).
Tokenizer SHA-256: `{card["tokenizer"]}`.

Sessions:

{sessions}

| validation set | loss (nats a token) |
|---|---|
{losses}

| domain | epochs |
|---|---|
{epochs}

Steps left out for their gradient: {card["guard"]["skipped"]}.
Seed {card["seed"]}, PyTorch {card["torch"]}.
"""


def main(argv: list[str] | None = None) -> int:
    """The command; 2 where something cannot be exported."""
    parser = argparse.ArgumentParser(prog="python -m model.export", description=__doc__)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--milestone", action="append", help="only these")
    parser.add_argument("--latest", action="store_true", help="the newest checkpoint alone")
    parser.add_argument("--dtype", default="bfloat16", choices=sorted(DTYPES))
    parser.add_argument("--eos", type=int, default=2, help="the token that ends documents")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.model of the token shards")
    args = parser.parse_args(argv)
    try:
        for checkpoint, name in chosen(args.checkpoints, args.milestone, args.latest):
            out = args.out / re.sub(r"[^\w.-]+", "-", name)
            export(checkpoint, out, dtype=args.dtype, eos=args.eos, tokenizer=args.tokenizer)
            print(f"{checkpoint} -> {out}")
    except (CheckpointError, ValueError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    return 0


def chosen(folder: Path, names: list[str] | None, latest: bool) -> list[tuple[Path, str]]:
    """Checkpoints to export, each with the name of its folder.

    Raises:
        SettingsError: there is none, or none of a name.
    """
    if latest:
        found = newest(folder)
        if found is None:
            raise SettingsError(f"{folder}: no checkpoint")
        return [(found, found.name)]
    named = [(p, read_card(p)["milestone"]) for p in complete(folder)]
    milestones = [(p, n) for p, n in named if n and (names is None or n in names)]
    if missing := set(names or []) - {n for _, n in milestones}:
        raise SettingsError(f"{folder}: no milestone {', '.join(sorted(missing))}")
    if not milestones:
        raise SettingsError(f"{folder}: no milestones; --latest exports the newest checkpoint")
    return milestones


if __name__ == "__main__":
    sys.exit(main())
