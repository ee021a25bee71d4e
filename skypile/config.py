"""TOML to frozen dataclasses: `[run]`, `[spark]`, one `[[sources]]` each, one section a stage.

Relative paths are relative to the file that holds them, so that a run does not depend on where it
was started. Unknown keys are errors.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skypile.errors import ConfigError, InputError, SkypileError
from skypile.files import is_uri, refuse_secrets
from skypile.kernels.mixing.categories import KINDS, MAIN, PARTITIONS
from skypile.pipeline import check
from skypile.reads import NO_HINTS, Hints
from skypile.settings import build, did_you_mean, setting
from skypile.stage import Stage

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One named body of input with its own licence and category."""

    name: str = setting(help="folder and column value: [a-z][a-z0-9_]*")
    format: str = setting(
        help="how its files are read: warc, html; jsonl, parquet, text, wet, wikipedia; "
        "code_files, code_jsonl, code_parquet, code_tar; tmx, pairs_tsv, pairs_jsonl, "
        "document_pairs"
    )
    root: str = setting(help="folder or URI; document ids are hashed from paths relative to it")
    paths: tuple[str, ...] = setting(help="globs below root; ** for any depth")
    # The language, which a row of Table 1 has too, each document shows for itself.
    category: str = setting(choices=KINDS, help="kind of text, by the paper's Table 1")
    partition: str = setting(
        MAIN, choices=PARTITIONS, help="stem: exercises with solutions alone (the paper, 2.1)"
    )
    licence: str = setting(
        help="of the texts: an SPDX identifier or LicenseRef-NAME, else a release asks for a flag"
    )
    stages: tuple[str, ...] | None = setting(
        None,
        help="stages that judge it; the others let it pass, on record. All where absent, but those "
        "that are not for its category (prose rules, for code)",
    )
    skip_stages: tuple[str, ...] = setting((), help="or: stages that let it pass, on record")
    # jsonl, parquet: which field of a row fills which column (text, url, title, date, id; of code
    # text, repository, path, licence, commit, id).
    fields: dict[str, str] = field(default_factory=dict)
    language: str | None = setting(None, help="wikipedia: the dump's language, en, zh, ...")
    blocks: str = setting(
        "lines",
        choices=("lines", "paragraphs"),
        help="ready text: a block is a line, or the lines between two blank ones (hard wrapped)",
    )
    repository_folders: int | None = setting(
        None,
        low=0,
        high=16,
        help="code_files, code_tar: how many folders of a path name its repository: 2 for "
        "owner/name on GitHub, 1 (the default) for name, 0 where the source is one repository",
    )
    max_reject_fraction: float = setting(
        0.5,
        low=0,
        high=1,
        help="share of its records that may fail to become documents before the run fails",
    )

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must match {_NAME.pattern}, got {self.name!r}")
        if not self.paths:
            raise ValueError("paths must name at least one file or glob")
        if not self.licence.strip():
            raise ValueError('licence must say something: "unknown" where nobody knows')
        if self.stages is not None and self.skip_stages:
            raise ValueError("stages and skip_stages exclude each other: name one of them")

    def applies(self, stage: str) -> bool:
        """Whether a stage judges this source."""
        return stage not in self.skip_stages and (self.stages is None or stage in self.stages)

    def hints(self) -> Hints:
        """What it says about the inside of its files."""
        return Hints(dict(self.fields), self.language, self.blocks, self.repository_folders)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What is true of a whole run."""

    out: str = setting(help="folder or URI that the run is written to")
    seed: int = setting(0, help="of every sample that is drawn by hash")
    stages: tuple[str, ...] | None = setting(None, help="stages of the run, all where absent")
    part_bytes: int = setting(
        16 << 20,
        low=1 << 10,
        help="input bytes a part (as stored): a task's work, about 15 s of extraction at 16 MiB",
    )


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """How Spark is started. Nothing here changes a row."""

    master: str = setting("local[*]", help="any Spark master URL")
    driver_memory: str = setting("2g", help="JVM heap of the driver")
    conf: dict[str, str] = setting({}, help="any Spark property by its name")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A checked configuration. `stages` are the stages of the run, by step; `settings` their
    own sections by stage name. `sample_fraction` below 1 runs every stage on a hash sample.
    """

    run: RunSettings
    spark: SparkSettings
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    settings: Mapping[str, Any]
    sample_fraction: float = 1.0

    def source(self, name: str) -> Source:
        """The source of that name."""
        return next(s for s in self.sources if s.name == name)

    def reader(self, source: Source) -> Stage:
        """The stage that reads a source's format."""
        return next(s for s in self.stages if s.read and source.format in s.read.formats)

    def validate(self, only: Sequence[str] = ()) -> None:
        """What the settings of stages (those named, or all) point to is there, if a source needs
        it.

        Raises:
            SkypileError: it is not, or not usable.
        """
        for stage in self.stages:
            due = not only or stage.name in only
            if stage.validate and due and any(x.applies(stage.name) for x in self.sources):
                stage.validate(self.settings[stage.name])

    def against(self, runs: Sequence[str]) -> "Config":
        """The same run, compared with earlier ones too (folders or URIs).

        Raises:
            ConfigError: no stage of it compares with earlier runs.
        """
        if not runs:
            return self
        settings = dict(self.settings)
        stages = [s.name for s in self.stages if s.relate and s.relate.against]
        if not stages:
            raise ConfigError("--against: no stage of this run compares with earlier runs")
        more = tuple(_absolute(r, Path.cwd()) for r in runs)
        for name in stages:
            known = settings[name].against
            both = tuple(dict.fromkeys((*known, *more)))
            settings[name] = dataclasses.replace(settings[name], against=both)
        return dataclasses.replace(self, settings=settings)

    def sampled(self, fraction: float) -> "Config":
        """The same run on a hash sample, written beside it."""
        if not 0 < fraction <= 1:
            raise ConfigError(f"--sample must be above 0 and at most 1, got {fraction:g}")
        if fraction == 1:
            return self
        folder, query, options = self.run.out.partition("?")
        out = f"{folder.rstrip('/')}-sample-{fraction!r}{query}{options}"
        run = dataclasses.replace(self.run, out=out)
        return dataclasses.replace(self, run=run, sample_fraction=fraction)


def load(path: str | Path, stages: Sequence[Stage]) -> Config:
    """The configuration in a TOML file, for a pipeline of `stages`.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown, of the wrong type or out
            of range.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf8"))
    except OSError as e:
        raise ConfigError(f"cannot read the configuration {path}: {e.strerror}") from e
    except ValueError as e:  # not UTF-8, not TOML, a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {e}") from e
    except RecursionError as e:
        raise ConfigError(f"{path} is nested too deeply") from e
    try:
        return from_table(table, stages, base=path.absolute().parent, where=str(path))
    except InputError as e:
        raise ConfigError(f"{path}: {e}") from e


def from_table(
    table: Mapping[str, Any], stages: Sequence[Stage], *, base: Path, where: str
) -> Config:
    """As `load`, from parsed TOML; relative paths are below `base`."""
    sections = ["run", "spark", "sources", *(s.name for s in stages)]
    for key in table:
        if key not in sections:
            raise ConfigError(f"{where}: unknown section {key!r}; {did_you_mean(key, sections)}")
    run = build(RunSettings, table.get("run", {}), f"{where} [run]")
    run = dataclasses.replace(run, out=_absolute(run.out, base))
    if not isinstance(table.get("sources", []), list):
        raise ConfigError(f"{where}: sources must be tables: [[sources]]")
    chosen = _chosen(run.stages, stages, table, f"{where} [run] stages")
    sources = tuple(
        _source(entry, chosen, base, f"{where} [[sources]] number {i}")
        for i, entry in enumerate(table.get("sources", []), 1)
    )
    if not sources:
        raise ConfigError(f"{where}: no [[sources]]: a run needs at least one")
    names = [s.name for s in sources]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ConfigError(f"{where}: two sources are named {twice[0]!r}")
    for source in sources:
        _check_apart(run.out, source, where)
    settings = {
        s.name: _placed(build(s.config, table.get(s.name, {}), f"{where} [{s.name}]"), base)
        for s in stages
    }
    for stage in chosen:
        given = settings[stage.name]
        named = [*((stage.fit.sources(given) or ()) if stage.fit else ())]
        named += stage.sources(given) if stage.sources else ()
        for name in named:
            if name not in names:
                raise ConfigError(
                    f"{where} [{stage.name}]: there is no source {name!r}; "
                    f"{did_you_mean(name, names)}"
                )
        try:
            if stage.agrees:
                stage.agrees({s.name: settings[s.name] for s in chosen})
        except ValueError as e:
            raise ConfigError(f"{where} [{stage.name}]: {e}") from e
    return Config(
        run=run,
        spark=build(SparkSettings, table.get("spark", {}), f"{where} [spark]"),
        sources=sources,
        stages=chosen,
        settings=settings,
    )


def _check_hints(source: Source, stages: Sequence[Stage], where: str) -> None:
    read = next(s.read for s in stages if s.read and source.format in s.read.formats)
    try:
        if read.check_hints:
            read.check_hints(source.format, source.hints())
        elif source.hints() != NO_HINTS:
            raise ValueError(f"format {source.format} takes no fields, language or blocks")
    except ValueError as e:
        raise ConfigError(f"{where}: {e}") from e


def _without_judges(source: Source, stages: Sequence[Stage], where: str) -> Source:
    """The source, skipping the stages that cannot judge what its reader makes."""
    read = next(s.read for s in stages if s.read and source.format in s.read.formats)
    wrong = [s.name for s in stages if s.name in read.not_judged_by and source.applies(s.name)]
    if source.stages is not None and wrong:
        raise ConfigError(f"{where}: stages: {wrong[0]} cannot judge format {source.format}")
    return dataclasses.replace(source, skip_stages=(*source.skip_stages, *wrong))


def _check_apart(out: str, source: Source, where: str) -> None:
    """A run writes and deletes below its folder, a source is read below its root."""
    mine, theirs = (f"{p.partition('?')[0].rstrip('/')}/" for p in (out, source.root))
    if mine.startswith(theirs) or theirs.startswith(mine):
        raise ConfigError(
            f"{where}: [run] out ({out}) and the root of source {source.name} ({source.root}) lie "
            "inside each other; give the run a folder of its own"
        )


def _placed(settings: Any, base: Path) -> Any:
    """Settings with relative paths made absolute."""
    paths = [f.name for f in dataclasses.fields(settings) if f.metadata.get("path")]
    found = {name: getattr(settings, name) for name in paths}
    placed: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            placed[name] = {k: _absolute(path, base) for k, path in value.items()}
        elif isinstance(value, tuple):
            placed[name] = tuple(_absolute(path, base) for path in value)
        elif value:
            placed[name] = _absolute(value, base)
    return dataclasses.replace(settings, **placed)


def _absolute(path: str, base: Path) -> str:
    refuse_secrets(path)
    return path if is_uri(path) else str((base / path).resolve())


def _chosen(
    names: tuple[str, ...] | None,
    stages: Sequence[Stage],
    table: Mapping[str, Any],
    where: str,
) -> tuple[Stage, ...]:
    known = [s.name for s in stages]
    for name in names or ():
        if name not in known:
            raise ConfigError(f"{where}: unknown stage {name!r}; {did_you_mean(name, known)}")
    formats = [e.get("format") for e in table.get("sources", []) if isinstance(e, Mapping)]
    due = {s.name for s in stages if s.read and any(f in formats for f in s.read.formats)}
    default = [s.name for s in stages if not s.optional or s.name in table or s.name in due]
    chosen = tuple(s for s in stages if s.name in (default if names is None else names))
    try:
        return check(chosen)
    except SkypileError as e:  # a stage that reads what a left-out one writes
        raise ConfigError(f"{where}: {e}") from e


def _source(entry: Any, stages: Sequence[Stage], base: Path, where: str) -> Source:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: must be a table")
    source = build(Source, entry, where)
    formats = [f for s in stages if s.read for f in s.read.formats]
    if source.format not in formats:
        raise ConfigError(f"{where}: format: {did_you_mean(source.format, formats)}")
    known = [s.name for s in stages]
    for key, names in (("stages", source.stages or ()), ("skip_stages", source.skip_stages)):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{where}: {key}: unknown stage {name!r}; {did_you_mean(name, known)}"
                )
    _check_hints(source, stages, where)
    source = _without_judges(source, stages, where)
    for pattern in source.paths:
        if pattern.startswith("/") or is_uri(pattern) or ".." in pattern.split("/"):
            raise ConfigError(f"{where}: paths: {pattern!r} must be below root")
    not_for = [s.name for s in stages if source.category in s.not_for]
    skipped = source.skip_stages if source.stages is not None else (*source.skip_stages, *not_for)
    skipped = tuple(dict.fromkeys(skipped))
    return dataclasses.replace(source, root=_absolute(source.root, base), skip_stages=skipped)
