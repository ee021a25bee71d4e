"""Page templates of the sample: an article in the dress of a site, with what extraction must not
keep around it (navigation, related links, cookie note, comments, footer) in the page's language.
"""

from collections.abc import Callable
from html import escape

from skypile.sample.articles import Article

Words = dict[str, str]

# What sites say around an article, by language family; other languages wear the English dress.
WORDS: dict[str, Words] = {
    "en": {
        "home": "Home",
        "nav": "News|Culture|Science|Local|About us|Contact",
        "related": "You may also like",
        "cookie": "We use cookies to improve your visit. Accept all",
        "share": "Share|Tweet|Print|E-mail",
        "by": "By the editorial desk",
        "footer": "© Example Media. All rights reserved. Imprint. Terms of use. Privacy.",
        "comments": "3 comments",
        "comment": "Thanks for this, very helpful!|First!|Nice read.",
        "posted": "Posted on",
        "reply": "Reply",
        "search": "Search",
        "toc": "Contents",
        "joined": "Member since 2011",
        "subscribe": "Subscribe to our newsletter",
    },
    "zh-Hans": {
        "home": "首页",
        "nav": "新闻|文化|科学|本地|关于我们|联系方式",
        "related": "相关阅读",
        "cookie": "本站使用 Cookie 改善体验。全部接受",
        "share": "分享|微博|打印|邮件",
        "by": "本站编辑",
        "footer": "版权所有 示例传媒 未经许可不得转载 网站地图 联系电话 隐私政策",
        "comments": "3 条评论",
        "comment": "写得好，收藏了。|沙发！|支持一下。",
        "posted": "发布时间",
        "reply": "回复",
        "search": "搜索",
        "toc": "目录",
        "joined": "注册于 2011 年",
        "subscribe": "订阅我们的通讯",
    },
    "zh-Hant": {
        "home": "首頁",
        "nav": "新聞|文化|科學|地方|關於我們|聯絡方式",
        "related": "延伸閱讀",
        "cookie": "本站使用 Cookie 改善體驗。全部接受",
        "share": "分享|列印|電郵",
        "by": "本站編輯",
        "footer": "版權所有 示例傳媒 未經許可不得轉載 網站地圖 聯絡電話 私隱政策",
        "comments": "3 則留言",
        "comment": "寫得好，收藏了。|頭香！|支持一下。",
        "posted": "發佈時間",
        "reply": "回覆",
        "search": "搜尋",
        "toc": "目錄",
        "joined": "註冊於 2011 年",
        "subscribe": "訂閱我們的電子報",
    },
}


def words_for(lang: str) -> Words:
    """The dress of a language; Cantonese and literary Chinese wear the traditional one."""
    return WORDS["zh-Hant" if lang in ("yue", "lzh") else lang if lang in WORDS else "en"]


def render(template: str, article: Article, *, date: str, meta: str, related: list[str]) -> str:
    """A page. meta: the charset declaration for its head, "" for none. related: other titles."""
    words = words_for(article.lang)
    body = TEMPLATES[template](article, words, date, related)
    return (
        f'<!DOCTYPE html>\n<html lang="{article.lang}">\n<head>\n{meta}'
        f"<title>{escape(article.title)}</title>\n"
        f'<meta property="article:published_time" content="{date}">\n'
        "<style>nav li{display:inline}</style>\n"
        "<script>window.dataLayer=[];function go(a){if(a<1&&a>-1){return '</p>'}}</script>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _links(items: list[str], kind: str = "ul") -> str:
    rows = "".join(f'<li><a href="/{i}">{escape(t)}</a></li>' for i, t in enumerate(items))
    return f"<{kind}>{rows}</{kind}>"


def _nav(words: Words) -> str:
    return f'<nav class="menu">{_links([words["home"], *words["nav"].split("|")])}</nav>'


def _share(words: Words) -> str:
    return f'<div class="share-buttons">{_links(words["share"].split("|"))}</div>'


def _footer(words: Words) -> str:
    return f'<footer class="site-footer"><p>{escape(words["footer"])}</p></footer>'


def _cookie(words: Words) -> str:
    return f'<div id="cookie-notice" class="cookie-banner"><p>{escape(words["cookie"])}</p></div>'


def _paragraphs(article: Article, tag: str = "p") -> str:
    return "\n".join(f"<{tag}>{escape(p)}</{tag}>" for p in article.paragraphs)


def _related(words: Words, related: list[str]) -> str:
    return f'<aside class="related"><h3>{words["related"]}</h3>{_links(related)}</aside>'


def news(article: Article, words: Words, date: str, related: list[str]) -> str:
    """A newspaper: masthead, article element, share bar, related stories."""
    return (
        f"{_cookie(words)}<header>{_nav(words)}</header><main><article>"
        f"<h1>{escape(article.title)}</h1>"
        f'<p class="byline">{words["by"]} · <time datetime="{date}">{date}</time></p>'
        f"{_share(words)}<div class='article-body'>{_paragraphs(article)}</div></article></main>"
        f"{_related(words, related)}{_footer(words)}"
    )


def blog(article: Article, words: Words, date: str, related: list[str]) -> str:
    """A weblog: one column, side bar, comments below."""
    remarks = "".join(
        f'<li class="comment"><p>{escape(c)}</p><a href="#r">{words["reply"]}</a></li>'
        for c in words["comment"].split("|")
    )
    return (
        f'<div id="page"><div id="header">{_nav(words)}</div><div id="content"><div class="post">'
        f'<h2 class="entry-title">{escape(article.title)}</h2>'
        f'<div class="entry-meta">{words["posted"]} {date}</div>'
        f'<div class="entry-content">{_paragraphs(article)}</div></div>'
        f'<div id="comments"><h3>{words["comments"]}</h3><ol>{remarks}</ol></div></div>'
        f'<div id="sidebar">{_links(related)}<p>{words["subscribe"]}</p></div></div>'
        f"{_footer(words)}"
    )


def encyclopedia(article: Article, words: Words, date: str, related: list[str]) -> str:
    """An encyclopedia: contents, headings, a table of facts."""
    facts = "".join(
        f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>"
        for k, v in (("ID", article.id), ("ISO", date))
    )
    sections = "".join(
        f'<h2 id="s{i}">{escape(article.subject)} {i + 1}</h2><p>{escape(p)}</p>'
        if i % 2
        else f"<p>{escape(p)}</p>"
        for i, p in enumerate(article.paragraphs)
    )
    return (
        f'<div id="mw-navigation">{_nav(words)}<form><input placeholder="{words["search"]}"></form>'
        f'</div><div id="content"><h1 id="firstHeading">{escape(article.title)}</h1>'
        f'<table class="infobox">{facts}</table><div id="toc"><h2>{words["toc"]}</h2></div>'
        f'<div id="bodyContent">{sections}</div></div>{_links(related)}{_footer(words)}'
    )


def forum(article: Article, words: Words, date: str, related: list[str]) -> str:
    """A forum thread: the text as a long first post, short replies."""
    replies = "".join(
        f'<div class="reply"><div class="user">user{i} · {words["joined"]}</div>'
        f'<div class="text">{escape(c)}</div></div>'
        for i, c in enumerate(words["comment"].split("|"), 2)
    )
    return (
        f'<div class="topbar">{_nav(words)}</div><h1>{escape(article.title)}</h1>'
        f'<div class="thread"><div class="post first"><div class="user">user1 · {words["joined"]}'
        f'</div><div class="post-date">{date}</div><div class="message">{_paragraphs(article)}'
        f"</div></div>{replies}</div>{_links(related)}{_footer(words)}"
    )


def table_layout(article: Article, words: Words, date: str, related: list[str]) -> str:
    """A page of the year 2003: layout by tables, paragraphs by <br><br>, upper-case tags."""
    text = "<BR><BR>\n".join(f"　　{escape(p)}" for p in article.paragraphs)
    links = "<BR>".join(f'<A HREF="/{i}">{escape(t)}</A>' for i, t in enumerate(related))
    return (
        f'<TABLE WIDTH="760"><TR><TD COLSPAN="2">{_nav(words)}</TD></TR><TR>'
        f'<TD WIDTH="180" VALIGN="top">{links}</TD><TD><FONT SIZE="5"><B>{escape(article.title)}'
        f'</B></FONT><BR>{date}<HR><DIV CLASS="content">{text}</DIV></TD></TR>'
        f'<TR><TD COLSPAN="2">{_footer(words)}</TD></TR></TABLE>'
    )


def documentation(article: Article, words: Words, date: str, related: list[str]) -> str:
    """A manual page: side navigation, main column, previous and next."""
    return (
        f'<div class="sidebar" role="navigation">{_links(related)}</div><div role="main" '
        f'class="document"><h1>{escape(article.title)}</h1>{_paragraphs(article)}</div>'
        f'<div class="pager"><a href="/p">«</a> <a href="/n">»</a></div>{_footer(words)}'
    )


TEMPLATES: dict[str, Callable[[Article, Words, str, list[str]], str]] = {
    "news": news,
    "blog": blog,
    "encyclopedia": encyclopedia,
    "forum": forum,
    "table_layout": table_layout,
    "documentation": documentation,
}
