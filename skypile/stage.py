"""The Stage record: what a stage is made of, and what each piece of it sees and gives back.

A stage is a module in `skypile.stages` with a `STAGE`: pieces of these, each with its manifest:

* `read` (stages that take raw input): slices of files to `documents` and `records`;
* `measure`: pure per document, keyed by the document and the text it read;
* `relate`: corpus-wide, on narrow rows (hashes, scores), a DataFrame job;
* `fit`: models of chosen documents, as artifacts of the run;
* `cut`: thresholds to verdicts;
* `write`: the documents that are left, with their texts as edited, to a table of their own;
* `build`: the finished corpus to files that are no table of the run (token shards);
* `derive`: what earlier stages committed to small files, on the driver.

A changed threshold reruns a cut and nothing dearer. `skypile.pipeline` has the list of all stages.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from skypile.builds import Build
from skypile.reads import Read
from skypile.tables import DOCUMENTS, READ_LOG, RECORDS, Table, verdicts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from skypile.files import Root
    from skypile.manifests import FileEntry

PIECES = ("read", "measure", "relate", "fit", "cut", "write", "build", "derive")  # in order
CORPUS_WIDE = ("relate", "fit", "build", "derive")
CORPUS_TABLE = "corpus"  # the finished documents: who reads it sees it in place of `documents`
Kernel = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True)
class Measure:
    """Documents to a table of numbers. The kernel sees kept documents, with the columns asked for
    (`text` after the edits of earlier stages), and returns `table`'s columns for the same rows.

    make_kernel: of the settings; where `models` names stages that fit some, also of the models
    that they fitted, by name. optional: as `reads`, of tables that a run need not have; without
    them it sees no such columns.
    """

    table: Table
    reads: Mapping[str, tuple[str, ...]]
    make_kernel: Callable[..., Kernel]
    models: tuple[str, ...] = ()
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class TextMapper(Protocol):
    """From the keys of some documents to rows computed from their texts, on executors. The texts
    are those that the stage sees, after earlier edits; they do not enter the frame.
    """

    def __call__(
        self, keys: "DataFrame", make_kernel: Callable[[], Kernel], schema: pa.Schema
    ) -> "DataFrame":
        """keys: `key`, each once. The kernel sees `key`, `text` and beside it the
        measure's optional columns, where the run has them, and returns `schema`.
        """


@dataclass(frozen=True)
class EarlierRun:
    """What the same stage kept in another run: `frame` has a `key` and the columns of `Against`'s
    reads, `texts` maps its keys; None where the run's texts are gone. name: its folder or URI.
    """

    name: str
    frame: "DataFrame"
    texts: TextMapper | None


@dataclass(frozen=True)
class Against:
    """Earlier runs that a relate compares with. runs: of settings to their folders or URIs. reads:
    tables that the stage's measure wrote there, and columns. They are checked before a run does
    anything, and are in the relate's fingerprint.
    """

    runs: Callable[[Any], tuple[str, ...]]
    reads: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Related:
    """What a relate gives back: rows (`key` int64 and the table's columns) and/or corpus facts."""

    frame: "DataFrame | None" = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFacts:
    """What the configuration says of a source's texts: kind (its `category`), language (an ISO 639
    code, None where it does not say) and partition.
    """

    kind: str
    language: str | None
    partition: str


@dataclass(frozen=True)
class Relate:
    """Corpus-wide: a frame of `key` and narrow columns to a few rows about it, or facts.

    relate: of (settings, frame). With `texts` it gets a `TextMapper` as well, to compute something
    narrow from the texts of some documents (shingles of candidate pairs, say) where they lie. With
    `against` it gets a list of `EarlierRun` as well, with `sources` the `SourceFacts` of each
    source by name.
    """

    reads: Mapping[str, tuple[str, ...]]
    relate: Callable[..., Related]
    table: Table | None = None
    texts: bool = False
    against: Against | None = None
    sources: bool = False


@dataclass(frozen=True)
class Model:
    """A fitted model as a task needs it: where it is, and the digest of its card."""

    uri: str
    digest: str


@dataclass(frozen=True)
class FitInput:
    """What a fit gets: the narrow rows of its sources (`key`, and the columns it reads), the texts
    of documents by key on demand, an empty local folder, each subfolder of which that holds a card
    becomes a model of the run, and the licence of each source.

    texts: of `keys` (int64, any order); yields tables of `key` and `text` (after the edits of
    earlier stages) in ascending order of keys. map_texts: rows computed from texts where they lie,
    to count what is in them.
    """

    frame: "DataFrame"
    texts: Callable[[Any], Iterator[pa.Table]]
    folder: Path
    licences: Mapping[str, str]
    map_texts: TextMapper | None = None

    def licence(self, sources: Iterable[str]) -> str:
        """The licences of some sources in one line, each once."""
        return ", ".join(dict.fromkeys(self.licences[name] for name in sources))


@dataclass(frozen=True)
class Fit:
    """Documents to models. `sources` are those that the settings name (None: all); the others make
    no model stale. `fit` writes artifacts into `FitInput.folder`, and returns facts about them.
    """

    reads: Mapping[str, tuple[str, ...]]
    sources: Callable[[Any], tuple[str, ...] | None]
    fit: Callable[[Any, FitInput], Mapping[str, Any]]


@dataclass(frozen=True)
class Cut:
    """Numbers to verdicts. The kernel sees the rows that are still in and returns `doc_id`, `kept`,
    `reason` and `removed_blocks` (sorted) for each, and the columns of `table` where there is one;
    `facts` is what the stage's relate found. Beside the columns that it reads it sees
    `removed_before`: the blocks that earlier stages removed, which the text it measured lacks.
    """

    reads: Mapping[str, tuple[str, ...]]
    make_kernel: Callable[[Any, Mapping[str, Any]], Kernel]
    table: Table | None = None


WriteKernel = Callable[[pa.RecordBatch], tuple[pa.RecordBatch, Mapping[str, Any]]]


@dataclass(frozen=True)
class Write:
    """What is left after the stage's own cut to a table that holds text: one file a part, with a
    row for each document that is still in and none for the others. The kernel sees these rows with
    the columns it reads, `row` (int32, its number in the part) and `text` after all edits; it
    returns `table`'s columns for the same rows, and counts, which are added up.
    """

    table: Table
    reads: Mapping[str, tuple[str, ...]]
    make_kernel: Callable[[Any], WriteKernel]


@dataclass(frozen=True)
class Derived:
    """Small files of the run, by path relative to it, and what the manifest says about them."""

    files: Mapping[str, bytes]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Derive:
    """On the driver, without Spark: from all files that the stages `after` committed (as many of
    them as the run has) to small ones. `derive` is of (settings, run, those files).
    """

    after: tuple[str, ...]
    derive: Callable[[Any, "Root", "Sequence[FileEntry]"], Derived]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the paper. `reasons` is the closed list of what it drops for; `libraries` are the
    packages whose version decides its output. `validate` is called with the stage's settings before
    anything is done: it raises SkypileError where what they name (a model, a list) is not usable.
    An `optional` stage is part of a run that names it in `run.stages` or by a section, or has a
    source for it. `not_for` are categories of sources that it judges only where they name it in
    `stages`. `agrees` is called with the settings of all the run's stages by name: it raises
    ValueError where they disagree. `sources`: those its settings name, beside a fit's.
    """

    name: str
    step: int
    paper: str
    config: type
    reasons: tuple[str, ...]
    read: Read | None = None
    measure: Measure | None = None
    relate: Relate | None = None
    fit: Fit | None = None
    cut: Cut | None = None
    write: Write | None = None
    build: Build | None = None
    derive: Derive | None = None
    libraries: tuple[str, ...] = ()
    validate: Callable[[Any], None] | None = None
    optional: bool = False
    not_for: tuple[str, ...] = ()
    agrees: Callable[[Mapping[str, Any]], None] | None = None
    sources: Callable[[Any], Sequence[str]] | None = None

    @property
    def module(self) -> str:
        """Where the stage is written: hashed, with its kernels, into its fingerprints."""
        return self.config.__module__

    def code(self, piece: str) -> str:
        """The module that, with what it imports, decides the rows of a piece: the stage's, or, of
        a measure or a write, the one where its kernel is made, so that work on the rest of a big
        stage does not measure or write everything again.
        """
        if piece == "measure" and self.measure:
            return self.measure.make_kernel.__module__
        if piece == "write" and self.write:
            return self.write.make_kernel.__module__
        return self.module

    def pieces(self) -> tuple[str, ...]:
        """The names of its pieces, in the order in which they run."""
        return tuple(p for p in PIECES if getattr(self, p))

    def writes(self, piece: str) -> tuple[Table, ...]:
        """The tables that a piece writes."""
        match piece:
            case "read":
                return (DOCUMENTS, RECORDS, READ_LOG)
            case "cut":
                assert self.cut
                return (verdicts(self.name), *filter(None, [self.cut.table]))
            case "fit" | "build" | "derive":
                return ()
            case _:
                table = getattr(self, piece).table
                return (table,) if table else ()

    def reads(self, piece: str) -> Mapping[str, tuple[str, ...]]:
        """Table name to columns that a piece reads (none for `read` and `derive`)."""
        return {} if piece in ("read", "derive") else getattr(self, piece).reads

    def reads_if_there(self, piece: str) -> Mapping[str, tuple[str, ...]]:
        """Table name to columns that a piece reads where the run has them: a measure's, and of a
        relate with texts the same, beside each text.
        """
        beside = self.relate is not None and self.relate.texts
        if self.measure and (piece == "measure" or (piece == "relate" and beside)):
            return self.measure.optional
        return {}
