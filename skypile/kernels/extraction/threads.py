"""Threads: where a forum program wrote a page, its posts are the text, first to last.

An extractor that looks for the one article of a page takes a thread's longest post, or none, or
drops all as reader comments. Which program wrote a page shows in the names that its templates give
to the body of a post. They were listed from the programs, not from any page measured here.

Left out: who wrote a post and when, signatures, and forums without posts of such names.
"""

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from skypile.kernels.extraction.flow import lines_of


def _has(name: str) -> str:
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


@dataclass(frozen=True)
class _Names:
    """The names in quotes of a path, which a page has if it can match it, or one of them."""

    names: tuple[str, ...]
    enough: Callable[[Iterable[bool]], bool]

    def are_in(self, held: Container[str]) -> bool:
        """Whether a page can match the path that has these: attributes as one text, or names."""
        return self.enough(name in held for name in self.names)


def _names(path: str) -> _Names:
    names = tuple(name.strip() for name in re.findall(r"'([\w -]{4,})'", path))
    return _Names(names, any if " or " in path else all)


# Three searches, since a union of them takes time in the square of the page in libxml2.
_ATTRIBUTES: list[Any] = [
    etree.XPath(f"//@{name}", smart_strings=False) for name in ("class", "id", "data-role")
]


# The body of a post by program, and how many of them make a thread: a class name may be another's.
# Names are looked for in all attributes before the tree is searched, which costs 0.25 ms a path.
_POSTS: list[tuple[_Names, Any, int]] = [
    (_names(path), etree.XPath(path), least)
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


# What `may_be_thread` asks for.
NAMES = frozenset(name for names, *_ in _POSTS for name in names.names)


def _rarest(names: _Names) -> tuple[str, ...]:
    """Of names that are all needed the one that other pages have least: no plain word, or long."""
    if names.enough is any:
        return names.names
    return (
        max(names.names, key=lambda name: (not name.islower() or not name.isalpha(), len(name))),
    )


# A page without these is no thread, and few others have them.
RARE_NAMES = frozenset(name for names, *_ in _POSTS for name in _rarest(names))


def may_be_thread(held: Container[str]) -> bool:
    """Whether a page holds the names of any program's posts: false for most that are no thread.

    held: those of NAMES that it has.
    """
    return any(names.are_in(held) for names, *_ in _POSTS)


def thread(tree: Any) -> str | None:
    """The posts of a page as lines of text, as `lines.blocks` reads them; None if it is no thread.

    Items begin with "- ", two spaces a level before it; a row is its cells between bars.
    """
    posts: list[Any] = []
    best = 0
    names = "\n".join({value for find in _ATTRIBUTES for value in find(tree)})
    for needed, find, least in _POSTS:
        found = find(tree) if needed.are_in(names) else ()
        if len(found) < least:
            continue
        inner = set(found)
        outer = [post for post in found if inner.isdisjoint(post.iterancestors())]
        size = sum(len(text) for post in outer for text in post.itertext())
        if len(outer) >= least and size > best:
            posts, best = outer, size
    return "\n".join(lines_of(post, _is_note) for post in posts) if posts else None


def _is_note(node: Any) -> bool:
    return _NOTES.search(node.get("class") or "") is not None
