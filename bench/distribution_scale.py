"""Scale of distribution filtering: blocks a second, memory, bytes shuffled a block.

`python -m bench.distribution_scale [--blocks 5000000] [--cores 2] [--memory-gb 12]` prints JSON
lines. Documents of ten blocks are generated, by number alone: nine blocks of words that follow a
power law, as many in English as in Chinese, and one that is a wording of one of 200 messages, the
more frequent the fewer their number, in which up to a third of the words are exchanged. They go
through `ingest`, `fit_vectors` and `distribution` in local mode.

`blocks_per_s` is by piece, of one core (blocks over seconds over cores). `rss_mb` is as in
`bench.dedup_scale`. `removed` is the share of the messages' blocks that went, `false_alarms` that
of all others.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench import scale
from skypile.manifests import CORPUS

SEED = 20_231_030
BLOCKS = 10  # of a document
MESSAGES = 200
EXCHANGED = 1 / 3  # of a message's words, at most
WORDS, HAN = 100_000, 5_000
LETTERS = "etaoinshrdlu"


def word(number: int, chinese: bool) -> str:
    """One word, the same for the same number: letters, or a Han character."""
    if chinese:
        return chr(0x4E00 + number % HAN)
    made = ""
    while number or not made:
        number, digit = divmod(number, len(LETTERS))
        made += LETTERS[digit]
    return "w" + made


def block(rng: np.random.Generator, chinese: bool) -> list[str]:
    """The words of a block of 12 to 40 words, 20 to 70 characters."""
    size = int(rng.integers(20, 70) if chinese else rng.integers(12, 40))
    ranks = rng.zipf(1.3, size) % (HAN if chinese else WORDS)
    return [word(int(r), chinese) for r in ranks]


def message(number: int, rng: np.random.Generator) -> list[str]:
    """One of the wordings of a message."""
    chinese = number % 2 == 1
    rare = np.random.default_rng([SEED, number]).integers(0, 1 << 30, 30)
    words = [word(int(n) % (HAN if chinese else WORDS), chinese) for n in rare]
    other = block(rng, chinese)
    exchanged = rng.random(len(words)) < EXCHANGED * rng.random()
    return [
        other[i % len(other)] if e else w
        for i, (w, e) in enumerate(zip(words, exchanged, strict=True))
    ]


def rows(blocks: int) -> Iterator[dict[str, str]]:
    """Documents; the sixth block is the message."""
    for number in range(blocks // BLOCKS):
        rng = np.random.default_rng([SEED, 1, number])
        chinese = number % 2 == 1
        made = [block(rng, chinese) for _ in range(BLOCKS)]
        which = int(rng.zipf(1.5)) * 2 + chinese
        made[BLOCKS // 2] = message(which % MESSAGES, rng)
        joint = "" if chinese else " "
        text = "\n".join(joint.join(words) for words in made)
        yield {"text": text, "url": f"https://h{number % 9973}.example/{number}"}


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Print one."""
    given = {
        "bench": "distribution_scale",
        "case": case,
        "metric": metric,
        "value": round(value, 4),
    }
    print(json.dumps({**given, "unit": unit, **more}), flush=True)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=5_000_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=12)
    given = parser.parse_args()
    case = f"{given.blocks}_blocks"
    with tempfile.TemporaryDirectory() as folder:
        found = scale.measure(
            Path(folder),
            rows(given.blocks),
            ["fit_vectors", "distribution"],
            cores=given.cores,
            memory_gb=given.memory_gb,
        )
        relate = found.ledger.manifests.get("distribution.relate", CORPUS)
        removed = found.ledger.table("recurrent_blocks", ["blocks"])["blocks"]
    assert relate
    gone = pc.list_flatten(pc.drop_null(removed))
    of_messages = int(pc.sum(pc.equal(gone, BLOCKS // 2)).as_py() or 0)
    documents = given.blocks // BLOCKS
    line(case, "minutes", found.total_seconds / 60, "min")
    for piece, seconds in found.seconds.items():
        speed = given.blocks / seconds / given.cores
        line(piece, "blocks_per_s", speed, "1/s and core", seconds=round(seconds, 1))
    target = given.memory_gb * 1024
    line(case, "rss_mb", found.most_mb, "MB", target=target, ok=found.most_mb <= target)
    line(case, "shuffle_bytes_per_block", found.shuffled_bytes / given.blocks, "B")
    facts = {k: relate.facts[k] for k in ("documents", "units", "documents_with_units")}
    line(case, "removed", of_messages / documents, "fraction", n=documents, **facts)
    others = documents * (BLOCKS - 1)
    line(case, "false_alarms", (len(gone) - of_messages) / others, "fraction", n=others)


if __name__ == "__main__":
    main()
