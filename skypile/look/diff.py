"""What changed between two runs: documents in and out, by reason, and the settings that differ.

Documents are the same where their ids are: the source's name, the file's path in it, and the
number of the record. Parts are compared one by one where both runs have the same parts; else the
fates of a source's records go to temporary files by the first digits of their ids, and these are
compared one by one: what is held at a time is a part, or 1/256 of a source.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from skypile.look.run import KEPT, Looked, Part

ABSENT = "not there"
Fate = tuple[str, str]  # stage, reason
EXAMPLES = 3


@dataclass(frozen=True)
class Setting:
    """A setting that differs: where, and its values (None: that run has none)."""

    where: str
    name: str
    first: Any
    second: Any


@dataclass
class Difference:
    """first, second: documents kept. moves: (fate in the first run, fate in the second) to how many
    documents, where the two differ; examples: some ids of each. settings: those that differ, of
    sources and of pieces that both runs have; only: pieces that one of them has; code: pieces that
    differ in code, libraries or contents of models alone.
    """

    first: int = 0
    second: int = 0
    moves: Counter[tuple[Fate, Fate]] = field(default_factory=Counter)
    examples: dict[tuple[Fate, Fate], list[str]] = field(default_factory=dict)
    settings: Sequence[Setting] = ()
    only: tuple[Sequence[str], Sequence[str]] = ((), ())
    code: Sequence[str] = ()

    @property
    def came(self) -> int:
        """Documents that only the second run kept."""
        return sum(n for (_, b), n in self.moves.items() if b[1] == KEPT)

    @property
    def went(self) -> int:
        """Documents that only the first run kept."""
        return sum(n for (a, _), n in self.moves.items() if a[1] == KEPT)


def difference(first: Looked, second: Looked) -> Difference:
    """What changed from one run to another; all documents of both are compared."""
    found = Difference()
    for a, b in _compared(first, second):
        for doc_id in sorted(a.keys() | b.keys()):
            before, after = a.get(doc_id, ("", ABSENT)), b.get(doc_id, ("", ABSENT))
            found.first += before[1] == KEPT
            found.second += after[1] == KEPT
            if before != after:
                found.moves[before, after] += 1
                examples = found.examples.setdefault((before, after), [])
                if len(examples) < EXAMPLES:
                    examples.append(doc_id)
    pieces = [_by_piece(run) for run in (first, second)]
    found.settings, found.code = _settings(first, second, pieces)
    alone = [[p for p in a if p not in b] for a, b in (pieces, pieces[::-1])]
    found.only = (alone[0], alone[1])
    return found


def _compared(first: Looked, second: Looked) -> Iterator[tuple[dict[str, Fate], dict[str, Fate]]]:
    """The fates of the same records in both runs, some at a time."""
    for source in dict.fromkeys((*first.reader.sources, *second.reader.sources)):
        ours, theirs = ([p for p in r.all_parts if p.source == source] for r in (first, second))
        digests = [[p.files["records"].sha256 for p in own] for own in (ours, theirs)]
        if digests[0] == digests[1]:
            for part, other in zip(ours, theirs, strict=True):
                yield dict(_fates(first, part)), dict(_fates(second, other))
            continue
        with tempfile.TemporaryDirectory(prefix="skypile-diff-") as folder:
            names: dict[Fate, int] = {}
            sides = [Path(folder, side) for side in ("first", "second")]
            for run, parts, side in zip((first, second), (ours, theirs), sides, strict=True):
                side.mkdir()
                for part in parts:
                    spill(_fates(run, part), side, names)
            known = list(names)
            for bucket in range(BUCKETS):
                a, b = (spilt(side / f"{bucket:02x}", known) for side in sides)
                yield a, b


BUCKETS = 256  # two digits of an id
_ROW = np.dtype([("id", "S32"), ("fate", "<u4")])


def spill(fates: Iterator[tuple[str, Fate]], folder: Path, names: dict[Fate, int]) -> None:
    """Append records to the file of the first two digits of their ids. names: a number a fate."""
    rows = np.array([(k, names.setdefault(fate, len(names))) for k, fate in fates], _ROW)
    rows.sort(order="id")
    digits = rows["id"].astype("S2")
    named, starts = np.unique(digits, return_index=True)
    for digit, some in zip(named.tolist(), np.split(rows, starts[1:]), strict=False):
        with open(folder / digit.decode(), "ab") as out:
            out.write(some.tobytes())


def spilt(file: Path, names: Sequence[Fate]) -> dict[str, Fate]:
    """The records of such a file; none where there is no file. names: the fates by number."""
    if not file.exists():
        return {}
    rows = np.fromfile(file, _ROW)
    return {
        k.decode(): names[i]
        for k, i in zip(rows["id"].tolist(), rows["fate"].tolist(), strict=True)
    }


def _fates(run: Looked, part: Part) -> Iterator[tuple[str, Fate]]:
    """Each record of a part with the stage that dropped it and why."""
    with part.root.open(part.files["records"].path) as stream:
        names = ["doc_id", "reason"]
        table = pq.read_table(stream, columns=names, filters=[("kept", "=", False)])
    for row in table.to_pylist():
        yield row["doc_id"], ("read", row["reason"])
    fate = run.fates(part)
    stages = np.asarray([*run.cuts, ""], object)[fate.left]
    # Not `part.ids`, which stay: all parts of both runs come by here.
    ids = part.columns("documents", ["doc_id"])["doc_id"].to_pylist()
    for doc_id, stage, reason in zip(ids, stages, fate.reason, strict=True):
        yield doc_id, (str(stage), str(reason))


def _settings(
    first: Looked, second: Looked, pieces: Sequence[Mapping[str, tuple[Mapping[str, Any], str]]]
) -> tuple[list[Setting], list[str]]:
    """Settings of sources and pieces that differ; pieces that differ in code or libraries alone.
    Where a source's files lie decides no row.
    """
    found = []
    sources = [{s["name"]: s for s in r.reader.record["sources"]} for r in (first, second)]
    for name in dict.fromkeys((*sources[0], *sources[1])):
        changed = _changed(f"source {name}", *(s.get(name, {}) for s in sources))
        found += [one for one in changed if one.name != "root"]
    samples = [{"sample_fraction": r.reader.record["sample_fraction"]} for r in (first, second)]
    found += _changed("run", *samples)
    code = []
    for piece in pieces[0].keys() & pieces[1].keys():
        (settings_a, own_a), (settings_b, own_b) = (p[piece] for p in pieces)
        changed = _changed(piece, settings_a, settings_b)
        found += changed
        if own_a != own_b and not changed:
            code.append(piece)
    order = [*pieces[0]]
    return sorted(found, key=lambda s: order.index(s.where) if s.where in order else -1), sorted(
        code, key=order.index
    )


def _by_piece(run: Looked) -> dict[str, tuple[Mapping[str, Any], str]]:
    return {m.piece: (m.settings, m.own_fingerprint) for m in run.manifests}


def _changed(where: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    names = dict.fromkeys((*a, *b))
    return [Setting(where, n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]
