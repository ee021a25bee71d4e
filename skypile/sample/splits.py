"""Who may be seen when thresholds are tuned: every group of wordings is in tune or in test."""

import random
from collections.abc import Iterable

SPLITS = ("tune", "test")


def halves(seed: int, group: str, names: Iterable[str]) -> dict[str, str]:
    """The split of each name: half of them "tune", by the seed; the odd one is "test"."""
    ordered = sorted(names)
    random.Random(f"{seed}/split/{group}").shuffle(ordered)
    return {n: SPLITS[i >= len(ordered) // 2] for i, n in enumerate(ordered)}
