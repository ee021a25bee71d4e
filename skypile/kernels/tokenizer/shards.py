"""Token shards as arrays: the order of documents, and how what tasks encoded is laid out.

A document's place is its key, a 128-bit hash of (seed, id): by it a domain's documents are in an
order that has nothing to do with where they came from, and a range of keys is a random sample. The
keys of a domain are cut into *buckets* of equal width; a shard is a run of buckets. So a task that
encoded any part of the corpus writes its documents by (domain, key), and who makes a shard reads
one stretch of each of these files, a bucket at a time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOKEN = np.dtype("<u2")
END = np.dtype("<u8")  # of a document in a shard, in tokens
ROW = np.dtype([("high", "<u8"), ("low", "<u8"), ("tokens", "<u4")])
FENCE = np.dtype([("row", "<u8"), ("token", "<u8")])


def keys_of(doc_ids: Sequence[str], seed: int) -> np.ndarray:
    """(documents,) `ROW` with the documents' keys and no tokens yet."""
    salt = seed.to_bytes(8, "little")
    digests = b"".join(
        hashlib.blake2b(name.encode(), digest_size=16, key=salt, person=b"skypile-shard").digest()
        for name in doc_ids
    )
    halves = np.frombuffer(digests, "<u8").reshape(-1, 2)
    rows = np.zeros(len(halves), ROW)
    rows["high"], rows["low"] = halves[:, 0], halves[:, 1]
    return rows


def bucket_of(high: np.ndarray, buckets: int | np.ndarray) -> np.ndarray:
    """The bucket of keys, of so many of equal width: rises with the key. At most 2^32 buckets."""
    top = (high >> np.uint64(32)).astype(np.uint64)
    found: np.ndarray = ((top * np.asarray(buckets, np.uint64)) >> np.uint64(32)).astype(np.int64)
    return found


@dataclass(frozen=True)
class Layout:
    """The buckets of all domains, one after the other: domain `d` has those from `first[d]` up to
    `first[d + 1]`.
    """

    first: tuple[int, ...]

    @property
    def buckets(self) -> int:
        """Buckets of all domains together."""
        return self.first[-1]

    def of(self, domains: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The bucket of each document, counted over all domains."""
        first = np.asarray(self.first, np.int64)
        width = first[domains + 1] - first[domains]
        found: np.ndarray = first[domains] + bucket_of(high, width)
        return found


def layout(tokens: Sequence[int], shard_tokens: int, buckets_a_shard: int) -> Layout:
    """Buckets for domains of about so many tokens: each about a part of a shard, at least one."""
    size = max(1, shard_tokens // buckets_a_shard)
    first = [0]
    for count in tokens:
        first.append(first[-1] + max(1, -(-count // size)))
    return Layout(tuple(first))


def shard_bounds(buckets: int, tokens: int, shard_tokens: int) -> list[int]:
    """Where the shards of a domain begin among its buckets, and the end of the last: as many as
    hold `tokens`, of equal width.
    """
    shards = max(1, min(buckets, -(-tokens // shard_tokens)))
    return [buckets * i // shards for i in range(shards + 1)]


@dataclass(frozen=True)
class Sorted:
    """Documents by bucket and key: `rows` (ROW), where each one's tokens are in what it was made
    from (`starts`), and `fences` (buckets + 1, FENCE): where each bucket begins.
    """

    rows: np.ndarray
    starts: np.ndarray
    fences: np.ndarray


def sort(rows: np.ndarray, domains: np.ndarray, layout: Layout) -> Sorted:
    """Documents in their order. rows: ROW, in the order of their tokens; domains: of each."""
    starts = np.cumsum(rows["tokens"], dtype=np.int64) - rows["tokens"]
    order = np.lexsort((rows["low"], rows["high"], domains))
    rows, starts = rows[order], starts[order]
    buckets = layout.of(domains[order], rows["high"])
    fences = np.zeros(layout.buckets + 1, FENCE)
    fences["row"] = np.searchsorted(buckets, np.arange(layout.buckets + 1))
    totals = np.concatenate([[0], np.cumsum(rows["tokens"], dtype=np.int64)])
    fences["token"] = totals[fences["row"].astype(np.int64)]
    return Sorted(rows, starts, fences)


def gather(tokens: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The stretches of `tokens` that begin at `starts` and are so long, one after the other."""
    stretches = [
        tokens[start : start + size]
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]
    return np.concatenate(stretches) if stretches else tokens[:0]


def merge(stretches: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Documents of one bucket from several files, (rows, tokens) each, in the order of their keys.

    Raises:
        ValueError: a document occurs twice.
    """
    rows = np.concatenate([rows for rows, _ in stretches])
    tokens = np.concatenate([tokens for _, tokens in stretches])
    starts = np.cumsum(rows["tokens"], dtype=np.int64) - rows["tokens"]
    order = np.lexsort((rows["low"], rows["high"]))
    rows = rows[order]
    same = (rows["high"][1:] == rows["high"][:-1]) & (rows["low"][1:] == rows["low"][:-1])
    if same.any():
        raise ValueError("a document occurs twice among those of a shard")
    return rows, gather(tokens, starts[order], rows["tokens"])


def key_sum(rows: np.ndarray) -> int:
    """The sum of the keys' low halves modulo 2^64. It adds up over tasks; two sets of documents
    that differ have different ones (but for one chance in 2^64).
    """
    return int(rows["low"].sum(dtype=np.uint64))
