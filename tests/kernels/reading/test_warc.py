import gzip
import io
import json
import random
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skypile.kernels.reading import members as stretches
from skypile.kernels.reading.warc import Damage, Record, WarcReader, record_boundaries

Pack = Callable[[Sequence[bytes]], bytes]
PAGE = "<html><body>春眠不覺曉，處處聞啼鳥。</body></html>\n".encode() * 20


class Pipe:
    """A stream that can only be read, and gives less than asked for."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, self._most))


def response(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: Text/HTML; charset=UTF-8", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def record(number: int, block: bytes, kind: str = "response", **fields: str | None) -> bytes:
    """A record; a field given as None is left out."""
    http = "application/http; msgtype=" + kind
    lines: dict[str, str | None] = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number}>",
        "WARC-Target-URI": f"http://example.org/{number}",
        "WARC-Date": "2023-06-20T08:00:00Z",
        "Content-Type": http if kind in ("response", "request") else "text/plain",
        "Content-Length": str(len(block)),
    }
    lines |= {name.replace("_", "-"): value for name, value in fields.items()}
    head = [f"{name}: {value}" for name, value in lines.items() if value is not None]
    text = "\r\n".join(["WARC/1.0", *head, "", ""])
    return text.encode("utf8", "surrogateescape") + block + b"\r\n\r\n"


def plain(records: Sequence[bytes]) -> bytes:
    return b"".join(records)


def members(records: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(r, mtime=0) for r in records)


def one_member(records: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(records), mtime=0)


def offsets(records: Sequence[bytes], pack: Pack) -> list[int]:
    return [len(pack(records[:i])) if i else 0 for i in range(len(records))]


def read(data: bytes, **options: object) -> tuple[list[Record], list[Damage]]:
    reader = WarcReader(Pipe(data), **options)  # type: ignore[arg-type]
    records = list(reader)
    assert sum(reader.counts.values()) == len(records)
    return records, reader.damages


def read_ranges(data: bytes, every_bytes: int) -> tuple[list[Record], list[Damage]]:
    starts = [(0, 0), *record_boundaries(Pipe(data), every_bytes)]
    ends = [offset for offset, _ in starts[1:]] + [len(data)]
    records, damages = [], []
    for (start, ordinal), end in zip(starts, ends, strict=True):
        some, more = read(data[start:end], start=start, first_ordinal=ordinal)
        records += some
        damages += more
    return records, damages


FOUR = [
    record(0, b"software: x\r\n", "warcinfo"),
    record(1, b"GET / HTTP/1.1\r\n\r\n", "request"),
    record(2, response(PAGE)),
    record(3, response(b"gone", status="404 Not Found")),
]
THREE = [record(i, response(b"%d" % i + PAGE)) for i in range(3)]
both = pytest.mark.parametrize("pack", [plain, members])


@both
def test_the_fields_of_records(pack: Pack) -> None:
    (info, request, page, gone), damages = read(pack(FOUR))
    assert damages == []
    at = offsets(FOUR, pack)
    assert page == Record(
        ordinal=2,
        offset=at[2],
        type="response",
        record_id="urn:uuid:2",
        url="http://example.org/2",
        date="2023-06-20T08:00:00Z",
        http_status=200,
        content_type="text/html",
        header_charset="UTF-8",
        payload=PAGE,
        payload_bytes=len(PAGE),
        problem=None,
        detail=None,
        truncated=False,
    )
    assert (gone.ordinal, gone.offset, gone.http_status, gone.payload) == (3, at[3], 404, b"gone")
    assert (info.type, info.content_type, info.http_status) == ("warcinfo", "text/plain", None)
    assert (info.payload, info.payload_bytes) == (b"", len(b"software: x\r\n"))
    assert (request.type, request.offset, request.http_status) == ("request", at[1], None)


@both
def test_a_range_counts_and_measures_from_its_start(pack: Pack) -> None:
    whole, _ = read(pack(FOUR))
    cut = offsets(FOUR, pack)[2]
    assert read(pack(FOUR)[cut:], start=cut, first_ordinal=2)[0] == whole[2:]
    assert read(pack(FOUR)[:cut])[0] == whole[:2]


def test_only_payloads_of_wanted_types_are_read() -> None:
    data = plain(FOUR)
    kinds = [bool(r.payload) for r in read(data, want=frozenset({"request", "warcinfo"}))[0]]
    assert kinds == [True, True, False, False]
    none = read(data, want=lambda kind: False)[0]
    assert [r.payload for r in none] == [b""] * 4
    assert none[2].http_status == 200
    assert none[2].payload_bytes == len(response(PAGE))
    reader = WarcReader(Pipe(data))
    assert list(reader)
    assert reader.counts == {"warcinfo": 1, "request": 1, "response": 2}


@both
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_streams_may_give_less_than_asked_for(pack: Pack, most: int) -> None:
    reader = WarcReader(Pipe(pack(FOUR), most))  # type: ignore[arg-type]
    assert list(reader) == read(pack(FOUR))[0]


@pytest.mark.parametrize("most", [7, 300, 1 << 20])
def test_line_ends_behind_a_record_are_not_the_end_of_the_file(most: int) -> None:
    """Whatever the size of reads: what is read so far may end among them."""
    data = record(1, response(PAGE)).rstrip(b"\r\n") + b"\n" * 520 + b"no record " * 20
    reader = WarcReader(Pipe(data, most))  # type: ignore[arg-type]
    assert [r.problem for r in reader] == ["malformed_record"]
    assert [d.reason for d in reader.damages] == ["malformed_record"]


def test_what_the_stream_raises_is_raised() -> None:
    class Broken(Pipe):
        def read(self, size: int) -> bytes:
            return super().read(size) or self._fail()

        def _fail(self) -> bytes:
            raise ConnectionResetError("by peer")

    for pack in (plain, members):
        for end in (None, -30):
            with pytest.raises(ConnectionResetError):
                list(WarcReader(Broken(pack(FOUR)[:end])))  # type: ignore[arg-type]


def test_bodies_are_decoded_and_bombs_are_not() -> None:
    packed = gzip.compress(PAGE)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    lines = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    bomb = gzip.compress(bytes(3 << 20))
    data = plain([record(0, response(chunks, *lines)), record(1, response(bomb, lines[0]))])
    (page, large), damages = read(data, max_record_bytes=1 << 20)
    assert (page.payload, page.problem, page.truncated) == (PAGE, None, False)
    assert (large.payload, large.problem) == (b"", "too_large")
    assert damages == []


# Truncated files


@pytest.mark.parametrize("pack", [plain, members, one_member])
def test_a_file_cut_anywhere_gives_all_before_the_cut_and_says_where(pack: Pack) -> None:
    records = [*FOUR[:2], record(2, response(PAGE[:60]))]
    data, at = pack(records), offsets(records, pack)
    whole, _ = read(data)
    if pack is one_member:
        at = [0, 0, 0]
    for end in range(len(pack(records[:2])) if pack is not one_member else 0, len(data)):
        got, damages = read(data[:end])
        done = [r for r in got if not r.problem]
        assert done == whole[: len(done)]
        if pack is plain and end >= len(data) - 4:
            assert len(done) == 3  # newlines are missing, no more
        elif end == at[2] and pack is not one_member:
            assert (got, damages) == (whole[:2], [])
        elif end:
            assert [(d.offset, d.reason) for d in damages] == [(at[2], "truncated_record")]
            if len(got) > len(done):
                assert got[-1].problem == "truncated_record"
            if len(got) > len(done) and got[-1].http_status:
                assert whole[len(done)].payload.startswith(got[-1].payload)


@both
def test_a_record_that_is_cut_comes_out_if_its_head_did(pack: Pack) -> None:
    noise = random.Random(1).randbytes(5000)
    records = [*THREE, record(3, response(noise))]
    data = pack(records)
    got, damages = read(data[:-1000])
    assert [r.problem for r in got] == [None, None, None, "truncated_record"]
    last = got[3]
    assert (last.url, last.http_status) == ("http://example.org/3", 200)
    assert noise.startswith(last.payload)
    assert 3500 < len(last.payload) < 4100
    assert [d.offset for d in damages] == [last.offset] == [offsets(records, pack)[3]]
    head_only = pack(records[:3]) + pack([records[3]])[:60]
    got, damages = read(head_only)
    assert len(got) == 3
    assert [(d.offset, d.reason) for d in damages] == [(last.offset, "truncated_record")]


@both
def test_a_crawler_that_died_and_went_on_in_the_same_file(pack: Pack) -> None:
    """What a killed crawler leaves behind has no end, and the next record follows at once."""
    noise = record(7, response(random.Random(2).randbytes(3000)))
    for cut in (40, 1500):
        data = pack(THREE[:1]) + pack([noise])[:-cut] + pack(THREE[1:])
        got, damages = read(data)
        assert [r.problem for r in got] == [None, "truncated_record", None, None]
        assert [r.payload for r in got if not r.problem] == [
            r.payload for r in read(pack(THREE))[0]
        ]
        assert [(d.offset, d.reason) for d in damages] == [(got[1].offset, "truncated_record")]
    data = pack(THREE[:1]) + noise[:70] + b"\r\n" + pack(THREE[1:])
    got, damages = read(data)
    assert len(got) == 3
    assert [d.offset for d in damages] == [len(pack(THREE[:1]))]


# Damage in the middle


def test_a_flipped_byte_in_a_gzip_member_costs_no_other_record() -> None:
    data, at = members(THREE), [*offsets(THREE, members), len(members(THREE))]
    whole, _ = read(data)
    seen = set()
    for i in range(at[1], at[2]):
        bad = bytearray(data)
        bad[i] ^= 0x55
        got, damages = read(bytes(bad))
        assert got[0] == whole[0]
        assert got[-1]._replace(ordinal=2) == whole[2]
        if got != whole:  # gzip's time stamp and the like decide nothing
            assert {d.offset for d in damages} == {at[1]}
            assert all(r.problem for r in got[1:-1])
            seen.add(len(got))
    assert seen == {2, 3}


def test_a_wrong_checksum_is_a_malformed_record_with_all_its_payload() -> None:
    data = bytearray(members(THREE))
    data[offsets(THREE, members)[2] - 6] ^= 1
    got, damages = read(bytes(data))
    assert [r.problem for r in got] == [None, "malformed_record", None]
    assert got[1].payload == b"1" + PAGE
    assert [(d.offset, d.reason) for d in damages] == [(got[1].offset, "malformed_record")]
    assert "check" in damages[0].detail


@both
@pytest.mark.parametrize("junk", [b"garbage", bytes(5000), b"\x1f\x8b\x08\x00 no member", b"WARC/"])
def test_garbage_between_records_is_passed_over_and_reported(pack: Pack, junk: bytes) -> None:
    for at in (0, 1, 3):
        data = pack(THREE[:at]) + junk + pack(THREE[at:])
        got, damages = read(data)
        if at == 0 and (junk[:1] == b"\x1f") == (pack is plain):
            continue  # the file is taken for what it begins with
        assert [r.payload for r in got] == [r.payload for r in read(pack(THREE))[0]]
        assert [r.problem for r in got] == [None] * 3
        assert [d.offset for d in damages] == [len(pack(THREE[:at]))]


@both
@pytest.mark.parametrize("most", [1, 7, 1000])
def test_garbage_in_small_pieces(pack: Pack, most: int) -> None:
    reader = WarcReader(Pipe(pack(THREE[:1]) + b"junk" * 400 + pack(THREE[1:]), most))  # type: ignore[arg-type]
    assert [r.problem for r in reader] == [None] * 3
    assert [d.offset for d in reader.damages] == [len(pack(THREE[:1]))]
    assert "1,600 bytes" in reader.damages[0].detail


def test_what_looks_like_a_member_in_garbage_is_none() -> None:
    data = members(THREE[:1]) + b"x\x1f\x8b\x08\x00 no member" + members(THREE[1:])
    got, damages = read(data)
    assert [r.problem for r in got] == [None] * 3
    assert [d.offset for d in damages] == [len(members(THREE[:1]))]


@both
def test_garbage_longer_than_what_is_held(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "HOLD", 1 << 20)
    junk = random.Random(3).randbytes(20_000_000)
    reader = WarcReader(io.BytesIO(pack(THREE[:1]) + junk + pack(THREE[1:])))
    got: list[Record] = []
    assert peak(lambda: got.extend(reader)) < 12 << 20
    assert [r.problem for r in got] == [None] * 3
    assert [d.offset for d in reader.damages] == [len(pack(THREE[:1]))]
    assert "20,000,000 bytes" in reader.damages[0].detail


@both
@pytest.mark.parametrize("off", [-700, -20, -5, 1000, 100_000, 10**17])
def test_a_content_length_that_lies(pack: Pack, off: int) -> None:
    block = response(PAGE)
    lie = record(1, block, Content_Length=str(len(block) + off))
    data = pack([THREE[0], lie, THREE[2]])
    got, damages = read(data)
    if off == 10**17 and pack is plain:  # its own end cannot be looked for: too far
        assert [r.problem for r in got] == [None, "truncated_record"]
    else:
        assert [r.problem for r in got][::2] == [None, None]
        assert got[1].problem in ("malformed_record", "truncated_record")
        if off < 10**17:
            assert got[1].problem == "malformed_record"
            assert (PAGE + b"\r\n\r\n").startswith(got[1].payload)
        assert got[2].payload == b"2" + PAGE
    assert [d.offset for d in damages] == [got[1].offset]


@both
def test_records_not_followed_by_newlines_are_whole(pack: Pack) -> None:
    for end in (b"", b"\n", b"\r\n", b"\r\n" * 300):
        records = [r.removesuffix(b"\r\n\r\n") + end for r in THREE]
        got, damages = read(pack(records))
        assert [r.payload for r in got] == [b"%d" % i + PAGE for i in range(3)]
        assert [r.problem for r in got] == [None] * 3
        assert damages == []


@both
@pytest.mark.parametrize(
    "fields",
    [
        {"WARC_Type": None},
        {"Content_Length": None},
        {"Content_Length": "-1"},
        {"Content_Length": "many"},
        {"Content_Length": "٣"},
        {"Content_Length": "²"},
        {"Content_Length": "9" * 5000},
    ],
)
def test_malformed_heads_cost_one_record(pack: Pack, fields: dict[str, str | None]) -> None:
    got, _ = read(pack([THREE[0], record(1, response(PAGE), **fields), THREE[2]]))
    assert [r.problem for r in got] == [None, "malformed_record", None]
    assert got[1].record_id == "urn:uuid:1"
    assert got[1].detail
    assert got[1].url
    assert got[2].payload == b"2" + PAGE


def test_a_url_in_gbk_costs_no_page() -> None:
    url = b"http://example.org/\xd6\xd0".decode("utf8", "surrogateescape")
    got, damages = read(record(0, response(PAGE), WARC_Target_URI=url))
    assert [(r.url, r.problem, r.payload) for r in got] == [(url, None, PAGE)]
    assert damages == []


def test_what_may_be_missing() -> None:
    fields: dict[str, str | None] = dict.fromkeys(
        ("WARC_Record_ID", "WARC_Target_URI", "WARC_Date", "Content_Type")
    )
    (got,), damages = read(record(0, response(PAGE), **fields))
    assert (got.record_id, got.url, got.date, got.problem) == (None, None, None, None)
    assert got.payload == PAGE
    assert damages == []


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023-06-20T08:00:00Z", "2023-06-20T08:00:00Z"),
        ("2023-06-20T08:00:00.123456Z", "2023-06-20T08:00:00.123456Z"),
        ("2023-06-20", "2023-06-20"),
        ("blue monday", None),
        ("2023-06-31T00:00:00Z", None),
        ("", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert read(record(0, response(PAGE), WARC_Date=text))[0][0].date == date


def test_heads_as_old_crawlers_wrote_them() -> None:
    block = response(PAGE)
    head = (
        "warc/0.17\nWARC-TYPE:\n\tRESPONSE\nwarc-target-uri: <http://example.org/\n /a>\n"
        f"Content-length: {len(block)}\nContent-Length: 5\nno colon\n\n"
    )
    got, damages = read(head.encode() + block + b"\n\n" + THREE[1])
    assert [(r.type, r.problem) for r in got] == [("response", None)] * 2
    assert got[0].url == "http://example.org/ /a"
    assert got[0].payload == PAGE
    assert damages == []


def test_a_head_without_end() -> None:
    long = b"WARC/1.0\r\n" + b"WARC-Type: response\r\n" * 100_000
    got, damages = read(THREE[0] + long + THREE[1])
    assert [r.payload for r in got] == [b"0" + PAGE, b"1" + PAGE]
    assert [d.offset for d in damages] == [len(THREE[0])]
    reader = WarcReader(Sparse(b"WARC/1.0\r\nA: ", 50 << 20, THREE[1]))  # type: ignore[arg-type]
    some: list[Record] = []
    assert peak(lambda: some.extend(reader)) < 8 << 20
    assert [r.payload for r in some] == [b"1" + PAGE]


def test_odd_types_are_printable() -> None:
    kinds = ["", "応答".encode("gbk").decode("utf8", "surrogateescape"), "Monkeys", "x" * 99]
    got, _ = read(plain([record(i, b"", kind) for i, kind in enumerate(kinds)]))
    assert [r.type for r in got] == ["", "????", "monkeys", "x" * 40]


def test_a_flood_of_starts_takes_no_more_than_its_length() -> None:
    begun = time.monotonic()
    got, damages = read(THREE[0] + b"WARC/1.0\r\na:" * 100_000 + THREE[1])
    assert time.monotonic() - begun < 20
    assert [r.problem for r in got] == [None, None]
    assert len(damages) == 100_000


# Size


class Sparse:
    """A long stream that is never all in memory: some bytes, `zeros`, some bytes."""

    def __init__(self, before: bytes, zeros: int, after: bytes) -> None:
        self._parts: list[bytes] = [before, after]
        self._left = zeros
        self._zeros = bytes(1 << 20)

    def read(self, size: int) -> bytes:
        if self._parts[0]:
            out, self._parts[0] = self._parts[0][:size], self._parts[0][size:]
        elif self._left:
            out = self._zeros[: min(size, self._left)]
            self._left -= len(out)
        else:
            out, self._parts[1] = self._parts[1][:size], self._parts[1][size:]
        return out


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_a_record_of_1_5_gb_is_passed_over_in_bounded_memory() -> None:
    size = 1_500_000_000
    block = response(b"")
    head = record(1, block, Content_Length=str(len(block) + size)).removesuffix(b"\r\n\r\n")
    stream = Sparse(THREE[0] + head, size, b"\r\n\r\n" + THREE[2])
    reader = WarcReader(stream)  # type: ignore[arg-type]
    got: list[Record] = []
    assert peak(lambda: got.extend(reader)) < 16 << 20
    assert [(r.ordinal, r.problem) for r in got] == [(0, None), (1, "too_large"), (2, None)]
    assert (got[1].http_status, got[1].content_type, got[1].payload) == (200, "text/html", b"")
    assert got[1].payload_bytes == len(block) + size
    assert got[2].offset == len(THREE[0] + head) + size + 4
    assert got[2].payload == b"2" + PAGE
    assert reader.damages == []


def test_a_large_record_that_is_cut_says_so() -> None:
    head = record(1, b"", Content_Length="1000000000").removesuffix(b"\r\n\r\n")
    reader = WarcReader(Sparse(THREE[0] + head, 100 << 20, b""))  # type: ignore[arg-type]
    assert [r.problem for r in reader] == [None, "truncated_record"]
    assert [(d.offset, d.reason) for d in reader.damages] == [(len(THREE[0]), "truncated_record")]
    assert "104,857,600" in reader.damages[0].detail


def test_a_large_record_in_a_gzip_member_is_passed_over_in_bounded_memory() -> None:
    z = zlib.compressobj(1, wbits=31)
    packed = z.compress(record(1, b"", Content_Length=str(200 << 20)).removesuffix(b"\r\n\r\n"))
    packed += b"".join(z.compress(bytes(1 << 20)) for _ in range(200))
    packed += z.compress(b"\r\n\r\n") + z.flush()
    data = members(THREE[:1]) + packed + members(THREE[2:])
    got: list[Record] = []
    assert peak(lambda: got.extend(read(data)[0])) < 16 << 20
    assert [r.problem for r in got] == [None, "too_large", None]
    assert got[2].payload == b"2" + PAGE


@both
def test_the_limit_is_the_caller_s(pack: Pack) -> None:
    size = len(response(b"0" + PAGE))
    assert [r.problem for r in read(pack(THREE), max_record_bytes=size)[0]] == [None] * 3
    got, damages = read(pack(THREE), max_record_bytes=size - 1)
    assert [(r.problem, r.payload, r.payload_bytes) for r in got] == [("too_large", b"", size)] * 3
    assert damages == []


@both
def test_records_longer_than_any_buffer_and_their_neighbours(pack: Pack) -> None:
    noise = random.Random(4).randbytes(3 << 20)
    records = [record(i, response(b"%d" % i + b)) for i, b in enumerate([noise, PAGE * 4000] * 2)]
    got, damages = read(pack(records))
    assert [r.payload for r in got] == [
        b"%d" % i + b for i, b in enumerate([noise, PAGE * 4000] * 2)
    ]
    assert damages == []
    assert [r.offset for r in got] == offsets(records, pack)


# What is in the records


def test_truncated_as_the_crawler_or_the_response_says() -> None:
    blocks = [response(PAGE), response(PAGE, "Content-Length: 9999"), response(PAGE)]
    said = record(0, blocks[0], WARC_Truncated="length")
    got, _ = read(plain([said, record(1, blocks[1]), record(2, blocks[2])]))
    assert [(r.truncated, r.problem) for r in got] == [(True, None), (True, None), (False, None)]


def test_records_that_are_no_http() -> None:
    dns = record(0, b"20230620\r\nexample.org. 60 in a 1.2.3.4\r\n", Content_Type="text/dns")
    empty = record(1, b"")
    no_head = record(2, PAGE)
    resource = record(3, PAGE, "resource", Content_Type="text/html; charset=big5")
    revisit = record(4, response(b""), "revisit")
    got, damages = read(
        plain([dns, empty, no_head, resource, revisit]), want=frozenset({"response", "resource"})
    )
    assert [r.problem for r in got] == [None, None, "malformed_record", None, None]
    assert (got[0].content_type, got[0].http_status) == ("text/dns", None)
    assert (got[1].payload, got[1].payload_bytes) == (b"", 0)
    assert got[2].payload == PAGE
    assert (got[3].content_type, got[3].header_charset) == ("text/html", "big5")
    assert got[3].payload == PAGE
    assert (got[4].http_status, got[4].payload) == (200, b"")
    assert damages == []


NESTED = [
    plain(THREE),
    members(THREE),
    one_member(THREE),
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n" * 3,
    b"\r\n\r\nWARC/1.0\r\n",
]


@both
@pytest.mark.parametrize("inner", NESTED)
def test_archives_inside_a_payload_are_payload(pack: Pack, inner: bytes) -> None:
    stored = inner + random.Random(5).randbytes(100_000)  # so that gzip keeps it as it is
    for body in (inner, stored):
        records = [THREE[0], record(1, response(body)), THREE[2]]
        got, damages = read(pack(records))
        assert [r.payload for r in got] == [b"0" + PAGE, body, b"2" + PAGE]
        assert damages == []
        assert [o for o, _ in record_boundaries(Pipe(pack(records)), 1)] == offsets(records, pack)[
            1:
        ]


# Odd files


def test_a_file_in_one_gzip_member_is_read_and_not_cut() -> None:
    got, damages = read(one_member(FOUR))
    assert [r._replace(offset=0) for r in read(plain(FOUR))[0]] == got
    assert damages == []
    assert record_boundaries(Pipe(one_member(FOUR)), 1) == []


def test_several_records_in_each_member_are_cut_between_members() -> None:
    data = one_member(FOUR) + one_member(THREE)
    got, damages = read(data)
    at = len(one_member(FOUR))
    assert [r.offset for r in got] == [0] * 4 + [at] * 3
    assert record_boundaries(Pipe(data), 1) == [(at, 4)]
    assert damages == []


def test_a_record_over_several_members() -> None:
    big = record(1, response(PAGE))
    pieces = [THREE[0], big[:100], big[100:600], big[600:], THREE[2]]
    data = members(pieces)
    got, damages = read(data)
    assert [r.payload for r in got] == [b"0" + PAGE, PAGE, b"2" + PAGE]
    assert damages == []
    assert [o for o, _ in record_boundaries(Pipe(data), 1)] == [
        len(members(pieces[:1])),
        len(members(pieces[:4])),
    ]


def test_what_is_no_warc() -> None:
    assert read(b"") == ([], [])
    assert read(members([b""])) == ([], [])
    for data in (PAGE, b"x", b"\x1f", b"PK\x03\x04" + PAGE, gzip.compress(PAGE), b"BZh91AY"):
        got, damages = read(data)
        assert got == []
        assert [d.offset for d in damages] == [0]
        assert damages[0].reason == ("truncated_record" if data == b"\x1f" else "not_a_warc")


# Cutting


@both
def test_boundaries_are_the_first_records_behind_each_multiple(pack: Pack) -> None:
    records = [record(i, response(PAGE[: 50 + 97 * i % 800])) for i in range(40)]
    records[5] = record(5, response(random.Random(5).randbytes(7000)))
    at = offsets(records, pack)
    for every in (1, 333, 1000, 10_000, 10**9):
        points = record_boundaries(Pipe(pack(records)), every)
        multiples = range(every, len(pack(records)), every)
        first = [next((i for i, o in enumerate(at) if o >= m and i), None) for m in multiples]
        assert points == [(at[i], i) for i in sorted({i for i in first if i is not None})]


def test_a_first_record_behind_garbage_stays_with_it() -> None:
    data = b"junk " * 100 + plain(THREE)
    assert record_boundaries(Pipe(data), 1)[0][1] == 1
    assert read_ranges(data, 1) == read(data)


def test_a_record_that_does_not_begin_its_member_is_no_place_to_cut() -> None:
    odd = gzip.compress(b"junk" + THREE[1], mtime=0)
    data = members(THREE[:1]) + odd + members(THREE[2:])
    assert [o for o, _ in record_boundaries(Pipe(data), 1)] == [len(members(THREE[:1]) + odd)]
    assert read_ranges(data, 1) == read(data)
    assert len(read(data)[0]) == 3


bodies = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(NESTED),
    st.integers(0, 5000).map(lambda n: random.Random(n).randbytes(n)),
    st.integers(0, 200_000).map(lambda n: b"a\r\n" * (n // 3)),
)
files = st.lists(
    st.tuples(
        st.sampled_from(["response", "request", "metadata"]),
        bodies,
        st.one_of(st.none(), st.none(), st.none(), st.integers(0, 3000)),
    ),
    min_size=1,
    max_size=8,
)


def build(parts: Iterable[tuple[str, bytes, int | None]]) -> list[bytes]:
    return [
        record(i, response(body), kind, **({} if size is None else {"Content_Length": str(size)}))
        for i, (kind, body, size) in enumerate(parts)
    ]


packs: st.SearchStrategy[Pack] = st.sampled_from([plain, members, one_member])
ranges = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.data_too_large]
)


@ranges
@given(files, packs, packs, st.integers(1, 5000))
def test_ranges_yield_what_the_file_yields(
    parts: list[tuple[str, bytes, int | None]], pack: Pack, other: Pack, every: int
) -> None:
    records = build(parts)
    data = pack(records)
    if pack is not plain and other is not plain:
        data += other(records)
    assert read_ranges(data, every) == read(data)


@ranges
@given(
    files,
    packs,
    st.integers(1, 5000),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "insert", "cut", "delete"]),
            st.integers(0, 10**6),
            st.binary(min_size=1, max_size=40),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_ranges_of_damaged_files_yield_what_the_file_yields(
    parts: list[tuple[str, bytes, int | None]],
    pack: Pack,
    every: int,
    damage: list[tuple[str, int, bytes]],
) -> None:
    data = bytearray(pack(build(parts)))
    for how, place, junk in damage:
        at = place % (len(data) + 1)
        if how == "flip" and at < len(data):
            data[at] ^= junk[0] or 1
        elif how == "insert":
            data[at:at] = junk
        elif how == "delete":
            del data[at : at + len(junk)]
        elif how == "cut":
            del data[len(data) - at // 10 :]
    whole, parts_ = read(bytes(data)), read_ranges(bytes(data), every)
    assert parts_ == whole


# Real files


def samples(shared: Path) -> Iterator[tuple[dict[str, object], Path]]:
    folder = shared / "warc_samples"
    if not folder.is_dir():
        pytest.skip("no WARC samples")
    with open(folder / "manifest.jsonl", encoding="utf8") as lines:
        for line in lines:
            row = json.loads(line)
            yield row, folder / "files" / row["file"]


def test_samples_give_at_least_the_pages_that_warcio_finds(shared_data: Path) -> None:
    """Never an exception or a hang, whatever the file."""
    seen = pages = 0
    for row, path in samples(shared_data):
        begun = time.monotonic()
        with open(path, "rb") as stream:
            reader = WarcReader(stream)
            records = list(reader)
        assert time.monotonic() - begun < 60, path.name
        assert [r.ordinal for r in records] == list(range(len(records)))
        assert records, path.name
        html = [r for r in records if r.type == "response" and r.content_type == "text/html"]
        assert len(html) >= row["warcio_html_responses"], path.name  # type: ignore[operator]
        seen += 1
        pages += sum(not r.problem for r in html)
    assert seen >= 100
    assert pages >= 453


def test_samples_cut_into_ranges(shared_data: Path) -> None:
    for _, path in samples(shared_data):
        data = path.read_bytes()
        assert read_ranges(data, 3000) == read(data), path.name
