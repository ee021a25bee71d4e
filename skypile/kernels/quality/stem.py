r"""Is a text exercises with solutions? Marks of exercises, by rule, and what a classifier sees.

SkyPile-STEM (2.1) holds exercises with solutions, from primary school to graduate level. The rules
count what such texts have in English and in both Chinese scripts: numbered questions, sets of
options, what introduces a solution ("Solution:", “解：”) or an answer, words that ask for a result
("how many", “求”), and the density of formulas. Counts are per 1,000 characters, so that one
"Answer:" in a long page says little.

The classifier (fitted by `skypile.fits.stem`) sees words, Han characters, numbers by their length
and mathematical signs: neither question marks nor letters of options, which rules count already.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import fasttext
import numpy as np
import pyarrow as pa

EXERCISE, OTHER = "__label__exercise", "__label__other"
MAX_CHARS = 20_000  # of a text, from its start
MAX_TOKENS = 4000
_DIGIT = "[0-9０-９一二三四五六七八九十]"
_STOP = "[.．、)）:：]"
QUESTIONS = re.compile(
    rf"(?im)^[ \t　]*(?:(?:question|problem|exercise)s?[ \t]{{0,3}}\d{{1,4}}\b|q\d{{1,3}}[.:)]"
    rf"|第[ \t]{{0,2}}{_DIGIT}{{1,4}}[ \t]{{0,2}}[题題問问]"
    rf"|[例习習]题?題?[ \t]{{0,2}}{_DIGIT}{{1,3}}"
    rf"|[题題][ \t]{{0,2}}{_DIGIT}{{1,3}}{_STOP})"
)
_OPTION = re.compile(r"(?:^|(?<=[\s(（]))([A-EＡ-Ｅ])(?=[.．、)）:：])", re.M)
SOLUTIONS = re.compile(
    r"(?i)\b(?:solution|proof|explanation|worked answer)s?[ \t]{0,2}[:.：]"
    r"|(?:(?<=[\s。？?！])|^)(?:解|解法|解析|解答|分析|证明|證明|详解|詳解|证|證)[ \t]{0,2}[:：]"
    r"|[【\[](?:解|解析|解答|分析|证明|證明|详解|詳解|点评|點評)[】\]]",
    re.M,
)
ANSWERS = re.compile(
    r"(?i)\b(?:answer|ans)[ \t]{0,2}[:：]|\bthe (?:correct )?(?:final )?answer is\b"
    r"|(?:(?<=[\s。？?！])|^)答[ \t]{0,2}[:：]|答案[ \t]{0,2}[:：是为為]|【答案】|故[选選]",
    re.M,
)
ASKS = re.compile(
    r"(?i)\bhow (?:many|much|long|far|old|tall|fast)\b|\bfind (?:the|all|an?|\w{1,2}\b)"
    r"|\b(?:calculate|compute|evaluate|simplify|determine|solve)\b"
    r"|\b(?:prove|show) that\b"
    r"|\bwhat is the (?:value|number|probability|sum|area|total|remainder)\b"
    r"|\bwhich (?:one )?of the following\b"
    r"|多少|[几幾](?:个|個|只|隻|本|页|頁|人|元|米|千克|公斤|天|小时|小時|次|倍|分之)"
    r"|求(?:出|证|證|解|[a-zA-Z\\$∠△])|计算|計算|下列|以下[哪何]|的是[（(]?|等于|等於|还剩|還剩"
    r"|已知|[设設][a-zA-Z$\\集函]"
)
_MATH = re.compile(
    r"[=+×÷√π∑∫∞≤≥≠≈±∠△∥⊥∈∩∪²³°％%^]|(?<=[\w)])[ \t]?[-−*/<>][ \t]?(?=[\d(])"
    r"|\\(?:frac|sqrt|sum|int|times|div|cdot|le|ge|leq|geq|pi|alpha|beta|theta|angle|left)\b"
    r"|\$"
)
_TOKEN = re.compile(
    r"\\?[a-zà-ɏͰ-ӿ]{2,}|[0-9]+|[\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
    r"|[=+×÷√π∑∫∞≤≥≠≈±∠△∥⊥∈∩∪²³°%^<>/*−$-]"
)
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")


class Marks(NamedTuple):
    """What the rules count in the first `MAX_CHARS` of a text. options: sets of A, B and C in this
    order. formula_fraction: mathematical signs and digits, of the characters that are no space.
    """

    questions: int
    options: int
    solutions: int
    answers: int
    asks: int
    formula_fraction: float
    chars: int


def marks(text: str) -> Marks:
    """The marks of exercises in a text; linear in it."""
    text = text[:MAX_CHARS]
    solid = sum(map(len, text.split()))
    signs = len(_MATH.findall(text)) + sum(map(str.isdigit, text))
    return Marks(
        sum(1 for _ in QUESTIONS.finditer(text)),
        _option_sets(text),
        sum(1 for _ in SOLUTIONS.finditer(text)),
        sum(1 for _ in ANSWERS.finditer(text)),
        sum(1 for _ in ASKS.finditer(text)),
        min(1.0, signs / solid) if solid else 0.0,
        solid,
    )


def _option_sets(text: str) -> int:
    """How often A, B and C follow each other as marks of options."""
    sets, due = 0, 0
    for found in _OPTION.finditer(text):
        letter = ord(found[1]) - (0xFF21 if ord(found[1]) > 0xFF00 else 0x41)
        due = due + 1 if letter == due else 1 if letter == 0 else 0
        sets += due == 3
    return sets


# Evidence in log odds: for each mark what the first ones in 1,000 characters add, up to a limit.
# Chosen by hand, so that one kind of mark alone stays below .5 (docs/decisions.md).
_START = -3.0
_WEIGHTS = {"questions": 1.0, "options": 1.2, "solutions": 1.5, "answers": 1.2, "asks": 0.35}
_LIMIT = 2.2
_FORMULA = 10.0  # a fraction of .2 or more adds two
_MOST_ODDS = 3.0  # of the classifier, in log odds
_SHORT_CHARS = 300  # a text is weighed as if it had at least as many characters


def rule_score(found: Marks) -> float:
    """0 to 1: how much the marks speak for exercises."""
    thousands = max(found.chars, _SHORT_CHARS) / 1000
    evidence = _START + _FORMULA * min(0.2, found.formula_fraction)
    for name, weight in _WEIGHTS.items():
        evidence += min(_LIMIT, weight * getattr(found, name) / thousands)
    return 1 / (1 + math.exp(-evidence))


def combined(rules: Any, probability: Any, rules_weight: float) -> Any:
    """The score of documents, 0 to 1: the classifier's log odds, moved by those of the rules.

    The classifier's count up to 20 to 1: of texts unlike all its examples it is often sure, and
    wrong.

    rules, probability: arrays of floats; where a probability is NaN the rules alone decide.
    rules_weight: how much of the rules' log odds is added.
    """

    def odds(share: Any) -> Any:
        inside = np.clip(np.asarray(share, np.float64), 1e-5, 1 - 1e-5)
        return np.log(inside / (1 - inside))

    sure = np.clip(odds(np.nan_to_num(probability, nan=0.5)), -_MOST_ODDS, _MOST_ODDS)
    both = sure + rules_weight * (odds(rules) - _START / 2)
    alone = np.isnan(np.asarray(probability, np.float64))
    return np.where(alone, np.asarray(rules, np.float64), 1 / (1 + np.exp(-both)))


def make_tokens(fold: Mapping[int, str] | None = None) -> Callable[[str], list[str]]:
    """A function from a text to what the classifier sees of it.

    A number is `#` and how many digits it has, up to four. fold: code points that are taken for
    another, traditional Han to simplified.
    """
    table = dict(fold or {})
    width = {0xFF01 + n: chr(0x21 + n) for n in range(94)}

    def tokens(text: str) -> list[str]:
        text = text[:MAX_CHARS].translate(width).lower()
        if not text.isascii():
            text = text.translate(table)
        found = _TOKEN.findall(text)[:MAX_TOKENS]
        return [f"#{min(4, len(t))}" if t[0].isdecimal() else t for t in found]

    return tokens


def is_wide(text: str) -> bool:
    """Whether a text is written in Han or kana mostly: an eighth of its first characters."""
    start = text[:2000]
    return 8 * len(_WIDE.findall(start)) > len(start)


def make_classifier(
    model: str, fold: Mapping[int, str] | None = None
) -> Callable[[pa.Array], pa.Array]:
    """A function from texts to the probability (float32, 0 to 1) that each is exercises; null for a
    text without a token.

    model: path of a fastText model with the labels `EXERCISE` and `OTHER`. fold: as it was fitted.

    Raises:
        ValueError: there is no such model, or it has other labels.
    """
    fasttext.FastText.eprint = lambda _: None  # it warns on standard error at every loading
    loaded = fasttext.load_model(model)
    if {*loaded.get_labels()} != {EXERCISE, OTHER}:
        raise ValueError(f"{model} has the labels {loaded.get_labels()}")
    tokens = make_tokens(fold)
    predict = loaded.f.predict

    def classify(texts: pa.Array) -> pa.Array:
        found: list[float | None] = []
        for text in texts.to_pylist():
            seen = " ".join(tokens(text))
            answer = predict(f"{seen}\n", 2, 0.0, "strict") if seen else []
            shares = {label: probability for probability, label in answer}
            found.append(min(1.0, shares[EXERCISE]) if EXERCISE in shares else None)
        return pa.array(found, pa.float32())

    return classify
