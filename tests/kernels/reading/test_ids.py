from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.reading.ids import doc_id, read_digest, sampled, text_digest
from skypile.kernels.text.scripts import wide_chars


def test_ids_are_pinned() -> None:
    """A changed id would orphan every table of every run: change this only on purpose."""
    assert doc_id("web", "crawl-00000.warc.gz", 7) == "38bf9d59e7161c42d840cccc2b543e43"
    assert doc_id("百科", "语料/网页.warc.gz", 0) == "c196777ab4fcda98e90fd220c2af5876"
    assert text_digest("陣陣秋風\nautumn") == "f7aa8625dbc30562c6615b4eeb7a57ff"


@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.text(max_size=6), st.integers(0, 10**12)),
        unique=True,
        max_size=20,
    )
)
def test_different_names_have_different_ids(names: list[tuple[str, str, int]]) -> None:
    assert len({doc_id(*n) for n in names}) == len(names)


def test_names_do_not_run_into_each_other() -> None:
    assert doc_id("a", "bc", 1) != doc_id("ab", "c", 1)
    assert doc_id("a", "b1", 1) != doc_id("a", "b", 11)


def test_a_sample_is_nested_seeded_and_of_the_size_asked_for() -> None:
    ids = [doc_id("s", "f", i) for i in range(20_000)]
    small = {i for i in ids if sampled(i, 0, 0.01)}
    large = {i for i in ids if sampled(i, 0, 0.1)}
    assert small < large
    assert 1_850 < len(large) < 2_150  # 2,000 expected, five standard deviations are 212
    assert large != {i for i in ids if sampled(i, 1, 0.1)}
    assert all(sampled(i, 0, 1.0) for i in ids)


def test_the_digest_of_an_edited_text_depends_on_what_was_removed_only() -> None:
    digest = text_digest("a\nb\nc")
    assert read_digest(digest, []) == digest
    assert read_digest(digest, [2, 0, 2]) == read_digest(digest, [0, 2]) != digest
    assert read_digest(digest, [1]) != read_digest(digest, [2])


def test_wide_characters_are_han_kana_and_hangul() -> None:
    assert wide_chars("Skywork 在 2023 年，𠮷野家。") == 5
    assert wide_chars("がギー々ﾊﾝ한국어〇") == 10
    assert wide_chars("ｆｕｌｌ　ｗｉｄｔｈ，。「」abc 123") == 0
