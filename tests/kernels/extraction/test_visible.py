"""What a page shows at a glance."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.extraction.visible import MAX_HTML_CHARS, visible_text

EN = "The lock keeper wrote the level of the canal into a ledger every evening."
ZH = "船闸的看守人每晚把水位写进账簿，账簿比运河活得更久。"


@pytest.mark.parametrize("text", [EN, ZH, "船閘的看守人每晚把水位寫進帳簿。", "ﾊﾝｶｸ と全角ＡＢＣ"])
def test_text_is_seen_and_what_is_hidden_is_not(text: str) -> None:
    page = (
        "<!doctype html><html><head><title>t</title><style>p { color: red }</style>"
        "<script>var long = 'a script that is longer than any text on the page, by far, far';"
        f"</script></head><body><!-- {EN} hidden --><SCRIPT async>x</ScRiPt ><p>{text}</p>"
        "<svg><text>drawn, and much longer than anything that a reader of it reads</text></svg>"
    )
    assert visible_text(page, 2000).splitlines()[-1] == text
    assert not {"script", "hidden", "drawn", "red"} & set(visible_text(page, 2000).split())


def test_tags_within_a_line_do_not_cut_it_and_others_do() -> None:
    page = "<p>The <b class=x>lock</b> <a href='/k'>keeper</a><p>账簿<em>比</em>运河<br>活得&amp;久"
    assert visible_text(page, 99).splitlines() == ["The lock keeper", "账簿比运河", "活得&久"]
    # Names that only begin like them.
    assert visible_text("a<base>b<article>c<samp>d", 99) == "a\nb\nc\nd"


def test_the_longest_pieces_are_chosen_and_stay_in_order() -> None:
    page = f"<li>Home<li>About us<p>{EN}</p><li>Next<p>{ZH}</p><li>Imprint"
    assert visible_text(page, len(EN) + 2) == f"{EN}\n{ZH}"[: len(EN) + 2]
    assert visible_text(page, 10_000).splitlines() == [
        *("Home", "About us", EN, "Next", ZH, "Imprint")
    ]
    assert visible_text("", 99) == visible_text("<p> <p>\n", 99) == ""


@pytest.mark.parametrize("hidden", ["<script>", "<style>", "<!--", "<TEXTAREA>", "<svg x='>'"])
def test_what_is_not_closed_hides_the_rest(hidden: str) -> None:
    assert visible_text(f"<p>{EN}</p>{hidden}{ZH}", 999) == EN


def test_a_comment_ends_at_its_mark_and_not_at_dashes_within() -> None:
    page = f"<!-- a -- b <p>{EN} not shown</p> --><p>{ZH}</p>"
    assert visible_text(page, 999) == ZH


def test_lower_case_of_another_length_does_not_shift_anything() -> None:
    assert visible_text(f"<p>{'İ' * 50}</p><script>x</script><p>{EN}</p>", 999).endswith(EN)


@pytest.mark.parametrize(
    "hostile",
    [
        *("<", "<a", "<script", "<script>", "</script", "<script></script", "<!--", "<!-- -", "&"),
        *("<p>", "&#", "<a b=", "<p ", " ", "\u3000", "&lt;script&gt;", "<b", "<svg><svg>"),
    ],
)
def test_hostile_pages_take_linear_time(hostile: str) -> None:
    page = hostile * (4 * MAX_HTML_CHARS // len(hostile))
    begun = time.process_time()
    visible_text(page, 2000)
    assert time.process_time() - begun < 1.5


@given(st.text(alphabet="<>/!-ab &;#x1 \n中İ", max_size=200), st.integers(0, 50))
def test_any_text_is_safe(page: str, most: int) -> None:
    assert len(visible_text(page, most)) <= most
