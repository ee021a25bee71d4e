"""`python -m experiments.architecture`: LLaMA's shape against GPT's. Figure 2, Appendix A in small.

As many parameters to a thousandth (the GPT's feed-forward layer is as wide as that takes), the same
samples, rates and steps; once a seed, which draws weights and the order of samples. The paper's GPT
has dropout .1 and its LLaMA none: a GPT without dropout tells what is the shape's and what is its.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import corpora
from experiments.command import Said, main, markdown, progress
from experiments.shards import Phase, Source, even, shard, write_plan
from experiments.small_runs import Size, branch, launch
from model.config import ModelConfig

PEAK, FINAL = 3e-3, 3e-4
# Appendix A: the losses are drawn there and not printed.
LLAMA, GPT, PLAIN = "LLaMA shape", "GPT shape, dropout .1 (the paper's)", "GPT shape, no dropout"


@dataclass(frozen=True, kw_only=True)
class Shapes(Size):
    """Steps of each run and validations in it; runs of each shape."""

    steps: int = 400
    validations: int = 5
    seeds: int = 2


def matched(llama: ModelConfig, dropout: float) -> ModelConfig:
    """A GPT of the same sizes, its feed-forward layer so wide that parameters are most alike."""
    gpts = (
        dataclasses.replace(llama, shape="gpt", dropout=dropout, ffn=ffn)
        for ffn in range(1, 4 * llama.ffn)
    )
    return min(gpts, key=lambda gpt: abs(gpt.parameters() - llama.parameters()))


def experiment(work: Path, sources: Mapping[str, Source], size: Shapes) -> Said:
    """The losses of each shape and seed. work: an empty folder."""
    pieces = size.pieces(sources.values(), work / "pieces")
    phases = {"only": Phase(size.steps, even(list(sources)))}
    write_plan(work, shard(work, sources, pieces), pieces, phases, size.step_tokens)
    llama = ModelConfig(vocabulary=size.vocabulary, **size.model)
    shapes = {LLAMA: llama, GPT: matched(llama, 0.1), PLAIN: matched(llama, 0.0)}
    session = {"name": "only", "phase": "only", "kind": "cosine", "peak": PEAK, "final": FINAL}
    session["warmup_steps"] = max(1, size.steps // 20)
    found: dict[str, Any] = {}
    for number, (name, cfg) in enumerate(shapes.items()):
        found[name] = {"parameters": cfg.parameters(), "ffn": cfg.ffn, "losses": []}
        for seed in range(size.seeds):
            progress(f"run {number * size.seeds + seed + 1} of {3 * size.seeds}: {name}, {seed=}")
            every = max(1, size.steps // size.validations)
            into = work / f"run-{number}-{seed}"
            branch(work, into)
            run = launch(
                into, dataclasses.asdict(cfg), [session],
                batch=size.batch, seed=seed, windows=size.windows, validate_every=every,
            )  # fmt: skip
            found[name]["losses"].append(run.losses)
    return {
        "step_tokens": size.step_tokens,
        "steps": size.steps,
        "model": dict(size.model),
        "shapes": found,
    }


def means(losses: Mapping[str, list[list[float]]]) -> list[tuple[int, dict[str, float]]]:
    """(step, mean loss by language) of a run."""
    steps = [int(step) for step, _ in next(iter(losses.values()))]
    at = [{name: found[i][1] for name, found in losses.items()} for i in range(len(steps))]
    return list(zip(steps, map(corpora.by_language, at), strict=True))


def table(said: Mapping[str, Any]) -> str:
    """A row a shape: its seeds' means, and how far apart the seeds are."""
    lines = []
    seeds = len(said["shapes"][LLAMA]["losses"])
    base = [means(losses)[-1][1]["mean"] for losses in said["shapes"][LLAMA]["losses"]]
    for name, shape in said["shapes"].items():
        last = [means(losses)[-1][1] for losses in shape["losses"]]
        shown = [f"{sum(x[key] for x in last) / seeds:.4f}" for key in ("en", "zh", "mean")]
        each = ", ".join(f"{x['mean']:.4f}" for x in last)
        less = ", ".join(f"{x['mean'] - b:+.4f}" for x, b in zip(last, base, strict=True))
        parameters = f"{shape['parameters']:,}"
        lines.append([name, parameters, *shown, each, less if name != LLAMA else ""])
    heads = ["shape", "parameters", "English", "Chinese", "mean", "seeds", "less LLaMA, by seed"]
    return markdown(heads, lines) + (
        f"\n\nValidation loss, nats a token, after {said['steps'] * said['step_tokens']:,} tokens; "
        "means of four sets of each language. The paper (7B parameters, 200B tokens, Figure 2): "
        "the LLaMA shape reaches the lower loss."
    )


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """A panel a language; a line a shape, and a band from its lowest seed to its highest."""
    panels = figure.subplots(1, 2, sharex=True)
    for panel, (language, word) in zip(panels, corpora.LANGUAGES.items(), strict=True):
        for name, shape in said["shapes"].items():
            runs = [means(losses)[1:] for losses in shape["losses"]]
            xs = [step * said["step_tokens"] / 1e6 for step, _ in runs[0]]
            ys = [[run[i][1][language] for run in runs] for i in range(len(xs))]
            (line,) = panel.plot(xs, [sum(y) / len(y) for y in ys], marker=".", label=name)
            low, high = map(min, ys), map(max, ys)
            panel.fill_between(xs, list(low), list(high), alpha=0.3, color=line.get_color())
        panel.set_title(f"{word}, four sets")
        panel.set_xlabel("tokens, millions")
    panels[0].set_ylabel("validation loss, nats a token")
    panels[0].legend(fontsize=8)


def real(work: Path, data: Path, scale: float) -> Said:
    """The experiment on real text."""
    size = Shapes().scaled(scale, "steps")
    return experiment(work, corpora.general(data, size.steps * size.step_tokens), size)


if __name__ == "__main__":
    sys.exit(main("architecture", __doc__, real, table, draw))
