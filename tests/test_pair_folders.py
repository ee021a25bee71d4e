"""Two folders of documents and their translations to JSON lines that the stage reads."""

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skypile import pair_folders
from skypile.cli import app
from skypile.errors import InputError
from skypile.kernels.parallel.pair_formats import FORMATS, Pair, PairSlice
from skypile.pair_folders import pair_names
from tests.kernels.parallel.test_gale_church import EN, ZH, ZHT


def test_names_that_belong_together() -> None:
    pairs, left, right = pair_names(
        ["a/b.md", "a/index.en-US.md", "en/guide/x.md", "zen/en.txt", "only.md"],
        ["a/b.md", "a/index.zh-CN.md", "zh_hans/guide/x.md", "zen/zh.txt", "nur.md"],
    )
    assert pairs == [
        ("a/b.md", "a/b.md"),
        ("a/index.en-US.md", "a/index.zh-CN.md"),
        ("en/guide/x.md", "zh_hans/guide/x.md"),
        ("zen/en.txt", "zen/zh.txt"),
    ]
    assert (left, right) == (["only.md"], ["nur.md"])


def test_one_folder_has_both() -> None:
    names = ["a.md", "a.zh.md", "b.en.md", "b.zh-TW.md", "c.md"]
    pairs, left, right = pair_names(names, names, one_folder=True)
    assert pairs == [("a.md", "a.zh.md"), ("b.en.md", "b.zh-TW.md")]
    assert (left, right) == (["c.md"], [])


def test_two_translations_into_chinese_are_refused() -> None:
    with pytest.raises(InputError, match=r"a\.zh-CN\.md and a\.zh-TW\.md are the same document"):
        pair_names(["a.en.md"], ["a.zh-CN.md", "a.zh-TW.md"])


def page(paragraphs: list[str], charset: str) -> bytes:
    body = "".join(f"<p>{p}</p>" for p in paragraphs)
    return f'<html><head><meta charset="{charset}"></head><body>{body}</body></html>'.encode(
        charset
    )


def test_text_markdown_and_html_in_any_charset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    en, zh, out = tmp_path / "en", tmp_path / "zh", tmp_path / "out"
    for folder in (en, zh):
        (folder / "sub").mkdir(parents=True)
    (en / "a.md").write_text("\n\n".join(EN), encoding="utf8")
    (zh / "a.md").write_text("\n\n".join(ZH), encoding="gb18030")
    (en / "sub/b.en.html").write_bytes(page(EN, "utf-8"))
    (zh / "sub/b.zh.html").write_bytes(page(ZHT, "big5"))
    (en / "c.txt").write_bytes(b"")
    (zh / "c.txt").write_text(ZH[0], encoding="utf8")
    (zh / "d.txt").write_text(ZH[0], encoding="utf8")
    monkeypatch.setattr(pair_folders, "SHARD_BYTES", 1000)
    done = CliRunner().invoke(app, ["pairs", str(en), str(zh), str(out)])
    assert done.exit_code == 0, done.output
    assert "2 documents in 2 files" in done.output
    assert "Chinese alone: 1 (d.txt)" in done.output
    assert "without text: 1 (c.txt)" in done.output
    files = sorted(out.iterdir())
    assert [f.name for f in files] == ["pairs-00000.jsonl", "pairs-00001.jsonl"]
    for file, chinese in zip(files, (ZH, ZHT), strict=True):
        this = PairSlice(blocks="paragraphs")
        items = [*FORMATS["document_pairs"](io.BytesIO(file.read_bytes()), this)]
        found = [(i.found.english, i.found.chinese) for i in items if isinstance(i.found, Pair)]
        assert found == [*zip(EN, chinese, strict=True)]
    assert json.loads(files[1].read_text(encoding="utf8"))["id"] == "sub/b.en.html"
