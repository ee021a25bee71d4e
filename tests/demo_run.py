"""The embedded sample, small, through the whole pipeline by the demo's configuration."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import REPO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def with_small_tokenizer(text: str) -> str:
    """The demo's configuration for sixty pages: a tenth of its words and of its tokens."""
    for large, small in (("8000", "1350"), ("4000", "700"), ("2500", "600")):
        assert f"= {large}" in text
        text = text.replace(f"= {large}", f"= {small}")
    return text.replace("[plan]\n", "[plan]\nbudget = 30_000\n")


def run_demo(base: Path, spark: "SparkSession") -> None:
    """Write 60 pages and their configuration below `base`, and run all stages."""
    from skypile import lmplz
    from skypile.config import load
    from skypile.driver import run_config
    from skypile.pipeline import all_stages
    from skypile.sample.crawl import write_sample

    (base / "conf").mkdir()
    text = (REPO / "conf/demo.toml").read_text(encoding="utf8")
    assert "part_bytes = 262_144" in text
    text = text.replace("262_144", "65_536")  # the small sample is several parts too
    text = with_small_tokenizer(text)
    try:
        lmplz.find("lmplz")
    except lmplz.MissingProgram:  # it was never built here: everything up to language models
        names = [s.name for s in all_stages() if s.step < 42]
        text = text.replace("[run]\n", f"[run]\nstages = {json.dumps(names)}\n")
        text = text[: text.index("[fit_lm]")].replace('skip_stages = ["quality"]', "")
    (base / "conf/demo.toml").write_text(text, encoding="utf8")
    write_sample(base / "runs/demo/input", pages=60)
    config = load(base / "conf/demo.toml", all_stages())
    run_config(config, lambda: spark, say=lambda _: None)
