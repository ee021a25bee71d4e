"""Stage ingest: every format of ready text to documents, every bad row to its reason."""

import bz2
import datetime
import gzip
import io
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError, InputError, RejectBudgetError
from skypile.kernels.reading.warc import record_boundaries
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.reads import Hints
from skypile.settings import build
from skypile.stages import ingest
from skypile.stages.ingest import STAGE, Config, IngestKernel, judge
from skypile.tables import DOCUMENTS, READ_LOG, RECORDS

EN = "The ferry left at six.\nNobody waved."
ZH = "渡船六点开走。\n没有人挥手。"
ZHT = "渡船六點開走。\n沒有人揮手。"


def read(
    data: bytes,
    format: str,
    *,
    start: int = 0,
    first_ordinal: int = 0,
    hints: Hints = Hints(),  # noqa: B008
    **settings: Any,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """(records, documents, log), each checked against its table."""
    kernel = IngestKernel(build(Config, settings, "test"), lambda _: True)
    found = [
        *kernel(
            io.BytesIO(data),
            source="s",
            format=format,
            path="f",
            start=start,
            first_ordinal=first_ordinal,
            hints=hints,
        )
    ]
    records = [r for r, _ in found]
    documents = [d for _, d in found if d is not None]
    RECORDS.from_rows(records)
    DOCUMENTS.from_rows(documents)
    log = kernel.log()
    READ_LOG.from_rows([{"source": "s", "path": "f", "start": 0, "end": 1, **log}])
    assert log["records"] == log["judged"] + sum(n for _, n in log["passed_over"])
    assert {r["reason"] for r in records} - {None} <= set(STAGE.reasons)
    return records, documents, log


def jsonl(*rows: Any) -> bytes:
    return b"".join(
        (r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False).encode()) + b"\n"
        for r in rows
    )


def wet_record(text: bytes, url: str, kind: str = "conversion") -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Date: 2023-06-01T10:00:00Z\r\nWARC-Record-ID: <urn:uuid:{url}>\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + text + b"\r\n\r\n", mtime=0)


MIXED = jsonl(
    {"text": EN, "url": "https://Ferry.example/1", "title": "Ferry", "date": "2020-05-06", "id": 9},
    b'{"text": "cut',
    {"text": ZH},
    b"",
    {"body": "no text here"},
    b'{"text": "\xff\xfe"}',
    {"text": ["a list", ZHT]},
    b'{"text": "\\udc00"}',
    {"text": 17},
    {"text": "  "},
)
MIXED_REASONS = [
    None,
    "bad_json",
    None,
    "missing_field",
    "invalid_utf8",
    None,
    "lone_surrogate",
    "wrong_type",
    "empty",
]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, zstandard.ZstdCompressor().compress]
)
def test_json_lines_bad_ones_are_rejects_and_the_rest_goes_on(pack: Any) -> None:
    records, documents, log = read(pack(MIXED), "jsonl")
    assert [r["reason"] for r in records] == MIXED_REASONS
    assert [r["ordinal"] for r in records] == [0, 1, 2, 4, 5, 6, 7, 8, 9]  # the line, from 0
    assert log["passed_over"] == [("blank_line", 1)]
    first, second, third = documents
    assert (first["text"], first["title"], first["url"]) == (EN, "Ferry", "https://Ferry.example/1")
    assert (first["host"], first["record_id"]) == ("ferry.example", "9")
    assert first["date"] == datetime.date(2020, 5, 6)
    assert (second["text"], second["block_wide_chars"]) == (ZH, [6, 5])
    assert third["text"] == f"a list\n{ZHT}"


def test_a_range_of_json_lines_reads_what_the_whole_file_reads_there() -> None:
    cut_points = STAGE.read.formats["jsonl"]  # type: ignore[union-attr]
    assert cut_points
    points = cut_points(io.BytesIO(MIXED), 60)
    assert len(points) > 2
    whole = read(MIXED, "jsonl")[:2]
    bounds = [(0, 0), *points, (len(MIXED), 0)]
    ranges: tuple[list[Any], list[Any]] = ([], [])
    for (start, ordinal), (end, _) in pairwise(bounds):
        found = read(MIXED[start:end], "jsonl", start=start, first_ordinal=ordinal)
        ranges[0].extend(found[0])
        ranges[1].extend(found[1])
    assert ranges == whole


def test_a_cut_file_gives_what_it_has_and_says_where_it_ends() -> None:
    rows = [{"text": f"{i} {ZH} {i * 7919}"} for i in range(3000)]
    packed = gzip.compress(jsonl(*rows))
    records, documents, log = read(packed[:-2000], "jsonl")
    assert 1000 < len(documents) < 3000
    assert [d["text"] for d in documents] == [r["text"] for r in rows[: len(documents)]]
    assert [r["reason"] for r in records if r["reason"]] == ["truncated_record"]
    assert [d["reason"] for d in log["damages"]] == ["truncated_record"]


def test_long_lines_are_skipped() -> None:
    data = jsonl({"text": "x" * 5000}, {"text": EN})
    records, documents, _ = read(data, "jsonl", max_record_bytes=2048)
    assert [r["reason"] for r in records] == ["too_large", None]
    assert records[0]["payload_bytes"] == 5012
    assert documents[0]["text"] == EN


def test_parquet_in_memory_and_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    table = pa.table(
        {
            "content": [EN, None, ZH, ""],
            "meta": [{"link": "https://a.example/1"}, None, {"link": None}, None],
            "when": pa.array([datetime.date(2020, 1, 1)] * 4),
        }
    )
    pq.write_table(table, out, row_group_size=2)
    hints = Hints(fields={"text": "content", "url": "meta.link", "date": "when"})
    in_memory = read(out.getvalue(), "parquet", hints=hints)
    monkeypatch.setattr("skypile.kernels.ready_texts.formats.SPOOL_BYTES", 100)
    assert read(out.getvalue(), "parquet", hints=hints) == in_memory
    records, documents, _ = in_memory
    assert [r["reason"] for r in records] == [None, "missing_field", None, "empty"]
    assert [d["text"] for d in documents] == [EN, ZH]
    assert documents[0]["url"] == "https://a.example/1"
    assert documents[1]["date"] == datetime.date(2020, 1, 1)


LONG_ZH = "渡船六点开走，没有人挥手，码头上只剩下一盏灯。船长说明天还有一班，大家都信了。" * 5


@pytest.mark.parametrize("charset", ["utf-8", "gb18030", "utf-16"])
def test_books_as_text_files_in_their_own_charset(charset: str) -> None:
    book = f"第一章\r\n\r\n{LONG_ZH[:40]}\r\n{LONG_ZH[40:]}\r\n"
    for pack in (bytes, gzip.compress):
        _, (document,), _ = read(
            pack(book.encode(charset)), "text", hints=Hints(blocks="paragraphs")
        )
        assert document["text"] == f"第一章\n{LONG_ZH}"
    _, (document,), _ = read(book.encode(charset), "text")
    assert document["block_chars"] == [3, 40, len(LONG_ZH) - 40]


def test_text_files_that_are_none() -> None:
    noise = bytes(range(128, 256)) * 40
    assert read(noise, "text")[0][0]["reason"] == "undecodable"
    assert read(b"", "text")[0][0]["reason"] == "empty"
    assert read(b"x" * 3000, "text", max_record_bytes=2048)[0][0]["reason"] == "too_large"
    cut = gzip.compress(noise)[:-9]
    records, _, log = read(cut, "text")
    assert records[0]["reason"] == "truncated_record"
    assert len(log["damages"]) == 1


def test_wet_lines_are_blocks_and_other_records_are_passed_over() -> None:
    data = (
        wet_record(b"software: x", "https://i.example/", "warcinfo")
        + wet_record(EN.encode(), "https://a.example/1")
        + wet_record("页面".encode("gbk"), "https://a.example/2")
        + wet_record(ZH.encode(), "https://a.example/3")
    )
    records, documents, log = read(data, "wet")
    assert log["passed_over"] == [("warcinfo", 1)]
    assert [r["reason"] for r in records] == [None, "invalid_utf8", None]
    assert [d["text"] for d in documents] == [EN, ZH]
    assert documents[1]["url"] == records[2]["url"] == "https://a.example/3"
    assert documents[1]["crawled_at"] is not None
    points = record_boundaries(io.BytesIO(data), 100)
    assert [read(data[o:], "wet", start=o, first_ordinal=n)[0] for o, n in points] == [
        [r for r in records if r["ordinal"] >= n] for _, n in points
    ]


def test_real_wet_files(shared_data: Path) -> None:
    for name in ("whirlwind.warc.wet", "whirlwind.warc.wet.gz"):
        paths = [*(shared_data / "warc_samples/files").glob(f"*{name}")]
        assert paths
        for path in paths:
            _, documents, log = read(path.read_bytes(), "wet")
            assert len(documents) == 1
            assert not log["damages"]
            assert len(documents[0]["block_chars"]) > 5


def test_the_cut_judges_length_and_date() -> None:
    row = {
        "block_chars": [10, 10],
        "block_wide_chars": [10, 0],
        "date": datetime.date(2023, 7, 1),
        "crawled_at": None,
    }
    assert judge(Config(), row) is None
    assert judge(Config(min_chars=45), row) is None  # 10 wide characters count as 35
    assert judge(Config(min_chars=46), row) == "too_short"
    cutoff = datetime.date(2023, 6, 30)
    assert judge(Config(cutoff_date=cutoff), row) == "after_cutoff"
    assert judge(Config(cutoff_date=cutoff), {**row, "date": None}) is None
    assert judge(Config(cutoff_date=cutoff, undated="drop"), {**row, "date": None}) == "undated"


def source(name: str, format: str, pattern: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "format": format,
        "root": "input",
        "paths": [pattern],
        "category": "books",
        "licence": "test",
        "max_reject_fraction": 0.9,
        **more,
    }


def make_run(base: Path, *sources: dict[str, Any], **sections: Any) -> RunConfig:
    table = {"run": {"out": "run", "part_bytes": 1024}, "sources": list(sources), **sections}
    return from_table(table, all_stages(), base=base, where="test.toml")


def test_sources_of_every_format_in_one_run(
    tmp_path: Path, no_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "input"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(MIXED * 20)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(jsonl({"text": ZH}, {"text": "短"})))
    (folder / "c.txt").write_bytes((LONG_ZH * 3).encode("gb18030"))
    (folder / "d.wet.gz").write_bytes(wet_record(EN.encode(), "https://a.example/1"))
    pq.write_table(pa.table({"content": [EN, ZH]}), folder / "e.parquet")
    config = make_run(
        tmp_path,
        source("rows", "jsonl", "*.jsonl"),
        source("packed", "jsonl", "*.jsonl.gz", skip_stages=["ingest"]),
        source("books", "text", "*.txt"),
        source("wet", "wet", "*.wet.gz"),
        source("table", "parquet", "*.parquet", fields={"text": "content"}),
        run={"out": "run", "part_bytes": 1024, "stages": ["ingest"]},
        ingest={"min_chars": 5},
    )
    run_config(config, no_spark, say=lambda _: None)
    ledger = Ledger(config.run.out)
    funnel = ledger.funnel()
    ledger.recount(funnel)
    lines = {line.source: line for line in funnel.lines}
    assert funnel.reads["rows"]["rejected"] == {r: 20 for r in MIXED_REASONS if r}
    assert (lines["rows"].rows_in, lines["rows"].kept) == (60, 60)
    assert (lines["packed"].kept, lines["packed"].applies) == (2, False)  # skipped: nothing goes
    assert {s: lines[s].kept for s in ("books", "wet", "table")} == {
        "books": 1,
        "wet": 1,
        "table": 2,
    }
    assert len({f.part for f in ledger.files("documents") if f.source == "rows"}) > 3
    rejects = [r for r in ledger.table("records").to_pylist() if r["reason"] == "bad_json"]
    assert {(r["path"], r["ordinal"] % 10) for r in rejects} == {("a.jsonl", 1)}


def test_a_source_of_bad_rows_fails_the_run(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/a.jsonl").write_bytes(jsonl({"content": EN}, {"content": ZH}))
    one = source("rows", "jsonl", "*", max_reject_fraction=0.1)
    config = make_run(tmp_path, one, run={"out": "run", "stages": ["ingest"]})
    with pytest.raises(RejectBudgetError, match="missing_field 2"):
        run_config(config, no_spark, say=lambda _: None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"fields": {"txt": "a"}}, "fields: unknown column 'txt'; known: text, url"),
        ({"format": "text", "fields": {"text": "a"}}, "fields: format text has none"),
        ({"language": "en"}, "language: format jsonl takes none"),
        ({"format": "warc", "blocks": "paragraphs"}, "format warc takes no fields"),
        ({"blocks": "sentences"}, "blocks: 'sentences' is none of: lines, paragraphs"),
    ],
)
def test_hints_that_a_format_cannot_use(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_run(tmp_path, {**source("rows", "jsonl", "*"), **more})


def test_a_changed_field_map_reads_again(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/a.jsonl").write_bytes(jsonl({"text": EN, "summary": ZH}))
    for field, text in (("text", EN), ("summary", ZH)):
        one = source("rows", "jsonl", "*", fields={"text": field})
        config = make_run(tmp_path, one, run={"out": "run", "stages": ["ingest"]})
        run_config(config, no_spark, say=lambda _: None)
        (part,) = Ledger(config.run.out).texts("ingest")
        assert part["text"].to_pylist() == [text]


def test_the_same_file_twice_is_refused(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    (tmp_path / "input").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / "input" / name).write_bytes(MIXED)
    config = make_run(
        tmp_path, source("rows", "jsonl", "*"), run={"out": "r", "stages": ["ingest"]}
    )
    with pytest.raises(InputError, match="the same file is listed twice"):
        run_config(config, no_spark, say=lambda _: None)


def test_the_kernel_reads_a_hash_sample() -> None:
    asked: list[str] = []
    kernel = IngestKernel(Config(), lambda name: bool(asked.append(name)) or len(asked) % 2 == 0)
    data = jsonl(*({"text": f"{EN} {i}"} for i in range(10)))
    rows = [
        *kernel(io.BytesIO(data), source="s", format="jsonl", path="f", start=0, first_ordinal=0)
    ]
    assert len(rows) == 5
    assert kernel.log()["sampled_out"] == 5
    assert ingest.STAGE.step == 12


def test_a_dump_and_the_pages_that_are_no_articles(tmp_path: Path) -> None:
    from skypile.sample.crawl import write_sample

    write_sample(tmp_path, pages=60)
    for path in sorted((tmp_path / "wiki").glob("*.xml.bz2")):
        language = path.name[:2]
        data = path.read_bytes()
        hints = Hints(language=language)
        records, documents, log = read(data, "wikipedia", hints=hints)
        truth = {
            row["title"]: row
            for row in map(
                json.loads, (tmp_path / "wiki/truth.jsonl").read_text(encoding="utf8").splitlines()
            )
            if row["file"].endswith(path.name)
        }
        kinds = {row["kind"] for row in truth.values()}
        assert {"article", "redirect", "disambiguation"} <= kinds
        articles = {t for t, row in truth.items() if row["kind"] in ("article", "broken")}
        assert {d["title"] for d in documents} == articles
        assert {k for k, _ in log["passed_over"]} <= {"redirect", "other_namespace"}
        assert {r["reason"] for r in records} == {None, "disambiguation"}
        gold = found = 0
        for document in documents:
            row = truth[document["title"]]
            assert document["url"].startswith(f"https://{language}.wikipedia.org/wiki/")
            if row["kind"] == "article":
                assert set(document["cited_urls"]) == {c["url"] for c in row["cites"]}
                blocks = set(document["text"].split("\n"))
                gold += len(row["paragraphs"])
                found += sum(p in blocks for p in row["paragraphs"])
        assert found >= 0.95 * gold > 0
    with pytest.raises(ValueError, match="language: format wikipedia needs it"):
        ingest.check_hints("wikipedia", Hints())
