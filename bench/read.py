"""Reading archives beside plain fastwarc: records/s and MB/s, in one process.

`python -m bench.read [--data ../shared/data]` prints JSON lines. Both read from memory, iterate
over all records, parse the HTTP heads of responses and read their payloads. skypile's are decoded;
fastwarc's are as they are stored, since with `auto_decode` it gives up at the odd chunks of real
files. MB are those of the archive when it is not compressed. They take turns, and a value is the
median of the rounds, in processor time. ratio: our speed over fastwarc's, which does not say where
a file is damaged or that a record is cut, and knows no ARC and no dictionary in a .warc.zst.

The crawl is what `make_crawl.py` of the shared tools makes, in four containers; the others are the
bigger files of `warc_samples`. inflate: gzip members by themselves, zlib-ng beside zlib.
"""

import argparse
import gzip
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import lz4.frame
import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType
from zlib_ng import zlib_ng

from skypile.kernels.reading.warc import WarcReader, record_boundaries

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
SAMPLES = (
    "archivesunleashed+aut__example.warc.gz",
    "archivesunleashed+aut__example.pdf.warc.gz",
    "ukwa+webarchive-discovery__BL-20140325121225068-00000-32090~opera~8443.warc.gz",
    "webrecorder+pywb__iana.warc.gz",
    "chatnoir-eu+chatnoir-resiliparse__warcfile.warc",
    "chatnoir-eu+chatnoir-resiliparse__warcfile.warc.gz",
    "chatnoir-eu+chatnoir-resiliparse__warcfile.warc.lz4",
    "N0taN3rd+node-warc__books.toscrape.warc",
)
TARGET = 0.5
Counts = tuple[int, int]  # records, payload bytes of responses


def ours(data: bytes) -> Counts:
    records = size = 0
    for record in WarcReader(io.BytesIO(data)):
        records += 1
        size += len(record.payload)
    return records, size


def fastwarc(data: bytes) -> Counts:
    records = size = 0
    for record in ArchiveIterator(io.BytesIO(data), parse_http=True):
        records += 1
        if record.record_type == WarcRecordType.response:
            size += len(record.reader.read())
    return records, size


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    print(
        json.dumps(
            {
                "bench": "read",
                "case": case,
                "metric": metric,
                "value": round(value, 3),
                "unit": unit,
                **more,
            }
        ),
        flush=True,
    )


def seconds(
    work: dict[str, Callable[[bytes], Any]], data: bytes, rounds: int
) -> dict[str, list[float]]:
    """Processor seconds of each round of each; short work is repeated within a round."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    repeats = {}
    for name, run in work.items():  # warm
        begun = time.process_time()
        run(data)
        repeats[name] = max(1, int(0.05 / (time.process_time() - begun + 1e-6)))
    for i in range(rounds):
        for name in sorted(work, reverse=bool(i % 2)):
            begun = time.process_time()
            for _ in range(repeats[name]):
                work[name](data)
            spent[name].append((time.process_time() - begun) / repeats[name])
    return spent


def compare(case: str, data: bytes, plain_bytes: int, rounds: int) -> None:
    """The lines of one archive."""
    records, size = ours(data)
    peer_records, peer_size = fastwarc(data)
    spent = seconds({"ours": ours, "fastwarc": fastwarc}, data, rounds)
    us, peer = (statistics.median(spent[n]) for n in ("ours", "fastwarc"))
    ratio = statistics.median(
        theirs / own for own, theirs in zip(spent["ours"], spent["fastwarc"], strict=True)
    )
    more: dict[str, object] = {"peer": "fastwarc"}
    line(
        case,
        "records_per_s",
        records / us,
        "1/s",
        **more,
        peer_value=round(peer_records / peer, 3),
        records=records,
        peer_records=peer_records,
    )
    megabytes = plain_bytes / 1e6
    line(
        case,
        "mb_per_s",
        megabytes / us,
        "MB/s",
        **more,
        peer_value=round(megabytes / peer, 3),
        payload_bytes=size,
        peer_payload_bytes=peer_size,
    )
    line(case, "ratio", ratio, "fraction", **more, target=TARGET, ok=ratio >= TARGET)


def containers(packed: bytes) -> Iterator[tuple[str, bytes]]:
    """A .warc.gz with a member a record, as it is and in the other containers."""
    starts = [0, *(at for at, _ in record_boundaries(io.BytesIO(packed), 1)), len(packed)]
    records = [gzip.decompress(packed[a:b]) for a, b in pairwise(starts)]
    zstd = zstandard.ZstdCompressor(write_checksum=True)
    yield ".warc", b"".join(records)
    yield ".warc.gz", packed
    yield ".warc.zst", b"".join(zstd.compress(r) for r in records)
    yield ".warc.lz4", b"".join(lz4.frame.compress(r, content_checksum=True) for r in records)


def inflated(module: Any) -> Callable[[bytes], int]:
    """What inflates all members of a file with a zlib."""

    def run(data: bytes) -> int:
        at = size = 0
        while at < len(data):
            z = module.decompressobj(31)
            while not z.eof:
                chunk = data[at : at + (64 << 10)]
                size += len(z.decompress(chunk))
                at += len(chunk) - len(z.unused_data)
        return size

    return run


def inflate(case: str, data: bytes, rounds: int) -> None:
    """Members alone: zlib-ng beside zlib."""
    size = inflated(zlib)(data)
    assert size == inflated(zlib_ng)(data)
    spent = seconds({"zlib_ng": inflated(zlib_ng), "zlib": inflated(zlib)}, data, rounds)
    us, peer = (statistics.median(spent[n]) for n in ("zlib_ng", "zlib"))
    line(
        f"{case} inflate",
        "mb_per_s",
        size / 1e6 / us,
        "MB/s",
        peer="zlib",
        peer_value=round(size / 1e6 / peer, 3),
    )


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tool = given.data.parent / "tools/make_crawl.py"
        subprocess.run([sys.executable, tool, folder], check=True, stdout=subprocess.DEVNULL)
        packed = b"".join(p.read_bytes() for p in sorted(Path(folder).glob("*.warc.gz")))
    plain_bytes = 0
    for name, data in containers(packed):
        plain_bytes = plain_bytes or len(data)
        compare(f"crawl{name}", data, plain_bytes, given.rounds)
    inflate("crawl.warc.gz", packed, given.rounds)
    for name in SAMPLES:
        data = (given.data / "warc_samples/files" / name).read_bytes()
        plain_bytes = len(data)
        if name.endswith(".gz"):
            plain_bytes = inflated(zlib)(data)
        elif name.endswith(".lz4"):
            plain_bytes = len(lz4.frame.open(io.BytesIO(data)).read())
        compare(name, data, plain_bytes, given.rounds)


if __name__ == "__main__":
    main()
