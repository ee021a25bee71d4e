"""Which Java Spark gets, and its classes from an archive that may be there or not."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skypile import jvm
from skypile.errors import SkypileError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPILE_CACHE", str(tmp_path / "cache"))


def a_java(folder: Path, version: str) -> None:
    """A program that says that it is a Java of some version."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    program = folder / "bin/java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)


def test_without_an_archive_nothing_is_asked_of_java() -> None:
    assert jvm.options() == []


def test_an_archive_that_is_there_is_mapped() -> None:
    archive = jvm.archive_path()
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert f"-XX:SharedArchiveFile={archive}" in jvm.options()
    assert "-Xshare:auto" in jvm.options()  # and never an error where it does not fit


def test_another_java_has_another_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {jvm.archive_path()}
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    for version in ("17.0.1", "17.0.2"):
        a_java(tmp_path / "home", version)
        assert version in jvm.check_java()
        found.add(jvm.archive_path())
    assert len(found) == 3


@pytest.mark.parametrize(("version", "said"), [("11.0.2", "needs Java 17"), ("x", "needs Java 17")])
def test_an_old_java_is_an_error(
    version: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    a_java(tmp_path, version)
    with pytest.raises(SkypileError, match=said):
        jvm.check_java()


def test_an_archive_is_there_as_a_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(code: int, text: str) -> Any:
        def fake(argv: list[Any], **_: Any) -> Any:
            if argv[1:2] == ["-version"]:
                return plain(argv, **_)
            Path(argv[-1]).write_text(text)
            return SimpleNamespace(returncode=code, stderr="it broke")

        return fake

    plain = subprocess.run
    archive = jvm.archive_path()
    monkeypatch.setattr(subprocess, "run", run(1, "half"))
    with pytest.raises(SkypileError, match="it broke"):
        jvm.make_archive()
    assert list(archive.parent.iterdir()) == []
    monkeypatch.setattr(subprocess, "run", run(0, "whole"))
    assert jvm.make_archive() == archive
    monkeypatch.setattr(subprocess, "run", run(0, "again"))
    assert jvm.make_archive().read_text() == "whole"


@pytest.mark.slow
def test_the_archive_of_a_real_run_is_used_by_the_next() -> None:
    archive = jvm.make_archive()
    assert archive.stat().st_size > 50 << 20
    script = (
        "from skypile.spark import session\n"
        "spark = session('local[1]', '512m', {'spark.driver.defaultJavaOptions': "
        "'-Xlog:class+load:stdout'})\n"
        "print(spark.range(7).count())\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(jvm.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ
    )
    loaded = [x for x in done.stdout.splitlines() if "org.apache.spark" in x]
    shared = [x for x in loaded if "shared objects file (top)" in x]
    assert len(shared) > len(loaded) / 2 > 500  # the others are made at run time: lambdas


def test_sockets_have_a_folder_of_their_own_with_a_short_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a Unix domain socket has at most 107 bytes: Spark ends with a traceback."""
    short, long = tmp_path / "a", tmp_path / ("中" * 30)
    short.mkdir()
    long.mkdir()
    monkeypatch.setattr(jvm, "MAX_SOCKET_FOLDER_BYTES", len(os.fsencode(short)))
    folder = jvm.socket_folder.__wrapped__
    monkeypatch.setattr(jvm.tempfile, "gettempdir", lambda: str(short))
    made = Path(folder())
    assert made.parent == short
    assert made.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(jvm.tempfile, "gettempdir", lambda: str(long))
    assert Path(folder()).parent == Path("/tmp")
    monkeypatch.setattr(jvm, "MAX_SOCKET_FOLDER_BYTES", 3)
    assert folder() is None
