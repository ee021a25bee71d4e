"""Text as people may see it: personal data masked as in the corpus, cut short, or as a diff.

Whole texts are masked before they are cut, so that what stands around a number still counts.
"""

import difflib
import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from skypile.kernels.personal_data import personal

ELLIPSIS = "…"
_TOKENS = re.compile(r"\s+|[A-Za-z0-9À-ɏ]+|.", re.DOTALL)
# A terminal would obey these; code and text of sources that are not cleaned may hold them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
CONTEXT_CHARS = 60
MAX_DIFF_TOKENS = 700


class Piece(NamedTuple):
    """A piece of a diff: kind is same, gone (only in the first), new (only in the second) or skip
    (characters left out, `text` says how many).
    """

    kind: str
    text: str


def masked(text: str | None) -> str:
    """A text with placeholders for personal data, and U+FFFD for what a terminal would obey; "" for
    none.
    """
    return _CONTROLS.sub("\ufffd", personal.mask(text)[0]) if text else ""


def masked_url(url: str | None) -> str:
    """A URL as `masked` has a text, also where its encoding hides personal data; "" for none."""
    return masked(personal.mask_url(url)) if url else ""


def masked_blocks(text: str) -> list[str]:
    """The blocks of a text, masked: as the whole text is, or each alone where a mask crosses their
    borders.
    """
    blocks = text.split("\n")
    together = masked(text).split("\n")
    return together if len(together) == len(blocks) else [masked(b) for b in blocks]


def masked_html(page: str) -> str:
    """The source of a page, masked; written without character references where these hide
    personal data.
    """
    shown = masked(page)
    plain = html.unescape(shown)
    return masked(plain) if personal.find(plain) else shown


def short(text: str, limit: int) -> str:
    """The beginning of a text, with … where it is cut."""
    return text if len(text) <= limit else text[:limit].rstrip() + ELLIPSIS


def diff(first: str, second: str) -> list[Piece]:
    """What differs between two texts, by words and by single Chinese characters; long stretches
    that are the same are left out.
    """
    a, b = (_TOKENS.findall(t) for t in (first, second))
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    left_out = max(len(middle_a), len(middle_b)) > MAX_DIFF_TOKENS
    pieces = [Piece("same", "".join(a[:head]))]
    pieces += _changes(middle_a[:MAX_DIFF_TOKENS], middle_b[:MAX_DIFF_TOKENS])
    if left_out:
        rest = sum(map(len, middle_a[MAX_DIFF_TOKENS:])) + sum(map(len, middle_b[MAX_DIFF_TOKENS:]))
        pieces.append(Piece("skip", f"{rest:,}"))
    pieces.append(Piece("same", "".join(a[len(a) - tail :]) if tail else ""))
    return list(_folded(pieces))


def _changes(a: list[str], b: list[str]) -> Iterator[Piece]:
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(a[a0:a1]))
            continue
        if a1 > a0:
            yield Piece("gone", "".join(a[a0:a1]))
        if b1 > b0:
            yield Piece("new", "".join(b[b0:b1]))


def _folded(pieces: list[Piece]) -> Iterator[Piece]:
    """Long stretches that are the same become their ends."""
    pieces = [p for p in pieces if p.text]
    for index, piece in enumerate(pieces):
        if piece.kind != "same" or len(piece.text) <= 3 * CONTEXT_CHARS:
            yield piece
            continue
        first, last = index == 0, index == len(pieces) - 1
        head = "" if first and not last else piece.text[:CONTEXT_CHARS]
        tail = "" if last and not first else piece.text[-CONTEXT_CHARS:]
        if head:
            yield Piece("same", head)
        yield Piece("skip", f"{len(piece.text) - len(head) - len(tail):,}")
        if tail:
            yield Piece("same", tail)
