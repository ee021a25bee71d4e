"""What the YAML files call: documents from local files, and whether an answer is right."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets

from model.evaluate.benchmarks import answers, items
from model.evaluate.benchmarks.suite import BY_NAME


def documents(
    benchmark: str,
    folders: Sequence[str] | None = None,
    per_subject: int | None = None,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """One split, `test`. folders: else by the environment; per_subject: so many questions."""
    where = items.folders([Path(f) for f in folders or ()])
    found = items.documents(BY_NAME[benchmark], where, per_subject)
    return {"test": datasets.Dataset.from_list(found)}


def same_number(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """GSM8K's score of one answer."""
    return {"exact_match": float(answers.same_number(results[0], doc["accepted"]))}


def same_name(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """TriviaQA's score of one answer."""
    return {"exact_match": float(answers.same_name(results[0], doc["accepted"]))}
