"""What each piece depends on: its inputs, its fingerprint, and the parts it reads.

Everything follows from the configuration and the committed manifests. A fingerprint has two
halves: the piece's own (settings, code, libraries, schemas), by which rows of an earlier run may
be taken over, and the digests of the manifests it reads.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skypile import contents
from skypile.config import Config, Source
from skypile.errors import InputError, StaleError
from skypile.fingerprints import code_digest, digest_of, library_versions
from skypile.manifests import CORPUS, FileEntry, Manifests
from skypile.parts import PartFiles, corpus_part
from skypile.planning import PLAN
from skypile.settings import plain, settings_of
from skypile.stage import CORPUS_TABLE, CORPUS_WIDE, Model, SourceFacts, Stage

if TYPE_CHECKING:
    from skypile.earlier import Earlier


def model_path(fit: str, fingerprint: str, name: str) -> str:
    """Where a run keeps a model that a fit (`STAGE.fit`) made, relative to the run."""
    return f"models/{fit.partition('.')[0]}/{fingerprint}/{name}"


def build_path(fingerprint: str) -> str:
    """Where a run keeps what was built of its corpus, relative to the run."""
    return f"shards/{fingerprint}"


@dataclass(frozen=True)
class Expected:
    """What a current manifest of a piece must carry."""

    fingerprint: str
    own_fingerprint: str
    inputs: dict[str, str]


class Lineage:
    """The dependencies of one run's pieces."""

    def __init__(self, config: Config, manifests: Manifests) -> None:
        self.config, self.manifests, self.root = config, manifests, manifests.root
        self._contents: dict[str, str] = {}
        self._earlier_runs: dict[str, tuple[Earlier, ...]] = {}  # by stage

    def expected(self, stage: Stage, piece: str, source: str) -> Expected:
        """The fingerprint and inputs of a piece as things stand.

        Raises:
            StaleError: an input is missing.
        """
        own = self.own(stage, piece, source)
        inputs = {n: self._digest(n) for n in self.input_names(stage, piece, source)}
        applies = self.applies(stage, source) if piece == "measure" else True
        return Expected(digest_of([own, list(inputs.items()), applies]), own, inputs)

    def own(self, stage: Stage, piece: str, source: str) -> str:
        """The piece's own half: all but its inputs, from the configuration and the code alone."""
        own: dict[str, Any] = {
            "piece": f"{stage.name}.{piece}",
            "settings": settings_of(self.config.settings[stage.name], piece),
            "code": code_digest(stage.code(piece)),
            "libraries": library_versions(stage.libraries),
            "tables": {t.name: t.version for t in stage.writes(piece)},
        }
        if piece == "read":
            where = self.config.source(source)
            own["source"] = [source, where.format, plain(where.hints())]
            if self.config.sample_fraction < 1:
                own["sample"] = [self.config.run.seed, self.config.sample_fraction]
        elif piece in CORPUS_WIDE:
            own["sources"] = self.sources_of(stage, piece)  # in order: keys follow it
            if piece == "relate" and (earlier := self.earlier_runs(stage)):
                own["against"] = [[e.name, e.digest] for e in earlier]
            if piece == "relate" and stage.relate and stage.relate.sources:
                own["source_facts"] = plain(self.source_facts(stage))
        elif piece in ("cut", "write"):
            own["applies"] = self.applies(stage, source)
        if contents := self.contents(stage, piece):
            own["contents"] = {name: digest for name, (_, digest) in contents.items()}
        return digest_of(own)

    def contents(self, stage: Stage, piece: str) -> dict[str, tuple[str, str]]:
        """(path, digest) of each model or list that the settings of a piece point to; one that is
        not there (yet) has none. Stages that need it refuse it before (`Stage.validate`).
        """
        found = contents.paths_of(self.config.settings[stage.name], piece)
        for path in found.values():
            if path not in self._contents:
                try:
                    self._contents[path] = contents.digest(path)
                except InputError:
                    self._contents[path] = "absent"
        return {name: (path, self._contents[path]) for name, path in found.items()}

    def earlier_runs(self, stage: Stage) -> "tuple[Earlier, ...]":
        """The runs that a stage's relate compares with, as they stood when first asked for.

        Raises:
            SkypileError: one is missing, stale or measured in another way.
        """
        from skypile.earlier import find

        if stage.name not in self._earlier_runs:
            settings = self.config.settings[stage.name]
            against = stage.relate.against if stage.relate else None
            names = against.runs(settings) if against and self.sources_of(stage, "relate") else ()
            own = self.own(stage, "measure", "") if names else ""
            out = self.config.run.out
            tables = {t.name for s in self.config.stages for p in s.pieces() for t in s.writes(p)}
            there = frozenset(tables & set(stage.reads_if_there("measure")))
            found = tuple(find(name, out, stage, settings, own, there) for name in names)
            self._earlier_runs[stage.name] = found
        return self._earlier_runs[stage.name]

    def pieces(self) -> dict[str, dict[str, Any]]:
        """Every piece of the run by `STAGE.PIECE/SOURCE`: its own half, and what it reads."""
        return {
            f"{stage.name}.{piece}/{source}": {
                "own": self.own(stage, piece, source),
                "inputs": self.input_names(stage, piece, source),
            }
            for stage in self.config.stages
            for piece in stage.pieces()
            for source in self.units(stage, piece)
        }

    def source_facts(self, stage: Stage) -> dict[str, SourceFacts]:
        """What the configuration says of the texts of each source that a relate sees."""
        named = [self.config.source(name) for name in self.sources_of(stage, "relate")]
        return {s.name: SourceFacts(s.category, s.language, s.partition) for s in named}

    def applies(self, stage: Stage, source: str) -> bool:
        """Whether a stage judges a source, or lets it pass on record."""
        return self.config.source(source).applies(stage.name)

    def units(self, stage: Stage, piece: str) -> list[str]:
        """The sources that a piece is computed for one by one, or the corpus.

        A stage that reads raw input has to do only with the sources it reads.
        """
        if piece in CORPUS_WIDE:
            return [CORPUS]
        return [s.name for s in self.config.sources if self._concerns(stage, s.name)]

    def _concerns(self, stage: Stage, source: str) -> bool:
        return stage.read is None or self.config.source(source).format in stage.read.formats

    def sources_of(self, stage: Stage, piece: str) -> list[str]:
        """The sources whose documents a corpus-wide piece sees, in the configuration's order."""
        if piece == "fit":
            assert stage.fit
            named = stage.fit.sources(self.config.settings[stage.name])
            sources = self.config.sources
            if named is None:
                return [s.name for s in sources if not self._is_not_for(stage, s)]
            return [s.name for s in sources if s.name in named]
        return [s for s in self.units(stage, "cut") if self.applies(stage, s)]

    def _is_not_for(self, stage: Stage, source: Source) -> bool:
        """Whether a fit whose settings name no source leaves this one out."""
        read = self.config.reader(source).read
        assert read
        skips = stage.name in source.skip_stages or stage.name in read.not_judged_by
        return skips or source.category in stage.not_for

    def input_names(self, stage: Stage, piece: str, source: str) -> list[str]:
        """The manifests that a piece reads, `STAGE.PIECE/SOURCE`, in order."""
        if piece == "read":
            return [f"{PLAN}/{source}"]
        if piece == "derive":
            assert stage.derive
            before = [s for s in self.config.stages if s.name in stage.derive.after]
            return [
                f"{s.name}.{p}/{u}" for s in before for p in s.pieces() for u in self.units(s, p)
            ]
        if source == CORPUS:
            sources = self.sources_of(stage, piece)
            names = [n for s in sources for n in self._tables_of(stage, piece, s)]
            return list(dict.fromkeys(names)) + self._fits(stage, piece)
        return self._tables_of(stage, piece, source) + self._fits(stage, piece)

    def _fits(self, stage: Stage, piece: str) -> list[str]:
        """The fits whose models a measure or a build uses."""
        user = getattr(stage, piece) if piece in ("measure", "build") else None
        used = user.models if user else ()
        return [f"{s.name}.fit/{CORPUS}" for s in self.config.stages if s.name in used]

    def models(self, stage: Stage, piece: str) -> dict[str, Model]:
        """The models that a piece uses, as fitted in this run, by name."""
        found: dict[str, Model] = {}
        for name in self._fits(stage, piece):
            fit, _, _ = name.partition("/")
            manifest = self.manifests.get(fit, CORPUS)
            assert manifest  # an input: `expected` has seen it
            for model, digest in manifest.facts["models"].items():
                at = model_path(fit, manifest.fingerprint, model)
                found[model] = Model(self.root.at(at), digest)
        return found

    def _tables_of(self, stage: Stage, piece: str, source: str) -> list[str]:
        if CORPUS_TABLE in stage.reads(piece):
            return self._corpus_of(source)
        names = [f"{self.config.reader(self.config.source(source)).name}.read/{source}"]
        names += [f"{s.name}.cut/{source}" for s in self._earlier(stage, piece, source)]
        for other in self.config.stages:
            for written_by, unit in (("measure", source), ("relate", CORPUS)):
                if written_by not in other.pieces() or (other is stage and piece == written_by):
                    continue
                tables = {t.name for t in other.writes(written_by)}
                own_facts = other is stage and piece == "cut"
                wanted = {*stage.reads(piece), *stage.reads_if_there(piece)}
                if tables & wanted or own_facts:
                    names.append(f"{other.name}.{written_by}/{unit}")
        return names

    def _corpus_of(self, source: str) -> list[str]:
        """The manifest of a source's finished documents."""
        return [
            f"{s.name}.{piece}/{source}"
            for s in self.config.stages
            for piece in s.pieces()
            if any(t.name == CORPUS_TABLE for t in s.writes(piece))
        ]

    def _earlier(self, stage: Stage, piece: str, source: str) -> list[Stage]:
        """Whose verdicts a piece heeds: those of the stages before it; a write its own too."""
        before = [s for s in self.config.stages if s.step < stage.step]
        own = [stage] if piece == "write" else []
        return [s for s in (*before, *own) if s.cut and self._concerns(s, source)]

    def _digest(self, name: str) -> str:
        piece, _, source = name.partition("/")
        manifest = self.manifests.get(piece, source)
        if manifest is None:
            raise StaleError(f"{piece} of source {source} is missing; run its stage first")
        return manifest.digest

    def reusable(self, stage: Stage, source: str, now: Expected) -> dict[str, list[FileEntry]]:
        """Files of a measure whose rows were computed as they would be today, with the same models:
        by the documents they are about (SHA-256), and by part number (`part-7`), for parts that
        were read again.
        """
        fits = self._fits(stage, "measure")
        models = {name: now.inputs[name] for name in fits}
        past = [
            m
            for m in self.manifests.past(f"{stage.name}.measure", source)
            if m.own_fingerprint == now.own_fingerprint
            and {n: d for n, d in m.inputs.items() if n in fits} == models
        ]
        files = [f for m in past for f in self.manifests.files(m)]
        sizes = self.root.sizes([f.path for f in files])
        found: dict[str, list[FileEntry]] = {}
        for file in files:
            if sizes[file.path] == file.bytes:
                found.setdefault(file.aligned_to, []).append(file)
                found.setdefault(f"part-{file.part}", []).append(file)
        return found

    def part_files(self, stage: Stage, piece: str, source: str) -> list[PartFiles]:
        """The parts of a source with every committed table that a piece reads beside each other."""
        by_part: dict[int, dict[str, FileEntry]] = {}
        for name in self._tables_of(stage, piece, source):
            owner, _, unit = name.partition("/")
            manifest = self.manifests.get(owner, unit)
            for file in self.manifests.files(manifest) if manifest else ():
                if file.source == source:
                    by_part.setdefault(file.part, {})[file.table] = file
        if CORPUS_TABLE in stage.reads(piece):
            return [
                corpus_part(self.root, source, part, files[CORPUS_TABLE])
                for part, files in sorted(by_part.items())
            ]
        earlier = tuple(f"verdicts_{s.name}" for s in self._earlier(stage, piece, source))
        return [
            PartFiles(self.root, source, part, files["documents"].rows, files, earlier)
            for part, files in sorted(by_part.items())
        ]
