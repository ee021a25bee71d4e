"""What becomes of each pair: thresholds on its measures, then one pair a text on either side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.stage import Related
from skypile.tables import Table, field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CHECKS = (
    "too_short",
    "not_english",
    "not_chinese",
    "untranslated",
    "length_ratio",
    "numbers_differ",
    "urls_differ",
    "code_differs",
    "names_differ",
    "incomplete_english",
    "incomplete_chinese",
    "unlikely_pair",
)
DUPLICATES = ("duplicate_english", "duplicate_chinese")
REASONS = (*CHECKS, *DUPLICATES)
FATES = Table(
    "pair_fates",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("fate", pa.string(), nullable=True),  # the reason why it goes
            field("better", pa.string(), nullable=True),  # the pair that has the same text
        ]
    ),
    key=("doc_id",),
    meaning="why each pair goes, and the better pair with the same English or Chinese",
)
_KEYS = ("english_high", "english_low", "chinese_high", "chinese_low")
_JUDGED = "key long, doc_id string, fate string, pair_log_odds double, " + ", ".join(
    f"{name} long" for name in _KEYS
)


def failed(config: Any, row: Mapping[str, Any]) -> str | None:
    """The first check that a pair fails, in the order of CHECKS; None where it passes all."""
    one_open = config.same_ends and row["english_complete"] != row["chinese_complete"]
    least = config.min_language_prob
    checks = (
        max(row["english_length"], row["chinese_length"]) < config.min_length,
        row["english_lang"] != "en" or row["english_prob"] < least,
        row["chinese_lang"] != "zh" or row["chinese_prob"] < least,
        row["untranslated_share"] > config.max_untranslated_share,
        abs(row["length_deviation"]) > config.max_length_deviation,
        row["numbers_agree"] < config.min_numbers_agree,
        row["urls_agree"] < config.min_urls_agree,
        row["code_agrees"] < config.min_code_agrees and row["code_spans"] > 1,
        row["names_agree"] < config.min_names_agree and row["names"] > 1,
        one_open and not row["english_complete"],
        one_open and not row["chinese_complete"],
        row["pair_log_odds"] < config.min_log_odds,
    )
    return next((name for name, bad in zip(CHECKS, checks, strict=True) if bad), None)


def judge(config: Any) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Rows of `pairs` with their keys to the reason why each goes by itself, and its keys."""

    def kernel(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            fates = [failed(config, row) for row in batch.to_pylist()]
            columns = {name: batch[name] for name in ("key", "doc_id", "pair_log_odds", *_KEYS)}
            yield pa.RecordBatch.from_pydict(
                {
                    "key": columns.pop("key"),
                    "doc_id": columns.pop("doc_id"),
                    "fate": pa.array(fates, pa.string()),
                    **columns,
                }
            )

    return kernel


def settle(config: Any, pairs: "DataFrame") -> Related:
    """FATES. Of the pairs that pass, the likeliest with each English text stays, and of these the
    likeliest with each Chinese one; ties go to the first by key.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    judged = pairs.mapInArrow(judge(config), _JUDGED)
    order = F.struct((-F.col("pair_log_odds")).alias("odds"), "key", "doc_id")
    for reason in DUPLICATES:
        side = reason.removeprefix("duplicate_")
        passes = F.col("fate").isNull()
        # Those that are out are alone in their window: they displace none.
        same = Window.partitionBy(f"{side}_high", f"{side}_low", F.when(~passes, F.col("key")))
        best = F.min(order).over(same)
        judged = judged.withColumn("best", best)
        falls = passes & (F.col("best.key") != F.col("key"))
        better = F.when(falls, F.col("best.doc_id"))
        known = F.col("better") if "better" in judged.columns else F.lit(None).cast("string")
        judged = judged.withColumn("better", F.coalesce(known, better)).withColumn(
            "fate", F.when(falls, F.lit(reason)).otherwise(F.col("fate"))
        )
    return Related(judged.select("key", "fate", "better"))
