"""Texts of the real data beside the repository, by kind, and a tokenizer of the paper's size made
of them, for benches and tests of tokenizers.

A text is held out by the hash of itself (one in twenty); `train_texts` gives the others.
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skypile.artifacts import Card
from skypile.fits.tokenizer import Counts, TokenizerSettings, fit_tokenizer, train_base
from skypile.fits.tokenizer_quality import Sample
from skypile.kernels.tokenizer.segment import count_words

KINDS = ("english", "chinese", "code")
_CHINESE_DOMAINS = ("finance", "game", "general", "government", "movie", "news", "tech")


def held_out(text: str) -> bool:
    """Whether a text is one of the twentieth that nothing is fitted on."""
    digest = hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 20 == 0


def train_texts(data: Path, kind: str) -> Iterator[str]:
    """Texts to fit on, in the order of the files."""
    return (text for text in texts_of(data, kind) if not held_out(text))


def heldout_texts(data: Path, kind: str) -> Iterator[str]:
    """Texts to measure on."""
    return (text for text in texts_of(data, kind) if held_out(text))


def texts_of(data: Path, kind: str) -> Iterator[str]:
    """All texts of a kind."""
    if kind == "code":
        yield from (row["content"] for row in _rows(data, "code_samples/files"))
        return
    code = {"english": "en", "chinese": "zh"}[kind]
    for row in _rows(data, "domain_text/texts"):
        if row["lang"] == code:
            yield row["text"]
    for row in _rows(data, "parallel_en_zh/pairs"):
        if "html" not in row["format"].lower():
            yield row[code]
    if kind == "english":
        names = ["wiki_reference/wikitext2_en", "wiki_reference/enwiki_articles"]
        names.append("skywork_release/pt_train")
    else:
        names = ["zh_web_text/texts", "wiki_reference/zhwiki_cmrc2018"]
        names.append("wiki_reference/zhwiki_hant_drcd")
        names += [f"skywork_release/zh_{name}" for name in _CHINESE_DOMAINS]
    for name in names:
        yield from (row["text"] for row in _rows(data, name))


def _rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)


def full_tokenizer(data: Path, folder: Path) -> Card:
    """The tokenizer of the paper's sizes, fitted on nine tenths and a half of the texts: a base on
    English and code, words and characters of the Chinese ones.
    """
    settings = TokenizerSettings()
    base = train_base(
        (t for kind in ("english", "code") for t in train_texts(data, kind)), settings
    )
    characters: Counter[str] = Counter()
    for text in train_texts(data, "chinese"):
        characters.update(text)
    counts = Counts(count_words(train_texts(data, "chinese")), characters)
    held = (Sample(kind, text) for kind in KINDS for text in heldout_texts(data, kind))
    (folder.parent / "base.model").write_bytes(base.SerializeToString())
    return fit_tokenizer(base, counts, held, folder, settings=settings)
