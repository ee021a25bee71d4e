"""What a tokenizer does on texts that it was not made of: for its card."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sentencepiece

from skypile.kernels.tokenizer.segment import segments
from skypile.kernels.tokenizer.vocabulary import Extension


@dataclass(frozen=True)
class Sample:
    """A text and the group it is counted in."""

    group: str
    text: str


@dataclass
class _Sum:
    texts: int = 0
    chars: int = 0
    bytes: int = 0
    tokens: int = 0
    base_tokens: int = 0
    words: int = 0  # occurrences of added words
    whole: int = 0  # of these, in one piece


def measure(base: Any, model: Any, made: Extension, samples: Iterable[Sample]) -> dict[str, Any]:
    """Of each group: texts, characters and bytes a token, characters a token of the base; and of
    all: the share of the occurrences of added words that come out as one piece.

    Raises:
        AssertionError: an added word, alone, is not one piece: a fault of the extension.
    """
    encode = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString()).encode
    encode_base = sentencepiece.SentencePieceProcessor(model_proto=base.SerializeToString()).encode
    wrong = [w for w in made.words if not _is_whole(encode("\n" + w, out_type=str), w)]
    assert not wrong, f"not one piece: {wrong[:5]}"
    split = sum(not _is_whole(encode(w, out_type=str), w) for w in made.words)
    sums: dict[str, _Sum] = {}
    for sample in samples:
        one, text = sums.setdefault(sample.group, _Sum()), sample.text
        pieces = encode(text, out_type=str)
        one.texts += 1
        one.chars += len(text)
        one.bytes += len(text.encode())
        one.tokens += len(pieces)
        one.base_tokens += len(encode_base(text))
        words, whole = whole_words(text, pieces, made.words)
        one.words += words
        one.whole += whole
    occurrences = sum(s.words for s in sums.values())
    whole = sum(s.whole for s in sums.values())
    return {
        "word_occurrences": occurrences,
        "words_in_one_piece": round(whole / occurrences, 4) if occurrences else None,
        "words_split_at_text_start": split,
        "heldout": {
            group: {
                "texts": s.texts,
                "chars_per_token": round(s.chars / max(1, s.tokens), 3),
                "bytes_per_token": round(s.bytes / max(1, s.tokens), 3),
                "base_chars_per_token": round(s.chars / max(1, s.base_tokens), 3),
            }
            for group, s in sorted(sums.items())
        },
    }


def _is_whole(pieces: list[str], word: str) -> bool:
    return pieces[-1] == word and pieces[:-1] in (["\u2581"], ["\u2581", "<0x0A>"])


def whole_words(text: str, pieces: list[str], words: frozenset[str]) -> tuple[int, int]:
    """How often the words occur in a text, as it is segmented, and how often in one piece.

    pieces: of the text, as strings, the dummy prefix first.
    """
    spans = set()
    at = -1  # the prefix
    for piece in pieces:
        if len(piece) == 6 and piece.startswith("<0x"):
            # The bytes of one character: its first counts. (A byte piece is never text: these six
            # characters written out are several pieces.)
            at += int(piece[3:5], 16) & 0xC0 != 0x80
        else:
            spans.add((at, at + len(piece)))
            at += len(piece)
    found = [(start, start + len(w)) for start, w in segments(text) if w in words]
    return len(found), sum(span in spans for span in found)
