"""Which samples are step t: a pure function of (plan, seed, step), the same on any layout.

A domain's tokens are cut into windows of `context` + 1, each beginning with the last token of the
one before, so that every token is a label once an epoch; the last window is filled up with labels
that count for nothing. A domain's windows are read in an order of its own for each epoch. The
samples of a step are dealt to ranks in an order that depends on the step alone.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import IGNORED
from model.mixture import Plan, epochs
from model.order import key_of, permuted
from model.settings import SettingsError
from model.shards import Stream, read_manifest, verify


@dataclass(frozen=True)
class Span:
    """A session's steps in the whole run: `steps` of them from `first`, all of one phase."""

    phase: str
    first: int
    steps: int


@dataclass(frozen=True)
class Sample:
    """One window of one domain, at its place in the run."""

    number: int  # in the whole run, from 0
    domain: str
    epoch: int
    window: int


def windows(tokens: int, context: int) -> int:
    """Into how many windows a stream is cut; a single token has nothing to predict."""
    return max(0, -(-(tokens - 1) // context))


def window(stream: Stream, index: int, context: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs and labels [context] of a window; where the stream ends, EOS and IGNORED."""
    tokens = stream.read(index * context, (index + 1) * context + 1)
    inputs = np.full(context, stream.manifest.eos, np.int64)
    labels = np.full(context, IGNORED, np.int64)
    inputs[: len(tokens) - 1] = tokens[:-1]
    labels[: len(tokens) - 1] = tokens[1:]
    return inputs, labels


class TrainingData:
    """The samples of every step, and the tokens of a sample."""

    def __init__(
        self,
        plan: Plan,
        spans: Sequence[Span],
        *,
        batch: int,
        context: int,
        seed: int,
        check_files: bool = False,
    ) -> None:
        """batch: samples a step. check_files: read all shards and compare their digests.

        Raises:
            SettingsError: shards and plan do not agree, or a domain is repeated too often.
        """
        self.plan, self.spans, self.batch = plan, list(spans), batch
        self.context, self.seed = context, seed
        self.streams = {}
        for d in plan.domains:
            manifest = read_manifest(d.train)
            said = (d.name, "train", d.tokens, d.documents, plan.tokenizer, plan.eos)
            m = manifest
            found = (m.domain, m.split, m.tokens, m.documents, m.tokenizer, m.eos)
            if said != found:
                raise SettingsError(f"{d.train}: is {found}, the plan says {said}")
            if check_files:
                verify(manifest)
            self.streams[d.name] = Stream(manifest)
        self.names = [d.name for d in plan.domains]
        self._windows = [windows(d.tokens, context) for d in plan.domains]
        given: dict[str, float] = {}
        for s in self.spans:
            given[s.phase] = given.get(s.phase, 0.0) + s.steps * batch * context
        self.epochs = epochs(plan, given)
        self._before = [self._zero()]  # what each domain gave before each span
        for s in self.spans:
            self._before.append(self._before[-1] + self._counts(s, s.steps))
        for name, n, total in zip(self.names, self._windows, self._before[-1], strict=True):
            if total and not n:
                raise SettingsError(f"{name} has a share of the mixture and no tokens")

    def _zero(self) -> NDArray[np.int64]:
        return np.zeros(len(self.names), np.int64)

    def _counts(self, span: Span, steps: int) -> NDArray[np.int64]:
        phase = self.plan.phase(span.phase)
        return phase.counts(steps * self.batch, span.steps * self.batch)

    def fingerprint(self, step: int) -> str:
        """A digest of all that decided which tokens were in the steps before `step`.

        What is planned for later may still change: a session may be added to a run.
        """
        said: list[Any] = [self.batch, self.context, self.seed, self.plan.tokenizer, self.plan.eos]
        for span in self.spans:
            if span.first >= step:
                break
            phase = self.plan.phase(span.phase)
            shares = zip(self.names, phase.start.tolist(), phase.end.tolist(), strict=True)
            domains = [
                (name, start, end, [f["sha256"] for f in self.streams[name].manifest.files])
                for name, start, end in shares
                if start or end
            ]
            said.append([span.first, span.steps, phase.power, domains])
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def given(self, step: int) -> NDArray[np.int64]:
        """How many samples each domain gave in the steps before `step`."""
        for span, before in zip(self.spans, self._before, strict=False):
            if step < span.first + span.steps:
                return before + self._counts(span, step - span.first)
        return self._before[-1]

    def epochs_at(self, step: int) -> dict[str, float]:
        """How often each domain was read through before `step`."""
        counts = self.given(step)
        pairs = zip(self.names, counts, self._windows, strict=True)
        return {name: float(c / max(n, 1)) for name, c, n in pairs}

    def samples(self, step: int, places: range | None = None) -> list[Sample]:
        """The samples of a step, or those at some places of it (0 ... batch - 1).

        Raises:
            IndexError: the run has no such step.
        """
        last = self.spans[-1]
        if not 0 <= step < last.first + last.steps:
            raise IndexError(f"step {step} of {last.first + last.steps}")
        places = range(self.batch) if places is None else places
        before, after = self.given(step), self.given(step + 1)
        ends = np.cumsum(after - before)
        slots = permuted(np.arange(places.start, places.stop), self.batch, self._key("step", step))
        owners = np.searchsorted(ends, slots, "right")
        index = before[owners] + slots - (ends - (after - before))[owners]
        sizes = np.asarray(self._windows, np.int64)[owners]
        epoch = index // sizes
        window_of = index - epoch * sizes
        for k, e in {*zip(owners.tolist(), epoch.tolist(), strict=True)}:
            rows = np.flatnonzero((owners == k) & (epoch == e))
            key = self._key("epoch", self.names[k], e)
            window_of[rows] = permuted(window_of[rows], self._windows[k], key)
        rest = zip(owners.tolist(), epoch.tolist(), window_of.tolist(), strict=True)
        first = step * self.batch
        return [
            Sample(first + place, self.names[k], e, w)
            for place, (k, e, w) in zip(places, rest, strict=True)
        ]

    def _key(self, *parts: int | str) -> NDArray[np.uint64]:
        return key_of(self.seed, *parts)

    def tokens(self, samples: Sequence[Sample]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and labels [samples, context]."""
        pairs = [window(self.streams[s.domain], s.window, self.context) for s in samples]
        return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])


class ValidationSet:
    """The first windows of one domain's validation shards, in order; padding beyond them."""

    def __init__(self, name: str, stream: Stream, context: int, limit: int) -> None:
        """limit: windows at most."""
        self.name, self.stream, self.context = name, stream, context
        self.windows = min(limit, windows(len(stream), context))

    def batch(self, indices: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and labels; beyond the last window, labels that count for nothing."""
        inputs = np.full((len(indices), self.context), self.stream.manifest.eos, np.int64)
        labels = np.full((len(indices), self.context), IGNORED, np.int64)
        for row, index in enumerate(indices):
            if index < self.windows:
                inputs[row], labels[row] = window(self.stream, index, self.context)
        return inputs, labels


def validation_sets(plan: Plan, context: int, limit: int) -> list[ValidationSet]:
    """One set for each domain of the plan that has validation shards.

    Raises:
        SettingsError: shards of another tokenizer, split or domain.
    """
    found = []
    for d in plan.domains:
        if d.validation is None:
            continue
        manifest = read_manifest(d.validation)
        said = (d.name, "validation", plan.tokenizer, plan.eos)
        is_ = (manifest.domain, manifest.split, manifest.tokenizer, manifest.eos)
        if is_ != said:
            raise SettingsError(f"{d.validation}: is {is_}, the plan says {said}")
        if windows(manifest.tokens, context):
            found.append(ValidationSet(d.name, Stream(manifest), context, limit))
    return found
