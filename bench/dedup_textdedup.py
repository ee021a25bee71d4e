r"""Case (e) of bench.dedup: text-dedup on the same 2,000 documents, its time and whom it drops.

`python -m text_dedup.minhash` (PyPI, 0.4.0) runs as it comes in a virtual environment of its own
(`make bench-peers`; bench/dedup_textdedup.txt), on one core, with 5-grams twice: with our 126
permutations in 14 bands of 9 rows, and with 128 in the bands that it chooses itself for .8. The
other settings are its own, but for `min_length`, which would drop short documents unseen.

It splits on \W, so that its tokens of Chinese are clauses between punctuation marks; it verifies
no pair; and of a connected component it keeps one that its union by rank happens on. Ours keeps the
first copy here (`rank = ["source"]`). So that the choice is no disagreement, `agreement` and the
documents that only one drops take its groups with their first document kept; `precision` and
`pairs_left` judge what it wrote. The truth is Jaccard over plain Python's shingles, of all pairs.
Ours is a run of the stage, and the same kernels called in one process, which must agree.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.dedup_texts import Pairs, all_pairs, near_copies
from skypile.kernels.dedup import buckets, minhash
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.ledger import Ledger

THRESHOLD = 0.8
COUNT = minhash.BANDS * minhash.ROWS
OURS = ("--num_perm", str(COUNT), "--b", str(minhash.BANDS), "--r", str(minhash.ROWS))
SETTINGS = {
    f"{minhash.BANDS} x {minhash.ROWS}": OURS,
    "its own bands": ("--num_perm", "128", "--threshold", str(THRESHOLD)),
}
ROUNDS = 3
BINS = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.01)
Line = Callable[..., None]
Stays = NDArray[np.bool_]
_TOOK = re.compile(r"(MinHashing|Total)\s*: ([\d.]+)s")
_GROUPS = """
import json, pickle, sys
groups = pickle.load(open(sys.argv[1], "rb"))
print(json.dumps([(x, groups.find(x)) for x in list(groups.parent)]))
"""
_CONFIG = """
[run]
out = "out"
stages = ["ingest", "dedup"]
[spark]
master = "local[1]"
driver_memory = "1g"
conf = { "spark.sql.shuffle.partitions" = "2" }
[dedup]
rank = ["source"]
[[sources]]
name = "texts"
format = "jsonl"
root = "in"
paths = ["*"]
category = "webpages"
licence = "for measurements only"
fields = { id = "number" }
"""


class Result(NamedTuple):
    """Who stays, who would if the first of each group did, and the seconds: to signatures, and all
    of it, from the start of a process to its end where it is one.
    """

    stays: Stays
    firsts: Stays
    signature_s: float
    whole_s: float


def write_texts(path: Path, texts: list[str]) -> None:
    """JSON lines with `number` and `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf8") as out:
        for number, text in enumerate(texts):
            print(json.dumps({"number": str(number), "text": text}, ensure_ascii=False), file=out)


def theirs(python: Path, folder: Path, count: int, settings: tuple[str, ...]) -> Result:
    """text-dedup on in/rows.jsonl of a folder that it has not seen: it keeps what it computes.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    out = Path(tempfile.mkdtemp(dir=folder))
    given = {"path": "json", "data_files": str(folder / "in/rows.jsonl"), "split": "train"}
    given |= {"column": "text", "ngram": "5", "min_length": "1", "num_proc": "1"}
    given |= {"cache_dir": str(out / "cache"), "output": str(out / "kept")}
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    options.append("--debug")  # writes its groups, too
    offline = {"HF_HOME": str(out / "home"), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    begun = time.perf_counter()
    done = subprocess.run(
        [python, "-m", "text_dedup.minhash", *options, *settings],
        check=True,
        env=os.environ | offline,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    whole = time.perf_counter() - begun
    took = {name: float(seconds) for name, seconds in _TOOK.findall(done.stdout)}
    stays = np.zeros(count, bool)
    for part in sorted((out / "kept").glob("*.arrow")):
        with pa.ipc.open_stream(part) as rows:
            stays[[int(n) for n in rows.read_all()["number"].to_pylist()]] = True
    groups = subprocess.run(
        [python, "-c", _GROUPS, out / "kept/uf.pkl"], check=True, stdout=subprocess.PIPE
    )
    members: dict[int, list[int]] = {}
    for document, root in json.loads(groups.stdout):
        members.setdefault(root, []).append(document)
    firsts = np.ones(count, bool)
    for group in members.values():
        firsts[group] = False
        firsts[min(group)] = True
    if firsts.sum() != stays.sum():
        raise AssertionError(f"{firsts.sum()} groups of text-dedup, {stays.sum()} documents kept")
    return Result(stays, firsts, took["MinHashing"], whole)


def stage(folder: Path, count: int) -> tuple[Stays, float]:
    """Who stays after `skypile run` of `ingest` and `dedup` on one core, and its seconds."""
    (folder / "run.toml").write_text(_CONFIG, encoding="utf8")
    command = [sys.executable, "-c", "from skypile.cli import app; app()", "run", "--config"]
    begun = time.perf_counter()
    subprocess.run([*command, folder / "run.toml"], check=True, stdout=sys.stderr)
    whole = time.perf_counter() - begun
    ledger = Ledger(str(folder / "out"))
    numbers = {
        d["doc_id"]: int(d["record_id"])
        for d in ledger.table("documents", ["doc_id", "record_id"]).to_pylist()
    }
    stays = np.zeros(count, bool)
    for verdict in ledger.table("verdicts_dedup").to_pylist():
        stays[numbers[verdict["doc_id"]]] = verdict["kept"]
    return stays, whole


def in_process(texts: list[str]) -> Result:
    """The stage's kernels on all texts at once; the times are of this process."""
    array, count = pa.array(texts), len(texts)
    begun = time.perf_counter()
    keys = minhash.band_keys(minhash.signatures(array))
    signed = time.perf_counter() - begun
    sets = shingle_sets(array)
    numbers = np.arange(count)
    nodes = np.repeat(numbers, keys.shape[1])
    found = buckets.settle(
        keys.ravel(), nodes, numbers, lambda one, two: jaccard(*sets, one, two), THRESHOLD
    )
    stays = found.winner < 0
    return Result(stays, stays, signed, time.perf_counter() - begun)


def closest(stays: Stays, pairs: Pairs) -> NDArray[np.float64]:
    """float64 by document: the similarity to the most alike of the others that stay, 0 if none."""
    left, right, true = pairs
    best = np.zeros(len(stays))
    for one, two in ((left, right), (right, left)):
        np.maximum.at(best, one[stays[two]], true[stays[two]])
    return best


def compare(case: str, ours: Stays, other: Result, pairs: Pairs, line: Line, **more: Any) -> None:
    """The lines of whom two drop: agreement, and how right each is by the true similarities."""
    n, (left, right, true), kept = len(ours), pairs, other.stays
    both, none = int((~ours & ~other.firsts).sum()), int((ours & other.firsts).sum())
    counts = {"both_drop": both, "both_keep": none}
    line(case, "agreement", (both + none) / n, "fraction", n=n, **counts, **more)
    dropped = float((~ours).mean()), float((~kept).mean())
    line(case, "dropped", dropped[0], "fraction", n=n, peer_value=dropped[1], **more)
    alike = [closest(stays, pairs) for stays in (ours, kept)]
    right_ones = [
        float((best[~stays] >= THRESHOLD).mean()) if not stays.all() else 1.0
        for best, stays in zip(alike, (ours, kept), strict=True)
    ]
    # In a chain the peer drops what resembles a dropped one alone; others resemble none at all.
    somewhere = closest(np.ones(n, bool), pairs)[~kept] >= THRESHOLD
    of_any = round(float(somewhere.mean()), 4) if len(somewhere) else 1.0
    what = f"dropped, J >= {THRESHOLD} to one that stays"
    line(
        case,
        "precision",
        right_ones[0],
        "fraction",
        target=1.0,
        pairs=what,
        peer_value=round(right_ones[1], 4),
        peer_value_to_any=of_any,
        **more,
    )
    near = true >= THRESHOLD
    # Of the pairs at or above the threshold, those of which both stay.
    missed = [float((s[left[near]] & s[right[near]]).mean()) for s in (ours, kept)]
    n_pairs = int(near.sum())
    line(
        case,
        "pairs_left",
        missed[0],
        "fraction",
        pairs=f"J >= {THRESHOLD}, both stay",
        n=n_pairs,
        peer_value=round(missed[1], 4),
        **more,
    )
    for name, only, best in (
        ("only ours drops", ~ours & other.firsts, alike[0]),
        ("only the peer drops", ours & ~other.firsts, closest(other.firsts, pairs)),
    ):
        # The similarity is to what stays with the one who dropped it.
        found = best[only]
        counted = np.histogram(found, BINS)[0].tolist()
        bins = {f"{low:.2f}": c for low, c in zip(BINS, counted, strict=False) if c}
        wrong = int((found < THRESHOLD).sum())
        line(case, "documents", len(found), "", pairs=name, below_threshold=wrong, j=bins, **more)


def text_dedup(data: Path, python: Path, line: Line, seed: int, count: int = 2_000) -> None:
    """(e)."""
    in_process(["warm", "up"])
    for language in ("en", "zh"):
        case = f"text_dedup_{language}_{count}"
        texts = near_copies(data, language, count, seed)
        pairs = all_pairs(texts)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_texts(folder / "in/rows.jsonl", texts)
            stays, stage_s = stage(folder, count)
            runs = [in_process(texts) for _ in range(ROUNDS)]
            if not (runs[0].stays == stays).all():
                raise AssertionError("the stage and its kernels differ")
            signature_s = float(np.median([r.signature_s for r in runs]))
            kernels_s = float(np.median([r.whole_s for r in runs]))
            for settings, options in SETTINGS.items():
                peer = theirs(python, folder, count, options)
                more = {"peer": f"text-dedup 0.4.0, {settings}"}
                compare(case, stays, peer, pairs, line, **more)
                rate, other = count / signature_s, count / peer.signature_s
                beside = more | {"peer_value": round(other, 1)}
                line(case, "docs_per_s", rate, "documents/s, text to signature", **beside)
                for what, seconds in (("stage", stage_s), ("kernels", kernels_s)):
                    beside = more | {"peer_value": round(peer.whole_s, 2)}
                    line(case, "s", seconds, "s in all", engine=what, **beside)
