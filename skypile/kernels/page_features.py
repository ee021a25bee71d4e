"""What is known of each block of a page, as numbers: its own text, what stands around it, the
elements it is in, and blocks that are marked up alike. One compiled pass over a `page_scan.Scan`.

All are sums and ratios of integers, so that they are the same on every machine: no logarithms,
which a tree does not need. Texts are measured in weight (`page_scan`), whatever their script.

Left out: what is made of them (`page_trees`).
"""

import numpy as np
import numpy.typing as npt

from skypile.kernels.compiled import F64, I32, I64, U32, compiled
from skypile.kernels.page_scan import (
    BEHIND_BREAK,
    CAPITALS,
    CHARS,
    COMMAS,
    DEPTH,
    DIGITS,
    ELEMENT,
    END,
    ENDS,
    FIRST,
    HIDDEN,
    INNER,
    LINKED,
    LINKS,
    LISTS,
    MARKS,
    PARENT,
    START,
    STOP,
    TAG,
    TAG_OF,
    TAGS,
    TITLE_WORDS,
    WEIGHT,
    WIDE_CHARS,
    WORDS,
    Scan,
    name_hash,
)

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
_SLOTS = 2048
BUCKETS = 8192  # of the words that are weighed one by one, by hash


def _topic_slots() -> tuple[U32, I32]:
    hashes, bits = np.zeros(_SLOTS, np.uint32), np.zeros(_SLOTS, np.int32)
    for bit, words in enumerate(TOPICS.values()):
        for word in words.split():
            at = name_hash(word) % _SLOTS
            while hashes[at] and hashes[at] != name_hash(word):
                at = (at + 1) % _SLOTS
            hashes[at] = name_hash(word)
            bits[at] |= 1 << bit
    return hashes, bits


_TOPIC_HASHES, _TOPIC_BITS = _topic_slots()
_N_TOPICS = len(TOPICS)

# Tags as groups, for the elements a block is in.
_GROUPS = {
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
_GROUP_OF = np.zeros(len(TAGS), np.int32)
for _bit, _names in enumerate(_GROUPS.values()):
    for _name in _names.split():
        _GROUP_OF[TAG[_name]] = 1 << _bit
_N_GROUPS = len(_GROUPS)
_P, _A, _H1 = TAG["p"], TAG["a"], TAG["h1"]

_MAX_STEPS = 40  # up from a block, so that time is linear on pages of any depth
_WINDOWS = (1, 2, 4, 8, 16)
_ANCESTORS = 5
_NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
_OFFSETS = np.array(_NEIGHBOURS)
_SIZES = np.array(_WINDOWS)

OWN = (
    *("weight", "linked_fraction", "links", "chars", "wide_fraction", "digit_fraction"),
    *("mark_fraction", "ends", "ends_per_weight", "commas", "commas_per_weight"),
    *("capital_fraction", "words", "chars_per_word", "behind_break", "title_words"),
    *("title_fraction", "last_is_end", "first_is_capital", "in_link", "hidden", "inner_differs"),
    *("lists", "depth", "repeats", "last_is_colon", "has_bar"),
)
NAMES: tuple[str, ...] = (
    *OWN,
    *(f"own_{name}" for name in _GROUPS),
    *(f"in_{name}" for name in _GROUPS),
    *(f"near_{name}" for name in TOPICS),
    *(f"steps_{name}" for name in TOPICS),
    *(f"{what}_{size}" for size in _WINDOWS for what in ("text", "links", "ends", "linked")),
    *(f"{what}_{d:+d}" for d in _NEIGHBOURS for what in ("weight", "linked", "ends", "like")),
    *(
        f"{what}_up{i}"
        for i in range(_ANCESTORS)
        for what in ("weight", "share", "linked", "ends", "paragraphs", "blocks")
    ),
    *("best_share", "best_linked", "best_ends", "best_steps", "best_paragraphs"),
    *("alike", "alike_weight", "alike_mean", "alike_linked", "alike_ends", "alike_position"),
    *("position", "before", "blocks", "from_h1", "behind_h1", "from_heading"),
    *("page_weight", "page_linked", "page_wide", "page_paragraphs", "page_largest"),
    *("words_score", "words_best", "words_worst"),
)
N_FEATURES = len(NAMES)


def features(scan: Scan, weights: npt.NDArray[np.float64]) -> F64:
    """A row of numbers by block, in the order of `NAMES`. weights: of words by hash, `BUCKETS`."""
    return _features(
        scan.text,
        scan.elements,
        scan.blocks,
        scan.word_elements,
        scan.word_hashes,
        scan.title_words,
        weights,
    )


@compiled
def _topics_of(name: np.uint32) -> int:
    at = int(name) % _SLOTS
    while _TOPIC_HASHES[at]:
        if _TOPIC_HASHES[at] == name:
            return int(_TOPIC_BITS[at])
        at = (at + 1) % _SLOTS
    return 0


@compiled
def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else 0.0


@compiled
def _sums(blocks: I32, elements: I32) -> I64:
    """Running sums over blocks: weight, weight outside links, of links, ends, in p, wide, links."""
    sums = np.zeros((len(blocks) + 1, 7), np.int64)
    for b in range(len(blocks)):
        weight, linked = int(blocks[b, WEIGHT]), int(blocks[b, LINKED])
        sums[b + 1] = sums[b]
        sums[b + 1, 0] += weight
        sums[b + 1, 1] += weight - linked
        sums[b + 1, 2] += linked
        sums[b + 1, 3] += blocks[b, ENDS]
        if elements[blocks[b, ELEMENT], TAG_OF] == _P:
            sums[b + 1, 4] += weight
        sums[b + 1, 5] += blocks[b, WIDE_CHARS]
        sums[b + 1, 6] += blocks[b, LINKS]
    return sums


@compiled
def _paths(elements: I32, of: I32, hashes: U32) -> U32:
    """A hash of each element's tag and words, and those of the two elements around it."""
    own = np.empty(len(elements), np.uint32)
    for e in range(len(elements)):
        own[e] = np.uint32(elements[e, TAG_OF] + 1) * np.uint32(0x9E3779B1)
    for k in range(len(of)):
        own[of[k]] += hashes[k] * np.uint32(0x85EBCA6B)
    paths = np.empty(len(elements), np.uint32)
    for e in range(len(elements)):
        p = int(elements[e, PARENT])
        state = own[e]
        if p >= 0:
            state = np.uint32((state ^ (own[p] * np.uint32(0xC2B2AE35))) * np.uint32(0x01000193))
            if elements[p, PARENT] >= 0:
                g = own[elements[p, PARENT]]
                state = np.uint32((state ^ (g * np.uint32(0x27D4EB2F))) * np.uint32(0x01000193))
        paths[e] = state
    return paths


@compiled
def _groups(keys: U32) -> I32:
    """The first position with the same key, for each position; by an open hash table."""
    size = 1
    while size < 2 * len(keys) + 2:
        size *= 2
    table = np.full(size, -1, np.int32)
    first = np.empty(len(keys), np.int32)
    for b in range(len(keys)):
        at = int(keys[b] * np.uint32(0x9E3779B1)) % size
        while table[at] >= 0 and keys[table[at]] != keys[b]:
            at = (at + 1) % size
        if table[at] < 0:
            table[at] = b
        first[b] = table[at]
    return first


@compiled
def _text_keys(text: U32, blocks: I32) -> U32:
    keys = np.empty(len(blocks), np.uint32)
    for b in range(len(blocks)):
        state = np.uint32(0x811C9DC5)
        for i in range(blocks[b, START], blocks[b, STOP]):
            state = np.uint32((state ^ text[i]) * np.uint32(0x01000193))
        keys[b] = state
    return keys


@compiled
def _element_facts(
    elements: I32, of: I32, hashes: U32, weights: F64
) -> tuple[I32, F64, F64, F64, I32, I32]:
    """Of each element: topics of its words and of all around it, the words' scores, groups in."""
    n = len(elements)
    topics, score = np.zeros(n, np.int32), np.zeros(n)
    for k in range(len(of)):
        topics[of[k]] |= _topics_of(hashes[k])
        score[of[k]] += weights[int(hashes[k]) % BUCKETS]
    best, worst = np.zeros(n), np.zeros(n)
    inside, groups = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for e in range(n):
        p = int(elements[e, PARENT])
        own = score[e]
        groups[e] = _GROUP_OF[elements[e, TAG_OF]]
        inside[e] = topics[e]
        best[e] = worst[e] = own
        if p >= 0:
            groups[e] |= groups[p]
            inside[e] |= inside[p]
            score[e] += score[p]
            best[e], worst[e] = max(own, best[p]), min(own, worst[p])
    return topics, score, best, worst, inside, groups


@compiled
def _features(
    text: U32, elements: I32, blocks: I32, of: I32, hashes: U32, title_words: int, weights: F64
) -> F64:
    n = len(blocks)
    out = np.zeros((n, N_FEATURES))
    if n == 0:
        return out
    sums = _sums(blocks, elements)
    topics, score, best, worst, inside, groups = _element_facts(elements, of, hashes, weights)
    alike = _alike(elements, blocks, of, hashes)
    members, last_alike = _members(blocks, alike)
    same = _groups(_text_keys(text, blocks))
    repeats = np.zeros(n, np.int64)
    first_h1, heading, largest = -1, -1, 0
    for b in range(n):
        repeats[same[b]] += 1
        largest = max(largest, int(blocks[b, WEIGHT]))
        if first_h1 < 0 and elements[blocks[b, ELEMENT], TAG_OF] == _H1:
            first_h1 = b
    total = sums[n]
    for b in range(n):
        row, e, inner = out[b], int(blocks[b, ELEMENT]), int(blocks[b, INNER])
        f = _own(row, text, elements, blocks[b], title_words)
        row[_REPEATS] = repeats[same[b]]
        own_group = _GROUP_OF[elements[e, TAG_OF]]
        for bit in range(_N_GROUPS):
            row[f + bit] = (own_group >> bit) & 1
            row[f + _N_GROUPS + bit] = (groups[e] >> bit) & 1
        f = _topic_steps(row, f + 2 * _N_GROUPS, elements, topics, e, inner, inside[inner])
        f = _around(row, f, blocks, sums, alike, b)
        f = _ancestors(row, f, elements, sums, e)
        f = _best_container(row, f, elements, sums, e)
        g = alike[b]
        row[f], row[f + 1] = members[g, 0], _ratio(members[g, 1], total[0])
        row[f + 2] = _ratio(members[g, 1], members[g, 0])
        row[f + 3] = _ratio(members[g, 2], members[g, 1])
        row[f + 4] = _ratio(members[g, 3], members[g, 1])
        row[f + 5] = _ratio(b - g, last_alike[g] - g)
        f += 6
        if own_group & _ANY_HEADING:
            heading = b
        row[f], row[f + 1], row[f + 2] = _ratio(b, n), _ratio(sums[b, 0], total[0]), n
        row[f + 3] = b - first_h1 if first_h1 >= 0 else -999
        row[f + 4] = first_h1 >= 0 and b >= first_h1
        row[f + 5] = b - heading if heading >= 0 else 999
        f += 6
        row[f], row[f + 1] = total[0], _ratio(total[2], total[0])
        row[f + 2], row[f + 3] = _ratio(total[5] * 7, total[0]), _ratio(total[4], total[0])
        row[f + 4] = _ratio(largest, total[0])
        row[f + 5], row[f + 6], row[f + 7] = score[inner], best[inner], worst[inner]
    return out


_REPEATS = OWN.index("repeats")
_ANY_HEADING = 0b1100  # of _GROUPS


@compiled
def _alike(elements: I32, blocks: I32, of: I32, hashes: U32) -> I32:
    """The first block whose element is marked up alike, for each block."""
    paths = _paths(elements, of, hashes)
    keys = np.empty(len(blocks), np.uint32)
    for b in range(len(blocks)):
        keys[b] = paths[blocks[b, ELEMENT]]
    return _groups(keys)


@compiled
def _members(blocks: I32, alike: I32) -> tuple[I64, I64]:
    """Blocks, weight, linked weight and ends of each group; and its last block."""
    members, last = np.zeros((len(blocks), 4), np.int64), np.zeros(len(blocks), np.int64)
    for b in range(len(blocks)):
        g = alike[b]
        members[g, 0] += 1
        members[g, 1] += blocks[b, WEIGHT]
        members[g, 2] += blocks[b, LINKED]
        members[g, 3] += blocks[b, ENDS]
        last[g] = b
    return members, last


@compiled
def _own(row: F64, text: U32, elements: I32, block: I32, title_words: int) -> int:
    """What a block itself is; the next column."""
    e, inner = int(block[ELEMENT]), int(block[INNER])
    weight, chars = float(block[WEIGHT]), float(block[CHARS])
    row[0], row[1], row[2], row[3] = weight, _ratio(block[LINKED], weight), block[LINKS], chars
    row[4], row[5] = _ratio(block[WIDE_CHARS], chars), _ratio(block[DIGITS], chars)
    row[6], row[7], row[8] = _ratio(block[MARKS], chars), block[ENDS], _ratio(block[ENDS], weight)
    row[9], row[10] = block[COMMAS], _ratio(block[COMMAS], weight)
    row[11], row[12] = _ratio(block[CAPITALS], chars), block[WORDS]
    row[13], row[14] = _ratio(chars, block[WORDS]), block[BEHIND_BREAK]
    row[15] = _ratio(block[TITLE_WORDS], block[WORDS])
    row[16] = _ratio(block[TITLE_WORDS], title_words)
    first, last = int(text[block[START]]), int(text[block[STOP] - 1])
    stops = last == 46 or last == 33 or last == 63 or last == 34  # . ! ? "
    wide_stops = last == 0x3002 or last == 0xFF01 or last == 0xFF1F or last == 0x300D
    row[17], row[18] = stops or wide_stops or last == 0x201D, 65 <= first <= 90
    row[19], row[20] = elements[inner, TAG_OF] == _A, elements[inner, HIDDEN]
    row[21], row[22], row[23] = inner != e, elements[e, LISTS], elements[e, DEPTH]
    row[25] = last == 58 or last == 0xFF1A  # a colon
    for i in range(block[START], block[STOP]):
        row[26] += text[i] == 124 or text[i] == 0xA9  # bar, copyright sign
    return 27


@compiled
def _topic_steps(
    row: F64, f: int, elements: I32, topics: I32, e: int, inner: int, inside: int
) -> int:
    """Topics of the element and the one around, and how many steps up the nearest of each is."""
    near = topics[inner] | topics[e]
    if elements[e, PARENT] >= 0:
        near |= topics[elements[e, PARENT]]
    for bit in range(_N_TOPICS):
        row[f + bit] = (near >> bit) & 1
        row[f + _N_TOPICS + bit] = 99
    at, steps, wanted = inner, 0, inside
    while at >= 0 and wanted and steps < _MAX_STEPS:
        found = topics[at] & wanted
        if found:
            for bit in range(_N_TOPICS):
                if (found >> bit) & 1:
                    row[f + _N_TOPICS + bit] = steps
            wanted &= ~found
        at = int(elements[at, PARENT])
        steps += 1
    return f + 2 * _N_TOPICS


@compiled
def _around(row: F64, f: int, blocks: I32, sums: I64, alike: I32, b: int) -> int:
    """What is in windows around a block, and of each of its neighbours; the next column."""
    n = len(blocks)
    for k in range(len(_SIZES)):
        low, high = max(0, b - _SIZES[k]), min(n, b + _SIZES[k] + 1)
        row[f], row[f + 1] = sums[high, 1] - sums[low, 1], sums[high, 6] - sums[low, 6]
        row[f + 2] = sums[high, 3] - sums[low, 3]
        row[f + 3] = _ratio(sums[high, 2] - sums[low, 2], sums[high, 0] - sums[low, 0])
        f += 4
    for k in range(len(_OFFSETS)):
        o = b + _OFFSETS[k]
        if 0 <= o < n:
            row[f], row[f + 1] = blocks[o, WEIGHT], _ratio(blocks[o, LINKED], blocks[o, WEIGHT])
            row[f + 2], row[f + 3] = blocks[o, ENDS], alike[o] == alike[b]
        else:
            row[f] = row[f + 1] = -1
        f += 4
    return f


@compiled
def _ancestors(row: F64, f: int, elements: I32, sums: I64, at: int) -> int:
    """What the elements around hold. Those that hold no more than the one before are passed over,
    since they say nothing new.
    """
    low = high = -1
    total = sums[len(sums) - 1, 0]
    for _ in range(_ANCESTORS):
        while at > 0 and elements[at, FIRST] == low and elements[at, END] == high:
            at = int(elements[at, PARENT])
        low, high = int(elements[at, FIRST]), int(elements[at, END])
        held = sums[high, 0] - sums[low, 0]
        row[f], row[f + 1] = held, _ratio(held, total)
        row[f + 2] = _ratio(sums[high, 2] - sums[low, 2], held)
        row[f + 3] = _ratio(sums[high, 3] - sums[low, 3], held)
        row[f + 4] = _ratio(sums[high, 4] - sums[low, 4], held)
        row[f + 5] = high - low
        f += 6
    return f


@compiled
def _best_container(row: F64, f: int, elements: I32, sums: I64, e: int) -> int:
    """The element around that best balances text against links and small blocks."""
    at, steps, most, chosen, chosen_steps = e, 0, -(1 << 60), e, 0
    while at >= 0 and steps < _MAX_STEPS:
        low, high = int(elements[at, FIRST]), int(elements[at, END])
        value = sums[high, 1] - sums[low, 1] - 3 * (sums[high, 2] - sums[low, 2])
        value -= 20 * (high - low)
        if value > most:
            most, chosen, chosen_steps = value, at, steps
        at = int(elements[at, PARENT])
        steps += 1
    low, high = int(elements[chosen, FIRST]), int(elements[chosen, END])
    held = sums[high, 0] - sums[low, 0]
    row[f] = _ratio(held, sums[len(sums) - 1, 0])
    row[f + 1] = _ratio(sums[high, 2] - sums[low, 2], held)
    row[f + 2], row[f + 3] = _ratio(sums[high, 3] - sums[low, 3], held), chosen_steps
    row[f + 4] = _ratio(sums[high, 4] - sums[low, 4], held)
    return f + 5


CONTEXT_NAMES = (
    *(f"score_{d:+d}" for d in (-4, -3, -2, -1, 0, 1, 2, 3, 4)),
    *(f"{what}_up{i}" for i in range(4) for what in ("score", "kept", "most")),
    *(f"{what}_{size}" for size in (2, 5, 12) for what in ("near", "kept_near")),
    *("before", "behind", "best_container", "in_best", "container_share", "run", "in_run"),
    *("alike", "alike_most", "page", "page_kept", "rank", "first_kept", "last_kept"),
)
N_CONTEXT = len(CONTEXT_NAMES)
_NEAR = np.array((2, 5, 12))


def context(scan: Scan, margins: F64) -> F64:
    """What the first judgement says of the blocks around: a row by block, as `CONTEXT_NAMES`."""
    return _context(scan.elements, scan.blocks, scan.word_elements, scan.word_hashes, margins)


@compiled
def squash(margin: float) -> float:
    """A margin as a score from 0 to 1, by a division: the same on every machine."""
    return 0.5 + 0.5 * margin / (1.0 + abs(margin))


@compiled
def _context(elements: I32, blocks: I32, of: I32, hashes: U32, margins: F64) -> F64:
    n = len(blocks)
    out = np.zeros((n, N_CONTEXT))
    if n == 0:
        return out
    score, sums = _score_sums(blocks, margins)
    low, high = _best_element(elements, sums)
    run_low, run_high = _best_run(blocks, score)
    alike = _alike(elements, blocks, of, hashes)
    members = np.zeros((n, 3))
    first_kept, last_kept, highest = -1, -1, 0.0
    for b in range(n):
        g = alike[b]
        members[g, 0] += blocks[b, WEIGHT]
        members[g, 1] += blocks[b, WEIGHT] * score[b]
        members[g, 2] = max(members[g, 2], score[b])
        highest = max(highest, score[b])
        if score[b] > 0.5:
            last_kept = b
            first_kept = b if first_kept < 0 else first_kept
    for b in range(n):
        row = out[b]
        f = _scores_around(row, elements, sums, score, b, int(blocks[b, ELEMENT]))
        row[f], row[f + 1] = _ratio(sums[b, 2], sums[n, 2]), _ratio(sums[n, 2], sums[n, 0])
        held = sums[high, 0] - sums[low, 0]
        row[f + 2], row[f + 3] = _ratio(sums[high, 1] - sums[low, 1], held), low <= b < high
        row[f + 4] = _ratio(held, sums[n, 0])
        row[f + 5] = _ratio(sums[run_high, 2] - sums[run_low, 2], sums[n, 2])
        row[f + 6] = run_low <= b < run_high
        f += 7
        g = alike[b]
        row[f], row[f + 1] = _ratio(members[g, 1], members[g, 0]), members[g, 2]
        row[f + 2], row[f + 3] = _ratio(sums[n, 1], sums[n, 0]), _ratio(sums[n, 3], n)
        row[f + 4] = _ratio(score[b], highest)
        row[f + 5] = b - first_kept if first_kept >= 0 else -999
        row[f + 6] = b - last_kept if last_kept >= 0 else 999
    return out


@compiled
def _score_sums(blocks: I32, margins: F64) -> tuple[F64, F64]:
    """Scores; and running sums of weight, weight times score, weight kept, and scores."""
    n = len(blocks)
    score, sums = np.empty(n), np.zeros((n + 1, 4))
    for b in range(n):
        score[b] = squash(margins[b])
        weight = float(blocks[b, WEIGHT])
        sums[b + 1, 0] = sums[b, 0] + weight
        sums[b + 1, 1] = sums[b, 1] + weight * score[b]
        sums[b + 1, 2] = sums[b, 2] + (weight if score[b] > 0.5 else 0.0)
        sums[b + 1, 3] = sums[b, 3] + score[b]
    return score, sums


@compiled
def _best_element(elements: I32, sums: F64) -> tuple[int, int]:
    """The blocks of the element that is most clearly text: weight times (score - 1/2)."""
    most, chosen = -1e18, 0
    for e in range(len(elements)):
        low, high = int(elements[e, FIRST]), int(elements[e, END])
        if high > low:
            value = (sums[high, 1] - sums[low, 1]) - 0.5 * (sums[high, 0] - sums[low, 0])
            if value >= most:
                most, chosen = value, e
    return int(elements[chosen, FIRST]), int(elements[chosen, END])


@compiled
def _best_run(blocks: I32, score: F64) -> tuple[int, int]:
    """The run of blocks of the largest such sum."""
    low = high = start = 0
    running, most = 0.0, 0.0
    for b in range(len(blocks)):
        if running <= 0.0:
            running, start = 0.0, b
        running += blocks[b, WEIGHT] * (score[b] - 0.5)
        if running > most:
            most, low, high = running, start, b + 1
    return low, high


@compiled
def _scores_around(row: F64, elements: I32, sums: F64, score: F64, b: int, at: int) -> int:
    """Scores of neighbours, of the elements around, and in windows; the next column."""
    n, f = len(score), 0
    for d in range(-4, 5):
        row[f] = score[b + d] if 0 <= b + d < n else -1.0
        f += 1
    low = high = -1
    for _ in range(4):
        while at > 0 and elements[at, FIRST] == low and elements[at, END] == high:
            at = int(elements[at, PARENT])
        low, high = int(elements[at, FIRST]), int(elements[at, END])
        held = sums[high, 0] - sums[low, 0]
        row[f] = _ratio(sums[high, 1] - sums[low, 1], held)
        row[f + 1] = _ratio(sums[high, 2] - sums[low, 2], held)
        row[f + 2] = _ratio(sums[high, 2] - sums[low, 2], sums[n, 2])
        f += 3
    for k in range(len(_NEAR)):
        low, high = max(0, b - _NEAR[k]), min(n, b + _NEAR[k] + 1)
        held = sums[high, 0] - sums[low, 0]
        row[f] = _ratio(sums[high, 3] - sums[low, 3], high - low)
        row[f + 1] = _ratio(sums[high, 2] - sums[low, 2], held)
        f += 2
    return f
