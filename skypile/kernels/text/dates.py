"""Dates of documents: read from what files say, and held against the cut-off date."""

import datetime
import re
from typing import Any

UNDATED = ("crawl_date", "keep", "drop")
_DATE = re.compile(
    r"\s*(\d{4})(\d\d)(\d\d)(?!\d)|"
    r"\s*(\d{4})(?!\d)(?:\s*(?:[-/.]|年)\s*(\d{1,2})(?!\d)(?:\s*(?:[-/.]|月)\s*(\d{1,2})(?!\d))?)?"
)
_MILLISECONDS = 1e11  # a number above it is no count of seconds (the year 5138)


def parse_timestamp(text: str | None) -> datetime.datetime | None:
    """A WARC-Date as UTC to the second; None where absent or not a date."""
    try:
        stamp = datetime.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if stamp is None:
        return None
    try:
        stamp = stamp.replace(tzinfo=stamp.tzinfo or datetime.UTC)
        return stamp.astimezone(datetime.UTC).replace(microsecond=0)
    except OverflowError:  # the year 1 or 9999 with an offset
        return None


def parse_date(value: Any) -> datetime.date | None:
    """The date in a field of a data file; None where there is none that can be told.

    value: a date, a time, Unix seconds or milliseconds, or text that begins with year, year and
    month or a full date (2021-05-03, 20210503, 2021/5/3, 2021年5月3日). A year or month stands for
    its last day, so that a cut-off date in the middle of it counts it as later.
    """
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 1000 <= value <= 9999:  # a year, as books have it
                return datetime.date(int(value), 12, 31)
            seconds = value / 1000 if abs(value) > _MILLISECONDS else value
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()
        if isinstance(value, str) and (m := _DATE.match(value)):
            year, month, day = m.groups()[:3] if m[1] else m.groups()[3:]
            return _last_day(int(year), int(month or 12), int(day) if day else None)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _last_day(year: int, month: int, day: int | None) -> datetime.date:
    if day is not None:
        return datetime.date(year, month, day)
    after = datetime.date(year + month // 12, month % 12 + 1, 1)
    return after - datetime.timedelta(days=1)


def after_cutoff(
    cutoff_date: datetime.date | None,
    undated: str,
    date: datetime.date | None,
    crawled_at: datetime.datetime | None,
) -> str | None:
    """`after_cutoff`, `undated`, or None where a document may stay.

    undated: what dates a document without `date`: its `crawl_date`, or nothing: `keep`, `drop`.
    """
    if cutoff_date is None:
        return None
    if crawled_at is not None and crawled_at.date() <= cutoff_date:
        return None  # it was there by then, whatever it says of itself
    if date is None and undated == "keep":
        return None
    if date is None and undated == "crawl_date" and crawled_at is not None:
        date = crawled_at.date()
    if date is None:
        return "undated"
    return "after_cutoff" if date > cutoff_date else None
