"""Threads: where a forum program wrote a page, its posts are the text, first to last.

An extractor that looks for the one article of a page takes a thread's longest post, or none, or
drops all as reader comments. Which program wrote a page shows in the names that its templates give
to the body of a post. They were listed from the programs, not from any page measured here.

Left out: who wrote a post and when, signatures, and forums without posts of such names.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree


def _has(name: str) -> str:
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


# The body of a post by program, and how many of them make a thread: a class name may be another's.
_POSTS: list[tuple[Any, int]] = [
    (etree.XPath(path), least)
    for path, least in (
        ("//td[starts-with(@id, 'postmessage_')]", 1),  # Discuz!
        ("//div[starts-with(@id, 'read_')][contains(@class, 'tpc_content')]", 1),  # phpwind
        ("//*[starts-with(@id, 'post_message_')]", 1),  # vBulletin 3, 4
        ("//div[starts-with(@id, 'post_content_')]", 1),  # Tieba
        ("//*[starts-with(@id, 'postcontent')][not(self::table)]", 2),  # NGA
        (f"//div[{_has('postbody')}]//div[{_has('content')}]", 1),  # phpBB 3
        (f"//*[{_has('message-body')}]//div[{_has('bbWrapper')}]", 1),  # XenForo 2
        (f"//blockquote[{_has('messageText')}]", 1),  # XenForo 1
        (f"//div[starts-with(@id, 'msg_')][{_has('inner')}]", 1),  # SMF
        (f"//div[{_has('post_body')}][starts-with(@id, 'pid_')]", 1),  # MyBB
        ("//div[@data-role='commentContent']", 2),  # Invision Community
        (f"//div[{_has('bbp-topic-content')} or {_has('bbp-reply-content')}]", 2),  # bbPress
        (f"//div[{_has('wpforo-post-content')}]", 2),  # wpForo
        (f"//div[{_has('Post-body')}]", 2),  # Flarum
        (f"//div[{_has('topic_content')} or {_has('reply_content')}]", 2),  # V2EX
        (f"//div[{_has('bbs-content')}]", 2),  # Tianya
        (f"//div[{_has('topic-content')} or {_has('reply-content')}]", 2),  # Douban
        (f"//div[{_has('Message')} and {_has('userContent')}]", 2),  # Vanilla
        (f"//div[{_has('js-post-body')} or {_has('post-text')}]", 2),  # Stack Exchange
        (f"//div[{_has('crawler-post')}]//div[{_has('post')}]", 2),  # Discourse, for crawlers
    )
]
# In a post, and not of it: notes that it was edited, attachments without text, signatures, and
# words that Discuz hides between the lines to spoil copies.
_NOTES = re.compile(r"pstatus|attach|signature|jammer|bbp-reply-header|(?:^| )sig(?: |$)")
_HIDDEN = re.compile(r"display:\s?none|font-size:\s?0", re.IGNORECASE)
_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "button", "form", "select", "textarea", "input"}
    | {"svg", "iframe", "object", "video", "audio", "ignore_js_op"}
)
_LINES = frozenset(
    {"address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "thead", "tr"}
    | {"ul"}
)


def thread(tree: Any) -> str | None:
    """The posts of a page as lines of text, as `lines.blocks` reads them; None if it is no thread.

    Items begin with "- ", two spaces a level before it; a row is its cells between bars.
    """
    posts: list[Any] = []
    best = 0
    for find, least in _POSTS:
        found = find(tree)
        if len(found) < least:
            continue
        inner = set(found)
        outer = [post for post in found if inner.isdisjoint(post.iterancestors())]
        size = sum(len(text) for post in outer for text in post.itertext())
        if len(outer) >= least and size > best:
            posts, best = outer, size
    return "\n".join("".join(_rendered(post)) for post in posts) if posts else None


def _rendered(post: Any) -> Iterator[str]:
    skipped = None
    lists = cells = 0
    for event, node in etree.iterwalk(post, events=("start", "end", "comment", "pi")):
        if skipped is not None and node is not skipped:
            continue
        if event == "start":
            if node is not post and _is_no_text(node):
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


def _is_no_text(node: Any) -> bool:
    return bool(
        node.tag in _SKIPPED
        or _NOTES.search(node.get("class") or "")
        or _HIDDEN.search(node.get("style") or "")
    )


def _flowing(text: str | None, cells: int) -> str:
    """Text with its white space as single spaces, bars escaped where they would divide cells."""
    if not text:
        return ""
    flat = _SPACE.sub(" ", text)
    return flat.replace("|", "\\|") if cells else flat


_SPACE = re.compile(r"\s+")
