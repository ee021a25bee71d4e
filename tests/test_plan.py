"""Planning: small files packed, big ones cut where records start, nothing listed twice."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skypile.errors import InputError
from skypile.files import Found, Root, glob_to_regex
from skypile.plan import (
    SURVEY_BYTES,
    SURVEY_FILES,
    Slice,
    SurveyTask,
    find_files,
    pack,
    refuse_repeats,
    survey,
    surveys,
)
from tests import toy


def slices(sizes: list[int]) -> list[Slice]:
    return [Slice(f"f{i:05d}", 0, n, 0, None, n, "") for i, n in enumerate(sizes)]


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1000))
def test_packing_loses_nothing_and_keeps_to_the_size(sizes: list[int], part_bytes: int) -> None:
    todo = slices(sizes)
    parts = pack(todo, part_bytes)
    assert [s for part in parts for s in part] == todo
    for part in parts:
        assert sum(s.bytes for s in part) <= part_bytes or sum(1 for s in part if s.bytes) == 1
    for left, right in pairwise(parts):  # no part could have taken the next
        assert sum(s.bytes for s in left) + right[0].bytes > part_bytes


def test_thousands_of_small_files_share_parts() -> None:
    parts = pack(slices([50_000] * 5_000), 16 << 20)
    assert len(parts) == 15  # 250 MB in parts of 16 MiB, and each well filled
    assert max(len(p) for p in parts) == 335


def test_one_big_file_is_cut_at_records_and_covered_without_gaps(tmp_path: Path) -> None:
    toy.write_lines(tmp_path, "big.txt", [f"line {i} {'x' * (i % 70)}" for i in range(2_000)])
    root = Root(str(tmp_path / "input"))
    (file,) = find_files(root, ["*.txt"])
    done = survey(SurveyTask(root, file, 4_096, toy.line_cut_points))
    data = (tmp_path / "input/big.txt").read_bytes()
    assert len(done.slices) == -(-len(data) // 4_096)
    assert done.slices[0].start == 0
    assert done.slices[-1].end == len(data)
    for left, right in pairwise(done.slices):
        assert left.end == right.start
        assert data[right.start - 1 : right.start] == b"\n"
        assert right.first_ordinal == data[: right.start].count(b"\n")
        assert left.records == right.first_ordinal - left.first_ordinal
    whole = survey(SurveyTask(root, file, 1 << 20, toy.line_cut_points))
    assert len(whole.slices) == 1
    assert whole.sha256 == done.sha256 == whole.slices[0].sha256


def test_a_file_that_grows_while_it_is_planned_is_refused(tmp_path: Path) -> None:
    toy.write_lines(tmp_path, "a.txt", ["one"])
    root = Root(str(tmp_path / "input"))
    (file,) = find_files(root, ["a.txt"])
    toy.write_lines(tmp_path, "a.txt", ["one", "two"])
    with pytest.raises(InputError, match=r"a\.txt changed while it was being planned"):
        survey(SurveyTask(root, file, 1 << 20, None))


def test_the_same_file_twice_is_refused_and_both_are_named() -> None:
    with pytest.raises(InputError, match=r"a\.gz \(source x\) and b\.gz \(source y\)"):
        refuse_repeats([("x", "a.gz", 10, "d"), ("x", "c.gz", 10, "e"), ("y", "b.gz", 10, "d")])
    refuse_repeats([("x", "a", 0, "d"), ("x", "b", 0, "d")])  # two empty files hold nothing


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.gz", ["a.gz"], ["d/a.gz", "a.gzip"]),
        ("**/*.gz", ["a.gz", "d/a.gz", "d/e/a.gz"], ["a.txt"]),
        ("d/**", ["d/a", "d/e/a"], ["e/a"]),
        ("s/*/w/?.gz", ["s/1/w/a.gz"], ["s/1/2/w/a.gz", "s/1/w/ab.gz"]),
        ("[ab].x", ["a.x"], ["c.x", "[ab].x"]),
        ("[!ab].x", ["c.x"], ["a.x"]),
        ("语料/*.gz", ["语料/网页.gz"], ["x/网页.gz"]),
    ],
)
def test_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    import re

    for name in yes:
        assert re.fullmatch(glob_to_regex(pattern), name), name
    for name in no:
        assert not re.fullmatch(glob_to_regex(pattern), name), name


def test_finding_files_is_sorted_and_each_once(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a.txt", "b/1.txt", "文/章.txt"):
        toy.write_lines(tmp_path, name, ["x"])
    root = Root(str(tmp_path / "input"))
    assert [f.path for f in find_files(root, ["**/*.txt", "b/*.txt", "a.txt"])] == [
        "a.txt",
        "b/1.txt",
        "b/2.txt",
        "文/章.txt",
    ]
    assert [f.path for f in find_files(root, ["b"])] == ["b/1.txt", "b/2.txt"]
    with pytest.raises(InputError, match=r"no file matches .*input/\*\.gz"):
        find_files(root, ["*.gz"])
    with pytest.raises(InputError, match=r"no such file: .*input/none\.txt"):
        find_files(root, ["none.txt"])


def test_a_million_tiny_files_are_a_few_survey_tasks() -> None:
    """Not one a file: Spark takes some milliseconds for each, and remembers it."""
    tiny = [SurveyTask(Root("/in"), Found(f"{n}", 300, ""), 1 << 20, None) for n in range(100_000)]
    groups = surveys(tiny)
    assert [task for group in groups for task in group] == tiny
    assert len(groups) == -(-len(tiny) // SURVEY_FILES)
    sizes = [1, SURVEY_BYTES, SURVEY_BYTES + 1, 5, 6, SURVEY_BYTES - 11, 1]
    mixed = [SurveyTask(Root("/in"), Found(f"{n}", s, ""), 1, None) for n, s in enumerate(sizes)]
    found = [[task.file.bytes for task in group] for group in surveys(mixed)]
    assert found == [
        [1],
        [SURVEY_BYTES],
        [SURVEY_BYTES + 1],
        [5, 6, SURVEY_BYTES - 11],
        [1],
    ]
    assert surveys([]) == []
