"""What the benches beside peers stand on: the crawl's records, the time of all processes."""

import base64
import gzip
import hashlib
import io
import os
import sys
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator

from bench.crawl import as_crawled
from bench.measured import CGROUPS, Group, measured

PAYLOAD = "<p>甲\r\n\r\n乙</p>\r\n".encode()
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAYLOAD
RECORD = (
    b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
    b"WARC-Target-URI: http://a.example/\r\nContent-Type: application/http; msgtype=response\r\n"
    b"Content-Length: %d\r\n\r\n" % len(HTTP)
) + HTTP + b"\r\n\r\n"  # fmt: skip


def test_records_get_the_type_and_the_digest_of_their_payload() -> None:
    packed = gzip.compress(as_crawled(RECORD), mtime=0)
    record = next(iter(ArchiveIterator(io.BytesIO(packed))))
    said = base64.b32encode(hashlib.sha1(PAYLOAD).digest()).decode()
    assert record.headers.get("WARC-Payload-Digest") == f"sha1:{said}"
    assert record.headers.get("WARC-Identified-Payload-Type") == "text/html"
    assert record.reader.read() == PAYLOAD


def _groups() -> bool:
    return os.geteuid() == 0 and any(
        os.access(folder, os.W_OK) for folder in (CGROUPS / "cpuacct", CGROUPS)
    )


@pytest.mark.skipif(not _groups(), reason="control groups take root")
def test_the_time_of_a_grandchild_that_nobody_waits_for_is_counted(tmp_path: Path) -> None:
    try:
        with Group():
            pass
    except SystemExit as e:
        pytest.skip(str(e))
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    script = tmp_path / "leave.py"
    script.write_text(
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {burn!r}])\nprint('said')"
    )
    took = measured([sys.executable, str(script)], 1)
    assert took.said == "said\n"
    assert 0.5 <= took.cpu_s < 5
    assert took.wall_s >= took.cpu_s * 0.9
