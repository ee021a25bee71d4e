"""Fits the classifier of one language that tells pages which Wikipedia cites from random ones.

LLaMA (Touvron et al. 2023, section 2.1) and RedPajama; Skywork 3.1 names the same classifier. Pages
are held out by host, so that the measured quality is that on sites never seen. Classes are balanced
by chunks of text: a class is not told by how long its pages are. The same pages in any order give
the same model, to the bit: chunks are shuffled by their hashes, and fastText runs on one thread.

The settings hardly matter: on held-out hosts, epochs from 5 to 30, rates from .2 to 1, chunks of
100 or 300, vectors of 16 or 64 and pairs of words move AUC by less than .003; single Chinese
characters alone cost .002 (docs/log.md, 2026-11-28; `bench/quality.py` has the data).
"""

import hashlib
import importlib.metadata
import tempfile
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import fasttext
import numpy as np
import pyarrow as pa

from skypile import artifacts
from skypile.artifacts import Card
from skypile.errors import InputError
from skypile.fits.names import CLASSIFIER, REFERENCE_KIND, fold_digest
from skypile.kernels.quality.reference import (
    RANDOM,
    REFERENCE,
    auc,
    chunks,
    make_classifier,
    make_tokens,
)
from skypile.settings import plain_as, setting

WIDE_LANGUAGES = ("zh", "ja")  # whose tokens are single characters


class Page(NamedTuple):
    """A page to learn from. `host` is what is held out as a whole."""

    host: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings:
    """How a classifier is fitted."""

    dim: int = setting(16, piece="fit", low=1, high=1000, help="size of the vectors")
    epochs: int = setting(15, piece="fit", low=1, high=1000, help="passes over the chunks")
    learning_rate: float = setting(0.5, piece="fit", low=0.001, high=10, help="at the start")
    hash_buckets: int = setting(
        200_000, piece="fit", low=0, help="of n-grams; dim x 4 bytes each in the model"
    )
    min_count: int = setting(2, piece="fit", low=1, help="rarer tokens are left out")
    word_ngrams: int = setting(1, piece="fit", low=1, high=5, help="of words of spaced scripts")
    wide_ngrams: int = setting(
        2, piece="fit", low=1, high=5, help="of Han and kana characters: words have about two"
    )
    chunk_tokens: int = setting(300, piece="fit", low=10, help="tokens of a training example")
    min_chunk_tokens: int = setting(50, piece="fit", low=1, help="shorter ends are left out")
    max_tokens: int = setting(12_000, piece="fit", low=10, help="of a page, from its start")
    heldout_fraction: float = setting(
        0.1, piece="fit", low=0, high=0.5, help="of the hosts, never trained on"
    )


def fit_reference(
    positives: Iterable[Page],
    negatives: Iterable[Page],
    language: str,
    folder: Path,
    *,
    settings: ReferenceSettings | None = None,
    fold: Mapping[int, str] | None = None,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Fit a classifier into the artifact `folder`.

    The card holds counts, settings, and what was measured on held-out hosts: AUC, and precision and
    recall at probability .5 (null where a class has no page there).

    fold: code points that are taken for another, traditional Han to simplified. trained_on,
    licence: for the card.

    Raises:
        InputError: a class has no text to learn from.
    """
    settings = settings or ReferenceSettings()
    folder.mkdir(parents=True, exist_ok=True)
    tokens = make_tokens(fold, settings.max_tokens)
    counts: dict[str, int] = {}
    heldout: dict[str, list[str]] = {REFERENCE: [], RANDOM: []}
    with tempfile.TemporaryDirectory(prefix="fit-reference-") as work:
        with _Chunks(Path(work) / "chunks") as kept:
            for label, pages in ((REFERENCE, positives), (RANDOM, negatives)):
                name = label.removeprefix("__label__")
                counts |= {f"{name}_pages": 0, f"{name}_chunks": 0}
                for page in pages:
                    if _draw(page.host) < settings.heldout_fraction:
                        heldout[label].append(page.text)
                        continue
                    seen = tokens(page.text).split(" ")
                    found = chunks(seen, settings.chunk_tokens, settings.min_chunk_tokens)
                    for chunk in found:
                        kept.add(label, " ".join(chunk))
                    counts[f"{name}_pages"] += bool(found)
                    counts[f"{name}_chunks"] += len(found)
            counts["chunks_of_each"] = kept.write_balanced(language, Path(work) / "train")
        wide = language in WIDE_LANGUAGES
        model = fasttext.train_supervised(
            str(Path(work) / "train"),
            dim=settings.dim,
            epoch=settings.epochs,
            lr=settings.learning_rate,
            wordNgrams=settings.wide_ngrams if wide else settings.word_ngrams,
            bucket=settings.hash_buckets,
            minCount=settings.min_count,
            thread=1,
            verbose=0,
        )
        model.save_model(str(folder / CLASSIFIER))
    quality = _measure(folder / CLASSIFIER, heldout, fold)
    parameters = {
        **plain_as(ReferenceSettings, settings),
        "folds_characters": fold_digest(fold),
    }
    versions = {"fasttext-community": importlib.metadata.version("fasttext-community")}
    about = {**counts, **(trained_on or {})}
    card = Card(REFERENCE_KIND, {}, language, about, licence, parameters, quality, versions)
    return artifacts.write(folder, card)


def _draw(host: str) -> float:
    """A number from 0 to 1 that depends on the host alone."""
    digest = hashlib.blake2b(host.encode("utf8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class _Chunks:
    """Training examples in a file, taken in the order of their hashes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._labels = (REFERENCE, RANDOM)
        self._hashes, self._offsets = array("Q"), array("q")
        self._sizes, self._classes = array("l"), array("b")

    def __enter__(self) -> "_Chunks":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, label: str, text: str) -> None:
        data = text.encode("utf8", "surrogatepass")
        digest = hashlib.blake2b(data, digest_size=8).digest()
        self._hashes.append(int.from_bytes(digest, "big"))
        self._classes.append(self._labels.index(label))
        self._offsets.append(self._file.tell())
        self._sizes.append(len(data))
        self._file.write(data)

    def write_balanced(self, language: str, path: Path) -> int:
        """As many examples of each class as the smaller one has, shuffled; how many of each.

        Raises:
            InputError: a class has none.
        """
        classes = np.array(self._classes, np.int8)
        order = np.lexsort((classes, np.array(self._hashes, np.uint64)))
        smaller = int(min((classes == 0).sum(), (classes == 1).sum()))
        if not smaller:
            raise InputError(
                f"language {language!r}: {int((classes == 0).sum())} pieces of reference pages and "
                f"{int((classes == 1).sum())} of random pages to learn from: both are needed"
            )
        rank = np.empty(len(order), np.int64)  # of each among its class
        for one in (0, 1):
            of_class = order[classes[order] == one]
            rank[of_class] = np.arange(len(of_class))
        with path.open("wb") as out:
            for at in order.tolist():
                if rank[at] < smaller:
                    self._file.seek(self._offsets[at])
                    text = self._file.read(self._sizes[at])
                    out.write(self._labels[classes[at]].encode() + b" " + text + b"\n")
        return smaller


def _measure(
    model: Path, heldout: Mapping[str, list[str]], fold: Mapping[int, str] | None
) -> dict[str, Any]:
    """AUC, precision and recall of the saved model on pages of held-out hosts."""
    classify = make_classifier(str(model), fold)
    positives, negatives = (
        classify(pa.array(heldout[label], pa.string())).drop_null().to_numpy()
        for label in (REFERENCE, RANDOM)
    )
    right, wrong = int((positives >= 0.5).sum()), int((negatives >= 0.5).sum())
    both = len(positives) > 0 and len(negatives) > 0
    return {
        "heldout_reference_pages": len(positives),
        "heldout_random_pages": len(negatives),
        "auc": round(auc(positives, negatives), 4) if both else None,
        "precision": round(right / (right + wrong), 4) if both and right + wrong else None,
        "recall": round(right / len(positives), 4) if both else None,
    }
