"""What a stage has on record about documents, as names and values to show."""

import datetime
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from skypile.kernels.quality.rules import PROFILES
from skypile.look.run import Looked, Part, scalars
from skypile.look.shown import masked

# Keys and hashes, which mean nothing to people.
HIDDEN = frozenset(
    (
        "doc_id",
        "exact_high",
        "exact_low",
        "english_high",
        "english_low",
        "chinese_high",
        "chinese_low",
        "site",
        "repository",
        "work",
        "read_digest",
        "row",
        "cluster",
    )
)
LEFT_OUT = frozenset(("records", "read_log", "slices", "inputs"))  # not rows of documents
OF_DOCUMENTS = ("chars", "date", "crawled_at", "charset", "engine_limit")
_RULES = {rule.name: rule for profile in PROFILES.values() for rule in profile}


def numbers_of(run: Looked, part: Part, rows: Sequence[int], stage: str) -> dict[int, Any]:
    """By row: names and values of the stage's scalar columns that are not null; of a signal stage
    only that of the rule that dropped the document, with the rule's range.
    """
    found: dict[int, dict[str, Any]] = {row: {} for row in rows}
    for table in tables_of(run, part, stage):
        if table == "signals":
            for row, numbers in _rule(part, rows, stage).items():
                found[row] |= numbers
            continue
        names = list(OF_DOCUMENTS) if table == "documents" else _scalar_columns(part, table)
        for row, values in zip(rows, scalars(part, table, rows, names), strict=True):
            found[row] |= {
                n: shown(v)
                for n, v in values.items()
                if v is not None and not (v == 0 and n.endswith("_share"))
            }
    return found


def tables_of(run: Looked, part: Part, stage: str) -> list[str]:
    """The aligned tables of a part that a stage wrote, its verdicts left out."""
    of = {t for m in run.manifests if m.piece.startswith(f"{stage}.") for t in m.tables}
    return [t for t in sorted(of) if part.has(t) and t not in LEFT_OUT | {f"verdicts_{stage}"}]


def _scalar_columns(part: Part, table: str) -> list[str]:
    return [
        f.name
        for f in part.schema(table)
        if f.name not in HIDDEN and not pa.types.is_nested(f.type)
    ]


def shown(value: Any) -> Any:
    """A value to print: floats in four digits, words masked."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return masked(value) if isinstance(value, str) else value


def _rule(part: Part, rows: Sequence[int], stage: str) -> dict[int, dict[str, Any]]:
    reasons = scalars(part, f"verdicts_{stage}", rows, ["reason"])
    rules = {row: _RULES.get(r["reason"] or "") for row, r in zip(rows, reasons, strict=True)}
    names = sorted({rule.signal for rule in rules.values() if rule})
    if not names:
        return {}
    values = dict(zip(rows, scalars(part, "signals", rows, names), strict=True))
    return {
        row: {rule.signal: shown(values[row][rule.signal])} for row, rule in rules.items() if rule
    }
