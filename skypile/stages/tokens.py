"""Token shards (Skywork 3.6): the finished corpus as what a trainer reads, one folder a domain.

`kernels.tokenizer.shards` says how documents are ordered and cut. A document's tokens end with the
end-of-document token, and sit in exactly one shard; that none is lost or doubled is checked here,
at the end of the stage, from sums taken when documents were encoded and when shards were written.
A shard has about `shard_tokens` tokens at most: cuts are by key, so sizes vary as samples do, and a
document that is longer makes a longer shard. A domain without documents has no folder.

Left out: cutting long documents, and repetition: both are the trainer's.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from skypile import artifacts
from skypile.builds import Build, BuildInput, Built, BuiltFile
from skypile.errors import BalanceError, InputError
from skypile.files import Root
from skypile.fits.names import TOKENIZER_FAST, TOKENIZER_KIND, TOKENIZER_MODEL
from skypile.kernels.tokenizer.encode import open_model
from skypile.kernels.tokenizer.shards import Layout, layout, shard_bounds
from skypile.kernels.tokenizer.sp_model import read_model
from skypile.parts import PartFiles
from skypile.settings import setting
from skypile.shards import INDEX, MANIFEST, TOKENIZER, domain_manifest, index
from skypile.stage import CORPUS_TABLE, Model, Stage
from skypile.stages.tokens_write import (
    Domain,
    Encoded,
    EncodeTask,
    Shard,
    ShardTask,
    SurveyTask,
    Totals,
    encode_parts,
    survey,
    write_shard,
)

BUCKETS_A_SHARD = 8  # what a task that writes a shard holds at a time is one of them
SPLITS, PARTITIONS = ("train", "validation"), ("main", "stem")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MIN_TASK_TOKENS = 8 << 20  # a few seconds of work: opening the tokenizer takes a tenth of one


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    tokenizer: str = setting(
        "",
        piece="build",
        content=True,
        help="folder or URI of a finished tokenizer; none: the one that this run fits",
    )
    shard_tokens: int = setting(
        1_000_000_000,
        piece="build",
        low=256,
        high=2_000_000_000,
        help="tokens of a shard, about, at most; two bytes each (1 to 4 GB)",
    )
    seed: int = setting(0, piece="build", low=0, help="of the order of documents")
    task_tokens: int = setting(
        64_000_000, piece=None, low=1, help="estimated tokens that a task encodes, 4 bytes each"
    )


def validate(config: Config) -> None:
    """Look at the tokenizer that the settings name.

    Raises:
        InputError: it is missing, damaged, or no tokenizer of LLaMA's kind.
    """
    if config.tokenizer:
        folder = artifacts.local(config.tokenizer, kind=TOKENIZER_KIND)
        try:
            read_model((folder / TOKENIZER_MODEL).read_bytes())
        except ValueError as e:
            raise InputError(f"[tokens] tokenizer: {config.tokenizer}: {e}") from e


def agrees(settings: Mapping[str, Any]) -> None:
    """Raises ValueError where the run neither fits a tokenizer nor names one."""
    if not settings["tokens"].tokenizer and "fit_tokenizer" not in settings:
        raise ValueError(
            "no tokenizer: give the run a section [fit_tokenizer], or name a finished one "
            "(tokenizer = ...)"
        )


def build(config: Config, given: BuildInput) -> Built:
    """The shards, a manifest a domain, an index, and a copy of the tokenizer.

    Raises:
        InputError: the corpus is empty, or has a category that cannot be a folder's name.
        BalanceError: documents or tokens were lost or doubled on the way.
    """
    model = _tokenizer(config, given)
    parts: list[dict[Domain, Totals]] = given.run_tasks(
        survey, [SurveyTask(part, config.seed) for part in given.parts], "survey"
    )
    corpus = _summed(parts)
    domains = tuple(sorted(corpus))
    plan = layout([corpus[d].tokens for d in domains], config.shard_tokens, BUCKETS_A_SHARD)
    encode = _encode_tasks(config, given, parts, model, domains, plan)
    encoded: list[Encoded] = given.run_tasks(encode_parts, encode, "encode")
    totals = [sum((e.totals[i] for e in encoded), Totals()) for i in range(len(domains))]
    todo = _shard_tasks(config, given, domains, plan, totals, tuple(encoded))
    shards: list[Shard] = given.run_tasks(write_shard, todo, "shards")
    for i, (split, name) in enumerate(domains):
        written = sum((s.totals for s in shards if s.domain == i), Totals())
        _same(f"{name}, {split}: documents, tokens and keys in shards", totals[i], written)
        due = replace(corpus[split, name], tokens=written.tokens)  # there they are estimates
        _same(f"{name}, {split}: documents and keys of the corpus", due, written)
    return _finish(given, model, domains, totals, shards)


def _tokenizer(config: Config, given: BuildInput) -> Model:
    if config.tokenizer:
        card = artifacts.load_card(config.tokenizer, kind=TOKENIZER_KIND)
        return Model(config.tokenizer, card.digest)
    if len(given.models) != 1:
        raise InputError("tokens: the run has fitted no tokenizer: its corpus was empty")
    return next(iter(given.models.values()))


def _summed(parts: Sequence[Mapping[Domain, Totals]]) -> dict[Domain, Totals]:
    """What the corpus has of each domain.

    Raises:
        InputError: nothing, or a domain that cannot be a folder.
    """
    sums: dict[Domain, Totals] = {}
    for part in parts:
        for domain, total in part.items():
            sums[domain] = sums.get(domain, Totals()) + total
    for split, name in sums:
        category, _, partition = name.rpartition(".")
        if split not in SPLITS or partition not in PARTITIONS or not _NAME.fullmatch(category):
            raise InputError(
                f"tokens: the corpus has documents of {split}, {name}: a split is one of {SPLITS}, "
                f"a partition of {PARTITIONS}, and a category is spelt in a-z, 0-9, _ and -"
            )
    if not sums:
        raise InputError("tokens: the corpus has no documents; the funnel says where they went")
    return sums


def _encode_tasks(
    config: Config,
    given: BuildInput,
    parts: Sequence[Mapping[Domain, Totals]],
    model: Model,
    domains: tuple[Domain, ...],
    plan: Layout,
) -> list[EncodeTask]:
    """Parts packed into tasks: what a task writes is read by every task that writes a shard, so
    there should not be too many, nor so few that cores are idle.
    """
    sizes = [sum(total.tokens for total in part.values()) for part in parts]
    most = max(_MIN_TASK_TOKENS, min(config.task_tokens, sum(sizes) // 64))
    packed: list[list[PartFiles]] = []
    filled = 0
    for part, held, size in zip(given.parts, parts, sizes, strict=True):
        if held:
            if not packed or filled + size > most:
                packed.append([])
                filled = 0
            packed[-1].append(part)
            filled += size
    return [
        EncodeTask(
            given.run,
            tuple(some),
            f"{given.folder}/encoded/part-{i:05d}.tokens",
            model.uri,
            TOKENIZER_MODEL,
            domains,
            plan,
            config.seed,
        )
        for i, some in enumerate(packed)
    ]


def _shard_tasks(
    config: Config,
    given: BuildInput,
    domains: Sequence[Domain],
    plan: Layout,
    totals: Sequence[Totals],
    encoded: tuple[Encoded, ...],
) -> list[ShardTask]:
    todo = []
    for i, (split, name) in enumerate(domains):
        base = plan.first[i]
        buckets = plan.first[i + 1] - base
        bounds = shard_bounds(buckets, totals[i].tokens, config.shard_tokens)
        inputs = tuple(e for e in encoded if e.totals[i].documents)
        for number, (first, last) in enumerate(pairwise(bounds)):
            stem = f"{given.folder}/{split}/{name}/part-{number:05d}"
            todo.append(
                ShardTask(given.run, inputs, i, base + first, base + last, base, buckets, stem)
            )
    return todo


def _finish(
    given: BuildInput,
    model: Model,
    domains: Sequence[Domain],
    totals: Sequence[Totals],
    shards: Sequence[Shard],
) -> Built:
    """Manifests, the tokenizer and the index, last of all; the encoded files are left to sweep."""
    source = Root(model.uri)
    card = artifacts.load_card(model.uri, kind=TOKENIZER_KIND)
    processor = open_model(artifacts.local(model.uri) / TOKENIZER_MODEL)
    about = {
        "tokenizer": card.files[TOKENIZER_MODEL].sha256,
        "vocabulary": processor.vocab_size(),
        "eos": processor.eos_id(),
    }
    files = [f for s in shards for f in (s.tokens, s.ends) if f]
    made = []
    for i, (split, name) in enumerate(domains):
        own = [s for s in shards if s.domain == i and s.tokens]
        data = domain_manifest(split, name, about, own)
        files.append(_put(given, f"{split}/{name}/{MANIFEST}", data))
        made.append(
            {
                "split": split,
                "domain": name,
                "tokens": totals[i].tokens,
                "documents": totals[i].documents,
            }
        )
    copied = (TOKENIZER_MODEL, TOKENIZER_FAST, artifacts.CARD)
    files += [_put(given, f"{TOKENIZER}/{name}", source.read(name)) for name in copied]
    files.append(_put(given, INDEX, index(about, made)))
    return Built(files, {**about, "domains": made})


def _put(given: BuildInput, name: str, data: bytes) -> BuiltFile:
    path = f"{given.folder}/{name}"
    given.run.write_atomic(path, data)
    return BuiltFile(path, len(data), hashlib.sha256(data).hexdigest())


def _same(what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise BalanceError(f"tokens: {what}: {expected} are due, {found} were written")


STAGE = Stage(
    name="tokens",
    step=80,
    paper="3.6 token shards",
    config=Config,
    reasons=(),
    optional=True,
    validate=validate,
    agrees=agrees,
    build=Build(
        reads={CORPUS_TABLE: ("split", "category", "partition", "estimated_tokens")},
        build=build,
        models=("fit_tokenizer",),
    ),
    libraries=("protobuf", "sentencepiece"),
)
