"""Which benchmark items the documents of a run contain: benchmark, item, document, what went.

Reads a finished run and computes nothing anew.
"""

from dataclasses import dataclass

import pyarrow.compute as pc

from skypile.errors import SkypileError
from skypile.manifests import CORPUS
from skypile.reader import RunReader

STAGE = "decontaminate"
TABLE = "benchmark_items"


@dataclass(frozen=True)
class Finding:
    """An item in a document. fraction: of the item's n-grams, 0 to 1. removed: `document`, the
    number of blocks that went of it, or `nothing`. place: its URL, else its file and record.
    """

    benchmark: str
    item: str
    doc_id: str
    source: str
    place: str
    fraction: float
    removed: str


@dataclass(frozen=True)
class Report:
    """`findings` by benchmark, item and document. `items`: of each benchmark, how many it has and
    how many were found; `facts`: what the stage says of benchmarks and corpus.
    """

    findings: list[Finding]
    items: dict[str, tuple[int, int]]
    documents: int
    facts: dict[str, int]


def contamination(run: str) -> Report:
    """What a run contains of the benchmarks that its configuration names.

    Raises:
        SkypileError: the folder is no run, or has no such stage, or it has not been run.
        StaleError: it is stale.
    """
    reader = RunReader(run)
    if STAGE not in [s["name"] for s in reader.record["stages"]]:
        raise SkypileError(f"{run} has no stage {STAGE}")
    manifest = reader.fresh(f"{STAGE}.relate", CORPUS)
    sources = next(s["applies"] for s in reader.record["stages"] if s["name"] == STAGE)
    if manifest is None or any(reader.fresh(f"{STAGE}.cut", s) is None for s in sources):
        raise SkypileError(f"{STAGE} of {run} has not been run yet")
    found = []
    documents = {(f.source, f.part): f for f in reader.files("documents")}
    verdicts = {(f.source, f.part): f for f in reader.files(f"verdicts_{STAGE}")}
    for file in reader.files(TABLE):
        table, place = reader.read(file), (file.source, file.part)
        at = pc.indices_nonzero(
            pc.greater(pc.fill_null(pc.list_value_length(table["items"]), 0), 0)
        )
        if not len(at):
            continue
        columns = ["doc_id", "source", "url", "path", "ordinal"]
        rows = zip(
            table.take(at).to_pylist(),
            reader.read(documents[place]).select(columns).take(at).to_pylist(),
            reader.read(verdicts[place]).take(at).to_pylist(),
            strict=True,
        )
        for row, document, verdict in rows:
            found += _findings(row, document, verdict)
    found.sort(key=lambda f: (f.benchmark, f.item, f.doc_id))
    facts = dict(manifest.facts)
    seen: dict[str, set[str]] = {}
    for one in found:
        seen.setdefault(one.benchmark, set()).add(one.item)
    items = {b: (n, len(seen.get(b, ()))) for b, n in facts.pop("items").items()}
    return Report(found, items, len({f.doc_id for f in found}), facts)


def _findings(row: dict, document: dict, verdict: dict) -> list[Finding]:  # type: ignore[type-arg]
    place = document["url"] or f"{document['path']}:{document['ordinal']}"
    blocks = len(verdict["removed_blocks"] or ())
    removed = f"{blocks} blocks" if blocks else "nothing"
    if not verdict["kept"]:
        removed = "document"
    named = zip(row["benchmarks"], row["items"], row["shared_fractions"], strict=True)
    return [
        Finding(b, item, row["doc_id"], document["source"], place, fraction, removed)
        for b, item, fraction in named
    ]
