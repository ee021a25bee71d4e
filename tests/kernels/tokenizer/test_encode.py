"""Texts to tokens, and back to the same texts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.tokenizer import encode as module
from skypile.kernels.tokenizer.encode import make_encoder
from tests.tokenizer_texts import KINDS, lines, make_tokenizer, processor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    make_tokenizer(made)
    return made


@pytest.mark.parametrize("batch_bytes", [1, 40, 8 << 20])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_each_text_is_what_the_library_makes_of_it_and_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, batch_bytes: int, kind: pa.DataType
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", batch_bytes)
    texts = [*KINDS, *lines("en", "zh_hant")[:50]]
    done = make_encoder(folder / "tokenizer.model")(pa.array(texts, kind))
    library = processor(folder)
    assert done.tokens.dtype == np.dtype("<u2")
    assert len(done.ends) == len(texts)
    for text, tokens in zip(texts, np.split(done.tokens, done.ends)[:-1], strict=True):
        assert tokens.tolist() == [*library.encode(text), library.eos_id()]


def test_a_slice_of_a_column_is_encoded_and_no_text_gives_no_token(folder: Path) -> None:
    encode = make_encoder(folder / "tokenizer.model")
    texts = pa.array(["中国", "a", "b"]).slice(1, 1)
    assert encode(texts).tokens.tolist() == encode(pa.array(["a"])).tokens.tolist()
    empty = encode(pa.array([], pa.string()))
    assert len(empty.tokens) == len(empty.ends) == 0


def test_symbols_that_a_text_spells_out_are_encoded_as_text(folder: Path) -> None:
    library = processor(folder)
    control = {i for i in range(library.vocab_size()) if library.is_control(i)}
    assert len(control) == 2 + 17  # begin and end of a document, and the reserved ones
    assert {library.id_to_piece(i) for i in (1383, 1399)} == {"<reserved_0>", "<reserved_16>"}
    named = [library.id_to_piece(i) for i in sorted(control)]
    done = make_encoder(folder / "tokenizer.model")(pa.array([" ".join(named), *named, "<unk>"]))
    inside = np.delete(done.tokens, done.ends - 1)
    assert not control & set(inside.tolist())
    assert library.unk_id() not in inside


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581")))
def test_decoding_gives_the_text_back(folder: Path, text: str) -> None:
    library = processor(folder)
    tokens = make_encoder(folder / "tokenizer.model")(pa.array([text])).tokens
    assert library.decode(tokens[:-1].tolist()) == text


def test_the_two_exceptions(folder: Path) -> None:
    """U+2581 stands for a space, and comes back as one; a lone surrogate is no text."""
    library = processor(folder)
    assert library.decode(library.encode("a\u2581b")) == "a b"
    with pytest.raises(UnicodeEncodeError):
        pa.array(["\ud800"])


@pytest.mark.parametrize("stretch", [1, 7, 512])
def test_texts_cut_into_stretches_have_the_tokens_of_whole_texts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(module, "STRETCH_BYTES", stretch)
    lines_of = lines("en", "zh_hant")[:60]
    joined = ["\n".join(lines_of), "\n\n".join(lines_of), " \n".join(lines_of), "\r\n".join(KINDS)]
    texts = [*joined, "\n", "\n\n", "\na", "a\n", " \n ", "", "\n" * 50, "a" * 2000 + "\n\t b"]
    library = processor(folder)
    done = make_encoder(folder / "tokenizer.model")(pa.array(texts))
    for text, tokens in zip(texts, np.split(done.tokens, done.ends)[:-1], strict=True):
        assert tokens.tolist() == [*library.encode(text), library.eos_id()]


def test_a_text_is_not_cut_where_a_piece_holds_a_newline_or_spaces_are_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = processor(folder)
    assert module._prefix_of_lines(library) == 1

    class Lines:
        """The library with a piece of two newlines."""

        def __getattr__(self, name: str) -> object:
            return getattr(library, name)

        def id_to_piece(self, number: int) -> str:
            return "\n\n" if number == 300 else str(library.id_to_piece(number))

    class Stripping(Lines):
        """The library as it is with `remove_extra_whitespaces`."""

        id_to_piece = library.id_to_piece

        def encode(self, text: str) -> list[int]:
            return list(library.encode(" ".join(text.split(" ")).strip()))

    assert module._prefix_of_lines(Lines()) is None
    assert module._prefix_of_lines(Stripping()) is None
