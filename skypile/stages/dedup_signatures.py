"""What stage `dedup` measures: a key of each text, and the band keys of its MinHash signature.

A module of its own: only what is imported here decides the rows of `signatures`, so that work on
the clustering neither measures a crawl again nor cuts it off from the tables of earlier runs.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.shingles import text_keys
from skypile.kernels.text.tokens import Hashes
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
        bands = minhash.band_keys(signatures(config, batch), config.bands, config.rows)
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


def signatures(config: Any, batch: pa.RecordBatch) -> minhash.Signatures:
    """The MinHash signatures of a batch's texts, uint32[len, bands x rows]."""
    return minhash.signatures(
        batch["text"],
        count=config.bands * config.rows,
        seed=config.seed,
        size=config.shingle_tokens,
        fold_han=config.fold_han,
        skip_lines=skip_lines(batch),
    )


def skip_lines(batch: pa.RecordBatch) -> Hashes | None:
    """The lines to leave out of the shingles of a batch's texts, where it says (stage
    `common_lines`): sorted. What is common is so in the whole corpus, so those of one text are
    those of any that has them, and the rows do not depend on the batch.
    """
    if "common_lines" not in batch.schema.names:
        return None
    values = batch["common_lines"].flatten().to_numpy(zero_copy_only=False)
    return np.unique(values.astype(np.int64).view(np.uint64))
