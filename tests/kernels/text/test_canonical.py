import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.text.canonical import canonical_url

PAGE = "http://example.org/a/B?q=1"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a/B?q=1",
        "https://example.org/a/B?q=1",
        "HTTP://EXAMPLE.ORG/a/B?q=1",
        "https://www.example.org/a/B?q=1",
        "https://www2.example.org./a/B?q=1",
        "//example.org/a/B?q=1",
        "  http://example.org/a/B?q=1\n",
        "http://example.org:80/a/B?q=1",
        "https://example.org:443/a/B?q=1",
        "http://example.org:/a/B?q=1",
        "http://user:secret@example.org/a/B?q=1",
        "http://example.org/a/B/?q=1",
        "http://example.org//a/B?q=1",
        "http://example.org/a/B?q=1#section",
        "http://example.org/a/./c/../B?q=1",
        "http://example.org/%61/%42?q=%31",
        "https://web.archive.org/web/20121107221404/http://example.org/a/B?q=1",
        "http://web.archive.org/web/20121107221404id_/https://www.example.org/a/B?q=1",
        "https://web.archive.org/web/2012/example.org/a/B?q=1",
        "https://web.archive.org/web/*/http://example.org/a/B?q=1",
        "https://web.archive.org/web/http://example.org/a/B?q=1",
        "//web.archive.org/web/20121107221404/http://example.org/a/B?q=1",
        "https://archive.today/20130115123456/http://example.org/a/B?q=1",
        "https://archive.is/2013.01.15-123456/http://example.org/a/B?q=1",
        "https://archive.ph/o/aBc12/http://example.org/a/B?q=1",
        "http://www.web.archive.org:80/web/2012/http://example.org:80/a/B?q=1",
        "https://archive.ph/newest/http://example.org/a/B?q=1",
        "http://www.webcitation.org/query?url=http%3A%2F%2Fexample.org%2Fa%2FB%3Fq%3D1",
        "https://web.archive.org/web/2013/https://archive.is/2012/http://example.org/a/B?q=1",
        "https://web.archive.org/web/20121107221404/http:/example.org/a/B?q=1",
        "https://www.google.com/amp/s/www.example.org/a/B?q=1",
        "https://www-example-org.cdn.ampproject.org/c/s/www.example.org/a/B?q=1",
    ],
)
def test_spellings_of_one_page(url: str) -> None:
    assert canonical_url(url) == PAGE


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://example.org", "http://example.org"),
        ("http://example.org/", "http://example.org"),
        ("http://example.org?", "http://example.org"),
        ("http://example.org/?b=2&a=1", "http://example.org?b=2&a=1"),
        ("http://example.org:8080/", "http://example.org:8080"),
        ("http://www.com/", "http://www.com"),
        ("http://www.gov.cn/", "http://gov.cn"),
        ("http://例え.jp/", "http://xn--r8jz45g.jp"),
        ("http://xn--r8jz45g.jp/", "http://xn--r8jz45g.jp"),
        ("http://中国政府。政务/", "http://xn--fiqs8sirgfmh.xn--zfr164b"),
        ("https://BÜCHER.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("http://example.org/%e4%b8%ad%E6%96%87", "http://example.org/%E4%B8%AD%E6%96%87"),
        (
            "http://example.org/中文?词=汉",
            "http://example.org/%E4%B8%AD%E6%96%87?%E8%AF%8D=%E6%B1%89",
        ),
        ("http://example.org/100%", "http://example.org/100%25"),
        ("http://example.org/a%2fb", "http://example.org/a%2Fb"),
        ("http://example.org/a b", "http://example.org/a%20b"),
        ("http://example.org/~u/%7Eu", "http://example.org/~u/~u"),
        ("http://example.org/a\ud800", "http://example.org/a"),
        ("http://[2001:DB8::1]:80/a", "http://[2001:db8::1]/a"),
        (
            "https://web.archive.org/web/screenshots.html",
            "http://web.archive.org/web/screenshots.html",
        ),
        ("https://archive.today/wXyZ1", "http://archive.today/wXyZ1"),
        ("http://archive.org/details/x", "http://archive.org/details/x"),
        ("ftp://example.org/a", "ftp://example.org/a"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("http://", "http://"),
        ("http://example.org:port/", "http://example.org:port/"),
        ("http://[::1", "http://[::1"),
        ("http://\x80.org/", "http://\x80.org/"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_one_spelling(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


WORDS = [
    "http://", "https://", "//", "www.", "example.org", "例え.jp", ":80", ":443", "/", "/a", "%e4",
    "%", "..", ".", "?", "#", "&", "=", "web.archive.org/web/2012/", "archive.is/2013/", "中", " ",
    "google.com/amp/s/", "@", "[", "]", "\\", "xn--", "。",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=12).map("".join))
def test_what_is_canonical_stays(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
