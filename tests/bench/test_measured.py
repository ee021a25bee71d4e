"""What the benches beside peers stand on: the crawl's records, the time of all processes."""

import base64
import gzip
import hashlib
import io
import os
import subprocess
import sys
import time
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


needs_groups = pytest.mark.skipif(not _groups(), reason="control groups take root")


@pytest.fixture(autouse=True)
def _may_make_groups(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("skipif"):
        try:
            with Group():
                pass
        except SystemExit as e:
            pytest.skip(str(e))


@needs_groups
def test_what_a_failed_command_has_left_running_is_killed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    begun = time.monotonic()
    with pytest.raises(subprocess.CalledProcessError):
        measured(["sh", "-c", "sleep 300 & echo broken >&2; exit 3"], 1)
    assert "broken" in capfd.readouterr().err
    assert time.monotonic() - begun < 30
    with Group():  # of the same name: the one before is gone
        pass


@needs_groups
def test_the_time_of_a_grandchild_that_nobody_waits_for_is_counted(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    script = tmp_path / "leave.py"
    script.write_text(
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {burn!r}])\nprint('said')"
    )
    took = measured([sys.executable, str(script)], 1)
    assert took.said == "said\n"
    assert 0.5 <= took.cpu_s < 5
    assert took.wall_s >= took.cpu_s * 0.9
