"""Which benchmark items a text contains."""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from skypile.kernels.decontamination.contamination import Finder, Found, Item, build

NONE = np.zeros(0, np.uint64)
ENGLISH = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in "
    "May. How many clips did Natalia sell altogether in April and May?"
)
CHINESE = (
    "芳芳买了一本书有99页，上午看了90页，下午又看了3页，"
    "她还剩多少页没有看？如果明天看完，要看几页？"
)
SHORT = "Which planet of the Solar System has the most moons?"  # 10 words
SHORT_ZH = "太阳系里卫星最多的行星是哪一颗？"  # 15 characters
TINY = "下列说法正确的是"


def finder(*passages: str, **settings: int) -> Finder:
    items = [Item("b", str(n), (text,)) for n, text in enumerate(passages)]
    return Finder(build(items, **settings))


def found(finder: Finder, *texts: str) -> list[list[int]]:
    """Items of each text; the two ways to look agree on whether there is any."""
    hashes, offsets = finder.hits(pa.array(texts, pa.large_string()))
    items = [[f.item for f in finder.items(text, NONE)] for text in texts]
    assert [bool(i) for i in items] == (np.diff(offsets) > 0).tolist()
    assert len(hashes) == offsets[-1]
    return items


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def test_items_in_any_case_width_punctuation_and_script() -> None:
    known = finder(ENGLISH, CHINESE)
    texts = [
        f"Before. {ENGLISH} After.",
        ENGLISH.upper(),
        wide(ENGLISH),
        ENGLISH.replace(",", " -").replace(".", "!").replace("?", ""),
        f"前面的话{CHINESE}后面的话",
        CHINESE.replace("，", ",").replace("买", "買").replace("书", "書").replace("页", "頁"),
        "Natalia went to the market, and bought clips in April and in May for all of her friends.",
        "芳芳买了一本书，很喜欢，看了很久，她还没有看完，明天再看。",
    ]
    assert found(known, *texts) == [[0], [0], [0], [0], [1], [1], [], []]


def test_half_an_item_is_found_and_measured() -> None:
    known = finder(ENGLISH)
    half = " ".join(ENGLISH.split()[:15])
    (one,) = known.items(f"Seen: {half} and so on", NONE)
    assert one == Found(0, 3, 3, 31 - 13 + 1, (0,))
    assert known.items(" ".join(ENGLISH.split()[:12]), NONE) == []


def test_short_items_are_compared_whole() -> None:
    known = finder(SHORT, SHORT_ZH, TINY)
    texts = [
        f"A quiz. {SHORT.lower()} Saturn.",
        f"小测验：{SHORT_ZH}土星。",
        "Which planet of the Solar System has the most rings?",
        "太阳系里卫星最多的行星",
        f"问题：{TINY}什么？",
        TINY,
    ]
    assert found(known, *texts) == [[0], [1], [], [], [], [2]]


def test_a_short_passage_beside_a_long_one_is_not_looked_for() -> None:
    one = Finder(build([Item("b", "0", (ENGLISH, SHORT))]))
    assert found(one, SHORT, ENGLISH) == [[], [0]]


def test_templates_do_not_count() -> None:
    template = "The following are multiple choice questions with answers about the very subject of "
    subjects = ["algebra", "law", "physics", "history"]
    items = [f"{template}{s}: {' '.join(s + str(n) for n in range(14))}" for s in subjects]
    (one, *_) = finder(*items).items(f"{template} cooking for beginners", NONE)
    assert (one.shared, one.covered) == (0, 1)
    assert finder(*items[:3]).items(f"{template} cooking for beginners", NONE)[0].shared == 1
    # A passage with several questions is one passage.
    shared = [Item("b", str(n), (ENGLISH, f"{s} {SHORT}")) for n, s in enumerate(subjects)]
    assert Finder(build(shared)).items(ENGLISH, NONE)[0].shared == 19


def test_formulas_of_the_corpus_do_not_count() -> None:
    known = finder(ENGLISH)
    hashes, _ = known.hits(pa.array([" ".join(ENGLISH.split()[:14])], pa.large_string()))
    (one,) = known.items(ENGLISH, np.sort(hashes))
    assert (one.shared, one.covered, one.size) == (17, 19, 19)


def test_the_lines_where_an_item_stands() -> None:
    known = finder(ENGLISH, CHINESE, SHORT)
    first, second = ENGLISH.split(", ")
    half = len(CHINESE) // 2
    text = "\n".join(
        ["An introduction.", first, second, "", f"x {SHORT}", CHINESE[:half], CHINESE[half:], "尾"]
    )
    assert [(f.item, f.blocks) for f in known.items(text, NONE)] == [
        (0, (1, 2)),
        (1, (5, 6)),
        (2, (4,)),
    ]


def test_texts_do_not_depend_on_each_other_and_odd_ones_pass() -> None:
    known = finder(ENGLISH, SHORT)
    texts = pa.array(["", "...", ENGLISH, "字", f"{SHORT} {SHORT}"], pa.large_string())
    hashes, offsets = known.hits(texts)
    alone = [known.hits(texts.slice(i, 1))[0].tolist() for i in range(len(texts))]
    assert [hashes[a:b].tolist() for a, b in pairwise(offsets.tolist())] == alone
    assert known.hits(texts.slice(0, 0))[1].tolist() == [0]
    assert known.items("", NONE) == []
    nothing = finder()
    assert found(nothing, ENGLISH, "") == [[], []]
