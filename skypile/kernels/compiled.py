"""One door to Numba: functions that are compiled when first called, and kept on disk.

Why compiled at all: a loop with a hash table (repeated n-grams) or with many small branches
(personal data) is 5 to 30 times slower in NumPy, whose every step is a pass over the text.

What a worker pays: importing Numba about half a second, the first call one to ten seconds, once a
machine: the machine code is cached beside the module, or below NUMBA_CACHE_DIR or the user's cache
folder where that cannot be written, and other processes load it in a tenth of a second. Two that
compile at once do no harm. All arithmetic is on integers, so compiling does not change a result.
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
U16: TypeAlias = npt.NDArray[np.uint16]
U32: TypeAlias = npt.NDArray[np.uint32]
U64: TypeAlias = npt.NDArray[np.uint64]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function as machine code, without the GIL; in a test run as well."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))
