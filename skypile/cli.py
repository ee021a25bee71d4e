"""The `skypile` command."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from skypile.cli_look import AsJson, RunFolder
from skypile.cli_look import app as look_app
from skypile.cli_release import app as release_app
from skypile.cli_shards import app as shards_app
from skypile.errors import SkypileError, plain_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from skypile.config import Config

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(shards_app, name="shards")
app.add_typer(look_app)  # without a name: its commands are this one's
app.add_typer(release_app)

VERBOSE = "SKYPILE_VERBOSE"  # in the environment, where jobs under spark-submit find it as well


@app.callback()
def options(
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="with the tracebacks of errors, and Spark's warnings"),
    ] = False,
) -> None:
    """Web crawls, books, papers and code to a bilingual pretraining corpus.

    Errors are one line on standard error: what, where, what to do. Exit codes: 0, done; 1, nothing
    was found, or what was asked for is not so; 2, the command, the configuration, the input or the
    run is wrong; 130, interrupted (Ctrl-C): the same command goes on from there.
    """
    if verbose:
        os.environ[VERBOSE] = "1"


ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="the run's TOML file")]
Master = Annotated[str | None, typer.Option(help="Spark master, instead of the configuration's")]


def say(line: str) -> None:
    """A line of what is going on, on standard error."""
    print(plain_lines(line), file=sys.stderr, flush=True)


def load(path: Path, sample: float = 1.0) -> "Config":
    """The configuration of a run of all stages."""
    from skypile.config import load as load_config
    from skypile.pipeline import all_stages

    return load_config(path, all_stages()).sampled(sample)


def start_spark(config: "Config", master: str | None, only: Sequence[str] = ()) -> "SparkSession":
    """The Spark session that a configuration asks for, or the submission.

    only: the stages that are to run, all where none is named.

    Raises:
        SkypileError: executors would not have the memory that these stages need.
    """
    from skypile.memory import check_executors
    from skypile.spark import session

    spark = config.spark
    made = session(master or spark.master, spark.driver_memory, spark.conf)
    context: Any = made.sparkContext
    try:
        line = check_executors(config, context.master, dict(context.getConf().getAll()), only)
    except SkypileError:
        made.stop()
        raise
    if line:
        say(f"memory: {line}")
    return made


@app.command()
def run(
    config: ConfigFile,
    stage: Annotated[list[str] | None, typer.Option(help="only this stage; repeatable")] = None,
    upto: Annotated[str | None, typer.Option(help="all stages up to this one")] = None,
    sample: Annotated[float, typer.Option(help="share of the records, drawn by hash")] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="compute again what is current")] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(help="an earlier run: drop what it holds (as [dedup] against); repeatable"),
    ] = None,
    master: Master = None,
) -> None:
    """Bring a run up to date: compute what is missing or stale, and print the funnel."""
    from skypile.driver import run_config, stages_upto

    if stage and upto:
        raise SkypileError("--stage and --upto exclude each other")
    loaded = load(config, sample).against(against or ())
    only = stages_upto(loaded, upto) if upto else stage or ()
    run_config(loaded, lambda: start_spark(loaded, master, only), only, force=force, say=say)


@app.command()
def check(config: ConfigFile, master: Master = None) -> None:
    """Look at a configuration before anything runs: inputs, engine, parts, estimated cost."""
    from skypile.check import check_config
    from skypile.show import console

    check_config(load(config), master, console())


@app.command()
def funnel(
    run: RunFolder,
    json_: AsJson = False,
    recount: Annotated[
        bool, typer.Option("--recount", help="count the tables again, not only the manifests")
    ] = False,
) -> None:
    """What became of every record: rows in, kept, and dropped by reason."""
    from skypile import ledger, show

    book = ledger.Ledger(run)
    lines = book.funnel()
    if recount:
        book.recount(lines)
    if json_:
        print(json.dumps(ledger.as_json(lines), indent=1, ensure_ascii=False))
    else:
        show.funnel(lines, show.console())
    book.check_budgets(lines)


@app.command()
def recurring(
    run: RunFolder,
    top: Annotated[int, typer.Option(min=0, max=200, help="groups to show")] = 20,
    plot: Annotated[
        Path | None, typer.Option(help="also draw recurrence before and after, as .png or .svg")
    ] = None,
    json_: AsJson = False,
) -> None:
    """The text blocks that recur most: in how many documents, on how many hosts, what went."""
    import dataclasses

    from skypile import recurring, show

    found = recurring.recurrence(run, top)
    if json_:
        print(json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False))
    else:
        show.recurring(found, show.console())
    if plot:
        recurring.plot(found, plot)
        say(f"plot: {plot}")


@app.command()
def plan(run: RunFolder, json_: AsJson = False) -> None:
    """The mixture of training: shares wanted and reached, epochs, and what runs out when."""
    from skypile import show
    from skypile.manifests import CORPUS
    from skypile.reader import RunReader

    reader = RunReader(run)
    if f"plan.derive/{CORPUS}" not in reader.record["pieces"]:
        raise SkypileError(f"{run} has no stage plan: add a section [plan] and run it again")
    manifest = reader.fresh("plan.derive", CORPUS)
    if manifest is None:
        raise SkypileError(f"{run} has no plan yet: `skypile run` makes it")
    if json_:
        print(json.dumps(manifest.counts, indent=1))
    else:
        show.plan(manifest.counts, show.console())


@app.command()
def code(run: RunFolder, json_: AsJson = False) -> None:
    """The languages of the code: files and shares of the tokens, before the rules and after."""
    from skypile import show
    from skypile.manifests import CORPUS
    from skypile.reader import RunReader

    reader = RunReader(run)
    if f"code.relate/{CORPUS}" not in reader.record["pieces"]:
        raise SkypileError(f"{run} has no stage code: no source of it has a format of code")
    manifest = reader.fresh("code.relate", CORPUS)
    if manifest is None:
        raise SkypileError(f"{run}: stage code has not run yet: `skypile run` does it")
    if json_:
        print(json.dumps(manifest.facts, indent=1))
    else:
        show.code(manifest.facts, show.console())


@app.command()
def digest(run: RunFolder) -> None:
    """A hash of each table's rows, the same for any parts and any order: to compare two runs."""
    from skypile.reader import RunReader

    reader = RunReader(run)
    for table in sorted(reader.tables() - {"read_log"}):  # which is about the parts
        print(f"{reader.digest(table)}  {table}")


@app.command()
def gc(
    run: RunFolder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> None:
    """Delete the files of a run that no current manifest lists."""
    from skypile.gc import collect

    removed = collect(run, dry_run=dry_run)
    verb = "would delete" if dry_run else "deleted"
    print(f"{verb} {len(removed):,} files, {sum(f.bytes for f in removed):,} bytes")


@app.command()
def blocklist(
    lists: Annotated[str, typer.Argument(help="folder or URI of lists in UT1's layout")],
    out: Annotated[Path, typer.Argument(help="folder to write; `blocklist` of [signals]")],
    licence: Annotated[str, typer.Option(help="licence of the lists, for the card")] = "",
) -> None:
    """Compile lists of domains and URLs to block: CATEGORY/domains and CATEGORY/urls, .gz, .tar."""
    from skypile.blocklists import compile_lists
    from skypile.files import Root

    about = compile_lists(Root(lists), out, licence).parameters
    refused = ", ".join(f"{n:,} {reason}" for reason, n in about["refused"].items()) or "none"
    print(f"{about['entries']:,} entries of {len(about['categories'])} categories: {out}")
    print(f"refused lines: {refused}")


@app.command()
def pairs(
    english: Annotated[str, typer.Argument(help="folder or URI of documents in English")],
    chinese: Annotated[str, typer.Argument(help="of their translations; may be the same folder")],
    out: Annotated[str, typer.Argument(help="folder to write, for format document_pairs")],
) -> None:
    """Put documents and their translations together, by name: text, Markdown and HTML files."""
    from skypile.files import Root
    from skypile.pair_folders import pair_folders

    found = pair_folders(Root(english), Root(chinese), Root(out))
    print(f"{found.documents:,} documents in {len(found.files):,} files: {out}")
    for what, names in (
        ("English alone", found.english_alone),
        ("Chinese alone", found.chinese_alone),
        ("without text", found.unreadable),
    ):
        if names:
            more = ", ..." if len(names) > 5 else ""
            print(f"{what}: {len(names):,} ({', '.join(names[:5])}{more})")


@app.command()
def sample(
    out: Annotated[Path, typer.Argument(help="folder to write")],
    pages: Annotated[int, typer.Option(help="response records, 60 or more")] = 600,
    seed: Annotated[int, typer.Option(help="another seed, other texts and splits")] = 0,
) -> None:
    """Write the embedded sample: WARC files of pages made for this project, the truth beside."""
    from skypile.sample.crawl import write_sample

    made = write_sample(out, pages=pages, seed=seed)
    print(
        f"{made['records']:,} records in {made['files']} WARC files, a wiki dump of "
        f"{made['wiki_pages']} pages: {out}"
    )


@app.command()
def truth(
    run: RunFolder,
    truth: Annotated[Path, typer.Argument(help="the sample's truth.jsonl")],
    split: Annotated[str | None, typer.Option(help="only tune or test")] = None,
    json_: AsJson = False,
) -> None:
    """Compare a run of the sample with its truth: precision and recall of each stage."""
    import dataclasses

    from skypile import show
    from skypile.reader import RunReader
    from skypile.sample.splits import SPLITS
    from skypile.sample.truth import load_truth, score

    if split not in (None, *SPLITS):
        raise SkypileError(f"--split {split}: {' or '.join(SPLITS)}")
    rows = score(RunReader(run), load_truth(truth, split))
    if json_:
        print(json.dumps([dataclasses.asdict(r) | {"f1": r.f1} for r in rows], indent=1))
    else:
        show.scores(rows, split, show.console())


def main() -> Any:
    """The entry point: errors meant for the user are printed without a traceback."""
    try:
        return app(standalone_mode=True)
    except SkypileError as e:
        if os.environ.get(VERBOSE):
            traceback.print_exc()
        # Unbroken lines: a path that is broken cannot be copied.
        console = Console(stderr=True)
        said = f"error: {plain_lines(str(e))}"
        console.print(said, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(e.exit_code)


if __name__ == "__main__":
    main()
