"""The articles of a Wikipedia dump as blocks of text, each page with its fate (Skywork 3.2).

Articles are pages of the main namespace that are neither redirects nor disambiguation pages; list
pages are articles. `wikidump` reads the pages, `wikitext` their markup.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skypile.kernels.wiki import wikitemplates
from skypile.kernels.wiki.wikicut import Cutter
from skypile.kernels.wiki.wikidump import Page
from skypile.kernels.wiki.wikiterms import Terms, name, terms
from skypile.kernels.wiki.wikitext import Line, Renderer, plain

# What is tried after a variant of Chinese, as MediaWiki does, and at last whatever there is.
_FALLBACKS = {
    "zh-hans": ("zh-cn", "zh-sg", "zh-my"),
    "zh-cn": ("zh-hans", "zh-sg", "zh-my"),
    "zh-sg": ("zh-hans", "zh-cn", "zh-my"),
    "zh-my": ("zh-hans", "zh-sg", "zh-cn"),
    "zh-hant": ("zh-tw", "zh-hk", "zh-mo"),
    "zh-tw": ("zh-hant", "zh-hk", "zh-mo"),
    "zh-hk": ("zh-hant", "zh-mo", "zh-tw"),
    "zh-mo": ("zh-hant", "zh-hk", "zh-tw"),
}
VARIANTS = frozenset(_FALLBACKS)
REASONS = (
    "malformed_record",
    "truncated_record",
    "too_large",
    "other_namespace",
    "redirect",
    "disambiguation",
    "empty",
)


@dataclass(frozen=True)
class Article:
    """A page as text. blocks: paragraphs, headings, list items, table rows and lines of code, in
    order, none empty, no newline in them; none where there is a reason. cited_urls: the addresses
    in its references, in order, each once, as written (`canonical_url` makes them comparable).
    reason: why the page is no article, one of REASONS in the order tried; None where it is one.
    """

    title: str
    blocks: tuple[str, ...]
    cited_urls: tuple[str, ...]
    reason: str | None


def article(page: Page, lang: str, *, variant: str | None = None) -> Article:
    """The article on a page of the Wikipedia in `lang` (ISO 639, or its subdomain).

    variant: of Chinese, which spelling to take where a page gives several; None: zh-hans, zh-cn.

    Raises:
        ValueError: an unknown variant.
    """
    if variant is not None and variant not in VARIANTS:
        raise ValueError(f"no such variant: {variant!r}; there are {sorted(VARIANTS)}")
    words = terms(lang)
    title = plain(page.title)
    if reason := page.problem or _reason(page, words):
        return Article(title, (), (), reason)
    wanted = (variant, *_FALLBACKS[variant]) if variant and words.variants else words.variants
    cut = Cutter(wikitemplates.kept, wikitemplates.cites, wanted).cut(page.text)
    blocks = _prose(Renderer(cut).blocks(), words)
    return Article(title, blocks, tuple(cut.urls) if blocks else (), None if blocks else "empty")


def passed_over(page: Page, lang: str) -> str | None:
    """`other_namespace` or `redirect`, of a page that is no article by what it is for."""
    reason = _reason(page, terms(lang))
    return reason if reason in ("other_namespace", "redirect") else None


def _reason(page: Page, words: Terms) -> str | None:
    if page.ns:  # dumps before version 0.6 of the schema have none
        return "other_namespace"
    if page.redirect is not None or words.redirect.match(page.text):
        return "redirect"
    if words.disambiguation.search(page.text) or words.disambiguation_title.match(page.title):
        return "disambiguation"
    return None


def _prose(lines: Iterable[Line], words: Terms) -> tuple[str, ...]:
    """The blocks less sections that hold no prose, and headings with nothing below them."""
    kept: list[Line] = []
    skipped = 0  # level of the section that is left out
    for level, text in lines:
        if level and (not skipped or level <= skipped):
            skipped = level if name(text).rstrip(":：") in words.sections else 0
        if not skipped:
            kept.append((level, text))
    return _with_text(kept)


def _with_text(lines: Sequence[Line]) -> tuple[str, ...]:
    blocks: list[str] = []
    highest = 0  # heading between here and the next text; at the end of the page there is none
    for level, text in reversed(lines):
        if not level or level < highest:
            blocks.append(text)
        highest = min(level, highest) if level else 7
    return tuple(reversed(blocks))
