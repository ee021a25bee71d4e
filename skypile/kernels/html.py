"""From the text of a web page to its main text, as paragraphs (Skywork 3.1, structural extraction).

trafilatura finds the main text; resiliparse, which cannot be sent astray for long, takes the pages
that are too big for it and those on which it finds nothing. Which of the two is decided from the
page alone, by counting elements before anything is extracted, never by a clock. So is everything
else that is returned: the two places in the libraries that look at today's date are given one.

Left out: reader comments, images, links and markup; the layout of code and of tables (a row of a
table is one paragraph, its filled cells joined by " | "); which of the paragraphs have substance
(`paragraphs`); charsets (`charset`); and an element with 100,000 attributes, in which both parsers
lose themselves: that is a matter for the backstop (`sandbox`).
"""

import importlib
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import unescape
from typing import Any

from htmldate import find_date
from lxml import etree
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree
from trafilatura import bare_extraction, load_html
from trafilatura.metadata import examine_meta, extract_meta_json, extract_title, extract_url

# libxml2 reads no deeper than 256 elements: it drops the rest of the page and says nothing, so a
# limit above that would never be seen to be exceeded.
DEEPEST = 250
MAX_TITLE_CHARS = 1000  # what is longer is no title; the longest of the real pages has 294

# What library code raises on data of a shape that it does not expect: a page's fault, not that of
# the machine, as MemoryError, OSError or ImportError would be. 17,000 mutated pages raised one
# AssertionError (htmldate, where the root is an element that it drops).
_BAD_DATA = (
    AssertionError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    etree.LxmlError,
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How big a page trafilatura is given. All inclusive; bytes are the caller's to limit.

    The 1,014 real pages under shared/data/html_* have at most 21,579 elements, a depth of 51 and
    1,417 table rows (99 %: 4,264, 33 and 157). trafilatura's time grows with the elements: of 25
    shapes of page, 24 take at most 5 s at 32,000, but lists nested 20 deep take 10 s at 16,000 and
    57 s at 32,000 (a search for neighbours in the square of the paragraphs). 10,000 rows take 1 s.
    Measured again by `python -m bench.extract_evidence`.

    Raises:
        ValueError: a limit is too low, or max_depth above DEEPEST.
    """

    max_nodes: int = 25_000
    max_depth: int = 200
    max_table_rows: int = 10_000

    def __post_init__(self) -> None:
        if min(self.max_nodes, self.max_depth, self.max_table_rows + 1) < 1:
            raise ValueError(f"limits must be at least 1 (rows: 0), got {self}")
        if self.max_depth > DEEPEST:
            raise ValueError(f"max_depth must be at most {DEEPEST}, got {self.max_depth}")


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Page:
    """What was found on a page.

    title and date are None where the page gives none. date is ISO: when it says it was published,
    as far as the address and the markup tell; None wherever trafilatura was not called. blocks:
    the paragraphs of the main text, in order, NFC, spaces collapsed, each with a letter or digit in
    it and no newline. engine: "trafilatura" or "resiliparse". limit: what sent it to the latter,
    "nodes", "depth" or "table_rows" ("cpu", "memory" or "crash" in the sandbox); None where
    trafilatura found the text, or looked and found none.
    """

    title: str | None
    date: str | None
    blocks: tuple[str, ...]
    engine: str
    limit: str | None


def extract(
    html: str,
    *,
    url: str | None,
    limits: Limits,
    latest_date: str,
    fallback_only: bool = False,
) -> Page | None:
    """The main text of a page; None where neither engine finds any.

    url: of the page, for a date in it. latest_date: ISO; later dates are not believed (the day of
    the crawl, say). fallback_only: trafilatura is not called, whatever the size of the page.
    """
    html = html.encode("utf-8", "replace").decode()  # a lone surrogate is no text and stops lxml
    tree = _parse(html)
    limit = _exceeded(tree, limits) if tree is not None else None
    title = date = None
    if tree is not None and not limit and not fallback_only:
        title, date = _metadata(tree, url, latest_date)
        if blocks := _by_trafilatura(tree):
            return Page(title, date, blocks, "trafilatura", None)
    if limit == "depth":
        html = _LISTS.sub("<br>", html)
    parsed = HTMLTree.parse(html)
    if blocks := _by_resiliparse(parsed, main_content=limit != "depth"):
        return Page(title or _title(parsed.title), date, blocks, "resiliparse", limit)
    return None


def _parse(html: str) -> Any:
    """The page as trafilatura's own parser reads it; None where lxml makes nothing of it."""
    tree = load_html(html)
    if tree is None:
        # It refuses what does not begin like HTML, which some pages do not; then it is told.
        tree = load_html(f"<html><body>{html}</body></html>")
    return tree


_NODES: Any = etree.XPath("count(/descendant::*)")
_TABLE_ROWS: Any = etree.XPath("count(/descendant::tr)")


@cache
def _deeper_than(depth: int) -> Any:
    # One step a level: as fast as a walk in C, where counting ancestors is quadratic.
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")


def _exceeded(tree: Any, limits: Limits) -> str | None:
    """Which limit a tree exceeds, in 0.15 ms. Depth comes first, since it cuts the tree short."""
    if _deeper_than(limits.max_depth)(tree):
        return "depth"
    if _NODES(tree) > limits.max_nodes:
        return "nodes"
    if _TABLE_ROWS(tree) > limits.max_table_rows:
        return "table_rows"
    return None


def _by_trafilatura(tree: Any) -> tuple[str, ...]:
    # deduplicate keeps counts of what earlier pages held, so it stays off; comments are no main
    # text. The tree is copied inside, and gives the same text as the str on all 1,014 real pages.
    with suppress(*_BAD_DATA):
        document: Any = bare_extraction(tree, include_comments=False, deduplicate=False)
        return _blocks(document.text or "") if document is not None else ()
    return ()


# Each level of a list indents all lines below it: 20,000 of them make 800 MB of spaces.
_LISTS = re.compile(r"</?[ou]l\b[^>]*>", re.IGNORECASE)


def _by_resiliparse(tree: HTMLTree, *, main_content: bool) -> tuple[str, ...]:
    # Its search for the main content takes time in the square of the depth (10,000: 2.4 s; 20,000:
    # 12 s), so a page that is too deep is taken whole, and left to the rules on paragraphs.
    text = extract_plain_text(tree, main_content=main_content, alt_texts=False, comments=False)
    return _blocks(text)


# Controls and non-characters, which are in no text, but in titles that scripts spell as "\u0000".
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_CELL_EDGE = re.compile(r"(?<!\\)\|")


def _line(text: str | None) -> str | None:
    """A text as one line: printable, NFC, spaces collapsed; None without a letter or digit."""
    text = unicodedata.normalize("NFC", _UNPRINTABLE.sub("", " ".join((text or "").split())))
    return text.strip() if any(map(str.isalnum, text)) else None


def _blocks(text: str) -> tuple[str, ...]:
    """The lines of an extracted text that say something; a table row is its filled cells."""
    lines = map(_line, text.splitlines())
    return tuple(_cells(line) if line.startswith("|") else line for line in lines if line)


def _cells(row: str) -> str:
    # trafilatura writes rows as Markdown; pages laid out as tables are all row, and mostly empty.
    cells = [c.strip() for c in _CELL_EDGE.split(row) if any(map(str.isalnum, c))]
    return " | ".join(cells).replace("\\|", "|")


_extractors: Any = importlib.import_module("htmldate.extractors")
_parse_date = _extractors.dateutil_parse


def _whole_date(text: str, **options: Any) -> datetime:
    """The date of dateutil's `parse`, unless that would complete it from today's.

    Of "2019 10:30" it makes today's day and month in 2019. Zones are ignored: that of the machine
    is one of them, and none of them moves the day.

    Raises:
        ValueError: it is no date, or not a whole one.
    """
    first, second = (
        _parse_date(text, default=day, ignoretz=True, **options)
        for day in (datetime(2000, 1, 1), datetime(2001, 2, 2))
    )
    if first.date() != second.date():
        raise ValueError(f"no whole date: {text!r}")
    return datetime(first.year, first.month, first.day)


# There is no parameter for it. This is the only use that htmldate makes of dateutil.
_extractors.dateutil_parse = _whole_date


def _metadata(tree: Any, url: str | None, latest_date: str) -> tuple[str | None, str | None]:
    """Title and date, by the steps of trafilatura's `extract_metadata` that lead to these two.

    The whole of it takes 27 ms a page instead of 3. No extensive search: on the pages of three sets
    whose date is known (302) it turns 25 without a date into 14 with the right one and 11 with a
    wrong one, and loads dateparser, in 2 s.
    """
    title = date = None
    with suppress(*_BAD_DATA):
        found = examine_meta(tree)
        with suppress(*_BAD_DATA):
            found = extract_meta_json(tree, found)
        title = _title(found.title or extract_title(tree))
        page_url = found.url or extract_url(tree, url)
        last_second = f"{latest_date}T23:59:59"
        options: Any = {"extensive_search": False, "original_date": True, "max_date": last_second}
        date = find_date(tree, url=page_url, **options)
    return title, date


def _title(text: str | None) -> str | None:
    line = _line(unescape(text or ""))
    return line[:MAX_TITLE_CHARS].strip() if line else None
