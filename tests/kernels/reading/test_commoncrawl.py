import base64
import hashlib
from datetime import UTC, datetime

import pytest

from skypile.kernels.reading.commoncrawl import (
    checksums,
    in_segments,
    is_crawl,
    pages_of,
    parse_captures,
    parse_paths,
    parse_range,
    retry_after,
    strong_validator,
)

NOW = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["CC-MAIN-2024-10", "CC-NEWS/2024/01", "CC-NEWS"])
def test_names_of_crawls(name: str) -> None:
    assert is_crawl(name)


@pytest.mark.parametrize(
    "name", ["", "cc-main-2024-10", "CC-MAIN-2024-10/../x", "CC-MAIN-2024-10\n"]
)
def test_no_names_of_crawls(name: str) -> None:
    assert not is_crawl(name)


def test_segments_are_folders_in_the_order_of_the_list() -> None:
    paths = [f"crawl-data/C/segments/{s}/warc/{i}.gz" for s in ("9", "10") for i in range(3)]
    assert parse_paths("\n".join([*paths, paths[0], ""]).encode()) == paths
    assert in_segments(paths, 1, None) == paths[:3]
    assert in_segments(paths, 2, 4) == paths[:4]
    assert in_segments(paths, None, 1) == paths[:1]
    assert in_segments(paths, None, None) == paths


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes 100-199/1000", (100, 1000)),
        ("bytes 0-0/*", (0, None)),
        ("bytes */1000", (None, 1000)),
        ("items 1-2/3", (None, None)),
        ("bytes 1-2", (None, None)),
        (None, (None, None)),
    ],
)
def test_content_range(header: str | None, found: tuple[int | None, int | None]) -> None:
    assert parse_range(header) == found


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 01 Mar 2024 12:00:30 GMT", 30.0),
        ("Fri, 01 Mar 2024 11:00:00 GMT", 0.0),
        ("Fri, 01 Mar 2024 13:00:30 +0100", 30.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


MD5, SHA256 = hashlib.md5(b"x"), hashlib.sha256(b"x")
MD5_64 = base64.b64encode(MD5.digest()).decode()
SHA256_64 = base64.b64encode(SHA256.digest()).decode()
HEX = MD5.hexdigest()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Content-MD5": MD5_64}, {"md5": HEX}),
        ({"content-md5": "short"}, {}),
        (
            {"Digest": f"SHA-256={SHA256_64},MD5={MD5_64}"},
            {"sha256": SHA256.hexdigest(), "md5": HEX},
        ),
        ({"Repr-Digest": f"sha-256=:{SHA256_64}:"}, {"sha256": SHA256.hexdigest()}),
        ({"Digest": "unixsum=30637"}, {}),
        ({"x-amz-checksum-sha256": SHA256_64}, {"sha256": SHA256.hexdigest()}),
        ({"x-amz-checksum-sha256": f"{SHA256_64}-3"}, {}),  # of parts
        ({"x-goog-hash": f"crc32c=n03x6A==,md5={MD5_64}"}, {"md5": HEX}),
        ({"Server": "AmazonS3", "ETag": f'"{HEX}"'}, {"md5": HEX}),
        ({"Server": "AmazonS3", "ETag": f'"{HEX}-17"'}, {}),  # stored in pieces
        ({"Server": "nginx", "ETag": f'"{HEX}"'}, {}),
        (
            {"Server": "AmazonS3", "ETag": f'"{HEX}"', "x-amz-server-side-encryption": "aws:kms"},
            {},
        ),
    ],
)
def test_stated_checksums(headers: dict[str, str], found: dict[str, str]) -> None:
    assert checksums(headers) == found


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"etag": '"a"', "Last-Modified": "x"}, '"a"'),
        ({"ETag": 'W/"a"', "Last-Modified": "Fri"}, "Fri"),  # weak: not for If-Range
        ({"ETag": 'W/"a"'}, None),
        ({"ETag": '""'}, None),
        ({}, None),
    ],
)
def test_what_names_a_version(headers: dict[str, str], found: str | None) -> None:
    assert strong_validator(headers) == found


def test_pages() -> None:
    assert pages_of(b'{"pages": 4, "pageSize": 5}') == pages_of(b"4") == 4
    for wrong in (b"{}", b'{"pages": "4"}', b"-1", b"true", b"<html>", b"9999999999"):
        with pytest.raises(ValueError):
            pages_of(wrong)


ROW = '{"filename": "crawl-data/a/b.gz", "offset": "%s", "length": "%s", "url": "http://例/"}'


def test_captures() -> None:
    (found,) = parse_captures((ROW % (5, 9)).encode() + b"\n\n")
    assert (found.filename, found.offset, found.length) == ("crawl-data/a/b.gz", 5, 9)
    assert found.url == "http://例/"
    good = (ROW % (5, 9)).encode()
    for wrong in ((ROW % (-5, 9)).encode(), (ROW % (5, 0)).encode(), (ROW % (5, 1 << 40)).encode()):
        with pytest.raises(ValueError, match="line 2"):
            parse_captures(good + b"\n" + wrong)
    for wrong in (b"[]", b"x", b'{"url": "http://a/"}', good.replace(b"crawl-data/a", b"..")):
        with pytest.raises(ValueError, match="line 1"):
            parse_captures(wrong)
