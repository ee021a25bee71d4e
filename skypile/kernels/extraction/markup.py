r"""What a page's markup says and text extractors lose: listings, formulas, ruby, source lines.

Each is turned into plain text in the parsed page before the extractor sees it. A listing becomes
one text with marks for its lines (`lines.Marks`); a formula its LaTeX in the delimiters \( \) and
\[ \], once, whichever of its renderings the page holds; of ruby the base stays, not the reading;
a line end between two Han or kana, where a space would be wrong, goes (CSS Text 3, 4.1.3).

Left out: listings without `pre`; MathML beyond scripts, fractions and roots; images of formulas
whose alternative text is not LaTeX.
"""

import re
from typing import Any

from lxml import etree

from skypile.kernels.extraction.lines import Marks

_HAN = "\u2e80-\u303f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])[ \t]*\r?\n\s*(?=[{_HAN}])")
_VERBATIM = frozenset({"pre", "script", "style", "textarea", "xmp", "listing"})
# Elements with a text of several lines right inside. To find them so is several times as fast as
# to look at all, most of which have only indents.
_OF_SEVERAL_LINES: Any = etree.XPath("//*[text()[contains(., '\n') and normalize-space()]]")


def prepare(tree: Any, html: str, marks: Marks | None) -> None:
    """Rewrite a parsed page in place. html: what it was parsed from; marks: None leaves listings.

    Takes time linear in the page, and 0.1 ms where it holds none of this.
    """
    rewrite(tree, html, marks)
    join_lines(tree)


def rewrite(tree: Any, html: str, marks: Marks | None) -> None:
    """As `prepare`, but for line ends between Han or kana, which stay."""
    _formulas(tree, html)
    if "<ruby" in html:
        for reading in tree.xpath("//ruby//rt | //ruby//rp | //ruby//rtc"):
            _become(reading, "")
    if marks and ("<pre" in html or "<code" in html or "blockcode" in html):
        _listings(tree, marks)


def _become(element: Any, text: str, tag: str = "span") -> None:
    """Make an element one without attributes that holds this text alone; what follows it stays."""
    tail = element.tail
    element.clear()
    element.tag, element.text, element.tail = tag, text or None, tail


def join_lines(tree: Any) -> None:
    """Take out the line ends between two Han or kana, in place."""
    for parent in _OF_SEVERAL_LINES(tree):
        if parent.tag in _VERBATIM:
            continue
        if (text := parent.text) and "\n" in text:
            parent.text = _one_line(text)
        for child in parent:
            if (text := child.tail) and "\n" in text:
                child.tail = _one_line(text)


def _one_line(text: str) -> str:
    if text.isspace():
        return text
    return _BETWEEN_HAN.sub("", text).replace("\r", " ").replace("\n", " ")


# Listings. Class names of highlighters: Rouge, Pygments, Hexo, highlight.js, CSDN, GitHub.
_GUTTER = re.compile(
    r"gutter|line-?num|lineno|linenum|blob-num|ln-numbers|numbering|(?:^|[ _-])ln(?:$|[ _-])"
)
_BUTTON = re.compile(r"copy|clipboard|hljs-button|toolbar", re.IGNORECASE)
_LINE_OF_CODE = frozenset({"div", "p", "li", "tr", "ol", "ul", "table", "tbody"})
_CODE_TABLES: Any = etree.XPath("//table[.//pre or .//code]")
# Discuz! writes a list, php.net and others a code with br; white space is the source's in these.
_HOSTS: Any = etree.XPath(
    "//*[self::pre or self::div[contains(@class, 'blockcode')] or self::code[.//br]]"
    "[not(ancestor::pre)]"
)
_NUMBERS = "0123456789 \t\r\n.\xa0"


def _listings(tree: Any, marks: Marks) -> None:
    for table in _CODE_TABLES(tree):
        cells = table.xpath("./tr/td | ./tbody/tr/td")
        code = [cell for cell in cells if not _only(cell, _NUMBERS)]
        if len(code) == 1 and len(cells) <= 2:
            is_code = "code" in (code[0].get("class") or "").split()
            if is_code or (len(cells) == 2 and code[0].find(".//pre") is not None):
                _become(table, _listing(code[0], marks), "pre")
    for host in _HOSTS(tree):
        if not (host.text or "").startswith(marks.begin):
            _become(host, _listing(host, marks), "pre")
        figure = next(host.iterancestors("figure"), None)
        if figure is not None:
            figure.tag = "div"  # extractors leave figures out


def _only(node: Any, characters: str) -> bool:
    """Whether the text in an element is of these characters alone."""
    return not any(text.strip(characters) for text in node.itertext("*"))


def _listing(element: Any, marks: Marks) -> str:
    """The text of an element with its lines, without line numbers and buttons; "" if it is blank.

    Elements that are blocks begin and end lines, as does br.
    """
    text = _Lines(loose=element.tag != "pre" and element.find(".//pre") is None)
    skipped = None
    for event, node in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        block = node.tag in _LINE_OF_CODE and node is not element
        if event == "start" and skipped is None:
            if node is not element and _is_no_code(node):
                skipped = node
                continue
            if block:
                text.end_line()
            text.add("\n" if node.tag == "br" else node.text)
        elif event != "start" and skipped in (None, node):
            if block and skipped is None:
                text.end_line()
            skipped = None
            if node is not element:
                text.add(node.tail)
    whole = "".join(text.pieces)
    return marks.listing(whole) if whole.strip() else ""


class _Lines:
    """Pieces of a text, and whether a line has been begun."""

    def __init__(self, *, loose: bool) -> None:
        self.pieces: list[str] = []
        self._begun = False
        self._loose = loose  # line ends of the source are none of the listing

    def add(self, text: str | None) -> None:
        if text and self._loose and "\n" in text and text != "\n":
            text = "" if text.isspace() else text.strip("\r\n").replace("\n", " ")
        if text:
            self.pieces.append(text)
            _, newline, last = text.rpartition("\n")
            self._begun = bool(last.strip()) or (self._begun and not newline)

    def end_line(self) -> None:
        if self._begun:
            self.add("\n")


def _is_no_code(node: Any) -> bool:
    if node.tag in ("button", "script", "style", "textarea") or node.get("onclick"):
        return True
    named = node.get("class")
    if not named:
        return False
    if _GUTTER.search(named):
        return _only(node, _NUMBERS)
    return bool(node.tag != "span" and _BUTTON.search(named) and len(node.text or "") < 40)


# Formulas. What wraps all renderings of one: Wikipedia, KaTeX, MathJax 2 and 3.
_WRAPPERS = frozenset({"mwe-math-element", "katex", "katex-display", "MathJax_Display"})
_RENDERED: Any = etree.XPath(
    "//*[self::span or self::div or self::nobr or self::mjx-container]"
    "[starts-with(@class, 'MathJax') or starts-with(@class, 'mjx-') "
    "or starts-with(@class, 'MJXc-')]"
)
_KATEX_TEXTS: Any = etree.XPath("//*[@class='katex']/*[@class='katex-mathml'][not(.//math)]")
_TEX: Any = etree.XPath('.//*[local-name()="annotation"][@encoding="application/x-tex"]')
_TEX_IMAGE = re.compile(r"latex|equation\?tex=|chart\?cht=tx|mathtex|mimetex|codecogs", re.I)
_TEX_CLASSES = frozenset({"latex", "tex", "texhtml", "ee_img", "tex-image"})
_BREAK = re.compile(r"<br ?/?>")
_STYLED = re.compile(r"\{\\(?:display|text)style\s(.*)\}", re.DOTALL)
_MATH_ELEMENTS = {"msup": "{}^{{{}}}", "msub": "{}_{{{}}}", "mfrac": r"\frac{{{}}}{{{}}}"}
MAX_LATEX_CHARS = 2000  # of an alternative text; what is longer is a description


def _formulas(tree: Any, html: str) -> None:
    found = list(tree.iter("math", "script", "img"))  # one walk is faster than three searches
    for math in found:
        if math.tag != "math" or next(math.iterancestors("math"), None) is not None:
            continue
        annotation = _TEX(math)
        tex = (annotation[0].text if annotation else math.get("alttext")) or _linear(math)
        display = math.get("display") == "block"
        outer = math
        for ancestor in math.iterancestors():
            classes = frozenset((ancestor.get("class") or "").split())
            if ancestor.tag in ("p", "div", "td", "li", "body") and not classes & _WRAPPERS:
                break
            if classes & _WRAPPERS:
                outer = ancestor
                display |= "katex-display" in classes
        _become(outer, _delimited(tex, display))
    for formula in (
        _KATEX_TEXTS(tree) if "katex-mathml" in html else ()
    ):  # a blog's sanitiser took the MathML and left its text
        parts = re.split(r"\n\s*\n", "".join(formula.itertext("*")).strip())
        _become(formula.getparent(), _delimited(parts[-1], False))
    scripts = [
        e for e in found if e.tag == "script" and (e.get("type") or "").startswith("math/tex")
    ]
    if scripts:
        for rendered in _RENDERED(tree):
            _become(rendered, "")
        for script in scripts:
            _become(script, _delimited(script.text, "display" in script.get("type")))
    for image in found:
        if image.tag != "img":
            continue
        alt = image.get("alt") or ""
        if 0 < len(alt) <= MAX_LATEX_CHARS and _is_latex(image):
            _become(image, _delimited(alt, False))


def _is_latex(image: Any) -> bool:
    classes = (image.get("class") or "").lower().split()
    return (
        image.get("eeimg") is not None
        or not _TEX_CLASSES.isdisjoint(classes)
        or _TEX_IMAGE.search((image.get("src") or "")[:200]) is not None
    )


def _delimited(tex: str | None, display: bool) -> str:
    tex = " ".join(_BREAK.sub(" ", tex or "").split())
    if tex[:1] == tex[-1:] == "$":
        tex = tex.strip("$").strip()
    if styled := _STYLED.fullmatch(tex):
        tex = styled[1].strip()
    if not tex:
        return ""
    return rf"\[{tex}\]" if display else rf"\({tex}\)"


def _linear(math: Any) -> str:
    """MathML without a source as LaTeX, as far as scripts, fractions and roots go."""
    children = [_linear(child) for child in math if isinstance(child.tag, str)]
    if (form := _MATH_ELEMENTS.get(math.tag)) and len(children) == 2:
        return form.format(*children)
    if math.tag == "msqrt":
        return rf"\sqrt{{{''.join(children)}}}"
    if math.tag == "msubsup" and len(children) == 3:
        return "{}_{{{}}}^{{{}}}".format(*children)
    return (math.text or "").strip() + "".join(children)
