"""Structure in, structure out: given a page, expected its blocks, in English and Chinese.

Headings, lists, tables, code, quotes, verse, formulas keep their lines and white space; what stands
around the text of a page (navigation, contact data, share buttons, cookie notes) does not come in.
The expectations were written from what a reader of the page sees, before the extractor was tried.
"""

import pytest

from skypile.kernels.extraction.html import DEFAULT_LIMITS, extract

EN = (
    "The lock keeper wrote the level of the canal into a ledger every evening, and the ledger "
    "outlived the canal. Nobody asked for the numbers until the flood of that spring.",
    "When the water came over the lower gate, the engineers found that every figure since the "
    "opening of the canal had been kept, in one hand, without a single day left out.",
    "They drew the curve on a wall of the town hall, where it can still be seen, and under it "
    "they wrote the keeper's name, which until then hardly anybody had known.",
)
ZH = (
    "船闸的看守人每晚把水位写进账簿，账簿比运河活得更久。直到那年春天发大水，才有人来问这些数字。",
    "大水漫过下闸门的那天，工程师们发现，自运河开通以来的每一个数字都在，出自同一个人的手，一天也没有缺。",
    "他们把曲线画在镇公所的墙上，至今还看得见，曲线下面写着看守人的名字，在那之前几乎没有人知道他。",
)
FURNITURE = {
    "en": (
        "<header><a href=/>Canal Times</a><nav><ul><li><a href=/>Home</a><li><a href=/n>News</a>"
        "<li><a href=/c>Contact us</a></ul></nav></header>"
        "<div class=breadcrumb><a href=/>Home</a> &gt; <a href=/n>News</a> &gt; Locks</div>",
        "<div class=share><a href=#>Share on Facebook</a> <a href=#>Tweet this</a></div>"
        "<aside><h3>Most read</h3><ul><li><a href=/1>Ten bridges to see this summer</a>"
        "<li><a href=/2>Why the ferry is late</a></ul></aside>"
        "<div id=cookie-banner>We use cookies to improve your experience. <button>Accept</button>"
        "</div><footer><p>Canal Times Ltd, 12 Lock Lane, phone 555-0100, mail@canal.example</p>"
        "<p>Copyright 2023. All rights reserved.</p></footer>",
        (
            "Home",
            "Contact us",
            "Facebook",
            "Tweet",
            "Most read",
            "Ten bridges",
            "cookies",
            "555-01",
        ),
    ),
    "zh": (
        "<div class=header><a href=/>运河时报</a><div class=nav><a href=/>首页</a> <a href=/n>新闻"
        "</a> <a href=/c>联系我们</a></div></div>"
        "<div class=crumb>当前位置：<a href=/>首页</a> &gt; <a href=/n>新闻</a> &gt; 正文</div>",
        "<div class=share>分享到：<a href=#>微信</a> <a href=#>新浪微博</a> <a href=#>QQ空间</a>"
        "</div><div class=sidebar><h3>热门文章</h3><ul><li><a href=/1>今夏值得一看的十座桥</a>"
        "<li><a href=/2>渡船为什么晚点</a></ul></div>"
        "<div class=prevnext>上一篇：<a href=/3>闸门检修完毕</a> 下一篇：<a href=/4>水位预报</a>"
        "</div>"
        "<div id=cookie-notice>本网站使用Cookie来改善您的体验，继续浏览即表示同意。</div>"
        "<div class=footer><p>地址：运河镇船闸路12号 电话：0512-5550100</p>"
        "<p>版权所有 © 2023 运河时报 京ICP备00000000号</p></div>",
        (
            *("首页", "联系我们", "微博", "分享到", "热门文章", "十座桥", "上一篇", "下一篇"),
            *("Cookie", "5550100", "版权所有", "ICP备", "当前位置"),
        ),
    ),
}


def page(body: str, lang: str = "en", title: str = "The ledger", head: str = "") -> str:
    before, after, _ = FURNITURE[lang]
    return (
        f"<!DOCTYPE html><html lang={lang}><head><meta charset=utf-8><title>{title}</title>{head}"
        f"</head><body>{before}<article><h1>{title}</h1>\n{body}\n</article>{after}</body></html>"
    )


def blocks(html: str) -> list[str]:
    found = extract(html, url=None, limits=DEFAULT_LIMITS, latest_date="2024-06-30")
    assert found is not None
    return list(found.blocks)


def between(body: str, lang: str = "en", head: str = "") -> list[str]:
    """What comes of `body` between the first and second of three paragraphs."""
    one, two, three = EN if lang == "en" else ZH
    found = blocks(page(f"<p>{one}</p>{body}<p>{two}</p><p>{three}</p>", lang, head=head))
    assert [found.count(p) for p in (one, two, three)] == [1, 1, 1], found
    return found[found.index(one) + 1 : found.index(two)]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_of_what_stands_around_the_text(lang: str) -> None:
    text = EN if lang == "en" else ZH
    found = blocks(page("".join(f"<p>{p}</p>" for p in text), lang))
    assert found == ["The ledger", *text]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nor_where_nothing_is_marked_as_article(lang: str) -> None:
    before, after, unwanted = FURNITURE[lang]
    text = EN if lang == "en" else ZH
    body = "".join(f"<p>{p}</p>" for p in text)
    found = "\n".join(blocks(f"<html><body>{before}<div>{body}</div>{after}</body></html>"))
    assert all(p in found for p in text)
    assert [word for word in unwanted if word in found] == []


def test_a_short_chinese_text_is_a_text() -> None:
    # 85 characters, as much as 300 English letters: no reason to take the whole page.
    body = f"<p>{ZH[0]}</p><p>{ZH[1][:40]}</p>"
    found = blocks(page(body, "zh", title="账簿"))
    assert [b for b in found if any(w in b for w in FURNITURE["zh"][2])] == []
    assert ZH[0] in found


PYTHON = """\
def total(rows):
    count = 0

    for row in rows:
        if row:  # 空行不算
            count += row
    return count"""
C = """\
int main(void)
{
\tfor (;;) {
\t\tputs("a  b");
\t}
}"""
SHELL = "$ ls -l\ntotal 8\n-rw-r--r--  1 anna   120 ledger.txt\n-rw-r--r--  1 bo    4096 water.csv"


def escaped(code: str) -> str:
    return code.replace("&", "&amp;").replace("<", "&lt;")


def spans(code: str) -> str:
    """As highlighters write it: each word in a span, and lines in spans."""
    lines = escaped(code).split("\n")
    return "\n".join(
        "<span class=line>" + "".join(f"<span class=w>{c}</span>" for c in line) + "</span>"
        for line in lines
    )


def gutter(code: str) -> str:
    """As Hexo and Rouge write it: a table of line numbers and lines."""
    numbers = "<br>".join(f"<span class=line>{i}</span>" for i in range(1, code.count("\n") + 2))
    lines = "<br>".join(f"<span class=line>{escaped(x)}</span>" for x in code.split("\n"))
    return (
        f'<figure class="highlight python"><table><tr><td class=gutter><pre>{numbers}</pre></td>'
        f"<td class=code><pre>{lines}</pre></td></tr></table></figure>"
    )


LISTINGS = {
    "pre": lambda code: f"<pre>{escaped(code)}</pre>",
    "pre with a newline first": lambda code: f"<pre>\n{escaped(code)}\n</pre>",
    "pre and code": lambda code: f"<pre><code>{escaped(code)}</code></pre>",
    "highlighted": lambda code: f"<div class=highlight><pre>{spans(code)}</pre></div>",
    "with br": lambda code: "<pre>" + escaped(code).replace("\n", "<br>") + "</pre>",
    "lines as divs": lambda code: (
        "<pre>" + "".join(f"<div>{escaped(x)}</div>" for x in code.split("\n")) + "</pre>"
    ),
    "windows lines": lambda code: "<pre>" + escaped(code).replace("\n", "\r\n") + "</pre>",
    "with a gutter": gutter,
    "in a list": lambda code: f"<ul><li><pre>{escaped(code)}</pre></li></ul>",
}


@pytest.mark.parametrize("code", [PYTHON, C, SHELL], ids=["python", "c", "shell"])
@pytest.mark.parametrize("how", LISTINGS)
def test_code_keeps_its_lines_and_indents(how: str, code: str) -> None:
    wanted = code.split("\n")
    if how == "lines as divs":
        wanted = [line for line in wanted if line]  # an empty div has no height
    for lang in ("en", "zh"):
        found = between(LISTINGS[how](code), lang)
        if how == "in a list" and found[0].startswith("- "):
            found[0] = found[0].removeprefix("- ")
        assert found == wanted


def test_several_listings_keep_their_order_among_paragraphs() -> None:
    found = between(
        f"<p>First, in Python:</p><pre>{PYTHON}</pre><p>Then <code>x  = 1</code>, in C:</p>"
        f"<pre>{escaped(C)}</pre>"
    )
    assert found == [
        "First, in Python:",
        *PYTHON.split("\n"),
        "Then x = 1, in C:",
        *C.split("\n"),
    ]


def test_a_page_that_is_one_listing() -> None:
    code = "\n\n".join(PYTHON.replace("total", f"total_{i}") for i in range(12))
    found = blocks(page(f"<p>{EN[0]}</p><pre><code>{escaped(code)}</code></pre>"))
    assert found == ["The ledger", EN[0], *code.split("\n")]


@pytest.mark.parametrize(
    ("given", "lang", "expected"),
    [
        pytest.param(
            "<table><thead><tr><th>Year</th><th>Boats</th></tr></thead><tbody><tr><td>1901</td>"
            "<td>1,204</td></tr><tr><td>1902</td><td>988</td></tr></tbody></table>",
            "en",
            ["Year | Boats", "1901 | 1,204", "1902 | 988"],
            id="table",
        ),
        pytest.param(
            "<table><tr><th>年份</th><th>船只</th><th>备注</th></tr><tr><td>一九〇一</td><td>1204</td>"
            "<td><p>大水</p></td></tr><tr><td>一九〇二</td><td>988</td><td>干旱，<br>停航</td></tr></table>",
            "zh",
            ["年份 | 船只 | 备注", "一九〇一 | 1204 | 大水", "一九〇二 | 988 | 干旱， 停航"],
            id="table in Chinese",
        ),
        pytest.param(
            "<h2>Upper gate</h2><p>It opens at dawn, before the first of the boats arrives.</p>"
            "<h3>Its paint</h3><p>Green, and red below the water line, as it has always been.</p>",
            "en",
            [
                "Upper gate",
                "It opens at dawn, before the first of the boats arrives.",
                "Its paint",
                "Green, and red below the water line, as it has always been.",
            ],
            id="headings",
        ),
        pytest.param(
            "<h2>上闸门</h2><p>天亮时开闸，在第一条船到来之前就要开好。</p>",
            "zh",
            ["上闸门", "天亮时开闸，在第一条船到来之前就要开好。"],
            id="headings in Chinese",
        ),
        pytest.param(
            "<p>The tools:</p><ul><li>a lamp</li><li>a rope, of<ul><li>hemp, or</li><li>wire</li>"
            "</ul></li><li>a pen</li></ul>",
            "en",
            ["The tools:", "- a lamp", "- a rope, of", "  - hemp, or", "  - wire", "- a pen"],
            id="nested lists",
        ),
        pytest.param(
            "<p>工具如下：</p><ol><li><p>一盏灯</p></li><li>一根绳子<ul><li>麻绳</li><li>钢丝绳</li></ul>"
            "</li><li><a href=/pen>一支笔</a>，和一瓶墨水</li></ol>",
            "zh",
            [
                *("工具如下：", "- 一盏灯", "- 一根绳子", "  - 麻绳", "  - 钢丝绳"),
                "- 一支笔，和一瓶墨水",
            ],
            id="nested lists in Chinese",
        ),
        pytest.param(
            "<dl><dt>Sluice</dt><dd>A gate that lets water through.</dd><dt>Pound</dt>"
            "<dd>The water between two locks.</dd></dl>",
            "en",
            [
                *("- Sluice", "- A gate that lets water through."),
                *("- Pound", "- The water between two locks."),
            ],
            id="definitions",
        ),
        pytest.param(
            "<dl><dt>闸室</dt><dd>两道闸门之间的水池。</dd><dt>引航道</dt><dd>船只等候的水道。</dd></dl>",
            "zh",
            ["- 闸室", "- 两道闸门之间的水池。", "- 引航道", "- 船只等候的水道。"],
            id="definitions in Chinese",
        ),
        pytest.param(
            "<p>Slow is the water,<br>slower the boat,<br/>\nslowest the keeper<br>who raises the "
            "float.</p>",
            "en",
            [
                *("Slow is the water,", "slower the boat,"),
                *("slowest the keeper", "who raises the float."),
            ],
            id="verse",
        ),
        pytest.param(
            "<p>春水慢慢流，<br>小船慢慢走。<br>闸夫提灯到，<br>一夜守闸口。</p>",
            "zh",
            ["春水慢慢流，", "小船慢慢走。", "闸夫提灯到，", "一夜守闸口。"],
            id="verse in Chinese",
        ),
        pytest.param(
            "<blockquote><p>I wrote it down because it was there.</p><p>Nobody told me to stop."
            "</p></blockquote>",
            "en",
            ["I wrote it down because it was there.", "Nobody told me to stop."],
            id="quote",
        ),
        pytest.param(
            "<blockquote>水在那里，我就记下来。<br>没有人叫我停。</blockquote>",
            "zh",
            ["水在那里，我就记下来。", "没有人叫我停。"],
            id="quote in Chinese",
        ),
        pytest.param(
            "<p>The <b>upp</b>er gate, H<sub>2</sub>O and <a href=/x>the keeper</a>'s "
            "<em>lamp</em>; 10<sup>3</sup> boats<span>.</span></p>",
            "en",
            ["The upper gate, H2O and the keeper's lamp; 103 boats."],
            id="inline markup breaks no word",
        ),
        pytest.param(
            "<p>上<b>闸</b>门与<a href=/x>看守人</a>的<span>灯</span>。</p>",
            "zh",
            ["上闸门与看守人的灯。"],
            id="inline markup in Chinese",
        ),
        pytest.param(
            "<p>他是<ruby>看守<rp>(</rp><rt>kān shǒu</rt><rp>)</rp>人<rp>(</rp><rt>rén</rt>"
            "<rp>)</rp></ruby>，住在闸边。</p>",
            "zh",
            ["他是看守人，住在闸边。"],
            id="ruby",
        ),
        pytest.param(
            "<p>大水在春天到来，\n    看守人记下了它，\n    谁也不知道。</p>",
            "zh",
            ["大水在春天到来，看守人记下了它，谁也不知道。"],
            id="lines of the source are no lines of the text",
        ),
    ],
)
def test_given_expected(given: str, lang: str, expected: list[str]) -> None:
    assert between(given, lang) == expected


TEX = r"E = mc^{2}"
MATHML = (
    '<math alttext="E = mc^{2}"><semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi>'
    '<mn>2</mn></msup></mrow><annotation encoding="application/x-tex">E = mc^{2}</annotation>'
    "</semantics></math>"
)
FORMULAS = {
    "MathML": MATHML,
    "Wikipedia": (
        f"<span class=mwe-math-element><span style='display: none;'>{MATHML}</span>"
        f'<img class=mwe-math-fallback-image-inline alt="{TEX}" src=x.svg></span>'
    ),
    "KaTeX": (
        f"<span class=katex><span class=katex-mathml>{MATHML}</span><span class=katex-html "
        "aria-hidden=true><span>E</span><span>=</span><span>m</span><span>c</span><span>2</span>"
        "</span></span>"
    ),
    "MathJax 2": (
        "<span class=MathJax_Preview>E = mc2</span><span class=MathJax><nobr>E=mc2</nobr></span>"
        f'<script type="math/tex">{TEX}</script>'
    ),
    "an image of WordPress": f'<img class=latex src="x.png" alt="{TEX}">',
    "an image of Zhihu": f'<img src="//zhihu.example/equation?tex=E" eeimg="1" alt="{TEX}">',
}


@pytest.mark.parametrize("how", FORMULAS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_formula_is_its_latex_once(how: str, lang: str) -> None:
    begin, end = ("The rule is ", ", they say.") if lang == "en" else ("公式是", "，他们说。")
    found = between(f"<p>{begin}{FORMULAS[how]}{end}</p>", lang)
    assert found == [rf"{begin}\({TEX}\){end}"]


def test_latex_in_the_text_stays_as_it_is() -> None:
    given = r"<p>Let \(x_1 &lt; y\) and $$\sum_{i=1}^{n} a_i\,b_i$$ hold for every lock.</p>"
    assert between(given) == [
        r"Let \(x_1 < y\) and $$\sum_{i=1}^{n} a_i\,b_i$$ hold for every lock."
    ]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_poem_is_a_page(lang: str) -> None:
    lines = {
        "en": [f"Verse {i}: slow is the water and slower the boat," for i in range(12)],
        "zh": [f"第{i}句：春水慢慢流，小船慢慢走，" for i in "一二三四五六七八九十"],
    }[lang]
    found = blocks(page("<p>" + "<br>".join(lines) + "</p>", lang))
    assert found == ["The ledger", *lines]


def thread(lang: str, kind: str) -> tuple[str, list[str]]:
    """A thread of four posts, as three forum programs write it."""
    text = EN if lang == "en" else ZH
    posts = [*text, {"en": "Thank you, I did not know.", "zh": "谢谢，我以前不知道。"}[lang]]
    html = ""
    for i, post in enumerate(posts):
        html += {
            "discuz": (
                f"<div id=post_{i}><table><tr><td class=pls><div class=pi>user{i}</div></td>"
                f"<td class=plc><div class=pct><div class=t_fsz><table><tr><td class=t_f "
                f"id=postmessage_{i}>{post}</td></tr></table></div></div></td></tr></table></div>"
            ),
            "phpbb": (
                f'<div id=p{i} class="post bg2"><dl class=postprofile><dt>user{i}</dt></dl>'
                f"<div class=postbody><div class=content>{post}</div></div></div>"
            ),
            "xenforo": (
                f'<article class="message message--post"><div class=message-user>user{i}</div>'
                f"<div class=message-body><div class=bbWrapper>{post}</div></div></article>"
            ),
        }[kind]
    before, after, _ = FURNITURE[lang]
    return f"<html><head><title>T</title></head><body>{before}{html}{after}</body></html>", posts


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", ["discuz", "phpbb", "xenforo"])
def test_a_thread_is_its_posts_in_order(lang: str, kind: str) -> None:
    html, posts = thread(lang, kind)
    found = "\n".join(blocks(html))
    assert [p for p in posts if p not in found] == []
    places = [found.index(p) for p in posts]
    assert places == sorted(places)
    assert [word for word in FURNITURE[lang][2] if word in found] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_article_that_is_taken_as_a_whole_keeps_its_lines(lang: str) -> None:
    # trafilatura cleans labels away, finds nothing, and falls back on the text of the article.
    one, two, three = EN if lang == "en" else ZH
    body = f"<label><p>{one}</p></label><label><p>{two}<br>{three}</p><ul><li>a<li>b</ul></label>"
    found = blocks(f"<html><head><title>T</title></head><body><article>{body}</article></body>")
    assert found == [one, two, three, "- a", "- b"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_lines_of_the_source_are_no_lines_of_a_div(lang: str) -> None:
    text = EN if lang == "en" else ZH
    end = "\n   " if lang == "en" else "\r\n\t"
    words = [p.replace(", ", f",{end}").replace("，", f"，{end}") for p in text]
    body = "".join(f"<div>{w}</div>" for w in words)
    assert blocks(f"<html><body><div class=content>{body}</div></body></html>") == list(text)


def test_a_list_of_links_behind_the_text_stays_out() -> None:
    ranks = "".join(
        f"<li><em>{i}</em><span>{i}4999</span><a href=/{i}>港口的第{i}座灯塔重新点亮了</a></li>"
        for i in range(1, 9)
    )
    links = "".join(f"<li>{i}. a word: <a href=/{i}>to the ledger</a></li>" for i in range(8))
    assert between(f"<p>看守人写道：</p><ul>{ranks}</ul>", "zh") == ["看守人写道："]
    assert len(between(f"<ul>{links}</ul>")) == 8  # there is more than the links in these


CODE_WITHOUT_PRE = {
    "Discuz": lambda code: (
        "<div class=blockcode><div id=code_1><ol>\n"
        + "".join(f"   <li>{escaped(x)}<br /></li>\n" for x in code.split("\n"))
        + "</ol></div><em onclick=\"copycode($('code_1'))\">复制代码</em></div>"
    ),
    "SyntaxHighlighter": lambda code: (
        "<div class=syntaxhighlighter><table><tbody><tr><td class=code><div class=container>\n"
        + "".join(
            "<div class='line'><code>" + escaped(x).replace(" ", "&nbsp;") + "</code></div>\n"
            for x in code.split("\n")
        )
        + "</div></td></tr></tbody></table></div>"
    ),
    "php.net": lambda code: (
        "<div class=phpcode><code><span>\n"
        + escaped(code).replace(" ", "&nbsp;").replace("\n", "<br>\n")
        + "</span></code></div>"
    ),
}


@pytest.mark.parametrize("how", CODE_WITHOUT_PRE)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_code_without_pre_keeps_its_lines(how: str, lang: str) -> None:
    found = between(CODE_WITHOUT_PRE[how](PYTHON), lang)
    assert [x for x in found if x] == [x for x in PYTHON.split("\n") if x]


def test_a_formula_that_a_blog_made_text_of() -> None:
    text = "\n\n\n  x\n\n\n  →\n\n\n 1\n\n\n  \\lim_{x \\to 1} x\n\n\n"
    html = (
        f"<span class=katex--inline><span class=katex><span class=katex-mathml>{text}</span>"
        "<span class=katex-html aria-hidden=true><span>lim</span>x</span></span></span>"
    )
    assert between(f"<p>我们要求{html}的值。</p>", "zh") == [r"我们要求\(\lim_{x \to 1} x\)的值。"]
    image = '<img class=tex alt="&lt;br /&gt; z=\\tan x&lt;br /&gt;">'
    assert between(f"<p>Let {image} hold.</p>") == [r"Let \(z=\tan x\) hold."]
