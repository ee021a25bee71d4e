"""`skypile release`: the finished corpus of a run as files that others load, with a data card.

`OUT/data/DOMAIN/SPLIT-NNNNN.jsonl` (or .jsonl.gz, .jsonl.zst, .parquet), `README.md` (the card),
`LICENSE.md`, `SHA256SUMS`, and `release.json`, which is written last: without it a folder is no
release. Texts are those of table `corpus`: edited, personal data masked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from skypile import __version__
from skypile.errors import SkypileError
from skypile.files import Root
from skypile.fingerprints import digest_of, library_versions
from skypile.kernels.mixing.categories import CATEGORIES, PARTITIONS
from skypile.ledger import Funnel, Ledger
from skypile.licences import hub_names
from skypile.lock import held
from skypile.release import card
from skypile.release import verify as verification
from skypile.release.files import FORMATS, PARQUET, SUFFIXES, Layout
from skypile.release.rows import Choice, Corpus, write
from skypile.release.streams import UNFINISHED, Key, Shard, by_stream, clear, finished
from skypile.settings import did_you_mean

TRAIN, VALIDATION = "train", "validation"
PLAN = f"{UNFINISHED}/plan.json"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", re.I)


def parse_bytes(size: str) -> int:
    """A number of bytes written as 500MB, 1.5 GiB or 1000.

    Raises:
        SkypileError: it is no such thing, or less than one byte.
    """
    m = _SIZE.fullmatch(size.strip())
    power = " KMGT".index(m[2].upper() or " ") if m else 0
    found = int(float(m[1]) * (1024 if m[3] else 1000) ** power) if m else 0
    if found < 1:
        raise SkypileError(f"a size must look like 500MB or 1GiB, got {size!r}")
    return found


def layout(format_: str, compression: str, shard_size: str, *, metadata: bool) -> Layout:
    """How a release is written, as the command has it.

    Raises:
        SkypileError: an unknown format or compression, or no size.
    """
    if format_ not in FORMATS:
        raise SkypileError(f"--format {format_}: {' or '.join(FORMATS)}")
    if compression not in SUFFIXES:
        raise SkypileError(f"--compression {compression}: {', '.join(SUFFIXES)}")
    if format_ == PARQUET and compression != "none":
        raise SkypileError("--compression is of JSON lines: Parquet packs with zstd itself")
    return Layout(format_, compression, parse_bytes(shard_size), metadata)


def choice(
    splits: Sequence[str] | None, categories: Sequence[str] | None, sources: Sequence[str] | None
) -> Choice:
    """What is released, as the command has it.

    Raises:
        SkypileError: there is no such split or category.
    """
    domains = [f"{c}.{p}" for c in CATEGORIES for p in PARTITIONS]
    for option, names, known in (
        ("--split", splits, [TRAIN, VALIDATION]),
        ("--category", categories, [*CATEGORIES, *domains]),
    ):
        for name in names or ():
            if name not in known:
                raise SkypileError(f"{option} {name}: {did_you_mean(name, known)}")
    return Choice(*(tuple(sorted(set(x or ()))) for x in (splits, categories, sources)))


def release(
    run: str,
    out: str,
    layout: Layout,
    choice: Choice,
    *,
    name: str = "",
    allow_unknown_licences: bool = False,
    say: Callable[[str], None],
) -> Mapping[str, Any]:
    """Write a release, or what is missing of one that was interrupted; its `release.json`.

    name: of the data set, on the card.

    Raises:
        SkypileError: the run is not finished as far as the corpus, or does not mask personal data;
            it has nothing of what was chosen; a source has no known licence; the folder holds
            something else.
        StaleError: the run is stale, or its files are not those that were committed.
    """
    book, target = Ledger(run), Root(out)
    funnel, stage = _checked(book)
    sources = _chosen_sources(book, choice, stage)
    licences = _licences(book, sources, allow_unknown_licences)
    plan = _plan(book, layout, choice, stage, licences, name)
    with held(target, "release"):
        if target.exists(verification.RELEASE):
            say(f"{out} is up to date")
            return _same(target, plan)
        done = _taken_up(target, plan, say)
        documents = {(f.source, f.part): f for f in book.files("documents")}
        code = {(f.source, f.part): f for f in book.files("code_fates")}
        files = [f for f in book.files("corpus") if f.source in sources]
        shards = write(Corpus(book, files, licences, documents, code), target, layout, choice, done)
        if not shards:
            raise SkypileError(f"{run} has no documents of what was chosen: {choice}")
        made = _publish(target, plan, shards, card.About(book, funnel, stage))
        clear(target)
        return made


def _checked(book: Ledger) -> tuple[Funnel, str]:
    """The funnel up to the stage that writes the corpus, and its name."""
    names = [s["name"] for s in book.record["stages"] if s["pieces"].get("write")]
    if not names:
        raise SkypileError(f"{book.root.uri} has no stage that writes the corpus")
    funnel = book.funnel(upto=names[-1])
    stages = [s["name"] for s in book.record["stages"]]
    due = [n for n in funnel.pending if stages.index(n) <= stages.index(names[-1])]
    if due:
        raise SkypileError(f"{book.root.uri} is not finished: `skypile run` {', '.join(due)} first")
    book.check_budgets(funnel)
    return funnel, names[-1]


def _chosen_sources(book: Ledger, choice: Choice, stage: str) -> list[str]:
    if odd := sorted(set(choice.sources) - set(book.sources)):
        raise SkypileError(f"no source {odd[0]!r} in the run; it has {', '.join(book.sources)}")
    found = []
    for source in book.sources:
        manifest = book.manifests.get(f"{stage}.write", source)
        if manifest is None or (choice.sources and source not in choice.sources):
            continue
        if manifest.settings.get("mask") is False:
            raise SkypileError(
                f"the corpus may hold personal data: it was written with mask = false; set mask = "
                f"true in [{stage}] and run it again"
            )
        domains = manifest.counts.get("domains")
        if domains is None or any(
            choice.takes(d, split) for d, of in domains.items() for split in of
        ):
            found.append(source)
    if not found:
        raise SkypileError(f"{book.root.uri} has no documents of what was chosen: {choice}")
    return found


def _licences(book: Ledger, sources: Sequence[str], allow_unknown: bool) -> dict[str, str]:
    licences = {s["name"]: s["licence"] for s in book.record["sources"] if s["name"] in sources}
    unknown = [f"{n}: {text!r}" for n, text in licences.items() if hub_names(text) is None]
    if unknown and not allow_unknown:
        raise SkypileError(
            f"the licence of these sources is not known: {'; '.join(unknown)}. Set `licence` of "
            "the source to an SPDX identifier (CC-BY-SA-4.0), or to LicenseRef-NAME for terms that "
            "you know and that have none, and `skypile run`, which records it; or leave the source "
            "out (--source); or say --allow-unknown-licences, and the card says so"
        )
    return licences


def _plan(
    book: Ledger, layout: Layout, choice: Choice, stage: str, licences: Mapping[str, str], name: str
) -> dict[str, Any]:
    """All that decides the bytes of the shards, and a digest of it."""
    manifests = {s: book.manifests.get(f"{stage}.write", s) for s in licences}
    decides = {
        "name": name,
        "corpus": {s: m.digest for s, m in manifests.items() if m},
        "layout": asdict(layout),
        "choice": asdict(choice),
        "licences": dict(licences),
        "sample_fraction": book.record.get("sample_fraction", 1.0),
        "skypile": __version__,
        "libraries": library_versions(("orjson", "pyarrow", "zlib-ng", "zstandard")),
    }
    decides = orjson.loads(orjson.dumps(decides))  # as it will be read back
    return {**decides, "digest": digest_of(decides)}


def _same(target: Root, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The release that lies there already, if it is this one."""
    there = verification.load(target)
    if there["plan"] != plan:
        odd = [k for k, v in plan.items() if k != "digest" and there["plan"].get(k) != v]
        raise SkypileError(
            f"{target.uri} holds another release ({', '.join(odd)}): choose another folder, or "
            "delete it"
        )
    for shard in there["files"]:
        if target.size(shard["path"]) != shard["bytes"]:
            raise SkypileError(
                f"{target.at(shard['path'])} is not as it was written: `skypile release --verify` "
                "says what is wrong; delete the folder and release again"
            )
    clear(target)  # where the last attempt was killed before it did
    return there


def _taken_up(
    target: Root, plan: Mapping[str, Any], say: Callable[[str], None]
) -> Mapping[Key, Sequence[Shard]]:
    """The shards that an interrupted attempt at the same release has finished."""
    done: dict[Key, list[Shard]] = {}
    if target.exists(PLAN):
        found = list(finished(target))
        same = orjson.loads(target.read(PLAN))["digest"] == plan["digest"]
        done = by_stream(found if same else ())
        left = [s for s in found if s not in done.get((s.domain, s.split), ())]
        for shard in left:
            if target.size(shard.path) is not None:  # at its place already
                target.delete(shard.path)
        if same:
            say(f"going on: {len(found) - len(left):,} shards are there")
        else:
            say("what an interrupted release of something else has left is deleted")
            clear(target)
    known = {s.path for shards in done.values() for s in shards}
    known |= {"lock.json", *verification.BESIDE}
    for file in target.walk():
        if file.path not in known and not file.path.startswith(f"{UNFINISHED}/"):
            raise SkypileError(f"{target.uri} holds what is no part of a release: {file.path}")
    target.write_atomic(PLAN, orjson.dumps(plan))
    return done


def _publish(
    target: Root, plan: Mapping[str, Any], shards: Sequence[Shard], about: card.About
) -> Mapping[str, Any]:
    """Everything to its place: shards, card, checksums, and last what makes it a release."""
    for shard in shards:
        if target.size(f"{UNFINISHED}/{shard.path}") == shard.bytes:
            target.move(f"{UNFINISHED}/{shard.path}", shard.path)
    files = [asdict(s) for s in shards]
    made = {"format": verification.FORMAT, "version": 1, "plan": plan, "files": files}
    beside = {
        "README.md": card.card(plan, shards, about).encode(),
        "LICENSE.md": card.licence_file(plan).encode(),
        verification.RELEASE: orjson.dumps(made, option=orjson.OPT_INDENT_2),
    }
    sums = verification.checksums(shards, beside)
    for path, data in {verification.SUMS: sums, **beside}.items():
        target.write_atomic(path, data)
    return made
