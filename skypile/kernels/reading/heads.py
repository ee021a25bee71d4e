"""The heads of WARC and ARC records: where one begins, where it ends, and what it says.

WARC 1.1 (ISO 28500), sections 4 and 5. ARC 1.0 and 2.0: one line, `URL IP date type length` or `URL
IP date type code checksum location offset file length`; an ARC record is given as the WARC record
that it would be. URLs with spaces are taken up to the address that follows them.
Left out: what a `filedesc` block says of the fields, which the lines themselves show.
"""

import datetime
import re
from typing import NamedTuple

from skypile.kernels.reading import http

MAX_LINE = 8192  # bytes; more than a line of ARC has
_TOKEN = rb"[^ \r\n]{1,200}+"  # nothing to go back for: a line is read once
_LINE = (
    rb"([a-z][a-z0-9+.-]{1,31}+:[^\r\n]{0,4000}?)"
    rb" ((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4}:[0-9a-f:.]{1,41}|-)"
    rb" (%b) (%b)(?: %b){0,7}? (-?\w{1,20})[ \t]{0,8}\r?\n" % (_TOKEN, _TOKEN, _TOKEN)
)
_DESCRIPTION = rb"filedesc:[^\r\n]{0,4000}\r?\n"
_WARC = rb"WARC/\d{1,2}\.\d{1,3}[ \t]{0,4}\r{0,2}\n[a-z][\w-]{0,64}[ \t]{0,4}:"
_ARC = rb"(?<=\n)(?:%b|%b)" % (_LINE, _DESCRIPTION)
_SCHEME = re.compile(rb"[a-z][a-z0-9+.-]*(?::.*)?", re.I | re.S)
_ARC_LINE = re.compile(_LINE, re.I)
_ARC_HEAD = re.compile(rb"%b|%b" % (_LINE, _DESCRIPTION), re.I)
_WARC_STOP = re.compile(rb"(%b)|%b" % (_WARC, http.BLANK.pattern), re.I)


class Syntax(NamedTuple):
    """How records of a kind are known. start: what only a record begins with, anywhere; behind:
    what follows a record; look: bytes, more than `start` matches.
    """

    start: "re.Pattern[bytes]"
    behind: "re.Pattern[bytes]"
    look: int


class Head(NamedTuple):
    """Fields of a record's head by their WARC names in lower case, its Content-Length or 0, and
    what is wrong.
    """

    fields: dict[str, str]
    size: int
    flaw: http.Problem


# Fewer line ends than `look`: else the end of what is read so far would be taken for the file's.
_WARC_BEHIND = rb"\r\n\r\n|[\r\n]{0,500}(?:WARC/|\Z)"
_CUT_LINE = rb"[a-z][a-z0-9+.-]{0,31}+(?::[^\r\n]{0,6000})?\Z"  # by the end of the file
_ARC_BEHIND = rb"[\r\n]{0,8}(?:\Z|%b|%b|%b)" % (_LINE, _DESCRIPTION, _CUT_LINE)
WARC = Syntax(re.compile(_WARC, re.I), re.compile(_WARC_BEHIND, re.I), 512)
ARC = Syntax(re.compile(_ARC, re.I), re.compile(_ARC_BEHIND, re.I), MAX_LINE)
UNKNOWN = Syntax(re.compile(rb"%b|%b" % (_WARC, _ARC), re.I), WARC.behind, MAX_LINE)  # none yet


def begins(data: bytes) -> bool | None:
    """Whether a record begins with `data`; None where a line of ARC may but is not all there."""
    if data[:5].upper() == b"WARC/" or _ARC_HEAD.match(data):
        return True
    return None if _SCHEME.fullmatch(data[:16]) and b"\n" not in data[:MAX_LINE] else False


def arc_end(data: bytearray) -> int:
    """Length of the ARC head in front; 0 where there is none."""
    found = _ARC_HEAD.match(data)
    return found.end() if found else 0


def warc_stop(data: bytearray, limit: int) -> tuple[int, bool] | None:
    """(where what begins as a WARC head stops, whether another record's start stops it), within
    `limit` bytes; None where it goes on. The place is behind the blank line, or before the start.
    """
    found = _WARC_STOP.search(data, 5, limit)
    if not found:
        return None
    return (found.start(), True) if found[1] else (found.end(), False)


def plain_warc(data: bytearray) -> tuple[Head, int] | None:
    """(WARC head in front, its length), where it is written as it should be."""
    plain = http.crlf_lines(data, 0, len(data), "utf8")
    if not plain:
        return None
    lines, size = plain
    upper = data[:size].upper()
    at = upper.find(b"WARC/", 1)
    while at > 0:
        if WARC.start.match(data, at):  # another record begins there
            return None
        at = upper.find(b"WARC/", at + 1)
    if not upper.startswith(b"WARC/"):
        return None
    fields = {
        name.strip().lower(): value.strip()
        for line in lines[:0:-1]
        for name, colon, value in [line.partition(":")]
        if colon
    }
    return _warc_head(fields), size


def parse_warc(head: bytes) -> Head:
    """A WARC head. Of a name that occurs twice the first counts."""
    pairs = http.parse_fields(head.decode("utf8", "surrogateescape"))
    return _warc_head(dict(reversed(pairs)))


def _warc_head(fields: dict[str, str]) -> Head:
    size, flaw = fields.get("content-length", ""), None
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        size, flaw = "0", f"Content-Length is {size[:20]!r}"
    elif not fields.get("warc-type"):
        flaw = "no WARC-Type"
    return Head(fields, int(size), ("malformed_record", flaw) if flaw else None)


def parse_arc(head: bytes) -> Head:
    """An ARC line. The record is a `response`, and a file's description a `warcinfo`."""
    text = head.decode("utf8", "surrogateescape").rstrip("\r\n\t ")
    found = _ARC_LINE.match(head)
    if found:
        url, date, kind = (found[i].decode("utf8", "surrogateescape") for i in (1, 3, 4))
    else:
        url, date, kind = text, "", ""
    size = text.rpartition(" ")[2]
    fields = {
        "warc-type": "warcinfo" if url[:9].lower() == "filedesc:" else "response",
        "warc-target-uri": url,
        "warc-date": _arc_date(date),
        "content-type": kind,
    }
    if size.isascii() and size.isdigit() and len(size) < 19:
        return Head(fields, int(size), None)
    return Head(fields, 0, ("malformed_record", f"the length is {size[:20]!r}"))


def _arc_date(text: str) -> str:
    """`YYYYMMDDhhmmss`, or its first digits (down to the day), as ISO 8601; "" where it is not."""
    if not (text.isascii() and text.isdigit() and len(text) in (8, 10, 12, 14)):
        return ""
    iso = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    if len(text) > 8:
        clock = text[8:].ljust(6, "0")
        iso += f"T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
    return iso if iso_date(iso) else ""


def iso_date(text: str) -> str | None:
    """`text` if it is a date in ISO 8601, else None."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return text
