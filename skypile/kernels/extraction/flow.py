"""An element as lines of text, as a reader sees them: where all of it is known to be text.

Elements that are blocks stand on lines of their own, and br ends one. Items begin with "- ", two
spaces a level before it; a row is its cells between bars, as `lines.blocks` reads them.

Left out: which elements hold the text; what a style sheet makes of them, but for what is hidden in
the element itself; controls, scripts and embedded media.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

_SPACE = re.compile(r"\s+")
_HIDDEN = re.compile(r"display:\s?none", re.IGNORECASE)
_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "button", "select", "textarea", "input"}
    | {"svg", "iframe", "object", "video", "audio", "ignore_js_op"}
)
_LINES = frozenset(
    {"address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "thead", "tr"}
    | {"ul"}
)


def lines_of(element: Any, leave_out: Callable[[Any], bool] = lambda _: False) -> str:
    """The lines of a parsed element, without spaces at their ends and without blank ones.

    leave_out: says of an element inside whether it is passed over, with all that it holds.
    """
    lines = "".join(_pieces(element, leave_out)).split("\n")
    return "\n".join(filter(str.strip, map(str.rstrip, lines)))


def _pieces(post: Any, leave_out: Callable[[Any], bool]) -> Iterator[str]:
    skipped = None
    lists = cells = 0
    for event, node in etree.iterwalk(post, events=("start", "end", "comment", "pi")):
        if skipped is not None and node is not skipped:
            continue
        if event == "start":
            if node is not post and (is_no_text(node) or leave_out(node)):
                skipped = node
                continue
            lists += node.tag in ("ul", "ol")
            cells += node.tag in ("td", "th") and node is not post
            if node.tag in _LINES or node.tag == "br":
                yield " " if cells else "\n"
            if node.tag == "li" and not cells:
                yield "  " * min(lists - 1, 20) + "- "
            elif node.tag == "tr":
                yield "" if cells else "| "
            yield _flowing(node.text, cells)
            continue
        if event == "end" and skipped is None:
            lists -= node.tag in ("ul", "ol")
            if node.tag in ("td", "th") and node is not post:
                cells -= 1
                yield " " if cells else " | "
            elif node.tag in _LINES:
                yield " " if cells else "\n"
        skipped = None
        if node is not post:
            yield _flowing(node.tail, cells)


def is_no_text(node: Any) -> bool:
    """Whether an element holds none, or is hidden by itself."""
    return bool(node.tag in _SKIPPED or _HIDDEN.search(node.get("style") or ""))


def _flowing(text: str | None, cells: int) -> str:
    """Text with its white space as single spaces, bars escaped where they would divide cells."""
    if not text:
        return ""
    flat = _SPACE.sub(" ", text)
    return flat.replace("|", "\\|") if cells else flat
