"""Distributions before and after filtering: lengths, perplexity, reference probability, fit of
pairs, sizes of duplicate clusters. Counts of the parts that are looked at, scaled to the run.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from skypile.look.run import KEPT, Fates, Looked, Part
from skypile.look.sums import LANGUAGES, READ, languages_of, sizes_by_stage

F64 = npt.NDArray[np.float64]
MAX_BARS = 48


@dataclass(frozen=True)
class Histogram:
    """Counts between `edges` (one more than counts), before and after. marks: (value, what it is),
    cut-offs on the same axis. log: the axis is logarithmic.
    """

    name: str
    unit: str
    edges: Sequence[float]
    before: Sequence[float]
    after: Sequence[float]
    log: bool = False
    marks: Sequence[tuple[float, str]] = ()


@dataclass
class _Bins:
    """Counts in fine bins, made coarse at the end: of so many a decade; else of a width, from the
    smallest value to the largest; else from 0 to 1 in equal ones.
    """

    per_decade: int = 0
    width: float = 0.0
    before: Counter[int] = field(default_factory=Counter)
    after: Counter[int] = field(default_factory=Counter)

    def add(self, values: F64, kept: npt.NDArray[np.bool_], scale: float) -> None:
        if self.per_decade or self.width:
            where = self._bins(values)
        else:
            where = np.minimum((values * MAX_BARS / 2).astype(int), MAX_BARS // 2 - 1)
        for counts, rows in ((self.before, where), (self.after, where[kept])):
            found, sizes = np.unique(rows, return_counts=True)
            for at, n in zip(found.tolist(), sizes.tolist(), strict=True):
                counts[at] += n * scale

    def _bins(self, values: F64) -> npt.NDArray[np.int64]:
        scaled = np.log10(np.maximum(values, 1)) * self.per_decade
        return np.floor(values / self.width if self.width else scaled).astype(np.int64)

    def histogram(
        self, name: str, unit: str, marks: Sequence[tuple[float, str]] = ()
    ) -> Histogram | None:
        if not self.before:
            return None
        if not (self.per_decade or self.width):
            at: Sequence[int] = range(MAX_BARS // 2)
            edges = [i * 2 / MAX_BARS for i in range(MAX_BARS // 2 + 1)]
            return self._made(name, unit, at, 1, edges, marks)
        low, high = min(self.before), max(self.before)
        marked = self._bins(np.array([value for value, _ in marks])).tolist()
        low, high = min([low, *marked]), max([high, *marked])
        step = -(-(high - low + 1) // MAX_BARS)
        at = range(low, high + 1, step)
        edges = [
            i * self.width if self.width else 10 ** (i / self.per_decade)
            for i in (*at, at[-1] + step)
        ]
        return self._made(name, unit, at, step, edges, marks)

    def _made(
        self,
        name: str,
        unit: str,
        at: Sequence[int],
        step: int,
        edges: Sequence[float],
        marks: Sequence[tuple[float, str]],
    ) -> Histogram:
        before, after = (
            [float(sum(c[i + k] for k in range(step))) for i in at]
            for c in (self.before, self.after)
        )
        return Histogram(name, unit, edges, before, after, bool(self.per_decade), marks)


def lengths(run: Looked) -> list[Histogram]:
    """Characters of the texts as read and of those that every stage kept, edits applied, by
    language.
    """
    bins = {name: _Bins(10) for name in LANGUAGES}

    def add(part: Part, fate: Fates, scale: float) -> None:
        sizes = sizes_by_stage(part, fate)
        assert sizes[0][0] == READ
        read, last = sizes[0][1][:, 1], sizes[-1][1][:, 1]
        languages, kept = languages_of(part), np.asarray(fate.reason == KEPT)
        for name, one in bins.items():
            own = languages == name
            one.add(read[own], np.zeros(own.sum(), bool), scale)
            one.after.update(_only_before(last[own & kept], one.per_decade, scale))

    _each(run, add)
    made = [b.histogram(name, "characters a document") for name, b in bins.items()]
    return [h for h in made if h]


def _only_before(values: F64, per_decade: int, scale: float) -> Counter[int]:
    bins = _Bins(per_decade)
    bins.add(values, np.zeros(len(values), bool), scale)
    return bins.before


def qualities(run: Looked) -> list[Histogram]:
    """Perplexity with its cut-offs, and reference probability with its bands, by language: what
    stage quality scored, and what it kept of that.
    """
    manifest = run.manifest("quality.relate")
    if manifest is None:
        return []
    bins: dict[tuple[str, str], _Bins] = {}

    def add(part: Part, fate: Fates, scale: float) -> None:
        if not part.has("quality"):
            return
        names = ["scored_as", "perplexity", "reference_prob"]
        table = part.columns("quality", names)
        scored = np.asarray(table["scored_as"].to_pylist(), object)
        kept = fate.kept_by("quality")
        for column, per_decade in (("perplexity", 40), ("reference_prob", 0)):
            values = table[column].to_numpy().astype(np.float64)
            for language in sorted({s for s in scored if s}):
                own = (scored == language) & np.isfinite(values)
                one = bins.setdefault((column, language), _Bins(per_decade))
                one.add(values[own], kept[own], scale)

    _each(run, add)
    cut = next((m.settings for m in run.manifests if m.piece == "quality.cut"), {})
    found = []
    for (column, language), one in sorted(bins.items()):
        cuts = manifest.facts.get("cutoffs", {}) | dict(cut.get("cutoffs", {}))
        marks: Sequence[tuple[float, str]]
        if column == "perplexity":
            marks = list(zip(cuts.get(language) or (), ("head ends", "middle ends"), strict=False))
        else:
            marks = list(zip(cut.get("reference_bands", ()), ("medium", "high"), strict=False))
        found.append(one.histogram(f"{language}", column.replace("_prob", " probability"), marks))
    return [h for h in found if h]


def pairs(run: Looked) -> list[Histogram]:
    """Of parallel text, what stage parallel measured and what it kept: the log-odds of being a
    pair with their cut-off, the difference of the sides' lengths with its, and the length of each
    side in English letters.
    """
    settings = next((m.settings for m in run.manifests if m.piece == "parallel.relate"), None)
    if settings is None:
        return []
    most, least = settings["max_length_deviation"], settings["min_log_odds"]
    bounds = [(-most, ""), (most, "")]
    letters = "in English letters"
    shown: dict[str, tuple[_Bins, str, str, list[tuple[float, str]]]] = {
        "pair_log_odds": (_Bins(width=0.25), "being a pair", "log-odds", [(least, "kept from")]),
        "length_deviation": (
            _Bins(width=0.25),
            "Chinese side longer by",
            "standard deviations",
            bounds,
        ),
        "english_length": (_Bins(10), "English side", letters, []),
        "chinese_length": (_Bins(10), "Chinese side", letters, []),
    }

    def add(part: Part, fate: Fates, scale: float) -> None:
        if not part.has("pairs"):
            return
        table, kept = part.columns("pairs", list(shown)), fate.kept_by("parallel")
        for column, (one, *_) in shown.items():
            values = table[column].to_numpy().astype(np.float64)
            there = np.isfinite(values)
            one.add(values[there], kept[there], scale)

    _each(run, add)
    made = [one.histogram(name, unit, marks) for one, name, unit, marks in shown.values()]
    return [h for h in made if h]


def _each(run: Looked, add: Callable[[Part, Fates, float], None]) -> None:
    for part in run.parts:
        add(part, run.fates(part), run.scale[part.source])


def cluster_sizes(run: Looked) -> Mapping[str, int]:
    """How many clusters of duplicates have how many documents, in classes of sizes, in the parts
    looked at (where these are not all, sizes are lower bounds).
    """
    sizes: Counter[str] = Counter()
    for part in run.parts:
        if part.has("duplicates"):
            column = part.columns("duplicates", ["cluster"])["cluster"].drop_null()
            sizes.update(column.to_pylist())
    classes: Counter[int] = Counter()
    for size in sizes.values():
        classes[size if size <= 5 else 1 << (size - 1).bit_length()] += 1
    return {
        f"{least:,}" if least <= 5 else f"up to {least:,}": n
        for least, n in sorted(classes.items())
    }
