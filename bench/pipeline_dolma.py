"""dolma's toolkit on WARC files, by its own steps: run by the Python which has it installed.

`pipeline_dolma.py FOLDER(with in/*.warc.gz) LID_MODEL WORKERS LINEARIZER` prints one JSON line: how
long each step took on the clock, and the documents left.

The recipe is that of its guides: `warc` (resiliparse unless trafilatura is named), `tag` with
fastText's languages and the statistics of Gopher and C4, `dedupe` of documents by a Bloom filter on
their text, `mix` with Gopher's and C4's limits. It has no near duplicates: what its Bloom filter
finds are equal texts. English and Chinese pass; the rules are those for English, as with the other
peer. fastText's model is the small one, given, where its own would be fetched.

Its reader stops the run at three kinds of pages that the real crawl has: at a charset that Python
does not know (`utf-8-bom`), at one that it has detected and that does not decode, at an address
without a scheme. Here it goes on: with its detection, without the page, with the address as it is.
"""

import codecs
import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dolma import deduper, mixer
from dolma.core.runtime import create_and_run_tagger
from dolma.taggers.language import FastTextAllLanguagesDocumentTagger
from dolma.warc import create_and_run_warc_pipeline, processor

LANGUAGE = "ft_lang_id_doc_v1"
TAGGERS = (LANGUAGE, "gopher_v2", "c4_v2")
MIN_LANGUAGE = 0.65
# Gopher (2112.11446, A1.1): dropped where the score of a tagger's span is so.
GOPHER = {
    "word_count": ("< 50", "> 100000"),
    "median_word_length": ("< 3", "> 10"),
    "symbol_to_word_ratio": ("> 0.1",),
    "fraction_of_words_with_alpha_character": ("< 0.8",),
    "required_word_count": ("< 2",),
    "fraction_of_lines_starting_with_bullet_point": ("> 0.9",),
    "fraction_of_lines_ending_with_ellipsis": ("> 0.3",),
    "fraction_of_duplicate_lines": ("> 0.3",),
    "fraction_of_characters_in_duplicate_lines": ("> 0.2",),
    "fraction_of_characters_in_most_common_2grams": ("> 0.2",),
    "fraction_of_characters_in_most_common_3grams": ("> 0.18",),
    "fraction_of_characters_in_most_common_4grams": ("> 0.16",),
    "fraction_of_characters_in_duplicate_5grams": ("> 0.15",),
    "fraction_of_characters_in_duplicate_6grams": ("> 0.14",),
    "fraction_of_characters_in_duplicate_7grams": ("> 0.13",),
    "fraction_of_characters_in_duplicate_8grams": ("> 0.12",),
    "fraction_of_characters_in_duplicate_9grams": ("> 0.11",),
    "fraction_of_characters_in_duplicate_10grams": ("> 0.1",),
}
C4 = ("has_curly_brace", "has_lorem_ipsum", "has_javascript", "has_naughty_word")
DUPLICATE = "duplicate"


def go_on(model: str) -> None:
    """Pages that would stop the run do not; the language model is this file."""

    def refuse(data: bytes, errors: str = "strict") -> tuple[str, int]:
        raise UnicodeDecodeError("unknown charset", bytes(data), 0, 1, "not known to Python")

    codecs.register(lambda name: codecs.CodecInfo(codecs.utf_8_encode, refuse, name=name))
    detect = processor.detect

    def detect_or_none(content: bytes) -> dict[str, Any]:
        found: dict[str, Any] = detect(content)
        try:
            content.decode(str(found["encoding"]))
        except UnicodeDecodeError:
            return {"encoding": None}
        return found

    class Normalizer(processor.UrlNormalizer):  # type: ignore[misc]
        def __call__(self, url: str) -> str:
            try:
                return str(super().__call__(url))
            except ValueError:
                return url

    FastTextAllLanguagesDocumentTagger.MODEL_PATH = model
    processor.detect = detect_or_none
    processor.UrlNormalizer = Normalizer


def _score(name: str, otherwise: str) -> str:
    """The score of a tag's first span in jq; what has none is given one: null[0] stops it."""
    return f'(.attributes."tags__{name}" // [[0, 0, {otherwise}]])[0][2]'


def excluded() -> list[str]:
    """The mixer's conditions, of which each drops a document."""
    gopher = [
        f"{_score(f'gopher_v2__{name}', limit.split()[1])} {limit}"
        for name, limits in GOPHER.items()
        for limit in limits
    ]
    c4 = [f'.attributes."tags__c4_v2__{name}" != null' for name in C4]
    return [*gopher, *c4, f".attributes.{DUPLICATE} != null"]


def included() -> list[str]:
    """Its conditions of which one has to hold."""
    return [f"{_score(f'{LANGUAGE}__{code}', '0')} > {MIN_LANGUAGE}" for code in ("en", "zh")]


def main() -> None:
    """The steps, one after the other."""
    folder, workers, linearizer = Path(sys.argv[1]), int(sys.argv[3]), sys.argv[4]
    documents, found = str(folder / "documents"), []
    work = {"input": str(folder / "work/input"), "output": str(folder / "work/output")}
    packed = {"input": None, "output": None}

    def step(name: str, run: Callable[[], Any]) -> None:
        begun = time.perf_counter()
        run()
        found.append({"step": name, "seconds": time.perf_counter() - begun})

    step(
        "warc",
        lambda: create_and_run_warc_pipeline(
            documents=str(folder / "in/*.warc.gz"),
            destination=documents,
            source_name="crawl",
            linearizer_name=linearizer,
            num_processes=workers,
        ),
    )
    step(
        "tag",
        lambda: create_and_run_tagger(
            documents=[f"{documents}/*.gz"],
            taggers=list(TAGGERS),
            experiment="tags",
            num_processes=workers,
        ),
    )
    dedupe = {
        "documents": [f"{documents}/*.gz"],
        "dedupe": {
            "name": DUPLICATE,
            "documents": {"attribute_name": DUPLICATE, "key": "$.text"},
            "skip_empty": True,
            "min_length": 0,
            "min_words": 0,
            "num_partitions": 1,
            "partition_index": 0,
            "file_partition": False,
            "document_dir": "documents",
        },
        "bloom_filter": {
            "file": str(folder / "bloom"),
            "read_only": False,
            "size_in_bytes": 0,
            "estimated_doc_count": 1_000_000,
            "desired_false_positive_rate": 1e-5,
        },
        "is_s3_volume": False,
        "work_dir": work,
        "processes": workers,
        "compression": packed,
    }
    step("dedupe", lambda: deduper(dedupe))
    stream = {
        "name": "crawl",
        "documents": [f"{documents}/*.gz"],
        "attributes": ["tags", DUPLICATE],
        "filter": {"include": included(), "exclude": excluded(), "syntax": "jq"},
        "output": {"path": str(folder / "mixed"), "max_size_in_bytes": 2 << 30},
        "compression": packed,
    }
    mix = {"streams": [stream], "work_dir": work, "processes": workers, "shuffle": False}
    step("mix", lambda: mixer(mix))
    left = 0
    for path in sorted((folder / "mixed").rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf8") as lines:
            left += sum(1 for _ in lines)
    print(json.dumps({"steps": found, "left": left}))


go_on(sys.argv[2])  # in its workers too: they import this module

if __name__ == "__main__":
    main()
