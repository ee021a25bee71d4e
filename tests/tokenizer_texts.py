"""Small tokenizers made of the embedded sample's texts, for tests."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece

from skypile.artifacts import Card
from skypile.fits.tokenizer import Counts, TokenizerSettings, fit_tokenizer, train_base
from skypile.fits.tokenizer_quality import Sample
from skypile.kernels.tokenizer.segment import count_words

TEXTS = Path(__file__).parent.parent / "skypile/sample/texts"
SETTINGS = TokenizerSettings(
    vocab_size=1400, base_pieces=700, characters=400, min_word_count=1, heldout_documents=100
)
KINDS = (
    "The quick brown fox, 1,234.5 times.  Two  spaces\tand a tab\n\n    indented\r\n",
    "今天天气不错，我们去公園散步吧。這是繁體中文。",
    "def f(x):\n    return {'a': [1, 2, x ** 2]}  # 注释\n",
    "😀👨‍👩‍👧‍👦🏳️‍🌈 emoji, 𠀀𪚥 rare Han, é ß ǅ ﷽ ا ب, \u200d\ufeff\x00\x7f",
    "</s><s><unk><reserved_0> <0x0A> text that spells symbols",
    "哈哈哈哈哈哈哈 aaaaaaa ------- \u3000\u3000全角空格",
    "",
    " ",
    "  leading and trailing  ",
)


def lines(*names: str) -> list[str]:
    """The lines of the sample's texts (en, zh_hans, zh_hant, other)."""
    found = [(TEXTS / f"{name}.txt").read_text(encoding="utf8").split("\n") for name in names]
    return [line for text in found for line in text if line]


@cache
def english_base() -> Any:
    """A base of 700 pieces."""
    return train_base(lines("en"), SETTINGS)


def counts() -> Counts:
    """Words and characters of the sample's Chinese lines."""
    texts = lines("zh_hans", "zh_hant")
    characters: dict[str, int] = {}
    for c in "".join(texts):
        characters[c] = characters.get(c, 0) + 1
    return Counts(count_words(texts), characters)


def make_tokenizer(folder: Path, settings: TokenizerSettings = SETTINGS) -> Card:
    """A tokenizer of 1,400 pieces as an artifact."""
    heldout = [Sample("english", lines("en")[0]), Sample("chinese", lines("zh_hans")[0])]
    return fit_tokenizer(
        english_base(), counts(), heldout, folder, settings=settings, licence="test"
    )


def processor(folder: Path) -> Any:
    """The library's tokenizer of an artifact."""
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def fast(folder: Path) -> Any:
    """The artifact's `tokenizer.json` in the library it is for."""
    import tokenizers

    text = (folder / "tokenizer.json").read_text(encoding="utf8")
    assert json.loads(text)["added_tokens"] == []
    return tokenizers.Tokenizer.from_str(text)
