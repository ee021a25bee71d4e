"""Fits the classifier that tells exercises with solutions from other texts, in both languages.

One fastText model for all: words and Han characters are different tokens anyway. Pieces of text of
both classes are balanced within each of the two scripts, so that Chinese is no mark of exercises
where the examples happen to be Chinese. The same texts in any order give the same model, to the
bit: pieces are in the order of their hashes, and fastText runs on one thread.
"""

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa

from skypile import artifacts
from skypile.artifacts import Card
from skypile.errors import InputError
from skypile.fits.names import CLASSIFIER, STEM_KIND, fold_digest
from skypile.kernels.quality.reference import auc
from skypile.kernels.quality.stem import EXERCISE, OTHER, is_wide, make_classifier, make_tokens
from skypile.settings import plain_as, setting


@dataclass(frozen=True, kw_only=True)
class StemSettings:
    """How the classifier is fitted."""

    dim: int = setting(16, piece="fit", low=1, high=1000, help="size of the vectors")
    epochs: int = setting(15, piece="fit", low=1, high=1000, help="passes over the pieces")
    learning_rate: float = setting(0.5, piece="fit", low=0.001, high=10, help="at the start")
    hash_buckets: int = setting(
        200_000, piece="fit", low=0, help="of n-grams; dim x 4 bytes each in the model"
    )
    min_count: int = setting(2, piece="fit", low=1, help="rarer tokens are left out")
    ngram_tokens: int = setting(2, piece="fit", low=1, high=5, help="of words and Han characters")
    piece_tokens: int = setting(
        100, piece="fit", low=10, help="tokens of a training example: about an exercise"
    )
    heldout_fraction: float = setting(
        0.1, piece="fit", low=0, high=0.5, help="of the documents, by hash, never trained on"
    )


def fit_stem(
    exercises: Iterable[str],
    others: Iterable[str],
    folder: Path,
    *,
    settings: StemSettings | None = None,
    fold: Mapping[int, str] | None = None,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Fit a classifier into the artifact `folder`. The card holds counts, settings, and the AUC on
    held-out documents (null where a class has none there).

    fold: code points that are taken for another, traditional Han to simplified. trained_on,
    licence: for the card.

    Raises:
        InputError: there is no script in which both classes have text.
    """
    settings = settings or StemSettings()
    folder.mkdir(parents=True, exist_ok=True)
    tokens = make_tokens(fold)
    pieces: dict[tuple[bool, str], dict[bytes, str]] = {}
    heldout: dict[str, list[str]] = {EXERCISE: [], OTHER: []}
    counts: dict[str, int] = {}
    for label, texts in ((EXERCISE, exercises), (OTHER, others)):
        for text in texts:
            if _draw(text) < settings.heldout_fraction:
                heldout[label].append(text)
                continue
            seen, name = tokens(text), label.removeprefix("__label__")
            counts[f"{name}_documents"] = counts.get(f"{name}_documents", 0) + bool(seen)
            kept = pieces.setdefault((is_wide(text), label), {})
            for start in range(0, len(seen), settings.piece_tokens):
                piece = " ".join(seen[start : start + settings.piece_tokens])
                kept[_digest(piece)] = piece
    rows = []
    for wide, name in ((True, "wide"), (False, "spaced")):
        two = [pieces.get((wide, label), {}) for label in (EXERCISE, OTHER)]
        of_each = min(map(len, two))
        counts[f"{name}_pieces_of_each"] = of_each
        for label, kept in zip((EXERCISE, OTHER), two, strict=True):
            rows += [(key, f"{label} {kept[key]}\n") for key in sorted(kept)[:of_each]]
    if not rows:
        raise InputError(
            "no script has both exercises and other texts to learn from: name sources of both"
        )
    with tempfile.TemporaryDirectory(prefix="fit-stem-") as work:
        path = Path(work) / "train"
        path.write_text("".join(line for _, line in sorted(rows)), encoding="utf8")
        model = fasttext.train_supervised(
            str(path),
            dim=settings.dim,
            epoch=settings.epochs,
            lr=settings.learning_rate,
            wordNgrams=settings.ngram_tokens,
            bucket=settings.hash_buckets,
            minCount=settings.min_count,
            thread=1,
            verbose=0,
        )
        model.save_model(str(folder / CLASSIFIER))
    parameters = {**plain_as(StemSettings, settings), "folds_characters": fold_digest(fold)}
    versions = {"fasttext-community": importlib.metadata.version("fasttext-community")}
    quality = _measure(folder / CLASSIFIER, heldout, fold)
    about = {**counts, **(trained_on or {})}
    card = Card(STEM_KIND, {}, None, about, licence, parameters, quality, versions)
    return artifacts.write(folder, card)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=16).digest()


def _draw(text: str) -> float:
    """A number from 0 to 1 that depends on the text alone."""
    return int.from_bytes(_digest(text)[:8], "big") / 2**64


def _measure(
    model: Path, heldout: Mapping[str, list[str]], fold: Mapping[int, str] | None
) -> dict[str, Any]:
    classify = make_classifier(str(model), fold)
    positives, negatives = (
        classify(pa.array(heldout[label], pa.string())).drop_null().to_numpy()
        for label in (EXERCISE, OTHER)
    )
    both = len(positives) > 0 and len(negatives) > 0
    return {
        "heldout_exercises": len(positives),
        "heldout_others": len(negatives),
        "auc": round(auc(positives, negatives), 4) if both else None,
    }
