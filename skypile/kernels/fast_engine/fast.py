"""The main text of a page by judging its blocks: the fast engine beside trafilatura's (`html`).

What no judge looks at is left out (`page_slim`); the page is parsed and written again (Lexbor,
through resiliparse), cut into blocks in one compiled pass, and two small sets of trees judge each
block (`page_scan`, `page_features`, `page_trees`).
Threads of known forum programs are read as the other engine reads them. Listings and formulas
become text first, by `markup`, in the pages that may hold any. What comes out has the same
structure: items, rows and lines of listings are marked in the same way (`lines`).

Where no block is text on a page that has some, a lower threshold is tried, then resiliparse. It
takes pages above the limits as well.

Left out: images, links and markup; dates in the running text.
"""

from typing import Any

import numpy as np
from lxml import etree
from resiliparse.parse.html import HTMLTree

from skypile.kernels.extraction import article
from skypile.kernels.extraction.comments import comments
from skypile.kernels.extraction.html import (
    DEFAULT_LIMITS,
    Limits,
    Page,
    exceeded,
    fallback,
    in_utf8,
    readable,
)
from skypile.kernels.extraction.kinds import (
    COMMENTS,
    DEFAULT_KINDS,
    mark_left_out,
    with_title_and_comments,
)
from skypile.kernels.extraction.lines import Marks, blocks, marks_for
from skypile.kernels.extraction.markup import join_lines, rewrite
from skypile.kernels.extraction.threads import NAMES as THREAD_NAMES
from skypile.kernels.extraction.threads import RARE_NAMES, may_be_thread, thread
from skypile.kernels.fast_engine.name_search import NameSearch
from skypile.kernels.fast_engine.page_heads import head
from skypile.kernels.fast_engine.page_kinds import of_kinds
from skypile.kernels.fast_engine.page_lines import lines_of
from skypile.kernels.fast_engine.page_scan import scan
from skypile.kernels.fast_engine.page_slim import slim
from skypile.kernels.fast_engine.page_tags import Scan
from skypile.kernels.fast_engine.page_trees import Weights, scores
from skypile.kernels.fast_engine.page_weights import weights

# What `markup` turns into text: listings, and formulas, whose LaTeX stands in scripts, in addresses
# and attributes that `slim` leaves out, and in what wraps their renderings.
_LISTED = NameSearch(("<pre>", "<pre ", "<pre\n", "<code", "blockcode"))
_FORMULAS = NameSearch(
    (
        *("<math", "math/tex", "katex", "tex-image", "ee_img", "texhtml", 'class="tex"'),
        *('class="latex"', "class=latex"),
    )
)
_PICTURED = NameSearch(("eeimg", "equation?tex=", "chart?cht=tx", "mathtex", "mimetex", "codecogs"))
_THREADS, _RARE_IN_OTHERS = NameSearch(THREAD_NAMES), NameSearch(RARE_NAMES)


def extract(
    html: str,
    *,
    url: str | None,
    limits: Limits,
    latest_date: str,
    fallback_only: bool = False,
    kinds: tuple[str, ...] = DEFAULT_KINDS,
) -> Page | None:
    """The main text of a page, as `skypile.kernels.extraction.html.extract` takes and gives it.

    Of the limits, max_nodes (elements with an end tag) and max_depth hold: time is linear in the
    page, whatever tables and lists it has.
    """
    html, page = in_utf8(html)
    title, date = head(html, page, url, latest_date)
    limit = None
    if not fallback_only:
        found, limit = found_on(html, page, limits, weights(), kinds)
        if found:
            found = with_title_and_comments(found, title, (), kinds)
            return Page(title, date, found, "fast", None)
    return fallback(readable(html), title, date, limit, kinds)


def warm() -> None:
    """Load, or compile where no other process of this machine has, all that `extract` calls."""
    extract(_WARM, url=None, limits=DEFAULT_LIMITS, latest_date="2000-01-01")


extract.warm = warm  # type: ignore[attr-defined]  # for the sandbox
_WARM = "<title>A page</title><div class=text><p>One paragraph.</p><ul><li>An item</ul></div>"


def found_on(
    html: str,
    data: bytes,
    limits: Limits,
    using: Weights,
    kinds: tuple[str, ...] = DEFAULT_KINDS,
) -> tuple[tuple[str, ...], str | None]:
    """The blocks of the main text, empty where there are none; and which limit was exceeded.

    data: the page in UTF-8.
    """
    marks, plain = marks_for(html), slim(data)
    tree = prepared(html, data, plain, limits, marks)
    said = _said(tree, plain, limits, marks) if COMMENTS in kinds else ()
    if _RARE_IN_OTHERS.any_held(plain) and may_be_thread(_THREADS.held(plain)):
        read = tree if tree is not None else parsed(plain.decode(), limits)
        if read is not None:
            join_lines(read)
            mark_left_out(read, kinds, marks)
            posts = thread(read)
            if posts and (found := blocks(posts, marks)):
                return found, None
    page = scan_of(plain, tree)
    if page.deepest > limits.max_depth:
        return (), "depth"
    if len(page.elements) > limits.max_nodes:
        return (), "nodes"
    found = chosen(page, marks, using, kinds)
    return with_title_and_comments(found, None, said, kinds) if found else (), None


def _said(tree: Any, plain: bytes, limits: Limits, marks: Marks | None) -> tuple[str, ...]:
    """Readers' comments, which take the other engine's parser: twice the time of a page."""
    read = tree if tree is not None else parsed(plain.decode(), limits)
    return () if read is None else blocks("\n".join(comments(read)), marks)


def prepared(html: str, page: bytes, plain: bytes, limits: Limits, marks: Marks | None) -> Any:
    """The tree, by lxml, of a page that holds listings or formulas, with these made text; None for
    any other, and where it exceeds a limit. page: `html` in UTF-8. plain: what `slim` leaves of it.
    """
    small = plain.lower()
    has_formulas = _FORMULAS.any_held(small) or _PICTURED.any_held(page.lower())
    if not has_formulas and not _LISTED.any_held(small):
        return None
    source = html if has_formulas else plain.decode()
    tree = parsed(source, limits)
    if tree is not None:
        rewrite(tree, source, marks)
    return tree


def parsed(html: str, limits: Limits) -> Any:
    """A page as lxml's tree, None where it exceeds a limit."""
    tree = article.parse(readable(html))
    return None if tree is None or exceeded(tree, limits) is not None else tree


def scan_of(plain: bytes, tree: Any) -> Scan:
    """The blocks of a page: as Lexbor reads what `slim` leaves, or of its prepared tree, if any."""
    if tree is None:
        return scan(str(HTMLTree.parse(plain.decode())))
    return scan(etree.tostring(tree, encoding="unicode", method="html"))


def chosen(
    page: Scan, marks: Marks | None, using: Weights, kinds: tuple[str, ...] = DEFAULT_KINDS
) -> tuple[str, ...]:
    """The blocks of a page's main text by the first threshold that leaves any; else none."""
    judged = scores(page, using)
    for threshold in using.thresholds:
        above = np.flatnonzero(judged > threshold)
        asked = of_kinds(page, above, kinds)
        for numbers in (asked, above) if len(asked) < len(above) else (above,):
            if found := blocks(lines_of(page, numbers.tolist()), marks):
                return found
    return ()
