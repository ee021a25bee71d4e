"""A release loads in `datasets`, polars and duckdb: the same texts, splits and domains.

They are in an environment of their own (`make release-readers`, or $RELEASE_READERS is a Python
that has them); without one these tests skip.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.release.test_publish import LAYOUTS, release, rows_of
from tests.release.test_publish import made as made  # the fixture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reader() -> str:
    """An interpreter that has the three."""
    named = (os.environ.get("RELEASE_READERS"), REPO / ".venv-readers/bin/python", sys.executable)
    for python in named:
        if python and Path(python).exists():
            done = subprocess.run(
                [python, "-c", "import datasets, duckdb, polars"], capture_output=True, check=False
            )
            if done.returncode == 0:
                return str(python)
    pytest.skip("no datasets, polars and duckdb: make release-readers")


@pytest.mark.parametrize("kind", LAYOUTS)
def test_three_libraries_read_the_same_texts(
    made: Path, tmp_path: Path, reader: str, kind: str
) -> None:
    out = tmp_path / "out"
    files = release(made, out, LAYOUTS[kind])["files"]
    command = [reader, str(REPO / "tests/release/reader.py"), str(out), "chinese_webpages.main"]
    done = subprocess.run(
        [*command, LAYOUTS[kind].suffix], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    texts = [(f, r["text"]) for f in files for r in rows_of(out / f["path"])]
    due = sorted(text for _, text in texts)
    assert found["files"] == len(files)
    for library in ("datasets", "polars", "duckdb"):
        assert found[library] == due, library
    assert found["columns"] == LAYOUTS[kind].columns.names
    splits = {s: sum(f["documents"] for f in files if f["split"] == s) for s in found["splits"]}
    assert found["splits"] == splits
    assert found["streamed"] == splits["validation"]
    assert found["domain"] == [
        t for f, t in texts if (f["domain"], f["split"]) == ("chinese_webpages.main", "train")
    ]
