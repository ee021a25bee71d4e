"""A proportion of some languages: how many tokens each may have, and which files are the first.

Files of such a language have an order that depends on the file alone: its tier, better ones first,
then a hash of (seed, text). A language keeps the files before one point of it, less those that
are longer than its whole budget, so the result is the same for any parts, and files of equal text
have one fate.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

TIERS = 4  # 0 is best
_HASH_BITS = 61
BIN_BITS = 51  # an order's upper 12 bits: which of 4,096 bins it is counted in


def budgets(
    others: int, available: Mapping[str, int], shares: Mapping[str, float]
) -> dict[str, float]:
    """Tokens that each limited language may keep, so that its share of all tokens that are kept is
    at most the one given; all that it has where that is less.

    others: tokens of the languages without a limit. available: of the limited ones. The shares sum
    to less than 1. Where one is short, the rest is shared out among what there is: the total is
    that of the tokens kept, not of a plan.
    """
    # T = others + sum(min(available, share * T)) has one solution: its right side is concave and
    # rises by less than T. Languages fall short in the order of available / share.
    limits = {n: available[n] / shares[n] if shares[n] else math.inf for n in shares}
    by_limit = sorted((n for n in shares if available[n]), key=lambda n: (limits[n], n))
    fixed, free = float(others), math.fsum(shares[n] for n in by_limit)
    total = fixed / (1 - free)
    for name in by_limit:
        if limits[name] > total:
            break
        fixed, free = fixed + available[name], free - shares[name]
        total = fixed / (1 - free)
    return {n: min(float(available[n]), share * total) for n, share in shares.items()}


def tier(letter_share: float, distinct_line_share: float, number_share: float) -> int:
    """How good a file of data or markup is: 0 to 3, one worse for each that fails: half of what is
    visible are letters; half of its lines differ; a quarter at most is numbers. Dumps of records
    and of measurements fail, configuration and texts do not.
    """
    return (letter_share < 0.5) + (distinct_line_share < 0.5) + (number_share > 0.25)


def order(tier: int, text_digest: str, seed: int) -> int:
    """A file's place among those of its language, 0 to 2^63 - 1: the tier, then the hash."""
    data = f"{seed} {text_digest}".encode()
    value = hashlib.blake2b(data, digest_size=8, person=b"skypile-share").digest()
    return tier << _HASH_BITS | int.from_bytes(value, "little") >> (64 - _HASH_BITS)


def boundary_bin(bins: Mapping[int, int], budget: float) -> tuple[int, int] | None:
    """(the bin in which the budget ends, tokens before it), of tokens by bin; None where all of
    them fit.
    """
    before = 0
    for at in sorted(bins):
        if before + bins[at] > budget:
            return at, before
        before += bins[at]
    return None


def cut_off(rows: Sequence[tuple[int, int]], before: int, budget: float) -> int:
    """The order from which on files go: that of the first of a bin's files that does not fit.

    rows: (order, tokens) of the distinct texts of the boundary bin. before: tokens in earlier ones.
    """
    for place, tokens in sorted(rows):
        if before + tokens > budget:
            return place
        before += tokens
    raise ValueError("all files of the bin fit: it is not the one in which the budget ends")
