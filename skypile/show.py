"""What people see in a terminal: the funnel, the fate of one record, scores against a truth, the
mixture plan, the languages of code.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skypile.contaminated import Report
from skypile.ledger import Funnel
from skypile.recurring import Recurrence
from skypile.sample.truth import Score

BAR = 8
# Columns of hashes and keys: `why --json` has them, people have no use for them.
KEYS = frozenset(
    ("read_digest", "text_digest", "exact_high", "exact_low", "bands", "unit_keys", "site", "work")
)


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    made = Console()
    return made if made.is_terminal else Console(width=100)


def funnel(funnel: Funnel, console: Console) -> None:
    """Print the funnel: what was read, then a line a stage, source and reason."""
    sampled = funnel.record.get("sample_fraction", 1.0)
    title = "Funnel" if sampled == 1 else f"Funnel of a hash sample of {sampled:g}"
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, justify in (
        ("stage", "left"),
        ("source", "left"),
        ("what", "left"),
        ("rows", "right"),
        ("share", "right"),
        ("", "left"),
    ):
        least = {"stage": 7, "rows": 7, "share": 6, "": BAR}.get(name, 0)
        table.add_column(name, justify=justify, no_wrap=True, min_width=least)  # type: ignore[arg-type]
    for source, counts in funnel.reads.items():
        _read(table, source, counts)
        table.add_section()
        for line in (one for one in funnel.lines if one.source == source):
            if not line.applies:
                table.add_row(line.stage, source, "does not apply", f"{line.kept:,}", "", "")
                continue
            _row(table, line.stage, source, "documents in", line.rows_in, line.rows_in)
            for reason, rows in sorted(line.dropped.items(), key=lambda x: (-x[1], x[0])):
                _row(table, "", "", f"  {reason}", rows, line.rows_in, style="yellow")
            if line.blocks_removed:
                table.add_row("", "", f"  ({line.blocks_removed:,} blocks cut)", "", "", "")
            _row(table, "", "", "kept", line.kept, line.rows_in, style="green")
            table.add_section()
    console.print(table)
    if domains := funnel.written.get("domains"):
        _corpus(domains, funnel.written, console)
    if funnel.pending:
        console.print(f"not in it, to be run or brought up to date: {', '.join(funnel.pending)}")


def _corpus(domains: Mapping[str, Any], counts: Mapping[str, Any], console: Console) -> None:
    """Print what the corpus holds, and what its training texts still share with validation."""
    table = Table(title="Corpus", title_justify="left", header_style="bold")
    table.add_column("domain", no_wrap=True)
    table.add_column("split", no_wrap=True)
    for name in ("documents", "characters", "tokens about", "masked"):
        table.add_column(name, justify="right", no_wrap=True)
    for domain, splits in domains.items():
        for split, sums in splits.items():
            numbers = [sums[n] for n in ("documents", "chars", "estimated_tokens", "masked")]
            table.add_row(domain, split, *(f"{n:,}" for n in numbers))
    console.print(table)
    shared = counts["overlap"]
    console.print(
        f"{shared['documents']:,} training documents share n-grams with validation still: "
        f"{shared['common_ngrams']:,} that very many have, {shared['other_ngrams']:,} others",
        highlight=False,
    )


def _read(table: Table, source: str, counts: Mapping[str, Any]) -> None:
    table.add_row("read", source, "records", f"{counts['records']:,}", "", "")
    if counts["passed_over"]:
        table.add_row("", "", "  other types, passed over", f"{counts['passed_over']:,}", "", "")
    if counts["sampled_out"]:
        table.add_row("", "", "  not in the sample", f"{counts['sampled_out']:,}", "", "")
    judged = counts["judged"]
    _row(table, "", "", "judged", judged, judged)
    for reason, rows in sorted(counts["rejected"].items(), key=lambda x: (-x[1], x[0])):
        _row(table, "", "", f"  {reason}", rows, judged, style="yellow")
    _row(table, "", "", "documents", counts["documents"], judged, style="green")
    if counts["damages"]:
        table.add_row("", "", f"  (damaged places: {counts['damages']:,})", "", "", "")


def _row(
    table: Table, stage: str, source: str, what: str, rows: int, of: int, style: str = ""
) -> None:
    share = rows / of if of else 0.0
    bar = "█" * round(share * BAR) or ("▏" if rows else "")
    table.add_row(stage, source, what, f"{rows:,}", f"{share:.1%}" if of else "", Text(bar, style))


def scores(rows: Sequence[Score], split: str | None, console: Console) -> None:
    """Print how near a run came to the truth of the sample."""
    title = "Against the truth of the sample" + (f", split {split}" if split else "")
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("what", no_wrap=True)
    for name in ("n", "precision", "recall", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in rows:
        if before not in (None, row.stage):
            table.add_section()
        numbers = [_share(value) for value in (row.precision, row.recall, row.f1)]
        table.add_row("" if row.stage == before else row.stage, row.what, f"{row.n:,}", *numbers)
        before = row.stage
    console.print(table)


def _share(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:.3f}", "green" if value >= 0.95 else "yellow" if value >= 0.8 else "red")


def recurring(found: Recurrence, console: Console) -> None:
    """Print the groups of blocks that recur most, and how much of what recurs was removed."""
    title = f"What recurs: {found.documents:,} documents, {found.units:,} blocks"
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in ("documents", "hosts", "removed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("such as", overflow="fold")
    for group in found.groups:
        counts = [f"{n:,}" for n in (group.documents, group.hosts, group.removed)]
        same = "" if group.group >= 0 else " (word for word)"
        table.add_row(*counts, Text(group.example + same))
    console.print(table)
    if not found.groups:
        console.print("no group is on record: nothing recurs often enough")


def contaminated(found: Report, top: int, console: Console) -> None:
    """Print how many items of each benchmark are in the documents, and the first findings."""
    title = f"Benchmark items in {found.documents:,} documents"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("benchmark")
    for name in ("items", "found"):
        table.add_column(name, justify="right")
    for benchmark, counts in found.items.items():
        table.add_row(Text(benchmark), *(f"{n:,}" for n in counts))
    console.print(table)
    if not found.findings:
        return
    rows = Table(header_style="bold")
    for name in ("item", "of it", "went", "document"):
        rows.add_column(name, overflow="fold")
    for one in found.findings[:top]:
        item = Text(f"{one.benchmark} {one.item}")
        place = Text(f"{one.doc_id[:8]} {one.source} {one.place}")
        rows.add_row(item, f"{one.fraction:.0%}", one.removed, place)
    console.print(rows)
    if len(found.findings) > top:
        console.print(f"and {len(found.findings) - top:,} more (--top, --json)")


def fates(fates: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print what happened to each record, stage by stage."""
    for fate in fates:
        record = fate["record"]
        table = Table(
            title=Text(str(record["url"] or record["path"])),  # of brackets in it nothing is made
            title_justify="left",
            show_header=False,
        )
        table.add_column("table", style="bold")
        table.add_column("column")
        table.add_column("value", overflow="fold")
        for name, row in fate.items():
            first = True
            for column, value in row.items():
                if value is None or value == [] or (column == "source" and name != "record"):
                    continue
                if column in KEYS:
                    continue
                style = {"kept": "green" if value is True else "red", "reason": "yellow"}
                table.add_row(
                    name if first else "", column, Text(_short(value), style.get(column, ""))
                )
                first = False
            table.add_section()
        console.print(table)


def _short(value: Any, limit: int = 400) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def plan(about: Mapping[str, Any], console: Console) -> None:
    """Print a mixture plan: a line a domain, its share as wanted and as reached, the tokens that it
    has and gives, and after how many tokens of all domains it had given its last epoch.
    """
    total = sum(p["tokens"] for p in about["phases"])
    phases = ", ".join(f"{p['name']} {tokens(p['tokens'])}" for p in about["phases"])
    console.print(f"{tokens(total)} tokens: {phases}; at most {about['max_epochs']:g} epochs")
    table = Table(title="Mixture plan", title_justify="left", header_style="bold")
    table.add_column("domain", no_wrap=True)
    for name in ("wanted", "reached", "tokens", "given", "epochs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("exhausted", no_wrap=True)
    for line in about["lines"]:
        short = line["wanted_share"] - line["reached_share"] > 5e-5
        table.add_row(
            line["domain"],
            f"{line['wanted_share']:.2%}",
            Text(f"{line['reached_share']:.2%}", "yellow" if short else ""),
            tokens(line["available"]),
            tokens(line["given"]),
            f"{line['epochs']:.2f}",
            _exhausted(line),
        )
    console.print(table)


def _exhausted(line: Mapping[str, Any]) -> str:
    if not line["available"]:
        return "has no tokens"
    if not line["wanted_share"]:
        return "not in the mixture"
    at = line["exhausted_at"]
    return "" if at is None else f"{tokens(at)}, {line['exhausted_in']}"


def code(facts: Mapping[str, Any], console: Console) -> None:
    """Print the languages of a run's code: files and shares of the tokens in and out. What goes in
    is all files; what comes out counts each text once.
    """
    languages = facts["languages"]
    came = sum(x["tokens_in"] for x in languages.values())
    kept = sum(x["distinct_tokens_kept"] for x in languages.values())
    table = Table(title="Code by language", title_justify="left", header_style="bold")
    table.add_column("language", no_wrap=True)
    for name in (
        "files",
        "pass rules",
        "kept",
        "tokens in",
        "share",
        "tokens out",
        "share",
        "most",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for name, x in sorted(languages.items(), key=lambda x: (-x[1]["tokens_in"], x[0])):
        limit = facts["shares"].get(name)
        table.add_row(
            name,
            *(f"{x[n]:,}" for n in ("files_in", "files_passed", "files_kept")),
            tokens(x["tokens_in"]),
            f"{x['tokens_in'] / came:.2%}" if came else "",
            tokens(x["distinct_tokens_kept"]),
            f"{x['distinct_tokens_kept'] / kept:.2%}" if kept else "",
            "" if limit is None else f"{limit:.0%}",
        )
    console.print(table)


def tokens(number: float) -> str:
    """A number of tokens in three digits: 2.00T, 130B, 51.2M, 870."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if number >= size * 0.9995:
            scaled = number / size
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return f"{number:.0f}"
