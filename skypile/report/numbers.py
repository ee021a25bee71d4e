"""Numbers as people read them."""

import re
from typing import Any

from markupsafe import Markup, escape


def whole(value: float | None) -> str:
    """1,234; a dash for nothing."""
    return "–" if value is None else f"{value:,.0f}"


def share(part: float | None, of: float | None) -> str:
    """A share in per cent, with a digit more where it is small; a dash for nothing."""
    if part is None or not of:
        return "–"
    percent = 100 * part / of
    return f"{percent:.2f} %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def compact(value: float) -> str:
    """Three digits and a unit: 1.2M, 45K, 0.5."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def breakable(name: str) -> Markup:
    """A name that may be broken behind its underscores, dots and hyphens."""
    return Markup("<wbr>").join(escape(p) for p in re.split(r"(?<=[_.-])", name))


def plain(value: Any) -> str:
    """A setting as TOML would nearly have it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case float() | int():
            return f"{value:,}" if abs(value) >= 10_000 else f"{value}"
        case dict():
            inside = ", ".join(f"{k} = {plain(v)}" for k, v in value.items())
            return f"{{ {inside} }}" if inside else "{ }"
        case list() | tuple():
            return f"[{', '.join(map(plain, value))}]"
    return str(value)


def duration(milliseconds: float) -> str:
    """1.2 s, 3 min, 2.5 h."""
    seconds = milliseconds / 1000
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
