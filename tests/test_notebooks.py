"""The notebooks: short, without output, and they run on the demo's run."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO

NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
MAX_LINES = 60


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_short_and_holds_no_output(path: Path) -> None:
    cells = load(path)["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    assert cells[0]["source"][0].startswith("# ")
    assert code[0]["metadata"]["tags"] == ["parameters"]
    assert len(code[0]["source"]) == 1
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert sum(len(c["source"]) for c in code) <= MAX_LINES


def test_there_is_one_for_each_stage_to_look_at() -> None:
    assert {p.stem for p in NOTEBOOKS} >= {"extraction", "dedup", "distribution", "quality"}


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_on_a_finished_run(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On SKYPILE_DEMO, the folder of a finished demo (`runs/demo`), else on a run made here."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    demo = os.environ.get("SKYPILE_DEMO")
    base = Path(demo) if demo else request.getfixturevalue("finished") / "runs/demo"
    train = base / "train"
    if not train.exists():
        train = tmp_path
        row = {"step": 1, "session": "a", "loss": 2.0, "rate": 0.1, "tokens": 8}
        (tmp_path / "metrics.jsonl").write_text(json.dumps(row | {"tokens_per_s_per_rank": 1.0}))
    if not (base / "out/verdicts_quality").exists() and path.stem in (
        "quality",
        "mixture_and_tokenizer",
    ):
        pytest.skip("KenLM was never built here: the run ends before language models")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPO), os.environ["PYTHONPATH"]]))
    notebook = nbformat.read(path, as_version=4)
    first = next(c for c in notebook.cells if c.cell_type == "code")
    first.source = f"RUN, TRAIN = {str(base / 'out')!r}, {str(train)!r}"
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
    assert sys.executable
    client.execute(cwd=str(tmp_path))
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs)
