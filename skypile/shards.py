"""Token shards on disk (the seam to `model/`): their manifests, and a check of all that is there.

`index.json` lists every domain; `tokenizer/` says what the tokens mean; a folder
`SPLIT/CATEGORY.PARTITION` is a domain: its `manifest.json`, `part-00000.u16` (tokens, uint16,
little-endian) and `part-00000.docs` (where documents end, uint64, in tokens).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skypile.errors import InputError, SkypileError
from skypile.files import Root, parent_of
from skypile.kernels.tokenizer.shards import END, TOKEN
from skypile.manifests import CORPUS, SHARDS, Manifests
from skypile.objects import have, parse_object
from skypile.progress import progress

if TYPE_CHECKING:
    from skypile.stages.tokens_write import Shard

MANIFEST, INDEX, TOKENIZER = "manifest.json", "index.json", "tokenizer"
FORMAT, INDEX_FORMAT = "skypile-shard", "skypile-shards"
_TOKENIZER_MODEL = f"{TOKENIZER}/tokenizer.model"
CHUNK_TOKENS = 8 << 20  # read at a time


class ShardError(SkypileError):
    """Shards are not what their manifests say; names each fault."""


def domain_manifest(
    split: str, domain: str, about: Mapping[str, Any], shards: "Sequence[Shard]"
) -> bytes:
    """The manifest of one domain, as JSON. about: tokenizer (SHA-256 of its model), vocabulary,
    eos.
    """
    files = []
    for shard in shards:
        assert shard.tokens
        assert shard.ends
        files.append(
            {
                "name": shard.tokens.path.rpartition("/")[2],
                "docs": shard.ends.path.rpartition("/")[2],
                "tokens": shard.totals.tokens,
                "documents": shard.totals.documents,
                "sha256": shard.tokens.sha256,
                "docs_sha256": shard.ends.sha256,
            }
        )
    return _json(
        {
            "format": FORMAT,
            "version": 1,
            "domain": domain,
            "split": split,
            **about,
            "tokens": sum(f["tokens"] for f in files),
            "documents": sum(f["documents"] for f in files),
            "files": files,
        }
    )


def index(about: Mapping[str, Any], domains: Sequence[Mapping[str, Any]]) -> bytes:
    """The list of all domains, as JSON."""
    return _json({"format": INDEX_FORMAT, "version": 1, **about, "domains": [*domains]})


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


@dataclass(frozen=True)
class DomainFolder:
    """One domain's folder, and its manifest."""

    root: Root
    path: str  # relative to the folder that was named
    manifest: Mapping[str, Any]

    def ends(self, file: Mapping[str, Any]) -> np.ndarray:
        """(documents,) where each document of a shard ends, in tokens."""
        return np.frombuffer(self.root.read(file["docs"]), END).astype(np.int64)

    def tokens(self, file: Mapping[str, Any]) -> Iterator[np.ndarray]:
        """The tokens of a shard, some at a time."""
        with self.root.open(file["name"]) as stream:
            while data := stream.read(CHUNK_TOKENS * TOKEN.itemsize):
                yield np.frombuffer(data, TOKEN, len(data) // TOKEN.itemsize)


def shards_of(folder: str) -> Root:
    """The folder of shards that a path names: itself, or of a run the shards it has.

    Raises:
        InputError: a run that has none.
    """
    root = Root(folder)
    if not root.exists("run.json"):
        return root
    manifest = Manifests(root).get("tokens.build", CORPUS)
    if manifest is None:
        raise InputError(f"{folder} is a run without shards: run its stage tokens first")
    return root.child(f"{SHARDS}/{manifest.fingerprint}")


def domains_of(root: Root) -> list[DomainFolder]:
    """The domains below a folder, by path.

    Raises:
        InputError: there is none, or a manifest cannot be read.
    """
    found = []
    for file in root.walk():
        if file.path == MANIFEST or file.path.endswith(f"/{MANIFEST}"):
            manifest = _parsed(root, file.path, FORMAT)
            path = file.path.rpartition("/")[0]
            found.append(DomainFolder(root.child(path) if path else root, path, manifest))
    if not found:
        raise InputError(f"no shards in {root.uri}: no {MANIFEST} lies in it")
    return found


def _parsed(root: Root, path: str, kind: str) -> dict[str, Any]:
    try:
        value = parse_object(root.read(path))
        if value["format"] != kind or value["version"] != 1:
            raise ValueError(f"format {value['format']!r}, version {value['version']!r}")
        _check_domain(value) if kind == FORMAT else _check_index(value)
    except (ValueError, KeyError) as e:
        raise InputError(f"{root.at(path)} is not a manifest of this version: {e}") from e
    return value


def _check_domain(manifest: Mapping[str, Any]) -> None:
    have(manifest, ["domain", "split", "tokenizer"], str, "manifest")
    have(manifest, ["tokens", "documents", "vocabulary", "eos"], int, "manifest")
    have(manifest, ["files"], list, "manifest")
    for file in manifest["files"]:
        have(file, ["name", "docs", "sha256", "docs_sha256"], str, "file")
        have(file, ["tokens", "documents"], int, "file")
        for name in (file["name"], file["docs"]):
            if name in ("", ".", "..") or "/" in name:
                raise ValueError(f"{name!r} is no name of a file in its folder")


def _check_index(index: Mapping[str, Any]) -> None:
    have(index, ["domains"], list, "index")
    for domain in index["domains"]:
        have(domain, ["split", "domain"], str, "domain")
        have(domain, ["tokens", "documents"], int, "domain")


def verify(folder: str, tokenizer: str | None = None) -> dict[str, int]:
    """Read everything again and compare it with the manifests: sizes, digests, sums, ends of
    documents, ids, one tokenizer. Returns how many domains, files, documents and tokens are right.

    tokenizer: a `tokenizer.model` that the shards must have been made with; without it they must
    agree with the copy that lies beside them, where there is one.

    Raises:
        ShardError: something is wrong; every fault is named.
        InputError: there are no shards.
    """
    root = shards_of(folder)
    domains = domains_of(root)
    faults = _tokenizer_faults(root, domains, tokenizer)
    if root.exists(INDEX):
        faults += _index_faults(_parsed(root, INDEX, INDEX_FORMAT), domains)
    counts = {"domains": len(domains), "files": 0, "documents": 0, "tokens": 0}
    files = [(domain, file) for domain in domains for file in domain.manifest["files"]]
    with progress("verify", len(files), "shards") as report:
        for done, (domain, file) in enumerate(files, 1):
            where = "/".join(filter(None, [domain.path, file["name"]]))
            faults += [f"{where}: {fault}" for fault in shard_faults(domain, file)]
            report(done)
    for domain in domains:
        m = domain.manifest
        for key in ("tokens", "documents"):
            if m[key] != sum(f[key] for f in m["files"]):
                faults.append(f"{domain.path}/{MANIFEST}: {key} is not the sum over its files")
            counts[key] += m[key]
        counts["files"] += len(m["files"])
    if faults:
        raise ShardError(f"{root.uri}: {len(faults)} faults:\n" + "\n".join(faults[:50]))
    return counts


def _tokenizer_faults(
    root: Root, domains: Sequence[DomainFolder], tokenizer: str | None
) -> list[str]:
    named = tokenizer
    if tokenizer:
        parent, name = parent_of(tokenizer)
        if parent.size(name) is None:
            raise InputError(f"no such file: {tokenizer}")
        expected = parent.sha256(name)
    elif root.exists(_TOKENIZER_MODEL):
        named, expected = _TOKENIZER_MODEL, root.sha256(_TOKENIZER_MODEL)
    else:
        named, expected = "the first domain's", domains[0].manifest["tokenizer"]
    return [
        f"{d.path or root.uri}: made with tokenizer {d.manifest['tokenizer'][:12]}…, "
        f"{named} is {expected[:12]}…"
        for d in domains
        if d.manifest["tokenizer"] != expected
    ]


def _index_faults(listed: Mapping[str, Any], domains: Sequence[DomainFolder]) -> list[str]:
    """Domains that are missing, or not those that were made together."""
    keys = ("split", "domain", "tokens", "documents")
    due = {tuple(d[k] for k in keys) for d in listed["domains"]}
    there = {tuple(d.manifest[k] for k in keys) for d in domains}
    return [f"{d[0]}/{d[1]}: in {INDEX}, not in the folder" for d in sorted(due - there)] + [
        f"{d[0]}/{d[1]}: in the folder, not in {INDEX}" for d in sorted(there - due)
    ]


def shard_faults(domain: DomainFolder, file: Mapping[str, Any]) -> list[str]:
    """What is wrong with one shard; nothing where it is as its manifest says."""
    due = {"name": file["tokens"] * TOKEN.itemsize, "docs": file["documents"] * END.itemsize}
    faults = []
    for key, size in due.items():
        found = domain.root.size(file[key])
        if found is None:
            faults.append(f"{file[key]} is missing")
        elif found != size:
            faults.append(f"{file[key]} has {found:,} bytes, {size:,} are due")
    if faults:
        return faults
    if domain.root.sha256(file["docs"]) != file["docs_sha256"]:
        faults.append(f"{file['docs']} does not have its SHA-256")
    digest, highest, marked = hashlib.sha256(), -1, [np.empty(0, np.int64)]
    at = 0
    for tokens in domain.tokens(file):
        digest.update(tokens.data)
        highest = max(highest, int(tokens.max()))
        marked.append(np.flatnonzero(tokens == domain.manifest["eos"]) + at + 1)
        at += len(tokens)
    if digest.hexdigest() != file["sha256"]:
        faults.append(f"{file['name']} does not have its SHA-256")
    if highest >= domain.manifest["vocabulary"]:
        faults.append(f"{file['name']} has token {highest:,}, beyond the vocabulary")
    if not np.array_equal(np.concatenate(marked), domain.ends(file)):
        faults.append(f"{file['docs']}: documents do not end where the end-of-document tokens are")
    return faults
