"""What holds for every container that archives come in: zstd, lz4, bzip2 and gzip, and for ARC."""

import bz2
import gzip
import io
import random
import time
import zlib
from collections.abc import Sequence

import lz4.frame
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skypile.kernels.reading import members as stretches
from skypile.kernels.reading.warc import Damage, Record, WarcReader, record_boundaries
from tests.kernels.reading.test_warc import (
    FOUR,
    NESTED,
    PAGE,
    THREE,
    Pack,
    Pipe,
    Sparse,
    members,
    peak,
    plain,
    record,
    response,
)

ZSTD = zstandard.ZstdCompressor(write_checksum=True, write_content_size=True)
SAMPLES = [record(i, response(PAGE[: i % 400])) for i in range(400)]
DICTIONARY = zstandard.train_dictionary(4096, SAMPLES)
WITH_DICTIONARY = zstandard.ZstdCompressor(dict_data=DICTIONARY, write_checksum=True)


def skippable(data: bytes, number: int = 0) -> bytes:
    return bytes([0x50 + number]) + b"\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def zst(records: Sequence[bytes]) -> bytes:
    return b"".join(ZSTD.compress(r) for r in records)


def zst_with_dictionary(records: Sequence[bytes]) -> bytes:
    frames = b"".join(WITH_DICTIONARY.compress(r) for r in records)
    return skippable(DICTIONARY.as_bytes(), 13) + frames


def zst_with_packed_dictionary(records: Sequence[bytes]) -> bytes:
    frames = b"".join(WITH_DICTIONARY.compress(r) for r in records)
    return skippable(ZSTD.compress(DICTIONARY.as_bytes()), 13) + frames


def lz4_frames(records: Sequence[bytes]) -> bytes:
    return b"".join(lz4.frame.compress(r, content_checksum=True) for r in records)


def bzip2_streams(records: Sequence[bytes]) -> bytes:
    return b"".join(bz2.compress(r) for r in records)


def one(pack: Pack) -> Pack:
    return lambda records: pack([b"".join(records)])


MANY: dict[str, Pack] = {
    "plain": plain,
    "gzip": members,
    "zstd": zst,
    "zstd with a dictionary": zst_with_dictionary,
    "zstd with a packed dictionary": zst_with_packed_dictionary,
    "lz4": lz4_frames,
    "bzip2": bzip2_streams,
}
ONE: dict[str, Pack] = {f"one {name}": one(pack) for name, pack in MANY.items() if name != "plain"}
many = pytest.mark.parametrize("pack", MANY.values(), ids=MANY)
all_ = pytest.mark.parametrize("pack", [*MANY.values(), *ONE.values()], ids=[*MANY, *ONE])


def read(data: bytes, **options: object) -> tuple[list[Record], list[Damage]]:
    reader = WarcReader(Pipe(data), **options)  # type: ignore[arg-type]
    records = list(reader)
    assert sum(reader.counts.values()) == len(records)
    return records, reader.damages


def read_ranges(data: bytes, every_bytes: int) -> tuple[list[Record], list[Damage]]:
    starts = [(0, 0), *record_boundaries(Pipe(data), every_bytes)]  # type: ignore[arg-type]
    ends = [offset for offset, _ in starts[1:]] + [len(data)]
    records, damages = [], []
    for (start, ordinal), end in zip(starts, ends, strict=True):
        some, more = read(
            data[start:end],
            start=start,
            first_ordinal=ordinal,
            file_head=lambda size: data[:size],
        )
        records += some
        damages += more
    return records, damages


def apart(records: Sequence[Record]) -> list[Record]:
    return [r._replace(offset=0) for r in records]


# Containers


@all_
def test_every_container_gives_the_same_records(pack: Pack) -> None:
    got, damages = read(pack(FOUR))
    assert apart(got) == apart(read(plain(FOUR))[0])
    assert damages == []


@pytest.mark.parametrize("pack", [plain, members, zst, lz4_frames])
def test_what_is_whole_is_as_fastwarc_has_it(pack: Pack) -> None:
    bodies = [random.Random(i).randbytes(i * 977) + PAGE * (i % 5) for i in range(60)]
    kinds = ["response", "request", "metadata"]
    data = pack([record(i, response(b), kinds[i % 3]) for i, b in enumerate(bodies)])
    got, damages = read(data, want=lambda kind: True)
    assert damages == []
    assert len(got) == sum(1 for _ in ArchiveIterator(io.BytesIO(data))) == 60
    for i, peer in enumerate(ArchiveIterator(io.BytesIO(data), parse_http=True)):
        assert got[i].type == peer.headers["WARC-Type"]
        assert got[i].record_id == peer.record_id.strip("<>")
        assert got[i].url == peer.headers["WARC-Target-URI"]
        assert got[i].offset == peer.stream_pos
        if got[i].type == "response":
            assert got[i].payload == peer.reader.read() == bodies[i]
            assert got[i].http_status == peer.http_headers.status_code


@many
@pytest.mark.parametrize("most", [1, 7, 1000])
def test_streams_may_give_less_than_asked_for(pack: Pack, most: int) -> None:
    reader = WarcReader(Pipe(pack(FOUR), most))  # type: ignore[arg-type]
    assert list(reader) == read(pack(FOUR))[0]
    assert reader.damages == []


@many
def test_members_are_where_a_file_is_cut(pack: Pack) -> None:
    data, begin = pack(THREE), len(pack([]))
    at = [begin, *(len(pack(THREE[:i])) for i in (1, 2))]
    assert [r.offset for r in read(data)[0]] == at
    assert record_boundaries(Pipe(data), 1) == [(at[1], 1), (at[2], 2)]  # type: ignore[arg-type]
    assert read_ranges(data, 1) == read(data)


@pytest.mark.parametrize("pack", ONE.values(), ids=ONE)
def test_one_member_is_not_cut(pack: Pack) -> None:
    assert record_boundaries(Pipe(pack(FOUR)), 1) == []  # type: ignore[arg-type]


def test_containers_are_known_by_their_bytes_and_may_follow_one_another() -> None:
    data = members(THREE[:1]) + zst(THREE[1:2]) + lz4_frames(THREE[2:])
    got, damages = read(data)
    assert [r.payload for r in got] == [b"%d" % i + PAGE for i in range(3)]
    assert damages == []
    assert read_ranges(data, 1) == read(data)


@pytest.mark.parametrize("pack", [zst, lz4_frames])
def test_skippable_frames_are_passed_over(pack: Pack) -> None:
    extra = skippable(b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", 3)
    data = extra * 2 + extra.join(pack([r]) for r in THREE) + extra
    got, damages = read(data)
    assert [r.payload for r in got] == [b"%d" % i + PAGE for i in range(3)]
    assert damages == []
    assert read_ranges(data, 1) == read(data)
    half = len(THREE[1]) // 2
    split = [pack([p]) for p in (THREE[0], THREE[1][:half], THREE[1][half:], THREE[2])]
    assert [r.payload for r in read(extra.join(split))[0]] == [r.payload for r in got]


def test_a_skippable_frame_longer_than_the_file() -> None:
    lie = skippable(b"", 5)[:4] + (1 << 31).to_bytes(4, "little")
    got, damages = read(zst(THREE[:1]) + lie + zst(THREE[1:]))
    assert [r.payload for r in got] == [b"%d" % i + PAGE for i in range(3)]
    assert [(d.offset, d.reason) for d in damages] == [(len(zst(THREE[:1])), "truncated_record")]


def test_small_pieces_and_every_option_of_lz4() -> None:
    big = record(1, response(random.Random(1).randbytes(300_000) + PAGE * 200))
    for size in (4, 5, 6, 7):
        for linked in (True, False):
            for checksum in (True, False):
                data = b"".join(
                    lz4.frame.compress(
                        r,
                        block_size=size,
                        block_linked=linked,
                        block_checksum=checksum,
                        content_checksum=not checksum,
                        store_size=linked,
                    )
                    for r in [THREE[0], big, THREE[2]]
                )
                got, damages = read(data)
                assert apart(got) == apart(read(plain([THREE[0], big, THREE[2]]))[0])
                assert damages == []


@pytest.mark.parametrize("level", [-5, 1, 19])
def test_every_kind_of_zstd_frame(level: int) -> None:
    big = record(1, response(random.Random(1).randbytes(300_000) + PAGE * 900 + bytes(10**6)))
    for known in (True, False):
        for checksum in (True, False):
            packer = zstandard.ZstdCompressor(
                level=level, write_checksum=checksum, write_content_size=known
            )
            data = b""
            for r in [THREE[0], big, THREE[2]]:
                stream = packer.compressobj()
                data += stream.compress(r) + stream.flush()
            got, damages = read(data)
            assert apart(got) == apart(read(plain([THREE[0], big, THREE[2]]))[0])
            assert damages == []


def test_a_broken_dictionary_is_a_damage() -> None:
    good = zst_with_dictionary(THREE)
    for content in (b"", b"no dictionary", b"\x37\xa4\x30\xec" + bytes(100), b"\x28\xb5\x2f\xfd"):
        frames = good[len(zst_with_dictionary([])) :]
        got, damages = read(skippable(content, 13) + frames)
        assert got == []
        assert damages[0].offset == 0
        assert {d.reason for d in damages} <= {"malformed_record", "not_a_warc"}
    start = len(zst_with_dictionary(THREE[:1]))
    assert (
        read(good[start:], start=start, first_ordinal=1, file_head=lambda size: good[:size])[0]
        == read(good)[0][1:]
    )
    assert read(good[start:], start=start)[1]  # without the head of the file: damages, no records


# Damage


@pytest.mark.parametrize("pack", [zst, zst_with_dictionary, lz4_frames, bzip2_streams])
def test_a_file_cut_anywhere_gives_all_before_the_cut_and_says_where(pack: Pack) -> None:
    data, begin = pack(THREE), len(pack(THREE[:2]))
    whole, _ = read(data)
    for end in range(begin + 1, len(data)):
        got, damages = read(data[:end])
        assert got[:2] == whole[:2]
        assert [(d.offset, d.reason) for d in damages] == [(begin, "truncated_record")]
        assert all(r.problem == "truncated_record" for r in got[2:])
        if len(got) > 2 and got[2].http_status:
            assert whole[2].payload.startswith(got[2].payload)


@pytest.mark.parametrize("pack", [zst, zst_with_dictionary, lz4_frames, bzip2_streams])
def test_a_flipped_byte_costs_no_other_record(pack: Pack) -> None:
    records = [record(i, response(b"%d" % i + PAGE[:200])) for i in range(3)]
    data, at = pack(records), [len(pack(records[:i])) for i in range(4)]
    whole, _ = read(data)
    changed = 0
    for i in range(at[1], at[2]):
        bad = bytearray(data)
        bad[i] ^= 0x55
        got, damages = read(bytes(bad))
        assert got[0] == whole[0]
        assert got[-1]._replace(ordinal=2) == whole[2], i
        if got != whole:
            changed += 1
            assert {d.offset for d in damages} == {at[1]}
            assert all(r.problem for r in got[1:-1])
    assert changed > (at[2] - at[1]) / 2


@pytest.mark.parametrize("pack", [zst, lz4_frames, bzip2_streams])
@pytest.mark.parametrize(
    "junk", [b"garbage", bytes(5000), b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18x"]
)
def test_garbage_between_records_is_passed_over_and_reported(pack: Pack, junk: bytes) -> None:
    for at in (1, 3):
        data = pack(THREE[:at]) + junk + pack(THREE[at:])
        got, damages = read(data)
        assert [r.payload for r in got] == [b"%d" % i + PAGE for i in range(3)]
        assert [r.problem for r in got] == [None] * 3
        assert [d.offset for d in damages] == [len(pack(THREE[:at]))]


def test_what_zlib_and_zlib_ng_make_of_damaged_members_is_the_same() -> None:
    """Of a healthy member both give the same; of another one zlib's answer counts."""
    rng = random.Random(6)
    body = random.Random(7).randbytes(2000) + PAGE * 3
    good = gzip.compress(record(0, response(body)), mtime=0)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            bad[rng.randrange(10, len(bad))] ^= 1 << rng.randrange(8)
        out, z = b"", zlib.decompressobj(31)
        try:
            for i in range(len(bad)):
                out += z.decompress(bytes(bad[i : i + 1]))
        except zlib.error:
            pass
        got, _ = read(bytes(bad))
        start = out.find(b"\r\n\r\n", out.find(b"\r\n\r\n") + 4) + 4
        if got and got[0].http_status and start > 7:
            rest = out[start:].removesuffix(b"\r\n\r\n")
            assert got[0].payload == rest or got[0].payload.startswith(rest[: len(body)])


@pytest.mark.parametrize("pack", [members, zst, lz4_frames])
def test_neighbours_that_are_both_damaged_are_two(pack: Pack) -> None:
    noise = [random.Random(i).randbytes(300_000) for i in range(4)]
    records = [record(i, response(b)) for i, b in enumerate(noise)]
    packed = [bytearray(pack([r])) for r in records]
    for member in packed[1:3]:
        member[1000:1200] = bytes(200)
    at = [sum(map(len, packed[:i])) for i in range(4)]
    got, damages = read(b"".join(packed))
    assert [d.offset for d in damages] == at[1:3]
    assert [r.payload for r in got if not r.problem] == [noise[0], noise[3]]


def raw_blocks(*blocks: tuple[int, bytes]) -> bytes:
    """A zstd frame of blocks that are stored as they are, each with the length it states; no last
    one.
    """
    head = b"\x28\xb5\x2f\xfd\x00\x58"
    return head + b"".join((size << 3).to_bytes(3, "little") + block for size, block in blocks)


def test_a_frame_that_shows_a_record_only_with_bytes_behind_it_is_read_in_one_range() -> None:
    """Whether a damaged frame begins with a record may hang on the frames behind it: read alone,
    it would be a part of the damage before, and with them, a damage of its own.
    """
    packed = [bytearray(zst([r])) for r in [*FOUR, *FOUR]]
    packed[1][30] ^= 0x55
    head = record(2, response(PAGE))
    # The second of its blocks ends in the next frame.
    packed[2] = bytearray(raw_blocks((2, head[:2]), (len(packed[3]) + 60, head[2:90])))
    data = b"".join(packed)
    at = [sum(map(len, packed[:i])) for i in range(8)]
    got, damages = read(data)
    assert [d.offset for d in damages] == at[1:3]
    assert read_ranges(data, 1) == (got, damages)
    cuts = [offset for offset, _ in record_boundaries(Pipe(data), 1)]  # type: ignore[arg-type]
    assert cuts == at[4:]  # not where that block runs on


def test_a_frame_that_goes_on_with_a_record_only_with_bytes_behind_it_is_read_in_one_range() -> (
    None
):
    long = record(1, response(PAGE), Content_Length="3000")
    other = [zst([r]) for r in FOUR]
    for first in (b"xx", b"WA"):
        more = raw_blocks((2, first), (len(other[2]) + 20, b"RC/1.0\r\n" * 2))
        data = other[0] + zst([long]) + more + b"".join(other[2:] + other)
        assert read_ranges(data, 1) == read(data)


@pytest.mark.parametrize("junk", [b"\x1f", b"\x28\xb5", b"\x04\x22\x4d", b"BZh9", b"\x5a\x2a"])
@pytest.mark.parametrize("pack", [members, zst, lz4_frames, bzip2_streams])
def test_what_may_be_the_begin_of_a_member_lies_between_records(pack: Pack, junk: bytes) -> None:
    """In the end of a range it would be a member that was cut off; in the file it is garbage."""
    data = pack(FOUR[:2]) + junk + pack(FOUR[2:]) + pack(FOUR)
    got, damages = read(data)
    assert len(got) == 8
    assert [(d.offset, d.reason) for d in damages] == [(len(pack(FOUR[:2])), "malformed_record")]
    assert read_ranges(data, 1) == (got, damages)


@pytest.mark.parametrize("pack", [zst, lz4_frames, bzip2_streams, members])
def test_a_damaged_member_costs_few_places_to_cut(pack: Pack) -> None:
    records = [record(i, response(random.Random(i).randbytes(400))) for i in range(20)]
    packed = [bytearray(pack([r])) for r in records]
    packed[5][200] ^= 0x55
    data = b"".join(packed)
    assert read(data)[1]
    cuts = record_boundaries(Pipe(data), 1)  # type: ignore[arg-type]
    assert len(cuts) >= 16
    assert read_ranges(data, 1) == read(data)


# Size


@pytest.mark.parametrize("pack", ["gzip", "zstd", "lz4", "bzip2"])
def test_a_record_of_up_to_1_5_gb_in_a_member_is_passed_over_in_bounded_memory(pack: str) -> None:
    size = (1500 if pack == "zstd" else 150) << 20
    head = record(1, b"", Content_Length=str(size)).removesuffix(b"\r\n\r\n")
    chunk, data = bytes(1 << 20), bytearray()
    if pack == "lz4":
        with lz4.frame.LZ4FrameCompressor() as z:
            data += z.begin()
            for part in (head, *[chunk] * (size >> 20), b"\r\n\r\n"):
                data += z.compress(part)
            data += z.flush()
    else:
        made = {
            "gzip": lambda: zlib.compressobj(1, wbits=31),
            "zstd": ZSTD.compressobj,
            "bzip2": bz2.BZ2Compressor,
        }[pack]()
        for part in (head, *[chunk] * (size >> 20), b"\r\n\r\n"):
            data += made.compress(part)
        data += made.flush()
    packed = {"gzip": members, "zstd": zst, "lz4": lz4_frames, "bzip2": bzip2_streams}[pack]
    stream = io.BytesIO(packed(THREE[:1]) + data + packed(THREE[2:]))
    del data
    got: list[Record] = []
    assert peak(lambda: got.extend(WarcReader(stream))) < 24 << 20
    assert [(r.ordinal, r.problem) for r in got] == [(0, None), (1, "too_large"), (2, None)]
    assert got[1].payload_bytes == size
    assert got[2].payload == b"2" + PAGE


@pytest.mark.parametrize("pack", ["one gzip", "one zstd", "one lz4", "one bzip2"])
def test_a_whole_file_in_one_member_is_read_in_bounded_memory(
    pack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "HOLD", 2 << 20)
    noise = [random.Random(i).randbytes(20_000) for i in range(500)]
    data = ONE[pack]([record(i, response(noise[i % 500])) for i in range(500)])
    count = 0

    def work() -> None:
        nonlocal count
        count = sum(1 for r in WarcReader(Pipe(data)) if r.payload)  # type: ignore[arg-type]

    assert peak(work) < 14 << 20
    assert count == 500


MAGICS = [
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd\x04\x00",
    b"\x28\xb5\x2f\xfd\x20\xff\xf8\xff\x0f",  # a raw block of 128 KiB
    b"\x04\x22\x4d\x18\x60\x70\x73\xff\xff\x3f\x80",  # a raw block of 4 MiB
    b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
    b"\x5d\x2a\x4d\x18\xff\xff\xff\x00",
    b"BZh91AY&SY",
]


@pytest.mark.parametrize("magic", MAGICS)
def test_a_flood_of_magic_bytes_takes_no_more_than_its_length(magic: bytes) -> None:
    flood = magic * (2_000_000 // len(magic))
    begun = time.process_time()
    got, _ = read(members(THREE[:1]) + b"\x1f\x8b\x08\xff" + flood + members(THREE[1:]))
    assert time.process_time() - begun < 6
    assert got[0].payload == b"0" + PAGE


def test_a_block_of_lz4_that_is_longer_than_any_takes_no_memory() -> None:
    head = lz4.frame.compress(b"x" * 100, store_size=False)[:7]
    stream = Sparse(lz4_frames(THREE[:1]) + head + b"\xff\xff\xff\x7f", 150 << 20, b"")
    reader = WarcReader(stream)  # type: ignore[arg-type]
    got: list[Record] = []
    assert peak(lambda: got.extend(reader)) < 100 << 20
    assert [r.problem for r in got] == [None]
    assert [d.reason for d in reader.damages] == ["malformed_record"]


# ARC

V1 = b"1 0 Archive\nURL IP-address Archive-date Content-type Archive-length\n"
V2 = (
    b"2 0 Archive\nURL IP-address Archive-date Content-type Result-code Checksum Location "
    b"Offset Filename Archive-length\n"
)


def arc_record(line: str, block: bytes, end: bytes = b"\n") -> bytes:
    return line.replace("LENGTH", str(len(block))).encode() + b"\n" + block + end


def arc_page(number: int, body: bytes = PAGE, url: str | None = None) -> bytes:
    url = url or f"http://example.org/{number}"
    line = f"{url} 192.0.2.{number % 250} 20080430204825 text/html LENGTH"
    return arc_record(line, response(b"%d" % number + body))


INFO = arc_record("filedesc://a.arc 0.0.0.0 20080430204824 text/plain LENGTH", V1)
ARC = [INFO, *(arc_page(i) for i in range(1, 4))]


@all_
def test_an_arc_record_is_the_warc_record_that_it_would_be(pack: Pack) -> None:
    got, damages = read(pack(ARC))
    assert damages == []
    assert [r.type for r in got] == ["warcinfo", "response", "response", "response"]
    assert apart(got)[1] == Record(
        ordinal=1,
        offset=0,
        type="response",
        record_id=None,
        url="http://example.org/1",
        date="2008-04-30T20:48:25Z",
        http_status=200,
        content_type="text/html",
        header_charset="UTF-8",
        payload=b"1" + PAGE,
        payload_bytes=len(PAGE) + 1,
        problem=None,
        detail=None,
    )


def test_arc_of_version_2() -> None:
    line = "http://a.cn/x y 192.0.2.1 20080430204825 text/html 200 fac0 - 123 a.arc LENGTH"
    info = arc_record("filedesc://a.arc 0.0.0.0 20080430 text/plain 200 - - 0 a.arc LENGTH", V2)
    data = info + arc_record(line, response(PAGE)) + arc_record(line, response(b"404"))
    got, damages = read(data)
    assert [(r.type, r.url) for r in got[1:]] == [("response", "http://a.cn/x y")] * 2
    assert [r.payload for r in got[1:]] == [PAGE, b"404"]
    assert damages == []


@pytest.mark.parametrize(
    ("line", "url", "date"),
    [
        (
            "http://a/b 1.2.3.4 20080430204825 text/html LENGTH",
            "http://a/b",
            "2008-04-30T20:48:25Z",
        ),
        ("http://a/b 1.2.3.4 20080430 text/html LENGTH", "http://a/b", "2008-04-30"),
        ("http://a/b 1.2.3.4 20081330204825 text/html LENGTH", "http://a/b", None),
        ("http://a/b 1.2.3.4 201404010000000000 text/html LENGTH", "http://a/b", None),
        ("http://a/b 1.2.3.4 blue_monday text/html LENGTH", "http://a/b", None),
        ("http://a/b - - - LENGTH", "http://a/b", None),
        (
            "http://a/b 2001:db8::1 20080430204825 no-type LENGTH",
            "http://a/b",
            "2008-04-30T20:48:25Z",
        ),
        (
            "http://a/b c d 1.2.3.4 20080430204825 a/b; x=y LENGTH",
            "http://a/b c d",
            "2008-04-30T20:48:25Z",
        ),
        (
            "http://a/中文 文 1.2.3.4 20080430204825 text/html LENGTH",
            "http://a/中文 文",
            "2008-04-30T20:48:25Z",
        ),
    ],
)
def test_lines_of_arc_as_they_are_met(line: str, url: str, date: str | None) -> None:
    got, damages = read(INFO + arc_record(line, response(PAGE)) + ARC[2])
    assert [(r.url, r.date, r.payload) for r in got[1:2]] == [(url, date, PAGE)]
    assert got[2].payload == b"2" + PAGE
    assert damages == []


@pytest.mark.parametrize("off", [-700, -5, -1, 1, 5, 700, 10**6])
def test_a_length_that_lies_in_arc(off: int) -> None:
    block = response(b"1" + PAGE)
    lie = ARC[1].replace(f" {len(block)}\n".encode(), f" {len(block) + off}\n".encode())
    got, damages = read(INFO + lie + b"".join(ARC[2:]))
    assert [r.payload for r in got[-2:]] == [b"2" + PAGE, b"3" + PAGE]
    assert [r.problem for r in got[2:]] == [None, None]
    if off in (-1, 1):  # the newline that ends the record is in it, or one is left over
        assert damages == [] or got[1].problem
    else:
        assert got[1].problem in ("malformed_record", "truncated_record")
        assert [d.offset for d in damages] == [len(INFO)]


def test_lengths_of_arc_that_are_none() -> None:
    lines = ["-1", "abc", "1" * 20]
    bad = [arc_record(f"http://a/{x} 1.2.3.4 20080430204825 text/html {x}", b"x") for x in lines]
    got, damages = read(INFO + b"".join(bad) + ARC[1])
    assert [r.problem for r in got] == [None, *["malformed_record"] * 3, None]
    assert got[-1].payload == b"1" + PAGE
    assert len(damages) == 3


def test_arc_without_description_cut_and_with_garbage() -> None:
    got, damages = read(b"".join(ARC[1:])[:-100])
    assert [r.problem for r in got] == [None, None, "truncated_record"]
    junk = b"http://no.line.of.arc/ 1.2.3\n" + bytes(range(256)) * 50 + b"\n"
    data = junk + INFO + ARC[1] + junk + ARC[2] + ARC[3][:30]
    got, damages = read(data)
    assert [r.type for r in got] == ["warcinfo", "response", "response"]
    assert [r.problem for r in got] == [None, "malformed_record", None]  # nothing shows its end
    assert [d.reason for d in damages] == ["malformed_record"] * 2 + ["truncated_record"]
    assert read_ranges(data, 1) == read(data)


def test_lines_of_arc_in_a_payload_are_payload() -> None:
    inner = b"\n" + b"".join(ARC)
    got, damages = read(INFO + arc_page(1, inner) + ARC[2])
    assert [r.payload for r in got[1:]] == [b"1" + inner, b"2" + PAGE]
    warc = [THREE[0], record(1, response(inner)), THREE[2]]
    assert [r.payload for r in read(plain(warc))[0]] == [b"0" + PAGE, inner, b"2" + PAGE]
    assert damages == []


@pytest.mark.parametrize(
    "line",
    [
        b"http:" + b" 1.1.1.1" * 499,
        b"http:" + b" 1.1.1.1 x" * 399,
        b"http:" + (b" 1.1.1.1" + b" " + b"x" * 199) * 19,
        b"a:" * 2000,
        b"http:" + b" ::" * 1300,
        b"filedesc:" + b" 1.1.1.1" * 499,
    ],
)
def test_hostile_lines_take_linear_time(line: bytes) -> None:
    flood = b"\n" + (line + b"\n") * (2_000_000 // len(line))
    begun = time.process_time()
    got, _ = read(ARC[1] + flood + ARC[2])
    assert time.process_time() - begun < 20
    assert got[0].payload == b"1" + PAGE


# Cutting

bodies = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([*NESTED, zst(THREE), lz4_frames(THREE), b"\n" + plain(ARC)]),
    st.integers(0, 5000).map(lambda n: random.Random(n).randbytes(n)),
    st.integers(0, 200_000).map(lambda n: b"a\r\n" * (n // 3)),
)
warcs = st.lists(
    st.tuples(bodies, st.one_of(st.none(), st.none(), st.integers(0, 3000))), min_size=1, max_size=7
).map(
    lambda parts: [
        record(i, response(b), **({} if n is None else {"Content_Length": str(n)}))
        for i, (b, n) in enumerate(parts)
    ]
)
arcs = st.lists(bodies, min_size=1, max_size=7).map(
    lambda parts: [INFO, *(arc_page(i, b) for i, b in enumerate(parts))]
)
packs = st.sampled_from([*MANY.values(), *ONE.values()])
damage = st.lists(
    st.tuples(
        st.sampled_from(["flip", "insert", "cut", "delete"]),
        st.integers(0, 10**6),
        st.binary(min_size=1, max_size=40),
    ),
    max_size=3,
)


def damaged(data: bytes, how: list[tuple[str, int, bytes]]) -> bytes:
    bad = bytearray(data)
    for what, place, junk in how:
        at = place % (len(bad) + 1)
        if what == "flip" and at < len(bad):
            bad[at] ^= junk[0] or 1
        elif what == "insert":
            bad[at:at] = junk
        elif what == "delete":
            del bad[at : at + len(junk)]
        elif what == "cut":
            del bad[len(bad) - at // 10 :]
    return bytes(bad)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(warcs | arcs, packs, st.integers(1, 5000), damage)
def test_ranges_of_any_container_yield_what_the_file_yields(
    records: list[bytes], pack: Pack, every: int, how: list[tuple[str, int, bytes]]
) -> None:
    data = damaged(pack(records), how)
    whole, parts = read(data), read_ranges(data, every)
    assert parts == whole
