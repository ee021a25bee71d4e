"""Signals are measured for all, and cut only where the settings say."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skypile.blocklists import compile_lists
from skypile.errors import ConfigError, InputError
from skypile.files import Root
from skypile.kernels.quality.signal_table import SCHEMA
from skypile.kernels.quality.signals import measure
from skypile.settings import build
from skypile.stages.signals import (
    SIGNALS,
    STAGE,
    Config,
    make_cut_kernel,
    make_measure_kernel,
    validate,
)

EN = (
    "The lobster is a large crustacean of the sea, and it may grow to a length of sixty "
    "centimetres. It is found from Norway to Morocco, where people have long fished for it.\n"
)
PROSE_EN = EN + (
    "Lobsters live in holes of the sea floor, and they leave these at night to look for food. "
    "The females carry their eggs for up to a year, which is why the law protects them in many "
    "countries. That law has been in force since 1923 and is kept with care by those who fish.\n"
)
PROSE_ZH = (
    "龙虾是生活在海底的大型甲壳动物，身长可以达到六十厘米。它们白天躲在石缝里，夜里才出来找食物，也会为了争夺洞穴而打斗。\n"
    "雌龙虾抱卵的时间长达一年，因此许多国家都有法律保护它们。这部法律从一九二三年开始施行，渔民与管理者都很重视，违者会被罚款。\n"
)
LIST = "\n".join(["- buy", "- now", "- sale"] * 30)


def batch(*rows: tuple[str | None, str, str | None]) -> pa.RecordBatch:
    """Rows of (language, text, url) as the cut sees them."""
    found = measure([text for _, text, _ in rows])
    names = ["doc_id", "url", "family", "lang", *found.schema.names]
    ids = pa.array([str(n) for n in range(len(rows))])
    urls = pa.array([r[2] for r in rows], pa.string())
    languages = pa.array([r[0] for r in rows], pa.string())
    return pa.RecordBatch.from_arrays([ids, urls, languages, languages, *found.columns], names)


def reasons(config: Config, *rows: tuple[str | None, str, str | None]) -> list[str | None]:
    return list(make_cut_kernel(config, {})(batch(*rows))["reason"].to_pylist())


def test_the_measure_is_the_kernels_by_name(tmp_path: Path) -> None:
    texts = [PROSE_EN, PROSE_ZH, ""]
    given = pa.RecordBatch.from_arrays(
        [pa.array(["a", "b", "c"]), pa.array(texts, pa.large_string())], ["doc_id", "text"]
    )
    rows = SIGNALS.conform(make_measure_kernel(Config())(given))
    assert rows["doc_id"].to_pylist() == ["a", "b", "c"]
    assert rows.select(SCHEMA.names).to_pylist() == measure(texts).to_pylist()
    (tmp_path / "flagged").write_text("lobster\n龙虾\n!大龙虾\n", encoding="utf8")
    config = Config(flagged_words=str(tmp_path / "flagged"))
    flagged = make_measure_kernel(config)(given)["flagged_words"].to_pylist()
    assert flagged == [1, 2, 0]  # `Lobsters` is another word
    validate(config)


def test_nothing_is_cut_unless_the_settings_say_so() -> None:
    assert reasons(Config(), ("en", LIST, None), ("zh", "", None), (None, "", None)) == [None] * 3


def test_each_language_has_its_profiles() -> None:
    config = Config(profiles={"en": ("gopher", "c4"), "zh": ("zh",)})
    assert reasons(
        config,
        ("en", PROSE_EN, None),
        ("zh", PROSE_ZH, None),
        ("en", "word", None),
        ("zh", "短", None),
        ("en", PROSE_EN + "{", None),
        ("zh", PROSE_ZH + "{", None),
        ("other", "word", None),
        (None, "word", None),
    ) == [
        None,
        None,
        "gopher_words",
        "zh_mean_line_chars",
        "c4_curly_bracket",
        None,
        None,
        None,
    ]


def test_thresholds_and_rules_change_by_name() -> None:
    base: dict[str, Any] = {"profiles": {"en": ("gopher",)}}
    row = ("en", PROSE_EN, None)
    assert reasons(Config(**base, thresholds={"gopher_words": (500.0, 1e6)}), row) == [
        "gopher_words"
    ]
    short = ("en", EN, None)
    assert reasons(Config(**base), short) == ["gopher_words"]
    assert reasons(Config(**base, without=("gopher_words",)), short) == [None]
    assert reasons(
        Config(**base, thresholds={"gopher_words": (float("-inf"), float("inf"))}), short
    ) == [None]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"profiles": {"en": ["gofer"]}}, "there is no profile 'gofer'"),
        ({"without": ["zh_han"]}, "no profile that is used has a rule zh_han"),
        (
            {"profiles": {"zh": ["zh"]}, "thresholds": {"zh_han": [1.0]}},
            r"thresholds.zh_han must be \[lowest, highest\]",
        ),
        (
            {"profiles": {"zh": ["zh"]}, "thresholds": {"zh_han": [0.9, 0.1]}},
            "from 0.9 to 0.1 is nothing",
        ),
    ],
)
def test_wrong_settings_are_told(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Config, wrong, "c.toml [signals]")


def test_blocked_addresses_go_before_any_rule(tmp_path: Path) -> None:
    lists = tmp_path / "ut1/adult"
    lists.mkdir(parents=True)
    (lists / "domains").write_text("bad.example\n")
    (lists / "urls").write_text("good.example/bad\n")
    compile_lists(Root(str(tmp_path / "ut1")), tmp_path / "blocked")
    (tmp_path / "words").write_text("casino\n博彩\n", encoding="utf8")
    config = Config(
        blocklist=str(tmp_path / "blocked"),
        flagged_path_words=str(tmp_path / "words"),
        profiles={"en": ("gopher",), "zh": ("zh",)},
    )
    validate(config)
    urls = [
        "http://www.bad.example/x",
        "https://good.example/bad/1",
        "https://good.example/casino/1",
        "https://good.example/%E5%8D%9A%E5%BD%A9",
        "https://notbad.example/",
        None,
    ]
    rows = [("en", PROSE_EN, url) for url in urls]
    assert reasons(config, *rows) == [
        "blocked_domain",
        "blocked_url",
        "flagged_path",
        "flagged_path",
        None,
        None,
    ]
    assert reasons(config, ("en", "word", urls[0]), ("zh", "短", urls[4])) == [
        "blocked_domain",
        "zh_mean_line_chars",
    ]
    words = Config(flagged_path_words=str(tmp_path / "words"))
    assert reasons(words, ("en", "", urls[2]), ("en", "", urls[0])) == ["flagged_path", None]


def test_a_list_that_is_not_there_is_told_before_work_starts(tmp_path: Path) -> None:
    for config, message in (
        (Config(blocklist=str(tmp_path / "gone")), "no artifact at"),
        (Config(flagged_words=str(tmp_path / "gone")), "no such file"),
        (Config(flagged_path_words=str(tmp_path)), "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            validate(config)
    (tmp_path / "both").write_text("word\n!word\n")
    with pytest.raises(ConfigError, match=r"\[signals\] .*both: flagged and innocent"):
        validate(Config(flagged_words=str(tmp_path / "both")))


def test_every_rule_is_a_reason() -> None:
    assert {"blocked_domain", "gopher_words", "zh_han", "c4_sentences"} <= {*STAGE.reasons}
