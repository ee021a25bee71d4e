"""How stage `code` settles what needs the whole corpus: the licence of a file that names none, and
which files of the limited languages stay within their shares. All rows are narrow.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.kernels.code import code_shares, licences
from skypile.stage import Related
from skypile.stages.code_rules import OVER_SHARE, failed
from skypile.tables import Table, field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FATES = Table(
    "code_fates",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("code_licence", pa.string(), nullable=True),  # SPDX: head, data set, then folder
            field("fate", pa.string(), nullable=True),  # why it goes, null where it stays
        ]
    ),
    key=("doc_id",),
    meaning="the licence of each file of code, and which rule or share it fails",
)
_JUDGED = (
    "key long, code_licence string, fate string, code_language string, code_tokens long, "
    "place long, text_digest string"
)
_UNKNOWN = "other"


def settle(config: Any, frame: "DataFrame") -> Related:
    """FATES of all files, and the tokens of each language before and after."""
    from pyspark.sql import functions as F

    judged = licensed(frame).mapInArrow(_judge(config), _JUDGED).persist()
    # A text counts once: dedup keeps one of its copies.
    texts = judged.where("fate is null").groupBy("code_language", "text_digest", "place")
    distinct = texts.agg(F.max("code_tokens").alias("code_tokens")).persist()
    kept = _sums(distinct)
    limited = {n: s for n, s in config.shares.items() if n in config.languages}
    others = sum(n for name, n in kept.items() if name not in limited)
    budgets = code_shares.budgets(others, {n: kept.get(n, 0) for n in limited}, limited)
    over = F.lit(False)
    for language, budget in sorted(budgets.items()):
        too_long = F.col("code_tokens") > budget  # alone: it would leave no room for others
        over = over | ((F.col("code_language") == language) & too_long)
    for language, end in sorted(_ends(distinct.where(~over), budgets).items()):
        over = over | ((F.col("code_language") == language) & (F.col("place") >= end))
    fate = F.when(F.col("fate").isNull() & over, F.lit(OVER_SHARE)).otherwise(F.col("fate"))
    rows = judged.withColumn("fate", fate)
    stays = _sums(distinct.where(~over))
    facts = {
        "languages": _by_language(rows, stays),
        "budgets": {name: round(budget) for name, budget in sorted(budgets.items())},
        "shares": dict(sorted(limited.items())),
    }
    distinct.unpersist()
    return Related(rows.select("key", "code_licence", "fate"), facts)


def licensed(frame: "DataFrame") -> "DataFrame":
    """The files with `code_licence`: what the file's head says, else the data set, else the
    licence files of the nearest folder above that has any, all of which that are known then hold.
    Terms that are stated and not known (NOASSERTION) are nobody else's: null, as where none are.
    """
    from pyspark.sql import functions as F

    of_files = frame.where("folder_licence is not null and size(folders) > 0").select(
        F.element_at("folders", -1).alias("folder"), "folder_licence"
    )
    unknown = F.lit(licences.NOASSERTION)
    known = F.array_remove(F.collect_set("folder_licence"), unknown)
    names = F.when(F.size(known) == 0, unknown).otherwise(
        F.array_join(F.sort_array(known), " AND ")
    )
    of_folders = of_files.groupBy("folder").agg(names.alias("folder_licences"))
    bare = frame.where("head_licence is null and named_licence is null")
    steps = bare.select("key", F.posexplode("folders").alias("depth", "folder"))
    nearest = (
        steps.join(of_folders, "folder")
        .groupBy("key")
        .agg(F.max_by("folder_licences", "depth").alias("folder_licences"))
    )
    stated = F.coalesce("head_licence", "named_licence", "folder_licences")
    licence = F.when(stated != unknown, stated)
    whole = frame.join(nearest, "key", "left").withColumn("code_licence", licence)
    return whole.drop("folders", "folder_licences")


def _judge(config: Any) -> Any:
    limited = frozenset(config.shares)

    def kernel(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = ("text_digest", "letter_share", "distinct_line_share", "number_share")
            rows = zip(
                batch["code_language"].to_pylist(),
                *(batch[name].to_pylist() for name in columns),
                strict=True,
            )
            places = [
                code_shares.order(code_shares.tier(*numbers), digest, config.seed)
                if language in limited
                else 0
                for language, digest, *numbers in rows
            ]
            kept = ("key", "code_licence", "code_language", "code_tokens", "text_digest")
            found = {name: batch[name] for name in kept}
            found |= {"fate": failed(config, batch), "place": pa.array(places, pa.int64())}
            names = [field.split()[0] for field in _JUDGED.split(", ")]
            yield pa.RecordBatch.from_arrays([found[n] for n in names], names=names)

    return kernel


def _sums(texts: "DataFrame") -> dict[str, int]:
    """Tokens by language."""
    rows = texts.groupBy("code_language").sum("code_tokens").collect()
    return {row[0]: row[1] for row in rows}


def _ends(texts: "DataFrame", budgets: dict[str, float]) -> dict[str, int]:
    """For each language that has more than its budget the place from which on files go: found by
    counting tokens in bins of places, and then looking at the files of one bin.
    """
    from pyspark.sql import functions as F

    limited = texts.where(F.col("code_language").isin(list(budgets)))
    bins = limited.withColumn("bin", F.shiftright("place", code_shares.BIN_BITS))
    counted: dict[str, dict[int, int]] = {name: {} for name in budgets}
    for language, at, tokens in bins.groupBy("code_language", "bin").sum("code_tokens").collect():
        counted[language][at] = tokens
    ends = {}
    for language, budget in sorted(budgets.items()):
        found = code_shares.boundary_bin(counted[language], budget)
        if found is None:
            continue
        at, before = found
        of_bin = bins.where((F.col("code_language") == language) & (F.col("bin") == at))
        rows = [(r["place"], r["code_tokens"]) for r in of_bin.collect()]
        ends[language] = code_shares.cut_off(rows, before, budget)
    return ends


def _by_language(rows: "DataFrame", stays: dict[str, int]) -> dict[str, dict[str, int]]:
    """Files and tokens of each language that came in, that passed the rules, and that stay; tokens
    of what stays count each text once.
    """
    from pyspark.sql import functions as F

    passed = F.col("fate").isNull() | (F.col("fate") == OVER_SHARE)
    name = F.coalesce("code_language", F.lit(_UNKNOWN)).alias("language")
    counted = rows.groupBy(name).agg(
        F.count("*").alias("files_in"),
        F.sum("code_tokens").alias("tokens_in"),
        F.sum(passed.cast("long")).alias("files_passed"),
        F.sum(F.when(passed, F.col("code_tokens")).otherwise(0)).alias("tokens_passed"),
        F.sum(F.col("fate").isNull().cast("long")).alias("files_kept"),
    )
    found = {r["language"]: r.asDict() for r in counted.collect()}
    return {
        language: {k: v for k, v in found[language].items() if k != "language"}
        | {"distinct_tokens_kept": stays.get(language, 0)}
        for language in sorted(found)
    }
