"""Alignment of paragraphs by length and anchors."""

import pytest

from skypile.kernels.parallel import gale_church
from skypile.kernels.parallel.gale_church import Bead, align

EN = [
    "The ferry left the old harbour at six in the morning.",
    "Nobody had slept, since the storm of 1987 had taken the roof of the inn and of the school.",
    "Its captain, a quiet man, read the forecast from https://weather.example/today aloud.",
    "We were hungry.",
    "By noon the sea was calm and the gulls came back, first two or three, then a whole cloud.",
]
ZH = [
    "渡船清晨六点离开了旧港口。",
    "没有人睡过觉，因为1987年的那场暴风雨卷走了旅店和学校的屋顶。",
    "船长是个沉默寡言的人，他大声念出 https://weather.example/today 上的预报。",
    "我们都饿了。",
    "到了中午，海面平静下来，海鸥又飞了回来，起初两三只，后来是黑压压的一片。",
]
ZHT = [
    "渡船清晨六點離開了舊港口。",
    "沒有人睡過覺，因為1987年的那場暴風雨捲走了旅店和學校的屋頂。",
    "船長是個沉默寡言的人，他大聲念出 https://weather.example/today 上的預報。",
    "我們都餓了。",
    "到了中午，海面平靜下來，海鷗又飛了回來，起初兩三隻，後來是黑壓壓的一片。",
]
ONE_ONE = [Bead(i, i + 1, i, i + 1) for i in range(5)]


@pytest.mark.parametrize("chinese", [ZH, ZHT])
def test_one_to_one(chinese: list[str]) -> None:
    assert align(EN, chinese) == ONE_ONE


@pytest.mark.parametrize("chinese", [ZH, ZHT])
def test_a_paragraph_that_is_left_out(chinese: list[str]) -> None:
    beads = align(EN, [*chinese[:1], *chinese[2:]])
    assert Bead(1, 2, 1, 1) in beads
    assert Bead(2, 3, 1, 2) in beads
    beads = align([*EN[:1], *EN[2:]], chinese)
    assert Bead(1, 1, 1, 2) in beads
    assert Bead(1, 2, 2, 3) in beads


@pytest.mark.parametrize("chinese", [ZH, ZHT])
def test_two_that_are_one_on_the_other_side(chinese: list[str]) -> None:
    beads = align(EN, [*chinese[:1], chinese[1] + chinese[2], *chinese[3:]])
    assert Bead(1, 3, 1, 2) in beads
    beads = align([*EN[:1], f"{EN[1]} {EN[2]}", *EN[3:]], chinese)
    assert Bead(1, 2, 1, 3) in beads


def test_anchors_decide_where_lengths_do_not() -> None:
    english = [f"The value of the setting named key_{c} is not known." for c in "abcdef"]
    chinese = [f"名为 key_{c} 的设置的值未知。" for c in "abcdef"]
    assert align(english, chinese[2:])[:3] == [Bead(0, 1, 0, 0), Bead(1, 2, 0, 0), Bead(2, 3, 0, 1)]


def test_nothing_and_too_much() -> None:
    assert align([], []) == []
    assert align(["a"], []) == [Bead(0, 1, 0, 0)]
    with pytest.raises(ValueError, match=r"5,000 paragraphs by 4,000"):
        align(["a"] * 5000, ["啊"] * 4000)
    assert gale_church.MAX_CELLS < 5001 * 4001


def test_each_paragraph_is_in_one_bead() -> None:
    beads = align(EN * 7, ZHT[::-1] * 5)
    assert [i for b in beads for i in range(b.en, b.en_end)] == [*range(35)]
    assert [j for b in beads for j in range(b.zh, b.zh_end)] == [*range(25)]
