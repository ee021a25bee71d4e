"""What a page shows, at a glance: the longest pieces of its text, without a tree.

For what is cheap and comes before extraction, such as the language of the page: a millisecond,
where trafilatura takes 25. Not for what anyone reads: the order of pieces is all that is kept of
the layout.
"""

import html as entities
import re

# Beyond it nothing is looked at: a page of 1 MB says in a quarter of it what it is written in.
MAX_HTML_CHARS = 1 << 18
_HIDDEN = re.compile(r"<(script|style|template|svg|textarea|!--)", re.IGNORECASE)
_CLOSE = {
    name: re.compile(f"</{name}" if name.isalpha() else "--(?=>)", re.IGNORECASE)
    for name in ("script", "style", "template", "svg", "textarea", "!--")
}
_TAG = re.compile(r"</?[a-zA-Z!?][^<>]*>")
# Tags that end a piece of text: those of all elements but the ones within a line.
_END = re.compile(
    r"</?(?!(?:a|abbr|b|bdi|bdo|cite|code|em|font|i|kbd|mark|q|rp|rt|ruby|s|small|span|strong|sub"
    r"|sup|time|u|var|wbr)[\s/>])[a-zA-Z!?][^<>]*>",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")


def visible_text(html: str, max_chars: int) -> str:
    """At most `max_chars` code points of the longest pieces of text of a page, in their order, a
    line each; "" where there is no text. Time is linear in the first `MAX_HTML_CHARS` of the page.
    """
    pieces = [p.strip() for p in _END.split(_without_hidden(html[:MAX_HTML_CHARS]))]
    by_length = sorted((i for i, p in enumerate(pieces) if p), key=lambda i: (-len(pieces[i]), i))
    chosen: list[int] = []
    size = 0
    for i in by_length:
        if size >= max_chars:
            break
        chosen.append(i)
        pieces[i] = _SPACE.sub(" ", entities.unescape(_TAG.sub("", pieces[i]))).strip()
        size += len(pieces[i]) + 1
    return "\n".join(pieces[i] for i in sorted(chosen) if pieces[i])[:max_chars]


def _without_hidden(html: str) -> str:
    """A page without comments, scripts and the like; from an element that is not closed on,
    nothing is shown, as in a browser.
    """
    kept = []
    at = 0
    while hidden := _HIDDEN.search(html, at):
        kept.append(html[at : hidden.start()])
        close = _CLOSE[hidden[1].lower()].search(html, hidden.end())
        end = html.find(">", close.end()) if close else -1
        if end < 0:
            return "".join(kept)
        at = end + 1
    return "".join((*kept, html[at:]))
