"""Case (d) of bench.dedup: mirrors of real pages, from their archives through extraction to dedup.

`make_crawl.py --copies 3` writes 1,014 pages and three mirrors of each: `none` (the same bytes on
another host), `touched` (1 % of the words changed) and `unique` (60 %). They go through the stages
`extract` and `dedup`. A mirror is found where it and its page do not both stay. What counts as
alike is measured on the extracted texts.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.config import from_table
from skypile.driver import run_config
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.ledger import Ledger
from skypile.pipeline import all_stages
from skypile.spark import session

ALIKE = 0.85  # from here on a touched mirror is to be found, as far as the S-curve goes
EDITS = ("none", "touched", "unique")
Line = Callable[..., None]


@dataclass(frozen=True)
class Mirror:
    """A page and its mirror, both judged by dedup."""

    language: str
    edit: str
    found: bool  # they do not both stay
    dropped: bool  # the mirror does not
    texts: tuple[str, str]


def mirrors(out: str, truth: list[dict[str, Any]]) -> list[Mirror]:
    """The mirrors of a finished run whose page and self came through extraction."""
    ledger = Ledger(out)
    kept = {v["doc_id"]: v["kept"] for v in ledger.table("verdicts_dedup").to_pylist()}
    columns = ["doc_id", "record_id", "text"]
    documents = {
        d["record_id"].rpartition(":")[2].strip("<>"): d
        for d in ledger.table("documents", columns).to_pylist()
        if kept[d["doc_id"]] is not None
    }
    pages = {t["page"]: documents.get(t["record_id"]) for t in truth if t["copy"] == 0}
    found = []
    for line in truth:
        page, mirror = pages[line["page"]], documents.get(line["record_id"])
        if line["copy"] and page and mirror:
            stay = kept[page["doc_id"]], kept[mirror["doc_id"]]
            texts = page["text"], mirror["text"]
            language = line["lang"] if line["lang"] in ("en", "zh") else "other"
            found.append(Mirror(language, line["edit"], not all(stay), not stay[1], texts))
    return found


def report(found: list[Mirror], line: Line, recall_line: Line) -> None:
    """The lines of each language."""
    for language in ("en", "zh", "other"):
        case = f"mirrors_{language}"
        by_edit = {e: [m for m in found if (m.language, m.edit) == (language, e)] for e in EDITS}
        alike = {edit: similarities(some) for edit, some in by_edit.items()}
        none, unique = by_edit["none"], by_edit["unique"]
        same = alike["none"] == 1.0
        gone = np.array([m.found for m in none], bool)
        # Other bytes, or another header, can give another text: those are no exact mirrors.
        none_all = {"all_pairs": len(none), "recall_all": round(float(gone.mean()), 4)}
        exact = float(gone[same].mean())
        n = int(same.sum())
        line(case, "recall", exact, "fraction", target=1.0, n=n, pairs="none", **none_all)
        near = alike["touched"] >= ALIKE
        touched = np.array([m.found for m in by_edit["touched"]], bool)
        recall_line(
            case,
            touched[near],
            alike["touched"][near],
            pairs=f"touched, J >= {ALIKE}",
            all_pairs=len(touched),
            recall_all=round(float(touched.mean()), 4),
        )
        # Some were hardly changed: the edit knows Latin and Han words of running text alone.
        other = alike["unique"] < 0.8
        stays = 1 - np.array([m.dropped for m in unique], float)
        more = {"all_pairs": len(unique), "kept_all": round(float(stays.mean()), 4)}
        kept = float(stays[other].mean())
        n = int(other.sum())
        line(case, "kept", kept, "fraction", target=1.0, n=n, pairs="unique, J < 0.8", **more)


def similarities(some: list[Mirror]) -> np.ndarray:
    """float64: the Jaccard similarity of each mirror's text and its page's."""
    texts = pa.array([t for m in some for t in m.texts], pa.large_string())
    at = np.arange(len(some))
    return jaccard(*shingle_sets(texts), 2 * at, 2 * at + 1)


def crawl(data: Path, line: Line, recall_line: Line) -> None:
    """(d)."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        made = [sys.executable, str(data.parent / "tools/make_crawl.py"), str(base / "input")]
        subprocess.run([*made, "--copies", "3"], check=True, stdout=subprocess.DEVNULL)
        table = {
            "run": {"out": "out", "part_bytes": 1 << 20, "stages": ["extract", "dedup"]},
            "sources": [
                {
                    "name": "web",
                    "format": "warc",
                    "root": "input",
                    "paths": ["*.warc.gz"],
                    "category": "webpages",
                    "licence": "for measurements only",
                }
            ],
        }
        config = from_table(table, all_stages(), base=base, where="bench.dedup_crawl")
        spark = session("local[2]", "2g", {"spark.sql.shuffle.partitions": "4"})
        with redirect_stdout(sys.stderr):  # where the funnel goes
            run_config(config, lambda: spark, say=lambda _: None)
        lines = (base / "input/truth.jsonl").read_text(encoding="utf8").splitlines()
        truth = [json.loads(text) for text in lines]
        report(mirrors(config.run.out, truth), line, recall_line)
        spark.stop()
