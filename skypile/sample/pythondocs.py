"""Real prose that every Python carries: the language reference and the standard library's own
words, read from the user's installation and never copied into this package.

These pages differ between versions of Python; nothing else of the sample does.
"""

import ast
import importlib.util
import platform
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from skypile.sample.articles import Article, Block
from skypile.sample.wordings import sections

MIN_CHARS, MAX_CHARS = 900, 12_000  # of a page; longer topics are cut at a paragraph
_UNDERLINE = re.compile(r"([=\-*~^\"'`#+.])\1{2,}")
_ITEM = re.compile(r"(?:[*\-+]|\d+[.)])\s+")


def version() -> str:
    """The Python whose prose it is."""
    return platform.python_version()


def pages(count: int) -> Iterator[Article]:
    """Up to `count` texts in a fixed order: two topics of the reference, a module, and so on."""
    topics, modules = _topics(), _modules()
    for i in range(count):
        streams = (modules, topics) if i % 3 == 2 else (topics, modules)
        article = next(chain.from_iterable(streams), None)
        if article is None:
            return
        yield article


def _topics() -> Iterator[Article]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # left out by some distributions
        return
    for name in sorted(topics):
        if article := _article(f"topic-{name}", topics[name], "language reference"):
            yield article


def _modules() -> Iterator[Article]:
    for name in (n for line in sections("python")["modules"] for n in line.split("|")):
        if article := _article(f"module-{name}", docstring(name) or "", "module documentation"):
            yield article


def docstring(module: str) -> str | None:
    """A module's docstring, from its source: nothing is imported but its parents."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf8")))


def _article(name: str, text: str, register: str) -> Article | None:
    blocks: list[Block] = []
    size = 0
    for block in structured(text):
        if size + len(block.text) > MAX_CHARS:
            break
        blocks.append(block)
        size += len(block.text)
    if size < MIN_CHARS or sum(b.kind == "p" for b in blocks) < 2:
        return None
    first, rest = blocks[0], tuple(blocks[1:])
    title = first.text if first.kind == "h" else name.partition("-")[2]
    blocks_of_page = rest if first.kind == "h" else tuple(blocks)
    python = f"python-{name}"
    return Article(
        *(python, "en", name.partition("-")[2], register, title, blocks_of_page),
        quality="manual",
        generator="python",
    )


def structured(text: str) -> list[Block]:
    """Blocks of a plain text: underlined headings, list items, paragraphs with their lines joined;
    what is indented, or a session, or a grammar, is code and keeps its lines.
    """
    blocks: list[Block] = []
    for chunk in re.split(r"\n[ \t]*\n", text.expandtabs()):
        lines = [line.rstrip() for line in chunk.split("\n") if line.strip()]
        if not lines:
            continue
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        bare = [line[margin:] for line in lines]
        if len(lines) == 2 and _UNDERLINE.fullmatch(bare[1]):
            blocks.append(Block("h", bare[0]))
        elif _ITEM.match(bare[0]) and margin <= 4:
            items = re.split(r"\n(?=(?:[*\-+]|\d+[.)])\s)", "\n".join(bare))
            blocks += [Block("li", " ".join(_ITEM.sub("", i, count=1).split())) for i in items]
        elif margin >= 3 or bare[0].startswith((">>>", "...")):
            blocks.append(Block("code", "\n".join(bare)))
        elif any(map(str.isalnum, chunk)):
            blocks.append(Block("p", " ".join(" ".join(bare).split())))
    return blocks
