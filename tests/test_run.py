"""The contracts of a run, on toy stages: reading, measuring, cutting, reuse, staleness, sums."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from skypile.config import Config
from skypile.driver import run_config
from skypile.errors import (
    BalanceError,
    ConfigError,
    InputError,
    RejectBudgetError,
    SkypileError,
    StaleError,
)
from skypile.gc import collect
from skypile.ledger import Ledger
from skypile.lock import held
from tests import toy

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINES = [f"text {i} {'ab' * (i % 17)}|second block {i}|third{'.' * (i % 3)}" for i in range(120)]
NO_RELATE = {"stages": ["lines", "trim"]}


def run(config: Config, start: Callable[[], Any], *only: str, force: bool = False) -> Ledger:
    run_config(config, start, only, force=force, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger


def rows(ledger: Ledger, *tables: str) -> list[Any]:
    """All rows of the tables, sorted by document: what must be the same every time."""
    found = []
    for table in tables:
        own = ledger.table(table).to_pylist()
        found.append(sorted(own, key=lambda r: r["doc_id"]))
    return found


TABLES = ("documents", "records", "verdicts_trim")
ALL_TABLES = (*TABLES, "lengths", "ranks", "verdicts_length")


def test_every_record_is_accounted_for(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    toy.write_lines(tmp_path, "a.txt", [*LINES, "!no", "# not a document", "!neither"])
    toy.write_lines(tmp_path, "d/b.txt", ["中文一行|第二段", "", "x"])
    config = toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 7, "max_blocks": 2})
    ledger = run(config, no_spark)
    funnel = ledger.funnel()
    reads = funnel.reads["web"]
    assert (reads["records"], reads["passed_over"], reads["judged"]) == (126, 1, 125)
    assert (reads["documents"], reads["rejected"]) == (123, {"shouted": 2})
    assert reads["passed_over"] == 1
    (line,) = funnel.lines
    lengths = [sum(map(len, t.split("|"))) for t in [*LINES, "中文一行|第二段", "", "x"]]
    expected = sum(n % 7 == 0 for n in lengths)
    assert line.rows_in == 123
    assert line.dropped == {"divisible": expected}
    assert line.kept == 123 - expected


def test_the_funnel_does_not_add_up_what_does_not_add_up(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(tmp_path, run=NO_RELATE)
    run(config, no_spark)
    path = tmp_path / "run/manifests/trim.cut/web.json"
    manifest = json.loads(path.read_text())
    manifest["counts"]["kept"] -= 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(BalanceError, match="stage trim, web: 120 in, 119 kept"):
        Ledger(config.run.out).funnel()
    manifest["counts"]["dropped"] = {"divisible": 1}  # sums match, but the tables say otherwise
    path.write_text(json.dumps(manifest))
    ledger = Ledger(config.run.out)
    with pytest.raises(BalanceError, match="trim of web: kept: the tables have 120"):
        ledger.recount(ledger.funnel())


def test_the_same_rows_for_any_parts_and_any_order_of_files(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    for i in range(6):
        toy.write_lines(tmp_path, f"f{i}.txt", [f"{i} {t}" for t in LINES])
    trim = {"divisor": 5, "max_blocks": 1}
    seen = []
    for out, part_bytes, paths in (
        ("one", 1 << 20, ["*.txt"]),
        ("many", 2_000, ["*.txt"]),
        ("order", 4_000, ["f5.txt", "f3.txt", "*.txt"]),
    ):
        source = {
            "name": "web",
            "format": "lines",
            "root": "input",
            "paths": paths,
            "category": "webpages",
            "licence": "x",
        }
        config = toy.make_config(
            tmp_path, out=out, part_bytes=part_bytes, sources=[source], run=NO_RELATE, trim=trim
        )
        ledger = run(config, no_spark)
        seen.append(rows(ledger, *TABLES))
        parts = len(ledger.files("documents"))
        assert parts == {"one": 1, "many": 18, "order": 12}[out] or (out != "one" and parts > 6)
    assert seen[0] == seen[1] == seen[2]


def test_moving_the_tree_changes_no_id(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    ids = []
    for base in (tmp_path / "here", tmp_path / "there/far"):
        toy.write_lines(base, "d/a.txt", LINES)
        ids.append(rows(run(toy.make_config(base, run=NO_RELATE), no_spark), *TABLES))
    assert ids[0] == ids[1]


def test_aligned_tables_have_the_same_rows_in_the_same_order(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(
        tmp_path, part_bytes=2_000, trim={"divisor": 3}, length={"min_length": 12}
    )
    ledger = run(config, start)
    documents = ledger.files("documents")
    assert len(documents) > 2
    for table in ("verdicts_trim", "lengths", "ranks", "verdicts_length"):
        for ours, theirs in zip(ledger.files(table), documents, strict=True):
            a, b = (
                pq.read_table(ledger.root.at(f.path), columns=["doc_id"])["doc_id"]
                for f in (ours, theirs)
            )
            assert a == b
    verdicts = ledger.table("verdicts_trim").to_pylist()
    for mine, later, length in zip(
        verdicts,
        ledger.table("verdicts_length").to_pylist(),
        ledger.table("lengths").to_pylist(),
        strict=True,
    ):
        dropped = not mine["kept"]  # dropped earlier: a row with nulls, not judged again
        assert (later["kept"] is None) == dropped == (length["length"] is None)
        assert later["applies"] == (not dropped)


def measured(path: Path) -> list[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return sorted(lines)


def test_loosened_and_tightened_again_equals_a_fresh_run_and_measures_only_what_is_new(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    count = tmp_path / "measured.txt"

    def settle(out: str, drop: int, max_blocks: int = 9) -> tuple[list[Any], Ledger]:
        config = toy.make_config(
            tmp_path,
            out=out,
            part_bytes=2_000,
            trim={"divisor": drop, "max_blocks": max_blocks},
            length={"min_length": 10, "max_rank": 50, "count_file": str(count)},
        )
        ledger = run(config, start)
        return rows(ledger, *ALL_TABLES), ledger

    strict, _ = settle("run", 2)
    first = measured(count)
    assert 0 < len(first) < 120
    loose, ledger = settle("run", 0)  # nothing is dropped before `length` now
    second = measured(count)
    assert len(first) + len(second) == 120
    assert not set(first) & set(second)
    work = ledger.manifests.get("length.measure", "web")
    assert work is not None
    assert (work.work["computed"], work.work["reused"]) == (len(second), len(first))
    assert work.work["task_ms"] > 0
    assert work.work["wall_ms"] > 0
    tight, _ = settle("run", 2)
    assert measured(count) == []
    assert tight == strict
    assert settle("fresh", 2)[0] == strict
    measured(count)
    assert settle("fresh2", 0)[0] == loose
    measured(count)
    settle("run", 2, max_blocks=1)  # other texts are read now: those must be measured
    edited = measured(count)
    assert len(edited) == len(first)
    assert not any("second" in t for t in edited)


def test_a_threshold_reruns_its_cut_and_nothing_dearer(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    said: list[str] = []
    for drop in (2, 3, 3):
        said.clear()
        config = toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": drop})
        run_config(config, no_spark, say=said.append)
    assert said == ["lines.read web: up to date", "trim.cut web: up to date"]
    run_config(
        toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 4}), no_spark, say=said.append
    )
    assert said[2:4] == ["lines.read web: up to date", "trim.cut web: 6 of 6 parts to do"]
    assert [line.partition(" in ")[0] for line in said[4:]] == ["trim.cut web: 120 documents"]


def test_a_stale_table_is_not_added_up_and_not_built_on(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(tmp_path, run=NO_RELATE)
    run(config, no_spark)
    toy.write_lines(tmp_path, "a.txt", [*LINES[5:], "one more"])
    with pytest.raises(StaleError, match=r"lines \(read, source web\) is stale.*--stage lines"):
        run(config, no_spark, "trim")
    funnel = run_config(config, no_spark, ["lines"], say=lambda _: None)
    assert funnel.reads["web"]["documents"] == 116
    assert funnel.pending == ("trim",)
    ledger = Ledger(config.run.out)
    stale = r"trim\.cut/web is stale: lines\.read/web moved"
    with pytest.raises(StaleError, match=stale):
        ledger.funnel()
    with pytest.raises(StaleError, match=stale):  # old verdicts are not laid on new documents
        next(ledger.texts("trim"))
    assert run(config, no_spark).funnel().lines[0].rows_in == 116


def test_a_setting_or_a_list_of_stages_that_changed_makes_stale(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    run(toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 2}), no_spark)
    run_config(
        toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 3}),
        no_spark,
        ["lines"],
        say=lambda _: None,
    )
    with pytest.raises(StaleError, match="was computed with other settings or code"):
        Ledger(str(tmp_path / "run")).funnel()


def test_a_crawl_that_grows_by_a_file_reads_only_what_is_new(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(tmp_path, part_bytes=2_000, run=NO_RELATE)
    run(config, no_spark)
    toy.write_lines(tmp_path, "z.txt", [f"new {t}" for t in LINES])
    said: list[str] = []
    run_config(config, no_spark, say=said.append)
    line, done = (s for s in said if s.startswith("lines.read"))
    assert done.startswith("lines.read web: 120 records in ")
    assert line == "lines.read web: 4 of 7 parts to do, 3 were done before"
    fresh = run(toy.make_config(tmp_path, out="fresh", part_bytes=2_000, run=NO_RELATE), no_spark)
    assert rows(Ledger(config.run.out), *TABLES) == rows(fresh, *TABLES)


def test_touching_a_file_recomputes_nothing(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(tmp_path, run=NO_RELATE)
    run(config, no_spark)
    os.utime(tmp_path / "input/a.txt", ns=(1, 1))
    said: list[str] = []
    run_config(config, no_spark, say=said.append)
    assert said[0].startswith("plan web: 1 files")
    assert said[1:] == ["lines.read web: up to date", "trim.cut web: up to date"]


def test_a_file_that_changes_between_planning_and_reading_is_refused(
    tmp_path: Path, no_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from skypile import tasks

    toy.write_lines(tmp_path, "a.txt", LINES)
    path = tmp_path / "input/a.txt"
    real = tasks.run_task
    planned = path.read_bytes()

    for changed in (planned.replace(b"text 3 ", b"text 4 "), planned + b"more\n"):
        path.write_bytes(planned)

        def meddle(task: Any, changed: bytes = changed) -> Any:
            path.write_bytes(changed)
            return real(task)

        monkeypatch.setattr(tasks, "run_task", meddle)
        with pytest.raises(InputError, match=r"a\.txt is not the file that was planned"):
            run(toy.make_config(tmp_path, run=NO_RELATE), no_spark)
        assert not (tmp_path / "run/manifests/lines.read/web.json").exists()


def test_a_source_that_rejects_too_much_fails_the_run_each_time(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["!x", "!y", "z"])
    config = toy.make_config(tmp_path, run=NO_RELATE)
    for _ in range(2):
        with pytest.raises(RejectBudgetError, match=r"web: 2 of 3 records \(66\.7%\).*shouted 2"):
            run(config, no_spark)


def test_sources_are_independent_and_stages_apply_where_they_should(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    toy.write_lines(tmp_path, "b.txt", ["abc", "abcd"])

    def source(name: str, path: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "format": "lines",
            "root": "input",
            "paths": [path],
            "category": "webpages",
            "licence": "x",
            **more,
        }

    trim = {"divisor": 3}
    web = source("web", "a.txt")
    books = source("books", "b.txt", stages=["lines"])
    run(toy.make_config(tmp_path, sources=[web], run=NO_RELATE, trim=trim), no_spark)
    said: list[str] = []
    both = toy.make_config(tmp_path, sources=[web, books], run=NO_RELATE, trim=trim)
    run_config(both, no_spark, say=said.append)
    assert "lines.read web: up to date" in said
    assert "trim.cut web: up to date" in said
    assert "lines.read books: 1 of 1 parts to do" in said
    ledger = Ledger(both.run.out)
    of_books = [
        r
        for f in ledger.files("verdicts_trim")
        if f.source == "books"
        for r in pq.read_table(ledger.root.at(f.path)).to_pylist()
    ]
    assert [(r["applies"], r["kept"], r["reason"]) for r in of_books] == [(False, True, None)] * 2
    line = next(n for n in ledger.funnel().lines if n.source == "books")
    assert (line.applies, line.kept) == (False, 2)


def test_a_hash_sample_is_a_subset_with_its_own_sums(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    whole = toy.make_config(tmp_path, run=NO_RELATE)
    everything = set(run(whole, no_spark).table("documents")["doc_id"].to_pylist())
    sample = run(whole.sampled(0.3), no_spark)
    some = set(sample.table("documents")["doc_id"].to_pylist())
    assert some < everything
    assert 15 < len(some) < 60
    assert sample.funnel().reads["web"]["sampled_out"] == 120 - len(some)


def test_the_same_file_in_two_sources_is_refused(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    toy.write_lines(tmp_path, "copy/b.txt", LINES)
    with pytest.raises(InputError, match=r"a\.txt \(source web\) and copy/b\.txt \(source web\)"):
        run(toy.make_config(tmp_path, run=NO_RELATE), no_spark)


def test_gc_removes_what_no_manifest_lists_and_nothing_else(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    config = toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 2})
    run(config, no_spark)
    config = toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 3})
    before = rows(run(config, no_spark), *TABLES)
    stray = tmp_path / f"run/documents/web/{'0' * 32}/part-00000-{'0' * 12}.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"half")
    would = {f.path for f in collect(config.run.out, dry_run=True)}
    assert stray.exists()
    assert {f.path for f in collect(config.run.out)} == would
    assert not stray.parent.exists()
    assert any(p.startswith("verdicts_trim/") for p in would)  # the cut by 2
    assert not any(p.startswith("documents/web/") and "0" * 32 not in p for p in would)
    assert rows(Ledger(config.run.out), *TABLES) == before
    assert rows(run(config, no_spark), *TABLES) == before
    assert collect(config.run.out) == []
    with held(Ledger(config.run.out).root, "run"):
        lock = tmp_path / "run/lock.json"
        with pytest.raises(SkypileError, match="is in use: `skypile run` on"):
            collect(config.run.out)  # in this very process, too
        lock.write_text(lock.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
        with pytest.raises(SkypileError, match="process 1; if that has ended"):
            collect(config.run.out)
    lock.write_text(lock.read_text().replace('"pid": 1', '"pid": 99999999'))
    assert collect(config.run.out) == []  # its process is gone: taken over


def test_gc_touches_nothing_that_a_run_did_not_write(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    outer = toy.make_config(tmp_path, out="corpus", run=NO_RELATE)
    inner = toy.make_config(tmp_path, out="corpus/2023", run=NO_RELATE)
    run(outer, no_spark)
    before = rows(run(inner, no_spark), *TABLES)
    notes = tmp_path / "corpus/NOTES.md"
    notes.write_text("mine")
    collect(outer.run.out)
    assert notes.exists()
    assert rows(Ledger(inner.run.out), *TABLES) == before
    with pytest.raises(ConfigError, match="lie inside each other"):
        toy.make_config(tmp_path, out="input/run")
    with pytest.raises(ConfigError, match="lie inside each other"):
        toy.make_config(tmp_path, out=".")


def test_force_takes_nothing_over_and_recount_sees_damage(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES[:30])
    count = tmp_path / "measured.txt"
    config = toy.make_config(tmp_path, length={"count_file": str(count)})
    ledger = run(config, start)
    assert len(measured(count)) == 30
    (entry, *_) = ledger.files("lengths")
    victim = Path(ledger.root.at(entry.path))
    data = bytearray(victim.read_bytes())
    data[100] ^= 1
    victim.write_bytes(bytes(data))
    with pytest.raises(StaleError, match="is not the file that was committed.*--force"):
        ledger.recount(ledger.funnel())
    run_config(config, start, ["length"], force=True, say=lambda _: None)
    assert len(measured(count)) == 30
    again = Ledger(config.run.out)
    again.recount(again.funnel())


def test_files_changed_from_outside_are_noticed(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    ledger = run(toy.make_config(tmp_path, run=NO_RELATE), no_spark)
    victim = Path(ledger.root.at(ledger.files("documents")[0].path))
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(StaleError, match="changed from outside"):
        run(toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 9}), no_spark)


def test_an_empty_input_and_a_source_without_documents(
    tmp_path: Path, start: "Callable[[], SparkSession]"
) -> None:
    toy.write_lines(tmp_path, "a.txt", [])
    toy.write_lines(tmp_path, "b.txt", ["# nothing"])
    config = toy.make_config(tmp_path, run={"stages": ["lines", "trim"]})
    funnel = run(config, start).funnel()
    assert funnel.reads["web"]["judged"] == 0
    assert funnel.lines[0].rows_in == 0
    with pytest.raises(InputError, match="no file matches"):
        (tmp_path / "empty/input").mkdir(parents=True)
        run(toy.make_config(tmp_path / "empty"), start)


def test_why_follows_a_record_through_the_stages(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["!loud", "abc", "abcd"])
    config = toy.make_config(
        tmp_path,
        run=NO_RELATE,
        trim={"divisor": 3},
        sources=[
            {
                "name": "web",
                "format": "lines",
                "root": "input",
                "paths": ["**"],
                "category": "webpages",
                "licence": "x",
                "max_reject_fraction": 1.0,
            }
        ],
    )
    ledger = run(config, no_spark)
    (loud,) = ledger.why("http://toy.example/a.txt/0")
    assert loud["record"]["reason"] == "shouted"
    assert "documents" not in loud
    (abc,) = ledger.why("http://toy.example/a.txt/1")
    assert list(abc) == ["record", "documents", "verdicts_trim"]
    assert abc["verdicts_trim"]["reason"] == "divisible"
    assert "text" not in abc["documents"]
    assert list(ledger.why(abc["record"]["doc_id"][:9])) == [abc]
    assert list(ledger.why("http://toy.example/none")) == []


def test_texts_are_what_was_kept_after_edits(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    toy.write_lines(tmp_path, "a.txt", ["abc|d", "甲乙|丙|丁", "!no", "xy|z"])
    config = toy.make_config(tmp_path, run=NO_RELATE, trim={"divisor": 3, "max_blocks": 2})
    ledger = run(config, no_spark)
    after = [r for t in ledger.texts("trim") for r in t.select(["url", "text"]).to_pylist()]
    assert after == [
        {"url": "http://toy.example/a.txt/0", "text": "abc\nd"},
        {"url": "http://toy.example/a.txt/1", "text": "甲乙\n丙"},
    ]
    before = [r for t in ledger.texts("lines") for r in t["text"].to_pylist()]
    assert before == ["abc\nd", "甲乙\n丙\n丁", "xy\nz"]
    with pytest.raises(SkypileError, match="no stage 'length'; it has lines, trim"):
        next(ledger.texts("length"))
