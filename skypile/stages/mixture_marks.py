"""What stage `mixture` measures: keys of the edited text, of the units that it may be held out by,
and its language. A module of its own: work on the split measures nothing again.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skypile.kernels.dedup.shingles import text_keys
from skypile.kernels.mixing import categories, split
from skypile.kernels.text.scripts import profile
from skypile.stage import Kernel
from skypile.tables import Table, field

MARKS = Table(
    "mixture_marks",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("exact_high", pa.int64()),  # 128-bit key of the edited text, as dedup's
            field("exact_low", pa.int64()),
            field("edited_chars", pa.int64()),  # code points, line ends among them
            field("site", pa.int64()),  # unit keys (skypile.kernels.mixing.split); where one has no
            field("repository", pa.int64()),  # name, the next does: site and repository go over to
            field("work", pa.int64()),  # the work, a work without title to its address, then its id
            field("language", pa.string(), nullable=True),  # as stage language has it
            field("script_language", pa.string(), nullable=True),  # by its letters, where not
            field("stem", pa.bool_(), nullable=True),  # as stage stem has it
        ]
    ),
    key=("doc_id",),
    meaning="what a document's place in the mixture depends on: its text's key, units, language",
)


def make_measure_kernel(config: Any) -> Kernel:
    """The marks of a batch of documents."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts, size = batch["text"], batch.num_rows
        keys = text_keys(texts, fold_han=config.fold_han)
        units = [_units(*row) for row in zip(*(batch[c].to_pylist() for c in _NAMES), strict=True)]
        languages = _column(batch, "family", size)
        scripts = [
            None if known else _by_script(text.as_py())
            for known, text in zip(languages, texts, strict=True)
        ]
        named = [code and categories.language_of(code) for code in languages]
        columns = {
            "doc_id": batch["doc_id"],
            "exact_high": pa.array(np.ascontiguousarray(keys[:, 0])),
            "exact_low": pa.array(np.ascontiguousarray(keys[:, 1])),
            "edited_chars": pc.utf8_length(texts).cast(pa.int64()),
            **{n: pa.array([u[i] for u in units], pa.int64()) for i, n in enumerate(_UNITS)},
            "language": pa.array(named, pa.string()),
            "script_language": pa.array(scripts, pa.string()),
            "stem": pa.array(_column(batch, "stem", size), pa.bool_()),
        }
        return pa.RecordBatch.from_pydict(columns)

    return kernel


_NAMES = ("doc_id", "url", "host", "title", "repository")
_UNITS = (split.SITE, split.REPOSITORY, split.WORK)


def _units(
    doc_id: str, url: str | None, host: str | None, title: str | None, named: str | None
) -> list[int]:
    """Keys of site, repository and work. What kind of unit a name is of is part of the name. A
    repository that has no address (a folder of checkouts) goes by the name that stage code has.
    """
    work = f"work {name}" if (name := split.work(title)) else f"one {url or doc_id}"
    site, repository = split.site(url, host), split.repository(url) or (named and named.lower())
    names = (f"site {site}" if site else work, f"repository {repository}" if repository else work)
    return [split.unit_key(name) for name in (*names, work)]


def _by_script(text: str) -> str:
    found = profile(text)
    return categories.language_by_script(found.letters, found.latin, found.han, found.kana)


def _column(batch: pa.RecordBatch, name: str, size: int) -> list[Any]:
    return batch[name].to_pylist() if name in batch.schema.names else [None] * size
