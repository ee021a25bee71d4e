"""Signals and rules (Gopher, C4, FineWeb, ChineseWebText), and lists of blocked addresses.

The paper names filters of quality without their numbers; these are the field's. `measure` stores
the statistics of every document (`kernels.quality.signals`), `cut` drops by the profiles of rules
that the settings name for a language, and pages whose address is on a block list. With the default
settings nothing is dropped: the numbers are there to look at first.

Runs before the models are fitted, so that they learn from what the rules keep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.blocklists import KIND, load
from skypile.errors import ConfigError
from skypile.files import read_text
from skypile.kernels.quality import rules
from skypile.kernels.quality.blocklist import REASONS, Arrays, BlockList
from skypile.kernels.quality.flagged import NONE, FlaggedWords, parse
from skypile.kernels.quality.rules import PROFILES
from skypile.kernels.quality.signal_table import SCHEMA
from skypile.kernels.quality.signals import measure
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Stage
from skypile.tables import Table, field, verdict_rows

SIGNALS = Table(
    "signals",
    pa.schema([field("doc_id", pa.string()), *SCHEMA]),
    key=("doc_id",),
    meaning="statistics of each text that rules of quality are made of",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    flagged_words: str = setting(
        "", piece="measure", content=True, help="a list, one word a line, `!` before innocent ones"
    )
    profiles: dict[str, tuple[str, ...]] = setting(
        {},
        piece="cut",
        help=f"language to profiles of rules that it must pass: {', '.join(PROFILES)}",
    )
    thresholds: dict[str, tuple[float, ...]] = setting(
        {}, piece="cut", help="rule to [lowest, highest] allowed value; -inf and inf for none"
    )
    without: tuple[str, ...] = setting((), piece="cut", help="rules of the profiles to leave out")
    blocklist: str = setting(
        "", piece="cut", content=True, help="a list compiled by `skypile blocklist`"
    )
    flagged_path_words: str = setting(
        "", piece="cut", content=True, help="a list of words; a page with one in its path goes"
    )

    def __post_init__(self) -> None:
        for name, pair in self.thresholds.items():
            if len(pair) != 2:
                raise ValueError(f"thresholds.{name} must be [lowest, highest], got {list(pair)}")
        known = {r.name for names in self.profiles.values() for n in names for r in _profile(n)}
        if unknown := sorted({*self.thresholds, *self.without} - known):
            raise ValueError(f"no profile that is used has a rule {', '.join(unknown)}")
        for language in self.profiles:
            self.rules(language)

    def rules(self, language: str) -> rules.Profile:
        """The rules for a language, in the order of its profiles."""
        found: list[rules.Rule] = []
        for name in self.profiles[language]:
            own = {rule.name for rule in _profile(name)}
            changed = {rule: pair for rule, pair in self.thresholds.items() if rule in own}
            found += rules.profile(name, changed, own.intersection(self.without))
        return tuple(found)


def _profile(name: str) -> rules.Profile:
    return rules.profile(name)


def validate(config: Config) -> None:
    """Whether the lists that the settings name are there and usable.

    Raises:
        SkypileError: one is not.
    """
    _flagged(config.flagged_words)
    _blocked(config)


def _flagged(path: str) -> FlaggedWords:
    if not path:
        return NONE
    try:
        return FlaggedWords(*parse(read_text(path).splitlines()))
    except ValueError as e:
        raise ConfigError(f"[signals] {path}: {e}") from e


def _blocked(config: Config) -> BlockList | None:
    words = _flagged(config.flagged_path_words)
    if config.blocklist:
        return load(artifacts.local(config.blocklist, kind=KIND), words)
    if not len(words):
        return None
    return BlockList(Arrays(np.zeros(0, np.uint64), np.zeros(0, np.uint8), []), words)


def make_measure_kernel(config: Config) -> Kernel:
    """The signals of each text."""
    words = _flagged(config.flagged_words)

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = measure(batch["text"], words)
        return pa.RecordBatch.from_arrays([batch["doc_id"], *found.columns], schema=SIGNALS.schema)

    return kernel


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Blocked addresses first, then the first rule that a document fails."""
    blocked = _blocked(config)
    profiles = {language: config.rules(language) for language in config.profiles}

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        reasons: list[str | None] = [None] * batch.num_rows
        if blocked:
            found = blocked.check(batch["url"].to_pylist())
            reasons = [verdict.reason if verdict else None for verdict in found]
        families, langs = batch["family"].to_pylist(), batch["lang"].to_pylist()
        for language, profile in profiles.items():
            at = [
                row
                for row, names in enumerate(zip(families, langs, strict=True))
                if language in names and reasons[row] is None
            ]
            failed = rules.apply(profile, batch.take(pa.array(at, pa.int64())))
            for row, reason in zip(at, failed, strict=True):
                reasons[row] = reason
        return verdict_rows(batch["doc_id"], reasons)

    return kernel


STAGE = Stage(
    name="signals",
    step=41,
    paper="3.1 Quality filtering, rules of the field",
    config=Config,
    reasons=(*REASONS, *dict.fromkeys(r.name for p in PROFILES.values() for r in p)),
    measure=Measure(table=SIGNALS, reads={"documents": ("text",)}, make_kernel=make_measure_kernel),
    cut=Cut(
        reads={
            "documents": ("url",),
            "language": ("family", "lang"),
            "signals": tuple(SCHEMA.names),
        },
        make_kernel=make_cut_kernel,
    ),
    libraries=("ahocorasick_rs", "numba", "numpy", "publicsuffixlist"),
    validate=validate,
    not_for=("code",),
)
