"""Scale of stage dedup: minutes, memory, bytes shuffled a document, and growth with the corpus.

`python -m bench.dedup_scale [--documents 250000 1000000] [--cores 2] [--memory-gb 12]` prints JSON
lines. Documents of 1 to 2 kB are generated, by number alone: nine in ten are like no other, the
rest lie in clusters of 2 to 1,000 (each member: the cluster's text with up to 1 % of its words
replaced); every other text is Chinese. They are written as JSON lines and go through the stages
`ingest` and `dedup` of a run in local mode; the times are of `dedup` alone, by piece.

`rss_mb` is the highest sum of the proportional memory (PSS) of this process and all its children,
JVM and Python workers among them, seen at half-second intervals; the target is the budget. The JVM
gets a third of it. `shuffle_bytes_per_doc` is what Spark wrote to shuffles in the relate.
`exponent` is that of time against documents between the smallest and the largest size.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import scale
from skypile.manifests import CORPUS

SEED = 20_231_030
WORDS, HAN = 50_000, 3_000  # vocabularies; a shingle of five is hardly ever met twice by chance
IN_CLUSTERS = 0.1
LARGEST = 1_000
CHANGED = 0.01


def cluster_sizes(documents: int) -> list[int]:
    """Sizes of 2 to LARGEST that add up to a tenth of the documents: as many documents in clusters
    of 2 to 4 as in those of 4 to 8, and so on.
    """
    rng = np.random.default_rng(SEED)
    left, sizes = round(documents * IN_CLUSTERS), []
    while left > 1:
        low = 2 ** int(rng.integers(1, 10))
        if rng.random() < 2 / low:  # big ones are drawn less often, and weigh the same
            sizes.append(min(left, int(rng.integers(low, min(2 * low, LARGEST + 1)))))
            left -= sizes[-1]
    return sizes


def units(number: int, chinese: bool) -> list[str]:
    """The words, or characters, of a text of 1 to 2 kB."""
    rng = np.random.default_rng([SEED, number])
    size = int(rng.integers(1_000, 2_000))
    if chinese:
        return [chr(0x4E00 + c) for c in rng.integers(0, HAN, size // 3)]
    return [f"w{w:x}" for w in rng.integers(0, WORDS, size // 5)]


def texts(documents: int) -> Iterator[str]:
    """The corpus; members of a cluster lie apart."""
    at, owners = 0, np.full(documents, -1)
    places = np.random.default_rng(SEED + 1).permutation(documents)
    for number, size in enumerate(cluster_sizes(documents)):
        owners[places[at : at + size]] = number
        at += size
    for document, owner in enumerate(owners.tolist()):
        if owner < 0:
            chinese = document % 2 == 1
            made = units(2 * document, chinese)
        else:
            chinese = owner % 2 == 1
            made = units(2 * owner + 1, chinese)
            rng = np.random.default_rng([SEED, documents, document])
            changed = rng.random(len(made)) < CHANGED * rng.random()
            other = units(2 * (documents + document), chinese)
            made = [
                other[i % len(other)] if c else u
                for i, (u, c) in enumerate(zip(made, changed, strict=True))
            ]
        yield ("" if chinese else " ").join(made)


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    if "target" in more:
        more["ok"] = value <= more["target"]
    given = {"bench": "dedup_scale", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def measure(documents: int, cores: int, memory_gb: float) -> float:
    """The lines of one size; the seconds of dedup."""
    case = f"{documents}_documents"
    size = 0

    def rows() -> Iterator[dict[str, str]]:
        nonlocal size
        for text in texts(documents):
            size += len(text.encode())
            yield {"text": text}

    with tempfile.TemporaryDirectory() as folder:
        found = scale.measure(Path(folder), rows(), ["dedup"], cores=cores, memory_gb=memory_gb)
        manifest = found.ledger.manifests.get("dedup.relate", CORPUS)
        verdicts = found.ledger.manifests.get("dedup.cut", "made")
    assert manifest
    assert verdicts
    dropped = sum(verdicts.counts["dropped"].values())
    clustered = cluster_sizes(documents)
    expected = sum(clustered) - len(clustered)
    by_piece = {f"{p.partition('.')[2]}_s": round(s, 1) for p, s in found.seconds.items()}
    minutes = found.total_seconds / 60
    line(case, "minutes", minutes, "min", bytes_a_document=round(size / documents), **by_piece)
    line(case, "rss_mb", found.most_mb, "MB", target=memory_gb * 1024)
    line(case, "shuffle_bytes_per_doc", found.shuffled_bytes / documents, "B")
    facts = {k: v for k, v in manifest.facts.items() if isinstance(v, int)}
    line(case, "dropped", dropped / expected, "fraction of the copies made", **facts)
    return found.total_seconds


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=12)
    given = parser.parse_args()
    sizes = sorted(given.documents)
    took = [measure(n, given.cores, given.memory_gb) for n in sizes]
    if len(sizes) > 1:
        exponent = math.log(took[-1] / took[0]) / math.log(sizes[-1] / sizes[0])
        line(f"{sizes[0]}_to_{sizes[-1]}", "exponent", exponent, "of time", target=1.2)


if __name__ == "__main__":
    main()
