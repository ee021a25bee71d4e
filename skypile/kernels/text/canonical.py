"""One spelling for the addresses of one page, for comparing what is cited with what is crawled."""

import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

import idna

# A copy, by an address that is canonical itself, and the address that it is a copy of behind it.
# The time stamp may have letters that say how the copy is shown.
_COPY = re.compile(
    r"http://(?:"
    r"(?:web|wayback|liveweb)\.archive\.org/(?:web/)?[\d*]{1,17}(?:[a-z]{2}_)?/|"
    r"web\.archive\.org/(?:web/)?(?=http)|"
    r"archive\.(?:today|is|ph|fo|li|md|vn)/(?:o/\w{1,12}|newest|oldest|\d[\d.:-]{3,20})/|"
    r"webcitation\.org/query\?url=|"
    r"timetravel\.mementoweb\.org/(?:memento|list)/\d{4,14}/|"
    r"google\.[a-z.]{2,6}/amp/(?:s/)?|"
    r"[\w-]{1,200}\.cdn\.ampproject\.org/[cvi]/(?:s/)?"
    r")(?=https?(?::|%3a)|[^/?#]{1,200}\.[^/?#.]{2})",
    re.IGNORECASE,
)
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_SCHEME = re.compile("https?:/{0,2}(?=[^/])", re.IGNORECASE)
_ENCODED = re.compile("https?%3a", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9._~-]+|[0-9a-f.:]+(?:%[\w.-]+)?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT = "/:@!$&'()*+,;=?%[]|"  # what may stand in a path or query as it is
_PORTS = {"http": 80, "https": 443}


def canonical_url(url: str) -> str:
    """The address as all its spellings have it: `http://` (https is taken for the same page), host
    in lower case and punycode without `www.` and default port, dots in the path resolved, escapes
    in upper case and only where they are needed, no fragment, no slash at the end, no `?` without a
    query. The copy in an archive (archive.org, archive.today and the like) or of Google's AMP
    viewer becomes the address that it is a copy of. The query keeps order, case and all parameters.

    It is canonical in turn: doing it again changes nothing. What is no address of a host comes
    back stripped of space, else as it is.
    """
    url = _CONTROLS.sub("", url.encode("utf8", "replace").decode()).strip()
    while copy := _COPY.match(url := _one_spelling(url)):
        url = url[copy.end() :]
        if _ENCODED.match(url):
            url = unquote_to_bytes(url).decode("utf8", "replace")
        scheme = _SCHEME.match(url)  # archives make one slash of two
        url = f"http://{url[scheme.end() if scheme else 0 :]}"
    return url


def _one_spelling(url: str) -> str:
    try:
        parts = urlsplit(f"http:{url}" if url.startswith("//") else url)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:
        return url
    if parts.scheme.lower() not in _PORTS:
        return url
    if port and port != _PORTS[parts.scheme.lower()]:
        host += f":{port}"
    path = _path(_escaped(parts.path))
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return f"http://{host}{path}{query}"


def _host(host: str) -> str:
    """Raises: ValueError: no name of a host, or none that punycode can write."""
    host = re.sub("[。．｡]", ".", host.lower()).strip(".")
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    if not _HOST.fullmatch(host):
        raise ValueError(f"no host: {host!r}")
    short = re.sub(r"\A(?:www\d?\.)+(?=[^.]+\.[^.])", "", host)
    return f"[{short}]" if ":" in short else short


def _escaped(text: str) -> str:
    """Escapes in upper case, of characters that need none undone, of others that need one done."""

    def one(found: re.Match[str]) -> str:
        byte = int(found[1], 16)
        return chr(byte) if byte in _UNRESERVED else f"%{found[1].upper()}"

    text = re.sub("%(?![0-9A-Fa-f]{2})", "%25", text)
    return quote(_ESCAPE.sub(one, text), safe=_KEPT + "~", errors="replace")


def _path(path: str) -> str:
    """Without dots (RFC 3986, 5.2.4) and slashes at the end."""
    if "/." in path:
        kept: list[str] = []
        for segment in path.split("/"):
            if segment == ".." and len(kept) > 1:
                kept.pop()
            elif segment not in (".", ".."):
                kept.append(segment)
        path = "/".join(kept)
    path = path.rstrip("/")
    return f"/{path.lstrip('/')}" if path.strip("/") else ""
