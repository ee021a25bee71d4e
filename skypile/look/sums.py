"""Documents, characters and tokens by stage, language and source; hosts. One pass over narrow
columns of the parts that are looked at.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skypile.look.run import KEPT, Fates, Looked, Part
from skypile.stages.mixture_write import CHARS_PER_TOKEN, WIDE_CHARS_PER_TOKEN

F64 = npt.NDArray[np.float64]
MEASURES = ("documents", "characters", "tokens")
LANGUAGES = ("English", "Chinese, simplified", "Chinese, traditional", "other", "not judged")
READ = "read"  # the name of what stands before the first stage
MAX_HOSTS = 100_000  # distinct ones that are counted at a time


@dataclass
class Hosts:
    """Of the commonest hosts: [documents read, documents kept to the end, characters kept]."""

    top: list[tuple[str, list[float]]]
    distinct: int
    at_most: bool  # the number of distinct hosts is a lower bound


@dataclass
class Sums:
    """Estimates from the parts looked at (exact where that is all of them).

    left: stage ("read" before the first) -> language -> [documents, characters, tokens] that were
    still in behind it; left_of the same by source. dropped: stage -> reason -> the same three.
    cut: stage -> [blocks, characters] that went from documents that stayed.
    """

    stages: Sequence[str]
    left: dict[str, dict[str, F64]] = field(default_factory=dict)
    left_of: dict[str, dict[str, F64]] = field(default_factory=dict)
    dropped: dict[str, dict[str, F64]] = field(default_factory=dict)
    cut: dict[str, F64] = field(default_factory=dict)
    hosts: Hosts | None = None


def sums(run: Looked) -> Sums:
    """The sums of a run."""
    found = Sums(run.cuts)
    hosts: dict[str, list[float]] = {}
    pruned = False
    for part in run.parts:
        scale = run.scale[part.source]
        fate = run.fates(part)
        languages = languages_of(part)
        for stage, sizes in sizes_by_stage(part, fate, found, scale):
            there = np.ones(part.rows, bool) if stage == READ else fate.kept_by(stage)
            _add(found.left, stage, languages, there, sizes * scale)
            of = np.full(part.rows, part.source, object)
            _add(found.left_of, stage, of, there, sizes * scale)
            if stage != READ:
                _add(found.dropped, stage, fate.reason, fate.dropped_by(stage), sizes * scale)
        kept = np.asarray(fate.reason == KEPT)
        _hosts(part, kept, scale, hosts)
        if len(hosts) > MAX_HOSTS:
            pruned = True
            hosts = dict(sorted(hosts.items(), key=_rank)[: MAX_HOSTS // 2])
    found.hosts = Hosts(sorted(hosts.items(), key=_rank), len(hosts), pruned or not run.whole)
    return found


def _rank(item: tuple[str, list[float]]) -> tuple[float, str]:
    return -item[1][0], item[0]


def sizes_by_stage(
    part: Part, fate: Fates, into: Sums | None = None, scale: float = 1.0
) -> list[tuple[str, F64]]:
    """For "read" and each stage: (rows, 3) documents (ones), characters and tokens of each text
    as it was behind it, edits applied. into: counts what blocks went.
    """
    columns = part.columns("documents", ["block_chars", "block_wide_chars"])
    chars, wide = (_by_row(columns[n]) for n in ("block_chars", "block_wide_chars"))
    total, wide_total = (np.array([b.sum() for b in x], np.float64) for x in (chars, wide))
    found = [(READ, _sizes(total, wide_total))]
    for stage in fate.stages:
        kept = fate.kept_by(stage)
        for row, blocks in fate.removed.get(stage, {}).items():
            gone = chars[row][blocks].sum()
            total[row] -= gone
            wide_total[row] -= wide[row][blocks].sum()
            if into is not None and kept[row]:
                sums_of = into.cut.setdefault(stage, np.zeros(2))
                sums_of += np.array([len(blocks), gone]) * scale
        found.append((stage, _sizes(total, wide_total)))
    return found


def _sizes(chars: F64, wide: F64) -> F64:
    tokens = 1 + np.rint(wide / WIDE_CHARS_PER_TOKEN + (chars - wide) / CHARS_PER_TOKEN)
    return np.stack([np.ones(len(chars)), chars, tokens], axis=1)


def _by_row(column: pa.ChunkedArray) -> list[npt.NDArray[np.int64]]:
    """The lists of a list column as arrays."""
    lists: list[npt.NDArray[np.int64]] = []
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        ends = chunk.offsets.to_numpy(zero_copy_only=False)
        lists += [values[a:b] for a, b in itertools.pairwise(ends)]
    return lists


def languages_of(part: Part) -> npt.NDArray[np.object_]:
    """(rows,) one of LANGUAGES for each document."""
    found = np.full(part.rows, LANGUAGES[-1], object)
    if not part.has("language"):
        return found
    table = part.columns("language", ["family", "simplified_share", "traditional_share"])
    family = np.asarray(table["family"].to_pylist(), object)
    simplified, traditional = (
        pc.fill_null(table[n], 0).to_numpy() for n in ("simplified_share", "traditional_share")
    )
    found[family == "en"] = LANGUAGES[0]
    found[(family == "zh") & (simplified >= traditional)] = LANGUAGES[1]
    found[(family == "zh") & (simplified < traditional)] = LANGUAGES[2]
    found[family == "other"] = LANGUAGES[3]
    return found


def _add(
    into: dict[str, dict[str, F64]],
    stage: str,
    names: npt.NDArray[np.object_],
    there: npt.NDArray[np.bool_],
    sizes: F64,
) -> None:
    by_name = into.setdefault(stage, {})
    for name in sorted(set(names[there])):
        one = there & (names == name)
        by_name[name] = by_name.get(name, np.zeros(3)) + sizes[one].sum(axis=0)


def _hosts(
    part: Part, kept: npt.NDArray[np.bool_], scale: float, into: dict[str, list[float]]
) -> None:
    table = part.columns("documents", ["host", "chars"])
    chars = table["chars"].to_numpy()
    names = table["host"].to_pylist()
    read = Counter(n for n in names if n)
    for name, count in read.items():
        into.setdefault(name, [0.0, 0.0, 0.0])[0] += count * scale
    for row in np.flatnonzero(kept).tolist():
        if names[row]:
            sums_of = into[names[row]]
            sums_of[1] += scale
            sums_of[2] += float(chars[row]) * scale
