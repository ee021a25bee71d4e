"""Which cuts can be called Chinese at all, and how many can be right at most."""

import json

import pytest

from bench.language import ceiling, with_han

LINK = "[4]: https://example.org/users/name [5]: http"
PIECES = [(LINK, "zh"), ("作者：[Jane Doe][a] 选题", "zh"), ("繁體字", "zh"), (LINK, "en")]


def test_a_cut_of_a_chinese_text_without_han_is_left_out_and_no_other_is() -> None:
    assert with_han(PIECES) == PIECES[1:]


def test_the_ceiling_counts_them_as_lost(capsys: pytest.CaptureFixture[str]) -> None:
    ceiling("some cuts", PIECES)
    line = json.loads(capsys.readouterr().out)
    found = {key: line[key] for key in ("metric", "value", "n", "without_han", "ok")}
    assert found == {"metric": "ceiling", "value": 0.75, "n": 4, "without_han": 1, "ok": False}
