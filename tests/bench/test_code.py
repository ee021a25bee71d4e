"""The bench of stage code on real files: what its numbers are made of."""

from pathlib import Path

import pytest

from bench.code import GO, load, measured, what_it_is
from skypile.kernels.code.code_languages import DATA_FORMATS, language_of
from skypile.stages.code import Config


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> list[dict[str, str]]:
    return load(shared_data)


def test_no_repository_is_in_both_halves(samples: list[dict[str, str]]) -> None:
    tune, test = ({r["repo"] for r in samples if r["half"] == half} for half in ("tune", "test"))
    assert tune
    assert test
    assert not tune & test


def test_real_programs_stay_and_what_nobody_wrote_goes(samples: list[dict[str, str]]) -> None:
    """On the half that no rule was chosen on."""
    listed = set(Config().languages) - set(DATA_FORMATS)
    rows = [r for r in samples if r["half"] == "test" and language_of(r["path"]) in listed]
    fates = what_it_is(measured(rows))
    gone = [r["label_rule"] in GO for r, fate in zip(rows, fates, strict=True) if fate]
    there = [r["label_rule"] in GO for r in rows]
    assert sum(gone) / sum(there) > 0.9
    wrong = len(gone) - sum(gone)
    assert wrong / (len(there) - sum(there)) < 0.06
