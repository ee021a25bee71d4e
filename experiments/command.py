"""What the experiments have in common as commands: arguments, files, figures, time."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.small_runs import write

HERE = Path(__file__).resolve().parent.parent
_LARGEST = 2  # more repeats the text too often
Said = dict[str, Any]
Draw = Callable[[Mapping[str, Any], Any], None]


def main(
    name: str,
    about: str,
    experiment: Callable[[Path, Path, float], Said],
    table: Callable[[Mapping[str, Any]], str],
    draw: Draw,
    argv: Sequence[str] | None = None,
) -> int:
    """Runs `experiment(working folder, data, scale)`; writes OUT/NAME.json, .md and .png.

    2 for what cannot be run. draw: fills a figure of matplotlib.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name.replace('-', '_')}",
        description=about,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=HERE / "runs/experiments" / name)
    parser.add_argument("--scale", type=float, default=1.0, help="times the steps of training")
    args = parser.parse_args(argv)
    if not 0 < args.scale <= _LARGEST:
        parser.error(f"--scale: above 0 and at most {_LARGEST}, not {args.scale}")
    begun, worked = time.perf_counter(), time.process_time()
    try:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as work:
            said = experiment(Path(work), args.data, args.scale)
    except (ValueError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    said["scale"] = args.scale
    said["seconds"] = round(time.perf_counter() - begun)
    said["processor_seconds"] = round(time.process_time() - worked)
    write(args.out, name.replace("-", "_"), said, table(said))
    figure(said, draw, args.out / f"{name.replace('-', '_')}.png")
    took = f"{said['seconds']} s, {said['processor_seconds']} s of a processor"
    print(f"\n{took}; {args.out}", file=sys.stderr)
    return 0


def figure(said: Mapping[str, Any], draw: Draw, png: Path) -> None:
    """A figure as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    made = pyplot.figure(figsize=(11, 4.5), layout="constrained")
    draw(said, made)
    made.savefig(png, dpi=110)
    pyplot.close(made)


def progress(text: str) -> None:
    """One line to the eye."""
    print(f"== {text}", file=sys.stderr, flush=True)


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column is words and the others numbers."""
    all_lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in all_lines)
