"""From the text of a web page to its main text, as paragraphs (Skywork 3.1, structural extraction).

trafilatura finds the main text; resiliparse, which cannot be sent astray for long, takes the pages
that are too big for it and those on which it finds nothing. Which of the two is decided from the
page alone, by counting elements before anything is extracted, never by a clock. So is everything
else that is returned: the two places in the libraries that look at today's date are given one.

Left out: images, links and markup; the layout of tables (a row is one paragraph,
its filled cells joined by " | "), and of code in the pages that resiliparse takes; which of the
paragraphs have substance (`paragraphs`); and charsets (`charset`).
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from skypile.kernels.extraction import article, metadata
from skypile.kernels.extraction.comments import comments
from skypile.kernels.extraction.furniture import mark_link_lists
from skypile.kernels.extraction.kinds import (
    COMMENTS,
    DEFAULT_KINDS,
    HEADINGS,
    ITEMS,
    mark_left_out,
    with_title_and_comments,
)
from skypile.kernels.extraction.lines import blocks, marks_for
from skypile.kernels.extraction.markup import prepare
from skypile.kernels.extraction.metadata import one_title
from skypile.kernels.extraction.threads import thread

# libxml2 reads no deeper than 256 elements: it drops the rest of the page and says nothing, so a
# limit above that would never be seen to be exceeded.
DEEPEST = 250


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How big a page trafilatura is given. All inclusive; bytes are the caller's to limit.

    The 1,014 real pages under shared/data/html_* have at most 21,579 elements, a depth of 51 and
    1,417 table rows (99 %: 4,264, 33 and 157), and tables 9 deep. trafilatura's time grows with the
    elements: at 24,000 the slowest of 40 shapes of page takes 15 s; tables 60 deep took 56 s, those
    12 deep 4 s: hence max_nesting, of tables in tables. 10,000 rows take 1 s. Measured again by
    `python -m bench.extract_evidence` and `tests/stages/test_hostile.py`.

    Raises:
        ValueError: a limit is too low, or max_depth above DEEPEST.
    """

    max_nodes: int = 25_000
    max_depth: int = 200
    max_table_rows: int = 10_000
    max_nesting: int = 12

    def __post_init__(self) -> None:
        if min(self.max_nodes, self.max_depth, self.max_table_rows + 1, self.max_nesting) < 1:
            raise ValueError(f"limits must be at least 1 (rows: 0), got {self}")
        if self.max_depth > DEEPEST:
            raise ValueError(f"max_depth must be at most {DEEPEST}, got {self.max_depth}")


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Page:
    """What was found on a page.

    title and date are None where the page gives none. date is ISO: when it says it was published,
    as far as the address and the markup tell; None wherever only resiliparse was called. blocks:
    the paragraphs of the main text, in order, NFC, none with a newline; spaces collapsed and a
    letter or digit in each, but for the lines of listings, and nested items, which keep indents.
    engine: "trafilatura" or "fast" (threads, too), or "resiliparse". limit: what sent it to the
    latter: "nodes", "depth", "table_rows", "nesting" or "siblings" ("cpu", "memory" or "crash" in
    the sandbox); None where the engine asked found the text, or looked and found none.
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
    kinds: tuple[str, ...] = DEFAULT_KINDS,
) -> Page | None:
    """The main text of a page; None where neither engine finds any.

    url: of the page, for a date in it. latest_date: ISO; later dates are not believed (the day of
    the crawl, say). fallback_only: trafilatura is not called, whatever the size of the page.
    kinds: of `kinds.KINDS`, what is text beside paragraphs; a page of nothing but what is left out
    is taken as it is.
    """
    html = readable(html)
    tree = article.parse(html)
    limit = exceeded(tree, limits) if tree is not None else None
    title = date = None
    if tree is not None and not limit and not fallback_only:
        _forget_long_data(tree)
        title, date = metadata.metadata(tree, url, latest_date)
        marks = marks_for(html)
        prepare(tree, html, marks)
        said = blocks("\n".join(comments(tree)), marks) if COMMENTS in kinds else ()
        if marks:
            mark_link_lists(tree, marks.aside)
        mark_left_out(tree, kinds, marks)
        posts = thread(tree)
        found = blocks(posts or article.text(tree), marks)
        if found:
            found = with_title_and_comments(found, title, () if posts else said, kinds)
            return Page(title, date, found, "trafilatura", None)
    return fallback(html, title, date, limit, kinds)


def readable(html: str) -> str:
    """A page that both parsers can read in time linear in it: no lone surrogates, which are no text
    and stop lxml, no references to controls (`&#8;`), which lxml reads and will not write, and no
    tags with very many attributes.
    """
    html = in_utf8(html)[0]
    html = _PARTED.sub(_joined_by_nothing, html)
    if "&#" in html:
        html = _CONTROL.sub(_UNPRINTED, html)
    return _CROWDED.sub(_less_crowded, html)


def in_utf8(html: str) -> tuple[str, bytes]:
    """A page and the same in UTF-8; lone surrogates, which are no text, are question marks."""
    try:
        return html, html.encode()
    except UnicodeEncodeError:
        page = html.encode("utf-8", "replace")
        return page.decode(), page


# References to what no XML may hold: controls but tab and line ends, U+FFFE, U+FFFF. In their place
# comes a character that lines are rid of, as of controls, and that parts `&#&#8;8;`.
_CONTROL = re.compile(
    r"&#(?:0*(?:[0-8]|1[1-24-9]|2[0-9]|3[01]|6553[45])(?![0-9])"
    r"|[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]));?"
)
_UNPRINTED = "\ufeff"
# The parser drops controls first, and what they parted is a reference then (`&#\1` + `6`).
_RAW = "\x00-\x08\x0b\x0e-\x1f"
_PARTED = re.compile(f"&[#xX0-9a-fA-F]{{0,12}}[{_RAW}][#xX0-9a-fA-F{_RAW}]*")


def _joined_by_nothing(parted: re.Match[str]) -> str:
    """It, with a character that stays in place of each control."""
    return re.sub(f"[{_RAW}]", _UNPRINTED, parted[0])


# Both parsers compare each attribute of a tag with all before it: 40,000 take 4 and 8 s, 1,000 take
# 2 and 3 ms. A tag of the real pages has at most 64.
MAX_ATTRIBUTES = 1000
_CROWDED = re.compile(r"(<[a-zA-Z][^\s<>]*+)([^<>]{2000,}+)")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")


def _less_crowded(tag: re.Match[str]) -> str:
    """A long tag without its attributes, if it has too many."""
    names = _VALUE.sub("", tag[2]).split(None, MAX_ATTRIBUTES)
    return tag[1] if len(names) > MAX_ATTRIBUTES else tag[0]


_NODES: Any = etree.XPath("count(/descendant::*)")
_TABLE_ROWS: Any = etree.XPath("count(/descendant::tr)")


@cache
def _deeper_than(depth: int) -> Any:
    # One step a level: as fast as a walk in C, where counting ancestors is quadratic.
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")


@cache
def _nested_deeper_than(nesting: int) -> Any:
    return etree.XPath(f"boolean(//table[count(ancestor::table) >= {nesting}])")


def exceeded(tree: Any, limits: Limits) -> str | None:
    """Which limit a tree exceeds, in 0.15 ms. Depth comes first, since it cuts the tree short."""
    if _deeper_than(limits.max_depth)(tree):
        return "depth"
    nodes = _NODES(tree)
    if nodes > limits.max_nodes:
        return "nodes"
    if nodes > limits.max_table_rows and _TABLE_ROWS(tree) > limits.max_table_rows:
        return "table_rows"
    if _nested_deeper_than(limits.max_nesting)(tree):
        return "nesting"
    crowds = _CROWDS(tree) if nodes > 1000 else ()
    if any(_sibling_work(parent) > MAX_SIBLING_WORK for parent in crowds):
        return "siblings"
    return None


# Where trafilatura drops an element, the text behind it is joined to what stands before: for many
# in a row that takes their number times the length of it all. Real pages: at most 1.2e8.
MAX_SIBLING_WORK = 10**9
_CROWDS: Any = etree.XPath("//*[*[1001]]")


def _sibling_work(parent: Any) -> int:
    return len(parent) * sum(len(child.tail or "") for child in parent)


# trafilatura searches such data with a pattern that takes time in the square of it: 7 MB take over
# 60 s, and so do 0.5 MB. In the real pages it has at most 38,433 characters.
MAX_DATA_CHARS = 100_000
_DATA: Any = etree.XPath('//script[@type="application/ld+json"]')


def _forget_long_data(tree: Any) -> None:
    """Empty the scripts of data from the one on with which they are too long."""
    size = 0
    for script in _DATA(tree):
        size += len(script.text or "")
        if size > MAX_DATA_CHARS:
            script.text = None


# Each level of a list indents all lines below it: 20,000 of them make 800 MB of spaces.
_LISTS = re.compile(r"</?[ou]l\b[^>]*>", re.IGNORECASE)


def fallback(
    html: str,
    title: str | None,
    date: str | None,
    limit: str | None,
    kinds: tuple[str, ...] = DEFAULT_KINDS,
) -> Page | None:
    """What resiliparse makes of a readable page; None where it finds nothing.

    limit: what sent the page to it (`Page.limit`). title, date: as known; else the title it has.
    Cells are taken in any case: it does not tell a table of data from the layout of a page.
    """
    # Its search for the main content takes time in the square of the depth (10,000: 2.4 s; 20,000:
    # 12 s), so a page that is too deep is taken whole, and left to the rules on paragraphs.
    deep = limit == "depth"
    tree = HTMLTree.parse(_LISTS.sub("<br>", html) if deep else html)
    skipped = [tag for kind, tags in _SKIPPED.items() if kind not in kinds for tag in tags]
    for tags in (skipped, []) if skipped else ([],):
        text = extract_plain_text(
            tree,
            main_content=not deep,
            alt_texts=False,
            comments=COMMENTS in kinds,
            skip_elements=tags,
        )
        if found := blocks(text):
            break
    if not found:
        return None
    title = title or one_title(tree.title)
    found = with_title_and_comments(found, title, (), kinds)
    return Page(title, date, found, "resiliparse", limit)


_SKIPPED = {HEADINGS: ("h1", "h2", "h3", "h4", "h5", "h6"), ITEMS: ("li",)}
