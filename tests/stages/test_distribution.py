"""Stage distribution: what recurs all over the corpus goes, what few or one site says stays."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import all_stages
from skypile.recurring import plot, recurrence
from skypile.run import Run
from skypile.stages.distribution import MOSTLY, make_cut_kernel
from skypile.stages.distribution import Config as Distribution
from tests.stages.test_dedup import Start, chinese

NOTICES = {
    "en": [
        "We use cookies to give you the best experience on our website. Accept all cookies?",
        "This website uses cookies to give you the best experience. Accept all the cookies?",
        "Our website uses cookies to give you a better experience. Accept these cookies?",
        "By using our website you accept all cookies that give you the best experience.",
    ],
    "zh": [
        "本网站使用饼干技术以改善您的浏览体验，继续浏览即表示您接受我们的隐私政策。",
        "我们的网站使用饼干技术改善您的浏览体验，继续浏览即表示您接受隐私政策。",
        "本網站使用餅乾技術以改善您的瀏覽體驗，繼續瀏覽即表示您接受本站的隱私政策。",
        "为改善您的浏览体验，本网站使用饼干技术；继续浏览即接受我们的隐私政策。",
    ],
}
SERIES = "From our long series on the gardens of the county, by the gardener of the house."


def own(seed: int) -> str:
    """A paragraph that no other document has."""
    if seed % 2:
        return chinese(seed, 60) + "。"
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("aeioubcdfglmnprst", k=7)) for _ in range(30)) + "."


def page(seed: int) -> dict[str, Any]:
    """Four paragraphs of its own, and a notice in one of its wordings below the second."""
    notice = NOTICES["zh" if seed % 2 else "en"][seed // 2 % 4]
    blocks = [own(10 * seed + 2 * i + seed % 2) for i in range(4)]
    blocks.insert(2, notice)
    return {"id": str(seed), "text": "\n".join(blocks), "url": f"https://h{seed}.example/a"}


PAGES = [page(seed) for seed in range(80)]
STAGES = ["ingest", "fit_vectors", "distribution"]
SMALL = {"bits": 14, "dims": 48, "word_dims": 16, "min_units": 2}


def configure(base: Path, pages: list[dict[str, Any]], **sections: Any) -> RunConfig:
    (base / "in").mkdir(parents=True, exist_ok=True)
    (base / "in/rows.jsonl").write_text("".join(json.dumps(p) + "\n" for p in pages))
    source = {"name": "a", "format": "jsonl", "root": "in", "paths": ["*"], "licence": "test"}
    source |= sections.pop("source", {})
    table = {
        "run": {"out": "run", "part_bytes": sections.pop("part_bytes", 1 << 18), "stages": STAGES},
        "sources": [{**source, "category": "webpages"}],
        "fit_vectors": SMALL,
        "distribution": {"min_documents": 20, "min_hosts": 5, "keep_first": 2},
        **sections,
    }
    return from_table(table, all_stages(), base=base, where="test")


def run(config: RunConfig, start: Start) -> Ledger:
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger


def kept(ledger: Ledger) -> dict[str, list[str]]:
    """Id to the blocks that stay, of the documents that do."""
    tables = ledger.texts("distribution", ("record_id",))
    rows = [row for table in tables for row in table.to_pylist()]
    return {row["record_id"]: row["text"].split("\n") for row in rows}


@pytest.mark.spark
def test_a_notice_in_many_wordings_goes_from_all_but_the_first_documents(
    tmp_path: Path, start: Start
) -> None:
    ledger = run(configure(tmp_path, PAGES), start)
    left = kept(ledger)
    assert len(left) == len(PAGES)
    notices = {n for wordings in NOTICES.values() for n in wordings}
    with_notice = {i for i, blocks in left.items() if notices & set(blocks)}
    for language in (0, 1):
        of_language = {i for i in with_notice if int(i) % 2 == language}
        assert 2 <= len(of_language) <= 4  # two of each group, and one or two groups
    for i, blocks in left.items():
        own_blocks = [b for b in PAGES[int(i)]["text"].split("\n") if b not in notices]
        assert [b for b in blocks if b not in notices] == own_blocks
    facts = ledger.manifests.get("distribution.relate", CORPUS)
    assert facts
    assert facts.facts["documents"] == 80
    assert facts.facts["units"] == 400
    top = facts.facts["top"][0]
    assert top["documents"] >= 20
    assert top["hosts"] == top["documents"]
    found = recurrence(ledger.root.uri, top=3)
    assert [g.documents for g in found.groups] == sorted(g.documents for g in found.groups)[::-1]
    assert {group.example for group in found.groups} <= notices
    assert sum(g.removed for g in found.groups) == 80 - len(with_notice)
    assert sum(before for before, _ in found.histogram.values()) == 400
    assert [*found.histogram][:1] == [1]
    assert not {2, 3, 4} & found.histogram.keys()  # those of up to 4 documents are one bar
    assert sum(lost for _, lost in found.histogram.values()) == 80 - len(with_notice)
    plot(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    rows = [r for r in ledger.table("recurrent_blocks").to_pylist() if r["blocks"]]
    assert len(rows) == 80 - len(with_notice)
    for row in rows:
        assert row["blocks"] == [2]
        assert row["group_documents"][0] >= 20
        assert row["cosines"][0] >= 0.6


@pytest.mark.spark
def test_any_parts_give_the_same_rows(tmp_path: Path, start: Start) -> None:
    tables = ("blocks", "recurrence", "recurrent_blocks", "verdicts_distribution")
    one = run(configure(tmp_path / "one", PAGES), start)
    other = run(configure(tmp_path / "other", PAGES, part_bytes=16_384), start)
    assert len(other.files("blocks")) > len(one.files("blocks"))
    assert [one.digest(t) for t in tables] == [other.digest(t) for t in tables]


@pytest.mark.spark
def test_quotations_and_series_of_a_site_stay_and_exact_copies_outside_the_sample_go(
    tmp_path: Path, start: Start
) -> None:
    """The models are fitted on a source that has none of it: exact copies need no centre."""
    quoted, everywhere = NOTICES["en"][0], NOTICES["zh"][0]
    pages = []
    for seed in range(100, 160):
        blocks = [own(10 * seed + i) for i in range(4)]
        if seed < 108:
            blocks[0] = quoted
        if seed % 2:
            blocks[1] = SERIES
            host = f"site{seed % 3}.example"
        else:
            blocks[1] = everywhere
            host = f"h{seed}.example"
        url = f"https://{host}/{seed}"
        pages.append({"id": str(seed), "text": "\n".join(blocks), "url": url})
    config = configure(tmp_path, pages)
    (tmp_path / "fit").mkdir()
    rows = [{"id": str(i), "text": own(i) + "\n" + own(i + 5)} for i in range(40)]
    (tmp_path / "fit/rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    other = {"name": "fit", "format": "jsonl", "root": "fit", "paths": ["*"], "licence": "test"}
    config = configure(
        tmp_path,
        pages,
        sources=[
            {**other, "category": "books", "skip_stages": ["distribution"]},
            {**other, "name": "a", "root": "in", "category": "webpages"},
        ],
        fit_vectors={**SMALL, "sources": ["fit"]},
    )
    ledger = run(config, start)
    left = kept(ledger)
    assert sum(quoted in left[str(seed)] for seed in range(100, 108)) == 8
    assert sum(SERIES in blocks for blocks in left.values()) == 30
    assert sum(everywhere in blocks for blocks in left.values()) == 2
    gone = [r for r in ledger.table("recurrent_blocks").to_pylist() if r["blocks"]]
    assert len(gone) == 28
    assert {(*r["blocks"], *r["cosines"], *r["group_documents"]) for r in gone} == {(1, 1.0, 30)}
    assert all(r["groups"][0] < 0 for r in gone)


def notice_pages(count: int) -> list[dict[str, Any]]:
    url = "https://h{}.example/"
    return [{"id": str(i), "text": NOTICES["en"][0], "url": url.format(i)} for i in range(count)]


@pytest.mark.spark
@pytest.mark.parametrize(
    ("pages", "gone"),
    [
        ([page(0)], 0),
        (notice_pages(30), 28),  # all blocks equal: what is not among the first loses everything
        ([{"id": str(i), "text": "ok\n好\n" + "😀" * 40} for i in range(30)], 0),
        ([page(0), {"id": "big", "text": "mile after mile. " * 60_000}], 0),
    ],
    ids=["one document", "all equal", "no block long enough", "a block of a megabyte"],
)
def test_edges(pages: list[dict[str, Any]], gone: int, tmp_path: Path, start: Start) -> None:
    ledger = run(configure(tmp_path, pages), start)
    verdicts = ledger.table("verdicts_distribution").to_pylist()
    assert [r["reason"] for r in verdicts].count(MOSTLY) == gone
    assert sum(r["kept"] for r in verdicts) == len(pages) - gone
    assert not any(r["removed_blocks"] for r in verdicts)


@pytest.mark.spark
def test_an_article_on_50_hosts_leaves_one_copy_whole(tmp_path: Path, start: Start) -> None:
    article = "\n".join([*(own(i) for i in (1000, 1001, 1002, 1003)), *NOTICES["zh"][:1]])
    pages = [
        {"id": f"a{i}", "text": article + "\n" * (i % 2), "url": f"https://a{i}.example/"}
        for i in range(50)
    ]
    config = configure(
        tmp_path,
        pages + PAGES[:10],
        run={"out": "run", "stages": ["ingest", "dedup", "fit_vectors", "distribution"]},
    )
    left = kept(run(config, start))
    assert len(left) == 11
    copies = [blocks for i, blocks in left.items() if blocks[0] == article.split("\n")[0]]
    assert copies == [article.split("\n")]


@pytest.mark.spark
def test_a_cut_off_reruns_the_cut_and_models_of_another_run_serve(
    tmp_path: Path, start: Start
) -> None:
    config = configure(tmp_path, PAGES[:40])
    first = run(config, start)
    before = first.digest("recurrent_blocks")
    cutoffs: dict[str, Any] = {"min_documents": 21, "min_hosts": 5, "keep_first": 2}
    said: list[str] = []
    run_config(configure(tmp_path, PAGES[:40], distribution=cutoffs), start, say=said.append)
    done = [line.partition(" ")[0] for line in said if "parts to do" in line]
    assert [name for name in done if "." in name] == ["distribution.cut"]
    low = Ledger(config.run.out)
    assert low.digest("recurrent_blocks") != before
    found = {p.parent.name: str(p.parent) for p in tmp_path.glob("run/models/*/*/*/card.json")}
    named = configure(
        tmp_path,
        PAGES[:40],
        run={"out": "other", "stages": ["ingest", "distribution"]},
        distribution={**cutoffs, "models": found},
    )
    assert run(named, start).digest("recurrent_blocks") == low.digest("recurrent_blocks")
    (tmp_path / "in/more.jsonl").write_text("".join(json.dumps(p) + "\n" for p in PAGES[40:50]))
    grown = run(named, start).manifests.get("distribution.measure", "a")
    assert grown
    assert (grown.work["computed"], grown.work["reused"]) == (10, 40)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"min_documents": 3}, "below counted_from_documents"),
        ({"models": {"vectors": "x"}}, "name all of vectors, centres, or none"),
        ({"models": {"vector": "x"}}, "'vector' is none of"),
        ({"min_cosine": 0.5}, "below that of .fit_vectors., 0.6"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    section: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        configure(tmp_path, PAGES, distribution=section)


def test_a_fit_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    named = {"distribution": {"models": {"vectors": "x", "centres": "y"}}}
    with pytest.raises(ConfigError, match="set fit = false"):
        configure(tmp_path, PAGES, **named)
    off = {**SMALL, "fit": False}
    with pytest.raises(ConfigError, match="needs stage fit_vectors in the run"):
        configure(tmp_path, PAGES, fit_vectors=off)
    config = configure(tmp_path, PAGES, **named, fit_vectors=off)
    stage = next(s for s in config.stages if s.name == "fit_vectors")
    assert Run(config, lambda: None, print).lineage.sources_of(stage, "fit") == []  # type: ignore[arg-type,return-value]


def test_without_models_and_without_a_fit_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs stage fit_vectors in the run"):
        configure(tmp_path, PAGES, run={"out": "run", "stages": ["ingest", "distribution"]})


def test_the_cut_names_blocks_as_documents_has_them() -> None:
    """Block 1 was removed before; a block cut in two pieces goes if both recur, and no other."""
    lists = {
        "removed_before": [[1]],
        "block_chars": [[10, 10, 10, 900, 10]],
        "first_blocks": [[0, 1, 2, 2]],
        "end_blocks": [[1, 2, 3, 3]],
        "cosines": [[0.6, 0.7, 0.8, 0.9]],
        "units": [[1, 2, 3]],
        "unit_groups": [[7, 8, -9]],
        "unit_documents": [[50, 60, 40]],
        "unit_hosts": [[50, 60, 40]],
        "spared": [[False, False, False]],
    }
    batch = pa.RecordBatch.from_pydict({"doc_id": ["x"], **lists})
    facts = {"documents": 1000}
    config = Distribution(max_removed_fraction=1)
    rows = make_cut_kernel(config, facts)(batch).to_pylist()
    assert rows[0]["removed_blocks"] == [2, 3]
    assert rows[0]["groups"] == [7, -9]
    assert rows[0]["group_documents"] == [50, 40]
    assert rows[0]["cosines"] == [pytest.approx(0.7), 1.0]
    lost = make_cut_kernel(Distribution(), facts)(batch).to_pylist()[0]
    assert (lost["kept"], lost["reason"], lost["removed_blocks"]) == (False, MOSTLY, [])
    assert lost["blocks"] == [2, 3]
    for more in ({"min_documents": 45}, {"min_hosts": 45}, {"min_fraction": 0.045}):
        config = Distribution(max_removed_fraction=1, **more)
        rows = make_cut_kernel(config, facts)(batch).to_pylist()
        assert rows[0]["removed_blocks"] == [2], more  # the second piece of block 3 is rarer
