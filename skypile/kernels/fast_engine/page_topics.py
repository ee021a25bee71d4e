"""What words in the attributes of elements say, and tags as groups: tables for `page_features`."""

import numpy as np

from skypile.kernels.compiled import I32, U32, compiled
from skypile.kernels.fast_engine.page_tags import TAG, TAGS, name_hash

# What words in a class, id, role or itemprop say of what an element holds. Chosen by what they
# mean, before any page was looked at; pinyin and what Chinese portals use are among them.
TOPICS = {
    "content": "article articlebody articlecontent articletext artical body content contents text "
    "txt entry story post posttext postbody postcontent main maincontent news newsbody newscontent "
    "detail details description paragraph rich richtext prose neirong zhengwen wenzhang blog page "
    "copy markdown readable narrative bodytext entrycontent contenttext artibody con cont",
    "comment": "comment comments commentlist disqus reply replies respond response discussion "
    "livefyre feedback pinglun review reviews cmt cmts huifu",
    "share": "share sharing social tools toolbar button buttons btn facebook twitter weibo wechat "
    "addthis sharethis sns fenxiang bdshare jiathis email print follow like likes action actions",
    "related": "related recommend recommended recommendation recommendations recommends more "
    "popular trending latest teaser teasers promo promos promoted recirc outbrain taboola similar "
    "hot tuijian xiangguan readmore also carousel rail suggested headlines feed next prev previous",
    "navigation": "nav navbar navigation menu menus breadcrumb breadcrumbs crumb crumbs crumbtrail "
    "topnav subnav daohang mianbao sitemap links pagination pager paging pagenav tabs tab skip "
    "search searchbox login signin topbar dropdown location position path",
    "aside": "sidebar side aside widget widgets rightcol right left leftcol column col "
    "complementary secondary module box panel",
    "footer": "footer foot copyright bottom legal disclaimer colophon contentinfo banquan banner "
    "cookie cookies consent gdpr privacy policy",
    "header": "header head masthead top logo site brand branding",
    "byline": "byline author authors meta date time timestamp published pubdate source dateline "
    "info posted postmeta zuozhe laiyuan editor credit credits bio profile avatar user username "
    "userinfo member signature sig stats count views",
    "advert": "ad ads adv advert advertisement advertising sponsor sponsored sponsors dfp gpt "
    "guanggao adsbygoogle commercial newsletter subscribe subscription signup paywall modal popup "
    "overlay promo offer donate",
    "tags": "tag tags category categories topic topics label labels keyword keywords biaoqian",
    "caption": "caption captions wp figure figcaption image img photo picture gallery slideshow "
    "media video player thumb thumbnail pic",
    "title": "title headline subtitle heading subhead biaoti hed dek standfirst summary intro lead "
    "lede abstract excerpt deck",
    "forum": "forum thread threads topic message messages msg postmessage postlist bbs quote "
    "blockquote bbcode answer answers question",
    "table": "table list listing items grid row cell infobox toc reference references citation",
}
TOPIC_SLOTS = 2048
BUCKETS = 8192  # of the words that are weighed one by one, by hash


def _topic_slots() -> tuple[U32, I32]:
    hashes, bits = np.zeros(TOPIC_SLOTS, np.uint32), np.zeros(TOPIC_SLOTS, np.int32)
    for bit, words in enumerate(TOPICS.values()):
        for word in words.split():
            at = name_hash(word) % TOPIC_SLOTS
            while hashes[at] and hashes[at] != name_hash(word):
                at = (at + 1) % TOPIC_SLOTS
            hashes[at] = name_hash(word)
            bits[at] |= 1 << bit
    return hashes, bits


TOPIC_HASHES, TOPIC_BITS = _topic_slots()
N_TOPICS = len(TOPICS)

# Tags as groups, for the elements a block is in.
GROUPS = {
    "paragraph": "p",
    "item": "li dd dt",
    "heading1": "h1",
    "heading": "h2 h3 h4 h5 h6",
    "cell": "td th",
    "quote": "blockquote",
    "pre": "pre",
    "caption": "figcaption caption legend figure",
    "label": "label form fieldset",
    "article": "article main",
    "section": "section",
    "aside": "aside nav",
    "footer": "footer",
    "header": "header",
}
GROUP_OF = np.zeros(len(TAGS), np.int32)
for _bit, _names in enumerate(GROUPS.values()):
    for _name in _names.split():
        GROUP_OF[TAG[_name]] = 1 << _bit
N_GROUPS = len(GROUPS)
TAG_P, TAG_A, TAG_H1 = TAG["p"], TAG["a"], TAG["h1"]


@compiled
def topics_of(name: np.uint32) -> int:
    """The topics of a word by its hash, as bits in the order of `TOPICS`; 0 for any other."""
    at = int(name) % TOPIC_SLOTS
    while TOPIC_HASHES[at]:
        if TOPIC_HASHES[at] == name:
            return int(TOPIC_BITS[at])
        at = (at + 1) % TOPIC_SLOTS
    return 0
