"""Stage decontaminate: what of a benchmark is in a corpus, and what goes for it."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile import show
from skypile.config import from_table
from skypile.contaminated import contamination
from skypile.driver import run_config
from skypile.errors import ConfigError, InputError
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.settings import build
from skypile.stages.decontaminate import Config, contained, make_cut_kernel, validate
from skypile.stages.decontaminate_find import CONTAMINATION
from tests.stages.test_dedup import chinese, english

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Start = Callable[[], "SparkSession"]


def row(**changed: Any) -> dict[str, Any]:
    """A document of four blocks, the first of which is gone, with two items."""
    return {
        "doc_id": "d",
        "benchmarks": ["gsm8k", "cmath"],
        "items": ["x:0", "y:1"],
        "shared_ngrams": [5, 0],
        "covered_ngrams": [5, 17],
        "item_ngrams": [20, 20],
        "block_entries": [0, 1],
        "blocks": [0, 2],
        "block_chars": [100, 10, 60, 30],
        "removed_before": [0],
        "engine": "trafilatura",
        **changed,
    }


def judge(config: Config, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    schema = pa.schema(
        [
            *CONTAMINATION.schema,
            pa.field("block_chars", pa.list_(pa.int32())),
            pa.field("removed_before", pa.list_(pa.int32())),
            pa.field("engine", pa.string()),
        ]
    )
    batch = pa.RecordBatch.from_pylist(list(rows), schema=schema)
    found: list[dict[str, Any]] = make_cut_kernel(config, {})(batch).to_pylist()
    return found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [True, True]),
        ({"min_shared_ngrams": 6}, [False, True]),
        ({"min_shared_fraction": 0.25}, [True, True]),
        ({"min_shared_fraction": 0.26}, [False, True]),
        ({"whole_fraction": 0.9}, [True, False]),
        ({"whole_ngrams": 21}, [True, False]),
    ],
)
def test_what_contains_an_item(settings: dict[str, Any], expected: list[bool]) -> None:
    assert contained(Config(**settings), row()).tolist() == expected


def test_a_document_goes_or_its_blocks() -> None:
    nothing = dict.fromkeys(CONTAMINATION.schema.names)
    clean = {**nothing, "doc_id": "c", "block_chars": [9], "removed_before": None}
    phrase = row(shared_ngrams=[0, 0], covered_ngrams=[5, 5])
    whole, second, third = judge(Config(), row(), clean, phrase)
    assert whole["reason"] == "benchmark_item"
    assert (whole["benchmarks"], whole["items"]) == (["gsm8k", "cmath"], ["x:0", "y:1"])
    assert whole["shared_fractions"] == pytest.approx([0.25, 0.85])
    assert [second["kept"], third["kept"], third["items"]] == [True, True, []]
    # Block 0 of what the stage sees is 1 of the document, 2 is 3.
    (blocks,) = judge(Config(removes="block"), row())
    assert (blocks["reason"], blocks["removed_blocks"], blocks["blocks"]) == (None, [1, 3], [1, 3])
    (mostly,) = judge(Config(removes="block", max_removed_fraction=0.39), row())
    assert (mostly["reason"], mostly["removed_blocks"]) == ("mostly_benchmark_items", [])
    for engine in ("tmx", "document_pairs"):
        (pair,) = judge(Config(removes="block"), row(engine=engine))
        assert (pair["reason"], pair["removed_blocks"]) == ("benchmark_item", [])
    (one,) = judge(Config(removes="block", whole_fraction=0.9), row())
    assert one["removed_blocks"] == [1]


def test_settings_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no benchmark is called 'gsm'"):
        build(Config, {"fields": {"gsm": ["q"]}}, "t")
    with pytest.raises(InputError, match="names none"):
        validate(Config())
    with pytest.raises(InputError, match="no file matches"):
        validate(Config(benchmarks={"b": str(tmp_path / "*.jsonl")}))
    (tmp_path / "b.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(InputError, match="item 0 has none of the fields question; it has text"):
        validate(Config(benchmarks={"b": str(tmp_path)}))
    validate(Config(benchmarks={"b": str(tmp_path)}, default_fields=("text",)))


ITEMS = {
    "math_en": [english(n, 30) for n in range(3)],
    "math_zh": [chinese(n, 40) for n in range(3)],
}


def write(base: Path) -> dict[str, str]:
    """A corpus and two benchmarks; the expected item of each document, "" where it is clean."""
    (base / "bench").mkdir(parents=True)
    for name, texts in ITEMS.items():
        lines = "".join(json.dumps({"q": {"text": t}}) + "\n" for t in texts)
        (base / "bench" / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    texts = {f"clean{n}": f"{english(n + 100)}\n{chinese(n + 100)}" for n in range(40)}
    fates = dict.fromkeys(texts, "")
    en, zh = ITEMS["math_en"], ITEMS["math_zh"]
    for name, item, text in (
        ("verbatim", "math_en.jsonl.gz:0", en[0]),
        ("shouted", "math_en.jsonl.gz:1", en[1].upper().replace(" ", ", ")),
        ("half", "math_en.jsonl.gz:2", " ".join(en[2].split()[:16])),
        ("verbatim_zh", "math_zh.jsonl.gz:0", zh[0]),
        ("half_zh", "math_zh.jsonl.gz:1", zh[1][18:]),
    ):
        texts[name] = f"{english(200 + len(texts))}\n{text}\n{chinese(200 + len(texts))}"
        fates[name] = item
    # A phrase of one item that many documents have says nothing; the whole item still does.
    phrase = zh[2][:24]
    for n in range(12):
        texts[f"clean{n}"] += f"\n{phrase}{chinese(n + 300, 30)}"
    texts["popular"], fates["popular"] = f"{english(999)}\n{zh[2]}", "math_zh.jsonl.gz:2"
    (base / "web").mkdir()
    rows = [json.dumps({"id": n, "text": t}, ensure_ascii=False) + "\n" for n, t in texts.items()]
    (base / "web" / "rows.jsonl").write_text("".join(rows), encoding="utf8")
    return fates


def run(base: Path, start: Start, out: str, part_bytes: int, **settings: Any) -> Ledger:
    table = {
        "run": {"out": out, "part_bytes": part_bytes, "stages": ["ingest", "decontaminate"]},
        "sources": [
            {
                "name": "web",
                "format": "jsonl",
                "root": "web",
                "paths": ["*"],
                "licence": "t",
                "category": "webpages",
            }
        ],
        "decontaminate": {
            "benchmarks": {"math_en": "bench/math_en.*", "math_zh": "bench/*zh.jsonl.gz"},
            "default_fields": ["q.text"],
            **settings,
        },
    }
    config = from_table(table, all_stages(), base=base, where="test")
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger


def named(ledger: Ledger) -> dict[str, str]:
    """Ids of documents to names."""
    rows = ledger.table("documents", ["doc_id", "record_id"]).to_pylist()
    return {r["doc_id"]: r["record_id"] for r in rows}


@pytest.mark.spark
def test_planted_items_go_and_are_named(tmp_path: Path, start: Start) -> None:
    fates = write(tmp_path)
    ledger = run(tmp_path, start, "run", 32_768)
    assert len(ledger.files("documents")) > 1
    ids = named(ledger)
    verdicts = ledger.table("verdicts_decontaminate").to_pylist()
    gone = {ids[v["doc_id"]] for v in verdicts if v["reason"] == "benchmark_item"}
    assert gone == {name for name, item in fates.items() if item}
    report = contamination(str(tmp_path / "run"))
    found = {ids[f.doc_id]: f.item for f in report.findings}
    assert found == {name: item for name, item in fates.items() if item}
    assert report.items == {"math_en": (3, 3), "math_zh": (3, 3)}
    assert {f.removed for f in report.findings} == {"document"}
    assert report.facts["formulas"] == 24 - 21 + 1
    console = show.console()
    with console.capture() as shown:
        show.contaminated(report, 2, console)
    assert "and 4 more" in shown.get()


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_rows_in_other_parts_and_blocks_alone(tmp_path: Path, start: Start) -> None:
    fates = write(tmp_path)
    ledgers = [run(tmp_path, start, "many", 4096), run(tmp_path, start, "one", 1 << 20)]
    assert len(ledgers[0].files("documents")) > 3
    tables = ("contamination", "benchmark_items", "verdicts_decontaminate")
    assert len({tuple(one.digest(t) for t in tables) for one in ledgers}) == 1
    # Another setting of the cut takes the block alone.
    ledger = run(tmp_path, start, "many", 4096, removes="block")
    verdicts, ids = ledger.table("verdicts_decontaminate").to_pylist(), named(ledger)
    assert all(v["kept"] for v in verdicts)
    blocks = {ids[v["doc_id"]]: v["removed_blocks"] for v in verdicts if v["removed_blocks"]}
    assert blocks == {name: [1] for name, item in fates.items() if item}
