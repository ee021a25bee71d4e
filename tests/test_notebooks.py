"""The notebooks: short, without output, and they run on the demo's run."""

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from skypile.errors import InputError
from tests.conftest import REPO
from tests.look.runs import leakage_test, optional_run, small_run

NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
MAX_LINES = 60
# The notebooks on stages that a run has where its sources or settings ask for them.
OPTIONAL = {"code_and_parallel": ("code", "parallel"), "leakage": ("decontaminate",)}
QUALITY = ("quality", "mixture_and_tokenizer")  # stages from KenLM on


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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_says_what_it_needs_before_it_looks(path: Path) -> None:
    """Or, of optional stages, looks whether they are there."""
    texts = ["".join(c["source"]) for c in load(path)["cells"][1:]]
    text = next(t for t in texts if "Looked(" in t or "training(" in t)
    assert ".need(" in text or ".missing(" in text or "about.training(TRAIN)" in text


def test_an_error_is_one_line_in_a_notebook() -> None:
    """IPython asks an exception for this, where it has it."""
    shown = InputError("no file \x1b[31mhere\nnor there")._render_traceback_()
    assert shown == ["no file \\x1b[31mhere\n  nor there"]


def test_there_is_one_for_each_stage_to_look_at() -> None:
    assert {p.stem for p in NOTEBOOKS} == {
        *("extraction", "distribution", "dedup", "quality", "code_and_parallel"),
        *("mixture_and_tokenizer", "training", "leakage"),
    }


@pytest.mark.spark
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_cells_run_on_a_finished_run(
    path: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Jupyter: cell by cell, what `display` and a cell's last expression give is kept."""
    if path.stem in QUALITY and not (finished / "runs/demo/out/verdicts_quality").exists():
        pytest.skip("KenLM was never built here: the run ends before language models")
    monkeypatch.chdir(tmp_path)
    shown: list[Any] = []
    names: dict[str, Any] = {"display": shown.append}
    for number, cell in enumerate(c for c in load(path)["cells"] if c["cell_type"] == "code"):
        body = ast.parse("".join(cell["source"])).body
        if number == 0:
            train = a_training_log(tmp_path)
            run = str(finished / "runs/demo/out")
            names |= {"RUN": run, "TRAIN": str(train), "LEAKAGE": str(train)}
            continue
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), path.name, "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), path.name, "eval"), names))
    drawn = [x for x in shown if hasattr(x, "savefig") or hasattr(x, "_repr_png_")]
    assert bool(drawn) == (path.stem not in OPTIONAL)  # of those the demo has no stage


def a_training_log(folder: Path) -> Path:
    """The folder of a training run of one step."""
    row = {"step": 1, "session": "a", "loss": 2.0, "rate": 0.1, "tokens": 8}
    (folder / "metrics.jsonl").write_text(json.dumps(row | {"tokens_per_s_per_rank": 1.0}))
    return folder


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_on_a_finished_run(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On SKYPILE_DEMO, the folder of a finished demo (`runs/demo`), else on a run made here."""
    demo = os.environ.get("SKYPILE_DEMO")
    base = Path(demo) if demo else request.getfixturevalue("finished") / "runs/demo"
    train = base / "train"
    if not train.exists():
        train = a_training_log(tmp_path)
    if not (base / "out/verdicts_quality").exists() and path.stem in QUALITY:
        pytest.skip("KenLM was never built here: the run ends before language models")
    outputs = execute(path, base / "out", train, tmp_path, monkeypatch)
    said = words(outputs)
    if path.stem in OPTIONAL:  # nothing is drawn of what is not there, and that is said
        assert all(f"this run has no stage {stage}" in said for stage in OPTIONAL[path.stem])
        assert not pictures(outputs)
    else:
        assert pictures(outputs)


@pytest.mark.slow
@pytest.mark.spark
def test_optional_stages_are_shown_where_a_run_has_them(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    run = Path(optional_run(tmp_path / "run", start))
    tests = leakage_test(tmp_path / "tests")
    shown = {
        stem: execute(REPO / f"notebooks/{stem}.ipynb", run, tests, tmp_path, monkeypatch)
        for stem in OPTIONAL
    }
    said = {stem: words(outputs) for stem, outputs in shown.items()}
    for text in said.values():
        assert "has no" not in text
    for word in ("GPL-3.0", "XML", "over_share", "duplicate_english", "pairs"):
        assert word in said["code_and_parallel"], word
    assert len(pictures(shown["code_and_parallel"])) == 5  # three sources, tokens, pairs
    for word in ("math_zh", "test leaked (D1), test known (D2)", "nothing found"):
        assert word in said["leakage"], word
    assert len(pictures(shown["leakage"])) == 2


@pytest.mark.slow
def test_where_a_stage_is_missing_a_notebook_ends_with_one_line(
    no_spark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nbclient = pytest.importorskip("nbclient")
    run = Path(small_run(tmp_path / "run", no_spark))
    for stem in ("dedup", "quality", "distribution"):
        with pytest.raises(nbclient.exceptions.CellExecutionError) as e:
            execute(REPO / f"notebooks/{stem}.ipynb", run, tmp_path, tmp_path, monkeypatch)
        assert e.value.evalue == f"nothing to see here: this run has no stage {stem}"
        assert str(e.value).rstrip().endswith(f"\n{e.value.evalue}")  # behind the cell
        assert "Traceback" not in str(e.value)


def execute(
    path: Path, run: Path, other: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    """The outputs of a notebook on a run, and on `other`, a training run or a leakage test."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPO), os.environ["PYTHONPATH"]]))
    notebook = nbformat.read(path, as_version=4)
    first = next(c for c in notebook.cells if c.cell_type == "code")
    first.source = f"RUN, TRAIN, LEAKAGE = {str(run)!r}, {str(other)!r}, {str(other)!r}"
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
    assert sys.executable
    client.execute(cwd=str(base))
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    return outputs


def pictures(outputs: list[Any]) -> list[Any]:
    """Those of the outputs that are one."""
    return [o for o in outputs if "image/png" in o.get("data", {})]


def words(outputs: list[Any]) -> str:
    """What the outputs say: what is printed, and tables, which rich displays."""
    return "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)
