r"""A pair of paragraphs as one text, and the pair in such a text again.

A template has the English paragraph and the Chinese one on a line each, with what else is to stand
on these lines or on others: `{en}\n{zh}`, or `English: {en}\nChinese: {zh}`.
"""

import hashlib
from dataclasses import dataclass

from skypile.kernels.ready_texts.ready import blocks_of

ENGLISH, CHINESE = "{en}", "{zh}"


@dataclass(frozen=True)
class Template:
    """A checked template.

    Raises:
        ValueError: a side is missing or there twice, both are on one line, or a line is blank.
    """

    text: str

    def __post_init__(self) -> None:
        lines = self.text.split("\n")
        for side in (ENGLISH, CHINESE):
            if self.text.count(side) != 1:
                raise ValueError(f"{self.text!r} must have {side} once")
        if any(ENGLISH in line and CHINESE in line for line in lines):
            raise ValueError(f"{self.text!r} has {ENGLISH} and {CHINESE} on one line")
        if any(not line.strip() for line in lines):
            raise ValueError(f"{self.text!r} has a blank line: blocks are lines with text")

    def fill(self, english: str, chinese: str) -> str:
        """The text of a pair, whose sides are lines."""
        parts = {ENGLISH: english, CHINESE: chinese}
        return "\n".join(
            next((line.replace(s, t) for s, t in parts.items() if s in line), line)
            for line in self.text.split("\n")
        )

    def sides(self, text: str) -> tuple[str, str]:
        """(English, Chinese) of a text that was filled in.

        Raises:
            ValueError: it was not.
        """
        lines, wanted = text.split("\n"), self.text.split("\n")
        if len(lines) != len(wanted):
            raise ValueError(f"{len(lines)} lines, not {len(wanted)} as in {self.text!r}")
        found: dict[str, str] = {}
        for line, pattern in zip(lines, wanted, strict=True):
            side = next((s for s in (ENGLISH, CHINESE) if s in pattern), None)
            before, _, behind = pattern.partition(side or "\n")
            if not line.startswith(before) or not line.endswith(behind):
                raise ValueError(f"the line {line[:80]!r} is not that of {pattern!r}")
            if side:
                found[side] = line[len(before) : len(line) - len(behind)]
        return found[ENGLISH], found[CHINESE]


def chinese_first(doc_id: str, share: float) -> bool:
    """Whether the Chinese side of a document comes first: of `share` of them, by hash of the id."""
    data = bytes.fromhex(doc_id)
    value = hashlib.blake2b(data, digest_size=8, person=b"skypile-order").digest()
    return int.from_bytes(value, "little") < share * 2.0**64


def paragraph(text: str) -> str:
    """A side as one line: its lines joined, by a space where both ends are spaced script."""
    return joined(list(blocks_of(text, "paragraphs")))


def joined(paragraphs: list[str]) -> str:
    """Paragraphs as one, joined as lines of one are."""
    return next(iter(blocks_of("\n".join(paragraphs), "paragraphs")), "")
