"""The JVM that Spark starts on this machine: which Java it is, and its classes from an archive.

A short run spends most of its start on loading, verifying and linking some 20,000 classes of Spark,
again in every JVM. Java can keep them as they are in memory once loaded (class-data sharing,
JEP 350): `make java-archive` writes such an archive, 160 MB in the cache folder, from a small run,
and every local session on this machine maps it from then on: a third of the JVM's processor time in
a short run (docs/log.md). Nothing depends on it: without an archive, or with one that Java does not
like, classes are loaded as ever.
"""

import atexit
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from skypile import lmplz
from skypile.errors import SkypileError

STAGES = ("extract", "language", "dedup", "mixture")
_RUN = "--run"


def check_java() -> str:
    """The Java that Spark would start, as it names itself.

    Raises:
        SkypileError: there is none, or it is older than 17.
    """
    return _java()[1].splitlines()[0]


def _java() -> tuple[str, str]:
    """The path of Java, and what it says of itself."""
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    advice = "install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
    if not java or not os.path.exists(java):
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "no java on PATH"
        raise SkypileError(f"Spark needs Java: {where}; {advice}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if not version or int(version.group(1)) < 17:
        raise SkypileError(
            f"Spark 4 needs Java 17 or newer, {java} says {said.strip()!r}; {advice}"
        )
    return java, said


MAX_SOCKET_FOLDER_BYTES = 60  # a socket's path has at most 107, and its name takes some 42


@functools.cache
def socket_folder() -> str | None:
    """A folder of this process for the sockets of Spark's Python workers, which goes with it; None
    where temporary folders have paths too long for that.
    """
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp")):
        if len(os.fsencode(base)) <= MAX_SOCKET_FOLDER_BYTES and os.access(base, os.W_OK):
            folder = tempfile.mkdtemp(prefix="skypile-", dir=base)  # nobody else's: mode 0700
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            return folder
    return None


def options() -> list[str]:
    """What a local JVM is started with to find its classes: nothing where there is no archive.

    Raises:
        SkypileError: as `check_java`.
    """
    archive = archive_path()
    if not archive.exists():
        return []
    # What Java does not like about an archive is no news for who runs a pipeline.
    return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off"]


def archive_path() -> Path:
    """Where the archive of this Java and these jars is kept, whether it is there or not.

    Raises:
        SkypileError: as `check_java`.
    """
    java, said = _java()
    jars = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    about = [os.path.realpath(java), said, *(f"{j} {j.stat().st_size}" for j in jars)]
    digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
    return lmplz.cache() / f"jvm-classes-{digest}.jsa"


def make_archive() -> Path:
    """Write the archive, unless it is there: run a small sample, whose JVM leaves its classes.

    Raises:
        SkypileError: the run failed, or its JVM left nothing.
    """
    archive = archive_path()
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skypile-jvm-") as folder:
        # In the folder of the archive, so that it is there as a whole or not at all.
        made = archive.with_name(f"{archive.name}.{os.getpid()}")
        done = subprocess.run(
            [sys.executable, "-m", "skypile.jvm", _RUN, folder, made],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not made.exists():
            made.unlink(missing_ok=True)
            raise SkypileError(f"no archive of the JVM's classes: {done.stderr.strip()[-500:]}")
        os.replace(made, archive)
    return archive


def _run_sample(folder: Path, archive: str) -> None:
    from skypile.config import from_table
    from skypile.driver import run_config
    from skypile.pipeline import all_stages
    from skypile.sample.crawl import MIN_PAGES, write_sample
    from skypile.spark import session

    write_sample(folder / "in", pages=MIN_PAGES)
    source = {"name": "web", "format": "warc", "root": "in", "paths": ["*.warc*"]}
    table = {
        "run": {"out": "out", "stages": list(STAGES)},
        "sources": [{**source, "category": "webpages", "licence": "Apache-2.0"}],
    }
    conf = {"spark.driver.defaultJavaOptions": f"-XX:ArchiveClassesAtExit={archive}"}
    config = from_table(table, all_stages(), base=folder, where="skypile.jvm")
    run_config(config, lambda: session("local[2]", "1g", conf), say=lambda _: None)


if __name__ == "__main__":
    if sys.argv[1:2] == [_RUN]:
        _run_sample(Path(sys.argv[2]), sys.argv[3])
    else:
        try:
            print(make_archive())
        except (SkypileError, OSError) as error:
            sys.exit(f"error: {error}")
