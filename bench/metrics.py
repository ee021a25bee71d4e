"""How near an extracted text is to a gold text: overlap of word 4-grams; halves of sets, to choose
on one and report on the other. Pure functions.

Left out: order beyond four words, punctuation and white space, which extractors and annotators
treat each in their own way.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

_ONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_ONE}]|[^\W_{_ONE}]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits; a Han or kana character is a word of its own."""
    return _WORD.findall(text)


def ngrams(text: str, n: int = 4) -> Counter[tuple[str, ...]]:
    """The n-grams of words with their counts; a text shorter than n words is one gram."""
    found = words(text)
    if len(found) < n:
        return Counter([tuple(found)] if found else [])
    return Counter(zip(*(found[i:] for i in range(n)), strict=False))


@dataclass(frozen=True)
class Overlap:
    """Precision, recall and their harmonic mean, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


def overlap(text: str, gold: str, n: int = 4) -> Overlap:
    """How much of a text's n-grams, counted with repeats, is in the gold text, and the reverse.

    Two empty texts agree in full; an empty one and another not at all.
    """
    ours, theirs = ngrams(text, n), ngrams(gold, n)
    common, size, gold_size = (ours & theirs).total(), ours.total(), theirs.total()
    if not size or not gold_size:
        same = float(size == gold_size)
        return Overlap(same, same, same)
    return Overlap(common / size, common / gold_size, 2 * common / (size + gold_size))


def snippets(text: str, wanted: list[str], unwanted: list[str]) -> tuple[int, int, int]:
    """(wanted ones found, unwanted ones found, wanted ones missed), spaces aside.

    The judgement of trafilatura's own evaluation: a snippet counts once, wherever it stands.
    """
    flat = " ".join(text.split())
    found = sum(" ".join(s.split()) in flat for s in wanted)
    wrong = sum(" ".join(s.split()) in flat for s in unwanted)
    return found, wrong, len(wanted) - found


def half(text: str) -> str:
    """`tune` or `test`, by a hash of the text: what is chosen by looking is chosen on `tune`."""
    return (
        "test" if hashlib.sha256(text.encode("utf8", "surrogatepass")).digest()[0] % 2 else "tune"
    )
