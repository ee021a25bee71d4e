"""The list of all stages, checked: nothing is read before it is written.

No decorator and no registry: the list is the directory `skypile.stages`.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from skypile.errors import SkypileError
from skypile.stage import CORPUS_WIDE, Stage
from skypile.tables import DOCUMENTS, Table


def check(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The same stages, by step.

    Raises:
        SkypileError: two stages share a name, a step or a table; one reads a table that is written
            later or never, a column it does not have, text in a corpus-wide piece, or there a type
            that Spark does not know; a setting does not say which piece it decides.
    """
    stages = tuple(sorted(stages, key=lambda s: (s.step, s.name)))
    for attribute in ("name", "step"):
        values = [getattr(s, attribute) for s in stages]
        if twice := sorted({v for v in values if values.count(v) > 1}):
            raise SkypileError(f"two stages have the {attribute} {twice[0]!r}")
    written: dict[str, Table] = {"documents": DOCUMENTS}
    for stage in stages:
        _check_settings(stage)
        for piece in stage.pieces():
            there = {t: c for t, c in stage.reads_if_there(piece).items() if t in written}
            for table, columns in (*stage.reads(piece).items(), *there.items()):
                if table not in written:
                    raise SkypileError(
                        f"stage {stage.name} reads table {table!r} before it is written"
                    )
                if odd := set(columns) - set(written[table].schema.names):
                    raise SkypileError(
                        f"stage {stage.name} reads columns that {table} lacks: {odd}"
                    )
                if piece != "measure" and "text" in columns:
                    raise SkypileError(
                        f"stage {stage.name}: only a measure may read text, {piece} asks for it"
                    )
            if piece in CORPUS_WIDE:
                _check_types(stage, piece, written)
            if piece in ("measure", "build"):
                _check_models(stage, piece, stages)
            for table_ in stage.writes(piece) if piece != "read" else ():
                if table_.name in written:
                    raise SkypileError(f"two stages write table {table_.name!r}")
                written[table_.name] = table_
    return stages


def _check_settings(stage: Stage) -> None:
    for f in dataclasses.fields(stage.config):
        piece = f.metadata.get("piece", "")
        if piece is not None and piece not in stage.pieces():
            raise SkypileError(
                f"setting {f.name} of stage {stage.name} says it decides piece {piece!r}; the "
                f"stage has {', '.join(stage.pieces())} (None: it decides no row)"
            )


def _check_models(stage: Stage, piece: str, stages: tuple[Stage, ...]) -> None:
    fits = {s.name for s in stages if s.fit and s.step < stage.step}
    for name in set(getattr(stage, piece).models) & {s.name for s in stages} - fits:
        raise SkypileError(f"stage {stage.name} uses models of {name}, which fits none before it")


def _check_types(stage: Stage, piece: str, written: Mapping[str, Table]) -> None:
    """Spark has no unsigned integers, which would show only when the frame is made."""
    fields = [written[t].schema.field(c) for t, cs in stage.reads(piece).items() for c in cs]
    fields += [f for table in stage.writes(piece) for f in table.schema]
    for f in fields:
        kind = f.type.value_type if pa.types.is_list(f.type) else f.type
        if pa.types.is_unsigned_integer(kind):
            raise SkypileError(
                f"stage {stage.name}: column {f.name} is {f.type}: Spark has no unsigned integers"
            )


@cache
def all_stages() -> tuple[Stage, ...]:
    """Every stage in `skypile.stages`, by step, checked."""
    import skypile.stages

    names = sorted(m.name for m in pkgutil.iter_modules(skypile.stages.__path__))
    modules = [importlib.import_module(f"skypile.stages.{name}") for name in names]
    return check(tuple(m.STAGE for m in modules if hasattr(m, "STAGE")))
