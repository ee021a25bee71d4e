"""What the figures of `bench.quality` are worth on so few texts, and what holds them down.

`python -m bench.crossfit [--data ../shared/data]` prints JSON lines; a minute or two.

- `both halves`: `bench.quality` learns one half of a collection and is asked about the other, of
  which web_text leaves 22 texts and spam 43. Here each half is asked of the classifier that learnt
  the other half, and all texts count; `interval` has 95 % of 2,000 draws of the asked web texts
  with replacement, the articles and the fit as they are: with so few articles it is wider still.
  English web_text by its source as well: patents and abstracts of grants (the-pile-*) are no web
  pages.
- `articles`: with an eighth to all of the articles of the one source (which, by hash); and with
  half of the tested source in place of as many, asked about its other half, beside the same
  without it. What is between these two is lost from one collection of Wikipedia to the next, not to
  the web text.

Nothing is chosen here: all classifiers are those of `bench.quality` with other texts.
"""

import argparse
import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.quality import (
    DATA,
    TARGETS,
    WIKIPEDIA,
    Texts,
    domains,
    fit,
    in_halves,
    learnt_pages,
    others,
    piece,
    pieces,
    texts_of,
    wikipedia,
)
from bench.quality import line as quality_line

TARGET, DRAWS = 0.95, 2000
PARTS = (8, 4, 2, 1)


def line(case: str, value: float, **more: object) -> None:
    quality_line(case, "auc", round(value, 4), "fraction", **{"bench": "crossfit", **more})


def below(positives: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """For each text asked about, the share of the positives above it, a tie for a half: their mean
    is the AUC.
    """
    ordered = np.sort(positives)
    left, right = (np.searchsorted(ordered, asked, side=x) for x in ("left", "right"))
    return 1 - (left + right) / (2 * len(ordered))


def interval(shares: np.ndarray) -> list[float]:
    """95 % of the means of as many draws with replacement."""
    draws = np.random.default_rng(0).choice(shares, (DRAWS, len(shares))).mean(1)
    return [round(float(x), 3) for x in np.percentile(draws, (2.5, 97.5))]


def crossfit(
    always: dict[str, Texts],
    sets: dict[str, Texts],
    positives: Texts,
    asked_positives: Texts,
    language: str,
) -> dict[str, tuple[Texts, np.ndarray]]:
    """{set: (its texts, of each the share of positives above it)}; each half of a set is asked of
    the classifier that learnt the other.
    """
    found: dict[str, tuple[Texts, np.ndarray]] = {n: ([], np.empty(0)) for n in sets}
    halves = {name: in_halves(texts) for name, texts in sets.items()}
    for learnt_half in (0, 1):
        learnt = always | {name: both[learnt_half] for name, both in halves.items()}
        with tempfile.TemporaryDirectory() as folder:
            ask = fit(positives, texts_of(learnt), language, Path(folder))
        above = ask(pieces(asked_positives, language))
        for name, both in halves.items():
            texts = [t for t in both[1 - learnt_half] if piece(t, language)]
            shares = below(above, ask(pieces(texts, language)))
            found[name] = (found[name][0] + texts, np.append(found[name][1], shares))
    return found


def sources(data: Path) -> dict[str, str]:
    """The source of each text of web_text."""
    with gzip.open(data / "web_text/texts.jsonl.gz", "rt", encoding="utf8") as lines:
        rows = [json.loads(text) for text in lines]
    return {r["text"]: r["source"].rpartition("/")[2].removesuffix("-refined.jsonl") for r in rows}


def by_source(data: Path, texts: Texts, shares: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The shares of each source, and of all that are from a crawl."""
    known = sources(data)
    names = np.array([known[text] for text in texts])
    for name in sorted(set(names)):
        yield name, shares[names == name]
    yield "without the-pile-*", shares[~np.char.startswith(names, "the-pile-")]


def by_hash(texts: Texts) -> Texts:
    return sorted(texts, key=lambda text: hashlib.blake2b(text.encode()).digest())


def bench(data: Path, language: str) -> None:
    always = learnt_pages(data, language)[0] | domains(data, language)
    sets = {n: texts for n, texts in others(data, language).items() if n in TARGETS}
    both = WIKIPEDIA[language]
    for one, other in (both, both[::-1]):
        positives = by_hash(wikipedia(data, one, language))
        asked = wikipedia(data, other, language)
        for part in PARTS:
            some = positives[: len(positives) // part]
            found = crossfit(always, sets, some, asked, language)
            for name, (texts, shares) in found.items():
                more: dict[str, object] = {"n": len(shares), "interval": interval(shares)}
                case = f"{language}/{other} against {name}"
                if part > 1:
                    line(f"{case}, {len(some)} articles", shares.mean(), **more, fitted_on=one)
                    continue
                reached = bool(shares.mean() >= TARGET)
                line(
                    f"{case}, both halves", shares.mean(),
                    **more, target=TARGET, ok=reached, fitted_on=one,
                )  # fmt: skip
                if name == "web_text":
                    for source, own in by_source(data, texts, shares):
                        line(f"{case}/{source}", own.mean(), n=len(own), fitted_on=one)
        learnt, rest = in_halves(asked)
        fewer = positives[: max(0, len(positives) - len(learnt))]
        for name, some in (("without", positives), ("with", fewer + learnt)):
            found = crossfit(always, sets, some, rest, language)
            for against, (_, shares) in found.items():
                case = f"{language}/half of {other} against {against}, {name} its other half"
                line(case, shares.mean(), n=len(shares), fitted_on=one)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    for language in WIKIPEDIA:
        bench(data, language)


if __name__ == "__main__":
    main()
