"""Scores as JSON, and as tables beside the paper's: Tables 5 and 11, and by subject as Table 12."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.evaluate.benchmarks.subjects import CEVAL
from model.evaluate.benchmarks.suite import BY_NAME, Benchmark


@dataclass
class Score:
    """What came out of one benchmark.

    right: by subject, for each metric how many were right; items: by subject, of how many.
    guessing: right answers expected of guesses, by subject. cut: prompts longer than the context,
    which lost their beginning. files: name to SHA-256.
    """

    benchmark: Benchmark
    right: dict[str, dict[str, float]] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    guessing: dict[str, float] = field(default_factory=dict)
    cut: int = 0
    self_written: int = 0
    files: dict[str, str] = field(default_factory=dict)

    def add(self, subject: str, found: Mapping[str, float], choices: int) -> None:
        """One more item; found: metric to 0 or 1."""
        of = self.right.setdefault(subject, {})
        for metric, value in found.items():
            of[metric] = of.get(metric, 0.0) + value
        self.items[subject] = self.items.get(subject, 0) + 1
        self.guessing[subject] = self.guessing.get(subject, 0.0) + (1 / choices if choices else 0)

    @property
    def total(self) -> int:
        """How many items."""
        return sum(self.items.values())

    def percent(self, metric: str | None = None) -> float:
        """The score: a mean over subjects or items, as the team's scripts have it."""
        metric = metric or self.benchmark.metric
        return self._mean({s: found[metric] for s, found in self.right.items()})

    def chance(self) -> float:
        """What guessing gives, in percent."""
        return self._mean(self.guessing)

    def _mean(self, right: Mapping[str, float]) -> float:
        if self.benchmark.mean_of_subjects:
            return 100 * sum(n / self.items[s] for s, n in right.items()) / len(right)
        return 100 * sum(right.values()) / self.total

    def error(self) -> float:
        """The standard error of the score, in percent: sampling of items alone."""
        shares = {s: f[self.benchmark.metric] / self.items[s] for s, f in self.right.items()}
        if self.benchmark.mean_of_subjects:
            variance = sum(p * (1 - p) / self.items[s] for s, p in shares.items())
            return 100 * math.sqrt(variance) / len(shares)
        p = self.percent() / 100
        return 100 * math.sqrt(p * (1 - p) / self.total)

    def as_json(self) -> dict[str, Any]:
        """All that was counted."""
        metrics = sorted({m for found in self.right.values() for m in found})
        said: dict[str, Any] = {
            "metric": self.benchmark.metric,
            "percent": self.percent(),
            "standard_error": self.error(),
            "chance": self.chance(),
            "metrics": {m: self.percent(m) for m in metrics},
            "items": self.total,
            "shots": self.benchmark.shots,
            "prompts_cut": self.cut,
            "self_written": self.self_written,
            "files": self.files,
            "paper": self.benchmark.paper,
            "paper_table": self.benchmark.table,
        }
        if self.benchmark.by_subject:
            said["subjects"] = {
                s: {"items": self.items[s], "right": self.right[s][self.benchmark.metric]}
                for s in sorted(self.items)
            }
        return said


def markdown(name: str, scores: Sequence[Score], missing: Sequence[str], limit: int | None) -> str:
    """The scores of a model. missing: names of benchmarks whose files were not there."""
    lines = [
        f"| benchmark | shots | items | metric | {name} | chance | Skywork-13B (paper) | |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for s in scores:
        b = s.benchmark
        lines.append(
            f"| {b.title} | {b.shots} | {s.total:,} | {b.metric} | {s.percent():.1f} ± "
            f"{s.error():.1f} | {s.chance():.1f} | {b.paper} (Table {b.table}) | {_remarks(s)} |"
        )
    lines += [
        f"| {b.title} | {b.shots} | - | {b.metric} | - | | {b.paper} (Table {b.table}) | no data |"
        for b in (BY_NAME[m] for m in missing)
    ]
    lines += ["", "± is one standard error of the items drawn."]
    if limit is not None:
        lines += [f"Only the first {limit} items of each subject were asked: no scores to quote."]
    for s in scores:
        if s.benchmark.by_subject:
            lines += ["", f"### {s.benchmark.title} by subject", "", *_subjects(s, name)]
    return "\n".join(lines)


def _remarks(score: Score) -> str:
    said = []
    if score.self_written:
        said.append("self-written items in the same form: no benchmark score")
    if score.cut:
        said.append(f"{score.cut:,} prompts cut at the context")
    return "; ".join(said)


def _subjects(score: Score, name: str) -> list[str]:
    """Rows as in Table 12; beside the paper's where it has them (C-Eval)."""
    paper = score.benchmark.name == "ceval"
    more = (" stage 1 (Table 12) | stage 2 |", " ---: | ---: |") if paper else ("", "")
    lines = [f"| subject | items | {name} |{more[0]}", f"| --- | ---: | ---: |{more[1]}"]
    for subject in sorted(score.items):
        percent = 100 * score.right[subject][score.benchmark.metric] / score.items[subject]
        beside = "".join(f" {x} |" for x in CEVAL[subject][1:]) if paper else ""
        lines.append(
            f"| {subject.replace('_', ' ')} | {score.items[subject]} | {percent:.1f} |{beside}"
        )
    return lines
