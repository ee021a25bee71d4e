"""Domain perplexity: Table 6 of the paper.

Models with different tokenizers cannot be compared by the loss of a token. The paper (section 4.3)
takes loss x tokens / tokens of a reference tokenizer, on the same text: so the exponential is of
nats a *reference token*. Its average over domains is the exponential of the mean of their losses
(the numbers of Table 6 give 9.42 that way and in no other); the plain alternatives stand beside it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model.evaluate.scoring import Loss, Tokenizer

# Table 6 of the paper: technology, movie, government, game, finance, general, and the average.
PAPER = {
    "skywork-13b": {
        "tech": 11.58, "movie": 21.84, "government": 4.76, "game": 17.28, "finance": 4.92,
        "general": 6.82,
    }
}  # fmt: skip


@dataclass(frozen=True)
class Domain:
    """What a model makes of the documents of a domain.

    perplexity: of the model's own tokens. reference_perplexity: of reference tokens.
    bits_per_byte: of UTF-8.
    """

    documents: int
    chars: int
    bytes: int
    tokens: int
    reference_tokens: int
    nats: float
    perplexity: float
    reference_perplexity: float
    bits_per_byte: float


def domain(texts: Sequence[str], losses: Sequence[Loss], reference: Tokenizer) -> Domain:
    """The sums over a domain's documents.

    texts: as they were scored, cut. reference: whose tokens all models are counted in.
    """
    nats = math.fsum(loss.nats for loss in losses)
    tokens = sum(loss.tokens for loss in losses)
    reference_tokens = sum(len(reference.encode(text)) for text in texts)
    size = sum(len(text.encode()) for text in texts)
    return Domain(
        documents=len(texts),
        chars=sum(map(len, texts)),
        bytes=size,
        tokens=tokens,
        reference_tokens=reference_tokens,
        nats=nats,
        perplexity=_exp(nats / tokens),
        reference_perplexity=_exp(nats / reference_tokens),
        bits_per_byte=nats / math.log(2) / size,
    )


def averages(domains: Mapping[str, Domain]) -> dict[str, float]:
    """Over domains, of reference tokens: `of_losses` is the paper's, the exponential of the mean
    loss; `of_tokens`, every token weighs the same; `of_perplexities`, their plain mean.
    """
    losses = [d.nats / d.reference_tokens for d in domains.values()]
    nats = math.fsum(d.nats for d in domains.values())
    return {
        "of_losses": _exp(math.fsum(losses) / len(losses)),
        "of_tokens": _exp(nats / sum(d.reference_tokens for d in domains.values())),
        "of_perplexities": math.fsum(map(_exp, losses)) / len(losses),
    }


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf


def as_json(models: Mapping[str, Mapping[str, Domain]]) -> dict[str, Any]:
    """Model to its domains and averages."""
    return {
        name: {
            "domains": {key: asdict(found) for key, found in domains.items()},
            "average": averages(domains),
        }
        for name, domains in models.items()
    }


def markdown(models: Mapping[str, Mapping[str, Domain]]) -> str:
    """Tables: a row a domain, a column a model, the paper's where it has one of the domains; then
    the same in the models' own tokens, and what the documents are.
    """
    first = next(iter(models.values()))
    paper = {name: row for name, row in PAPER.items() if set(first) & set(row)}
    heads = ["domain", *models, *(f"{name} (the paper)" for name in paper)]
    rows = [
        [n, *(f"{m[n].reference_perplexity:.2f}" for m in models.values()),
         *(f"{row[n]:.2f}" if n in row else "" for row in paper.values())]
        for n in first
    ]  # fmt: skip
    means = {name: averages(domains) for name, domains in models.items()}
    published = []  # over the domains that are shown
    for row in paper.values():
        losses = [math.log(value) for name, value in row.items() if name in first]
        published.append(_exp(sum(losses) / len(losses)))
    said = {
        "of_losses": "**average** (of losses, the paper's)",
        "of_tokens": "all tokens alike",
        "of_perplexities": "mean of perplexities",
    }
    for key, label in said.items():
        theirs = [f"{p:.2f}" if key == "of_losses" else "" for p in published]
        rows.append([label, *(f"{m[key]:.2f}" for m in means.values()), *theirs])
    own = [
        [n, *(f"{m[n].perplexity:.2f}; {m[n].bits_per_byte:.3f}" for m in models.values())]
        for n in first
    ]
    sizes = [
        [n, *(f"{v:,}" for v in (d.documents, d.chars, d.reference_tokens))]
        for n, d in first.items()
    ]
    return "\n\n".join(
        [
            "Perplexity of a reference token:",
            _table(heads, rows),
            "Perplexity of the model's own tokens; bits a byte:",
            _table(["domain", *models], own),
            "The documents, cut:",
            _table(["domain", "documents", "characters", "reference tokens"], sizes),
        ]
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
