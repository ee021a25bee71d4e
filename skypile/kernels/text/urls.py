"""URLs in one form, so that all spellings of a place compare equal: the WHATWG URL standard's host
and path, as far as block lists need them.

Left out: IPv4 addresses written as one number or in octal (browsers resolve them, crawlers do not
store them), and ports: a list blocks a host on every port.
"""

import ipaddress
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import idna

MAX_HOST_CHARS = 253  # RFC 1035; a longer one names no host
MAX_URL_CHARS = 8_192  # of a longer one no more is looked at
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,30}:(?=//)|(?:https?|ftp):", re.I)
_PLAIN = re.compile(r"[a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*")
_DOTS = re.compile("[。．｡]")


class Place(NamedTuple):
    """host: lower case, A-labels (punycode), IPv6 in brackets. path: decoded, without dot segments
    and empty ones, "" or "/a/b". query: decoded, "" or "?x=1".
    """

    host: str
    path: str
    query: str


def place(url: str) -> Place | None:
    """Where a URL points; None where it names no host. A scheme may be missing (`a.example/b`).

    Leading and trailing space, userinfo, port, fragment, a trailing point of the host, case and
    percent-encoding of the host make no difference. Bytes of the path are UTF-8, else GB18030.
    """
    text = url[:MAX_URL_CHARS].strip().replace("\\", "/")
    text = text.translate(_NO_CONTROLS)
    scheme = _SCHEME.match(text)
    rest = (text[scheme.end() :] if scheme else text).lstrip("/")
    rest = rest.partition("#")[0]
    head, _, query = rest.partition("?")
    authority, _, path = head.partition("/")
    name = host(authority.rpartition("@")[2])
    if not name:
        return None
    return Place(name, _path(path), "?" + _decoded(query.replace("+", " ")) if query else "")


_NO_CONTROLS = dict.fromkeys([*range(32), 127])


def host(text: str) -> str | None:
    """A host, with or without port, in the form of `Place`; None where it is none."""
    if text.startswith("["):
        inside, closed, _ = text[1:].partition("]")
        try:
            address = ipaddress.IPv6Address(inside.partition("%")[0])
        except ValueError:
            return None
        return f"[{address.compressed}]" if closed else None
    name = text.lower()
    if "%" in name:
        name = _decoded(name).lower()
    name = name.partition(":")[0].rstrip(".")
    if name.isascii():
        return name if _PLAIN.fullmatch(name) and len(name) <= MAX_HOST_CHARS else None
    name = _DOTS.sub(".", name).rstrip(".")
    return _to_ascii(name) if 0 < len(name) <= MAX_HOST_CHARS else None


def _to_ascii(name: str) -> str | None:
    """A-labels (UTS 46); a name that IDNA refuses, but resolvers may not, label by label."""
    try:
        found = idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        try:
            found = unicodedata.normalize("NFKC", name).lower().encode("idna").decode("ascii")
        except UnicodeError:
            return None
    found = found.lower().rstrip(".")
    return found if _PLAIN.fullmatch(found) and len(found) <= MAX_HOST_CHARS else None


def to_unicode(name: str) -> str:
    """A host with its A-labels as they are read; unchanged where they spell nothing."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


def _decoded(text: str) -> str:
    data = unquote_to_bytes(text) if "%" in text else text.encode("utf8", "surrogatepass")
    for charset in ("utf8", "gb18030"):
        try:
            return unicodedata.normalize("NFC", data.decode(charset))
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _path(path: str) -> str:
    if not path:
        return ""
    found: list[str] = []
    for part in _decoded(path).split("/"):
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return "".join(f"/{part}" for part in found)
