import datetime
from typing import Any

import pytest

from skypile.kernels.text.dates import after_cutoff, parse_date, parse_timestamp

D = datetime.date


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2021-05-03", D(2021, 5, 3)),
        ("2021-05-03T10:00:00Z", D(2021, 5, 3)),
        (" 2021/5/3 10:00", D(2021, 5, 3)),
        ("20210503", D(2021, 5, 3)),
        ("2021年5月3日", D(2021, 5, 3)),
        ("2021 年 5 月", D(2021, 5, 31)),
        ("2023", D(2023, 12, 31)),
        ("2024-02", D(2024, 2, 29)),
        (1620000000, D(2021, 5, 3)),
        (1620000000.5, D(2021, 5, 3)),
        (1620000000000, D(2021, 5, 3)),
        (1908, D(1908, 12, 31)),
        (D(2020, 1, 2), D(2020, 1, 2)),
        (datetime.datetime(2020, 1, 2, 23), D(2020, 1, 2)),
        ("2021-13-01", None),
        ("2021-02-30", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (1e300, None),
        (["2021"], None),
        ("0000-01-01", None),
    ],
)
def test_what_files_call_a_date(value: Any, date: datetime.date | None) -> None:
    assert parse_date(value) == date


def test_a_timestamp_at_the_edge_of_time_is_none() -> None:
    assert parse_timestamp("0001-01-01T00:00:00+14:00") is None


def test_a_year_counts_as_its_last_day_against_the_cutoff() -> None:
    cutoff = D(2023, 6, 30)
    assert after_cutoff(cutoff, "keep", parse_date("2023"), None) == "after_cutoff"
    assert after_cutoff(cutoff, "keep", parse_date("2022"), None) is None
    assert after_cutoff(cutoff, "keep", None, None) is None
    assert after_cutoff(cutoff, "drop", None, None) == "undated"
    assert after_cutoff(None, "drop", None, None) is None
