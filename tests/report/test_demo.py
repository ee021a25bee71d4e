"""Every stage of a finished run has its page; what it says is what the run's texts say."""

import json
from pathlib import Path

import lxml.html
import pytest

from skypile.look.pairs import gallery
from skypile.look.run import Looked
from skypile.look.sums import sums
from skypile.report.page import Options, render
from tests.test_cli import skypile

METRICS = [
    {"step": 0, "session": "", "validation": {"english_webpages.main": 9.0}},
    {"step": 10, "session": "one", "loss": 8.0, "rate": 0.003, "tokens": 10_240}
    | {"tokens_per_s_per_rank": 6500.0},
    {"step": 10, "session": "one", "validation": {"english_webpages.main": 7.5}},
]


@pytest.mark.spark
def test_every_stage_has_its_page(finished: Path, tmp_path: Path) -> None:
    out = str(finished / "runs/demo/out")
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, METRICS)), "utf8")
    tree = lxml.html.fromstring(render(out, Options(train=str(tmp_path), raw=True)))
    wanted = {"funnel", "sizes", "reasons", "samples", "distributions", "recurring", "hosts", "run"}
    run = Looked(out)
    if "mixture" in run.cuts:
        wanted |= {"buckets", "corpus", "mixture", "tokenizer"}
    assert {*wanted, "training"} <= set(tree.xpath("//@id"))
    text = tree.text_content()
    assert "Validation loss over 10.2K tokens: english_webpages.main from 9 to 7.5" in " ".join(
        tree.xpath("//@aria-label")
    )
    assert "<html" in text  # a raw page, as text
    assert bool(tree.xpath("//del")) >= bool(sums(run).cut)
    links = {h[1:] for h in tree.xpath("//a/@href")}
    assert links <= set(tree.xpath("//@id"))


@pytest.mark.spark
def test_sums_are_those_of_the_texts_after_edits(finished: Path) -> None:
    run = Looked(str(finished / "runs/demo/out"))
    found = sums(run)
    for stage in run.cuts:
        texts = [t for table in run.reader.texts(stage, ()) for t in table["text"].to_pylist()]
        assert sum(v[0] for v in found.left[stage].values()) == len(texts)
        chars = sum(len(t.replace("\n", "")) for t in texts)
        assert sum(v[1] for v in found.left[stage].values()) == chars, stage
    assert {s: int(v[0]) for s, v in found.cut.items()} == {
        line.stage: line.blocks_removed
        for line in run.funnel.lines
        if line.blocks_removed and line.source == "web"
    }


@pytest.mark.spark
def test_a_duplicate_stands_beside_its_winner(finished: Path) -> None:
    pairs = gallery(Looked(str(finished / "runs/demo/out")), 12).pairs
    own = [(reason, p) for (stage, reason), of in pairs.items() for p in of if stage == "dedup"]
    assert own
    for reason, pair in own:
        assert pair.winner
        assert pair.kept is not None
        assert pair.kept.doc_id == pair.dropped.numbers["winner"]
        differs = [c for c in pair.changes if c.kind in ("gone", "new")]
        assert differs or reason == "exact_duplicate"


@pytest.mark.spark
def test_the_commands_and_their_exit_codes(finished: Path, tmp_path: Path) -> None:
    out = str(finished / "runs/demo/out")
    made = skypile("report", out, "--out", str(tmp_path / "r.html"))
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "r.html").read_text(encoding="utf8") == render(out, Options())
    shown = skypile("sample-docs", out, "--stage", "extract", "--reason", "too_short", "-n", "2")
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in shown.stdout
    assert shown.stdout.startswith("1. ")
    asked = ("sample-docs", out, "--stage", "extract", "--reason", "kept", "-n", "3", "--json")
    assert len(json.loads(skypile(*asked).stdout)) == 3
    unknown = skypile("sample-docs", out, "--stage", "extrakt")
    assert unknown.returncode == 2
    assert "did you mean 'extract'?" in unknown.stderr
    same = skypile("diff", out, out)
    assert same.returncode == 0, same.stderr
    assert "no difference" in same.stdout
    missing = skypile("report", out, "--train", str(tmp_path / "none"))
    assert missing.returncode == 2
    assert "metrics.jsonl" in missing.stderr
