"""Numbers of a text of code."""

import base64
import random

import pytest

from skypile.kernels.code.code_text import WIDE_LETTERS, encoded_chars, lines_of, measure


def test_lines_in_code_points() -> None:
    found = measure("渡船 = 1\n\n    return 渡船 + 2")
    assert (found.lines, found.max_line_chars) == (3, 17)
    assert found.mean_line_chars == pytest.approx(23 / 3)
    empty = measure("")
    assert (empty.lines, empty.max_line_chars, empty.tokens, empty.letters_per_token) == (
        1,
        0,
        0,
        0,
    )


def test_shares() -> None:
    found = measure("ab1 (\n  ab1 (")
    assert found.alphanumeric_share == pytest.approx(6 / 13)
    assert found.letter_share == pytest.approx(4 / 8)
    assert found.distinct_line_share == pytest.approx(1 / 2)
    assert measure("7, 88, 0x9f").number_share == pytest.approx(1.0)
    assert measure("a7, b88").number_share == 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("return", 1),
        ("return hour", 2),  # the blank goes with the word
        ("internationalization", 3),
        ("x = 12345", 4),
        ("a\n        b", 3),  # line end and indentation together
        ("();", 1),
        ("渡船出发", 4),
    ],
)
def test_tokens(text: str, tokens: int) -> None:
    assert measure(text).tokens == tokens


def test_a_wide_letter_weighs_as_much_as_it_says() -> None:
    assert measure("渡船出发").letters_per_token == WIDE_LETTERS
    assert measure("渡船出發").letters_per_token == WIDE_LETTERS


def test_encoded_runs() -> None:
    data = base64.b64encode(random.Random(1).randbytes(3000)).decode()
    assert encoded_chars(f"x = '{data}'") == (len(data), len(data))
    wrapped = "\n".join(data[i : i + 76] for i in range(0, len(data), 76))
    assert encoded_chars(wrapped)[1] == len(wrapped)
    assert encoded_chars("0x12, 0xab, " * 20)[0] == 240
    assert encoded_chars(r"\u6e21\u8239" * 10) == (120, 120)
    words = "\n".join(["ferry", "river", "harbour"] * 40)
    assert encoded_chars(words) == (0, 0)
    assert encoded_chars("a" * 500) == (0, 0)
    assert encoded_chars("渡船" * 500) == (0, 0)


def test_lines_of() -> None:
    assert lines_of("\ufeff\n\r\n  a\r\n\r\tb \n\n") == ("  a", "", "\tb ")
    assert lines_of(" \n\t") == ()
