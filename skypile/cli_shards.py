"""The commands `skypile shards verify` and `skypile shards export`."""

from typing import Annotated

import typer

from skypile.errors import SkypileError

app = typer.Typer(no_args_is_help=True, help="Token shards: check them, export them.")

ShardFolder = Annotated[
    str, typer.Argument(help="folder or URI of shards, of one domain, or of a run")
]


@app.command("verify")
def shards_verify(
    folder: ShardFolder,
    tokenizer: Annotated[
        str | None, typer.Option(help="the tokenizer.model that they must be made with")
    ] = None,
) -> None:
    """Read all shards again: sizes, digests, sums, ends of documents, tokenizer."""
    from skypile.shards import verify

    found = verify(folder, tokenizer)
    print(
        ", ".join(f"{count:,} {what}" for what, count in found.items()) + ": as the manifests say"
    )


@app.command("export")
def shards_export(
    folder: ShardFolder,
    out: Annotated[str, typer.Argument(help="folder or URI to write")],
    format_: Annotated[str, typer.Option("--format", help="megatron: .bin and .idx")],
) -> None:
    """Write the shards in another trainer's format."""
    from skypile.megatron import export

    if format_ != "megatron":
        raise SkypileError(f"--format {format_}: known: megatron")
    for prefix in export(folder, out):
        print(prefix)
