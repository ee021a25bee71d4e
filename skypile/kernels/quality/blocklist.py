"""Block lists of domains and URLs in the layout of UT1 (one folder a category, with files `domains`
and `urls`), as sorted 64-bit hashes: 9 bytes an entry, in arrays that processes of a host share.

A domain blocks itself and its subdomains: `example.com` blocks `a.b.example.com`, never
`notexample.com`. A URL blocks itself and what is below it (`example.com/bad` blocks
`www.example.com/bad/1?x`, not `example.com/badminton`), with a query that page alone.

An entry that is a public suffix (`com`, `co.uk`, `com.cn`) would block a country and is refused;
one under which strangers have sites (`github.io`, in the private part of the Public Suffix List)
blocks the bare host, not theirs.

A lookup may be wrong once in 10^12 with a million entries: names are compared by hash alone. Left
out: UT1's `expressions` files (regular expressions without bounds on time or reach).
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from publicsuffixlist import PublicSuffixList

from skypile.kernels.compiled import U8, U64
from skypile.kernels.quality.flagged import NONE, FlaggedWords, fold
from skypile.kernels.text.urls import Place, host, place, to_unicode

BLOCKED_DOMAIN, BLOCKED_URL, FLAGGED_PATH = "blocked_domain", "blocked_url", "flagged_path"
REASONS = (BLOCKED_DOMAIN, BLOCKED_URL, FLAGGED_PATH)
MAX_CATEGORIES = 255
MAX_SEGMENTS = 64  # of a path; entries that go deeper are refused

_WITH_SUBDOMAINS, _BARE, _URL = "d", "h", "u"  # what a hash is of, in front of the name


class Verdict(NamedTuple):
    """Why a URL is blocked, and by which category, or by which flagged word."""

    reason: str
    detail: str


@dataclass
class Arrays:
    """A compiled list: hashes ascending and unique, with the number of each one's category.

    refused: how many lines were no entry, by reason: `malformed`, `public_suffix`, `too_deep`.
    """

    hashes: U64
    category_of: U8
    categories: list[str]
    refused: dict[str, int] = field(default_factory=dict)


@functools.cache
def _suffixes() -> tuple[PublicSuffixList, PublicSuffixList]:
    """(suffixes of registries, these and private ones); a list that comes with the package."""
    return PublicSuffixList(only_icann=True), PublicSuffixList()


def _hash(kind: str, name: str) -> int:
    data = (kind + name).encode("utf8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _domain_entry(line: str) -> tuple[str, str] | str:
    name = host(line)
    if name is None:
        return "malformed"
    registries, private = _suffixes()
    readable = to_unicode(name)
    if not name.startswith("[") and not name.replace(".", "").isdigit():
        if registries.publicsuffix(readable) == readable:
            return "public_suffix"
        if private.publicsuffix(readable) == readable:
            return _BARE, name
    return _WITH_SUBDOMAINS, name


def _url_entry(line: str) -> tuple[str, str] | str:
    where = place(line)
    if where is None:
        return "malformed"
    if where.path.count("/") > MAX_SEGMENTS:
        return "too_deep"
    if not (where.path or where.query):
        return _BARE, _without_www(where.host)
    return _URL, _without_www(where.host) + where.path + where.query


def _without_www(name: str) -> str:
    return name.removeprefix("www.") if name.count(".") > 1 else name


def build(lists: Iterable[tuple[str, str, Iterable[bytes]]]) -> Arrays:
    """The compiled list of (category, `domains` or `urls`, lines as UTF-8 bytes).

    Blank lines and those that begin with # are left out. An entry of several categories has the
    first by name. The order of lists and lines makes no difference.

    Raises:
        ValueError: a kind that is neither, or more than 255 categories.
    """
    given = sorted(lists, key=lambda one: one[:2])
    categories = sorted({category for category, _, _ in given})
    if len(categories) > MAX_CATEGORIES:
        raise ValueError(f"{len(categories)} categories, at most {MAX_CATEGORIES}")
    refused: dict[str, int] = {}
    hashes, numbers = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint8)]
    for category, kind, lines in given:
        if kind not in ("domains", "urls"):
            raise ValueError(f"{category}: a list of {kind!r}, not of domains or urls")
        found = np.fromiter(_entries(kind, lines, refused), np.uint64)
        hashes.append(found)
        numbers.append(np.full(len(found), categories.index(category), np.uint8))
    unique, first = np.unique(np.concatenate(hashes), return_index=True)
    return Arrays(unique, np.concatenate(numbers)[first], categories, dict(sorted(refused.items())))


def _entries(kind: str, lines: Iterable[bytes], refused: dict[str, int]) -> Iterator[int]:
    for line in lines:
        text = line.decode("utf8", "replace").strip().removeprefix("\ufeff")
        if not text or text.startswith("#"):
            continue
        entry = _domain_entry(text) if kind == "domains" else _url_entry(text)
        if isinstance(entry, str):
            refused[entry] = refused.get(entry, 0) + 1
        else:
            yield _hash(*entry)


class BlockList:
    """Verdicts on URLs from a compiled list, whose arrays may be memory-mapped, and from flagged
    words in paths. A URL that names no host is not blocked.
    """

    def __init__(self, arrays: Arrays, flagged: FlaggedWords = NONE) -> None:
        self._arrays, self._flagged = arrays, flagged

    def check(self, urls: Sequence[str | None]) -> list[Verdict | None]:
        """A verdict for each URL, None where it may stay: domains before URLs before words."""
        places = [place(url) if url else None for url in urls]
        keys: list[int] = []
        spans = [0]
        reasons: list[str] = []
        for where in places:
            for kind, name in _names(where) if where else ():
                keys.append(_hash(kind, name))
                reasons.append(BLOCKED_URL if kind == _URL else BLOCKED_DOMAIN)
            spans.append(len(keys))
        found = self._find(np.array(keys, np.uint64))
        verdicts: list[Verdict | None] = []
        for where, start, stop in zip(places, spans, spans[1:], strict=False):
            hits = np.flatnonzero(found[start:stop] >= 0)
            if len(hits):
                at = start + int(hits[0])
                verdicts.append(Verdict(reasons[at], self._arrays.categories[found[at]]))
            else:
                verdicts.append(self._by_words(where) if where else None)
        return verdicts

    def _find(self, keys: U64) -> npt.NDArray[np.int64]:
        """The category of each hash; -1 where it is not on the list."""
        hashes = self._arrays.hashes
        if not len(hashes):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(hashes, keys), len(hashes) - 1)
        return np.where(hashes[at] == keys, self._arrays.category_of[at].astype(np.int64), -1)

    def _by_words(self, where: Place) -> Verdict | None:
        if not len(self._flagged) or not (where.path or where.query):
            return None
        hits = self._flagged.find_folded(fold(where.path + where.query))
        return Verdict(FLAGGED_PATH, hits[0][2]) if hits else None


def _names(where: Place) -> Iterator[tuple[str, str]]:
    """What may be on a list and would block the place, the widest first."""
    name = where.host
    if name.startswith("["):
        starts = [0]
    else:
        starts = [0, *(i + 1 for i, c in enumerate(name) if c == ".")]
    for start in reversed(starts):
        yield _WITH_SUBDOMAINS, name[start:]
    bare = _without_www(name)
    yield _BARE, name
    if bare != name:
        yield _BARE, bare
    path = where.path
    end = path.find("/", 1)
    for _ in range(MAX_SEGMENTS):
        if end < 0:
            break
        yield _URL, bare + path[:end]
        end = path.find("/", end + 1)
    if path:
        yield _URL, bare + path
    if where.query:
        yield _URL, bare + path + where.query
