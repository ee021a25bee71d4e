"""Digests of what decides rows: values, library versions, and the code of a stage.

The code digest covers a stage's module and every kernel it imports, directly or not. Comments,
docstrings and layout are left out: rewording a comment does not recompute a crawl.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from skypile.errors import SkypileError


def digest_of(value: Any) -> str:
    """128-bit hex digest of a JSON value, independent of key order."""
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(data.encode("utf8", "surrogatepass")).hexdigest()[:32]


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions of packages, and of Python (whose Unicode tables decide output too)."""
    versions = {name: _version(name) for name in sorted(names)}
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **versions}


@cache  # each task asks, and looking it up takes a millisecond
def _version(name: str) -> str:
    return importlib.metadata.version(name)


@cache
def code_digest(module: str) -> str:
    """Digest of a stage's module and of every kernel and other stage's module that it imports,
    directly or not, inside functions too.

    Comments, docstrings and layout are left out: rewording a comment does not recompute a crawl.
    """
    sources = {name: _understood(_source(name))[0] for name in sorted(_kernel_closure(module))}
    return digest_of(sources)


# A stage that outgrew one module keeps its Spark part beside it.
_DECIDE_ROWS = ("skypile.kernels.", "skypile.stages.", "skypile.fits.")


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    source = spec.loader.get_source(module) if spec and spec.loader else None  # type: ignore[attr-defined]
    if source is None:
        raise SkypileError(f"the source of {module} cannot be read, so it cannot be fingerprinted")
    return str(source)


def _kernel_closure(module: str) -> set[str]:
    todo, seen = [module], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [n for n in _understood(_source(name))[1] if _is_module(n)]
    return seen


@cache  # most kernels are behind several stages
def _understood(source: str) -> tuple[str, tuple[str, ...]]:
    """A source without comments, docstrings and layout; and what it may import that counts."""
    tree = ast.parse(source)
    imported: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            imported |= dict.fromkeys(n for n in names if n.startswith(_DECIDE_ROWS))
        elif isinstance(node, ast.Import):
            imported |= dict.fromkeys(a.name for a in node.names if a.name.startswith(_DECIDE_ROWS))
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            first = body[0].value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                body[:1] = [] if len(body) > 1 else [ast.Pass()]
    return ast.unparse(tree), tuple(imported)


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
