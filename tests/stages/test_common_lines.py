"""Stage common_lines: what very many documents share is no reason to drop one for another."""

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
from skypile.kernels.dedup.shingles import line_hashes
from skypile.ledger import Ledger
from skypile.manifests import CORPUS
from skypile.pipeline import all_stages
from skypile.stages.common_lines import Config, make_measure_kernel
from skypile.stages.dedup import Config as DedupConfig
from skypile.stages.dedup_signatures import make_measure_kernel as make_signatures
from tests.stages.test_dedup import Start, chinese

FOOTER = [" ".join(f"foot{i}" for i in range(at, at + 50)) for at in range(0, 1500, 50)]
FOOT = [chinese(900 + i, 150) for i in range(10)]


def page(seed: int) -> str:
    """100 words of its own, and 1,500 that all pages have; or so many characters."""
    rng = random.Random(seed)
    if seed % 2:
        return "\n".join([chinese(seed, 100), *FOOT])
    return "\n".join([" ".join(f"word{rng.randrange(10**6)}" for _ in range(100)), *FOOTER])


PAGES = [page(i) for i in range(60)]


def configure(base: Path, pages: list[str], **sections: Any) -> RunConfig:
    (base / "in").mkdir(exist_ok=True)
    lines = [json.dumps({"id": str(i), "text": t}) for i, t in enumerate(pages)]
    (base / "in/rows.jsonl").write_text("\n".join(lines) + "\n")
    source = {"name": "a", "format": "jsonl", "root": "in", "paths": ["*"], "licence": "test"}
    stages = ["ingest", *(s for s in sections if s != "dedup"), "dedup"]
    table = {
        "run": {"out": "run", "part_bytes": 1 << 18, "stages": stages},
        "sources": [{**source, "category": "webpages"}],
        **sections,
    }
    return from_table(table, all_stages(), base=base, where="test")


def run(config: RunConfig, start: Start) -> tuple[dict[str, Any], Ledger]:
    """Id of each dropped document to the row about it."""
    run_config(config, start, say=lambda _: None)
    ledger = Ledger(config.run.out)
    ledger.recount(ledger.funnel())
    ids = ledger.table("documents", ["doc_id", "record_id"]).to_pylist()
    names = {r["doc_id"]: r["record_id"] for r in ids}
    rows = ledger.table("duplicates").to_pylist()
    return {names[r["doc_id"]]: r for r in rows if r["winner"]}, ledger


@pytest.mark.spark
@pytest.mark.slow
def test_pages_that_are_mostly_footer_are_lost_without_it_and_saved_with_it(
    tmp_path: Path, start: Start
) -> None:
    near = PAGES[4].replace("word", "wird", 2)
    pages = [*PAGES, near, PAGES[5] + "\n"]
    lost, _ = run(configure(tmp_path, pages), start)
    assert len(lost) > 55
    left_out = {"common_lines": {"min_documents": 20}}
    saved, ledger = run(configure(tmp_path, pages, **left_out), start)
    # What is left is compared: a near copy of the own part goes, and an exact copy.
    assert set(saved) == {"60", "61"}
    assert 0.8 < saved["60"]["jaccard"] < 0.96
    facts = ledger.manifests.get("common_lines.relate", CORPUS)
    assert facts
    assert facts.facts["common_lines"] == len(FOOTER) + len(FOOT)


def test_lines_are_hashed_once_a_text_and_as_dedup_hashes_them() -> None:
    texts = pa.array(["a b\nc d\na b\n\nA  B", "渡船\n渡船\n", ""], pa.large_string())
    batch = pa.RecordBatch.from_pydict({"doc_id": ["1", "2", "3"], "text": texts})
    rows = make_measure_kernel(Config())(batch)["lines"].to_pylist()
    assert [len(r) for r in rows] == [2, 1, 0]
    hashes, _ = line_hashes(texts)
    assert {h for r in rows for h in r} == {int(h) for h in hashes.astype("int64")}


def test_signatures_leave_out_common_lines_whatever_the_batch() -> None:
    kernel = make_signatures(DedupConfig())
    texts = pa.array(PAGES[:6], pa.large_string())
    own = pa.array([t.split("\n")[0] for t in PAGES[:6]], pa.large_string())
    lines = make_measure_kernel(Config())
    ids = pa.array([str(i) for i in range(6)])
    whole = lines(pa.RecordBatch.from_pydict({"doc_id": ids, "text": texts}))["lines"].to_pylist()
    first = lines(pa.RecordBatch.from_pydict({"doc_id": ids, "text": own}))["lines"].to_pylist()
    common = [sorted(set(w) - set(f)) for w, f in zip(whole, first, strict=True)]
    kind = pa.list_(pa.int64())
    batch = pa.RecordBatch.from_pydict(
        {"doc_id": ids, "text": texts, "common_lines": pa.array([*common[:5], None], kind)}
    )
    plain = pa.RecordBatch.from_pydict({"doc_id": ids, "text": own})
    found, wanted = (kernel(b)["bands"].to_pylist() for b in (batch, plain))
    assert found == wanted  # 5 has the lines of 1 and 3, where they are on the list
    assert kernel(batch.slice(2, 1))["bands"].to_pylist() == [wanted[2]]
    assert kernel(batch.drop_columns("common_lines"))["bands"].to_pylist() != wanted


def test_it_is_in_a_run_that_asks_for_it(tmp_path: Path) -> None:
    def names(**sections: Any) -> list[str]:
        config = configure(tmp_path, ["x"])
        source = {"name": "a", "format": "jsonl", "root": "in", "paths": ["*"], "licence": "t"}
        sources = [{**source, "category": "webpages"}]
        table = {"run": {"out": config.run.out}, "sources": sources, **sections}
        made = from_table(table, all_stages(), base=tmp_path, where="test")
        return [s.name for s in made.stages]

    assert "common_lines" not in names()
    asked = names(common_lines={})
    assert asked[asked.index("common_lines") + 1] == "dedup"
    with pytest.raises(ConfigError, match=r"fold_han must be that of \[dedup\], true"):
        names(common_lines={}, dedup={"fold_han": True})
