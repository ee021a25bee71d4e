"""How stage `mixture` writes `corpus`: masks, counts of characters, and an estimate of tokens."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from skypile.kernels.personal_data import personal
from skypile.kernels.text.scripts import wide_chars
from skypile.stage import WriteKernel
from skypile.tables import CORPUS

SUMMED = ("chars", "estimated_tokens", "masked")
# Before there is a tokenizer; a mixture is planned by exact counts. Characters a token of LLaMA's
# vocabulary on English, and of a vocabulary with Chinese words on Chinese.
CHARS_PER_TOKEN, WIDE_CHARS_PER_TOKEN = 4.0, 1.5


def estimated_tokens(text: str) -> int:
    """Tokens that a text may have, its end among them."""
    wide = wide_chars(text)
    return 1 + round(wide / WIDE_CHARS_PER_TOKEN + (len(text) - wide) / CHARS_PER_TOKEN)


def make_write_kernel(config: Any) -> WriteKernel:
    """Rows of `corpus`; counts by domain and split, of what was masked, and of what training
    documents still share with validation.
    """

    def kernel(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
        rows: list[dict[str, Any]] = []
        masked: Counter[str] = Counter()
        overlap = Counter(documents=0, common_ngrams=0, other_ngrams=0)
        domains: dict[str, dict[str, Counter[str]]] = {}
        for row in batch.to_pylist():
            shared, common = row.pop("shared_ngrams"), row.pop("common_ngrams")
            if shared or common:
                overlap.update(documents=1, common_ngrams=common, other_ngrams=shared)
            found: dict[str, int] = {}
            if config.mask:
                row["text"], found = personal.mask(row["text"])
            masked.update(found)
            row["chars"] = len(row["text"])
            row["estimated_tokens"] = estimated_tokens(row["text"])
            row["masked"] = sum(found.values())
            rows.append(row)
            domain = domains.setdefault(f"{row['category']}.{row['partition']}", {})
            sums = domain.setdefault(row["split"], Counter())
            sums.update(documents=1, **{name: row[name] for name in SUMMED})
        return CORPUS.from_rows(rows), {"domains": domains, "masked": masked, "overlap": overlap}

    return kernel
