"""What is known of each block of a page, as numbers: its own text, what stands around it, the
elements it is in, and blocks that are marked up alike. One compiled pass over a `page_scan.Scan`.

All are sums and ratios of integers, so that they are the same on every machine: no logarithms,
which a tree does not need. Texts are measured in weight (`page_scan`), whatever their script.

Left out: what is made of them (`page_trees`).
"""

import numpy as np

from skypile.kernels.compiled import F32, F64, I32, I64, U32, compiled
from skypile.kernels.fast_engine.page_alike import (
    alike_of,
    element_facts,
    groups_of,
    members_of,
    running_sums,
    text_keys,
)
from skypile.kernels.fast_engine.page_tags import (
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
    TAG_A,
    TAG_OF,
    TITLE_WORDS,
    WEIGHT,
    WIDE_CHARS,
    WORDS,
    Scan,
)
from skypile.kernels.fast_engine.page_topics import (
    GROUP_OF,
    GROUPS,
    N_GROUPS,
    N_TOPICS,
    TAG_H1,
    TOPICS,
)

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
    *(f"own_{name}" for name in GROUPS),
    *(f"in_{name}" for name in GROUPS),
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


def features(scan: Scan, weights: F64, room: int = 0) -> F32:
    """A row of numbers by block, in the order of `NAMES`, and `room` more columns, of zeros.

    weights: of words by hash, `BUCKETS`.
    """
    return _features(
        scan.text,
        scan.elements,
        scan.blocks,
        scan.word_elements,
        scan.word_hashes,
        scan.title_words,
        weights,
        N_FEATURES + room,
    )


@compiled
def ratio(a: float, b: float) -> float:
    """A / b, 0 where b is 0."""
    return a / b if b > 0 else 0.0


@compiled
def _features(
    text: U32,
    elements: I32,
    blocks: I32,
    of: I32,
    hashes: U32,
    title_words: int,
    weights: F64,
    width: int,
) -> F32:
    n = len(blocks)
    out = np.zeros((n, width), np.float32)
    if n == 0:
        return out
    sums = running_sums(blocks, elements)
    topics, score, best, worst, inside, groups = element_facts(elements, of, hashes, weights)
    alike = alike_of(elements, blocks, of, hashes)
    members, last_alike = members_of(blocks, alike)
    same = groups_of(text_keys(text, blocks))
    repeats = np.zeros(n, np.int64)
    first_h1, heading, largest = -1, -1, 0
    for b in range(n):
        repeats[same[b]] += 1
        largest = max(largest, int(blocks[b, WEIGHT]))
        if first_h1 < 0 and elements[blocks[b, ELEMENT], TAG_OF] == TAG_H1:
            first_h1 = b
    total = sums[n]
    for b in range(n):
        row, e, inner = out[b], int(blocks[b, ELEMENT]), int(blocks[b, INNER])
        f = _own(row, text, elements, blocks[b], title_words)
        row[_REPEATS] = repeats[same[b]]
        own_group = GROUP_OF[elements[e, TAG_OF]]
        for bit in range(N_GROUPS):
            row[f + bit] = (own_group >> bit) & 1
            row[f + N_GROUPS + bit] = (groups[e] >> bit) & 1
        f = _topic_steps(row, f + 2 * N_GROUPS, elements, topics, e, inner, inside[inner])
        f = _around(row, f, blocks, sums, alike, b)
        f = _ancestors(row, f, elements, sums, e)
        f = _best_container(row, f, elements, sums, e)
        g = alike[b]
        row[f], row[f + 1] = members[g, 0], ratio(members[g, 1], total[0])
        row[f + 2] = ratio(members[g, 1], members[g, 0])
        row[f + 3] = ratio(members[g, 2], members[g, 1])
        row[f + 4] = ratio(members[g, 3], members[g, 1])
        row[f + 5] = ratio(b - g, last_alike[g] - g)
        f += 6
        if own_group & _ANY_HEADING:
            heading = b
        row[f], row[f + 1], row[f + 2] = ratio(b, n), ratio(sums[b, 0], total[0]), n
        row[f + 3] = b - first_h1 if first_h1 >= 0 else -999
        row[f + 4] = first_h1 >= 0 and b >= first_h1
        row[f + 5] = b - heading if heading >= 0 else 999
        f += 6
        row[f], row[f + 1] = total[0], ratio(total[2], total[0])
        row[f + 2], row[f + 3] = ratio(total[5] * 7, total[0]), ratio(total[4], total[0])
        row[f + 4] = ratio(largest, total[0])
        row[f + 5], row[f + 6], row[f + 7] = score[inner], best[inner], worst[inner]
    return out


_REPEATS = OWN.index("repeats")
_ANY_HEADING = 0b1100  # of GROUPS


@compiled
def _own(row: F32, text: U32, elements: I32, block: I32, title_words: int) -> int:
    """What a block itself is; the next column."""
    e, inner = int(block[ELEMENT]), int(block[INNER])
    weight, chars = float(block[WEIGHT]), float(block[CHARS])
    row[0], row[1], row[2], row[3] = weight, ratio(block[LINKED], weight), block[LINKS], chars
    row[4], row[5] = ratio(block[WIDE_CHARS], chars), ratio(block[DIGITS], chars)
    row[6], row[7], row[8] = ratio(block[MARKS], chars), block[ENDS], ratio(block[ENDS], weight)
    row[9], row[10] = block[COMMAS], ratio(block[COMMAS], weight)
    row[11], row[12] = ratio(block[CAPITALS], chars), block[WORDS]
    row[13], row[14] = ratio(chars, block[WORDS]), block[BEHIND_BREAK]
    row[15] = ratio(block[TITLE_WORDS], block[WORDS])
    row[16] = ratio(block[TITLE_WORDS], title_words)
    first, last = int(text[block[START]]), int(text[block[STOP] - 1])
    stops = last == 46 or last == 33 or last == 63 or last == 34  # . ! ? "
    wide_stops = last == 0x3002 or last == 0xFF01 or last == 0xFF1F or last == 0x300D
    row[17], row[18] = stops or wide_stops or last == 0x201D, 65 <= first <= 90
    row[19], row[20] = elements[inner, TAG_OF] == TAG_A, elements[inner, HIDDEN]
    row[21], row[22], row[23] = inner != e, elements[e, LISTS], elements[e, DEPTH]
    row[25] = last == 58 or last == 0xFF1A  # a colon
    for i in range(block[START], block[STOP]):
        row[26] += text[i] == 124 or text[i] == 0xA9  # bar, copyright sign
    return 27


@compiled
def _topic_steps(
    row: F32, f: int, elements: I32, topics: I32, e: int, inner: int, inside: int
) -> int:
    """Topics of the element and the one around, and how many steps up the nearest of each is."""
    near = topics[inner] | topics[e]
    if elements[e, PARENT] >= 0:
        near |= topics[elements[e, PARENT]]
    for bit in range(N_TOPICS):
        row[f + bit] = (near >> bit) & 1
        row[f + N_TOPICS + bit] = 99
    at, steps, wanted = inner, 0, inside
    while at >= 0 and wanted and steps < _MAX_STEPS:
        found = topics[at] & wanted
        if found:
            for bit in range(N_TOPICS):
                if (found >> bit) & 1:
                    row[f + N_TOPICS + bit] = steps
            wanted &= ~found
        at = int(elements[at, PARENT])
        steps += 1
    return f + 2 * N_TOPICS


@compiled
def _around(row: F32, f: int, blocks: I32, sums: I64, alike: I32, b: int) -> int:
    """What is in windows around a block, and of each of its neighbours; the next column."""
    n = len(blocks)
    for k in range(len(_SIZES)):
        low, high = max(0, b - _SIZES[k]), min(n, b + _SIZES[k] + 1)
        row[f], row[f + 1] = sums[high, 1] - sums[low, 1], sums[high, 6] - sums[low, 6]
        row[f + 2] = sums[high, 3] - sums[low, 3]
        row[f + 3] = ratio(sums[high, 2] - sums[low, 2], sums[high, 0] - sums[low, 0])
        f += 4
    for k in range(len(_OFFSETS)):
        o = b + _OFFSETS[k]
        if 0 <= o < n:
            row[f], row[f + 1] = blocks[o, WEIGHT], ratio(blocks[o, LINKED], blocks[o, WEIGHT])
            row[f + 2], row[f + 3] = blocks[o, ENDS], alike[o] == alike[b]
        else:
            row[f] = row[f + 1] = -1
        f += 4
    return f


@compiled
def _ancestors(row: F32, f: int, elements: I32, sums: I64, at: int) -> int:
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
        row[f], row[f + 1] = held, ratio(held, total)
        row[f + 2] = ratio(sums[high, 2] - sums[low, 2], held)
        row[f + 3] = ratio(sums[high, 3] - sums[low, 3], held)
        row[f + 4] = ratio(sums[high, 4] - sums[low, 4], held)
        row[f + 5] = high - low
        f += 6
    return f


@compiled
def _best_container(row: F32, f: int, elements: I32, sums: I64, e: int) -> int:
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
    row[f] = ratio(held, sums[len(sums) - 1, 0])
    row[f + 1] = ratio(sums[high, 2] - sums[low, 2], held)
    row[f + 2], row[f + 3] = ratio(sums[high, 3] - sums[low, 3], held), chosen_steps
    row[f + 4] = ratio(sums[high, 4] - sums[low, 4], held)
    return f + 5
