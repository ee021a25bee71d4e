"""What a user types and sees: the commands, their errors, their exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPO

if TYPE_CHECKING:
    pass


def skypile(*arguments: str, cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skypile.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.spark
def test_the_sample_has_the_fate_that_its_truth_says(finished: Path) -> None:
    from skypile.reader import RunReader

    run = RunReader(str(finished / "runs/demo/out"))
    rows = [r for r in run.table("records").to_pylist() if r["source"] == "web"]
    records = {r["record_id"]: r for r in rows if r["url"]}
    verdicts = {v["doc_id"]: v for v in run.table("verdicts_extract").to_pylist()}
    truth = [
        json.loads(line)
        for line in (finished / "runs/demo/input/truth.jsonl")
        .read_text(encoding="utf8")
        .splitlines()
    ]
    assert len(rows) == len(truth) == 60
    fates = {}
    for record in rows:
        verdict = verdicts.get(record["doc_id"])
        fate = record["reason"] or (verdict and verdict["reason"]) or "kept"
        fates.setdefault(f"{record['record_id']} {record['url']}", []).append(fate)
    expected = {}
    for line in truth:
        expected.setdefault(f"urn:uuid:{line['record_id']} {line['url']}", []).append(
            line["expect"]["extract"]
        )
    assert {k: sorted(v) for k, v in fates.items()} == {k: sorted(v) for k, v in expected.items()}
    assert len(records) == 59


@pytest.mark.spark
def test_the_sample_is_extracted_to_its_gold_text(finished: Path) -> None:
    from skypile.reader import RunReader

    run = RunReader(str(finished / "runs/demo/out"))
    texts = {r["url"]: r["text"] for t in run.texts("extract") for r in t.to_pylist()}
    missing, count = [], 0
    for line in (finished / "runs/demo/input/truth.jsonl").read_text(encoding="utf8").splitlines():
        truth = json.loads(line)
        if truth["gold_text"] and not truth["python"]:
            found = texts[truth["url"]].split("\n")
            wanted = [text for kind, text in truth["blocks"] if kind == "p"]
            missing += [(truth["url"], truth["template"], p) for p in wanted if p not in found]
            count += len(wanted)
    # What is lost is of forums that show each paragraph as a post of its own: one post is taken.
    assert {template for _, template, _ in missing} <= {"thread"}
    assert len(missing) < 0.05 * count


@pytest.mark.spark
def test_the_sample_is_scored_against_its_truth(finished: Path) -> None:
    from skypile.errors import SkypileError
    from skypile.reader import RunReader
    from skypile.sample.truth import load_truth, score

    out, path = str(finished / "runs/demo/out"), finished / "runs/demo/input/truth.jsonl"
    shown = skypile("truth", out, str(path))
    assert shown.returncode == 0, shown.stderr
    assert "truncated_record" in shown.stdout
    rows = json.loads(skypile("truth", out, str(path), "--json").stdout)
    by_stage = [r for r in rows if r["stage"] == "extract"]
    kept, *others = [r for r in by_stage if not r["what"].startswith("words")]
    assert kept["what"] == "kept"
    assert sum(r["n"] for r in (kept, *others)) == 60
    assert all(r["precision"] == r["recall"] == 1 for r in (kept, *others))
    words = {r["what"][-2:]: r for r in rows if r["what"].startswith("words")}
    assert words["en"]["f1"] > 0.95
    duplicates = {r["what"][-2:]: r for r in rows if r["stage"] == "dedup"}
    assert all(duplicates[lang]["precision"] == 1 for lang in ("en", "zh"))
    assert all(duplicates[lang]["recall"] > 0.7 for lang in ("en", "zh"))
    assert words["zh"]["f1"] > 0.95

    run = RunReader(out)
    halves = [score(run, load_truth(path, split))[0].n for split in ("tune", "test")]
    assert sum(halves) == kept["n"]
    assert min(halves) >= 10
    truth = load_truth(path)
    key = next(k for k, line in truth.items() if line["kind"] == "page")
    wrong = {**truth, key: {**truth[key], "expect": {"extract": "too_short"}}}
    changed = {row.what: row for row in score(run, wrong)}
    assert changed["kept"].precision == 1 - 1 / kept["n"]
    assert changed["too_short"].recall == changed["too_short"].n ** -1
    with pytest.raises(SkypileError, match="made from this sample"):
        score(run, {**truth, ("sample-00000.warc.gz", 9_999): truth[key]})
    with pytest.raises(SkypileError, match="another one than in the truth"):
        score(run, {**truth, key: {**truth[key], "record_id": "0"}})
    unknown = skypile("truth", out, str(path), "--split", "train")
    assert unknown.returncode == 2
    assert "tune or test" in unknown.stderr


@pytest.mark.spark
def test_the_sample_is_in_the_languages_that_its_truth_says(finished: Path) -> None:
    from skypile.reader import RunReader

    run = RunReader(str(finished / "runs/demo/out"))
    found = {r["doc_id"]: r for r in run.table("language").to_pylist()}
    verdicts = {r["doc_id"]: r for r in run.table("verdicts_language").to_pylist()}
    rows = [r for r in run.table("documents").to_pylist() if r["source"] == "web"]
    urls = {r["doc_id"]: r["url"] for r in rows}
    lines = (finished / "runs/demo/input/truth.jsonl").read_text(encoding="utf8").splitlines()
    kept = [r for r in map(json.loads, lines) if r["expect"]["extract"] == "kept"]
    truth = {r["url"]: r["lang"] for r in kept}
    seen = set()
    for doc_id in urls:
        row = found[doc_id]
        if row["lang"] is None:
            assert verdicts[doc_id]["kept"] is None  # extract dropped it
            continue
        lang, _, script = truth[urls[doc_id]].partition("-")
        family = "zh" if lang in ("zh", "yue", "lzh") else "en" if lang == "en" else "other"
        seen.add(lang)
        assert row["family"] == family, (urls[doc_id], row)
        assert family != "other" or row["lang"] == lang
        assert verdicts[doc_id]["reason"] == ("other_language" if family == "other" else None)
        if script:
            hans, hant = row["simplified_share"], row["traditional_share"]
            more, less = (hans, hant) if script == "Hans" else (hant, hans)
            assert more > 0.15, row
            assert less < more / 10, row
    assert seen >= {"en", "zh", "yue", "de", "fr", "es", "ru", "ja", "ko"}


@pytest.mark.spark
def test_funnel_why_digest_and_gc_on_a_finished_run(finished: Path) -> None:
    out = str(finished / "runs/demo/out")
    shown = skypile("funnel", out, "--recount")
    assert shown.returncode == 0, shown.stderr
    for word in ("truncated_record", "after_cutoff", "duplicate_record", "other_language", "kept"):
        assert word in shown.stdout
    counts = json.loads(skypile("funnel", out, "--json").stdout)
    assert counts["reads"]["web"]["judged"] == 60
    one = skypile("why", out, "https://blog1-en.example/paper.pdf")
    assert "not_html" in one.stdout
    (fate,) = json.loads(skypile("why", out, "https://blog1-en.example/paper.pdf", "--json").stdout)
    assert fate["record"]["reason"] == "not_html"
    unknown = skypile("why", out, "https://nobody.example/")
    assert unknown.returncode == 1
    assert "error: no record of" in unknown.stderr
    before = skypile("digest", out).stdout
    tables = {line.split()[1] for line in before.splitlines()}
    assert tables >= {"documents", "verdicts_extract", "language", "verdicts_language"}
    assert "deleted" in skypile("gc", out).stdout
    assert skypile("digest", out).stdout == before


def test_errors_are_for_people(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[run]\nout = "o"\n[extrakt]\n')
    wrong = skypile("run", "--config", str(tmp_path / "c.toml"))
    assert wrong.returncode == 2
    assert "unknown section 'extrakt'; did you mean 'extract'?" in " ".join(wrong.stderr.split())
    assert "Traceback" not in wrong.stderr
    nothing = skypile("funnel", str(tmp_path))
    assert nothing.returncode == 2
    assert "is not a run" in nothing.stderr


def test_check_says_what_a_run_would_cost_and_runs_nothing(tmp_path: Path) -> None:
    from skypile.sample.crawl import write_sample

    write_sample(tmp_path / "in", pages=60)
    (tmp_path / "c.toml").write_text(
        '[run]\nout = "o"\n[[sources]]\nname = "web"\nformat = "warc"\nroot = "in"\n'
        'paths = ["*.warc*"]\ncategory = "webpages"\nlicence = "x"\n'
    )
    done = skypile("check", "--config", str(tmp_path / "c.toml"), "--master", "local[1]")
    assert done.returncode == 0, done.stderr
    assert "core-hours" in done.stdout
    assert not list((tmp_path / "o").rglob("*")) if (tmp_path / "o").exists() else True
    (tmp_path / "c.toml").write_text(
        (tmp_path / "c.toml").read_text().replace('"*.warc*"', '"*.arc"')
    )
    missing = skypile("check", "--config", str(tmp_path / "c.toml"))
    assert missing.returncode == 2
    assert "no file matches" in missing.stderr


def test_a_model_that_is_not_there_is_an_error_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.html").write_text("<p>hello</p>")
    (tmp_path / "c.toml").write_text(
        '[run]\nout = "o"\n[[sources]]\nname = "web"\nformat = "html"\nroot = "in"\n'
        'paths = ["*.html"]\ncategory = "webpages"\nlicence = "x"\n'
        '[language]\nlid_model = "models/lid.176.bin"\n'
    )
    for command in ("check", "run"):
        wrong = skypile(command, "--config", str(tmp_path / "c.toml"))
        assert wrong.returncode == 2
        shown = " ".join(wrong.stderr.split())
        assert "[language] cannot read the language model" in shown
        assert "models/lid.176.bin" in shown
        assert "No such file" in shown
        assert not list((tmp_path / "o").rglob("*.parquet"))


def test_help_lists_the_commands() -> None:
    shown = skypile("--help").stdout
    for command in ("run", "check", "funnel", "why", "gc", "sample", "truth", "digest"):
        assert command in shown


@pytest.mark.spark
def test_the_job_runs_under_spark_submit(finished: Path) -> None:
    import os

    import pyspark

    submit = Path(pyspark.__path__[0]) / "bin/spark-submit"
    done = subprocess.run(
        [
            str(submit),
            "--master",
            "local[2]",
            str(REPO / "jobs/10_extract.py"),
            "--config",
            str(finished / "conf/demo.toml"),
        ],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPO), "PYSPARK_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # spark-submit prints what Python prints, on either stream, on its standard output
    assert "extract.read web: up to date" in done.stdout + done.stderr


def test_verbose_adds_the_traceback_and_nothing_else(tmp_path: Path) -> None:
    plain = skypile("funnel", str(tmp_path))
    said = skypile("--verbose", "funnel", str(tmp_path))
    assert plain.returncode == said.returncode == 2
    assert len(plain.stderr.splitlines()) == 1
    assert plain.stderr.startswith("error: ")
    assert said.stderr.startswith("Traceback")
    assert said.stderr.endswith(plain.stderr)
    assert plain.stdout == said.stdout == ""
