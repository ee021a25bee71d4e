"""The comparison of a run with the truth: its numbers by hand. On a run: tests/test_cli.py."""

import json
from pathlib import Path

import pytest

from skypile.errors import SkypileError
from skypile.sample.truth import Score, labels, load_truth, token_overlap


def test_labels_by_hand() -> None:
    pairs = [("kept", "kept"), ("kept", "kept"), ("kept", "empty"), ("menu", "kept"), ("x", "x")]
    assert list(labels("s", pairs)) == [
        Score("s", "kept", 2 / 3, 2 / 3, 3),
        Score("s", "menu", None, 0.0, 1),
        Score("s", "x", 1.0, 1.0, 1),
        Score("s", "empty", 0.0, None, 0),
    ]


def test_f1_by_hand() -> None:
    assert Score("s", "w", 0.5, 1.0, 1).f1 == pytest.approx(2 / 3)
    assert Score("s", "w", 0.0, 0.0, 1).f1 == 0
    assert Score("s", "w", None, 0.0, 1).f1 is None


@pytest.mark.parametrize(
    ("text", "gold", "wanted"),
    [
        ("a b b", "b b c d", (2 / 3, 1 / 2)),
        ("天地 玄", "天地玄黄", (1, 3 / 4)),
        ("lock 船闸", "船，lock!", (2 / 3, 1)),
        ("", "a", (1, 0)),
        ("a", "", (0, 1)),
    ],
)
def test_words_by_hand(text: str, gold: str, wanted: tuple[float, float]) -> None:
    assert token_overlap(text, gold) == pytest.approx(wanted)


def test_one_split_alone_and_files_that_are_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    line = {"file": "a", "ordinal": 2, "split": "tune"}
    path.write_text(
        "".join(json.dumps(x) + "\n" for x in (line, line | {"ordinal": 4, "split": "test"}))
    )
    assert list(load_truth(path)) == [("a", 2), ("a", 4)]
    assert list(load_truth(path, "test")) == [("a", 4)]
    path.write_text('{"url": 1}\n')
    with pytest.raises(SkypileError, match="not the truth of a sample"):
        load_truth(path)
    with pytest.raises(SkypileError, match=r"truth\.jsonl"):
        load_truth(tmp_path / "none" / "truth.jsonl")
