"""Near duplicates: speed of signatures beside the peers, recall and precision beside brute force.

`python -m bench.dedup [--data ../shared/data] [--peers .venv-bench/bin/python]` prints JSON lines.

(a) `text_to_signature` and `signature`, `ratio` of documents a second: all in one run, in turns,
    CPU time, medians. datasketch has Python shingling for the one and its bulk over the same hashes
    for the other; `signature_c` and `text_to_signature_c` are against bench/minhash.c.
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
import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench import plain_shingles as plain
from bench.dedup_crawl import crawl
from bench.dedup_textdedup import text_dedup
from bench.dedup_texts import Floats, all_pairs, long_documents, near_copies, rows
from skypile.kernels import minhash, textnorm
from skypile.kernels.arrow import utf8
from skypile.kernels.jaccard import jaccard, shingle_sets

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared/data"
COUNT = minhash.BANDS * minhash.ROWS
THRESHOLD = 0.8
SEED = 20_231_030  # of the edited copies; the permutations have the default seed
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
OTHER_SEEDS = range(1000, 1200)  # of permutations, for their spread alone
ROUNDS = 7
CASES = ("speed", "brute_force", "revisions", "crawl", "text_dedup")
Signatures = NDArray[np.uint32]


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one; `ok` where there is a target."""
    if "target" in more:
        more["ok"] = bool(value >= more["target"])
    given = {"bench": "dedup", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**given, "unit": unit, **more}, ensure_ascii=False), flush=True)


class PeerProcess:
    """The peers' process: `call` runs a command there and gives its CPU seconds."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, ROOT / "bench/dedup_peer.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, run: str, **arguments: Any) -> float:
        """The seconds of a command."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"run": run, **arguments}), file=self._process.stdin, flush=True)
        return float(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class PlainC:
    """bench/minhash.c, built for this machine."""

    def __init__(self, folder: Path) -> None:
        built = folder / "minhash.so"
        source = ROOT / "bench/minhash.c"
        command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", "-o", built, source]
        subprocess.run(command, check=True)
        self._library = ctypes.CDLL(str(built))
        self._family = minhash.permutations(COUNT)
        self._table = textnorm.table()

    def hashes(self, hashes: NDArray[np.uint64], offsets: NDArray[np.int64]) -> Signatures:
        """Shingle sets to signatures."""
        out = np.full((len(offsets) - 1, COUNT), minhash.PRIME, np.uint32)
        self._call("signatures", out, hashes, offsets, len(out), *self._family, COUNT)
        return out

    def text(self, texts: pa.Array) -> Signatures:
        """Texts to signatures."""
        content, offsets = utf8(texts)
        out = np.full((len(texts), COUNT), minhash.PRIME, np.uint32)
        table = (self._table.entries, self._table.several, minhash.SHINGLE_TOKENS)
        family = (*self._family, COUNT)
        self._call("text_signatures", out, content, offsets, len(out), *table, *family)
        return out

    def _call(self, name: str, *arguments: NDArray[Any] | int) -> None:
        given = [
            ctypes.c_int64(a) if isinstance(a, int) else ctypes.c_void_p(a.ctypes.data)
            for a in arguments
        ]
        getattr(self._library, name)(*given)


def cpu(work: Callable[..., object], *arguments: Any) -> float:
    start = time.process_time()
    work(*arguments)
    return time.process_time() - start


def speed(data: Path, peers: PeerProcess | None, folder: Path, count: int = 400) -> None:
    """(a): the engines take turns on the same documents."""
    plain_c = PlainC(folder) if shutil.which("cc") else None
    for language in ("en", "zh"):
        texts = long_documents(data, language, count)
        array, sets = pa.array(texts), shingle_sets(pa.array(texts))
        engines: dict[str, Callable[[], float]] = {
            "text": partial(cpu, minhash.signatures, array),
            "hashes": partial(cpu, minhash.signatures_of_sets, *sets),
        }
        if plain_c:
            ours = minhash.signatures(array)
            if not (plain_c.text(array) == ours).all() or not (plain_c.hashes(*sets) == ours).all():
                raise AssertionError("C and Numba differ")
            engines["c_text"] = partial(cpu, plain_c.text, array)
            engines["c_hashes"] = partial(cpu, plain_c.hashes, *sets)
        if peers:
            stored = folder / f"{language}.npz"
            np.savez(stored, texts=np.array(texts), hashes=sets[0], offsets=sets[1])
            peers.call("load", path=str(stored), language=language)
            for name in ("datasketch_text", "datasketch_hashes", "rensa_text", "rensa_hashes"):
                engines[name] = partial(peers.call, name, count=COUNT)
        times: dict[str, list[float]] = {name: [] for name in engines}
        for engine in engines.values():
            engine()
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                times[name].append(engine())
        rates = {name: count / statistics.median(found) for name, found in times.items()}
        size = sum(len(t.encode()) for t in texts)
        report(language, rates, len(sets[0]) / count, size / count)


def report(language: str, rates: dict[str, float], shingles: float, size: float) -> None:
    """The lines of (a) for a language, from documents a second by engine."""
    more: dict[str, Any] = {"language": language}
    sizes = more | {"shingles_a_document": round(shingles), "bytes_a_document": round(size)}
    for case, kind, target in (("text_to_signature", "text", 20), ("signature", "hashes", 4)):
        ours = rates[kind]
        line(case, "docs_per_s", ours, "documents/s", **sizes)
        if f"datasketch_{kind}" in rates:
            for peer in ("datasketch", "rensa"):
                theirs = rates[f"{peer}_{kind}"]
                goal = {"target": target} if peer == "datasketch" else {}
                beside = {"peer": peer, "peer_value": round(theirs, 1)}
                line(case, "ratio", ours / theirs, "x", **goal, **beside, **more)
        if f"c_{kind}" in rates:
            theirs = rates[f"c_{kind}"]
            beside = {"peer": "C, cc -O3 -march=native", "peer_value": round(theirs, 1)}
            line(f"{case}_c", "ratio", ours / theirs, "x", target=0.5, **beside, **more)


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
            speed(given.data, peers, Path(folder))
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
