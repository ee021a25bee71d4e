"""Stage dedup against earlier runs: what they hold is dropped, and the earlier document named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError, SkypileError
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import all_stages
from skypile.run import Run
from tests.stages.test_dedup import Start, chinese, edited, english, j

LSH = {"bands": 32, "rows": 4, "rank": ["source"]}


def configure(base: Path, name: str, texts: dict[str, str] | None = None, **how: Any) -> RunConfig:
    """Run `name` over a source of the same name, whose rows (by id) are written if given."""
    if texts is not None:
        (base / name).mkdir(parents=True, exist_ok=True)
        data = [json.dumps({"id": i, "text": t}, ensure_ascii=False) for i, t in texts.items()]
        (base / name / "rows.jsonl").write_text("\n".join(data) + "\n", encoding="utf8")
    source = {"name": name, "format": "jsonl", "root": name, "paths": ["*"], "licence": "test"}
    stages = ["ingest", *how.pop("and_stages", ()), "dedup"]
    table = {
        "run": {"out": f"{name}_run", "part_bytes": 4096, "stages": stages},
        "dedup": {**LSH, **how},
        "sources": [{**source, "category": "webpages"}],
    }
    return from_table(table, all_stages(), base=base, where="test")


def run(config: RunConfig, start: Start) -> dict[str, dict[str, Any]]:
    """Id of each document to its row of `duplicates` and of `verdicts_dedup`; winners by id."""
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    names = {}
    for folder in (*config.settings["dedup"].against, config.run.out):
        rows = Ledger(folder).table("documents", ["doc_id", "record_id"]).to_pylist()
        names |= {r["doc_id"]: r["record_id"] for r in rows}
    found: dict[str, dict[str, Any]] = {}
    for table in ("duplicates", "verdicts_dedup"):
        for row in ledger.table(table).to_pylist():
            found.setdefault(names[row.pop("doc_id")], {}).update(row)
    for row in found.values():
        row["winner"], row["cluster"] = names.get(row["winner"]), names.get(row["cluster"])
    return found


PAGE, HAN = english(1, 200), chinese(1, 300)
LINKS = [" ".join(english(7, 500).split(" ")[i * 22 : 300 + i * 22]) for i in range(3)]
OLD = {"page": PAGE, "han": HAN, "first": LINKS[0], "second": LINKS[1]}
NEW = {
    "fresh": english(3, 200),
    "shouted": PAGE.upper(),
    "near_page": edited(PAGE, 0.05, 1),
    "near_han": edited(HAN, 0.05, 2),
    "near_han_again": "\u3000" + edited(HAN, 0.05, 2),
    "third": LINKS[2],
    "near_fresh": edited(english(3, 200), 0.04, 3),
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, spark: Any) -> Path:
    """A folder with the run `old_run`, of which `second` was dropped for `first`."""
    base = tmp_path_factory.mktemp("against")
    found = run(configure(base, "old", OLD), lambda: spark)
    assert [name for name, row in found.items() if not row["kept"]] == ["second"]
    return base


@pytest.mark.spark
def test_what_an_earlier_run_holds_is_dropped_and_named(old: Path, start: Start) -> None:
    config = configure(old, "new", NEW, against=["old_run"])
    found = run(config, start)
    assert {n for n, row in found.items() if row["kept"]} == {"fresh", "third"}
    where = str(old / "old_run")
    for name, winner, reason in (
        ("shouted", "page", "exact_in_earlier_run"),
        ("near_page", "page", "near_in_earlier_run"),
        ("near_han", "han", "near_in_earlier_run"),
        ("near_han_again", "han", "near_in_earlier_run"),
    ):
        row = found[name]
        assert (row["winner"], row["cluster"], row["run"]) == (winner, winner, where)
        assert row["reason"] == reason
        assert row["jaccard"] == pytest.approx(j(NEW[name], OLD[winner]))
    # What the earlier run dropped does not count: `second`, which `third` resembles.
    assert j(LINKS[1], LINKS[2]) > 0.8 > j(LINKS[0], LINKS[2])
    near = found["near_fresh"]
    assert (near["winner"], near["run"], near["reason"]) == ("fresh", None, "near_duplicate")
    facts = Ledger(config.run.out).manifests.get("dedup.relate", CORPUS)
    assert facts
    (against,) = facts.facts["against"]
    assert against["run"] == where
    assert (against["exact"], against["near"]) == (1, 2)  # texts: copies fall with them
    assert against["open_documents"] == 0
    # It is up to date now, until the earlier run changes.
    said: list[str] = []
    run_config(config, start, say=said.append)
    assert f"dedup.relate {CORPUS}: up to date" in said
    moved = old / "moved"
    shutil.copytree(old / "old", moved / "old")
    shutil.copytree(old / "old_run", moved / "old_run")
    more = OLD | {"third": LINKS[2]}
    run(configure(moved, "old", more), start)
    found = run(configure(moved, "new", NEW, against=["old_run"]), start)
    assert found["third"]["reason"] == "exact_in_earlier_run"
    before = Run(configure(moved, "new", against=["old_run"]), start, print).lineage.pieces()
    run(configure(moved, "old", OLD | {"fourth": english(9)}), start)
    after = Run(configure(moved, "new", against=["old_run"]), start, print).lineage.pieces()
    assert {n for n in before if before[n] != after[n]} == {f"dedup.relate/{CORPUS}"}


@pytest.mark.spark
@pytest.mark.slow
def test_two_earlier_runs_one_without_its_texts(old: Path, start: Start, tmp_path: Path) -> None:
    base = tmp_path
    for name in ("old", "old_run"):
        shutil.copytree(old / name, base / name)
    run(configure(base, "older", {"page": PAGE, "hidden": english(3, 200)}), start)
    for file in (base / "older_run/documents").rglob("*.parquet"):
        file.unlink()
    config = configure(base, "new", NEW, against=["older_run", "old_run"], max_all_pairs=2)
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ids = ledger.table("documents", ["doc_id", "record_id"]).to_pylist()
    names = {r["doc_id"]: r["record_id"] for r in ids}
    rows = {names[r["doc_id"]]: r for r in ledger.table("duplicates").to_pylist()}
    runs = {n: Path(r["run"]).name for n, r in rows.items() if r["run"]}
    assert runs == {
        "fresh": "older_run",
        "near_fresh": "older_run",
        "shouted": "older_run",
        "near_page": "older_run",
        "near_han": "old_run",
        "near_han_again": "old_run",
    }
    assert rows["near_page"]["jaccard"] == pytest.approx(j(NEW["near_page"], PAGE), abs=0.1)
    facts = ledger.manifests.get("dedup.relate", CORPUS)
    assert facts
    assert [f["verified_by"] for f in facts.facts["against"]] == ["bands", "jaccard"]


@pytest.mark.spark
def test_a_bucket_with_many_earlier_documents_is_walked_in_bounded_rounds(start: Start) -> None:
    from types import SimpleNamespace

    from skypile.stage import EarlierRun
    from skypile.stages.dedup_against import held

    spark = start()
    kinds = "key long, exact_high long, exact_low long, bands array<long>"
    new = spark.createDataFrame([(k, k, 1, [5, 100 + k]) for k in range(40)], kinds)
    old = spark.createDataFrame(
        [(k, f"old{k}", 1000 + k, 2, [5, *([107] if k == 33 else [])]) for k in range(50)],
        f"key long, doc_id string, {kinds.partition(', ')[2]}",
    )
    # By bands: one shared of two is too little, two are enough.
    config = SimpleNamespace(max_all_pairs=8, max_rounds=5, threshold=0.8, rows=2, verify="")
    found, (facts,) = held(config, new, None, [EarlierRun("r", old, None)])  # type: ignore[arg-type]
    assert [tuple(r) for r in found.collect()] == [(7, "old33", "r", 1.0, "near")]
    # 7 meets old33 in band 107 at once, and is out; the others meet 8 in each of 5 rounds.
    assert facts["pairs_compared"] == 40 * 8 + 1 + 39 * 8 * 4
    assert facts["open_documents"] == 39


@pytest.mark.spark
def test_an_earlier_run_that_cannot_be_compared_is_an_error_before_any_work(
    old: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skypile import lineage

    def refused(why: str, against: str = "old_run", **how: Any) -> None:
        config = configure(old, "other", {"a": PAGE}, against=[against], **how)
        with pytest.raises(SkypileError, match=why):
            Run(config, no_spark, print).execute()
        assert not (old / "other_run").exists()

    refused("against .*nowhere is not a run", against="nowhere")
    refused("cannot be compared with itself", against="other_run")
    refused("bands 32 there, 20 here; rows 4 there, 5 here. Run both", bands=20, rows=5)
    refused("fold_han False there, True here", fold_han=True)
    refused("only one of the two runs has common_lines", and_stages=["common_lines"])
    real = lineage.code_digest
    other = {"skypile.stages.dedup_signatures": "other"}
    monkeypatch.setattr(lineage, "code_digest", lambda module: other.get(module) or real(module))
    refused("they were computed by other code")
    monkeypatch.undo()
    record = old / "old_run/run.json"
    text = record.read_text()
    try:
        record.write_text(text.replace('"dedup"', '"dedupe"'))
        refused("that run has no stage dedup")
    finally:
        record.write_text(text)
    with pytest.raises(ConfigError, match="against names one twice"):
        configure(old, "other", against=["x", "x"])


def test_the_command_line_adds_earlier_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.toy import make_config

    config = configure(tmp_path, "new", {"a": PAGE}, against=["old_run"])
    monkeypatch.chdir(tmp_path)
    more = config.against(["x/run", "s3://b/run", str(tmp_path / "old_run")])
    wanted = (str(tmp_path / "old_run"), str(tmp_path / "x/run"), "s3://b/run")
    assert more.settings["dedup"].against == wanted
    assert config.against([]) is config
    with pytest.raises(ConfigError, match="no stage of this run compares"):
        make_config(tmp_path).against(["x"])
