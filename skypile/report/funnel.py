"""The funnel of a run as the report draws it: exact, from the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from skypile.ledger import Funnel
from skypile.report.charts import flow

READ = "read"


@dataclass(frozen=True)
class Reason:
    """Why documents went: how many, and of how many that the stage saw."""

    stage: str
    name: str
    documents: int
    of: int


@dataclass(frozen=True)
class Step:
    """A stage, all sources together."""

    stage: str
    rows_in: int
    kept: int
    reasons: Sequence[Reason]
    blocks: int
    drawing: Markup


def colours(funnel: Funnel) -> dict[str, int]:
    """The number of each source's colour: 0 for the largest. In the order of the sources."""
    judged = {s: counts["judged"] for s, counts in funnel.reads.items()}
    ranks = sorted(judged, key=lambda s: (-judged[s], s))
    return {s: ranks.index(s) % 6 for s in judged}


def steps(funnel: Funnel) -> list[Step]:
    """The reading of the records and then every stage that gives verdicts, in order."""
    sources = list(funnel.reads)
    inside = {s: funnel.reads[s]["judged"] for s in sources}
    most, shades = float(sum(inside.values())), colours(funnel)
    rejected: dict[str, int] = {}
    for counts in funnel.reads.values():
        for reason, n in counts["rejected"].items():
            rejected[reason] = rejected.get(reason, 0) + n
    after = {s: funnel.reads[s]["documents"] for s in sources}
    found = [_step(READ, inside, after, sum(inside.values()), rejected, 0, most, shades)]
    inside = after
    for stage in dict.fromkeys(line.stage for line in funnel.lines):
        own = [line for line in funnel.lines if line.stage == stage]
        after = inside | {line.source: line.kept for line in own}
        dropped: dict[str, int] = {}
        for line in own:
            for reason, n in line.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + n
        blocks = sum(line.blocks_removed for line in own)
        seen = sum(line.rows_in for line in own)
        found.append(_step(stage, inside, after, seen, dropped, blocks, most, shades))
        inside = after
    return found


def _step(
    stage: str,
    before: Mapping[str, int],
    after: Mapping[str, int],
    seen: int,
    dropped: Mapping[str, int],
    blocks: int,
    most: float,
    colours: Mapping[str, int],
) -> Step:
    reasons = sorted(dropped.items(), key=lambda x: (-x[1], x[0]))
    drawing = flow(
        [float(n) for n in before.values()],
        [float(after[s]) for s in before],
        most,
        list(colours.values()),
    )
    listed = [Reason(stage, name, n, seen) for name, n in reasons]
    return Step(stage, sum(before.values()), sum(after.values()), listed, blocks, drawing)
