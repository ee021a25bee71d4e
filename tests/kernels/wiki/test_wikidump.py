import bz2
import gzip
import io
import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import pytest

from skypile.kernels.wiki import wikidump
from skypile.kernels.wiki.wikidump import DumpReader, Page, boundaries
from skypile.kernels.wiki.wikistream import Damage

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="zh">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <namespaces><namespace key="0" case="first-letter" /></namespaces>
  </siteinfo>
"""
FOOT = "</mediawiki>\n"


class Pipe:
    """A stream that can only be read, and gives less than asked for."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, self._most))


def page(number: int, text: str, *, ns: int = 0, title: str = "", more: str = "") -> str:
    return f"""  <page>
    <title>{escape(title or f"Page {number}")}</title>
    <ns>{ns}</ns>
    <id>{number}</id>{more}
    <revision>
      <id>{number + 7000}</id>
      <parentid>{number + 6000}</parentid>
      <timestamp>2023-06-20T08:00:00Z</timestamp>
      <contributor><username>A</username><id>5</id></contributor>
      <model>wikitext</model>
      <text bytes="{len(text)}" xml:space="preserve">{escape(text)}</text>
      <sha1>x</sha1>
    </revision>
  </page>
"""


def noise(number: int, size: int = 600) -> str:
    """Text that hardly compresses, so that a few pages make a stream of some size."""
    letters = [chr(first + i) for first in (0x4E00, 0x61, 0xC0) for i in range(26)]
    return "".join(random.Random(number).choices(letters, k=size))


def multistream(groups: Sequence[str]) -> bytes:
    """As MediaWiki writes it: head, pages and foot each in streams of their own."""
    return b"".join(bz2.compress(g.encode()) for g in groups)


def one_stream(groups: Sequence[str]) -> bytes:
    return bz2.compress("".join(groups).encode())


def plain(groups: Sequence[str]) -> bytes:
    return "".join(groups).encode()


def gz(groups: Sequence[str]) -> bytes:
    return gzip.compress("".join(groups).encode(), mtime=0)


def gz_members(groups: Sequence[str]) -> bytes:
    return b"".join(gzip.compress(g.encode(), mtime=0) for g in groups)


def scattered(groups: Sequence[str]) -> bytes:
    """As pbzip2 writes it: streams that end anywhere."""
    data = "".join(groups).encode()
    return b"".join(bz2.compress(data[i : i + 5000]) for i in range(0, len(data), 5000))


Pack = Callable[[Sequence[str]], bytes]
PACKS = [plain, gz, gz_members, one_stream, multistream, scattered]
packs = pytest.mark.parametrize("pack", PACKS)
PAGES = [page(n, noise(n), ns=4 if n % 4 == 0 else 0) for n in range(40)]
GROUPS = [HEAD, *("".join(PAGES[i : i + 8]) for i in range(0, 40, 8)), FOOT]


def read(data: bytes, most: int = 1 << 30, **options: int) -> tuple[list[Page], list[Damage]]:
    reader = DumpReader(Pipe(data, most), **options)
    pages = list(reader)
    assert reader.pages == len(pages)
    return pages, reader.damages


def read_ranges(data: bytes, every_bytes: int) -> tuple[list[Page], list[Damage]]:
    starts = [(0, 0), *boundaries(Pipe(data), every_bytes)]
    ends = [offset for offset, _ in starts[1:]] + [len(data)]
    pages, damages = [], []
    for (start, ordinal), end in zip(starts, ends, strict=True):
        some, more = read(data[start:end], start=start, first_ordinal=ordinal)
        pages += some
        damages += more
    return pages, damages


@packs
def test_every_page_of_every_format(pack: Pack) -> None:
    pages, damages = read(pack(GROUPS))
    assert damages == []
    assert [p.ordinal for p in pages] == list(range(40))
    assert [p.text for p in pages] == [noise(n) for n in range(40)]
    assert all(p.problem is None for p in pages)


def test_the_fields_of_a_page() -> None:
    more = '\n    <redirect title="R&amp;D" />\n    <restrictions>edit=sysop</restrictions>'
    data = plain([HEAD, page(12, "#REDIRECT [[R&D]]", title='A <b> & "c"', more=more), FOOT])
    (found,), damages = read(data)
    assert damages == []
    assert found == Page(
        ordinal=0,
        offset=data.index(b"<page>"),
        id=12,
        ns=0,
        title='A <b> & "c"',
        redirect="R&D",
        revision_id=7012,
        timestamp="2023-06-20T08:00:00Z",
        text="#REDIRECT [[R&D]]",
        problem=None,
        detail=None,
    )


@pytest.mark.parametrize(
    "text", ["", 'a < b > c & d &amp; &nbsp; "e"', "𠀀 臺灣\n\n漢字", "</page>"]
)
def test_text_comes_back_as_it_was_written(text: str) -> None:
    (found,), _ = read(plain([HEAD, page(1, text), FOOT]))
    assert found.text == text


def test_the_last_revision_counts_and_none_is_no_page() -> None:
    two = page(1, "old").replace("</revision>", "</revision><revision><text>new</text></revision>")
    no_text = "<page><title>T</title><ns>0</ns><id>3</id></page>"
    (first, second), damages = read(plain([HEAD, two, no_text, FOOT]))
    assert first.text == "new"
    assert (second.problem, second.title, second.id) == ("malformed_record", "T", 3)
    assert [d.reason for d in damages] == ["malformed_record"]


@packs
@pytest.mark.parametrize("most", [1, 777])
def test_short_reads_change_nothing(pack: Pack, most: int) -> None:
    data = pack(GROUPS[:2])
    assert read(data, most) == read(data)


@packs
@pytest.mark.parametrize("every_bytes", [1, 3000, 1 << 20])
def test_ranges_yield_what_the_file_yields(pack: Pack, every_bytes: int) -> None:
    data = pack(GROUPS)
    assert read_ranges(data, every_bytes) == read(data)


def test_where_a_file_can_be_cut() -> None:
    data = multistream(GROUPS)
    points = boundaries(Pipe(data), 1)
    ends = [len(multistream(GROUPS[:i])) for i in range(2, 6)]
    assert points == list(zip(ends, [8, 16, 24, 32], strict=True))
    assert boundaries(Pipe(data), ends[2]) == [points[2]]
    assert boundaries(Pipe(data), ends[2] + 1) == [points[3]]
    assert boundaries(Pipe(one_stream(GROUPS)), 1) == boundaries(Pipe(gz(GROUPS)), 1) == []
    assert len(boundaries(Pipe(plain(GROUPS)), 1)) == 39
    assert len(boundaries(Pipe(gz_members(GROUPS)), 1)) == 4


def test_a_stream_that_begins_inside_a_page_is_no_place_to_cut() -> None:
    data = scattered(GROUPS)
    assert data.count(b"BZh9") > 5
    assert boundaries(Pipe(data), 1) == []


def test_a_stream_that_ends_with_a_page_is_cut_behind_its_space() -> None:
    data = multistream([HEAD + PAGES[0].rstrip(), "\n \n" + PAGES[1], FOOT])
    assert [ordinal for _, ordinal in boundaries(Pipe(data), 1)] == [1]
    assert read_ranges(data, 1) == read(data)


def test_a_page_without_an_end_costs_that_page() -> None:
    data = plain([HEAD, PAGES[0], PAGES[1].replace("</page>", ""), PAGES[2], FOOT])
    (first, second, third), (damage,) = read(data)
    assert (first.problem, third.problem) == (None, None)
    assert (second.problem, second.title, second.id, second.text) == (
        "malformed_record",
        "Page 1",
        1,
        "",
    )
    assert damage == Damage(second.offset, "malformed_record", "another page begins inside it")
    assert third.text == noise(2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</text>", "</txet>"),
        ("</revision>", ""),
        ("<title>", "<title>\x01"),
        ("<sha1>", "<sha1>&undefined;"),
        ("<sha1>", "<sha1>&#0;"),
        ("<sha1>x</sha1>", "<sha1><![CDATA[x</sha1>"),
        ("</text>", "<b>bold</b></text>"),
    ],
)
def test_a_page_that_is_no_xml_costs_that_page(old: str, new: str) -> None:
    data = plain([HEAD, PAGES[0], PAGES[1].replace(old, new, 1), PAGES[2], FOOT])
    (first, second, third), damages = read(data)
    assert (first.problem, second.problem, third.problem) == (None, "malformed_record", None)
    assert [(d.offset, d.reason) for d in damages] == [(second.offset, "malformed_record")]
    assert second.title.strip("\x01") == "Page 1"


def test_invalid_utf8_costs_that_page() -> None:
    data = plain([HEAD, *PAGES[:3], FOOT]).replace(b"Page 1", b"Page \xff\xfe")
    pages, damages = read(data)
    assert [p.problem for p in pages] == [None, "malformed_record", None]
    assert pages[1].title == "Page \ufffd\ufffd"
    assert len(damages) == 1


def test_an_entity_bomb_is_no_page() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    inside = page(1, "x").replace("<page>", "<page>" + bomb).replace(">x<", ">&b;<")
    before = bomb + HEAD + page(1, "x").replace(">x<", ">&b;<")
    for data in (plain([HEAD, inside, FOOT]), plain([before, FOOT])):
        (found,), damages = read(data)
        assert (found.problem, found.text) == ("malformed_record", "")
        assert damages


def test_a_hundred_thousand_nested_elements_are_no_page() -> None:
    data = plain([HEAD, page(1, "x").replace("<sha1>", "<a>" * 100_000), PAGES[2], FOOT])
    pages, _ = read(data)
    assert [p.problem for p in pages] == ["malformed_record", None]


@packs
def test_a_file_that_is_cut_off_yields_what_is_there(pack: Pack) -> None:
    whole = pack(GROUPS)
    for size in (len(whole) // 3, len(whole) // 2, len(whole) - 40):
        pages, damages = read(whole[:size])
        good = [p for p in pages if not p.problem]
        assert [p.text for p in good] == [noise(n) for n in range(len(good))]
        if pack is not one_stream and pack is not gz:
            assert len(good) > 5
        if size < len(whole) - 40 or pack is not plain:
            assert damages[-1].reason == "truncated_record"
        assert read_ranges(whole[:size], 1) == (pages, damages)


def test_a_plain_file_cut_in_a_page() -> None:
    data = plain([HEAD, *PAGES[:3]])[:-100]
    pages, (damage,) = read(data)
    assert [p.problem for p in pages] == [None, None, "truncated_record"]
    assert (pages[2].title, pages[2].id) == ("Page 2", 2)
    assert damage.offset == pages[2].offset


def test_a_broken_stream_costs_that_stream() -> None:
    parts = [bz2.compress(g.encode()) for g in GROUPS]
    broken = bytearray(parts[2])
    broken[len(broken) // 2] ^= 0x55
    data = b"".join([*parts[:2], broken, *parts[3:]])
    pages, (damage,) = read(data)
    assert [p.text for p in pages] == [noise(n) for n in (*range(8), *range(16, 40))]
    assert damage == Damage(
        len(parts[0] + parts[1]), "malformed_record", "bzip2: Invalid data stream"
    )
    assert read_ranges(data, 1) == (pages, [damage])


def test_blocks_before_a_broken_one_are_read() -> None:
    """One stream of many blocks of 100 kB: what is far enough before the damage is believed."""
    text = [HEAD, *(page(n, noise(n, 20_000)) for n in range(60)), FOOT]
    data = bytearray(bz2.compress("".join(text).encode(), 1))
    data[len(data) * 4 // 5] ^= 0x55
    pages, damages = read(bytes(data))
    good = [p for p in pages if not p.problem]
    assert len(good) >= 20
    assert [p.text for p in good] == [noise(n, 20_000) for n in range(len(good))]
    assert [d.reason for d in damages] == ["malformed_record"]
    assert read(bytes(data), 1000) == (pages, damages)


def test_a_stream_whose_end_is_missing_does_not_eat_the_next() -> None:
    parts = [bz2.compress(g.encode()) for g in GROUPS]
    data = b"".join([*parts[:2], parts[2][:-30], *parts[3:]])
    pages, damages = read(data)
    assert [p.text for p in pages if not p.problem][-24:] == [noise(n) for n in range(16, 40)]
    assert [d.reason for d in damages] == ["truncated_record"]
    assert read_ranges(data, 1) == (pages, damages)


def test_garbage_between_streams_and_pages_is_noted() -> None:
    parts = [bz2.compress(g.encode()) for g in GROUPS]
    junk = random.Random(1).randbytes(200_000)
    data = b"".join([*parts[:3], junk, *parts[3:]])
    pages, damages = read(data)
    assert [p.text for p in pages] == [noise(n) for n in range(40)]
    detail = "200,000 bytes that are no bzip2 stream"
    assert damages == [Damage(len(b"".join(parts[:3])), "malformed_record", detail)]
    assert read_ranges(data, 1) == (pages, damages)

    data = plain([HEAD, PAGES[0], "  </page> <pag", "\n", PAGES[1], FOOT])
    pages, damages = read(data)
    assert [p.text for p in pages] == [noise(0), noise(1)]
    assert [(d.reason, d.detail) for d in damages] == [
        ("malformed_record", "15 bytes that are no page")
    ]
    assert read_ranges(data, 1) == (pages, damages)


def test_two_dumps_one_behind_the_other_are_one() -> None:
    data = plain([HEAD, PAGES[0], FOOT, '<?xml version="1.0"?>\n', HEAD, PAGES[1], FOOT])
    pages, damages = read(data)
    assert ([p.text for p in pages], damages) == ([noise(0), noise(1)], [])


@pytest.mark.parametrize(
    "data",
    [b"", b"BZh", b"PK\x03\x04 what else", b"<html><body>page</body></html>", b"\x1f\x8b\x08"],
)
def test_what_is_no_dump_says_so(data: bytes) -> None:
    pages, damages = read(data)
    assert pages == []
    assert [d.reason for d in damages] in (
        [
            ["not_a_dump"],
            ["malformed_record"],
            ["malformed_record", "not_a_dump"],
            ["truncated_record"],
        ]
    )


def test_a_page_over_the_cap_is_too_large_and_costs_no_memory() -> None:
    data = plain([HEAD, PAGES[0], page(1, "x" * 30_000_000, title="大"), PAGES[2], FOOT])
    tracemalloc.start()
    pages, damages = read(data, max_page_bytes=1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 40 << 20  # 30 of them are the data themselves
    tracemalloc.stop()
    assert [(p.problem, p.title, len(p.text)) for p in pages] == [
        (None, "Page 0", 600),
        ("too_large", "大", 0),
        (None, "Page 2", 600),
    ]
    assert damages == []
    assert read(data)[0][1].problem == "too_large"


def test_the_cap_is_inclusive_and_does_not_depend_on_reads() -> None:
    one = page(1, "字" * 1000).strip()
    data = plain([HEAD, one, FOOT])
    size = len(one.encode())
    for most in (1, 100, 1 << 20):
        assert read(data, most, max_page_bytes=size)[0][0].problem is None
        assert read(data, most, max_page_bytes=size - 1)[0][0].problem == "too_large"


def test_hostile_files_cost_linear_time() -> None:
    for unit in (b"<page>", b"</page>", b"<page", b"BZh9", b"BZh91AY&SY", b"<mediawiki>"):
        data = unit * (200_000 // len(unit))
        start = time.process_time()
        list(DumpReader(io.BytesIO(data)))
        assert time.process_time() - start < 20, unit


def test_empty_streams_and_numbers_that_are_none() -> None:
    odd = page(1, "x").replace("<id>1</id>", "<id>one</id>").replace("<ns>0</ns>", "")
    data = multistream(["", HEAD, "", odd, "", FOOT, ""])
    (found,), damages = read(data)
    assert (found.id, found.ns, found.text, damages) == (None, None, "x", [])


def test_salvage_is_only_of_the_beginning() -> None:
    assert (
        wikidump._salvaged(wikidump._EMPTY, b"<title>A&amp;B</title>", "too_large", "").title
        == "A&B"
    )
