"""Extends the vocabulary of a BPE model so that every added word can be reached by its merges.

SentencePiece's BPE joins, again and again, the adjacent pair whose concatenation is the piece of
the highest score, the leftmost first. A word that is put into a vocabulary by itself is therefore
often dead: nothing on the way from its characters to it is a piece, or a better merge takes its
characters another way. Here words are added one at a time with scores that only fall. A word is
first encoded with what is there; the symbols that remain are joined by new pieces, the last of
which is the word. Since a later piece scores below everything that an earlier word is made by, it
never disturbs it: what was reachable once stays reachable (`fits.tokenizer` checks all of it again
with the library). Left out: pruning helper pieces that a later word made needless.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SPACE = "\u2581"  # SentencePiece writes a space as this


@dataclass(frozen=True)
class Extension:
    """What was added: `pieces` in order of falling score, of which `words` were asked for and
    `helpers` are on the way to them. `refused`: words that the base's own merges keep from being
    one piece, or with characters that are no pieces.
    """

    pieces: tuple[str, ...]
    words: frozenset[str]
    refused: tuple[str, ...]

    @property
    def helpers(self) -> frozenset[str]:
        """The pieces that are no word that was asked for."""
        return frozenset(self.pieces) - self.words


def merged(symbols: Iterable[str], scores: Mapping[str, float]) -> list[str]:
    """The pieces that BPE makes of some symbols (a string's characters, or pieces of it).

    scores: of every piece that may come out of a merge; the highest goes first, the leftmost of
    equals. As SentencePiece does it, for short strings: time in the square of their length.
    """
    now = list(symbols)
    while True:
        best, at = -math.inf, -1
        for i in range(len(now) - 1):
            score = scores.get(now[i] + now[i + 1])
            if score is not None and (score > best or at < 0):
                best, at = score, i
        if at < 0:
            return now
        now[at : at + 2] = [now[at] + now[at + 1]]


def extend(
    scores: Mapping[str, float],
    words: Sequence[tuple[str, int]],
    pieces: int,
    first_score: float,
) -> Extension:
    """Up to `pieces` new pieces, so that the words are each one piece of the extended model.

    scores: of the base's pieces (control, unknown and byte pieces left out), single characters
    among them. words: with their counts, the most wanted first; each of two or more characters.
    first_score: of the first new piece, the next is one lower, and so on; it must be below the
    score of every base piece that has a character of the words.

    A word that needs more helpers than there is room left for is passed over, so that the last
    pieces go to words that fit; fewer than `pieces` come back where the words run out.
    """
    scores = dict(scores)
    weights = _inner_counts(words)
    added: dict[str, None] = {}
    reached: set[str] = set()
    refused: list[str] = []

    def add(piece: str) -> None:
        scores[piece] = first_score - len(added)
        added[piece] = None

    for word, _ in words:
        if len(added) == pieces:
            break
        if len(word) < 2 or any(c not in scores for c in word):
            refused.append(word)
            continue
        symbols = merged(word, scores)
        if len(symbols) == 1:
            reached |= {word} & added.keys()  # a helper of an earlier word, or the base's own
        elif word in scores:  # it is a piece, but better merges take its characters elsewhere
            refused.append(word)
        elif len(symbols) - 1 <= pieces - len(added):
            while len(symbols) > 2:
                add(_helper(symbols, scores, weights))
                symbols = merged(word, scores)
            add(word)
            reached.add(word)
    return Extension(tuple(added), frozenset(reached), tuple(refused))


def _helper(symbols: Sequence[str], scores: Mapping[str, float], weights: Counter[str]) -> str:
    """The two neighbours to join: those that most of the words have, and that can be reached
    without the rest of this word, where there are any.
    """
    pairs = [symbols[i] + symbols[i + 1] for i in range(len(symbols) - 1)]
    alone = [pair for pair in pairs if len(merged(pair, scores)) == 2]
    return max(alone or pairs, key=lambda pair: (weights[pair], -len(pair), pair))


def _inner_counts(words: Sequence[tuple[str, int]]) -> Counter[str]:
    """How often each part of two or more characters is in the words, their counts taken."""
    found: Counter[str] = Counter()
    for word, count in words:
        size = len(word)
        for start in range(size - 1):
            for end in range(start + 2, size + 1):
                found[word[start:end]] += count
    return found


def choose_characters(
    counts: Mapping[str, int], listed: Iterable[str], have: Iterable[str], wanted: int
) -> list[str]:
    """Up to `wanted` characters to add: those of a list, then the most frequent ones, then the
    standard sets of Chinese characters.

    counts: of the characters of a corpus. listed: entries of a list, such as the vocabulary file
    of a Chinese BERT; those of one character count, the most frequent first where there are too
    many. have: what is in the vocabulary. The standard sets are the first level of GB 2312 (3,755
    characters in common use), that of Big5 (5,401), and the second of GB 2312 (3,008).

    No Latin letter is added, nor anything of ASCII: text in Latin script keeps its ids.
    """
    seen = set(have)
    chosen: list[str] = []

    def take(characters: Iterable[str]) -> None:
        for c in characters:
            if len(chosen) < wanted and c not in seen and _addable(c):
                seen.add(c)
                chosen.append(c)

    by_count = sorted(counts, key=lambda c: (-counts[c], c))
    known = [c for c in dict.fromkeys(listed) if len(c) == 1]
    take(sorted(known, key=lambda c: -counts.get(c, 0)))
    take(by_count)
    take(standard_han())
    return chosen


def _addable(character: str) -> bool:
    """Whether it is a letter, mark, number, punctuation or symbol, and not ASCII or Latin."""
    return (
        len(character) == 1
        and not character.isascii()
        and character != SPACE
        and unicodedata.category(character)[0] in "LMNPS"
        and not unicodedata.name(character, "").startswith("LATIN ")
    )


def standard_han() -> list[str]:
    """The Chinese characters of GB 2312 level 1, Big5 level 1 and GB 2312 level 2, each once."""
    first = _table("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF))
    hant = _table("big5", range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    second = _table("gb2312", range(0xD8, 0xF8), range(0xA1, 0xFF))
    return list(dict.fromkeys(first + hant + second))


def _table(charset: str, leads: Iterable[int], trails: Iterable[int]) -> list[str]:
    codes = [bytes((lead, trail)) for lead in leads for trail in trails]
    found = [code.decode(charset, "ignore") for code in codes]
    return [c for c in found if len(c) == 1 and unicodedata.category(c) == "Lo"]


_HAN_RUN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")


def is_han_word(word: str) -> bool:
    """Whether it is two or more Chinese characters and nothing else."""
    return len(word) > 1 and _HAN_RUN.fullmatch(word) is not None
