"""Recurrence in meaning: beside exhaustive search, beside counters of copies, and its speed.

`python -m bench.distribution [--data ../shared/data] [--blocks N]` prints JSON lines.

About 50,000 blocks of real text (gold text of pages, web_text, zh_web_text, domain_text), documents
drawn by hash; vectors are fitted on other documents. `boilerplate.txt` has 20 intents in 20
wordings each: those with odd numbers are fitted on, and
cut-offs and cosine were chosen with them; each other one is planted in ten documents.

- `recall`, `precision` by cut-off: blocks whose recurrence is at least that many documents.
  `assignment`: beside the same definition, every block compared with every centre. `search`: beside
  other centres, of exhaustive search: all pairs compared, the heaviest ball taken first, its mean
  the centre, and so on. `ball_...`: beside brute force around each block: documents within t of the
  block itself. With a margin: without blocks within 20 % of the cut-off. On real text, and on as
  many blocks of the project's own sample.
- `planted`: the share of planted wordings found, beside counters of exact and of near copies
  (MinHash bands, whatever shares one is a copy) with the same cut-off. `false_alarms`: of texts
  that five documents quote; `background`: of all other blocks.
- `blocks_per_s` of one core, CPU time.
"""

import argparse
import gzip
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from bench import distribution_oracle as oracle
from skypile.fits.names import COMPONENTS
from skypile.fits.vectors import VectorSettings, fit_vectors
from skypile.kernels.dedup import minhash
from skypile.kernels.distribution import crowds, regions
from skypile.kernels.distribution import recurrence as R
from skypile.kernels.distribution.blocks import units
from skypile.kernels.distribution.vectors import Vectoriser
from skypile.sample.crawl import make_crawl

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared/data"
T = 0.6
CUTOFFS = (10, 20, 40)
HOSTS = 5
COPIES = 10  # documents with each planted wording
PLANTED_CUTOFF = 20  # documents: more than any one wording is in
LEARNT = 90_000
LEAST = 5  # documents of the smallest crowd looked for
# Texts that many know and a few documents quote.
QUOTED = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, "
    "must be in want of a wife.",
    "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer the "
    "slings and arrows of outrageous fortune.",
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
    "conceived in Liberty, and dedicated to the proposition that all men are created equal.",
    "Shall I compare thee to a summer's day? Thou art more lovely and more temperate.",
    "You have the right to remain silent. Anything you say can and will be used against you in a "
    "court of law.",
    "Whisk the eggs with the sugar, fold in the flour, and bake for twenty minutes in a hot oven.",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？",
    "中华人民共和国公民在法律面前一律平等。国家尊重和保障人权。",
    "道可道，非常道。名可名，非常名。无名天地之始，有名万物之母。",
    "锅中放油烧热，下葱姜炒香，放入肉片翻炒至变色，加酱油和盐调味即可。",
    "落霞與孤鶩齊飛，秋水共長天一色。漁舟唱晚，響窮彭蠡之濱。",
)
QUOTES = 5
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
X = TypeVar("X")


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    if "target" in more:
        more["ok"] = bool(value >= more["target"])
    row = {"bench": "distribution", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**row, "unit": unit, **more}, ensure_ascii=False), flush=True)


def rows(path: Path) -> list[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf8") as lines:
        return [json.loads(text) for text in lines]


def documents(data: Path) -> Iterator[tuple[str, str]]:
    """(host, text); a data set without addresses is one host a domain."""
    for path in sorted(data.glob("html_*/gold.jsonl")):
        for row in rows(path):
            if row.get("gold_text"):
                yield urlsplit(row.get("url") or "").hostname or row["id"], row["gold_text"]
    for name in ("zh_web_text", "domain_text", "web_text"):
        for row in rows(data / name / "texts.jsonl.gz"):
            url = urlsplit(row.get("url") or "").hostname
            yield url or f"{name}/{row.get('domain') or row.get('source')}", row["text"]


def boilerplate() -> dict[str, list[str]]:
    text = "\n" + (HERE / "boilerplate.txt").read_text("utf8")
    parts = (chunk.strip().split("\n") for chunk in text.split("\n## ")[1:])
    return {name: wordings for name, *wordings in parts}


def hashed(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=8).digest()


class Blocks:
    """The blocks that are counted: text, document, host, and what was planted."""

    def __init__(self, chosen: list[tuple[str, str]], planted: bool = True) -> None:
        wordings = [
            (f"planted {name}", wording)
            for name, wordings in boilerplate().items()
            for wording in wordings[::2]
            for _ in range(COPIES)
        ]
        quoted = [("quoted", text) for text in QUOTED for _ in range(QUOTES)]
        together = [("", text) for _, text in chosen] + (wordings + quoted if planted else [])
        names = [host for host, _ in chosen] + [f"{n}.example" for n in range(len(together))]
        self.texts = pa.array([text for _, text in together], pa.large_string())
        self.units, self.units_s = timed(lambda: units(self.texts))
        self.document = np.repeat(np.arange(len(together)), np.diff(self.units.offsets))
        host = np.unique(names[: len(together)], return_inverse=True)[1].astype(np.int64)
        self.host = host[self.document]
        self.label = np.array([name for name, _ in together])[self.document]

    def __len__(self) -> int:
        return len(self.document)


def timed(call: Callable[[], X]) -> tuple[X, float]:
    begun = time.process_time()
    found = call()
    return found, max(time.process_time() - begun, 1e-9)


def counted(blocks: Blocks, group: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Documents and hosts of each block's group; 0 for those of none (-1)."""
    size = int(group.max(initial=-1)) + 1
    totals = R.recurrence(R.tally(group, blocks.document, blocks.host, size))
    return tuple(np.where(group >= 0, np.r_[n, 0][group], 0) for n in totals)  # type: ignore[return-value]


def compare(case: str, ours: Ints, theirs: Ints, prefix: str = "", target: float = 0) -> None:
    for cut in CUTOFFS:
        outside = np.abs(theirs - cut) > 0.2 * cut
        for name, asked in (("margin", outside), ("all", np.ones(len(ours), bool))):
            a, b = (ours >= cut)[asked], (theirs >= cut)[asked]
            aimed = {"target": target} if target and name == "margin" else {}
            both = int((a & b).sum())
            for metric, total in (("recall", int(b.sum())), ("precision", int(a.sum()))):
                line(
                    f"{case}/{cut} documents, {name}", prefix + metric, both / max(total, 1),
                    "fraction", n=total, **aimed,
                )  # fmt: skip


def near_copies(blocks: Blocks) -> NDArray[np.int32]:
    """Groups of blocks that share a band of their MinHash signatures."""
    texts = pa.array([blocks.units.text(n) for n in range(len(blocks))], pa.large_string())
    keys = minhash.band_keys(minhash.signatures(texts))
    _, column = np.unique(keys.ravel(), return_inverse=True)
    row = np.repeat(np.arange(len(blocks)), keys.shape[1])
    size = len(blocks) + int(column.max()) + 1
    edges = csr_array((np.ones(len(row), np.int8), (row, len(blocks) + column)), shape=(size, size))
    found: NDArray[np.int32] = connected_components(edges, directed=False)[1][: len(blocks)]
    return found


def bench_planted(blocks: Blocks, ours: tuple[Ints, Ints], keys: Ints) -> None:
    cut = PLANTED_CUTOFF
    exact = np.unique(keys, return_inverse=True)[1].astype(np.int32)
    counters = {"exact": counted(blocks, exact), "minhash": counted(blocks, near_copies(blocks))}
    is_planted = np.char.startswith(blocks.label, "planted")
    cases = {
        "planted/en": np.char.startswith(blocks.label, "planted en"),
        "planted/zh": np.char.startswith(blocks.label, "planted zh"),
        "quoted": blocks.label == "quoted",
        "background": ~is_planted & (blocks.label != "quoted"),
    }
    for case, asked in cases.items():
        metric = "recall" if is_planted[asked].any() else "false_alarms"
        for hosts in (1, HOSTS):
            shares = [
                float(((n >= cut) & (h >= hosts))[asked].mean())
                for n, h in (ours, *counters.values())
            ]
            line(
                f"{case}/{cut} documents, {hosts} hosts", metric, shares[0], "fraction",
                n=int(asked.sum()), peer="exact copies; MinHash copies",
                peer_value=[round(s, 4) for s in shares[1:]],
            )  # fmt: skip
    for name in sorted(set(blocks.label[is_planted].tolist())):
        asked = blocks.label == name
        line(name, "recall", float((ours[0] >= cut)[asked].mean()), "fraction", n=int(asked.sum()))


def speed(case: str, blocks: int, seconds: float, **more: Any) -> None:
    line(case, "blocks_per_s", blocks / seconds, "1/s", **more)


def oracles(case: str, blocks: Blocks, made: Any) -> tuple[Ints, Ints]:
    """Documents and hosts of each block as we count them, beside what compares everything."""
    keys, first, inverse = np.unique(made.keys, return_index=True, return_inverse=True)
    in_documents = np.unique(np.stack([inverse, blocks.document], axis=1), axis=0)
    weights = np.bincount(in_documents[:, 0]).astype(np.int64)
    vectors = made.vectors[first]
    centres, centres_s = timed(lambda: crowds.find_centres(vectors, weights, keys, T, least=LEAST))
    assigned, assign_s = timed(lambda: R.assign(made.vectors, centres, T))
    ours = counted(blocks, assigned.centre)
    speed(f"{case}/find_centres", len(vectors), centres_s, n=len(centres))
    speed(f"{case}/assign", len(blocks), assign_s, n=len(centres))
    plain, _ = counted(blocks, oracle.exhaustive_assign(made.vectors, centres, T))
    compare(f"{case}/assignment", ours[0], plain, target=0.95)
    near = oracle.pairs_within(vectors, T)
    theirs = oracle.exhaustive_centres(vectors, weights, near, T, LEAST)
    searched, _ = counted(blocks, R.assign(made.vectors, theirs, T).centre)
    compare(f"{case}/search", ours[0], searched)
    in_document = csr_array(
        (np.ones(len(in_documents), np.int64), in_documents.T), shape=(len(keys), len(blocks.texts))
    )
    around = np.concatenate(
        [np.diff((near[at : at + 2000] @ in_document).indptr) for at in range(0, len(keys), 2000)]
    )
    compare(f"{case}/around each block", ours[0], around[inverse], prefix="ball_")
    return ours


def fitted(case: str, texts: list[str], more: list[str]) -> Vectoriser:
    """Vectors fitted on the blocks of some texts, and some more."""
    learnt = units(pa.array(texts, pa.large_string()))
    given = [learnt.text(n) for n in range(len(learnt.starts))] + more
    with tempfile.TemporaryDirectory() as work:
        begun = time.perf_counter()
        fit_vectors(given, Path(work), settings=VectorSettings(max_units=LEARNT))
        seconds = time.perf_counter() - begun
        line(f"{case}/fit_vectors", "seconds", seconds, "s", n=min(len(given), LEARNT))
        return Vectoriser.load(Path(work) / COMPONENTS, fold_han=True)


def bench_real(have: list[tuple[str, str]], most: int) -> None:
    """Real text with planted wordings."""
    sizes = np.cumsum(np.diff(units(pa.array([text for _, text in have])).offsets))
    end = int(np.searchsorted(sizes, most))
    blocks = Blocks(have[:end])
    wordings = [w for each in boilerplate().values() for w in each[1::2]]
    make = fitted("real", [text for _, text in have[end:]], wordings)
    given = (blocks.units.content, blocks.units.starts, blocks.units.ends)
    make(*(part[:1] if n else part for n, part in enumerate(given)))
    made, vectors_s = timed(lambda: make(*given))
    vectors = made.vectors
    directions = regions.planes(vectors.shape[1], regions.band_bits(len(vectors)))
    _, bands_s = timed(
        lambda: regions.band_keys(vectors, directions, regions.band_bits(len(vectors)))
    )
    speed("units", len(blocks), blocks.units_s)
    speed("vectors", len(blocks), vectors_s, target=20_000)
    speed("band_keys", len(vectors), bands_s)
    bench_planted(blocks, oracles("real", blocks, made), made.keys)


def bench_sample(most: int) -> None:
    """Pages of the project's own sample; vectors are fitted on a sample of another seed."""
    pages = [
        [
            (urlsplit(page.url).hostname or "", page.article.gold_text)
            for page in make_crawl(most // 8, seed).responses
            if page.article
        ]
        for seed in (0, 1)
    ]
    make = fitted("sample", [text for _, text in pages[1]], [])
    blocks = Blocks(pages[0], planted=False)
    oracles("sample", blocks, make(blocks.units.content, blocks.units.starts, blocks.units.ends))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--blocks", type=int, default=50_000)
    given = parser.parse_args()
    bench_sample(given.blocks)
    bench_real(
        sorted(set(documents(given.data)), key=lambda d: hashed(d[1]) + d[0].encode()), given.blocks
    )


if __name__ == "__main__":
    main()
