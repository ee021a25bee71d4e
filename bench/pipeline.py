"""From WARC files to deduplicated documents, beside datatrove's FineWeb recipe (pipeline_peer.py)
and dolma's toolkit (pipeline_dolma.py).

`python -m bench.pipeline [--data ../shared/data] [--copies 9] [--cores 1]` makes the crawl of real
pages, runs each side on it as a process of its own, and prints JSON lines. What is counted is
processor time of all processes of a run (bench/measured.py). `documents` are records read.

- `docs_per_cpu_s`, `wall_s`, `most_mb` (proportional memory of all processes), `left` documents,
  for the peers, for the same steps here (extract, language, dedup, signals with the rules of
  Gopher, C4 and FineWeb for English), and with all stages of conf/crawl.toml that make a corpus.
- case `datatrove` or `dolma, EXTRACTOR`, metric `ratio`: ours over theirs, the same steps;
  `less_start_up`: both less what they take for the first eight pages (a JVM and imports are paid
  once a job, not once a page; of one page the peer's rules may leave nothing, and then it stops).
  dolma extracts by resiliparse beside our fast engine, by trafilatura beside ours; it has no near
  duplicates.
- `step_ms`: by step, milliseconds a record of the side's own clock (busy machines count here).

All read the same bytes, with two headers that Common Crawl's records have: without the type
datatrove reads 720 of the 1,014, without the payload's digest dolma none.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.crawl import FEW, make_crawl
from bench.measured import Took, measured
from skypile.kernels.text.language import shipped_model
from skypile.ledger import Ledger
from skypile.manifests import Manifests

REPO = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
SAME_STEPS = ("extract", "language", "dedup", "signals")
TARGETS = {"fast": 10.0, "trafilatura": 5.0}  # of datatrove's documents a CPU second
LINEARIZERS = {"fast": "resiliparse", "trafilatura": "trafilatura"}  # of dolma, beside an engine
# As in conf/cluster.toml, a file or more in a part: for a demo's small ones opening files counts.
PART_BYTES = 268_435_456
_RULES = """
[signals]
profiles = { en = ["gopher", "c4", "fineweb"] }
"""


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    """Prints one bench line."""
    named = {"bench": "pipeline", "case": case, "metric": metric, "value": round(value, 3)}
    print(json.dumps({**named, "unit": unit, **more}), flush=True)


def config_of(
    folder: Path, stages: tuple[str, ...], engine: str, cores: int, part_bytes: int = PART_BYTES
) -> Path:
    """A configuration over a folder's crawl: conf/crawl.toml with these stages, or all it has."""
    text = (REPO / "conf/crawl.toml").read_text(encoding="utf8")
    out = folder / f"out-{engine}-{len(stages)}"
    text = text.replace('"../runs/crawl/out"', json.dumps(str(out)))
    text = text.replace('"../runs/crawl/input"', json.dumps(str(folder / "in")))
    text = text.replace("part_bytes = 2_097_152", f"part_bytes = {part_bytes}")
    text = text.replace('"local[*]"', f'"local[{cores}]"')
    if stages:
        text = text.partition("[mixture]")[0]
        text = text.replace("[run]", f"[run]\nstages = {json.dumps(list(stages))}", 1) + _RULES
    if engine != "trafilatura":
        text += f'\n[extract]\nengine = "{engine}"\n'
    path = folder / f"{out.name}.toml"
    path.write_text(text, encoding="utf8")
    return path


def ours(
    folder: Path, stages: tuple[str, ...], engine: str, cores: int, part_bytes: int = PART_BYTES
) -> tuple[Took, Ledger]:
    """A run of skypile on a folder's crawl: of these stages, or of all until the corpus is written
    (of a few pages no tokenizer can be made).
    """
    config = config_of(folder, stages, engine, cores, part_bytes)
    argv = [sys.executable, "-m", "skypile.cli", "run", "--config", str(config)]
    argv += [] if stages else ["--upto", "mixture"]
    took = measured(argv, cores)
    return took, Ledger(str(config.with_suffix("")))


def start_up(folder: Path, stages: tuple[str, ...], engine: str, cores: int) -> Took:
    """What a few pages take, kernels being compiled: they are once a machine, not once a job."""
    ours(folder / "few", stages, engine, cores)
    for left in (folder / "few").glob("out-*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return ours(folder / "few", stages, engine, cores)[0]


def theirs(
    folder: Path, script: str, python: Path, cores: int, *more: str
) -> tuple[Took, dict[str, Any]]:
    """A run of a peer's script on a folder's crawl, in a folder of its own."""
    work = Path(tempfile.mkdtemp(dir=folder))
    (work / "in").symlink_to(folder / "in")
    argv = [str(python), str(HERE / script), str(work), str(shipped_model()), str(cores), *more]
    took = measured(argv, cores, HF_HOME=str(work / "hub"))
    return took, json.loads(took.said.splitlines()[-1])


@dataclass(frozen=True)
class Peer:
    """What a peer took for all pages and for the first few."""

    name: str
    took: Took
    start: Took

    def compare(self, engine: str, took: Took, start: Took, target: float | None = None) -> None:
        """The lines that set ours beside it."""
        less = (self.took.cpu_s - self.start.cpu_s) / (took.cpu_s - start.cpu_s)
        for metric, ratio in (("ratio", self.took.cpu_s / took.cpu_s), ("less_start_up", less)):
            aim = {} if target is None else {"target": target, "ok": ratio >= target}
            line(self.name, metric, ratio, "ours/peer", engine=engine, peer=self.name, **aim)


def datatrove(folder: Path, python: Path, records: int, cores: int) -> Peer:
    """The lines of datatrove: by step with what each was given and let through."""
    start, _ = theirs(folder / "few", "pipeline_peer.py", python, cores)
    took, found = theirs(folder, "pipeline_peer.py", python, cores)
    report("datatrove", took, start, records, found["left"])
    for step in found["steps"]:
        ms = 1000 * step["seconds"] / records
        given = {k: step[k] for k in ("total", "forwarded", "timeout") if k in step}
        line("datatrove", "step_ms", ms, "ms", step=step["step"], **given)
    return Peer("datatrove", took, start)


def dolma(folder: Path, python: Path, records: int, cores: int, linearizer: str) -> Peer:
    """The lines of dolma, with one of its extractors."""
    name = f"dolma, {linearizer}"
    start, _ = theirs(folder / "few", "pipeline_dolma.py", python, cores, linearizer)
    took, found = theirs(folder, "pipeline_dolma.py", python, cores, linearizer)
    report(name, took, start, records, found["left"])
    for step in found["steps"]:
        line(name, "step_ms", 1000 * step["seconds"] / records, "ms", step=step["step"])
    return Peer(name, took, start)


def report(case: str, took: Took, start: Took, records: int, left: int) -> None:
    """The lines of one side."""
    line(case, "docs_per_cpu_s", records / took.cpu_s, "documents/CPU s", n=records)
    more = (took.cpu_s - start.cpu_s) / (records - FEW)
    line(case, "cpu_ms_a_record", 1000 * more, "ms", n=records, meaning="less start-up")
    line(case, "start_up_cpu_s", start.cpu_s, "s")
    line(case, "wall_s", took.wall_s, "s")
    line(case, "most_mb", took.most_mb, "MB")
    line(case, "left", left, "documents", n=records)


def left_in(ledger: Ledger) -> int:
    """Documents that no stage dropped."""
    lines = ledger.funnel().lines
    return sum(x.kept for x in lines if x.stage == lines[-1].stage)


def our_steps(case: str, ledger: Ledger, records: int) -> None:
    """Milliseconds of tasks a record, by piece."""
    for piece, ms in ledger_times(ledger).items():
        line(case, "step_ms", ms / records, "ms", step=piece)


def ledger_times(ledger: Ledger) -> Mapping[str, float]:
    """Milliseconds that the tasks of each piece took; of a piece without tasks, its clock time."""
    found: dict[str, float] = {}
    for manifest in Manifests(ledger.root).all():
        spent = manifest.work.get("task_ms") or manifest.work.get("wall_ms", 0)
        found[manifest.piece] = found.get(manifest.piece, 0) + spent
    return found


def main() -> None:
    """All sides in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--datatrove", type=Path, default=REPO / ".venv-datatrove/bin/python")
    parser.add_argument("--dolma", type=Path, default=REPO / ".venv-dolma/bin/python")
    parser.add_argument("--copies", type=int, default=9)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--engines", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as name:
        folder = Path(name)
        records = make_crawl(args.data, folder, args.copies)
        run(folder, records, args)


def run(folder: Path, records: int, args: argparse.Namespace) -> None:
    """The lines of all sides; a peer whose Python is not there is left out, and said to be."""
    for python in (args.datatrove, args.dolma):
        if not python.exists():
            print(f"no {python}: without this peer", file=sys.stderr)
    first = (
        datatrove(folder, args.datatrove, records, args.cores) if args.datatrove.exists() else None
    )
    for engine in args.engines:
        start = start_up(folder, SAME_STEPS, engine, args.cores)
        took, ledger = ours(folder, SAME_STEPS, engine, args.cores)
        report(engine, took, start, records, left_in(ledger))
        our_steps(engine, ledger, records)
        if first:
            first.compare(engine, took, start, TARGETS[engine])
        if args.dolma.exists():
            peer = dolma(folder, args.dolma, records, args.cores, LINEARIZERS[engine])
            peer.compare(engine, took, start)
    start = start_up(folder, (), "fast", args.cores)
    took, ledger = ours(folder, (), "fast", args.cores)
    report("all stages", took, start, records, left_in(ledger))
    our_steps("all stages", ledger, records)


if __name__ == "__main__":
    main()
