"""Plots of what a run says of itself, for notebooks: nothing is computed anew."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skypile.errors import SkypileError
from skypile.look.about import Interval
from skypile.look.distributions import Histogram

BEFORE, AFTER, MARK = "#b9cade", "#24609f", "#a33a2c"
FEW_DECADES = 300.0  # largest over smallest


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
    columns = min(len(of), 2 if len(of) == 4 else 3) or 1
    rows = -(-len(of) // columns) or 1
    figure = _figure(4.2 * columns, 2.9 * rows)
    for number, one in enumerate(of, 1):
        axes: Any = figure.add_subplot(rows, columns, number)
        axes.stairs(one.before, one.edges, fill=True, color=BEFORE, label="before")
        axes.stairs(one.after, one.edges, fill=True, color=AFTER, label="after")
        for value, what in one.marks:
            axes.axvline(value, color=MARK, linestyle="--", linewidth=1)
            # Along its line: cut-offs may be close to each other.
            where = {"xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top"}
            axes.annotate(what, (value, 0.98), ha="right", fontsize=7, color=MARK, **where)
        if one.log:
            _log(axes.xaxis, one.edges[-1] / one.edges[0])
        _whole(axes.yaxis, [*one.before, *one.after])
        axes.set_title(f"{one.name}, {one.unit}", loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        if number == 1:
            axes.legend(frameon=False, fontsize=8)
    return Plot(figure)


def bars(of: Mapping[str, Mapping[str, float]], what: str) -> Plot:
    """Groups of horizontal bars: a group a name, a bar each of its values. Names of the values
    stand above, since bars reach everywhere.
    """
    figure = _figure(7.5, 1 + 0.36 * sum(len(v) for v in of.values()))
    axes: Any = figure.add_subplot(1, 1, 1)
    series = list(dict.fromkeys(name for values in of.values() for name in values))
    high = 0.8 / max(len(series), 1)
    colors = (BEFORE, AFTER, MARK) if len(series) > 1 else (AFTER,)
    for index, name in enumerate(series):
        at = [i + index * high for i in range(len(of))]
        values = [v.get(name, 0) for v in of.values()]
        axes.barh(at, values, height=0.9 * high, label=name, color=colors[index % len(colors)])
    axes.set_yticks([i + 0.4 - high / 2 for i in range(len(of))], list(of))
    axes.invert_yaxis()
    axes.set_xlabel(what)
    _whole(axes.xaxis, [x for values in of.values() for x in values.values()])
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
        axes.legend(frameon=False, fontsize=8, ncols=len(series), **place)
    return Plot(figure)


def _whole(axis: Any, values: Sequence[float]) -> None:
    """Ticks at whole numbers, their thousands apart, where all values are whole."""
    if all(float(x).is_integer() for x in values):
        axis.get_major_locator().set_params(integer=True)
        axis.set_major_formatter("{x:,.0f}")


def _log(axis: Any, ratio: float) -> None:
    """A logarithmic scale with plain numbers; of few decades also at 2 and 5."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.axes.set_xscale("log")
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.set_minor_formatter(NullFormatter())
    if ratio < FEW_DECADES:
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter(StrMethodFormatter("{x:,.0f}"))


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


def intervals(of: Mapping[str, Mapping[str, Interval]], what: str, margin: float) -> Plot:
    """Panels side by side, in each a dot a name with its interval, red where it was found to tell
    of something. The margin around 0 is pale.
    """
    names = list(dict.fromkeys(name for values in of.values() for name in values))
    figure = _figure(4.6 * len(of) + 1.5, 1.2 + 0.3 * len(names))
    first: Any = None
    for number, (title, values) in enumerate(of.items(), 1):
        axes: Any = figure.add_subplot(1, len(of), number, sharey=first)
        first = first or axes
        axes.axvspan(-margin, margin, color=BEFORE, alpha=0.5, linewidth=0)
        for row, name in enumerate(names):
            if name in values:
                value, low, high, found = values[name]
                color = MARK if found else AFTER
                axes.plot([low, high], [row, row], color=color, linewidth=1.6)
                axes.plot([value], [row], "o", color=color, markersize=5)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel(what)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelleft=number == 1)
    if first is not None:
        first.set_yticks(range(len(names)), names, fontsize=8)
        first.set_ylim(len(names) - 0.5, -0.5)
    return Plot(figure)
