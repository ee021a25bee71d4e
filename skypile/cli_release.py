"""The commands at both ends of a run: `skypile fetch` gets a crawl, `skypile release` publishes."""

from typing import Annotated

import typer

from skypile.cli_look import RunFolder
from skypile.errors import SkypileError

app = typer.Typer()


@app.command()
def fetch(
    out: Annotated[str, typer.Argument(help="local folder to fetch to")],
    crawl: Annotated[str, typer.Option(help="CC-MAIN-2024-10, CC-NEWS/2024/01")],
    kind: Annotated[str, typer.Option(help="warc, wet or wat")] = "warc",
    segments: Annotated[int | None, typer.Option(min=1, help="the first so many segments")] = None,
    files: Annotated[
        int | None, typer.Option(min=1, help="of them the first so many files")
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="only records of these addresses: *.example.org")
    ] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="of the index server; repeatable")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="of records, with --index")] = None,
    base: Annotated[str | None, typer.Option(help="server of the archives")] = None,
    index_base: Annotated[str | None, typer.Option(help="server of the index")] = None,
    delay: Annotated[float, typer.Option(min=0, help="seconds between requests")] = 1.0,
    connections: Annotated[int, typer.Option(min=1, max=16, help="files at a time")] = 1,
    attempts: Annotated[int, typer.Option(min=1, help="in a row without progress")] = 8,
    user_agent: Annotated[str | None, typer.Option(help="who asks; with an address")] = None,
) -> None:
    """Get archives of Common Crawl, or records by their address; goes on where it stopped."""
    from skypile.cli import say
    from skypile.fetch import archives
    from skypile.fetch import index as fetch_index
    from skypile.fetch.http import USER_AGENT, Client, Manners
    from skypile.kernels.reading.commoncrawl import BASE, INDEX_BASE

    if index is None and segments is None and files is None:
        raise SkypileError("a crawl is 100 TB: say how much: --segments, --files or --index")
    if index is None and (filter_ or limit):
        raise SkypileError("--filter and --limit are of --index")
    if index is not None and (segments or files or kind != "warc"):
        raise SkypileError("--index finds WARC records: no --segments, --files or --kind with it")
    wish = archives.Wish(crawl, kind, segments, files, base or BASE)
    client = Client(Manners(delay, attempts, 1.0, user_agent or USER_AGENT, connections))
    if index is None:
        found = archives.fetch(out, wish, client, say)
        print(f"{len(found):,} files, {sum(f['bytes'] for f in found):,} bytes: {out}")
        return
    filters = tuple(filter_) if filter_ else ("=status:200",)
    query = fetch_index.Query(index, filters, limit, index_base or base or INDEX_BASE)
    entry = fetch_index.fetch_index(out, wish, query, client, say)
    for one in entry["failed"]:
        say(f"not had: {one['url']}: {one['why']}")
    print(f"{entry['records']:,} records, {len(entry['failed']):,} failed: {out}/{entry['path']}")


@app.command()
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
    from skypile.cli import say
    from skypile.release import publish
    from skypile.release.verify import verify as verify_release

    if verify:
        if out:
            raise SkypileError("--verify takes one folder: the release")
        found = verify_release(run)
        print(", ".join(f"{n:,} {what}" for what, n in found.items()) + ": as the release says")
        return
    if not out:
        raise SkypileError("say where to write: skypile release RUN OUT")
    made = publish.release(
        run,
        out,
        publish.layout(format_, compression, shard_size, metadata=with_metadata),
        publish.choice(split, category, source),
        name=name,
        allow_unknown_licences=allow_unknown_licences,
        say=say,
    )
    documents = sum(f["documents"] for f in made["files"])
    print(f"{documents:,} documents in {len(made['files']):,} files: {out}")
