"""Crowds among vectors: found whatever the order, assigned exactly, counted in any parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels import recurrence as R
from skypile.kernels.vectors import SCALE

DIMS = 64
T = 0.8


def lengthen(rows: np.ndarray) -> np.ndarray:
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.rint(rows * SCALE).astype(np.int16)


def crowd(rng: np.random.Generator, size: int, cosine: float) -> np.ndarray:
    """Rows at about that cosine to a random direction."""
    centre, noise = rng.standard_normal(DIMS), rng.standard_normal((size, DIMS))
    centre /= np.linalg.norm(centre)
    noise -= np.outer(noise @ centre, centre)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return lengthen(cosine * centre + np.sqrt(1 - cosine**2) * noise)


def planted(seed: int, background: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Vectors, and the crowd of each; 0 for the background."""
    rng = np.random.default_rng(seed)
    sizes = (12, 30, 60, 400)
    parts = [lengthen(rng.standard_normal((background, DIMS)))]
    parts += [crowd(rng, size, cosine) for size in sizes for cosine in (0.87, 0.95)]
    labels = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    return np.concatenate(parts), labels


def find(vectors: np.ndarray, weights: np.ndarray | None = None, **given: int) -> np.ndarray:
    ranks = np.array([hash_of(row) for row in vectors], np.int64)
    ones = np.ones(len(vectors), np.int64)
    return R.find_centres(vectors, ones if weights is None else weights, ranks, T, **given)


def hash_of(row: np.ndarray) -> int:
    return int.from_bytes(row.tobytes()[:6], "little")


def test_crowds_are_found_and_the_background_is_none() -> None:
    vectors, labels = planted(1)
    centres = find(vectors, least=8)
    assert 8 <= len(centres) <= 10
    found = R.assign(vectors, centres, T)
    assert (found.centre[labels == 0] < 0).mean() > 0.995
    for one in range(1, labels.max() + 1):
        at = found.centre[labels == one]
        assert (at == np.bincount(at[at >= 0]).argmax()).mean() > 0.95
    # Heaviest first.
    sizes = np.bincount(found.centre[found.centre >= 0])
    assert sizes[0] == sizes.max()


def test_centres_are_the_same_for_any_order() -> None:
    vectors, _ = planted(2, 1000)
    weights = np.arange(len(vectors)) % 3 + 1
    order = np.random.default_rng(0).permutation(len(vectors))
    one, other = find(vectors, weights), find(vectors[order], weights[order])
    assert len(one)
    assert (one == other).all()


def test_a_unit_that_many_documents_have_word_for_word_is_a_centre() -> None:
    vectors, labels = planted(3, 500)
    lone = np.flatnonzero(labels == 0)[0]
    weights = np.ones(len(vectors), np.int64)
    weights[lone] = 1000
    centres = find(vectors, weights, least=8)
    assert (np.abs(centres[0].astype(int) - vectors[lone]) < 100).all()
    assert not (R.assign(vectors[[lone]], find(vectors, least=8), T).centre >= 0).any()


def test_all_equal_all_zero_one_and_none() -> None:
    row = crowd(np.random.default_rng(5), 1, 1.0)
    assert (find(np.repeat(row, 50, axis=0)) == row).all()
    assert len(find(np.repeat(row, 2, axis=0))) == 0
    assert len(find(np.zeros((50, DIMS), np.int16))) == 0
    assert len(find(np.zeros((0, DIMS), np.int16))) == 0
    assert len(find(row, np.array([3]))) == 1


def test_tables_of_centres_are_bounded_and_hold_the_heaviest() -> None:
    vectors, labels = planted(4)
    found = find(vectors, least=8, most=2)
    assert len(found) == 2
    at = R.assign(vectors, found, T).centre
    assert {np.bincount(labels[at == c]).argmax() for c in (0, 1)} == {7, 8}


def test_band_keys_are_signs_and_do_not_depend_on_the_batch() -> None:
    rng = np.random.default_rng(6)
    vectors = lengthen(rng.standard_normal((9000, DIMS)))
    vectors[3] = 0
    directions = R.planes(DIMS, 11, 5)
    keys = R.band_keys(vectors, directions, 11)
    signs = vectors.astype(np.int64) @ directions.astype(np.int64) > 0
    plain = [
        [sum(int(signs[i, b * 11 + k]) << k for k in range(11)) + (b << 11) for b in range(5)]
        for i in range(20)
    ]
    plain[3] = [-1] * 5
    assert keys[:20].tolist() == plain
    parts = [R.band_keys(vectors[a : a + 1700], directions, 11) for a in range(0, 9000, 1700)]
    assert (np.concatenate(parts) == keys).all()
    assert len(np.unique(keys[:, 0])) > 1500
    # Products are whole numbers that float32 holds.
    lengths = np.linalg.norm(R.planes(512, 40).astype(float), axis=0)
    assert lengths.max() * (SCALE + 12) < 1 << 24


def test_collisions_are_as_often_as_the_angle_says() -> None:
    rng = np.random.default_rng(8)
    bands, bits = 400, 4
    directions = R.planes(DIMS, bits, bands)
    for cosine in (0.5, 0.8, 0.95):
        rows = crowd(rng, 200, cosine)
        centre = lengthen(rows.astype(float).sum(axis=0, keepdims=True))
        same = R.band_keys(rows, directions, bits) == R.band_keys(centre, directions, bits)
        angle = np.arccos(R._cosines(rows, centre)[:, 0])
        assert abs(same.mean() - ((1 - angle / np.pi) ** bits).mean()) < 0.02


def test_the_mode_of_a_bucket_is_not_moved_by_what_else_is_in_it() -> None:
    rng = np.random.default_rng(9)
    rows = np.concatenate([crowd(rng, 5, 0.97), lengthen(rng.standard_normal((9, DIMS)))])
    given = R.candidates(rows, np.ones(14, np.int64), np.array([0, 14, 14]), np.array([140, 7]), T)
    assert given.masses.tolist() == [50]
    assert (R._cosines(rows, given.centres)[:5] > 0.95).all()
    assert (R._cosines(rows, given.centres)[5:] < 0.6).all()


def test_of_a_bucket_the_rows_with_the_smallest_ranks_are_shown() -> None:
    keys = np.array([[7, 9]] * 100 + [[-1, -1]] * 5 + [[8, 9]] * 2, np.int64)
    weights, ranks = np.arange(107) + 1, np.random.default_rng(13).permutation(107)
    rows, offsets, totals = R.crowded(keys, weights, ranks, least=3, most=2, shown=16)
    assert totals.tolist() == [sum(range(1, 101)), sum(range(1, 101)) + 106 + 107]
    assert offsets.tolist() == [0, 16, 32]
    assert rows[:16].tolist() == sorted(range(100), key=lambda r: ranks[r])[:16]
    members = [*range(100), 105, 106]
    assert rows[16:].tolist() == sorted(members, key=lambda r: ranks[r])[:16]
    assert R.crowded(keys, weights, ranks, least=3, most=9)[2].tolist() == [5050, 213, 5263]
    assert R.crowded(keys, weights, ranks, least=214, most=9)[2].tolist() == [5050, 5263]
    assert R.crowded(keys[:0], weights[:0], ranks[:0], least=1, most=9)[1].tolist() == [0]


def test_the_nearest_is_by_the_angle() -> None:
    rng = np.random.default_rng(14)
    vector = crowd(rng, 1, 1.0)
    tilted = crowd_around(rng, vector, 0.9)
    longer = np.rint(1.4 * tilted).astype(np.int16)
    assert R.assign(vector, np.concatenate([longer, vector]), T).centre.tolist() == [1]


def crowd_around(rng: np.random.Generator, row: np.ndarray, cosine: float) -> np.ndarray:
    noise = rng.standard_normal(DIMS)
    noise -= row[0] * (noise @ row[0]) / (row[0].astype(float) @ row[0])
    tilt = np.sqrt(1 - cosine**2) * noise / np.linalg.norm(noise)
    return lengthen(cosine * row / np.linalg.norm(row) + tilt)


CENTRES = st.lists(st.integers(0, 25), max_size=30)


@settings(deadline=None)
@given(CENTRES, st.randoms(use_true_random=False), st.integers(1, 30))
def test_merging_keeps_the_heaviest_apart_in_any_order(picks, random, most) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(10)
    pool = np.concatenate([crowd(rng, 5, 0.9) for _ in range(4)] + [crowd(rng, 6, 0.3)])
    masses = np.arange(26) // 3
    given_ = R.Candidates(pool[picks], masses[picks])
    kept = R.merge(given_, T, most)
    assert len(kept.centres) <= most
    between = R._cosines(kept.centres, kept.centres)
    assert (between[~np.eye(len(between), dtype=bool)] < T).all()
    assert (np.diff(kept.masses) <= 0).all()
    if len(kept.centres) < most:
        # Each of the others lies near one that is as heavy or heavier.
        near = R._cosines(given_.centres, kept.centres) >= T - 1e-12
        heavier = given_.masses[:, None] <= kept.masses
        assert (near & heavier).any(axis=1).all() if len(picks) else True
    random.shuffle(picks)
    again = R.merge(R.Candidates(pool[picks], masses[picks]), T, most)
    assert (again.centres == kept.centres).all()


def test_assignment_is_exact_and_does_not_depend_on_the_batch() -> None:
    rng = np.random.default_rng(11)
    centres = lengthen(rng.standard_normal((300, DIMS)))
    vectors = lengthen(
        centres[rng.integers(0, 300, 9000)] / SCALE + 0.09 * rng.standard_normal((9000, DIMS))
    )
    vectors[7] = 0
    found = R.assign(vectors, centres, T)
    products = vectors.astype(np.int64) @ centres.astype(np.int64).T
    cosines = products / np.maximum(
        np.linalg.norm(vectors.astype(float), axis=1)[:, None]
        * np.linalg.norm(centres.astype(float), axis=1),
        1,
    )
    near = cosines.max(axis=1)
    assert np.allclose(found.cosine, near, atol=1e-6)
    assert ((found.centre >= 0) == (near >= T)).all()
    assert 0.2 < (found.centre >= 0).mean() < 0.9
    inside = found.centre >= 0
    assert (found.centre[inside] == cosines.argmax(axis=1)[inside]).all()
    assert found.centre[7] == -1
    parts = [R.assign(vectors[a : a + 1700], centres, T) for a in range(0, 9000, 1700)]
    assert (np.concatenate([p.centre for p in parts]) == found.centre).all()
    assert (np.concatenate([p.cosine for p in parts]) == found.cosine).all()
    nothing = R.assign(vectors[:3], centres[:0], T)
    assert nothing.centre.tolist() == [-1] * 3
    # Of equal centres the first.
    assert set(R.assign(centres[:5], np.repeat(centres[:1], 3, axis=0), T).centre) <= {-1, 0}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 9)), max_size=60),
    st.lists(st.integers(0, 3), min_size=10, max_size=10),
)
def test_counts_add_up_over_parts(units: list[tuple[int, int]], parts: list[int]) -> None:
    hosts = [d % 3 for d in range(10)]
    made = []
    for part in range(4):
        mine = [(c, d) for c, d in units if parts[d] == part]
        centre = np.array([c for c, _ in mine], np.int32)
        document = np.array([d for _, d in mine], np.int64)
        made.append(R.tally(centre, document, np.array([hosts[d] for _, d in mine], np.int64), 5))
    one = R.add(R.add(made[0], made[1]), R.add(made[2], made[3]))
    other = R.add(made[3], R.add(made[1], R.add(made[2], made[0])))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    documents, on_hosts = R.recurrence(one)
    assert documents.tolist() == [len({d for c, d in units if c == k}) for k in range(5)]
    assert on_hosts.tolist() == [len({d % 3 for c, d in units if c == k}) for k in range(5)]


def test_means_of_balls_are_the_same_from_any_parts() -> None:
    rng = np.random.default_rng(12)
    vectors, centre = crowd(rng, 90, 0.9), rng.integers(-1, 3, 90).astype(np.int32)
    weights = rng.integers(1, 1_000_000, 90)
    whole = R.sums_of(vectors, weights, centre, 4)
    parts = [R.sums_of(vectors[a : a + 40], weights[a : a + 40], centre[a : a + 40], 4)
             for a in (80, 0, 40)]  # fmt: skip
    assert (sum(parts) == whole).all()
    old = lengthen(rng.standard_normal((4, DIMS)))
    new = R.moved(old, whole)
    assert (new[3] == old[3]).all()
    mean = lengthen(whole[:3].astype(float))
    assert np.abs(new[:3].astype(int) - mean).max() <= 1
    assert (R.to_length(whole * 1000) == R.to_length(whole)).all()


def test_band_bits_and_their_range() -> None:
    assert [R.band_bits(n) for n in (0, 1, 100, 50_000, 5_000_000, 1 << 60)] == [
        4, 4, 4, 11, 18, 40,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="41 bits"):
        R.planes(DIMS, 41)
