"""Near duplicates: speed of signatures beside the peers, recall and precision beside brute force.

`python -m bench.dedup [--data ../shared/data] [--peers .venv-bench/bin/python]` prints JSON lines.

(a) `text_to_signature` and `signature`, `ratio` of documents a second: all in one run, in turns,
    CPU time, medians (bench/dedup_speed.py). `signature_c`, `text_to_signature_c`: beside C.
(b) `en_2000`, `zh_2000`: all pairs of 2,000 documents; the truth is Jaccard over plain Python's
    shingles. Recall by bin of what shares a band; the target is the S-curve averaged over the
    pairs' true similarities less two standard errors. The error's formula is that of independent
    pairs, and 65 copies of one licence make 2,080 pairs that are found or missed together: so each
    document is in one pair of a bin (drawn by the seed); `all_pairs` and `recall_all` are of all.
(c) `document_revisions`: the pairs that the data set has at J >= .8 or below .6.
(d) `mirrors_en`, `mirrors_zh`, `mirrors_other`: a crawl of real pages and their mirrors through the
    pipeline (bench/dedup_crawl.py; it needs Java).
(e) `text_dedup_en_2000`, `text_dedup_zh_2000`: text-dedup on the sets of (b), its time and whom it
    drops (bench/dedup_textdedup.py; it needs Java, too).

Peers that are not installed (`make bench-peers`) are left out, which standard error says.
"""

import argparse
import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench import plain_shingles as plain
from bench.dedup_crawl import crawl
from bench.dedup_speed import PeerProcess, speed
from bench.dedup_textdedup import text_dedup
from bench.dedup_texts import Floats, all_pairs, near_copies, rows
from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared/data"
THRESHOLD = 0.8
SEED = 20_231_030  # of the edited copies; the permutations have the default seed
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
OTHER_SEEDS = range(1000, 1200)  # of permutations, for their spread alone
CASES = ("speed", "brute_force", "revisions", "crawl", "text_dedup")


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one; `ok` where there is a target."""
    if "target" in more:
        more["ok"] = bool(value >= more["target"])
    given = {"bench": "dedup", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**given, "unit": unit, **more}, ensure_ascii=False), flush=True)


def recall_line(case: str, found: NDArray[np.bool_], true: Floats, **more: Any) -> None:
    """Recall of pairs with these similarities, against the S-curve less two standard errors.

    `p` is the chance that independent pairs of these similarities are found so few times or fewer:
    below .023 for a normal count, and more for a short one that is skewed.
    """
    chance = minhash.s_curve(true)
    error = float(np.sqrt((chance * (1 - chance)).sum())) / len(true)
    counts = np.ones(1)  # the chance of each count, a pair at a time
    for one in chance:
        counts = np.convolve(counts, [1 - one, one])
    p = round(float(counts[: found.sum() + 1].sum()), 4)
    target = round(float(chance.mean()) - 2 * error, 4)
    curve = round(float(chance.mean()), 4)
    line(
        case,
        "recall",
        float(found.mean()),
        "fraction",
        target=target,
        n=len(true),
        curve=curve,
        p=p,
        **more,
    )


def brute_force(data: Path, count: int = 2_000) -> None:
    """(b)."""
    for language in ("en", "zh"):
        case = f"{language}_{count}"
        texts = near_copies(data, language, count, SEED)
        left, right, true = all_pairs(texts)
        array = pa.array(texts)
        keys = minhash.band_keys(minhash.signatures(array))
        found = (keys[left] == keys[right]).any(axis=1)
        for low, high in pairwise(BINS):
            inside = (true >= low) & ((true < high) | ((high == 1) & (true == 1)))
            bin_line(case, inside, left, right, found, true, f"{low}-{high}")
        wanted = true >= THRESHOLD
        bin_line(case, wanted, left, right, found, true, f"{THRESHOLD}-1.0")
        # Candidates by the keys alone: those that share no shingle would be found here too.
        one, two = candidates(keys)
        passed = jaccard(*shingle_sets(array), one, two) >= THRESHOLD
        truth = {(i, j) for i, j in zip(left[wanted], right[wanted], strict=True)}
        right_ones = sum(p in truth for p in zip(one[passed], two[passed], strict=True))
        verified = int(passed.sum())
        counts = {"n": verified, "candidates": len(one)}
        line(case, "precision", right_ones / verified, "fraction", target=1.0, **counts)


def bin_line(
    case: str,
    inside: NDArray[np.bool_],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    found: NDArray[np.bool_],
    true: Floats,
    name: str,
) -> None:
    """Recall of the pairs inside a bin: of some that have no document in common, and of all."""
    pairs = np.random.default_rng(SEED).permutation(np.flatnonzero(inside))
    used: set[int] = set()
    chosen = []
    for pair, one, two in zip(pairs, left[pairs].tolist(), right[pairs].tolist(), strict=True):
        if one not in used and two not in used:
            used |= {one, two}
            chosen.append(pair)
    if chosen:
        everything = {"all_pairs": len(pairs), "recall_all": round(float(found[pairs].mean()), 4)}
        recall_line(case, found[chosen], true[chosen], bin=name, **everything)


def candidates(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs that share a band key, each once."""
    buckets: dict[int, list[int]] = {}
    for doc, row in enumerate(keys.tolist()):
        for key in row:
            buckets.setdefault(key, []).append(doc)
    pairs = {(i, j) for b in buckets.values() for n, i in enumerate(b) for j in b[n + 1 :]}
    array = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def revisions(data: Path) -> None:
    """(c). The true J is that of the shingles compared; by the data set's own, zh differs.

    There Chinese documents are cut into 5-grams of raw characters, so that a base64 link weighs as
    much as a page of text and one word of code as much as five characters.
    """
    everything = list(rows(data / "near_duplicates/document_revisions.jsonl.gz"))
    for language in ("en", "zh"):
        pairs = [r for r in everything if r["lang"] == language]
        sides = [plain_sets(pairs, side) for side in ("text_a", "text_b")]
        true = np.array([plain.jaccard(*both) for both in zip(*sides, strict=True)])
        gold = np.array([r["jaccard"] for r in pairs])
        array = pa.array([r[side] for side in ("text_a", "text_b") for r in pairs])
        keys = minhash.band_keys(minhash.signatures(array))
        found = (keys[: len(pairs)] == keys[len(pairs) :]).any(axis=1)
        left = np.arange(len(pairs))
        passed = found & (jaccard(*shingle_sets(array), left, left + len(pairs)) >= THRESHOLD)
        case = f"document_revisions_{language}"
        high, low = gold >= THRESHOLD, true < 0.6
        recall_line(case, found[high], true[high], pairs="gold J >= 0.8")
        alike = true >= THRESHOLD
        missed = sorted(true[alike & ~found].round(4).tolist())
        recall_line(case, found[alike], true[alike], pairs="J >= 0.8", missed=missed)
        other_seeds(case, [pairs[i] for i in np.flatnonzero(alike)], true[alike])
        kept = 1 - float(passed[low].mean())
        line(case, "kept", kept, "fraction", target=1.0, n=int(low.sum()), pairs="J < 0.6")
        kept = 1 - float(passed[gold < 0.6].mean())
        line(case, "kept", kept, "fraction", n=int((gold < 0.6).sum()), pairs="gold J < 0.6")


def other_seeds(case: str, pairs: list[dict[str, Any]], true: Floats) -> None:
    """Recall of the same pairs under other permutations: what is the kernel's and what is luck."""
    count = len(pairs)
    sets = shingle_sets(pa.array([r[side] for side in ("text_a", "text_b") for r in pairs]))
    found = []
    for seed in OTHER_SEEDS:
        keys = minhash.band_keys(minhash.signatures_of_sets(*sets, seed=seed))
        found.append(int((keys[:count] == keys[count:]).any(axis=1).sum()))
    chance = minhash.s_curve(true)
    error = float(np.sqrt((chance * (1 - chance)).sum() / len(found))) / count
    target = round(float(chance.mean()) - 2 * error, 4)
    spread = {"least": min(found), "most": max(found), "deviation": round(float(np.std(found)), 3)}
    name = f"J >= {THRESHOLD}, mean of {len(found)} other seeds"
    value = float(np.mean(found)) / count
    curve = round(float(chance.mean()), 4)
    line(
        case, "recall", value, "fraction", target=target, n=count, curve=curve, pairs=name, **spread
    )


def plain_sets(pairs: list[dict[str, Any]], side: str) -> list[frozenset[plain.Shingle]]:
    return [plain.shingles(r[side]) for r in pairs]


def installed(python: Path, what: str) -> bool:
    """Whether a virtual environment of peers is there; standard error has the reason if not."""
    if not python.exists():
        print(f"{what}: left out, there is no {python} (make bench-peers)", file=sys.stderr)
    return python.exists()


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", choices=CASES, action="append", help="cases; all where absent")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-bench/bin/python")
    parser.add_argument(
        "--text-dedup", type=Path, default=ROOT / ".venv-text-dedup/bin/python", dest="text_dedup"
    )
    given = parser.parse_args()
    only = given.only or CASES
    if "speed" in only:
        peers = PeerProcess(given.peers) if installed(given.peers, "datasketch, rensa") else None
        with tempfile.TemporaryDirectory() as folder:
            speed(given.data, peers, Path(folder), line)
        if peers:
            peers.close()
    if "brute_force" in only:
        brute_force(given.data)
    if "revisions" in only:
        revisions(given.data)
    if "crawl" in only:
        crawl(given.data, line, recall_line)
    if "text_dedup" in only and installed(given.text_dedup, "text_dedup"):
        text_dedup(given.data, given.text_dedup, line, SEED)


if __name__ == "__main__":
    main()
