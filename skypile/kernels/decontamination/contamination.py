"""Which benchmark items a text contains, by the long n-grams of `kernels.decontamination.ngrams`.

An item is made of passages (its question, say, and its answer), each compared for itself, so that
no n-gram runs from one into the next. It is known by the different n-grams of its passages. An item
whose passages are all shorter than an n-gram is known by the whole of the first one: looked for
inside texts where it has some length (`min_item_words`), else only found in a text that is nothing
but the item.

N-grams that more than `common_passages` different passages of the benchmarks have are templates
("the following are multiple choice questions about"): they count only towards an item that is there
nearly whole. Which n-grams are formulas of the corpus, the caller knows, and says in `formulas`.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.kernels.compiled import I64, U64
from skypile.kernels.decontamination import ngrams
from skypile.kernels.dedup.jaccard import distinct_sets


class Item(NamedTuple):
    """A benchmark's item: its benchmark, a name within it, and its passages."""

    benchmark: str
    name: str
    passages: tuple[str, ...]


class Index(NamedTuple):
    """Items as what texts are looked through for. hashes: of all items, ascending; hash i is of the
    items owners[starts[i]:starts[i + 1]]. template: bool[hashes]. sizes: n-grams of each item.
    short: items to be found inside texts, by their number of tokens; heads: the n-grams of
    `head_tokens` tokens that they begin with. left_out: items without a letter or digit.
    """

    hashes: U64
    starts: I64
    owners: I64
    template: NDArray[np.bool_]
    sizes: I64
    short: dict[int, U64]
    heads: U64
    head_tokens: int
    too_short: int
    left_out: int
    words: int
    characters: int


class Found(NamedTuple):
    """An item that a text shares n-grams with. shared: those that are no template and no formula;
    covered: all of them; size: of the item. blocks: of the text, where they stand, ascending.
    """

    item: int
    shared: int
    covered: int
    size: int
    blocks: tuple[int, ...]


def build(
    items: Sequence[Item],
    *,
    words: int = ngrams.WORDS,
    characters: int = ngrams.CHARACTERS,
    min_item_words: int = 8,
    common_passages: int = 3,
) -> Index:
    """The index of some items.

    words, characters: how long an n-gram is, as `ngrams.ngrams`. min_item_words: of a short item
    that is looked for inside texts; `characters` Han characters are as long as `words` words.
    """
    owner = np.repeat(np.arange(len(items)), [len(i.passages) for i in items]).astype(np.int64)
    texts = pa.array([p for i in items for p in i.passages], pa.large_string())
    hashes, offsets = distinct_sets(*ngrams.ngrams(texts, words=words, characters=characters))
    weights, token_offsets = _weights(texts, words, characters)
    sums = np.concatenate([[0], np.cumsum(weights)])
    weight = sums[token_offsets[1:]] - sums[token_offsets[:-1]]
    counts, tokens = np.diff(offsets), np.diff(token_offsets)
    is_long = weight >= words * characters
    has_long = np.zeros(len(items), bool)
    has_long[owner[is_long]] = True
    firsts = _first_short(owner, (counts > 0) & ~has_long[owner])
    used = is_long.copy()
    used[firsts] = True
    at = np.repeat(np.arange(len(texts)), counts)
    kept = used[at]
    pairs = np.unique(np.stack([hashes[kept], owner[at[kept]].astype(np.uint64)], 1), axis=0)
    unique, starts = np.unique(pairs[:, 0], return_index=True)
    owners = pairs[:, 1].astype(np.int64)
    inside = firsts[weight[firsts] >= min_item_words * characters]
    short: dict[int, U64] = {
        int(n): np.unique(hashes[offsets[inside[tokens[inside] == n]]])
        for n in np.unique(tokens[inside])
    }
    head = min(short, default=1)
    starting = _lengths(head)
    first, first_offsets = ngrams.ngrams(texts.take(pa.array(inside, pa.int64())), **starting)
    sizes = np.bincount(owners, minlength=len(items)).astype(np.int64)
    return Index(
        unique,
        np.concatenate([starts, [len(owners)]]).astype(np.int64),
        owners,
        _templates(unique, hashes, offsets, np.flatnonzero(is_long), common_passages),
        sizes,
        short,
        np.unique(first[first_offsets[:-1]]) if len(inside) else np.zeros(0, np.uint64),
        head,
        len(firsts) - len(inside),
        int((sizes == 0).sum()),
        words,
        characters,
    )


def _lengths(tokens: int) -> dict[str, int]:
    """An n-gram of so many tokens, of whatever kind."""
    return {"words": tokens, "characters": tokens}


def _first_short(owner: I64, short: NDArray[np.bool_]) -> I64:
    """The first passage of each item that has but short ones."""
    rows = np.flatnonzero(short)
    _, first = np.unique(owner[rows], return_index=True)
    return rows[first].astype(np.int64)


def _templates(
    unique: U64, hashes: U64, offsets: I64, passages: I64, most: int
) -> NDArray[np.bool_]:
    """Which n-grams more than `most` different passages have; a passage that several items share
    (a text with ten questions about it) is one.
    """
    seen: dict[bytes, int] = {}
    for p in passages.tolist():
        data = hashes[offsets[p] : offsets[p + 1]].tobytes()
        seen.setdefault(hashlib.blake2b(data, digest_size=16).digest(), p)
    lists = [hashes[offsets[p] : offsets[p + 1]] for p in seen.values()]
    every = np.concatenate([*lists, np.zeros(0, np.uint64)])
    found, times = np.unique(every, return_counts=True)
    return np.isin(unique, found[times > most])


def _weights(texts: Any, words: int, characters: int) -> tuple[I64, I64]:
    """What each token of each text weighs in an n-gram, and where the texts' tokens begin."""
    single, offsets = ngrams.ngrams(texts, words=1, characters=1)
    # An n-gram of one word or two characters is the token alone where that is a word. It begins at
    # every token, but not at a character that ends its text.
    pair, pair_offsets = ngrams.ngrams(texts, words=1, characters=2)
    at = np.arange(len(pair)) + np.repeat(offsets[:-1] - pair_offsets[:-1], np.diff(pair_offsets))
    weights = np.full(len(single), words, np.int64)
    weights[at] = np.where(single[at] == pair, characters, words)
    return weights, offsets


def _among(hashes: U64, known: U64) -> NDArray[np.bool_]:
    """Which hashes are among known ones, which ascend (`np.isin` would sort those every time)."""
    if not len(known):
        return np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[at] == hashes)


class Finder:
    """Looks texts through for the items of an index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._long = ngrams.benchmark(index.hashes)
        self._heads = ngrams.benchmark(index.heads)
        self._short = {n: ngrams.benchmark(hashes) for n, hashes in index.short.items()}
        self._lengths = {"words": index.words, "characters": index.characters}

    def hits(self, texts: Any) -> tuple[U64, I64]:
        """The different n-grams of each text that the index has, ascending: text i has
        [offsets[i]:[i + 1]].

        Linear in the texts: a pass for long n-grams, one for the heads of short items, and for the
        texts with such a head one for each length of short items (fewer than an n-gram's tokens).

        Raises:
            ValueError: a text is null.
        """
        index = self._index
        long = ngrams.shared(texts, self._long, **self._lengths)
        found, at = [long.hashes], [np.repeat(np.arange(len(texts)), long.counts)]
        if self._short:
            begun = ngrams.shared(texts, self._heads, **_lengths(index.head_tokens))
            rows = np.flatnonzero(begun.counts)
            some = texts.take(pa.array(rows))
            for tokens, known in self._short.items():
                inside = ngrams.shared(some, known, **_lengths(tokens))
                found.append(inside.hashes)
                at.append(np.repeat(rows, inside.counts))
        text, hashes = np.concatenate(at).astype(np.uint64), np.concatenate(found)
        pairs = np.unique(np.stack([text, hashes], 1), axis=0)
        numbers = np.arange(len(texts) + 1, dtype=np.uint64)
        offsets = np.searchsorted(pairs[:, 0], numbers).astype(np.int64)
        return np.ascontiguousarray(pairs[:, 1]), offsets

    def items(self, text: str, formulas: U64) -> list[Found]:
        """The items that a text shares n-grams with, and the lines where these stand.

        formulas: n-grams that do not count for an item, ascending.
        """
        index = self._index
        column = pa.array([text], pa.large_string())
        hashes, first, end = self._places(column)
        if not len(hashes):
            return []
        lines = text.split("\n")
        tokens = ngrams.ngrams(pa.array(lines, pa.large_string()), words=1, characters=1)[1]
        first_line = np.searchsorted(tokens, first, side="right") - 1
        end_line = np.searchsorted(tokens, end - 1, side="right")
        at = np.searchsorted(index.hashes, hashes)
        phrase = index.template[at] | _among(hashes, formulas)
        of: dict[int, list[int]] = {}
        for place, known in enumerate(at.tolist()):
            for item in index.owners[index.starts[known] : index.starts[known + 1]].tolist():
                of.setdefault(item, []).append(place)
        found = []
        for item, places in sorted(of.items()):
            different, one = np.unique(at[places], return_index=True)
            covers = {
                n for p in places for n in range(int(first_line[p]), int(end_line[p])) if lines[n]
            }
            size, shared = int(index.sizes[item]), int((~phrase[places][one]).sum())
            found.append(Found(item, shared, len(different), size, tuple(sorted(covers))))
        return found

    def _places(self, column: Any) -> tuple[U64, I64, I64]:
        """Each n-gram of one text that the index has, its first token and the one behind it."""
        index = self._index
        weights, _ = _weights(column, index.words, index.characters)
        sums = np.concatenate([[0], np.cumsum(weights)])
        goal = index.words * index.characters
        hashes, first, end = [], [], []
        made, _ = ngrams.ngrams(column, **self._lengths)
        at = np.flatnonzero(_among(made, index.hashes))  # the n-gram at j begins with token j
        hashes.append(made[at])
        first.append(at)
        end.append(np.minimum(np.searchsorted(sums, sums[at] + goal), len(weights)))
        for tokens, known in index.short.items():
            made, _ = ngrams.ngrams(column, **_lengths(tokens))
            at = np.flatnonzero(_among(made, known))
            hashes.append(made[at])
            first.append(at)
            end.append(np.minimum(at + tokens, len(weights)))
        return np.concatenate(hashes), np.concatenate(first), np.concatenate(end)
