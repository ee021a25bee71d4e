"""The texts of bench.dedup: documents as they are, and sets with near copies of known making."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
