"""The rules for code on files of public repositories, beside labels by path and header.

`python -m bench.code [--data ../shared/data]` prints JSON lines, and on standard error every file
on which rules and label differ: half, label, rule, file. `code_samples` labels each file by where
it lies and what its header says. Repositories are split in two by a hash of their name: the rules
may have been looked at on `tune`, `test` is what counts. Judged is what the file is: its licence
and the shares are left out. A file is to go where its label is generated, minified, lockfile,
source-map, data, or vendored-or-dist. `listed` are files whose language is on the list of
extensions, `programs` those of them that are not json, xml, yaml or html, `all` are all files, as
if every language were listed.
"""

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.metrics import half
from skypile.kernels.code import code_shares
from skypile.kernels.code.code_languages import DATA_FORMATS, LANGUAGES, language_of
from skypile.kernels.code.code_text import lines_of
from skypile.settings import build
from skypile.stages.code import Config
from skypile.stages.code_measures import make_measure_kernel
from skypile.stages.code_rules import failed

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
GO = ("generated", "minified", "lockfile", "source-map", "data", "vendored-or-dist")
SHOWN_SHARE = 0.005  # languages below it, in and out, have no line
# Which recogniser is to see which labels.
RECOGNISERS = {
    "generated": ("generated", "lockfile", "source-map"),
    "minified": ("minified",),
    "vendored": ("vendored-or-dist",),
    "data_blob": ("data",),
}


def load(data: Path) -> list[dict[str, Any]]:
    """The labelled files, with their half."""
    with gzip.open(data / "code_samples/files.jsonl.gz", "rt", encoding="utf8") as lines:
        rows = [json.loads(line) for line in lines]
    return [{**row, "half": half(row["repo"])} for row in rows]


def measured(rows: Iterable[dict[str, Any]]) -> pa.RecordBatch:
    """The stage's numbers of them, as if each had come from a data set."""
    given = [
        {
            "doc_id": row["id"],
            "text": "\n".join(lines_of(row["content"])),
            "source": "code",
            "title": row["path"],
            "repository": row["repo"],
            "licence": row["licence"],
        }
        for row in rows
    ]
    return make_measure_kernel(None)(pa.RecordBatch.from_pylist(given))


def verdicts(batch: pa.RecordBatch, **settings: Any) -> list[str | None]:
    """The first rule that each file fails."""
    licence = pa.array(batch["named_licence"].to_pylist(), pa.string())
    with_licence = batch.append_column("code_licence", licence)
    return list(failed(build(Config, settings, "bench"), with_licence).to_pylist())


def line(case: str, metric: str, value: float, unit: str = "fraction", **more: Any) -> None:
    """Print one line."""
    shown = round(value, 4) if isinstance(value, float) else value
    out = {"bench": "code", "case": case, "metric": metric, "value": shown, "unit": unit, **more}
    print(json.dumps(out, ensure_ascii=False))


def agreement(case: str, pairs: Iterable[tuple[bool, bool]]) -> None:
    """Precision and recall of (said, is) pairs; a line only where there is something to find."""
    counts = Counter(pairs)
    hit, wrong, missed = counts[True, True], counts[True, False], counts[False, True]
    n = counts.total()
    if hit + wrong:
        line(case, "precision", hit / (hit + wrong), n=n, pairs=hit + wrong)
    if hit + missed:
        line(case, "recall", hit / (hit + missed), n=n, pairs=hit + missed)


def what_it_is(batch: pa.RecordBatch, **settings: Any) -> list[str | None]:
    """The first rule that each file fails, licence and extension list aside."""
    named = pc.fill_null(batch["code_language"], "Shell")  # of no extension that is known
    at = batch.schema.get_field_index("code_language")
    return verdicts(
        batch.set_column(at, "code_language", named),
        **{"languages": list(LANGUAGES), "licences": [], **settings},
    )


def judge(rows: list[dict[str, Any]], batch: pa.RecordBatch) -> None:
    """The rules by half, on listed languages and on all files, and each recogniser alone."""
    fates = what_it_is(batch)
    listed = [language_of(row["path"]) in Config().languages for row in rows]
    alone = {name: what_it_is(batch, drop=[name]) for name in RECOGNISERS}
    for part in ("test", "tune"):
        at = [i for i, row in enumerate(rows) if row["half"] == part]
        goes = {i: rows[i]["label_rule"] in GO for i in at}
        agreement(f"{part} listed", ((fates[i] is not None, goes[i]) for i in at if listed[i]))
        programs = [i for i in at if listed[i] and language_of(rows[i]["path"]) not in DATA_FORMATS]
        agreement(f"{part} programs", ((fates[i] is not None, goes[i]) for i in programs))
        agreement(f"{part} all", ((fates[i] is not None, goes[i]) for i in at))
        for name, wanted in RECOGNISERS.items():
            said = alone[name]
            pairs = ((said[i] == name, rows[i]["label_rule"] in wanted) for i in at)
            agreement(f"{part} {name}", pairs)
        for language in ("Python", "JavaScript", "Java", "Go", "C", "Rust", "TypeScript"):
            stay = [i for i in at if language_of(rows[i]["path"]) == language and not goes[i]]
            if stay:
                kept = sum(fates[i] is None for i in stay)
                line(f"{part} {language} by hand", "kept", kept / len(stay), n=len(stay))


def by_language(rows: list[dict[str, Any]], batch: pa.RecordBatch) -> None:
    """Shares of the tokens that come in, pass the rules, and stay, with the default settings."""
    config = build(Config, {}, "bench")
    fates = verdicts(batch)
    tokens = batch["code_tokens"].to_pylist()
    languages = [name or "other" for name in batch["code_language"].to_pylist()]
    came, passed = Counter[str](), Counter[str]()
    for i, language in enumerate(languages):
        came[language] += tokens[i]
        passed[language] += tokens[i] if fates[i] is None else 0
    limited = config.shares
    others = sum(n for name, n in passed.items() if name not in limited)
    budgets = code_shares.budgets(others, {n: passed[n] for n in limited}, limited)
    numbers = [
        batch[c].to_pylist() for c in ("letter_share", "distinct_line_share", "number_share")
    ]
    stays = Counter({n: t for n, t in passed.items() if n not in limited})
    for language, budget in budgets.items():
        files = sorted(
            (code_shares.order(code_shares.tier(*(c[i] for c in numbers)), rows[i]["id"], 0), i)
            for i in range(len(rows))
            if languages[i] == language and fates[i] is None and tokens[i] <= budget
        )
        for _, i in files:
            if stays[language] + tokens[i] > budget:
                break
            stays[language] += tokens[i]
    for language, n in came.most_common():
        if max(n / came.total(), stays[language] / stays.total()) < SHOWN_SHARE:
            continue
        line(language, "share_in", n / came.total())
        if language in limited:
            line(language, "share_after_rules", passed[language] / passed.total())
        line(language, "share_out", stays[language] / stays.total())


def speed(rows: list[dict[str, Any]], clock: Callable[[], float] = time.process_time) -> None:
    """Megabytes a second of the measure, one core, CPU time."""
    size = sum(len(row["content"].encode()) for row in rows)
    measured(rows[:20])
    begin = clock()
    measured(rows)
    line("code_samples", "mb_per_s", size / 1e6 / (clock() - begin), "MB/s", n=len(rows))


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    rows = load(given.data)
    batch = measured(rows)
    judge(rows, batch)
    by_language(rows, batch)
    speed(rows)
    for row, fate in zip(rows, what_it_is(batch), strict=True):
        if (fate is not None) != (row["label_rule"] in GO):
            print(
                row["half"], row["label_rule"], fate or "kept", row["id"], sep="\t", file=sys.stderr
            )


if __name__ == "__main__":
    main()
