"""A disk that is full, files that are not what was written: named, mended, the same rows."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from skypile.driver import run_config
from skypile.errors import DamagedError, SkypileError, StaleError
from skypile.files import Root
from skypile.gc import collect
from skypile.ledger import Ledger
from tests import toy
from tests.conftest import REPO
from tests.test_run import ALL_TABLES, LINES, NO_RELATE, TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TRIM = {"divisor": 3, "max_blocks": 1}


def prepare(base: Path) -> None:
    toy.write_lines(base, "a.txt", [*LINES[:60], "中文一行|第二段|第三段"])
    toy.write_lines(base, "b.txt", ["!no", *LINES[60:90]])


def configure(base: Path, **more: Any) -> Any:
    return toy.make_config(base, part_bytes=2_000, **{"run": NO_RELATE, "trim": TRIM, **more})


def run(config: Any, start: Callable[[], Any], *only: str, force: bool = False) -> list[str]:
    said: list[str] = []
    run_config(config, start, only, force=force, say=said.append)
    return said


def digests(base: Path, tables: tuple[str, ...] = TABLES) -> list[str]:
    """Of the rows of each table; the funnel's sums are counted again."""
    ledger = Ledger(str(base / "run"))
    ledger.recount(ledger.funnel())
    return [ledger.digest(t) for t in tables]


@pytest.fixture
def whole(tmp_path: Path, no_spark: Callable[[], Any]) -> list[str]:
    """The digests of a run that nothing disturbed."""
    prepare(tmp_path / "whole")
    run(configure(tmp_path / "whole"), no_spark)
    return digests(tmp_path / "whole")


class FullDisk:
    """Writes of all files together up to `room` bytes; then no space is left on the device."""

    def __init__(self, room: int) -> None:
        self.room, self.wrote = room, 0

    def create(self, real: Any) -> Any:
        disk = self

        class Stream:
            def __init__(self, stream: Any) -> None:
                self._stream = stream

            def write(self, data: Any) -> Any:
                data = memoryview(data).cast("B")
                fits = data[: max(0, disk.room - disk.wrote)]
                disk.wrote += len(fits)
                self._stream.write(fits)
                if len(fits) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            def __getattr__(self, name: str) -> Any:
                return getattr(self._stream, name)

        @contextmanager
        def create(root: Root, path: str) -> Any:
            with real(root, path) as stream:
                yield Stream(stream)

        return create


def test_a_disk_that_is_full_at_any_moment_leaves_nothing_half_done(
    tmp_path: Path, no_spark: Callable[[], Any], whole: list[str]
) -> None:
    real = Root.create
    counting = FullDisk(1 << 40)
    prepare(tmp_path / "size")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Root, "create", counting.create(real))
        run(configure(tmp_path / "size"), no_spark)
    base = tmp_path / "full"
    prepare(base)
    met = 0
    for room in range(0, counting.wrote, counting.wrote // 12):  # what was done before stays done
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Root, "create", FullDisk(room).create(real))
            with suppress(OSError):
                run(configure(base), no_spark)
                continue
            met += 1
    assert met >= 6
    run(configure(base), no_spark)
    assert digests(base) == whole
    collect(str(base / "run"))
    assert digests(base) == whole
    assert not [*base.rglob("*.tmp")]


@pytest.mark.parametrize("where", ["data", "footer", "magic", "short", "gone"])
def test_a_damaged_file_of_a_finished_table_is_named_with_what_to_run_again(
    tmp_path: Path, no_spark: Callable[[], Any], whole: list[str], where: str
) -> None:
    base = tmp_path / "whole"
    ledger = Ledger(str(base / "run"))
    victim = base / "run" / ledger.files("documents")[1].path
    data = bytearray(victim.read_bytes())
    column = pq.ParquetFile(victim).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    match where:
        case "short":
            data = data[:-1]
        case "magic":
            data[:4], data[-4:] = b"XXXX", b"XXXX"
        case "data":
            data[start + column.total_compressed_size - 9] ^= 0x10
        case "footer":
            first = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
            data[first : first + 16] = bytes(16)
    victim.unlink()
    if where != "gone":
        victim.write_bytes(bytes(data))
    other = configure(base, trim={"divisor": 5})  # what reads it is due
    with pytest.raises(DamagedError) as damaged:
        run(other, no_spark)
    assert str(victim) in str(damaged.value)
    assert "`skypile run --stage lines --force`" in str(damaged.value)
    with pytest.raises((StaleError, OSError)):
        ledger.recount(ledger.funnel())
    run(other, no_spark, "lines", force=True)
    run(configure(base), no_spark)
    assert digests(base) == whole


def test_every_byte_of_a_column_that_flips_is_noticed(
    tmp_path: Path, no_spark: Callable[[], Any], whole: list[str]
) -> None:
    """Parquet by itself notices few of them: a page is decompressed without a checksum."""
    from skypile.lineage import Lineage
    from skypile.manifests import Manifests

    config = configure(tmp_path / "whole")
    lineage = Lineage(config, Manifests(Root(config.run.out)))
    part = lineage.part_files(config.stages[1], "cut", "web")[0]
    victim = tmp_path / "whole/run" / part.paths["documents"].path
    group = pq.ParquetFile(victim).metadata.row_group(0)
    names = [group.column(i).path_in_schema for i in range(group.num_columns)]
    column = group.column(names.index("chars"))
    before = victim.read_bytes()
    start = column.dictionary_page_offset or column.data_page_offset
    for at in range(start, start + column.total_compressed_size):
        flipped = bytearray(before)
        flipped[at] ^= 1
        victim.write_bytes(bytes(flipped))
        try:
            part.narrow({"documents": ("chars",)})
        except DamagedError:
            continue
        # A bit of a page's header that changes nothing of what is read (statistics, say).
        victim.write_bytes(before)
        expected = part.narrow({"documents": ("chars",)})
        victim.write_bytes(bytes(flipped))
        assert part.narrow({"documents": ("chars",)}) == expected, at
    victim.write_bytes(before)


def test_half_written_manifests_lists_and_receipts(
    tmp_path: Path, no_spark: Callable[[], Any], whole: list[str]
) -> None:
    base = tmp_path / "whole"
    found = sorted((base / "run/manifests").rglob("*.json"))
    committed = [p for p in found if p.parent.parent.name == "manifests"]
    assert len(committed) == 3  # the plan's, two stages'
    for path in committed:
        data = path.read_bytes()
        for half in (b"", data[: len(data) // 2]):
            path.write_bytes(half)
            with pytest.raises(SkypileError, match="is not a manifest") as refused:
                run(configure(base), no_spark)
            assert str(path) in str(refused.value)
            path.unlink()  # as it says
            said = run(configure(base), no_spark)
            assert not any("0 were done" in line for line in said)
            assert digests(base) == whole
    lists = sorted((base / "run/manifests").rglob("files.parquet"))
    assert len(lists) == 3
    for path in lists:
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(SkypileError, match=r"files\.parquet cannot be read; delete") as refused:
            run(configure(base), no_spark)
            digests(base)  # a list that no later stage reads
        Path(str(refused.value).partition("delete ")[2].partition(" and run")[0]).unlink()
        run(configure(base), no_spark)
        assert digests(base) == whole
    receipts = sorted((base / "run/receipts").rglob("*.json"))
    for path in receipts[::2]:
        path.write_bytes(path.read_bytes()[:30])
    for path in committed:
        path.unlink()
    said = run(configure(base), no_spark)
    assert any("were done before" in line for line in said)
    assert digests(base) == whole
    collect(str(base / "run"))
    assert digests(base) == whole


def test_an_input_that_changes_between_stages_is_refused_until_it_is_read_again(
    tmp_path: Path, no_spark: Callable[[], Any], whole: list[str]
) -> None:
    base = tmp_path / "changing"
    prepare(base)
    run(configure(base), no_spark, "lines")
    path = base / "input/a.txt"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"text 3 ", b"text 4 "))  # of the same length
    with pytest.raises(StaleError, match=r"stage lines \(read, source web\) is stale"):
        run(configure(base), no_spark, "trim")
    assert not (base / "run/manifests/trim.cut/web.json").exists()
    path.write_bytes(before)  # the same bytes, another time stamp: nothing is stale
    said = run(configure(base), no_spark, "trim")
    assert "lines.read web: up to date" in said
    assert digests(base) == whole


def test_a_second_run_on_one_folder_is_refused_while_the_first_is_at_work(
    tmp_path: Path, whole: list[str]
) -> None:
    base = tmp_path / "twice"
    prepare(base)
    line = [sys.executable, "-m", "tests.killable", str(base)]
    env = {**os.environ, "KILLABLE_WAIT": str(tmp_path / "go"), "COLUMNS": "100"}
    pipe = subprocess.PIPE
    first = subprocess.Popen(line, cwd=REPO, env=env, stdout=pipe, stderr=pipe, text=True)
    assert first.stdout
    try:
        assert first.stdout.readline() == "waiting\n"  # in the middle of its first part
        second = subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False)
        assert second.returncode != 0
        assert f"is in use: `skypile run` on {os.uname().nodename}" in second.stderr
        assert f"process {first.pid}" in second.stderr
    finally:
        (tmp_path / "go").touch()
        _, errors = first.communicate()
    assert first.returncode == 0, errors
    assert digests(base) == whole
    third = subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False)
    assert third.returncode == 0, third.stderr


@pytest.mark.slow
def test_a_file_system_that_is_full_and_grows(tmp_path: Path, whole: list[str]) -> None:
    """A real one: a tmpfs of a few kilobytes, which is made larger from run to run."""
    base = tmp_path / "small"
    prepare(base)
    (base / "run").mkdir()
    script = """
        mount -t tmpfs -o size=16k none "$1/run" || exit 77
        failed=0
        for size in 32k 64k 96k 128k 192k 256k 16m; do
          "$2" -m tests.killable "$1" > "$1/said" 2>&1 && break
          grep -q "No space left on device" "$1/said" || { cat "$1/said"; exit 1; }
          failed=$((failed + 1))
          mount -o remount,size=$size "$1/run"
        done
        [ $failed -gt 1 ] || { echo "never full"; exit 1; }
        cp -r "$1/run" "$1/copy"
    """
    if not shutil.which("unshare"):
        pytest.skip("no unshare")
    line = ["unshare", "-m", "sh", "-c", script, "sh", str(base), sys.executable]
    done = subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("mounts are not allowed here")
    assert done.returncode == 0, done.stdout + done.stderr
    (base / "run").rmdir()
    (base / "copy").rename(base / "run")
    assert digests(base) == whole


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("how", ["signal", "memory"])
def test_a_python_worker_that_is_killed_is_replaced_and_the_run_goes_on(
    tmp_path: Path, how: str, start: "Callable[[], SparkSession]"
) -> None:
    sections: dict[str, Any] = {"run": {}, "length": {"min_length": 9, "max_rank": 60}}
    for name in ("plain", "killed"):
        prepare(tmp_path / name)
    run(configure(tmp_path / "plain", **sections), start)
    crash = {"crash_on": LINES[70], "crash_how": how, "crash_once": str(tmp_path / "crashed")}
    code = (
        "import json, sys; from pathlib import Path; from tests import test_damage as t;"
        "from skypile.spark import session; from skypile.driver import run_config;"
        "c = t.configure(Path(sys.argv[1]), **json.loads(sys.argv[2]));"
        "conf = {'spark.sql.shuffle.partitions': '2'};"
        "run_config(c, lambda: session('local[2,4]', '1g', conf), say=print)"
    )
    given = json.dumps({**sections, "lines": crash})
    line = [sys.executable, "-c", code, str(tmp_path / "killed"), given]
    loud = {**os.environ, "SKYPILE_VERBOSE": "1"}  # what Spark says of its workers
    done = subprocess.run(line, cwd=REPO, capture_output=True, text=True, env=loud, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "crashed").exists()
    said = {"signal": "Python worker exited unexpectedly", "memory": "MemoryError"}[how]
    assert said in done.stderr
    assert digests(tmp_path / "killed", ALL_TABLES) == digests(tmp_path / "plain", ALL_TABLES)
