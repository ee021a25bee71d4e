"""docs/cluster.md and the programs behind it: commands exist, numbers are the code's."""

import importlib.util
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from skypile import memory
from skypile.cli import app
from skypile.config import from_table
from skypile.pipeline import all_stages

REPO = Path(__file__).resolve().parent.parent
PAGE = (REPO / "docs/cluster.md").read_text(encoding="utf8")


def script(name: str) -> ModuleType:
    """A module of scripts/."""
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", REPO / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPO / "scripts"))
        spec.loader.exec_module(module)
    return module


def commands() -> list[list[str]]:
    """Every command line of the page, as a shell would split it."""
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)).replace("\\\n", " ")
    # (shlex would begin a comment within `x.tar.gz#environment`)
    lines = [shlex.split(re.sub(r"\s#\s.*", "", line)) for line in text.splitlines()]
    return [line for line in lines if line]


def test_make_targets_and_the_jobs_that_are_submitted_exist() -> None:
    cluster = script("cluster")
    makefile = (REPO / "Makefile").read_text(encoding="utf8")
    targets = set(re.findall(r"^([a-z][a-z0-9_-]*)(?: [a-z0-9_ -]+)?:", makefile, re.M))
    assert "\nsubmit/%:" in makefile
    made = [line for line in commands() if line[0] == "make"]
    assert len(made) >= 7
    for line in made:
        for word in line[1:]:
            key, equals, value = word.partition("=")
            if word.startswith("submit/"):
                assert cluster.job_file(word.removeprefix("submit/")).is_file()
            elif not equals:
                assert word in targets, line
            elif key == "CONFIG":
                assert (REPO / value).is_file(), line
            elif key == "ARGS":  # which scripts/cluster.py hands on
                assert re.fullmatch(r"(--conf spark\.[\w.]+=\S+ ?)+|--dry-run", value), line


def test_the_tests_that_it_names_exist() -> None:
    named = set(re.findall(r"[\w/]*test_\w+\.py", PAGE))
    assert len(named) >= 6
    for name in named:
        assert (REPO / "tests" / name.removeprefix("tests/")).is_file(), name


def test_skypile_commands_have_their_options() -> None:
    named = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = [line for line in commands() if line[0] == "skypile"]
    assert used
    for line in used:
        known = {o for p in named[line[1]].params for o in p.opts}
        assert {word for word in line if word.startswith("--")} <= known, line


def test_the_command_written_out_is_the_one_that_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = (line for line in commands() if "spark-submit" in line)
    split = shown.index("spark-submit")
    env = dict(word.split("=", 1) for word in shown[:split])
    cluster = script("cluster")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    line, own = cluster.command("30_dedup", "my.toml", "spark://host:7077", REPO / "dist/e.tar.gz")
    assert env["PYSPARK_PYTHON"] == own["PYSPARK_PYTHON"] == "./environment/bin/python"
    assert own["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert own["PYTHONPATH"] == f"{REPO}:/elsewhere"  # of the driver; executors are given none
    plain = [
        word
        for i, word in enumerate(line)
        if word != "--conf" and (i == 0 or line[i - 1] != "--conf")
    ]
    assert [Path(word).name for word in plain] == [
        Path(word.replace("environment.tar.gz", "e.tar.gz")).name for word in shown[split:]
    ]
    assert "spark.executorEnv.PYTHONPATH=" in line
    assert not [w for w in line if w.startswith("spark.executor.memory")]  # a real cluster's own
    line, _ = cluster.command("all", "x", "yarn", REPO, ["spark.executor.cores=4"])
    assert "spark.executor.cores=4" in line
    assert line[line.index("--master") + 1] == "yarn"
    assert line[-3:] == [str(REPO / "scripts/submit_all.py"), "--config", "x"]
    with pytest.raises(SystemExit, match="there is no job '31_dedup'"):
        cluster.job_file("31_dedup")


def test_the_numbers_of_memory_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", PAGE, re.M))
    mib = memory.MIB
    assert int(rows["Python, pyarrow, pandas, Numba, skypile"]) * mib == memory.WORKER
    assert int(rows["the process that extracts pages"]) * mib == memory.CHILD
    assert int(rows["texts: a row group of 32 MiB, four times"]) * mib == memory.TEXTS
    (arrow,) = (v for k, v in rows.items() if k.startswith("Arrow batches"))
    assert int(arrow) * mib == memory.ARROW
    (record,) = (v for k, v in rows.items() if k.startswith("a record"))
    assert record == f"{memory.RECORD} x `max_record_bytes` + 32"
    assert f"{memory.JVM // mib} MiB an executor for the JVM's own" in PAGE
    assert f"and {memory.DAEMONS // mib} MiB for the two processes" in PAGE
    assert f"{memory.ADDRESS_SPACE >> 30} GiB a core are asked for" in PAGE


def test_the_configuration_for_a_cluster_gives_executors_what_they_need(tmp_path: Path) -> None:
    table: Any = tomllib.loads((REPO / "conf/cluster.toml").read_text(encoding="utf8"))
    table = json.loads(json.dumps(table, default=str).replace("s3://", f"{tmp_path}/"))
    table["extract"] = {}
    config = from_table(table, all_stages(), base=tmp_path, where="cluster.toml")
    for master in ("yarn", "k8s://https://x"):
        line = memory.check_executors(config, master, config.spark.conf)
        assert "an executor has 7 GiB beside its heap" in str(line)


def test_links_lead_somewhere() -> None:
    for name in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (REPO / "docs" / name).exists(), name
    assert "docs/cluster.md" in (REPO / "README.md").read_text(encoding="utf8")
