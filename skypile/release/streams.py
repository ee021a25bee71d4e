"""Shards of a release: the documents of one domain and split, in the run's order, cut into files of
a chosen size.

The order is that of sources, of parts and of documents in them, so a shard does not depend on how
the run was cut into parts. All lies below `_unfinished` until the release is whole; each shard that
is finished leaves a receipt there, so that what was cut short goes on with the next.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from skypile.files import Root
from skypile.release.files import Layout, Rows, Writer, writer

UNFINISHED = "_unfinished"
RECEIPTS = f"{UNFINISHED}/receipts"
SUMMED = ("chars", "estimated_tokens", "masked")

Key = tuple[str, str]  # domain, split


@dataclass
class Shard:
    """A finished file. `bytes` are those of the file, `data_bytes` those of its rows before they
    were packed; `sources` has the sums of each source's documents.
    """

    path: str  # relative to the release
    domain: str
    split: str
    documents: int = 0
    data_bytes: int = 0
    bytes: int = 0
    sha256: str = ""
    sources: dict[str, dict[str, int]] = field(default_factory=dict)


class Stream:
    """The shards of one domain and split.

    done: those that an earlier attempt finished; their documents (`to_skip`) are passed over.
    """

    def __init__(self, root: Root, key: Key, layout: Layout, done: Iterable[Shard] = ()) -> None:
        self._root, self._layout = root, layout
        self._domain, self._split = key
        self.shards = list(done)
        self.to_skip = sum(s.documents for s in self.shards)
        self._shard: Shard | None = None
        self._writer: Writer | None = None

    def write(self, table: pa.Table, source: str) -> None:
        """Append documents of one source: the columns of the release and those of SUMMED."""
        skipped = min(self.to_skip, table.num_rows)
        self.to_skip -= skipped
        table = table.slice(skipped)
        rows = Rows(table, self._layout)
        while len(rows):
            fits = rows.fitting(
                self._layout.shard_bytes - (self._shard.data_bytes if self._shard else 0)
            )
            if not fits and self._shard:
                self.close()
                continue
            fits = fits or 1  # a document longer than a shard has one of its own
            self._append(rows.slice(0, fits), table.slice(0, fits), source)
            rows, table = rows.slice(fits, len(rows) - fits), table.slice(fits)

    def _append(self, rows: Rows, table: pa.Table, source: str) -> None:
        if self._shard is None or self._writer is None:
            name = f"{self._split}-{len(self.shards):05d}{self._layout.suffix}"
            self._shard = Shard(f"data/{self._domain}/{name}", self._domain, self._split)
            at = f"{UNFINISHED}/{self._shard.path}"
            self._writer = writer(self._root, at, self._layout)
        self._writer.write(rows)
        sums = Counter(self._shard.sources.get(source, {}))
        sums.update({name: pc.sum(table[name]).as_py() for name in SUMMED})
        sums["documents"] += len(rows)
        self._shard.sources[source] = dict(sums)
        self._shard.documents += len(rows)
        self._shard.data_bytes += rows.bytes

    def close(self) -> None:
        """Finish the open shard, if there is one, and leave its receipt."""
        if self._shard is None or self._writer is None:
            return
        self._shard.bytes, self._shard.sha256 = self._writer.close()
        self._root.write_atomic(
            f"{RECEIPTS}/{self._shard.path}.json", orjson.dumps(asdict(self._shard))
        )
        self.shards.append(self._shard)
        self._shard = self._writer = None

    def abandon(self) -> None:
        """Let go of the open shard without a receipt, after an error."""
        if self._writer:
            with suppress(Exception):  # that error is the one to tell
                self._writer.close()
        self._shard = self._writer = None


def finished(root: Root) -> Iterator[Shard]:
    """The shards of an unfinished release that are whole, by path; some may be at their place."""
    for found in root.walk(RECEIPTS):
        if found.path.endswith(".json"):
            shard = Shard(**orjson.loads(root.read(found.path)))
            if shard.bytes in (root.size(f"{UNFINISHED}/{shard.path}"), root.size(shard.path)):
                yield shard


def by_stream(shards: Iterable[Shard]) -> dict[Key, list[Shard]]:
    """Shards by domain and split, of each only those before the first that is missing."""
    found: dict[Key, list[Shard]] = {}
    for shard in shards:
        held = found.setdefault((shard.domain, shard.split), [])
        if f"{shard.split}-{len(held):05d}." in shard.path:
            held.append(shard)
    return found


def clear(root: Root) -> None:
    """Delete what is below `_unfinished`; the plan last, which says whose it is."""
    for file in sorted(root.walk(UNFINISHED), key=lambda f: f.path.count("/"), reverse=True):
        root.delete(file.path)
    root.child(UNFINISHED).delete_empty_folders()
