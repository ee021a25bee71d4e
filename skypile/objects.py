"""JSON files that skypile wrote, as they come back from a disk that may have damaged them.

Whatever is wrong with one is a ValueError, which its reader turns into an error that names the
file. (`json` raises others, too: of thousands of brackets, a RecursionError.)
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_origin, get_type_hints


def parse_object(data: bytes) -> dict[str, Any]:
    """The object that a JSON text is.

    Raises:
        ValueError: it is no JSON, or something else.
    """
    try:
        found = json.loads(data)
    except RecursionError as e:
        raise ValueError("it is nested too deeply") from e
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}, not an object")
    return found


def have(value: Any, keys: Iterable[str], kind: type, what: str) -> None:
    """Raise unless a value is an object that has these keys, with values of a kind.

    Raises:
        ValueError: it is not; begins with `what`.
    """
    for key in keys:
        if not isinstance(value, Mapping) or not isinstance(value.get(key), kind):
            raise ValueError(f"{what}: no {key}, or one that is no {kind.__name__}")


def check_types(value: Any) -> None:
    """Raise unless each field of a dataclass is of its annotation's type, as far as isinstance
    tells.

    Raises:
        ValueError: one is not.
    """
    hints = get_type_hints(type(value))
    for field in fields(value):
        kind = get_origin(hints[field.name]) or hints[field.name]
        if not isinstance(getattr(value, field.name), kind):
            raise ValueError(f"{field.name} is {type(getattr(value, field.name)).__name__}")
