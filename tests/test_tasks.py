"""What a kernel owes is checked where its rows are written: a careless one fails its task."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skypile.driver import run_config
from skypile.errors import RejectBudgetError, SkypileError
from skypile.lineage import Lineage
from skypile.manifests import CORPUS, Manifests
from skypile.reads import Read, Row
from skypile.stage import Cut
from skypile.tables import Table
from skypile.tasks import read as reading
from skypile.tasks.measure import input_digests
from tests import toy
from tests.test_run import NO_RELATE


class LosesEveryThird(toy.LinesKernel):
    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Row, Row | None]]:
        rows = list(super().__call__(*args, **kwargs))
        self._log["judged"] = len(rows) - len(rows) // 3
        yield from (r for i, r in enumerate(rows) if i % 3 != 2)


class Changes(toy.LinesKernel):
    """Changes one thing about each document."""

    what: tuple[str, Any] = ("", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Row, Row | None]]:
        for record, document in super().__call__(*args, **kwargs):
            yield record, {**document, self.what[0]: self.what[1]} if document else None


class OwnLines(Changes):
    what = ("text", "a\nb\nc")


class OtherDigest(Changes):
    what = ("text_digest", "0" * 32)


class OtherId(Changes):
    what = ("doc_id", "0" * 32)


class InventsReasons(toy.LinesKernel):
    def __call__(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Row, Row | None]]:
        for record, _ in super().__call__(*args, **kwargs):
            yield {**record, "kept": False, "reason": "whim"}, None


class OnlyDamage(toy.LinesKernel):
    def __call__(self, stream: Any, **kwargs: Any) -> Iterator[tuple[Row, Row | None]]:
        stream.read()
        damage = {"offset": 0, "reason": "not_a_warc", "detail": "?"}
        self._log = {
            "records": 0,
            "judged": 0,
            "sampled_out": 0,
            "passed_over": [],
            "damages": [damage],
        }
        yield from ()


def with_reader(kernel: Any) -> tuple[Any, ...]:
    read = Read(make_kernel=kernel, formats={"lines": toy.line_cut_points})
    return (replace(toy.LINES, read=read), toy.TRIM)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (LosesEveryThird, "records do not add up"),
        (OwnLines, "id, blocks or digest do not fit"),
        (OtherDigest, "id, blocks or digest do not fit"),
        (OtherId, "id, blocks or digest do not fit"),
        (InventsReasons, "reason 'whim' is not on the stage's list"),
    ],
)
def test_a_careless_reader(
    tmp_path: Path, no_spark: Callable[[], Any], kernel: Any, message: str
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["one|two", "three", "four", "five"])
    config = toy.make_config(tmp_path, stages=with_reader(kernel), run=NO_RELATE)
    with pytest.raises(ValueError, match=message):
        run_config(config, no_spark, say=lambda _: None)


def test_ordinals_that_planning_and_reading_count_differently(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    def wrong(stream: Any, every: int) -> list[tuple[int, int]]:
        return [(o, n - 1) for o, n in toy.line_cut_points(stream, every)]

    read = replace(toy.LINES.read, formats={"lines": wrong})  # type: ignore[type-var]
    wrong.__module__ = "tests.toy"
    stages = (replace(toy.LINES, read=read), toy.TRIM)
    toy.write_lines(tmp_path, "a.txt", ["x" * 50] * 200)
    config = toy.make_config(tmp_path, stages=stages, run=NO_RELATE, part_bytes=2_000)
    with pytest.raises(ValueError, match="planning counted"):
        run_config(config, no_spark, say=lambda _: None)


def test_a_source_of_which_nothing_could_be_read(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["x"])
    config = toy.make_config(tmp_path, stages=with_reader(OnlyDamage), run=NO_RELATE)
    with pytest.raises(RejectBudgetError, match="not one record could be read"):
        run_config(config, no_spark, say=lambda _: None)


def cut_of(change: Callable[[dict[str, list[Any]]], None]) -> tuple[Any, ...]:
    def make(config: Any, facts: Any) -> Any:
        def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
            n = batch.num_rows
            columns: dict[str, list[Any]] = {
                "doc_id": batch["doc_id"].to_pylist(),
                "kept": [True] * n,
                "reason": [None] * n,
                "removed_blocks": [None] * n,
            }
            change(columns)
            ints = pa.list_(pa.int32())
            types = [pa.string(), pa.bool_(), pa.string(), ints]
            return pa.RecordBatch.from_arrays(
                [pa.array(c, t) for c, t in zip(columns.values(), types, strict=True)],
                names=list(columns),
            )

        return kernel

    return (toy.LINES, replace(toy.TRIM, cut=Cut({"documents": ("chars",)}, make)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["doc_id"].reverse(), "did not return the rows it was given"),
        (lambda c: [v.pop() for v in c.values()], "did not return the rows it was given"),
        (lambda c: c.update(kept=[False] * 4), "kept and reason do not agree"),
        (lambda c: c.update(reason=["divisible"] * 4), "kept and reason do not agree"),
        (lambda c: c.update(kept=[False] * 4, reason=["whim"] * 4), "'whim' is not on the stage"),
        (lambda c: c.update(removed_blocks=[[7], None, None, None]), r"removed_blocks \[7\]"),
        (lambda c: c.update(removed_blocks=[[-1], None, None, None]), r"removed_blocks \[-1\]"),
        (lambda c: c.update(removed_blocks=[[1, 1], None, None, None]), r"removed_blocks \[1, 1\]"),
        (lambda c: c.update(removed_blocks=[[1, 0], None, None, None]), r"removed_blocks \[1, 0\]"),
    ],
)
def test_a_careless_cut(
    tmp_path: Path, no_spark: Callable[[], Any], change: Any, message: str
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["one|two", "three", "four", "five"])
    config = toy.make_config(tmp_path, stages=cut_of(change), run=NO_RELATE)
    with pytest.raises(ValueError, match=message):
        run_config(config, no_spark, say=lambda _: None)


def test_a_measured_row_is_known_by_all_that_its_measure_reads() -> None:
    want = np.array([True, True, False])
    only_text = pa.table({"doc_id": ["a", "b", "c"]})
    assert input_digests(["1", "2", "3"], only_text, want) == ["1", "2", ""]
    titled = only_text.append_column("title", pa.array(["x", "题", "z"]))
    other = only_text.append_column("title", pa.array(["x", "題", "z"]))
    first, second = (input_digests(["1", "2", "3"], t, want) for t in (titled, other))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_order_of_sources_is_part_of_what_relates_them(tmp_path: Path) -> None:
    toy.write_lines(tmp_path, "a.txt", ["x"])

    def own(*names: str) -> str:
        sources = [
            {
                "name": n,
                "format": "lines",
                "root": "input",
                "paths": ["*"],
                "category": "webpages",
                "licence": "x",
            }
            for n in names
        ]
        config = toy.make_config(tmp_path, sources=sources)
        lineage = Lineage(config, Manifests(None))  # type: ignore[arg-type]
        return lineage.own(toy.LENGTH, "relate", CORPUS)

    assert own("web", "books") != own("books", "web")


def test_an_executor_with_other_code_is_refused(
    tmp_path: Path, no_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from skypile import tasks

    monkeypatch.setattr(tasks, "code_of", lambda stage: "another")
    real = tasks.run_task

    def on_executor(task: Any) -> Any:
        return real(replace(task, code="the driver's"))

    monkeypatch.setattr(tasks, "run_task", on_executor)
    toy.write_lines(tmp_path, "a.txt", ["x"])
    with pytest.raises(SkypileError, match="an executor has another version"):
        run_config(toy.make_config(tmp_path, run=NO_RELATE), no_spark, say=lambda _: None)


COLUMNS = ("text", "title", "url")


@pytest.mark.parametrize("column", COLUMNS)
def test_batches_of_rows_that_are_read_are_bounded_by_characters(column: str) -> None:
    """Of any column: 256 titles of 8 MB, as hostile pages have them, are 2 GB."""
    table = Table("t", pa.schema([(name, pa.string()) for name in COLUMNS]), (), "")
    written: list[int] = []

    class Out:
        def write(self, name: str, schema: pa.Schema, batch: pa.RecordBatch) -> None:
            written.append(batch.num_rows)

    rows = reading._Rows(table, Out())  # type: ignore[arg-type]
    empty = dict.fromkeys(COLUMNS)
    for _ in range(10):
        rows.add({**empty, column: "x" * (reading.BATCH_CHARS // 2)})
    rows.add(empty)
    rows.flush()
    assert written == [2, 2, 2, 2, 2, 1]
