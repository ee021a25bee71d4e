"""The hot path of dedup: what a batch of texts costs in Python, and beside NumPy."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skypile.kernels.dedup import minhash
from skypile.stages.dedup import Config
from skypile.stages.dedup_signatures import make_measure_kernel

ENGLISH = "The crawl holds many pages, and page {} of them is a copy of another in some way."
CHINESE = "网络爬虫收集了很多网页，其中第{}页在某种程度上是别的网页的副本。"


def lines_run(work: Callable[[], object]) -> int:
    """Lines of Python that run meanwhile, one for each turn of a loop or comprehension."""
    count = 0

    def trace(_frame: FrameType, event: str, _given: Any) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def batch_of(text: str, count: int, common: bool) -> pa.RecordBatch:
    columns = {
        "doc_id": pa.array([str(i) for i in range(count)]),
        "text": pa.array([text.format(i) for i in range(count)], pa.large_string()),
    }
    if common:
        lines = [[1, i + 2] if i % 3 else None for i in range(count)]
        columns["common_lines"] = pa.array(lines, pa.list_(pa.int64()))
    return pa.RecordBatch.from_pydict(columns)


def test_the_counter_sees_loops() -> None:
    few, many = ["a"] * 10, ["a"] * 1_000
    assert (
        lines_run(lambda: [len(t) for t in many]) > lines_run(lambda: [len(t) for t in few]) + 900
    )
    assert lines_run(lambda: np.sort(np.zeros(1_000))) == lines_run(lambda: np.sort(np.zeros(10)))


@pytest.mark.parametrize("common", [False, True], ids=["plain", "common lines"])
@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_a_batch_is_measured_without_a_python_loop_over_its_documents(
    text: str, common: bool
) -> None:
    kernel = make_measure_kernel(Config())
    few, many = batch_of(text, 10, common), batch_of(text, 3_000, common)
    assert kernel(many).num_rows == 3_000  # compiled, and its constants made
    assert lines_run(lambda: kernel(many)) == lines_run(lambda: kernel(few))


def test_compiled_signatures_beat_numpy() -> None:
    """NumPy is the floor: its values, and by far less time (a thirtieth, measured)."""
    hashes = np.random.default_rng(3).integers(0, 2**64, (60, 1_000), dtype=np.uint64)
    offsets = np.arange(61) * 1_000
    a, b = (values[:, None] for values in minhash.permutations(126))
    prime, shift = np.uint64(minhash.PRIME), np.uint64(33)

    def numpy() -> np.ndarray:
        rows = [((a * (row >> shift) + b) % prime).min(axis=1) for row in hashes]
        return np.array(rows, np.uint32)

    def ours() -> np.ndarray:
        return minhash.signatures_of_sets(hashes.ravel(), offsets)

    assert (ours() == numpy()).all()
    assert 3 * least_seconds(ours) < least_seconds(numpy)


def least_seconds(work: Callable[[], object]) -> float:
    """CPU time, the least of three."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)
