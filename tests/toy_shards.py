"""A toy stage `tokens`: writes token shards of the sizes that its settings name."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skypile.files import Root
from skypile.manifests import FileEntry
from skypile.pipeline import all_stages, check
from skypile.settings import setting
from skypile.stage import Derive, Derived, Stage
from tests import toy

EOS, VOCABULARY = 2, 65536
TOKENIZER = hashlib.sha256(b"toy").hexdigest()


def shards(
    split: str, domain: str, sizes: Sequence[int], *, content: bool = True
) -> dict[str, bytes]:
    """Files of one folder by name: one .u16 and one .docs for each number of tokens, documents of
    ten tokens. content: without it only the manifest, for sizes that fit on no disk.
    """
    files: dict[str, bytes] = {}
    listed = []
    for i, size in enumerate(sizes):
        ends = np.array([*range(10, size, 10), size], np.uint64) if content else None
        stream = np.arange(size if content else 0, dtype="<u2")
        if ends is not None:
            stream[ends.astype(np.int64) - 1] = EOS
            files[f"part-{i:05d}.u16"] = stream.tobytes()
            files[f"part-{i:05d}.docs"] = ends.astype("<u8").tobytes()
        names = {"name": f"part-{i:05d}.u16", "docs": f"part-{i:05d}.docs"}
        digests = {
            key: hashlib.sha256(files.get(names[of], b"")).hexdigest()
            for key, of in (("sha256", "name"), ("docs_sha256", "docs"))
        }
        listed.append({**names, "tokens": size, "documents": -(-size // 10), **digests})
    manifest = {
        "format": "skypile-shard",
        "version": 1,
        "domain": domain,
        "split": split,
        "tokenizer": TOKENIZER,
        "vocabulary": VOCABULARY,
        "eos": EOS,
        "tokens": sum(f["tokens"] for f in listed),
        "documents": sum(f["documents"] for f in listed),
        "files": listed,
    }
    return {**files, "manifest.json": json.dumps(manifest).encode()}


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    train: dict[str, int] = setting({}, piece="derive", help="domain to tokens")
    validation: dict[str, int] = setting({}, piece="derive", help="domain to tokens")


def derive(config: TokensConfig, run: Root, files: Sequence[FileEntry]) -> Derived:
    made: dict[str, bytes] = {}
    for split in ("train", "validation"):
        for domain, size in getattr(config, split).items():
            whole = shards(split, domain, [size // 2, size - size // 2], content=size < 10**6)
            made |= {f"shards/toy/{split}/{domain}/{name}": data for name, data in whole.items()}
    return Derived(made)


TOKENS = Stage(
    name="tokens",
    step=80,
    paper="none",
    config=TokensConfig,
    reasons=(),
    derive=Derive(after=(), derive=derive),
)


def stages() -> tuple[Any, ...]:
    plan = next(s for s in all_stages() if s.name == "plan")
    return check((toy.LINES, toy.TRIM, TOKENS, plan))
