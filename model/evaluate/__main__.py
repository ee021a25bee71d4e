"""`python -m model.evaluate perplexity|leakage|benchmarks`: judges models.

Models: a run of ours or its checkpoints or one of them, with --tokenizer; or a folder of Hugging
Face (benchmarks: these alone). Prints a table beside the paper's numbers; --out writes it as
Markdown, and JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.evaluate import leakage, perplexity, texts
from model.evaluate.benchmarks import items
from model.evaluate.benchmarks import run as lm_eval
from model.evaluate.benchmarks import tables as benchmark_tables
from model.evaluate.scoring import Loss, Pieces, Scorer, TheirTokenizer, Tokenizer, load
from model.ranks import DTYPES
from model.settings import SettingsError


def models(args: argparse.Namespace, paths: Sequence[Path]) -> list[Scorer]:
    """The models, on the device that is there.

    Raises:
        SettingsError: contexts differ, and no --max-chars says what of a document all of them see.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded = [load(path, args.tokenizer, DTYPES[args.dtype], device) for path in paths]
    contexts = {m.context for m in loaded}
    if len(contexts) > 1 and args.max_chars is None:
        said = ", ".join(f"{m.name}: {m.context:,}" for m in loaded)
        raise SettingsError(
            f"contexts differ ({said}): --max-chars {texts.max_chars(min(contexts))} shows all of "
            "them the same text"
        )
    return loaded


def scored(scorer: Scorer, label: str, given: Sequence[str]) -> list[Loss]:
    """The losses of some texts, with a bar on a terminal."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(f"{scorer.name} {label}", total=len(given))
        try:
            return scorer.score(given, lambda n: bar.advance(task, n))
        except SettingsError as e:
            raise SettingsError(f"{label}: {e}") from e


def run_perplexity(args: argparse.Namespace) -> tuple[dict[str, object], str]:
    """JSON and Markdown of domain perplexity."""
    loaded = models(args, args.model)
    most = args.max_chars or texts.max_chars(loaded[0].context)
    domains = {}
    for given in args.data:
        name, _, path = given.partition("=")
        if not name or not path:
            raise SettingsError(f"--data {given}: NAME=FILE")
        if name in domains:
            raise SettingsError(f"--data {given}: there are two domains called {name!r}")
        domains[name] = [t[:most] for t in texts.read(Path(path), [args.field])]
    reference = _reference(args.reference) if args.reference else loaded[0].tokenizer
    found = {
        model.name: {
            name: perplexity.domain(given, scored(model, name, given), reference)
            for name, given in domains.items()
        }
        for model in loaded
    }
    said = {"max_chars": most, "models": perplexity.as_json(found)}
    return said, f"Documents cut at {most:,} characters.\n\n{perplexity.markdown(found)}"


def _reference(path: Path) -> Tokenizer:
    file = path / "tokenizer.model" if path.is_dir() else path
    return Pieces(file) if file.exists() or not path.is_dir() else TheirTokenizer(path)


def run_leakage(args: argparse.Namespace) -> tuple[dict[str, object], str]:
    """JSON and Markdown of the leakage test."""
    leakage.check(args.confidence, args.margin)  # before the models are loaded
    control = [args.control] if args.control else []
    loaded = models(args, [*args.model, *control])
    most = args.max_chars
    given = {}
    for split in leakage.SPLITS:
        fields = getattr(args, f"{split}_field") or args.field
        given[split] = [t[:most] for t in texts.read(getattr(args, split), fields)]
    losses = {
        m.name: {s: leakage.means(scored(m, s, given[s])) for s in leakage.SPLITS} for m in loaded
    }
    other = losses[str(args.control)] if args.control else None
    verdicts = {
        str(path): leakage.judge(
            losses[str(path)], other,
            control_name=str(args.control) if args.control else None,
            confidence=args.confidence, margin=args.margin,
        )
        for path in args.model
    }  # fmt: skip
    said = {name: verdict.as_json() for name, verdict in verdicts.items()}
    return {"models": said}, leakage.markdown(verdicts)


def run_benchmarks(args: argparse.Namespace) -> tuple[dict[str, object], str]:
    """JSON and Markdown of the benchmarks."""
    where = items.folders(args.data)
    there, missing = lm_eval.chosen(args.only, where)
    said, scores = lm_eval.run(
        args.model, there, where, limit=args.limit, batch_size=args.batch_size, dtype=args.dtype,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )  # fmt: skip
    shown = benchmark_tables.markdown(args.model.name, scores, missing, args.limit)
    return lm_eval.as_json(said, scores, missing), shown


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    found = argparse.ArgumentParser(prog="python -m model.evaluate", description=__doc__)
    kinds = found.add_subparsers(required=True, metavar="perplexity|leakage|benchmarks")
    for name, run, about in (
        ("perplexity", run_perplexity, "perplexity by domain (Table 6)"),
        ("leakage", run_leakage, "did a benchmark leak into the training text (Table 8)"),
    ):
        one = kinds.add_parser(name, help=about, description=about)
        one.set_defaults(run=run, name=name)
        one.add_argument("--model", type=Path, action="append", required=True)
        one.add_argument("--tokenizer", type=Path, help="tokenizer.model of checkpoints of ours")
        one.add_argument("--dtype", default="float32", choices=sorted(DTYPES))
        one.add_argument(
            "--max-chars", type=_positive, help="of a document; else 0.9 x context / 3"
        )
        one.add_argument("--out", type=Path, help="folder of the JSON and Markdown files")
        if name == "perplexity":
            one.add_argument("--data", nargs="+", required=True, metavar="NAME=FILE.jsonl[.gz]")
            one.add_argument("--field", default="text")
            one.add_argument(
                "--reference", type=Path, help="tokenizer.model, or folder; else the first model's"
            )
        else:
            for split in leakage.SPLITS:
                one.add_argument(f"--{split}", type=Path, required=True, help="JSON lines")
                one.add_argument(f"--{split}-field", nargs="+", help="if other than --field")
            one.add_argument("--field", nargs="+", default=["question", "answer"])
            one.add_argument("--control", type=Path, help="a model that cannot know any of it")
            one.add_argument("--confidence", type=_number, default=0.95, help="between 0 and 1")
            one.add_argument("--margin", type=_number, default=leakage.MARGIN, help="nats a token")
    _add_benchmarks(kinds.add_parser("benchmarks", help="Tables 5, 11 and 12, through lm-eval"))
    return found


def _add_benchmarks(one: argparse.ArgumentParser) -> None:
    one.set_defaults(run=run_benchmarks, name="benchmarks")
    one.add_argument("--model", type=Path, required=True, help="what model.export wrote")
    one.add_argument(
        "--data", type=Path, nargs="+", metavar="FOLDER",
        help=f"folders of JSON lines, the first that has a file wins; else ${items.FOLDERS}",
    )  # fmt: skip
    one.add_argument("--only", nargs="+", metavar="NAME", help="else all that data is there for")
    one.add_argument("--limit", type=_positive, help="so many items of each subject, to try it")
    one.add_argument("--batch-size", type=_positive, default=8)
    one.add_argument("--dtype", default="float32", choices=sorted(DTYPES))
    one.add_argument("--out", type=Path, help="folder of the JSON and Markdown files")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number above 0")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{text}: must be a number") from e


def main(argv: list[str] | None = None) -> int:
    """The command; 2 for what cannot be judged."""
    args = parser().parse_args(argv)
    try:
        said, shown = args.run(args)
    except (ValueError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / f"{args.name}.json").write_text(json.dumps(said, indent=1) + "\n", "utf8")
        (args.out / f"{args.name}.md").write_text(shown + "\n", "utf8")
    Console().print(Markdown(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
