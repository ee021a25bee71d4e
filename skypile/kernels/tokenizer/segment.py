"""Chinese words of running text, as jieba's dictionary and hidden Markov model segment it.

By rjieba, the binding of jieba-rs (MIT). Its dictionary is simplified: traditional characters are
looked up as simplified ones, and words come back as they are written.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import rjieba

from skypile.kernels.text.textnorm import han_fold
from skypile.kernels.tokenizer.vocabulary import is_han_word


def segments(text: str) -> Iterator[tuple[int, str]]:
    """The words, marks and spaces that a text is made of, with the code point where each starts."""
    at = 0
    for word in rjieba.cut(text.translate(han_fold())):
        yield at, text[at : at + len(word)]
        at += len(word)


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word of two or more Chinese characters occurs."""
    return Counter(word for text in texts for _, word in segments(text) if is_han_word(word))
