"""SentencePiece models as data: what is refused, what is added, and the other format's ids."""

import io
import json
import random
from itertools import pairwise
from typing import Any

import pytest
import sentencepiece

from skypile.kernels.tokenizer import sp_model
from tests.tokenizer_texts import KINDS, english_base, lines


def trained(**options: Any) -> bytes:
    out = io.BytesIO()
    given = {
        "model_type": "bpe",
        "vocab_size": 400,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "minloglevel": 2,
        **options,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines("en")), model_writer=out, **given
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "unigram"}, "it is not BPE"),
        ({"byte_fallback": False}, "it lacks byte pieces"),
        ({"normalization_rule_name": "nmt_nfkc"}, "it normalises text"),
        ({"remove_extra_whitespaces": True}, "it removes extra white space"),
        ({"add_dummy_prefix": False}, "it adds no dummy prefix"),
        ({"user_defined_symbols": ["<mask>"]}, "user-defined"),
        ({"eos_id": -1}, "no piece for the end of a document"),
        ({"treat_whitespace_as_suffix": True}, "at the end of words"),
    ],
)
def test_models_of_another_kind_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sp_model.read_model(trained(**options))


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x00" * 100, b"{}", b"PK\x03\x04"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a SentencePiece model"):
        sp_model.read_model(data)


def test_new_pieces_come_after_the_bases() -> None:
    base = english_base()
    new = sp_model.extended(base, [("中", -900.0), ("国", -901.0), ("中国", -902.0)], ["<r0>"])
    assert [p.piece for p in new.pieces[: len(base.pieces)]] == [p.piece for p in base.pieces]
    library = sentencepiece.SentencePieceProcessor(model_proto=new.SerializeToString())
    assert library.encode("中国中", out_type=str) == ["\u2581", "中国", "中"]
    assert library.is_control(len(base.pieces) + 3)
    assert "<r0>" not in library.encode("a <r0> b", out_type=str)
    assert len(base.pieces) == 700  # the base itself is as it was


def test_a_piece_twice_and_too_many_pieces_are_refused() -> None:
    base = english_base()
    with pytest.raises(ValueError, match="occur twice: \\['e'\\]"):
        sp_model.extended(base, [("e", -1.0)], [])
    many = [(f"p{i}", -1.0) for i in range(65_536 - 700 + 1)]
    with pytest.raises(ValueError, match="65,537 pieces"):
        sp_model.extended(base, many, [])
    assert len(sp_model.extended(base, many[1:], []).pieces) == 65_536


def test_scores_go_below_the_pieces_that_share_a_character_and_no_others() -> None:
    base = english_base()
    model = sp_model.extended(
        base, [("中", -1000.0), ("国", -2000.0), ("\u2581\u2581\u2581", -1e9)], []
    )
    assert sp_model.below(model, "中", 10) == -1001
    assert sp_model.below(model, "中国", 10) == -2001
    assert sp_model.below(model, "人", 10) == -1
    with pytest.raises(ValueError, match="no room for 10 pieces"):
        sp_model.below(model, "\u2581", 10)


def test_the_other_format_ranks_every_pair_of_pieces() -> None:
    model = sp_model.extended(
        english_base(), [("中", -900.0), ("国", -901.0), ("中国", -902.0)], []
    )
    made = sp_model.to_tokenizer_json(model)
    ranked = made["model"]["merges"]
    scores = sp_model.scores_of(model)
    assert ranked[-1] == ["中", "国"]
    falling = [scores[a + b] for a, b in ranked]
    assert all(x >= y for x, y in pairwise(falling))
    assert all(made["model"]["vocab"][p.piece] == i for i, p in enumerate(model.pieces))
    assert made["added_tokens"] == []


def test_the_other_format_gives_the_same_ids() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = ["中国", "哈哈", "哈哈哈", "哈哈哈哈", "中哈"]
    pieces = [(p, -900.0 - i) for i, p in enumerate([*"中国哈", *words])]
    model = sp_model.extended(english_base(), pieces, ["<reserved_0>"])
    library = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    other = tokenizers.Tokenizer.from_str(json.dumps(sp_model.to_tokenizer_json(model)))
    draw = random.Random(0)
    parts = [*KINDS, *"哈哈中国 ae-\n", "哈" * 9, "  ", "the", "</s>", "<reserved_0>", "𠀀"]
    texts = [*KINDS, *lines("en", "zh_hans", "zh_hant", "other")]
    texts += ["".join(draw.choices(parts, k=draw.randint(1, 12))) for _ in range(2000)]
    for text in texts:
        ids = library.encode(text)
        assert other.encode(text).ids == ids, text
        assert other.decode(ids) == text
        assert library.decode(ids) == text
