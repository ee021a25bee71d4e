"""Token shards as Megatron-LM's indexed datasets: `OUT/SPLIT/CATEGORY.PARTITION.bin` and `.idx`.

The `.bin` is the tokens of all shards, one document after the other, each with its end-of-document
token, as Megatron's own preprocessing writes them with `--append-eod`. The `.idx` is, in
little-endian order: the magic `MMIDIDX` and two zeros, version (uint64), type code (uint8),
number of sequences (uint64), number of document indices (uint64, one more), the sequences' lengths
(int32), their byte offsets (int64), and the document indices (int64): here a sequence is a
document. (megatron/core/datasets/indexed_dataset.py.)
"""

import hashlib
import struct
from collections.abc import Iterator

import numpy as np

from skypile.files import Root
from skypile.kernels.tokenizer.shards import TOKEN
from skypile.progress import progress
from skypile.shards import DomainFolder, ShardError, domains_of, shards_of

MAGIC, VERSION, UINT16 = b"MMIDIDX\x00\x00", 1, 8


def export(folder: str, out: str) -> list[str]:
    """Write a dataset a domain below `out`; their paths without ending, which Megatron takes.

    Raises:
        ShardError: a shard is not what its manifest says.
        InputError: there are no shards.
    """
    domains, target = domains_of(shards_of(folder)), Root(out)
    made = []
    with progress("export", len(domains), "domains") as report:
        for done, domain in enumerate(domains, 1):
            prefix = f"{domain.manifest['split']}/{domain.manifest['domain']}"
            _write_tokens(domain, target, f"{prefix}.bin")
            _write_index(domain, target, f"{prefix}.idx")
            made.append(target.at(prefix))
            report(done)
    return made


def _write_tokens(domain: DomainFolder, target: Root, path: str) -> None:
    with target.create_whole(path) as out:
        for file in domain.manifest["files"]:
            digest = hashlib.sha256()
            for tokens in domain.tokens(file):
                digest.update(tokens.data)
                out.write(tokens.data)
            if digest.hexdigest() != file["sha256"]:
                raise ShardError(
                    f"{domain.root.at(file['name'])} does not have its SHA-256: "
                    "`skypile shards verify` says what is wrong"
                )


def _write_index(domain: DomainFolder, target: Root, path: str) -> None:
    documents = domain.manifest["documents"]
    with target.create_whole(path) as out:
        out.write(MAGIC)
        out.write(struct.pack("<QBQQ", VERSION, UINT16, documents, documents + 1))
        for lengths in _lengths(domain):
            out.write(lengths.astype("<i4").tobytes())
        offset = 0
        for lengths in _lengths(domain):
            ends = np.cumsum(lengths) * TOKEN.itemsize + offset
            out.write((ends - lengths * TOKEN.itemsize).astype("<i8").tobytes())
            offset = int(ends[-1])
        first = 0
        for lengths in _lengths(domain):
            out.write(np.arange(first, first + len(lengths), dtype="<i8").tobytes())
            first += len(lengths)
        out.write(struct.pack("<q", first))


def _lengths(domain: DomainFolder) -> Iterator[np.ndarray]:
    """(documents,) int64 lengths of the documents of each shard, in tokens.

    Raises:
        ShardError: there are not as many as the manifest says, or one is too long for the format.
    """
    for file in domain.manifest["files"]:
        lengths = np.diff(domain.ends(file), prepend=0)
        if len(lengths) != file["documents"] or lengths.max() > np.iinfo("<i4").max:
            raise ShardError(
                f"{domain.root.at(file['docs'])}: {len(lengths):,} documents, the longest of "
                f"{lengths.max():,} tokens; {file['documents']:,} are due"
            )
        yield lengths
