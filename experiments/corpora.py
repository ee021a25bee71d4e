"""Real text for small runs, equally in English and Chinese, by domain, parts of it held out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.shards import Source
from experiments.small_runs import place, rows

_DOCUMENT_CHARS = 4_000  # of one document, so that a set is not three speeches
_HELD = 0.15  # of the documents, by hash


@dataclass(frozen=True)
class Texts:
    """Where a domain's texts are: the rows of a file that have all of `where`."""

    file: str
    where: Mapping[str, str]


# In Chinese: simplified, and Wikipedia in traditional characters as well.
GENERAL = {
    "en_news": Texts("domain_text/texts.jsonl.gz", {"domain": "science+rural news"}),
    "en_film": Texts("domain_text/texts.jsonl.gz", {"lang": "en", "domain": "film"}),
    "en_state": Texts("domain_text/texts.jsonl.gz", {"lang": "en", "domain": "government"}),
    "en_wiki": Texts("wiki_reference/enwiki_articles.jsonl.gz", {}),
    "zh_law": Texts("zh_web_text/texts.jsonl.gz", {"domain": "law and government regulations"}),
    "zh_tech": Texts("zh_web_text/texts.jsonl.gz", {"domain": "tech newsletter"}),
    "zh_wiki": Texts("wiki_reference/zhwiki_cmrc2018.jsonl.gz", {}),
    "zh_wiki_hant": Texts("wiki_reference/zhwiki_hant_drcd.jsonl.gz", {}),
}
LANGUAGES = {"en": "English", "zh": "Chinese"}


def general(data: Path, tokens: int) -> dict[str, Source]:
    """A source a domain of GENERAL, with enough to train on for so many tokens over all of them.

    Documents of one title are all trained on or all held out.

    Raises:
        ValueError: a domain without text.
    """
    return {name: _source(data, name, texts, tokens) for name, texts in GENERAL.items()}


def _source(data: Path, name: str, texts: Texts, tokens: int) -> Source:
    # A token of the small tokenizers is three to four Latin letters, or about one Han character.
    per_token, held_chars = (4.5, 60_000) if name.startswith("en") else (1.5, 20_000)
    found = sorted(_rows(data / texts.file, texts.where), key=lambda r: (place(_key(r)), r["text"]))
    kept_out = _first([r for r in found if held(r)], held_chars)
    budget = int(tokens / len(GENERAL) * per_token)
    train = _first([r for r in found if not held(r)], budget)
    if not kept_out or not train:
        raise ValueError(f"{data / texts.file}: no text for {name}")
    return Source(train, kept_out)


def held(row: Mapping[str, Any]) -> bool:
    """Whether a document is kept for validation: by hash of its title, or of its text."""
    return place(_key(row)) < _HELD


def _rows(path: Path, where: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for row in rows(path):
        if row["text"].strip() and all(row.get(k) == v for k, v in where.items()):
            yield row


def _key(row: Mapping[str, Any]) -> str:
    return str(row.get("title") or row["text"])


def _first(some: list[dict[str, Any]], chars: int) -> list[str]:
    """The first texts, cut, until there are so many characters."""
    taken, size = [], 0
    for row in some:
        if size >= chars:
            break
        taken.append(row["text"][:_DOCUMENT_CHARS])
        size += len(taken[-1])
    return taken


def by_language(losses: Mapping[str, float]) -> dict[str, float]:
    """Means over the domains of a language (`en`, `zh`: how their names begin), and of those two.

    Domains of neither are left out.
    """
    found = {}
    for language in LANGUAGES:
        some = [v for name, v in losses.items() if name.startswith(f"{language}_")]
        found[language] = sum(some) / len(some)
    return found | {"mean": sum(found.values()) / len(found)}
