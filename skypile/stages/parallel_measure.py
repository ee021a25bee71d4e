"""What stage `parallel` measures: how well the two sides of each pair fit, and what they are."""

from typing import Any

import pyarrow as pa

from skypile.kernels.dedup.shingles import text_keys
from skypile.kernels.parallel.anchors import anchors
from skypile.kernels.parallel.pair_checks import compare
from skypile.kernels.parallel.pair_text import Template, chinese_first
from skypile.kernels.text import language
from skypile.stage import Kernel
from skypile.tables import Table, field

PAIRS = Table(
    "pairs",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("english_lang", pa.string()),  # of that side, as stage language says it
            field("english_prob", pa.float32()),
            field("chinese_lang", pa.string()),  # zh for the whole family
            field("chinese_prob", pa.float32()),
            # Of the Chinese side's Han characters: those in use in that form alone.
            field("traditional_share", pa.float32()),
            field("english_length", pa.float64()),  # in English letters (kernels.parallel.anchors)
            field("chinese_length", pa.float64()),
            field("length_deviation", pa.float64()),  # standard deviations; > 0: Chinese is longer
            field("english_sentences", pa.int32()),
            field("chinese_sentences", pa.int32()),
            field("english_complete", pa.bool_()),  # ends where a sentence does
            field("chinese_complete", pa.bool_()),
            # How many there are on both sides together, and the share that the other side has, 1
            # where there is none.
            field("numbers", pa.int32()),  # in digits
            field("numbers_agree", pa.float64()),
            field("urls", pa.int32()),
            field("urls_agree", pa.float64()),
            field("code_spans", pa.int32()),
            field("code_agrees", pa.float64()),
            field("names", pa.int32()),  # Latin words of the Chinese side
            field("names_agree", pa.float64()),
            field("marks_agree", pa.float64()),  # punctuation that translations keep
            field("untranslated_share", pa.float64()),  # of the Chinese side
            field("pair_log_odds", pa.float64()),  # that it is a pair, by these
            field("english_high", pa.int64()),  # 128-bit keys of the sides, as dedup's of texts
            field("english_low", pa.int64()),
            field("chinese_high", pa.int64()),
            field("chinese_low", pa.int64()),
        ]
    ),
    key=("doc_id",),
    meaning="how well the English and the Chinese side of each pair fit",
)


def languages(config: Any, english: str, chinese: str) -> dict[str, Any]:
    """The languages of both sides, and the forms of the Chinese characters."""
    model = language.open_model(config.lid_model, config.lid_sha256)
    en, zh = (language.identify(anchors(text).read, model) for text in (english, chinese))
    return {
        "english_lang": en.lang,
        "english_prob": en.prob,
        "chinese_lang": "zh" if zh.lang in config.chinese_family else zh.lang,
        "chinese_prob": zh.prob,
        "traditional_share": zh.profile.traditional / max(1, zh.profile.han),
    }


def make_measure_kernel(config: Any) -> Kernel:
    """The measures of a batch of pairs; the language model is opened once a process."""
    templates = (Template(config.english_first), Template(config.chinese_first))

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        ids = batch["doc_id"].to_pylist()
        sides = [
            templates[chinese_first(name, config.chinese_first_share)].sides(text.as_py())
            for name, text in zip(ids, batch["text"], strict=True)
        ]
        english, chinese = (
            text_keys(pa.array([pair[i] for pair in sides], pa.large_string())) for i in (0, 1)
        )
        rows = []
        for i, (name, (en, zh)) in enumerate(zip(ids, sides, strict=True)):
            row = {"doc_id": name, **compare(en, zh), **languages(config, en, zh)}
            row["english_high"], row["english_low"] = map(int, english[i])
            row["chinese_high"], row["chinese_low"] = map(int, chinese[i])
            rows.append(row)
        return PAIRS.from_rows(rows)

    return kernel
