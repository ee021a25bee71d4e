"""Finding records by URL, document id, beginning of a URL, or host; and the whole fate of one."""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skypile.errors import NothingFoundError, SkypileError
from skypile.look.run import Looked
from skypile.look.samples import Pick, find, samples
from skypile.look.shown import masked, masked_url, short
from skypile.manifests import FileEntry
from skypile.reader import RunReader

LEAST_ID_DIGITS = 8
MAX_URLS = 10_000  # of one host, that a suggestion is looked for among
MAX_HOSTS = 100_000  # that a suggestion is looked for among
BLOCK_CHARS = 300
# Characters that mean the same written as they are and as %XX (RFC 3986, 2.3).
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# Columns of ids and digests, which masking must not change; all others may hold what people wrote.
_IDS = frozenset(("doc_id", "record_id", "cluster", "winner", "equal_to", "repeats", "run"))


class Match(NamedTuple):
    """A record: its id, and the file of `records` that has it."""

    doc_id: str
    url: str | None
    file: FileEntry


def matches(run: RunReader, name: str, limit: int) -> tuple[list[Match], int]:
    """The records with this URL or document id (or the first digits of one); where there is none,
    those whose URL begins with it (with or without https://), or whose host it is or ends in.
    A URL in Chinese characters is the same as one that has them as %XX of UTF-8. The first `limit`
    of them, and how many there are.

    Raises:
        NothingFoundError: there is none; the message suggests one.
    """
    exact: list[Match] = []
    loose: list[Match] = []
    hosts: dict[str, None] = {}
    exact_count = loose_count = 0
    name = one_spelling(name)
    for file, ids, urls in _records(run):
        spelled = _in_one_spelling(urls)
        hit = pc.fill_null(pc.equal(spelled, name), False)
        if len(name) >= LEAST_ID_DIGITS:
            hit = pc.or_(hit, pc.starts_with(ids, name.lower()))
        exact_count += _take(file, ids, urls, hit, exact, limit)
        bare = pc.replace_substring_regex(spelled, r"^[A-Za-z][A-Za-z0-9+.-]*://", "")
        host = pc.replace_substring_regex(bare, r"[/:?#].*$", "")
        if len(hosts) < MAX_HOSTS:
            hosts |= dict.fromkeys(h for h in pc.unique(host).to_pylist() if h)
        wanted = _without_scheme(name)
        of_host = pc.or_(pc.equal(host, wanted), pc.ends_with(host, "." + wanted))
        near = pc.fill_null(pc.or_(pc.starts_with(bare, wanted), of_host), False)
        loose_count += _take(file, ids, urls, near, loose, limit)
    if exact:
        return exact, exact_count
    if loose and name:
        return loose, loose_count
    raise NothingFoundError(
        f"no record of {run.root.at('').rstrip('/')} has this URL, id, beginning or host: {name}"
        + _suggestion(run, name, list(hosts))
    )


def one_spelling(url: str) -> str:
    """A URL as all its spellings have it: %XX of UTF-8 are the characters where these are not
    ASCII, or mean the same; other %XX in capitals; NFC.
    """

    def plain(found: re.Match[str]) -> str:
        try:
            text = bytes.fromhex(found[0].replace("%", "")).decode()
        except UnicodeDecodeError:
            return found[0].upper()
        keep = (c if ord(c) > 127 or c in _UNRESERVED else f"%{ord(c):02X}" for c in text)
        return "".join(keep)

    return unicodedata.normalize("NFC", _ENCODED.sub(plain, url))


def _in_one_spelling(urls: pa.Array) -> pa.Array:
    odd = pc.fill_null(pc.match_substring_regex(urls, r"%[0-9A-Fa-f]{2}|[^\x00-\x7F]"), False)
    others = [one_spelling(url) for url in urls.filter(odd).to_pylist()]
    return pc.replace_with_mask(urls, odd, pa.array(others, urls.type)) if others else urls


def _records(run: RunReader) -> Iterator[tuple[FileEntry, pa.Array, pa.Array]]:
    for file in run.files("records"):
        with run.root.open(file.path) as stream:
            table = pq.read_table(stream, columns=["doc_id", "url"]).combine_chunks()
        if table.num_rows:
            yield file, table["doc_id"].chunk(0), table["url"].chunk(0)


def _take(
    file: FileEntry, ids: pa.Array, urls: pa.Array, hit: pa.Array, into: list[Match], limit: int
) -> int:
    rows = pc.indices_nonzero(hit)
    first = rows[: max(limit - len(into), 0)]
    into += [
        Match(i, u, file)
        for i, u in zip(ids.take(first).to_pylist(), urls.take(first).to_pylist(), strict=True)
    ]
    return len(rows)


def _without_scheme(name: str) -> str:
    return name.partition("://")[2] or name


def _suggestion(run: RunReader, name: str, hosts: list[str]) -> str:
    """; did you mean ...? The nearest URL of the nearest host, where one is near."""
    wanted = _without_scheme(name)
    host = wanted.partition("/")[0]
    near = difflib.get_close_matches(host, sorted(hosts), n=1)
    if not near:
        return "; `skypile why` takes a URL, its beginning, a host, or 8 digits of a document id"
    if host == wanted:
        return f"; did you mean {near[0]}?"
    urls: list[str] = []
    for _, _, of in _records(run):
        near_it = pc.fill_null(pc.match_substring(of, near[0] + "/"), False)
        own = (u for u in of.filter(near_it).to_pylist() if _without_scheme(u).startswith(near[0]))
        urls += itertools.islice(own, MAX_URLS - len(urls))
        if len(urls) == MAX_URLS:
            break
    closest = difflib.get_close_matches(name, sorted(set(urls)), n=1, cutoff=0)
    return f"; did you mean {masked_url(closest[0]) if closest else near[0]}?"


def fates(run: str, name: str, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The fates of the first `limit` records that `matches` finds, and how many it finds. Of a run
    that is stale or not finished without what only a current one can say.
    """
    reader = RunReader(run)
    found, count = matches(reader, name, limit)
    try:
        looked: Looked | None = Looked(run)
    except SkypileError:
        looked = None
    return [fate(reader, looked, match) for match in found], count


def fate(run: RunReader, looked: Looked | None, match: Match) -> dict[str, Any]:
    """The fate of one record: its record, its document without the text, each stage's row on it;
    beside a verdict that dropped it the stage's thresholds, beside one that edited it the blocks
    that went, and beside the duplicate that won its address. Masked.
    """
    record = _row(run, match.file, match.doc_id)
    found: dict[str, Any] = {"record": record}
    part = (match.file.source, match.file.part)
    found |= run.rows_on(match.doc_id, *part)
    if looked and record["kept"]:
        blocks = _blocks(looked, match)
        for stage in looked.cuts:
            verdict = found.get(f"verdicts_{stage}")
            if not verdict:
                continue
            if verdict["kept"] is False:
                manifest = looked.manifest(f"{stage}.cut", match.file.source)
                verdict["thresholds"] = dict(manifest.settings) if manifest else {}
            if stage in blocks:
                verdict["removed_text"] = blocks[stage]
        for table, column in (("duplicates", "winner"), ("mixture", "equal_to")):
            other = (found.get(table) or {}).get(column)
            if other and not (found[table].get("run")):
                found[table][f"{column}_url"] = _url(run, other)
    return {name: _shown(row) for name, row in found.items()}


def _row(run: RunReader, file: FileEntry, doc_id: str) -> dict[str, Any]:
    with run.root.open(file.path) as stream:
        (row,) = pq.read_table(stream, filters=[("doc_id", "=", doc_id)]).to_pylist()
    return dict(row)


def _url(run: RunReader, doc_id: str) -> str | None:
    for file in run.files("records"):
        with run.root.open(file.path) as stream:
            names, only = ["doc_id", "url", "path"], [("doc_id", "=", doc_id)]
            for row in pq.read_table(stream, columns=names, filters=only).to_pylist():
                return str(row["url"] or row["path"])
    return None


def _blocks(looked: Looked, match: Match) -> dict[str, list[str]]:
    """By stage the blocks of a document that it removed, with what is on record about them."""
    own = [
        p for p in looked.all_parts if (p.source, p.part) == (match.file.source, match.file.part)
    ]
    pick: Pick | None = find(own, [match.doc_id]).get(match.doc_id)
    if pick is None:
        return {}
    (sample,) = samples(looked, [pick], looked.cuts[0]).values()
    found: dict[str, list[str]] = {}
    for block in sample.blocks:
        if block.removed_by:
            why = f"  [{block.why}]" if block.why else ""
            found.setdefault(block.removed_by, []).append(short(block.text, BLOCK_CHARS) + why)
    return found


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(row)
    for name, value in row.items():
        if name in _IDS or name.endswith("digest"):
            continue
        hide = masked_url if name.endswith(("url", "urls")) else masked
        if isinstance(value, str):
            found[name] = hide(value)
        elif isinstance(value, list):
            found[name] = [hide(v) if isinstance(v, str) else v for v in value]
    return found
