"""What is measured of an English text and a Chinese one that may be its translation.

Pure numbers; thresholds are for the stage. One of them sums up the others: the log-odds of being a
pair, whose weights were fitted on one half of real pairs (bench/parallel.py).

Left out: meaning. Two paragraphs of one length without a number, a name or a sign in common pass.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from skypile.kernels.parallel.anchors import LETTERS_PER_WIDE, Anchors, anchors, length
from skypile.kernels.text.scripts import wide_chars

# Variance of the logarithm of the ratio of lengths: translators' style, and short texts on top.
STYLE_VARIANCE, LETTER_VARIANCE = 0.015, 1.7
_LOOKED_FOR = 200  # anchors that a whole text is searched for
_LATIN_LETTERS = re.compile(r"[A-Za-z]+")
_WORDS = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
# An end of a sentence, and what may close behind it: quotes, brackets, Markdown's marks.
_END = re.compile(r"[.!?。!?．…:;：；！？][\"'”’」』）)\]】》>*_`\s]*$")
_SENTENCE = re.compile(r"[.!?](?=[\"'”’)\]]*(?:\s|$))|[。！？…]+|[!?](?=[^\s!?.。])")
_MARKS = ("?", "!", ":", "(", '"', "%")
_FOLDED = str.maketrans("？！：（％“”「」『』《》", '?!:(%""""""""')
# Log-odds of being a pair, by what is measured: (weight, the most that counts). Logistic regression
# on the tune half of bench/parallel.py, true pairs as likely as all wrong ones together.
INTERCEPT = 2.25
WEIGHTS = {
    "deviation_squared": (-0.33, 16.0),
    "deviation": (-0.27, 4.0),
    "shorter_chinese": (-0.08, 4.0),
    "numbers_shared": (0.37, 4.0),
    "numbers_missing": (-1.49, 4.0),
    "code_shared": (0.21, 4.0),
    "code_missing": (-1.20, 4.0),
    "names_shared": (0.32, 4.0),
    "names_missing": (-1.49, 4.0),
    "urls_missing": (-0.98, 2.0),
    "marks_missing": (-1.51, 1.0),
    "sentences": (-1.26, 2.0),
    "one_open": (-2.62, 1.0),
}


def length_deviation(en: float, zh: float) -> float:
    """Standard deviations that the ratio of two lengths is away from 1 (Gale and Church 1993, with
    lengths as `anchors.length`); above 0 where the Chinese is the longer. Lengths below 1 are 1.
    """
    en, zh = max(en, 1.0), max(zh, 1.0)
    variance = STYLE_VARIANCE + LETTER_VARIANCE / min(en, zh)
    return math.log(zh / en) / math.sqrt(variance)


def share(count: int, of: int) -> float:
    """A share; 1 of nothing, where nothing is amiss."""
    return count / of if of else 1.0


def complete(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    return _END.search(text.rstrip()) is not None


def sentences(text: str) -> int:
    """Ends of sentences, at least 1."""
    return max(1, len(_SENTENCE.findall(text)))


def untranslated_share(en: Anchors, zh: Anchors) -> float:
    """How much of the Chinese side is words of the English one, by letters, 0 to 1."""
    known = set(_LATIN_LETTERS.findall(en.lower))
    words = _LATIN_LETTERS.findall(zh.read)
    copied = sum(len(w) for w in words if w.lower() in known)
    weighted = LETTERS_PER_WIDE * wide_chars(zh.read)
    letters = sum(map(len, words))
    return copied / (letters + weighted) if letters + weighted else 0.0


def compare(english: str, chinese: str) -> dict[str, Any]:
    """The measures of a pair, by name."""
    en, zh = anchors(english), anchors(chinese)
    en_length, zh_length = length(en.read), length(zh.read)
    stated = len(en.numbers.stated) + len(zh.numbers.stated)
    missing = en.numbers.missing_in(zh.numbers) + zh.numbers.missing_in(en.numbers)
    code = len(en.code) + len(zh.code)
    lost_code = _lost(en.code, zh.code, zh.text) + _lost(zh.code, en.code, en.text)
    lost_names = _lost(zh.words, en.words, en.lower)
    row = {
        "english_length": en_length,
        "chinese_length": zh_length,
        "length_deviation": length_deviation(en_length, zh_length),
        "english_sentences": sentences(en.read),
        "chinese_sentences": sentences(zh.read),
        "english_complete": complete(en.read),
        "chinese_complete": complete(zh.read),
        "numbers": stated,
        "numbers_agree": share(stated - missing, stated),
        "urls": len(en.urls) + len(zh.urls),
        "urls_agree": _urls_agree(en.urls, zh.urls),
        "code_spans": code,
        "code_agrees": share(code - lost_code, code),
        "names": len(zh.words),
        "names_agree": share(len(zh.words) - lost_names, len(zh.words)),
        "marks_agree": _marks_agree(en.read, zh.read),
        "untranslated_share": untranslated_share(en, zh),
    }
    return {**row, "pair_log_odds": log_odds(row)}


def log_odds(row: Mapping[str, Any]) -> float:
    """The log-odds that two texts measured so are translations of each other, against neighbours,
    strangers of one collection and cut ones.
    """
    found = features(row)
    return INTERCEPT + sum(w * min(found[name], most) for name, (w, most) in WEIGHTS.items())


def features(row: Mapping[str, Any]) -> dict[str, float]:
    """What the log-odds are a weighted sum of, each at least 0."""
    deviation = row["length_deviation"]
    found = {
        "deviation_squared": deviation**2,
        "deviation": abs(deviation),
        "shorter_chinese": max(0.0, -deviation),
        "urls_missing": row["urls"] * (1 - row["urls_agree"]),
        "marks_missing": 1 - row["marks_agree"],
        "sentences": abs(math.log(row["english_sentences"] / row["chinese_sentences"])),
        "one_open": float(row["english_complete"] != row["chinese_complete"]),
    }
    for name, count, agree in (
        ("numbers", "numbers", "numbers_agree"),
        ("code", "code_spans", "code_agrees"),
        ("names", "names", "names_agree"),
    ):
        found[f"{name}_shared"] = row[count] * row[agree]
        found[f"{name}_missing"] = row[count] * (1 - row[agree])
    return found


def _lost(wanted: frozenset[str], other: frozenset[str], text: str) -> int:
    """How many are neither among those of the other side nor, of the first ones, in its text."""
    left = sorted(wanted - other)
    return len(left) - sum(w in text for w in left[:_LOOKED_FOR])


def _urls_agree(en: frozenset[str], zh: frozenset[str]) -> float:
    """The share of the addresses that both have; one of the same host is half the same."""
    same = en & zh
    left, right = (Counter(u.partition("/")[0] for u in side - same) for side in (en, zh))
    return share(2 * len(same) + (left & right).total(), len(en) + len(zh))


def _marks_agree(english: str, chinese: str) -> float:
    """How far the punctuation that translations keep is the same on both sides, 0 to 1."""
    a, b = english.translate(_FOLDED), chinese.translate(_FOLDED)
    counts = [(a.count(m), b.count(m)) for m in _MARKS]
    return share(sum(2 * min(x, y) for x, y in counts), sum(x + y for x, y in counts))
