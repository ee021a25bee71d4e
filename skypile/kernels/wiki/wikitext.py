"""Wikitext to blocks of plain text, and the addresses that its references cite.

`wikicut` leaves what is text; mwparserfromhell reads the templates, links and addresses in it. Its
time on such lines is linear, though 10 s a megabyte of nothing but templates, so that it gets at
most `MAX_PARSED_CHARS` of a page; in what lies beyond, templates are dropped, and addresses lose
their brackets, by two patterns.

A block is a paragraph, a heading, an item of a list, a row of a table, or a line of verse or code
(whose white space is kept). Left out: pictures and what is written below them, tables that are no
`wikitable`, notes, hatnotes in templates, and sections that hold no prose.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

from skypile.kernels.wiki import wikitemplates
from skypile.kernels.wiki.wikicut import Cut
from skypile.kernels.wiki.wikimarkup import ASIDE, BAR, BREAK, GAP, decode_entities
from skypile.kernels.wiki.wikiterms import name

MAX_PARSED_CHARS = 250_000  # of a page; of 98 articles of 2016 at most 22,629
_MARKUP = re.compile(r"\{\{|\[\[|\[(?:https?:|ftp:|mailto:|//)", re.IGNORECASE)
# Addresses in brackets that nothing closes before the next one opens.
_UNCLOSED = re.compile(r"\[(?=(?:https?:|ftp:|mailto:|//)[^\[\]]*(?:\[|\Z))", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_ADDRESS = re.compile(r"\[(?:https?:|ftp:|mailto:|//)[^\s\[\]]*[ \t]*([^\[\]]*)\]", re.IGNORECASE)
_SWITCH = re.compile(r"__[A-Z\u4e00-\u9fff]{2,30}__")
_QUOTES = re.compile("'{2,}")
_CODE = re.compile(f"{ASIDE[0]}\\d+{ASIDE[1]}")
Line = tuple[int, str]  # level of a heading, 0 for other lines; wikitext


class Renderer:
    """A page's cut text, line by line, to blocks."""

    def __init__(self, cut: Cut) -> None:
        self._cut, self._left = cut, MAX_PARSED_CHARS

    def blocks(self) -> Iterator[Line]:
        """(level of a heading, else 0; text without a line break) in order."""
        for level, line in _lines(self._cut.text):
            joined = _BETWEEN_WIDE.sub(r"\1\2", self._rendered(line))
            for piece in joined.split(BREAK):
                piece = piece.strip()
                if _CODE.fullmatch(piece):
                    for code in self._cut.restored(piece).split("\n"):
                        if code.strip():
                            yield 0, code.rstrip().expandtabs(4)
                else:
                    text = self._cut.restored(tidy(piece.lstrip("*#:; ")))
                    if text := plain(text):
                        yield level, text

    def _rendered(self, line: str) -> str:
        line = "".join(map(_without_quotes, re.split(f"({BREAK})", line)))
        if not _MARKUP.search(line):
            return decode_entities(_SWITCH.sub("", line))
        line = _UNCLOSED.sub("", line.replace(BAR, "|"))
        if len(line) > self._left:
            text = _ADDRESS.sub(r"\1", _TEMPLATE.sub(GAP, line))
        else:
            self._left -= len(line)
            text = _text(mwparserfromhell.parse(line, skip_style_tags=True))
        return decode_entities(_SWITCH.sub("", text.replace("[[", "").replace("]]", "")))


def _text(code: Any) -> str:
    """The text of parsed wikitext; entities are left as they are."""
    return "".join(map(_node, code.nodes))


def _node(node: Any) -> str:
    match node:
        case nodes.Wikilink():
            label = _text(node.text) if node.text is not None else ""
            return label if label.strip() else str(node.title).strip().removeprefix(":")
        case nodes.ExternalLink():
            if not node.brackets:
                return str(node.url)
            return _text(node.title) if node.title is not None else GAP
        case nodes.Template():
            values = {str(p.name).strip(): _text(p.value).strip() for p in node.params}
            title = name(str(node.name))
            return wikitemplates.text_of(title, values) or GAP
        case nodes.Argument() | nodes.Comment():
            return GAP
    return str(node)


def _without_quotes(line: str) -> str:
    """A line without the quotes of bold and italics, as MediaWiki counts them.

    Where both are left open at its end, one `'''` is an apostrophe and the begin of italics: the
    first behind a single letter, else behind a longer word (`L'''Étranger''`).
    """
    runs = list(_QUOTES.finditer(line)) if "''" in line else []
    if not runs:
        return line
    sizes = [min(len(r[0]), 5) if len(r[0]) != 4 else 3 for r in runs]
    literal = [len(r[0]) - size for r, size in zip(runs, sizes, strict=True)]
    bold, italic = (sum(s in (n, 5) for s in sizes) % 2 for n in (3, 2))
    if bold and italic:
        single = word = None
        for i, (run, size) in enumerate(zip(runs, sizes, strict=True)):
            before = line[max(0, run.start() - 2) : run.start()]
            if size == 3 and before[-1:].strip():
                if single is None and not before[:-1].strip():
                    single = i
                elif word is None:
                    word = i
        chosen = single if single is not None else word
        if chosen is not None:
            literal[chosen] += 1
    parts, at = [], 0
    for run, count in zip(runs, literal, strict=True):
        parts += [line[at : run.start()], "'" * count]
        at = run.end()
    return "".join([*parts, line[at:]])


_WIDE = (  # Han and kana with their punctuation; hangul has spaces between words
    r"\u2e80-\u303f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
    r"\U00020000-\U000323af"
)
_BETWEEN_WIDE = re.compile(f"(?<=[{_WIDE}])({GAP}*)\n({GAP}*)(?=[{_WIDE}])")


def _lines(text: str) -> Iterator[Line]:
    """Wikitext as paragraphs, which alone may have several lines, headings and list items."""
    paragraph: list[str] = []
    for line in [*text.split("\n"), ""]:
        level = _level(line)
        alone = not line.strip() or level or line[0] in "*#:; \t|!" or line.startswith("----")
        if not alone:
            paragraph.append(line.strip(" \t"))
            continue
        if paragraph:
            yield 0, "\n".join(paragraph)
            paragraph = []
        if level:
            yield level, line.strip()[level:-level]
        elif line.strip() and line[0] not in "|!":  # those are of tables that were never closed
            yield 0, line.lstrip("-") if line.startswith("----") else line


def _level(line: str) -> int:
    """Of a heading; 0 for another line."""
    line = line.strip(f" \t{GAP}") if line.startswith("=") else ""
    begin, end = len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("="))
    return min(begin, end, 6) if begin < len(line) else 0


_SEPARATORS = r"\s,;:，；、："
_GAP_RUN = re.compile(rf"([（(「『《〈【“]?)([{_SEPARATORS}{GAP}]+)([)）」』》〉】”]?)")
_CLOSE_UP = tuple(".!?。！？%")


def tidy(line: str) -> str:
    """A line without GAPs, and without what they leave behind: empty brackets, and separators with
    nothing to separate. Brackets that were empty on the page stay.
    """
    for _ in range(3):  # brackets in brackets
        if GAP not in line:
            break
        line = _GAP_RUN.sub(_closed_up, line)
    return line.replace(GAP, "")


def _closed_up(found: re.Match[str]) -> str:
    begin, run, end = found.groups()
    if GAP not in run:
        return found[0]
    if begin or end:
        return GAP if begin and end else begin or end
    if not found.start():
        return ""
    mark = next((c for c in run if c != GAP and not c.isspace()), "")
    space = any(map(str.isspace, run)) and mark not in ("，", "；", "、", "：")
    after = found.string[found.end() : found.end() + 1]
    if not mark and after in ("", *_CLOSE_UP):
        return ""
    return f"{mark} " if space else mark


def plain(text: str) -> str:
    """A line in NFC with spaces collapsed; empty without a letter or digit."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text if any(map(str.isalnum, text)) else ""
