"""Case (a) of bench.dedup: signatures a second, from text and from hashed shingles, beside peers.

All in one run, in turns, CPU time, medians. From text datasketch and rensa have Python shingling;
from hashes datasketch has its bulk over the same, rensa a digest matrix, NumPy the same formula a
document at a time, and bench/minhash.c the same kernel. C and NumPy must give the same values.
"""

import ctypes
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.dedup_texts import long_documents
from skypile.kernels.arrow import utf8
from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.jaccard import shingle_sets
from skypile.kernels.text import textnorm

ROOT = Path(__file__).resolve().parent.parent
COUNT = minhash.BANDS * minhash.ROWS
ROUNDS = 7
Line = Callable[..., None]
Signatures = NDArray[np.uint32]


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


def numpy_signatures(hashes: NDArray[np.uint64], offsets: NDArray[np.int64]) -> Signatures:
    """The same signatures by vectorised NumPy, a document at a time: the floor."""
    a, b = (values[:, None] for values in minhash.permutations(COUNT))
    prime, xs = np.uint64(minhash.PRIME), hashes >> np.uint64(33)
    rows = [((a * xs[i:j] + b) % prime).min(axis=1) for i, j in pairwise(offsets.tolist())]
    return np.array(rows, np.uint32)


def speed(
    data: Path, peers: PeerProcess | None, folder: Path, line: Line, count: int = 400
) -> None:
    """(a): the engines take turns on the same documents."""
    plain_c = PlainC(folder) if shutil.which("cc") else None
    for language in ("en", "zh"):
        texts = long_documents(data, language, count)
        array, sets = pa.array(texts), shingle_sets(pa.array(texts))
        engines: dict[str, Callable[[], float]] = {
            "text": partial(cpu, minhash.signatures, array),
            "hashes": partial(cpu, minhash.signatures_of_sets, *sets),
            "numpy_hashes": partial(cpu, numpy_signatures, *sets),
        }
        ours = minhash.signatures(array)
        if not (numpy_signatures(*sets) == ours).all():
            raise AssertionError("NumPy and Numba differ")
        if plain_c:
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
        report(language, rates, len(sets[0]) / count, size / count, line)


def report(
    language: str, rates: dict[str, float], shingles: float, size: float, line: Line
) -> None:
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
        if f"numpy_{kind}" in rates:
            theirs = rates[f"numpy_{kind}"]
            beside = {"peer": "NumPy", "peer_value": round(theirs, 1)}
            line(case, "ratio", ours / theirs, "x", target=1, **beside, **more)
        if f"c_{kind}" in rates:
            theirs = rates[f"c_{kind}"]
            beside = {"peer": "C, cc -O3 -march=native", "peer_value": round(theirs, 1)}
            line(f"{case}_c", "ratio", ours / theirs, "x", target=0.5, **beside, **more)
