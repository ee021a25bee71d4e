"""Dropped documents beside kept ones, duplicates beside their winners, pages beside their blocks:
the samples of every reason and bucket of a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skypile.look.run import KEPT, Fates, Looked, Part, scalars
from skypile.look.samples import Key, Mask, Pick, Sample, choose, find, samples
from skypile.look.shown import Piece, diff
from skypile.look.sums import LANGUAGES, languages_of

DIFF_CHARS = 20_000


@dataclass(frozen=True)
class Pair:
    """A document dropped and one that the same stage kept: its winner where it has one (then with
    the difference of the two texts), else one of the same language. Either may be missing.
    """

    dropped: Sample
    kept: Sample | None
    winner: bool = False
    changes: Sequence[Piece] = ()


@dataclass(frozen=True)
class Gallery:
    """Samples by stage and reason, by stage for removed blocks, by quality bucket, and by language
    for what every stage kept.
    """

    pairs: Mapping[tuple[str, str], Sequence[Pair]]
    blocks: Mapping[str, Sequence[Sample]]
    buckets: Mapping[str, Sequence[Sample]]
    final: Mapping[str, Sequence[Sample]]


def gallery(run: Looked, count: int) -> Gallery:
    """Up to `count` samples of everything that was dropped, cut or put in a bucket."""
    chosen = choose(run, _select, count, "gallery")
    by_stage: dict[str, dict[Pick, Sample]] = {}
    for stage in run.cuts:
        own = [p for key, picks in chosen.items() if key[1] == stage for p in picks]
        by_stage[stage] = samples(run, own, stage)
    pairs = {}
    for number, ((kind, stage, *rest), picks) in enumerate(chosen.items()):
        if kind == "dropped":
            pairs[stage, rest[0]] = _pairs(run, stage, number, picks, chosen, by_stage[stage])
    blocks = {
        stage: [by_stage[stage][p] for p in picks]
        for (kind, stage, *_), picks in chosen.items()
        if kind == "cut"
    }
    buckets, final = (
        {
            rest[0]: [by_stage[stage][p] for p in picks]
            for (kind, stage, *rest), picks in chosen.items()
            if kind == wanted
        }
        for wanted in ("bucket", "final")
    )
    return Gallery(pairs, blocks, buckets, final)


def _select(part: Part, fate: Fates) -> dict[Key, Mask]:
    """Masks of the documents of each reason; of those that a stage kept, by language; of those
    that lost a block and stayed; of each bucket.
    """
    found: dict[Key, Mask] = {}
    languages = languages_of(part)
    for stage in fate.stages:
        dropped, kept = fate.dropped_by(stage), fate.kept_by(stage)
        for reason in sorted(set(fate.reason[dropped])):
            found["dropped", stage, reason] = dropped & (fate.reason == reason)
        if part.has(f"verdicts_{stage}"):
            for language in LANGUAGES:
                found["kept", stage, language] = kept & (languages == language)
        if rows := list(fate.removed.get(stage, ())):
            cut = np.zeros(part.rows, bool)
            cut[rows] = True
            found["cut", stage] = cut & kept
    for language in LANGUAGES if fate.stages else ():
        left = (fate.reason == KEPT) & (languages == language)
        found["final", fate.stages[-1], language] = left
    if part.has("quality_buckets"):
        bucket = np.asarray(part.columns("quality_buckets", ["bucket"])["bucket"].to_pylist())
        applies = part.columns("verdicts_quality", ["applies"])["applies"].fill_null(False)
        for name in ("high", "medium", "low"):
            found["bucket", "quality", name] = (bucket == name) & applies.to_numpy()
    return found


def _pairs(
    run: Looked,
    stage: str,
    number: int,
    picks: Sequence[Pick],
    chosen: Mapping[Key, Sequence[Pick]],
    ready: Mapping[Pick, Sample],
) -> list[Pair]:
    winners = _winners(run, picks, stage)
    shown_as = samples(run, winners.values(), stage)
    before = run.cuts[: run.cuts.index(stage)]
    used: dict[str, int] = {}
    pairs = []
    for pick in picks:
        dropped = ready[pick]
        if pick in winners:
            kept = shown_as[winners[pick]]
            texts = (s.text(before)[:DIFF_CHARS] for s in (dropped, kept))
            pairs.append(Pair(dropped, kept, True, diff(*texts)))
            continue
        language = _language(pick)
        pool = chosen.get(("kept", stage, language)) or _any_kept(chosen, stage)
        at = number + used.get(language, 0)  # another reason begins with another one
        used[language] = used.get(language, 0) + 1
        pairs.append(Pair(dropped, ready[pool[at % len(pool)]] if pool else None))
    return pairs


def _language(pick: Pick) -> str:
    """The document's language; of one that was never judged, by its kinds of characters."""
    found = str(languages_of(pick.part)[pick.row])
    if found != LANGUAGES[-1]:
        return found
    (row,) = scalars(pick.part, "documents", [pick.row], ["block_wide_chars", "chars"])
    return LANGUAGES[1] if sum(row["block_wide_chars"]) > 0.3 * row["chars"] else LANGUAGES[0]


def _any_kept(chosen: Mapping[Key, Sequence[Pick]], stage: str) -> Sequence[Pick]:
    pools = [chosen.get(("kept", stage, language), ()) for language in LANGUAGES]
    return [p for pool in pools for p in pool]


def _winners(run: Looked, picks: Sequence[Pick], stage: str) -> dict[Pick, Pick]:
    """The documents for which duplicates went, where they are in a part that is looked at."""
    tables = {"dedup": ("duplicates", "winner"), "mixture": ("mixture", "equal_to")}
    if stage not in tables:
        tables = {stage: ("repeated_records", "repeats")}
    table, column = tables[stage]
    names: dict[Pick, str] = {}
    for pick in picks:
        if pick.part.has(table):
            (row,) = scalars(pick.part, table, [pick.row], [column])
            if row[column]:
                names[pick] = row[column]
    there = find(run.parts, names.values())
    return {pick: there[name] for pick, name in names.items() if name in there}
