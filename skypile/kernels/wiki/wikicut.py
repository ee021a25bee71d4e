"""What of a page's wikitext is text: a linear pass that cuts out the rest, and leaves the markup of
what stays whole, flat and balanced for the parser (`wikitext`).

mwparserfromhell takes time in the square of what is left open (4,000 unclosed templates, 16 kB:
12 s), and gives such a page back unparsed. So openers and closers are paired here, as MediaWiki
does, innermost first; what has no partner is dropped, and what surrounds it is cut or kept.

Cut: comments, references (their addresses are kept), tables that are no `wikitable`, templates but
those of `wikitemplates`, files, categories, galleries and the like. Set aside, as they are: code,
formulas, `<nowiki>`. Resolved: `-{ }-` of languages with variants, links outside templates.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from skypile.kernels.wiki.wikimarkup import (
    ASIDE,
    BAR,
    BREAK,
    CONTROL,
    GAP,
    decode_entities,
    table_rows,
    variant,
)
from skypile.kernels.wiki.wikiterms import CATEGORIES, FILES, SISTERS, name

MAX_DEPTH = 24  # what is nested deeper is cut; in 98 articles of 2016 at most 8
_TOKEN = re.compile(
    r"<!--|<(/?)([A-Za-z][A-Za-z0-9]*)\b([^<>]*)>|\{\{\{(?!\{)|\{\{|\}\}\}?|\[\[|"
    r"\]\]\](?!\])|\]\]|"
    r"^[ \t:*#]*\{\||^[ \t]*\|\}(?!\})|(-\{)(?!\{[^{])|(\}-)|"
    r"\n(?=\n|==)",
    re.MULTILINE,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBATIM = _words("nowiki pre math chem ce code syntaxhighlight source")
_CUT = _words(
    "ref references gallery timeline imagemap score templatedata templatestyles graph mapframe "
    "maplink hiero inputbox indicator categorytree section includeonly style script"
)
_END = {tag: re.compile(rf"</{tag}(?![a-z0-9])") for tag in _VERBATIM | _CUT}
_BREAKS = _words(
    "br hr p div li ul ol dl dd dt blockquote center table caption tr h1 h2 h3 h4 h5 h6 poem"
)
_INLINE = _words(
    "a abbr b bdi bdo big cite data del dfn em font i ins kbd mark noinclude noindex onlyinclude q "
    "rb rp rt rtc ruby s samp small span strike strong sub sup td th time translate tt u var wbr "
    "languages tvar"
)
_URL = re.compile(r"https?://[^\s<>\[\]{}|\"\x00-\x20，。、；）」』】》]+", re.IGNORECASE)

_VALUE_END = re.compile(r"\s{0,99}[|}]")


@dataclass
class Cut:
    """text: wikitext to parse, line by line. aside: what was set aside, by number. urls: those of
    references, in order, each once.
    """

    text: str
    aside: list[str] = field(default_factory=list)
    urls: dict[str, None] = field(default_factory=dict)

    def restored(self, text: str) -> str:
        """The text with what was set aside back in its place."""
        return _ASIDE.sub(lambda m: self.aside[int(m[1])], text)


_ASIDE = re.compile(f"{ASIDE[0]}(\\d+){ASIDE[1]}")


@dataclass(slots=True)
class _Frame:
    kind: str
    parts: list[str] = field(default_factory=list)


class Cutter:
    """kept: whether the template of a name carries text. cites: whether it is a reference, whose
    addresses count. variants: the most wanted first; empty where the language has none.
    """

    def __init__(
        self,
        kept: Callable[[str], bool],
        cites: Callable[[str], bool],
        variants: Sequence[str],
    ) -> None:
        self._kept, self._cites, self._variants = kept, cites, variants

    def cut(self, wikitext: str) -> Cut:
        """See the module. Time is linear in the length of the text."""
        self._source = CONTROL.sub("", wikitext.replace("\r\n", "\n"))
        self._lower = self._source.lower()
        if len(self._lower) != len(self._source):  # some capital letters become two small ones
            self._lower = "".join(c.lower() if c.isascii() else c for c in self._source)
        self._out, self._frames = Cut(""), [_Frame("")]
        self._open: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        at = 0
        while token := _TOKEN.search(self._source, at):
            self._frames[-1].parts.append(self._source[at : token.start()])
            at = self._token(token)
        self._frames[-1].parts.append(self._source[at:])
        self._out.text = "".join(part for frame in self._frames for part in frame.parts)
        return self._out

    def _token(self, token: re.Match[str]) -> int:
        """Deal with a token; returns where to go on."""
        if token[0] == "\n":
            while self._frames[-1].kind == "[[":  # no link goes on in another paragraph
                self._open["[["] -= 1
                self._frames[-2].parts += self._frames.pop().parts
            self._add("\n")
            return token.end()
        text = token[0].lstrip(" \t:*#")
        if text == "<!--":
            end = self._source.find("-->", token.end())
            return len(self._source) if end < 0 else end + 3
        if token[2]:
            return self._tag(token)
        if text in ("{{{", "{{", "[[", "{|", "-{"):
            if text != "-{" or self._variants:
                self._push(text)
            else:
                self._add(text)
        elif text == "}}}" and self._close("{{{", through=False):
            return token.end()
        elif text in ("}}", "}}}"):
            self._close("{{", through=True)
            return token.start() + 2
        elif text in ("]]", "]]]"):
            self._add(text[2:])  # of an address inside the link
            self._close("[[", through=False)
        elif text == "|}":
            self._close("{|", through=True)
        elif not (self._variants and self._close("-{", through=False)):
            self._add(text)
        return token.end()

    def _add(self, text: str) -> None:
        self._frames[-1].parts.append(text)

    def _push(self, kind: str) -> None:
        self._frames.append(_Frame(kind))
        self._open[kind] = self._open.get(kind, 0) + 1

    def _close(self, kind: str, *, through: bool) -> bool:
        """Close the innermost element of a kind; through: those inside it are unclosed, else only
        links are. False where there is none: then nothing happens.
        """
        if not self._open.get(kind):
            return False
        top = len(self._frames) - 1
        while self._frames[top].kind != kind:
            if not (through or self._frames[top].kind == "[["):
                return False
            top -= 1
        depth, frame = top, self._frames[top]
        for inner in self._frames[top + 1 :]:
            frame.parts += inner.parts
        for gone in self._frames[top:]:
            self._open[gone.kind] -= 1
        del self._frames[top:]
        if depth > MAX_DEPTH:
            self._add(GAP)
        else:
            self._add(self._element(kind, "".join(frame.parts)))
        return True

    def _element(self, kind: str, text: str) -> str:
        if kind == "{{":
            return self._template(text)
        if kind == "{{{":
            return text.partition("|")[2] or GAP
        if kind == "[[":
            return self._link(text)
        if kind == "{|":
            return f"\n{table_rows(text)}\n"
        if kind == "poem":
            return BREAK + text.strip("\n").replace("\n", BREAK) + BREAK
        return variant(text, self._variants)

    def _template(self, text: str) -> str:
        title = name(text.partition("|")[0].replace(GAP, "").replace(BREAK, ""))
        if self._cites(title):
            self._cite(text)
        if not self._kept(title):
            return GAP
        return "{{" + text.replace("\n", BREAK).replace("|", BAR) + "}}"

    def _link(self, text: str) -> str:
        target, bar, label = text.partition("|")
        space, colon, _ = target.partition(":")
        space = name(space)
        if colon and (space in FILES or space in CATEGORIES):
            return GAP if space in FILES else ""
        if colon and space in SISTERS and target.startswith(space) and not bar:
            return ""
        if self._open.get("{{") and bar:
            return f"[[{text}]]".replace("\n", " ").replace("|", BAR)
        shown = label if label.strip() else target.strip().removeprefix(":")
        return shown.replace("\n", " ")

    def _cite(self, text: str) -> None:
        for found in _URL.finditer(text):
            url = decode_entities(found[0]).partition("''")[0].strip(GAP + BREAK)
            if not _VALUE_END.match(text, found.end()):  # else it is all of a parameter
                url = url.rstrip(".,;:!?'")
                url = url if "(" in url else url.rstrip(")")
            self._out.urls[url] = None

    def _tag(self, token: re.Match[str]) -> int:
        closing, tag, attributes = token[1], token[2].lower(), token[3]
        if tag in _VERBATIM or tag in _CUT:
            if closing:
                return token.end()
            return self._opaque(token, tag, attributes)
        if tag == "poem":
            if closing:
                self._close("poem", through=False)
            else:
                self._push("poem")
        elif tag in _BREAKS:
            self._add(BREAK)
        elif tag == "td" or tag == "th":
            self._add(" ")
        elif tag not in _INLINE:
            self._add("&lt;")
            return token.start() + 1
        return token.end()

    def _opaque(self, token: re.Match[str], tag: str, attributes: str) -> int:
        """An element whose content is not parsed."""
        if attributes.endswith("/"):
            self._add(GAP if tag in _CUT else "")
            return token.end()
        end = self._end(tag, token.end())
        if end < 0 or (tag == "ref" and self._lower.find("<ref", token.end(), end) >= 0):
            return token.end()  # never closed: the tag goes, what follows stays
        content = self._source[token.end() : end]
        if tag == "code" and any(mark in content for mark in ("[[", "{{", "''")):
            return token.end()  # markup is read inside code, other than in the other elements
        if tag in _CUT:
            if tag in ("ref", "references") or "<ref" in content:
                self._cite(content)
            self._add(GAP)
        else:
            self._aside(tag, content)
        close = self._source.find(">", end)
        return len(self._source) if close < 0 else close + 1

    def _end(self, tag: str, at: int) -> int:
        """Where the closing tag is, searched for in each stretch of the page once."""
        if self._ends.get(tag, 0) >= 0 and self._ends.get(tag, 0) < at:
            found = _END[tag].search(self._lower, at)
            self._ends[tag] = found.start() if found else -1
        return self._ends.get(tag, -1)

    def _aside(self, tag: str, content: str) -> None:
        if tag != "nowiki":
            content = re.sub(r"</?nowiki\s*/?>", "", content, flags=re.IGNORECASE)
        content = decode_entities(content)
        if tag in ("math", "chem", "ce"):
            formula = " ".join(content.split())
            content = f"${formula}$" if tag == "math" else f"$\\ce{{{formula}}}$"
        elif tag == "nowiki":
            content = content.replace("\n", " ")
        if not content.strip():
            return
        self._out.aside.append(content)
        mark = f"{ASIDE[0]}{len(self._out.aside) - 1}{ASIDE[1]}"
        block = tag in ("pre", "syntaxhighlight", "source") or "\n" in content
        self._add(f"{BREAK}{mark}{BREAK}" if block else mark)
