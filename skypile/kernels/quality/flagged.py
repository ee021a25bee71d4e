"""Flagged words from a user's list, found in texts and in URLs' paths by Aho-Corasick.

A word of Latin or other spaced letters counts where it stands alone: `ass` is not in `class`. A
word with a Han or kana character counts wherever it stands, since nothing separates words; what
keeps it from false alarms are the *innocent* words of the same list: an occurrence inside one of
these does not count (`!理性交流` for `性交`). Of flagged words that overlap, the first counts, and
of those that begin together the longest. Case, width and compatibility forms are folded (NFKC);
simplified and traditional are not: a list names both.
"""

import unicodedata
from collections.abc import Iterable

import ahocorasick_rs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skypile.kernels.compiled import I64
from skypile.kernels.text import characters

_WORDLIKE = characters.LETTER | characters.DIGIT | characters.MARK


def parse(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """(flagged words, innocent words) of a list: one a line, `!` before an innocent one, `#` before
    a comment; blank lines and repeats are left out.
    """
    flagged: dict[str, None] = {}
    innocent: dict[str, None] = {}
    for line in lines:
        word = line.strip().removeprefix("\ufeff")
        if word.startswith("!"):
            innocent[word[1:].strip()] = None
        elif word and not word.startswith("#"):
            flagged[word] = None
    innocent.pop("", None)
    return list(flagged), list(innocent)


def fold(text: str) -> str:
    """The form in which words and texts are compared."""
    return unicodedata.normalize("NFKC", text).lower()


class FlaggedWords:
    """A compiled list. Not picklable: make one a task.

    Raises:
        ValueError: a word is empty, or flagged and innocent at once.
    """

    def __init__(self, flagged: Iterable[str], innocent: Iterable[str] = ()) -> None:
        self.flagged = list(dict.fromkeys(fold(w).strip() for w in flagged))
        self.innocent = list(dict.fromkeys(fold(w).strip() for w in innocent))
        if "" in self.flagged or "" in self.innocent:
            raise ValueError("an empty word is everywhere: take it off the list")
        if both := sorted({*self.flagged} & {*self.innocent}):
            raise ValueError(f"flagged and innocent at once: {', '.join(both[:5])}")
        flags = characters.classes()
        self._alone = [
            not np.any(flags[characters.code_points(w)] & characters.WIDE) for w in self.flagged
        ]
        self._words = ahocorasick_rs.AhoCorasick([*self.flagged, *self.innocent])

    def __len__(self) -> int:
        return len(self.flagged)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, word) of each occurrence in `fold(text)`, in order, none overlapping."""
        return self.find_folded(fold(text))

    def find_folded(self, text: str) -> list[tuple[int, int, str]]:
        """The same for a text that is folded."""
        if not self.flagged:
            return []
        hits, guards = [], []
        for word, start, end in self._words.find_matches_as_indexes(text, overlapping=True):
            if word >= len(self.flagged):
                guards.append((start, end))
            elif not self._alone[word] or _stands_alone(text, start, end):
                hits.append((start, -end, word))
        found: list[tuple[int, int, str]] = []
        guards.sort()
        reach = at = last = 0  # reach: furthest end of the innocent words that began so far
        for start, minus_end, word in sorted(hits):
            while at < len(guards) and guards[at][0] <= start:
                reach = max(reach, guards[at][1])
                at += 1
            if start >= last and -minus_end > reach:
                last = -minus_end
                found.append((start, last, self.flagged[word]))
        return found

    def count(self, texts: pa.Array) -> tuple[I64, I64]:
        """(occurrences, characters in them) of each text of an array of strings without nulls."""
        counts = np.zeros((2, len(texts)), np.int64)
        if self.flagged and len(texts):
            folded = pc.utf8_lower(pc.utf8_normalize(texts, "NFKC"))
            for row, text in enumerate(folded.to_pylist()):
                found = self.find_folded(text)
                counts[:, row] = len(found), sum(end - start for start, end, _ in found)
        return counts[0], counts[1]


def _stands_alone(text: str, start: int, end: int) -> bool:
    flags = characters.classes()
    before = start > 0 and flags[ord(text[start - 1])] & _WORDLIKE
    after = end < len(text) and flags[ord(text[end])] & _WORDLIKE
    return not (before or after)


NONE = FlaggedWords(())
