"""The same code path on an object store: a run whose input and output are S3 URIs.

The store is moto's, on this machine: it shows the protocol, not the durability, of the real one.
"""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from skypile import contents, shards
from skypile.files import Root, read_text
from skypile.gc import collect
from skypile.release.files import Layout
from skypile.release.publish import release
from skypile.release.rows import Choice
from skypile.release.verify import verify
from skypile.run import Run
from tests import toy, toy_corpus
from tests.test_run import LINES, NO_RELATE, TABLES, rows, run
from tests.tokenizer_texts import lines as texts
from tests.tokenizer_texts import make_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The query string of an S3 server on this machine."""
    pytest.importorskip("moto.server")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for key, value in keys.items():
        monkeypatch.setenv(key, value)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **keys},
    )
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"?endpoint_override=127.0.0.1:{port}&scheme=http&allow_bucket_creation=true"
    server.terminate()
    server.wait()


def test_a_run_on_s3_has_the_rows_of_a_run_on_disk(
    tmp_path: Path, store: str, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "d/a.txt", LINES)
    toy.write_lines(tmp_path, "文.txt", ["中文|二", "!no"])
    trim = {"divisor": 3, "max_blocks": 1}
    local = run(toy.make_config(tmp_path, run=NO_RELATE, trim=trim), no_spark)

    s3, _ = fs.FileSystem.from_uri(f"s3://corpus{store}&allow_delayed_open=true")
    s3.create_dir("corpus")
    for path in ("d/a.txt", "文.txt"):
        with s3.open_output_stream(f"corpus/input/{path}") as out:
            out.write((tmp_path / "input" / path).read_bytes())
    source = {
        "name": "web",
        "format": "lines",
        "root": f"s3://corpus/input{store}",
        "paths": ["**"],
        "category": "webpages",
        "licence": "x",
    }
    config = toy.make_config(
        tmp_path, out=f"s3://corpus/run{store}", sources=[source], run=NO_RELATE, trim=trim
    )
    remote = run(config, no_spark)
    assert rows(remote, *TABLES) == rows(local, *TABLES)
    said: list[str] = []
    from skypile.driver import run_config

    run_config(config, no_spark, say=said.append)
    assert said == ["lines.read web: up to date", "trim.cut web: up to date"]
    word_list = f"s3://corpus/words.txt{store}"
    with s3.open_output_stream("corpus/words.txt") as out:
        out.write("词\n".encode())
    assert read_text(word_list) == "词\n"
    assert contents.digest(word_list) == hashlib.sha256("词\n".encode()).hexdigest()
    left = f"lengths/web/{'0' * 32}/part-00000-{'0' * 12}.parquet"
    with s3.open_output_stream(f"corpus/run/{left}") as out:
        out.write(b"of a task that was killed")
    assert [f.path for f in collect(config.run.out)] == [left]
    assert rows(remote, *TABLES) == rows(local, *TABLES)


def test_token_shards_on_s3_are_those_on_disk(
    tmp_path: Path, store: str, no_spark: Callable[[], Any]
) -> None:
    make_tokenizer(tmp_path / "tokenizer")
    sources = {"english_web": texts("en")[:60], "chinese_web": texts("zh_hant")[:40]}
    section = {"tokenizer": str(tmp_path / "tokenizer"), "shard_tokens": 2000}
    s3, _ = fs.FileSystem.from_uri(f"s3://shards{store}")
    s3.create_dir("shards")
    found = []
    for out in ("run", f"s3://shards/run{store}"):
        config = toy_corpus.config_of(tmp_path, sources, tokens=section, out=out)
        Run(config, no_spark, lambda said: None).execute()
        assert shards.verify(config.run.out)["documents"] == 100
        root = shards.shards_of(config.run.out)
        found.append({f.path: root.read(f.path) for f in root.walk()})
    assert found[0] == found[1]
    assert not [f.path for f in root.walk() if f.path.endswith(".tmp")]


def test_a_release_on_s3_is_the_one_on_disk(
    tmp_path: Path, store: str, no_spark: Callable[[], Any]
) -> None:
    config = toy_corpus.config_of(tmp_path, {"chinese_webpages": texts("zh_hant")[:20]})
    run(config, no_spark)
    s3, _ = fs.FileSystem.from_uri(f"s3://corpus{store}")
    s3.create_dir("corpus")
    layout, given = Layout(compression="zstd", shard_bytes=800), {"say": lambda _: None}
    for out in (str(tmp_path / "out"), f"s3://corpus/out{store}"):
        made = release(
            str(tmp_path / "run"), out, layout, Choice(), allow_unknown_licences=True, **given
        )
        assert len(made["files"]) > 3
    remote, local = Root(f"s3://corpus/out{store}"), Root(str(tmp_path / "out"))
    assert [f.path for f in remote.walk()] == [f.path for f in local.walk()]
    assert all(remote.read(f.path) == local.read(f.path) for f in local.walk())
    assert verify(remote.uri) == verify(local.uri)
