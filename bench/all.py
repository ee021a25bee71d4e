"""`make bench`: run every bench, or those named (`ONLY="read extract"`), and rewrite their parts of
docs/bench.md from the lines they print.

A bench is a module of this package that prints JSON lines: `bench`, `case`, `metric`, `value`,
`unit`, and where there is one `target` with `ok`, `peer` with `peer_value`, and `engine`.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHES = (
    *("read", "encoding", "glance", "extract", "wikipedia", "code", "language", "dedup"),
    *("perplexity", "quality", "crossfit", "signals", "distribution", "distribution_effect"),
    *("ngrams", "parallel", "stem", "decontaminate"),
    *("tokenizer", "tokens", "train"),
)
# Run where they are named: minutes, and the first two on data of their own making.
LONG = ("dedup_scale", "distribution_scale", "pipeline", "growth", "kernels")
DOC = Path(__file__).resolve().parent.parent / "docs/bench.md"
COLUMNS = (
    "case",
    "language",
    "bin",
    "engine",
    "metric",
    "value",
    "unit",
    "n",
    "pairs",
    "step",
    "piece",
    "target",
    "ok",
    "peer",
    "peer_value",
    "top",
)


def lines_of(name: str, data: str) -> list[dict[str, Any]]:
    """The lines that a bench prints; they are passed on to standard output.

    Raises:
        subprocess.CalledProcessError: the bench failed.
    """
    given = [] if name in LONG[:2] else ["--data", data]
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *given],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout, end="", flush=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(lines: list[dict[str, Any]]) -> str:
    """A Markdown table of lines, with the columns that any of them has."""
    columns = [c for c in COLUMNS if any(line.get(c) is not None for line in lines)]
    rows = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    rows += ["| " + " | ".join(_cell(line.get(c)) for c in columns) + " |" for line in lines]
    return "\n".join(rows)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)).replace("|", "\\|")
    return "" if value is None else str(value)


def machine() -> str:
    """The processor and the versions, in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def sections_of(text: str) -> dict[str, str]:
    """The sections of the document by name, each with its heading."""
    parts = text.split("\n## ")[1:]
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in parts}


def main() -> None:
    """Run them, and keep the sections of the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DOC.parent.parent.parent / "shared/data"))
    parser.add_argument(
        "only",
        nargs="*",
        choices=[*BENCHES, *LONG, []],
        help="all but the long ones where none is named",
    )
    given = parser.parse_args()
    sections = sections_of(DOC.read_text(encoding="utf8") if DOC.exists() else "")
    today = datetime.date.today().isoformat()
    for name in given.only or BENCHES:
        rows = table(lines_of(name, given.data))
        sections[name] = f"## {name}\n\n{today}, {machine()}.\n\n{rows}\n"
    head = (
        "# Measured\n\nWritten by `make bench`; times are of one core and noisy, ratios within a "
        "line are of the same run.\n\n"
    )
    kept = [sections[name] for name in (*BENCHES, *LONG) if name in sections]
    DOC.write_text(head + "\n".join(kept), encoding="utf8")


if __name__ == "__main__":
    main()
