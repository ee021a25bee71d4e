"""Block lists: what an entry covers, and what it does not."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.blocklists import compile_lists, load
from skypile.errors import InputError
from skypile.files import Root
from skypile.kernels.quality.blocklist import BlockList, Verdict, build
from skypile.kernels.quality.flagged import NONE, FlaggedWords
from skypile.kernels.text.urls import Place, place

DOMAINS = [
    b"Example.com",
    b"bad.co.uk",
    b"\xe5\x8d\x9a\xe5\xbd\xa9.\xe4\xb8\xad\xe5\x9b\xbd",
    b"1.2.3.4",
]


def block(
    domains: list[bytes], urls: tuple[bytes, ...] | list[bytes] = (), words: FlaggedWords = NONE
) -> BlockList:
    return BlockList(build([("adult", "domains", domains), ("adult", "urls", urls)]), words)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://EXAMPLE.com./x",
        "http://a.b.example.com:8080/x?y#z",
        "http://user:pass@www.example.com/",
        "http://user@other.org@example.com/",
        "example.com/page",
        "//example.com/page",
        "http:\\\\example.com\\x",
        " \thttp://exa\nmple.com/ ",
        "http://%65xample.com/",
        "http://ｅｘａｍｐｌｅ．ｃｏｍ/",
        "http://example。com/",
        "http://博彩.中国/",
        "http://xn--9kro4z.xn--fiqs8s/",
        "http://www.博彩.中国:81/路",
        "http://1.2.3.4/x",
        "http://shop.bad.co.uk/",
    ],
)
def test_a_domain_blocks_itself_and_what_is_below(url: str) -> None:
    assert block(DOMAINS).check([url]) == [Verdict("blocked_domain", "adult")]


@pytest.mark.parametrize(
    "url",
    [
        "http://notexample.com/",
        "http://example.com.evil.org/",
        "http://example.org/example.com",
        "http://other.org/?u=http://example.com/",
        "http://example.com@other.org/",
        "http://co.uk/",
        "http://good.co.uk/",
        "http://博彩.公司/",
        "http://1.2.3.45/",
        "http://[::1]/",
        "",
        "http://",
        "http:///path",
        "::::",
        "http://a..b/",
        "http://" + "a." * 200 + "example.com/",
        "http://[::1",
        None,
    ],
)
def test_others_stay(url: str | None) -> None:
    assert block(DOMAINS).check([url]) == [None]


def test_an_ipv6_host_in_any_spelling() -> None:
    found = block([b"[2001:DB8:0:0::1]"]).check(
        ["http://[2001:db8::1]:80/x", "http://[2001:0db8::0001%25eth0]/", "http://[2001:db8::2]/"]
    )
    assert [bool(v) for v in found] == [True, True, False]


def test_a_public_suffix_is_no_entry_and_a_private_one_blocks_its_own_host() -> None:
    entries = [
        b"com",
        b"com.cn",
        b"co.uk.",
        b"github.io",
        b"xn--fiqs8s",
        b"a b",
        b"# note",
        b"",
        b"ok.net",
    ]
    arrays = build([("x", "domains", entries)])
    assert arrays.refused == {"malformed": 1, "public_suffix": 4}
    assert len(arrays.hashes) == 2
    found = BlockList(arrays).check(
        ["http://github.io/a", "http://someone.github.io/", "http://a.com/", "http://ok.net"]
    )
    assert [bool(v) for v in found] == [True, False, False, True]


URLS = [
    b"www.site.com/bad",
    b"http://site.com/Page.html?id=3",
    "site.com/赌博/".encode(),
    b"whole.org",
    b"host.net/~joe/pics/",
]


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        ("http://site.com/bad", True),
        ("https://www.site.com/bad/deeper/1.html?x", True),
        ("http://site.com/x/../bad/", True),
        ("http://site.com//bad", True),
        ("http://site.com/%62ad", True),
        ("http://site.com/badminton", False),
        ("http://site.com/", False),
        ("http://sub.site.com/bad", False),
        ("http://site.com/Page.html?id=3", True),
        ("http://site.com/Page.html?id=4", False),
        ("http://site.com/Page.html", False),
        ("http://site.com/%E8%B5%8C%E5%8D%9A/1", True),
        ("http://site.com/%B6%C4%B2%A9/1", True),  # GB18030
        ("http://site.com/赌博", True),
        ("http://site.com/赌博业研究", False),
        ("http://whole.org/", True),
        ("http://host.net/~joe/pics/1.jpg", True),
        ("http://host.net/%7Ejoe/pics", True),
        ("http://host.net/~joe/", False),
    ],
)
def test_a_url_blocks_itself_and_what_is_below(url: str, blocked: bool) -> None:
    assert bool(block([], URLS).check([url])[0]) == blocked


def test_reasons_and_categories_and_which_comes_first() -> None:
    arrays = build(
        [
            ("gambling", "domains", [b"bet.com", b"both.com"]),
            ("adult", "domains", [b"both.com"]),
            ("adult", "urls", [b"mixed.com/x", b"bet.com/x"]),
        ]
    )
    found = BlockList(arrays, FlaggedWords(["poker"])).check(
        ["http://bet.com/x", "http://both.com", "http://mixed.com/x/poker", "http://ok.com/poker-1"]
    )
    assert found == [
        ("blocked_domain", "gambling"),
        ("blocked_domain", "adult"),
        ("blocked_url", "adult"),
        ("flagged_path", "poker"),
    ]


FLAGGED = FlaggedWords(["sex", "性交", "賭博", "casino"], ["理性交流", "中性交"])


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/sex/1", "sex"),
        ("/SEX_pics", "sex"),
        ("/essex/news", None),
        ("/sussex-sextant", None),
        ("/online-casino?x", "casino"),
        ("/a?play=casino", "casino"),
        ("/%E6%80%A7%E4%BA%A4", "性交"),
        ("/%D0%D4%BD%BB", "性交"),
        ("/%E7%90%86%E6%80%A7%E4%BA%A4%E6%B5%81", None),  # 理性交流
        ("/%C0%ED%D0%D4%BD%BB%C1%F7", None),
        ("/理性交流与性交", "性交"),
        ("/ｃａｓｉｎｏ", "casino"),
        ("/%E8%B3%AD%E5%8D%9A%E6%A1%88", "賭博"),
        ("/", None),
    ],
)
def test_flagged_words_in_paths(path: str, word: str | None) -> None:
    found = block([], words=FLAGGED).check(["http://site.org" + path])[0]
    assert found == (Verdict("flagged_path", word) if word else None)


def test_flagged_words_are_not_looked_for_in_hosts() -> None:
    assert block([], words=FLAGGED).check(["http://sex.org/", "http://casino.org"]) == [
        None,
        None,
    ]


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://user@", "//"]))
def test_any_text_is_judged(text: str, scheme: str) -> None:
    url = scheme + text
    assert len(block(DOMAINS, URLS, FLAGGED).check([url])) == 1
    where = place(url)
    if where:
        assert where.host == where.host.lower()
        assert where.host.isascii()
        again = place(f"http://{where.host}/")
        assert again == Place(where.host, "", "")


@given(
    st.lists(st.sampled_from(["a.example.com", "b.org", "x.net/y", "b.org/q?z", ""]), max_size=8)
)
def test_a_batch_is_its_urls_one_by_one(urls: list[str]) -> None:
    one = block([b"example.com"], [b"x.net/y"])
    assert one.check(urls) == [one.check([url])[0] for url in urls]


def test_the_order_of_lists_and_lines_makes_no_difference() -> None:
    a = build([("x", "domains", [b"a.com", b"b.com"]), ("y", "domains", [b"b.com", b"c.com"])])
    b = build(
        [("y", "domains", [b"c.com", b"b.com"]), ("x", "domains", [b"b.com", b"a.com", b"a.com"])]
    )
    assert a.hashes.tolist() == b.hashes.tolist()
    assert a.category_of.tolist() == b.category_of.tolist()


def tree(folder: Path) -> Path:
    (folder / "adult").mkdir(parents=True)
    (folder / "adult/domains").write_bytes(b"plain.com\nCRLF.com\r\n")
    (folder / "adult/expressions").write_bytes(b"(a+)+$\n")
    (folder / "gambling").mkdir()
    (folder / "gambling/urls.gz").write_bytes(gzip.compress(b"site.com/bet\n"))
    with tarfile.open(folder / "drugs.tar.gz", "w:gz") as archive:
        for name, data in (("drugs/domains", b"pills.com\n"), ("drugs/usage", b"black\n")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return folder


def test_ut1_is_read_loose_packed_and_in_archives(tmp_path: Path) -> None:
    card = compile_lists(Root(str(tree(tmp_path / "ut1"))), tmp_path / "made").parameters
    assert (card["entries"], card["categories"]) == (4, ["adult", "drugs", "gambling"])
    loaded = load(tmp_path / "made")
    assert isinstance(loaded._arrays.hashes, np.memmap)
    urls = [
        "http://plain.com",
        "http://crlf.com",
        "http://x.pills.com",
        "http://site.com/bet/1",
        "http://ok.com",
    ]
    assert [v and v.detail for v in loaded.check(urls)] == [
        "adult",
        "adult",
        "drugs",
        "gambling",
        None,
    ]


def test_the_same_lists_make_the_same_bytes(tmp_path: Path) -> None:
    source = Root(str(tree(tmp_path / "ut1")))
    one, other = (compile_lists(source, tmp_path / name) for name in ("a", "b"))
    assert one == other
    assert one.files.keys() == {"hashes.npy", "category_of.npy"}


def test_what_is_no_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no CATEGORY/domains"):
        compile_lists(Root(str(tmp_path / "empty")), tmp_path / "made")
    with pytest.raises(InputError, match="no artifact"):
        load(tmp_path / "made")
    folder = tree(tmp_path / "ut1")
    archive = folder / "drugs.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"drugs\.tar\.gz: damaged"):
        compile_lists(Root(str(folder)), tmp_path / "made")
    archive.unlink()
    packed = folder / "gambling/urls.gz"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        compile_lists(Root(str(folder)), tmp_path / "made")


def test_a_card_of_other_arrays_is_an_error(tmp_path: Path) -> None:
    compile_lists(Root(str(tree(tmp_path / "ut1"))), tmp_path / "made")
    card = json.loads((tmp_path / "made/card.json").read_text())
    card["parameters"]["entries"] = 5
    (tmp_path / "made/card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="differ in length"):
        load(tmp_path / "made")


def test_an_unknown_kind_and_too_many_categories_are_errors() -> None:
    with pytest.raises(ValueError, match="not of domains or urls"):
        build([("x", "expressions", [])])
    with pytest.raises(ValueError, match="256 categories"):
        build([(str(i), "domains", []) for i in range(256)])
