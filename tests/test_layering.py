"""Who may import whom: jobs -> stages -> spark -> tables, stages -> kernels, model alone."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere, `from a import b` as both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or "", *(f"{node.module}.{a.name}" for a in node.names)}
    return found


def offences(path: Path, banned: tuple[str, ...], allowed: tuple[str, ...] = ()) -> set[str]:
    def under(name: str, tops: tuple[str, ...]) -> bool:
        return any(name == t or name.startswith(t + ".") for t in tops)

    return {n for n in imports(path) if under(n, banned) and not under(n, allowed)}


def files(folder: str) -> list[Path]:
    return sorted((REPO / folder).rglob("*.py"))


def test_kernels_import_no_spark_no_torch_no_stage() -> None:
    for path in files("skypile/kernels"):
        assert not offences(path, ("pyspark", "torch", "skypile"), ("skypile.kernels",)), path


def test_no_two_folders_of_kernels_import_each_other_in_a_circle() -> None:
    folders = {p.name for p in (REPO / "skypile/kernels").iterdir() if (p / "__init__.py").exists()}
    uses = {
        folder: {
            parts[2]
            for path in files(f"skypile/kernels/{folder}")
            for parts in (name.split(".") for name in imports(path))
            if parts[:2] == ["skypile", "kernels"] and len(parts) > 2 and parts[2] in folders
        }
        - {folder}
        for folder in folders
    }
    assert uses["dedup"] == {"text"}  # the names are read as they are meant
    assert list(TopologicalSorter(uses).static_order())  # a CycleError names the folders


def test_tables_import_only_pyarrow() -> None:
    stdlib = tuple(sys.stdlib_module_names)
    names = imports(REPO / "skypile/tables.py")
    assert {n for n in names if not n.startswith(stdlib)} <= {"pyarrow"}


def test_only_spark_and_the_relates_of_stages_know_pyspark() -> None:
    for path in files("skypile"):
        if path.name == "worker_daemon.py":
            assert imports(path) >= {"pyspark"}, path
        elif path.name == "spark.py":
            assert not offences(path, ("skypile.stages", "skypile.run")), path
        elif path.parent.name == "stages":
            assert not offences(path, ("pyspark",), ("pyspark.sql",)), path
            assert not offences(path, ("skypile.run", "skypile.driver", "skypile.cli")), path
        else:
            tree = ast.parse(path.read_text(encoding="utf8"))
            typing_only = {
                id(inner)
                for node in ast.walk(tree)
                if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
                for inner in ast.walk(node)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and id(node) not in typing_only:
                    assert not (node.module or "").startswith("pyspark"), path


def test_model_and_pipeline_do_not_know_each_other() -> None:
    for path in files("model"):
        assert not offences(path, ("skypile", "pyspark")), path
    for path in files("skypile"):
        assert not offences(path, ("model", "torch")), path


def test_the_test_itself_sees_a_planted_import(tmp_path: Path) -> None:
    planted = tmp_path / "k.py"
    planted.write_text("def f():\n    from pyspark.sql import functions\n")
    assert offences(planted, ("pyspark",)) == {"pyspark.sql", "pyspark.sql.functions"}


@pytest.mark.parametrize("path", [p for f in ("skypile", "jobs", "model") for p in files(f)])
def test_a_module_fits_in_the_head(path: Path) -> None:
    lines = len(path.read_text(encoding="utf8").splitlines())
    assert lines <= 350, f"{path.relative_to(REPO)} has {lines} lines: move a wall"
