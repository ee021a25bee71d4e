"""Text to tokens: a column of texts to one array of uint16 ids, by the library's batch encoder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sentencepiece

from skypile.kernels.shards import TOKEN
from skypile.kernels.sp_model import MAX_VOCABULARY

BATCH_BYTES = 8 << 20  # of text encoded at a time: bounds the library's int32 ids


@dataclass(frozen=True)
class Encoded:
    """The tokens of documents one after the other, and where each ends (in tokens)."""

    tokens: np.ndarray  # (tokens,) uint16
    ends: np.ndarray  # (documents,) int64


def open_model(model: Path) -> Any:
    """The library's tokenizer.

    Raises:
        ValueError: the model has more pieces than a uint16 has values.
    """
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    if processor.vocab_size() > MAX_VOCABULARY:
        raise ValueError(f"{model} has {processor.vocab_size():,} pieces")
    return processor


def make_encoder(model: Path) -> Callable[[pa.Array], Encoded]:
    """The tokens of each text of a string column, each text followed by the end of a document.

    No other token is ever the end of a document: control symbols that a text spells out are
    encoded as the characters they are. On one thread.

    Raises:
        ValueError: as `open_model`.
    """
    processor = open_model(model)
    end = np.array([processor.eos_id()], np.int32)

    def encode(texts: pa.Array) -> Encoded:
        found: list[np.ndarray] = []
        for batch in _batches(texts):
            for ids in processor.encode(batch, return_type="numpy", num_threads=1):
                found += [ids, end]
        if not found:
            return Encoded(np.empty(0, TOKEN), np.empty(0, np.int64))
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        tokens = np.concatenate(found, dtype=TOKEN, casting="unsafe")
        return Encoded(tokens, np.cumsum(sizes)[1::2])

    return encode


def _batches(texts: pa.Array) -> Iterator[list[bytes]]:
    """The UTF-8 of the texts in lists of about `BATCH_BYTES`; a longer text is alone in its own."""
    held: list[bytes] = []
    size = 0
    for text in texts.cast(pa.large_binary()).to_pylist():
        if held and size + len(text) > BATCH_BYTES:
            yield held
            held, size = [], 0
        held.append(text)
        size += len(text)
    if held:
        yield held
