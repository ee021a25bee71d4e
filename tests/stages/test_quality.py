"""Buckets from scores, scores from models, and models from what is at hand."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile import artifacts, lmplz
from skypile.artifacts import Card
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError, InputError, SkypileError
from skypile.fits.lm import LmSettings, fit_lm
from skypile.fits.reference import Page, ReferenceSettings, fit_reference
from skypile.kernels.quality.perplexity import cutoffs
from skypile.kernels.text.textnorm import han_fold
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stage import Model
from skypile.stages.fit_reference import place_of
from skypile.stages.quality import Config, make_cut_kernel, make_measure_kernel, validate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WIKI = {
    "en": [
        "treaty",
        "empire",
        "river",
        "species",
        "century",
        "theorem",
        "dynasty",
        "province",
        "history",
        "language",
    ],
    "zh": list("條約帝國河流物種世紀定理王朝省份歷史語言"),
}
SHOP = {
    "en": ["buy", "cheap", "click", "now", "win", "offer", "sale", "price"],
    "zh": list("買便宜點擊贏賺錢優惠"),
}
COMMON = {"en": ["the", "of", "and", "in", "a", "is", "was"], "zh": list("的是在了和有人這")}


def text(language: str, words: dict[str, list[str]], seed: object, lines: int = 8) -> str:
    rng = random.Random(f"{language}{seed}")
    known = words[language] + COMMON[language]
    weights = [1 / (n + 1) for n in range(len(known))]
    joint = " " if language == "en" else ""
    return "\n".join(joint.join(rng.choices(known, weights, k=20)) + "." for _ in range(lines))


# The cut: pure numbers.


def judged(config: Config, facts: Any, *rows: tuple[str | None, float | None, float | None]) -> Any:
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([str(n) for n in range(len(rows))]),
            pa.array([r[0] for r in rows], pa.string()),
            pa.array([r[1] for r in rows], pa.float32()),
            pa.array([r[2] for r in rows], pa.float32()),
        ],
        names=["doc_id", "scored_as", "perplexity", "reference_prob"],
    )
    found = make_cut_kernel(config, facts)(batch).to_pylist()
    return [(r["perplexity_bucket"], r["reference_band"], r["bucket"], r["reason"]) for r in found]


FACTS = {"cutoffs": {"en": [100.0, 200.0], "zh": [300.0, 400.0], "ja": None}}


def test_buckets_are_those_of_the_documents_language() -> None:
    assert judged(
        Config(),
        FACTS,
        ("en", 99.9, 0.9),
        ("en", 100.0, 0.3),
        ("en", 200.0, 0.9),
        ("zh", 299.0, 0.1),
        ("zh", 350.0, 0.5),
        ("zh", 9e9, 0.24),
    ) == [
        ("head", "high", "high", None),
        ("middle", "medium", "medium", "medium_quality"),
        ("tail", "high", "medium", "medium_quality"),
        ("head", "low", "medium", "medium_quality"),
        ("middle", "high", "high", None),
        ("tail", "low", "low", "low_quality"),
    ]


def test_no_bucket_is_computed_from_nothing() -> None:
    found = judged(
        Config(),
        FACTS,
        ("ja", 50.0, None),  # too few documents for percentiles
        ("en", None, 0.1),  # a text without tokens
        (None, None, None),  # a language without a model
        ("en", 150.0, None),
    )
    assert found == [
        ("none", "none", "high", None),
        ("none", "low", "low", "low_quality"),
        ("none", "none", "high", None),
        ("middle", "none", "medium", "medium_quality"),
    ]


def test_settings_decide_bands_table_and_what_stays() -> None:
    table = {
        row: dict.fromkeys(("high", "medium", "low", "none"), "low") for row in Config().buckets
    }
    table["head"]["low"] = "medium"
    config = Config(
        buckets=table,
        keep=("medium", "high"),
        reference_bands=(0.1, 0.2),
        cutoffs={"ja": (10.0, 20.0), "en": (1.0, 2.0)},
    )
    assert judged(config, FACTS, ("ja", 5.0, 0.05), ("ja", 5.0, 0.1), ("en", 1.5, 0.2)) == [
        ("head", "low", "medium", None),
        ("head", "medium", "low", "low_quality"),
        ("middle", "high", "low", "low_quality"),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"percentiles": [60, 30]}, "percentiles must be two ascending"),
        ({"percentiles": [30]}, "percentiles must be two ascending"),
        ({"reference_bands": [0.5, 1.5]}, "reference_bands: must be <= 1"),
        ({"cutoffs": {"en": [5.0, 1.0]}}, "cutoffs.en must be two ascending"),
        ({"buckets": {"head": {}}}, "buckets.head.high must be one of high, medium, low"),
        ({"keep": ["best"]}, "'best' is none of: high, medium, low"),
    ],
)
def test_wrong_settings_are_told(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Config, wrong, "c.toml [quality]")


# The measure: real models, small ones.


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        lmplz.find("lmplz")
    except lmplz.MissingProgram as e:
        pytest.skip(str(e))
    base = tmp_path_factory.mktemp("models")
    small = LmSettings(vocab_size=200, order=3, memory_mb=64)
    learn = ReferenceSettings(hash_buckets=2000, chunk_tokens=40, min_chunk_tokens=10)
    for language in ("en", "zh"):
        fold = han_fold() if language == "zh" else None
        wiki = [text(language, WIKI, n) for n in range(60)]
        shop = [text(language, SHOP, n) for n in range(60)]
        fit_lm(wiki, language, base / f"lm-{language}", settings=small, fold=fold)
        pairs = ([Page(f"{n}", t) for n, t in enumerate(side)] for side in (wiki, shop))
        folder = base / f"reference-{language}"
        fit_reference(*pairs, language, folder, settings=learn, fold=fold)
    return base


def config_for(models: Path) -> Config:
    def of(kind: str) -> dict[str, str]:
        return {language: f"{models}/{kind}-{language}" for language in ("en", "zh")}

    return Config(lm=of("lm"), reference=of("reference"))


def scored(kernel: Any, *rows: tuple[str | None, str]) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([str(n) for n in range(len(rows))]),
            pa.array([r[0] for r in rows], pa.string()),
            pa.array([r[0] for r in rows], pa.string()),
            pa.array([r[1] for r in rows], pa.large_string()),
        ],
        names=["doc_id", "family", "lang", "text"],
    )
    return list(kernel(batch).to_pylist())


def test_each_text_is_scored_by_the_models_of_its_language(models: Path) -> None:
    config = config_for(models)
    validate(config)
    kernel = make_measure_kernel(config, {})
    rows = [
        ("zh", text("zh", WIKI, "new")),
        ("en", text("en", WIKI, "new")),
        ("zh", text("zh", SHOP, "new")),
        ("en", text("en", SHOP, "new")),
        ("other", text("en", WIKI, "new")),
        ("en", ""),
        (None, text("zh", WIKI, "new")),
        ("zh", text("zh", WIKI, "new").translate(han_fold())),
    ]
    zh, en, zh_shop, en_shop, other, empty, unknown, simplified = found = scored(kernel, *rows)
    for wiki, shop in ((zh, zh_shop), (en, en_shop)):
        assert wiki["perplexity"] < shop["perplexity"]
        assert wiki["reference_prob"] > 0.5 > shop["reference_prob"]
        assert wiki["lm_tokens"] > 8
    nothing = {"perplexity": None, "reference_prob": None, "lm_tokens": 0}
    for row, language in ((other, None), (unknown, None), (empty, "en")):
        assert row.items() >= {**nothing, "scored_as": language}.items()
    # A page is not worse for its script.
    assert (simplified["perplexity"], simplified["reference_prob"]) == (
        zh["perplexity"],
        zh["reference_prob"],
    )
    # In any batch and order the same.
    again = [r for one in reversed(rows) for r in scored(make_measure_kernel(config, {}), one)]
    for row, same in zip(found, reversed(again), strict=True):
        assert {**row, "doc_id": ""} == {**same, "doc_id": ""}


def test_models_that_the_run_fitted_are_used_and_checked(models: Path) -> None:
    card = artifacts.load_card(str(models / "lm-en"))
    fitted = {"lm-en": Model(str(models / "lm-en"), card.digest)}
    row = ("en", text("en", WIKI, "new"))
    (one,) = scored(make_measure_kernel(Config(), fitted), row)
    (named,) = scored(make_measure_kernel(config_for(models), {}), row)
    assert (one["perplexity"], one["reference_prob"]) == (named["perplexity"], None)
    moved = {"lm-en": Model(str(models / "lm-en"), "0" * 64)}
    with pytest.raises(SkypileError, match="is not the model that this run fitted"):
        scored(make_measure_kernel(Config(), moved), row)


def test_wrong_models_are_clear_errors(models: Path, tmp_path: Path) -> None:
    for config, message in (
        (Config(lm={"en": str(tmp_path / "gone")}), "no artifact at"),
        (Config(lm={"en": str(models / "lm-zh")}), "a model for 'zh'; one for 'en' is needed"),
        (Config(lm={"en": str(models / "reference-en")}), "kind 'reference'; 'lm' is needed"),
        (Config(reference={"zh": str(models / "lm-zh")}), "kind 'lm'; 'reference' is needed"),
    ):
        with pytest.raises(InputError, match=message):
            validate(config)
    (tmp_path / "x").mkdir()
    (tmp_path / "x/sp.model").write_bytes(b"x")
    artifacts.write(tmp_path / "x", Card("lm", {}, "en", parameters={"folds_characters": "0" * 16}))
    with pytest.raises(SkypileError, match="another table of Han characters"):
        scored(make_measure_kernel(Config(lm={"en": str(tmp_path / "x")}), {}), ("en", "text"))


# The whole, in Spark.


def configuration(base: Path, **sections: Any) -> Any:
    def source(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "format": "jsonl",
            "root": name,
            "paths": ["*"],
            "category": "webpages",
            "licence": f"of {name}",
            **more,
        }

    table = {
        "run": {"out": "run", "part_bytes": 20_000},
        "sources": [source("wiki", skip_stages=["quality"]), source("web")],
        "dedup": {"threshold": 1.0},
        **sections,
    }
    return from_table(table, all_stages(), base=base, where="test")


def write(base: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (base / name).mkdir(exist_ok=True)
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (base / name / "rows.jsonl").write_text(lines, encoding="utf8")


@pytest.mark.spark
def test_percentiles_are_of_the_crawl_and_by_language(
    tmp_path: Path, models: Path, start: "Callable[[], SparkSession]"
) -> None:
    rng = random.Random(0)
    rows = [
        {"text": text(language, WIKI if rng.random() < 0.5 else SHOP, n), "id": f"{language}{n}"}
        for language, documents in (("en", 60), ("zh", 40))
        for n in range(documents)
    ]
    write(tmp_path, "wiki", [{"text": text("en", WIKI, f"w{n}")} for n in range(5)])
    write(tmp_path, "web", rows)
    given = config_for(models)
    quality = {"lm": given.lm, "reference": given.reference, "min_documents": 50}
    config = configuration(tmp_path, quality=quality)
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    scores = [r for r in ledger.table("quality").to_pylist() if r["perplexity"]]
    assert len(scores) == 100  # the encyclopedia is not among them
    facts = ledger.manifests.get("quality.relate", "_corpus").facts  # type: ignore[union-attr]
    assert facts["documents"] == {"en": 60, "zh": 40}
    assert facts["cutoffs"]["zh"] is None  # too few
    exact = cutoffs(
        pa.array([r["perplexity"] for r in scores if r["scored_as"] == "en"], pa.float32())
    )
    assert facts["cutoffs"]["en"] == pytest.approx(exact, rel=1e-3)
    buckets = {r["doc_id"]: r for r in ledger.table("quality_buckets").to_pylist() if r["bucket"]}
    english = [buckets[r["doc_id"]]["perplexity_bucket"] for r in scores if r["scored_as"] == "en"]
    assert 16 <= english.count("head") <= 20
    assert 22 <= english.count("tail") <= 26
    assert {
        buckets[r["doc_id"]]["perplexity_bucket"] for r in scores if r["scored_as"] == "zh"
    } == {"none"}
    verdicts = {v["doc_id"]: v for v in ledger.table("verdicts_quality").to_pylist()}
    assert {verdicts[i]["kept"] for i, b in buckets.items() if b["bucket"] == "high"} == {True}
    # The other way round: fixed cut-offs rerun the cut alone.
    said: list[str] = []
    quality["cutoffs"] = {"zh": [1.0, math.inf]}
    run_config(configuration(tmp_path, quality=quality), start, say=said.append)
    due = [line.split()[0] for line in said if "parts to do" in line]
    before = [name for name in due if not name.startswith("mixture.")]  # what comes after follows
    assert before == ["quality.cut", "quality.cut"]
    buckets = {r["doc_id"]: r for r in ledger.table("quality_buckets").to_pylist()}
    assert {
        buckets[r["doc_id"]]["perplexity_bucket"] for r in scores if r["scored_as"] == "zh"
    } == {"middle"}


CITED = {
    "https://www.site.example/page?x=1#top": "http://site.example/page?x=1",
    "http://web.archive.org/web/20200101000000/http://old.example/a": "https://old.example/a/",
    "http://例え.example/文": "https://xn--r8jz45g.example/%E6%96%87",
}


@pytest.mark.spark
def test_positives_are_the_pages_that_the_encyclopedia_cites(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    from skypile.stage import FitInput
    from skypile.stages import fit_reference as stage

    for cited, page in CITED.items():
        assert place_of(cited) == place_of(page)
    spark = start()
    pages = [f"https://h{n}.example/" for n in range(30)]
    cited = [*CITED, *(f"http://www.h{n}.example" for n in range(12))]
    crawled = [*CITED.values(), *pages]
    rows: list[tuple[Any, ...]] = [(0, "w0", "wiki", None, None, cited[:9], "en", "en")]
    rows += [(1, "w1", "wiki", None, None, cited[5:], "en", "en")]
    for n, url in enumerate(crawled):
        rows.append((100 + n, f"d{n:02}", "web", url, url.split("/")[2], None, "en", "en"))
    rows.append((200, "z", "web", "http://h1.example", "h1.example", None, "zh", "zh"))
    rows.append((201, "u", "web", None, None, None, "en", "en"))
    schema = (
        "key long, doc_id string, source string, url string, host string, "
        "cited_urls array<string>, family string, lang string"
    )
    asked: list[list[int]] = []

    def texts(keys: Any) -> Any:
        asked.append(sorted(int(k) for k in keys))
        yield pa.table(
            {"key": pa.array(asked[-1]), "text": [text("en", WIKI, k) for k in asked[-1]]}
        )

    config = stage.Config(
        wikipedia={"en": ("wiki",)}, crawl=("web",), min_cited_pages=10, hash_buckets=2000
    )
    given = FitInput(
        spark.createDataFrame(rows, schema), texts, tmp_path, {"wiki": "CC", "web": "none"}
    )
    facts = stage.fit(config, given)["en"]
    positive, negative = asked
    assert positive == [100, 101, 102, *range(103, 115)]
    assert len(negative) == 15
    assert set(negative) <= {*range(115, 133), 201}
    assert (facts["positives"], facts["cited_pages"]) == ("cited pages", 15)
    card = artifacts.load_card(str(tmp_path / "reference-en"), kind="reference", language="en")
    assert card.licence == "CC, none"
    # Too few of them: the encyclopedia itself, and the card says so.
    asked.clear()
    few = stage.Config(
        wikipedia={"en": ("wiki",)}, crawl=("web",), min_cited_pages=16, hash_buckets=2000,
        heldout_fraction=0,
    )  # fmt: skip
    facts = stage.fit(few, given)["en"]
    assert (facts["positives"], facts["cited_pages"]) == ("wikipedia text", 15)
    assert asked[0] == [0, 1]
    with pytest.raises(InputError, match="language zh: 0 positive and 0 random pages"):
        stage.fit(stage.Config(wikipedia={"zh": ("none",)}, crawl=("web",)), given)


def test_work_on_fitting_measures_nothing_again() -> None:
    """The digest of a model is what a measure depends on, not the code that fits models."""
    from skypile.fingerprints import _kernel_closure
    from skypile.stages.quality import STAGE

    closure = _kernel_closure(STAGE.code("measure"))
    assert "skypile.kernels.quality.perplexity" in closure
    assert not closure & {"skypile.fits.lm", "skypile.fits.reference", "skypile.stages.fit_lm"}
    assert "skypile.fits.lm" in _kernel_closure("skypile.stages.fit_lm")
