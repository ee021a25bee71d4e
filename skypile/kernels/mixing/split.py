"""Train and validation: which texts belong together, and which of them are held out.

What is held out is held out as a whole unit, or the other half of it would be in the training text:
a registered domain (example.co.uk, example.com.cn) of web pages, a repository of code, a title of
books, papers, articles and posts. Units are drawn by a hash of their name and a seed: nothing
depends on what else is in the corpus, on order or on parts, and samples of one seed are nested.
"""

import functools
import hashlib
import unicodedata

import numpy as np
from publicsuffixlist import PublicSuffixList

from skypile.kernels.compiled import I64, U64
from skypile.kernels.mixing.categories import CODE
from skypile.kernels.text import urls
from skypile.kernels.text.textnorm import han_fold

SITE, REPOSITORY, WORK = "site", "repository", "work"
_RAW_FILES = {"raw.githubusercontent.com": "github.com", "codeload.github.com": "github.com"}
_HALF = 1 << 63


def unit_of(kind: str) -> str:
    """Which unit the texts of a kind (`skypile.kernels.mixing.categories`) are held out by."""
    return SITE if kind == "webpages" else REPOSITORY if kind == CODE else WORK


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@functools.lru_cache(1 << 16)
def registered_domain(host: str) -> str:
    """The domain that someone registered, of a host: one label more than a public suffix.

    Suffixes under which strangers have sites count (a.github.io). An address, or a host that is a
    suffix itself, stands for itself.
    """
    name = urls.host(host) or host.lower()
    if name.startswith("[") or name.replace(".", "").isdigit():
        return name
    found = _suffixes().privatesuffix(urls.to_unicode(name))
    return str(found) if found else urls.to_unicode(name)


def site(url: str | None, host: str | None) -> str | None:
    """The registered domain of a page; None where nothing names its host."""
    place = urls.place(url) if url else None
    name = place.host if place else host
    return registered_domain(name) if name else None


def repository(url: str | None) -> str | None:
    """Host, owner and name, as `github.com/owner/name`; None where the URL does not go so deep."""
    place = urls.place(url) if url else None
    if place is None or place.path.count("/") < 2:
        return None
    _, owner, name, *_ = place.path.split("/")
    host = _RAW_FILES.get(place.host, place.host.removeprefix("www."))
    return f"{host}/{owner}/{name.removesuffix('.git')}".lower()


def work(title: str | None) -> str | None:
    """A title as it is compared: letters and digits alone, without case, width, accents, spaces and
    punctuation, traditional characters as simplified ones; None where nothing is left.
    """
    if not title:
        return None
    text = unicodedata.normalize("NFKD", title).casefold().translate(han_fold())
    return "".join(c for c in text if c.isalnum()) or None


def unit_key(name: str) -> int:
    """A hash of a unit's name, 0 to 2^63 - 1; the seed comes later (`places`)."""
    data = name.encode("utf8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8, person=b"skypile-unit").digest()
    return int.from_bytes(digest, "little") >> 1


def places(keys: I64, seed: int) -> I64:
    """Where each unit stands in the draw, int64 from 0 to 2^63 - 1, by the seed.

    Raises:
        OverflowError: the seed is not 0 to 2^64 - 1.
    """
    start = _mixed(np.array([seed], np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return (_mixed(keys.astype(np.uint64) ^ start) >> np.uint64(1)).astype(np.int64)


def _mixed(h: U64) -> U64:
    """MurmurHash3's fmix64."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = (h ^ (h >> np.uint64(33))) * np.uint64(factor)
    return h ^ (h >> np.uint64(33))


def limit(share: float) -> int:
    """Places below this are the share that is held out; 2^63 for all."""
    return min(_HALF, int(share * 2.0**63))


def fill(documents: I64, number: int) -> np.ndarray:
    """Which units to take, bool[units], so that at most `number` documents are held out.

    documents: of each unit, in the order of their places. A unit is taken where it still fits; no
    more than the first `number` are looked at (each has a document).
    """
    taken = np.zeros(len(documents), bool)
    room = number
    for i, size in enumerate(documents[:number].tolist()):
        if size <= room:
            taken[i] = True
            room -= size
    return taken
