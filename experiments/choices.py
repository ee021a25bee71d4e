"""Questions that a tiny model can do better at than chance: which of four texts goes on?

The paper's benchmarks are beyond a model of a million parameters, which answers them by chance
whatever it has learnt. A choice is scored by how much the prompt makes it likelier, log p(choice |
prompt) - log p(choice), so that a choice that is likely anywhere has no advantage.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.small_runs import place
from model.evaluate.scoring import Scorer, Tokenizer

CHOICES = 4


@dataclass(frozen=True)
class Item:
    """A prompt, texts that might follow it, and which of them does."""

    prompt: str
    choices: tuple[str, ...]
    answer: int


def items(pairs: Sequence[tuple[str, str]]) -> list[Item]:
    """An item of each (prompt, what follows); the wrong choices follow the next prompts.

    Raises:
        ValueError: fewer than four different texts that follow.
    """
    ends = list(dict.fromkeys(end for _, end in pairs))
    if len(ends) < CHOICES:
        raise ValueError(f"{len(ends)} different texts to choose from, {CHOICES} are needed")
    at = {end: i for i, end in enumerate(ends)}
    found = []
    for prompt, end in pairs:
        choices = [ends[(at[end] + i) % len(ends)] for i in range(1, CHOICES)]
        answer = int(place(prompt) * CHOICES)
        choices.insert(answer, end)
        found.append(Item(prompt, tuple(choices), answer))
    return found


def continuations(
    texts: Sequence[str], prompt_chars: int, choice_chars: int, most: int = 10**9
) -> list[tuple[str, str]]:
    """(prompt, what follows) from the beginning of each text that is long enough, the first.

    They end between words, so that none is to be completed: the prompt is at most so long, and
    so are both together.
    """
    length = prompt_chars + choice_chars
    found: list[tuple[str, str]] = []
    for text in texts:
        if len(found) == most:
            break
        if len(text) >= length:
            middle, end = cut(text, prompt_chars), cut(text, length)
            if 0 < middle < end:
                found.append((text[:middle], text[middle:end]))
    return found


def cut(text: str, most: int) -> int:
    """The last place up to `most` where no word goes on, 0 where there is none: before a space, at
    the end, or beside a wide character (Chinese, in both forms), where any code point begins a new
    one.
    """
    for at in range(min(most, len(text)), 0, -1):
        if at == len(text) or text[at].isspace() or _wide(text[at - 1]) or _wide(text[at]):
            return at
    return 0


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def fitting(some: Sequence[Item], tokenizer: Tokenizer, context: int) -> list[Item]:
    """The items whose prompt and any choice are within a context."""
    return [
        item
        for item in some
        if all(len(tokenizer.encode(item.prompt + c)) <= context for c in item.choices)
    ]


def right(scorer: Scorer, some: Sequence[Item]) -> NDArray[np.bool_]:
    """Which items the model answers right; (items,).

    Raises:
        ValueError: no items.
    """
    if not some:
        raise ValueError("no items to answer")
    texts = [text for item in some for c in item.choices for text in (item.prompt + c, c)]
    nats = np.array([loss.nats for loss in scorer.score(texts)]).reshape(len(some), CHOICES, 2)
    answered = (nats[:, :, 0] - nats[:, :, 1]).argmin(axis=1)
    return np.asarray(answered == [item.answer for item in some])


def percent(given: NDArray[np.bool_]) -> tuple[float, float]:
    """The share of right answers and its standard error, both in %."""
    share = float(given.mean())
    return 100 * share, 100 * math.sqrt(share * (1 - share) / len(given))
