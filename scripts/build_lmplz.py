#!/usr/bin/env python3
"""Builds KenLM's `lmplz` and `build_binary` from the PyPI sdist of kenlm, once, into the cache.

`python scripts/build_lmplz.py [--query] [--sdist FILE] [--jobs N]`. The sdist comes through pip and
must have the known SHA-256. Boost is linked statically where its archives are there, so that the
programs outlive the packages that built them. What is built is tried on a small text before it is
kept. Exits with 1 and a list of what is missing where it cannot be built.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skypile import lmplz

TOOLS = {"cmake": "cmake", "make": "make", "c++": "g++"}  # program: Debian package
BOOST = [f"libboost-{part}-dev" for part in ("program-options", "system", "thread", "test")]
# Readers of compressed text, the interpolation program: not used here, and libraries less.
WITHOUT = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{p}=ON" for p in ("ZLIB", "BZip2", "LibLZMA", "Eigen3")]


class Stop(Exception):
    """It cannot be built here; the message says what is missing."""


def run(command: Sequence[str | Path], log: Path, **more: object) -> bool:
    """Whether a command ended well; its output goes to `log`."""
    with log.open("ab") as out:
        out.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        done = subprocess.run(command, stdout=out, stderr=out, check=False, **more)  # type: ignore[call-overload]
    return bool(done.returncode == 0)


def tail(log: Path, lines: int = 15) -> str:
    """The end of the log."""
    return "\n".join(log.read_text("utf8", "replace").splitlines()[-lines:])


def apt_install(packages: list[str], log: Path) -> bool:
    """Whether apt is here, may install, and did."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (sudo and not run([*sudo, "true"], log)):
        return False
    print(f"installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*sudo, "apt-get", "install", "-y", "--no-install-recommends", *packages]
    return run(install, log, env=environment) or (
        run([*sudo, "apt-get", "update"], log) and run(install, log, env=environment)
    )


def sources(given: Path | None, work: Path, log: Path) -> Path:
    """The unpacked, checked sources."""
    if given is None:
        print(f"fetching the sources of kenlm {lmplz.KENLM}", flush=True)
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
        wanted = ["--no-binary", "kenlm", "--dest", str(work), f"kenlm=={lmplz.KENLM}"]
        if not run([*pip, *wanted], log):
            raise Stop(
                f"pip could not fetch the sdist of kenlm {lmplz.KENLM}; "
                f"give a copy by --sdist FILE\n{tail(log, 5)}"
            )
        given = work / f"kenlm-{lmplz.KENLM}.tar.gz"
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    if digest != lmplz.SDIST_SHA256:
        raise Stop(f"{given} has sha256 {digest}, not {lmplz.SDIST_SHA256}: refused")
    with tarfile.open(given) as archive:
        archive.extractall(work, filter="data")
    return work / f"kenlm-{lmplz.KENLM}"


def need_tools(log: Path) -> None:
    """Stops where a tool is neither here nor to be had by apt."""
    lacking = {t: p for t, p in TOOLS.items() if not shutil.which(t)}
    if lacking and not apt_install(sorted(lacking.values()), log):
        raise Stop(
            f"not on PATH: {', '.join(lacking)}; apt may not install them here. "
            f"Debian: apt-get install {' '.join(lacking.values())}"
        )


def configure(source: Path, build: Path, log: Path) -> bool:
    """Whether cmake finds all it needs: static Boost first, then shared."""
    for static in ("ON", "OFF"):
        shutil.rmtree(build, ignore_errors=True)
        options = [f"-DKENLM_MAX_ORDER={lmplz.MAX_ORDER}", f"-DBoost_USE_STATIC_LIBS={static}"]
        where = ["-S", str(source), "-B", str(build)]
        if run(["cmake", *where, "-DCMAKE_BUILD_TYPE=Release", *options, *WITHOUT], log):
            return True
    return False


def make(source: Path, build: Path, names: list[str], jobs: int, log: Path) -> None:
    """Configures and builds, with Boost from apt where it is lacking."""
    if not configure(source, build, log) and not (
        apt_install(BOOST, log) and configure(source, build, log)
    ):
        raise Stop(
            "cmake could not configure KenLM; mostly Boost's headers and libraries are missing "
            f"(program_options, system, thread, unit_test_framework).\n"
            f"Debian: apt-get install {' '.join(BOOST)}\n{tail(log)}"
        )
    print(f"building {' and '.join(names)} (about three minutes, once)", flush=True)
    if not run(["make", "-C", str(build), f"-j{jobs}", *names], log):
        raise Stop(f"the build failed:\n{tail(log)}")


def tried(programs: Path, work: Path, log: Path) -> None:
    """Trains and converts a model of a small text: a build may compile and still crash."""
    text, arpa, binary = (work / f"tried.{end}" for end in ("txt", "arpa", "bin"))
    text.write_text("a b c\nb c d\n的 一 b\n" * 20, encoding="utf8")
    with text.open("rb") as lines:
        args = ["-o", "3", "-S", "64M", "-T", str(work), "--discount_fallback", "--arpa", str(arpa)]
        good = run([programs / "lmplz", *args], log, stdin=lines)
    if not good or not run([programs / "build_binary", "trie", arpa, binary], log):
        raise Stop(f"what was built does not work:\n{tail(log)}")


def build(names: list[str], sdist: Path | None, jobs: int) -> None:
    """Builds what is not there yet, under a lock: a second builder waits, and finds it done."""
    target = lmplz.folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lacking = [n for n in names if not os.access(target / n, os.X_OK)]
        if not lacking:
            return
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="kenlm-build-") as name:
            work = Path(name)
            log = work / "log.txt"
            need_tools(log)
            make(sources(sdist, work, log), work / "build", names, jobs, log)
            tried(work / "build/bin", work, log)
            target.mkdir(exist_ok=True)
            for program in lacking:  # each by a rename: a reader finds all of it or nothing
                os.replace(work / "build/bin" / program, target / program)


def main() -> None:
    """Build, say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sdist", type=Path, help="a copy of the sdist, for hosts without PyPI")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at once")
    parser.add_argument("--query", action="store_true", help="KenLM's query, too (for the bench)")
    given = parser.parse_args()
    os.nice(10)
    try:
        build([*lmplz.PROGRAMS, *(["query"] if given.query else [])], given.sdist, given.jobs)
    except Stop as stop:
        print(f"cannot build lmplz: {stop}", file=sys.stderr)
        sys.exit(1)
    print(lmplz.folder())


if __name__ == "__main__":
    main()
