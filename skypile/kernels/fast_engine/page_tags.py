"""Tags and what they do to text; the columns of a page as arrays (`page_scan` fills them)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skypile.kernels.compiled import I32, U8, U32

# What a tag does to text: it is part of a line, breaks it, hides what it holds, or holds text that
# is no markup and hidden. What is hidden breaks no line: icons and scripts stand in sentences.
INLINE, BLOCK, HIDING, RAW, BREAK = 0, 1, 2, 3, 4
_KINDS = {
    BLOCK: (
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dir"),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1"),
        *("h2", "h3", "h4", "h5", "h6", "header", "hgroup", "html", "legend", "li", "main", "menu"),
        *("nav", "ol", "p", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "tr", "ul", "caption", "optgroup", "label"),
    ),
    HIDING: (
        *("template", "button", "select", "textarea", "svg", "object", "video", "audio", "rt"),
        *("rp", "rtc", "canvas", "map", "datalist", "ignore_js_op", "math", "head", "noscript"),
        *("option", "dialog"),
    ),
    RAW: ("script", "style", "iframe", "noembed", "noframes", "xmp", "title"),
    BREAK: ("br", "hr"),
}
_INLINE_NAMED = ("a", "b", "strong", "em", "i", "span", "time", "font", "code", "cite", "small")
_VOID = (
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr", "frame", "keygen", "basefont", "bgsound"),
)
TAGS = ("", *dict.fromkeys((*sum(_KINDS.values(), ()), *_INLINE_NAMED, *_VOID)))
TAG = {name: i for i, name in enumerate(TAGS)}

MAX_NAME_CHARS = 24  # of a tag, and of a word in a class: what is longer is a number in letters
MAX_WORDS = 12  # of an element's class, id, role and itemprop
BASIS, PRIME = np.uint32(0x811C9DC5), np.uint32(0x01000193)


def name_hash(name: str) -> int:
    """The 32-bit FNV-1a hash of a lower-case ASCII name, as the scanner makes it."""
    state = 0x811C9DC5
    for byte in name.encode("ascii"):
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state


SLOTS = 1024


def _tag_slots() -> tuple[U32, U8]:
    """An open hash table of the tags: hashes, 0 where free, and their numbers."""
    hashes, numbers = np.zeros(SLOTS, np.uint32), np.zeros(SLOTS, np.uint8)
    for name, number in TAG.items():
        if name:
            at = name_hash(name) % SLOTS
            while hashes[at]:
                at = (at + 1) % SLOTS
            hashes[at], numbers[at] = name_hash(name), number
    return hashes, numbers


def _of_tags(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in TAGS])


TAG_HASHES, TAG_NUMBERS = _tag_slots()
IS_VOID = _of_tags(*_VOID)
KIND_OF = np.array([next((k for k, v in _KINDS.items() if t in v), INLINE) for t in TAGS], np.uint8)
TAG_A, TAG_LI, TAG_UL, TAG_OL, TAG_TD = TAG["a"], TAG["li"], TAG["ul"], TAG["ol"], TAG["td"]
TAG_TH, TAG_TR, TAG_TITLE, TAG_TABLE = TAG["th"], TAG["tr"], TAG["title"], TAG["table"]
TAG_HEAD, TAG_SVG = TAG["head"], TAG["svg"]

# Columns of `Scan.elements`: the element around, the tag, the nesting; the first block at or
# behind its start, and the one behind its end; the innermost item, cell and row that it is or is
# in, and the number of lists around it, each within one cell; -1 where there is none.
PARENT, TAG_OF, DEPTH, FIRST, END, ITEM, CELL, ROW, LISTS, IN_LINK, HIDDEN = range(11)
# Columns of `Scan.blocks`. Weights are characters but spaces, a wide one counted 3.5 times, in
# halves; so texts of all scripts have lengths that can be compared.
(
    ELEMENT,  # the innermost element that breaks lines
    INNER,  # the innermost element of all where that is one and the same at both ends, else ELEMENT
    START,
    STOP,  # of its text in `Scan.text`
    WEIGHT,
    LINKED,  # weight of it in links
    LINKS,
    CHARS,
    WIDE_CHARS,
    DIGITS,
    MARKS,  # punctuation
    ENDS,  # of sentences
    COMMAS,
    CAPITALS,
    WORDS,  # a wide character is one
    BEHIND_BREAK,  # begun by br
    TITLE_WORDS,  # how many of its words are in the page's title
) = range(17)


class Scan(NamedTuple):
    """A page: elements in order of their start tags, blocks in order, and the words in attributes.

    word_elements, word_hashes: the words of class, id, role and itemprop, in order of elements.
    title: (start, stop) of the title in `text`; behind one another if there is none.
    """

    text: U32
    elements: I32
    blocks: I32
    word_elements: I32
    word_hashes: U32
    title_words: int
    deepest: int
