"""Pages of published packages: found by name, with their addresses, out of the right archive."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from bench.fast_examples import LABELS_FILE
from bench.fast_pages import PACKAGES, Package, packaged_pages

GB = "<meta charset=gbk><link rel='x'><p>这是一个网页，说明如何提取正文。".encode("gbk")
EN = b'<link rel="canonical" href="http://made.example/a"><p>One paragraph of a page.'


def packed(folder: Path, files: dict[str, bytes]) -> Package:
    """A package of these files, packed as PyPI has them."""
    path = folder / "made-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"made-1.0/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Package("made", "1.0", "pypi", digest, r"[^/]+/made/data/html/([^/]+)\.html", "MIT")


def test_pages_have_ids_addresses_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = json.dumps({"html/2.html": {"url": "http://zh.example/"}}).encode()
    files = {"made/data/html/2.html": GB, "made/data/html/1.html": EN, "made/setup.py": b"1"}
    made = packed(tmp_path, {**files, "made/data/index.json": index})
    monkeypatch.setitem(PACKAGES, "made", made)
    first, second = packaged_pages("made", tmp_path)
    assert (first.id, first.url, first.text) == ("made/1", "http://made.example/a", EN.decode())
    assert (second.id, second.url) == ("made/2", "http://zh.example/")
    assert "如何提取正文" in second.text


def test_another_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = packed(tmp_path, {"made/data/html/1.html": EN})
    (tmp_path / made.archive).write_bytes(b"another")
    monkeypatch.setitem(PACKAGES, "made", made)
    with pytest.raises(ValueError, match=r"made-1\.0\.tar\.gz has digest .*: remove it"):
        list(packaged_pages("made", tmp_path))


def test_labels_name_sets_that_there_are_and_ranges_in_order() -> None:
    rows = json.loads(LABELS_FILE.read_text(encoding="utf8"))["pages"]
    assert {row["set"] for row in rows} == {"html_misc", "html_gne_zh", *PACKAGES}
    assert len({row["id"] for row in rows}) == len(rows) == 322
    for row in rows:
        ends = [end for first_last in row["text"] for end in first_last]
        assert ends == sorted(ends), row["id"]
        assert all(0 <= end < row["blocks"] for end in ends), row["id"]
