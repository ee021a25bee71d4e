"""Rules: each has a text that trips it alone and one that does not; profiles as data."""

import gzip
import html
import itertools
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from skypile.kernels.quality import repetition, rules, signals
from skypile.kernels.quality.flagged import NONE, FlaggedWords

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
HAN = [chr(c) for c in range(0x5200, 0x5E00)]  # none of them a stop character


def words(count: int, seed: int = 0) -> list[str]:
    """Different words of four letters."""
    every = ["".join(pair) for pair in itertools.product(SYLLABLES, repeat=2)]
    return random.Random(seed).sample(every, count)


def english(lines: int = 8, end: str = ".", seed: int = 0) -> list[str]:
    """Lines of fourteen words that say nothing, in which no n-gram comes twice."""
    pool = iter(words(14 * lines, seed))
    made = []
    for _ in range(lines):
        line = [next(pool) for _ in range(14)]
        line[0], line[6], line[9] = "the", "of", line[9] + ","
        made.append(" ".join(line) + end)
    return made


def chinese(lines: int = 8, end: str = "。", seed: int = 0) -> list[str]:
    """Lines of forty characters, in which no n-gram comes twice."""
    pool = iter(random.Random(seed).sample(HAN, 38 * lines))
    made = []
    for _ in range(lines):
        line = [next(pool) for _ in range(38)]
        made.append(
            "".join(line[:12]) + "的" + "".join(line[12:24]) + "，在" + "".join(line[24:]) + end
        )
    return made


def failed(profile: str, text: str, flagged: FlaggedWords = NONE) -> set[str]:
    found = rules.profile(profile)
    row = rules.failures(found, signals.measure([text], flagged))[0]
    return {rule.name for rule, bad in zip(found, row, strict=True) if bad}


def repeat(n: int, share: float, wide: bool) -> list[str]:
    """Lines in which pieces of exactly n units repeat, and are the share of all units.

    wide: units are characters, and n is scaled as for them.
    """
    at = (repetition.TOP_N + repetition.DUPLICATE_N).index(n)
    size, total = int(repetition.UNITS[int(wide)][at]), 6000 if wide else 3000
    pool = iter(random.Random(n).choices(HAN, k=8000) if wide else words(4000, n))
    count = round(share * total / size)
    if n in repetition.TOP_N:  # one piece, again and again
        pieces = [list(itertools.islice(pool, size))] * count
    else:
        pieces = [list(itertools.islice(pool, size)) for _ in range(count)] * 2
    spare = total - size * len(pieces)
    units: list[str] = []
    for k, piece in enumerate(pieces):
        filler = spare * (k + 1) // len(pieces) - spare * k // len(pieces)
        units += [*piece, *itertools.islice(pool, filler)]
    step, joined, stops, end = (60, "", "的在", "。") if wide else (20, " ", "the of ", ".")
    lines = [joined.join(units[i : i + step]) + end for i in range(0, total, step)]
    return [stops + lines[0], *lines[1:]]


EN, ZH = english(), chinese()
Texts = dict[str, Callable[[], list[str]]]
GOPHER: Texts = {
    "gopher_words": lambda: EN[:3],
    "gopher_mean_word_length": lambda: [
        " ".join(w + "x" * 10 * (len(w) > 3) for w in x[:-1].split(" ")) + "." for x in EN
    ],
    "gopher_hash_to_word_ratio": lambda: [x.replace(" ", " #", 3) for x in EN],
    "gopher_ellipsis_to_word_ratio": lambda: [x.replace(" ", "... ", 3) for x in EN],
    "gopher_bullet_lines": lambda: ["• " + x for x in EN],
    "gopher_ellipsis_lines": lambda: [x + ".." for x in EN],
    "gopher_alpha_words": lambda: [x + f" {i} {i}1 {i}2 {i}3 {i}4" for i, x in enumerate(EN)],
    "gopher_stop_words": lambda: [x.replace("the ", "").replace(" of ", " ") for x in english(10)],
    "gopher_duplicate_lines": lambda: [*english(20), *(f"ok {i}" for i in range(4)), *["ok"] * 12],
    "gopher_duplicate_line_chars": lambda: [*english(2), *english(1, seed=1) * 2],
}
GOPHER_ZH: Texts = {
    "gopher_words": lambda: ZH[:2],
    "gopher_hash_to_word_ratio": lambda: [x.replace("，", "＃＃＃") for x in ZH],
    "gopher_ellipsis_to_word_ratio": lambda: [
        x.replace("的", "……的……").replace("，", "……") for x in ZH
    ],
    "gopher_bullet_lines": lambda: ["●" + x for x in ZH],
    "gopher_ellipsis_lines": lambda: [x[:-1] + "……" for x in ZH],
    "gopher_alpha_words": lambda: [x + " 1 2 3 4 5 6 7" for x in ZH],
    "gopher_stop_words": lambda: [x.replace("的", "").replace("，在", "，") for x in ZH],
}
ZH_RULES: Texts = {
    "zh_mean_line_chars": lambda: [
        "{}a{}b{}c{}d。".format(*quad)
        for quad in zip(*[iter("的在" + "".join(HAN[:298]))] * 4, strict=True)
    ],
    "zh_han": lambda: [x + " ".join(words(30, i)) for i, x in enumerate(ZH)],
    "zh_words": lambda: ZH[:2],
    "zh_mean_word_chars": lambda: [x + "A" * 80 for x in ZH],
    "zh_hash_to_word_ratio": lambda: [x.replace("，", "＃＃＃") for x in ZH],
    "zh_ellipsis_to_word_ratio": lambda: [
        x.replace("的", "……的……").replace("，", "……") for x in ZH
    ],
    "zh_bullet_lines": lambda: ["－" + x for x in ZH],
    "zh_ellipsis_lines": lambda: [x[:-1] + "……" for x in ZH],
    "zh_alpha_words": lambda: [
        x + "".join(f" {10 * i + k}" for k in range(10)) for i, x in enumerate(ZH)
    ],
    "zh_stop_words": lambda: [x.replace("在", "") for x in ZH],
    "zh_sentence_lines": lambda: [x[:-1] for x in ZH],
    "zh_newlines": lambda: [
        "".join((*eight[:4], "，", *eight[4:], "！"))
        for eight in zip(*[iter("的在" + "".join(HAN[:358]))] * 8, strict=True)
    ],
    "zh_duplicate_lines": lambda: [*chinese(30), *(f"好{c}" for c in "天地人山水"), *["好"] * 20],
}


def cases(texts: Texts, profile: str) -> list[tuple[str, str, Callable[[], list[str]]]]:
    return [(profile, name, text) for name, text in texts.items()]


@pytest.mark.parametrize(
    ("profile", "name", "text"),
    [*cases(GOPHER, "gopher"), *cases(GOPHER_ZH, "gopher"), *cases(ZH_RULES, "zh")],
)
def test_a_text_trips_one_rule_alone(
    profile: str, name: str, text: Callable[[], list[str]]
) -> None:
    beside = {
        # Where lines are the paragraphs, a repeated one is both.
        "gopher_duplicate_lines": {"gopher_duplicate_paragraphs"},
        "gopher_duplicate_line_chars": {"gopher_duplicate_paragraph_chars"},
    }
    found = failed(profile, "\n".join(text()))
    if name == "gopher_duplicate_line_chars":
        found = {x for x in found if "gram" not in x}  # a long line is long n-grams
    assert found == {name, *beside.get(name, ())}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 9, 10])
@pytest.mark.parametrize("profile", ["gopher", "zh"])
def test_repeated_pieces_of_n_trip_the_rule_for_n_alone(profile: str, n: int, wide: bool) -> None:
    if profile == "zh" and not wide:
        return
    kind = "top" if n < 5 else "duplicate"
    name = f"{profile}_{kind}_{n}gram"
    limit = next(r.high for r in rules.profile(profile) if r.name == name)
    above, below = (failed(profile, "\n".join(repeat(n, limit + d, wide))) for d in (0.004, -0.004))
    assert above == {name}
    assert below == set()


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        *(("gopher", EN), ("gopher", ZH), ("c4", EN), ("c4", ZH), ("fineweb", EN), ("fineweb", ZH)),
        *(("zh", ZH), ("chinesewebtext", ZH)),
    ],
)
def test_a_good_text_trips_none(profile: str, text: list[str]) -> None:
    assert failed(profile, "\n".join(text)) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c4_lorem_ipsum", [*EN, "Lorem ipsum dolor sit amet."]),
        ("c4_curly_bracket", [*ZH, "function f() { return 1 }"]),
        ("c4_sentences", EN[:4]),
        ("c4_sentences", [x[:-1] for x in ZH]),
        ("c4_sentences", [f"JavaScript {x}" for x in EN]),
        ("fineweb_terminal_lines", [x[:-1] for x in EN]),
        ("fineweb_terminal_lines", [x[:-1] for x in ZH]),
        ("fineweb_short_lines", [*EN, *(f"So {w}." for w in words(20))]),
        ("fineweb_short_lines", [*ZH, *(f"好{c}地。" for c in HAN[:20])]),
        ("fineweb_duplicate_line_chars", [*english(20), *["The end."] * 3]),
        ("fineweb_newlines", [*EN, *["a" * 40 + "." + str(i) + "!" for i in range(80)]]),
        ("chinesewebtext_chars", ZH[:4]),
        ("chinesewebtext_mean_line_chars", [x[i : i + 9] for x in ZH for i in (0, 9, 18)]),
        ("chinesewebtext_han", EN),
        ("chinesewebtext_repetition", [*ZH[:2], *[x for i in range(6) for x in (f"{i}", *ZH[:2])]]),
    ],
)
def test_rules_of_the_other_profiles(name: str, text: list[str]) -> None:
    assert failed(name.partition("_")[0], "\n".join(text)) == {name}


def test_flagged_words_trip_their_rule() -> None:
    text = "\n".join(ZH).replace("的", "赌博的")
    assert failed("zh", text, FlaggedWords(["赌博"])) == {"zh_flagged_words"}
    assert failed("zh", text) == set()


def test_the_first_rule_that_fails_is_the_reason() -> None:
    batch = signals.measure(["\n".join(EN), "", "\n".join(x[:-1] for x in ZH), "\n".join(ZH)])
    assert rules.apply(rules.profile("gopher"), batch) == [None, "gopher_words", None, None]
    assert rules.apply(rules.profile("zh"), batch) == [
        "zh_han",
        "zh_mean_line_chars",
        "zh_sentence_lines",
        None,
    ]
    assert rules.apply((), batch) == [None] * 4
    assert rules.apply(rules.profile("zh"), batch.slice(0, 0)) == []


def test_a_value_at_the_threshold_is_kept_and_one_that_is_missing_is_not() -> None:
    rule = rules.Rule("x", "bullet_line_fraction", high=0.9)
    values = pa.array([0.9, 0.9000001, float("nan")], pa.float32())
    assert rules.apply((rule,), {"bullet_line_fraction": values}) == [None, "x", "x"]


def test_profiles_are_data_that_a_configuration_changes() -> None:
    changed = rules.profile("zh", {"zh_han": (0.5, None)}, without=["zh_words"])
    by_name = {r.name: r for r in changed}
    assert (by_name["zh_han"].low, by_name["zh_han"].high) == (0.5, float("inf"))
    assert "zh_words" not in by_name
    assert rules.PROFILES["zh"] != changed
    names = [r.name for p in rules.PROFILES.values() for r in p]
    assert len(names) == len(set(names))
    assert all(r.source for p in rules.PROFILES.values() for r in p)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rules.profile("none"), "no profile 'none'"),
        (lambda: rules.profile("zh", {"zh_x": (0, 1)}), "no rule zh_x"),
        (lambda: rules.profile("zh", without=["c4_sentences"]), "no rule c4_sentences"),
        (lambda: rules.profile("zh", {"zh_han": (1, 0)}), "from 1 to 0 is nothing"),
        (lambda: rules.Rule("x", "no_signal"), "no signal 'no_signal'"),
    ],
)
def test_what_is_no_profile_is_an_error(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_clean_chinese_news_stays(shared_data: Path) -> None:
    def read(name: str) -> list[dict[str, str]]:
        with gzip.open(shared_data / name, "rt", encoding="utf8") as lines:
            return [json.loads(line) for line in lines]

    rows = read("zh_web_text/texts.jsonl.gz")
    # Its entities were never decoded, as every parser of pages does.
    news = [html.unescape(r["text"]) for r in rows if r["domain"].startswith("news")]
    sina = [r["text"] for r in read("skywork_release/zh_news.jsonl.gz")]
    lottery = re.compile("开奖|彩票|竞彩|大乐透|双色球|快乐8|排列三|福彩|红单|胜负彩")
    clear = [text for text in sina if not lottery.search(text)]
    assert (len(news), len(clear)) == (70, 850)
    for texts in (news, clear):
        dropped = [r for r in rules.apply(rules.profile("zh"), signals.measure(texts)) if r]
        assert len(dropped) <= 0.05 * len(texts), dropped
