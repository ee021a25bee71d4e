"""Are generated answers right?"""

import re
import string
from collections.abc import Sequence
from decimal import Decimal

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_SAID = re.compile(r"answer is|答案是|答案為|答案为")
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def number(text: str) -> Decimal | None:
    """The result of a worked solution: the last number after the last "answer is", else of all."""
    text = text.split("Question:")[0].split("\n\n")[0]
    last = _SAID.split(text)[-1]
    found = _NUMBER.findall(last) or _NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "")) if found else None


def same_number(text: str, accepted: Sequence[str]) -> bool:
    """Whether a solution comes to the right number."""
    found = number(text)
    return found is not None and any(found == Decimal(a) for a in accepted)


def plain(text: str) -> str:
    """A name without case, punctuation, articles and spaces too many, as TriviaQA compares."""
    text = text.lower().translate(str.maketrans(string.punctuation, " " * len(string.punctuation)))
    return " ".join(_ARTICLES.sub(" ", text).split())


def same_name(text: str, accepted: Sequence[str]) -> bool:
    """Whether the first line of an answer is one of the names."""
    lines = text.strip().splitlines()
    return bool(lines) and plain(lines[0]) in {plain(a) for a in accepted}
