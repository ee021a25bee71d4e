"""The order of documents in shards, and the way of their tokens from tasks to shards."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from skypile.kernels.tokenizer.shards import (
    ROW,
    TOKEN,
    bucket_of,
    gather,
    key_sum,
    keys_of,
    layout,
    merge,
    shard_bounds,
    sort,
)


def documents(count: int, domains: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, domains and tokens; a document's tokens are its number, as often as it is long."""
    draw = np.random.default_rng(seed)
    rows = keys_of([f"{i:032x}" for i in range(count)], 0)
    rows["tokens"] = draw.integers(1, 9, count)
    tokens = np.repeat(np.arange(count), rows["tokens"]).astype(TOKEN)
    return rows, draw.integers(0, domains, count), tokens


def test_keys_are_of_seed_and_id_alone() -> None:
    names = ["a" * 32, "b" * 32]
    both, other = keys_of(names, 0), keys_of(names, 1)
    assert both[1] == keys_of(names[1:], 0)[0]
    assert both["high"][0] != other["high"][0]
    assert both["tokens"].tolist() == [0, 0]
    assert len(keys_of([], 0)) == 0
    assert both[0].tolist() == (10859909763038568868, 1288127031823929803, 0)  # on any machine


def test_order_by_key_has_nothing_to_do_with_the_order_of_input() -> None:
    rows = keys_of([f"{i:032x}" for i in range(5000)], 0)
    place = np.argsort(rows["high"])
    assert abs(spearmanr(np.arange(5000), place).statistic) < 0.05
    assert abs(spearmanr(place[:-1], place[1:]).statistic) < 0.05  # nor have neighbours


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2), st.integers(1, 2**31))
def test_buckets_rise_with_the_key_and_are_of_equal_width(keys: list[int], buckets: int) -> None:
    high = np.sort(np.array(keys, np.uint64))
    found = bucket_of(high, buckets)
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0
    assert found.max() < buckets
    exact = [(int(k) >> 32) * buckets >> 32 for k in high]
    assert found.tolist() == exact


@given(st.lists(st.floats(0, 50), min_size=1, max_size=9), st.integers(1, 10**9))
def test_every_domain_has_buckets_and_shards_cover_them(shards: list[float], size: int) -> None:
    tokens = [int(share * size) for share in shards]
    plan = layout(tokens, size, 8)
    for i, count in enumerate(tokens):
        buckets = plan.first[i + 1] - plan.first[i]
        bounds = shard_bounds(buckets, count, size)
        assert buckets >= 1
        assert bounds[0] == 0
        assert bounds[-1] == buckets
        assert all(a < b for a, b in pairwise(bounds))
        assert len(bounds) - 1 == max(1, min(buckets, -(-count // size)))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_any_partition_of_the_documents_gives_the_same_shards(
    count: int, domains: int, tasks: int, seed: int
) -> None:
    rows, domain, tokens = documents(count, domains, seed)
    totals = [int(rows["tokens"][domain == d].sum()) for d in range(domains)]
    plan = layout(totals, 40, 4)
    ends = np.cumsum(rows["tokens"])
    task = np.random.default_rng(seed).integers(0, tasks, count)
    files = []
    for t in range(tasks):
        mine = np.flatnonzero(task == t)
        own = gather(tokens, (ends - rows["tokens"])[mine], rows["tokens"][mine])
        done = sort(rows[mine], domain[mine], plan)
        files.append((done, gather(own, done.starts, done.rows["tokens"])))
    seen: list[int] = []
    for bucket in range(plan.buckets):
        stretches = []
        for done, out in files:
            begin, end = done.fences[bucket], done.fences[bucket + 1]
            stretches.append(
                (done.rows[begin["row"] : end["row"]], out[begin["token"] : end["token"]])
            )
        merged_rows, merged_tokens = merge(stretches)
        numbers = merged_tokens[np.cumsum(merged_rows["tokens"]) - 1].tolist()
        assert merged_tokens.tolist() == np.repeat(numbers, merged_rows["tokens"]).tolist()
        assert (np.diff(merged_rows["high"].astype(object)) > 0).all()
        of = np.searchsorted(plan.first, bucket, side="right") - 1
        assert all(domain[n] == of for n in numbers)
        seen += numbers
    assert sorted(seen) == list(range(count))


def test_a_document_twice_is_refused() -> None:
    rows, _, tokens = documents(3, 1)
    with pytest.raises(ValueError, match="occurs twice"):
        merge([(rows, tokens), (rows[:1], tokens[: rows["tokens"][0]])])


def test_key_sums_add_up_and_tell_sets_apart() -> None:
    rows, _, _ = documents(1000, 1)
    whole = key_sum(rows)
    assert (key_sum(rows[:300]) + key_sum(rows[300:])) % 2**64 == whole
    assert key_sum(rows[1:]) != whole
    assert key_sum(np.empty(0, ROW)) == 0
