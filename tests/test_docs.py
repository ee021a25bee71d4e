"""The pages that are made from the code are what the code says, and commands in the docs exist."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from skypile.cli import app

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pages() -> Any:
    pytest.importorskip("torch", reason="the trainer's keys need PyTorch")
    spec = importlib.util.spec_from_file_location("write_docs", REPO / "scripts/write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration.md", "commands.md"])
def test_the_page_is_what_the_code_says(pages: Any, name: str) -> None:
    found = (REPO / "docs" / name).read_text(encoding="utf8")
    assert found == pages.PAGES[name](), "run `make docs`"


def test_every_key_has_a_meaning(pages: Any) -> None:
    rows = [
        line.split(" | ") for line in pages.configuration().split("# The trainer's")[0].splitlines()
    ]
    keys = [row for row in rows if row[0].startswith("| `")]
    assert len(keys) > 150, len(keys)
    assert not [row[0] for row in keys if not row[-1].strip(" |")]


def test_commands_and_targets_in_the_docs_exist() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf8")
    targets = set(re.findall(r"^([a-z][a-z0-9_-]*)(?: [a-z0-9_ -]+)?:", makefile, re.M))
    targets |= {path.stem.split("_", 1)[1] for path in (REPO / "jobs").glob("*.py")}
    command = typer.main.get_command(app)
    names = set(command.commands)  # type: ignore[attr-defined]
    texts = [REPO / "README.md", REPO / "CONTRIBUTING.md", *(REPO / "docs").glob("*.md")]
    for path in texts:
        if path.name in ("log.md", "bench.md"):  # what was, and what others print
            continue
        text = path.read_text(encoding="utf8")
        used = set(re.findall(r"(?:`|^\$? ?|/)skypile ([a-z][a-z-]*)", text, re.M))
        assert used <= names, (path.name, used - names)
        made = set(
            re.findall(r"(?:`|^\$? ?)make ([a-z][a-z0-9_-]*[a-z0-9])(?![-a-z0-9])", text, re.M)
        )
        assert made <= targets, (path.name, made - targets)
