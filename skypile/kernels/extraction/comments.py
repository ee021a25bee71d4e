"""Reader comments of a page, by the names that templates give to their places.

A *place* of comments is an element named for them and for nothing else: `comments`, `comment-list`,
`pinglun_box`, but not `comments-count` or `comment-form`. Of a place, what a template names as who
wrote a comment, when, and what one can do about it is left out, and so are headings and forms. What
is named as the body of a comment is text as it is; any other line has to read like some.

Left out: comments that scripts fetch (Disqus and the like: the page has none), what wrote them and
when, and threads of forums, whose posts are the text (`threads`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lxml import etree

from skypile.kernels.extraction.flow import is_no_text, lines_of
from skypile.kernels.extraction.paragraphs import WIDE_WEIGHT
from skypile.kernels.text.scripts import wide_chars


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_COMMENT = _set(
    "comment comments commentlist commentslist commentlists commentarea commentsarea commentbox "
    "commentsbox commentwrap commentcontent commentbody commenttext commentitem pinglun huifu cmt "
    "cmts responses replies kommentar kommentare commentaire commentaires comentario comentarios"
)
# What else a name of a place or of one comment may say.
_WRAP = _set(
    "list lists section area wrap wrapper container box block blocks thread threads threaded page "
    "pages main holder template post article item items children child inner outer all user users "
    "reader readers hot new latest odd even alt depth level parent root top node tree group panel "
    "module view content contents entry row single view ul ol li div the site blog news wp c"
)
_BODY = _set("content contents body text txt message msg con copy words detail p desc description")
# In a place, and no text: who, when, how often, and what to do about it.
_NOTE = _set(
    "author authors meta metadata date time timestamp ago posted reply replies respond response "
    "replylink vote votes voting like likes dislike up down rate rating karma score avatar "
    "gravatar vcard fn says permalink edit report flag share form nav navigation pagination pager "
    "paging count counts number num badge toolbar tools tool action actions footer header head "
    "login logged user username usr nick nickname name info title heading signin notice policy "
    "rules intro cancel moderation awaiting links link button buttons btn subscribe follow more "
    "load sort order tab tabs counter signature sig location ip floor louceng ding cai zan jubao "
    "empty none no"
)
_SIDE = _set("sidebar widget related")
_BESIDE = _set("content main wrap wrapper container has no with layout page site")
_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAMES: Any = etree.XPath(
    "//*[@class or @id or @itemprop][" + " or ".join(
        f"contains(@{name}, '{word}')"
        for name in ("class", "id", "itemprop")
        for word in ("omment", "OMMENT", "inglun", "uifu", "cmt", "esponses", "eplies", "oment")
    ) + "]"
)  # fmt: skip
# The newest comments of a site stand at its sides, on pages that they are not about; what is called
# a comment in a listing is of the program.
_ASIDE: Any = etree.XPath(
    "boolean(ancestor::aside | ancestor::nav | ancestor::footer | ancestor::pre | ancestor::code)"
)
_ARTICLE: Any = etree.XPath("boolean(.//h1 | .//*[@itemprop='articleBody'])")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "form", "nav", "label", "legend"})

MIN_LINE_CHARS = 40  # weighted, of a line that ends no sentence and that nothing names as a body
# A line as a whole that counts comments, says who wrote one or when, or is filled in by a script.
_COUNT = re.compile(
    r"[\d,.+ ]*(?:comments?|repl(?:y|ies)|responses?|thoughts?)[\d :().]*|[–—] .{1,40}"
    r"|(?:[^\W\d]+ \d{1,2},? \d{4}|\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?)\W{0,3}(?:at )?"
    r"[\d:]{0,8}.{0,3}|.{0,60}(?:<%|<#|\{\{|</?div|\{[A-Z]\w+\}).*",
    re.IGNORECASE,
)
_SAID = "(?:评论|評論|跟贴|跟貼|留言|回复|回覆|回應|观点|觀點)"
# And, where nothing names the line as what was said, one that asks for comments.
_PROMPT = re.compile(
    r"(?:comments? )?powered by disqus.{0,20}|please enable javascript.{0,80}"
    r"|disqus (?:allows|will use) .*|(?:please )?(?:log|sign|you must).{0,60}(?:comment|reply|post)"
    r".{0,30}|(?:leave|post|add|write|join).{0,20}(?:comment|reply|discussion|conversation).{0,20}"
    rf"|.{{0,4}}(?:暂无|暫無|尚无|尚無|还没有|還沒有|目前没有|目前沒有|发表|發表|我要|登录|登錄|登入)"
    rf".{{0,10}}{_SAID}.{{0,20}}|(?:全部|查看|网友|網友|最新|热门|熱門|精彩){_SAID}.{{0,8}}"
    r"|(?:loading|lade|后发表|後發表).{0,20}|.{0,20}(?:您还未登录|您還未登[錄入]).{0,30}|close|.{0,3}",
    re.IGNORECASE,
)
_ENDS = tuple('.!?。！？…~～)）"”’」』;；')


@lru_cache(maxsize=4096)
def _tokens(word: str) -> frozenset[str]:
    """`commentBody-2` is comment and body."""
    return frozenset(token.lower() for token in _TOKEN.findall(word))


def _words(element: Any) -> list[frozenset[str]]:
    names = (element.get(name) or "" for name in ("id", "itemprop", "class"))
    return [_tokens(word) for word in " ".join(names).split()[:12] if len(word) <= 64]


def _is_place(words: list[frozenset[str]]) -> bool:
    """Whether one of the names is of comments and of nothing else."""
    return any(word & _COMMENT and word <= _COMMENT | _WRAP | _BODY for word in words)


def _is_note(element: Any) -> bool:
    """Whether an element in a place is passed over."""
    if element.tag in _HEADINGS:
        return True
    words = _words(element)
    return not _is_place(words) and any(word & _NOTE for word in words)


def _is_side(element: Any) -> bool:
    """Whether an element is named as the side of a page, and not as what holds that as well."""
    if element.tag in ("html", "body"):
        return False
    return any(word & _SIDE and not word & _BESIDE for word in _words(element))


def places(tree: Any) -> Iterator[Any]:
    """The outermost places of comments, in order; none that holds the article as well."""
    taken: set[Any] = set()
    for element in _NAMES(tree):
        if element.tag in ("html", "body") or not isinstance(element.tag, str):
            continue
        if not _is_place(_words(element)) or not taken.isdisjoint(element.iterancestors()):
            continue
        if _is_note(element) or _ASIDE(element) or _ARTICLE(element):
            continue
        if any(is_no_text(e) or _is_side(e) for e in (element, *element.iterancestors())):
            continue
        taken.add(element)
        yield element


def comments(tree: Any) -> list[str]:
    """The comments of a parsed page as lines, as `lines.blocks` reads them; empty without any."""
    found: list[str] = []
    for place in places(tree):
        named = {line for body in _outer_bodies(place) for line in _lines(body)}
        found += [x for x in _lines(place) if x in named or _reads_like_text(x)]
    return found


def _lines(element: Any) -> list[str]:
    """The lines of an element that say something, without marks of items and indents."""
    lines = (x.strip().removeprefix("- ") for x in lines_of(element, _is_note).split("\n"))
    return [line for line in lines if any(map(str.isalpha, line)) and not _COUNT.fullmatch(line)]


def _outer_bodies(place: Any) -> Iterator[Any]:
    """Elements in a place that are named as the body of a comment, the outermost of them."""
    passed: set[Any] = set()  # bodies, notes, and all that is in them
    for element in place.iterdescendants("*"):
        if element.getparent() in passed or _is_note(element):
            passed.add(element)
        elif any(word & _BODY for word in _words(element)):
            passed.add(element)
            yield element


def _reads_like_text(line: str) -> bool:
    if _PROMPT.fullmatch(line):
        return False
    weight = len(line) + (WIDE_WEIGHT - 1) * wide_chars(line)
    return weight >= MIN_LINE_CHARS or (weight >= 8 and line.endswith(_ENDS))
