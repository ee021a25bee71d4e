"""The peers of bench.dedup: a process that is run by the Python which has them installed.

Reads a command a line (JSON) and answers with the CPU seconds that it took; what is prepared before
the clock starts is what a user of the peer would have at hand. Imports nothing of skypile.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import rensa
from datasketch import MinHash

_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")


def shingles(text: str, language: str) -> list[bytes]:
    """Distinct 5-grams in Python: of words, or for Chinese of characters."""
    if language == "zh":
        text = _SPACE.sub("", text)
        return list({text[i : i + 5].encode() for i in range(max(1, len(text) - 4))})
    words = _WORD.findall(text.lower())
    return list({" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))})


class Peers:
    """What is prepared, and what is timed."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.language = ""
        self.hashes = np.zeros(0, np.uint64)
        self.offsets = np.zeros(1, np.uint64)
        self.lists: list[list[int]] = []

    def load(self, path: str, language: str) -> None:
        """Texts, and shingle sets as hashes, from an .npz file."""
        with np.load(path) as found:
            self.texts = [str(t) for t in found["texts"]]
            self.hashes, self.offsets = found["hashes"], found["offsets"].astype(np.uint64)
        self.language = language
        bounds = self.offsets.astype(np.int64)
        # datasketch's default scheme takes 32-bit hashes.
        short = self.hashes >> np.uint64(32)
        self.lists = [short[i:j].tolist() for i, j in pairwise(bounds)]

    def datasketch_text(self, count: int) -> None:
        """Python shingling and MinHash.bulk with its own hash."""
        made = (shingles(t, self.language) for t in self.texts)
        MinHash.bulk(made, num_perm=count)

    def datasketch_hashes(self, count: int) -> None:
        """MinHash.bulk over hashes."""
        MinHash.bulk(self.lists, num_perm=count, hashfunc=_same)

    def rensa_text(self, count: int) -> None:
        """Python shingling and a digest matrix."""
        made = [shingles(t, self.language) for t in self.texts]
        rensa.RMinHash.digest_matrix_from_token_byte_sets(made, count, 1)

    def rensa_hashes(self, count: int) -> None:
        """A digest matrix of hashes."""
        rensa.RMinHash.digest_matrix_from_flat_token_hashes(self.hashes, self.offsets, count, 1)


def _same(value: int) -> int:
    return value


def main() -> None:
    """Answer commands until there are no more."""
    peers = Peers()
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        run: Callable[..., None] = getattr(peers, command.pop("run"))
        start = time.process_time()
        run(**command)
        print(json.dumps(time.process_time() - start), flush=True)


if __name__ == "__main__":
    main()
