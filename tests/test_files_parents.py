"""A file's folder and name, from a local path or a URI."""

from pathlib import Path

import pytest

from skypile.errors import InputError
from skypile.files import parent_of, read_text


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
