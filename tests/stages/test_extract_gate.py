"""What is asked of a page before it is extracted."""

from contextlib import closing
from pathlib import Path

import pytest

from skypile.blocklists import compile_lists
from skypile.errors import ConfigError
from skypile.files import Root
from skypile.kernels.text import language
from skypile.settings import build
from skypile.stages.extract import Config, ExtractKernel, validate
from skypile.stages.extract_gate import Gate, Wanted
from tests.stages.test_extract import EN, ZH, ZHT, page, read, response

DE = (
    "Der Schleusenwärter schrieb jeden Abend den Stand des Kanals in ein Buch, und das Buch hat "
    "den Kanal überlebt. Niemand fragte nach den Zahlen, bis im Frühjahr das Hochwasser kam."
)
JA = "閘門の番人は毎晩運河の水位を帳簿に書きつけ、その帳簿は運河よりも長く残った。"
YUE = "嗰個睇水閘嘅人每晚都會將水位寫落簿度，本簿仲長命過條運河。冇人問過啲數字。"
MENU = "<li><a href=/>Startseite</a><li><a href=/k>Impressum und Datenschutz</a>"


def gate(*languages: str, prob: float = 0.9, letters: int = 100) -> Gate:
    return Gate(Wanted(languages, prob, letters), "", language.LID_SHA256, "")


@pytest.mark.parametrize("text", [EN, ZH * 3, ZHT * 3, YUE * 3])
def test_english_and_chinese_of_any_kind_pass(text: str) -> None:
    # Also where the menu is in another language.
    assert gate("en", "zh").page(page(MENU, text, text)) == (None, None)


@pytest.mark.parametrize(("text", "lang"), [(DE, "de"), (JA * 3, "ja"), (ZH * 5, "zh")])
def test_what_is_plainly_something_else_is_foreign(text: str, lang: str) -> None:
    reason, detail = gate(*({"en", "zh"} - {lang})).page(page(text, text))
    assert reason == "foreign"
    assert detail
    assert detail.startswith(f"{lang} ")
    assert gate().page(page(text, text)) == (None, None)


def test_little_text_and_doubt_pass() -> None:
    assert gate("en", "zh").page(page("Der Kanal", title="Kanal")) == (None, None)
    short = page(DE[:90], title="Kanal")
    assert gate("en", "zh", letters=200).page(short) == (None, None)
    assert gate("en", "zh", letters=20).page(short)[0] == "foreign"
    mixed = page(DE, EN, EN)
    assert gate("en", "zh").page(mixed) == (None, None)
    assert gate("en", "zh").page("") == (None, None)
    assert gate("fr", prob=1.0, letters=1).page(page(DE, DE)) == (None, None)


def blocked(tmp_path: Path) -> str:
    lists = tmp_path / "ut1/adult"
    lists.mkdir(parents=True)
    (lists / "domains").write_text("bad.example\n")
    (lists / "urls").write_text("good.example/bad\n")
    compile_lists(Root(str(tmp_path / "ut1")), tmp_path / "blocked")
    return str(tmp_path / "blocked")


def test_reasons_are_on_record_and_nothing_is_extracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"languages": ["en", "zh"], "blocklist": blocked(tmp_path)}
    config = build(Config, changes, "t")
    validate(config)
    kernel = ExtractKernel(config, lambda _: True)
    monkeypatch.setattr(kernel._sandbox, "extract", lambda *a, **k: pytest.fail("extracted"))
    urls = {
        "https://www.bad.example/": "blocked_domain",
        "https://good.example/bad/1": "blocked_url",
        "https://good.example/": "foreign",
    }
    data = b"".join(
        response(page(DE, DE).encode(), url=url, name=str(i)) for i, url in enumerate(urls)
    )
    with closing(kernel):
        rows = read(kernel, data)
    assert [(r["url"], r["reason"], r["kept"]) for r, _ in rows] == [
        (url, reason, False) for url, reason in urls.items()
    ]
    assert [r["detail"] for r, _ in rows][:2] == ["adult", "adult"]
    assert all(document is None for _, document in rows)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"languages": ["en"], "lid_model": "/nowhere.bin"}, "cannot read the language model"),
        ({"languages": ["en"], "lid_sha256": "0" * 64}, "SHA-256"),
        ({"languages": ["en", "chinese"]}, "knows no chinese"),
    ],
)
def test_a_model_that_is_not_there_is_told(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(build(Config, wrong, "t"))
