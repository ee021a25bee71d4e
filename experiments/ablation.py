"""`python -m experiments.ablation`: does what the pipeline keeps make a better model?

The same small model on (a) the text of all pages as extracted, (b) what language identification
and deduplication leave of it, (c) the same without recurring blocks (distribution), (d) the high
quality bucket of that, (e) what datatrove's FineWeb recipe keeps of the same crawl; judged by its
loss on texts that are not of the crawl, in both languages. Once for as many tokens each (a small
set is then shown oftener), once for as many epochs each (a small set is then trained on for less).

The crawl is that of the real pages, each with a mirror that is the same, touched or another text.
The models of stage quality are fitted on Wikipedia articles of which none is held out. Several
seeds (of weights and order of samples) train on each set and so say what difference can be seen at
all; that number is stated first, and a difference below it is called none.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import crawl
from experiments import corpora
from experiments.command import HERE, Said, main, markdown, progress
from experiments.shards import Phase, Source, shard, write_plan
from experiments.small_runs import Size, branch, launch, place, rows
from skypile.kernels.text.language import shipped_model
from skypile.ledger import Ledger

RAW, CLEAN, PEER = "extracted", "language, dedup", "datatrove"
# A set's name to the stage up to which it has been filtered; None: as it was read.
SETS = {
    RAW: None,
    CLEAN: "dedup",
    "+ distribution": "distribution",
    "+ quality": "quality",
}
COPIES = 1
EPOCHS = 0.5
PEER_PYTHON = HERE / ".venv-datatrove/bin/python"
CONFIG = """
[run]
out = "{folder}/out"
part_bytes = 2_097_152
stages = ["extract", "ingest", "language", "dedup", "fit_vectors", "distribution", "fit_lm",
          "fit_reference", "quality"]
[spark]
master = "local[2]"
driver_memory = "1g"
[spark.conf]
"spark.sql.shuffle.partitions" = "4"
"spark.driver.defaultJavaOptions" = "-XX:TieredStopAtLevel=1"
[[sources]]
name = "web"
format = "warc"
root = "{folder}/in"
paths = ["*.warc.gz"]
category = "webpages"
licence = "for measurements only"
{wikis}
[fit_lm]
sources = {{ en = ["enwiki"], zh = ["zhwiki"] }}
memory_mb = 256
[fit_reference]
wikipedia = {{ en = ["enwiki"], zh = ["zhwiki"] }}
crawl = ["web"]
"""
WIKI = """
[[sources]]
name = "{name}"
format = "jsonl"
root = "{folder}/wiki"
paths = ["{name}.jsonl"]
category = "encyclopedia"
licence = "CC-BY-SA-4.0"
stages = ["ingest"]
"""


@dataclass(frozen=True, kw_only=True)
class Ablation(Size):
    """Steps of the runs of equal tokens; seeds of every set."""

    steps: int = 500
    seeds: int = 3
    windows: int = 48
    piece_chars: int = 4_000_000  # of all texts together, for the tokenizer


def filtered(work: Path, data: Path) -> dict[str, list[str]]:
    """The texts of each set, in an order of their own; of datatrove where it is installed."""
    progress("the crawl, and its way through the stages")
    crawl.make_crawl(data, work, COPIES)
    (work / "wiki").mkdir()
    for name, files in _wikis(data).items():
        with open(work / f"wiki/{name}.jsonl", "w", encoding="utf8") as out:
            for row in files:
                out.write(json.dumps({k: row[k] for k in ("title", "text") if k in row}) + "\n")
    wikis = "".join(WIKI.format(name=name, folder=work) for name in ("enwiki", "zhwiki"))
    config = work / "c.toml"
    config.write_text(CONFIG.format(folder=work, wikis=wikis), encoding="utf8")
    subprocess.run(
        [sys.executable, "-m", "skypile.cli", "run", "--config", str(config)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    run = Ledger(str(work / "out"))
    found = {RAW: [t for t in _read(run) if t.strip()]}
    for name, stage in SETS.items():
        if stage:
            tables = run.texts(stage, ("source",))
            found[name] = [
                row["text"]
                for table in tables
                for row in table.select(["source", "text"]).to_pylist()
                if row["source"] == "web"
            ]
    if PEER_PYTHON.exists():
        found[PEER] = _peer(work)
    return {name: sorted(texts, key=place) for name, texts in found.items()}


def _wikis(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Articles that no set holds out."""
    files = {
        "enwiki": ["enwiki_articles.jsonl.gz"],
        "zhwiki": ["zhwiki_cmrc2018.jsonl.gz", "zhwiki_hant_drcd.jsonl.gz"],
    }
    return {
        name: [
            row
            for file in some
            for row in rows(data / "wiki_reference" / file)
            if row["text"].strip() and not corpora.held(row)
        ]
        for name, some in files.items()
    }


def _read(run: Ledger) -> list[str]:
    """The texts of all pages that became documents."""
    table = run.table("documents")
    web = [s == "web" for s in table["source"].to_pylist()]
    return [t for t, ours in zip(table["text"].to_pylist(), web, strict=True) if ours]


def _peer(work: Path) -> list[str]:
    """What datatrove keeps."""
    progress("datatrove's way")
    argv = [str(PEER_PYTHON), str(Path(crawl.__file__).with_name("pipeline_peer.py"))]
    subprocess.run(
        [*argv, str(work), str(shipped_model()), "2"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"HF_HOME": str(work / "hub")},
    )
    files = sorted((work / "deduplicated").glob("*.jsonl.gz"))
    return [row["text"] for file in files for row in rows(file)]


def experiment(
    work: Path, sets: Mapping[str, Sequence[str]], held: Mapping[str, Source], size: Ablation
) -> Said:
    """The losses on `held` of each set, seed and way of being equal. work: an empty folder."""
    work.mkdir(exist_ok=True)
    all_texts = {t for texts in (*sets.values(), *(s.train for s in held.values())) for t in texts}
    pieces = size.pieces(
        [Source(_up_to(sorted(all_texts, key=place), size.piece_chars))], work / "pieces"
    )
    found: dict[str, Any] = {}
    for number, (name, some) in enumerate(sets.items()):
        folder = work / f"set-{number}"
        folder.mkdir()
        # One text of each held-out set has a shard to train on as well, and no share.
        domains = {
            "crawl": Source(some),
            **{n: Source(s.train[:1], s.held) for n, s in held.items()},
        }
        entries = shard(folder, domains, pieces)
        tokens = entries["crawl"]["tokens"]
        found[name] = {"documents": len(some), "tokens": tokens, "runs": []}
        for way in ("tokens", "epochs"):
            steps = (
                size.steps if way == "tokens" else max(8, int(EPOCHS * tokens / size.step_tokens))
            )
            if steps * size.step_tokens > 5 * tokens:
                found[name]["runs"].append({"equal": way, "refused": "more than five epochs"})
                continue
            shares = {domain: float(domain == "crawl") for domain in entries}
            write_plan(folder, entries, pieces, {"only": Phase(steps, shares)}, size.step_tokens)
            for seed in range(size.seeds):
                progress(f"{name}, equal {way}, seed {seed}: {steps} steps")
                into = work / f"run-{number}-{way}-{seed}"
                branch(folder, into)
                found[name]["runs"].append(
                    {
                        "equal": way,
                        "seed": seed,
                        "steps": steps,
                        **_run(into, steps, seed, held, size),
                    }
                )
    return {"sets": found, "step_tokens": size.step_tokens, "seeds": size.seeds}


def _up_to(texts: Sequence[str], chars: int) -> list[str]:
    """The first texts, until there are so many characters."""
    taken, size = [], 0
    for text in texts:
        if size >= chars:
            break
        taken.append(text)
        size += len(text)
    return taken


def _run(
    folder: Path, steps: int, seed: int, held: Mapping[str, Source], size: Ablation
) -> dict[str, Any]:
    session = {"name": "only", "phase": "only", "kind": "cosine", "peak": 3e-3, "final": 3e-4}
    session["warmup_steps"] = max(1, steps // 20)
    run = launch(folder, size.model, [session], batch=size.batch, seed=seed, windows=size.windows)
    last = {name: values[-1][1] for name, values in run.losses.items() if name in held}
    return {"losses": last, "mean": corpora.by_language(last), "seconds": round(run.seconds)}


def visible(said: Mapping[str, Any], way: str, language: str, name: str = CLEAN) -> float:
    """The least difference to (b) that the seeds' spread can show, nats: two standard errors of the
    difference of the means of a set and of (b), (b) itself being compared with its like.
    """
    pair = [_values(said["sets"][n], way, language) for n in (CLEAN, name)]
    spread = sum(statistics.variance(values) for values in pair if len(values) > 1)
    return float(2 * (spread / said["seeds"]) ** 0.5)


def _values(one: Mapping[str, Any], way: str, language: str) -> list[float]:
    return [r["mean"][language] for r in one["runs"] if r["equal"] == way and "mean" in r]


def table(said: Mapping[str, Any]) -> str:
    """What can be seen, and then a row a set and way."""
    parts = []
    for way in ("tokens", "epochs"):
        seen = ", ".join(
            f"{word} {visible(said, way, lang):.3f}" for lang, word in corpora.LANGUAGES.items()
        )
        lines = []
        base = said["sets"][CLEAN]
        for name, one in said["sets"].items():
            row = [name, f"{one['documents']:,}", f"{one['tokens']:,}"]
            steps = [r["steps"] for r in one["runs"] if r["equal"] == way and "steps" in r]
            row.append(f"{steps[0] * said['step_tokens'] / one['tokens']:.2f}" if steps else "-")
            for language in corpora.LANGUAGES:
                values = _values(one, way, language)
                if not values:
                    row += ["-", "-"]
                    continue
                less = statistics.fmean(values) - statistics.fmean(_values(base, way, language))
                spread = statistics.stdev(values) if len(values) > 1 else 0.0
                least = visible(said, way, language, name)
                told = f"{less:+.3f} ± {least:.3f}"
                told = told if abs(less) > least else f"none ({told})"
                row += [
                    f"{statistics.fmean(values):.3f} ± {spread:.3f}",
                    "" if name == CLEAN else told,
                ]
            lines.append(row)
        heads = [
            "trained on",
            "documents",
            "tokens",
            "epochs",
            "English",
            "less (b)",
            "Chinese",
            "less (b)",
        ]
        parts.append(
            f"Equal {way}. Two sets like (b) differ by up to {seen} nats a token for the seeds "
            f"alone ({said['seeds']} each; two standard errors, as behind ± in the last columns)."
            "\n\n" + markdown(heads, lines)
        )
    return "\n\n".join(parts)


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """A panel a language: mean and spread of each set, for both ways of being equal."""
    panels = figure.subplots(1, 2, sharey=True)
    names = list(said["sets"])
    for panel, (language, word) in zip(panels, corpora.LANGUAGES.items(), strict=True):
        for shift, way in ((-0.12, "tokens"), (0.12, "epochs")):
            at = [
                (i, v)
                for i, n in enumerate(names)
                if (v := _values(said["sets"][n], way, language))
            ]
            panel.errorbar(
                [statistics.fmean(v) for _, v in at],
                [i + shift for i, _ in at],
                xerr=[statistics.stdev(v) if len(v) > 1 else 0 for _, v in at],
                fmt="o",
                capsize=3,
                label=f"equal {way}",
            )
        panel.set_title(f"{word}, four held-out sets")
        panel.set_xlabel("loss, nats a token")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8)


def real(work: Path, data: Path, scale: float) -> Said:
    """The experiment on the real crawl."""
    size = Ablation().scaled(scale, "steps")
    sets = filtered(work, data)
    return experiment(work / "runs", sets, corpora.general(data, 200_000), size)


if __name__ == "__main__":
    sys.exit(main("ablation", __doc__, real, table, draw))
