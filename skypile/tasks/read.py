"""Raw input to `documents`, `records` and `read_log`, for one part."""

from collections import Counter
from contextlib import closing
from typing import Any

from skypile.errors import InputError
from skypile.hashing import SliceReader
from skypile.kernels.reading.ids import doc_id, sampled, text_digest
from skypile.plan import Slice
from skypile.reads import Row
from skypile.tables import DOCUMENTS, READ_LOG, RECORDS, Table
from skypile.tasks.base import PartWriter, ReadTask

BATCH_ROWS = 256  # rows held as Python objects before they become an Arrow batch
BATCH_CHARS = 8 << 20


def read_part(task: ReadTask) -> dict[str, Any]:
    """Raw input to `documents`, `records` and `read_log`.

    Raises:
        InputError: a file is not what was planned.
        ValueError: the kernel broke the contract (an id twice, an unknown reason).
    """
    assert task.stage.read
    out = PartWriter(task)
    rows = {t.name: _Rows(t, out) for t in (DOCUMENTS, RECORDS, READ_LOG)}
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seen: set[str] = set()

    def wanted(document: str) -> bool:
        return sampled(document, task.seed, task.sample_fraction)

    with closing(task.stage.read.make_kernel(task.config, wanted)) as kernel:
        for one in task.slices:
            with task.root.open(one.path) as stream:
                if stream.size() != one.file_bytes:
                    raise _changed(task, one)
                reader = SliceReader(stream, one.start, one.end)
                for record, document in kernel(
                    reader,
                    source=task.source,
                    format=task.format,
                    path=one.path,
                    start=one.start,
                    first_ordinal=one.first_ordinal,
                    hints=task.hints,
                ):
                    _check_record(task, record, document, seen)
                    rows["records"].add(record)
                    if document is None:
                        reasons[record["reason"]] += 1
                    else:
                        counts["documents"] += 1
                        rows["documents"].add(document)
                if reader.digest() != one.sha256:
                    raise _changed(task, one)
            log = kernel.log()
            _check_log(task, one, log)
            where = {"source": task.source, "path": one.path, "start": one.start, "end": one.end}
            rows["read_log"].add({**where, **log})
            counts.update({k: log[k] for k in ("records", "judged", "sampled_out")})
            counts["passed_over"] += sum(n for _, n in log["passed_over"])
            counts["damages"] += len(log["damages"])
    for pending in rows.values():
        pending.flush()
    total = {
        "records": 0,
        "judged": 0,
        "sampled_out": 0,
        "passed_over": 0,
        "damages": 0,
        "documents": 0,
        **counts,
        "rejected": dict(reasons),
    }
    return out.finish(total, {"computed": counts["judged"], "reused": 0})


def _check_log(task: ReadTask, one: Slice, log: Row) -> None:
    """The kernel's own sums, and the number of records that planning counted."""
    passed = sum(n for _, n in log["passed_over"])
    if log["records"] != log["judged"] + log["sampled_out"] + passed:
        raise ValueError(f"{task.piece_name}: {one.path}: records do not add up: {log}")
    if one.records is not None and log["records"] != one.records:
        raise ValueError(
            f"{task.piece_name}: {one.path}, bytes {one.start:,} to {one.end:,}: planning counted "
            f"{one.records} records, reading {log['records']}"
        )


class _Rows:
    """Row mappings gathered into batches of a table."""

    def __init__(self, table: Table, out: PartWriter) -> None:
        self._table, self._out = table, out
        self._rows: list[Row] = []
        self._chars = 0
        self._begun = False

    def add(self, row: Row) -> None:
        self._rows.append(row)
        self._chars += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(self._rows) >= BATCH_ROWS or self._chars >= BATCH_CHARS:
            self.flush()

    def flush(self) -> None:
        if self._rows or not self._begun:  # a part without rows still has its file
            self._out.write(self._table.name, self._table.schema, self._table.from_rows(self._rows))
        self._rows, self._chars, self._begun = [], 0, True


def _changed(task: ReadTask, one: Slice) -> InputError:
    return InputError(
        f"{task.root.at(one.path)} is not the file that was planned (bytes {one.start:,} to "
        f"{one.end:,}, sha256 {one.sha256[:16]}…): it changed since; run again to plan anew"
    )


def _check_record(task: ReadTask, record: Row, document: Row | None, seen: set[str]) -> None:
    name, reason = record["doc_id"], record["reason"]
    if name != doc_id(task.source, record["path"], record["ordinal"]) or name in seen:
        raise ValueError(f"{task.piece_name}: id {name} is wrong or occurs twice")
    seen.add(name)
    if (document is not None) != record["kept"] or (reason is None) != record["kept"]:
        raise ValueError(f"{task.piece_name}: record {name}: kept and reason do not agree")
    if document is not None:
        _check_document(task, name, document)
    if reason is not None and reason not in task.stage.reasons:
        raise ValueError(f"{task.piece_name}: reason {reason!r} is not on the stage's list")


def _check_document(task: ReadTask, name: str, document: Row) -> None:
    """What later stages rely on: they remove blocks by index and know texts by digest."""
    lengths = [len(block) for block in document["text"].split("\n")]
    if (
        document["doc_id"] != name
        or document["block_chars"] != lengths
        or document["chars"] != sum(lengths)
        or len(document["block_wide_chars"]) != len(lengths)
        or document["text_digest"] != text_digest(document["text"])
    ):
        raise ValueError(f"{task.piece_name}: document {name}: id, blocks or digest do not fit")
