"""From the parts of a corpus to the streams of a release, a row group at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skypile.errors import StaleError
from skypile.files import Root
from skypile.kernels.personal_data.personal import mask, mask_url
from skypile.manifests import FileEntry
from skypile.progress import progress
from skypile.reader import RunReader
from skypile.release.files import Layout
from skypile.release.streams import SUMMED, Key, Shard, Stream


@dataclass(frozen=True)
class Choice:
    """What of the corpus is released; an empty tuple: all. categories: names of Table 1's rows
    (`chinese_webpages`), or of domains (`chinese_webpages.main`).
    """

    splits: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def takes(self, domain: str, split: str) -> bool:
        """Whether documents of a domain and split are among it."""
        named = {domain, domain.rpartition(".")[0]} & set(self.categories)
        return bool(named or not self.categories) and (not self.splits or split in self.splits)


@dataclass(frozen=True)
class Corpus:
    """The parts of a corpus that are released, and the documents that they were made from."""

    reader: RunReader
    files: Sequence[FileEntry]
    licences: Mapping[str, str]  # by source
    documents: Mapping[tuple[str, int], FileEntry]  # by source and part
    code: Mapping[tuple[str, int], FileEntry] = field(default_factory=dict)  # `code_fates`


def write(
    corpus: Corpus,
    target: Root,
    layout: Layout,
    choice: Choice,
    done: Mapping[Key, Sequence[Shard]],
) -> list[Shard]:
    """Write the shards that are not done yet; all shards, by domain, split and number.

    Raises:
        StaleError: a file of the run is not the one that was committed.
    """
    streams = {key: Stream(target, key, layout, shards) for key, shards in done.items()}
    total, seen = sum(f.rows for f in corpus.files), 0
    try:
        with progress("release", total, "documents") as report:
            for file in corpus.files:
                for key, rows in _chosen(corpus, file, layout, choice, streams):
                    if key not in streams:
                        streams[key] = Stream(target, key, layout)
                    streams[key].write(rows, file.source)
                seen += file.rows
                report(seen)
        for stream in streams.values():
            stream.close()
    finally:
        for stream in streams.values():
            stream.abandon()
    return [shard for key in sorted(streams) for shard in streams[key].shards]


def _chosen(
    corpus: Corpus, file: FileEntry, layout: Layout, choice: Choice, streams: Mapping[Key, Stream]
) -> Iterator[tuple[Key, pa.Table]]:
    """The chosen rows of a part of the corpus, by domain and split."""
    root = corpus.reader.root
    _check(root, file)
    beside = _documents(corpus, file) if layout.metadata else None
    with root.open(file.path) as stream:
        table = pq.ParquetFile(stream)
        for group in range(table.num_row_groups):
            narrow = table.read_row_group(group, columns=["category", "partition", "split"])
            keys = _keys(narrow)
            counts = {key: n for key, n in Counter(keys).items() if choice.takes(*key)}
            if all(k in streams and streams[k].to_skip >= n for k, n in counts.items()):
                for key, documents in counts.items():  # written already: no text is read
                    streams[key].to_skip -= documents
                continue
            rows = table.read_row_group(group, columns=["doc_id", "row", "text", *SUMMED])
            for key in counts:
                at = [i for i, of in enumerate(keys) if of == key]
                own = rows.take(at)
                if beside is not None:
                    own = _with_metadata(own, beside, narrow.take(at), file, corpus)
                yield key, own


def _check(root: Root, file: FileEntry) -> None:
    if root.size(file.path) != file.bytes or root.sha256(file.path) != file.sha256:
        raise StaleError(
            f"{root.at(file.path)} is not the file that was committed; run the stage that writes "
            f"{file.table} again with --force"
        )


def _keys(narrow: pa.Table) -> list[Key]:
    rows = zip(*(narrow[n].to_pylist() for n in narrow.column_names), strict=True)
    return [(f"{category}.{partition}", split) for category, partition, split in rows]


def _documents(corpus: Corpus, file: FileEntry) -> pa.Table:
    """Where the documents of a part come from, with licences: a file of code has its own."""
    of = corpus.documents[file.source, file.part]
    found = _read(corpus, of, ["doc_id", "url", "title", "date", "repository"])
    licence = pa.scalar(corpus.licences[file.source])
    judged = corpus.code.get((file.source, file.part))
    if judged is None:
        return found.append_column("licence", pa.repeat(licence, len(found)))
    own = _read(corpus, judged, ["doc_id", "code_licence"])
    if not own["doc_id"].equals(found["doc_id"]):
        raise StaleError(f"code_fates of {file.source}, part {file.part}, is of other documents")
    return found.append_column("licence", pc.fill_null(own["code_licence"], licence))


def _read(corpus: Corpus, entry: FileEntry, columns: list[str]) -> pa.Table:
    _check(corpus.reader.root, entry)
    with corpus.reader.root.open(entry.path) as stream:
        return pq.read_table(stream, columns=columns)


def _with_metadata(
    rows: pa.Table, documents: pa.Table, narrow: pa.Table, file: FileEntry, corpus: Corpus
) -> pa.Table:
    """Rows with where they come from. Addresses and titles are masked as texts are."""
    beside = documents.take(rows["row"])
    if beside["doc_id"].to_pylist() != rows["doc_id"].to_pylist():
        raise StaleError(f"corpus of {file.source}, part {file.part}, is of other documents")
    columns = {
        "id": rows["doc_id"],
        "source": [file.source] * len(rows),
        "category": narrow["category"],
        "partition": narrow["partition"],
        "url": [None if u is None else mask_url(u) for u in beside["url"].to_pylist()],
        "title": _masked(beside["title"]),
        "date": pc.strftime(beside["date"], "%Y-%m-%d"),
        "licence": beside["licence"],
        "repository": _masked(beside["repository"]),
    }
    for name, column in columns.items():
        rows = rows.append_column(
            name, pa.array(column, pa.string()) if isinstance(column, list) else column
        )
    return rows


def _masked(column: pa.ChunkedArray) -> list[str | None]:
    return [None if value is None else mask(value)[0] for value in column.to_pylist()]
