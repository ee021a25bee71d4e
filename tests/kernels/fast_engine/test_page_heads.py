"""Titles and dates of pages by patterns."""

import time

import pytest

from skypile.kernels.fast_engine.page_heads import head

LATEST = "2026-01-01"


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>One &amp; <b>", "One &"),
        ("<title>Site</title><meta property='og:title' content=\"It's  so\">", "It's so"),
        ("<META content=标题 name=OG:Title><title>x</title>", "标题"),
        ("<meta property=og:title content='| —'><title> 繁體 </title>", "繁體"),
        ("<p>none", None),
    ],
)
def test_titles(html: str, title: str | None) -> None:
    assert head(html, html.encode(), None, LATEST)[0] == title


@pytest.mark.parametrize(
    ("html", "url", "date"),
    [
        (
            "<meta property='article:published_time' content='2021-05-04T10:00Z'>",
            None,
            "2021-05-04",
        ),
        ('<script>{"datePublished": "2020-2-3"}</script>', None, "2020-02-03"),
        ("<time datetime='2019/11/18 11:03'>", None, "2019-11-18"),
        ("<meta name=pubdate content='2019年1月2日 08:00'>", None, "2019-01-02"),
        ("", "https://a.cn/2018/03/04/x.html", "2018-03-04"),
        ("", "https://a.cn/20180304/x.html", "2018-03-04"),
        ("", "https://a.cn/12018030455/x.html", None),
        ("", "https://a.cn/2018/13/04/x.html", None),
        ("<meta name=date content='2031-01-01'>", "https://a.cn/2018/03/04", "2018-03-04"),
        ("<meta name=date content='1970-01-01'>", None, None),
        ("<p>2018-03-04", None, None),
    ],
)
def test_dates(html: str, url: str | None, date: str | None) -> None:
    assert head(html, html.encode(), url, LATEST)[1] == date


def test_published_comes_before_other_dates() -> None:
    html = "<time datetime=2019-01-01><meta name=date content=2018-01-01>"
    html += "<meta property=article:published_time content=2017-01-01>"
    assert head(html, html.encode(), "http://a/2016/01/01", LATEST)[1] == "2017-01-01"


@pytest.mark.parametrize(
    ("html", "date"),
    [
        ("<span class='entry-date'>Published March 3rd, 2019</span>", "2019-03-03"),
        ("<div class=post-date><b><i> 3 Sept. 2019, 10:00</i>", "2019-09-03"),
        ("<p id=datum>Dienstag, 12. M&auml;rz 2019 – 9 Uhr", "2019-03-12"),
        ("<span class=date>1. Mai 2012", "2012-05-01"),
        ("<span class=date>4.&nbsp;Dezember 2011", "2011-12-04"),
        ("<span class='time'>12.03.2019</span>", "2019-03-12"),
        ("<span class=pubtime>发布于 2019年3月12日 10:00", "2019-03-12"),
        ("<span class=post_time>發表於 2019-3-12", "2019-03-12"),
        ("<span class='date modified'>3 May 2019", None),  # what was changed
        ("<span class=date>03/04/2019", None),  # March or April
        ("<span class=date>31 February 2019", None),
        ("<span class=date>3 May 2031", None),
        ("<span class=author>3 May 2019", None),
    ],
)
def test_dates_that_a_page_shows(html: str, date: str | None) -> None:
    assert head(html, html.encode(), None, LATEST)[1] == date


def test_an_address_is_believed_before_what_is_shown() -> None:
    html = "<span class=date>3 May 2019"
    assert head(html, html.encode(), "http://a/2016/01/01", LATEST)[1] == "2016-01-01"


@pytest.mark.parametrize(
    "piece", ["<p class=date>", "<p class=" + "a" * 70, "class=date ", "<p class=date><b><b>1 May "]
)
def test_time_is_linear(piece: str) -> None:
    html = piece * (300_000 // len(piece))
    begun = time.process_time()
    head(html, html.encode(), None, LATEST)
    assert time.process_time() - begun < 2
