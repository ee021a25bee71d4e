"""Stage code: files, rows and tars of code to documents; rules and shares; copies by dedup."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from skypile.cli import app
from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError
from skypile.files import Root
from skypile.kernels.code.code_languages import LANGUAGES
from skypile.ledger import Ledger
from skypile.lineage import Lineage
from skypile.manifests import CORPUS, Manifests
from skypile.pipeline import all_stages
from skypile.reads import Hints
from skypile.settings import build
from skypile.stages.code import STAGE, CodeKernel, Config
from skypile.stages.code_measures import make_measure_kernel
from skypile.stages.code_rules import failed
from skypile.tables import DOCUMENTS, READ_LOG, RECORDS

PYTHON = "def ferry(hour):\n\n    return hour + 6  # 渡船六点开走\n"
MIT = (
    "MIT License\n\nCopyright (c) 2023 A\n\nPermission is hereby granted, free of charge, to any "
    "person obtaining a copy of this software, to deal in it.\n\nThe above copyright notice and "
    "this permission notice shall be included in all copies.\n"
)


def read(
    data: bytes,
    format: str,
    *,
    path: str = "owner/name/src/ferry.py",
    hints: Hints = Hints(),  # noqa: B008
    **settings: Any,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """(records, documents, log), each checked against its table."""
    kernel = CodeKernel(build(Config, settings, "test"), lambda _: True)
    stream = io.BytesIO(data)
    given = {"source": "s", "format": format, "path": path, "start": 0, "first_ordinal": 0}
    found = [*kernel(stream, **given, hints=hints)]
    records = [r for r, _ in found]
    documents = [d for _, d in found if d is not None]
    RECORDS.from_rows(records)
    DOCUMENTS.from_rows(documents)
    log = kernel.log()
    READ_LOG.from_rows([{"source": "s", "path": "f", "start": 0, "end": 1, **log}])
    assert log["records"] == log["judged"] + sum(n for _, n in log["passed_over"])
    assert {r["reason"] for r in records} - {None} <= set(STAGE.reasons)
    return records, documents, log


def test_a_file_keeps_its_blank_lines_and_indentation() -> None:
    _, (document,), _ = read(
        b"\xef\xbb\xbf\r\n" + PYTHON.replace("\n", "\r\n").encode() + b"\r\n \r\n",
        "code_files",
        hints=Hints(repository_folders=2),
    )
    assert document["text"] == PYTHON.rstrip("\n")
    assert document["block_chars"] == [16, 0, 29]
    assert document["title"] == "src/ferry.py"
    assert document["repository"] == "owner/name"
    assert document["url"] == "https://github.com/owner/name/blob/HEAD/src/ferry.py"
    assert document["licence"] is None


@pytest.mark.parametrize(
    ("folders", "path", "repository", "inner"),
    [
        (None, "name/src/a.py", "name", "src/a.py"),
        (0, "name/src/a.py", "s", "name/src/a.py"),
        (2, "owner/name/a.py", "owner/name", "a.py"),
        (2, "README.md", "s", "README.md"),
    ],
)
def test_the_repository_is_named_by_the_folders(
    folders: int | None, path: str, repository: str, inner: str
) -> None:
    _, (found,), _ = read(
        PYTHON.encode(), "code_files", path=path, hints=Hints(repository_folders=folders)
    )
    assert (found["repository"], found["title"]) == (repository, inner)


@pytest.mark.parametrize("charset", ["gb18030", "big5", "utf-16", "utf-8-sig"])
def test_comments_in_any_charset(charset: str) -> None:
    text = "int main() {\n" + "    // 這是一個渡船時刻表，用來計算出發的時間。\n" * 9 + "}"
    _, (found,), _ = read(text.encode(charset), "code_files", path="n/a.c")
    assert found["text"] == text
    assert found["charset"] is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (bytes(range(128, 256)) * 20, "undecodable"),
        (b" \n\t\n", "empty"),
        (b"a" * 5000, "too_large"),
    ],
)
def test_what_is_no_text_is_a_row_with_its_reason(data: bytes, reason: str) -> None:
    (record,), documents, _ = read(data, "code_files", max_record_bytes=4096)
    assert (record["reason"], record["kept"], documents) == (reason, False, [])


def test_what_git_keeps_for_itself_is_passed_over() -> None:
    records, _, log = read(b"ref: refs/heads/main\n", "code_files", path="name/.git/HEAD")
    assert (records, log["passed_over"]) == ([], [("git", 1)])


STACK = {
    "hexsha": "ab12",
    "ext": "py",
    "lang": "Python",
    "max_stars_repo_path": "src/渡船 #1.py",
    "max_stars_repo_name": "owner/name",
    "max_stars_repo_head_hexsha": "f00d",
    "max_stars_repo_licenses": ["MIT", "Apache-2.0"],
    "max_issues_repo_path": "elsewhere.py",
    "content": PYTHON,
}
BIGQUERY = {
    "id": "77aa",
    "size": 50,
    "content": PYTHON,
    "binary": False,
    "copies": 3,
    "repo_name": "owner/name",
    "ref": "refs/heads/master",
    "path": "ferry.py",
    "license": "apache-2.0",
}
REDPAJAMA = {
    "text": PYTHON,
    "meta": {"repo_name": "owner/name", "path": "ferry.py", "license": "mit"},
}


@pytest.mark.parametrize("format", ["code_jsonl", "code_parquet"])
@pytest.mark.parametrize(
    ("row", "licence", "url"),
    [
        (
            STACK,
            "MIT AND Apache-2.0",
            "f00d/src/%E6%B8%A1%E8%88%B9%20%231.py",
        ),
        (BIGQUERY, "apache-2.0", "master/ferry.py"),
        (REDPAJAMA, "mit", "HEAD/ferry.py"),
    ],
)
def test_rows_of_data_sets(format: str, row: dict[str, Any], licence: str, url: str) -> None:
    _, (found,), _ = read(written([row], format), format)
    assert found["text"] == PYTHON.rstrip("\n")
    assert (found["repository"], found["licence"]) == ("owner/name", licence)
    assert found["url"] == f"https://github.com/owner/name/blob/{url}"
    assert found["host"] == "github.com"


def written(rows: list[dict[str, Any]], format: str) -> bytes:
    if format == "code_jsonl":
        return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in rows)
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def test_bad_rows_are_rejects_and_the_rest_goes_on() -> None:
    rows = [
        b'{"content": "cut',
        json.dumps({**BIGQUERY, "content": None}).encode(),
        json.dumps({**BIGQUERY, "binary": True}).encode(),
        json.dumps({**BIGQUERY, "path": ["a"]}).encode(),
        json.dumps({**BIGQUERY, "content": 7}).encode(),
        b'{"content": "a\\u0000b"}',
        b'{"content": "\\ud800"}',
        b'{"content": "\xff"}',
        b"[]",
        json.dumps({"my": {"code": PYTHON, "where": "a/b.py"}}).encode(),
    ]
    fields = {"text": "my.code", "path": "my.where"}
    records, _, _ = read(b"\n".join(rows), "code_jsonl")
    reasons = ["bad_json", "missing_field", "binary", "wrong_type", "wrong_type", "binary"]
    more = ["lone_surrogate", "invalid_utf8", "wrong_type", "missing_field"]
    assert [r["reason"] for r in records] == [*reasons, *more]
    _, (found,), _ = read(rows[-1], "code_jsonl", hints=Hints(fields=fields))
    assert (found["title"], found["url"], found["repository"]) == ("a/b.py", None, None)


def tarred(members: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("name/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "a.py"
        tar.addfile(link)
    return out.getvalue()


MEMBERS = {
    "name/a.py": PYTHON.encode(),
    f"name/{'deep/' * 40}渡船.py": PYTHON.encode(),
    "name/logo.png": b"\x89PNG\0",
    "name/.git/index": b"DIRC\0",
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_tars(pack: Callable[[bytes], bytes], format: int) -> None:
    records, documents, log = read(pack(tarred(MEMBERS, format)), "code_tar", path="x.tar")
    assert [d["title"] for d in documents] == ["a.py", "deep/" * 40 + "渡船.py"]
    assert {d["repository"] for d in documents} == {"name"}
    assert [d["text"] for d in documents] == [PYTHON.rstrip("\n")] * 2
    assert [r["reason"] for r in records] == [None, None, "binary"]
    assert [r["ordinal"] for r in records] == [0, 1, 2]
    assert log["passed_over"] == [("git", 1), ("link", 1)]
    assert log["damages"] == []


def test_git_archive_says_of_which_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> bytes:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True
        )
        return done.stdout

    (tmp_path / "a.py").write_text(PYTHON, encoding="utf8")
    git("init", "-q")
    git("add", "a.py")
    git("commit", "-q", "-m", "a")
    commit = git("rev-parse", "HEAD").decode().strip()
    data = git("archive", "--prefix=owner/name/", "HEAD")
    _, (found,), log = read(data, "code_tar", hints=Hints(repository_folders=2))
    assert found["url"] == f"https://github.com/owner/name/blob/{commit}/a.py"
    assert log["passed_over"] == [("folder", 1)]


def test_a_damaged_tar_is_on_record_and_what_was_before_it_stays() -> None:
    data = tarred({f"name/{i}.py": PYTHON.encode() for i in range(3)}, tarfile.GNU_FORMAT)
    records, documents, log = read(data[: 2 * 1024 + 512 + 9], "code_tar")
    assert [r["reason"] for r in records] == [None, None, "truncated_record"]
    assert [d["reason"] for d in log["damages"]] == ["truncated_record"]
    broken = data[:1024] + b"\x07" * 512 + data[1536:]
    records, documents, log = read(broken, "code_tar")
    assert len(documents) == 1
    assert [(d["offset"], d["reason"]) for d in log["damages"]] == [(1024, "malformed_record")]
    _, _, log = read(data[:2048], "code_tar")  # whole members, and no mark of the end
    assert [d["reason"] for d in log["damages"]] == ["truncated_record"]


def test_a_member_that_is_too_long_is_skipped_and_the_next_is_read() -> None:
    members = {"name/big.py": b"a = 1\n" * 5000, "name/a.py": PYTHON.encode()}
    records, _, _ = read(tarred(members), "code_tar", max_record_bytes=4096)
    assert [r["reason"] for r in records] == ["too_large", None]


# Rules


def fate(
    text: str, path: str = "src/ferry.py", licence: str | None = "MIT", **settings: Any
) -> Any:
    row = {
        "doc_id": "d",
        "text": text,
        "source": "s",
        "title": path,
        "repository": "owner/name",
        "licence": licence,
    }
    batch = make_measure_kernel(None)(pa.RecordBatch.from_pylist([row]))
    of = batch["head_licence"].to_pylist()[0] or batch["named_licence"].to_pylist()[0]
    batch = batch.append_column("code_licence", pa.array([of], pa.string()))
    return failed(build(Config, settings, "test"), batch).to_pylist()[0]


GOOD = "\n".join(f"def ferry_{w}(hour):\n    return hour + departure" for w in "abcdefgh")
LONG = GOOD + "\nroute = '" + "the old ferry crossed the river " * 40 + "'"


@pytest.mark.parametrize(
    ("text", "given", "reason"),
    [
        (GOOD, {}, None),
        (GOOD, {"path": "ferry.xyz"}, "unlisted_language"),
        (GOOD, {"path": "ferry.kt"}, "unlisted_language"),
        (GOOD, {"path": "ferry.kt", "languages": ["Kotlin"]}, None),
        (GOOD, {"licence": None}, "unknown_licence"),
        (GOOD, {"licence": None, "keep_unlicensed": True}, None),
        (GOOD, {"licence": None, "licences": []}, None),
        (GOOD, {"licence": "gpl-3.0"}, "licence_not_allowed"),
        (GOOD, {"licence": "gpl-3.0", "licences": ["GPL-3.0"]}, None),
        ("# SPDX-License-Identifier: GPL-2.0-only\n" + GOOD, {}, "licence_not_allowed"),
        ("# SPDX-License-Identifier: MIT\n" + GOOD, {"licence": None}, None),
        (GOOD, {"path": "node_modules/ferry/index.js"}, "vendored"),
        (GOOD, {"path": "node_modules/ferry/index.js", "drop": ["generated"]}, None),
        ("# Code generated by ferryc. DO NOT EDIT.\n" + GOOD, {}, "generated"),
        (GOOD, {"path": "ferry.min.js"}, "minified"),
        (LONG, {}, "long_line"),
        (LONG, {"max_line_chars": 2000}, None),
        ("\n".join(["x = the_long_name_of_a_ferry + " * 6] * 9), {}, "long_mean_line"),
        ("\n".join(["+-*/ (((" * 3] * 9), {}, "few_alphanumeric"),
        ("\n".join(["a1 b2 c3 d4 (e5)"] * 9), {}, "few_letters_per_token"),
        ("\n".join(["    1, 22, 333, 4444, 0x55,"] * 20), {}, "data_blob"),
        ("\n".join(["    1, 22, 333, 4444, 0x55,"] * 20), {"drop": []}, "few_letters_per_token"),
    ],
)
def test_the_reason_is_the_condition_that_failed(
    text: str, given: dict[str, Any], reason: str | None
) -> None:
    assert fate(text, **given) == reason


@pytest.mark.parametrize(
    "comment",
    ["# 计算渡船出发的时间，乘客须提前到达码头。", "# 計算渡船出發的時間，乘客須提前到達碼頭。"],
)
def test_chinese_comments_do_not_count_against_a_file(comment: str) -> None:
    commented = "\n".join(f"{comment}\ndef f{w}(hour):\n    return hour + 6" for w in "abcdefgh")
    assert fate(commented) is None
    assert fate("\n".join([comment] * 30)) is None


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="unknown language 'json'"):
        build(Config, {"shares": {"json": 0.1}}, "test")
    with pytest.raises(ConfigError, match="sum to less than 1"):
        build(Config, {"shares": {"JSON": 0.5, "XML": 0.5}}, "test")
    assert set(Config().languages) <= set(LANGUAGES)


# Runs


def source(name: str, format: str, paths: str, **more: Any) -> dict[str, Any]:
    given = {
        "name": name,
        "format": format,
        "root": "in",
        "paths": [paths],
        "licence": "each file's",
    }
    return {**given, "category": "code", **more}


def configure(base: Path, sources: list[dict[str, Any]], **sections: Any) -> RunConfig:
    table = {"run": {"out": "run", "part_bytes": 1 << 12}, "sources": sources, **sections}
    return from_table(table, all_stages(), base=base, where="test")


def test_code_is_left_alone_by_the_stages_of_prose_unless_its_source_names_them(
    tmp_path: Path,
) -> None:
    one = source("one", "code_jsonl", "*")
    named = source("two", "code_jsonl", "*", stages=["code", "language", "dedup"])
    config = configure(tmp_path, [one, named, {**one, "name": "books", "category": "books"}])
    judged = {s.name: [x.name for x in config.stages if s.applies(x.name)] for s in config.sources}
    for stage in ("language", "distribution", "signals", "quality"):
        assert stage not in judged["one"]
        assert stage in judged["books"]
    assert {"code", "dedup", "mixture"} <= set(judged["one"])
    assert judged["two"] == ["code", "language", "dedup"]
    lineage = Lineage(config, Manifests(Root(str(tmp_path / "run"))))
    fit = next(s for s in config.stages if s.name == "fit_vectors")
    assert lineage.sources_of(fit, "fit") == ["books"]


def test_the_stage_is_part_of_a_run_that_has_code(tmp_path: Path) -> None:
    text = source("books", "jsonl", "*", category="books")
    names = [s.name for s in configure(tmp_path, [text]).stages]
    assert "code" not in names
    assert "code" in [
        s.name for s in configure(tmp_path, [text, source("c", "code_tar", "*")]).stages
    ]


@pytest.mark.parametrize(
    ("format", "given", "message"),
    [
        ("code_files", {"fields": {"text": "x"}}, "fields: format code_files has none"),
        ("code_jsonl", {"fields": {"title": "x"}}, "unknown column 'title'"),
        ("code_jsonl", {"repository_folders": 1}, "takes none: its rows name them"),
        ("code_tar", {"language": "en"}, "takes no language or blocks"),
    ],
)
def test_what_a_source_says_of_its_files(
    tmp_path: Path, format: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        configure(tmp_path, [source("s", format, "*", **given)])


def program(name: str, seed: int) -> str:
    """A file of its own, some 60 tokens."""
    words = [f"{name}_{w}" for w in ("river", "harbour", "timetable", "渡船", "乘客")]
    lines = [f"def {w}(hour):\n    return hour + departure_{w}  # {name}" for w in words]
    return "\n\n".join(lines) + f"\n\nNUMBER = {seed}\n"


def xml(number: int, good: bool) -> str:
    """Prose, or one record again and again: the better tier and a worse one."""
    lines = [
        f"<stop>the ferry number {number} waits for {word} at the harbour</stop>"
        if good
        else f'<stop name="harbour number {number}" kind="ferry"/>'
        for word in ("passengers", "letters", "cattle", "grain", "weather", "nobody", "wood")
    ]
    return "\n".join(["<ferries>", *lines, "</ferries>"])


SOURCES = [
    source("trees", "code_files", "**", root="in/trees", repository_folders=2),
    source("rows", "code_jsonl", "rows.jsonl"),
]


def corpus(base: Path) -> None:
    """Two sources: a folder of checkouts, licences beside the code, and rows of a data set."""
    files = {
        "a/free/LICENSE": MIT,
        "a/free/src/one.py": program("one", 1),
        "a/free/src/two.py": program("two", 2),
        "a/free/vendored/COPYING": "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n",
        "a/free/vendored/three.py": program("three", 3),
        "a/free/ee/LICENSE": "In production only with a subscription.\n",
        "a/free/ee/five.py": program("five", 5),
        "b/bare/four.py": program("four", 4),
        "b/bare/.git/config": "[core]\n",
        "a/free/logo.png": "\0\0",
    }
    for path, text in files.items():
        (base / "in/trees" / path).parent.mkdir(parents=True, exist_ok=True)
        (base / "in/trees" / path).write_text(text, encoding="utf8")
    near = program("one", 1).replace("NUMBER", "COUNT")
    texts = {"copy.py": program("two", 2), "near.py": near}
    texts |= {f"n{i}.py": program(f"n{i}", i) for i in range(20)}
    texts |= {f"x{i}.xml": xml(i, i % 2 == 0) for i in range(24)}
    rows = [
        {
            **BIGQUERY,
            "id": name,
            "repo_name": "c/d",
            "path": name,
            "content": text,
            "license": "mit",
        }
        for name, text in texts.items()
    ]
    (base / "in/rows.jsonl").write_bytes(written(rows, "code_jsonl"))


def run_of(base: Path, start: Any, **run: Any) -> tuple[Ledger, dict[str, Any], dict[str, str]]:
    """A run over the corpus: its ledger, what `relate` found, and the path of each document."""
    table = {"run": run, "sources": SOURCES, "code": {"shares": {"XML": 0.1}}}
    config = from_table(table, all_stages(), base=base, where="test")
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    facts = ledger.manifests.get("code.relate", CORPUS)
    assert facts
    names = {r["doc_id"]: r["title"] for r in ledger.table("documents").to_pylist()}
    return ledger, dict(facts.facts), names


def fates_of(ledger: Ledger, names: dict[str, str], stages: list[str]) -> dict[str, str]:
    """Path to the reason why a file went, of those that did."""
    rows = [r for s in stages for r in ledger.table(f"verdicts_{s}").to_pylist()]
    return {names[r["doc_id"]]: r["reason"] for r in rows if r["reason"]}


@pytest.mark.spark
def test_licences_of_folders_shares_and_copies(tmp_path: Path, start: Any) -> None:
    corpus(tmp_path)
    stages = ["code", "dedup"]
    ledger, facts, names = run_of(tmp_path, start, out="run", part_bytes=1 << 12, stages=stages)
    gone = fates_of(ledger, names, stages)
    over = {path for path, reason in gone.items() if reason == "over_share"}
    assert {path: reason for path, reason in gone.items() if not path.startswith("x")} == {
        "LICENSE": "unlisted_language",
        "vendored/COPYING": "unlisted_language",
        "vendored/three.py": "licence_not_allowed",
        "ee/LICENSE": "unlisted_language",
        "ee/five.py": "unknown_licence",  # not MIT, as the folder above
        "four.py": "unknown_licence",
        # Copies are dedup's: the source named first keeps its own.
        "copy.py": "exact_duplicate",
        "near.py": "near_duplicate",
    }
    licences = {names[r["doc_id"]]: r["code_licence"] for r in rows_of(ledger, "code_fates")}
    files = ("src/one.py", "vendored/three.py", "four.py", "n1.py")
    assert [licences[path] for path in files] == ["MIT", "GPL-3.0", None, "MIT"]
    # XML keeps at most its share, of its better files; a text counts once.
    languages = facts["languages"]
    kept = {n: v["distinct_tokens_kept"] for n, v in languages.items()}
    assert 0.05 < kept["XML"] / sum(kept.values()) <= 0.1
    assert over > {f"x{i}.xml" for i in range(1, 24, 2)}
    assert 0 < languages["XML"]["files_kept"] == 24 - len(over)
    assert languages["XML"]["files_in"] == languages["XML"]["files_passed"] == 24
    tokens = {names[r["doc_id"]]: r["code_tokens"] for r in rows_of(ledger, "code")}
    stays = [n for n in tokens if n.endswith(".py") and n in {*names.values()} - {*gone}]
    assert kept["Python"] == sum(tokens[n] for n in [*stays, "near.py"])  # not yet gone there
    shown = CliRunner().invoke(app, ["code", str(tmp_path / "run")])
    assert shown.exit_code == 0
    assert "XML" in shown.stdout


def rows_of(ledger: Ledger, table: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    return list(ledger.table(table).to_pylist())


@pytest.mark.spark
@pytest.mark.slow
def test_other_parts_and_another_order_have_the_same_fates_and_texts_stay_as_they_are(
    tmp_path: Path, start: Any
) -> None:
    corpus(tmp_path)
    stages = ["code", "dedup", "mixture"]
    ledger, facts, names = run_of(tmp_path, start, out="run", part_bytes=1 << 12, stages=stages)
    rows = rows_of(ledger, "corpus")
    assert {r["category"] for r in rows} == {"code"}
    texts = {names[r["doc_id"]]: r["text"] for r in rows}
    assert texts["src/two.py"] == program("two", 2).rstrip("\n")  # blank lines and all
    lines = (tmp_path / "in/rows.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "in/rows.jsonl").write_bytes(b"".join(reversed(lines)))
    again, found, other = run_of(tmp_path, start, out="b", part_bytes=1 << 20, stages=["code"])
    assert found == facts
    assert fates_of(again, other, ["code"]) == fates_of(ledger, names, ["code"])
