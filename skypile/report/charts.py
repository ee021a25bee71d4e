"""Charts as HTML with inline SVG: no script, no font of their own, readable on a narrow screen.

A drawing is stretched to its box; words are HTML beside it, so that they keep their size. Each
chart has a label that says in words what it shows; a table of its numbers stands beside it.
"""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from skypile.look.distributions import Histogram
from skypile.report.numbers import compact

WIDE, HIGH = 1000.0, 300.0  # of the drawings, before they are stretched
Points = Sequence[tuple[float, float]]


def histogram(of: Histogram) -> Markup:
    """Bars before (pale) and after (dark), with cut-offs as lines."""
    top = max((*of.before, *of.after, 1.0))
    width = WIDE / len(of.before)
    bars = []
    for name, counts in (("before", of.before), ("after", of.after)):
        inset = 0.06 if name == "before" else 0.2
        for i, n in enumerate(counts):
            if n:
                high = max(HIGH * n / top, 2)
                bars.append(
                    f'<rect class="{name}" x="{(i + inset) * width:.1f}" y="{HIGH - high:.1f}" '
                    f'width="{width * (1 - 2 * inset):.1f}" height="{high:.1f}"/>'
                )
    marks, names = [], []
    for value, what in of.marks:
        at = 100 * _place(of, value)
        marks.append(f'<line class="mark" x1="{at * 10:.1f}" x2="{at * 10:.1f}" y1="0" y2="300"/>')
        names.append(f'<li><span class="mark-key"></span>{escape(what)}: {value:,.4g}</li>')
    label = (
        f"{of.name}, {of.unit}: {sum(of.before):,.0f} before, {sum(of.after):,.0f} after; "
        f"from {of.edges[0]:,.3g} to {of.edges[-1]:,.3g}"
    )
    keys = f'<ul class="keys">{"".join(names)}</ul>' if names else ""
    return _figure(label, "".join(bars + marks), _ticks(of), compact(top), keys)


def _place(of: Histogram, value: float) -> float:
    """Where a value is on the axis, from 0 to 1."""
    low, high = of.edges[0], of.edges[-1]
    if of.log:
        low, high, value = (math.log10(max(x, 1e-9)) for x in (low, high, value))
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _ticks(of: Histogram) -> list[tuple[float, str]]:
    low, high = of.edges[0], of.edges[-1]
    if not of.log:
        return [(x, f"{x:g}") for x in (0, 0.25, 0.5, 0.75, 1)]
    values = [
        m * 10.0**e
        for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for m in (1, 2, 5)
    ]
    inside = [v for v in values if low <= v <= high]
    if len(inside) > 6:
        inside = [v for v in inside if math.log10(v) % 1 == 0] or inside[::3]
    if len(inside) < 2:
        inside = [low, high]
    return [(_place(of, v), compact(v)) for v in inside]


def lines(series: Mapping[str, Points], what: str, *, zero: bool = False) -> Markup:
    """Curves over tokens, a class each (c0, c1, ...); `zero` begins the axis at 0."""
    points = [p for one in series.values() for p in one]
    if not points:
        return Markup("")
    right = max(x for x, _ in points) or 1.0
    low, high = min(y for _, y in points), max(y for _, y in points)
    low = 0.0 if zero else low - 0.05 * (high - low or 1)
    high += 0.05 * (high - low or 1)
    drawn = []
    for i, one in enumerate(series.values()):
        at = [f"{WIDE * x / right:.1f},{HIGH * (high - y) / (high - low):.1f}" for x, y in one]
        drawn.append(f'<polyline class="c{i % 6}" points="{" ".join(at)}"/>')
    names = [
        f'<li><span class="line-key c{i % 6}"></span>{escape(name)}: {one[-1][1]:,.4g}</li>'
        for i, (name, one) in enumerate(series.items())
        if one
    ]
    ends = ", ".join(
        f"{name} from {one[0][1]:.4g} to {one[-1][1]:.4g}" for name, one in series.items() if one
    )
    ticks = [(k / 4, compact(right * k / 4)) for k in range(5)]
    label = f"{what} over {compact(right)} tokens: {ends}"
    keys = f'<ul class="keys">{"".join(names)}</ul>'
    return _figure(label, "".join(drawn), ticks, f"{high:.3g}", keys, bottom=f"{low:.3g}")


def _figure(
    label: str,
    drawing: str,
    ticks: Sequence[tuple[float, str]],
    top: str,
    keys: str,
    bottom: str = "0",
) -> Markup:
    axis = "".join(
        f'<span style="left:{100 * at:.1f}%" class="{_edge(at)}">{escape(text)}</span>'
        for at, text in ticks
    )
    return Markup(
        f'<div class="plot"><div class="y" aria-hidden="true"><span>{escape(top)}</span>'
        f"<span>{escape(bottom)}</span></div>"
        f'<svg viewBox="0 0 {WIDE:.0f} {HIGH:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{drawing}</svg>'
        f'<div class="x" aria-hidden="true">{axis}</div></div>{keys}'
    )


def _edge(at: float) -> str:
    return "first" if at < 0.03 else "last" if at > 0.97 else ""


def flow(
    before: Sequence[float], after: Sequence[float], most: float, colours: Sequence[int]
) -> Markup:
    """One step of the funnel: a stream of the sources as wide as their documents, the kept part
    going down, the dropped part leaving to the right.
    """
    unit = 0.94 * WIDE / most if most else 0.0
    drawn = []
    dropped = (sum(before) - sum(after)) * unit
    if dropped > 0:
        start, thick = sum(after) * unit, max(dropped * 0.1, 2.5)
        drawn.append(
            f'<path class="out" d="M{start:.1f},0 L{sum(before) * unit:.1f},0 '
            f"C{sum(before) * unit:.1f},40 {WIDE * 0.97:.1f},30 {WIDE:.0f},40 "
            f"L{WIDE:.0f},{min(40 + thick, 96):.1f} "
            f'C{WIDE * 0.9:.1f},{min(60 + thick, 98):.1f} {start:.1f},80 {start:.1f},60 Z"/>'
        )
    top = bottom = 0.0
    for a, b, colour in zip(before, after, colours, strict=True):
        wide, narrow = a * unit, b * unit
        if a:
            drawn.append(
                f'<path class="s{colour % 6}" d="M{top:.1f},0 L{top + wide:.1f},0 '
                f"C{top + wide:.1f},50 {bottom + narrow:.1f},50 {bottom + narrow:.1f},100 "
                f'L{bottom:.1f},100 C{bottom:.1f},50 {top:.1f},50 {top:.1f},0 Z"/>'
            )
        top, bottom = top + wide, bottom + narrow
    return Markup(
        f'<svg viewBox="0 0 {WIDE:.0f} 100" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )
