"""Identity of documents and deterministic sampling: hashes of names, nothing else.

No counter, no partition, no clock and no Python `hash()`: the same input has the same ids wherever
and however often it is read.
"""

import hashlib


def doc_id(source: str, path: str, ordinal: int) -> str:
    """The 128-bit id of a record as 32 hex digits.

    Of (source, path relative to the source's root, ordinal of the record in its file): unique by
    construction, and stable when the tree moves. Every name is length-prefixed, so that no two
    triples spell the same bytes.
    """
    parts = [source.encode(), path.encode("utf8", "surrogateescape"), str(ordinal).encode()]
    data = b"".join(len(p).to_bytes(4, "little") + p for p in parts)
    return hashlib.blake2b(data, digest_size=16, person=b"skypile-doc").hexdigest()


def sampled(doc_id: str, seed: int, fraction: float) -> bool:
    """Whether a document is in the hash sample of (seed, fraction): a pure function of its id.

    Samples of one seed are nested: a smaller fraction is a subset of a larger one.
    """
    if fraction >= 1:
        return True
    data = bytes.fromhex(doc_id) + seed.to_bytes(8, "little", signed=True)
    value = hashlib.blake2b(data, digest_size=8, person=b"skypile-sample").digest()
    return int.from_bytes(value, "little") < fraction * 2.0**64


def text_digest(text: str) -> str:
    """128-bit hex digest of a text."""
    return hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=16).hexdigest()


def payload_digest(payload: bytes) -> str:
    """128-bit hex digest of a payload. Ours, since crawlers' own are often missing or wrong."""
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


def read_digest(digest: str, removed_blocks: list[int]) -> str:
    """The digest of a text as a stage reads it, after blocks were removed, without reading it.

    `digest` itself where nothing was removed. Equal for equal (text, set of removed blocks).
    """
    if not removed_blocks:
        return digest
    data = digest + ":" + ",".join(map(str, sorted(set(removed_blocks))))
    return hashlib.blake2b(data.encode(), digest_size=16).hexdigest()
