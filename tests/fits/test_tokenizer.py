"""A tokenizer made of a base and texts: sizes, what stays of the base, what is in one piece."""

import dataclasses
import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from bench.tokenizer_texts import KINDS as SHARED_KINDS
from bench.tokenizer_texts import full_tokenizer, train_texts
from skypile import artifacts
from skypile.errors import ConfigError, InputError
from skypile.fits.tokenizer import (
    Counts,
    TokenizerError,
    extend_base,
    fit_tokenizer,
    load_base,
    train_base,
)
from skypile.fits.tokenizer_quality import whole_words
from skypile.settings import build
from skypile.stages import fit_tokenizer as stage
from tests.tokenizer_texts import (
    KINDS,
    SETTINGS,
    counts,
    english_base,
    fast,
    lines,
    make_tokenizer,
    processor,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    make_tokenizer(made)
    return made


def library_of(model: Any) -> Any:
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def test_the_parts_make_exactly_the_size(folder: Path) -> None:
    card = artifacts.load_card(str(folder), kind="tokenizer")
    parts = card.parameters["parts"]
    sizes = {k: v for k, v in parts.items() if k != "end_of_document"}
    assert sum(sizes.values()) == processor(folder).vocab_size() == 1400
    assert (parts["base"], parts["characters"], parts["reserved"]) == (700, 400, 17)
    assert parts["words"] + parts["helpers"] == 283
    assert card.quality["words_split_at_text_start"] == 0
    assert set(card.quality["heldout"]) == {"chinese", "english"}
    assert card.licence == "test"


def test_every_added_piece_alone_is_one_piece(folder: Path) -> None:
    library = processor(folder)
    added = [library.id_to_piece(i) for i in range(700, 1383)]
    assert sum(len(p) > 1 for p in added) == 283
    for piece in added:
        assert library.encode(piece, out_type=str) == ["\u2581", piece]


def test_english_keeps_its_ids(folder: Path) -> None:
    base, library = library_of(english_base()), processor(folder)
    texts = [text for text in lines("en") if text.isascii()]
    assert len(texts) > 250
    assert [library.encode(t) for t in texts] == [base.encode(t) for t in texts]
    chinese = lines("zh_hans", "zh_hant")
    assert sum(map(len, library.encode(chinese))) < 0.7 * sum(map(len, base.encode(chinese)))


def test_the_fast_format_gives_the_same_ids(folder: Path) -> None:
    pytest.importorskip("tokenizers")
    library, other = processor(folder), fast(folder)
    for text in [*KINDS, *lines("en", "zh_hans", "zh_hant", "other")]:
        assert other.encode(text).ids == library.encode(text)
        assert other.decode(other.encode(text).ids) == text


def test_the_same_text_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    shuffled = counts()
    words = [*shuffled.words.items()]
    random.Random(1).shuffle(words)
    mixed = Counts(dict(words), dict(reversed([*shuffled.characters.items()])))
    card = fit_tokenizer(
        train_base(lines("en"), SETTINGS), mixed, [], tmp_path / "again", settings=SETTINGS
    )
    assert card.digest == artifacts.load_card(str(folder)).digest


def test_a_list_of_characters_comes_first(tmp_path: Path) -> None:
    listed = tmp_path / "vocab.txt"
    listed.write_text("[PAD]\n##的\n龘\n鱻\n", encoding="utf8")
    settings = dataclasses.replace(SETTINGS, character_list=str(listed))
    make_tokenizer(tmp_path / "made", settings)
    library = processor(tmp_path / "made")
    assert [library.id_to_piece(i) for i in (700, 701)] == ["龘", "鱻"]


def test_one_piece_occurrences_are_counted_by_place() -> None:
    words = frozenset(["中国", "大学"])
    pieces = ["\u2581", "大", "学", "，", "<0xE4>", "<0xBA>", "<0xBA>", "，", "大学", "，", "中国"]
    assert whole_words("大学，人，大学，中国", pieces, words) == (3, 2)
    assert whole_words("", [], words) == (0, 0)


def test_sizes_that_do_not_fit_are_refused_when_the_configuration_is_read() -> None:
    with pytest.raises(ConfigError, match=r"vocab_size = 1,000 is too small for its parts"):
        build(stage.Config, {"vocab_size": 1000}, "test")
    with pytest.raises(ConfigError, match="vocab_size: must be <= 65536"):
        build(stage.Config, {"vocab_size": 65_537}, "test")
    assert build(stage.Config, {}, "test").words(32_000) == 25_519


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 1000}, "too small for its parts: 700 pieces of the base, 400"),
        ({"vocab_size": 65_536}, "the text has words for"),
        ({"characters": 20_000, "vocab_size": 60_000}, "characters = 20,000 are wanted"),
    ],
)
def test_texts_too_small_for_the_sizes_are_an_error(change: Any, message: str) -> None:
    settings = dataclasses.replace(SETTINGS, **change)
    with pytest.raises(TokenizerError, match=message):
        extend_base(english_base(), counts(), [], settings)


def test_a_base_that_is_none_is_refused_before_any_work(tmp_path: Path) -> None:
    bad = tmp_path / "tokenizer.model"
    bad.write_bytes(b"\x00\x01 not a model")
    with pytest.raises(InputError, match="not a SentencePiece model"):
        stage.validate(stage.Config(base=str(bad)))
    with pytest.raises(InputError, match="no such file"):
        stage.validate(stage.Config(base=str(tmp_path / "nothing")))
    good = tmp_path / "good.model"
    good.write_bytes(english_base().SerializeToString())
    assert len(load_base(str(good)).pieces) == 700
    stage.validate(stage.Config(base=str(good)))
    with pytest.raises(InputError, match="too small for its parts: 700"):
        stage.validate(stage.Config(base=str(good), vocab_size=8000))
    with pytest.raises(InputError, match="no such file"):
        stage.validate(stage.Config(character_list=str(tmp_path / "nothing")))
    with pytest.raises(TokenizerError, match="no base of 9,000 pieces can be trained"):
        train_base(lines("en")[:5], dataclasses.replace(SETTINGS, base_pieces=9000))


@pytest.mark.slow
def test_the_full_size_on_real_text(shared_data: Path, tmp_path: Path) -> None:
    """The paper's sizes: a base of 32,000 pieces trained on real English and code, 8,000
    characters, 25,519 words, 17 reserved symbols.
    """
    card = full_tokenizer(shared_data, tmp_path / "made")
    base = load_base(str(tmp_path / "base.model"))
    assert len(base.pieces) == 32_000
    library = processor(tmp_path / "made")
    assert library.vocab_size() == 65_536
    added = [library.id_to_piece(i) for i in range(32_000, 65_519)]
    assert sum(len(p) == 1 for p in added) == 8000
    assert sum(len(p) > 1 for p in added) == 25_519
    assert card.parameters["parts"]["words"] > 23_000
    for piece in added:
        assert library.encode(piece, out_type=str) == ["\u2581", piece]
    assert card.quality["words_in_one_piece"] > 0.98
    assert card.quality["heldout"]["chinese"]["chars_per_token"] > 1.5

    old = library_of(base)
    english = [t for t in islice(train_texts(shared_data, "english"), 3000) if t.isascii()][:1000]
    assert len(english) == 1000
    assert [library.encode(t) for t in english] == [old.encode(t) for t in english]

    tokenizers = pytest.importorskip("tokenizers")
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "made/tokenizer.json"))
    draw = random.Random(0)
    texts = [t[:2000] for k in SHARED_KINDS for t in islice(train_texts(shared_data, k), 3000)]
    parts = [
        *KINDS,
        *added[::97],
        *"哈哈 的\n",
        *(chr(draw.randint(0x20000, 0x2A6DF)) for _ in range(99)),
    ]
    texts += ["".join(draw.choices(parts, k=draw.randint(1, 30))) for _ in range(4000)]
    assert len(texts) > 10_000
    for text, ids in zip(texts, library.encode(texts), strict=True):
        assert other.encode(text).ids == ids, text
        assert library.decode(ids) == text
    assert json.loads((tmp_path / "made/card.json").read_text())["quality"] == card.quality
