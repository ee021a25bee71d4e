"""Arrow arrays as the NumPy arrays that compiled kernels read, without a copy of the text."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def utf8(texts: "pa.Array | pa.ChunkedArray") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all texts and int64[len + 1]: text i is the bytes from [i] to [i + 1].

    texts: strings of any Arrow layout, sliced or chunked. The bytes are a read-only view; only a
    chunked array or a string view is copied.

    Raises:
        ValueError: a text is null.
        TypeError: not an array of strings.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks() if texts.num_chunks != 1 else texts.chunk(0)
    if pa.types.is_string_view(texts.type) or pa.types.is_dictionary(texts.type):
        texts = texts.cast(pa.large_string())
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise TypeError(f"texts must be strings, not {texts.type}")
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null")
    width = np.int32 if pa.types.is_string(texts.type) else np.int64
    _, starts, data = texts.buffers()
    offsets = np.zeros(len(texts) + 1, np.int64)
    if len(texts):
        offsets[:] = np.frombuffer(starts, width)[texts.offset : texts.offset + len(texts) + 1]
    content = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    content.flags.writeable = False
    return content, offsets
