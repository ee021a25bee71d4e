"""Marks of exercises, the score made of them, and what the classifier sees."""

import numpy as np
import pytest

from skypile.kernels.quality.stem import combined, is_wide, make_tokens, marks, rule_score
from skypile.kernels.text.textnorm import han_fold

ENGLISH = (
    "Question 3. A train travels 120 km in 2 hours. How fast is it?\n"
    "A. 40 km/h\nB. 50 km/h\nC. 60 km/h\nD. 70 km/h\n"
    "Solution: v = 120/2 = 60, so the answer is C."
)
SIMPLIFIED = (
    "第3题 一列火车2小时行驶120千米，它每小时行驶多少千米？\n"
    "（A）40（B）50（C）60（D）70\n解：120÷2=60，答案：C"
)
TRADITIONAL = (
    "第3題 一列火車2小時行駛120公里，已知速度不變，求證：每小時60公里。\n"
    "Ａ．40\nＢ．50\nＣ．60\n證明：120÷2=60。答：60公里，故選C。"
)
STATUTE = (
    "第三条 本法所称劳动者，是指与用人单位订立劳动合同的人员。\n"
    "（一）年满十六周岁；\n（二）具有劳动能力；\n（三）法律规定的其他条件。\n"
    "第四条 国家对职工实行工时制度，每日工作不超过八小时。"
)
POST = (
    "How to install the package\n1. Download the archive.\n2. Run `make install`.\n"
    "3. Set PATH=/usr/local/bin and restart. What if it fails? See the FAQ below.\n"
    "Q: Does it run on Windows? No."
)


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_exercises_in_three_scripts(text: str) -> None:
    found = marks(text)
    assert (found.questions, found.options, found.solutions) == (1, 1, 1)
    assert found.answers >= 1
    assert found.asks >= 1
    assert 0.05 < found.formula_fraction < 0.4
    assert rule_score(found) > 0.5


@pytest.mark.parametrize("text", [STATUTE, POST, "", "字"])
def test_what_looks_like_exercises_scores_low(text: str) -> None:
    found = marks(text)
    assert (found.options, found.solutions, found.answers) == (0, 0, 0)
    assert rule_score(found) < 0.2


def test_one_kind_of_mark_alone_is_not_enough() -> None:
    assert rule_score(marks("Answer: yes\n" * 40)) < 0.5
    assert rule_score(marks("3 + 4 = 7\n" * 40)) < 0.5
    long = "The city council met on Monday and spoke of roads. " * 100
    assert rule_score(marks(f"{long}\n{ENGLISH}")) < rule_score(marks(ENGLISH)) / 2


def test_options_count_in_order_only() -> None:
    assert marks("A. x\nB. y\nC. z\nA. x\nB. y\nC. z").options == 2
    assert marks("C. x\nB. y\nA. z").options == 0
    assert marks("A. x\nB. y").options == 0


def test_the_classifier_sees_neither_question_marks_nor_options() -> None:
    tokens = make_tokens(han_fold())
    assert tokens("(A) 40 + 5 = ?") == ["#2", "+", "#1", "="]
    assert tokens("（Ａ）４０＋５＝？") == ["#2", "+", "#1", "="]
    assert tokens("幾頁書") == tokens("几页书") == ["几", "页", "书"]
    assert tokens(r"\frac{1}{123456}") == [r"\frac", "#1", "#4"]
    assert is_wide(SIMPLIFIED)
    assert not is_wide(ENGLISH)


def test_the_score_of_both() -> None:
    rules = np.array([0.9, 0.1, 0.9, 0.1], np.float32)
    probability = np.array([0.5, 0.5, np.nan, np.nan], np.float32)
    both = combined(rules, probability, 0.5)
    assert both[0] > 0.5 > both[1]
    assert both[2:] == pytest.approx([0.9, 0.1])
    assert combined(rules[:1], np.array([0.9]), 0.0)[0] == pytest.approx(0.9)
    # However sure the classifier is, rules can say no.
    sure = combined(np.full(2, 0.05), np.array([1.0, 0.0]), 2.0)
    assert 0.1 < sure[0] < 0.7
    assert sure[1] < 0.01
