"""From WARC files to deduplicated documents, beside datatrove's FineWeb recipe (pipeline_peer.py).

`python -m bench.pipeline [--data ../shared/data] [--copies 0] [--cores 1]` makes the crawl of real
pages, runs each side on it as a process of its own, and prints JSON lines. What is counted is
processor time of all processes of a run, by a control group (which takes root): waiting for a busy
machine costs neither side anything, and no process is forgotten. `documents` are records read.

- `docs_per_cpu_s`, `wall_s`, `most_mb` (proportional memory of all processes), `left` documents,
  for datatrove, for the same steps here (extract, language, dedup, signals with the rules of
  Gopher, C4 and FineWeb for English), and with all stages of conf/crawl.toml.
- case `datatrove`, metric `ratio`: ours over theirs, the same steps; `less_start_up`: both less
  what they take for the first eight pages (a JVM and imports are paid once a job, not once a page;
  of one page the peer's rules may leave nothing, and then it stops).
- `step_ms`: by step, milliseconds a record of the side's own clock (busy machines count here).

Both read the same bytes. The crawl's records get the header `WARC-Identified-Payload-Type`, which
Common Crawl's have: without it datatrove reads 720 of the 1,014.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.scale import pss_mb, tree
from skypile.kernels.text.language import shipped_model
from skypile.ledger import Ledger
from skypile.manifests import Manifests

REPO = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
SAME_STEPS = ("extract", "language", "dedup", "signals")
TARGETS = {"fast": 10.0, "trafilatura": 5.0}
CGROUPS = Path("/sys/fs/cgroup")
SAMPLE_SECONDS = 1.0
FEW = 8  # pages, of which start-up is measured
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


@dataclass(frozen=True)
class Took:
    """A run of a command: processor and clock seconds, most memory in MB, its standard output."""

    cpu_s: float
    wall_s: float
    most_mb: float
    said: str


def measured(argv: list[str], cores: int, **environ: str) -> Took:
    """Run a command on the first cores; all that it started is waited for and counted.

    Raises:
        subprocess.CalledProcessError: it failed; its standard error has been shown.
    """
    begun, most = time.monotonic(), 0.0
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with Group() as group, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:

        def enter() -> None:
            group.enter()
            os.sched_setaffinity(0, allowed)

        child = subprocess.Popen(
            argv, stdout=out, stderr=err, env=os.environ | environ, preexec_fn=enter
        )
        while child.poll() is None:
            most = max(most, sum(map(pss_mb, tree(child.pid))))
            time.sleep(SAMPLE_SECONDS)
        group.wait()
        out.seek(0)
        said = out.read()
        if child.returncode:
            err.seek(0)
            print(err.read()[-4000:], file=sys.stderr)
            raise subprocess.CalledProcessError(child.returncode, argv)
        return Took(group.cpu_s(), time.monotonic() - begun, most, said)


class Group:
    """A control group of its own, of either version, while it is entered.

    RUSAGE_CHILDREN would do if every process waited for its children. Spark's do not: of a run that
    took 150 s of a processor it told 45.
    """

    def __init__(self) -> None:
        name = f"skypile-bench-{os.getpid()}"
        one = CGROUPS / "cpuacct"
        self._old = one.is_dir()
        self._folder = (one if self._old else CGROUPS) / name

    def __enter__(self) -> "Group":
        try:
            self._folder.mkdir()
        except OSError as e:
            raise SystemExit(f"bench.pipeline: no control group: {e}: run it as root") from e
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.rmdir()

    def enter(self) -> None:
        """Put this process into it, and all that it will start."""
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def wait(self) -> None:
        """Until all that was started has ended; what goes on for a minute is an error."""
        until = time.monotonic() + 60
        while (self._folder / "cgroup.procs").read_text().strip():
            if time.monotonic() > until:
                raise SystemExit("bench.pipeline: processes of the run do not end")
            time.sleep(0.2)

    def cpu_s(self) -> float:
        """Processor seconds of all that ran in it."""
        if self._old:
            return int((self._folder / "cpuacct.usage").read_text()) / 1e9
        fields = dict(x.split() for x in (self._folder / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6


def make_crawl(data: Path, folder: Path, copies: int) -> int:
    """`in/*.warc.gz` of all pages, and `few/in/*.warc.gz` of the first ones; how many records."""
    tool = data.parent / "tools/make_crawl.py"
    raw = folder / "raw"
    argv = [sys.executable, str(tool), str(raw), "--copies", str(copies)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    records = 0
    for name in ("in", "few/in"):
        (folder / name).mkdir(parents=True)
    for path in sorted(raw.glob("*.warc.gz")):
        with open(folder / "in" / path.name, "wb") as out:
            for record in _members(path.read_bytes()):
                head, rest = record.split(b"\r\n", 1)
                typed = head + b"\r\nWARC-Identified-Payload-Type: text/html\r\n" + rest
                packed = gzip.compress(typed, 6, mtime=0)
                out.write(packed)
                if records < FEW:
                    with open(folder / "few/in" / path.name, "ab") as few:
                        few.write(packed)
                records += 1
    shutil.rmtree(raw)
    return records


def _members(data: bytes) -> Iterator[bytes]:
    """What each gzip member holds. Fed in pieces: zlib copies all that is behind a member's end."""
    view, at = memoryview(data), 0
    while at < len(view):
        inflate, parts = zlib.decompressobj(31), []
        while not inflate.eof:
            piece = view[at : at + (1 << 16)]
            if not piece:
                raise ValueError("the last member has no end")
            parts.append(inflate.decompress(piece))
            at += len(piece) - len(inflate.unused_data)
        yield b"".join(parts)


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
    """A run of skypile on a folder's crawl."""
    config = config_of(folder, stages, engine, cores, part_bytes)
    argv = [sys.executable, "-m", "skypile.cli", "run", "--config", str(config)]
    took = measured(argv, cores)
    return took, Ledger(str(config.with_suffix("")))


def start_up(folder: Path, stages: tuple[str, ...], engine: str, cores: int) -> Took:
    """What a few pages take, kernels being compiled: they are once a machine, not once a job."""
    ours(folder / "few", stages, engine, cores)
    for left in (folder / "few").glob("out-*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return ours(folder / "few", stages, engine, cores)[0]


def theirs(folder: Path, python: Path, cores: int) -> tuple[Took, dict[str, Any]]:
    """A run of datatrove on a folder's crawl, in a folder of its own."""
    work = Path(tempfile.mkdtemp(dir=folder))
    (work / "in").symlink_to(folder / "in")
    argv = [str(python), str(HERE / "pipeline_peer.py"), str(work), str(shipped_model())]
    took = measured([*argv, str(cores)], cores, HF_HOME=str(work / "hub"))
    return took, json.loads(took.said.splitlines()[-1])


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
    """Both sides in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--peers", type=Path, default=REPO / ".venv-datatrove/bin/python")
    parser.add_argument("--copies", type=int, default=0)
    parser.add_argument("--cores", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as name:
        folder = Path(name)
        records = make_crawl(args.data, folder, args.copies)
        run(folder, records, args.peers, args.cores)


def run(folder: Path, records: int, peers: Path, cores: int) -> None:
    """The lines of all sides."""
    peer = peer_start = None
    if peers.exists():
        peer_start, _ = theirs(folder / "few", peers, cores)
        peer, found = theirs(folder, peers, cores)
        report("datatrove", peer, peer_start, records, found["left"])
        for step in found["steps"]:
            ms = 1000 * step["seconds"] / records
            given = {k: step[k] for k in ("total", "forwarded", "timeout") if k in step}
            line("datatrove", "step_ms", ms, "ms", step=step["step"], **given)
    for engine, target in TARGETS.items():
        start = start_up(folder, SAME_STEPS, engine, cores)
        took, ledger = ours(folder, SAME_STEPS, engine, cores)
        report(engine, took, start, records, left_in(ledger))
        our_steps(engine, ledger, records)
        if peer and peer_start:
            more = {"engine": engine, "peer": "datatrove", "target": target}
            ratio = peer.cpu_s / took.cpu_s
            line("datatrove", "ratio", ratio, "ours/peer", **more, ok=ratio >= target)
            less = (peer.cpu_s - peer_start.cpu_s) / (took.cpu_s - start.cpu_s)
            line("datatrove", "less_start_up", less, "ours/peer", **more, ok=less >= target)
    start = start_up(folder, (), "fast", cores)
    took, ledger = ours(folder, (), "fast", cores)
    report("all stages", took, start, records, left_in(ledger))
    our_steps("all stages", ledger, records)


if __name__ == "__main__":
    main()
