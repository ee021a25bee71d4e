"""Samples of a run: documents drawn by hash from each reason and each bucket, with their texts.

Which documents are shown is a function of their ids alone. Rows are chosen in narrow columns; then
only the row groups that hold them are read, one at a time, from few parts: of a reason that every
part has, a sample comes from PARTS_EACH of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skypile.look.numbers import numbers_of
from skypile.look.run import Fates, Looked, Part, sample_keys
from skypile.look.shown import masked, masked_blocks, masked_url
from skypile.look.sums import LANGUAGES, languages_of

PARTS_EACH = 4
TAGS = dict(zip(LANGUAGES, ("en", "zh-Hans", "zh-Hant", "", ""), strict=True))
Mask = npt.NDArray[np.bool_]
Key = tuple[str, ...]


class Pick(NamedTuple):
    """A row of a part."""

    part: Part
    row: int


@dataclass(frozen=True)
class Block:
    """A block of a text, masked. removed_by: the stage that removed it, None where it stays; why:
    what that stage has on record about it.
    """

    text: str
    removed_by: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Sample:
    """A document to look at, masked. numbers: what the stage in question has on record on it."""

    doc_id: str
    source: str
    url: str
    title: str
    blocks: Sequence[Block]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    lang: str = ""  # for fonts: en, zh-Hans, zh-Hant; "" where unknown

    def text(self, upto: Iterable[str] = ()) -> str:
        """The text without the blocks that the stages named removed."""
        gone = set(upto)
        return "\n".join(b.text for b in self.blocks if b.removed_by not in gone)


def choose(
    run: Looked, select: Callable[[Part, Fates], Mapping[Key, Mask]], count: int, salt: str = ""
) -> dict[Key, list[Pick]]:
    """Up to `count` documents for each key that `select` finds, by hash. select: (rows,) masks of a
    part's documents.
    """
    found: dict[Key, list[tuple[int, int, Pick]]] = {}
    parts_of: dict[Key, int] = {}
    for index, part in enumerate(run.parts):
        keys = sample_keys(part.ids, salt)
        order = np.argsort(keys, kind="stable")
        for key, mask in select(part, run.fates(part)).items():
            have = found.setdefault(key, [])
            if len(have) >= count and parts_of.get(key, 0) >= PARTS_EACH:
                continue
            rows = order[mask[order]][:count].tolist()
            have += [(int(keys[r]), index, Pick(part, r)) for r in rows]
            parts_of[key] = parts_of.get(key, 0) + bool(rows)
    return {
        key: [pick for _, _, pick in sorted(have, key=lambda x: (x[0], x[1], x[2].row))[:count]]
        for key, have in sorted(found.items())
        if have
    }


def samples(run: Looked, picks: Iterable[Pick], stage: str) -> dict[Pick, Sample]:
    """The documents picked, as a stage has them on record. Text is read a row group at a time."""
    by_part: dict[tuple[str, int], list[Pick]] = {}
    for pick in dict.fromkeys(picks):
        by_part.setdefault((pick.part.source, pick.part.part), []).append(pick)
    found: dict[Pick, Sample] = {}
    for own in by_part.values():
        part = own[0].part
        rows = sorted({p.row for p in own})
        texts = _texts(part, rows)
        removed = run.fates(part).removed
        numbers = numbers_of(run, part, rows, stage)
        languages = languages_of(part)
        whys = _why_removed(part, rows)
        for pick in own:
            found[pick] = _sample(
                texts[pick.row],
                pick.row,
                removed,
                whys,
                numbers[pick.row],
                TAGS.get(languages[pick.row], ""),
            )
    return found


def _sample(
    document: Mapping[str, Any],
    row: int,
    removed: Mapping[str, Mapping[int, list[int]]],
    whys: Mapping[tuple[int, int], str],
    numbers: Mapping[str, Any],
    lang: str,
) -> Sample:
    gone = {b: stage for stage, of in removed.items() for b in of.get(row, ())}
    blocks = [
        Block(text, gone.get(i), whys.get((row, i), "") if i in gone else "")
        for i, text in enumerate(masked_blocks(document["text"]))
    ]
    names = (document["doc_id"], document["source"])
    shown = (masked_url(document["url"]), masked(document["title"]))
    return Sample(*names, *shown, blocks, numbers, lang)


def _texts(part: Part, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Rows of `documents` by number."""
    names = ["doc_id", "source", "url", "title", "text"]
    found: dict[int, dict[str, Any]] = {}
    with part.root.open(part.files["documents"].path) as stream:
        file = pq.ParquetFile(stream)
        first = 0
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            inside = [r for r in rows if first <= r < first + size]
            if inside:
                table = file.read_row_group(group, columns=names)
                taken = table.take(pa.array([r - first for r in inside])).to_pylist()
                found.update(zip(inside, taken, strict=True))
            first += size
    return found


def _why_removed(part: Part, rows: Sequence[int]) -> dict[tuple[int, int], str]:
    """What distribution has on record about blocks, by row and block."""
    if not part.has("recurrent_blocks"):
        return {}
    names = ["blocks", "group_documents", "group_hosts", "cosines"]
    table = part.columns("recurrent_blocks", names).take(pa.array(rows))
    found = {}
    for row, lists in zip(rows, table.to_pylist(), strict=True):
        columns = [lists[n] or () for n in names]
        for block, documents, hosts, cosine in zip(*columns, strict=True):
            found[row, block] = (
                f"like blocks of {documents:,} documents on {hosts:,} hosts (cosine {cosine:.2f})"
            )
    return found


def find(parts: Iterable[Part], ids: Iterable[str]) -> dict[str, Pick]:
    """Where documents are, by id; those that are not in these parts are left out."""
    wanted = sorted(set(ids))
    found: dict[str, Pick] = {}
    for part in parts:
        if len(found) == len(wanted):
            break
        names = part.columns("documents", ["doc_id"])["doc_id"]
        at = pc.index_in(pa.array(wanted, pa.string()), names.combine_chunks())
        for name, row in zip(wanted, at.to_pylist(), strict=True):
            if row is not None:
                found[name] = Pick(part, row)
    return found


@dataclass(frozen=True)
class Reject:
    """A record that did not become a document, masked."""

    doc_id: str
    source: str
    url: str
    place: str
    detail: str


def rejects(run: Looked, count: int) -> dict[tuple[str, str], list[Reject]]:
    """Up to `count` records that did not become documents, by source and reason, by hash."""
    names = ["doc_id", "source", "url", "path", "ordinal", "http_status", "reason", "detail"]
    found: dict[tuple[str, str], list[Reject]] = {}
    for part in run.parts:
        with part.root.open(part.files["records"].path) as stream:
            table = pq.read_table(stream, columns=names, filters=[("kept", "=", False)])
        if not table.num_rows:
            continue
        order = np.argsort(sample_keys(table["doc_id"].to_pylist(), "reject"), kind="stable")
        for row in table.take(pa.array(order)).to_pylist():
            have = found.setdefault((row["source"], row["reason"]), [])
            if len(have) < count:
                have.append(_reject(row))
    return dict(sorted(found.items()))


def _reject(row: Mapping[str, Any]) -> Reject:
    status = f"HTTP {row['http_status']}" if row["http_status"] else ""
    detail = "; ".join(filter(None, [masked(row["detail"]), status]))
    place = f"{row['path']}, record {row['ordinal']:,}"
    return Reject(row["doc_id"], row["source"], masked_url(row["url"]), masked(place), detail)
