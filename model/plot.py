"""`python -m model.plot OUT/metrics.jsonl PNG`: training loss, and one curve a validation set.

As Figures 1 and 3 of the paper: the training loss alone hides over-fitting on repeated data.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Curves:
    """What a run measured, against tokens."""

    tokens: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    sessions: dict[str, int] = field(default_factory=dict)  # name: tokens at its first line
    validation: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)


def read(path: Path) -> Curves:
    """The curves of a metrics file; validation stands at the tokens of its step.

    Raises:
        ValueError: no step in it.
    """
    lines = [json.loads(x) for x in path.read_text(encoding="utf8").splitlines()]
    curves = Curves()
    at = {line["step"]: line["tokens"] for line in lines if "tokens" in line}
    if not at:
        raise ValueError(f"{path}: no training step in it")
    each = max(at.values()) / max(at)
    for line in lines:
        if "loss" in line and line["taken"]:
            curves.tokens.append(line["tokens"])
            curves.loss.append(line["loss"])
            curves.sessions.setdefault(line["session"], line["tokens"])
        for name, loss in line.get("validation", {}).items():
            xs, ys = curves.validation.setdefault(name, ([], []))
            xs.append(round(line["step"] * each))
            ys.append(loss)
    return curves


def smoothed(values: list[float], window: int) -> list[float]:
    """Means of the last `window` values, of fewer at the beginning."""
    out, total = [], 0.0
    for i, v in enumerate(values):
        total += v - (values[i - window] if i >= window else 0.0)
        out.append(total / min(i + 1, window))
    return out


def draw(curves: Curves, png: Path) -> None:
    """Two panels over tokens, sessions marked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5), sharex=True)
    unit, word = (1e9, "billions") if max(curves.tokens) >= 1e8 else (1e6, "millions")
    along = [t / unit for t in curves.tokens]
    window = max(1, len(along) // 50)
    left.plot(along, curves.loss, color="0.8", linewidth=0.8)
    left.plot(along, smoothed(curves.loss, window), color="tab:blue", label="training loss")
    left.set_ylabel("loss, nats a token")
    for name, (xs, ys) in curves.validation.items():
        right.plot([x / unit for x in xs], ys, marker=".", label=name)
    right.set_title("validation loss")
    left.set_title("training loss")
    for panel in (left, right):
        panel.set_xlabel(f"tokens, {word}")
        for name, tokens in list(curves.sessions.items())[1:]:
            panel.axvline(tokens / unit, color="0.6", linestyle=":", linewidth=1)
            panel.annotate(name, (tokens / unit, 1), xycoords=("data", "axes fraction"), fontsize=7)
    if curves.validation:
        right.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(png, dpi=120)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m model.plot", description=__doc__)
    parser.add_argument("metrics", type=Path)
    parser.add_argument("png", type=Path)
    args = parser.parse_args(argv)
    try:
        draw(read(args.metrics), args.png)
    except (OSError, ValueError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except ImportError:
        print("error: matplotlib is not installed: pip install '.[train]'", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
