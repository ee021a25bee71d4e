"""What `bench.fuzz` throws hostile input at, and what must hold for every input.

A target makes a check out of a folder that it may write to. A check takes bytes, says nothing where
all is well, and raises where it is not: `Finding`, or what the code under test should not have
raised. The first bytes of an input choose between containers, formats and limits; the rest is what
the web, or a disk, would give. So the fuzzer need not find out how gzip works.

Left out: what runs in the JVM, the trainer's readers, Wikipedia's markup beyond `ingest`.
"""

import contextlib
import datetime
import gzip
import io
import itertools
import json
import math
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from skypile.errors import SkypileError

Check = Callable[[bytes], None]
LATEST = "2030-12-31"
_EVERY = 4  # one input in so many is run twice: the same twice?


class Finding(AssertionError):
    """An input for which something does not hold; says what."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed. make: the check, given a folder of its own. seeds: valid inputs.

    cut: a pattern of places at which the mutator takes inputs apart. words: what it puts in.
    seconds: processor time that an input of `most` bytes may take, on a machine with other work.
    guided: whether its code is Python, whose branches are seen; machine code's are not.
    """

    name: str
    make: Callable[[Path], Check]
    seeds: Callable[[], Iterable[bytes]]
    cut: bytes
    words: tuple[bytes, ...] = ()
    most: int = 1 << 14
    seconds: float = 2.0
    guided: bool = True


def holds(condition: object, what: str, *seen: object) -> None:
    """Raise a finding unless the condition is true."""
    if not condition:
        raise Finding(f"{what}: {', '.join(repr(s)[:200] for s in seen)}")


class Twice:
    """Whether inputs are run twice at all: not where their time is taken."""

    on = True


def again(data: bytes) -> bool:
    """Whether an input is one of those that are run twice."""
    return Twice.on and zlib.crc32(data) % _EVERY == 0


def as_text(data: bytes) -> str:
    """Bytes as text, lone surrogates and all where that can be."""
    try:
        return data.decode("utf8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf8", "replace")


# WARC and ARC


def _parts(data: bytes) -> list[bytes]:
    """An archive cut in front of what looks like a record's head."""
    cuts = [0, *(i for i in range(1, len(data)) if data.startswith(b"WARC/", i)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(cuts) if a < b]


def packed(kind: int, data: bytes) -> bytes:
    """An archive as its records are stored: plain, in gzip or zstd members, or all in one; a
    damaged one, too.
    """
    pack: Callable[[bytes], bytes] = zstandard.ZstdCompressor().compress
    if kind % 4 == 1:
        pack = lambda part: gzip.compress(part, 1, mtime=0)  # noqa: E731
    match kind % 8:
        case 0 | 4:
            return data
        case 1 | 2:
            return b"".join(map(pack, _parts(data)))
        case 3:
            return gzip.compress(data, 1, mtime=0)
        case _:  # a byte of the packed archive is another
            whole = bytearray(b"".join(map(pack, _parts(data))))
            if whole:
                whole[zlib.crc32(data) % len(whole)] ^= 1 + kind % 255
            return bytes(whole)


class Trickle:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int = -1) -> bytes:
        """At most as many as it gives at a time."""
        return self._stream.read(self._most if size < 0 else min(size, self._most))


PROBLEMS = (None, "malformed_record", "truncated_record", "too_large")


def warc(folder: Path) -> Check:
    """Records are numbered, lie in the file, have a problem that is known; a trickle gives the
    same ones, and so does a range that begins at a record.
    """
    from skypile.kernels.reading.warc import WarcReader, record_boundaries

    def check(data: bytes) -> None:
        if len(data) < 2:
            return
        archive, limit = packed(data[0], data[2:]), 64 << (data[1] % 12)

        def read(stream: Any, **more: Any) -> tuple[list[Any], list[Any]]:
            reader = WarcReader(stream, max_record_bytes=limit, **more)
            return [*reader], reader.damages

        records, damages = read(io.BytesIO(archive))
        for number, record in enumerate(records):
            holds(record.ordinal == number, "records are numbered", record)
            holds(0 <= record.offset < len(archive), "a record lies in its file", record)
            holds(record.problem in PROBLEMS, "a problem that is known", record.problem)
            holds(len(record.payload) <= limit, "no payload above the limit", len(record.payload))
            for value in (record.type, record.content_type, record.header_charset, record.detail):
                holds(value is None or value.encode("utf8", "surrogateescape") is not None, "", 0)
        for damage in damages:
            holds(0 <= damage.offset <= len(archive), "a damage lies in its file", damage)
        if archive.strip(b"\r\n") and not records and archive[:2] != b"\x1f\x8b":  # of a newline
            holds(damages, "nothing is lost in silence", archive)
        if again(data):
            trickled, _ = read(Trickle(archive, 7))
            holds(trickled == records, "the size of reads makes no difference", len(records))
            for offset, ordinal in record_boundaries(io.BytesIO(archive), 1 + data[1])[:3]:
                rest, _ = read(
                    io.BytesIO(archive[offset:]),
                    start=offset,
                    first_ordinal=ordinal,
                    file_head=lambda size: archive[:size],
                )
                holds(rest == records[ordinal:], "a range has the records of the file", ordinal)

    return check


# Stages that read: every record has a row


def accounted(kernel: Any, reasons: tuple[str, ...], stream: Any, **how: Any) -> list[Any]:
    """The rows of a slice; records = judged rows + passed over, each row kept or with a reason of
    the stage, and as the tables have them.
    """
    from skypile.tables import DOCUMENTS, RECORDS

    rows = [*kernel(stream, source="web", path="a b/$(id)\n.x", start=0, first_ordinal=0, **how)]
    log = kernel.log()
    passed = sum(n for _, n in log["passed_over"])
    holds(log["judged"] == len(rows), "a row a judged record", log)
    holds(log["records"] == log["judged"] + passed, "records are judged or passed over", log)
    for record, document in rows:
        holds(record["kept"] == (document is not None), "kept and a document", record)
        holds(record["kept"] or record["reason"] in reasons, "a reason", record["reason"])
    filled = [{name: row.get(name) for name in RECORDS.schema.names} for row, _ in rows]
    RECORDS.from_rows(filled)
    DOCUMENTS.from_rows([document for _, document in rows if document])
    holds(len({r["doc_id"] for r, _ in rows}) == len(rows), "ids are unique", len(rows))
    return rows


def extract(folder: Path) -> Check:
    """WARC to documents, with the fast engine in this process."""
    from skypile.kernels.fast_engine import fast
    from skypile.stages.extract import STAGE, Config, make_read_kernel

    config = Config(engine="fast", max_record_bytes=1 << 14, max_page_bytes=1 << 13)
    kernel = make_read_kernel(config, lambda name: True)

    class InProcess:
        """The sandbox without a process."""

        def extract(self, html: str, **how: Any) -> Any:
            return fast.extract(html, **how)

        def close(self) -> None: ...

    kernel._sandbox = InProcess()  # type: ignore[assignment]

    def check(data: bytes) -> None:
        archive = packed(data[0] if data else 0, data[1:])
        rows = accounted(kernel, STAGE.reasons, io.BytesIO(archive), format="warc")
        if again(data):
            twice = accounted(kernel, STAGE.reasons, Trickle(archive, 11), format="warc")
            holds(rows == twice, "the same rows twice", len(rows))

    return check


READY = (
    *(("ingest", f, {}) for f in ("jsonl", "text", "wet")),
    ("ingest", "wikipedia", {"language": "zh"}),
    ("ingest", "jsonl", {"fields": {"text": "a.b", "date": "meta.when"}, "blocks": "paragraphs"}),
    *(("code", f, {}) for f in ("code_files", "code_jsonl", "code_tar")),
    *(("parallel", f, {}) for f in ("tmx", "pairs_tsv", "pairs_jsonl", "document_pairs")),
)


def ready(folder: Path) -> Check:
    """Lines, texts, WET, dumps, tars and pairs to documents."""
    from skypile.pipeline import all_stages
    from skypile.stage import NO_HINTS, Hints

    stages = {s.name: s for s in all_stages()}
    kernels = {}
    for name in ("ingest", "code", "parallel"):
        read = stages[name].read
        assert read
        kernels[name] = read.make_kernel(stages[name].config(max_record_bytes=2048), lambda _: True)

    def check(data: bytes) -> None:
        if not data:
            return
        stage, format, said = READY[data[0] % len(READY)]
        hints: Any = Hints(
            said.get("fields", NO_HINTS.fields),
            said.get("language", NO_HINTS.language),
            said.get("blocks", NO_HINTS.blocks),
            None,
        )
        reasons = stages[stage].reasons
        how = {"format": format, "hints": hints}
        rows = accounted(kernels[stage], reasons, io.BytesIO(data[1:]), **how)
        if again(data):
            twice = accounted(kernels[stage], reasons, Trickle(data[1:], 13), **how)
            holds(rows == twice, "the same rows twice", format)

    return check


def parquet(folder: Path) -> Check:
    """A damaged Parquet file to rows, one a row that its table of contents promises."""
    from skypile.pipeline import all_stages

    stage = next(s for s in all_stages() if s.name == "ingest")
    assert stage.read
    kernel = stage.read.make_kernel(stage.config(), lambda _: True)

    def check(data: bytes) -> None:
        rows = accounted(kernel, stage.reasons, io.BytesIO(data), format="parquet")
        holds(rows or not data or data[:4] == b"PAR1", "no file without a row", data[:20])

    return check


# Text


def charset(folder: Path) -> Check:
    """Bytes to text that can be written, the same twice, whatever the header says."""
    from skypile.kernels.reading.charset import decode

    labels = (None, "utf-8", "gb2312", "Big5", "shift_jis", "iso-2022-jp", "utf-16", "hz", "x\0\n")

    def check(data: bytes) -> None:
        if not data:
            return
        label, body = labels[data[0] % len(labels)], data[1:]
        found = decode(body, label)
        if found:
            holds(found.text.encode() is not None, "text that can be written", found.charset)
            holds(0 <= found.replaced <= len(found.text), "replaced characters", found.replaced)
        if again(data):
            holds(decode(body, label) == found, "the same twice", found)

    return check


def page(engine: str) -> Callable[[Path], Check]:
    """A page to blocks without line ends, in NFC, and a title and date that can be written."""

    def make(folder: Path) -> Check:
        import importlib

        from skypile.kernels.extraction.html import DEFAULT_LIMITS

        module: Any = importlib.import_module(f"skypile.kernels.{engine}")

        def run(html: str) -> Any:
            url = f"http://example.org/2020/01/02/{html[:8]}"
            return module.extract(html, url=url, limits=DEFAULT_LIMITS, latest_date=LATEST)

        def check(data: bytes) -> None:
            html = as_text(data)
            found = run(html)
            if found:
                holds(any(map(str.strip, found.blocks)), "a page has text", found)
                for block in found.blocks:
                    holds("\n" not in block, "a block is one line", block)
                    holds(block.encode() is not None, "a block can be written", block)
                    holds(unicodedata.is_normalized("NFC", block), "a block is in NFC", block)
                if found.title is not None:
                    holds(found.title.encode() is not None, "a title can be written", found.title)
                if found.date is not None:
                    date = datetime.date.fromisoformat(found.date).isoformat()
                    holds(date == found.date <= LATEST, "an ISO date", found.date)
            if again(data):
                holds(run(html) == found, "the same twice", found)

        return check

    return make


def rules(folder: Path) -> Check:
    """Signals that do not depend on the batch, and rules whose reasons are those of the profile."""
    from skypile.kernels.quality.rules import PROFILES, apply
    from skypile.kernels.quality.signals import SCHEMA, measure

    def check(data: bytes) -> None:
        texts = as_text(data).encode("utf8", "replace").decode().split("\x1e")
        batch = measure(texts)
        holds(batch.schema == SCHEMA and batch.num_rows == len(texts), "a row a text", len(texts))
        holds(not any(column.null_count for column in batch.columns), "no nulls", texts)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = np.asarray(column, np.float64)
            holds(np.isfinite(values).all() and (values >= 0).all(), f"{name} is a measure", values)
            if "fraction" in name:
                holds((values <= 1.000001).all(), f"{name} is a share", values)
        for profile in PROFILES.values():
            names = {rule.name for rule in profile}
            for reason in apply(profile, batch):
                holds(reason is None or reason in names, "a reason of the profile", reason)
        if len(texts) > 1 or again(data):
            alone = [measure([text]).to_pylist()[0] for text in texts]
            holds(alone == batch.to_pylist(), "a row depends on its text alone", texts)

    return check


def mask(folder: Path) -> Check:
    """What is masked holds nothing that the detector finds, and masking it again changes nothing;
    a URL neither, whatever is percent-encoded.
    """
    from skypile.kernels.personal_data.personal import (
        MAX_ENCODINGS,
        PLACEHOLDERS,
        find,
        mask,
        mask_url,
    )

    def check(data: bytes) -> None:
        text = as_text(data)
        spans = find(text)
        ends = [0, *(end for _, end, _ in spans)]
        for before, (start, end, kind) in zip(ends, spans, strict=False):
            holds(before <= start < end <= len(text), "spans are in order", spans)
            holds(kind in PLACEHOLDERS, "a kind", kind)
        masked, counts = mask(text)
        holds(sum(counts.values()) == len(spans), "all that is found is counted", counts)
        holds(not find(masked), "nothing is left", masked, find(masked))
        holds(mask(masked) == (masked, {}), "masking twice is masking once", masked)
        shown = mask_url(text)
        holds(not find(shown), "nothing is left in a URL", shown)
        for _ in range(MAX_ENCODINGS):
            shown = unquote(shown)
            holds(not find(shown), "nothing is hidden in a URL", shown)

    return check


def blocklist(folder: Path) -> Check:
    """A list built of any lines; what is listed and not refused is blocked."""
    from skypile.kernels.quality.blocklist import BlockList, build
    from skypile.kernels.text.urls import place

    def check(data: bytes) -> None:
        lines = data.split(b"\n")
        arrays = build([("a", "domains", lines), ("b", "urls", lines)])
        found = BlockList(arrays)
        texts = [line.decode("utf8", "replace").strip() for line in lines]
        verdicts = found.check([*texts, None, ""])
        holds(len(verdicts) == len(texts) + 2 and verdicts[-2:] == [None] * 2, "one a URL", texts)
        if len(texts) == 1 and not arrays.refused and len(arrays.hashes) and place(texts[0]):
            holds(verdicts[0], "what is listed is blocked", texts[0])

    return check


# Files of ours


def config(folder: Path) -> Check:
    """Any file is a Config or a SkypileError that names it; no setting is not a number."""
    from skypile.config import load
    from skypile.pipeline import all_stages

    path, stages = folder / "c.toml", all_stages()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = load(path, stages)
        except SkypileError as error:
            holds(str(path) in str(error), "an error names the file", str(error))
            return
        for value in _leaves([found.run, found.spark, found.sources, dict(found.settings)]):
            holds(not (isinstance(value, float) and math.isnan(value)), "a number", value)

    return check


def _leaves(value: Any) -> Iterator[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _valid_run(folder: Path) -> dict[str, bytes]:
    """The files of a small run: manifests, receipts, what it remembers."""
    from skypile.files import Root
    from skypile.manifests import FileEntry, Manifest, Manifests, content_digest, receipt_path

    root = Root(str(folder))
    entry = FileEntry("t", "web", 0, "t/x", 3, 4, "0" * 64)
    common: dict[str, Any] = {"source": "web", "fingerprint": "f", "own_fingerprint": "o"}
    common |= {"settings": {"a": 1}, "libraries": {}, "tables": {"t": 1}, "rows": {"t": 3}}
    digest = content_digest({"t": 1}, [entry], {})
    below = Manifest(piece="a.read", inputs={}, digest=digest, **common)
    above = Manifest(piece="a.cut", inputs={"a.read/web": digest}, digest=digest, **common)
    for manifest in (below, above):
        Manifests(root).commit(manifest, [entry])
    root.write_atomic("t/x", b"data")
    receipt = {"key": "k", "files": [{"path": "t/x", "bytes": 4}]}
    root.write_atomic(receipt_path("a.read", "web", "f", "k", "1"), json.dumps(receipt).encode())
    pieces = {
        "a.read/web": {"own": "o", "inputs": []},
        "a.cut/web": {"own": "o", "inputs": ["a.read/web"]},
    }
    stages = [{"name": "a", "paper": "", "pieces": {"cut": ["web"]}, "applies": ["web"]}]
    record = {"sources": [{"name": "web"}], "stages": stages, "readers": {"web": "a"}}
    record |= {"pieces": pieces, "sample_fraction": 1.0}
    root.write_atomic("run.json", json.dumps(record).encode())
    return {str(p.relative_to(folder)): p.read_bytes() for p in _files_below(folder)}


def _files_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _damaged(folder: Path, files: dict[str, bytes], data: bytes) -> str:
    """Put the files there, one of them with other bytes; its name."""
    name = sorted(files)[data[0] % len(files)]
    (folder / name).write_bytes(data[1:])
    return name


def manifests(folder: Path) -> Check:
    """A damaged file of a run is an error that names it, or it does no harm."""
    from skypile.files import Root
    from skypile.manifests import Manifests
    from skypile.reader import RunReader

    files = _valid_run(folder)

    def use() -> None:
        store = Manifests(Root(str(folder)))
        for manifest in [*store.all(), *store.past("a.read", "web")]:
            store.moved_inputs(manifest)
            store.files(manifest)
        for receipt in store.receipts("a.read", "web", "f").values():
            holds({"path": "t/x", "bytes": 4} in receipt["files"] or not receipt["files"], "", 0)
        reader = RunReader(str(folder))
        reader.fresh("a.cut", "web")
        reader.files("t")
        reader.tables()

    def check(data: bytes) -> None:
        if not data:
            return
        name = _damaged(folder, files, data)
        try:
            use()
        except SkypileError as error:
            said = str(error)
            holds(name in said or Path(name).parent.name in said, "an error names it", name, said)
        finally:
            (folder / name).write_bytes(files[name])

    return check


def _valid_shards(folder: Path) -> dict[str, bytes]:
    """Two domains with a shard each."""
    import hashlib

    about = {"tokenizer": "ab" * 32, "vocabulary": 1000, "eos": 2}
    listed = []
    for split, domain in (("train", "webpages.main"), ("validation", "books.main")):
        tokens = np.array([5, 6, 2, 7, 2], "<u2").tobytes()
        ends = np.array([3, 5], "<u8").tobytes()
        at = folder / split / domain
        at.mkdir(parents=True)
        (at / "part-00000.u16").write_bytes(tokens)
        (at / "part-00000.docs").write_bytes(ends)
        file = {
            **{"name": "part-00000.u16", "docs": "part-00000.docs", "tokens": 5, "documents": 2},
            "sha256": hashlib.sha256(tokens).hexdigest(),
            "docs_sha256": hashlib.sha256(ends).hexdigest(),
        }
        totals = {"split": split, "domain": domain, "tokens": 5, "documents": 2}
        manifest = {"format": "skypile-shard", "version": 1, **totals, **about, "files": [file]}
        (at / "manifest.json").write_text(json.dumps(manifest))
        listed.append(totals)
    index = {"format": "skypile-shards", "version": 1, **about, "domains": listed}
    (folder / "index.json").write_text(json.dumps(index))
    return {str(p.relative_to(folder)): p.read_bytes() for p in _files_below(folder)}


def shards(folder: Path) -> Check:
    """Shards with a damaged file do not pass, and the error names it."""
    from skypile import shards as module

    files = _valid_shards(folder)
    module.progress = _silent  # type: ignore[attr-defined]

    def check(data: bytes) -> None:
        if not data:
            return
        name = _damaged(folder, files, data)
        try:
            counts = module.verify(str(folder))
            same = data[1:] == files[name]
            holds(same or name.endswith(".json"), "damage is found", name)
            holds(counts["tokens"] == 10 or name.endswith(".json"), "all are counted", counts)
        except SkypileError as error:
            said = str(error)
            near = Path(name).parent.name if name != "index.json" else name
            holds(name in said or near in said, "an error names it", name, said)
        finally:
            (folder / name).write_bytes(files[name])

    return check


@contextlib.contextmanager
def _silent(*_: object) -> Iterator[Callable[[int], None]]:
    yield lambda done: None


def tokenizer(folder: Path) -> Check:
    """Tokens that are the library's, whatever is encoded beside, and give the text back."""
    from skypile.kernels.tokenizer.encode import make_encoder
    from tests.tokenizer_texts import make_tokenizer, processor

    made = Path(tempfile.gettempdir()) / "skypile-fuzz-tokenizer"
    if not (made / "tokenizer.model").exists():
        make_tokenizer(made)
    library, encode = processor(made), make_encoder(made / "tokenizer.model")

    def check(data: bytes) -> None:
        # U+2581 stands for a space in the library, which gives a space back.
        plain = as_text(data).encode("utf8", "replace").decode().replace("\u2581", "_")
        texts = plain.split("\x1e")
        done = encode(pa.array(texts, pa.large_string()))
        holds(len(done.ends) == len(texts), "an end a text", len(texts))
        for text, tokens in zip(texts, np.split(done.tokens, done.ends)[:-1], strict=True):
            ids = tokens.tolist()
            end = library.eos_id()
            holds(ids[-1] == end and end not in ids[:-1], "one end of a document", ids)
            holds(library.decode(ids[:-1]) == text, "decoding gives the text back", text)

    return check


def parquet_seed() -> bytes:
    """A valid file of three texts."""
    buffer = io.BytesIO()
    texts = ["春眠不覺曉，處處聞啼鳥。" * 3, "The bridge was closed.", None]
    table = pa.table({"text": texts, "url": ["http://a.example/", None, "x"], "n": [1, 2, 3]})
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()
