"""The data card of a release: README.md with the front matter that the hub's tools read, and the
licences beside it.

No path of the machine that made it is on the card, nor a date.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skypile.kernels.mixing.categories import CODE, LANGUAGES
from skypile.ledger import Funnel
from skypile.licences import hub_names
from skypile.manifests import CORPUS
from skypile.reader import RunReader
from skypile.release.files import Layout
from skypile.release.front import front_matter, is_of, yaml
from skypile.release.streams import Shard

_COUNTED = ("documents", "chars", "estimated_tokens")


@dataclass(frozen=True)
class About:
    """What a card tells beyond the files: the run, its funnel, and the stage that writes."""

    run: RunReader
    funnel: Funnel
    stage: str


def card(plan: Mapping[str, Any], shards: Sequence[Shard], about: About) -> str:
    """README.md."""
    name = plan["name"] or "skypile corpus"
    total = _sums(shards)
    sample = plan["sample_fraction"]
    parts = [
        f"---\n{yaml(front_matter(plan, shards))}---\n\n# {name}",
        f"{total['documents']:,} documents, {total['chars']:,} characters, about "
        f"{total['estimated_tokens']:,} tokens (estimated by script, without a tokenizer), made by "
        f"skypile {plan['skypile']}: the data pipeline of Skywork-13B (arXiv 2310.19341), rebuilt."
        + (f" A hash sample of {sample:g} of its input." if sample != 1 else ""),
        _use(plan, shards),
        _composition(plan, shards, about),
        _licences(plan),
        _stages(about),
        _funnel(about.funnel, list(plan["licences"])),
        _personal(about, list(plan["licences"])),
        "## Checks\n\n`sha256sum -c SHA256SUMS`, or `skypile release --verify .`, which also "
        "counts the documents. `release.json` has every file with its sums, and the digests of "
        "the tables that it was made from: the same run and options give the same bytes.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def licence_file(plan: Mapping[str, Any]) -> str:
    """LICENSE.md."""
    return f"# Licences of the texts, by source\n\n{_licence_table(plan)}\n"


def _sums(shards: Iterable[Shard], source: str | None = None) -> Counter[str]:
    sums: Counter[str] = Counter()
    for shard in shards:
        for name, counts in shard.sources.items():
            if source in (None, name):
                sums.update(counts)
    return sums


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of Markdown; numbers to the right."""
    shown = [[f"{v:,}" if isinstance(v, int) else _cell(v) for v in row] for row in rows]
    numbers = [all(isinstance(v, int) for v in column) for column in zip(*rows, strict=True)]
    rule = ["--:" if number else "---" for number in numbers or [False] * len(head)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), rule, *shown])


def _cell(value: Any) -> str:
    return str(value).replace("\n", " ").replace("|", "\\|")


def _use(plan: Mapping[str, Any], shards: Sequence[Shard]) -> str:
    layout = Layout(**plan["layout"])
    call = "read_parquet" if layout.suffix == ".parquet" else "read_json"
    columns = ", ".join(f"`{c}`" for c in layout.columns.names)
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        f'load_dataset("PATH")                      # all of it; or one domain:\n'
        f'load_dataset("PATH", "{shards[0].domain}")\n```\n\n'
        f"```sql\nSELECT count(*) FROM {call}('PATH/data/*/*{layout.suffix}');  -- DuckDB\n```\n\n"
        f"A row has {columns}. A text is paragraphs, one a line. Files are cut at about "
        f"{layout.shard_bytes:,} bytes before they are packed."
        + (
            " `datasets` needs the package zstandard for .zst."
            if layout.suffix[-4:] == ".zst"
            else ""
        )
    )


def _composition(plan: Mapping[str, Any], shards: Sequence[Shard], about: About) -> str:
    def rows(groups: Mapping[Any, Sequence[Shard]]) -> list[list[Any]]:
        sums = {k: _sums(of) for k, of in groups.items()}
        return [
            [*(k if isinstance(k, tuple) else (k,)), *(n[c] for c in _COUNTED)]
            for k, n in sums.items()
        ]

    pairs = sorted({(s.domain, s.split) for s in shards})
    domains = {p: [s for s in shards if (s.domain, s.split) == p] for p in pairs}
    languages = {
        x: of
        for x in (*LANGUAGES, CODE)
        if (of := [s for s in shards if is_of(s.domain, x) or s.domain.partition(".")[0] == x])
    }
    kinds = {s["name"]: s["category"] for s in about.run.record["sources"]}
    sources = [
        [name, kinds[name], *(_sums(shards, name)[c] for c in _COUNTED)]
        for name in plan["licences"]
    ]
    counted = ("documents", "characters", "tokens about")
    return "\n\n".join(
        (
            "## What is in it",
            "A domain is a row of Table 1 of the paper in one of two partitions (main, stem).",
            _table(("domain", "split", *counted), rows(domains)),
            _table(("language", *counted), rows(languages)),
            _table(("source", "kind", *counted), sources),
        )
    )


def _licences(plan: Mapping[str, Any]) -> str:
    return f"## Licences\n\n{_licence_table(plan)}"


def _licence_table(plan: Mapping[str, Any]) -> str:
    rows = [
        (n, text, "" if hub_names(text) else "not a licence that is known to the tool")
        for n, text in plan["licences"].items()
    ]
    return _table(("source", "licence", "remark"), rows)


def _stages(about: About) -> str:
    names = [s["name"] for s in about.run.record["stages"]]
    stages = about.run.record["stages"][: names.index(about.stage) + 1]
    rows = [(s["name"], s["paper"], ", ".join(s["applies"])) for s in stages]
    settings = {s["name"]: _settings(about.run, s) for s in stages}
    shown = json.dumps(_public(settings), indent=1, ensure_ascii=False)
    return (
        "## Stages\n\nThe section is that of the paper.\n\n"
        f"{_table(('stage', 'section', 'sources'), rows)}\n\n"
        f"<details>\n<summary>Settings</summary>\n\n```json\n{shown}\n```\n\n</details>"
    )


def _settings(run: RunReader, stage: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a stage that decides rows, as its manifests have them."""
    found: dict[str, Any] = {}
    for piece, sources in stage["pieces"].items():
        for source in sources or (CORPUS,):
            if manifest := run.manifests.get(f"{stage['name']}.{piece}", source):
                found |= manifest.settings
    return found


def _public(value: Any) -> Any:
    """Settings without the paths of the machine: of a path its last name alone."""
    if isinstance(value, Mapping):
        return {k: _public(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_public(v) for v in value]
    if isinstance(value, str) and (value.startswith("/") or "://" in value):
        return value.partition("?")[0].rstrip("/").rpartition("/")[2]
    return value


def _funnel(funnel: Funnel, sources: Sequence[str]) -> str:
    rows: list[tuple[Any, ...]] = []
    for source in sources:
        counts = funnel.reads[source]
        rows.append(("read", source, "records judged", counts["judged"]))
        rows += [("", "", f"– {reason}", n) for reason, n in sorted(counts["rejected"].items())]
        rows.append(("", "", "documents", counts["documents"]))
        for line in (x for x in funnel.lines if x.source == source):
            if not line.applies:
                rows.append((line.stage, source, "does not apply", line.kept))
                continue
            dropped = sorted(line.dropped.items(), key=lambda x: (-x[1], x[0]))
            rows += [
                (line.stage if i == 0 else "", source if i == 0 else "", f"– {reason}", n)
                for i, (reason, n) in enumerate(dropped)
            ]
            first = ("", "") if dropped else (line.stage, source)
            cut = f" ({line.blocks_removed:,} blocks cut)" if line.blocks_removed else ""
            rows.append((*first, f"kept{cut}", line.kept))
    return f"## Funnel\n\n{_table(('stage', 'source', 'what', 'documents'), rows)}"


def _personal(about: About, sources: Sequence[str]) -> str:
    masked: Counter[str] = Counter()
    for source in sources:
        if manifest := about.run.manifests.get(f"{about.stage}.write", source):
            masked.update(manifest.counts.get("masked", {}))
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(masked.items())) or "none found"
    return (
        "## Personal data\n\nE-mail addresses, public IP addresses, telephone numbers, Chinese "
        "resident IDs and bank cards are replaced by placeholders (`<EMAIL>`, `<IP>`, `<PHONE>`, "
        f"`<ID>`, `<CARD>`), found by rules; in all splits of these sources: {kinds}. Names and "
        "postal addresses are not."
    )
