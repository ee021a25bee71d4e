"""Writes docs/configuration.md and docs/commands.md from what they document: `make docs`.

A test compares the two files with what this makes: a key or a command that is missing there, or
one that is gone, turns it red.
"""

import ast
import dataclasses
import inspect
import io
import sys
import tokenize
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from model import config as model_config
from model import optimizer, run_config, schedule
from skypile.cli import app
from skypile.config import RunSettings, Source, SparkSettings
from skypile.pipeline import all_stages
from skypile.settings import plain

DOCS = Path(__file__).resolve().parent.parent / "docs"


def cell(text: Any) -> str:
    """Text in a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def type_of(hint: Any) -> str:
    """A type as TOML has it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return f"list of {type_of(args[0])}"
    if origin is dict:
        return f"table of {type_of(args[1])}"
    inner = [a for a in args if a is not type(None)]
    if origin is not None and len(inner) == 1:
        return type_of(inner[0])
    names = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
    return names.get(hint.__name__, "table" if dataclasses.is_dataclass(hint) else hint.__name__)


def default_of(field: Any) -> str:
    """What a key is where it is absent."""
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "**required**"
    if value is None:
        return "-"
    return f"`{plain(value)}`"


def range_of(meta: Any) -> str:
    """What a key may be."""
    if meta.get("choices"):
        return ", ".join(f"`{c}`" for c in meta["choices"])
    low, high = meta.get("low"), meta.get("high")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f">= {low:g}"
    return "" if high is None else f"<= {high:g}"


def comments(cls: type) -> dict[str, str]:
    """What the source says about each field: comments behind it, or in front of it."""
    source = inspect.getsource(cls)
    said = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    alone = {n for n in said if source.splitlines()[n - 1].lstrip().startswith("#")}
    body = typing.cast(ast.ClassDef, ast.parse(source).body[0]).body
    found = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            lines = [
                said[n]
                for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)
                if n in said
            ]
            above = node.lineno - 1
            while above in alone:
                lines.insert(0, said[above])
                above -= 1
            found[node.target.id] = " ".join(lines)
    return found


def keys_of(cls: type, prefix: str = "") -> Iterator[list[str]]:
    """A row a key, as HEADS has it; tables in tables follow their key."""
    hints, said = typing.get_type_hints(cls), comments(cls)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        meta = field.metadata
        piece = meta.get("piece")
        yield [
            f"`{prefix}{field.name}`",
            type_of(hints[field.name]),
            default_of(field),
            range_of(meta),
            "" if piece is None else piece,
            meta.get("help") or said.get(field.name, ""),
        ]
        inner, dots = _inner(hints[field.name])
        if inner is not None:
            yield from keys_of(inner, f"{prefix}{field.name}{dots}")


def _inner(hint: Any) -> tuple[type | None, str]:
    """The dataclass that a key is a table of, and what joins their names."""
    if dataclasses.is_dataclass(hint):
        return typing.cast(type, hint), "."
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    for arg in args if origin in (tuple, dict) else [a for a in args if a is not type(None)]:
        if dataclasses.is_dataclass(arg):
            return typing.cast(type, arg), {tuple: "[].", dict: ".NAME."}.get(origin, ".")
    return None, ""


def table(rows: list[list[str]], heads: list[str]) -> str:
    """A Markdown table without columns that are empty all the way down."""
    full = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    lines = [
        [heads[i] for i in full],
        ["---"] * len(full),
        *([row[i] for i in full] for row in rows),
    ]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


HEADS = ["key", "type", "default", "range", "piece", "meaning"]


INTRODUCTION = """
A run is one TOML file (`conf/*.toml`). Unknown keys, wrong types and values out of range are errors
before anything runs, with a guess at what was meant. Relative paths are relative to the file.
*piece* is the part of its stage that a change makes due again; a key without one decides no row.

This page is made from the code by `make docs`; a test keeps it true.
""".strip()
SOURCES = """
One entry a body of input. Their order is a priority: of two copies, the one from the source named
first stays.
""".strip()
TRAINER = "`python -m model.train CONFIG`; `--set section.key=value` changes one key."
EXIT_CODES = """
`skypile COMMAND --help` says the same; `skypile --verbose COMMAND` adds tracebacks and Spark's own
messages to errors. Exit codes: 0, done; 1, nothing was found, or what was asked
for is not so; 2, the command, the configuration or the input cannot be meant; 130,
interrupted: the same command goes on from there.

This page is made from the code by `make docs`; a test keeps it true.
""".strip()
TRAINER_SECTIONS = {
    "[model]": model_config.ModelConfig,
    "[data]": run_config.DataConfig,
    "[layout]": run_config.LayoutConfig,
    "[optimizer]": optimizer.OptimizerConfig,
    "[checkpoint]": run_config.CheckpointConfig,
    "[watch]": run_config.WatchConfig,
    "[[sessions]]": schedule.Schedule,
}


def configuration() -> str:
    """docs/configuration.md."""
    parts = ["# Configuration", INTRODUCTION]
    for name, said, cls in (
        ("[run]", "", RunSettings),
        ("[spark]", "Nothing here changes a row.", SparkSettings),
        ("[[sources]]", SOURCES, Source),
    ):
        parts += [f"## `{name}`", said, table(list(keys_of(cls)), HEADS)]
    for stage in all_stages():
        optional = "Runs where the file has this section. " if stage.optional else ""
        said = (inspect.getdoc(sys.modules[stage.config.__module__]) or "").split("\n\n")[0]
        rows = list(keys_of(stage.config))
        parts += [
            f"## `[{stage.name}]` ({stage.step})",
            f"{optional}{said}",
            table(rows, HEADS) if rows else "No keys.",
        ]
    parts += ["# The trainer's configuration", TRAINER]
    for name, cls in TRAINER_SECTIONS.items():
        said = " ".join((inspect.getdoc(cls) or "").split())
        parts += [f"## `{name}`", said, table(list(keys_of(cls)), HEADS)]
    return "\n\n".join(filter(None, parts)) + "\n"


def commands() -> str:
    """docs/commands.md."""
    parts = ["# Commands", EXIT_CODES]
    for name, command in _commands(typer.main.get_command(app), "skypile"):
        rows = [
            [
                f"`{' '.join([*p.opts, *p.secondary_opts])}`"
                if p.param_type_name == "option"
                else f"`{p.name.upper()}`",
                "yes" if p.required else "",
                getattr(p, "help", None) or "",
            ]
            for p in command.params
            if p.name != "help"
        ]
        parts += [f"## `{name}`", inspect.cleandoc(command.help or "")]
        if rows:
            parts.append(table(rows, ["argument", "required", "meaning"]))
    return "\n\n".join(parts) + "\n"


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for sub in sorted(command.commands):
            yield from _commands(command.commands[sub], f"{name} {sub}")
    else:
        yield name, command


PAGES = {"configuration.md": configuration, "commands.md": commands}


def main() -> None:
    """Write both."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
