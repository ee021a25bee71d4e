"""What stage `dedup` measures: a key of each text, and the band keys of its MinHash signature.

A module of its own: only what is imported here decides the rows of `signatures`, so that work on
the clustering neither measures a crawl again nor cuts it off from the tables of earlier runs.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from skypile.kernels import minhash
from skypile.kernels.shingles import text_keys
from skypile.stage import Kernel
from skypile.tables import Table, field

SIGNATURES = Table(
    "signatures",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("exact_high", pa.int64()),  # 128-bit key of the normalised text
            field("exact_low", pa.int64()),
            field("bands", pa.list_(pa.field("element", pa.int64(), nullable=False))),
        ]
    ),
    key=("doc_id",),
    meaning="what copies of a text have in common: a key of all of it, and MinHash band keys",
)


def make_measure_kernel(config: Any) -> Kernel:
    """Hashes of a batch of texts, in one call into compiled code each."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch["text"]
        keys = text_keys(texts, fold_han=config.fold_han)
        bands = minhash.band_keys(signatures(config, texts), config.bands, config.rows)
        offsets = np.arange(0, bands.size + 1, config.bands, dtype=np.int32)
        values = pa.array(bands.reshape(-1))
        column = pa.ListArray.from_arrays(pa.array(offsets), values)
        schema = SIGNATURES.schema
        return pa.RecordBatch.from_arrays(
            [
                batch["doc_id"],
                pa.array(np.ascontiguousarray(keys[:, 0])),
                pa.array(np.ascontiguousarray(keys[:, 1])),
                column.cast(schema.field("bands").type),
            ],
            names=schema.names,
        )

    return kernel


def signatures(config: Any, texts: pa.Array) -> minhash.Signatures:
    """The MinHash signatures of texts by the stage's settings, uint32[len, bands x rows]."""
    return minhash.signatures(
        texts,
        count=config.bands * config.rows,
        seed=config.seed,
        size=config.shingle_tokens,
        fold_han=config.fold_han,
    )
