"""Text to tokens: a column of texts to one array of uint16 ids, by the library's batch encoder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sentencepiece

from skypile.kernels.tokenizer.shards import TOKEN
from skypile.kernels.tokenizer.sp_model import MAX_VOCABULARY

BATCH_BYTES = 8 << 20  # of text encoded at a time: bounds the library's int32 ids
# The library's time grows faster than the length of a text: in stretches, English is encoded 1.13
# times and code 1.33 times as fast (`make bench-tokens`); 64 bytes to 2,000 differ little.
STRETCH_BYTES = 1024


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
    prefix = _prefix_of_lines(processor)

    def encode(texts: pa.Array) -> Encoded:
        found: list[np.ndarray] = []
        sizes: list[int] = []
        for batch in _batches(texts):
            stretches = [[t] if prefix is None else list(_stretches(t)) for t in batch]
            flat = [part for parts in stretches for part in parts]
            ids = iter(processor.encode(flat, return_type="numpy", num_threads=1))
            for parts in stretches:
                own = [next(ids), *(next(ids)[prefix:] for _ in parts[1:]), end]
                sizes.append(sum(map(len, own)))
                found += own
        if not found:
            return Encoded(np.empty(0, TOKEN), np.empty(0, np.int64))
        tokens = np.concatenate(found, dtype=TOKEN, casting="unsafe")
        return Encoded(tokens, np.cumsum(sizes, dtype=np.int64))

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


def _prefix_of_lines(processor: Any) -> int | None:
    """How many tokens the library puts in front of a text that begins with a newline, beside the
    text's own; None where a text cannot be cut in front of a newline, because a piece of the
    vocabulary holds one or the library changes spaces there.
    """
    if any("\n" in processor.id_to_piece(i) for i in range(processor.vocab_size())):
        return None
    one, two = len(processor.encode("\n")), len(processor.encode("\n\n"))
    prefix = one - (two - one)
    for first in ("a", "a ", "中", " "):
        for second in ("\n", "\na", "\n a", "\n\n中"):
            apart = [*processor.encode(first), *processor.encode(second)[prefix:]]
            if processor.encode(first + second) != apart:
                return None
    return prefix


def _stretches(text: bytes) -> Iterator[bytes]:
    """The text cut in front of newlines into stretches of at least `STRETCH_BYTES`."""
    start = 0
    while (cut := text.find(b"\n", start + STRETCH_BYTES)) > 0:
        yield text[start:cut]
        start = cut
    yield text[start:]
