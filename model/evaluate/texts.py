"""The documents that a model is judged on: JSON lines, and what is cut off of each."""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model.settings import SettingsError

# Section 4.3: a document is cut at 0.9 x context / 3 characters, so that every tokenizer sees the
# whole of the same text.
_CONTEXT_SHARE, _CHARS_PER_TOKEN = 0.9, 3


def max_chars(context: int) -> int:
    """Characters of a document that are judged: 1,228 for a context of 4,096."""
    return int(_CONTEXT_SHARE * context / _CHARS_PER_TOKEN)


def read(path: Path, fields: Sequence[str], joint: str = " ") -> list[str]:
    """The texts of a JSON lines file (also .gz): the given fields, joined.

    Raises:
        SettingsError: no such file, a line that is no object, a field that is missing or no text,
            or no text at all.
    """
    texts = []
    for number, row in rows(path):
        missing = [f for f in fields if not isinstance(row.get(f), str)]
        if missing:
            have = ", ".join(sorted(k for k, v in row.items() if isinstance(v, str))) or "none"
            raise SettingsError(
                f"{path}, line {number}: no text in {', '.join(missing)}; fields with text: {have}"
            )
        text = joint.join(row[f] for f in fields)
        if text.strip():
            texts.append(text)
    if not texts:
        raise SettingsError(f"{path}: no text in it")
    return texts


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON lines file (also .gz), each with the number of its line.

    Raises:
        SettingsError: no such file, or a line that is no object.
    """
    number = 0
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise SettingsError(f"{path}, line {number}: not a JSON object")
                yield number, row
    except json.JSONDecodeError as e:  # it calls every line the first
        raise SettingsError(f"{path}, line {number}: {e.msg}, at character {e.pos + 1}") from e
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as e:
        raise SettingsError(f"{path}, behind line {number}: {e}") from e
