"""Every container and every real archive, through the read kernel of the stage."""

import bz2
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from bench.warc_samples import outcome, samples
from skypile.files import Root
from skypile.hashing import SliceReader
from skypile.plan import SurveyTask, find_files, survey
from skypile.stages.extract import STAGE, Config, ExtractKernel
from skypile.tables import DOCUMENTS, RECORDS
from tests.stages.test_extract import EN, ZH, page, response

PAGES = [
    response(page(f"{i}. {EN}", ZH, *[f"{EN} {i}" for i in range(6)]).encode(), name=str(i))
    for i in range(12)
]
WARC = [gzip.decompress(p) for p in PAGES]
HEAD = b"filedesc://a.arc 0.0.0.0 20230601100000 text/plain 76\n1 0 Archive\n" + b"x" * 63 + b"\n\n"
ARC = [
    HEAD,
    *(
        b"http://canal.example/%d 192.0.2.1 20230601100000 text/html %d\n" % (i, len(block))
        + block
        + b"\n"
        for i, block in enumerate(
            w.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n\r\n") for w in WARC
        )
    ),
]
Pack = Callable[[list[bytes]], bytes]


def dictionary(records: list[bytes]) -> bytes:
    samples = [r[i : i + 200] for r in records for i in range(0, len(r), 100)]
    made = zstandard.train_dictionary(2048, samples)
    frame = b"\x5d\x2a\x4d\x18" + len(made.as_bytes()).to_bytes(4, "little") + made.as_bytes()
    packer = zstandard.ZstdCompressor(dict_data=made, write_checksum=True)
    return frame + b"".join(packer.compress(r) for r in records)


def each(compress: Callable[[bytes], bytes]) -> Pack:
    return lambda records: b"".join(compress(r) for r in records)


CONTAINERS: dict[str, Pack] = {
    "plain": b"".join,
    "gz": each(gzip.compress),
    "zst": each(zstandard.ZstdCompressor().compress),
    "zst with a dictionary": dictionary,
    "lz4": each(lz4.frame.compress),
    "bz2": each(bz2.compress),
    "one gz": lambda records: gzip.compress(b"".join(records)),
    "one zst": lambda records: zstandard.ZstdCompressor().compress(b"".join(records)),
    "one lz4": lambda records: lz4.frame.compress(b"".join(records)),
}


@pytest.fixture(scope="module")
def kernel() -> Iterator[ExtractKernel]:
    made = ExtractKernel(Config(), lambda _: True)
    yield made
    made.close()


@pytest.mark.parametrize("records", [WARC, ARC], ids=["warc", "arc"])
@pytest.mark.parametrize("pack", CONTAINERS.values(), ids=CONTAINERS)
def test_a_source_of_any_container_gives_its_documents(
    tmp_path: Path, kernel: ExtractKernel, records: list[bytes], pack: Pack
) -> None:
    """As the stage does it: planned in slices, each read by itself, rows that fit their tables."""
    (tmp_path / "input").mkdir()
    (tmp_path / "input/a.bin").write_bytes(pack(records))  # the name says nothing
    root = Root(str(tmp_path / "input"))
    (file,) = find_files(root, ["*"])
    assert STAGE.read
    cut_points = STAGE.read.formats["warc"]
    slices = survey(SurveyTask(root, file, file.bytes // 3, cut_points)).slices
    assert (len(slices) > 1) == (len(records) > 1 and pack not in ONE)
    rows = []
    judged = 0
    for one in slices:
        with root.open(one.path) as stream:
            reader = SliceReader(stream, one.start, one.end)
            rows += list(
                kernel(
                    reader,
                    source="web",
                    format="warc",
                    path=one.path,
                    start=one.start,
                    first_ordinal=one.first_ordinal,
                )
            )
            assert reader.digest() == one.sha256
        log = kernel.log()
        assert log["damages"] == []
        assert one.records is None or log["records"] == one.records
        judged += log["judged"]
    assert judged == len(rows) == len(PAGES)
    assert [r["reason"] for r, _ in rows] == [None] * len(PAGES)
    assert all(f"{i}. {EN}" in d["text"] and ZH in d["text"] for i, (_, d) in enumerate(rows))
    assert len({r["doc_id"] for r, _ in rows}) == len(PAGES)
    assert all((r["record_id"] is None) == (records is ARC) for r, _ in rows)
    RECORDS.from_rows([r for r, _ in rows])
    DOCUMENTS.from_rows([d for _, d in rows])


ONE = [pack for name, pack in CONTAINERS.items() if name.startswith("one")]


def test_revisits_are_passed_over_and_counted(kernel: ExtractKernel) -> None:
    revisit = WARC[0].replace(b"WARC-Type: response", b"WARC-Type: revisit")
    rows = list(
        kernel(
            io.BytesIO(WARC[0] + revisit),
            source="web",
            format="warc",
            path="a",
            start=0,
            first_ordinal=0,
        )
    )
    assert len(rows) == 1
    assert kernel.log()["passed_over"] == [("revisit", 1)]


@pytest.mark.slow
def test_every_real_archive_runs_through(shared_data: Path, kernel: ExtractKernel) -> None:
    if not (shared_data / "warc_samples").is_dir():
        pytest.skip("no WARC samples")
    documents = 0
    for row, path in samples(shared_data):
        got = outcome(row, path, kernel)
        log = got.log
        passed = sum(n for _, n in log["passed_over"])
        assert got.seconds < 60, path.name
        assert log["records"] == got.types.total() == log["judged"] + passed, path.name
        assert log["judged"] == got.documents + got.rejected.total(), path.name
        assert set(got.rejected) <= set(STAGE.reasons)
        assert got.html >= got.warcio_html, path.name
        json.dumps(log)
        documents += got.documents
    assert documents >= 290
