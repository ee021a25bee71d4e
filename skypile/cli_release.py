"""The commands at both ends of a run: `skypile fetch` gets a crawl, `skypile release` publishes."""

from typing import Annotated

import typer

from skypile.errors import SkypileError

RunFolder = Annotated[str, typer.Argument(help="the run's folder or URI (its `out`)")]


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command()(release)


def release(
    run: RunFolder,
    out: Annotated[str | None, typer.Argument(help="folder or URI to write")] = None,
    format_: Annotated[str, typer.Option("--format", help="jsonl or parquet")] = "jsonl",
    compression: Annotated[
        str, typer.Option(help="of JSON lines: none, gzip or zstd; Parquet packs with zstd")
    ] = "none",
    shard_size: Annotated[str, typer.Option(help="of a file before it is packed")] = "500MB",
    split: Annotated[list[str] | None, typer.Option(help="only train or validation")] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="only this row of Table 1 (or domain); repeatable")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="only this source; repeatable")] = None,
    with_metadata: Annotated[
        bool, typer.Option("--with-metadata", help="with id, source, category, url, title, ...")
    ] = False,
    name: Annotated[str, typer.Option(help="of the data set, on the card")] = "",
    allow_unknown_licences: Annotated[
        bool, typer.Option("--allow-unknown-licences", help="release sources of unknown licence")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="read the release in this folder again, and compare")
    ] = False,
) -> None:
    """Publish the corpus as JSON lines or Parquet, with data card and checksums; resumes."""
    from skypile import release as releases
    from skypile.cli import say
    from skypile.release_verify import verify as verify_release

    if verify:
        if out:
            raise SkypileError("--verify takes one folder: the release")
        found = verify_release(run)
        print(", ".join(f"{n:,} {what}" for what, n in found.items()) + ": as the release says")
        return
    if not out:
        raise SkypileError("say where to write: skypile release RUN OUT")
    made = releases.release(
        run,
        out,
        releases.layout(format_, compression, shard_size, metadata=with_metadata),
        releases.choice(split, category, source),
        name=name,
        allow_unknown_licences=allow_unknown_licences,
        say=say,
    )
    documents = sum(f["documents"] for f in made["files"])
    print(f"{documents:,} documents in {len(made['files']):,} files: {out}")
