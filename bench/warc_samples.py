"""What is done with each of the real archives in `warc_samples`: reading, and the read kernel.

`python -m bench.warc_samples [--data ../shared/data]` prints docs/warc_samples.md.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skypile.hashing import SliceReader
from skypile.kernels.reading.pages import HTML_TYPES
from skypile.kernels.reading.warc import WarcReader
from skypile.stages.extract import Config, ExtractKernel, make_read_kernel

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"


@dataclass(frozen=True)
class Outcome:
    """What became of one file. html: responses whose type is HTML, as `warcio_html` counts them;
    peer_error: what warcio stops with.
    """

    file: str
    warcio_html: int
    peer_error: str | None
    types: Counter[str]
    html: int
    log: dict[str, Any]
    documents: int
    rejected: Counter[str]
    damages: Counter[str]
    seconds: float


def samples(data: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """(line of the manifest, file) of each sample."""
    folder = data / "warc_samples"
    for line in (folder / "manifest.jsonl").read_text(encoding="utf8").splitlines():
        row = json.loads(line)
        yield row, folder / "files" / row["file"]


def outcome(row: dict[str, Any], path: Path, kernel: ExtractKernel) -> Outcome:
    """Read a file, and read it again with the stage's kernel."""
    begun = time.monotonic()
    with open(path, "rb") as stream:
        reader = WarcReader(stream)
        html = sum(r.type == "response" and r.content_type in HTML_TYPES for r in reader)
    with open(path, "rb") as stream:
        rows = kernel(
            SliceReader(stream, 0, path.stat().st_size),
            source="samples",
            format="warc",
            path=path.name,
            start=0,
            first_ordinal=0,
        )
        reasons = Counter(record["reason"] for record, _ in rows)
    log = kernel.log()
    return Outcome(
        file=path.name,
        warcio_html=row["warcio_html_responses"],
        peer_error=row["warcio_error"],
        types=reader.counts,
        html=html,
        log=log,
        documents=reasons.pop(None, 0),
        rejected=reasons,
        damages=Counter(d["reason"] for d in log["damages"]),
        seconds=time.monotonic() - begun,
    )


def _cells(o: Outcome) -> tuple[object, ...]:
    html = f"{o.html} ({o.warcio_html})"
    return o.file, _counts(o.types), html, o.documents, _counts(o.rejected)


def _row(cells: tuple[object, ...]) -> str:
    return "| " + " | ".join(str(c) for c in cells) + " |"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name or '(none)'} {n}" for name, n in sorted(counts.items()))


def table(outcomes: list[Outcome]) -> str:
    """The page: a table of the damaged files, and one of the others."""
    damaged = [o for o in outcomes if o.damages or o.peer_error or +_bad(o)]
    whole = [o for o in outcomes if o not in damaged]
    total = Counter[str]()
    for o in outcomes:
        total.update(
            records=o.types.total(),
            responses=o.types["response"],
            html=o.html,
            documents=o.documents,
            rejected=o.rejected.total(),
            damages=o.damages.total(),
            peer_html=o.warcio_html,
        )
    head = ("file", "records by type", "HTML (warcio)", "documents", "rejected")
    lines = [_row((*head, "damages", "warcio stops")), "|---" * 7 + "|"]
    for o in damaged:
        stops = re.sub(r"\s+", " ", o.peer_error or "").partition(":")[0]
        lines.append(_row((*_cells(o), _counts(o.damages), stops)))
    others = [_row(head), "|---" * 5 + "|", *(_row(_cells(o)) for o in whole)]
    return "\n".join(
        [
            "# What is done with each of the real archives",
            "",
            "Written by `python -m bench.warc_samples`: the files of `warc_samples`, read by",
            "`WarcReader` and by the read kernel of `extract`. HTML: responses of that type, the",
            "damaged ones, too, beside those that warcio finds.",
            "",
            f"{len(outcomes)} files: {_counts(total)}.",
            "",
            "## Damaged, or a problem to warcio",
            "",
            *lines,
            "",
            "## All others",
            "",
            *others,
        ]
    )


def _bad(o: Outcome) -> Counter[str]:
    reasons = ("malformed_record", "truncated_record", "too_large")
    return Counter({r: o.rejected[r] for r in reasons})


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    with closing(make_read_kernel(Config(), lambda _: True)) as kernel:
        print(table([outcome(row, path, kernel) for row, path in samples(given.data)]))


if __name__ == "__main__":
    main()
