"""What is measured of an English text and a Chinese one that may be its translation.

Pure numbers; thresholds are for the stage. One of them sums up the others: the log-odds of being a
pair, whose weights were fitted on one half of real pairs (bench/parallel.py).

Left out: meaning. Two paragraphs of one length without a number, a name or a sign in common pass.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from skypile.kernels.anchors import LETTERS_PER_WIDE, Anchors, anchors, length
from skypile.kernels.scripts import wide_chars

# Variance of the logarithm of the ratio of lengths: translators' style, and short texts on top.
STYLE_VARIANCE, LETTER_VARIANCE = 0.015, 1.7
_LATIN_LETTERS = re.compile(r"[A-Za-z]+")
_WORDS = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
# An end of a sentence, and what may close behind it: quotes, brackets, Markdown's marks.
_END = re.compile(r"[.!?。!?．…:;：；！？][\"'”’」』）)\]】》>*_`]*$")
_SENTENCE = re.compile(r"[.!?](?=[\"'”’)\]]*(?:\s|$))|[。！？…]+|[!?](?=[^\s!?.。])")
_MARKS = ("?", "!", ":", "(", '"', "%")
_FOLDED = str.maketrans("？！：（％“”「」『』《》", '?!:(%""""""""')
# Log-odds of being a pair, by what is measured: (weight, the most that counts). Logistic regression
# on the tune half of bench/parallel.py, true pairs as likely as all wrong ones together.
INTERCEPT = 2.47
WEIGHTS = {
    "deviation_squared": (-0.24, 16.0),
    "deviation": (-0.60, 4.0),
    "shorter_chinese": (-0.19, 4.0),
    "numbers_shared": (0.35, 4.0),
    "numbers_missing": (-1.34, 4.0),
    "code_shared": (0.18, 4.0),
    "code_missing": (-0.89, 4.0),
    "names_shared": (0.23, 4.0),
    "names_missing": (-1.44, 4.0),
    "urls_missing": (-0.44, 2.0),
    "marks_missing": (-1.35, 1.0),
    "sentences": (-0.97, 2.0),
    "one_open": (-2.07, 1.0),
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
    known = en.words | {w.lower() for c in en.code for w in _LATIN_LETTERS.findall(c)}
    known |= set(_LATIN_LETTERS.findall(en.lower))
    copied = sum(len(w) for w in _LATIN_LETTERS.findall(zh.text) if w.lower() in known)
    weighted = LETTERS_PER_WIDE * wide_chars(zh.text)
    letters = sum(map(len, _LATIN_LETTERS.findall(zh.text)))
    return copied / (letters + weighted) if letters + weighted else 0.0


def compare(english: str, chinese: str) -> dict[str, Any]:
    """The measures of a pair, by name."""
    en, zh = anchors(english), anchors(chinese)
    en_length, zh_length = length(english), length(chinese)
    stated = len(en.numbers.stated) + len(zh.numbers.stated)
    missing = en.numbers.missing_in(zh.numbers) + zh.numbers.missing_in(en.numbers)
    code = len(en.code) + len(zh.code)
    lost_code = sum(c not in zh.text for c in en.code) + sum(c not in en.text for c in zh.code)
    names = [w for w in zh.words if w not in en.lower]
    row = {
        "english_length": en_length,
        "chinese_length": zh_length,
        "length_deviation": length_deviation(en_length, zh_length),
        "english_sentences": sentences(english),
        "chinese_sentences": sentences(chinese),
        "english_complete": complete(english),
        "chinese_complete": complete(chinese),
        "numbers": stated,
        "numbers_agree": share(stated - missing, stated),
        "urls": len(en.urls) + len(zh.urls),
        "urls_agree": share(2 * len(en.urls & zh.urls), len(en.urls) + len(zh.urls)),
        "code_spans": code,
        "code_agrees": share(code - lost_code, code),
        "names": len(zh.words),
        "names_agree": share(len(zh.words) - len(names), len(zh.words)),
        "marks_agree": _marks_agree(english, chinese),
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


def _marks_agree(english: str, chinese: str) -> float:
    """How far the punctuation that translations keep is the same on both sides, 0 to 1."""
    a, b = english.translate(_FOLDED), chinese.translate(_FOLDED)
    counts = [(a.count(m), b.count(m)) for m in _MARKS]
    return share(sum(2 * min(x, y) for x, y in counts), sum(x + y for x, y in counts))
