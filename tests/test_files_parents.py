"""A file's folder and name, from a local path or a URI."""

import hashlib
from pathlib import Path

import pytest

from skypile.errors import InputError
from skypile.files import Root, parent_of, read_text


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("/a/b.txt", "/a", "b.txt"),
        ("/b.txt", "/", "b.txt"),
        ("s3://bucket/a/b.txt?endpoint=x", "s3://bucket/a?endpoint=x", "b.txt"),
        ("/a/what?.txt", "/a", "what?.txt"),
    ],
)
def test_parents(path: str, folder: str, name: str) -> None:
    root, found = parent_of(path)
    assert (root.uri, found) == (folder, name)


def test_a_text_is_read_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "词.txt").write_text("词\n", encoding="utf8")
    (tmp_path / "gbk.txt").write_bytes("词".encode("gbk"))
    monkeypatch.chdir(tmp_path)
    assert read_text(str(tmp_path / "词.txt")) == read_text("词.txt") == "词\n"
    with pytest.raises(InputError, match="no such file: gone"):
        read_text("gone")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_text(str(tmp_path / "gbk.txt"))


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    with root.create_whole("a/b.bin") as out:
        out.write(b"first")
        assert not root.exists("a/b.bin")
    with pytest.raises(ValueError, match="stop"), root.create_whole("a/b.bin") as out:
        out.write(b"second, unfinished")
        raise ValueError("stop")
    assert root.read("a/b.bin") == b"first"
    assert root.sha256("a/b.bin") == hashlib.sha256(b"first").hexdigest()
    assert [f.path for f in root.walk()] == ["a/b.bin"]
