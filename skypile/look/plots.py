"""Plots of what a run says of itself, for notebooks: nothing is computed anew."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skypile.errors import SkypileError
from skypile.look.distributions import Histogram

BEFORE, AFTER, MARK = "#b9cade", "#24609f", "#a33a2c"


@dataclass(frozen=True)
class Plot:
    """A matplotlib figure that a notebook shows by itself, whatever its backend."""

    figure: Any

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.figure.savefig(out, format="png", dpi=110)
        return out.getvalue()


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as e:
        raise SkypileError("a plot needs matplotlib: pip install 'skypile[notebooks]'") from e
    return Figure(figsize=(width, height), layout="constrained")


def histograms(of: Sequence[Histogram]) -> Plot:
    """Histograms side by side: before pale, after dark, cut-offs dashed."""
    columns = min(len(of), 3) or 1
    rows = -(-len(of) // columns) or 1
    figure = _figure(4.2 * columns, 2.9 * rows)
    for number, one in enumerate(of, 1):
        axes: Any = figure.add_subplot(rows, columns, number)
        axes.stairs(one.before, one.edges, fill=True, color=BEFORE, label="before")
        axes.stairs(one.after, one.edges, fill=True, color=AFTER, label="after")
        for value, what in one.marks:
            axes.axvline(value, color=MARK, linestyle="--", linewidth=1)
            axes.annotate(what, (value, 1), xycoords=("data", "axes fraction"), fontsize=7)
        axes.set_xscale("log" if one.log else "linear")
        axes.set_title(f"{one.name}, {one.unit}", loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        if number == 1:
            axes.legend(frameon=False, fontsize=8)
    return Plot(figure)


def bars(of: Mapping[str, Mapping[str, float]], what: str) -> Plot:
    """Groups of horizontal bars: a group a name, a bar each of its values."""
    figure = _figure(7.5, 1 + 0.36 * sum(len(v) for v in of.values()))
    axes: Any = figure.add_subplot(1, 1, 1)
    series = list(dict.fromkeys(name for values in of.values() for name in values))
    high = 0.8 / max(len(series), 1)
    for index, name in enumerate(series):
        at = [i + index * high for i in range(len(of))]
        values = [v.get(name, 0) for v in of.values()]
        axes.barh(at, values, height=0.9 * high, label=name, color=(BEFORE, AFTER, MARK)[index % 3])
    axes.set_yticks([i + 0.4 - high / 2 for i in range(len(of))], list(of))
    axes.invert_yaxis()
    axes.set_xlabel(what)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8)
    return Plot(figure)


def curves(of: Mapping[str, Sequence[tuple[float, float]]], what: str) -> Plot:
    """Curves over tokens."""
    figure = _figure(7.5, 3.6)
    axes: Any = figure.add_subplot(1, 1, 1)
    for name, points in of.items():
        if points:
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.6)
    axes.set_xlabel("tokens")
    axes.set_ylabel(what)
    axes.spines[["top", "right"]].set_visible(False)
    if of:
        axes.legend(frameon=False, fontsize=8)
    return Plot(figure)
