"""Signatures against Python's integers, estimates against exact similarity, bands against LSH."""

import hashlib
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.kernels.dedup.shingles import shingle_blocks
from tests.kernels.dedup.test_shingles import TEXTS, UNTIMED, hashes_of, mix

P = 2**31 - 1
WRAP = 2**64 - 1
HASHES = st.lists(st.integers(0, WRAP), min_size=1, max_size=50)
EDGES = [0, 1, WRAP, P << 33, (P << 33) | 5, (P - 1) << 33, 1 << 33, (1 << 33) - 1]

ENGLISH = "The crawl holds many pages, and most of them are copies of one another in some way."
CHINESE = "网络爬虫收集了很多网页，其中大多数在某种程度上是彼此的副本。"


def plain_signature(hashes: list[int], count: int, seed: int = minhash.SEED) -> list[int]:
    """(a x + b) mod p in Python's integers, from the definition."""
    a, b = (values.tolist() for values in minhash.permutations(count, seed))
    xs = [(h >> 33) % P for h in hashes]
    return [min((a[k] * x + b[k]) % P for x in xs) for k in range(count)]


def plain_band_keys(signature: list[int], bands: int, rows: int) -> list[int]:
    step = 0x9E3779B97F4A7C15
    keys = []
    for band in range(bands):
        h = step * (band + 1) & WRAP
        for value in signature[band * rows : (band + 1) * rows]:
            h = (h ^ value) * step & WRAP
            h ^= h >> 32
        h = mix(h)
        keys.append(h - 2**64 if h >= 2**63 else h)
    return keys


def of_sets(sets: list[list[int]], **given: int) -> np.ndarray:
    offsets = np.cumsum([0, *(len(s) for s in sets)])
    hashes = np.array([h for s in sets for h in s], np.uint64)
    return minhash.signatures_of_sets(hashes, offsets, **given)


@settings(deadline=None, max_examples=200)
@given(st.lists(HASHES, min_size=1, max_size=4))
def test_signatures_are_those_of_pythons_integers(sets: list[list[int]]) -> None:
    assert of_sets(sets, count=20).tolist() == [plain_signature(s, 20) for s in sets]


def test_signatures_are_exact_at_the_edges_of_the_prime() -> None:
    assert of_sets([[h] for h in EDGES]).tolist() == [plain_signature([h], 126) for h in EDGES]
    a, b = minhash.permutations(126)
    # x with (a x + b) mod p at 0, 1 and p - 1: where a remainder goes wrong if it does.
    for want in (0, 1, P - 1):
        xs = [(want - int(b[k])) * pow(int(a[k]), -1, P) % P for k in range(126)]
        found = of_sets([[x << 33] for x in xs])
        assert [int(found[k, k]) for k in range(126)] == [want] * 126


def test_more_shingles_than_a_chunk() -> None:
    rng = np.random.default_rng(5)
    for size in (2047, 2048, 2049, 5000):
        hashes = rng.integers(0, 2**64, size, dtype=np.uint64).tolist()
        assert of_sets([hashes, [7]], count=6).tolist() == [
            plain_signature(hashes, 6),
            plain_signature([7], 6),
        ]


def test_permutations_are_pinned_and_nested() -> None:
    a, b = minhash.permutations(126)
    assert a[:3].tolist() == GOLDEN_A
    assert b[:3].tolist() == GOLDEN_B
    assert minhash.permutations(10)[0].tolist() == a[:10].tolist()
    assert minhash.permutations(10, seed=2)[0].tolist() != a[:10].tolist()
    assert a.min() >= 1
    assert a.max() < P > b.max()
    assert len(set(a.tolist())) == 126


def test_signatures_of_text_are_pinned() -> None:
    """A change here makes every stored index of signatures useless: it must be meant."""
    found = minhash.signatures(pa.array([ENGLISH, CHINESE, "Hello world foo", ""]))
    assert found.dtype == np.uint32
    assert found.shape == (4, 126)
    assert found[:, :3].tolist() == GOLDEN_SIGNATURES
    digest = hashlib.sha256(found.astype("<u4").tobytes()).hexdigest()
    assert digest[:32] == GOLDEN_DIGEST
    keys = minhash.band_keys(found)
    assert keys.dtype == np.int64
    assert keys.shape == (4, 14)
    assert keys[:, 0].tolist() == GOLDEN_KEYS


GOLDEN_A = [345411671, 1485026448, 2067780113]
GOLDEN_B = [2126391938, 1998644639, 769803395]
GOLDEN_SIGNATURES = [
    [90885970, 123595148, 184467360],
    [31403778, 7185073, 54426385],
    [1382881304, 1559487223, 1547591723],
    [109864453, 9548296, 1556418029],
]
GOLDEN_DIGEST = "94ac843a2b4a25aea6aac65810553291"
GOLDEN_KEYS = [
    8419544547933598933,
    -4901055523773177686,
    8375264808986663779,
    -7617783679719166904,
]


def test_the_golden_values_are_those_of_plain_python() -> None:
    texts = [ENGLISH, CHINESE, "Hello world foo", ""]
    found = minhash.signatures(pa.array(texts))
    for row, hashes in zip(found, hashes_of(texts), strict=True):
        assert row.tolist() == plain_signature(hashes, 126)
        assert minhash.band_keys(row[None]).tolist() == [plain_band_keys(row.tolist(), 14, 9)]


@UNTIMED
@given(st.lists(TEXTS, max_size=6), st.integers(0, 6))
def test_a_batch_is_its_rows(texts: list[str], cut: int) -> None:
    def of(part: list[str]) -> list[list[int]]:
        return minhash.signatures(pa.array(part, pa.string())).tolist()

    assert of(texts) == of(texts[:cut]) + of(texts[cut:])


def test_blocks_do_not_show_in_signatures() -> None:
    texts = pa.array(["a b c d e f", " ".join(f"w{i}" for i in range(30_000)), CHINESE * 900])
    whole = minhash.signatures(texts)
    for size in (8_400, 20_000):
        blocks = shingle_blocks(texts, block_shingles=size)
        assert (minhash.signatures_of_blocks(blocks, 3) == whole).all()
    sets = shingle_sets(texts)
    assert (minhash.signatures_of_sets(*sets) == whole).all()


@pytest.mark.parametrize("chars", [20_000_000, pytest.param(100_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("piece", ["The crawl holds pages {} ", "我们收集了很多网页"])
def test_memory_does_not_grow_with_a_document(piece: str, chars: int) -> None:
    texts = pa.array([piece * (chars // len(piece.encode()))])
    minhash.signatures(pa.array(["warm"]))
    tracemalloc.start()
    found = minhash.signatures(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.max() < P
    assert peak < 16 << 20


def edited(words: list[str], share: float, rng: np.random.Generator) -> list[str]:
    out = list(words)
    for at in np.flatnonzero(rng.random(len(out)) < share):
        out[at] = f"新{at}" if len(words[0]) == 1 else f"new{at}"
    return out


@pytest.mark.parametrize("alphabet", ["english", "chinese"])
def test_estimates_are_unbiased(alphabet: str) -> None:
    rng = np.random.default_rng(11)
    texts = []
    for i in range(200):
        words = (
            [f"w{w}" for w in rng.integers(0, 5000, 300)]
            if alphabet == "english"
            else [chr(0x4E00 + w) for w in rng.integers(0, 3000, 300)]
        )
        space = " " if alphabet == "english" else ""
        texts += [space.join(words), space.join(edited(words, i / 2000, rng))]
    array = pa.array(texts)
    left, right = np.arange(0, 400, 2), np.arange(1, 400, 2)
    exact = jaccard(*shingle_sets(array), left, right)
    assert exact.min() < 0.5 < 0.95 < exact.max()
    found = minhash.signatures(array)
    error = minhash.estimate(found[left], found[right]) - exact
    deviation = np.sqrt(exact * (1 - exact) / 126 + 1e-9)
    assert abs(error.sum()) < 4 * np.sqrt((deviation**2).sum())
    assert (np.abs(error) < 5 * deviation + 1e-6).all()
    for bits in (1, 4, 8):
        packed = minhash.low_bits(found, bits)
        assert packed.shape == (400, -(-126 * bits // 8))
        close = minhash.estimate_low_bits(packed[left], packed[right], bits)
        assert np.abs((close - exact).mean()) < 0.03
    assert (minhash.estimate_low_bits(packed, packed, 8) == 1).all()


def test_bands_find_what_the_curve_says() -> None:
    """Pairs of sets of known similarity, each with shingles of its own."""
    rng = np.random.default_rng(17)
    for common, tenth in ((800, 0.8), (900, 0.9), (700, 0.7)):
        pairs = 400
        hashes = rng.integers(0, 2**64, (pairs, 1000), dtype=np.uint64)
        own = (1000 - common) // 2
        left = hashes[:, : common + own]
        right = np.concatenate([hashes[:, :common], hashes[:, common + own :]], axis=1)
        offsets = np.arange(pairs + 1) * (common + own)
        keys = [
            minhash.band_keys(minhash.signatures_of_sets(np.ravel(side), offsets))
            for side in (left, right)
        ]
        found = (keys[0] == keys[1]).any(axis=1).mean()
        expected = float(minhash.s_curve(tenth))
        assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / pairs) + 1e-9


def test_s_curve_is_the_published_one() -> None:
    """The table of published settings, 14 bands of 9 rows, and FineWeb's 14 of 8."""
    at = np.array([0.7, 0.75, 0.8, 0.85, 0.9])
    assert minhash.s_curve(at).round(3).tolist() == [0.438, 0.665, 0.867, 0.975, 0.999]
    assert minhash.s_curve(at, 14, 8).round(3).tolist() == [0.565, 0.772, 0.924, 0.988, 1.0]
    assert minhash.s_curve(0.0) == 0
    assert minhash.s_curve(1.0) == 1


def test_best_bands_are_those_of_datasketch() -> None:
    assert minhash.best_bands(0.7, 256) == (25, 10)
    assert minhash.best_bands(0.8, 128) == (9, 13)
    assert minhash.best_bands(0.5, 128) == (25, 5)
    # The default: at .8, where a missed pair weighs nine times a false candidate.
    assert minhash.best_bands(0.8, 126, false_positive_weight=0.1) == (14, 9)
    for bad in ((0.0, 10, 0.5), (1.0, 10, 0.5), (0.5, 0, 0.5), (0.5, 10, 2.0)):
        with pytest.raises(ValueError, match="no bands for"):
            minhash.best_bands(*bad)


def test_a_shared_band_is_a_shared_key_and_other_bands_have_other_keys() -> None:
    found = np.tile(np.arange(126, dtype=np.uint32), (3, 1))
    found[1, 9:] += 1000  # only the first band is the same
    found[2] = 5  # every band has the same rows
    keys = minhash.band_keys(found)
    assert (keys[0] == keys[1]).tolist() == [True] + [False] * 13
    assert len(set(keys[2].tolist())) == 14
    with pytest.raises(ValueError, match="15 bands of 9 rows"):
        minhash.band_keys(found, 15, 9)


def test_low_bits_are_refused_out_of_range() -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        minhash.low_bits(np.zeros((1, 126), np.uint32), 9)


def test_no_document_has_no_signature() -> None:
    assert minhash.signatures(pa.array([], pa.string())).shape == (0, 126)
    assert minhash.band_keys(np.zeros((0, 126), np.uint32)).shape == (0, 14)
    assert (of_sets([[], [1]]).max(axis=1) == [P, of_sets([[1]]).max()]).all()
