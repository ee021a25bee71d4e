"""Perplexity of documents under a Wikipedia language model, and the buckets made of it (CCNet).

Wenzek et al. 2020, section 4.2: a document's text is normalised (`lmtext`), cut into SentencePiece
tokens, and scored by a 5-gram KenLM model line by line, each with its start and its end. Its
perplexity is 10 ** (-sum of log10 probabilities / sum of (tokens + 1)); the 1 is the end of a line.
Buckets are cut at percentiles of a language: head < p30 <= middle < p60 <= tail.

CCNet's own runs drop the ends of lines during normalisation, so that a document is one line there;
here lines count, as its paper and its function say. Lines without a token are left out.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import kenlm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sentencepiece import SentencePieceProcessor

from skypile.kernels.quality.lmtext import make_normaliser

_AT_ONCE = 256  # tokens: KenLM adds up in a float32, whose error in longer lines may pass 1e-4
_BATCH_CHARS = 1 << 18  # of lines cut into tokens at once; bounds memory, decides no value
_BUCKET_BITS = 13  # of the 23 of a float32's mantissa that a histogram's bin leaves out
RELATIVE_ERROR = 2.0 ** (_BUCKET_BITS - 23)  # of a cut-off from a histogram: below 0.1 %
PERCENTILES = (30.0, 60.0)  # CCNet: head, middle, tail


class Scores(NamedTuple):
    """What a model says of each document of a batch."""

    log10_prob: npt.NDArray[np.float64]  # sum over all lines, with their ends; 0 without tokens
    tokens: npt.NDArray[np.int64]  # SentencePiece tokens, and one a line for its end
    perplexity: pa.Array  # float32; null where there are no tokens


Scorer = Callable[[pa.Array], Scores]


def make_tokeniser(
    sp_model: str, fold: Mapping[int, str] | None = None
) -> Callable[[Iterable[str | None]], Iterator[tuple[int, list[str]]]]:
    """A function from documents to their lines: the document's number from 0, the line's tokens.

    Lines without tokens are left out. No token holds a space, so lines joined by spaces are what
    KenLM's programs read.

    sp_model: path of a SentencePiece model. fold: see `lmtext.make_normaliser`.
    """
    pieces = SentencePieceProcessor(model_file=sp_model)
    normalise = make_normaliser(fold)

    def tokenise(texts: Iterable[str | None]) -> Iterator[tuple[int, list[str]]]:
        # Many lines a call: one of few lines costs SentencePiece twice as much a line.
        lines, numbers, chars = [], [], 0
        for number, text in enumerate(texts):
            for line in normalise(text).split("\n") if text else ():
                lines.append(line)
                numbers.append(number)
                chars += len(line)
                if chars >= _BATCH_CHARS:
                    yield from zip(numbers, encode(lines), strict=True)
                    lines, numbers, chars = [], [], 0
        yield from zip(numbers, encode(lines), strict=True)

    def encode(lines: list[str]) -> list[list[str]]:
        return pieces.encode(lines, out_type=str, num_threads=1)  # type: ignore[no-any-return]

    return lambda texts: ((number, line) for number, line in tokenise(texts) if line)


def make_scorer(
    sp_model: str, lm: str, *, fold: Mapping[int, str] | None = None, populate: bool = False
) -> Scorer:
    """A function from a batch of documents (strings, lines by newline) to their `Scores`.

    Holds the SentencePiece model in memory and maps the KenLM model: its pages are shared by
    all processes of a host. A null document has no tokens.

    sp_model, lm: paths on this host. fold: as the models were fitted. populate: read all of the
    model when it is opened, not page by page as it is used.

    Raises:
        OSError, RuntimeError: a file is missing or not such a model.
    """
    tokenise = make_tokeniser(sp_model, fold)
    config = kenlm.Config()
    config.load_method = kenlm.LoadMethod.POPULATE_OR_LAZY if populate else kenlm.LoadMethod.LAZY
    model = kenlm.Model(lm, config)

    score, context = model.score, model.order - 1

    def log10_prob(line: list[str]) -> float:
        total = score(" ".join(line[:_AT_ONCE]), eos=len(line) <= _AT_ONCE)
        for start in range(_AT_ONCE, len(line), _AT_ONCE):
            # What a stretch costs after its context is what both cost less the context alone.
            before, end = line[start - context : start], start + _AT_ONCE
            both = " ".join(line[start - context : end])
            total += score(both, bos=False, eos=end >= len(line))
            total -= score(" ".join(before), bos=False, eos=False)
        return float(total)

    def scorer(texts: pa.Array) -> Scores:
        sums, tokens = np.zeros(len(texts)), np.zeros(len(texts), np.int64)
        for row, line in tokenise(texts.to_pylist()):
            sums[row] += log10_prob(line)
            tokens[row] += len(line) + 1
        return Scores(sums, tokens, perplexities(sums, tokens))

    return scorer


def perplexities(log10_prob: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64]) -> pa.Array:
    """10 ** (-log10_prob / tokens) as float32, at most the largest of them; null without tokens."""
    empty = tokens == 0
    exponents = np.minimum(-log10_prob / np.where(empty, 1, tokens), 38.0)
    return pa.array((10.0**exponents).astype(np.float32), mask=empty)


def bins(values: pa.Array) -> npt.NDArray[np.int32]:
    """The bin of each perplexity in a fixed histogram; -1 for null, NaN and what is not above 0.

    A bin is the leading bits of a float32: exponent and 10 bits of mantissa, so its edges are
    spaced by 2**-10 of their power of two. Bins ascend with their values and come without a
    logarithm, the same on every machine. Counts by bin add up over any parts in any order.
    """
    floats = np.asarray(values.fill_null(np.nan).to_numpy(zero_copy_only=False), np.float32)
    right = np.isfinite(floats) & (floats > 0)
    found = floats.view(np.int32) >> _BUCKET_BITS
    return np.where(right, found, np.int32(-1)).astype(np.int32)


def lower_edges(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The smallest value of each bin."""
    return (np.asarray(numbers, np.int32) << _BUCKET_BITS).view(np.float32)


def cutoffs(
    values: pa.Array, percentiles: Sequence[float] = PERCENTILES, *, min_documents: int = 1
) -> tuple[float, ...] | None:
    """The exact percentiles of a language's perplexities, nulls and NaN aside.

    The p-th is the smallest value that at least p % of the documents do not exceed: one that
    occurs, whatever their order. None for fewer than `min_documents`: no bucket from nothing.
    """
    floats = np.asarray(values.fill_null(np.nan).to_numpy(zero_copy_only=False), np.float32)
    floats = np.sort(floats[np.isfinite(floats)])
    if len(floats) < max(1, min_documents):
        return None
    return tuple(float(floats[_rank(p, len(floats))]) for p in percentiles)


def histogram_cutoffs(
    counts: Mapping[int, int],
    percentiles: Sequence[float] = PERCENTILES,
    *,
    min_documents: int = 1,
) -> tuple[float, ...] | None:
    """The percentiles from documents counted by `bins` (bin -1 is left out).

    Each is the lower edge of the bin that holds the exact one: never above it, and less than
    `RELATIVE_ERROR` of it below. None for fewer than `min_documents`.
    """
    numbers = np.array(sorted(b for b, n in counts.items() if b >= 0 and n > 0), np.int32)
    ends = np.cumsum([counts[int(b)] for b in numbers], dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    if total < max(1, min_documents):
        return None
    ranks = [_rank(p, total) for p in percentiles]
    found = lower_edges(numbers[np.searchsorted(ends, ranks, side="right")])
    return tuple(float(edge) for edge in found)


def _rank(percentile: float, total: int) -> int:
    """The place from 0 of a percentile among `total` sorted values."""
    return max(0, math.ceil(round(percentile / 100 * total, 6)) - 1)


def buckets(values: pa.Array, limits: tuple[float, ...] | None) -> pa.Array:
    """`head`, `middle` or `tail` of each document; null where it has no perplexity.

    limits: (p30, p60) of its language, from the same run or fixed; None where the language has
    none, and then every bucket is null.

    Raises:
        ValueError: there are not two limits, or they descend.
    """
    if limits is None:
        return pa.nulls(len(values), pa.string())
    if len(limits) != 2 or limits[0] > limits[1]:
        raise ValueError(f"two ascending limits are needed, not {limits}")
    floats = np.asarray(values.fill_null(np.nan).to_numpy(zero_copy_only=False), np.float32)
    edges = np.array(limits, np.float32)
    names = np.array(["head", "middle", "tail"])[np.searchsorted(edges, floats, side="right")]
    return pa.array(names, pa.string(), mask=np.isnan(floats))
