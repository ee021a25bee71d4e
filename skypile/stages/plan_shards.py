"""What stage `plan` reads of token shards: the manifest of each folder of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skypile.errors import SkypileError
from skypile.kernels.mixing.categories import CATEGORIES, PARTITIONS
from skypile.objects import have, parse_object

FORMAT, VERSION = "skypile-shard", 1
TRAIN, VALIDATION = SPLITS = ("train", "validation")
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Shards:
    """One folder of shards: a domain's tokens of one split. folder: relative to the run."""

    folder: str
    domain: str
    split: str
    tokens: int
    documents: int
    tokenizer: str
    vocabulary: int
    eos: int


def parse(folder: str, data: bytes) -> Shards:
    """The shards that a folder's manifest describes.

    Raises:
        SkypileError: it is no such manifest, names no domain of the mixture, or its sums do not
            match.
    """
    at = f"{folder}/{MANIFEST}"
    try:
        found = parse_object(data)
        if (found["format"], found["version"]) != (FORMAT, VERSION):
            raise SkypileError(f"{at}: format {found['format']!r}, version {found['version']!r}")
        names = ("domain", "split", "tokens", "documents", "tokenizer", "vocabulary", "eos")
        have(found, ("domain", "split", "tokenizer"), str, "manifest")
        have(found, ("tokens", "documents", "vocabulary", "eos"), int, "manifest")
        have(found, ("files",), list, "manifest")
        made = Shards(folder, **{name: found[name] for name in names})
        sums = {n: sum(f[n] for f in found["files"]) for n in ("tokens", "documents")}
    except (ValueError, KeyError, TypeError) as e:
        raise SkypileError(f"{at} is not the manifest of token shards: {e!r}") from e
    category, _, partition = made.domain.rpartition(".")
    if category not in CATEGORIES or partition not in PARTITIONS or made.split not in SPLITS:
        raise SkypileError(f"{at}: unknown domain {made.domain!r} or split {made.split!r}")
    if sums != {"tokens": made.tokens, "documents": made.documents}:
        raise SkypileError(f"{at}: its files have {sums}, it says {made.tokens}, {made.documents}")
    return made


def by_split(shards: Iterable[Shards]) -> Mapping[str, Mapping[str, Shards]]:
    """Split to domain to shards.

    Raises:
        SkypileError: a domain occurs twice, there is none to train on, or two have not been made
            with one tokenizer.
    """
    found: dict[str, dict[str, Shards]] = {split: {} for split in SPLITS}
    for one in sorted(shards, key=lambda s: (s.domain, s.folder)):
        if other := found[one.split].get(one.domain):
            raise SkypileError(f"two folders hold {one.domain}: {other.folder}, {one.folder}")
        found[one.split][one.domain] = one
    if not found[TRAIN]:
        raise SkypileError("there are no token shards to train on: run stage tokens first")
    _check_one_tokenizer([s for split in found.values() for s in split.values()])
    return found


def _check_one_tokenizer(shards: Sequence[Shards]) -> None:
    first = shards[0]
    for one in shards:
        if (one.tokenizer, one.vocabulary, one.eos) != (
            first.tokenizer,
            first.vocabulary,
            first.eos,
        ):
            raise SkypileError(
                f"{one.folder} and {first.folder} have not been made with the same tokenizer"
            )
