import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from skypile.report.page import Options, render, write
from tests.look.runs import EMAIL, MOBILE, PHONE, ROWS, small_run


@pytest.fixture
def run(tmp_path: Path, no_spark: Callable[[], Any]) -> str:
    return small_run(tmp_path, no_spark)


def test_nothing_in_a_text_becomes_markup(run: str) -> None:
    page = render(run, Options())
    tree = lxml.html.fromstring(page)
    assert not tree.xpath("//script | //img | //iframe | //object | //embed | //form | //b[@*]")
    assert not tree.xpath("//@onerror | //@onclick | //@src | //@onload")
    assert all(h.startswith(("#", "data:,")) for h in tree.xpath("//@href"))
    shown = tree.text_content()
    assert "<script>document.title='ran'</script>" in shown  # as text
    first = tree.xpath("//head/meta")[1]
    assert first.get("http-equiv") == "Content-Security-Policy"
    assert "default-src 'none'" in first.get("content")
    assert "script-src" not in first.get("content")  # so that default-src forbids them


def test_personal_data_is_masked_in_texts_titles_and_addresses(run: str) -> None:
    page = render(run, Options(samples=100))
    assert "&lt;EMAIL&gt;" in page
    assert "&lt;PHONE&gt;" in page
    assert not [p for p in (EMAIL, PHONE, MOBILE, "wei.zhang") if p in page]


def test_the_same_run_gives_the_same_bytes_and_every_link_a_place(run: str, tmp_path: Path) -> None:
    page = render(run, Options())
    size = write(run, tmp_path / "sub/report.html", Options())
    assert (tmp_path / "sub/report.html").read_text(encoding="utf8") == page
    assert size == len(page.encode())
    tree = lxml.html.fromstring(page)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    links = {h[1:] for h in tree.xpath("//a/@href")}
    assert links <= set(ids)
    assert links >= {"funnel", "samples", "r-language-other_language", "r-read-bad_json"}


def test_counts_are_exact_and_stages_that_are_not_there_have_no_page(run: str) -> None:
    tree = lxml.html.fromstring(render(run, Options()))
    rows = {r.xpath("string(th)"): r for r in tree.xpath("//section//tbody/tr[td]")}
    assert rows["other_language"].xpath("string(td)") == "1"
    assert {"recurring", "mixture", "tokenizer", "training", "corpus", "buckets"}.isdisjoint(
        tree.xpath("//@id")
    )
    for piece in ("ingest.read", "language.measure"):  # computed, reused, wall and core time
        computed, reused, *times = (c.text_content() for c in rows[piece].xpath("td"))
        assert int(computed) >= len(ROWS) - 1
        assert reused == "0"
        assert all(re.fullmatch(r"\d+\.\d s|\d+ min", t) for t in times)
    assert "perplexity" not in tree.text_content()
    assert f"{len(ROWS) + 2} records" in tree.text_content()


def test_a_big_run_is_estimated_and_says_so(run: str) -> None:
    page = render(run, Options(max_documents=10))
    assert re.search(r"are from \d of \d parts, drawn by hash", " ".join(page.split()))
    assert f"What became of {len(ROWS) + 2} records" in page


def test_a_run_without_documents_and_one_that_is_not_finished_have_a_report(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    from skypile.errors import RejectBudgetError

    run = small_run(tmp_path / "half", no_spark)
    (tmp_path / "half/out/manifests/language.cut/web.json").unlink()
    page = render(run, Options())
    assert "Not in it, to be run or brought up to date: language" in page
    assert "r-language-other_language" not in page
    with pytest.raises(RejectBudgetError):
        small_run(tmp_path / "none", no_spark, rows=[])
    page = render(str(tmp_path / "none/out"), Options())
    assert "What became of 2 records" in page


def test_words_have_contrast_in_both_colour_schemes() -> None:
    css = (Path(__file__).parents[2] / "skypile/report/templates/style.css").read_text("utf8")
    schemes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colour = dict(re.findall(r"--(\w+(?:-\w+)?): (#\w{6})", scheme))
        for ink, ground in (
            ("ink", "panel"),
            ("soft", "panel"),
            ("soft", "ground"),
            ("ink", "code"),
            ("accent", "panel"),
            ("accent", "ground"),
            ("gone", "gone-ground"),
            ("new", "new-ground"),
        ):
            assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2: the ratio of the relative luminances."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
