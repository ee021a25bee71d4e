"""Long n-grams that two texts share: what decontamination looks for, in any script.

A text is a stream of tokens: each word of a spaced script, each character of Han, kana, hangul and
other unspaced ones (`kernels.text.textnorm`). An n-gram is the shortest run of them, from one
token on, that weighs as much as 13 words or as 21 characters; in mixed text both add up. So English
has the 13 words that GPT-3 and its successors compare by, Chinese a comparable length of text
(docs/decisions.md has what was measured), and nothing depends on what surrounds a passage: the
same passage has the same n-grams wherever it stands.

Compared are letters and digits alone: not case, width, punctuation, symbols, spaces, line breaks,
accents and other marks; traditional characters are simplified ones. A text that is shorter than one
n-gram is compared whole.

N-grams are 64-bit hashes, the same on every machine. When a billion are looked up in a set of 100
million, one is found by chance in one of 200 cases.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from skypile.kernels.arrow import utf8
from skypile.kernels.compiled import I64, U8, U32, U64, compiled
from skypile.kernels.text import textnorm
from skypile.kernels.text.tokens import decode, mix

WORDS, CHARACTERS = 13, 21
_WORD, _SINGLE, _EXTEND, _DROP, _JAMO, _SEVERAL = 1, 2, 3, 4, 5, 7  # as in textnorm
_MAX_UNITS = 24  # more than one code point can become (18, U+FDFA)
_MAX_LENGTH = 256  # of an n-gram, in tokens
_TOKENS = 8192
_SEED = np.uint64(0x9AE16A3B2F90404F)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0xD6E8FEB86659FD93)
_INVERSE = np.uint64(pow(0xD6E8FEB86659FD93, -1, 2**64))  # an odd number has one


class Benchmark(NamedTuple):
    """A set of n-grams: `hashes`, ascending, each once; `starts`, where those begin whose first
    bits (all but the last `shift`) are 0, 1, 2 and so on.
    """

    hashes: U64
    starts: I64
    shift: int


class Shared(NamedTuple):
    """What texts share with a benchmark. total: int64[texts], n-grams of each text. hashes: those
    of a text that the benchmark has, in order and with repeats: text i has [offsets[i]:[i + 1]].
    """

    total: I64
    hashes: U64
    offsets: I64

    @property
    def counts(self) -> I64:
        """int64[texts]: how many n-grams of each text the benchmark has."""
        return np.diff(self.offsets)


@compiled
def _tokenise(
    text: U8, pos: int, end: int, entries: U32, several: U32, tokens: U64, kinds: U8, state: U64
) -> int:
    """Tokens and their kinds into the buffers, from index state[0] on; where it stopped: at the
    end, or where they are full. A word that is open is in state.
    """
    count: Any = np.int64(state[0])
    h: Any = state[1]
    opened: Any = np.int64(state[2])
    while pos < end and count < len(tokens) - _MAX_UNITS:
        code: Any = np.int64(text[pos])
        if code < 0x80:
            pos += 1
        else:
            code, pos = decode(text, pos, end)
        entry = np.int64(entries[code])
        part: Any = np.int64(0)
        last: Any = part
        if entry & 7 == _SEVERAL:
            part = (entry >> 11) + 1
            last = part + (np.int64(several[part - 1]) >> 3) - 1
            entry = np.int64(several[part])
        while True:
            kind = entry & 7
            value = np.uint64(entry >> 11)
            if kind == _WORD:
                h = ((h if opened else _SEED) ^ value) * _STEP
                opened = 1
            elif kind not in (_EXTEND, _DROP):
                if opened:
                    tokens[count], kinds[count] = mix(h), _WORD
                    count += 1
                    opened = 0
                if kind in (_SINGLE, _JAMO):
                    tokens[count], kinds[count] = mix((_SEED ^ value) * _STEP), _SINGLE
                    count += 1
            if part >= last:
                break
            part += 1
            entry = np.int64(several[part])
    if pos == end and opened:
        tokens[count], kinds[count] = mix(h), _WORD
        count += 1
        opened = 0
    state[0], state[1], state[2] = np.uint64(count), h, np.uint64(opened)
    return pos


@compiled
def _has(h: Any, hashes: U64, starts: I64, shift: int) -> bool:
    bucket = np.int64(h >> np.uint64(shift))
    low, high = starts[bucket], starts[bucket + 1]
    while low < high:
        middle = (low + high) // 2
        if hashes[middle] < h:
            low = middle + 1
        else:
            high = middle
    return bool(low < starts[bucket + 1] and hashes[low] == h)


@compiled
def _scan(
    text: U8,
    offsets: I64,
    first: int,
    entries: U32,
    several: U32,
    words: int,
    characters: int,
    every: bool,
    hashes: U64,
    starts: I64,
    shift: int,
    tokens: U64,
    kinds: U8,
    out: U64,
    ends: I64,
    total: I64,
) -> int:
    """N-grams of texts from `first` on into out, behind ends[first]: all, or those of the
    benchmark. The text that does not fit, to be gone on with when out is longer.
    """
    state = np.zeros(3, np.uint64)
    goal = words * characters  # a word weighs `characters`, a character `words`
    used = ends[first]
    for doc in range(first, len(offsets) - 1):
        pos, end = offsets[doc], offsets[doc + 1]
        made = np.int64(0)
        state[:] = 0
        while True:
            pos = _tokenise(text, pos, end, entries, several, tokens, kinds, state)
            count = np.int64(state[0])
            left = right = np.int64(0)
            weight, h, power = np.int64(0), np.uint64(0), np.uint64(1)
            while True:
                while weight < goal and right < count:
                    weight += characters if kinds[right] == _WORD else words
                    h = h * _BASE + tokens[right]
                    power *= _BASE
                    right += 1
                whole = pos == end and made == 0 and right == count and right > 0
                if weight < goal and not whole:
                    break
                found = mix(h ^ power)
                made += 1
                if every or _has(found, hashes, starts, shift):
                    if used == len(out):
                        return doc
                    out[used] = found
                    used += 1
                if weight < goal:
                    break
                power *= _INVERSE
                h -= tokens[left] * power
                weight -= characters if kinds[left] == _WORD else words
                left += 1
            if pos == end:
                break
            for i in range(left, count):
                tokens[i - left], kinds[i - left] = tokens[i], kinds[i]
            state[0] = np.uint64(count - left)
        total[doc], ends[doc + 1] = made, used
    return len(offsets) - 1


def benchmark(hashes: U64) -> Benchmark:
    """The set of these n-grams, ready to be looked up: at most 16 bytes each."""
    unique = np.unique(np.asarray(hashes, np.uint64))
    bits = max(1, len(unique).bit_length() - 1)
    shift = 64 - bits
    buckets = np.arange(1, (1 << bits), dtype=np.uint64) << np.uint64(shift)
    inner = np.searchsorted(unique, buckets)
    starts = np.concatenate([[0], inner, [len(unique)]]).astype(np.int64)
    return Benchmark(unique, starts, shift)


def ngrams(
    texts: "pa.Array | pa.ChunkedArray", *, words: int = WORDS, characters: int = CHARACTERS
) -> tuple[U64, I64]:
    """The n-grams of each text, in order and with repeats: text i has [offsets[i]:[i + 1]].

    A text with a letter or digit has at least one, other texts have none. words, characters: how
    long an n-gram is, 1 to 256. (uint64, int64[len + 1]).

    Raises:
        ValueError: a text is null, or a length out of range.
    """
    found = _run(texts, words, characters, None)
    return found.hashes, found.offsets


def shared(
    texts: "pa.Array | pa.ChunkedArray",
    known: Benchmark,
    *,
    words: int = WORDS,
    characters: int = CHARACTERS,
) -> Shared:
    """Which n-grams of each text the benchmark has; arguments and errors as `ngrams`."""
    return _run(texts, words, characters, known)


def _run(
    texts: "pa.Array | pa.ChunkedArray", words: int, characters: int, known: Benchmark | None
) -> Shared:
    if not (1 <= words <= _MAX_LENGTH and 1 <= characters <= _MAX_LENGTH):
        raise ValueError(f"an n-gram has 1 to {_MAX_LENGTH} tokens, not {words} or {characters}")
    text, offsets = utf8(texts)
    made = textnorm.table(fold_han=True)
    size = len(texts)
    ends, total = np.zeros(size + 1, np.int64), np.zeros(size, np.int64)
    span = int(offsets[-1] - offsets[0])
    out = np.empty(span // 3 + 64 if known is None else 1024, np.uint64)
    tokens, kinds = np.empty(_TOKENS, np.uint64), np.empty(_TOKENS, np.uint8)
    given = known or benchmark(np.zeros(0, np.uint64))
    doc = 0
    while True:
        doc = _scan(
            text,
            offsets,
            doc,
            made.entries,
            made.several,
            words,
            characters,
            known is None,
            *given,
            tokens,
            kinds,
            out,
            ends,
            total,
        )
        if doc == size:
            return Shared(total, out[: ends[-1]].copy(), ends)
        out = np.concatenate([out, np.empty_like(out)])
