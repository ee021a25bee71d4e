"""Stage plan: from the manifests of token shards to the mixture that a trainer reads."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from skypile.cli import app
from skypile.config import Config as RunConfig
from skypile.config import load
from skypile.driver import run_config
from skypile.errors import ConfigError, SkypileError
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.show import tokens
from skypile.stages.plan import Config, Phase, Ramp, make_plan
from skypile.stages.plan_shards import Shards, parse
from tests import toy
from tests.conftest import REPO
from tests.toy_shards import TOKENIZER, shards, stages

SHARES = {"english_webpages": 0.5, "chinese_webpages": 0.4, "chinese_encyclopedia": 0.1}
ONE = {"name": "one", "tokens": 1000}


def made(**sizes: int) -> list[Shards]:
    """Shards of domains, `english_webpages__main` for english_webpages.main."""
    return [
        Shards(f"t/{d}", d.replace("__", "."), "train", n, n // 10, TOKENIZER, 65536, 2)
        for d, n in sizes.items()
    ]


ENOUGH = made(english_webpages__main=600, chinese_webpages__main=80, chinese_encyclopedia__main=20)


def given(plan: dict[str, Any], domain: str) -> float:
    """As SEAM has it, written anew: tokens of a domain over all phases."""
    total = 0.0
    for phase in plan["phases"]:
        start, end, p = phase["start"][domain], phase["end"][domain], phase["power"]
        total += phase["tokens"] * (start + (end - start) / (p + 1))
    return total


def test_a_plan_of_one_phase() -> None:
    plan, about = make_plan(Config(shares=SHARES, phases=(Phase(**ONE),)), ENOUGH)
    assert plan["phases"] == [
        {
            "name": "one",
            "tokens": 1000,
            "start": {f"{k}.main": pytest.approx(v) for k, v in SHARES.items()},
            "end": {f"{k}.main": pytest.approx(v) for k, v in SHARES.items()},
            "power": 1.0,
        }
    ]
    assert plan["max_epochs"] == 5
    assert plan["domains"]["chinese_webpages.main"] == {
        "train": "t/chinese_webpages__main",
        "tokens": 80,
        "documents": 8,
        "validation": None,
        "validation_tokens": 0,
    }
    assert (plan["format"], plan["version"], plan["tokenizer"]) == ("skypile-plan", 1, TOKENIZER)
    epochs = {line["domain"]: line["epochs"] for line in about["lines"]}
    assert epochs["chinese_webpages.main"] == pytest.approx(5)
    assert epochs["english_webpages.main"] == pytest.approx(500 / 600)
    exhausted = {line["domain"]: line["exhausted_at"] for line in about["lines"]}
    assert exhausted["chinese_webpages.main"] == pytest.approx(1000)
    assert exhausted["english_webpages.main"] is None


def test_a_shortfall_is_an_error_with_the_table_or_is_spread() -> None:
    few = made(english_webpages__main=600, chinese_webpages__main=40, chinese_encyclopedia__main=20)
    config = {"shares": SHARES, "phases": (Phase(**ONE),)}
    with pytest.raises(SkypileError) as caught:
        make_plan(Config(**config), few)
    told = str(caught.value).splitlines()
    assert told[0].startswith(
        "plan: chinese_webpages.main cannot fill their shares within 5 epochs"
    )
    assert [line.split()[0] for line in told[1:4]] == [
        "chinese_encyclopedia.main",
        "chinese_webpages.main",
        "english_webpages.main",
    ]
    assert "10.00 epochs  <- too many" in told[2]
    assert "at most 500 tokens" in told[4]
    plan, about = make_plan(Config(**config, on_shortfall="spread"), few)
    assert given(plan, "chinese_webpages.main") == pytest.approx(200)
    assert given(plan, "chinese_encyclopedia.main") == pytest.approx(100)  # at its own cap
    assert given(plan, "english_webpages.main") == pytest.approx(700)
    line = next(x for x in about["lines"] if x["domain"] == "chinese_webpages.main")
    assert (line["wanted_share"], line["reached_share"]) == (
        pytest.approx(0.4),
        pytest.approx(0.2),
    )
    smaller, _ = make_plan(Config(**config, budget=500), few)
    assert smaller["phases"][0]["tokens"] == 500
    with pytest.raises(SkypileError, match="phase one: all sources together cannot give"):
        make_plan(Config(**config, on_shortfall="spread", budget=10_000), few)


def test_the_stages_of_the_paper() -> None:
    """3.6: sessions of 2T and 1T on Main, then 130B with 20 % STEM that rises from 10 to 40 %."""
    config = load(REPO / "conf/paper.toml", all_stages()).settings["plan"]
    assert sum(config.shares.values()) == pytest.approx(1, abs=1e-9)
    assert [(p.name, p.tokens) for p in config.phases] == [
        ("session_one", 2 * 10**12),
        ("session_two", 10**12),
        ("stage_two", 130 * 10**9),
    ]
    there = made(**{f"{c}__main": 10**12 for c in config.shares})
    there += made(chinese_miscellany__stem=10**10, code__stem=2 * 10**10)
    plan, about = make_plan(config, there)
    last = plan["phases"][2]
    assert last["power"] == pytest.approx(2)
    for side, share in (("start", 0.1), ("end", 0.4)):
        stem = {d: v for d, v in last[side].items() if d.endswith(".stem")}
        assert sum(stem.values()) == pytest.approx(share)
        assert stem["code.stem"] == pytest.approx(2 * stem["chinese_miscellany.stem"])
        assert sum(last[side].values()) == pytest.approx(1)
    stem_given = sum(given(plan, d) for d in plan["domains"] if d.endswith(".stem"))
    assert stem_given == pytest.approx(0.2 * 130e9)
    assert all(plan["phases"][0]["start"][d] == 0 for d in plan["domains"] if d.endswith(".stem"))
    reached = {x["domain"]: x["reached_share"] for x in about["lines"]}
    assert reached["english_webpages.main"] == pytest.approx(0.398 * (3000 + 104) / 3130)
    # A small encyclopedia is used up in session two, and what it lacks is spread.
    small = [s for s in there if s.domain != "english_encyclopedia.main"]
    small += made(english_encyclopedia__main=25 * 10**8)
    _, about = make_plan(config, small)
    line = next(x for x in about["lines"] if x["domain"] == "english_encyclopedia.main")
    assert line["epochs"] == pytest.approx(5)
    assert line["exhausted_in"] == "session_two"
    # Without any exercises: spread, and said.
    _, about = make_plan(config, [s for s in there if s.domain.endswith(".main")])
    none = next(x for x in about["lines"] if x["domain"] == "none.stem")
    assert (none["available"], none["reached_share"]) == (0, 0)
    assert none["wanted_share"] == pytest.approx(26 / 3130)


def test_shards_that_are_none_or_do_not_go_together() -> None:
    def changed(**fields: Any) -> bytes:
        found = json.loads(shards("train", "code.main", [10, 25])["manifest.json"])
        return json.dumps({**found, **fields}).encode()

    assert parse("t/code.main", changed()) == Shards(
        "t/code.main", "code.main", "train", 35, 4, TOKENIZER, 65536, 2
    )
    for data, message in (
        (b"{}", "is not the manifest of token shards"),
        (b"[", "is not the manifest of token shards"),
        (changed(format="x"), "format 'x', version 1"),
        (changed(domain="code"), "unknown domain 'code'"),
        (changed(domain="poems.main"), r"unknown domain 'poems\.main'"),
        (changed(split="test"), "or split 'test'"),
        (changed(tokens=36), "it says 36, 4"),
    ):
        with pytest.raises(SkypileError, match=message):
            parse("t/code.main", data)
    config = Config(shares={"code": 1.0}, phases=(Phase(**ONE),))
    other = Shards("v/code", "code.main", "validation", 5, 1, "another", 65536, 2)
    for there, message in (
        ([], "there are no token shards to train on"),
        ([*made(code__main=300), *made(code__main=300)], r"two folders hold code\.main"),
        ([*made(code__main=300), other], "have not been made with the same tokenizer"),
    ):
        with pytest.raises(SkypileError, match=message):
            make_plan(config, there)


def configure(base: Path, **plan: Any) -> RunConfig:
    sizes = {"english_webpages.main": 600, "chinese_webpages.main": 80}
    sizes |= {"chinese_encyclopedia.main": 20, "chinese_books.main": 990}
    tokens = {"train": sizes, "validation": {"chinese_webpages.main": 30}}
    settings = {"shares": SHARES, "phases": [ONE], **plan}
    return toy.make_config(base, stages=stages(), tokens=tokens, plan=settings)


def test_a_run_has_a_plan_and_new_shares_only_a_new_plan(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["text"])
    config = configure(tmp_path)
    run_config(config, no_spark, say=lambda _: None)
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    for domain, about in plan["domains"].items():
        folder = tmp_path / "run" / about["train"]
        held = json.loads((folder / "manifest.json").read_text())
        assert (held["domain"], held["tokens"]) == (domain, about["tokens"])
    chinese = plan["domains"]["chinese_webpages.main"]
    assert chinese["validation_tokens"] == 30
    assert (tmp_path / "run" / chinese["validation"] / "part-00000.u16").exists()
    shown = CliRunner().invoke(app, ["plan", str(tmp_path / "run")])
    assert shown.exit_code == 0
    flat = " ".join(shown.stdout.split())
    assert "1.00K tokens: one 1.00K; at most 5 epochs" in flat
    assert "│ chinese_webpages.main │ 40.00% │ 40.00% │ 80 │ 400 │ 5.00 │ 1.00K, one" in flat
    assert "│ chinese_books.main │ 0.00% │ 0.00% │ 990 │ 0 │ 0.00 │ not in the mixture" in flat
    as_json = CliRunner().invoke(app, ["plan", str(tmp_path / "run"), "--json"])
    assert len(json.loads(as_json.stdout)["lines"]) == 4
    ledger = Ledger(str(tmp_path / "run"))
    ledger.recount(ledger.funnel())

    said: list[str] = []
    books = {"chinese_books": 0.5, "english_webpages": 0.5}
    run_config(configure(tmp_path, shares=books), no_spark, say=said.append)
    assert [line for line in said if not line.endswith("up to date")] == ["plan.derive _corpus"]
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    assert given(plan, "chinese_books.main") == pytest.approx(500)
    said = []
    run_config(configure(tmp_path, shares=books), no_spark, say=said.append)
    assert all(line.endswith("up to date") for line in said)


def test_the_trainer_reads_it(tmp_path: Path) -> None:
    """Where the trainer is there: the same numbers, from its own reader."""
    reader = pytest.importorskip("model.mixture")
    config = load(REPO / "conf/paper.toml", all_stages()).settings["plan"]
    there = made(**{f"{c}__main": 25 * 10**9 * (i + 1) for i, c in enumerate(config.shares)})
    there += made(code__stem=10**10, english_books__stem=10**10)
    plan, about = make_plan(dataclasses.replace(config, budget=10**12), there)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    read = reader.read_plan(path)
    assert [p.name for p in read.phases] == [p.name for p in config.phases]
    found = reader.epochs(read, {p.name: p.tokens for p in read.phases})
    wanted = {x["domain"]: x["epochs"] for x in about["lines"] if x["available"]}
    assert found == pytest.approx(wanted)
    assert max(found.values()) == pytest.approx(5)


def test_a_run_without_a_plan_says_how_to_get_one(
    tmp_path: Path, no_spark: Callable[[], Any]
) -> None:
    toy.write_lines(tmp_path, "a.txt", ["text"])
    config = toy.make_config(tmp_path, run={"stages": ["lines", "trim"]})
    run_config(config, no_spark, say=lambda _: None)
    with pytest.raises(SkypileError, match=r"has no stage plan: add a section \[plan\]"):
        CliRunner().invoke(app, ["plan", str(tmp_path / "run")], catch_exceptions=False)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"shares": {"english_web": 1.0}}, "unknown category 'english_web'; did you mean 'english"),
        ({"shares": {**SHARES, "code": 0.1}}, "shares must sum to 1, these sum to 1.1"),
        ({"shares": {}}, "no shares: phase one has none of its own"),
        ({"phases": []}, "a plan needs phases"),
        ({"phases": [ONE, ONE]}, "two phases have one name: one, one"),
        ({"phases": [{**ONE, "shares": {"code": 0.9}}]}, r"phases\[0\]: shares must sum to 1"),
        ({"phases": [{**ONE, "token": 5}]}, r"phases\[0\]: unknown key 'token'"),
        ({"phases": [{**ONE, "tokens": 0}]}, r"phases\[0\]: tokens: must be >= 1"),
        ({"phases": [5]}, r"phases\[0\]: must be a table"),
        (
            {"phases": [{**ONE, "stem": {"start": 0.1, "end": 0.4, "mean": 0.5}}]},
            r"phases\[0\]: stem: a ramp from 0.1 to 0.4 has no mean of 0.5",
        ),
        ({"on_shortfall": "ignore"}, "'ignore' is none of: error, spread"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(
    tmp_path: Path, plan: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        configure(tmp_path, **plan)


def test_a_ramp_may_be_flat() -> None:
    flat = Ramp(start=0.3, end=0.3, mean=0.3)
    config = Config(shares={"code": 1.0}, phases=(Phase(name="a", tokens=100, stem=flat),))
    plan, _ = make_plan(config, made(code__main=300, code__stem=300))
    assert plan["phases"][0]["start"] == {
        "code.main": pytest.approx(0.7),
        "code.stem": pytest.approx(0.3),
    }


def test_numbers_of_tokens_in_three_digits() -> None:
    numbers = [0, 870, 999.9, 1000, 51_234_000, 130e9, 2e12, 3.13e12, 999_960]
    assert [tokens(n) for n in numbers] == [
        "0",
        "870",
        "1.00K",
        "1.00K",
        "51.2M",
        "130B",
        "2.00T",
        "3.13T",
        "1.00M",
    ]
