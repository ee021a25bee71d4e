"""Models that a run fits, and content that settings point to: what they make stale."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from skypile import artifacts
from skypile.config import Config
from skypile.driver import run_config
from skypile.errors import ConfigError, InputError, SkypileError, StaleError
from skypile.gc import collect
from skypile.ledger import Ledger
from tests import toy
from tests.toy_fit import FITTING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Start = Callable[[], "SparkSession"]
BOOK = ["abc|dropped block", "cab|x", "ba|y"]
WEB = ["abc", "xyz", "中文ab", "!no"]


def config_of(base: Path, **sections: Any) -> Config:
    sources = [
        {
            "name": name,
            "format": "lines",
            "root": name,
            "paths": ["**"],
            "category": "webpages",
            "licence": f"licence of {name}",
        }
        for name in ("book", "web")
    ]
    given: dict[str, Any] = {
        "letters": {"sources": ["book"], "count_file": str(base / "fitted")},
        "known": {"count_file": str(base / "measured")},
        "trim": {"max_blocks": 1},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section}
    return toy.make_config(base, sources=sources, stages=FITTING, part_bytes=1024, **given)


def lines(base: Path, source: str, texts: list[str], name: str = "a.txt") -> None:
    (base / source).mkdir(exist_ok=True)
    (base / source / name).write_text("".join(f"{t}\n" for t in texts), encoding="utf8")


def taken(path: Path) -> list[str]:
    """What was written there since the last look."""
    texts = path.read_text("utf8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(texts)


def run(config: Config, start: Start, *only: str) -> Ledger:
    run_config(config, start, only, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    return ledger


def known(ledger: Ledger) -> list[int]:
    texts = {r["doc_id"]: r["text"] for r in ledger.table("documents").to_pylist()}
    rows = ledger.table("known").to_pylist()
    return [r["known"] for r in sorted(rows, key=lambda r: texts[r["doc_id"]])]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    lines(tmp_path, "book", BOOK)
    lines(tmp_path, "web", WEB)
    return tmp_path


def test_a_run_fits_a_model_and_measures_with_it(base: Path, start: Start) -> None:
    ledger = run(config_of(base), start)
    assert taken(base / "fitted") == ["'abc'", "'ba'", "'cab'"]  # after the edits before it
    assert known(ledger) == [3, 3, 2, 3, 0, 2]
    manifest = ledger.manifests.get("letters.fit", "_corpus")
    assert manifest
    assert manifest.counts["documents"] == 3
    model = base / f"run/models/letters/{manifest.fingerprint}/letters"
    card = artifacts.load_card(str(model), kind="letters")
    assert manifest.facts["models"] == {"letters": card.digest}
    assert card.licence == "licence of book"
    states = ledger.table("states").to_pylist()
    assert sorted(r["state"] for r in states) == ["none", *["some"] * 5]
    assert not ledger.root.walk("fit_texts")
    assert [f.path for f in collect(str(base / "run"))] == []
    assert model.exists()


def test_only_a_model_that_moved_makes_its_measures_stale(base: Path, start: Start) -> None:
    run(config_of(base), start)
    taken(base / "fitted"), taken(base / "measured")
    # Another source: no fit, and only its own documents are measured.
    lines(base, "web", ["new"], "b.txt")
    run(config_of(base), start)
    assert (taken(base / "fitted"), taken(base / "measured")) == ([], ["'new'"])
    # Another text that teaches nothing new: fitted again to the same model, nothing measured.
    lines(base, "book", ["aabb|z"], "b.txt")
    run(config_of(base), start)
    assert len(taken(base / "fitted")) == 4
    assert taken(base / "measured") == ["'aabb'"]
    # One that does: every document is measured again, as in a fresh run.
    lines(base, "book", ["x|z"], "c.txt")
    moved = run(config_of(base), start)
    assert len(taken(base / "measured")) == 9
    fresh = run(config_of(base, run={"out": "fresh"}), start)
    assert known(moved) == known(fresh) == [4, 3, 3, 2, 3, 0, 1, 1, 2]
    assert moved.digest("known") == fresh.digest("known")
    # Back again: the rows that the earlier model gave are still there.
    taken(base / "measured")
    (base / "book/c.txt").unlink()
    run(config_of(base), start)
    assert taken(base / "measured") == []


def test_a_setting_of_the_fit_makes_the_models_stale(base: Path, start: Start) -> None:
    run(config_of(base), start)
    changed = config_of(base, letters={"min_chars": 4})
    with pytest.raises(StaleError, match=r"letters \(fit, source _corpus\) is stale"):
        run(changed, start, "known")
    taken(base / "fitted")
    run(changed, start)
    assert taken(base / "fitted") == ["'abc'", "'cab'"]


def test_what_gc_removes_is_the_model_of_settings_that_went(base: Path, start: Start) -> None:
    run(config_of(base), start)
    old = {f.path for f in Ledger(str(base / "run")).root.walk("models")}
    run(config_of(base, letters={"min_chars": 4}), start)
    removed = {f.path for f in collect(str(base / "run"))}
    assert old <= removed
    ledger = Ledger(str(base / "run"))
    assert len(ledger.root.walk("models")) == len(old)
    ledger.recount(ledger.funnel())


def test_a_fit_without_sources_fits_nothing_and_measures_still_run(
    base: Path, no_spark: Callable[[], Any]
) -> None:
    ledger = run(config_of(base, letters={"sources": []}), no_spark)
    assert known(ledger) == [0] * 6
    manifest = ledger.manifests.get("letters.fit", "_corpus")
    assert manifest
    assert manifest.facts == {"models": {}}


def test_a_damaged_model_is_noticed(base: Path, start: Start) -> None:
    ledger = run(config_of(base), start)
    (path,) = (f.path for f in ledger.root.walk("models") if f.path.endswith("letters.json"))
    (base / "run" / path).write_text("[]")
    with pytest.raises(StaleError, match="is not the file that was committed"):
        ledger.recount(ledger.funnel())


def test_a_source_that_a_fit_names_must_be_there(base: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[letters\]: there is no source 'bok'; did you mean"):
        config_of(base, letters={"sources": ["bok"]})


def test_content_counts_and_not_where_it_is(base: Path, no_spark: Callable[[], Any]) -> None:
    (base / "one.txt").write_text("xy")
    (base / "same.txt").write_text("xy")
    nothing = {"letters": {"sources": []}}
    config = config_of(base, **nothing, known={"more": "one.txt"})
    assert config.settings["known"].more == str(base / "one.txt")
    assert known(run(config, no_spark)) == [0, 0, 0, 0, 2, 0]
    taken(base / "measured")
    run(config_of(base, **nothing, known={"more": "same.txt"}), no_spark)
    assert taken(base / "measured") == []
    (base / "same.txt").write_text("xyz")
    changed = config_of(base, **nothing, known={"more": "same.txt"})
    assert known(run(changed, no_spark)) == [0, 0, 0, 0, 3, 0]
    # What a later stage needs may come later; the stage itself refuses.
    gone = config_of(base, **nothing, known={"more": "gone.txt"})
    run_config(gone, no_spark, ["lines", "trim"], say=lambda _: None)
    with pytest.raises(InputError, match=r"no artifact and no file at .*gone\.txt"):
        run(gone, no_spark)


def test_a_host_with_other_content_refuses_its_task(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "one.txt").write_text("xy")

    def other_host(
        spark: Any, function: Any, tasks: Any, label: str, *_: Any, **__: Any
    ) -> list[Any]:
        if "known.measure" in label:
            (base / "one.txt").write_text("other")
        return [function(task) for task in tasks]

    monkeypatch.setattr("skypile.spark.run_tasks", other_host)
    config = config_of(base, letters={"sources": []}, known={"more": "one.txt"})
    with pytest.raises(SkypileError, match=r"one\.txt has other content on this host"):
        run(config, lambda: None)  # type: ignore[arg-type, return-value]
