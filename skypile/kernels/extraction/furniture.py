"""What stands around a text and says nothing of it: lists of links, and lines of fixed form.

Found by their form alone, the same on any page: a list whose letters are all in links, and lines
that are a share prompt, a cookie note, a trail of where one is, the way to the next page, contact
and registration data, rights reserved. Each pattern is of a whole short line: a sentence that only
mentions such a thing stays.

Left out: what recurs on many pages in words of its own (that is distribution filtering).
"""

import re
from typing import Any

from lxml import etree

MAX_LINE_CHARS = 200  # a longer line is a paragraph, whatever it begins with
MIN_ITEMS = 4
# Share of a list's letters that are in links. Digits and marks do not count, since ranks, dates
# and numbers of comments stand beside the links of such lists.
MIN_LINKED_FRACTION = 0.85
MAX_LINK_LETTERS = 60  # of an item, on average; catalogues with whole sentences as links stay

_SHARE_TARGETS = r"微信|朋友圈|微博|新浪|腾讯|QQ|空间|好友|人人|豆瓣|facebook|twitter|weibo|wechat"
# Each of these has a Chinese word, so that no line of ASCII is tried against them.
_CHINESE = (
    # Simplified and traditional
    rf"分享(?:到|至|给|給)?\s*[:：]?\s*(?:(?:{_SHARE_TARGETS}|[、,，|/ ])\s*)*",
    r"(?:您|你)?(?:当前|現在|现在|目前|當前|所在)?(?:的|所在)?(?:的)?位置\s*[:：].*",
    r"(?:字号|字號|字体大小|字體大小|字体)\s*[:：]?\s*(?:[\[【（(]?[大中小+\-TA]{1,3}[\]】）)]?\s*)*.{0,12}",
    r"(?:[\[【（(]\s*)?(?:打印|列印|关闭|收藏|复制代码|返回顶部|回到顶部|返回列表|阅读全文|查看原文"
    r"|加载更多|点击加载更多|展开全文|我要评论|发表评论|举报|設為首頁|设为首页|加入收藏|收藏本站"
    r"|添加收藏夹)(?:本页|窗口|此页)?(?:\s*[\]】）)|/]?\s*[\[【（(|]?\s*(?:打印|关闭|收藏|设为首页"
    r"|关于我们|加入收藏)(?:本页|窗口|此页)?\s*[\]】）)]?)*",
    r"[上下]一[篇页頁条條章则則]\s*(?:[:：].{0,60})?(?:[上下]一[篇页頁条條章则則]\s*[:：].{0,60})?",
    r"(?:微信)?扫(?:一扫|码|描).{0,40}|微信扫码.{0,20}|长按.{0,10}二维码.{0,20}|关注该公众号",
    r"(?:用微信扫码二维码|分享至好友和朋友圈|微信号|微信公众号)",
    r"(?:违法和不良信息)?举报(?:电话|邮箱|热线)\s*[:：].{0,60}",
    r"(?:相关|相關|热门|熱門|推荐|推薦|更多|精彩|猜你|最新|延伸)(?:阅读|閱讀|文章|新闻|新聞|推荐|推薦"
    r"|链接|連結|资讯|喜欢|喜歡|评论|标签|报道|报导)\s*[:：]?",
    r"(?:浏览|阅读|点击|瀏覽)(?:次数|量|数)?\s*[:：]\s*\d*(?:\s*次)?",
    r".{0,60}(?:ICP备|ICP備|ICP证|公网安备|公網安備).{0,100}",
    r"(?:版权所有|版權所有).{0,100}|.{0,30}(?:版权所有|版權所有)[^。]{0,40}",
    r".{0,12}使用\s*cookies?.{0,100}",
)
_ENGLISH = (
    r"share(?: (?:this|on|via|to|with))?(?: (?:article|story|post|page|facebook|twitter|x|linkedin"
    r"|whatsapp|email|pinterest|reddit|your friends))*(?: ?[,|/:])?",
    r"(?:tweet|pin|e-?mail|print|save|bookmark|facebook|twitter|linkedin|pinterest|whatsapp|reddit)"
    r"(?: (?:this|it|page|article|story))*",
    r"(?:copyright\s*)?(?:©|\(c\)|copyright)\s*(?:©|\(c\))?\s*\d{4}.{0,100}",
    r"(?:we use|(?:this|our) (?:web)?site uses) cookies.{0,180}",
    r"(?:previous|next|newer|older) (?:article|post|story|page|entry)s?\s*(?:[:»«→←].{0,80})?",
    r"(?:related|recommended|popular|latest|more|most read|trending)"
    r" (?:articles|stories|posts|news|links|reading|topics)\s*:?",
    r"(?:skip to (?:main )?content|back to top|scroll to top|jump to navigation|read more"
    r"|advertisement|sponsored|log ?in|sign ?up|register|leave a (?:comment|reply)"
    r"|show more|load more)[.… »]*",
    r"\[\d{1,4}(?:[-–,]\s?\d{1,4})*\]",  # a citation on a line of its own
)
_CHINESE_LINE, _ENGLISH_LINE = (
    re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)
    for patterns in (_CHINESE, _ENGLISH)
)
# Apart, since a pattern that begins anywhere is tried at each character.
_RESERVED = re.compile(r".{0,100}all rights reserved\.?.{0,40}", re.IGNORECASE)


def is_furniture(line: str) -> bool:
    """Whether a line is of such a form as a whole."""
    text = line.removeprefix("- ")
    if len(text) > MAX_LINE_CHARS:
        return False
    if _ENGLISH_LINE.fullmatch(text) or ("reserved" in text.lower() and _RESERVED.fullmatch(text)):
        return True
    return not text.isascii() and _CHINESE_LINE.fullmatch(text) is not None


def mark_link_lists(tree: Any, mark: str) -> None:
    """Begin each text in a list whose items are links and next to nothing else with a mark.

    They are not taken out of the page, since extractors go by how much of a page they took: whole
    pages were taken for the text when their link lists were gone.
    """
    marked: set[Any] = set()
    lists = [found for body in tree.iter("body") for found in body.iter("ul", "ol")]
    for found in lists:
        few_items = len(found.findall("li")) < MIN_ITEMS
        if few_items or found in marked or not marked.isdisjoint(found.iterancestors()):
            continue
        linked = sum(map(_letters, found.iter("a")))
        few = 0 < linked <= MAX_LINK_LETTERS * len(found)
        if not (few and linked >= MIN_LINKED_FRACTION * _letters(found)):
            continue
        marked.add(found)
        mark_texts(found, mark)


def mark_texts(element: Any, mark: str) -> None:
    """Begin each text in an element with a mark."""
    for inner in element.iter("*"):
        if inner.text and not inner.text.isspace():
            inner.text = _marked(inner.text, mark)
        if inner is not element and inner.tail and not inner.tail.isspace():
            inner.tail = _marked(inner.tail, mark)


def _marked(text: str, mark: str) -> str:
    """A space before the text stays one: the text may be kept after all, and be part of a line."""
    return (" " if text[0].isspace() else "") + mark + text.lstrip()


_string: Any = etree.XPath("string()", smart_strings=False)


def _letters(element: Any) -> int:
    return sum(map(str.isalpha, _string(element)))
