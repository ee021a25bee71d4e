"""Stage dedup on Spark: who stays, who goes for whom, whatever the parts and their order."""

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stages.dedup import Config
from skypile.stages.dedup_signatures import make_measure_kernel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Start = Callable[[], "SparkSession"]
WORDS = [
    "ferry",
    "lock",
    "canal",
    "ledger",
    "flood",
    "keeper",
    "level",
    "grain",
    "barge",
    "rope",
    "tide",
]


def english(seed: int, words: int = 120) -> str:
    rng = random.Random(f"en{seed}")
    return " ".join(f"{rng.choice(WORDS)}{rng.randrange(60)}" for _ in range(words))


def chinese(seed: int, chars: int = 150) -> str:
    rng = random.Random(f"zh{seed}")
    return "".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(chars))


def edited(text: str, share: float, seed: int) -> str:
    """The text with a share of its words, or characters, replaced at one place."""
    units = text.split(" ") if " " in text else list(text)
    size = max(1, round(len(units) * share))
    at = random.Random(f"edit{seed}").randrange(len(units) - size)
    other = english(seed + 9000).split(" ") if " " in text else list(chinese(seed + 9000))
    units[at : at + size] = other[:size]
    return (" " if " " in text else "").join(units)


def j(a: str, b: str) -> float:
    sets = shingle_sets(pa.array([a, b]))
    return float(jaccard(*sets, [0], [1])[0])  # type: ignore[arg-type]


def dedup(
    base: Path,
    start: Start,
    sources: dict[str, list[Any]],
    *,
    part_bytes: int = 8192,
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    """Text (or the id of a row) to its row of `duplicates`, with winner and cluster by id."""
    table: dict[str, Any] = {
        "run": {"out": "run", "part_bytes": part_bytes, "stages": ["ingest", "dedup"]},
        "dedup": settings,
        "sources": [],
    }
    for name, rows in sources.items():
        (base / name).mkdir(parents=True, exist_ok=True)
        data = [r if isinstance(r, dict) else {"text": r} for r in rows]
        lines = "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in data)
        (base / name / "rows.jsonl").write_text(lines, encoding="utf8")
        table["sources"].append(
            {
                "name": name,
                "format": "jsonl",
                "root": name,
                "paths": ["*"],
                "category": "webpages",
                "licence": "test",
            }
        )
    config = from_table(table, all_stages(), base=base, where="test")
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    names = {
        d["doc_id"]: d["record_id"] or d["text"]
        for d in ledger.table("documents", ["doc_id", "record_id", "text"]).to_pylist()
    }
    found = {}
    verdicts = {v["doc_id"]: v for v in ledger.table("verdicts_dedup").to_pylist()}
    for row in ledger.table("duplicates").to_pylist():
        name = names[row["doc_id"]]
        assert name not in found, "test texts must differ, or have ids"
        found[name] = {
            "winner": names.get(row["winner"]),
            "cluster": names.get(row["cluster"]),
            "jaccard": row["jaccard"],
            "kind": row["kind"],
            "kept": verdicts[row["doc_id"]]["kept"],
            "reason": verdicts[row["doc_id"]]["reason"],
        }
    return found


def kept(found: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, row in found.items() if row["kept"]}


@pytest.mark.spark
def test_exact_and_near_copies_go_for_the_best_and_are_told_why(
    tmp_path: Path, start: Start
) -> None:
    page, han = english(1, 200), chinese(1, 300)
    near, near_han = edited(page, 0.05, 1), edited(han, 0.05, 2)
    rows = [
        {"id": "page", "text": page},
        {"id": "shouted", "text": page.upper()},
        {"id": "near", "text": near},
        {"id": "other", "text": english(2, 200)},
        {"id": "han", "text": han},
        {"id": "wide", "text": "\u3000" + han[:100] + "\n" + han[100:]},
        {"id": "near_han", "text": near_han},
        {"id": "half", "text": edited(han, 0.5, 3)},
        *({"id": f"short{i}", "text": "no such page"} for i in range(40)),
    ]
    found = dedup(tmp_path, start, {"a": rows}, bands=32, rows=4, rank=["source"])
    assert kept(found) == {"page", "other", "han", "half", "short0"}
    assert (found["shouted"]["winner"], found["shouted"]["reason"]) == ("page", "exact_duplicate")
    assert found["near"]["reason"] == found["near_han"]["reason"] == "near_duplicate"
    assert found["near"]["winner"] == found["near"]["cluster"] == "page"
    assert found["near"]["jaccard"] == pytest.approx(j(page, near))
    assert found["near_han"]["jaccard"] == pytest.approx(j(han, near_han))
    assert found["wide"]["winner"] == "han"
    assert {found[f"short{i}"]["winner"] for i in range(1, 40)} == {"short0"}
    assert found["page"]["cluster"] == "page"
    assert found["other"]["cluster"] is None
    facts = Ledger(str(tmp_path / "run")).manifests.get("dedup.relate", CORPUS)
    assert facts
    assert facts.facts["s_curve"]["0.80"] > 0.99
    assert facts.facts["open_buckets"] == 0


@pytest.mark.spark
def test_in_a_chain_nothing_goes_for_what_it_does_not_resemble(
    tmp_path: Path, start: Start
) -> None:
    words = english(7, 500).split(" ")
    links = [" ".join([*words[i * 22 : 300 + i * 22]]) for i in range(9)]
    assert j(links[0], links[1]) > 0.8 > j(links[0], links[2])
    rows = [{"id": str(i), "text": t} for i, t in enumerate(links)]
    found = dedup(tmp_path, start, {"a": rows}, bands=32, rows=4, rank=["source"])
    assert kept(found) == {"0", "2", "4", "6", "8"}
    for name, row in found.items():
        assert row["cluster"] == "0"
        if not row["kept"]:
            assert row["winner"] in kept(found)
            assert j(links[int(name)], links[int(row["winner"])]) >= 0.8
    again = tmp_path / "again"
    second = dedup(again, start, {"a": [r for r in rows if r["id"] in kept(found)]})
    assert len(kept(second)) == 5


@pytest.mark.spark
def test_rank_decides_who_stays(tmp_path: Path, start: Start) -> None:
    page = english(3, 200)
    longer = page + " " + english(4, 8)
    early = edited(page, 0.04, 5)
    a = [{"id": "late", "text": page, "date": "2023-01-01"}, {"id": "longer", "text": longer}]
    b = [{"id": "early", "text": early, "date": "2001-01-01"}]
    settings = {"bands": 32, "rows": 4}
    found = dedup(tmp_path / "1", start, {"a": a, "b": b}, **settings)
    assert kept(found) == {"longer"}
    found = dedup(tmp_path / "2", start, {"b": b, "a": a}, **settings)
    assert kept(found) == {"early"}
    found = dedup(tmp_path / "3", start, {"a": a, "b": b}, rank=["earliest", "longest"], **settings)
    assert kept(found) == {"early"}


@pytest.mark.spark
def test_traditional_forms_fold_by_a_setting(tmp_path: Path, start: Start) -> None:
    simplified = (
        "渡船六点开走，没有人挥手。码头上只剩下一盏灯，船长说明天还有一班，大家都信了他的话。"
    )
    traditional = (
        "渡船六點開走，沒有人揮手。碼頭上只剩下一盞燈，船長說明天還有一班，大家都信了他的話。"
    )
    rows = [{"id": "s", "text": simplified}, {"id": "t", "text": traditional}]
    assert len(kept(dedup(tmp_path / "1", start, {"a": rows}))) == 2
    found = dedup(tmp_path / "2", start, {"a": rows}, fold_han=True, rank=["source"])
    assert kept(found) == {"s"}
    assert found["t"]["kind"] == "exact"


# Bytes a part, adaptive execution, shuffle partitions, `max_driver_rows`.
ENGINES = [(4096, "true", "2", 10**6), (1 << 20, "false", "3", 10**6), (8192, "false", "3", 0)]


@pytest.mark.spark
@pytest.mark.parametrize(
    "engines", [ENGINES[:2], pytest.param(ENGINES, marks=pytest.mark.slow)], ids=["driver", "Spark"]
)
def test_the_same_survivors_for_any_parts_and_engine_settings(
    tmp_path: Path, start: Start, engines: list[tuple[int, str, str, int]]
) -> None:
    rng = random.Random(5)
    rows: list[dict[str, str]] = []
    for i in range(25):
        base = english(i, 150) if i % 2 else chinese(i, 150)
        for copy in range(rng.randint(1, 5)):
            text = edited(base, rng.choice([0.01, 0.05, 0.1, 0.2]), copy) if copy else base
            rows.append({"id": f"{i}-{copy}", "text": text})
    rng.shuffle(rows)
    settings = {"bands": 20, "rows": 5, "max_all_pairs": 2}
    spark = start()
    found = []
    for number, (part_bytes, adaptive, shuffles, on_driver) in enumerate(engines):
        settings["max_driver_rows"] = on_driver
        spark.conf.set("spark.sql.adaptive.enabled", adaptive)
        spark.conf.set("spark.sql.shuffle.partitions", shuffles)
        try:
            base = tmp_path / str(number)
            found.append(dedup(base, start, {"a": rows}, part_bytes=part_bytes, **settings))
        finally:
            spark.conf.set("spark.sql.adaptive.enabled", "true")
            spark.conf.set("spark.sql.shuffle.partitions", "2")
    assert all(one == found[0] for one in found)
    texts = {r["id"]: r["text"] for r in rows}
    for name, row in found[0].items():
        if row["winner"]:
            assert row["winner"] in kept(found[0])
            assert row["jaccard"] == pytest.approx(j(texts[name], texts[row["winner"]]))
            assert row["jaccard"] >= 0.8
    assert 0 < len(kept(found[0])) < len(rows)


@pytest.mark.spark
def test_nothing_alike_is_no_work(tmp_path: Path, start: Start) -> None:
    rows = [{"id": str(i), "text": english(i)} for i in range(5)]
    found = dedup(tmp_path / "1", start, {"a": rows}, max_driver_rows=0)
    assert len(kept(found)) == 5


@pytest.mark.spark
def test_verified_by_signatures(tmp_path: Path, start: Start) -> None:
    page = english(1, 200)
    rows = [{"id": "p", "text": page}, {"id": "n", "text": edited(page, 0.03, 1)}]
    settings = {"bands": 32, "rows": 4, "rank": ["source"], "verify": "signature"}
    found = dedup(tmp_path, start, {"a": rows}, **settings)
    assert kept(found) == {"p"}
    assert found["n"]["jaccard"] == pytest.approx(j(page, rows[1]["text"]), abs=0.1)


def test_the_measure_is_a_function_of_the_text() -> None:
    kernel = make_measure_kernel(Config())
    texts = [english(1), chinese(1), "", "a b", "…", "x" * 100_000]
    batch = pa.RecordBatch.from_pydict(
        {"doc_id": [str(i) for i in range(6)], "text": pa.array(texts, pa.large_string())}
    )
    whole = kernel(batch).to_pylist()
    assert whole == [row for i in range(6) for row in kernel(batch.slice(i, 1)).to_pylist()]
    assert {len(row["bands"]) for row in whole} == {14}
    assert whole[0]["bands"][0] == kernel(batch)["bands"][0].as_py()[0]


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="rank names one twice"):
        build(Config, {"rank": ["source", "source"]}, "t")
    with pytest.raises(ConfigError, match="is none of: source, longest, earliest"):
        build(Config, {"rank": ["newest"]}, "t")
    curve = dataclasses.replace(Config(), bands=14, rows=9).s_curve()
    assert curve["0.80"] == pytest.approx(0.867, abs=0.001)


def test_work_on_the_clustering_measures_nothing_again() -> None:
    from skypile.fingerprints import _kernel_closure

    dedup = next(s for s in all_stages() if s.name == "dedup")
    measured = _kernel_closure(dedup.code("measure"))
    assert {"skypile.kernels.dedup.minhash", "skypile.kernels.text.tokens"} <= measured
    assert "skypile.kernels.dedup.components" not in measured
    assert dedup.code("relate") == dedup.code("cut") == "skypile.stages.dedup"


def test_the_module_that_verifies_is_part_of_the_fingerprint() -> None:
    from skypile.fingerprints import _kernel_closure

    found = _kernel_closure("skypile.stages.dedup")
    parts = {f"skypile.stages.dedup_{part}" for part in ("components", "pairs", "verify")}
    assert parts | {"skypile.kernels.dedup.jaccard"} <= found
