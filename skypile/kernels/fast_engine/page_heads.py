"""Title and date of a page from its head and address, by patterns, in a tenth of a millisecond.

The title that a page gives to those that link to it, else its `title`. The date that it says it was
published: a meta element, structured data, a `time` element, the address, and an element that is
named for it and begins with a date, in this order.

Left out: dates and titles that only the running text gives (`metadata` looks in headings, too);
days in numbers that may be months (03/04/2021).
"""

import datetime
import itertools
import re
from collections.abc import Iterator
from html import unescape

from skypile.kernels.extraction.metadata import one_title
from skypile.kernels.fast_engine.name_search import NameSearch

# Structured data may stand behind long styles. Of meta elements and named ones they are bytes.
MAX_HEAD_CHARS = 300_000
EARLIEST = "1995-01-01"  # htmldate's: what is before is no date of a web page

# Where a tag may begin is seen with vector instructions; the pattern by itself takes twice as long.
_META_BEGUN = NameSearch(map("".join, itertools.product(*zip("<meta", "<META", strict=True))))
_META = re.compile(rb"<meta\b([^<>]{1,6000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:.-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_TITLE = re.compile(r"<title\b[^<>]*>([^<]{1,2000})", re.IGNORECASE)
_TITLES = ("og:title", "twitter:title", "citation_title", "dc.title")
_DATES = (
    *("article:published_time", "og:published_time", "datepublished", "publishdate", "pubdate"),
    *("publish_date", "publication_date", "publish-date", "citation_publication_date"),
    *("dc.date.issued", "dcterms.date", "dcterms.created", "dc.date", "sailthru.date"),
    *("parsely-pub-date", "article_date_original", "weibo: article:create_at", "bt:pubdate"),
    *("og:release_date", "releasedate", "date"),
)
# One of these is in each of the names.
_IN_NAMES = ("title", "dat", "pub", "creat")
_DATA_DATE = re.compile(r"\"(?:datePublished|pubDate|dateCreated)\"\s*:\s*\"([^\"]{8,40})\"")
_TIME = re.compile(r"<time\b[^<>]{0,300}?\bdatetime\s*=\s*[\"']?([^\"'<>]{8,40})", re.IGNORECASE)
_DATED = NameSearch(("datePublished", "pubDate", "dateCreated", "<time", "<TIME", "<Time"))
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/._]?)([01]?\d)\2([0-3]?\d)(?!\d)")
_CHINESE_DAY = re.compile(r"((?:19|20)\d\d)年([01]?\d)月([0-3]?\d)日")

_MONTH = "(Jan|Feb|M[aä]r|Apr|Ma[iy]|Jun|Jul|Aug|Sep|O[ck]t|Nov|De[cz])[a-zäA-Z]{0,7}\\.?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_MONTH = re.compile(rf"(?<!\d)(\d\d?)\.?(?:st|nd|rd|th)? {_MONTH},? ((?:19|20)\d\d)", re.I)
_MONTH_DAY = re.compile(rf"\b{_MONTH} (\d\d?)(?:st|nd|rd|th)?,? ((?:19|20)\d\d)", re.I)
_DOTTED = re.compile(r"(?<!\d)(\d\d?)\. ?(\d\d?)\. ?((?:19|20)\d\d)(?!\d)")
# An element that is named for a date, from its tag on. What was changed is not what was published.
# A page is searched for the words first: a pattern tried at each tag is 1.7 ms a page.
_DATE_WORDS = NameSearch(("date", "Date", "datum", "time", "Time", "publi", "posted"))
_NAMED_FOR_DATE = re.compile(
    r"<[a-z][^<>]*?\b(?:class|id|itemprop)\s*=\s*[\"']?(?![^\"'<>]{0,80}(?:modif|updat|copy))"
    r"[^\"'<>]{0,80}?(?:date|datum|time|publi|posted)[^<>]{0,200}>"
    r"(?:\s|<[a-z/][^<>]{0,200}>){0,6}([^<>]{6,100})",
    re.IGNORECASE,
)
_TAG_BYTES, _ELEMENT_BYTES = 300, 1200  # of a tag up to the word; of the element that is looked at
MAX_NAMED = 40  # elements that are looked at


def head(
    html: str, page: bytes, url: str | None, latest_date: str
) -> tuple[str | None, str | None]:
    """Title and date (ISO) of a page; None where it gives none. Later dates are not believed.

    page: the same in UTF-8.
    """
    named: dict[str, str] = {}
    for said in _metas(page):
        if not any(part in said.lower() for part in _IN_NAMES):
            continue
        given = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(said)}
        name = given.get("property") or given.get("name") or given.get("itemprop")
        if name and given.get("content"):
            named.setdefault(name.lower(), given["content"])
    title = next((t for name in _TITLES if (t := one_title(named.get(name)))), None)
    if title is None and (found_title := _TITLE.search(html, 0, MAX_HEAD_CHARS)):
        title = one_title(found_title[1])
    dates = [named.get(name) for name in _DATES]
    if _DATED.any_held(page):
        stated = (pattern.search(html) for pattern in (_DATA_DATE, _TIME))
        dates += [match[1] for match in stated if match]
    dates.append(url)
    if day := next((d for text in dates if (d := _day(text, latest_date))), None):
        return title, day
    shown = itertools.islice(_texts_named_for_dates(page[:MAX_HEAD_CHARS]), MAX_NAMED)
    return title, next((d for text in shown if (d := _written_day(text, latest_date))), None)


def _metas(page: bytes) -> Iterator[str]:
    """The attributes of each meta element in the head of a page."""
    behind = 0
    for place in _META_BEGUN.places(page[:MAX_HEAD_CHARS]):
        found = _META.match(page, place, MAX_HEAD_CHARS) if place >= behind else None
        if found:
            behind = found.end()
            yield found[1].decode("utf8", "replace")


def _texts_named_for_dates(page: bytes) -> Iterator[str]:
    """What elements that are named for a date begin with."""
    last = -1
    for place in _DATE_WORDS.places(page):
        tag = page.rfind(b"<", max(0, place - _TAG_BYTES), place)
        if tag <= last or page.find(b">", tag, place) >= 0:
            continue
        last = tag
        if found := _NAMED_FOR_DATE.match(
            page[tag : tag + _ELEMENT_BYTES].decode("utf8", "ignore")
        ):
            yield found[1]


def _day(text: str | None, latest_date: str) -> str | None:
    """The first day in numbers that a text names, if a page can be of it; ISO."""
    for pattern, at in ((_CHINESE_DAY, (1, 2, 3)), (_DAY, (1, 3, 4))):
        for found in pattern.finditer(text or ""):
            if day := _iso(*(int(found[i]) for i in at), latest_date=latest_date):
                return day
    return None


def _written_day(text: str, latest_date: str) -> str | None:
    """The day that a text names as people write it, in English, German or Chinese; ISO."""
    text = " ".join(unescape(text).split())
    if day := _day(text, latest_date):
        return day
    for pattern, at in ((_DAY_MONTH, (3, 2, 1)), (_MONTH_DAY, (3, 1, 2)), (_DOTTED, (3, 2, 1))):
        if found := pattern.search(text):
            year, month, day_of = (found[i] for i in at)
            if not month.isdigit():
                name = month[:3].lower().translate(_ENGLISH)
                month = str(_MONTHS.index(name) + 1)
            if day := _iso(int(year), int(month), int(day_of), latest_date=latest_date):
                return day
    return None


def _iso(year: int, month: int, day: int, *, latest_date: str) -> str | None:
    """A day as ISO has it; None where there is none such, or no page can be of it."""
    try:
        found = datetime.date(year, month, day).isoformat()
    except ValueError:
        return None
    return found if EARLIEST <= found <= latest_date else None


_ENGLISH = str.maketrans("äikz", "aycc")  # mär, mai, okt, dez
