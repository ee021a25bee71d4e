"""Tokens and shingles against plain Python; what counts as the same text, in either language."""

import os
import subprocess
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import plain_shingles as plain
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.kernels.dedup.shingles import line_hashes, shingle_blocks, text_keys
from skypile.kernels.text import textnorm, tokens

WRAP = 2**64 - 1
UNTIMED = settings(deadline=None)  # the first example waits for the compiler

# Every kind of character, and every way that they meet.
LETTERS = st.one_of(
    st.sampled_from("aAbZz09 \n\t.,!?'’“…-_\u00a0\u3000ａＡ１，。、！？"),
    st.sampled_from("éÉßﬁſİıΣςσ½①㎏℃㍿ﷺＡﬃÅ\u212b"),
    st.sampled_from("中国中國乾隆裏里後后爲为說说說漢汉字々〇〆豈豈"),
    st.sampled_from("がガｶﾞか\u3099ﾊﾟパーｰ・ぁ한국ᄒ\u1161ᆫ각ㄱㅏㄳ\uffb2"),
    st.sampled_from("ไทยภาษาทำﻻشمسहिन्दीவணக்கம்မြန်မာខ្មែរ་བོད"),
    st.sampled_from("\u00ad\u200b\u200d\ufeff\ufe0f\u0301\u0323\u0302\u0308\u20e3😀★←\u0000\x85"),
    st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs", "Co"]),
)
TEXTS = st.text(LETTERS, max_size=40)


def mix(h: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = ((h ^ h >> 33) * factor) & WRAP
    return h ^ h >> 33


def token_hash(token: str) -> int:
    """As the kernel's, of a composed token, in Python's integers."""
    hangul = "\uac00" <= token[0] <= "\ud7a3"
    normal = unicodedata.normalize("NFD", token[hangul:])
    h = 0x9AE16A3B2F90404F
    for char in token[:hangul] + normal:
        h = ((h ^ ord(char)) * 0x9E3779B97F4A7C15) & WRAP
    return mix(h)


def shingle_hashes(text: str, size: int = 5) -> list[int]:
    found = [token_hash(t) for t in plain.tokens(text)]
    assert found
    base, h = 0xD6E8FEB86659FD93, 0xC949C7DEFE1B9E6B ^ len(found)
    if len(found) < size:
        for token in found:
            h = (h * base + token) & WRAP
        return [mix(h)]
    made = []
    for i in range(len(found) - size + 1):
        h = 0
        for token in found[i : i + size]:
            h = (h * base + token) & WRAP
        made.append(mix(h))
    return made


def hashes_of(texts: list[str], **settings: object) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in texts]
    for block in shingle_blocks(pa.array(texts, pa.string()), **settings):  # type: ignore[arg-type]
        start = 0
        for doc, end in zip(block.docs, block.ends, strict=True):
            found[doc] += block.hashes[start:end].tolist()
            start = end
    return found


def same(left: str, right: str, **settings: object) -> bool:
    one, two = hashes_of([left, right], **settings)
    return one == two


def similarity(left: str, right: str, **settings: object) -> float:
    sets = shingle_sets(pa.array([left, right]), **settings)  # type: ignore[arg-type]
    return float(jaccard(*sets, np.array([0]), np.array([1]))[0])


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 6))
def test_shingles_are_those_of_plain_python(texts: list[str], size: int) -> None:
    for text, found in zip(texts, hashes_of(texts, size=size), strict=True):
        if plain.tokens(text):
            assert found == shingle_hashes(text, size)
        else:
            assert len(found) == 1


def test_every_code_point_has_the_kind_that_unicode_data_says() -> None:
    big = [
        (0x3400, 0x9FFF),
        (0xAC00, 0xD7A3),
        (0xD800, 0xF8FF),
        (0x17000, 0x18CFF),
        (0x20000, 0x2F7FF),
    ]
    codes = [c for c in range(0x2FA20) if not any(a < c < z for a, z in big)]
    codes += [*range(0x3400, 0xA000, 50), *range(0xAC00, 0xD7A4, 50), *range(0x20000, 0x3FFFE, 300)]
    texts = [f"a{chr(c)}中" for c in codes if not 0xD800 <= c < 0xE000]
    found = hashes_of(texts, size=1)
    wrong = [t for t, h in zip(texts, found, strict=True) if h != shingle_hashes(t, 1)]
    assert wrong == []


@UNTIMED
@given(TEXTS)
def test_every_composition_of_a_text_is_the_same_text(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        other = unicodedata.normalize(form, text)
        if "\u00ad" in text or any(unicodedata.category(c) in ("Cf", "Mn") for c in text):
            continue  # what does not print stops composition, and marks may have no base
        assert plain.tokens(other) == plain.tokens(text)
        assert same(text, other)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Hello, World! It's here now", "hello world it’s HERE — now"),
        ("ＡＢＣ１２３，ｘｙｚ", "abc123 xyz"),
        ("Straße Œuvre ﬁnd", "STRASSE œuvre find"),
        ("ガギグゲゴ", "ｶﾞｷﾞｸﾞｹﾞｺﾞ"),
        ("Tiếng Việt rất đẹp", unicodedata.normalize("NFD", "tiếng việt rất đẹp")),
        ("ê\u0323", "ệ"),  # marks out of order
        ("한국어 문장입니다", unicodedata.normalize("NFD", "한국어 문장입니다")),
        ("我们在这里，吃饭。", "我们 在这里\n吃饭"),
        ("（㍿）日本", "株式会社日本"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("葛\U000e0100城", "葛城"),  # a variation selector
    ],
)
def test_the_same_text(left: str, right: str) -> None:
    assert same(left, right)
    assert same(left, right, size=1)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("がぎぐげご", "かきくけこ"),
        ("ガラス", "カラス"),
        ("résumé", "resume"),
        ("ab c", "a bc"),
        ("한국", "한극"),
        ("中国", "中國"),
        ("hello world foo", "hello world foo foo"),
        ("", "."),
        ("!!!", "???"),
        ("😀😀", "😀"),
        ("一二三", "三二一"),
    ],
)
def test_not_the_same_text(left: str, right: str) -> None:
    assert not same(left, right)
    assert not same(left, right, size=1) or left[:5] == "hello"


@pytest.mark.parametrize(
    "text",
    [
        "가\u0301\u11a8",  # a mark between two parts of a syllable keeps them apart
        "가\u11a8\u11a8",
        "\u1100\u1100\u1161\u11a8\u1161",
        "각\u1161",
        "ㄱㅏㄱ 가 ㄱ",
        "か\u3099\u0301\u0323き",
        "a\u0315\u0301\u0323\u20e3b\u05b0\u0591",
    ],
)
def test_parts_that_join_and_marks_in_any_order(text: str) -> None:
    assert hashes_of([text], size=1) == [shingle_hashes(text, 1)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the quick brown fox jumps over the lazy dog", 9),
        ("我们的大学，在北京。", 8),
        ("用Python 3.11写ETL流程", 8),
        ("日本語とEnglishの混在", 8),
        ("대한민국 서울", 6),
        ("ภาษาไทย", 7),
        ("हिन्दी में लिखा", 3),
        ("привет, мир", 2),
    ],
)
def test_words_in_spaced_scripts_characters_in_others(text: str, count: int) -> None:
    assert len(hashes_of([text], size=1)[0]) == count == len(plain.tokens(text))


def test_traditional_and_simplified_are_one_text_on_request() -> None:
    pairs = [
        ("中華人民共和國的國家圖書館裡有許多藏書", "中华人民共和国的国家图书馆里有许多藏书"),
        ("乾隆皇帝與颱風後麵", "乾隆皇帝与台风后面"),
        ("臺灣體育大學", "台湾体育大学"),
        ("他站著說為什麼衞生間裡沒人", "他站着说为什么卫生间里没人"),
        ("\uf900\uf9d1", "岂六"),  # compatibility forms of 豈 and 六
    ]
    for hant, hans in pairs:
        assert not same(hant, hans)
        assert same(hant, hans, fold_han=True)
        assert same(hans, hans, fold_han=True)
        keys = text_keys(pa.array([hant, hans]), fold_han=True)
        assert keys[0].tolist() == keys[1].tolist()
    assert same("English text stays", "english text stays", fold_han=True)


def test_a_fold_is_done_once_done() -> None:
    for target in textnorm.simplified().values():
        assert textnorm.simplified().get(target, target) == target
    assert len(textnorm.simplified()) > 4000


WORDS = st.sampled_from(
    ["the", "of", "crawl", "x1", "2024", *"我们的", "数据", "网页", "일", "본", "カタ", "ภา"]
)


@UNTIMED
@given(st.lists(WORDS, min_size=12, max_size=80), st.data())
def test_an_edit_costs_the_shingles_that_overlap_it_and_no_more(
    words: list[str], data: st.DataObject
) -> None:
    """Whatever the mixture of scripts: no share of Han at which two near copies part."""
    text = " ".join(words)
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.text(LETTERS.filter(lambda c: len(plain.normal(c)) <= 2), max_size=1))
    edited = text[:at] + new + text[at + data.draw(st.integers(0, 1)) :]
    before, after = set(hashes_of([text])[0]), set(hashes_of([edited])[0])
    # One character is at most in two tokens of the old text (a space) and makes three of the new.
    assert len(before - after) <= 2 + 4
    assert len(after - before) <= 3 + 4


def test_near_copies_on_both_sides_of_half_han_stay_near() -> None:
    english = "a corpus of pages that were crawled and cleaned for training models well "
    chinese = "这个语料库收集了许多网页并且为训练语言模型做了清洗"
    for share in range(1, 20):
        text = english * share + chinese * (20 - share)
        assert similarity(text, text + "数据") > 0.9
        assert similarity(text, text + " some data") > 0.9


def test_short_documents_are_compared_whole() -> None:
    short = [
        "Hello world foo",
        "hello, world: FOO",
        "hello world",
        "foo hello world",
        "你好",
        "你 好！",
    ]
    found = hashes_of(short)
    assert [len(f) for f in found] == [1] * 6
    assert found[0] == found[1]
    assert found[4] == found[5]
    assert len({f[0] for f in found}) == 4


def test_every_document_has_a_shingle_and_empty_ones_are_equal() -> None:
    found = hashes_of(["", " \n\t", "\u200b", "…", "...", "★", ""])
    assert [len(f) for f in found] == [1] * 7
    assert found[0] == found[1] == found[2] == found[6]
    assert found[3] == found[4]
    assert len({f[0] for f in found}) == 3


@UNTIMED
@given(st.lists(TEXTS, max_size=8), st.integers(0, 8))
def test_a_batch_is_its_rows(texts: list[str], cut: int) -> None:
    assert hashes_of(texts) == hashes_of(texts[:cut]) + hashes_of(texts[cut:])
    everything = pa.array(["x y z", *texts, "y"])
    plain_way = shingle_sets(pa.array(texts, pa.string()))
    for other in (
        everything.slice(1, len(texts)),
        pa.array(texts, pa.large_string()),
        pa.chunked_array([texts[:cut], texts[cut:]], pa.string()),
        pa.array(texts, pa.string_view()),
        pa.array(texts, pa.string()).dictionary_encode(),
    ):
        found = shingle_sets(other)
        assert found[0].tolist() == plain_way[0].tolist()
        assert found[1].tolist() == plain_way[1].tolist()


def test_a_null_text_and_a_wrong_type_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        list(shingle_blocks(pa.array(["a", None])))
    with pytest.raises(TypeError, match="int64"):
        list(shingle_blocks(pa.array([1])))
    with pytest.raises(ValueError, match="256 tokens"):
        list(shingle_blocks(pa.array(["a"]), size=0))
    with pytest.raises(ValueError, match="sorted"):
        list(shingle_blocks(pa.array(["a"]), skip_lines=np.array([2, 1], np.uint64)))


def test_blocks_are_bounded_and_a_long_document_goes_on_in_the_next() -> None:
    words = [f"w{i}" for i in range(60_000)]
    texts = ["a b c d e f", " ".join(words), "我" * 30_000, "x"]
    whole = hashes_of(texts)
    sizes = []
    for block in shingle_blocks(pa.array(texts), block_shingles=10_000):
        sizes.append(len(block.hashes))
        assert (np.diff(block.docs) >= 0).all()
    assert max(sizes) <= 10_000
    assert len(sizes) > 8
    assert hashes_of(texts, block_shingles=10_000) == whole
    assert [len(w) for w in whole] == [2, 59_996, 29_996, 1]


def test_any_bytes_are_safe_to_read() -> None:
    bad = [
        b"\xe4\xb8",
        b"a\xff\xfeb",
        b"\xf7\xbf\xbf\xbf x",
        b"\xc3",
        b"\x80\x80",
        b"ok \xed\xa0\x80",
    ]
    texts = pa.array(bad, pa.binary()).view(pa.string())
    assert sum(len(b.docs) for b in shingle_blocks(texts)) == len(bad)


def test_hostile_text_takes_linear_time_and_little_memory() -> None:
    hostile = ["a\u0301\u0323" * 50_000, "\u0301" * 100_000, "\ufdfa" * 20_000, "a" * 1_000_000]
    hostile += [
        "ᄀ" * 50_000,
        "." * 500_000,
        "\n" * 500_000,
        "a\n" * 200_000,
        "e" + "\u0323\u0301" * 90_000,
    ]
    found = hashes_of(hostile)
    assert all(found)
    assert len(found[3]) == 1
    hashes, offsets = line_hashes(pa.array(hostile))
    assert offsets[-1] == len(hashes)


FOOTER = "Terms of use and privacy\n关于我们 | 联系方式\n"


def test_lines_that_are_known_are_left_out() -> None:
    footer, _ = line_hashes(pa.array([FOOTER]))
    assert len(footer) == 2
    skip = np.sort(footer)
    bodies = ["one two three four five six seven", "我们今天讨论网页的去重问题", "one two"]
    dressed = [f"TERMS of use, and privacy:\n{body}\n关于我们联系方式\n{body}" for body in bodies]
    bare = [f"{body}\n{body}" for body in bodies]
    assert hashes_of(dressed, skip_lines=skip) == hashes_of(bare)
    assert hashes_of(dressed) != hashes_of(bare)
    # Nothing else is left: then all of it counts, rather than nothing.
    assert hashes_of([FOOTER, ""], skip_lines=skip)[0] != hashes_of(["", ""])[0]


def test_a_page_that_is_all_footer_is_not_another_one_that_is() -> None:
    other = "Copyright of the owner\n"
    skip = np.unique(line_hashes(pa.array([FOOTER, other]))[0])
    one, two, same_one = hashes_of([FOOTER, other, FOOTER.upper()], skip_lines=skip)
    assert one != two
    assert one == same_one


@UNTIMED
@given(st.lists(st.sampled_from(["a b", "c d e", "我们", "", "!", "x " * 30]), max_size=12))
def test_leaving_lines_out_is_deleting_them(lines: list[str]) -> None:
    skip = np.unique(line_hashes(pa.array(["a b\n我们"]))[0])
    rest = [line for line in lines if line not in ("a b", "我们")]
    if any(plain.tokens(line) for line in rest):
        assert hashes_of(["\n".join(lines)], skip_lines=skip) == hashes_of(["\n".join(rest)])


def test_a_line_longer_than_the_limit_is_never_left_out() -> None:
    limit = tokens.MAX_LINE_TOKENS
    just, over, far = "我" * limit, "我" * (limit + 1), "我" * 3 * limit
    hashes, offsets = line_hashes(pa.array([f"a\n{just}\nb", f"{over}\nb", far]))
    assert offsets.tolist() == [0, 3, 4, 4]
    # Nor is what is left of it when a buffer is full, whatever its length is.
    ends, _ = line_hashes(pa.array(["\n".join("我" * k for k in range(1, limit + 1))]))
    skip = np.unique(np.concatenate([hashes, ends]))
    found = hashes_of([f"{just}\nc", f"{over}\nc", f"c\n{far}\nd"], skip_lines=skip)
    assert [len(f) for f in found] == [1, limit + 2 - 4, 3 * limit + 2 - 4]


def keys_of(*texts: str) -> list[tuple[int, ...]]:
    return [tuple(k) for k in text_keys(pa.array(texts)).tolist()]


def test_exact_keys_see_punctuation_and_not_layout() -> None:
    a, b, c, d = keys_of("Hello, World", "hello,\n  ＷＯＲＬＤ ", "hello world", "helloworld")
    assert a == b
    assert len({a, c, d}) == 3
    a, b, c = keys_of("我们，在这里。", "我们，\n在这里。", "我们在这里。")
    assert a == b != c
    a, b = keys_of("C++ or C", "C or C++")
    assert a != b
    assert len(set(keys_of("", ".", "..", "a.", ".a", "a", "a a"))) == 7


@UNTIMED
@given(st.lists(TEXTS, min_size=2, max_size=6))
def test_exact_keys_are_equal_for_equal_units_alone(texts: list[str]) -> None:
    units = [tuple(u for u in plain.units(t)) for t in texts]
    keys = keys_of(*texts)
    for i in range(1, len(texts)):
        assert (keys[0] == keys[i]) == (units[0] == units[i])


def test_exact_keys_of_many_texts_differ() -> None:
    texts = [f"{a} {b}, {c}." for a in "abcdefgh" for b in range(50) for c in "中文字符数据网页"]
    assert len(set(keys_of(*texts))) == len(texts)


def test_hashes_are_pinned() -> None:
    """A change here changes every run's rows: it must be meant."""
    texts = [
        "The quick brown fox jumps over.",
        "我们在北京大学读书。",
        "短い",
        "Ｆｕｌｌ width é 한국",
        "",
    ]
    assert [f[0] for f in hashes_of(texts)] == GOLDEN_SHINGLES
    assert text_keys(pa.array(texts)).tolist() == GOLDEN_KEYS


GOLDEN_SHINGLES = [
    15539338555265620861,
    3338530981089669457,
    12542138693872314738,
    1592680701293674717,
    10340984237182966074,
]
GOLDEN_KEYS = [
    [-2314861319594018799, -4183569546671796010],
    [2752036999748910312, 6532334623185913165],
    [-1436817384071429052, -3108390500333911584],
    [-1160858929540491308, -3699191751409938678],
    [-8105759836526585542, -4343316752804672046],
]


def test_constants_of_the_compiled_part_are_those_of_the_table() -> None:
    for name in ("WORD", "SINGLE", "EXTEND", "DROP", "JAMO", "SEVERAL"):
        assert getattr(tokens, f"_{name}") == getattr(textnorm, name)
    assert textnorm.BREAK == 0


def test_machine_code_is_known_by_all_sources_that_it_may_hold() -> None:
    """Numba's files know one source each; ours lie in a folder named by all of them."""
    from skypile.kernels.compiled import _sources

    found = _sources()
    assert {"dedup.minhash", "text.tokens", "quality.signals"} <= found.keys()
    assert {"dedup.shingles", "text.textnorm", "text.characters"} <= found.keys()  # imported
    assert "reading.charset" not in found


def test_without_a_place_for_machine_code_it_is_compiled_all_the_same() -> None:
    script = (
        "import numpy as np\n"
        "from skypile.kernels.dedup import components as m\n"
        "print(m.winners(np.array([0]), np.array([1]), np.array([5, 3])).tolist())\n"
        "print(m._settle.stats.cache_path)"
    )
    # The one locator that is left knows notebooks only.
    env = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.split("\n")[:2] == ["[1, -1]", "None"]
