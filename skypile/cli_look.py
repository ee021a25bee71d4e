"""The commands that look at a run: `why`, `report`, `sample-docs`, `diff`, `contaminated`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from skypile.errors import SkypileError

app = typer.Typer()

RunFolder = Annotated[str, typer.Argument(help="the run's folder or URI (its `out`)")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output")]


@app.command()
def why(
    run: RunFolder,
    name: Annotated[
        str,
        typer.Argument(help="a URL or its beginning, a host, or 8 or more digits of a document id"),
    ],
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="records to show")] = 5,
    json_: AsJson = False,
) -> None:
    """What happened to a record at every stage, with numbers, thresholds, blocks cut and winner.

    Exit code 1 where no record is found.
    """
    from skypile import show
    from skypile.look import search

    fates, count = search.fates(run, name, limit)
    if json_:
        print(json.dumps(fates, indent=1, ensure_ascii=False, default=str))
    else:
        show.fates(fates, show.console())
    if count > len(fates):
        print(f"{count - len(fates):,} more records match; -n shows more", file=sys.stderr)


@app.command()
def report(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option(help="file to write; report.html beside the run")
    ] = None,
    train: Annotated[str | None, typer.Option(help="a training run's folder, for curves")] = None,
    samples: Annotated[int, typer.Option(min=1, max=100, help="samples of each reason")] = 12,
    raw: Annotated[
        bool, typer.Option("--raw", help="also the HTML of sampled pages, from the archives")
    ] = False,
    max_documents: Annotated[
        int, typer.Option(min=1, help="of a bigger run as many documents are looked at, by hash")
    ] = 1_000_000,
) -> None:
    """Write a run's report: one HTML file, to be opened offline, with masked samples."""
    from skypile.files import is_uri
    from skypile.report.page import Options, write

    if out is None and is_uri(run):
        raise SkypileError("--out: name a local file to write the report of a remote run to")
    path = out or Path(run).absolute().parent / "report.html"
    size = write(run, path, Options(samples, train, raw, max_documents))
    print(f"{path} ({size:,} bytes)")


@app.command("sample-docs")
def sample_docs(
    run: RunFolder,
    stage: Annotated[str, typer.Option(help="a stage that gives verdicts")],
    reason: Annotated[str, typer.Option(help="why it dropped them, or: kept")] = "kept",
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="documents to show")] = 20,
    json_: AsJson = False,
) -> None:
    """Documents that a stage dropped for a reason, or kept: drawn by hash, masked.

    Exit code 1 where there is none.
    """
    from skypile import show
    from skypile.look import terminal

    found = terminal.sampled(run, stage, reason, count)
    if json_:
        print(json.dumps(terminal.as_json(found), indent=1, ensure_ascii=False, default=str))
    else:
        terminal.documents(found, show.console())


@app.command()
def diff(
    run_a: Annotated[str, typer.Argument(help="a run's folder or URI")],
    run_b: Annotated[str, typer.Argument(help="another's")],
    json_: AsJson = False,
) -> None:
    """What changed between two runs: documents in and out by reason, settings that differ.

    Exit code 0 where every document has the same fate in both, 1 where one has not.
    """
    from skypile import show
    from skypile.look import terminal
    from skypile.look.diff import difference
    from skypile.look.run import Looked

    found = difference(Looked(run_a), Looked(run_b))
    if json_:
        print(json.dumps(terminal.difference_as_json(found), indent=1, ensure_ascii=False))
    else:
        terminal.difference(found, show.console())
    if found.moves:
        raise typer.Exit(1)


@app.command()
def contaminated(
    run: RunFolder,
    top: Annotated[int, typer.Option(min=0, help="lines to show; all in --json")] = 20,
    json_: AsJson = False,
) -> None:
    """The benchmark items that documents contain: benchmark, item, document, and what went."""
    import dataclasses

    from skypile import contaminated, show

    found = contaminated.contamination(run)
    if json_:
        print(json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False))
    else:
        show.contaminated(found, top, show.console())
