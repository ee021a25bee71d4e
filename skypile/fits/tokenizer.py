"""Fits the tokenizer (Skywork 3.3): LLaMA's kind of BPE, extended by Chinese characters and words.

32,000 pieces of the base, 8,000 characters, 25,519 words, 17 reserved symbols make 65,536. The base
is a given model, or trained here on the lines of the corpus that have no East Asian characters: the
pieces that LLaMA's would have. `kernels.tokenizer.vocabulary` says how words are added. The same
text gives the same model, to the bit: SentencePiece trains on one thread. Left out: LLaMA's own
vocabulary, whose licence does not let it travel with this project.
"""

import importlib.metadata
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece

from skypile import artifacts
from skypile.artifacts import Card
from skypile.errors import InputError
from skypile.fits.names import TOKENIZER_FAST, TOKENIZER_KIND, TOKENIZER_MODEL
from skypile.fits.tokenizer_quality import Sample, measure
from skypile.kernels.tokenizer import sp_model, vocabulary
from skypile.kernels.tokenizer.sp_model import MAX_VOCABULARY
from skypile.settings import plain_as, setting

_EAST_ASIAN = re.compile(
    "[\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U000323af]"
)
_MIN_BASE = 300  # 256 bytes, three symbols, and some characters


class TokenizerError(InputError):
    """A tokenizer cannot be made of this base, these sizes or this text; says why."""


@dataclass(frozen=True)
class TokenizerSettings:
    """How a tokenizer is made. Sizes are the paper's (3.3, Table 2)."""

    vocab_size: int = setting(
        65_536, piece="fit", low=_MIN_BASE, high=MAX_VOCABULARY, help="pieces in all"
    )
    base: str = setting(
        "",
        piece="fit",
        content=True,
        help="a SentencePiece model to extend, LLaMA's tokenizer.model; none: one is trained",
    )
    base_licence: str = setting("", piece=None, help="of a given base, for the card")
    base_pieces: int = setting(
        32_000, piece="fit", low=_MIN_BASE, high=MAX_VOCABULARY, help="of a base that is trained"
    )
    characters: int = setting(
        8000, piece="fit", low=0, help="Chinese characters and symbols that the base lacks"
    )
    character_list: str = setting(
        "",
        piece="fit",
        content=True,
        help="a file of them, one a line (the vocabulary file of a Chinese BERT); the corpus' most "
        "frequent ones follow",
    )
    reserved: int = setting(17, piece="fit", low=0, help="symbols for later use, at the end")
    max_word_chars: int = setting(8, piece="fit", low=2, high=32, help="longest word added (ours)")
    min_word_count: int = setting(2, piece="fit", low=1, help="of a word in the texts read (ours)")
    max_documents: int = setting(
        2_000_000, piece="fit", low=1, help="documents whose words are counted, by smallest hash"
    )
    max_base_chars: int = setting(
        200_000_000, piece="fit", low=1000, help="characters that a base is trained on"
    )
    character_coverage: float = setting(
        0.99995, piece="fit", low=0.9, high=1, help="share of a trained base's characters (LLaMA)"
    )
    heldout_documents: int = setting(
        2000, piece="fit", low=0, help="documents to measure the tokenizer on, never trained on"
    )
    seed: int = setting(0, piece="fit", low=0, help="of the draws")

    def words(self, base_pieces: int) -> int:
        """Pieces left for words beside a base of so many.

        Raises:
            ValueError: the parts are larger than the whole.
        """
        parts = base_pieces + self.characters + self.reserved
        if parts > self.vocab_size:
            raise ValueError(
                f"vocab_size = {self.vocab_size:,} is too small for its parts: {base_pieces:,} "
                f"pieces of the base, {self.characters:,} characters and {self.reserved:,} "
                f"reserved symbols are {parts:,}"
            )
        return self.vocab_size - parts


@dataclass(frozen=True)
class Counts:
    """What texts hold: words of two or more Chinese characters, and characters, with counts."""

    words: Mapping[str, int]
    characters: Mapping[str, int]


def load_base(path: str) -> Any:
    """The base model at a path or URI.

    Raises:
        TokenizerError: it is not there, or not a SentencePiece model of LLaMA's kind.
    """
    from skypile.files import parent_of

    root, name = parent_of(path)
    if root.size(name) is None:
        raise TokenizerError(f"base: no such file: {path}")
    try:
        return sp_model.read_model(root.read(name))
    except ValueError as e:
        raise TokenizerError(f"base: {path}: {e}") from e


def read_list(path: str) -> list[str]:
    """The entries of a character list, one a line; none where no file is named.

    Raises:
        InputError: it is not there, or not UTF-8.
    """
    from skypile.files import read_text

    return [line.strip() for line in read_text(path).splitlines()] if path else []


def train_base(texts: Iterable[str], settings: TokenizerSettings) -> Any:
    """A base trained on the lines of texts without East Asian characters.

    Raises:
        TokenizerError: the text is too little for so many pieces.
    """
    out = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_base_lines(texts, settings.max_base_chars),
            model_writer=out,
            model_type="bpe",
            vocab_size=settings.base_pieces,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            add_dummy_prefix=True,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            character_coverage=settings.character_coverage,
            max_sentence_length=1 << 20,
            num_threads=1,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            minloglevel=2,
        )
    except (RuntimeError, ValueError, OSError) as e:
        raise TokenizerError(
            f"no base of {settings.base_pieces:,} pieces can be trained on this text: {e}; give "
            "more text, a smaller base_pieces, or a base"
        ) from e
    return sp_model.read_model(out.getvalue())


def _base_lines(texts: Iterable[str], most: int) -> Iterator[str]:
    chars = 0
    for text in texts:
        for line in text.split("\n"):
            if line and not _EAST_ASIAN.search(line):
                chars += len(line)
                if chars > most:
                    return
                yield line


def extend_base(
    base: Any, counts: Counts, listed: Sequence[str], settings: TokenizerSettings
) -> Any:
    """The base with characters, words and reserved symbols, of exactly the wanted size; the
    characters, and the words.

    Raises:
        TokenizerError: the parts do not fit, or the text has too few words or characters.
    """
    try:
        wanted = settings.words(len(base.pieces))
        scores = sp_model.scores_of(base)
        characters = vocabulary.choose_characters(
            counts.characters, listed, scores, settings.characters
        )
        if len(characters) < settings.characters:
            raise ValueError(
                f"{len(characters):,} characters are known that the base lacks, characters = "
                f"{settings.characters:,} are wanted"
            )
        words = _wanted_words(counts, {*scores, *characters}, settings)
        used = {*characters, *(c for word, _ in words for c in word)}
        first = sp_model.below(base, used, len(characters) + wanted)
        scores |= {c: first - i for i, c in enumerate(characters)}
        made = vocabulary.extend(scores, words, wanted, first - len(characters))
        if len(made.pieces) < wanted:
            raise ValueError(
                f"the text has words for {len(made.pieces):,} pieces, {wanted:,} are to be filled "
                f"(vocab_size less the base's {len(base.pieces):,}, characters and reserved); give "
                "more text, or a smaller vocab_size, or min_word_count = 1"
            )
        new = [*characters, *made.pieces]
        reserved = [f"<reserved_{i}>" for i in range(settings.reserved)]
        pieces = [(piece, first - i) for i, piece in enumerate(new)]
        return sp_model.extended(base, pieces, reserved), characters, made
    except ValueError as e:
        raise TokenizerError(f"the tokenizer cannot be made: {e}") from e


def _wanted_words(
    counts: Counts, pieces: set[str], settings: TokenizerSettings
) -> list[tuple[str, int]]:
    """Words in order: the most frequent first."""
    fit = [
        (word, count)
        for word, count in counts.words.items()
        if count >= settings.min_word_count
        and 2 <= len(word) <= settings.max_word_chars
        and pieces.issuperset(word)
    ]
    return sorted(fit, key=lambda entry: (-entry[1], entry[0]))


def fit_tokenizer(
    base: Any,
    counts: Counts,
    heldout: Iterable[Sample],
    folder: Path,
    *,
    settings: TokenizerSettings,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Extend a base into the artifact `folder`: `tokenizer.model` and `tokenizer.json`.

    The card holds the sizes of the parts and what was measured on texts held out.

    Raises:
        TokenizerError: as `extend_base`.
    """
    listed = read_list(settings.character_list)
    model, characters, made = extend_base(base, counts, listed, settings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fit-tokenizer-") as work:
        at = Path(work) / "made"
        at.mkdir()
        (at / TOKENIZER_MODEL).write_bytes(model.SerializeToString(deterministic=True))
        fast = json.dumps(sp_model.to_tokenizer_json(model), ensure_ascii=False, indent=1)
        (at / TOKENIZER_FAST).write_text(fast + "\n", encoding="utf8")
        parts = {
            "base": len(base.pieces),
            "characters": len(characters),
            "words": len(made.words),
            "helpers": len(made.helpers),
            "reserved": settings.reserved,
            "end_of_document": sp_model.end_of_document(model),
        }
        quality = measure(base, model, made, heldout)
        about = {**(trained_on or {}), "words_refused": len(made.refused)}
        parameters = {**plain_as(TokenizerSettings, settings), "parts": parts}
        versions = {n: importlib.metadata.version(n) for n in ("rjieba", "sentencepiece")}
        card = Card(TOKENIZER_KIND, {}, None, about, licence, parameters, quality, versions)
        card = artifacts.write(at, card)
        shutil.rmtree(folder, ignore_errors=True)
        at.rename(folder)
    return card
