"""The embedded sample, small, through the whole pipeline by the demo's configuration."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEMO = REPO / "conf/demo.toml"


def with_small_tokenizer(text: str) -> str:
    """The demo's configuration for sixty pages: a tenth of its words and of its tokens."""
    for large, small in (("8000", "1350"), ("4000", "700"), ("2500", "600")):
        assert f"= {large}" in text
        text = text.replace(f"= {large}", f"= {small}")
    return text.replace("[plan]\n", "[plan]\nbudget = 30_000\n")


def small(text: str) -> str:
    """The demo's configuration for sixty pages, which are several parts too."""
    assert "part_bytes = 262_144" in text
    return with_small_tokenizer(text.replace("262_144", "65_536"))


def elsewhere(
    text: str,
    storage: str,
    out: str,
    master: str = "local[2]",
    conf: Mapping[str, str] | None = None,
) -> str:
    """The demo's configuration with `input` and a run's folder `out` on a storage (a folder or a
    URI), on another master, with more of Spark's settings.
    """
    for old, new in (
        ("../runs/demo/input", f"{storage}/input"),
        ("../runs/demo/out", f"{storage}/{out}"),
        ("local[*]", master),
        ("conf = { ", "conf = { " + "".join(f'"{k}" = "{v}", ' for k, v in (conf or {}).items())),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def needs_lmplz() -> None:
    """Skip the test where KenLM's program was never built: the pipeline would end before it."""
    from skypile.lmplz import MissingProgram, find

    try:
        find("lmplz")
    except MissingProgram:
        pytest.skip("no lmplz here: `make lmplz`")


def content(folder: Path) -> dict[str, str]:
    """What a whole run made, by name: the hash of each table's sorted rows, of each file that is no
    table (models, shards), and of the plan. The funnel's sums are counted again.
    """
    from skypile.ledger import Ledger
    from skypile.manifests import MODELS, SHARDS, Manifests

    ledger = Ledger(str(folder))
    ledger.recount(ledger.funnel())
    found = {t: ledger.digest(t) for t in sorted(ledger.tables() - {"read_log"})}
    manifests = Manifests(ledger.root)
    for manifest in manifests.all():
        for file in manifests.files(manifest):
            if file.table in (MODELS, SHARDS):
                assert ledger.root.sha256(file.path) == file.sha256
                found[file.path] = file.sha256
    found["plan.json"] = ledger.root.sha256("plan.json")
    return found


def run_demo(base: Path, spark: "SparkSession") -> None:
    """Write 60 pages and their configuration below `base`, and run all stages."""
    from skypile import lmplz
    from skypile.config import load
    from skypile.driver import run_config
    from skypile.pipeline import all_stages
    from skypile.sample.crawl import write_sample

    (base / "conf").mkdir()
    text = small(DEMO.read_text(encoding="utf8"))
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
