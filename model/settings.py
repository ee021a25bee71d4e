"""TOML tables to frozen dataclasses: unknown keys, wrong types and missing keys are errors.

Ranges are checked by each dataclass itself (`__post_init__` raising ValueError), so that they hold
for settings made in code as well.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class SettingsError(ValueError):
    """A configuration that cannot be meant; the message names the file, the section and the key."""


def require(condition: bool, message: str) -> None:
    """Raises ValueError with a message where a condition does not hold."""
    if not condition:
        raise ValueError(message)


def build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """`cls(**table)`, each value checked against its annotation; dataclass fields are built too.

    where: file and section, for messages.

    Raises:
        SettingsError: unknown or missing key, wrong type, or what the dataclass itself refuses.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, list(fields), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(fields))}"
            raise SettingsError(f"{where}: unknown key {key!r}; {hint}")
        values[key] = _coerce(value, hints[key], f"{where}.{key}")
    for name, f in fields.items():
        no_default = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if name not in values and no_default:
            raise SettingsError(f"{where}: key {name!r} is missing")
    try:
        return cls(**values)
    except ValueError as e:
        raise SettingsError(f"{where}: {e}") from e


def _coerce(value: Any, hint: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        return None if value is None else _coerce(value, inner[0], where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise SettingsError(f"{where}: must be a list, got {value!r}")
        if args[-1] is not Ellipsis and len(value) != len(args):
            raise SettingsError(f"{where}: must have {len(args)} items, got {value!r}")
        return tuple(_coerce(v, args[0], f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: must be a table, got {value!r}")
        return build(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:  # bool is an int in Python, and not meant as one here
        raise SettingsError(f"{where}: must be {hint.__name__}, got {value!r}")
    return value
