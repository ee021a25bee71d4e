"""What skypile depends on: `python scripts/audit.py [--extras train] [--pip-audit PROGRAM]`.

* Pins: every distribution that skypile pulls in is in constraints.txt, in the version installed.
* Licences: of each, by its own metadata, against ALLOWED. What says nothing is in KNOWN, by hand.
* Vulnerabilities: pip-audit over these versions, from PyPI's advisories. A mirror may lack them, so
  a version with known ones is asked for first: where none comes back, nothing was audited, and that
  is a failure and not a clean bill.

Exits with 1 where something is wrong or could not be looked at. Left out: licences of what a wheel
carries inside beyond what it declares; Java's (Spark's own LICENSE has them).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from dist import ALONE, needed

REPO = Path(__file__).resolve().parent.parent
CONSTRAINTS = REPO / "constraints.txt"
CANARY = "urllib3==1.24.1"  # CVE-2019-11324 among others
# Permissive, or with duties on changes of their own files alone; LGPL of what is linked when run.
ALLOWED = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause"),
    *("CC0-1.0", "CNRI-Python", "HPND", "ISC", "LGPL-2.1-or-later", "MIT", "MIT-CMU", "MPL-1.1"),
    *("MPL-2.0", "PSF-2.0", "Unlicense", "Zlib", "BSL-1.0"),
}
# By hand, from the sources of each, since their metadata say nothing or nothing exact.
KNOWN = {
    "ufal-kenlm": "LGPL-2.1-or-later",  # KenLM's LICENSE
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",  # its LICENSE: dual, by date of the change
}
# How free text and classifiers name them.
NAMES = {
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "the bsd 2-clause license": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}


def licence_of(name: str, about: Mapping[str, str], classifiers: Iterable[str]) -> str:
    """The SPDX expression of a distribution as far as its metadata say one; else what they say,
    "" for nothing.
    """
    if name in KNOWN:
        return KNOWN[name]
    if expression := about.get("License-Expression"):
        return expression
    stated = (about.get("License") or "").strip()
    if len(stated) < 60 and stated:
        return NAMES.get(stated.lower(), stated)
    named = [c.rpartition(":: ")[2] for c in classifiers if c.startswith("License :: OSI")]
    return " AND ".join(NAMES.get(n.lower(), n) for n in named)


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with licences that are allowed: each side of an AND,
    one of an OR (which binds less).
    """
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)

    def alternatives() -> bool:
        met = together()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = together() or met
        return met

    def together() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        if not tokens:
            return False
        if (token := tokens.pop(0)) == "(":
            met = alternatives()
            return bool(tokens) and tokens.pop(0) == ")" and met
        words = [token]
        while tokens and tokens[0] not in ("AND", "OR", "(", ")"):  # WITH an exception
            words.append(tokens.pop(0))
        return " ".join(words) in ALLOWED

    return alternatives() and not tokens


def pinned(text: str) -> dict[str, str]:
    """Versions of a constraints file, by normalised name."""
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def unpinned(versions: Mapping[str, str], pins: Mapping[str, str]) -> list[str]:
    """What is not pinned, or installed in another version, in words."""
    return [
        f"{name} {version} is installed, constraints.txt has {pins.get(name, 'no pin of it')}"
        for name, version in versions.items()
        if pins.get(name) != version
    ]


def vulnerable(pip_audit: str, requirements: Iterable[str]) -> list[str] | None:
    """Known vulnerabilities of these exact versions, in words; None where none could be asked
    for (and the reason on standard error).
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{r}\n" for r in requirements))
        file.flush()
        line = [pip_audit, "--requirement", file.name, "--no-deps", "--disable-pip"]
        try:
            done = subprocess.run(
                [*line, "--format", "json", "--progress-spinner", "off", "--timeout", "30"],
                capture_output=True,
                text=True,
                check=False,
            )
            found = json.loads(done.stdout)["dependencies"]
        except OSError as e:
            print(f"audit: {pip_audit}: {e}", file=sys.stderr)
            return None
        except (ValueError, KeyError):
            print(f"audit: pip-audit: {done.stderr.strip()[-500:]}", file=sys.stderr)
            return None
    if skipped := [f"{one['name']} ({one['skip_reason']})" for one in found if "vulns" not in one]:
        print(f"audit: not audited: {', '.join(skipped)}", file=sys.stderr)
        return None
    return [
        f"{one['name']} {one['version']}: {v['id']}, mended in {', '.join(v['fix_versions'])}"
        for one in found
        for v in one["vulns"]
    ]


def main() -> int:
    """Print what was found; 1 where anything was, or was not looked at."""
    parser = argparse.ArgumentParser(description="pins, licences, known vulnerabilities")
    parser.add_argument("--extras", default="", help="of pyproject.toml as well: train,evaluate")
    parser.add_argument("--pip-audit", default="pip-audit", help="the program")
    given = parser.parse_args()
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf8"))["project"]
    extras = [e for e in given.extras.split(",") if e]
    more = [r for extra in extras for r in project["optional-dependencies"][extra]]
    packages = needed([*project["dependencies"], *more])
    packages[ALONE] = metadata.distribution(ALONE)
    versions = {name: d.version for name, d in sorted(packages.items())}
    wrong = unpinned(versions, pinned(CONSTRAINTS.read_text(encoding="utf8")))
    print(
        f"pins             {len(versions)} packages, {len(wrong)} not as constraints.txt has them"
    )
    licences = {
        name: licence_of(name, d.metadata, d.metadata.get_all("Classifier") or [])  # type: ignore[arg-type]
        for name, d in packages.items()
    }
    refused = [
        f"{name}: {said or 'its metadata name no licence'}"
        for name, said in sorted(licences.items())
        if not is_allowed(said)
    ]
    print(f"licences         {len(licences)} packages, {len(refused)} not on the list")
    for line in [*wrong, *refused]:
        print(f"                 {line}")
    if not vulnerable(given.pip_audit, [CANARY]):
        print(
            f"vulnerabilities  NOT AUDITED: nothing is known here even of {CANARY}: the index that "
            "this machine reaches serves no advisories, or cannot be reached"
        )
        return 1
    found = vulnerable(given.pip_audit, [f"{n}=={v}" for n, v in versions.items()])
    print(f"vulnerabilities  {'NOT AUDITED' if found is None else f'{len(found)} known'}")
    for line in found or []:
        print(f"                 {line}")
    return int(bool(found is None or found or wrong or refused))


if __name__ == "__main__":
    sys.exit(main())
