"""Manifests: a table is what they list, stale is what moved, and comments do not matter."""

import json
import sys
from pathlib import Path

import pytest

from skypile.errors import SkypileError
from skypile.files import Root
from skypile.fingerprints import code_digest, digest_of
from skypile.manifests import FileEntry, Manifest, Manifests, content_digest, receipt_path
from skypile.reader import RunReader


def entry(sha: str = "0", path: str = "t/x") -> FileEntry:
    return FileEntry("t", "web", 0, path, 3, 99, sha)


def manifest(piece: str = "a.cut", *, sha: str = "0", **more: object) -> Manifest:
    values: dict[str, object] = {
        "piece": piece,
        "source": "web",
        "fingerprint": "f",
        "own_fingerprint": "o",
        "inputs": {},
        "settings": {},
        "libraries": {},
        "tables": {"t": 1},
        "rows": {"t": 3},
        "digest": content_digest({"t": 1}, [entry(sha)], {}),
        **more,
    }
    return Manifest(**values)  # type: ignore[arg-type]


def test_a_digest_is_of_the_content_not_of_names() -> None:
    digest = content_digest({"t": 1}, [entry()], {})
    assert digest == content_digest({"t": 1}, [entry(path="t/other-attempt")], {})
    assert digest != content_digest({"t": 1}, [entry("1")], {})
    assert digest != content_digest({"t": 1}, [entry()], {"cut": 0.5})
    assert digest != content_digest({"t": 2}, [entry()], {})
    stamps = FileEntry("inputs", "web", 0, "i", 1, 9, "now")
    assert digest == content_digest({"t": 1}, [entry(), stamps], {})


def test_a_committed_manifest_comes_back_and_its_inputs_are_watched(tmp_path: Path) -> None:
    store = Manifests(Root(str(tmp_path)))
    assert store.get("a.cut", "web") is None
    below = manifest("a.read")
    store.commit(below, [entry()])
    above = manifest(inputs={"a.read/web": below.digest})
    store.commit(above, [entry()])
    assert store.get("a.cut", "web") == above
    assert store.files(above) == (entry(),)
    assert store.moved_inputs(above) == []
    store.commit(manifest("a.read", fingerprint="again"), [entry(path="t/again")])
    assert store.moved_inputs(above) == []  # recomputed to the same rows
    store.commit(manifest("a.read", sha="1"), [entry("1")])
    assert store.moved_inputs(above) == ["a.read/web"]
    assert {m.piece for m in store.all()} == {"a.read", "a.cut"}
    assert {m.fingerprint for m in store.past("a.read", "web")} == {"f", "again"}


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    store = Manifests(Root(str(tmp_path)))
    store.commit(manifest(), [entry()])
    (tmp_path / "manifests/a.cut/web.json").write_text('{"piece": "a.cut"}')
    with pytest.raises(SkypileError, match=r"a\.cut/web\.json is not a manifest"):
        store.get("a.cut", "web")
    store.commit(manifest(), [entry("2")])  # a list that is not what the manifest says
    with pytest.raises(SkypileError, match="is not the list of files that was committed"):
        store.files(manifest())


def test_a_write_that_fails_leaves_the_old_bytes(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    root.write_atomic("m.json", b"old")
    with pytest.raises(TypeError):
        root.write_atomic("m.json", 5)  # type: ignore[arg-type]
    assert root.read("m.json") == b"old"


def test_digests_do_not_depend_on_key_order() -> None:
    assert digest_of({"a": 1, "b": [2, "中"]}) == digest_of({"b": [2, "中"], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_the_code_digest_sees_code_and_kernels_but_no_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest(text: str) -> str:
        (tmp_path / "a_stage.py").write_text(text)
        code_digest.cache_clear()
        sys.modules.pop("a_stage", None)
        return code_digest("a_stage")

    plain = digest("from skypile.kernels.reading import ids\nX = 1\n")
    assert plain == digest(
        '"""Doc."""\n\nfrom skypile.kernels.reading import ids  # why\n\nX = 1\n'
    )
    assert plain != digest("from skypile.kernels.reading import ids\nX = 2\n")
    assert plain != digest("X = 1\n")  # the kernel is a part of it
    inside = digest(
        "def f():\n    from skypile.kernels.reading.ids import doc_id\n    return doc_id\n"
    )
    assert inside != digest("def f():\n    return doc_id\n")
    code_digest.cache_clear()


DAMAGES = {
    "brackets": b"[" * 100_000,
    "a list": b"[1]",
    "no JSON": b'{"piece": "a.cut", ',
    "no UTF-8": b"\x89PNG",
    "a number of 5,000 digits": b'{"rows": ' + b"1" * 5000 + b"}",
    "a field of another type": b'"inputs": {}>"inputs": 3',
    "of another piece": b'"piece": "a.cut">"piece": "b.cut"',
    "a folder elsewhere": b'"source": "web">"source": "../web"',
}


@pytest.mark.parametrize(
    "name", ["manifests/a.cut/web.json", "manifests/a.cut/web/f/manifest.json"]
)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_named(tmp_path: Path, name: str, damage: str) -> None:
    store = Manifests(Root(str(tmp_path)))
    store.commit(manifest(), [entry()])
    path, (old, arrow, new) = tmp_path / name, DAMAGES[damage].partition(b">")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(old, new) if arrow else old)
    assert path.read_bytes() != whole
    with pytest.raises(SkypileError, match=f"{name} is not a manifest"):
        [*store.all(), *store.past("a.cut", "web")]


@pytest.mark.parametrize(
    "receipt",
    [
        b"[" * 100_000,
        b'{"key": "k", "files": 3}',
        b'{"key": "k", "files": [{"path": 1, "bytes": 2}]}',
        b'{"key": "k", "files": [{"bytes": 2}]}',
        b'{"key": ["k"], "files": []}',
        b'[{"key": "k", "files": []}]',
    ],
)
def test_a_damaged_receipt_counts_for_nothing(tmp_path: Path, receipt: bytes) -> None:
    store = Manifests(Root(str(tmp_path)))
    store.root.write_atomic("t/x", b"data")
    good = b'{"key": "k", "files": [{"path": "t/x", "bytes": 4}]}'
    store.root.write_atomic(receipt_path("a.read", "web", "f", "k", "1"), receipt)
    store.root.write_atomic(receipt_path("a.read", "web", "f", "k", "2"), good)
    found = store.receipts("a.read", "web", "f")
    assert [r["files"][0]["path"] for r in found.values()] == ["t/x"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", "[" * 100_000),
        ('"pieces"', '"pies"'),
        ('"own": "o"', '"own": null'),
        ('{"name": "web"}', "7"),
        ('"applies": ["web"]', '"applies": 1'),
    ],
)
def test_a_damaged_record_of_a_run_is_named(tmp_path: Path, old: str, new: str) -> None:
    record = {
        "sources": [{"name": "web"}],
        "stages": [{"name": "a", "paper": "", "pieces": {}, "applies": ["web"]}],
        "readers": {"web": "a"},
        "pieces": {"a.cut/web": {"own": "o", "inputs": []}},
        "sample_fraction": 1.0,
    }
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    assert RunReader(str(tmp_path)).sources == ["web"]
    path.write_text(json.dumps(record).replace(old, new))
    with pytest.raises(SkypileError, match=r"run\.json is damaged"):
        RunReader(str(tmp_path))
