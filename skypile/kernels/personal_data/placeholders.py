"""Placeholders for personal data, compiled: found where they stand, and put in."""

from skypile.kernels.compiled import I64, U32, compiled
from skypile.kernels.personal_data.surroundings import FILLED, char_at


@compiled
def fill(text: U32, placeholders: U32, c: U32) -> None:
    """Overwrite in `c`, the folded text, the placeholders that stand in the text.

    placeholders: [kind, character], 0 behind the last; all begin with the same character.
    """
    i = 0
    while i < len(text):
        size = 0
        if text[i] == placeholders[1, 0]:
            for kind in range(1, len(placeholders)):
                k = 0
                while placeholders[kind, k] and char_at(text, i + k) == placeholders[kind, k]:
                    k += 1
                if not placeholders[kind, k]:
                    size = k
                    c[i : i + k] = FILLED + kind
        i += max(1, size)


@compiled
def mask(text: U32, spans: I64, placeholders: U32, out: U32) -> int:
    """The text with placeholders in place of spans into `out`; how many characters."""
    size = at = 0
    for row in range(len(spans)):
        while at < spans[row, 0]:
            out[size] = text[at]
            size += 1
            at += 1
        k = 0
        while placeholders[spans[row, 2], k]:
            out[size] = placeholders[spans[row, 2], k]
            size += 1
            k += 1
        at = spans[row, 1]
    while at < len(text):
        out[size] = text[at]
        size += 1
        at += 1
    return size
