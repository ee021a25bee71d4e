"""What tasks work on, for progress: documents, megabytes of input, records."""

from collections.abc import Mapping, Sequence
from typing import Any

from skypile.progress import Amount
from skypile.tasks.base import AlignedTask, PieceTask, ReadTask


def amount_of(todo: Sequence[PieceTask]) -> Amount:
    """What is known before they run: megabytes to read (packed, as they lie there), or documents
    (also those that an earlier stage dropped: their rows are passed on).
    """
    if any(isinstance(task, ReadTask) for task in todo):
        size = sum(s.bytes for task in todo if isinstance(task, ReadTask) for s in task.slices)
        return Amount(size / 1e6, "MB")
    rows = sum(task.files.rows for task in todo if isinstance(task, AlignedTask))
    return Amount(rows, "documents")


def done_of(receipts: Sequence[Mapping[str, Any]]) -> Amount | None:
    """What is known when reading is done: the records that were judged. None of other pieces."""
    if not any("judged" in r["counts"] for r in receipts):
        return None
    return Amount(sum(r["counts"].get("judged", 0) for r in receipts), "records")
