"""Tar archives that lie about themselves: damage, never an error that ends a task."""

import io
import tarfile

from skypile.kernels.reading.tar import TarReader, pax


def archive(headers: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(2):
            member = tarfile.TarInfo(f"{number}.py")
            member.size, member.pax_headers = 2, headers if number == 0 else {}
            tar.addfile(member, io.BytesIO(b"x\n"))
    return out.getvalue()


def test_a_size_of_thousands_of_digits_is_passed_over() -> None:
    found = list(TarReader(io.BytesIO(archive({"size": "9" * 5000}))))
    assert [(m.name, m.data) for m in found] == [("0.py", b"x\n"), ("1.py", b"x\n")]


def test_records_of_a_pax_header() -> None:
    assert pax(b"12 path=a/b\n11 size=12\n") == {"path": "a/b", "size": "12"}
    assert pax(b"12 path=a/b\n" + b"9" * 5000 + b" a=b\n") == {"path": "a/b"}


def test_archives_behind_each_other_are_one() -> None:
    """`cat a.tar b.tar`: each ends in blocks of zeros, and tar itself reads the first alone."""
    one, other = archive({}), archive({"path": "二.py"})
    reader = TarReader(io.BytesIO(one + other))
    found = list(reader)
    assert [m.name for m in found] == ["0.py", "1.py", "二.py", "1.py"]
    assert [m.ordinal for m in found] == [0, 1, 2, 3]
    assert found[2].offset >= len(one) > found[1].offset
    assert not reader.damages
    behind = TarReader(io.BytesIO(one + b"no header" * 100))
    assert len(list(behind)) == 2
    assert [d.reason for d in behind.damages] == ["malformed_record"]
    cut = TarReader(io.BytesIO(one.rstrip(b"\0")))
    assert len(list(cut)) == 2
    assert [d.reason for d in cut.damages] == ["truncated_record"]
