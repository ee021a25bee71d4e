"""A setting is a dataclass field that says its range, its piece and its meaning, and is checked.

`setting(...)` declares one; `build` makes a frozen dataclass from a TOML table and refuses unknown
keys, wrong types and values out of range, naming key and file. Knows nothing of stages or Spark.
"""

import dataclasses
import datetime
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from skypile.errors import ConfigError

T = TypeVar("T")


def setting(
    default: Any = dataclasses.MISSING,
    *,
    piece: str | None = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    path: bool = False,
    content: bool = False,
    help: str,
) -> Any:
    """A dataclass field with a checked range.

    piece: which piece of its stage a change of this setting makes stale (read, measure, relate,
    fit, cut, write, build, derive); None for one that decides no row. low and high are inclusive.
    path: a file or folder, or several, in a tuple or by name, relative to the configuration's
    file. content: what lies there decides rows, so its digest is part of the fingerprint, and the
    path itself is not. help: one line, with the unit, and the source of the number.
    """
    given: dict[str, Any] = {"default": default}
    if isinstance(default, dict):  # a dataclass refuses one that all its instances would share
        given = {"default_factory": lambda: dict(default)}
    return dataclasses.field(
        **given,
        metadata={
            "piece": piece,
            "low": low,
            "high": high,
            "choices": choices,
            "path": path or content,
            "content": content,
            "help": help,
        },
    )


def did_you_mean(name: str, known: list[str]) -> str:
    """A hint for a misspelt name, or the list of known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """`cls(**table)` with each value checked against its annotation and its declared range.

    where: file and section, for messages.

    Raises:
        ConfigError: unknown or missing key, wrong type, value out of range.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: must be a table, got {_shown(table)}")
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise ConfigError(f"{where}: unknown key {key!r}; {did_you_mean(key, list(fields))}")
        values[key] = _coerce(value, hints[key], f"{where}: {key}")
        _check_range(values[key], fields[key].metadata, f"{where}: {key}")
    for name, f in fields.items():
        no_default = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if name not in values and no_default:
            raise ConfigError(f"{where}: key {name!r} is missing ({f.metadata.get('help', '')})")
    try:
        return cls(**values)
    except ValueError as e:
        raise ConfigError(f"{where}: {e}") from e


def _coerce(value: Any, hint: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        if len(inner) == 1:
            return _coerce(value, inner[0], where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: must be a list, got {_shown(value)}")
        return tuple(_coerce(v, args[0], f"{where}[{i}]") for i, v in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: must be a table, got {_shown(value)}")
        return {k: _coerce(v, args[1], f"{where}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is an int and datetime is a date in Python; neither is meant here.
    if type(value) is not hint:
        raise ConfigError(f"{where}: must be {hint.__name__}, got {_shown(value)}")
    if isinstance(value, float) and math.isnan(value):  # within any range, and equal to nothing
        raise ConfigError(f"{where}: must be a number, got {value}")
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise ConfigError(f"{where}: must have at most 63 bits")
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{where}: must hold no NUL character, got {value!r}")
    return value


def _shown(value: Any) -> str:
    shown = repr(value) if not isinstance(value, int) or abs(value) < 1 << 63 else "..."
    return f"{shown} ({type(value).__name__})"


def _check_range(value: Any, meta: Mapping[str, Any], where: str) -> None:
    low, high, choices = meta.get("low"), meta.get("high"), meta.get("choices")
    for one in value if isinstance(value, tuple) else (value,):
        if low is not None and one < low:
            raise ConfigError(f"{where}: must be >= {low:g}, got {one!r}")
        if high is not None and one > high:
            raise ConfigError(f"{where}: must be <= {high:g}, got {one!r}")
        if choices and one not in choices:
            raise ConfigError(f"{where}: {one!r} is none of: {', '.join(choices)}")


def plain(value: Any) -> Any:
    """A settings value as JSON types (dates as ISO text), for fingerprints and manifests."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def plain_as(cls: type, value: Any) -> dict[str, Any]:
    """Those fields of a settings value that `cls` has, which its class extends, as JSON types."""
    return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(cls)}


def settings_of(config: Any, piece: str) -> dict[str, Any]:
    """The settings that decide one piece of a stage, as JSON types; of those that point to
    content, the content decides (`skypile.contents`).
    """
    return {
        f.name: plain(getattr(config, f.name))
        for f in dataclasses.fields(config)
        if f.metadata.get("piece") == piece and not f.metadata.get("content")
    }
