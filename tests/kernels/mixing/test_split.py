"""Units that are held out as a whole, and the draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.mixing.categories import KINDS
from skypile.kernels.mixing.split import (
    fill,
    limit,
    places,
    registered_domain,
    repository,
    site,
    unit_key,
    unit_of,
    work,
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("news.sina.com.cn", "sina.com.cn"),
        ("www.gov.tw", "www.gov.tw"),
        ("bj.gov.cn", "bj.gov.cn"),
        ("someone.github.io", "someone.github.io"),
        ("a.someone.github.io", "someone.github.io"),
        ("WWW.Example.COM.", "example.com"),
        ("www.中国政府.中国", "中国政府.中国"),
        ("www.xn--fiqs8sirgfmh.xn--fiqs8s", "中国政府.中国"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("192.168.0.1", "192.168.0.1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_the_registered_domain(host: str, expected: str) -> None:
    assert registered_domain(host) == expected


def test_a_page_is_placed_by_its_url_or_its_host() -> None:
    assert site("https://news.bbc.co.uk/1?x", None) == "bbc.co.uk"
    assert site(None, "tieba.baidu.com") == "baidu.com"
    assert site("https://", "") is None
    assert site(None, None) is None


def test_repositories() -> None:
    for url in (
        "https://github.com/Owner/Name/blob/main/a/b.py",
        "https://www.github.com/owner/name.git",
        "https://raw.githubusercontent.com/owner/name/main/a.py",
    ):
        assert repository(url) == "github.com/owner/name"
    assert repository("https://gitee.com/某人/项目/blob/x") == "gitee.com/某人/项目"
    assert repository("https://github.com/owner") is None
    assert repository(None) is None


def test_titles_in_any_spelling_are_one_work() -> None:
    assert (
        work("The Water-Margin, Vol. 1")
        == work("the water margin ＶＯＬ １")
        == "thewatermarginvol1"
    )
    assert work("水滸傳（上）") == work("水浒传 上")
    assert work("水浒传") != work("红楼梦")
    assert work(" — ") is None
    assert work("") is work(None) is None


def test_every_kind_has_its_unit() -> None:
    assert {k: unit_of(k) for k in KINDS} == {
        **dict.fromkeys(KINDS, "work"),
        "webpages": "site",
        "code": "repository",
    }


KEYS = np.array([unit_key(f"site{i}.example") for i in range(20_000)])


def test_the_draw_has_the_share_asked_for_and_samples_are_nested() -> None:
    one, two = places(KEYS, 0), places(KEYS, 1)
    assert one.min() >= 0
    for share in (0.001, 0.01, 0.3):
        held = one < limit(share)
        assert abs(held.mean() - share) < 4 * (share / len(KEYS)) ** 0.5
        assert (held <= (one < limit(2 * share))).all()
        assert abs((held & (two < limit(share))).mean() - share**2) < 0.01  # seeds are independent
    assert limit(1.0) == 2**63
    assert (one < limit(0.0)).sum() == 0
    assert places(KEYS[:1], 7).tolist() == places(KEYS[::-1], 7)[-1:].tolist()


def test_the_draw_is_the_same_everywhere() -> None:
    assert unit_key("example.com") == 7248412790024962093
    assert places(np.array([7248412790024962093]), 0).tolist() == [6375633461060913771]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(0, 200))
def test_no_more_than_the_number_is_held_out(sizes: list[int], number: int) -> None:
    documents = np.array(sizes, np.int64)
    taken = fill(documents, number)
    held = int(documents[taken].sum())
    assert held <= number
    for i in np.flatnonzero(~taken[:number]):  # nothing that would have fitted was passed over
        assert documents[:i][taken[:i]].sum() + documents[i] > number
    if documents.sum() <= number:
        assert taken.all()
