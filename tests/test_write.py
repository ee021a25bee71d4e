"""Pieces write and derive: text written once, small files of what earlier stages committed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skypile.config import Config
from skypile.driver import run_config
from skypile.errors import BalanceError, SkypileError, StaleError
from skypile.gc import collect
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import check
from skypile.stage import Write
from tests import toy
from tests.toy_write import FINAL, STAGES, WRITING, make_writer

LINES = [*(f"text a{i}|second b{i}|third{'.' * (i % 5)}" for i in range(40)), "中文一|第二段|第三"]


def configure(base: Path, **sections: Any) -> Config:
    return toy.make_config(base, stages=STAGES, **sections)


def run(config: Config, start: Callable[[], Any], **more: Any) -> tuple[Ledger, list[str]]:
    said: list[str] = []
    run_config(config, start, say=said.append, **more)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger, said


def texts(ledger: Ledger) -> list[str]:
    return sorted(r["text"] for r in ledger.table("final").to_pylist())


def test_what_every_stage_kept_is_written_with_all_edits(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", [*LINES, "!no"])
    config = configure(tmp_path, trim={"divisor": 2}, final={"divisor": 3, "last": True})
    ledger, _ = run(config, no_spark)
    lengths = [sum(map(len, line.split("|"))) for line in LINES]
    kept = [line for line, n in zip(LINES, lengths, strict=True) if n % 2 and n % 3]
    assert 5 < len(kept) < 20
    assert texts(ledger) == sorted("\n".join(t.split("|")[:2]).upper() for t in kept)
    manifest = ledger.manifests.get("final.write", "web")
    assert manifest
    assert manifest.counts["documents"] == manifest.rows["final"] == len(kept)
    assert manifest.counts["letters"] == {"A": len(kept), "B": len(kept)}
    for file in ledger.files("final"):
        table = ledger.read(file)
        assert table.schema == FINAL.schema  # no nulls: rows of what was dropped are not there
        assert file.aligned_to == ""
    assert ledger.funnel().written["documents"] == len(kept)
    again, _ = run(configure(tmp_path, trim={"max_blocks": 1}), no_spark)
    assert texts(again) == sorted(line.split("|")[0].upper() for line in LINES)


def test_rows_are_those_of_documents_in_any_parts(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    for i in range(4):
        toy.write_lines(tmp_path, f"{i}.txt", [f"{i} {line}" for line in LINES])
    digests = []
    for out, part_bytes in (("one", 1 << 20), ("many", 1024)):
        final = {"divisor": 3}
        ledger, _ = run(configure(tmp_path, out=out, part_bytes=part_bytes, final=final), no_spark)
        documents = {
            f.part: ledger.read(f)["doc_id"].to_pylist() for f in ledger.files("documents")
        }
        for file in ledger.files("final"):
            table = ledger.read(file)
            rows = table["row"].to_pylist()
            assert rows == sorted(rows)
            assert table["doc_id"].to_pylist() == [documents[file.part][row] for row in rows]
        assert len(documents) == len(ledger.files("final"))
        digests.append(ledger.digest("final"))
    assert len(documents) > 4
    assert digests[0] == digests[1]


def test_text_is_written_again_only_where_something_moved(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    for i in range(3):
        toy.write_lines(tmp_path, f"{i}.txt", [f"{i} {line}" for line in LINES])
    first, said = run(configure(tmp_path), no_spark)
    paths = [f.path for f in first.files("final")]
    parts = len(paths)
    assert parts > 3
    assert f"final.write web: {parts} of {parts} parts to do" in said
    _, said = run(configure(tmp_path), no_spark)
    assert "final.write web: up to date" in said
    # One more file: one more part.
    toy.write_lines(tmp_path, "9.txt", LINES)
    more, said = run(configure(tmp_path), no_spark)
    now = len(more.files("final"))
    assert f"final.write web: {now - parts} of {now} parts to do, {parts} were done before" in said
    assert [f.path for f in more.files("final")][:parts] == paths
    # Other verdicts, other texts; and back again to the files that lie there.
    other, _ = run(configure(tmp_path, final={"divisor": 2}), no_spark)
    assert not {f.path for f in other.files("final")} & {*paths}
    back, said = run(configure(tmp_path), no_spark)
    assert f"final.write web: 0 of {now} parts to do, {now} were done before" in said
    assert [f.path for f in back.files("final")] == [f.path for f in more.files("final")]
    # What the write alone decides, and force.
    small, said = run(configure(tmp_path, final={"upper": False}), no_spark)
    assert f"final.write web: {now} of {now} parts to do" in said
    assert "final.cut web: up to date" in said
    assert texts(small) == sorted(t.lower() for t in texts(more))
    _, said = run(configure(tmp_path, final={"upper": False}), no_spark, only=["final"], force=True)
    assert f"final.write web: {now} of {now} parts to do" in said
    unlisted = {f.path for f in collect(str(tmp_path / "run"))}
    assert {*paths} <= unlisted
    ledger, _ = run(configure(tmp_path, final={"upper": False}), no_spark)
    assert texts(ledger) == texts(small)


def test_empty_parts_and_sources_that_it_does_not_apply_to(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    for i in range(3):
        toy.write_lines(tmp_path, f"{i}.txt", [f"!{i}" + "x" * 1100])
    toy.write_lines(tmp_path, "apart/a.txt", LINES[:3])
    sources = [
        {
            "name": name,
            "format": "lines",
            "root": root,
            "paths": ["*.txt"],
            "category": "webpages",
            "licence": "test",
            "max_reject_fraction": 1.0,
            **more,
        }
        for name, root, more in (
            ("none", "input", {}),
            ("apart", "input/apart", {"skip_stages": ["final"]}),
        )
    ]
    ledger, _ = run(configure(tmp_path, sources=sources), no_spark)
    files = ledger.files("final")
    assert [(f.source, f.part, f.rows) for f in files] == [
        ("none", 0, 0),
        ("none", 1, 0),
        ("none", 2, 0),
        ("apart", 0, 0),
    ]
    assert len({f.path for f in files}) == 4
    line = next(x for x in ledger.funnel().lines if (x.stage, x.source) == ("final", "apart"))
    assert (line.kept, line.applies) == (3, False)


def test_a_careless_writer(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    with pytest.raises(ValueError, match=r"final\.write: the kernel did not return the rows"):
        run(configure(tmp_path, final={"reverse": True}), no_spark)


def test_only_measures_and_writes_see_text() -> None:
    greedy = replace(WRITING, write=Write(FINAL, {"documents": ("text",)}, make_writer))
    with pytest.raises(SkypileError, match="only a measure may read text, write asks for it"):
        check((toy.LINES, toy.TRIM, greedy))


def test_files_derived_from_what_was_committed(tmp_path: Path, no_spark: Callable[[], Any]) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    ledger, _ = run(configure(tmp_path), no_spark)
    path = tmp_path / "run/sum.json"
    assert path.read_text() == "41"
    manifest = ledger.manifests.get("sum.derive", CORPUS)
    assert manifest
    assert manifest.counts == {"rows": 41}
    assert set(manifest.inputs) == {"final.cut/web", "final.write/web"}
    # Its own setting writes it again, and nothing else.
    _, said = run(configure(tmp_path, sum={"times": 2}), no_spark)
    assert path.read_text() == "82"
    assert "final.write web: up to date" in said
    assert "sum.derive _corpus" in said
    # What it was made of moved.
    with pytest.raises(StaleError, match=r"stage final \(cut, source web\) is stale"):
        run_config(configure(tmp_path, final={"divisor": 2}), no_spark, ["sum"], say=print)
    run_config(configure(tmp_path, final={"divisor": 2}), no_spark, ["final"], say=print)
    assert Ledger(str(tmp_path / "run")).funnel(upto="final").pending == ("sum",)
    with pytest.raises(StaleError, match=r"sum\.derive/_corpus is stale"):
        Ledger(str(tmp_path / "run")).funnel()
    # A file of it that somebody changed is noticed, and gc leaves it alone.
    ledger, _ = run(configure(tmp_path), no_spark)
    assert path.read_text() == "41"
    collect(str(tmp_path / "run"))
    ledger.recount(ledger.funnel())
    path.write_text("42")
    with pytest.raises(StaleError, match=r"sum\.json is not the file that was committed"):
        ledger.recount(ledger.funnel())
    with pytest.raises(SkypileError, match="nothing to multiply"):
        run(configure(tmp_path, sum={"times": 0}), no_spark)


def test_the_funnel_checks_that_what_was_kept_was_written(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", LINES)
    run(configure(tmp_path), no_spark)
    path = tmp_path / "run/manifests/final.write/web.json"
    manifest = json.loads(path.read_text())
    manifest["rows"]["final"] -= 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(BalanceError, match="table final, web: 41 documents were kept, 40 are in"):
        Ledger(str(tmp_path / "run")).funnel()
