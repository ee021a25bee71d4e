"""Targets: archives and files to rows, each record accounted for."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.fuzz.target import Check, Trickle, again, holds, packed

PROBLEMS = (None, "malformed_record", "truncated_record", "too_large")


def warc(folder: Path) -> Check:
    """Records are numbered, lie in the file, have a problem that is known; a trickle gives the
    same ones, and so does a range that begins at a record.
    """
    from skypile.kernels.reading.warc import WarcReader, record_boundaries

    def check(data: bytes) -> None:
        if len(data) < 2:
            return
        archive, limit = packed(data[0], data[2:]), 64 << (data[1] % 12)

        def read(stream: Any, **more: Any) -> tuple[list[Any], list[Any]]:
            reader = WarcReader(stream, max_record_bytes=limit, **more)
            return [*reader], reader.damages

        records, damages = read(io.BytesIO(archive))
        for number, record in enumerate(records):
            holds(record.ordinal == number, "records are numbered", record)
            holds(0 <= record.offset < len(archive), "a record lies in its file", record)
            holds(record.problem in PROBLEMS, "a problem that is known", record.problem)
            holds(len(record.payload) <= limit, "no payload above the limit", len(record.payload))
            for value in (record.type, record.content_type, record.header_charset, record.detail):
                holds(value is None or value.encode("utf8", "surrogateescape") is not None, "", 0)
        for damage in damages:
            holds(0 <= damage.offset <= len(archive), "a damage lies in its file", damage)
        if archive.strip(b"\r\n") and not records and archive[:2] != b"\x1f\x8b":  # of a newline
            holds(damages, "nothing is lost in silence", archive)
        if again(data):
            trickled, _ = read(Trickle(archive, 7))
            holds(trickled == records, "the size of reads makes no difference", len(records))
            for offset, ordinal in record_boundaries(io.BytesIO(archive), 1 + data[1])[:3]:
                rest, _ = read(
                    io.BytesIO(archive[offset:]),
                    start=offset,
                    first_ordinal=ordinal,
                    file_head=lambda size: archive[:size],
                )
                holds(rest == records[ordinal:], "a range has the records of the file", ordinal)

    return check


def accounted(kernel: Any, reasons: tuple[str, ...], stream: Any, **how: Any) -> list[Any]:
    """The rows of a slice; records = judged rows + passed over, each row kept or with a reason of
    the stage, and as the tables have them.
    """
    from skypile.tables import DOCUMENTS, RECORDS

    rows = [*kernel(stream, source="web", path="a b/$(id)\n.x", start=0, first_ordinal=0, **how)]
    log = kernel.log()
    passed = sum(n for _, n in log["passed_over"])
    holds(log["judged"] == len(rows), "a row a judged record", log)
    holds(log["records"] == log["judged"] + passed, "records are judged or passed over", log)
    for record, document in rows:
        holds(record["kept"] == (document is not None), "kept and a document", record)
        holds(record["kept"] or record["reason"] in reasons, "a reason", record["reason"])
    filled = [{name: row.get(name) for name in RECORDS.schema.names} for row, _ in rows]
    RECORDS.from_rows(filled)
    DOCUMENTS.from_rows([document for _, document in rows if document])
    holds(len({r["doc_id"] for r, _ in rows}) == len(rows), "ids are unique", len(rows))
    return rows


def extract(folder: Path) -> Check:
    """WARC to documents, with the fast engine in this process."""
    from skypile.kernels.fast_engine import fast
    from skypile.stages.extract import STAGE, Config, make_read_kernel

    config = Config(engine="fast", max_record_bytes=1 << 14, max_page_bytes=1 << 13)
    kernel = make_read_kernel(config, lambda name: True)

    class InProcess:
        """The sandbox without a process."""

        def extract(self, html: str, **how: Any) -> Any:
            return fast.extract(html, **how)

        def close(self) -> None: ...

    kernel._sandbox.close()  # it may have been lent with a child of others
    kernel._sandbox = InProcess()  # type: ignore[assignment]

    def check(data: bytes) -> None:
        archive = packed(data[0] if data else 0, data[1:])
        rows = accounted(kernel, STAGE.reasons, io.BytesIO(archive), format="warc")
        if again(data):
            twice = accounted(kernel, STAGE.reasons, Trickle(archive, 11), format="warc")
            holds(rows == twice, "the same rows twice", len(rows))

    return check


READY = (
    *(("ingest", f, {}) for f in ("jsonl", "text", "wet")),
    ("ingest", "wikipedia", {"language": "zh"}),
    ("ingest", "jsonl", {"fields": {"text": "a.b", "date": "meta.when"}, "blocks": "paragraphs"}),
    *(("code", f, {}) for f in ("code_files", "code_jsonl", "code_tar")),
    *(("parallel", f, {}) for f in ("tmx", "pairs_tsv", "pairs_jsonl", "document_pairs")),
)


def ready(folder: Path) -> Check:
    """Lines, texts, WET, dumps, tars and pairs to documents."""
    from skypile.pipeline import all_stages
    from skypile.reads import NO_HINTS, Hints

    stages = {s.name: s for s in all_stages()}
    kernels = {}
    for name in ("ingest", "code", "parallel"):
        read = stages[name].read
        assert read
        kernels[name] = read.make_kernel(stages[name].config(max_record_bytes=2048), lambda _: True)

    def check(data: bytes) -> None:
        if not data:
            return
        stage, format, said = READY[data[0] % len(READY)]
        hints: Any = Hints(
            said.get("fields", NO_HINTS.fields),
            said.get("language", NO_HINTS.language),
            said.get("blocks", NO_HINTS.blocks),
            None,
        )
        reasons = stages[stage].reasons
        how = {"format": format, "hints": hints}
        rows = accounted(kernels[stage], reasons, io.BytesIO(data[1:]), **how)
        if again(data):
            twice = accounted(kernels[stage], reasons, Trickle(data[1:], 13), **how)
            holds(rows == twice, "the same rows twice", format)

    return check


def parquet(folder: Path) -> Check:
    """A damaged Parquet file to rows, one a row that its table of contents promises."""
    from skypile.pipeline import all_stages

    stage = next(s for s in all_stages() if s.name == "ingest")
    assert stage.read
    kernel = stage.read.make_kernel(stage.config(), lambda _: True)

    def check(data: bytes) -> None:
        rows = accounted(kernel, stage.reasons, io.BytesIO(data), format="parquet")
        holds(rows or not data or data[:4] == b"PAR1", "no file without a row", data[:20])

    return check


def parquet_seed() -> bytes:
    """A valid file of three texts."""
    buffer = io.BytesIO()
    texts = ["春眠不覺曉，處處聞啼鳥。" * 3, "The bridge was closed.", None]
    table = pa.table({"text": texts, "url": ["http://a.example/", None, "x"], "n": [1, 2, 3]})
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()
