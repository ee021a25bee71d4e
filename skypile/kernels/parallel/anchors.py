"""What a translation carries over as it is: addresses, code, names in Latin letters, numbers.

Two texts that are translations of each other have these in common, whatever the languages, and they
are rare enough to tell a pair from two texts of one subject. An English text and a Chinese one are
read by the same rules.

Left out: names that are transliterated (曼宁 for Manning): no rule finds them without a dictionary.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from skypile.kernels.parallel.numerals import Numbers, numbers
from skypile.kernels.text.scripts import wide_chars

# English letters that one Chinese character says as much as, white space aside: translators' pairs
# of NTREX have 2.8, of XQuAD 3.1 (docs/log.md).
LETTERS_PER_WIDE = 2.9

# Full-width forms are narrow, and letters with marks are without: translators drop them.
_NARROW = {c: chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)} | {
    c: parts[0]
    for c in range(0xC0, 0x250)
    if (parts := unicodedata.normalize("NFD", chr(c)))[0].isascii() and chr(c).isalpha()
}
_WIDE_FORMS = re.compile(f"[{''.join(map(chr, _NARROW))}]")
_URL = re.compile(r"(?:https?|ftp)://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.I)
_URL_END = ".,;:!?)]}'*_"
# A translation links the page of its language.
_LANGUAGE = re.compile(r"(?:en|zh)(?:[-_](?:us|gb|cn|tw|hk|hans|hant)(?:[-_]\w{2})?)?", re.I)
_SPAN = re.compile(r"(?<!`)(`{1,3})(?! )([^`\n]{1,200}?)(?<! )\1")  # not `so' in prose
# What is not read: HTML tags and comments, targets of links, marks of headings.
_MARKUP = re.compile(
    r"<!--.{0,2000}?-->|</?[A-Za-z][^<>]{0,2000}>|\{#[^{}\s]{0,200}\}|\{/\*.{0,500}?\*/\}|"
    r"(?<=\])\([^()\s]{0,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?\)|(?<=\])\[\d{1,4}\]"
)
# Words that are code though no mark says so: options, paths, calls, snake and camel case, files.
_CODE = re.compile(
    r"(?<![\w./-])(?:--[a-z][\w-]+|(?:~|\.{1,2})?/[\w.-]+(?:/[\w.-]+)+/?|"
    r"(?<![^\s\"'“‘(\[])(?:~|\.{1,2})?/\w[\w.-]+|\w+\(\)|[A-Za-z]\w*_\w+|"
    r"[a-z]+[A-Z]\w*|[A-Za-z]\w+(?:\.[A-Za-z]\w+)+)",
    re.ASCII,
)
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-+#'.][A-Za-z0-9]+)*[+#]*", re.ASCII)
_VISIBLE = re.compile(r"\S+")


@dataclass(frozen=True)
class Anchors:
    """urls: addresses without scheme, `www.`, language and case of the host. code: spans and words
    of code. words: other Latin words in lower case. text: what it was read from, narrow; read: this
    without addresses and markup.
    """

    urls: frozenset[str]
    code: frozenset[str]
    words: frozenset[str]
    numbers: Numbers
    text: str
    read: str

    @cached_property
    def lower(self) -> str:
        """The text in lower case, to look for words in."""
        return self.text.lower()


def anchors(text: str) -> Anchors:
    """The anchors of a text."""
    text = narrow(text)
    urls = frozenset(_address(m[0]) for m in _URL.finditer(text))
    rest = read = _URL.sub(_point_behind, _MARKUP.sub(_gap, text)).strip()
    spans = {m[2].strip() for m in _SPAN.finditer(rest)}
    code = {s for s in spans if s.isascii() and any(c.isalnum() for c in s)}
    rest = _SPAN.sub(" ", rest)
    code |= {m[0] for m in _CODE.finditer(rest)}
    rest = _CODE.sub(" ", rest)
    words = frozenset(m[0].lower() for m in _LATIN.finditer(rest) if len(m[0]) > 1)
    return Anchors(urls, frozenset(code), words, numbers(rest), text, read)


def _gap(markup: re.Match[str]) -> str:
    """A link's target stands behind its words, a tag may stand between two."""
    return "" if markup[0][0] in "([" else " "


def _point_behind(url: re.Match[str]) -> str:
    return " " + url[0][len(url[0].rstrip(_URL_END)) :]


def narrow(text: str) -> str:
    """A text with narrow forms for full-width ones, and Latin letters without marks."""
    return text if text.isascii() else _WIDE_FORMS.sub(lambda m: _NARROW[ord(m[0])], text)


def _address(url: str) -> str:
    url = url.rstrip(_URL_END)
    host, _, path = url.partition("://")[2].partition("/")
    labels = [x for x in host.lower().split(".") if x != "www" and not _LANGUAGE.fullmatch(x)]
    parts = [x for x in path.split("/") if x and not _LANGUAGE.fullmatch(x)]
    return "/".join([".".join(labels), *parts])


def length(text: str) -> float:
    """How long a text is in English letters: visible code points, Chinese ones by their weight."""
    visible = sum(len(m) for m in _VISIBLE.findall(text))
    return visible + (LETTERS_PER_WIDE - 1) * wide_chars(text)
