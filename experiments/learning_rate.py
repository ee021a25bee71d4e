"""`python -m experiments.learning_rate`: which learning rate goes on best? Figure 4 in small.

One model is trained on English and Chinese text with a cosine from PEAK to FINAL; from its last
step, moments of the optimizer included, a second session is run once for each of several constant
rates, on the same samples, and once with a cosine that goes on falling.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import corpora
from experiments.command import Said, main, markdown, progress
from experiments.shards import Phase, Source, even, shard, write_plan
from experiments.small_runs import Size, branch, launch

PEAK, FINAL = 3e-3, 3e-4
RATES = {
    "constant, final": {"kind": "constant", "peak": FINAL},
    "constant, 3 x final": {"kind": "constant", "peak": 3 * FINAL},
    "constant, peak (10 x)": {"kind": "constant", "peak": PEAK},
    "cosine to final / 10": {"kind": "cosine", "peak": FINAL, "final": FINAL / 10},
}
_FIRST = next(iter(RATES))


@dataclass(frozen=True, kw_only=True)
class Sessions(Size):
    """Steps of the two sessions, and validations in each."""

    one: int = 1200
    two: int = 400
    validations: int = 4


def experiment(work: Path, sources: Mapping[str, Source], size: Sessions) -> Said:
    """The losses along each way to go on. work: an empty folder."""
    pieces = size.pieces(sources.values(), work / "pieces")
    shares = even(list(sources))
    phases = {"one": Phase(size.one, shares), "two": Phase(size.two, shares)}
    write_plan(work, shard(work, sources, pieces), pieces, phases, size.step_tokens)
    one = {"name": "one", "phase": "one", "kind": "cosine", "peak": PEAK, "final": FINAL}
    one["warmup_steps"] = max(1, size.one // 20)
    how: dict[str, Any] = {"batch": size.batch, "windows": size.windows}
    progress(f"session one, {size.one} steps of {size.step_tokens:,} tokens")
    launch(work, size.model, [one], validate_every=max(1, size.one // size.validations), **how)
    curves: dict[str, Any] = {}
    for number, (name, rate) in enumerate(RATES.items(), start=1):
        progress(f"session two, {number} of {len(RATES)}: {name}")
        into = work / f"way-{number}"
        branch(work, into)
        two = {"name": "two", "phase": "two", **rate}
        every = max(1, size.two // size.validations)
        run = launch(into, size.model, [one, two], validate_every=every, **how)
        curves[name] = run.losses
    return {
        "step_tokens": size.step_tokens,
        "steps": [size.one, size.two],
        "model": dict(size.model),
        "rates": RATES,
        "losses": curves,
    }


def at(losses: Mapping[str, list[list[float]]], step: int) -> dict[str, float]:
    """Validation set to its loss at a step."""
    return {name: {int(s): v for s, v in found}[step] for name, found in losses.items()}


def table(said: Mapping[str, Any]) -> str:
    """A row a way to go on; differences over the validation sets with their standard error."""
    one, two = said["steps"]
    first = at(said["losses"][_FIRST], one + two)
    begun = corpora.by_language(at(said["losses"][_FIRST], one))
    lines = [["before session two", *(f"{v:.4f}" for v in begun.values()), ""]]
    for name, losses in said["losses"].items():
        last = at(losses, one + two)
        shown = [f"{v:.4f}" for v in corpora.by_language(last).values()]
        lines.append([name, *shown, _difference(last, first) if name != _FIRST else ""])
    heads = ["session two", "English", "Chinese", "mean", f"less {_FIRST}"]
    return markdown(heads, lines) + (
        "\n\nValidation loss, nats a token, means of four sets of each language; differences: mean "
        "over the sets ± its standard error. The paper (Figure 4): higher constant rates than the "
        "final one of session one raised the loss, so it went on with that one."
    )


def _difference(last: Mapping[str, float], first: Mapping[str, float]) -> str:
    each = [last[name] - first[name] for name in first]
    mean = math.fsum(each) / len(each)
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in each) / (len(each) - 1) / len(each))
    return f"{mean:+.4f} ± {spread:.4f}"


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """A panel a language: the mean validation loss over tokens."""
    panels = figure.subplots(1, 2, sharex=True)
    for panel, (language, word) in zip(panels, corpora.LANGUAGES.items(), strict=True):
        for name, losses in said["losses"].items():
            steps = [int(s) for s, _ in next(iter(losses.values()))]
            ys = [corpora.by_language(at(losses, step))[language] for step in steps]
            xs = [step * said["step_tokens"] / 1e6 for step in steps]
            panel.plot(xs[1:], ys[1:], marker=".", label=name)
        panel.axvline(said["steps"][0] * said["step_tokens"] / 1e6, color="0.6", linestyle=":")
        panel.set_title(f"{word}, four sets")
        panel.set_xlabel("tokens, millions")
    panels[0].set_ylabel("validation loss, nats a token")
    panels[0].legend(title="session two", fontsize=8)


def real(work: Path, data: Path, scale: float) -> Said:
    """The experiment on real text."""
    size = Sessions().scaled(scale, "one", "two")
    tokens = (size.one + size.two) * size.step_tokens
    return experiment(work, corpora.general(data, tokens), size)


if __name__ == "__main__":
    sys.exit(main("learning-rate", __doc__, real, table, draw))
