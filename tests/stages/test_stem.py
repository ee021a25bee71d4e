"""Stages fit_stem and stem: marks, scores, and the partition that the mixture makes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError, SkypileError
from skypile.fits.stem import fit_stem
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stage import Model
from skypile.stages.fit_stem import Config as FitConfig
from skypile.stages.stem import STEM_MARKS, Config, make_cut_kernel, make_measure_kernel, validate
from tests.fits.test_stem import SETTINGS, exercise, news
from tests.kernels.quality.test_stem import ENGLISH, STATUTE, TRADITIONAL

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Start = Callable[[], "SparkSession"]


def measured(config: Config, models: dict[str, Model], *texts: str) -> list[dict[str, Any]]:
    ids = pa.array([str(n) for n in range(len(texts))], pa.string())
    batch = pa.RecordBatch.from_pydict({"doc_id": ids, "text": pa.array(texts, pa.large_string())})
    found: list[dict[str, Any]] = STEM_MARKS.conform(
        make_measure_kernel(config, models)(batch)
    ).to_pylist()
    return found


def test_marks_without_a_classifier() -> None:
    rows = measured(Config(), {}, ENGLISH, TRADITIONAL, STATUTE)
    assert [r["options"] for r in rows] == [1, 1, 0]
    assert [r["exercise_prob"] for r in rows] == [None] * 3
    assert measured(Config(), {}) == []


def test_a_model_named_or_fitted(tmp_path: Path) -> None:
    texts = [exercise(x, n) for x in ("en", "zh") for n in range(60)]
    others = [news(x, n) for x in ("en", "zh") for n in range(60)]
    card = fit_stem(texts, others, tmp_path, settings=SETTINGS)
    asked = [exercise("zh", 999), news("zh", 999)]
    named = Config(model=str(tmp_path))
    validate(named)
    own = {"stem": Model(str(tmp_path), card.digest)}
    rows = measured(named, {}, *asked)
    assert rows == measured(Config(), own, *asked)
    assert rows[0]["exercise_prob"] > 0.5 > rows[1]["exercise_prob"]
    with pytest.raises(SkypileError, match="is not the model that this run fitted"):
        measured(Config(), {"stem": Model(str(tmp_path), "other")}, *asked)


def test_the_cut_scores_and_drops_nothing() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "doc_id": pa.array(["a", "b", "c"]),
            "source": pa.array(["web", "web", "exams"]),
            "rules": pa.array([0.7, 0.3, 0.1], pa.float32()),
            "exercise_prob": pa.array([None, None, None], pa.float32()),
        }
    )
    rows = make_cut_kernel(Config(sources=("exams",)), {})(batch).to_pylist()
    assert [r["stem"] for r in rows] == [True, False, True]
    assert [r["score"] for r in rows] == pytest.approx([0.7, 0.3, 0.1])
    assert all(r["kept"] for r in rows)
    rows = make_cut_kernel(Config(min_score=0.3), {})(batch).to_pylist()
    assert [r["stem"] for r in rows] == [True, True, False]


def test_sources_of_both_classes_or_of_neither() -> None:
    for given, why in (
        ({"exercises": ["a"]}, "name sources of both"),
        ({"exercises": ["a"], "others": ["a"]}, "'a' is among exercises and others"),
    ):
        with pytest.raises(ConfigError, match=why):
            build(FitConfig, given, "t")


def test_a_source_that_is_not_there_is_refused_before_work_starts(tmp_path: Path) -> None:
    source = {"name": "exams", "format": "jsonl", "root": "in", "paths": ["*"], "licence": "t"}
    table: dict[str, Any] = {
        "run": {"out": "out"},
        "sources": [{**source, "category": "academic_papers"}],
        "stem": {"sources": ["exams"]},
    }
    from_table(table, all_stages(), base=tmp_path, where="t")
    table["stem"]["sources"] = ["exam"]
    with pytest.raises(ConfigError, match=r"\[stem\]: there is no source 'exam'; did you mean"):
        from_table(table, all_stages(), base=tmp_path, where="t")


def run(base: Path, start: Start, *stages: str) -> tuple[Ledger, dict[str, bool]]:
    """A run, and which of its documents are exercises, by id."""
    texts = {
        "exams": [exercise(x, n) for x in ("en", "zh") for n in range(40)],
        "other": [news(x, n) for x in ("en", "zh") for n in range(40)],
        "web": [news(x, 100 + n) for x in ("en", "zh") for n in range(4)]
        + [exercise(x, 500 + n) for x in ("en", "zh") for n in range(4)],
        "school": [news("en", 900)],
    }
    sources = []
    for name, lines in texts.items():
        (base / name).mkdir()
        rows = [json.dumps({"id": str(n), "text": t}) + "\n" for n, t in enumerate(lines)]
        (base / name / "rows.jsonl").write_text("".join(rows), encoding="utf8")
        about = {"format": "jsonl", "root": name, "paths": ["*"], "licence": name}
        sources.append({"name": name, "category": "webpages", **about})
    settings = {"epochs": 20, "hash_buckets": 5000, "heldout_fraction": 0.2}
    table = {
        "run": {"out": "run", "stages": ["ingest", "fit_stem", "stem", *stages]},
        "sources": sources,
        "ingest": {"min_chars": 10},
        "fit_stem": {"exercises": ["exams"], "others": ["other"], **settings},
        "stem": {"sources": ["school"]},
    }
    config = from_table(table, all_stages(), base=base, where="test")
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    rows = ledger.table("documents", ["doc_id", "source", "text"]).to_pylist()
    return ledger, {r["doc_id"]: r["source"] == "school" or "+" in r["text"] for r in rows}


@pytest.mark.spark
def test_a_classifier_of_the_run_finds_exercises(tmp_path: Path, start: Start) -> None:
    ledger, wanted = run(tmp_path, start)
    manifest = ledger.manifests.get("fit_stem.fit", "_corpus")
    assert manifest
    assert manifest.counts["auc"] > 0.9
    rows = ledger.table("stem").to_pylist()
    assert len(rows) == 177
    assert {r["doc_id"]: r["stem"] for r in rows} == wanted
    assert all(v["kept"] for v in ledger.table("verdicts_stem").to_pylist())


@pytest.mark.spark
@pytest.mark.slow
def test_exercises_become_the_partition_stem(tmp_path: Path, start: Start) -> None:
    ledger, wanted = run(tmp_path, start, "mixture")
    corpus = {r["doc_id"]: r["partition"] for r in ledger.table("corpus").to_pylist()}
    assert {*corpus.values()} == {"main", "stem"}
    assert corpus == {name: "stem" if wanted[name] else "main" for name in corpus}
