"""Stage parallel: pairs to documents, what each check drops, and one pair a text on either side."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError
from skypile.files import Root
from skypile.ledger import Ledger
from skypile.lineage import Lineage
from skypile.manifests import Manifests
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stages.parallel import STAGE, Config, ParallelKernel
from skypile.stages.parallel_fates import CHECKS, failed
from skypile.stages.parallel_measure import make_measure_kernel
from skypile.tables import DOCUMENTS, READ_LOG, RECORDS
from tests.kernels.parallel.test_gale_church import EN, ZH, ZHT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAIRS = [(e, z) for i, (e, z) in enumerate(zip(EN, ZH, strict=True)) if i != 3]
PAIRS_T = [(e, z) for i, (e, z) in enumerate(zip(EN, ZHT, strict=True)) if i != 3]


def tsv(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(f"{e}\t{z}\n" for e, z in pairs).encode()


def read(pairs: list[tuple[str, str]], **settings: Any) -> list[dict[str, Any]]:
    """Documents of pairs, checked against their tables."""
    kernel = ParallelKernel(build(Config, settings, "test"), lambda _: True)
    rows = [
        *kernel(
            io.BytesIO(tsv(pairs)),
            source="s",
            format="pairs_tsv",
            path="f",
            start=0,
            first_ordinal=0,
        )
    ]
    RECORDS.from_rows(r for r, _ in rows)
    log = kernel.log()
    READ_LOG.from_rows([{"source": "s", "path": "f", "start": 0, "end": 1, **log}])
    documents = [d for _, d in rows if d]
    DOCUMENTS.from_rows(documents)
    return documents


def measure(pairs: list[tuple[str, str]], **settings: Any) -> list[dict[str, Any]]:
    """The measures of pairs, through their texts."""
    documents = read(pairs, **settings)
    batch = pa.RecordBatch.from_pydict(
        {
            "doc_id": [d["doc_id"] for d in documents],
            "text": pa.array([d["text"] for d in documents], pa.large_string()),
        }
    )
    kernel = make_measure_kernel(build(Config, settings, "test"))
    whole = kernel(batch)
    pieces = [kernel(batch.slice(i, 1)) for i in range(batch.num_rows)]
    assert pa.Table.from_batches(pieces) == pa.Table.from_batches([whole]).combine_chunks() or (
        [r for p in pieces for r in p.to_pylist()] == whole.to_pylist()
    )
    return whole.to_pylist()  # type: ignore[no-any-return]


def test_a_document_is_both_sides_in_a_template_in_either_order() -> None:
    many = [(f"{e} {i}", f"{z}{i}") for i in range(10) for e, z in PAIRS]
    texts = [d["text"] for d in read(many)]
    orders = {t == f"{e}\n{z}" for t, (e, z) in zip(texts, many, strict=True)}
    assert orders == {True, False}
    for text, (english, chinese) in zip(texts, many, strict=True):
        assert text in (f"{english}\n{chinese}", f"{chinese}\n{english}")
    named = {"english_first": "EN: {en}\nZH: {zh}", "chinese_first_share": 0.0}
    assert [d["text"] for d in read(PAIRS, **named)] == [f"EN: {e}\nZH: {z}" for e, z in PAIRS]


@pytest.mark.parametrize("settings", [{}, {"chinese_first": "答：{zh}\nQ: {en}"}])
def test_sides_are_found_in_the_text_whatever_the_template(settings: dict[str, str]) -> None:
    def sides(pairs: list[tuple[str, str]], **given: str) -> list[dict[str, Any]]:
        rows = measure(pairs, **given)
        return [{k: v for k, v in r.items() if k != "traditional_share"} for r in rows]

    rows = measure(PAIRS, **settings)
    assert rows == measure(PAIRS)
    assert {(r["english_lang"], r["chinese_lang"]) for r in rows} == {("en", "zh")}
    traditional = measure(PAIRS_T, **settings)
    assert min(r["traditional_share"] for r in traditional) > 0.1
    assert max(r["traditional_share"] for r in rows) == 0
    assert [failed(Config(), r) for r in (*rows, *traditional)] == [None] * 8


LONG = "The ferry to the islands leaves at 6:30 on every day of the week, says the notice board."
LONG_ZH = "告示牌上说，开往群岛的渡船每天六点半开，一周七天都有。"
LINKED = f"{LONG} See https://ferry.example/times or `timetable --all` and load_all()."
LINKED_ZH = "告示牌上说，开往群岛的渡船每天 6:30 开。参见 https://ferry.example/times 或"
NAMED_ZH = "告示牌上说，开往群岛的渡船每天 6:30 开，由 Nordland 和 Fjordline 公司经营。"


@pytest.mark.parametrize(
    ("english", "chinese", "reason"),
    [
        ("The ferry.", "渡船。", "too_short"),
        (LONG_ZH, LONG_ZH, "not_english"),
        (
            "Die Fähre zu den Inseln fährt jeden Tag um sechs Uhr dreißig ab.",
            LONG_ZH,
            "not_english",
        ),
        (LONG, LONG, "not_chinese"),
        (LONG, "案内板によると、島々へ向かう船は毎日六時半に出ます。", "not_chinese"),
        (LONG, f"{LONG[:60]}，告示牌上这样说。", "untranslated"),
        (LONG, "渡船六点半开。", "length_ratio"),
        (LONG, "告示牌上说，开往群岛的渡船每天 7:45 开，一周七天都有。", "numbers_differ"),
        (
            LINKED,
            f"{LINKED_ZH} `timetable --all` 和 load_all()。".replace("ferry.e", "x.e"),
            "urls_differ",
        ),
        (LINKED, f"{LINKED_ZH} `时刻表` 和加载程序。", "code_differs"),
        (LONG, NAMED_ZH, "names_differ"),
        (LONG[:-8], LONG_ZH.replace("六点半", " 6:30 "), "incomplete_english"),
        (LONG, LONG_ZH.replace("六点半", " 6:30 ")[:-4], "incomplete_chinese"),
        (LONG, LONG_ZH.replace("六点半", " 6:30 "), None),
        (LONG, "告示牌上說，開往群島的渡船每天 6:30 開，一週七天都有。", None),
    ],
)
def test_each_check_drops_for_its_reason(english: str, chinese: str, reason: str | None) -> None:
    (row,) = measure([(english, chinese)])
    assert failed(Config(), row) == reason


def test_the_sum_of_small_doubts_is_a_reason() -> None:
    (row,) = measure(
        [
            (
                f"{LONG} It does. Does it? It does!",
                "那天在山上，三只羊没有回来，牧人很着急，到处寻找。",
            )
        ]
    )
    assert failed(Config(min_numbers_agree=0.0), row) == "unlikely_pair"
    assert failed(Config(min_numbers_agree=0.0, min_log_odds=-99.0), row) is None
    assert set(CHECKS) <= set(STAGE.reasons)


def configure(base: Path, files: dict[str, bytes], **more: Any) -> RunConfig:
    (base / "in").mkdir(exist_ok=True)
    for name, data in files.items():
        (base / "in" / name).write_bytes(data)
    common = {"root": "in", "category": "miscellany", "licence": "test", "language": "zh"}
    sources = [
        {"name": "pairs", "format": "pairs_tsv", "paths": ["*.tsv"], **common, **more},
        {"name": "docs", "format": "document_pairs", "paths": ["*.jsonl"], **common},
    ]
    table = {
        "run": {"out": "run", "part_bytes": 1024},
        "sources": sources[: len(files)],
        "mixture": {"validation_share": 0.0},
    }
    stages = [s for s in all_stages() if s.name in ("parallel", "language", "dedup", "mixture")]
    return from_table(table, stages, base=base, where="test")


@pytest.mark.spark
def test_one_pair_a_text_and_whole_pairs_in_the_corpus(
    tmp_path: Path, start: Callable[[], "SparkSession"]
) -> None:
    worse = "渡船清晨六点离开旧港。"
    rows = [
        (EN[0], worse),  # duplicate_english, though it comes first
        *PAIRS,
        (EN[2], ZH[2].replace("https://weather.example/today", "广播")),  # no rival: it fails
        (f"{EN[4]} Nobody saw them.", ZH[4]),  # duplicate_chinese
        *PAIRS_T[1:2],  # duplicate_english of the simplified one, or the reverse
        (EN[1], EN[1]),
    ]
    document = {
        "id": "d",
        "en": [LONG, *EN[:1]],
        "zh": [LONG_ZH.replace("六点半", " 6:30 "), ZH[0]],
    }
    files = {"a.tsv": tsv(rows), "b.jsonl": json.dumps(document).encode()}
    config = configure(tmp_path, files)
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    ids = ledger.table("documents", ["doc_id", "source", "ordinal"]).to_pylist()
    place = {r["doc_id"]: (r["source"], r["ordinal"]) for r in ids}
    verdicts = ledger.table("verdicts_parallel").to_pylist()
    fates = {place[v["doc_id"]]: v["reason"] for v in verdicts if v["reason"]}
    assert fates == {
        ("pairs", 0): "duplicate_english",
        ("pairs", 5): "urls_differ",
        ("pairs", 6): "duplicate_chinese",
        ("pairs", 7): "duplicate_english",
        ("pairs", 8): "not_chinese",
        ("docs", 1): "duplicate_english",
    }
    better = {place[r["doc_id"]]: r["better"] for r in ledger.table("pair_fates").to_pylist()}
    assert {k: place[b] for k, b in better.items() if b} == {
        ("pairs", 0): ("pairs", 1),
        ("pairs", 6): ("pairs", 4),
        ("pairs", 7): ("pairs", 2),
        ("docs", 1): ("pairs", 1),
    }
    kept = {(e, z) for e, z in PAIRS} | {(LONG, document["zh"][0])}
    texts = ledger.table("corpus").to_pylist()
    assert {t["category"] for t in texts} == {"chinese_miscellany"}
    assert len(texts) == len(kept)
    assert {tuple(sorted(t["text"].split("\n"))) for t in texts} == {tuple(sorted(k)) for k in kept}
    applies = ledger.table("verdicts_language").to_pylist()
    assert not any(v["applies"] for v in applies)


def test_stages_that_take_pairs_apart_let_them_pass(tmp_path: Path) -> None:
    config = configure(tmp_path, {"a.tsv": tsv(PAIRS)})
    (source,) = config.sources
    assert [s.name for s in config.stages if source.applies(s.name)] == [
        "parallel",
        "dedup",
        "mixture",
    ]
    with pytest.raises(ConfigError, match="language cannot judge format pairs_tsv"):
        configure(tmp_path, {"a.tsv": tsv(PAIRS)}, stages=["parallel", "language"])


@pytest.mark.parametrize("more", [{}, {"stages": ["parallel", "mixture"]}])
def test_vectors_of_blocks_are_not_fitted_on_pairs(tmp_path: Path, more: dict[str, Any]) -> None:
    pairs = {"name": "pairs", "format": "pairs_tsv", "paths": ["*.tsv"], "root": "in", **more}
    pages = {"name": "pages", "format": "jsonl", "paths": ["*.jsonl"], "root": "in"}
    common = {"category": "miscellany", "licence": "test"}
    table = {"run": {"out": "run"}, "sources": [{**s, **common} for s in (pairs, pages)]}
    config = from_table(table, all_stages(), base=tmp_path, where="test")
    lineage = Lineage(config, Manifests(Root(config.run.out)))
    fit = next(s for s in config.stages if s.name == "fit_vectors")
    assert lineage.sources_of(fit, "fit") == ["pages"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"fields": {"text": "1"}}, "unknown column 'text'; known: en, zh"),
        ({"fields": {"en": "english"}}, "'english' is no number of a column"),
        ({"fields": {"en": "0"}}, "'0' is no number of a column"),
        ({"format": "tmx", "fields": {"en": "1"}}, "format tmx has none"),
        ({"language": "de"}, "language: en or zh"),
        ({"blocks": "paragraphs"}, "format pairs_tsv has whole paragraphs"),
    ],
)
def test_hints_that_a_format_cannot_use(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configure(tmp_path, {"a.tsv": tsv(PAIRS)}, **more)


def test_a_template_without_a_side_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"english_first: .* must have \{zh\} once"):
        build(Config, {"english_first": "{en}"}, "[parallel]")


def test_runs_without_pairs_have_no_such_stage(tmp_path: Path) -> None:
    source = {"name": "a", "format": "jsonl", "root": "in", "paths": ["*"], "licence": "t"}
    table = {"run": {"out": "run"}, "sources": [{**source, "category": "webpages"}]}
    made = from_table(table, all_stages(), base=tmp_path, where="test")
    assert "parallel" not in [s.name for s in made.stages]
