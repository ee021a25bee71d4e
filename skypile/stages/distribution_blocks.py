"""Blocks of documents to units, and each unit to the nearest centre: what `distribution` measures.

No vector is stored: it is made, compared with the table of centres, and dropped.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.errors import SkypileError
from skypile.fits.names import (
    CENTRE_TABLE,
    CENTRES,
    CENTRES_KIND,
    COMPONENTS,
    VECTORS,
    VECTORS_KIND,
)
from skypile.kernels.distribution.blocks import units
from skypile.kernels.distribution.recurrence import assign
from skypile.kernels.distribution.vectors import Vectoriser
from skypile.stage import Kernel, Model
from skypile.tables import INT_LIST, Table, field

if TYPE_CHECKING:
    from skypile.stages.distribution import Config

LONG_LIST = pa.list_(pa.field("element", pa.int64(), nullable=False))
FLOAT_LIST = pa.list_(pa.field("element", pa.float32(), nullable=False))
BLOCKS = Table(
    "blocks",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("unit_keys", LONG_LIST),  # hashes of the units' tokens
            field("first_blocks", INT_LIST),  # indices in the text as this stage reads it
            field("end_blocks", INT_LIST),  # the block after a unit's last
            field("centres", INT_LIST),  # the nearest; -1 where there is none
            field("cosines", FLOAT_LIST),  # to it; -1
        ]
    ),
    key=("doc_id",),
    meaning="the units of each text (blocks, joined or cut), and the centre nearest to each",
)
KINDS = {VECTORS: VECTORS_KIND, CENTRES: CENTRES_KIND}


def make_measure_kernel(config: "Config", fitted: Mapping[str, Model]) -> Kernel:
    """The units of a batch of texts, each with its nearest centre.

    Raises:
        SkypileError: a model is missing, or not the one that was fitted, or centres are of other
            vectors.
    """
    folders, cards = {}, {}
    for name, kind in KINDS.items():
        model = fitted.get(name)
        uri = config.models.get(name) or (model.uri if model else None)
        if uri is None:
            raise SkypileError(f"stage distribution has no {name}: fit_vectors made none")
        cards[name] = artifacts.load_card(uri, kind=kind)
        if model and uri == model.uri and cards[name].digest != model.digest:
            raise SkypileError(f"{uri} is not the model that this run fitted; fit it again")
        folders[name] = artifacts.local(uri, kind=kind)
    check_pair(cards)
    fold_han = cards[VECTORS].parameters["fold_han"]
    make = Vectoriser.load(folders[VECTORS] / COMPONENTS, fold_han=fold_han)
    centres = np.load(folders[CENTRES] / CENTRE_TABLE)

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = units(batch["text"])
        made = make(found.content, found.starts, found.ends)
        nearest = assign(made.vectors, centres, -1.0)  # how near is for the relate to judge
        ends = pa.array(found.offsets.astype(np.int32))

        def lists(values: Any, kind: pa.DataType) -> pa.Array:
            made = pa.ListArray.from_arrays(ends, pa.array(values, kind.value_type))
            return made.cast(kind)

        return pa.RecordBatch.from_pydict(
            {
                "doc_id": batch["doc_id"],
                "unit_keys": lists(made.keys, LONG_LIST),
                "first_blocks": lists(found.first.astype(np.int32), INT_LIST),
                "end_blocks": lists(found.last.astype(np.int32), INT_LIST),
                "centres": lists(nearest.centre, INT_LIST),
                "cosines": lists(nearest.cosine, FLOAT_LIST),
            }
        )

    return kernel


def check_pair(cards: Mapping[str, artifacts.Card]) -> None:
    """That the centres were found among these vectors.

    Raises:
        SkypileError: they were not.
    """
    if cards[CENTRES].parameters["vectors"] != cards[VECTORS].digest:
        raise SkypileError(
            "the centres that stage distribution was given were found among other vectors; name "
            "`vectors` and `centres` of one fit"
        )
