"""`skypile release`: every document once, the same bytes, nothing half done that looks finished."""

import dataclasses
import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from skypile.cli import app
from skypile.errors import InputError, SkypileError, StaleError
from skypile.files import Root
from skypile.reader import RunReader
from skypile.release import front, publish
from skypile.release import verify as verification
from skypile.release.files import Layout
from skypile.release.rows import Choice
from skypile.release.streams import Stream
from skypile.run import Run
from tests import toy, toy_corpus
from tests.tokenizer_texts import lines

SOURCES = {"english_webpages": lines("en")[:60], "chinese_webpages": lines("zh_hant")[:50]}
MAIL, PHONE = "bob@mail.example.org", "13812345678"
LAYOUTS = {
    "jsonl": Layout(shard_bytes=4000),
    "gzip": Layout(compression="gzip", shard_bytes=4000, metadata=True),
    "zstd": Layout(compression="zstd", shard_bytes=4000),
    "parquet": Layout(format="parquet", shard_bytes=4000, metadata=True),
}


def make_run(base: Path, part_bytes: int = 4096) -> Path:
    """A finished run, with personal data in an address and in titles."""
    config = toy_corpus.config_of(base, SOURCES, part_bytes=part_bytes)
    toy.write_lines(base / "english_webpages", f"{MAIL}.txt", ["one more document"])
    real = toy.to_document

    def titled(record: Any, line: str) -> Any:
        return {**real(record, line), "title": f"打电话 {PHONE} | {line[:5]}"}

    import skypile.spark

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "to_document", titled)
        patch.setattr(
            skypile.spark,
            "run_tasks",
            lambda spark, function, tasks, *more, **named: [*map(function, tasks)],
        )
        Run(config, lambda: None, lambda said: None).execute()  # type: ignore[arg-type,return-value]
    for source in SOURCES:
        set_licence(base / "run", source, "CC-BY-SA-4.0")
    return base / "run"


def set_licence(run: Path, source: str, licence: str) -> None:
    record = json.loads((run / "run.json").read_text())
    next(s for s in record["sources"] if s["name"] == source)["licence"] = licence
    (run / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("release"))


@pytest.fixture
def changed(made: Path, tmp_path: Path) -> Path:
    """A copy of the run, for tests that change it."""
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def release(run: Path, out: Path, layout: Layout = LAYOUTS["jsonl"], **more: Any) -> Any:
    chosen = more.pop("choice", Choice())
    return publish.release(
        str(run), str(out), layout, chosen, say=more.pop("say", lambda _: None), **more
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def tree(out: Path, under: str = "") -> dict[str, str]:
    return {
        str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted((out / under).rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_document_once_in_the_order_of_the_run(made: Path, tmp_path: Path, kind: str) -> None:
    summary = release(made, tmp_path / "out", LAYOUTS[kind])
    expected: dict[str, list[str]] = {}
    for row in RunReader(str(made)).table("corpus").to_pylist():
        name = f"{row['category']}.{row['partition']}/{row['split']}"
        expected.setdefault(name, []).append(row["text"])
    found: dict[str, list[str]] = {}
    for shard in summary["files"]:
        rows = rows_of(tmp_path / "out" / shard["path"])
        assert [*rows[0]] == LAYOUTS[kind].columns.names
        found.setdefault(f"{shard['domain']}/{shard['split']}", []).extend(r["text"] for r in rows)
    assert found == expected
    assert len(expected) == 6
    assert sum(map(len, found.values())) == 111
    counted = verification.verify(str(tmp_path / "out"))
    assert counted["documents"] == 111
    assert not (tmp_path / "out/_unfinished").exists()
    assert not (tmp_path / "out/lock.json").exists()


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_shards_are_as_full_as_documents_allow(made: Path, tmp_path: Path, kind: str) -> None:
    layout = LAYOUTS[kind]
    files = release(made, tmp_path / "out", layout)["files"]

    def size(row: dict[str, Any]) -> int:
        if kind == "jsonl":
            return len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()) + 1
        return sum(len(v.encode()) for v in row.values() if v is not None)

    for before, later in pairwise(files):
        rows = [[size(r) for r in rows_of(tmp_path / "out" / f["path"])] for f in (before, later)]
        assert sum(rows[0]) == before["data_bytes"]
        assert sum(rows[0]) <= layout.shard_bytes or len(rows[0]) == 1
        if (before["domain"], before["split"]) == (later["domain"], later["split"]):
            assert sum(rows[0]) + rows[1][0] > layout.shard_bytes
    assert len(files) > 10


@pytest.mark.parametrize("kind", LAYOUTS)
def test_bytes_do_not_depend_on_the_parts_of_the_run(
    made: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small pieces, so that packers and row groups are cut within shards.
    monkeypatch.setattr("skypile.release.files._PACK_BYTES", 512)
    monkeypatch.setattr("skypile.release.files.ROW_GROUP_BYTES", 1500)
    other = make_run(tmp_path / "other", part_bytes=1 << 20)
    assert len(RunReader(str(other)).files("corpus")) < len(RunReader(str(made)).files("corpus"))
    for name, run in (("a", made), ("b", other)):
        release(run, tmp_path / name, LAYOUTS[kind])
    assert tree(tmp_path / "a", "data") == tree(tmp_path / "b", "data")
    if kind == "parquet":
        shard = next((tmp_path / "a/data").rglob("train-00000.parquet"))
        assert pq.ParquetFile(shard).num_row_groups > 1


class Stop(Exception):
    pass


def after(calls: int, real: Callable[..., Any]) -> Callable[..., Any]:
    left = iter(range(calls))

    def stopping(*given: Any) -> Any:
        if next(left, None) is None:
            raise Stop
        return real(*given)

    return stopping


INTERRUPTIONS = {
    "while shards are written": (Stream, "close", 5),
    "while shards are moved to their place": (Root, "move", 3),
    "before what makes it a release": (Root, "write_atomic", 10**6),
}


@pytest.mark.parametrize("when", INTERRUPTIONS)
@pytest.mark.parametrize("kind", ["zstd", "parquet"])
def test_an_interrupted_release_goes_on(
    made: Path, tmp_path: Path, when: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out, layout = tmp_path / "whole", tmp_path / "out", LAYOUTS[kind]
    shards = release(made, whole, layout)["files"]
    of, name, calls = INTERRUPTIONS[when]
    if name == "write_atomic":  # plan, receipts, SHA256SUMS, README.md, LICENSE.md are written
        calls = 1 + len(shards) + 3
    with monkeypatch.context() as patch:
        patch.setattr(of, name, after(calls, getattr(of, name)))
        with pytest.raises(Stop):
            release(made, out, layout)
    assert not (out / "release.json").exists()
    with pytest.raises(InputError, match="unfinished release"):
        verification.verify(str(out))
    there = {p.name: p.stat().st_mtime_ns for p in out.rglob("*-0000*") if p.suffix != ".json"}
    if name == "close":
        assert not (out / "data").exists()
    said: list[str] = []
    written: list[str] = []
    real = Stream._append

    def append(self: Stream, rows: Any, *more: Any) -> None:
        written.extend(rows.table["text"].to_pylist())
        real(self, rows, *more)

    monkeypatch.setattr(Stream, "_append", append)
    release(made, out, layout, say=said.append)
    assert tree(out) == tree(whole)
    assert said[0].startswith("going on: ")
    assert there
    assert (0 < len(written) < 111) if name == "close" else not written


def test_what_another_attempt_left_is_not_mixed_in(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Root, "move", after(3, Root.move))
        with pytest.raises(Stop):
            release(made, tmp_path / "out", LAYOUTS["zstd"])
    release(made, tmp_path / "out", LAYOUTS["jsonl"])
    release(made, tmp_path / "whole", LAYOUTS["jsonl"])
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_shard_that_was_lost_meanwhile_is_written_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Root, "move", after(6, Root.move))
        with pytest.raises(Stop):
            release(made, out)
    moved = sorted((out / "data").rglob("train-*"))
    assert len(moved) > 3
    moved[1].unlink()
    release(made, out)
    release(made, tmp_path / "whole")
    assert tree(out) == tree(tmp_path / "whole")


def test_a_release_is_written_once(made: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", []  # type: ignore[var-annotated]
    first = release(made, out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert release(made, out, say=said.append) == json.loads(json.dumps(first))
    assert said == [f"{out} is up to date"]
    assert {
        p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()
    }.items() <= before.items()
    with pytest.raises(SkypileError, match=r"holds another release \(layout\)"):
        release(made, out, LAYOUTS["zstd"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(SkypileError, match=r"no part of a release: thesis.txt"):
        release(made, tmp_path / "mine")


def test_only_what_is_chosen(made: Path, tmp_path: Path) -> None:
    chosen = Choice(("train",), ("chinese_webpages.main",), ())
    files = release(made, tmp_path / "out", choice=chosen)["files"]
    assert {(f["domain"], f["split"]) for f in files} == {("chinese_webpages.main", "train")}
    corpus = RunReader(str(made)).table("corpus").to_pylist()
    due = [
        r["text"]
        for r in corpus
        if (r["category"], r["partition"], r["split"]) == ("chinese_webpages", "main", "train")
    ]
    assert [r["text"] for f in files for r in rows_of(tmp_path / "out" / f["path"])] == due
    with pytest.raises(SkypileError, match="no source 'x'"):
        release(made, tmp_path / "x", choice=Choice(sources=("x",)))
    with pytest.raises(SkypileError, match="no documents of what was chosen"):
        release(made, tmp_path / "y", choice=Choice(categories=("chinese_books",)))
    assert not (tmp_path / "x").exists()


def test_an_unknown_licence_is_refused_without_the_flag(changed: Path, tmp_path: Path) -> None:
    set_licence(changed, "chinese_webpages", "as the publisher's")
    with pytest.raises(SkypileError, match='chinese_webpages: "as the publisher\'s"') as error:
        release(changed, tmp_path / "out")
    assert "english_webpages" not in str(error.value)
    assert not (tmp_path / "out").exists()
    only = Choice(sources=("english_webpages",))
    release(changed, tmp_path / "english", choice=only)
    assert 'license: "cc-by-sa-4.0"' in (tmp_path / "english/README.md").read_text()
    release(changed, tmp_path / "all", allow_unknown_licences=True)
    card = (tmp_path / "all/README.md").read_text()
    assert '- "cc-by-sa-4.0"\n  - "unknown"\n' in card
    assert 'license_link: "LICENSE.md"' in card
    remark = "| chinese_webpages | as the publisher's | not a licence that is known to the tool |"
    assert remark in card
    assert remark in (tmp_path / "all/LICENSE.md").read_text()


def test_another_licence_is_recorded_and_computes_nothing(
    tmp_path: Path, no_spark: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy_corpus.config_of(tmp_path, {"chinese_webpages": SOURCES["chinese_webpages"][:9]})
    Run(config, no_spark, lambda said: None).execute()
    with pytest.raises(SkypileError, match="licence of chinese_webpages"):
        release(tmp_path / "run", tmp_path / "out")

    def refuse(spark: Any, function: Any, tasks: Any, label: str) -> Any:
        raise AssertionError(label)

    monkeypatch.setattr("skypile.spark.run_tasks", refuse)
    sources = tuple(dataclasses.replace(s, licence="CC0-1.0") for s in config.sources)
    Run(dataclasses.replace(config, sources=sources), no_spark, lambda said: None).execute()
    assert release(tmp_path / "run", tmp_path / "out")["plan"]["licences"] == {
        "chinese_webpages": "CC0-1.0"
    }


def test_metadata_is_masked_like_text(made: Path, tmp_path: Path) -> None:
    files = release(made, tmp_path / "out", LAYOUTS["parquet"])["files"]
    rows = [r for f in files for r in rows_of(tmp_path / "out" / f["path"])]
    told = json.dumps(rows, ensure_ascii=False)
    assert MAIL not in told
    assert PHONE not in told
    one = next(r for r in rows if r["text"] == "one more document")
    assert one["url"] == "http://toy.example/input/<EMAIL>/0"
    assert one["title"] == "打电话 <PHONE> | one m"
    assert (one["source"], one["category"]) == ("english_webpages", "english_webpages")
    assert one["licence"] == "CC-BY-SA-4.0"
    corpus = RunReader(str(made)).table("corpus").to_pylist()
    assert {r["id"]: r["text"] for r in rows} == {r["doc_id"]: r["text"] for r in corpus}


def test_a_corpus_that_was_not_masked_is_refused(changed: Path, tmp_path: Path) -> None:
    path = changed / "manifests/finished.write/english_webpages.json"
    manifest = json.loads(path.read_text())
    manifest["settings"]["mask"] = False
    path.write_text(json.dumps(manifest))
    with pytest.raises(SkypileError, match="personal data"):
        release(changed, tmp_path / "out")


def test_only_a_current_run_is_released(changed: Path, tmp_path: Path) -> None:
    file = RunReader(str(changed)).files("corpus")[0]
    data = bytearray((changed / file.path).read_bytes())
    data[100] ^= 1
    (changed / file.path).write_bytes(data)
    with pytest.raises(StaleError, match="is not the file that was committed"):
        release(changed, tmp_path / "out")
    (changed / "manifests/finished.write/chinese_webpages.json").unlink()
    with pytest.raises(SkypileError, match="not finished: `skypile run` finished first"):
        release(changed, tmp_path / "out")


def resum(out: Path, path: str) -> None:
    """Make the sums right for a file that was changed."""
    digest = hashlib.sha256((out / path).read_bytes()).hexdigest()
    summary = json.loads((out / "release.json").read_text())
    for file in summary["files"]:
        if file["path"] == path:
            file |= {"sha256": digest, "bytes": (out / path).stat().st_size}
    (out / "release.json").write_text(json.dumps(summary))
    sums = dict(reversed(x.split("  ")) for x in (out / "SHA256SUMS").read_text().splitlines())
    for name in (path, "release.json"):
        sums[name] = hashlib.sha256((out / name).read_bytes()).hexdigest()
    (out / "SHA256SUMS").write_text("".join(f"{d}  {p}\n" for p, d in sums.items()))


SHARD = "data/chinese_webpages.main/train-00001.jsonl"


def flip(out: Path) -> None:
    data = bytearray((out / SHARD).read_bytes())
    data[50] ^= 1
    (out / SHARD).write_bytes(data)


def change_lines(out: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    found = (out / SHARD).read_bytes().splitlines(keepends=True)
    (out / SHARD).write_bytes(b"".join(change(found)))
    resum(out, SHARD)


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a flipped bit": (flip, f"{SHARD}: does not have its SHA-256"),
    "a missing file": (lambda o: (o / SHARD).unlink(), f"{SHARD}: is missing"),
    "a shorter file": (
        lambda o: (o / SHARD).write_bytes((o / SHARD).read_bytes()[:-1]),
        f"{SHARD}: has .* bytes, .* are due",
    ),
    "a foreign file": (lambda o: (o / "data/x.jsonl").write_text("{}"), "x.jsonl: is no part of"),
    "a lost line": (
        lambda o: change_lines(o, lambda x: x[1:]),
        f"{SHARD}: has .* documents, .* are due",
    ),
    "a line that is no JSON": (
        lambda o: change_lines(o, lambda x: [b"{\n", *x[1:]]),
        f"{SHARD}: has .* documents, .* are due",
    ),
    "a line of something else": (
        lambda o: change_lines(o, lambda x: [b'{"content":"x"}\n', *x[1:]]),
        f"{SHARD}: has .* documents, .* are due",
    ),
    "another card": (lambda o: (o / "README.md").write_text("x"), "README.md: does not have its"),
    "no sums": (lambda o: (o / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_names_the_fault(made: Path, tmp_path: Path, fault: str) -> None:
    release(made, tmp_path / "out")
    break_it, message = FAULTS[fault]
    break_it(tmp_path / "out")
    with pytest.raises(verification.ReleaseError, match=message) as error:
        verification.verify(str(tmp_path / "out"))
    assert ": 1 faults:" in str(error.value)


def test_checksums_are_those_of_sha256sum(made: Path, tmp_path: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum")
    release(made, tmp_path / "out", LAYOUTS["gzip"])
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=False)
    assert done.returncode == 0
    listed = {x.split("  ")[1] for x in (tmp_path / "out/SHA256SUMS").read_text().splitlines()}
    assert listed == set(tree(tmp_path / "out")) - {"SHA256SUMS"}


def test_the_card_says_what_is_in_the_files(made: Path, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    out = tmp_path / "out"
    files = release(made, out, LAYOUTS["gzip"], name='网页: "a" # | b')["files"]
    _, front, text = (out / "README.md").read_text().split("---\n", 2)
    front = yaml.safe_load(front)
    assert front["pretty_name"] == '网页: "a" # | b'
    assert front["license"] == "cc-by-sa-4.0"
    assert front["language"] == ["en", "zh"]
    assert front["size_categories"] == ["n<1K"]
    domains = sorted({f["domain"] for f in files})
    assert [c["config_name"] for c in front["configs"]] == ["default", *domains]
    infos = {i["config_name"]: i for i in front["dataset_info"]}
    for config in front["configs"]:
        name = config["config_name"]
        own = [f for f in files if name in ("default", f["domain"])]
        for entry in config["data_files"]:
            matched = {str(p.relative_to(out)) for p in out.glob(entry["path"])}
            due = [f for f in own if f["split"] == entry["split"]]
            assert matched == {f["path"] for f in due}
            split = next(s for s in infos[name]["splits"] if s["name"] == entry["split"])
            assert split["num_examples"] == sum(f["documents"] for f in due)
        assert infos[name]["download_size"] == sum(f["bytes"] for f in own)
    assert "111 documents" in text
    assert "| lines | english_webpages | records judged |" not in text
    assert "| english_webpages | webpages | 61 |" in text
    assert "| chinese_webpages | CC-BY-SA-4.0 |" in text
    assert str(made.parent) not in text
    assert "| finished | none | english_webpages, chinese_webpages |" in text


def test_no_path_of_the_machine_is_in_the_settings() -> None:
    from skypile.release.card import _public

    given = {"against": ["/data/secret/january", "s3://bucket/key/run?endpoint=x"], "n": [1, "a/b"]}
    assert _public(given) == {"against": ["january", "run"], "n": [1, "a/b"]}


@pytest.mark.parametrize(
    ("documents", "name"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**9 - 1, "100M<n<1B"), (10**12, "n>1T")],
)
def test_size_categories(documents: int, name: str) -> None:
    assert front.size_category(documents) == name


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("1.5 GiB", 3 << 29), ("10", 10), ("2k", 2000), ("1tb", 10**12)],
)
def test_sizes(text: str, size: int) -> None:
    assert publish.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "5 apples", "1e3"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(SkypileError, match="a size must look like"):
        publish.parse_bytes(text)


@pytest.fixture
def command() -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["release", *map(str, arguments)])

    return call


def test_the_command(made: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    out = tmp_path / "out"
    options = ("--compression", "zstd", "--shard-size", "4kB", "--split", "train")
    done = command(made, out, *options)
    assert done.exit_code == 0, done.output
    assert f" documents in {len([*out.rglob('*.zst')])} files: {out}" in done.stdout
    done = command("--verify", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("as the release says\n")
    for wrong, message in (
        ((made,), "say where to write"),
        ((made, out, "--verify"), "one folder"),
        ((made, out, "--format", "csv"), "--format csv"),
        ((made, out, "--compression", "xz"), "--compression xz"),
        ((made, out, "--format", "parquet", "--compression", "gzip"), "Parquet packs"),
        ((made, out, "--split", "test"), "--split test"),
        ((made, out, "--category", "chinese_webpage"), "did you mean 'chinese_webpages'"),
    ):
        assert message in str(command(*wrong).exception)
