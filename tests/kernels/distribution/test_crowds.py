"""Crowds among vectors: found whatever the order, and bit by bit as the plain search finds them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.distribution import crowds, regions
from skypile.kernels.distribution import recurrence as R
from skypile.kernels.distribution.nearest import NEW, Nearest, angles
from skypile.kernels.distribution.vectors import SCALE
from tests.kernels.distribution import plain_crowds
from tests.kernels.distribution.test_recurrence import DIMS, T, crowd, lengthen


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
    return crowds.find_centres(vectors, ones if weights is None else weights, ranks, T, **given)


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
    directions = regions.planes(DIMS, 11, 5)
    keys = regions.band_keys(vectors, directions, 11)
    signs = vectors.astype(np.int64) @ directions.astype(np.int64) > 0
    plain = [
        [sum(int(signs[i, b * 11 + k]) << k for k in range(11)) + (b << 11) for b in range(5)]
        for i in range(20)
    ]
    plain[3] = [-1] * 5
    assert keys[:20].tolist() == plain
    parts = [regions.band_keys(vectors[a : a + 1700], directions, 11) for a in range(0, 9000, 1700)]
    assert (np.concatenate(parts) == keys).all()
    assert len(np.unique(keys[:, 0])) > 1500
    # Products are whole numbers that float32 holds.
    lengths = np.linalg.norm(regions.planes(512, 40).astype(float), axis=0)
    assert lengths.max() * (SCALE + 12) < 1 << 24


def test_collisions_are_as_often_as_the_angle_says() -> None:
    rng = np.random.default_rng(8)
    bands, bits = 400, 4
    directions = regions.planes(DIMS, bits, bands)
    for cosine in (0.5, 0.8, 0.95):
        rows = crowd(rng, 200, cosine)
        centre = lengthen(rows.astype(float).sum(axis=0, keepdims=True))
        same = regions.band_keys(rows, directions, bits) == regions.band_keys(
            centre, directions, bits
        )
        angle = np.arccos(R.cosines(rows, centre)[:, 0])
        assert abs(same.mean() - ((1 - angle / np.pi) ** bits).mean()) < 0.02


def test_the_mode_of_a_bucket_is_not_moved_by_what_else_is_in_it() -> None:
    rng = np.random.default_rng(9)
    rows = np.concatenate([crowd(rng, 5, 0.97), lengthen(rng.standard_normal((9, DIMS)))])
    given = crowds.candidates(
        rows, np.ones(14, np.int64), np.array([0, 14, 14]), np.array([140, 7]), T
    )
    assert given.masses.tolist() == [50]
    assert (R.cosines(rows, given.centres)[:5] > 0.95).all()
    assert (R.cosines(rows, given.centres)[5:] < 0.6).all()


def test_of_a_bucket_the_rows_with_the_smallest_ranks_are_shown() -> None:
    keys = np.array([[7, 9]] * 100 + [[-1, -1]] * 5 + [[8, 9]] * 2, np.int64)
    weights, ranks = np.arange(107) + 1, np.random.default_rng(13).permutation(107)
    rows, offsets, totals = regions.crowded(keys, weights, ranks, least=3, most=2, shown=16)
    assert totals.tolist() == [sum(range(1, 101)), sum(range(1, 101)) + 106 + 107]
    assert offsets.tolist() == [0, 16, 32]
    assert rows[:16].tolist() == sorted(range(100), key=lambda r: ranks[r])[:16]
    members = [*range(100), 105, 106]
    assert rows[16:].tolist() == sorted(members, key=lambda r: ranks[r])[:16]
    assert regions.crowded(keys, weights, ranks, least=3, most=9)[2].tolist() == [5050, 213, 5263]
    assert regions.crowded(keys, weights, ranks, least=214, most=9)[2].tolist() == [5050, 5263]
    assert regions.crowded(keys[:0], weights[:0], ranks[:0], least=1, most=9)[1].tolist() == [0]


CENTRES = st.lists(st.integers(0, 25), max_size=30)


@settings(deadline=None)
@given(CENTRES, st.randoms(use_true_random=False), st.integers(1, 30))
def test_merging_keeps_the_heaviest_apart_in_any_order(picks, random, most) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(10)
    pool = np.concatenate([crowd(rng, 5, 0.9) for _ in range(4)] + [crowd(rng, 6, 0.3)])
    masses = np.arange(26) // 3
    given_ = crowds.Candidates(pool[picks], masses[picks])
    kept = crowds.merge(given_, T, most)
    assert len(kept.centres) <= most
    between = R.cosines(kept.centres, kept.centres)
    assert (between[~np.eye(len(between), dtype=bool)] < T).all()
    assert (np.diff(kept.masses) <= 0).all()
    if len(kept.centres) < most:
        # Each of the others lies near one that is as heavy or heavier.
        near = R.cosines(given_.centres, kept.centres) >= T - 1e-12
        heavier = given_.masses[:, None] <= kept.masses
        assert (near & heavier).any(axis=1).all() if len(picks) else True
    random.shuffle(picks)
    again = crowds.merge(crowds.Candidates(pool[picks], masses[picks]), T, most)
    assert (again.centres == kept.centres).all()


def test_band_bits_and_their_range() -> None:
    assert [regions.band_bits(n) for n in (0, 1, 100, 50_000, 5_000_000, 1 << 60)] == [
        4, 4, 4, 11, 18, 40,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="41 bits"):
        regions.planes(DIMS, 41)


@pytest.mark.parametrize(
    ("seed", "t", "least", "most"), [(1, 0.6, 5, 4096), (2, 0.8, 3, 30), (3, 0.4, 2, 4096)]
)
def test_the_search_gives_the_bits_of_the_plain_one(
    seed: int, t: float, least: int, most: int
) -> None:
    vectors, _ = planted(seed, 1500)
    wide = np.random.default_rng(seed)
    vectors = np.concatenate([vectors, *(crowd(wide, 40, t) for _ in range(15)), vectors[:3] * 0])
    weights = np.minimum(wide.zipf(2.2, len(vectors)), 500)
    ranks = wide.integers(0, 700, len(vectors))  # some are the same
    given_ = (vectors, weights, ranks, t)
    for more in ({}, {"buckets": 60, "bands": 7, "rounds": 4, "steps": 1}):
        found = crowds.find_centres(*given_, least=least, most=most, **more)
        plain = plain_crowds.find_centres(*given_, least=least, most=most, **more)
        assert len(found) >= 5
        assert found.dtype == plain.dtype
        assert found.tobytes() == plain.tobytes()


def test_candidates_are_those_of_the_plain_search() -> None:
    rng = np.random.default_rng(21)
    vectors = np.concatenate([crowd(rng, 9, 0.8), lengthen(rng.standard_normal((8, DIMS)))] * 30)
    weights = rng.integers(1, 40, len(vectors))
    offsets = np.r_[0, 0, np.sort(rng.integers(0, len(vectors), 60)), len(vectors)]
    totals = rng.integers(1, 1000, len(offsets) - 1)
    found = crowds.candidates(vectors, weights, offsets, totals, 0.6, 20)
    plain = plain_crowds.candidates(vectors, weights, offsets, totals, 0.6, 20)
    assert 20 < len(found.masses) < len(totals)
    assert all((a == b).all() for a, b in zip(found, plain, strict=True))
    merged, slowly = (m(found, 0.6, 9) for m in (crowds.merge, plain_crowds.merge))
    assert all((a == b).all() for a, b in zip(merged, slowly, strict=True))


@pytest.mark.parametrize("tilt", [0.02, 0.3, 3.0])
def test_vectors_that_need_not_be_compared_again_have_the_centre_that_assign_finds(
    tilt: float,
) -> None:
    """Centres of which a third stay, a third move by about the tilt, some come, and some leave."""
    rng = np.random.default_rng(22)
    centres = lengthen(rng.standard_normal((60, DIMS)))
    near = centres[rng.integers(0, 60, 3000)] / SCALE + rng.uniform(0.05, 0.3, (3000, 1)) * (
        rng.standard_normal((3000, DIMS))
    )
    vectors = np.concatenate([lengthen(near), np.zeros((2, DIMS), np.int16)])
    nearest, moved_by, order = Nearest(vectors, 0.5), np.full(60, NEW), False
    for step in range(9):
        found = nearest.assign(centres, moved_by, renumbered=order)
        assert (found == R.assign(vectors, centres, 0.5).centre).all(), step
        assert 0.005 < (found >= 0).mean() < 0.95
        order = step % 4 == 3
        if order:
            centres = centres[rng.permutation(len(centres))[:50]]
            moved_by = np.zeros(len(centres))
            continue
        moves = rng.random((len(centres), 1)) < 0.5
        noise = tilt / np.sqrt(DIMS) * rng.standard_normal(centres.shape)
        after = np.where(moves, lengthen(centres / SCALE + noise), centres)
        more = np.concatenate([after[:2], lengthen(rng.standard_normal((4, DIMS)))])  # two equals
        moved_by = np.r_[angles(centres, after), np.full(len(more), NEW)]
        centres = np.concatenate([after, more])


def test_a_centre_that_comes_in_small_steps_is_seen() -> None:
    turn = 1.3 - 0.04 * np.arange(20)  # radians from the vector
    steps = [lengthen(np.array([[np.cos(a), np.sin(a), 0, 0]])) for a in turn]
    vector = lengthen(np.eye(4)[:1])
    nearest, moved_by = Nearest(vector, 0.5), np.array([NEW])
    for before, after in zip([steps[0], *steps], steps, strict=False):
        moved_by = moved_by if before is after else angles(before, after)
        found = nearest.assign(after, moved_by)
        assert found.tolist() == R.assign(vector, after, 0.5).centre.tolist()
    assert found.tolist() == [0]


def test_angles_are_0_for_the_same_rows_alone() -> None:
    row = lengthen(np.ones((1, DIMS)))
    other = row.copy()
    other[0, 0] += 1
    assert angles(row, row).tolist() == [0]
    assert 0 < angles(row, other)[0] < 0.01
    assert angles(row, -row)[0] == pytest.approx(np.pi)
    assert (angles(row, 2 * row) > 0).all()
