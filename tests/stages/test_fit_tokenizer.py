"""The tokenizer fitted on Spark is the one that its texts make, and shards are made with it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile import artifacts, shards
from skypile.errors import InputError
from skypile.fits.tokenizer import Counts, TokenizerSettings, extend_base, train_base
from skypile.kernels.tokenizer.segment import count_words
from skypile.lineage import Lineage
from skypile.manifests import CORPUS, Manifests
from skypile.run import Run
from skypile.stages.fit_tokenizer import make_counter
from tests import toy_corpus
from tests.stages.test_tokens import corpus_of
from tests.tokenizer_texts import lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SIZES = {"vocab_size": 1100, "base_pieces": 500, "characters": 300, "min_word_count": 1}
SOURCES = {"english_web": lines("en")[:60], "chinese_web": lines("zh_hans", "zh_hant")[:90]}


@pytest.mark.spark
def test_the_tokenizer_is_what_the_training_texts_make(
    tmp_path: Path, start: "Callable[[], SparkSession]", no_spark: Any
) -> None:
    """`no_spark`: jobs over parts run here, frames on Spark."""
    config = toy_corpus.config_of(
        tmp_path, SOURCES, fit_tokenizer=SIZES, tokens={"shard_tokens": 10**6}, part_bytes=20_000
    )
    Run(config, start, lambda said: None).execute()
    rows = corpus_of(tmp_path / "run")
    train = [r["text"] for r in rows if r["split"] == "train"]
    settings = TokenizerSettings(**SIZES)  # type: ignore[arg-type]
    counts = Counts(count_words(train), Counter("".join(train)))
    model, _, made = extend_base(train_base(train, settings), counts, [], settings)

    manifests = Manifests(Run(config, start, print).root)
    fitted = manifests.get("fit_tokenizer.fit", CORPUS)
    assert fitted
    build = config.stages[-1]
    (found,) = Lineage(config, manifests).models(build, "build").values()
    folder = artifacts.local(found.uri, kind="tokenizer")
    assert (folder / "tokenizer.model").read_bytes() == model.SerializeToString(deterministic=True)
    card = artifacts.load_card(found.uri)
    assert card.trained_on["documents"] == len(train)
    assert card.trained_on["base"] == "trained"
    assert card.licence == "licence of english_web, licence of chinese_web"
    assert card.parameters["parts"]["words"] == len(made.words)
    held = card.quality["heldout"]
    assert sum(g["texts"] for g in held.values()) == len(rows) - len(train)
    assert set(held) == set(SOURCES)
    assert held["english_web"]["chars_per_token"] == held["english_web"]["base_chars_per_token"]

    assert shards.verify(str(tmp_path / "run"), str(folder / "tokenizer.model"))["documents"] == 150
    said: list[str] = []
    Run(config, start, said.append).execute()
    assert all(line.endswith("up to date") for line in said), said


@pytest.mark.spark
def test_a_corpus_without_training_documents_fits_nothing(
    tmp_path: Path, start: "Callable[[], SparkSession]", no_spark: Any
) -> None:
    config = toy_corpus.config_of(tmp_path, {"english_web": ["!no"]}, fit_tokenizer=SIZES)
    with pytest.raises(InputError, match="no training documents"):
        Run(config, start, lambda said: None).execute()


def test_words_and_characters_are_counted_apart() -> None:
    batch: Any = pa.RecordBatch.from_pydict({"text": ["中国，中国", "國家。"]})
    rows = make_counter()(batch).to_pylist()
    assert {(r["kind"], r["unit"]): r["count"] for r in rows} == {
        ("word", "中国"): 2,
        ("word", "國家"): 1,
        **{("character", c): n for c, n in Counter("中国，中国國家。").items()},
    }
