"""A SentencePiece BPE model as data: read, checked, extended, and written as `tokenizer.json`.

The model file is a protocol buffer, whose description the package sentencepiece ships. What is
asked of a base is LLaMA's kind of model (Skywork 3.3): BPE, no normalisation, a dummy prefix,
spaces kept as they are, all 256 byte pieces. New pieces come after the base's, whose ids stay.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sentencepiece import sentencepiece_model_pb2

from skypile.kernels.tokenizer.vocabulary import SPACE

MAX_VOCABULARY = 65_536  # a token is a uint16 in the shards
_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_BPE = 2
_PROTO: Any = sentencepiece_model_pb2.ModelProto  # type: ignore[attr-defined]  # made at import


@dataclass(frozen=True)
class Reserved:
    """The ids that a document's text never gives: unknown, begin and end of a document."""

    unk: int
    bos: int
    eos: int


def read_model(data: bytes) -> Any:
    """The `ModelProto` in a file's bytes, of a kind that can be extended and encoded with.

    Raises:
        ValueError: it is no SentencePiece model, or not of that kind; says what is missing.
    """
    proto = _PROTO()
    try:
        proto.ParseFromString(data)
    except Exception as e:  # protobuf's DecodeError, by whatever implementation is installed
        raise ValueError("it is not a SentencePiece model") from e
    if not proto.pieces or not proto.HasField("trainer_spec"):
        raise ValueError("it is not a SentencePiece model: it has no pieces")
    if faults := _faults(proto):
        raise ValueError(
            f"it is a SentencePiece model, but {'; '.join(faults)}: a tokenizer of LLaMA's kind is "
            "needed (BPE, byte fallback, identity normalisation, dummy prefix)"
        )
    return proto


def _faults(proto: Any) -> list[str]:
    normalizer = proto.normalizer_spec
    names = [p.piece for p in proto.pieces]
    bytes_ = {p.piece for p in proto.pieces if p.type == _BYTE}
    types = [p.type for p in proto.pieces]
    faults = {
        "it is not BPE": proto.trainer_spec.model_type != _BPE,
        "it lacks byte pieces": bytes_ != {f"<0x{b:02X}>" for b in range(256)},
        "it normalises text": bool(normalizer.precompiled_charsmap),
        "it removes extra white space": normalizer.remove_extra_whitespaces,
        "it adds no dummy prefix": not normalizer.add_dummy_prefix,
        "it does not write spaces as U+2581": not normalizer.escape_whitespaces,
        "it puts white space at the end of words": proto.trainer_spec.treat_whitespace_as_suffix,
        "it has no piece for a space": SPACE not in names,
        "it has user-defined or unused pieces": _USER in types or _UNUSED in types,
        "a piece occurs twice": len(set(names)) < len(names),
        "it has no piece for the end of a document": _named(proto, proto.trainer_spec.eos_piece)
        is None,
        f"it has more than {MAX_VOCABULARY:,} pieces": len(names) > MAX_VOCABULARY,
    }
    return [fault for fault, found in faults.items() if found]


def _named(proto: Any, name: str) -> int | None:
    """The id of a control piece, None where there is none of that name."""
    for i, piece in enumerate(proto.pieces):
        if piece.piece == name and piece.type == _CONTROL:
            return i
    return None


def end_of_document(proto: Any) -> int:
    """The id of the piece that ends a document."""
    found = _named(proto, proto.trainer_spec.eos_piece)
    assert found is not None  # `read_model` refuses such a model
    return found


def scores_of(proto: Any) -> dict[str, float]:
    """The score of each piece that merges may make, and of single characters."""
    return {p.piece: p.score for p in proto.pieces if p.type == _NORMAL}


def below(proto: Any, characters: Iterable[str], pieces: int) -> float:
    """A score from which on `pieces` pieces made of the characters may be added, each one lower:
    below that of every piece that has one of them.

    Other pieces do not matter, since no merge joins the two kinds. (There are models whose runs of
    spaces score -1e9, where single precision has no steps of one.)

    Raises:
        ValueError: single precision has no such scores.
    """
    shared = set(characters)
    near = [score for piece, score in scores_of(proto).items() if not shared.isdisjoint(piece)]
    first = float(math.floor(min(near, default=0.0))) - 1
    if first - pieces < -(2**24):
        raise ValueError(f"it scores a piece {first + 1:g}: no room for {pieces:,} pieces below")
    return first


def extended(proto: Any, pieces: Sequence[tuple[str, float]], reserved: Sequence[str]) -> Any:
    """A copy with pieces (name, score) and reserved symbols behind the base's.

    Reserved symbols are control pieces: no text gives them, whatever it says.

    Raises:
        ValueError: a name is there already, or there are more pieces than a token has values.
    """
    new = _PROTO()
    new.CopyFrom(proto)
    for piece, score in pieces:
        new.pieces.add(piece=piece, score=score, type=_NORMAL)
    for name in reserved:
        new.pieces.add(piece=name, score=0.0, type=_CONTROL)
    names = [p.piece for p in new.pieces]
    if len(names) > MAX_VOCABULARY:
        raise ValueError(f"{len(names):,} pieces; at most {MAX_VOCABULARY:,} fit")
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise ValueError(f"pieces occur twice: {twice[:5]}")
    new.trainer_spec.vocab_size = len(names)
    return new


def to_tokenizer_json(proto: Any) -> dict[str, Any]:
    """The model in the format of the library `tokenizers` (Hugging Face), with the same ids.

    No symbol is listed under `added_tokens`: those are looked for in text, and a page that spells
    out `</s>` must not end the document.
    """
    vocabulary = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    unknown = next(p.piece for p in proto.pieces if p.type == _UNKNOWN)
    space = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    unspace = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    prefix = {"type": "Prepend", "prepend": SPACE}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [prefix, space]},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [unspace, {"type": "ByteFallback"}, {"type": "Fuse"}, strip],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges(proto),
        },
    }


def merges(proto: Any) -> list[list[str]]:
    """Every pair of pieces whose concatenation is a piece, in the order in which BPE takes them.

    SentencePiece's merges are pieces with scores, and any two neighbours that spell one may be
    joined; the other format ranks pairs. Pairs that spell the same piece follow each other.
    """
    scores = scores_of(proto)
    found: list[list[str]] = []
    for piece in sorted((p for p in scores if len(p) > 1), key=lambda p: -scores[p]):
        found += [
            [piece[:i], piece[i:]]
            for i in range(1, len(piece))
            if piece[:i] in scores and piece[i:] in scores
        ]
    return found
