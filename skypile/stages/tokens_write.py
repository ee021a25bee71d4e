"""Token shards: documents encoded by the tasks that have them, merged by those that write shards.

A first task encodes some parts of the corpus into one file, sorted by domain and key; a second
reads its stretch of every such file and writes one shard. Tokens go from file to file: neither they
nor the text pass through Spark. A file is under its name only when it is whole, and what it holds
does not depend on the attempt: a task may be killed, retried or run twice.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.builds import BuiltFile
from skypile.files import Root
from skypile.hashing import HashingWriter
from skypile.kernels.tokenizer.encode import make_encoder
from skypile.kernels.tokenizer.shards import (
    END,
    FENCE,
    ROW,
    TOKEN,
    Layout,
    bucket_of,
    gather,
    key_sum,
    keys_of,
    merge,
    sort,
)
from skypile.parts import PartFiles

WRITTEN_DOCUMENTS = 4096  # gathered at a time
Domain = tuple[str, str]  # split, and category.partition


@dataclass(frozen=True)
class Totals:
    """Of some documents: how many, their tokens, and the sum of their keys modulo 2^64."""

    documents: int = 0
    tokens: int = 0
    keys: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        keys = (self.keys + other.keys) % 2**64
        return Totals(self.documents + other.documents, self.tokens + other.tokens, keys)


@dataclass(frozen=True)
class SurveyTask:
    """A part of the corpus to look at."""

    part: PartFiles
    seed: int


def survey(task: SurveyTask) -> dict[Domain, Totals]:
    """What a part holds of each domain; the tokens are the corpus' estimates."""
    names = ("split", "category", "partition", "estimated_tokens")
    table = task.part.narrow({"corpus": names}).filter(pa.array(task.part.still_in()))
    domains = _domains(table)
    keys = keys_of(table["doc_id"].to_pylist(), task.seed)
    estimates = table["estimated_tokens"].fill_null(0).to_numpy()
    found: dict[Domain, Totals] = {}
    for domain in sorted(set(domains)):
        own = np.array([d == domain for d in domains])
        tokens = int(estimates[own].sum())
        found[domain] = Totals(int(own.sum()), tokens, key_sum(keys[own]))
    return found


def _domains(table: pa.Table) -> list[Domain]:
    columns = [table[name].to_pylist() for name in ("split", "category", "partition")]
    return [(split, f"{kind}.{part}") for split, kind, part in zip(*columns, strict=True)]


@dataclass(frozen=True)
class EncodeTask:
    """Parts of the corpus to encode into `path`. domains: with their place in the layout."""

    run: Root
    parts: tuple[PartFiles, ...]
    path: str
    model: str  # the tokenizer's artifact
    model_file: str
    domains: tuple[Domain, ...]
    layout: Layout
    seed: int


@dataclass(frozen=True)
class Encoded:
    """A file of encoded documents: tokens, then rows, then fences."""

    path: str
    documents: int
    tokens: int
    totals: tuple[Totals, ...]  # of each domain


def encode_parts(task: EncodeTask) -> Encoded:
    """Encode the documents of some parts; what was written."""
    encode = make_encoder(artifacts.local(task.model) / task.model_file)
    numbers = {domain: i for i, domain in enumerate(task.domains)}
    rows, domains, tokens = [np.empty(0, ROW)], [np.empty(0, np.int64)], [np.empty(0, TOKEN)]
    columns = ("split", "category", "partition")
    for part in task.parts:
        for _, table in part.texts(part.still_in(), part.removed_blocks(), columns):
            done = encode(table["text"].combine_chunks())
            own = keys_of(table["doc_id"].to_pylist(), task.seed)
            own["tokens"] = np.diff(done.ends, prepend=0)
            rows.append(own)
            tokens.append(done.tokens)
            domains.append(np.array([numbers[domain] for domain in _domains(table)], np.int64))
    all_rows, all_domains = np.concatenate(rows), np.concatenate(domains)
    _write(task, np.concatenate(tokens), all_rows, all_domains)
    totals = []
    for i in range(len(task.domains)):
        own = all_rows[all_domains == i]
        totals.append(Totals(len(own), int(own["tokens"].sum(dtype=np.int64)), key_sum(own)))
    whole = sum(totals, Totals())
    return Encoded(task.path, whole.documents, whole.tokens, tuple(totals))


def _write(task: EncodeTask, tokens: np.ndarray, rows: np.ndarray, domains: np.ndarray) -> None:
    ordered = sort(rows, domains, task.layout)
    with task.run.create_whole(task.path) as out:
        for first in range(0, len(ordered.rows), WRITTEN_DOCUMENTS):
            some = slice(first, first + WRITTEN_DOCUMENTS)
            sizes = ordered.rows["tokens"][some]
            out.write(_bytes(gather(tokens, ordered.starts[some], sizes)))
        out.write(_bytes(ordered.rows))
        out.write(_bytes(ordered.fences))


def _bytes(values: np.ndarray) -> memoryview:
    return np.ascontiguousarray(values).view(np.uint8).data


@dataclass(frozen=True)
class ShardTask:
    """One shard to make of buckets `first` to `last` of a domain (counted over all domains).

    base: the domain's first bucket; of: how many it has. stem: path without its ending.
    """

    run: Root
    inputs: tuple[Encoded, ...]
    domain: int
    first: int
    last: int
    base: int
    of: int
    stem: str


@dataclass(frozen=True)
class Shard:
    """A shard that was written (no files where its buckets are empty)."""

    domain: int
    totals: Totals
    tokens: BuiltFile | None = None
    ends: BuiltFile | None = None


def write_shard(task: ShardTask) -> Shard:
    """Merge the buckets of a shard and write it.

    Raises:
        ValueError: a document occurs twice, or is in the wrong shard.
    """
    total = Totals()
    ends: list[np.ndarray] = []
    fences = [_fences(task, one) for one in task.inputs]
    if all(f["row"][0] == f["row"][-1] for f in fences):
        return Shard(task.domain, total)
    path = f"{task.stem}.u16"
    with task.run.create_whole(path) as stream:
        out = HashingWriter(stream)
        for bucket in range(task.first, task.last):
            stretches = list(_stretches(task, fences, bucket))
            if not stretches:
                continue
            rows, tokens = merge(stretches)
            if (bucket_of(rows["high"], task.of) != bucket - task.base).any():
                raise ValueError(f"{task.stem}: a document of another shard")
            out.write(_bytes(tokens))
            ends.append(np.cumsum(rows["tokens"], dtype=np.int64) + total.tokens)
            total += Totals(len(rows), len(tokens), key_sum(rows))
    data = np.concatenate(ends).astype(END).tobytes()
    at = f"{task.stem}.docs"
    task.run.write_atomic(at, data)
    return Shard(
        task.domain,
        total,
        BuiltFile(path, out.bytes, out.sha256, total.documents),
        BuiltFile(at, len(data), hashlib.sha256(data).hexdigest()),
    )


def _fences(task: ShardTask, one: Encoded) -> np.ndarray:
    at = one.tokens * TOKEN.itemsize + one.documents * ROW.itemsize + task.first * FENCE.itemsize
    with task.run.open(one.path) as stream:
        return _read(stream, at, task.last - task.first + 1, FENCE)


def _stretches(
    task: ShardTask, fences: Sequence[np.ndarray], bucket: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for one, fence in zip(task.inputs, fences, strict=True):
        begin, end = fence[bucket - task.first], fence[bucket - task.first + 1]
        documents, tokens = int(end["row"] - begin["row"]), int(end["token"] - begin["token"])
        if not documents:
            continue
        with task.run.open(one.path) as stream:
            at = one.tokens * TOKEN.itemsize + int(begin["row"]) * ROW.itemsize
            rows = _read(stream, at, documents, ROW)
            yield rows, _read(stream, int(begin["token"]) * TOKEN.itemsize, tokens, TOKEN)


def _read(stream: Any, at: int, count: int, kind: np.dtype) -> np.ndarray:
    stream.seek(at)
    return np.frombuffer(stream.read(count * kind.itemsize), kind)
