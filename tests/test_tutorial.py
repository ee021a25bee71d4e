"""docs/tutorial.md: its configurations load, its commands and their options exist."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from skypile.cli import app
from skypile.config import from_table
from skypile.pipeline import all_stages

REPO = Path(__file__).resolve().parent.parent
PAGE = (REPO / "docs/tutorial.md").read_text(encoding="utf8")


def blocks(kind: str) -> list[str]:
    """The fenced blocks of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S)


def commands() -> list[list[str]]:
    """Every command line, as a shell would split it; a line that ends in a backslash goes on."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [line for line in lines if line]


def of(program: str) -> list[list[str]]:
    found = [line for line in commands() if line[0] == program]
    assert found, program
    return found


def test_the_whole_configuration_loads_with_every_stage(tmp_path: Path) -> None:
    table = tomllib.loads(blocks("toml")[0])
    config = from_table(table, all_stages(), base=tmp_path, where="tutorial.md")
    names = [s.name for s in config.stages]
    assert config.run.out == str(tmp_path / "out")
    assert {"extract", "dedup", "quality", "mixture", "fit_tokenizer", "tokens"} <= set(names)
    assert names[-1] == "plan"
    assert {s.name for s in config.sources} == {"enwiki", "zhwiki", "web"}
    assert config.settings["dedup"].fold_han is False
    assert sum(config.settings["plan"].shares.values()) == pytest.approx(1)


def test_named_models_fit_into_it(tmp_path: Path) -> None:
    table = tomllib.loads(blocks("toml")[0])
    for section, keys in tomllib.loads(blocks("toml")[1]).items():
        table[section] = {**table.get(section, {}), **keys}
    for section in ("fit_lm", "fit_reference", "fit_tokenizer"):  # as it says there
        del table[section]
    config = from_table(table, all_stages(), base=tmp_path, where="tutorial.md")
    assert set(config.settings["quality"].lm) == {"en", "zh"}
    assert config.settings["fit_vectors"].fit is False


def test_the_trainers_configuration_loads(tmp_path: Path) -> None:
    run_config = pytest.importorskip("model.run_config", reason="the trainer needs PyTorch")
    path = tmp_path / "train.toml"
    path.write_text(blocks("toml")[2], encoding="utf8")
    config = run_config.read_config(path)
    corpus = tomllib.loads(blocks("toml")[0])
    assert config.model.vocabulary == corpus["fit_tokenizer"]["vocab_size"]
    assert config.plan_path == tmp_path / corpus["run"]["out"] / "plan.json"
    phases = {phase["name"]: phase["tokens"] for phase in corpus["plan"]["phases"]}
    assert [s.phase for s in config.sessions] == list(phases)
    step = config.layout.batch * config.model.context
    said = re.search(r"20M tokens are (\d+) steps of ([\d,]+)", PAGE)
    assert said
    assert int(said[2].replace(",", "")) == step
    assert int(said[1]) == phases["all"] // step


def test_every_skypile_command_has_its_options() -> None:
    for line in of("skypile"):
        command: Any = typer.main.get_command(app)
        rest = line[1:]
        while hasattr(command, "commands"):
            assert rest[0] in command.commands, line
            command = command.commands[rest.pop(0)]
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        used = {word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert used <= known, (line, used - known)
        given = [word for word in rest if word.endswith(".toml") and "tutorial" not in word]
        assert all((REPO / word).is_file() for word in given), line


def test_every_module_is_there_and_knows_its_options() -> None:
    inline = [shlex.split(c) for c in re.findall(r"`(python -m [^`]+)`", PAGE)]
    for line in [*of("python"), *inline]:
        assert line[1] == "-m"
        spec = importlib.util.find_spec(line[2])
        assert spec is not None, line
        assert spec.origin is not None
        main = Path(spec.origin)
        if main.name == "__init__.py":
            main = main.with_name("__main__.py")
        source = main.read_text(encoding="utf8")
        for word in line[3:]:
            if word.startswith("--"):
                assert f'"{word}"' in source, (line, word)


def test_every_target_and_job_is_there() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf8")
    targets = set(re.findall(r"^([a-z][a-z0-9_-]*)(?: [a-z0-9_ -]+)?:", makefile, re.M))
    for line in of("make"):
        for word in line[1:]:
            assert "=" in word or word in targets, line
    jobs = re.findall(r"jobs/\w+\.py", PAGE)
    assert jobs
    assert all((REPO / job).is_file() for job in jobs)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (REPO / "docs" / target).exists(), target
