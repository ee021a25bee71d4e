"""Every table that crosses a stage: name, Arrow schema, key, one line of meaning.

A per-document table is *aligned*: one file a part, with the same rows in the same order as
`documents`, so that tables are joined by position and nothing is shuffled. Nothing crosses a
stage but a `Table`, and each batch is conformed by name on its way out: Spark's `mapInArrow`
matches columns by position and would swap two columns of one type in silence.

This module imports nothing but pyarrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


def field(name: str, kind: pa.DataType, *, nullable: bool = False) -> pa.Field:
    """An Arrow field, non-null unless it says otherwise."""
    return pa.field(name, kind, nullable=nullable)


@dataclass(frozen=True)
class Table:
    """A named Arrow schema. `key` is unique and non-null; `version` rises with the schema."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    meaning: str
    version: int = 1

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` with this table's columns, by name, in its order.

        Raises:
            ValueError: a column is missing, unexpected, of another type, or null where it must
                not be; the message names table and column.
        """
        have, want = set(batch.schema.names), set(self.schema.names)
        if len(batch.schema.names) != len(have):
            raise ValueError(f"table {self.name}: a column name occurs twice: {batch.schema.names}")
        if missing := sorted(want - have):
            raise ValueError(f"table {self.name}: columns missing: {missing}; got {sorted(have)}")
        if extra := sorted(have - want):
            raise ValueError(f"table {self.name}: unexpected columns: {extra}")
        columns = []
        for wanted in self.schema:
            column = batch.column(wanted.name)
            if column.type != wanted.type:
                raise ValueError(
                    f"table {self.name}: column {wanted.name!r} is {column.type}, "
                    f"must be {wanted.type}"
                )
            if not wanted.nullable and column.null_count:
                raise ValueError(
                    f"table {self.name}: column {wanted.name!r} has {column.null_count} nulls"
                )
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def from_rows(self, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
        """Rows (mappings with exactly this table's columns) as one conforming batch.

        Raises:
            ValueError: a row lacks a column, has another one, or a value does not fit its type.
        """
        rows = list(rows)
        names = self.schema.names
        for row in rows:
            if row.keys() != set(names):
                odd = sorted(set(names).symmetric_difference(row))
                raise ValueError(
                    f"table {self.name}: columns missing or unexpected in a row: {odd}"
                )
        arrays = []
        for wanted in self.schema:
            try:
                arrays.append(pa.array([row[wanted.name] for row in rows], type=wanted.type))
            except (pa.ArrowException, OverflowError, UnicodeEncodeError) as e:
                raise ValueError(f"table {self.name}: column {wanted.name!r}: {e}") from e
        return self.conform(pa.RecordBatch.from_arrays(arrays, names=names))

    def select(self, columns: Sequence[str]) -> pa.Schema:
        """The schema of some columns, in the order asked for."""
        return pa.schema([self.schema.field(name) for name in columns])


INT_LIST = pa.list_(pa.field("element", pa.int32(), nullable=False))
TIMESTAMP = pa.timestamp("us", tz="UTC")  # what Parquet and Spark both hold

INPUTS = Table(
    "inputs",
    pa.schema(
        [
            field("path", pa.string()),  # relative to the source's root, `/` between folders
            field("bytes", pa.int64()),
            field("sha256", pa.string()),
            field("stamp", pa.string()),  # size and modification time, a hint that saves a reread
        ]
    ),
    key=("path",),
    meaning="the files of a source as planning found them",
)

SLICES = Table(
    "slices",
    pa.schema(
        [
            field("part", pa.int32()),
            field("path", pa.string()),
            field("start", pa.int64()),  # byte offset, a record boundary
            field("end", pa.int64()),
            field(
                "first_ordinal", pa.int64()
            ),  # of the record at `start`, counted from 0 in the file
            field("records", pa.int64(), nullable=True),  # null where planning did not count
            field("file_bytes", pa.int64()),
            field("sha256", pa.string()),  # of the bytes from start to end
        ]
    ),
    key=("path", "start"),
    meaning="the plan of parts: which bytes of which file make up which part",
)

DOCUMENTS = Table(
    "documents",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("source", pa.string()),
            field("url", pa.string(), nullable=True),
            field("host", pa.string(), nullable=True),
            field("date", pa.date32(), nullable=True),  # the page's own date
            field("crawled_at", TIMESTAMP, nullable=True),
            field("title", pa.string(), nullable=True),
            field("text", pa.large_string()),  # blocks (paragraphs) joined by "\n"
            field("block_chars", INT_LIST),  # code points a block
            field("block_wide_chars", INT_LIST),  # of these Han, kana and hangul
            field("chars", pa.int64()),  # code points of all blocks
            field("text_digest", pa.string()),
            field("charset", pa.string(), nullable=True),
            field("charset_source", pa.string(), nullable=True),
            field("engine", pa.string()),
            field("engine_limit", pa.string(), nullable=True),  # what sent it to the fallback
            field("cited_urls", pa.list_(pa.string()), nullable=True),  # encyclopedias: <ref> URLs
            field("repository", pa.string(), nullable=True),  # code: owner/name, or a folder's name
            field("licence", pa.string(), nullable=True),  # the document's own, as the input has it
            field("record_id", pa.string(), nullable=True),
            field("payload_digest", pa.string()),
            field("path", pa.string()),
            field("ordinal", pa.int64()),
        ]
    ),
    key=("doc_id",),
    meaning="one row a document: its text as blocks, and where it came from",
    version=3,
)

RECORDS = Table(
    "records",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("source", pa.string()),
            field("url", pa.string(), nullable=True),
            field("record_id", pa.string(), nullable=True),
            field("crawled_at", TIMESTAMP, nullable=True),
            field("path", pa.string()),
            field("ordinal", pa.int64()),
            field("offset", pa.int64()),
            field("http_status", pa.int32(), nullable=True),
            field("content_type", pa.string(), nullable=True),
            field("payload_bytes", pa.int64()),
            field("payload_digest", pa.string(), nullable=True),
            field("kept", pa.bool_()),  # it became a document
            field("reason", pa.string(), nullable=True),
            field("detail", pa.string(), nullable=True),
        ]
    ),
    key=("doc_id",),
    meaning="one row a record that could have been a document, rejected ones with their reason",
)

_DAMAGE = pa.struct(
    [
        field("offset", pa.int64()),
        field("reason", pa.string()),
        field("detail", pa.string()),
    ]
)

READ_LOG = Table(
    "read_log",
    pa.schema(
        [
            field("source", pa.string()),
            field("path", pa.string()),
            field("start", pa.int64()),
            field("end", pa.int64()),
            field("records", pa.int64()),  # of every type
            field("judged", pa.int64()),  # rows in `records`
            field("sampled_out", pa.int64()),
            field("passed_over", pa.map_(pa.string(), pa.int64())),  # by WARC type
            field("damages", pa.list_(pa.field("element", _DAMAGE, nullable=False))),
        ]
    ),
    key=("path", "start"),
    meaning="one row a slice that was read: how many records of which type, and what was damaged",
)


def verdicts(stage: str) -> Table:
    """The verdict table of a stage: one row a document, aligned.

    `kept` is null where an earlier stage dropped the document; `applies` is false where the
    source leaves the stage out. `removed_blocks` are indices into the blocks of `documents.text`.
    """
    return Table(
        f"verdicts_{stage}",
        pa.schema(
            [
                field("doc_id", pa.string()),
                field("applies", pa.bool_()),
                field("kept", pa.bool_(), nullable=True),
                field("reason", pa.string(), nullable=True),
                field("removed_blocks", INT_LIST, nullable=True),
            ]
        ),
        key=("doc_id",),
        meaning=f"what stage {stage} decided on each document",
    )


def verdict_rows(
    doc_ids: Any, reasons: Any, removed_blocks: Sequence[Sequence[int]] | None = None
) -> pa.RecordBatch:
    """What a cut kernel returns: kept where `reasons` (a list or an array of strings) is null.

    removed_blocks: sorted indices for each document; none for any where absent.
    """
    reason = pa.array(reasons, pa.string()) if isinstance(reasons, list) else reasons
    blocks = pa.nulls(len(reason), pa.list_(pa.int32()))
    if removed_blocks is not None:
        blocks = pa.array(removed_blocks, pa.list_(pa.int32()))
    return pa.RecordBatch.from_pydict(
        {
            "doc_id": doc_ids,
            "kept": reason.is_null(),
            "reason": reason,
            "removed_blocks": blocks,
        }
    )


CORPUS = Table(
    "corpus",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("row", pa.int32()),  # of the document in its part of `documents`
            field("category", pa.string()),  # skypile.kernels.mixing.categories: english_webpages
            field("partition", pa.string()),  # main or stem
            field("split", pa.string()),  # train or validation
            field("text", pa.large_string()),  # edited and masked
            field("chars", pa.int64()),  # code points of the text
            field("estimated_tokens", pa.int64()),
            field("masked", pa.int32()),  # pieces of personal data that placeholders replace
        ]
    ),
    key=("doc_id",),
    meaning="the documents that every stage kept, ready to be tokenized; a file a part",
)

READ_DIGEST = field("read_digest", pa.string(), nullable=True)


def aligned_file_schema(table: Table, *, measured: bool) -> pa.Schema:
    """The schema of an aligned table on disk.

    Documents that the stage did not see have a row too, with nulls: every column but `doc_id` is
    nullable there. A measured table also says which text each row was computed from.
    """
    fields = [f if f.name == "doc_id" else f.with_nullable(True) for f in table.schema]
    return pa.schema([*fields, READ_DIGEST] if measured else fields)
