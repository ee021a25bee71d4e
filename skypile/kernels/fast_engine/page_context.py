"""What a first judgement of the blocks of a page says of the blocks around each: the numbers that
the second set of trees sees (`page_trees`). Sums and ratios, as in `page_features`.
"""

import numpy as np

from skypile.kernels.compiled import F32, F64, I32, U32, compiled
from skypile.kernels.fast_engine.page_alike import alike_of
from skypile.kernels.fast_engine.page_features import ratio
from skypile.kernels.fast_engine.page_tags import ELEMENT, END, FIRST, PARENT, WEIGHT, Scan

CONTEXT_NAMES = (
    *(f"score_{d:+d}" for d in (-4, -3, -2, -1, 0, 1, 2, 3, 4)),
    *(f"{what}_up{i}" for i in range(4) for what in ("score", "kept", "most")),
    *(f"{what}_{size}" for size in (2, 5, 12) for what in ("near", "kept_near")),
    *("before", "behind", "best_container", "in_best", "container_share", "run", "in_run"),
    *("alike", "alike_most", "page", "page_kept", "rank", "first_kept", "last_kept"),
)
N_CONTEXT = len(CONTEXT_NAMES)
_NEAR = np.array((2, 5, 12))


def context(scan: Scan, margins: F64, rows: F32 | None = None) -> F32:
    """What the first judgement says of the blocks around: a row by block, as `CONTEXT_NAMES`.

    rows: whose last columns are to hold it, in place of new ones.
    """
    if rows is None:
        rows = np.zeros((len(margins), N_CONTEXT), np.float32)
    scanned = (scan.elements, scan.blocks, scan.word_elements, scan.word_hashes)
    _context(*scanned, margins, rows, rows.shape[1] - N_CONTEXT)
    return rows


@compiled
def squash(margin: float) -> float:
    """A margin as a score from 0 to 1, by a division: the same on every machine."""
    return 0.5 + 0.5 * margin / (1.0 + abs(margin))


@compiled
def _context(
    elements: I32, blocks: I32, of: I32, hashes: U32, margins: F64, out: F32, first: int
) -> None:
    n = len(blocks)
    if n == 0:
        return
    score, sums = _score_sums(blocks, margins)
    low, high = _best_element(elements, sums)
    run_low, run_high = _best_run(blocks, score)
    alike = alike_of(elements, blocks, of, hashes)
    members = np.zeros((n, 3))
    first_kept, last_kept, highest = -1, -1, 0.0
    for b in range(n):
        g = alike[b]
        members[g, 0] += blocks[b, WEIGHT]
        members[g, 1] += blocks[b, WEIGHT] * score[b]
        members[g, 2] = max(members[g, 2], score[b])
        highest = max(highest, score[b])
        if score[b] > 0.5:
            last_kept = b
            first_kept = b if first_kept < 0 else first_kept
    for b in range(n):
        row = out[b, first:]
        f = _scores_around(row, elements, sums, score, b, int(blocks[b, ELEMENT]))
        row[f], row[f + 1] = ratio(sums[b, 2], sums[n, 2]), ratio(sums[n, 2], sums[n, 0])
        held = sums[high, 0] - sums[low, 0]
        row[f + 2], row[f + 3] = ratio(sums[high, 1] - sums[low, 1], held), low <= b < high
        row[f + 4] = ratio(held, sums[n, 0])
        row[f + 5] = ratio(sums[run_high, 2] - sums[run_low, 2], sums[n, 2])
        row[f + 6] = run_low <= b < run_high
        f += 7
        g = alike[b]
        row[f], row[f + 1] = ratio(members[g, 1], members[g, 0]), members[g, 2]
        row[f + 2], row[f + 3] = ratio(sums[n, 1], sums[n, 0]), ratio(sums[n, 3], n)
        row[f + 4] = ratio(score[b], highest)
        row[f + 5] = b - first_kept if first_kept >= 0 else -999
        row[f + 6] = b - last_kept if last_kept >= 0 else 999


@compiled
def _score_sums(blocks: I32, margins: F64) -> tuple[F64, F64]:
    """Scores; and running sums of weight, weight times score, weight kept, and scores."""
    n = len(blocks)
    score, sums = np.empty(n), np.zeros((n + 1, 4))
    for b in range(n):
        score[b] = squash(margins[b])
        weight = float(blocks[b, WEIGHT])
        sums[b + 1, 0] = sums[b, 0] + weight
        sums[b + 1, 1] = sums[b, 1] + weight * score[b]
        sums[b + 1, 2] = sums[b, 2] + (weight if score[b] > 0.5 else 0.0)
        sums[b + 1, 3] = sums[b, 3] + score[b]
    return score, sums


@compiled
def _best_element(elements: I32, sums: F64) -> tuple[int, int]:
    """The blocks of the element that is most clearly text: weight times (score - 1/2)."""
    most, chosen = -1e18, 0
    for e in range(len(elements)):
        low, high = int(elements[e, FIRST]), int(elements[e, END])
        if high > low:
            value = (sums[high, 1] - sums[low, 1]) - 0.5 * (sums[high, 0] - sums[low, 0])
            if value >= most:
                most, chosen = value, e
    return int(elements[chosen, FIRST]), int(elements[chosen, END])


@compiled
def _best_run(blocks: I32, score: F64) -> tuple[int, int]:
    """The run of blocks of the largest such sum."""
    low = high = start = 0
    running, most = 0.0, 0.0
    for b in range(len(blocks)):
        if running <= 0.0:
            running, start = 0.0, b
        running += blocks[b, WEIGHT] * (score[b] - 0.5)
        if running > most:
            most, low, high = running, start, b + 1
    return low, high


@compiled
def _scores_around(row: F32, elements: I32, sums: F64, score: F64, b: int, at: int) -> int:
    """Scores of neighbours, of the elements around, and in windows; the next column."""
    n, f = len(score), 0
    for d in range(-4, 5):
        row[f] = score[b + d] if 0 <= b + d < n else -1.0
        f += 1
    low = high = -1
    for _ in range(4):
        while at > 0 and elements[at, FIRST] == low and elements[at, END] == high:
            at = int(elements[at, PARENT])
        low, high = int(elements[at, FIRST]), int(elements[at, END])
        held = sums[high, 0] - sums[low, 0]
        row[f] = ratio(sums[high, 1] - sums[low, 1], held)
        row[f + 1] = ratio(sums[high, 2] - sums[low, 2], held)
        row[f + 2] = ratio(sums[high, 2] - sums[low, 2], sums[n, 2])
        f += 3
    for k in range(len(_NEAR)):
        low, high = max(0, b - _NEAR[k]), min(n, b + _NEAR[k] + 1)
        held = sums[high, 0] - sums[low, 0]
        row[f] = ratio(sums[high, 3] - sums[low, 3], high - low)
        row[f + 1] = ratio(sums[high, 2] - sums[low, 2], held)
        f += 2
    return f
