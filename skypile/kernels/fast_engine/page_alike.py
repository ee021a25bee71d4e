"""Sums over blocks and elements, and which blocks are marked up or worded alike."""

import numpy as np

from skypile.kernels.compiled import F64, I32, I64, U32, compiled
from skypile.kernels.fast_engine.page_tags import (
    ELEMENT,
    ENDS,
    LINKED,
    LINKS,
    PARENT,
    START,
    STOP,
    TAG_OF,
    WEIGHT,
    WIDE_CHARS,
)
from skypile.kernels.fast_engine.page_topics import BUCKETS, GROUP_OF, TAG_P, topics_of


@compiled
def running_sums(blocks: I32, elements: I32) -> I64:
    """Running sums over blocks: weight, weight outside links, of links, ends, in p, wide, links."""
    sums = np.zeros((len(blocks) + 1, 7), np.int64)
    for b in range(len(blocks)):
        weight, linked = int(blocks[b, WEIGHT]), int(blocks[b, LINKED])
        sums[b + 1] = sums[b]
        sums[b + 1, 0] += weight
        sums[b + 1, 1] += weight - linked
        sums[b + 1, 2] += linked
        sums[b + 1, 3] += blocks[b, ENDS]
        if elements[blocks[b, ELEMENT], TAG_OF] == TAG_P:
            sums[b + 1, 4] += weight
        sums[b + 1, 5] += blocks[b, WIDE_CHARS]
        sums[b + 1, 6] += blocks[b, LINKS]
    return sums


@compiled
def paths_of(elements: I32, of: I32, hashes: U32) -> U32:
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
def groups_of(keys: U32) -> I32:
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
def text_keys(text: U32, blocks: I32) -> U32:
    """A hash of each block's text."""
    keys = np.empty(len(blocks), np.uint32)
    for b in range(len(blocks)):
        state = np.uint32(0x811C9DC5)
        for i in range(blocks[b, START], blocks[b, STOP]):
            state = np.uint32((state ^ text[i]) * np.uint32(0x01000193))
        keys[b] = state
    return keys


@compiled
def element_facts(
    elements: I32, of: I32, hashes: U32, weights: F64
) -> tuple[I32, F64, F64, F64, I32, I32]:
    """Of each element: topics of its words and of all around it, the words' scores, groups in."""
    n = len(elements)
    topics, score = np.zeros(n, np.int32), np.zeros(n)
    for k in range(len(of)):
        topics[of[k]] |= topics_of(hashes[k])
        score[of[k]] += weights[int(hashes[k]) % BUCKETS]
    best, worst = np.zeros(n), np.zeros(n)
    inside, groups = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for e in range(n):
        p = int(elements[e, PARENT])
        own = score[e]
        groups[e] = GROUP_OF[elements[e, TAG_OF]]
        inside[e] = topics[e]
        best[e] = worst[e] = own
        if p >= 0:
            groups[e] |= groups[p]
            inside[e] |= inside[p]
            score[e] += score[p]
            best[e], worst[e] = max(own, best[p]), min(own, worst[p])
    return topics, score, best, worst, inside, groups


@compiled
def alike_of(elements: I32, blocks: I32, of: I32, hashes: U32) -> I32:
    """The first block whose element is marked up alike, for each block."""
    paths = paths_of(elements, of, hashes)
    keys = np.empty(len(blocks), np.uint32)
    for b in range(len(blocks)):
        keys[b] = paths[blocks[b, ELEMENT]]
    return groups_of(keys)


@compiled
def members_of(blocks: I32, alike: I32) -> tuple[I64, I64]:
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
