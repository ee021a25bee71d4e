"""What changed between two runs: documents in and out, by reason, and the settings that differ.

Documents are the same where their ids are: the source's name, the file's path in it, and the
number of the record. Parts are compared one by one where both runs have the same parts, else a
source at a time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    for ours, theirs in _pairs(first, second):
        a = {k: v for part in ours for k, v in _fates(first, part)}
        b = {k: v for part in theirs for k, v in _fates(second, part)}
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


def _pairs(first: Looked, second: Looked) -> Iterator[tuple[list[Part], list[Part]]]:
    """Parts that hold the same documents, else all of a source."""
    for source in dict.fromkeys((*first.reader.sources, *second.reader.sources)):
        ours, theirs = ([p for p in r.all_parts if p.source == source] for r in (first, second))
        digests = [[p.files["records"].sha256 for p in own] for own in (ours, theirs)]
        if digests[0] == digests[1]:
            yield from (([a], [b]) for a, b in zip(ours, theirs, strict=True))
        else:
            yield ours, theirs


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
