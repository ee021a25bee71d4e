"""The crawl of 1,014 real pages, whole: what `make crawl-demo` runs."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from skypile.config import load
from skypile.driver import run_config
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from tests.conftest import REPO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.spark
def test_every_record_of_the_real_crawl_is_accounted_for(
    tmp_path: Path, shared_data: Path, start: "Callable[[], SparkSession]"
) -> None:
    made = shared_data.parent / "tools/make_crawl.py"
    folder = tmp_path / "runs/crawl/input"
    subprocess.run([sys.executable, str(made), str(folder)], check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "conf").mkdir()
    text = (REPO / "conf/crawl.toml").read_text(encoding="utf8")
    (tmp_path / "conf/crawl.toml").write_text(text, encoding="utf8")
    config = load(tmp_path / "conf/crawl.toml", all_stages())
    run_config(config, start, say=lambda _: None)

    ledger = Ledger(config.run.out)
    funnel = ledger.funnel()
    ledger.recount(funnel)
    reads = funnel.reads["web"]
    line, language, dedup, distribution, signals, quality, mixture = funnel.lines
    assert reads["records"] == reads["judged"] == 1_014
    assert reads["damages"] == 0
    assert reads["documents"] + sum(reads["rejected"].values()) == 1_014
    assert line.rows_in == line.kept + sum(line.dropped.values()) == reads["documents"]
    assert line.kept > 950  # pages that people chose for extraction tests have text
    assert language.rows_in == line.kept == language.kept + sum(language.dropped.values())
    assert language.kept > 700  # nearly all but the 190 German ones and a few of other languages
    assert dedup.rows_in == language.kept == dedup.kept + sum(dedup.dropped.values())
    assert sum(dedup.dropped.values()) < 0.05 * dedup.rows_in  # different pages, a few of one site
    assert distribution.rows_in == dedup.kept == distribution.kept  # pages of many sites
    assert distribution.blocks_removed < 200  # of some 15,000: these pages have hardly boilerplate
    # No rule is set, and no model is fitted: every document is measured, none is dropped.
    assert signals.rows_in == signals.kept == quality.rows_in == quality.kept == distribution.kept
    measured = [r for r in ledger.table("signals", ["chars"]).to_pylist() if r["chars"]]
    assert len(measured) == signals.rows_in
    # What is left is the corpus: each document once, in train or in validation.
    assert mixture.rows_in == quality.kept == mixture.kept + sum(mixture.dropped.values())
    assert mixture.kept > 0.9 * mixture.rows_in
    corpus = ledger.table("corpus").to_pylist()
    assert len({r["doc_id"] for r in corpus}) == len(corpus) == mixture.kept
    kinds = {(r["category"], r["split"]) for r in corpus}
    assert {c for c, _ in kinds} >= {"english_webpages", "chinese_webpages"}
    assert {s for _, s in kinds} == {"train", "validation"}
    engines = ledger.table("documents", ["engine", "engine_limit"]).to_pylist()
    backstop = {"cpu", "memory", "crash"}
    assert not [e for e in engines if e["engine_limit"] in backstop]  # it never fires on real pages
    assert sum(e["engine"] == "trafilatura" for e in engines) > 950
