"""Crowds among vectors: found whatever the order, assigned exactly, counted in any parts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.distribution import recurrence as R
from skypile.kernels.distribution.vectors import SCALE

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
