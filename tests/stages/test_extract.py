"""Stage extract: what becomes of each kind of record, and verdicts from stored numbers."""

import datetime
import gzip
import io
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.reading.pages import host_of, parse_timestamp
from skypile.settings import build
from skypile.stages.extract import STAGE, Config, ExtractKernel, judge, make_cut_kernel
from skypile.tables import DOCUMENTS, RECORDS

EN = (
    "The lock keeper wrote the level of the canal into a ledger every evening, and the ledger "
    "outlived the canal. Nobody asked for the numbers until the flood of that spring."
)
ZH = "船闸的看守人每晚把水位写进账簿，账簿比运河活得更久。直到那年春天发大水，才有人来问这些数字。"
ZHT = "船閘的看守人每晚把水位寫進帳簿，帳簿比運河活得更久。直到那年春天發大水，才有人來問這些數字。"


def page(*paragraphs: str, title: str = "Locks", head: str = "") -> str:
    body = "".join(f"<p>{p}</p>" for p in paragraphs)
    return (
        f"<html><head><title>{title}</title>{head}</head><body><nav><ul><li><a href=/>Home</a>"
        f"</ul></nav><article><h1>{title}</h1>{body}</article><footer>All rights "
        "reserved.</footer></body></html>"
    )


def response(
    body: bytes,
    *,
    status: str = "200 OK",
    content_type: str | None = "text/html",
    url: str = "https://Canal.example:8080/ledger",
    name: str = "1",
    date: str = "2023-06-01T10:00:00Z",
) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    http = f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{name}>\r\n"
        f"WARC-Date: {date}\r\nWARC-Target-URI: {url}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


@pytest.fixture(scope="module")
def kernel() -> Iterator[ExtractKernel]:
    made = ExtractKernel(Config(), lambda _: True)
    yield made
    made.close()


def read(kernel: ExtractKernel, data: bytes, format: str = "warc") -> list[Any]:
    name = "a.warc.gz" if format == "warc" else "页面.html"
    done = list(
        kernel(io.BytesIO(data), source="web", format=format, path=name, start=0, first_ordinal=0)
    )
    RECORDS.from_rows([r for r, _ in done])  # fits its table
    DOCUMENTS.from_rows([d for _, d in done if d])
    return done


@pytest.mark.parametrize(
    ("text", "charset", "declared"),
    [
        (EN, "utf-8", "utf-8"),
        (ZH, "utf-8", None),
        (ZH, "gb18030", "gb2312"),
        (ZH, "gb18030", None),
        (ZHT, "big5hkscs", "big5"),
        (ZHT, "utf-8", "gb2312"),
    ],
)
def test_pages_become_documents(
    kernel: ExtractKernel, text: str, charset: str, declared: str | None
) -> None:
    suffix = f"; charset={declared}" if declared else ""
    # trafilatura takes the whole page where it finds less than 250 characters
    body = page(text, *(f"{i}. {text}" for i in range(6))).encode(charset)
    ((record, document),) = read(kernel, response(body, content_type="text/html" + suffix))
    assert record["kept"]
    assert record["reason"] is None
    assert text in document["text"].split("\n")
    assert "Home" not in document["text"]
    assert document["host"] == "canal.example"
    assert (
        document["chars"]
        == sum(document["block_chars"])
        == sum(len(b) for b in document["text"].split("\n"))
    )
    assert document["title"] == "Locks"
    assert document["crawled_at"] == datetime.datetime(2023, 6, 1, 10, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (response(b"x", status="404 Not Found"), "http_error"),
        (response(b"", status="301 Moved Permanently"), "http_error"),
        (response(b"%PDF-1.7", content_type="application/pdf"), "not_html"),
        (response(b"plain words", content_type=None), "not_html"),
        (response(b""), "empty"),
        (response(b" \r\n\t "), "empty"),
        (response(b"<html><body><script>go()</script></body></html>"), "empty"),
        (response(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9), "undecodable"),
        (response(b"<p>" + b"word " * 2_000_000), "too_large"),
    ],
)
def test_what_is_no_page_has_its_reason(kernel: ExtractKernel, data: bytes, reason: str) -> None:
    ((record, document),) = read(kernel, data)
    assert document is None
    assert (record["kept"], record["reason"]) == (False, reason)
    assert reason in STAGE.reasons


@pytest.mark.parametrize("value", [b"\xff\xfe/x", "文/\u202e".encode("gbk", "ignore"), b"a" * 5000])
def test_a_header_that_is_no_text_does_not_stop_the_file(
    kernel: ExtractKernel, value: bytes
) -> None:
    """Rows are written as UTF-8: what a header says is quoted in the detail of its row."""
    block = b"HTTP/1.1 200 OK\r\nContent-Type: " + value + b"\r\n\r\n<p>x</p>"
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <" + value + b">\r\n"
    head += b"WARC-Target-URI: http://" + value + b"\r\nContent-Length: %d\r\n\r\n" % len(block)
    bare = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: " + value + b"\r\n"
    bare += b"Content-Length: 3\r\n\r\nabc\r\n\r\n"
    found = read(kernel, head + block + b"\r\n\r\n" + bare)
    assert [row["reason"] for row, _ in found] == ["not_html", "not_html"]
    assert all(0 < len(row["detail"]) <= 300 for row, _ in found)
    RECORDS.from_rows([row for row, _ in found])


def test_a_cut_off_file_gives_what_was_before_and_says_where(kernel: ExtractKernel) -> None:
    whole = response(page(EN, ZH).encode(), name="1")
    cut = response(page(ZH, EN, *[f"{EN} {i}" for i in range(30)]).encode(), name="2")
    rows = read(kernel, whole + cut[: len(cut) - 40])
    assert [r["reason"] for r, _ in rows] == [None, "truncated_record"]
    (damage,) = kernel.log()["damages"]
    assert damage["offset"] >= len(whole)
    assert damage["reason"] == "truncated_record"


def test_a_chinese_url_in_raw_bytes_is_percent_encoded(kernel: ExtractKernel) -> None:
    plain = gzip.decompress(response(page(EN, ZH).encode(), url="http://a.cn/SLOT"))
    ((record, document),) = read(kernel, gzip.compress(plain.replace(b"SLOT", b"\xd6\xd0")))
    assert record["kept"]
    assert document["url"] == "http://a.cn/%D6%D0"


def test_garbage_does_not_fill_the_log(kernel: ExtractKernel) -> None:
    assert read(kernel, response(page(EN).encode()) + b"WARC/1.0\nx y\n\n" * 3_000)
    damages = kernel.log()["damages"]
    assert len(damages) <= 1_001


def test_an_html_file_is_one_record(kernel: ExtractKernel) -> None:
    ((record, document),) = read(kernel, page(ZH, EN).encode("gb18030"), format="html")
    assert record["path"] == "页面.html"
    assert record["url"] is None
    assert ZH in document["text"]


def test_records_out_of_the_sample_are_counted_not_read() -> None:
    made = ExtractKernel(Config(), lambda _: False)
    assert read(made, response(b"x")) == []
    assert made.log()["sampled_out"] == made.log()["records"] == 1
    made.close()


DAY = datetime.date(2023, 6, 30)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "block_chars": [400, 300],
        "block_wide_chars": [0, 0],
        "date": None,
        "crawled_at": None,
        "repeats": None,
        **changes,
    }


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("config", "changes", "reason"),
    [
        ({}, {}, None),
        ({}, {"repeats": "x"}, "duplicate_record"),
        ({}, {"block_chars": [30], "block_wide_chars": [0]}, "too_short"),
        ({}, {"date": datetime.date(2030, 1, 1)}, None),  # no cut-off is set
        ({"cutoff_date": DAY}, {"date": datetime.date(2023, 7, 1)}, "after_cutoff"),
        ({"cutoff_date": DAY}, {"date": DAY}, None),
        ({"cutoff_date": DAY}, {}, "undated"),
        ({"cutoff_date": DAY, "undated": "keep"}, {}, None),
        ({"cutoff_date": DAY}, {"crawled_at": at("2023-07-02")}, "after_cutoff"),
        ({"cutoff_date": DAY, "undated": "drop"}, {"crawled_at": at("2023-07-02")}, "undated"),
        ({"cutoff_date": DAY, "undated": "keep"}, {"crawled_at": at("2023-07-02")}, None),
        # It was there by then, whatever it says of itself.
        (
            {"cutoff_date": DAY},
            {"crawled_at": at("2023-06-30T23:59:59"), "date": datetime.date(2024, 1, 1)},
            None,
        ),
    ],
)
def test_verdicts(config: dict[str, Any], changes: dict[str, Any], reason: str | None) -> None:
    assert judge(build(Config, config, "t"), row(**changes))[0] == reason


def test_a_han_page_of_the_same_length_in_print_is_not_too_short() -> None:
    short = row(block_chars=[120, 60], block_wide_chars=[0, 0])
    chinese = row(block_chars=[120, 60], block_wide_chars=[110, 55])
    assert judge(Config(), short)[0] == "too_short"
    assert judge(Config(), chinese)[0] is None


@pytest.mark.parametrize(
    ("setting", "value", "page"),
    [
        ("wide_weight", 1.0, row(block_chars=[60], block_wide_chars=[60])),
        ("min_chars", 1_000, row()),
        ("min_run_chars", 1_000, row()),
        ("paragraph_chars", 500, row()),
        ("max_gap_blocks", 4, row(block_chars=[150, 9, 9, 9, 90, 150], block_wide_chars=[0] * 6)),
        ("fragment_chars", 3, row(block_chars=[4, 9, 900], block_wide_chars=[0] * 3)),
        ("kept_fragments", 2, row(block_chars=[4, 9, 900], block_wide_chars=[0] * 3)),
        ("max_fragments_fraction", 0.0, row(block_chars=[4, 9, 900], block_wide_chars=[0] * 3)),
    ],
)
def test_every_cutting_setting_changes_something(
    setting: str, value: Any, page: dict[str, Any]
) -> None:
    base = {"min_run_chars": 200} if setting == "max_gap_blocks" else {}
    before = judge(build(Config, base, "t"), page)
    assert judge(build(Config, {**base, setting: value}, "t"), page) != before


def test_fragments_at_the_ends_are_removed_and_only_there() -> None:
    page = row(block_chars=[8, 12, 800, 15, 700, 9, 7, 7], block_wide_chars=[0] * 8)
    assert judge(Config(), page) == (None, [0, 6, 7])


def batch(rows: list[dict[str, Any]], first: int = 0) -> pa.RecordBatch:
    ints = pa.list_(pa.int32())
    return pa.RecordBatch.from_pydict(
        {
            "doc_id": pa.array([str(first + i) for i in range(len(rows))], pa.string()),
            "block_chars": pa.array([r["block_chars"] for r in rows], ints),
            "block_wide_chars": pa.array([r["block_wide_chars"] for r in rows], ints),
            "date": pa.array([r["date"] for r in rows], pa.date32()),
            "crawled_at": pa.array([r["crawled_at"] for r in rows], pa.timestamp("s", tz="UTC")),
            "repeats": pa.array([r["repeats"] for r in rows], pa.string()),
        }
    )


documents = st.lists(
    st.builds(
        row,
        block_chars=st.lists(st.integers(1, 900), min_size=3, max_size=3),
        block_wide_chars=st.lists(st.integers(0, 1), min_size=3, max_size=3),
        date=st.none() | st.dates(datetime.date(2020, 1, 1), datetime.date(2024, 1, 1)),
        repeats=st.none() | st.just("x"),
    ),
    max_size=8,
)


@given(documents, documents)
def test_the_cut_is_a_batch_kernel(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> None:
    kernel = make_cut_kernel(Config(cutoff_date=DAY, undated="keep"), {})
    both = kernel(batch(a + b)).to_pylist()
    assert both == kernel(batch(a)).to_pylist() + kernel(batch(b, len(a))).to_pylist()
    assert kernel(batch([])).num_rows == 0


READ_CHANGES: dict[str, tuple[Any, bytes]] = {
    "engine": ("fast", response(page(EN, ZH).encode())),
    "kinds": (["items"], response(page(EN, ZH).encode())),
    "max_record_bytes": (2_000, response(page(EN * 30).encode())),
    "max_page_bytes": (2_000, response(page(EN * 30).encode())),
    "max_replaced_fraction": (
        0.5,
        response(page(*[ZH] * 9).encode().replace("水位".encode(), b"\xff" + "水位".encode())),
    ),
    "max_nodes": (5, response(page(EN, ZH).encode())),
    "max_depth": (2, response(page(EN, ZH).encode())),
    "max_table_rows": (
        3,
        response(page(EN, "<table>" + "<tr><td>1</td></tr>" * 9 + "</table>", ZH).encode()),
    ),
    "max_nesting": (
        1,
        response(page(EN, "<table><tr><td>" * 3 + "1" + "</td></tr></table>" * 3, ZH).encode()),
    ),
    "latest_date": (
        datetime.date(2010, 1, 1),
        response(
            page(
                EN, ZH, head='<meta property="article:published_time" content="2021-05-04">'
            ).encode()
        ),
    ),
}


@pytest.mark.parametrize("name", READ_CHANGES)
def test_every_reading_setting_changes_something(kernel: ExtractKernel, name: str) -> None:
    value, data = READ_CHANGES[name]
    changed = ExtractKernel(build(Config, {name: value}, "t"), lambda _: True)
    try:
        assert read(changed, data) != read(kernel, data)
    finally:
        changed.close()


@pytest.mark.parametrize("text", [EN, ZH, ZHT])
def test_the_fast_engine_gives_the_rows_that_the_other_gives(
    kernel: ExtractKernel, text: str
) -> None:
    changed = ExtractKernel(build(Config, {"engine": "fast"}, "t"), lambda _: True)
    data = response(page(*[text] * 4).encode())
    try:
        (ours, document), (theirs, other) = read(changed, data)[0], read(kernel, data)[0]
    finally:
        changed.close()
    assert ours == theirs
    assert ours["kept"]
    assert document["engine"] == "fast"
    assert document["text"].count(text) == 4
    assert document["title"] == other["title"] == "Locks"
    assert "Home" not in document["text"]
    assert "reserved" not in document["text"]


def test_no_setting_is_dead() -> None:
    """Each is in one of these tests: the table above, the verdicts, or the sandbox's own tests."""
    cut = {
        "wide_weight",
        "min_chars",
        "min_run_chars",
        "paragraph_chars",
        "max_gap_blocks",
        "fragment_chars",
        "kept_fragments",
        "max_fragments_fraction",
        "cutoff_date",
        "undated",
    }
    backstops = {"max_cpu_seconds", "max_memory_bytes"}
    gate = {
        *("languages", "foreign_min_prob", "foreign_min_letters"),
        *("lid_model", "lid_sha256", "blocklist"),
    }  # test_extract_gate.py
    assert {f.name for f in fields(Config)} == {*READ_CHANGES, *cut, *backstops, *gate}


def test_hosts_and_dates() -> None:
    assert host_of("http://EXAMPLE.com:80/x") == "example.com"
    assert host_of("http://例子.测试/页") == "例子.测试"
    assert host_of("http://[::1") is None
    assert host_of(None) is host_of("no url") is None
    assert parse_timestamp("2023-06-01T00:00:00.5+08:00") == at("2023-05-31T16:00:00")
    assert parse_timestamp("yesterday") is parse_timestamp(None) is None
