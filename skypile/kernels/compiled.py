"""One door to Numba: functions that are compiled when first called, and kept on disk.

Why compiled at all: a loop with a hash table (repeated n-grams) or with many small branches
(personal data) is 5 to 30 times slower in NumPy, whose every step is a pass over the text.

What a worker pays: importing Numba about half a second, the first call some twenty seconds of one
core, once a machine: the machine code is kept below `__pycache__`, or NUMBA_CACHE_DIR where that is
set, or the user's cache folder, and other processes load it in half a second. Two that compile at
once do no harm. Arithmetic is on integers, so compiling does not change a result.

Numba by itself takes cached code for current as long as the file of the function called is the
same, though it holds the code and constants of other files, too. Hence a folder of its own for
every state of all compiled modules, and what they import from this package, together.
"""

import functools
import hashlib
import importlib.resources
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
U16: TypeAlias = npt.NDArray[np.uint16]
U32: TypeAlias = npt.NDArray[np.uint32]
U64: TypeAlias = npt.NDArray[np.uint64]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]
F32: TypeAlias = npt.NDArray[np.float32]
F64: TypeAlias = npt.NDArray[np.float64]
_IMPORTED = re.compile(
    r"^from skypile\.kernels(?:\.([\w.]+))? import (\([^)]*\)|[\w, ]+)", re.M
)  # one line, or names in brackets
F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function as machine code, without the GIL. Integers wrap and indices are not checked: as
    in C, callers see to it. Where nothing can be written it is compiled in each process.
    """
    folder, config = _folder(), cast(Any, numba.config)
    before, config.CACHE_DIR = config.CACHE_DIR, folder
    try:
        made = numba.njit(cache=bool(folder), nogil=True)(function)
    except RuntimeError as error:  # Numba's answer to having no folder that it can write to
        if "cache" not in str(error):
            raise
        made = numba.njit(nogil=True)(function)
    finally:
        config.CACHE_DIR = before
    _once_a_type(made)
    return cast(F, made)


def _once_a_type(function: Any) -> None:
    """Let calls from compiled code compile the function once for int, not anew for 0, 1 and 2.

    Numba takes a literal for a type of its own, here and while it infers the type of a variable
    that begins as one. With this, all kernels compile in a third of the time.
    """
    resolve, kind = function.get_call_template, cast(Any, numba.types).unliteral

    def plain(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(kind, args)), {name: kind(a) for name, a in kws.items()})

    function.get_call_template = plain


@functools.cache
def _folder() -> str:
    """Where machine code of these sources is kept; empty where no place can be written."""
    sources = hashlib.blake2b(digest_size=8)
    for text in _sources().values():
        sources.update(text)
    here = Path(__file__).parent / "__pycache__"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skypile"
    for base in (os.environ.get("NUMBA_CACHE_DIR"), here, home):
        folder = Path(base or os.devnull) / f"compiled-{sources.hexdigest()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return str(folder)
    return ""


def _sources() -> dict[str, bytes]:
    """The modules with compiled functions, and those that they import from here, by dotted name."""
    package = importlib.resources.files(__package__)
    texts = {name: file.read_bytes() for name, file in _modules(package)}
    found = {name for name, text in texts.items() if b"skypile.kernels.compiled" in text}
    due = sorted(found)
    while due:
        names = set()
        for module, imported in _IMPORTED.findall(texts[due.pop()].decode()):
            items = {item.split()[0] for item in imported.strip("()").split(",") if item.strip()}
            names |= {module, *(f"{module}.{item}".strip(".") for item in items)}
        more = (names & texts.keys()) - found
        found |= more
        due += sorted(more)
    return {name: texts[name] for name in sorted(found)}


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """The Python files of a package and its folders, by dotted name."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{prefix}{entry.name}.")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name.removesuffix(".py"), entry
