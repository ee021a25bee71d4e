"""Samples and differences as a terminal shows them, and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skypile.errors import NothingFoundError, SkypileError
from skypile.look.diff import Difference, Fate
from skypile.look.run import KEPT, Fates, Looked, Part
from skypile.look.samples import Key, Mask, Sample, choose, samples
from skypile.look.shown import short
from skypile.settings import did_you_mean

TEXT_CHARS = 600


def sampled(run: str, stage: str, reason: str, count: int) -> list[Sample]:
    """Up to `count` documents that a stage dropped for a reason, or "kept", drawn by hash; their
    texts are those that the stage saw.

    Raises:
        SkypileError: the run has no such stage or reason. NothingFoundError: no document.
    """
    looked = Looked(run)
    looked.check_stage(stage)

    def select(part: Part, fate: Fates) -> Mapping[Key, Mask]:
        if not part.has(f"verdicts_{stage}"):
            return {("", ""): np.zeros(part.rows, bool)}
        if reason == KEPT:
            return {(stage, reason): fate.kept_by(stage)}
        return {(stage, reason): fate.dropped_by(stage) & (fate.reason == reason)}

    picks = choose(looked, select, count, "gallery").get((stage, reason), [])
    if not picks:
        known = sorted({r for x in looked.funnel.lines if x.stage == stage for r in x.dropped})
        if reason not in (KEPT, *known):
            hint = did_you_mean(reason, [KEPT, *known])
            raise SkypileError(f"stage {stage} dropped nothing for {reason!r}; {hint}")
        raise NothingFoundError(f"no document of {stage}, {reason}, in the parts looked at")
    ready = samples(looked, picks, stage)
    before = looked.cuts[: looked.cuts.index(stage)]
    return [_before(ready[p], before) for p in picks]


def _before(sample: Sample, stages: Sequence[str]) -> Sample:
    blocks = [b for b in sample.blocks if b.removed_by not in stages]
    return Sample(**{**vars(sample), "blocks": blocks})


def documents(found: Sequence[Sample], console: Console) -> None:
    """Print samples: address, numbers, the beginning of the text with removed blocks struck."""
    for number, sample in enumerate(found, 1):
        console.print(Text(f"{number}. {sample.url or sample.source}", "bold"), soft_wrap=True)
        console.print(Text(f"   {sample.doc_id}  {sample.title}", "dim"), soft_wrap=True)
        numbers = "  ".join(f"{n}={v}" for n, v in sample.numbers.items())
        if numbers:
            console.print(Text(f"   {numbers}", "dim"))
        left = TEXT_CHARS
        for block in sample.blocks:
            if left <= 0:
                console.print("   …")
                break
            gone = block.removed_by is not None
            mark = f" - [{block.removed_by}] " if gone else "   "
            style = "red" if gone else ""
            console.print(Text(mark + short(block.text, left), style))
            if block.why:
                console.print(Text(f"     {block.why}", "dim"))
            left -= len(block.text)
        console.print()


def as_json(found: Sequence[Sample]) -> list[dict[str, Any]]:
    """Samples as JSON types."""
    return [asdict(sample) for sample in found]


def difference(found: Difference, console: Console) -> None:
    """Print what changed: kept documents, moves between fates, settings."""
    console.print(
        f"kept: {found.first:,} and {found.second:,}; {found.came:,} came, {found.went:,} went",
        highlight=False,
    )
    if found.moves:
        table = Table(title="Documents", title_justify="left", header_style="bold")
        table.add_column("in the first")
        table.add_column("in the second")
        table.add_column("documents", justify="right", no_wrap=True)
        table.add_column("such as")
        for (before, after), n in _by_size(found):
            style = "green" if after[1] == KEPT else "red" if before[1] == KEPT else ""
            names = "  ".join(i[:12] for i in found.examples[before, after])
            table.add_row(_fate(before), Text(_fate(after), style), f"{n:,}", names)
        console.print(table)
    if found.settings:
        table = Table(title="Settings", title_justify="left", header_style="bold")
        for column in ("where", "setting", "first", "second"):
            table.add_column(column, overflow="fold")
        for one in found.settings:
            table.add_row(one.where, one.name, Text(str(one.first)), Text(str(one.second)))
        console.print(table)
    for name, pieces in zip(("first", "second"), found.only, strict=True):
        if pieces:
            console.print(f"only in the {name}: {', '.join(pieces)}", highlight=False)
    if found.code:
        console.print(
            f"other code, libraries or contents of models: {', '.join(found.code)}", highlight=False
        )
    if not (found.moves or found.settings or found.code or any(found.only)):
        console.print("no difference")


def _by_size(found: Difference) -> list[tuple[tuple[Fate, Fate], int]]:
    return sorted(found.moves.items(), key=lambda x: (-x[1], x[0]))


def _fate(fate: Fate) -> str:
    stage, reason = fate
    return f"{stage}: {reason}" if stage else reason


def difference_as_json(found: Difference) -> dict[str, Any]:
    """A difference as JSON types."""
    moves = [
        {
            "first": {"stage": a[0] or None, "fate": a[1]},
            "second": {"stage": b[0] or None, "fate": b[1]},
            "documents": n,
            "examples": found.examples[a, b],
        }
        for (a, b), n in _by_size(found)
    ]
    return {
        "kept": {"first": found.first, "second": found.second},
        "came": found.came,
        "went": found.went,
        "moves": moves,
        "settings": [asdict(s) for s in found.settings],
        "only": {"first": list(found.only[0]), "second": list(found.only[1])},
        "code": list(found.code),
    }
