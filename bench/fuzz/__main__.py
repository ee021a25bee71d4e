"""Hostile input for an hour: `make fuzz SECONDS=3600 TARGETS="warc mask"`.

Each target of `bench.fuzz.targets` runs in turn in one child process with its share of the time,
led by coverage (atheris, which sees the branches of skypile's and trafilatura's Python; kernels
that are machine code it does not, but their indices are checked here). Beside what libFuzzer does
to bytes, inputs are taken apart where their format has seams: pieces are dropped, repeated up to a
thousand times, swapped with those of others, replaced by words that mean something there.

A finding is whatever a check raises, an input slower than the target allows, one that takes more
than 256 MiB, and the death of the process. Findings of one kind (type, place in skypile) are one;
the smallest input is kept in FOLDER/findings/TARGET/KIND, cut down further at the end. Inputs that
reached new branches stay in FOLDER/corpus/TARGET and are where the next run begins.

At the end of its turn, `growth` takes inputs of the corpus, longer and longer ones made by
repetition, and looks at how time grows: linear, or a finding. One JSON line a target:
`executions`, `findings`, `seconds`. Exit status 1 where there are findings.

`python -m bench.fuzz --replay TARGET FILE` runs one input in this process, without atheris.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fuzz.watch import Watch, digest, mutator

REPO = Path(__file__).resolve().parents[2]
HANG_SECONDS = 60  # until the process is killed
RSS_MIB = 3 << 10
ENDING = 0.15, 40  # share of a target's time, and most seconds, for growth and for minimising


def child(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process, which ends here."""
    import atheris  # type: ignore[import-not-found]

    compiled = [
        ".".join(p.relative_to(REPO).with_suffix("").parts)
        for p in (REPO / "skypile/kernels").rglob("*.py")
        if "@compiled" in p.read_text(encoding="utf8")
    ]
    with atheris.instrument_imports(include=["skypile", "trafilatura"], exclude=compiled):
        from bench.fuzz.targets import TARGETS

        target = next(t for t in TARGETS if t.name == name)
        scratch = Path(tempfile.mkdtemp(prefix="skypile-fuzz-"))
        watch = Watch(target, folder, scratch)
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / digest(seed)).write_bytes(seed)
    ending = min(ENDING[0] * seconds, ENDING[1])
    until, mutate = time.monotonic() + seconds - ending, mutator(target)

    def one(data: bytes) -> None:
        if time.monotonic() > until:
            inputs = [p.read_bytes() for p in sorted(corpus.iterdir())]
            watch.growth([i for i in inputs if i], ending / 2)
            watch.minimise(ending / 2)
            watch.say()
            shutil.rmtree(scratch, ignore_errors=True)
            sys.stderr.flush()
            os._exit(0)
        watch.one(data)

    def custom(data: bytes, most: int, seed: int) -> bytes:
        return mutate(data, most, seed, atheris.Mutate)

    crashes = folder / "findings" / name
    crashes.mkdir(parents=True, exist_ok=True)
    options = [f"-max_len={target.most}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={RSS_MIB}"]
    options += [f"-artifact_prefix={crashes}/", "-print_funcs=0", "-reload=0", f"{corpus}"]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=custom)
    atheris.Fuzz()


def run(target: str, seconds: float, folder: Path, python: str) -> dict[str, Any]:
    """Fuzz a target so long, again where its process dies; how many inputs, which findings."""
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "PYTHONPATH": str(REPO),
    }
    until, kinds, executions, deaths = time.monotonic() + seconds, dict[str, int](), 0, 0
    counts, log = folder / "counts" / f"{target}.json", folder / f"{target}.log"
    while (left := until - time.monotonic()) > 5:
        counts.unlink(missing_ok=True)
        command = [python, "-m", "bench.fuzz", "--child", target, "--seconds", str(int(left))]
        with log.open("ab") as stream:
            done = subprocess.run(
                [*command, "--folder", str(folder)],
                cwd=REPO,
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        if counts.exists():
            said = json.loads(counts.read_text())
            executions += said["executions"]
            for kind, number in said["kinds"].items():
                kinds[kind] = kinds.get(kind, 0) + number
        if done.returncode == 0:
            break
        deaths += 1
        kinds["died"] = deaths
        if not counts.exists():
            raise SystemExit(f"{target}: the process could not begin; see {log}")
    return {"case": target, "executions": executions, "findings": kinds}


def main() -> None:
    """The command."""
    from bench.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3600, help="of all targets together")
    parser.add_argument("--folder", type=Path, default=REPO / "runs/fuzz")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with atheris")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("targets", nargs="*", help="all where none is named")
    given = parser.parse_args()
    if given.child:
        child(given.child, int(given.seconds), given.folder)
    names = [t.name for t in TARGETS]
    if given.replay:
        name, file = given.replay
        target = next(t for t in TARGETS if t.name == name)
        with tempfile.TemporaryDirectory() as scratch:
            target.make(Path(scratch))(Path(file).read_bytes())
        return
    if unknown := sorted(set(given.targets) - set(names)):
        parser.error(f"no target {unknown[0]!r}: {', '.join(names)}")
    chosen = given.targets or names
    given.folder.mkdir(parents=True, exist_ok=True)
    folder = given.folder.resolve()
    found = 0
    for name in chosen:
        started = time.monotonic()
        line = run(name, given.seconds / len(chosen), folder, str(Path(given.python).absolute()))
        spent = round(time.monotonic() - started)
        found += len(line["findings"])
        print(json.dumps({"bench": "fuzz", **line, "seconds": spent}), flush=True)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
