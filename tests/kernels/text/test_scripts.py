"""Script shares follow Unicode's property; simplified, traditional and Japanese forms are told."""

import time

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.text import han, scripts
from skypile.kernels.text.scripts import Profile, profile, wide_chars

PROPERTIES = {
    "latin": r"\p{Script=Latin}",
    "han": r"\p{Script=Han}",
    "kana": r"[\p{Script=Hiragana}\p{Script=Katakana}]",
    "bopomofo": r"\p{Script=Bopomofo}",
    "hangul": r"\p{Script=Hangul}",
    "cyrillic": r"\p{Script=Cyrillic}",
    "arabic": r"\p{Script=Arabic}",
}
NO_LETTER = r"[\p{Script=Common}\p{Script=Inherited}\p{Script=Unknown}]"


def of_every_code_point(pattern: str) -> np.ndarray:
    """Where a property holds, of all code points that are assigned."""
    found = np.zeros(0x110000, dtype=bool)
    for match in regex.finditer(f"(?:{pattern})+", "".join(map(chr, range(0x110000)))):
        found[match.start() : match.end()] = True
    return found


@pytest.mark.parametrize("script", PROPERTIES)
def test_every_code_point_is_in_the_script_that_unicode_says(script: str) -> None:
    classes = scripts._classes()
    letter = {"hangul": "G", "kana": "K", "han": "H"}.get(script, script[0].upper())
    ours = classes >= 16 if letter == "H" else classes == scripts._IDS[letter]
    assigned = ~of_every_code_point(r"\p{Script=Unknown}")
    odd = np.flatnonzero((ours != of_every_code_point(PROPERTIES[script])) & assigned)
    assert not len(odd), [hex(c) for c in odd[:10]]


def test_digits_marks_emoji_and_surrogates_are_no_letters() -> None:
    none = np.isin(scripts._classes(), [0, 9])
    odd = np.flatnonzero(of_every_code_point(NO_LETTER) & ~none)
    unassigned = of_every_code_point(r"\p{Cn}")
    assert not len([c for c in odd if not unassigned[c]])
    text = "12 ３ ，。！?😀👨‍👩‍👧\u0301\ud800\ue000\x00①"
    assert profile(text).letters == 0
    assert profile(text).chars == len(text)
    assert profile(" \u3000\u00a0\t\n\x85\u2028a").spaces == 7


def test_shares_of_a_text_in_many_scripts() -> None:
    p = profile("Ｌatin 漢字々 かなカナｶﾅ ㄅㄆ 한글 Кир عرب ελλ ไทย བོད 123")
    assert (p.latin, p.han, p.kana, p.bopomofo, p.hangul) == (5, 3, 6, 2, 2)
    assert (p.cyrillic, p.arabic, p.other) == (3, 3, 3 + 3 + 3)
    assert p.letters == 5 + 13 + 3 + 3 + 9
    assert p.wide == 13


def test_forms_of_han_characters() -> None:
    simplified = profile("这是简体中文，我们在这里说话。")
    traditional = profile("這是繁體中文，我們在這裡說話。")
    assert simplified.simplified >= 5
    assert simplified.traditional == 0
    assert traditional.traditional >= 6
    assert traditional.simplified == 0
    assert profile("気駅図発売読広込").japanese == 8
    # 国 and 会 are simplified and Japanese, 東 and 語 traditional and Japanese.
    assert profile("国会").simplified == 2
    assert profile("東語").traditional == 2
    assert profile("国会東語").not_japanese == 0
    assert profile("们國您").not_japanese == 3
    assert profile("中文日本人山水").simplified == profile("中文日本人山水").traditional == 0
    assert profile("后里台干").simplified == 0  # traditional too, in another sense


def test_the_sets_of_han_characters_hold_together() -> None:
    sets = {n: set(getattr(han, n)) for n in ("SIMPLIFIED", "TRADITIONAL", "JAPANESE", "KYUJITAI")}
    assert {n: len(s) for n, s in sets.items()} == {
        "SIMPLIFIED": len(han.SIMPLIFIED),
        "TRADITIONAL": len(han.TRADITIONAL),
        "JAPANESE": len(han.JAPANESE),
        "KYUJITAI": len(han.KYUJITAI),
    }
    assert not sets["SIMPLIFIED"] & sets["TRADITIONAL"]
    assert not sets["JAPANESE"] & (sets["SIMPLIFIED"] | sets["TRADITIONAL"])
    assert not sets["KYUJITAI"] & han.in_japanese()
    assert sets["JAPANESE"] <= han.in_japanese()
    assert profile("".join(set().union(*sets.values()))).han == len(set().union(*sets.values()))


@given(st.text(alphabet=st.characters(), max_size=200))
def test_counts_add_up_and_do_not_depend_on_where_a_text_is_cut(text: str) -> None:
    p = profile(text)
    left, right = profile(text[:77]), profile(text[77:])
    names = Profile.__dataclass_fields__
    assert {n: getattr(p, n) for n in names} == {
        n: getattr(left, n) + getattr(right, n) for n in names
    }
    assert p.letters + p.spaces <= p.chars == len(text)
    assert max(p.simplified, p.traditional, p.japanese, p.not_japanese) <= p.han
    assert wide_chars(text) <= p.wide + text.count("ー") + text.count("ｰ")


def test_ten_megabytes_take_a_moment() -> None:
    text = "这是 a 測試。" * 1_250_000
    begun = time.process_time()
    p = profile(text)
    assert time.process_time() - begun < 2
    assert p.han == 4 * 1_250_000
    assert (p.simplified, p.traditional) == (1_250_000, 2_500_000)
