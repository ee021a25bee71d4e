"""What recurs in a run: the top groups with their texts, and recurrence before and after filtering.

Reads a finished run and computes nothing anew. Personal data in examples is masked, as in the
corpus.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from skypile.errors import SkypileError
from skypile.kernels.distribution.blocks import units as units_of
from skypile.kernels.personal_data.personal import mask
from skypile.manifests import CORPUS
from skypile.reader import RunReader

STAGE = "distribution"
EXAMPLE_CHARS = 300


@dataclass(frozen=True)
class Group:
    """Blocks that are alike. `group` is a centre's number, below 0 the hash of the words
    themselves; `removed` says how many documents lost a block of it.
    """

    group: int
    documents: int
    hosts: int
    removed: int
    example: str


@dataclass(frozen=True)
class Recurrence:
    """`groups`: those of most documents first. `histogram`: by least number of documents of a
    group, (documents with a unit of such a group, those among them that lost it).
    """

    groups: list[Group]
    histogram: dict[int, tuple[int, int]]
    documents: int
    units: int


def recurrence(run: str, top: int = 20) -> Recurrence:
    """What recurs in a run.

    Raises:
        SkypileError: the folder is no run, or has no such stage, or it has not been run.
        StaleError: it is stale.
    """
    reader = RunReader(run)
    if STAGE not in [s["name"] for s in reader.record["stages"]]:
        raise SkypileError(f"{run} has no stage {STAGE}")
    manifest = reader.fresh(f"{STAGE}.relate", CORPUS)
    if manifest is None:
        raise SkypileError(f"{STAGE} of {run} has not been run yet")
    facts = manifest.facts
    removed, by_power = _removed(reader)
    chosen = facts["top"][:top]
    texts = _examples(reader, [(row["doc_id"], row["unit"]) for row in chosen])
    groups = [
        Group(
            row["group"],
            row["documents"],
            row["hosts"],
            removed.get(row["group"], 0),
            texts.get((row["doc_id"], row["unit"]), ""),
        )
        for row in chosen
    ]
    on_record = {int(power): counts[1] for power, counts in facts["histogram"].items()}
    rest = facts["documents_with_units"] - sum(on_record.values())
    histogram = {1: (rest, 0)} if rest else {}
    for power, count in sorted(on_record.items()):
        least = max(1 << power, manifest.settings["counted_from_documents"])
        histogram[least] = (count, by_power.get(power, 0))
    return Recurrence(groups, histogram, facts["documents"], facts["units"])


def _removed(reader: RunReader) -> tuple[dict[int, int], dict[int, int]]:
    """Documents that lost a block of a group, by group, and by the logarithm of its documents."""
    by_group: dict[int, int] = {}
    by_power: dict[int, int] = {}
    for file in reader.files("recurrent_blocks"):
        table = reader.read(file).select(["groups", "group_documents"])
        for row in table.filter(pc.is_valid(table["groups"])).to_pylist():
            for group, documents in dict(
                zip(row["groups"], row["group_documents"], strict=True)
            ).items():
                power = documents.bit_length() - 1
                by_group[group] = by_group.get(group, 0) + 1
                by_power[power] = by_power.get(power, 0) + 1
    return by_group, by_power


def _examples(reader: RunReader, units: list[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The texts of units (document, number of the unit in it), masked and cut short."""
    of: dict[str, list[int]] = {}
    for doc_id, unit in units:
        of.setdefault(doc_id, []).append(unit)
    names = [s["name"] for s in reader.record["stages"]]
    before = names[names.index(STAGE) - 1]
    found = {}
    for table in reader.texts(before, (), ids=frozenset(of)):
        rows = zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), strict=True)
        for doc_id, text in rows:
            cut = units_of(pa.array([text], pa.large_string()))
            for unit in of[doc_id]:
                shown, _ = mask(cut.text(unit).replace("\n", " / "))
                found[doc_id, unit] = shown[:EXAMPLE_CHARS]
    return found


def plot(found: Recurrence, path: Path) -> None:
    """Recurrence before and after as a picture (the suffix says which kind: .png, .svg, .pdf).

    Raises:
        SkypileError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as e:
        raise SkypileError("a plot needs matplotlib: pip install 'skypile[notebooks]'") from e
    least = sorted(found.histogram)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    at = range(len(least))
    before = [found.histogram[n][0] for n in least]
    after = [found.histogram[n][0] - found.histogram[n][1] for n in least]
    axes.bar(at, before, width=0.8, color="#c9d3df", label="before")
    axes.bar(at, after, width=0.5, color="#2f6db3", label="after")
    ends = [f"–{m - 1:,}" for m in least[1:]] + [" or more"]
    labels = [f"{n:,}{'' if end == f'–{n:,}' else end}" for n, end in zip(least, ends, strict=True)]
    axes.set_xticks(list(at), labels, rotation=30, ha="right")
    axes.set_yscale("symlog")
    axes.set_xlabel("documents with a block like it")
    axes.set_ylabel("blocks, one a document and group")
    axes.set_title(
        f"Recurrence in meaning, {found.documents:,} documents, {found.units:,} blocks", loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
