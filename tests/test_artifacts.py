import json
import multiprocessing as mp
import os
from pathlib import Path
from typing import Any

import pytest

from skypile import artifacts
from skypile.artifacts import CARD, ArtifactError, Card, load_card, local, publish, write
from skypile.files import Root


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKYPILE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "zh-lm"
    (folder / "deep").mkdir(parents=True)
    (folder / "lm.bin").write_bytes(bytes(range(256)) * 40_000)
    (folder / "deep/sp.model").write_bytes("片".encode() * 1000)
    write(
        folder, Card("lm", {}, language="zh", licence="CC-BY-SA-3.0", trained_on={"documents": 3})
    )
    return folder


def test_the_card_says_what_the_files_are(made: Path) -> None:
    card = load_card(str(made))
    assert (card.kind, card.language, card.trained_on) == ("lm", "zh", {"documents": 3})
    assert {n: f.bytes for n, f in card.files.items()} == {
        "lm.bin": 10_240_000,
        "deep/sp.model": 3000,
    }
    assert local(str(made), kind="lm", language="zh") == made


def test_the_digest_is_of_the_files_not_of_the_notes(made: Path) -> None:
    before = load_card(str(made)).digest
    assert write(made, Card("lm", {}, language="zh", quality={"perplexity": 3.0})).digest == before
    (made / "deep/sp.model").write_bytes(b"other")
    assert write(made, Card("lm", {}, language="zh")).digest != before


def test_from_elsewhere_one_copy_is_made_and_found_again(made: Path, cache: Path) -> None:
    uri = made.as_uri()
    copy = local(uri)
    assert copy.is_relative_to(cache)
    assert (copy / "lm.bin").read_bytes() == (made / "lm.bin").read_bytes()
    stamp = (copy / "lm.bin").stat()
    assert local(uri) == copy
    assert (copy / "lm.bin").stat() == stamp
    assert load_card(str(copy)) == load_card(uri)


def test_a_damaged_copy_is_fetched_again(made: Path) -> None:
    copy = local(made.as_uri())
    right = (copy / "lm.bin").read_bytes()
    (copy / "lm.bin").write_bytes(right[:-1] + b"?")  # as long as before
    assert local(made.as_uri()) == copy
    assert (copy / "lm.bin").read_bytes() == right
    (copy / "deep/sp.model").unlink()
    assert (local(made.as_uri()) / "deep/sp.model").exists()


def test_a_fetch_that_is_cut_off_leaves_no_copy(
    made: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, copied = artifacts._copy, []

    def breaks(source: Any, name: str, *rest: Any) -> None:
        if copied:
            raise OSError("the network is gone")
        real(source, name, *rest)
        copied.append(name)

    monkeypatch.setattr(artifacts, "_copy", breaks)
    with pytest.raises(OSError, match="network"):
        local(made.as_uri())
    assert not [path for path in (cache / "artifacts").iterdir() if path.is_dir()]
    monkeypatch.undo()
    monkeypatch.setenv("SKYPILE_CACHE", str(cache))
    assert (local(made.as_uri()) / "lm.bin").exists()


def test_a_file_is_hashed_once(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local(str(made))

    def never(*args: object) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(Root, "sha256", never)
    assert local(str(made)) == made
    os.utime(made / "lm.bin", (1, 1))
    with pytest.raises(AssertionError, match="hashed again"):
        local(str(made))


@pytest.mark.parametrize("remote", [False, True])
def test_damage_at_the_source_is_an_error_that_names_the_file(made: Path, remote: bool) -> None:
    uri = made.as_uri() if remote else str(made)
    (made / "lm.bin").write_bytes(b"short")
    with pytest.raises(ArtifactError, match=r"damaged: lm\.bin has 5 bytes"):
        local(uri)
    (made / "lm.bin").unlink()
    with pytest.raises(ArtifactError, match=r"damaged: lm\.bin is missing"):
        local(uri)


def test_missing_wrong_kind_wrong_language(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"no artifact at .*nowhere: it has no {CARD}"):
        local(str(tmp_path / "nowhere"))
    with pytest.raises(ArtifactError, match="kind 'lm'; 'tokenizer' is needed"):
        local(str(made), kind="tokenizer")
    with pytest.raises(ArtifactError, match="for 'zh'; one for 'en' is needed"):
        local(str(made), kind="lm", language="en")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="no files"):
        write(tmp_path / "empty", Card("lm", {}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "lm", "files": {"a": 3}}', "\xff"])
def test_a_card_that_is_none(made: Path, text: str) -> None:
    (made / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"card\.json is not an artifact's card"):
        local(str(made))


def test_a_card_that_names_files_outside_is_refused(made: Path) -> None:
    fields = json.loads((made / CARD).read_text())
    fields["files"]["../escape"] = {"bytes": 1, "sha256": "0"}
    (made / CARD).write_text(json.dumps(fields))
    with pytest.raises(ArtifactError, match="outside"):
        local(made.as_uri())


def test_publish_then_local(made: Path, tmp_path: Path) -> None:
    uri = (tmp_path / "store/zh").as_uri()
    publish(made, uri)
    assert (local(uri) / "lm.bin").read_bytes() == (made / "lm.bin").read_bytes()
    (made / "lm.bin").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="damaged"):
        publish(made, (tmp_path / "store/zh2").as_uri())
    assert not (tmp_path / "store/zh2" / CARD).exists()


def _fetch_and_read(uri: str, start: Any, out: Any) -> None:
    fetched = []
    real = artifacts._fetch
    artifacts._fetch = lambda *args: (fetched.append(1), real(*args))[1]  # type: ignore[func-returns-value]
    start.wait()
    for _ in range(3):
        folder = local(uri)
        assert (folder / "lm.bin").stat().st_size == 10_240_000
    out.put((len(fetched), str(folder)))


def test_many_processes_at_once_fetch_one_copy(made: Path, cache: Path) -> None:
    context = mp.get_context("fork")
    start, out = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_fetch_and_read, args=(made.as_uri(), start, out)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    results = [out.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sum(fetched for fetched, _ in results) == 1
    assert len({folder for _, folder in results}) == 1
    assert not list((cache / "artifacts").glob("fetch-*"))
