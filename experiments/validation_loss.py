"""`python -m experiments.validation_loss`: does loss tell of benchmarks? Figure 1 in small.

Along the checkpoints of one run: the validation loss of eight sets, four of each language, and how
many questions of a benchmark of either language are answered right. The questions are what a tiny
model can do better at than chance: which of four continuations is a held-out text's own.

The correlation is of ranks (Spearman). Its interval is over the questions, drawn anew with
replacement; it says nothing of another run. Loss and scores both go one way along a run, so that
any two of them correlate: the same between steps from one checkpoint to the next stands beside it.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from experiments import corpora
from experiments.choices import Item, continuations, cut, fitting, items, right
from experiments.command import Said, main, markdown, progress
from experiments.shards import Phase, Source, even, shard, write_plan
from experiments.small_runs import Size, launch
from model.checkpoint import complete, read_card
from model.evaluate.scoring import Pieces, load

PEAK, FINAL = 3e-3, 3e-4
# Letters, or Han characters, of a prompt and of what goes on: within the context of 128 tokens.
CHARS = {"en": (200, 60), "zh": (60, 20)}
_RESAMPLES = 2_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Watched(Size):
    """Steps of the run and checkpoints in it; questions of each domain."""

    steps: int = 1600
    checkpoints: int = 8
    items: int = 20


def questions(sources: Mapping[str, Source], most: int) -> dict[str, list[Item]]:
    """Language to its questions, of the held-out texts; wrong choices are of the same domain."""
    found: dict[str, list[Item]] = {language: [] for language in corpora.LANGUAGES}
    for name, source in sources.items():
        language = name[:2]
        parts = [t[cut(t, at) :].lstrip() for at in (0, 600, 1200) for t in source.held]
        found[language] += items(continuations(parts, *CHARS[language], most))
    return found


def experiment(work: Path, sources: Mapping[str, Source], size: Watched) -> Said:
    """Losses, answers and correlations along a run. work: an empty folder."""
    pieces = size.pieces(sources.values(), work / "pieces")
    phases = {"only": Phase(size.steps, even(list(sources)))}
    write_plan(work, shard(work, sources, pieces), pieces, phases, size.step_tokens)
    session = {"name": "only", "phase": "only", "kind": "cosine", "peak": PEAK, "final": FINAL}
    session["warmup_steps"] = max(1, size.steps // 20)
    progress(f"{size.steps} steps of {size.step_tokens:,} tokens")
    every = max(1, size.steps // size.checkpoints)
    run = launch(
        work, size.model, [session],
        batch=size.batch, windows=size.windows, validate_every=every, keep_all=True,
    )  # fmt: skip
    tokenizer, context = Pieces(pieces), int(size.model["context"])
    asked = {
        language: fitting(some, tokenizer, context)
        for language, some in questions(sources, size.items).items()
    }
    checkpoints = complete(run.checkpoints)
    steps = [int(read_card(c)["step"]) for c in checkpoints]
    answers: dict[str, list[list[bool]]] = {language: [] for language in asked}
    for number, checkpoint in enumerate(checkpoints, start=1):
        progress(f"questions to checkpoint {number} of {len(checkpoints)}")
        scorer = load(checkpoint, pieces, torch.float32, torch.device("cpu"))
        for language, some in asked.items():
            answers[language].append(right(scorer, some).tolist())
    losses = {name: [dict(found)[step] for step in steps] for name, found in run.losses.items()}
    return {
        "step_tokens": size.step_tokens,
        "steps": steps,
        "model": dict(size.model),
        "losses": losses,
        "questions": {language: len(some) for language, some in asked.items()},
        "right": {x: [100 * sum(a) / len(a) for a in some] for x, some in answers.items()},
        "correlations": {
            name: {x: correlation(values, some) for x, some in answers.items()}
            for name, values in losses.items()
        },
    }


def spearman(one: Floats, other: Floats) -> Floats:
    """Rank correlations of the rows [..., n]; 0 where all of a row are alike."""
    ranks = [rankdata(x, axis=-1) for x in (one, other)]
    a, b = (r - r.mean(axis=-1, keepdims=True) for r in ranks)
    norm = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray(np.where(norm > 0, (a * b).sum(-1) / np.where(norm > 0, norm, 1), 0.0))


def correlation(losses: list[float], answers: list[list[bool]], seed: int = 0) -> dict[str, Any]:
    """Spearman's between a loss and a score along checkpoints, and between their steps.

    answers: (checkpoints, items). low, high: 95 % over the items.

    Raises:
        ValueError: fewer than three checkpoints.
    """
    if len(losses) < 3:
        raise ValueError(f"{len(losses)} checkpoints are too few for a correlation")
    given, loss = np.array(answers, np.float64), np.array(losses)
    drawn = np.random.default_rng(seed).integers(0, given.shape[1], (_RESAMPLES, given.shape[1]))
    scores = np.stack([row[drawn].mean(axis=1) for row in given], axis=1)
    low, high = np.quantile(spearman(np.broadcast_to(loss, scores.shape), scores), [0.025, 0.975])
    score = given.mean(axis=1)
    return {
        "value": float(spearman(loss, score)),
        "low": float(low),
        "high": float(high),
        "steps": float(spearman(np.diff(loss), np.diff(score))),
    }


def table(said: Mapping[str, Any]) -> str:
    """The scores along the run, and a row a validation set with its correlations."""
    words = corpora.LANGUAGES
    tokens = [f"{step * said['step_tokens'] / 1e6:.2f}M" for step in said["steps"]]
    along = [
        [f"{words[x]}, {said['questions'][x]} questions, %", *(f"{v:.1f}" for v in values)]
        for x, values in said["right"].items()
    ]
    along += [[f"loss, {name}", *(f"{v:.3f}" for v in ys)] for name, ys in said["losses"].items()]
    lines = []
    for name, found in said["correlations"].items():
        shown = [f"{c['value']:+.2f} [{c['low']:+.2f}, {c['high']:+.2f}]" for c in found.values()]
        lines.append([name, *shown, *(f"{c['steps']:+.2f}" for c in found.values())])
    heads = ["validation set", *(f"{words[x]} questions" for x in said["right"])]
    heads += [f"{words[x]}, between checkpoints" for x in said["right"]]
    return "\n\n".join(
        [
            markdown(["tokens", *tokens], along),
            markdown(heads, lines),
            "Spearman's rank correlation of loss and right answers, with 95 % over the questions "
            "(chance: 25 %). The paper (Figure 1): the loss on English web text follows the mean "
            "of the English benchmarks almost along a line.",
        ]
    )


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """A panel a language: right answers over loss, a line a validation set, a dot a checkpoint."""
    panels = figure.subplots(1, 2)
    for panel, (language, word) in zip(panels, corpora.LANGUAGES.items(), strict=True):
        for name, values in said["losses"].items():
            same = name.startswith(f"{language}_")
            style = "-" if same else ":"
            panel.plot(values, said["right"][language], style, marker=".", label=name)
        panel.axhline(25, color="0.7", linewidth=1)
        panel.invert_xaxis()
        panel.set_title(f"{word} questions over validation loss")
        panel.set_xlabel("validation loss, nats a token (falls to the right)")
    panels[0].set_ylabel("right answers, %")
    panels[1].legend(fontsize=7)


def real(work: Path, data: Path, scale: float) -> Said:
    """The experiment on real text."""
    size = Watched().scaled(scale, "steps")
    return experiment(work, corpora.general(data, size.steps * size.step_tokens), size)


if __name__ == "__main__":
    sys.exit(main("validation-loss", __doc__, real, table, draw))
