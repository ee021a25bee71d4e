"""The article of a page, by trafilatura: its parser and its search for the main text, as used here.

Functions are replaced for as long as a call takes: the least size of a text depends here on its
script, readability's text is preferred to one that is no part of it, jusText is kept from very many
paragraphs, and an article without any keeps its lines. Two things only take less time than in
trafilatura: the parser, and the search for what is no text.

Left out: the size of a page that may be given to it (`html`), and what its lines are (`lines`).
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from lxml import etree
from lxml.html import HtmlElement, HTMLParser
from trafilatura import bare_extraction, load_html
from trafilatura.settings import Extractor

from skypile.kernels.extraction.flow import lines_of
from skypile.kernels.extraction.metadata import BAD_DATA
from skypile.kernels.extraction.paragraphs import WIDE_WEIGHT
from skypile.kernels.text.scripts import wide_chars

# Letters below which trafilatura looks for more, in the end in the whole page: its own default.
MIN_TEXT_CHARS = 250

# trafilatura's parser, but for the classes of elements: lxml.html asks a function in Python for
# that of each element, each time it is touched, and it is HtmlElement but for parts of forms, whose
# own methods nobody calls here.
_utils: Any = importlib.import_module("trafilatura.utils")
_trafilaturas_parser = _utils.HTML_PARSER
_PARSER = HTMLParser(
    collect_ids=False,
    default_doctype=False,
    encoding="utf-8",
    remove_comments=True,
    remove_pis=True,
)
_PARSER.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))


def parse(html: str) -> Any:
    """The page as trafilatura's own parser reads it; None where lxml makes nothing of it."""
    _utils.HTML_PARSER = _PARSER
    try:
        tree = load_html(html)
        if tree is None:
            # It refuses what does not begin like HTML, which some pages do not; then it is told.
            tree = load_html(f"<html><body>{html}</body></html>")
    finally:
        _utils.HTML_PARSER = _trafilaturas_parser
    return tree


class _LeastChars(int):
    """The least size of a text, where trafilatura compares with it; its own where it multiplies.

    A multiple decides whether what is in no paragraph is text as well. That is a matter of how the
    page is marked up: with a smaller one, Chinese pages lost their lead.
    """

    def __mul__(self, factor: int) -> int:
        return MIN_TEXT_CHARS * factor


_BODIES: Any = etree.XPath("/*/body")
_string: Any = etree.XPath("string()", smart_strings=False)


def _least_chars(tree: Any) -> int:
    """`MIN_TEXT_CHARS` in characters of a page's own scripts: 72 where all of them are wide."""
    bodies = _BODIES(tree)
    wide, size = _counts("".join(map(_string, bodies)))
    if wide:
        # To take scripts out of the counts is faster than to leave them out of the text.
        hidden = (e for body in bodies for e in body.iter("script", "style"))
        wide_hidden, size_hidden = _counts("".join(e.text or "" for e in hidden))
        wide, size = wide - wide_hidden, size - size_hidden
    share = wide / max(1, size)
    return _LeastChars(MIN_TEXT_CHARS / (1 + (WIDE_WEIGHT - 1) * share))


_FIRST_HIGH = 0x3000  # no wide character is below


def _counts(text: str) -> tuple[int, int]:
    """Wide characters of a text, and all that are not white space."""
    size = len("".join(text.split()))
    if text.isascii():
        return 0, size
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    high = codes[codes >= _FIRST_HIGH].tobytes()  # all wide ones, and a few others
    return wide_chars(high.decode("utf-32-le", "surrogatepass")), size


# jusText looks for the neighbours of each short paragraph through all the others: 3,000 take 2 s,
# 8,000 17 s. trafilatura goes on without it where it raises. Of the real pages one has more, an
# index of 10,748 chapters; the next has 1,588.
MAX_JUSTEXT_PARAGRAPHS = 3000
_external: Any = importlib.import_module("trafilatura.external")
_revise = _external.revise_paragraph_classification


def _revise_a_few(paragraphs: Any, *options: Any) -> None:
    if len(paragraphs) > MAX_JUSTEXT_PARAGRAPHS:
        raise ValueError(f"{len(paragraphs)} paragraphs are too many for jusText")
    _revise(paragraphs, *options)


# With a least size that follows the script, a list of headlines or a disclaimer may be long enough,
# and the searches that would find the article are not reached. Readability has looked as well: of
# two texts of one page that share nothing, the longer is its article.
_prefer = _external._prefer_readability


def _prefer_the_longer(
    own: Any, others: Any, text: str, own_size: int, size: int, options: Any
) -> bool:
    """Whether to take readability's text instead of trafilatura's own."""
    if _prefer(own, others, text, own_size, size, options):
        return True
    if not options.min_extracted_size <= own_size < MIN_TEXT_CHARS or size <= own_size:
        return False
    pieces = (" ".join(piece.split()) for piece in own.itertext())
    return not any(piece in text for piece in pieces if len(piece) >= MIN_SHARED_CHARS)


MIN_SHARED_CHARS = 5  # shorter pieces, names and dates, may be anywhere


# Where trafilatura finds no paragraphs in an article, it takes all of it as one, in one line.
_baseline: Any = importlib.import_module("trafilatura.baseline")
_block_text = _baseline.block_text

# The parts that are no text are found by a path one step of which asks Python twice for each
# element whether its class or id names a cookie note, which was a tenth of the time of a page.
_clean = _baseline.BASIC_CLEAN_XPATH
_NAMES = [etree.XPath(f".//@{name}", smart_strings=False) for name in ("class", "id")]
_COOKIE_NOTE = re.compile(
    importlib.import_module("trafilatura.settings")._COOKIE_CONSENT_RE, re.IGNORECASE
)
_clean_of_tags: Any = etree.XPath(_clean.path[: _clean.path.index("|.//*[re:test(")])


def _no_text(tree: Any) -> Any:
    """The elements that `BASIC_CLEAN_XPATH` finds."""
    names = "\n".join({name for find in _NAMES for name in find(tree)})
    return _clean(tree) if _COOKIE_NOTE.search(names) else _clean_of_tags(tree)


@contextmanager
def _improved() -> Iterator[None]:
    """Has functions of trafilatura replaced; what else runs in the process keeps its own."""
    _external.revise_paragraph_classification = _revise_a_few
    _external._prefer_readability = _prefer_the_longer
    _baseline.block_text = lines_of
    _baseline.BASIC_CLEAN_XPATH = _no_text
    try:
        yield
    finally:
        _external.revise_paragraph_classification = _revise
        _external._prefer_readability = _prefer
        _baseline.block_text = _block_text
        _baseline.BASIC_CLEAN_XPATH = _clean


def text(tree: Any) -> str:
    """The main text of a parsed page as trafilatura writes it; "" where it finds none."""
    # dedup keeps counts of what earlier pages held, so it stays off; comments are no main text.
    # The tree is copied inside, and gives the same text as the str on all 1,014 real pages.
    options = Extractor(output_format="python", comments=False, dedup=False)
    options.min_extracted_size = _least_chars(tree)
    with suppress(*BAD_DATA), _improved():
        document: Any = bare_extraction(tree, options=options)
        return (document.text or "") if document is not None else ""
    return ""
