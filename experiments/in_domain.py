"""`python -m experiments.in_domain`: what a little in-domain data does. Table 7 in small.

A model is trained on general English and Chinese text. From its last step it goes on for a fourth
as long, once with more of the same and once with word problems of the kind that the benchmark asks:
the training split of GSM8K, and four fifths of Math23K's test items. Before and after: loss and
choices on problems that neither saw (GSM8K's test split, the other fifth), and general loss.

The problems are benchmark items, which belong into no model: these are thrown away.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from experiments import corpora
from experiments.choices import Item, fitting, items, percent, right
from experiments.command import Said, main, markdown, progress
from experiments.shards import Phase, Source, even, shard, write_plan
from experiments.small_runs import SMALL, Run, Size, branch, launch, place, rows
from model.evaluate.scoring import load

PEAK, FINAL = 3e-3, 3e-4
PROBLEMS = {"maths_en": "English problems", "maths_zh": "Chinese problems"}
MORE, IN_DOMAIN = "with more general data", "with in-domain data"
_SOLUTION_CHARS = 80  # of a choice
_TRAINED = 800  # of each split of GSM8K at most, as many as Math23K has to train on

# Table 7: C-Eval and GSM8K, %; validation loss in English and Chinese.
PAPER = {
    "before (the paper, 0.5T tokens)": (28.3, 6.9, 1.86, 2.08),
    "in-domain (the paper, 1B tokens)": (50.8, 40.7, 2.09, 2.21),
}


@dataclass(frozen=True, kw_only=True)
class Continued(Size):
    """Steps before and after; items of each language that are asked at most."""

    before: int = 1200
    after: int = 300
    items: int = 100
    model: Mapping[str, Any] = field(default_factory=lambda: SMALL | {"context": 256})
    batch: int = 4


@dataclass(frozen=True)
class Problems:
    """(question, solution) of word problems, by hash: to train on, and to be asked."""

    train: list[tuple[str, str]]
    held: list[tuple[str, str]]

    def source(self) -> Source:
        """As texts."""
        return Source(*([f"{q} {a}" for q, a in some] for some in (self.train, self.held)))


def experiment(
    work: Path, sources: Mapping[str, Source], problems: Mapping[str, Problems], size: Continued
) -> Said:
    """Losses and choices before and after. work: an empty folder. problems: as PROBLEMS."""
    both = {**sources, **{name: p.source() for name, p in problems.items()}}
    pieces = size.pieces(both.values(), work / "pieces")
    phases = {
        "before": Phase(size.before, even(list(sources))),
        "more": Phase(size.after, even(list(sources))),
        "in_domain": Phase(size.after, even(list(problems))),
    }
    write_plan(work, shard(work, both, pieces), pieces, phases, size.step_tokens)
    first = {"name": "before", "phase": "before", "kind": "cosine", "peak": PEAK, "final": FINAL}
    first["warmup_steps"] = max(1, size.before // 20)
    how: dict[str, Any] = {"batch": size.batch, "windows": size.windows}
    progress(f"before: {size.before} steps of {size.step_tokens:,} tokens")
    run = launch(work, size.model, [first], validate_every=max(1, size.before // 4), **how)
    asked = {
        name: items([(f"{q} ", a[:_SOLUTION_CHARS]) for q, a in p.held])
        for name, p in problems.items()
    }
    found = {"before": judged(run, pieces, asked, size.items)}
    for name, phase in ((MORE, "more"), (IN_DOMAIN, "in_domain")):
        progress(f"{size.after} steps {name}")
        branch(work, work / phase)
        second = {"name": phase, "phase": phase, "kind": "constant", "peak": FINAL}
        every = max(1, size.after // 4)
        run = launch(work / phase, size.model, [first, second], validate_every=every, **how)
        found[name] = judged(run, pieces, asked, size.items)
    return {
        "step_tokens": size.step_tokens,
        "steps": [size.before, size.after],
        "model": dict(size.model),
        "runs": found,
    }


def judged(run: Run, pieces: Path, asked: Mapping[str, list[Item]], most: int) -> Said:
    """A run's losses along its way, and by set at its end; its right choices with errors, in %."""
    scorer = load(run.checkpoints, pieces, torch.float32, torch.device("cpu"))
    choices = {}
    for name, some in asked.items():
        chosen = fitting(some, scorer.tokenizer, scorer.context)[:most]
        share, error = percent(right(scorer, chosen))
        choices[name] = {"items": len(chosen), "right": share, "error": error}
    last = {name: found[-1][1] for name, found in run.losses.items()}
    return {"losses": run.losses, "last": last, "choices": choices}


def table(said: Mapping[str, Any]) -> str:
    """A row before, and one a way to go on; the paper's below."""
    lines = []
    for name, run in said["runs"].items():
        losses = [f"{run['last'][p]:.3f}" for p in PROBLEMS]
        chosen = [f"{c['right']:.1f} ± {c['error']:.1f}" for c in run["choices"].values()]
        general = corpora.by_language(run["last"])
        lines.append([name, *losses, *chosen, *(f"{general[x]:.3f}" for x in corpora.LANGUAGES)])
    for name, (ceval, gsm8k, english, chinese) in PAPER.items():
        scores = [f"{gsm8k} (GSM8K)", f"{ceval} (C-Eval)"]
        lines.append([name, "", "", *scores, f"{english}", f"{chinese}"])
    heads = ["", *(f"loss, {p}" for p in PROBLEMS.values()), *(f"right, {p}" for p in
             PROBLEMS.values()), "general loss, English", "general loss, Chinese"]  # fmt: skip
    return markdown(heads, lines) + (
        "\n\nLosses in nats a token; right: % of solutions picked among four (chance: 25) ± "
        "standard error. The paper's scores are benchmarks as they are asked, not such choices."
    )


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """Losses on the problems and on general text, in both ways to go on."""
    panels = figure.subplots(1, 2, sharex=True)
    shown = [dict(PROBLEMS), dict(corpora.LANGUAGES)]
    for panel, lines, title in zip(panels, shown, ("problems", "general text"), strict=True):
        for style, name in (("--", MORE), ("-", IN_DOMAIN)):
            losses = said["runs"][name]["losses"]
            steps = [int(step) for step, _ in next(iter(losses.values()))]
            for color, (key, word) in enumerate(lines.items()):
                ys = [_loss(losses, key, i) for i in range(len(steps))]
                xs = [step * said["step_tokens"] / 1e6 for step in steps]
                panel.plot(xs[1:], ys[1:], style, color=f"C{color}", label=f"{word}, {name}")
        panel.axvline(said["steps"][0] * said["step_tokens"] / 1e6, color="0.6", linestyle=":")
        panel.set_title(f"loss on {title}, nats a token")
        panel.set_xlabel("tokens, millions")
        panel.legend(fontsize=8)


def _loss(losses: Mapping[str, list[list[float]]], key: str, i: int) -> float:
    at = {name: found[i][1] for name, found in losses.items()}
    return at[key] if key in at else corpora.by_language(at)[key]


def real_problems(data: Path) -> dict[str, Problems]:
    """Of GSM8K, and of Math23K's test items, of which a fifth is held out."""

    def of(name: str, question: str, answer: str) -> list[tuple[str, str]]:
        found = {(r[question].strip(), r[answer]) for r in rows(data / f"benchmarks/{name}")}
        return sorted(found, key=lambda pair: (place(pair[0]), pair))

    english = of("gsm8k_train.jsonl.gz", "question", "answer")[:_TRAINED]
    asked = of("gsm8k_test.jsonl.gz", "question", "answer")[:_TRAINED]
    chinese = of("math23k_test.jsonl.gz", "original_text", "equation")
    fifth = len(chinese) // 5
    return {
        "maths_en": Problems(english, asked),
        "maths_zh": Problems(chinese[fifth:], chinese[:fifth]),
    }


def real(work: Path, data: Path, scale: float) -> Said:
    """The experiment on real text."""
    size = Continued().scaled(scale, "before", "after")
    tokens = (size.before + size.after) * size.step_tokens
    return experiment(work, corpora.general(data, tokens), real_problems(data), size)


if __name__ == "__main__":
    sys.exit(main("in-domain", __doc__, real, table, draw))
