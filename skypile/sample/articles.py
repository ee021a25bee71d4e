"""The articles of the sample: original texts, read from the package's text files.

A file holds articles apart by lines `=== id | lang=.. | subject=.. | register=..`; the next line
is the title, each further one a paragraph.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

FILES = ("en", "zh_hans", "zh_hant", "other")


@dataclass(frozen=True)
class Article:
    """One text. `lang` is a BCP 47 tag: en, zh-Hans, zh-Hant, yue, lzh, de, ja, ..."""

    id: str
    lang: str
    subject: str
    register: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def gold_text(self) -> str:
        """What extraction should find: the paragraphs, one a line."""
        return "\n".join(self.paragraphs)


@cache
def articles(name: str) -> tuple[Article, ...]:
    """The articles of one of `FILES`, in order."""
    text = files("skypile.sample").joinpath(f"texts/{name}.txt").read_text(encoding="utf8")
    return tuple(parse(chunk) for chunk in text.split("=== ")[1:])


def parse(chunk: str) -> Article:
    """One article from its text after `=== `.

    Raises:
        ValueError: a field is missing, or it has no paragraph.
    """
    head, *lines = [line.strip() for line in chunk.strip().split("\n")]
    name, *pairs = [part.strip() for part in head.split("|")]
    fields = dict(pair.split("=", 1) for pair in pairs)
    title, *paragraphs = [line for line in lines if line]
    if not paragraphs or not {"lang", "subject", "register"} <= fields.keys():
        raise ValueError(f"article {name}: incomplete: {head!r}")
    return Article(
        name, fields["lang"], fields["subject"], fields["register"], title, tuple(paragraphs)
    )
