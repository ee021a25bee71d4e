"""Targets: damaged configurations, manifests and shards are errors that name them."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.fuzz.target import Check, holds
from skypile.errors import SkypileError


def config(folder: Path) -> Check:
    """Any file is a Config or a SkypileError that names it; no setting is not a number."""
    from skypile.config import load
    from skypile.pipeline import all_stages

    path, stages = folder / "c.toml", all_stages()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = load(path, stages)
        except SkypileError as error:
            holds(str(path) in str(error), "an error names the file", str(error))
            return
        for value in _leaves([found.run, found.spark, found.sources, dict(found.settings)]):
            holds(not (isinstance(value, float) and math.isnan(value)), "a number", value)

    return check


def _leaves(value: Any) -> Iterator[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def valid_run(folder: Path) -> dict[str, bytes]:
    """The files of a small run: manifests, receipts, what it remembers."""
    from skypile.files import Root
    from skypile.manifests import FileEntry, Manifest, Manifests, content_digest, receipt_path

    root = Root(str(folder))
    entry = FileEntry("t", "web", 0, "t/x", 3, 4, "0" * 64)
    common: dict[str, Any] = {"source": "web", "fingerprint": "f", "own_fingerprint": "o"}
    common |= {"settings": {"a": 1}, "libraries": {}, "tables": {"t": 1}, "rows": {"t": 3}}
    digest = content_digest({"t": 1}, [entry], {})
    below = Manifest(piece="a.read", inputs={}, digest=digest, **common)
    above = Manifest(piece="a.cut", inputs={"a.read/web": digest}, digest=digest, **common)
    for manifest in (below, above):
        Manifests(root).commit(manifest, [entry])
    root.write_atomic("t/x", b"data")
    receipt = {"key": "k", "files": [{"path": "t/x", "bytes": 4}]}
    root.write_atomic(receipt_path("a.read", "web", "f", "k", "1"), json.dumps(receipt).encode())
    pieces = {
        "a.read/web": {"own": "o", "inputs": []},
        "a.cut/web": {"own": "o", "inputs": ["a.read/web"]},
    }
    stages = [{"name": "a", "paper": "", "pieces": {"cut": ["web"]}, "applies": ["web"]}]
    record = {"sources": [{"name": "web"}], "stages": stages, "readers": {"web": "a"}}
    record |= {"pieces": pieces, "sample_fraction": 1.0}
    root.write_atomic("run.json", json.dumps(record).encode())
    return {str(p.relative_to(folder)): p.read_bytes() for p in _files_below(folder)}


def _files_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _damaged(folder: Path, files: dict[str, bytes], data: bytes) -> str:
    """Put the files there, one of them with other bytes; its name."""
    name = sorted(files)[data[0] % len(files)]
    (folder / name).write_bytes(data[1:])
    return name


def manifests(folder: Path) -> Check:
    """A damaged file of a run is an error that names it, or it does no harm."""
    from skypile.files import Root
    from skypile.manifests import Manifests
    from skypile.reader import RunReader

    files = valid_run(folder)

    def use() -> None:
        store = Manifests(Root(str(folder)))
        for manifest in [*store.all(), *store.past("a.read", "web")]:
            store.moved_inputs(manifest)
            store.files(manifest)
        for receipt in store.receipts("a.read", "web", "f").values():
            holds({"path": "t/x", "bytes": 4} in receipt["files"] or not receipt["files"], "", 0)
        reader = RunReader(str(folder))
        reader.fresh("a.cut", "web")
        reader.files("t")
        reader.tables()

    def check(data: bytes) -> None:
        if not data:
            return
        name = _damaged(folder, files, data)
        try:
            use()
        except SkypileError as error:
            said = str(error)
            holds(name in said or Path(name).parent.name in said, "an error names it", name, said)
        finally:
            (folder / name).write_bytes(files[name])

    return check


def valid_shards(folder: Path) -> dict[str, bytes]:
    """Two domains with a shard each."""
    import hashlib

    about = {"tokenizer": "ab" * 32, "vocabulary": 1000, "eos": 2}
    listed = []
    for split, domain in (("train", "webpages.main"), ("validation", "books.main")):
        tokens = np.array([5, 6, 2, 7, 2], "<u2").tobytes()
        ends = np.array([3, 5], "<u8").tobytes()
        at = folder / split / domain
        at.mkdir(parents=True)
        (at / "part-00000.u16").write_bytes(tokens)
        (at / "part-00000.docs").write_bytes(ends)
        file = {
            **{"name": "part-00000.u16", "docs": "part-00000.docs", "tokens": 5, "documents": 2},
            "sha256": hashlib.sha256(tokens).hexdigest(),
            "docs_sha256": hashlib.sha256(ends).hexdigest(),
        }
        totals = {"split": split, "domain": domain, "tokens": 5, "documents": 2}
        manifest = {"format": "skypile-shard", "version": 1, **totals, **about, "files": [file]}
        (at / "manifest.json").write_text(json.dumps(manifest))
        listed.append(totals)
    index = {"format": "skypile-shards", "version": 1, **about, "domains": listed}
    (folder / "index.json").write_text(json.dumps(index))
    return {str(p.relative_to(folder)): p.read_bytes() for p in _files_below(folder)}


def shards(folder: Path) -> Check:
    """Shards with a damaged file do not pass, and the error names it."""
    from skypile import shards as module

    files = valid_shards(folder)
    module.progress = _silent  # type: ignore[attr-defined]

    def check(data: bytes) -> None:
        if not data:
            return
        name = _damaged(folder, files, data)
        try:
            counts = module.verify(str(folder))
            same = data[1:] == files[name]
            holds(same or name.endswith(".json"), "damage is found", name)
            holds(counts["tokens"] == 10 or name.endswith(".json"), "all are counted", counts)
        except SkypileError as error:
            said = str(error)
            near = Path(name).parent.name if name != "index.json" else name
            holds(name in said or near in said, "an error names it", name, said)
        finally:
            (folder / name).write_bytes(files[name])

    return check


@contextlib.contextmanager
def _silent(*_: object) -> Iterator[Callable[[int], None]]:
    yield lambda done: None
