"""Stage language: its table, its verdicts from stored numbers, its settings, a run in which it is
left out for a source.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile.config import from_table
from skypile.errors import ConfigError
from skypile.kernels.text.language import LID_SHA256, shipped_model
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stages.language import (
    LANGUAGE,
    STAGE,
    Config,
    make_cut_kernel,
    make_measure_kernel,
    validate,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EN = (
    "The lock keeper wrote the level of the canal into a ledger every evening, and the ledger "
    "outlived the canal. Nobody asked for the numbers until the flood of that spring."
)
ZH = "船闸的看守人每晚把水位写进账簿，账簿比运河活得更久。直到那年春天发大水，才有人来问这些数字。"
ZHT = "船閘的看守人每晚把水位寫進帳簿，帳簿比運河活得更久。直到那年春天發大水，才有人來問這些數字。"
YUE = "佢哋喺度做緊嘢，你唔好嘈住佢哋，等佢哋做完先至再講啦。"
DE = "Der Schleusenwärter schrieb jeden Abend den Wasserstand des Kanals in ein dickes Buch."
JA = "水門の番人は毎晩、運河の水位を帳簿に書き込んだ。"


def measured(*texts: str, config: Config | None = None) -> list[dict[str, Any]]:
    ids = pa.array([f"{i:032x}" for i in range(len(texts))])
    text = pa.array(texts, pa.large_string())
    batch = pa.RecordBatch.from_pydict({"doc_id": ids, "text": text})
    out = LANGUAGE.conform(make_measure_kernel(config or Config())(batch))
    assert out["doc_id"].to_pylist() == ids.to_pylist()
    return out.to_pylist()


def reasons(*texts: str, config: Config | None = None) -> list[str | None]:
    config = config or Config()
    rows = LANGUAGE.from_rows(measured(*texts, config=config))
    assert STAGE.cut
    narrow = rows.select(["doc_id", *STAGE.cut.reads["language"]])
    out = make_cut_kernel(config, {})(narrow)
    assert out["kept"].to_pylist() == [r is None for r in out["reason"].to_pylist()]
    assert out["doc_id"].to_pylist() == rows["doc_id"].to_pylist()
    assert out["removed_blocks"].null_count == len(texts)
    return out["reason"].to_pylist()


def test_the_numbers_of_a_text() -> None:
    en, zh, zht, ja, none = measured(EN, ZH, ZHT, JA, "")
    assert (en["lang"], en["family"], en["latin_share"], en["han_share"]) == ("en", "en", 1.0, 0.0)
    assert (zh["lang"], zh["family"], zh["han_share"]) == ("zh", "zh", 1.0)
    assert zh["simplified_share"] > 0.25 > zh["traditional_share"] == 0
    assert zht["traditional_share"] > 0.25 > zht["simplified_share"] == 0
    assert (ja["lang"], ja["family"]) == ("ja", "other")
    assert ja["kana_share"] + ja["han_share"] == pytest.approx(1)
    assert ja["wide_letters"] == ja["letters"]
    assert (none["lang"], none["letters"], none["lang_prob"], none["letter_share"]) == (
        "und",
        0,
        0.0,
        0.0,
    )
    for row in (en, zh, zht, ja):
        shares = [v for k, v in row.items() if k.endswith("_share")][1:8]
        assert sum(shares) == pytest.approx(1, abs=1e-6)
        assert row["lang_prob"] > 0.9


def test_verdicts() -> None:
    assert reasons(EN, ZH, ZHT, YUE, DE, JA) == [None] * 4 + ["other_language"] * 2
    assert reasons("", "12.5 % 😀", "OK", "开会", "short one") == ["too_little_text"] * 5
    digits = " ".join(str(n * 7919 % 100_003) for n in range(400))
    assert reasons(f"{digits} total of the year", "😀" * 300 + " what a day it was") == [
        "too_little_text",
        "too_little_text",
    ]
    assert reasons(f"{EN} {digits[:300]}", f"{ZH}{'😀' * 30}") == [None, None]


def test_traditional_text_and_single_characters_of_the_other_form_stay() -> None:
    quoting = ZH + "他还提到了譚詠麟。"
    quoted = ZHT + "他還提到了谭咏麟。"
    assert reasons(ZHT, quoting, quoted) == [None] * 3
    (row,) = measured(quoting)
    assert 0 < row["traditional_share"] < 0.07 < 0.2 < row["simplified_share"]


def test_thresholds_are_settings_of_the_cut() -> None:
    assert reasons("开会", config=Config(min_letters=3)) == [None]
    assert reasons("开会", config=Config(min_letters=3, wide_weight=1)) == ["too_little_text"]
    doubtful = "Jones to Smith, New York"
    (row,) = measured(doubtful)
    assert row["family"] == "en"
    assert 0.5 <= row["lang_prob"] < 0.999
    assert reasons(doubtful, config=Config(min_prob=0.999)) == ["low_confidence"]
    assert reasons(doubtful, config=Config(min_prob=0.5)) == [None]
    assert reasons(EN, ZH, DE, config=Config(languages=("zh", "de"))) == [
        "other_language",
        None,
        None,
    ]
    half = "1234567890 " * 3 + "a little text here"
    assert reasons(half) == [None]
    assert reasons(half, config=Config(min_letter_share=0.5)) == ["too_little_text"]


def test_who_counts_as_chinese_is_a_setting() -> None:
    mandarin = Config(chinese_family=("zh",))
    assert measured(YUE)[0]["lang"] == "yue"
    assert measured(YUE)[0]["family"] == "zh"
    assert measured(YUE, config=mandarin)[0]["family"] == "other"
    assert reasons(ZH, YUE, config=mandarin) == [None, "other_language"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_prob": 1.5}, "min_prob: must be <= 1"),
        ({"languages": []}, "languages must name at least one"),
        ({"languages": "en"}, "languages: must be a list"),
        ({"chinese_family": ["zh", "ja"]}, r"\['ja'\] are no Chinese languages"),
        ({"sample_chars": 10}, "sample_chars: must be >= 100"),
    ],
)
def test_settings_out_of_range(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Config, wrong, "c.toml [language]")


def test_a_model_that_is_not_what_the_settings_say(tmp_path: Path) -> None:
    validate(Config())
    copy = tmp_path / "lid.ftz"
    copy.write_bytes(shipped_model().read_bytes())
    validate(Config(lid_model=str(copy)))
    with pytest.raises(ConfigError, match=r"\[language\] .*SHA-256 8f3472cf\w*, not 00"):
        validate(Config(lid_model=str(copy), lid_sha256="0" * 64))
    with pytest.raises(ConfigError, match=r"\[language\] cannot read .*gone.ftz"):
        validate(Config(lid_model=str(tmp_path / "gone.ftz")))


def configuration(base: Path, **language: Any) -> Any:
    source = {"format": "html", "paths": ["*.html"], "category": "webpages", "licence": "test"}
    table = {
        "run": {"out": "out"},
        "sources": [
            {"name": "web", "root": "web", **source},
            {"name": "books", "root": "books", "stages": ["extract"], **source},
        ],
        "language": language,
    }
    return from_table(table, all_stages(), base=base, where="test")


def test_the_path_of_a_model_is_relative_to_the_configuration(tmp_path: Path) -> None:
    config = configuration(tmp_path, lid_model="models/lid.bin")
    assert config.settings["language"].lid_model == str(tmp_path / "models/lid.bin")
    assert config.settings["language"].lid_sha256 == LID_SHA256
    with pytest.raises(ConfigError, match="cannot read the language model"):
        config.validate()
    config.validate(["extract"])  # which needs no model


def test_a_model_is_asked_for_only_where_a_source_needs_it(tmp_path: Path) -> None:
    import dataclasses

    config = configuration(tmp_path, lid_model="none")
    books = tuple(s for s in config.sources if s.name == "books")
    dataclasses.replace(config, sources=books).validate()


@pytest.mark.spark
def test_a_source_that_leaves_the_stage_out_passes_on_record(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    from skypile.driver import run_config
    from skypile.reader import RunReader

    for source in ("web", "books"):
        (tmp_path / source).mkdir()
        for name, text in (("de", DE), ("en", EN), ("zht", ZHT)):
            body = "".join(f"<p>{text * 2} ({n}).</p>" for n in range(6))
            page = f"<html><body><article>{body}</article></body></html>"
            (tmp_path / source / f"{name}.html").write_text(page, encoding="utf8")
    config = configuration(tmp_path)
    funnel = run_config(config, start, say=lambda _: None)
    run = RunReader(config.run.out)
    verdicts = run.table("verdicts_language").to_pylist()
    documents = {d["doc_id"]: d for d in run.table("documents").to_pylist()}
    fates = {
        (documents[v["doc_id"]]["source"], documents[v["doc_id"]]["path"]): (
            v["applies"],
            v["reason"],
        )
        for v in verdicts
    }
    assert fates == {
        ("web", "de.html"): (True, "other_language"),
        ("web", "en.html"): (True, None),
        ("web", "zht.html"): (True, None),
        ("books", "de.html"): (False, None),
        ("books", "en.html"): (False, None),
        ("books", "zht.html"): (False, None),
    }
    numbers = {r["doc_id"]: r["lang"] for r in run.table("language").to_pylist()}
    for doc_id, document in documents.items():
        assert (numbers[doc_id] is None) == (document["source"] == "books")
    assert [line.kept for line in funnel.lines if line.stage == "language"]
