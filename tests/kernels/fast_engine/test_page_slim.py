"""What is left out of a page leaves its tree as it was."""

import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree, NodeType

from skypile.kernels.fast_engine.page_slim import slim

KEPT = ("class", "id", "role", "itemprop", "style", "hidden", "type", "color", "face", "size")


def tree_of(html: str) -> list[Any]:
    """Elements with the attributes that count, and texts; of scripts, styles and comments none."""
    found: list[Any] = []

    def walk(node: Any) -> None:
        while node is not None:
            if node.type == NodeType.ELEMENT:
                given = {a: node.getattr(a) for a in KEPT if a in (node.attrs or [])}
                found.append((node.tag, given))
                if node.tag not in ("script", "style"):
                    walk(node.first_child)
                found.append(f"/{node.tag}")
            elif node.type == NodeType.TEXT:
                if found and isinstance(found[-1], list):
                    found[-1][0] += node.value  # beside a comment
                else:
                    found.append([node.value])
            node = node.next

    walk(HTMLTree.parse(html).document.first_child)
    return found


def slimmed(html: str) -> str:
    return slim(html.encode()).decode()


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (
            "<p class='a b' data-x=\"1>2\" onload=f() onclick=f()>One <b title=x>two</b></p>",
            "<p class='a b' onclick=f()>One <b>two</b></p>",
        ),
        ("<a href=/x class=mehr id = n>中文</a>", "<a class=mehr id = n>中文</a>"),
        ("<script src=a>if (a</b>) '</p>'</script>后", "<script></script>后"),
        ("<STYLE>p{}</style ><br/>", "<STYLE></style><br />"),
        ("a<!-- <p> -->b<!--x--!>c<!-->d<!--->e", "a<!---->b<!---->c<!---->d<!---->e"),
        ("<<!--x-->b>", "<<!---->b>"),
        ("<textarea id=a name=b><p dir=c></textarea>", "<textarea id=a><p dir=c></textarea>"),
        ("<p class=a class=b>x</p class=c>", "<p class=a>x</p>"),
        (
            "<script><!-- write('<script>1</script>') --></script><i alt=x>",
            "<script></script><i>",
        ),
        ("<svg alt=0><script href=x /><g fill=y /></svg><i y=z>", "<svg><script /><g /></svg><i>"),
        ("<script type='math/tex' />x^2</script>", "<script type='math/tex' /></script>"),
    ],
)  # fmt: skip
def test_what_is_left(html: str, left: str) -> None:
    assert slimmed(html) == left


@pytest.mark.parametrize(
    "rest",
    [
        "<p title='",
        "<p title=x",
        "<!-- <p title=x>",
        "<script>1",
        "<style>p",
        "<plaintext><p title=x>",
        "<script><!--<script></script>",
        "<",
        "</",
        "<!",
        "<!-",
    ],
)
def test_what_has_no_end_is_left_as_it_is(rest: str) -> None:
    assert slimmed("<b title=x>中</b>" + rest) == "<b>中</b>" + rest


PIECES = st.sampled_from(
    [
        *("<p>", "<p class=x title='a>b'>", "</p>", "<div id=\"a\" data-y=1>", "</div>", "<b/>"),
        *("<table>", "<tr>", "<td class=c>", "</td>", "</table>", "<input type=hidden name=a>"),
        *("<input value=b>", "<script>", "</script>", "<script src=a>", "<SCRIPT/>", "<style>"),
        *("</style>", "<!--", "-->", "--!>", "<!-->", "<svg>", "</svg>", "<math>", "</math>"),
        *("<title>", "</title>", "<textarea>", "</textarea>", "<noscript>", "</noscript>"),
        *("<a href=x class=y>", "</a>", "<li>", "</li>", "<ul hidden>", "</ul>", "<font color=a>"),
        *("<select>", "<option value=1>", "</select>", "<template>", "</template>", "<br/>"),
        *("text", " ", "文字", "&amp;", "&lt;p&gt;", "<", ">", "\"", "'", "=", "/", "\n", "</"),
        *("<iframe src=x>", "</iframe>", "<xmp>", "</xmp>", "<p a=1 a=2 class='' class=z>", "<img"),
    ]
)  # fmt: skip


def _ambiguous(html: str) -> bool:
    """Where a script stands in a drawing or says itself that it ends: what it then holds depends on
    the tree.
    """
    low = html.lower()
    return ("<svg" in low or "<math" in low) and any(
        f"<{name}" in low for name in ("script", "style", "title", "textarea", "iframe", "xmp")
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
@example("<table><input type=hidden title=x><input title=y>")
@example("<p>a<!--x-->b")
def test_the_tree_is_the_same(html: str) -> None:
    if not _ambiguous(html):
        assert tree_of(slimmed(html)) == tree_of(html)


def test_time_is_linear() -> None:
    for piece in ("<p title='a' class=b>", "<!--", "<script><!--<script", "<", "<a b", "</style"):
        page = (piece * (2_000_000 // len(piece))).encode()
        slim(page[:100])
        begun = time.process_time()
        slim(page)
        assert time.process_time() - begun < 1.0, piece
