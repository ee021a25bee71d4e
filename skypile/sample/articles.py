"""The articles of the sample: original texts, read from the package's text files.

A file holds articles apart by lines `=== id | lang=.. | subject=.. | register=..`; the next line
is the title, each further one a paragraph.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

FILES = ("en", "zh_hans", "zh_hant", "other")

# What a register says of a text's kind; all others are prose: essays, guides, stories.
QUALITY = {
    "encyclopedic": "encyclopedic|百科|地方志|museum|博物馆|science explainer|科普|biography",
    "news": "news|sports report|新闻|新聞|体育报道|obituary|讣告|Zeitungsbericht|incident report",
    "forum": "forum|论坛|論壇|question and answer|点评",
}


@dataclass(frozen=True)
class Block:
    """A piece of main text. kind: p (paragraph), h (heading), li (list item), row (of a table,
    cells joined by " | "), code (lines kept).
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Article:
    """One text. `lang` is a BCP 47 tag: en, zh-Hans, zh-Hant, yue, lzh, de, ja, ...

    quality: encyclopedic, news, forum, prose, notice, manual, spam or word_salad. generator: what
    made it, None for a written article.
    """

    id: str
    lang: str
    subject: str
    register: str
    title: str
    blocks: tuple[Block, ...]
    quality: str
    generator: str | None = None

    @property
    def gold_text(self) -> str:
        """What extraction should find: the blocks, one a line, code with its own lines."""
        return "\n".join(b.text for b in self.blocks)


def paragraphs(texts: list[str]) -> tuple[Block, ...]:
    """Texts as paragraphs."""
    return tuple(Block("p", t) for t in texts)


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
    title, *texts = [line for line in lines if line]
    if not texts or not {"lang", "subject", "register"} <= fields.keys():
        raise ValueError(f"article {name}: incomplete: {head!r}")
    register = fields["register"]
    quality = next(
        (q for q, words in QUALITY.items() if any(w in register for w in words.split("|"))), "prose"
    )
    return Article(
        name, fields["lang"], fields["subject"], register, title, paragraphs(texts), quality
    )


def file_of(lang: str) -> str:
    """Which of `FILES` holds the articles of a language."""
    names = {"en": "en", "zh-Hans": "zh_hans", "zh-Hant": "zh_hant", "yue": "zh_hant"}
    return (names | {"lzh": "zh_hant"}).get(lang, "other")
