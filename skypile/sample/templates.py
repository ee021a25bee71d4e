"""Page templates of the sample: an article in the dress of a site, with what extraction must not
keep around it (navigation, related links, cookie note, comments, footer) in the page's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

from skypile.sample.articles import Article
from skypile.sample.wordings import sections

VARIANTS = 4  # of furniture in each language


@dataclass(frozen=True)
class Dress:
    """What a site puts around an article. words: its furniture. related: titles it links to."""

    words: Mapping[str, str]
    site: str
    date: str
    related: tuple[str, ...]


def family(lang: str) -> str:
    """The language of the furniture: Cantonese and literary Chinese wear the traditional dress,
    other languages the English one.
    """
    if lang in ("yue", "lzh"):
        return "zh-Hant"
    return lang if lang in ("zh-Hans", "zh-Hant") else "en"


def furniture(lang: str, variant: int) -> dict[str, str]:
    """What sites say around an article; variant: 0 to VARIANTS - 1."""
    return {key: lines[variant] for key, lines in sections(f"furniture.{family(lang)}").items()}


def render(template: str, article: Article, dress: Dress, meta: str) -> str:
    """A page. meta: the charset declaration for its head, "" for none."""
    body = TEMPLATES[template](article, dress)
    date = f'<meta property="article:published_time" content="{dress.date}">\n' * bool(dress.date)
    return (
        f'<!DOCTYPE html>\n<html lang="{article.lang}">\n<head>\n{meta}'
        f"<title>{escape(article.title)} - {escape(dress.site)}</title>\n{date}"
        "<style>nav li{display:inline}</style>\n"
        "<script>window.dataLayer=[];function go(a){if(a<1&&a>-1){return '</p>'}}</script>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _links(items: list[str] | tuple[str, ...], kind: str = "ul") -> str:
    rows = "".join(f'<li><a href="/{i}">{escape(t)}</a></li>' for i, t in enumerate(items))
    return f"<{kind}>{rows}</{kind}>"


def _nav(dress: Dress) -> str:
    items = [dress.words["home"], *dress.words["nav"].split("|")]
    return f'<nav class="menu">{_links(items)}</nav>'


def _share(dress: Dress) -> str:
    return f'<div class="share-buttons">{_links(dress.words["share"].split("|"))}</div>'


def _footer(dress: Dress) -> str:
    return f'<footer class="site-footer"><p>{escape(dress.words["footer"])}</p></footer>'


def _cookie(dress: Dress) -> str:
    note = escape(dress.words["cookie"])
    return f'<div id="cookie-notice" class="cookie-banner"><p>{note}</p></div>'


def _related(dress: Dress) -> str:
    return (
        f'<aside class="related"><h3>{dress.words["related"]}</h3>{_links(dress.related)}</aside>'
    )


def _comments(dress: Dress) -> str:
    remarks = "".join(
        f'<li class="comment"><p>{escape(c)}</p><a href="#r">{dress.words["reply"]}</a></li>'
        for c in dress.words["comment"].split("|")
    )
    return f'<div id="comments"><h3>{dress.words["comments"]}</h3><ol>{remarks}</ol></div>'


def _body(article: Article, p: str = "<p>{}</p>") -> str:
    """The blocks as markup: runs of list items as a list, of rows as a table. p: a paragraph's."""
    made = []
    for kind, run in groupby(article.blocks, key=lambda b: b.kind):
        texts = [escape(b.text) for b in run]
        if kind == "li":
            made.append("<ul>" + "".join(f"<li>{t}</li>" for t in texts) + "</ul>")
        elif kind == "row":
            cells = [t.replace(" | ", "</td><td>") for t in texts]
            rows = "".join(f"<tr><td>{c}</td></tr>" for c in cells)
            made.append(f'<table class="data">{rows}</table>')
        elif kind == "code":
            made += [f"<pre><code>{t}</code></pre>" for t in texts]
        elif kind == "h":
            made += [f"<h2>{t}</h2>" for t in texts]
        else:
            made += [p.format(t) for t in texts]
    return "\n".join(made)


def _h1(article: Article) -> str:
    return f"<h1>{escape(article.title)}</h1>"


def news(article: Article, dress: Dress) -> str:
    """A newspaper: masthead, article element, share bar, related stories."""
    return (
        f"{_cookie(dress)}<header>{_nav(dress)}</header><main><article>{_h1(article)}"
        f'<p class="byline">{dress.words["by"]} · <time datetime="{dress.date}">{dress.date}</time>'
        f"</p>{_share(dress)}<div class='article-body'>{_body(article)}</div></article></main>"
        f"{_related(dress)}{_footer(dress)}"
    )


def blog(article: Article, dress: Dress) -> str:
    """A weblog: one column, side bar, comments below."""
    return (
        f'<div id="page"><div id="header">{_nav(dress)}</div><div id="content"><div class="post">'
        f'<h2 class="entry-title">{escape(article.title)}</h2>'
        f'<div class="entry-meta">{dress.words["posted"]} {dress.date}</div>'
        f'<div class="entry-content">{_body(article)}</div></div>{_comments(dress)}</div>'
        f'<div id="sidebar">{_links(dress.related)}<p>{dress.words["subscribe"]}</p></div></div>'
        f"{_footer(dress)}"
    )


def encyclopedia(article: Article, dress: Dress) -> str:
    """An encyclopedia: contents, a table of facts beside the text."""
    facts = f"<tr><th>ID</th><td>{article.id}</td></tr><tr><th>ISO</th><td>{dress.date}</td></tr>"
    search = f'<form><input placeholder="{dress.words["search"]}"></form>'
    return (
        f'<div id="mw-navigation">{_nav(dress)}{search}</div><div id="content">'
        f'<h1 id="firstHeading">{escape(article.title)}</h1><table class="infobox">{facts}</table>'
        f'<div id="toc"><h2>{dress.words["toc"]}</h2></div><div id="bodyContent">{_body(article)}'
        f"</div></div>{_links(dress.related)}{_footer(dress)}"
    )


def forum(article: Article, dress: Dress) -> str:
    """A forum thread in one column: the text as posts by the same hand, short replies."""
    replies = "".join(
        f'<div class="reply"><div class="user">user{i} · {dress.words["joined"]}</div>'
        f'<div class="text">{escape(c)}</div></div>'
        for i, c in enumerate(dress.words["comment"].split("|"), 2)
    )
    return (
        f'<div class="topbar">{_nav(dress)}</div>{_h1(article)}<div class="thread">'
        f'<div class="post first"><div class="user">user1 · {dress.words["joined"]}</div>'
        f'<div class="post-date">{dress.date}</div><div class="message">{_body(article)}</div>'
        f"</div>{replies}</div>{_links(dress.related)}{_footer(dress)}"
    )


def thread(article: Article, dress: Dress) -> str:
    """A forum thread, a post a paragraph, each with its author at the side."""
    box = (
        '<div class="postbody"><p class="author">user{n}</p><div class="content">{text}</div></div>'
    )
    posts = [box.format(n=i % 5 + 1, text=_body_of(article, i)) for i in range(len(article.blocks))]
    return (
        f"<div id='wrap'>{_nav(dress)}<div id='page-body'><h2 class='topic-title'>"
        f"{escape(article.title)}</h2>{''.join(posts)}</div><div class='pagination'>1 2 3 »</div>"
        f"{_related(dress)}{_footer(dress)}</div>"
    )


def _body_of(article: Article, index: int) -> str:
    return _body(replace(article, blocks=article.blocks[index : index + 1]))


def table_layout(article: Article, dress: Dress) -> str:
    """A page of the year 2003: layout by tables, paragraphs by <br><br>, upper-case tags."""
    text = _body(article, "　　{}<BR><BR>")
    links = "<BR>".join(f'<A HREF="/{i}">{escape(t)}</A>' for i, t in enumerate(dress.related))
    return (
        f'<TABLE WIDTH="760"><TR><TD COLSPAN="2">{_nav(dress)}</TD></TR><TR>'
        f'<TD WIDTH="180" VALIGN="top">{links}</TD><TD><FONT SIZE="5"><B>{escape(article.title)}'
        f'</B></FONT><BR>{dress.date}<HR><DIV CLASS="content">{text}</DIV></TD></TR>'
        f'<TR><TD COLSPAN="2">{_footer(dress)}</TD></TR></TABLE>'
    )


def documentation(article: Article, dress: Dress) -> str:
    """A manual page: side navigation, main column, previous and next."""
    return (
        f'<div class="sidebar" role="navigation">{_links(dress.related)}</div><div role="main" '
        f'class="document">{_h1(article)}{_body(article)}</div>'
        f'<div class="pager"><a href="/p">«</a> <a href="/n">»</a></div>{_footer(dress)}'
    )


def magazine(article: Article, dress: Dress) -> str:
    """A magazine: a picture with its caption, wrappers in wrappers, a box to subscribe."""
    picture = '<figure><img src="/i.jpg" alt=""><figcaption>Photo: desk</figcaption></figure>'
    return (
        f'<div class="layout"><div class="grid"><header class="top">{_nav(dress)}</header>'
        f'<section class="story"><div class="story__head">{_h1(article)}<span class="kicker">'
        f'{dress.words["by"]}</span></div>{picture}<div class="story__body"><div class="prose">'
        f'{_body(article)}</div></div></section><div class="newsletter-signup"><p>'
        f'{dress.words["subscribe"]}</p><input type="email"></div>{_related(dress)}</div></div>'
        f"{_footer(dress)}"
    )


def portal(article: Article, dress: Dress) -> str:
    """A portal of about 2008: centred, full-width spaces for indents, links on all sides."""
    crumbs = " &gt; ".join(f'<a href="/{i}">{w}</a>' for i, w in enumerate(dress.related[:2]))
    return (
        f'<center>{_nav(dress)}</center><div class="path">{dress.words["home"]} &gt; {crumbs}</div>'
        f'<div class="left"><div id="artibodyTitle">{_h1(article)}<div class="info">{dress.date} '
        f'{escape(dress.site)} <a href="#c">{dress.words["comments"]}</a></div></div>'
        f'<div id="artibody">{_body(article, "<p>　　{}</p>")}</div>{_share(dress)}</div>'
        f'<div class="right"><h3>{dress.words["related"]}</h3>{_links(dress.related)}</div>'
        f"{_footer(dress)}"
    )


def mobile(article: Article, dress: Dress) -> str:
    """A page for telephones: little around the text."""
    return (
        f"<header><a href='/'>{escape(dress.site)}</a></header><main>{_h1(article)}<time>"
        f"{dress.date}</time>{_body(article)}</main>{_share(dress)}{_footer(dress)}"
    )


def gazette(article: Article, dress: Dress) -> str:
    """An authority's page: a table of particulars, then the text."""
    number = f"{len(article.title):03d}/{dress.date[:4]}"
    rows = f"<tr><td>No.</td><td>{number}</td><td>{dress.words['posted']}</td><td>{dress.date}</td>"
    return (
        f'<div class="header">{_nav(dress)}<input value="{dress.words["search"]}"></div>'
        f'<div class="main-content"><table class="headInfo">{rows}</tr></table>{_h1(article)}'
        f'<div class="TRS_Editor">{_body(article)}</div></div>{_share(dress)}{_footer(dress)}'
    )


def shop(article: Article, dress: Dress) -> str:
    """A shop's journal: basket, buttons, the text in the middle, other goods."""
    goods = "".join(
        f'<div class="card"><a href="/{i}">{escape(t)}</a><span>€{i + 7}.90</span></div>'
        for i, t in enumerate(dress.related)
    )
    return (
        f"{_cookie(dress)}<div class='basket'>0</div>{_nav(dress)}<div class='product-story'>"
        f"{_h1(article)}<div class='rich-text'>{_body(article)}</div></div>"
        f"<div class='recommendations'><h3>{dress.words['related']}</h3>{goods}</div>"
        f"{_footer(dress)}"
    )


def print_view(article: Article, dress: Dress) -> str:
    """A print view: the text and a line about where it came from."""
    return (
        f"<div class='print-header'>{escape(dress.site)} | {dress.date}</div><hr>{_h1(article)}"
        f"{_body(article)}<hr><div class='print-footer'>{escape(dress.words['footer'])}</div>"
    )


def div_soup(article: Article, dress: Dress) -> str:
    """A page of a builder kit: everything is a div, paragraphs included."""
    nav = "".join(f"<div class='x1'><a href='/'>{w}</a></div>" for w in _nav_words(dress))
    return (
        f"<div class='root'><div class='x0'>{nav}</div><div class='w-article'><div class='t'>"
        f"{_h1(article)}</div>{_body(article, '<div class=q><span>{}</span></div>')}</div>"
        f"<div class='x9'>{_links(dress.related)}</div><div class='x2'>"
        f"{escape(dress.words['footer'])}</div></div>"
    )


def _nav_words(dress: Dress) -> list[str]:
    return [dress.words["home"], *dress.words["nav"].split("|")]


TEMPLATES: dict[str, Callable[[Article, Dress], str]] = {
    f.__name__: f
    for f in (
        *(news, blog, encyclopedia, forum, table_layout, documentation, magazine),
        *(portal, mobile, gazette, shop, thread, print_view, div_soup),
    )
}
FORUMS = ("forum", "thread")
