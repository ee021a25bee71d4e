"""Kernels that are compiled to machine code by Numba, on first use.

What a compiled function may call: functions of its own module. Numba keeps machine code on disk
under the digest of the one source file that a function stands in; a function of another module, or
a constant imported from one, would be baked in and not noticed when it changes. A test checks it.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function, compiled at its first call with each set of argument types.

    Machine code is kept beside the module, or where that is read-only in the user's cache folder
    (NUMBA_CACHE_DIR names another); where there is no place at all it is compiled in each process.
    Integers wrap and indices are not checked: as in C, callers see to it. The GIL is released.
    """
    try:
        made = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:  # Numba's answer to having no folder that it can write to
        if "cache" not in str(error):
            raise
        made = numba.njit(nogil=True)(function)
    return cast(_Function, made)
