# ruff: noqa: E501 -- a paragraph of wikitext is one line
import random
import time
from dataclasses import replace

import pytest

from skypile.kernels.wiki import wikidump, wikitemplates
from skypile.kernels.wiki.wikidump import Page
from skypile.kernels.wiki.wikimarkup import variant
from skypile.kernels.wiki.wikipedia import Article, article
from skypile.kernels.wiki.wikitext import MAX_PARSED_CHARS


def page(text: str, title: str = "T", **fields: object) -> Page:
    return replace(wikidump._EMPTY, ns=0, title=title, text=text, **fields)  # type: ignore[arg-type]


def blocks(text: str, lang: str = "en", variant: str | None = None) -> list[str]:
    found = article(page(text), lang, variant=variant)
    assert not any("\n" in b or b != b.rstrip() for b in found.blocks)
    return list(found.blocks)


ENGLISH = """{{Short description|River in Norland}}
{{Use dmy dates|date=May 2021}}
{{Infobox river
| name        = Alder
| image       = [[File:Alder at dusk.jpg|250px|The Alder]]
| length      = {{convert|87|km|mi|abbr=on}}<ref name="survey">{{cite web|url=https://maps.example.org/alder?id=7&amp;lang=en|title=Survey|archive-url=https://web.archive.org/web/20190102030405/https://maps.example.org/alder|archive-date=2019}}</ref>
| coordinates = {{Coord|52|3|N|1|4|E|display=inline,title}}
}}
[[File:Alder map.png|thumb|right|alt=Map|Course of the [[Alder]], with [[Fell Lake|the lake]]]]
The '''Alder''' ({{IPAc-en|ˈ|ɔː|l|d|ər}}; {{lang-no|Orelva}}, {{lang|se|''Leaibejohka''}}) is a [[river]] in [[Norland (county)|Norland]], {{convert|87|km|mi}} long.<ref name="survey" /> It rises at {{convert|1,210|m|ft|0}} and falls [[waterfall]]s and all<!-- how many? --> into [[Fell Lake]].{{citation needed|date=June 2020}}

== Course ==
From its source the river flows
south-east,&nbsp;past '''''Skog''''' and ''Vik'',<ref>Olsen, p. 12, http://olsen.example/book.</ref> in a valley that [http://geo.example.no/valley geologists] call "the trough" [https://geo.example.no].

=== Tributaries ===
* The [[Little Alder]]
** its own tributary, the Sil{{snd}}dry in summer
# First
; Term
: Definition with H<sub>2</sub>O

=== Gallery ===
<gallery>
File:A.jpg|First
File:B.jpg|[[Second]]
</gallery>

== Wildlife ==
{{Main|Wildlife of Norland}}
{| class="wikitable sortable" style="width:50%"
|+ style="x" | Fish counts
! Year !! scope="col" | Trout !! Salmon<ref>{{cite journal|url=http://fish.example.org/a.pdf|title=Fish}}</ref>
|-
| 1990 || align="right" | 1,200 || [[Salmon|300]]
|-
| 2000
| {{nowrap|2 400}}
|
|}
{| class="infobox"
| hidden || cell
|}
{{quote|The river is older
than the hills.|A. Poet}}

==See also==
* [[List of rivers]]
=== Deeper ===
* More
==References==
{{reflist|refs=
<ref name="late">{{cite news|url=http://news.example.com/x|title=Late}}</ref>
}}
== External links ==
* [http://www.alder.example Official site]
{{Authority control}}
[[Category:Rivers of Norland|Alder]]
[[fr:Aulne (rivière)]]
"""


def test_an_english_article() -> None:
    found = article(page(ENGLISH, "Alder (river)"), "en")
    assert found == Article(
        title="Alder (river)",
        blocks=(
            "The Alder (Orelva, Leaibejohka) is a river in Norland, 87 km long. It rises at 1,210 m"
            " and falls waterfalls and all into Fell Lake.",
            "Course",
            "From its source the river flows south-east, past Skog and Vik, in a valley that"
            ' geologists call "the trough".',
            "Tributaries",
            "The Little Alder",
            "its own tributary, the Sil – dry in summer",
            "First",
            "Term",
            "Definition with H2O",
            "Wildlife",
            "Fish counts",
            "Year | Trout | Salmon",
            "1990 | 1,200 | 300",
            "2000 | 2 400",
            "The river is older",
            "than the hills.",
        ),
        cited_urls=(
            "https://maps.example.org/alder?id=7&lang=en",
            "https://web.archive.org/web/20190102030405/https://maps.example.org/alder",
            "http://olsen.example/book",
            "http://fish.example.org/a.pdf",
            "http://news.example.com/x",
        ),
        reason=None,
    )


SIMPLIFIED = """{{noteTA
|G1=Unit
|1=zh-hans:程序;zh-hant:程式;
}}
{{Infobox settlement
|name=桤木县
|image=[[文件:桤木县.jpg|300px]]
}}
[[文件:桤木河.jpg|缩略图|右|[[桤木河]]的秋天]]
[[File:Map.svg|thumb|地图]]
'''桤木县'''（{{lang-en|Alder County}}，{{bd|1990年}}），旧称“-{zh-hans:赤杨;zh-hant:赤楊}-”，是-{zh-cn:北境省; zh-tw:北境縣}-下辖的一个[[县 (中国)|县]]<ref>{{cite web |url=http://www.example.gov.cn/县志.html |title=县志}}</ref>。全县面积{{convert|87|km2}}，
人口约3万<ref>《年鉴》，见http://nj.example.cn/2020。第3页</ref>。

== 历史 ==
县名取自{{le|约翰·奥尔德|John Alder|奥尔德}}（{{link-en|植物学家|Botanist}}，{{IPA|x}}）的著作《{{lang|en|Trees}}》（{{Lang|la|Alnus}}、{{x}}）。{{来源请求}}
-{H|zh-cn:软件;zh-tw:軟體}-当地使用-{A|zh-cn:软件;zh-tw:軟體}-管理-{水库}-。

=== 人口 ===
{| class="wikitable"
! 年份 !! 人口
|-
| 1990年 || 2.5万
|}

== 参见 ==
* [[北境省]]

== 参考文献 ==
{{reflist}}

== 外部链接 ==
* [http://www.example.gov.cn/ 县政府网站]
[[Category:北境省]]
[[分类:县]]
[[en:Alder County]]
"""


def test_a_simplified_chinese_article() -> None:
    found = article(page(SIMPLIFIED, "桤木县"), "zh")
    assert list(found.blocks) == [
        "桤木县（Alder County），旧称“赤杨”，是北境省下辖的一个县。全县面积87 km²，人口约3万。",
        "历史",
        "县名取自奥尔德（植物学家）的著作《Trees》（Alnus）。当地使用软件管理水库。",
        "人口",
        "年份 | 人口",
        "1990年 | 2.5万",
    ]
    assert found.cited_urls == ("http://www.example.gov.cn/县志.html", "http://nj.example.cn/2020")
    assert found.reason is None


TRADITIONAL = """{{簡介|河流}}
[[檔案:赤楊河.jpg|thumb|right|220px|赤楊河，攝於{{tsl|en|Fell Lake||冷湖}}]]
'''赤楊河'''，又稱'''「榿河」'''，是{{flag|中華民國}}的一條[[河流]]，長約{{convert|87|km|mi}}。<ref name=a>[https://river.example.tw/?a=1&b=2 水利署]，2020年。</ref>其源頭位於-{zh-hans:冷湖;zh-hk:冷湖區;zh-tw:冷湖鄉}-。<ref name=a/>
{{僻字|榿|木豈}}木（《說文》：「{{ruby|榿|ㄑㄧ}}」）。

==參見==
*[[河流列表]]
==註釋==
{{notelist}}
==文學==
<poem>
赤楊河畔草青青，
''獨''坐聽濤到[[天明]]。
</poem>
==外部連結==
*[http://a.example 站]
[[分類:河流]]
"""


@pytest.mark.parametrize(
    ("wanted", "source"),
    [("zh-tw", "冷湖鄉"), ("zh-hk", "冷湖區"), (None, "冷湖"), ("zh-mo", "冷湖區")],
)
def test_a_traditional_chinese_article(wanted: str | None, source: str) -> None:
    found = article(page(TRADITIONAL, "赤楊河"), "zh", variant=wanted)
    assert list(found.blocks) == [
        f"赤楊河，又稱「榿河」，是中華民國的一條河流，長約87 km。其源頭位於{source}。榿木（《說文》：「榿(ㄑㄧ)」）。",
        "文學",
        "赤楊河畔草青青，",
        "獨坐聽濤到天明。",
    ]
    assert found.cited_urls == ("https://river.example.tw/?a=1&b=2",)


@pytest.mark.parametrize(
    ("fields", "lang", "reason"),
    [
        ({"ns": 14, "title": "Category:X"}, "en", "other_namespace"),
        ({"ns": 10, "redirect": "Y"}, "en", "other_namespace"),
        ({"redirect": "Y", "text": "#REDIRECT [[Y]]"}, "en", "redirect"),
        ({"redirect": "", "text": "x"}, "en", "redirect"),
        ({"text": "#redirect: [[Y]]"}, "en", "redirect"),
        ({"text": " #REDIRECT[[Y]]"}, "zh", "redirect"),
        ({"text": "#重定向 [[桤木县]]"}, "zh", "redirect"),
        ({"text": "#重新導向 [[赤楊]]"}, "zh-yue", "redirect"),
        ({"text": "#REDIRECTION [[Y]]"}, "fr", "redirect"),
        ({"text": "#WEITERLEITUNG [[Y]]"}, "de", "redirect"),
        ({"text": "#転送 [[Y]]"}, "ja", "redirect"),
        ({"text": "#перенаправление [[Y]]"}, "ru", "redirect"),
        ({"text": "'''X''' may refer to:\n* [[Y]]\n{{disambiguation}}"}, "en", "disambiguation"),
        ({"text": "* [[Y]]\n{{Disambig|geo}}"}, "en", "disambiguation"),
        ({"text": "* [[Y]]\n{{ hndis\n|name=X}}"}, "en", "disambiguation"),
        ({"text": "* [[Y]]\n{{Human name disambiguation}}"}, "en", "disambiguation"),
        ({"text": "* [[Y]]\n{{school disambiguation}}"}, "simple", "disambiguation"),
        ({"text": "* [[Y]]\n__DISAMBIG__"}, "en", "disambiguation"),
        ({"text": "x", "title": "X (disambiguation)"}, "en", "disambiguation"),
        ({"text": "* [[甲]]\n{{disambig}}"}, "zh", "disambiguation"),
        ({"text": "* [[甲]]\n{{消歧义}}"}, "zh", "disambiguation"),
        ({"text": "* [[甲]]\n{{消歧義頁|cat=人名}}"}, "zh", "disambiguation"),
        ({"text": "* [[甲]]\n{{人名消歧义}}"}, "zh", "disambiguation"),
        ({"text": "* [[甲]]\n{{地名消歧義}}"}, "zh", "disambiguation"),
        ({"text": "x", "title": "甲（消歧義）"}, "zh", "disambiguation"),
        ({"text": "x", "title": "甲 (消歧义)"}, "zh", "disambiguation"),
        ({"text": "{{Homonymie}}\n* [[Y]]"}, "fr", "disambiguation"),
        ({"text": "{{Begriffsklärung}}\n* [[Y]]"}, "de", "disambiguation"),
        ({"text": "{{desambiguación}}\n* [[Y]]"}, "es", "disambiguation"),
        ({"text": "{{Aimai}}\n* [[Y]]"}, "ja", "disambiguation"),
        ({"text": "{{人名の曖昧さ回避}}\n* [[Y]]"}, "ja", "disambiguation"),
        ({"text": "{{동음이의}}\n* [[Y]]"}, "ko", "disambiguation"),
        ({"text": "{{неоднозначность}}\n* [[Y]]"}, "ru", "disambiguation"),
        ({"text": ""}, "en", "empty"),
        ({"text": "{{Infobox|a=b}}\n[[Category:X]]\n== References ==\n* x"}, "en", "empty"),
        ({"text": "", "problem": "too_large", "ns": 4}, "en", "too_large"),
        ({"text": "", "problem": "truncated_record"}, "en", "truncated_record"),
    ],
)
def test_pages_that_are_no_articles(fields: dict[str, object], lang: str, reason: str) -> None:
    found = article(replace(page("text"), **fields), lang)  # type: ignore[arg-type]
    assert (found.reason, found.blocks, found.cited_urls) == (reason, (), ())


@pytest.mark.parametrize(
    ("text", "title", "lang"),
    [
        ("* [[A]]\n* [[B]]", "List of rivers", "en"),
        ("x {{disambiguation needed|date=May 2020}}", "T", "en"),
        ("{{about|the river|the tree|Alder (disambiguation)}} x", "T", "en"),
        ("{{dablink}} x", "T", "en"),
        ("<nowiki>#REDIRECT</nowiki> is a word of MediaWiki", "T", "en"),
        ("{{消歧义链接}} 甲", "T", "zh"),
        ("{{Homonymie}} is a template of the French", "T", "en"),
        ("{{Begriffsklärungshinweis}} x", "T", "de"),
    ],
)
def test_pages_that_are_articles(text: str, title: str, lang: str) -> None:
    assert article(page(text, title), lang).reason is None
    assert article(replace(page(text, title), ns=None), lang).reason is None


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="no such variant: 'zh-xx'"):
        article(page("x"), "zh", variant="zh-xx")


PAIRS = [
    # links
    ("[[bus]]es and [[Bus|coaches]]", "buses and coaches"),
    ("[[Bus (vehicle)|]] [[:Category:Buses|buses]] [[:File:A.jpg]]", "Bus (vehicle) buses File:A.jpg"),
    ("a [[File:x.jpg|thumb|[[b]] {{c|d}} [http://e.f g]]] h", "a h"),
    ("a [[Image:x.jpg]], b", "a, b"),
    ("一[[檔案:x.jpg|二]]三[[图像:y.png]]", "一三"),
    ("a[[Category:X]] b [[Kategorie:Y]]", "a b"),
    ("a [[fr:Autobus]] [[:fr:Autobus|bus]] [[wikt:bus|bus]]", "a bus bus"),
    ("[[a|b [[c]] d]]", "b c d"),
    ("[[Unclosed and so on", "Unclosed and so on"),
    ("open ]] close", "open close"),
    ("[http://a.b label] [http://a.b] //x mailto:y", "label //x mailto:y"),
    ("[//a.b label] [a] [sic]", "label [a] [sic]"),
    ("see http://a.b/c, or", "see http://a.b/c, or"),
    ("[http://a.b unclosed", "http://a.b unclosed"),
    # templates
    ("a {{unknown|b}} c", "a c"),
    ("{{lang|fr|''Le Monde''}} {{lang-de|Die [[Zeit|Welt]]}} {{langx|la|pax}}", "Le Monde Die Welt pax"),
    ("{{nowrap|a {{lang|fr|b|c=d}}}}", "a b"),
    ("{{nowrap|1=a=b}} {{Nobr|c [[d|e]]}} {{NOWRAP|f}}", "a=b c e f"),
    ("{{convert|5|-|10|km|mi}}, {{convert|3|to|4|sqmi}}, {{cvt|6|ft|2|in|m}}", "5–10 km, 3 to 4 sq mi, 6 ft 2 in"),
    ("{{convert|20|C|F}} {{convert|2|x|3|m}} {{convert|1/2|mi}} {{convert}}", "20 °C 2 × 3 m 1/2 mi"),
    ("{{val|5.2|u=kg}} {{frac|1|2}} {{frac|3|1|2}} {{sfrac|7}}", "5.2 kg 1/2 3 1/2 1/7"),
    ("{{circa|1900}} {{As of|2020|5}}, {{as of|2019|lc=y}}", "c. 1900 As of May 2020, as of 2019"),
    ("{{nihongo|Tokyo Tower|東京タワー|Tōkyō tawā}}", "Tokyo Tower (東京タワー, Tōkyō tawā)"),
    ("{{ill|Jean X|fr|Jean X (poète)|lt=X}} {{ill|A|de}} {{ill|en|B|C}}", "X A B"),
    ("{{USS|Alder|CV-6}} {{HMS|Fell}} {{ship|SS|Sil|1912}} {{sclass|Iowa|battleship}}", "USS Alder (CV-6) HMS Fell SS Sil (1912) Iowa-class battleship"),
    ("{{chem|H|2|O}} {{color|red|red}} {{hlist|a|b}} a{{ndash}}b {{!}}", "H2O red a, b a–b |"),
    ("{{formatnum:12345}} {{lang}} {{lang|fr}}", "12345 fr"),
    ("a {{quote|text=b}} c", "a", "b", "c"),
    ("{{ubl|a|b|[[c]]}}", "a", "b", "c"),
    ("a {{unclosed|b", "a unclosed|b"),
    ("a }} b", "a b"),
    ("a {{#if:x|y}} {{{1|z}}} {{{2}}} {{nowrap|{{{3|{{nowrap|c}}}}}}} b", "a z c b"),
    ("{{nowrap|a {{unknown}}, b}}", "a, b"),
    # gaps
    ("A ({{x}}; {{x}}, 1900), b ({{x}}), c ({{x}}, {{y}}) d", "A (1900), b, c d"),
    ("A (({{x}})) b, {{x}}, c {{x}}. D{{x}}e", "A b, c. De"),
    ("甲（{{x}}，{{y}}），乙（{{x}}、1900年）丙《{{x}}》丁", "甲，乙（1900年）丙丁"),
    ("main() and f(, x) and ( ) stay", "main() and f(, x) and ( ) stay"),
    ("{{x}}, and so", "and so"),
    # references, comments, tags
    ("a<ref>b</ref> c<ref name='d'/>.<ref name=e>f {{g|h}}</ref>", "a c."),
    ("a<ref>open b<ref>c</ref> d", "aopen b d"),
    ("a <!-- b\n\nc -->d", "a d"),
    ("a <!-- never closed", "a"),
    ("a<br />b<BR>c", "a", "b", "c"),
    ("<div class='x'>a</div><small>b</small> <span style=\"c\">d</span>", "a", "b d"),
    ("#include &lt;a&gt; 1 < 2 <stdio.h> <3", "include <a> 1 < 2 <stdio.h> <3"),
    ("a <math>x^2 < {{y}}</math> and <chem>H2O</chem>", "a $x^2 < {{y}}$ and $\\ce{H2O}$"),
    ("<nowiki>[[a]] ''b'' &amp;</nowiki> <nowiki/>c", "[[a]] ''b'' & c"),
    ("use <code>a[ [0] ]  b</code>, <code>[[x|y]]</code>", "use a[ [0] ] b, y"),
    ("x\n<syntaxhighlight lang='py'>\ndef f():\n    return {{1}}\n\n</syntaxhighlight>\ny", "x", "def f():", "    return {{1}}", "y"),
    ("<pre>\n a\n  b\n</pre>", " a", "  b"),
    ("a <timeline>b</timeline> <score>c</score> d", "a d"),
    ("<gallery>\nA.jpg|b", "A.jpg|b"),
    # emphasis and entities
    ("'''a''' ''b'' '''''c''''' d's", "a b c d's"),
    ("L'''Étranger'' de '''Camus'''", "L'Étranger de Camus"),
    ("''''a''' it''s", "'a its"),
    ("a&nbsp;b &amp;nbsp; &#39;&#39;c&#39;&#39; &eacute; &copy &#x4e2d;", "a b &nbsp; ''c'' é &copy 中"),
    ("&#4;a&#29;b&#0;", "ab\ufffd"),
    ("e\u0301 \ufeffa\u3000\u00a0 b", "é a b"),
    # blocks
    ("a\nb\n\nc", "a b", "c"),
    ("漢字\n汉字\nabc\n한글", "漢字汉字 abc 한글"),
    ("* a\n* b\n** c\n:d\n;e\n#f\n g", "a", "b", "c", "d", "e", "f", "g"),
    ("a\n----\nb", "a", "b"),
    ("== A ==\n=== B ===\n==== C ====\nd\n== E ==\n=== F ===", "A", "B", "C", "d"),
    ("= A =\nb\n==C\nd\n===E==\nf\n== G == x\nh", "A", "b ==C d", "=E", "f == G == x h"),
    ("a\n== SEE ALSO: ==\nb\n=== c ===\nd\n== e ==\nf", "a", "e", "f"),
    ("a\n=== Notes ===\nb\n== c ==\nd", "a", "c", "d"),
    ("__NOTOC__ a __init__ b", "a __init__ b"),
    ("<poem>\na\n'''b'''\n\nc</poem>d", "a", "b", "c", "d"),
    ("…\n* —\na", "a"),
    # tables
    ("{| class='wikitable'\n! a\n| b || c | d\n|-\n|\n|-\n| e\n* f\n| {{nowrap|g|h}}\n|}", "a | b | d", "e f | g"),
    ("{|\n| a\n{| class=wikitable\n| b\n|}\n|}\nc", "c"),
    ("x\n:{| class=wikitable\n| a | b<br>c\n|}", "x", "b c"),
    ("{| class=wikitable\n| a\n| b", "class=wikitable"),
    ("{{quote|\n{| class=wikitable\n| a || b\n|}\n}}", "a | b"),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0][:40])
def test_markup(pair: tuple[str, ...]) -> None:
    text, *expected = pair
    assert blocks(text) == expected


@pytest.mark.parametrize(
    ("text", "wanted", "shown"),
    [
        ("原文", (), "原文"),
        ("zh-hans:计算机;zh-hant:電腦", ("zh-hans",), "计算机"),
        ("zh-hans:计算机;zh-hant:電腦;", ("zh-tw", "zh-hant"), "電腦"),
        ("zh-tw:電腦; zh-cn:计算机", ("zh-hk",), "電腦"),
        ("A|zh-cn:甲;zh-tw:乙", ("zh-cn",), "甲"),
        ("H|zh-cn:甲;zh-tw:乙", ("zh-cn",), ""),
        ("T|zh-cn:甲;zh-tw:乙", ("zh-cn",), ""),
        ("-|zh-cn:甲;zh-tw:乙", ("zh-cn",), ""),
        ("R|zh-cn:甲;zh-tw:乙", ("zh-cn",), "zh-cn:甲;zh-tw:乙"),
        ("zh-hant;zh-tw|乙", ("zh-cn",), "乙"),
        ("巨集=>zh-cn:宏", ("zh-cn",), "宏"),
        ("zh-cn:a&nbsp;b;zh-tw:c", ("zh-cn",), "a&nbsp;b"),
        ("http://a.b;c", ("zh-cn",), "http://a.b;c"),
        ("", ("zh-cn",), ""),
    ],
)
def test_variants(text: str, wanted: tuple[str, ...], shown: str) -> None:
    assert variant(text, wanted) == shown


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("-{zh-hans:[[a|甲]]{{lang|en|b|c}};zh-hant:乙}-丙", "zh", "甲c丙"),
        ("一-{二-{zh-hans:三;zh-hant:叁}-四}-五", "zh", "一二三四五"),
        ("a-{b}-c {-d-}", "en", "a-{b}-c {-d-}"),
        ("-{甲", "zh", "甲"),
        ("甲}-乙", "zh", "甲}-乙"),
        ("甲-{{lang|en|b}}-", "zh", "甲-b-"),
    ],
)
def test_variants_in_text(text: str, lang: str, expected: str) -> None:
    assert blocks(text, lang) == [expected]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("<ref>http://a.b/c.</ref><ref>(http://a.b/d)</ref>", ["http://a.b/c", "http://a.b/d"]),
        (
            "<ref>http://a.b/c_(d)</ref><ref>[http://a.b/e f]</ref>",
            ["http://a.b/c_(d)", "http://a.b/e"],
        ),
        ("<ref>{{cite web|url=http://a.b/c.|x=''y''}}</ref>", ["http://a.b/c."]),
        ("<ref>http://a.b/c</ref> <REF name=x>http://a.b/c</REF>", ["http://a.b/c"]),
        (
            "<ref>''http://a.b/c''</ref><ref>见http://a.b/汉字。</ref>",
            ["http://a.b/c", "http://a.b/汉字"],
        ),
        ("{{Infobox|x=<ref>http://a.b</ref>}}", ["http://a.b"]),
        ("{{refn|http://a.b}} {{#tag:ref|http://c.d|name=x}}", ["http://a.b", "http://c.d"]),
        ("* {{cite book|url=http://a.b|title=x}}", ["http://a.b"]),
        ("<references><ref name=x>http://a.b</ref></references>", ["http://a.b"]),
        ("<ref>https://</ref> http://a.b [http://c.d e] {{x|http://e.f}}", []),
    ],
)
def test_cited_urls(text: str, urls: list[str]) -> None:
    assert list(article(page("x " + text), "en").cited_urls) == urls


def test_every_kept_template_shows_what_it_holds_or_nothing() -> None:
    for title in wikitemplates._BY_NAME:
        for values in ({}, {"1": "a"}, {"1": "5", "2": "b", "3": "c"}, {"text": "d"}):
            assert isinstance(wikitemplates.text_of(title, values), str)
        assert wikitemplates.kept(title)
        assert not wikitemplates.cites(title)


# Each of them repeated, and nested, to a page of 40 kB.
UNITS = [
    ("{{a|", "}}"), ("{{lang|fr|", "}}"), ("{{nowrap|[[a|", "]]}}"), ("[[a|", "]]"), ("[[a|", "}}"),
    ("{|\n|-\n| a\n", "\n|}"), ("{{x|\n{|\n", "|}\n}}"), ("<ref>a ", "</ref>"), ("<div>", "</div>"),
    ("<gallery>", "</gallery>"), ("<nowiki>", "</nowiki>"), ("<poem>a\n", "</poem>"), ("<!--", "-->"),
    ("-{zh-hans:a;", "}-"), ("[http://a b ", "]"), ("'''", "''"), ("(", "{{x}})"), ("({{x}}, ", ")"),
    ("{{{", "}}}"), ("== a ", "==\n"), ("<a b=\"", "\">"), ("&amp;", ";"), ("<ref>http://a.b/", "</ref>"),
    ("[[File:a|", "]]"), ("\n*", "\n"), ("{{lang|fr|a}} [[a|b]] ", ""), ("[http://a.b c] ", ""),
    ("{| class=wikitable\n| a || b\n", "\n|}"), (" ", "\n"), ("{{convert|1|", "m}}"),
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[0].strip())
def test_hostile_markup_costs_linear_time(unit: tuple[str, str]) -> None:
    begin, end = unit
    start = time.process_time()
    for text in (begin * (40_000 // len(begin)), (begin + end) * (40_000 // len(begin + end))):
        article(page(text), "zh")
    count = 40_000 // len(begin + end)
    article(page(begin * count + "x" + end * count), "zh")
    assert time.process_time() - start < 10  # seconds; a quarter of one on an idle machine


def test_beyond_the_limit_templates_go_and_addresses_lose_their_brackets() -> None:
    line = "{{lang|fr|a}} [http://b.c d] e"
    count = MAX_PARSED_CHARS // len(line) + 2
    found = blocks("\n\n".join([line] * count))
    assert found == ["a d e"] * (count - 2) + ["d e"] * 2


def test_what_is_left_open_costs_nothing_behind_it() -> None:
    for opener in (
        "[[open",
        "{|\n| open",
        "<ref>open",
        "<poem>open",
        "'''open",
        "[http://open.org a",
    ):
        text = f"{opener}\n\n" * 10 + "[[a|b]] {{nowrap|c}} {{x}}<ref>http://d.e</ref>"
        assert blocks(text)[-1] == "b c", opener
    assert blocks("[[open\n\n" * 40 + "{{nowrap|[[a|b]]}}\n== [[c|d]] ==\ne]]")[-3:] == [
        "b",
        "d",
        "e",
    ]


def test_what_is_nested_too_deep_is_cut() -> None:
    assert blocks("a " + "{{nowrap|" * 20 + "b" + "}}" * 20) == ["a b"]
    assert blocks("a " + "{{nowrap|" * 60 + "b" + "}}" * 60 + " c") == ["a c"]


def test_mutated_pages_never_raise() -> None:
    rng = random.Random(3)
    texts = [ENGLISH, SIMPLIFIED, TRADITIONAL]
    for _ in range(150):
        text = rng.choice(texts)
        for _ in range(8):
            at, size = rng.randrange(len(text)), rng.randrange(30)
            other = rng.choice(texts)
            begin = rng.randrange(len(other))
            text = text[:at] + other[begin : begin + rng.randrange(30)] + text[at + size :]
        found = article(page(text), rng.choice(["en", "zh", "fr"]))
        assert all(b.strip() and "\n" not in b for b in found.blocks)
        assert not any(c in b for b in found.blocks for c in "\x02\x03\x04\x05\x1d")
        assert article(page(text), "zh") == article(page(text), "zh")
