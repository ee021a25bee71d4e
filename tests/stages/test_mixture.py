"""Stage mixture: what is held out, what leaves train for it, and what is written."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from skypile.config import Config as RunConfig
from skypile.config import from_table
from skypile.driver import run_config
from skypile.errors import ConfigError, SkypileError
from skypile.gc import collect
from skypile.kernels.mixing import split
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.stage import SourceFacts
from skypile.stages.mixture import Config, make_cut_kernel
from skypile.stages.mixture_marks import MARKS, make_measure_kernel
from skypile.stages.mixture_split import describe, held_out
from skypile.stages.mixture_write import estimated_tokens, make_write_kernel
from tests.stages.test_dedup import chinese, english

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Start = Callable[[], "SparkSession"]
STAGES = ["ingest", "mixture"]
MAIL = "Write to someone@example.com or call +1 415 555 2671, 电话 13812345678."


def configure(
    base: Path,
    sources: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]],
    *,
    out: str = "run",
    part_bytes: int = 8192,
    **sections: Any,
) -> RunConfig:
    table: dict[str, Any] = {
        "run": {"out": out, "part_bytes": part_bytes, "stages": STAGES},
        "sources": [],
        **sections,
    }
    for name, (about, rows) in sources.items():
        (base / name).mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(r, ensure_ascii=False) + "\n" for r in rows]
        (base / name / "rows.jsonl").write_text("".join(lines), encoding="utf8")
        source = {"name": name, "format": "jsonl", "root": name, "paths": ["*"], "licence": "t"}
        table["sources"].append({**source, "category": "webpages", **about})
    return from_table(table, all_stages(), base=base, where="test")


def run(config: RunConfig, start: Start) -> Ledger:
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger


def rows_of(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Name of each document to its row of `corpus`, or to the reason why it has none."""
    ids = ledger.table("documents", ["doc_id", "record_id"]).to_pylist()
    names = {r["doc_id"]: r["record_id"] for r in ids}
    verdicts = ledger.table("verdicts_mixture").to_pylist()
    found = {names[v["doc_id"]]: {"reason": v["reason"]} for v in verdicts}
    corpus = ledger.table("corpus").to_pylist()
    for row in corpus:
        found[names[row["doc_id"]]] |= row
    assert len(corpus) == sum("text" in r for r in found.values())
    assert {n for n, r in found.items() if r["reason"] is None} == {
        n for n, r in found.items() if "text" in r
    }
    return found


def pages() -> list[dict[str, Any]]:
    """Sites of three pages each, English, simplified and traditional Chinese in turn."""
    rows = []
    for i in range(90):
        text = english(i, 120) if i % 3 == 0 else chinese(i, 200)
        text = text.replace("国", "國") if i % 3 == 2 else text
        url = f"https://p{i % 3}.site{i // 3}.co.uk/{i}"
        rows.append({"id": f"page{i}", "url": url, "text": text})
    return rows


def held_sites(share: float, seed: int = 0) -> set[int]:
    keys = [split.unit_key(f"site site{i}.co.uk") for i in range(30)]
    places = split.places(np.array(keys), seed)
    return set(np.flatnonzero(places < split.limit(share)).tolist())


SHARE = 0.2


def plan_of_pages() -> tuple[list[dict[str, Any]], dict[str, str | None]]:
    """Pages, and each one's split or reason."""
    rows = pages()
    held = held_sites(SHARE)
    assert 2 <= len(held) <= 12
    expected: dict[str, str | None] = {
        f"page{i}": "validation" if i // 3 in held else "train" for i in range(90)
    }
    valid = [r for r in rows if expected[r["id"]] == "validation"]
    train = [r for r in rows if expected[r["id"]] == "train"]
    rng = random.Random(5)
    for kind in range(3):
        source = next(r for r in valid if int(r["id"][4:]) % 3 == kind)
        cut = 20 if kind == 0 else 40
        words = source["text"].split(" ") if kind == 0 else list(source["text"])
        passage = (" " if kind == 0 else "").join(words[10 : 10 + cut])
        host = next(r for r in train if int(r["id"][4:]) % 3 == kind)
        rows.append(
            {
                "id": f"near{kind}",
                "url": f"{host['url']}x",
                "text": f"{english(1000 + kind, 60)} {passage} {chinese(2000 + kind, 60)}",
            }
        )
        expected[f"near{kind}"] = "near_validation"
        short = (" " if kind == 0 else "").join(words[10 : 10 + (12 if kind == 0 else 20)])
        rows.append(
            {"id": f"far{kind}", "url": f"{host['url']}y", "text": f"{short} {rng.random()}"}
        )
        expected[f"far{kind}"] = "train"
    return rows, expected


@pytest.mark.spark
def test_the_corpus_of_a_run(tmp_path: Path, start: Start) -> None:
    rows, expected = plan_of_pages()
    rows += [
        {"id": "mail", "url": rows[3]["url"] + "m", "text": f"{english(77, 50)}\n{MAIL}"},
        {"id": "again", "url": "https://other.example/", "text": f"{english(77, 50)}\n{MAIL}"},
    ]
    config = configure(tmp_path, {"web": ({}, rows)}, mixture={"validation_share": SHARE})
    ledger = run(config, start)
    found = rows_of(ledger)
    for name, fate in expected.items():
        assert fate in (found[name]["reason"], found[name].get("split")), name
    both = {found["mail"]["reason"], found["again"]["reason"]}
    assert both == {None, "duplicate_after_edit"}  # the longest, the earliest: the first of two
    assert found["mail"]["text"].endswith("Write to <EMAIL> or call <PHONE>, 电话 <PHONE>.")
    assert found["mail"]["masked"] == 3
    assert found["mail"]["chars"] == len(found["mail"]["text"])
    assert found["page0"]["category"] == "english_webpages"
    assert found["page1"]["category"] == found["page2"]["category"] == "chinese_webpages"
    assert {r["partition"] for r in found.values() if "text" in r} == {"main"}
    # Rows are numbers in the part of `documents`, in order.
    documents = {f.part: ledger.read(f)["doc_id"].to_pylist() for f in ledger.files("documents")}
    assert len(documents) > 3
    for file in ledger.files("corpus"):
        table = ledger.read(file)
        at = table["row"].to_pylist()
        assert at == sorted(at)
        assert [documents[file.part][i] for i in at] == table["doc_id"].to_pylist()
    # What is reported.
    manifest = ledger.manifests.get("mixture.write", "web")
    related = ledger.manifests.get("mixture.relate", "_corpus")
    assert manifest
    assert related
    kept = [r for r in found.values() if "text" in r]
    english_train = manifest.counts["domains"]["english_webpages.main"]["train"]
    assert english_train["documents"] == sum(
        (r["category"], r["split"]) == ("english_webpages", "train") for r in kept
    )
    assert manifest.counts["documents"] == len(kept) == manifest.rows["corpus"]
    assert manifest.counts["masked"] == {"email": 1, "phone": 2}
    assert manifest.counts["overlap"]["documents"] == 0
    assert related.facts["overlap"]["in_train"] > 3
    assert related.facts["overlap"]["common"] == 0
    held = related.facts["splits"]["english_webpages.main"]["validation"]
    assert held["units"] == held["documents"] == len(held_sites(SHARE))


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_rows_in_other_parts(tmp_path: Path, start: Start) -> None:
    rows, _ = plan_of_pages()
    rows.append({**rows[3], "id": "again", "url": "https://other.example/"})
    digests = []
    for out, part_bytes in (("many", 8192), ("one", 1 << 20)):
        mixture = {"validation_share": SHARE, "validation_documents": 12}
        sources = {"web": ({}, rows)}
        config = configure(tmp_path, sources, out=out, part_bytes=part_bytes, mixture=mixture)
        ledger = run(config, start)
        parts = len(ledger.files("corpus"))
        assert parts == 1 if out == "one" else parts > 3
        tables = ("corpus", "mixture", "verdicts_mixture")
        digests.append([ledger.digest(table) for table in tables])
    assert digests[0] == digests[1]


@pytest.mark.spark
@pytest.mark.slow
def test_what_changes_is_written_and_nothing_else(tmp_path: Path, start: Start) -> None:
    rows, _ = plan_of_pages()
    settings = {"validation_share": SHARE, "common_documents": 1}
    # A greeting of validation and of many training documents is a formula.
    greeting = english(4242, 30)
    held = min(held_sites(SHARE))
    for row in rows[:60]:
        if int(row["id"][4:]) % 3 == 0 and int(row["id"][4:]) // 3 != held:
            row["text"] += "\n" + greeting
    rows[3 * held]["text"] += "\n" + greeting

    def make(**mixture: Any) -> RunConfig:
        two = {"web": ({}, rows[:60]), "more": ({"category": "miscellany"}, rows[60:])}
        return configure(tmp_path, two, mixture={**settings, **mixture})

    first = run(make(), start)
    before = {f.path for f in first.files("corpus")}
    found = rows_of(first)
    assert "train" in {found[f"page{i}"].get("split") for i in range(0, 60, 3)}
    counts = first.manifests.get("mixture.write", "web")
    assert counts
    assert counts.counts["overlap"]["common_ngrams"] > 18
    assert counts.counts["overlap"]["other_ngrams"] == 0

    # Nothing moved: nothing is done. Written again to the same files where receipts are lost.
    said: list[str] = []
    run_config(make(), start, say=said.append)
    assert all(line.endswith("up to date") for line in said if line.startswith("mixture"))
    # A threshold of the cut: no text is read again for it, and parts that it leaves alone stay.
    loose = run(make(max_shared_ngrams=10**6), start)
    assert "near_validation" not in {r["reason"] for r in rows_of(loose).values()}
    after = {f.path for f in loose.files("corpus")}
    assert after & before
    assert after != before
    other = loose.manifests.get("mixture.write", "more")
    assert other
    assert other.counts["overlap"]["other_ngrams"] > 0
    # And back: all files are there still.
    said = []
    run_config(make(), start, say=said.append)
    assert {f.path for f in Ledger(str(tmp_path / "run")).files("corpus")} == before
    assert any(line.startswith("mixture.write more: 0 of") for line in said)
    collect(str(tmp_path / "run"))
    assert first.digest("corpus") == Ledger(str(tmp_path / "run")).digest("corpus")


@pytest.mark.spark
@pytest.mark.slow
def test_units_of_books_and_code_and_a_source_apart(tmp_path: Path, start: Start) -> None:
    books = [
        {"id": f"book{i}", "title": f"Volume {i // 2}", "text": chinese(i, 80)} for i in range(40)
    ]
    code = [
        {
            "id": f"file{i}",
            "url": f"https://github.com/a/r{i // 4}/blob/m/{i}.py",
            "text": f"x = {i}",
        }
        for i in range(40)
    ]
    sources = {
        "books": ({"category": "books"}, books),
        "code": ({"category": "code", "partition": "stem"}, code),
        "apart": ({"category": "books", "skip_stages": ["mixture"]}, books[:2]),
    }
    mixture = {"validation_share": 0.3, "validation_documents": 10}
    config = configure(tmp_path, sources, mixture=mixture)
    ledger = run(config, start)
    corpus = ledger.table("corpus").to_pylist()
    assert {r["category"] for r in corpus} == {"chinese_books", "code"}
    for size, category in ((2, "chinese_books"), (4, "code")):
        ids = {d["doc_id"]: d for d in ledger.table("documents").to_pylist()}
        units: dict[str, set[str]] = {}
        for row in (r for r in corpus if r["category"] == category):
            name = ids[row["doc_id"]]["record_id"]
            unit = str(int(name[4:]) // size)
            units.setdefault(unit, set()).add(row["split"])
        assert all(len(splits) == 1 for splits in units.values())
        assert set.union(*units.values()) == {"train", "validation"}
    # A source that leaves the stage out is kept, on record, and not in the corpus.
    line = next(x for x in ledger.funnel().lines if (x.stage, x.source) == ("mixture", "apart"))
    assert (line.kept, line.applies) == (2, False)
    low = configure(tmp_path, sources, out="low", mixture={**mixture, "max_validation_chars": 9})
    with pytest.raises(SkypileError, match="lower validation_share or validation_documents"):
        run_config(low, start, say=lambda _: None)


@pytest.mark.spark
def test_what_is_held_out(spark: "SparkSession") -> None:
    """By share; at most a number of documents; something of every category."""
    rng = random.Random(0)
    rows = []
    for category, units, size in (("big", 400, 2), ("few", 12, 1), ("one", 1, 5), ("lumps", 3, 9)):
        for unit in range(units):
            place = rng.randrange(1 << 63) if category == "big" else (1 << 62) + unit
            rows += [(len(rows) + i, category, unit, place) for i in range(size)]
    frame = spark.createDataFrame(rows, "key long, category string, unit long, place long")

    def held(share: float, number: int) -> dict[str, set[int]]:
        config = Config(validation_share=share, validation_documents=number)
        found: dict[str, set[int]] = {}
        made = held_out(config, frame).toArrow().to_pylist()
        assert sorted(r["key"] for r in made) == list(range(len(rows)))
        units: dict[tuple[str, int], set[str]] = {}
        for row in made:
            units.setdefault((row["category"], row["unit"]), set()).add(row["split"])
        assert all(len(splits) == 1 for splits in units.values())
        for (category, unit), splits in units.items():
            if splits == {"validation"}:
                found.setdefault(category, set()).add(unit)
        return found

    places = {(r[1], r[2]): r[3] for r in rows}
    below = {u for (c, u), place in places.items() if c == "big" and place < 0.1 * 2**63}
    assert 20 < len(below) < 60
    all_of_share = held(0.1, 0)
    # None of the others is drawn: the first that are a tenth or less, where there are such.
    assert all_of_share == {"big": below, "few": {0, 1}}
    first = sorted(below, key=lambda u: places["big", u])[:5]
    assert held(0.1, 11) == {"big": set(first), "few": {0, 1}}
    assert held(0.01, 1)["few"] == {0}
    assert held(1.0, 4)["few"] == {0, 1, 2, 3}
    assert held(0.0, 9) == {}


def marks(**columns: list[Any]) -> list[dict[str, Any]]:
    size = len(columns["text"])
    names = {"doc_id": [f"{i:032x}" for i in range(size)], "url": [None] * size}
    empty = dict.fromkeys(("host", "title", "repository"), [None] * size)
    names |= {**empty, **columns}
    batch = pa.RecordBatch.from_pydict(
        {n: pa.array(v, pa.large_string() if n == "text" else None) for n, v in names.items()}
    )
    batch = batch.set_column(1, "url", batch["url"].cast(pa.string()))
    for name in empty:
        at = batch.schema.get_field_index(name)
        batch = batch.set_column(at, name, batch[name].cast(pa.string()))
    return MARKS.conform(make_measure_kernel(Config())(batch)).to_pylist()


def test_marks_of_documents() -> None:
    found = marks(
        text=["Same  text.", "same text.", "同样的文字", "同樣的文字", ""],
        url=["https://a.example.com/1", "https://github.com/o/r/x.py", None, None, "https://x/"],
        host=[None, None, "b.example.com", None, None],
        title=[None, "A Title", "水滸傳", "水浒传", None],
        repository=[None, None, None, None, "O/R"],
    )
    key = [(r["exact_high"], r["exact_low"]) for r in found]
    assert key[0] == key[1] != key[2] != key[3]
    assert found[0]["site"] == found[2]["site"] == split.unit_key("site example.com")
    assert found[1]["repository"] == split.unit_key("repository github.com/o/r")
    assert found[4]["repository"] == split.unit_key("repository o/r")  # a folder of checkouts
    assert found[1]["work"] == split.unit_key("work atitle")
    assert found[2]["work"] == found[3]["work"]
    assert found[3]["site"] == found[3]["work"]  # without an address a page is placed by its title
    assert found[0]["work"] == split.unit_key("one https://a.example.com/1")
    assert [r["edited_chars"] for r in found] == [11, 10, 5, 5, 0]
    assert [r["language"] for r in found] == [None] * 5
    assert [r["script_language"] for r in found] == [
        "english",
        "english",
        "chinese",
        "chinese",
        "other",
    ]


def test_the_language_is_what_stage_language_found() -> None:
    texts = ["abc", "Ein Satz", "それは猫である", "Это текст"]
    found = marks(text=texts, family=["zh", "other", None, None])
    assert [r["language"] for r in found] == ["chinese", "other", None, None]
    assert [r["script_language"] for r in found] == [None, None, "other", "other"]


def test_categories_of_sources() -> None:
    sources = {
        "zhwiki": SourceFacts("encyclopedia", "zh", "main"),
        "frwiki": SourceFacts("encyclopedia", "fr", "main"),
        "exams": SourceFacts("miscellany", None, "stem"),
        "web": SourceFacts("webpages", None, "main"),
    }
    rows = [
        ("zhwiki", None, "english", None),
        ("frwiki", None, "english", None),
        ("frwiki", "english", None, None),
        ("exams", None, "chinese", None),
        ("web", "chinese", None, True),
        ("web", None, None, False),
    ]
    batch = pa.RecordBatch.from_pylist(
        [
            {
                **dict.fromkeys(("key", "rank", "exact_high", "exact_low"), i),
                "doc_id": str(i),
                **dict(zip(("source", "language", "script_language", "stem"), row, strict=True)),
                "edited_chars": i,
                **{"site": 1, "repository": 2, "work": 3},
            }
            for i, row in enumerate(rows)
        ]
    )
    (made,) = describe(0, sources)([batch])
    assert made["category"].to_pylist() == [
        "chinese_encyclopedia",
        "other_encyclopedia",
        "english_encyclopedia",
        "chinese_miscellany",
        "chinese_webpages",
        "other_webpages",
    ]
    assert made["partition"].to_pylist() == ["main", "main", "main", "stem", "stem", "main"]
    assert made["unit"].to_pylist() == [3, 3, 3, 3, 1, 1]
    assert made["empty"].to_pylist() == [True, *[False] * 5]
    halves = [b.to_pylist() for b in describe(0, sources)([batch.slice(0, 2), batch.slice(2)])]
    assert halves[0] + halves[1] == made.to_pylist()
    assert [b.num_rows for b in describe(0, sources)([batch.slice(0, 0)])] == [0]


def test_verdicts() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "doc_id": ["a", "b", "c", "d", "e"],
            "split": [None, None, "train", "validation", "train"],
            "equal_to": pa.array([None, "x", None, None, None], pa.string()),
            "shared_ngrams": pa.array([0, 0, 3, 9, 2], pa.int64()),
            "edited_chars": pa.array([0, 5, 5, 5, 5], pa.int64()),
        }
    )
    made = make_cut_kernel(Config(max_shared_ngrams=2), {})(batch)
    assert made["reason"].to_pylist() == [
        "empty_after_edit",
        "duplicate_after_edit",
        "near_validation",
        None,
        None,
    ]
    strict = make_cut_kernel(Config(), {})(batch)["reason"].to_pylist()
    assert strict == [
        "empty_after_edit",
        "duplicate_after_edit",
        *["near_validation", None],
        "near_validation",
    ]


def test_masks_can_be_left_out() -> None:
    row = {
        "doc_id": "a",
        "row": 1,
        "category": "english_webpages",
        "partition": "main",
        "split": "train",
        "shared_ngrams": 2,
        "common_ngrams": 1,
        "text": MAIL,
    }
    batch = pa.RecordBatch.from_pylist([row])
    batch = batch.set_column(1, "row", batch["row"].cast(pa.int32()))
    batch = batch.set_column(7, "text", batch["text"].cast(pa.large_string()))
    for mask, text in ((False, MAIL), (True, "Write to <EMAIL> or call <PHONE>, 电话 <PHONE>.")):
        made, counts = make_write_kernel(Config(mask=mask))(batch)
        assert made["text"].to_pylist() == [text]
        assert made["masked"].to_pylist() == [3 * mask]
        assert counts["overlap"] == {"documents": 1, "common_ngrams": 1, "other_ngrams": 2}
        domain = counts["domains"]["english_webpages.main"]["train"]
        assert domain["chars"] == len(text)


def test_estimates() -> None:
    assert estimated_tokens("") == 1
    assert estimated_tokens("word " * 100) == 126
    assert estimated_tokens("渡船" * 75) == 101


def test_settings_that_do_not_go_together(tmp_path: Path) -> None:
    def load(mixture: dict[str, Any], **dedup: Any) -> None:
        sections = {"mixture": mixture, "dedup": dedup}
        table = {
            "run": {"out": "run", "stages": ["ingest", "dedup", "mixture"]},
            "sources": [
                {
                    "name": "a",
                    "format": "jsonl",
                    "root": "in",
                    "paths": ["*"],
                    "licence": "t",
                    "category": "books",
                }
            ],
            **sections,
        }
        from_table(table, all_stages(), base=tmp_path, where="test")

    load({}, threshold=0.9)
    load({"rank": ["longest"], "fold_han": True}, rank=["longest"], fold_han=True)
    with pytest.raises(ConfigError, match=r"rank must be that of \[dedup\], \('longest',\)"):
        load({}, rank=["longest"])
    with pytest.raises(ConfigError, match="rank names one twice: longest, longest"):
        load({"rank": ["longest", "longest"]})
    with pytest.raises(ConfigError, match="validation_share: must be <= 1"):
        load({"validation_share": 1.5})
