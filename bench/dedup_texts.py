"""The texts of bench.dedup: documents as they are, and sets with near copies of known making; and
the true similarity of all their pairs.
"""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench import plain_shingles as plain

Floats = NDArray[np.float64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], Floats]
MAX_CHARS = {"en": 4_000, "zh": 1_500}  # so that brute force over all pairs is minutes


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)


def documents(data: Path, language: str) -> list[str]:
    """All texts of a language in the general sets, in their order."""
    found = [r["text"] for r in rows(data / "domain_text/texts.jsonl.gz") if r["lang"] == language]
    if language == "zh":
        found += [r["text"] for r in rows(data / "zh_web_text/texts.jsonl.gz")]
    found += [r["text"] for r in rows(data / "web_text/texts.jsonl.gz") if r["lang"] == language]
    return found


def long_documents(data: Path, language: str, count: int) -> list[str]:
    """Documents of about the length of a web page, for timing: 7 kB of English, 2,300 characters.

    Texts are joined, in their order, until they are that long, and cut there.
    """
    chars = 7_000 if language == "en" else 2_300
    text = "\n".join(documents(data, language))
    step = len(text) // count
    return [text[i * step : i * step + chars] for i in range(count)]


def near_copies(data: Path, language: str, count: int, seed: int) -> list[str]:
    """A set of `count` documents in which pairs of every similarity occur.

    A quarter are licence texts (English), web pages and documents as they are; the others are
    edited copies: of the tokens of a document up to a tenth is replaced, deleted or inserted, in
    runs of 1 to 6, from another document.
    """
    rng = random.Random(seed)
    real = [t[: MAX_CHARS[language]] for t in documents(data, language) if len(t) > 300]
    rng.shuffle(real)
    found = []
    if language == "en":
        licences = data / "near_duplicates/licence_texts.jsonl.gz"
        found = [r["text"][: MAX_CHARS[language]] for r in rows(licences)]
    found += real[: count // 4]
    space = " " if language == "en" else ""
    split = [t.split(" ") if space else list(t) for t in real[: count // 4]]
    while len(found) < count:
        source, other = rng.choice(split), rng.choice(split)
        found.append(space.join(_edited(source, other, rng.uniform(0, 0.1), rng)))
    return found[:count]


def _edited(tokens: list[str], other: list[str], share: float, rng: random.Random) -> list[str]:
    out = list(tokens)
    left = round(share * len(out))
    while left > 0:
        size = min(left, rng.randint(1, 6))
        at, source = rng.randrange(len(out) + 1), rng.randrange(len(other))
        insert = [] if rng.random() < 0.3 else other[source : source + size]
        out[at : at + (0 if rng.random() < 0.3 else size)] = insert
        left -= size
    return out


def all_pairs(texts: list[str]) -> Pairs:
    """(left, right, J) of all pairs that share a plain shingle, by brute force in exact numbers."""
    index: dict[plain.Shingle, int] = {}
    starts, columns = [0], []
    for text in texts:
        columns += [index.setdefault(s, len(index)) for s in plain.shingles(text)]
        starts.append(len(columns))
    shape = (len(texts), len(index))
    matrix = csr_array((np.ones(len(columns), np.int32), columns, starts), shape=shape)
    common = (matrix @ matrix.T).tocoo()
    upper = common.row < common.col
    left, right = common.row[upper].astype(np.int64), common.col[upper].astype(np.int64)
    both = common.data[upper]
    order = np.lexsort((right, left))  # scipy's follows the sets, and so Python's hashes
    left, right, both = left[order], right[order], both[order]
    sizes = np.diff(starts)
    return left, right, both / (sizes[left] + sizes[right] - both)
