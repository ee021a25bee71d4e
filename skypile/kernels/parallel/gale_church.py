"""Alignment of the paragraphs of a document and its translation by length and anchors: a dynamic
programme over beads of 1-1, 1-0, 0-1, 2-1, 1-2 and 2-2 paragraphs, compiled.

Source: Gale and Church, A Program for Aligning Sentences in Bilingual Corpora (1993): the priors of
the beads, and lengths whose difference is normal. Here the logarithm of the ratio is normal, with a
variance that falls with the length (`pair_checks`), and anchors that both sides have count for a
bead, as in later work (Chen 1993, hunalign).

Left out: crossing paragraphs, and beads of three.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skypile.kernels.compiled import F64, U8, compiled
from skypile.kernels.parallel.anchors import Anchors, anchors, length
from skypile.kernels.parallel.pair_checks import LETTER_VARIANCE, STYLE_VARIANCE

MAX_CELLS = 1 << 24  # of the programme, 17 bytes each; 4,000 paragraphs by 4,000
_SHARED = 3.0  # nats for an anchor that both paragraphs have and few others do
_COMMON = 8  # paragraphs a side with an anchor, from which it says nothing
# Costs of the beads in nats: their shares in Gale and Church's table 5.
_ONE_ONE, _ONE_NONE, _TWO_ONE, _TWO_TWO = 0.117, 5.31, 3.11, 4.51


class Bead(NamedTuple):
    """Paragraphs that belong together: English ones from `en` to `en_end`, Chinese as well."""

    en: int
    en_end: int
    zh: int
    zh_end: int


def align(english: Sequence[str], chinese: Sequence[str]) -> list[Bead]:
    """The likeliest beads of two lists of paragraphs, in order, each paragraph in exactly one.

    Raises:
        ValueError: they are too many (MAX_CELLS).
    """
    n, m = len(english), len(chinese)
    if (n + 1) * (m + 1) > MAX_CELLS:
        raise ValueError(f"{n:,} paragraphs by {m:,}")
    en, zh = (np.array([length(t) for t in side], np.float64) for side in (english, chinese))
    back = _solve(en, zh, _evidence([*map(anchors, english)], [*map(anchors, chinese)]))
    beads: list[Bead] = []
    i, j = n, m
    while i or j:
        a, b = divmod(int(back[i, j]), 3)
        beads.append(Bead(i - a, i, j - b, j))
        i, j = i - a, j - b
    return beads[::-1]


def _evidence(english: list[Anchors], chinese: list[Anchors]) -> npt.NDArray[np.float64]:
    """Nats that speak for each pair of paragraphs: anchors in both, the rarer the more."""
    found = np.zeros((len(english), len(chinese)))
    places: list[dict[object, list[int]]] = [defaultdict(list), defaultdict(list)]
    for side, paragraphs in zip(places, (english, chinese), strict=True):
        for i, paragraph in enumerate(paragraphs):
            for key in sorted(_keys(paragraph), key=str):
                side[key].append(i)
    for key, left in places[0].items():
        right = places[1].get(key, [])
        if right and max(len(left), len(right)) < _COMMON:
            weight = _SHARED / max(len(left), len(right))
            for i in left:
                found[i, right] += weight
    return found


def _keys(paragraph: Anchors) -> set[object]:
    keys: set[object] = {("url", u) for u in paragraph.urls}
    keys |= {("code", c) for c in paragraph.code}
    keys |= {("word", w) for w in paragraph.words}
    return keys | {("number", v) for v in paragraph.numbers.known if _telling(v)}


def _telling(value: object) -> bool:
    """Small numbers are in every other paragraph."""
    return isinstance(value, str) or float(value) > 12  # type: ignore[arg-type]


@compiled
def _cost(en: float, zh: float, prior: float) -> float:
    if en < 1.0:
        en = 1.0
    if zh < 1.0:
        zh = 1.0
    ratio = math.log(zh / en)
    cost: float = prior + 0.5 * ratio * ratio / (STYLE_VARIANCE + LETTER_VARIANCE / min(en, zh))
    return cost


@compiled
def _solve(en: F64, zh: F64, evidence: F64) -> U8:
    """For each (i, j) the last bead of the cheapest way there: 3 a + b for a-b paragraphs.

    Of two that cost the same the first in the order of the tries below stands.
    """
    n, m = en.size, zh.size
    costs = np.full((n + 1, m + 1), np.inf)
    back = np.zeros((n + 1, m + 1), np.uint8)
    costs[0, 0] = 0.0
    for i in range(n + 1):
        for j in range(m + 1):
            best, bead = costs[i, j], back[i, j]
            if i and j:
                cost = costs[i - 1, j - 1] + _cost(en[i - 1], zh[j - 1], _ONE_ONE)
                cost -= evidence[i - 1, j - 1]
                if cost < best:
                    best, bead = cost, 4
            if i and costs[i - 1, j] + _ONE_NONE < best:
                best, bead = costs[i - 1, j] + _ONE_NONE, 3
            if j and costs[i, j - 1] + _ONE_NONE < best:
                best, bead = costs[i, j - 1] + _ONE_NONE, 1
            if i > 1 and j:
                cost = costs[i - 2, j - 1] + _cost(en[i - 2] + en[i - 1], zh[j - 1], _TWO_ONE)
                cost -= evidence[i - 2, j - 1] + evidence[i - 1, j - 1]
                if cost < best:
                    best, bead = cost, 7
            if i and j > 1:
                cost = costs[i - 1, j - 2] + _cost(en[i - 1], zh[j - 2] + zh[j - 1], _TWO_ONE)
                cost -= evidence[i - 1, j - 2] + evidence[i - 1, j - 1]
                if cost < best:
                    best, bead = cost, 5
            if i > 1 and j > 1:
                cost = costs[i - 2, j - 2] + _TWO_TWO
                cost += _cost(en[i - 2] + en[i - 1], zh[j - 2] + zh[j - 1], 0.0)
                straight = evidence[i - 2, j - 2] + evidence[i - 1, j - 1]
                crossed = evidence[i - 2, j - 1] + evidence[i - 1, j - 2]
                cost -= max(straight, crossed)
                if cost < best:
                    best, bead = cost, 8
            costs[i, j], back[i, j] = best, bead
    return back
