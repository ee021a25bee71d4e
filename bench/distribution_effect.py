"""What distribution filtering does to a language model: perplexity of held-out text.

`python -m bench.distribution_effect [--data ../shared/data]` prints JSON lines. The documents are
those of `bench.distribution`, as they are (`real`), and with a wording of one of the boilerplate
intents put into every other one (`planted`). Blocks that recur go, as the stage decides with its
default cut-offs. By language a 3-gram model is fitted on the documents before and after, on the
same SentencePiece model, and scores other documents, which have nothing planted and nothing
removed. `perplexity`: of the model fitted after. `peer_value`: of the one fitted before, and of one
fitted on as many tokens as after, drawn by hash from the documents before: less text alone makes a
model worse.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench import distribution as bench
from skypile import lmplz
from skypile.fits import lm
from skypile.fits.lm import LmSettings, fit_lm
from skypile.fits.names import COMPONENTS, LM, SP_MODEL
from skypile.fits.vectors import VectorSettings, fit_vectors
from skypile.kernels.distribution import crowds
from skypile.kernels.distribution import recurrence as R
from skypile.kernels.distribution.blocks import Units, units
from skypile.kernels.distribution.recurrent import blocks_of
from skypile.kernels.distribution.vectors import Vectoriser
from skypile.kernels.quality.perplexity import make_scorer, make_tokeniser
from skypile.stages.distribution import Config

HELD_OUT = 1500
SETTINGS = LmSettings(order=3, vocab_size=8000, tiny_tokens=10**9)
Document = tuple[str, str]  # host, text


def planted(documents: Sequence[Document]) -> list[Document]:
    """Every other document with one more block, behind its first."""
    by_language: dict[bool, list[str]] = {True: [], False: []}
    for name, wordings in bench.boilerplate().items():
        by_language[name.startswith("zh")] += wordings
    made = []
    for number, (host, text) in enumerate(documents):
        if number % 2:
            first, *rest = text.split("\n")
            rng = random.Random(number)
            text = "\n".join([first, rng.choice(by_language[chinese(text)]), *rest])
        made.append((host, text))
    return made


def chinese(text: str) -> bool:
    """Whether a third of its characters are Han."""
    return sum("\u4e00" <= c <= "\u9fff" for c in text) * 3 > len(text)


def filtered(documents: Sequence[Document], make: Vectoriser) -> tuple[list[str], int]:
    """The texts without blocks that recur, and how many went."""
    config = Config()
    found = units(pa.array([text for _, text in documents], pa.large_string()))
    document = np.repeat(np.arange(len(documents)), np.diff(found.offsets))
    host = np.unique([host for host, _ in documents], return_inverse=True)[1][document]
    made = make(found.content, found.starts, found.ends)
    keys, first, inverse = np.unique(made.keys, return_index=True, return_inverse=True)
    once = np.unique(np.stack([inverse, document], axis=1), axis=0)
    weights = np.bincount(once[:, 0]).astype(np.int64)
    centres = crowds.find_centres(made.vectors[first], weights, keys, config.min_cosine, least=5)
    centre = R.assign(made.vectors, centres, config.min_cosine).centre
    tally = R.tally(centre, document, host.astype(np.int64), len(centres))
    counts, hosts = R.recurrence(tally)
    least = config.least_documents(len(documents))
    often = np.r_[(counts >= least) & (hosts >= config.min_hosts), False]
    return _without(documents, found, often[centre], np.r_[counts, 0][centre])


def _without(
    documents: Sequence[Document], found: Units, recurrent: np.ndarray, counts: np.ndarray
) -> tuple[list[str], int]:
    texts, removed = [], 0
    for number, (_, text) in enumerate(documents):
        span = slice(found.offsets[number], found.offsets[number + 1])
        spans = (found.first[span].astype(np.int32), found.last[span].astype(np.int32))
        gone = set(blocks_of(*spans, recurrent[span], counts[span]).blocks)
        removed += len(gone)
        blocks = text.split("\n")
        texts.append("\n".join(b for at, b in enumerate(blocks) if at not in gone))
    return [t for t in texts if t.strip()], removed


def perplexity(
    texts: Sequence[str], sp_model: Path, held_out: pa.Array, most: int = 0
) -> tuple[float, int]:
    """Of the held-out texts under a model of some texts, and the tokens it was fitted on.

    most: so many tokens of the texts, by their hash; all where 0.
    """
    tokenise = make_tokeniser(str(sp_model), None)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        ordered = sorted(texts, key=bench.hashed)
        if most:
            sizes = [sum(len(line) for _, line in tokenise([text])) for text in ordered]
            ordered = ordered[: int(np.searchsorted(np.cumsum(sizes), most)) + 1]
        counts = lm._write_tokens(ordered, tokenise, work / "tokens")
        programs = [lmplz.find(name) for name in lmplz.PROGRAMS]
        lm._fit_ngrams(programs, work, work / LM, counts["tokens"], SETTINGS)
        scores = make_scorer(str(sp_model), str(work / LM))(held_out)
    total, tokens = (float(np.asarray(v).sum()) for v in (scores.log10_prob, scores.tokens))
    return 10 ** (-total / tokens), counts["tokens"]


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=bench.DATA)
    parser.add_argument("--blocks", type=int, default=50_000)
    given = parser.parse_args()
    have = sorted(
        set(bench.documents(given.data)), key=lambda d: bench.hashed(d[1]) + d[0].encode()
    )
    sizes = np.cumsum(np.diff(units(pa.array([text for _, text in have])).offsets))
    end = int(np.searchsorted(sizes, given.blocks))
    corpus, held_out = have[:end], have[end : end + HELD_OUT]
    others = units(pa.array([text for _, text in have[end + HELD_OUT :]], pa.large_string()))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        learnt = (others.text(n) for n in range(len(others.starts)))
        fit_vectors(learnt, work / "v", settings=VectorSettings(max_units=30_000))
        make = Vectoriser.load(work / "v" / COMPONENTS, fold_han=True)
        for case, documents in (("real", corpus), ("planted", planted(corpus))):
            texts, removed = filtered(documents, make)
            for language in ("en", "zh"):
                wanted = language == "zh"
                before = [text for _, text in documents if chinese(text) == wanted]
                after = [text for text in texts if chinese(text) == wanted]
                scored = pa.array([t for _, t in held_out if chinese(t) == wanted])
                folder = work / f"{case}-{language}"
                fit_lm(before, language, folder, settings=SETTINGS)
                sp_model = folder / SP_MODEL
                old, old_tokens = perplexity(before, sp_model, scored)
                new, tokens = perplexity(after, sp_model, scored)
                same, _ = perplexity(before, sp_model, scored, tokens)
                bench.line(
                    f"effect, {case}, {language}", "perplexity", new, "a token", n=len(scored),
                    peer="before filtering; as many tokens",
                    peer_value=[round(old, 2), round(same, 2)],
                    tokens=tokens, tokens_before=old_tokens, blocks_removed=removed,
                )  # fmt: skip


if __name__ == "__main__":
    main()
