r"""What the rules for code are made of: numbers of one text of code, in code points.

RedPajama's (its GitHub filter, 2023): longest line, mean line, share of letters and digits, letters
per token. Bulk data as The Stack v2 counts it: runs of base64, hex and escaped characters.
A Han, kana or hangul character is a letter, and a token that says as much as 3.5 English letters,
so that Chinese comments do not count against a file.
"""

import functools
import re
from dataclasses import dataclass

import numpy as np

from skypile.kernels.text import characters

WIDE_LETTERS = 3.5  # English letters that a Han, kana or hangul character counts as
LETTERS_PER_TOKEN = 8  # of one run of letters: a longer name is several tokens
_LETTER, _DIGIT, _WIDE, _SPACE, _LINE, _OTHER = range(6)
_PER_TOKEN = (LETTERS_PER_TOKEN, 3, 1, 1 << 40, 1 << 40, 4)
# The Stack v2's three patterns (Lozhkov et al. 2024); blanks after a comma are ours.
_BASE64 = re.compile(r"[a-zA-Z0-9+/=\n]{64,}")
_HEX = re.compile(r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,\s*|\b\s*)){8,}")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}")
_NUMBERS = re.compile(r"(?<![\w.])[-+]?(?:0x[0-9a-fA-F]+|\d[\d.eE_+-]*)[fFLlUu]{0,3}(?!\w)[\s,;]*")


@dataclass(frozen=True)
class Numbers:
    """Of one text. Lengths are code points, shares are of all code points (0 to 1)."""

    lines: int
    max_line_chars: int
    mean_line_chars: float
    alphanumeric_share: float
    letters: float  # weighted: a wide one counts as WIDE_LETTERS
    tokens: int  # estimated (`tokens_of`)
    letter_share: float  # letters of the characters that are not white space
    distinct_line_share: float  # of the lines that are not blank
    encoded_share: float  # in runs of base64, hex or escapes
    longest_encoded_chars: int
    number_share: float  # in numbers with what separates them, of what is not white space

    @property
    def letters_per_token(self) -> float:
        """RedPajama's last rule: data and symbols have few."""
        return self.letters / self.tokens if self.tokens else 0.0


@functools.cache
def _kinds() -> np.ndarray:
    """Of each code point: letter, digit, wide letter, white space, end of line, or other."""
    bits = characters.classes()
    kinds = np.full(len(bits), _OTHER, np.uint8)
    kinds[bits & (characters.LETTER | characters.MARK) != 0] = _LETTER
    kinds[bits & characters.DIGIT != 0] = _DIGIT
    kinds[bits & characters.WIDE != 0] = _WIDE
    kinds[0xAC00:0xD7A4] = _WIDE
    kinds[bits & characters.SPACE != 0] = _SPACE
    kinds[ord("\n")] = _LINE
    return kinds


def measure(text: str) -> Numbers:
    """The numbers of a text; linear in its length."""
    data = text.encode("utf-32-le", "surrogatepass")
    kinds = _kinds()[np.frombuffer(data, np.uint32)]
    counts = np.bincount(kinds, minlength=6).tolist()
    size = len(text)
    lengths = _line_lengths(kinds)
    visible = size - counts[_SPACE] - counts[_LINE]
    letters = counts[_LETTER] + counts[_WIDE]
    filled = [line for line in map(str.strip, text.split("\n")) if line]
    encoded, longest = encoded_chars(text)
    numbers = sum(len("".join(m[0].split())) for m in _NUMBERS.finditer(text))
    return Numbers(
        lines=len(lengths),
        max_line_chars=int(lengths.max()),
        mean_line_chars=float(lengths.mean()),
        alphanumeric_share=_share(letters + counts[_DIGIT], size),
        letters=counts[_LETTER] + WIDE_LETTERS * counts[_WIDE],
        tokens=tokens_of(kinds),
        letter_share=_share(letters, visible),
        distinct_line_share=_share(len(set(filled)), len(filled)),
        encoded_share=min(1.0, _share(encoded, size)),
        longest_encoded_chars=longest,
        number_share=min(1.0, _share(numbers, visible)),
    )


def _share(count: float, of: int) -> float:
    return count / of if of else 0.0


def _line_lengths(kinds: np.ndarray) -> np.ndarray:
    ends = np.flatnonzero(kinds == _LINE)
    return np.diff(np.concatenate(([-1], ends, [len(kinds)]))) - 1


def tokens_of(kinds: np.ndarray) -> int:
    """About how many tokens a byte-pair encoding of code makes (RedPajama counts GPT-NeoX's).

    As GPT-2's pattern splits a text, whose pieces it merges within: runs of letters, of digits, of
    other signs, each with the blank before it, and of white space. A long piece is several tokens:
    one for LETTERS_PER_TOKEN letters, 3 digits, 4 signs; a wide letter is one.
    """
    if not len(kinds):
        return 0
    kinds = np.where(kinds == _LINE, np.uint8(_SPACE), kinds)
    starts = np.flatnonzero(np.concatenate(([True], kinds[1:] != kinds[:-1])))
    lengths = np.diff(np.concatenate((starts, [len(kinds)])))
    kind = kinds[starts]
    per = np.array(_PER_TOKEN, np.int64)[kind]
    pieces = -(-lengths // per)
    pieces[(kind == _SPACE) & (lengths == 1)] = 0
    return int(pieces.sum())


def encoded_chars(text: str) -> tuple[int, int]:
    """(code points in runs that encode bytes, those of the longest run).

    A run of base64 that is broken into lines is one run; words are none: a run must have no more
    than one in 32 of its characters at ends of lines, and digits, capitals and small letters.
    """
    total, longest = 0, 0
    for pattern in (_BASE64, _HEX, _ESCAPED):
        for match in pattern.finditer(text):
            run = match[0]
            if pattern is _BASE64 and not _is_base64(run):
                continue
            total += len(run)
            longest = max(longest, len(run))
    return total, longest


def _is_base64(run: str) -> bool:
    mixed = any(map(str.isdigit, run)) and any(map(str.isupper, run)) and any(map(str.islower, run))
    return mixed and 32 * run.count("\n") <= len(run)


def lines_of(text: str) -> tuple[str, ...]:
    r"""The lines of a file of code, as its document has them: blank ones and indentation stay;
    `\r\n` and `\r` end a line too; blank lines at both ends and a BOM go. () where all are blank.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first, end = 0, len(lines)
    while first < end and not lines[first].strip():
        first += 1
    while end > first and not lines[end - 1].strip():
        end -= 1
    return tuple(lines[first:end])
