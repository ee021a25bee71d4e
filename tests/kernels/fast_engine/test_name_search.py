"""Which of some names a page holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.fast_engine.name_search import NameSearch


def test_names_within_names_count_and_capitals_are_other_letters() -> None:
    search = NameSearch(["post", "PostBody", "postbody", "<pre>", "math/tex"])
    assert search.held("<DIV class=postbody>帖子<pre>".encode()) == {"post", "postbody", "<pre>"}
    assert search.held(b"<i class=PostBody>") == {"PostBody"}
    assert search.held(b"") == search.held("中文网页，没有名字".encode()) == frozenset()


@pytest.mark.parametrize("wrong", ["", "名字"])
def test_a_name_that_cannot_be_one_is_told(wrong: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        NameSearch(["post", wrong])


@given(st.text("abAB中 ", max_size=60), st.sets(st.text("ab", min_size=1, max_size=4), max_size=5))
def test_it_is_what_looking_for_each_finds(text: str, names: set[str]) -> None:
    if names:
        search, found = NameSearch(names), {n for n in names if n in text}
        assert search.held(text.encode()) == found
        assert search.any_held(text.encode()) == bool(found)
        assert bool(search.places(text.encode())) == bool(found)


def test_places_are_bytes_of_names_that_do_not_overlap() -> None:
    assert NameSearch(["date", "dated", "time"]).places("中 date time updated".encode()) == [
        4,
        9,
        16,
    ]
