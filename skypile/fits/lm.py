"""Fits the language model of one language CCNet's way: SentencePiece, then a 5-gram KenLM model.

Wenzek et al. 2020, section 4.2, with the settings of its code: text normalised by
`kernels.quality.lmtext`, a unigram SentencePiece model, interpolated modified Kneser-Ney by
`lmplz`, binary by `build_binary`. The same documents in any order give the same files, to the bit:
documents are taken in the order of their hashes, and SentencePiece runs on a fixed number of
threads. Left out: interpolating models, and domain adaptation.
"""

import hashlib
import importlib.metadata
import io
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import sentencepiece

from skypile import artifacts, lmplz
from skypile.artifacts import Card
from skypile.errors import InputError, SkypileError
from skypile.fits.names import LM, LM_KIND, SP_MODEL, fold_digest
from skypile.kernels.quality.lmtext import make_normaliser
from skypile.kernels.quality.perplexity import make_scorer, make_tokeniser
from skypile.settings import plain_as, setting

_DISCOUNT_ERROR = "BadDiscountException"
_FALLBACK = re.compile(r"Substituting fallback discounts for order (\d+)")  # counted from 0


class FitError(InputError):
    """A model cannot be fitted on these documents; says why."""


@dataclass(frozen=True)
class LmSettings:
    """How a language model is fitted. Numbers without another source are CCNet's."""

    order: int = setting(5, piece="fit", low=2, high=lmplz.MAX_ORDER, help="n-gram order")
    vocab_size: int = setting(65_536, piece="fit", low=64, help="SentencePiece tokens, at most")
    min_chars_per_token: int = setting(
        500,
        piece="fit",
        low=0,
        help="smaller text, smaller vocabulary: characters per token (ours)",
    )
    character_coverage: float = setting(
        0.9995, piece="fit", low=0.9, high=1, help="share of characters"
    )
    max_documents: int = setting(
        1_000_000, piece="fit", low=2, help="documents used, by smallest hash"
    )
    max_sp_chars: int = setting(
        50_000_000,
        piece="fit",
        low=1000,
        help="characters for SentencePiece: about 25 bytes of memory each",
    )
    heldout_fraction: float = setting(
        0.01, piece="fit", low=0, high=0.5, help="documents never trained on"
    )
    max_heldout: int = setting(2000, piece="fit", low=1, help="documents never trained on, at most")
    sp_threads: int = setting(
        1, piece="fit", low=1, high=64, help="threads; another number, other pieces"
    )
    memory_mb: int = setting(
        1024, piece=None, low=64, help="memory of lmplz and build_binary in MiB"
    )
    quantise: bool = setting(
        True, piece="fit", help="8 bits for probabilities and backoffs (-q 8 -b 8 -a 22)"
    )
    prune: tuple[int, ...] = setting(
        (), piece="fit", low=0, help="lmplz --prune: count thresholds by order"
    )
    tiny_tokens: int = setting(
        1_000_000,
        piece="fit",
        low=0,
        help="below, fixed discounts may stand for any order's (ours)",
    )


def fit_lm(
    documents: Iterable[str],
    language: str,
    folder: Path,
    *,
    settings: LmSettings | None = None,
    fold: Mapping[int, str] | None = None,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Fit a model on documents (lines by newline) of one language into the artifact `folder`.

    Takes a temporary folder beside `folder` for the text, about five times as large. The card
    holds counts, settings, the held-out perplexity and library versions.

    fold: traditional to simplified, see `lmtext.make_normaliser`. trained_on, licence: for the
    card: what the documents are, and whose.

    Raises:
        FitError: fewer than two different documents with text, or too regular a text.
        MissingProgram: lmplz is not on this machine.
    """
    settings = settings or LmSettings()
    programs = [lmplz.find(name) for name in lmplz.PROGRAMS]  # before the work, not after it
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fit-lm-") as name:
        work, made = Path(name), Path(name) / "made"
        made.mkdir()
        with _Documents(work / "text", documents, make_normaliser(fold)) as kept:
            train, heldout = kept.split(language, settings)
            sp_parameters = _fit_pieces(kept, train, settings, made / SP_MODEL)
            tokenise = make_tokeniser(str(made / SP_MODEL), fold)
            counts = _write_tokens(map(kept.read, train), tokenise, work / "tokens")
            fallback = _fit_ngrams(programs, work, made / LM, counts["tokens"], settings)
            quality = _measure(made, map(kept.read, heldout), fold)
        about = {
            "documents": len(train),
            **counts,
            "documents_given": kept.given,
            "documents_empty": kept.empty,
            **(trained_on or {}),
        }
        parameters = {
            **plain_as(LmSettings, settings),
            "sentencepiece": sp_parameters,
            "discount_fallback": fallback,
            "folds_characters": fold_digest(fold),
        }
        card = Card(LM_KIND, {}, language, about, licence, parameters, quality, _versions())
        card = artifacts.write(made, card)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return card


class _Documents:
    """Normalised documents in a file, read back by number, ordered by the hash of their text."""

    def __init__(self, path: Path, texts: Iterable[str], normalise: Any) -> None:
        self.given = self.empty = 0
        self._places: list[tuple[bytes, int, int]] = []  # hash, offset, bytes
        with path.open("wb") as out:
            for text in texts:
                self.given += 1
                data = "\n".join(filter(None, normalise(text).split("\n"))).encode()
                if data:
                    digest = hashlib.blake2b(data, digest_size=16).digest()
                    self._places.append((digest, out.tell(), len(data)))
                    out.write(data)
                else:
                    self.empty += 1
        self._places.sort()
        self._file: BinaryIO = path.open("rb")

    def __enter__(self) -> "_Documents":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def split(self, language: str, settings: LmSettings) -> tuple[range, range]:
        """The numbers to train on and those held out; no text is in both.

        Raises:
            FitError: there are no two different documents.
        """
        have = min(len(self._places), settings.max_documents)
        digests = [digest for digest, _, _ in self._places[:have]]
        if not have:
            raise FitError(
                f"no documents of language {language!r} with text ({self.given} given): "
                "nothing to fit a model on"
            )
        end = min(max(1, round(have * settings.heldout_fraction)), settings.max_heldout)
        while end < have and digests[end] == digests[end - 1]:
            end += 1
        if end >= have:
            raise FitError(
                f"language {language!r} has one document with text ({have} copies): at least two "
                "are needed, one of them held out to measure the model"
            )
        return range(end, have), range(end)

    def read(self, number: int) -> str:
        """A document's normalised text."""
        _, offset, size = self._places[number]
        self._file.seek(offset)
        return self._file.read(size).decode()


def _fit_pieces(
    documents: _Documents, numbers: range, settings: LmSettings, path: Path
) -> dict[str, Any]:
    """Fit the SentencePiece model; what it was fitted with, for the card."""
    lines, chars = [], 0
    for number in numbers:
        if chars >= settings.max_sp_chars:
            break
        text = documents.read(number)
        lines.extend(text.split("\n"))
        chars += len(text)
    room = len(set("".join(lines))) + 3  # an alphabet and the three special tokens must fit
    wanted = chars // max(1, settings.min_chars_per_token)
    size = min(settings.vocab_size, max(wanted, 2 * room))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="unigram",
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=settings.character_coverage,
        num_threads=settings.sp_threads,
        shuffle_input_sentence=False,
        max_sentence_length=1 << 24,  # longer lines would be left out in silence
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    fitted = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return {"characters": chars, "vocab_size": fitted.get_piece_size()}


def _write_tokens(texts: Iterable[str], tokenise: Any, path: Path) -> dict[str, int]:
    """The tokenised lines as lmplz reads them; how many lines and tokens."""
    counts = {"lines": 0, "tokens": 0}
    with path.open("w", encoding="utf8") as out:
        for _, line in tokenise(texts):
            out.write(" ".join(line) + "\n")
            counts["lines"] += 1
            counts["tokens"] += len(line)
    return counts


def _fit_ngrams(
    programs: list[Path], work: Path, binary: Path, tokens: int, settings: LmSettings
) -> list[int]:
    """Run lmplz and build_binary; the orders whose discounts are fixed ones, not estimated.

    Modified Kneser-Ney estimates each order's discounts from how many n-grams occur once to four
    times. SentencePiece makes a vocabulary in which hardly a token is rare, so that single tokens
    may have no such counts however long the text: lmplz then stops, unless it may take fixed
    discounts for that order. Of longer n-grams, only a tiny text has too few.
    """
    trainer, converter = programs
    arpa, memory = work / "arpa", f"{settings.memory_mb}M"
    command = [trainer, "-o", settings.order, "-S", memory, "-T", work, "--arpa", arpa]
    command += ["--vocab_estimate", settings.vocab_size, "--skip_symbols"]
    command += ["--prune", *settings.prune] if settings.prune else []
    good, said = _run(command, work / "tokens")
    fallback: list[int] = []
    if not good and _DISCOUNT_ERROR in said:
        good, said = _run([*command, "--discount_fallback"], work / "tokens")
        fallback = [int(order) + 1 for order in _FALLBACK.findall(said)]
    if not good:
        raise SkypileError(f"lmplz failed:\n{said[-2000:]}")
    if fallback not in ([], [1]) and tokens >= settings.tiny_tokens:
        raise FitError(
            f"no Kneser-Ney discounts can be estimated for n-grams of the orders {fallback}: low "
            f"counts are missing or odd. The text has {tokens} tokens, so it is not tiny "
            f"(tiny_tokens = {settings.tiny_tokens}); it probably repeats itself"
        )
    options = ["-q", 8, "-b", 8, "-a", 22] if settings.quantise else []
    build = [converter, *options, "-S", memory, "-T", f"{work}/", "trie", arpa, binary]
    good, said = _run(build)
    if not good:
        raise SkypileError(f"build_binary failed:\n{said[-2000:]}")
    return fallback


def _run(command: list[Any], text: Path | None = None) -> tuple[bool, str]:
    """Run a program on a text: whether it ended well, and what it said."""
    with (text or Path(os.devnull)).open("rb") as given:
        done = subprocess.run([*map(str, command)], stdin=given, capture_output=True, check=False)
    said = done.stderr.decode("utf8", "replace")
    return done.returncode == 0, said or f"exit code {done.returncode}"


def _measure(folder: Path, texts: Iterator[str], fold: Mapping[int, str] | None) -> dict[str, Any]:
    """The perplexity of the held-out documents together, and the share of tokens unknown to it."""
    scorer = make_scorer(str(folder / SP_MODEL), str(folder / LM), fold=fold)
    log10_prob, tokens, documents = 0.0, 0, 0
    while batch := [*islice(texts, 256)]:
        scores = scorer(pa.array(batch))
        log10_prob += math.fsum(scores.log10_prob)
        tokens += int(scores.tokens.sum())
        documents += len(batch)
    return {
        "heldout_documents": documents,
        "heldout_tokens": tokens,
        "heldout_perplexity": round(10 ** (-log10_prob / tokens), 4),
    }


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in ("sentencepiece", "ufal.kenlm")}
    return {**found, "kenlm (lmplz)": lmplz.KENLM}
