"""The audit of dependencies: licences are read as SPDX reads them, silence is no clean bill."""

import json
import stat
from pathlib import Path

import pytest

from tests.test_cluster_page import REPO, script

audit = script("audit")


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MPL-1.1 OR GPL-2.0-only OR LGPL-2.1-or-later", True),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND GPL-2.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MPL-2.0 AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("GPL-2.0-only AND MIT OR MIT", True),  # AND binds more
        ("MIT OR MIT AND GPL-2.0-only", True),
        ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", True),
        ("(MIT", False),
        ("MIT MIT", False),
        ("", False),
    ],
)
def test_licences(expression: str, allowed: bool) -> None:
    assert audit.is_allowed(expression) is allowed


def test_what_metadata_say() -> None:
    classifiers = ["License :: OSI Approved :: MIT License", "Programming Language :: C"]
    assert (
        audit.licence_of("x", {"License-Expression": "ISC", "License": "y"}, classifiers) == "ISC"
    )
    assert audit.licence_of("x", {"License": "Apache 2.0"}, []) == "Apache-2.0"
    assert audit.licence_of("x", {"License": "long " * 99}, classifiers) == "MIT"
    assert audit.licence_of("x", {}, []) == ""
    assert audit.licence_of("ufal-kenlm", {}, []) == "LGPL-2.1-or-later"


def test_pins() -> None:
    pins = audit.pinned("# a comment\nRuamel.yaml_x==1.0\nb==2\n")
    assert pins == {"ruamel-yaml-x": "1.0", "b": "2"}
    assert audit.unpinned({"b": "2"}, pins) == []
    found = audit.unpinned({"b": "3", "c": "1"}, pins)
    assert found == [
        "b 3 is installed, constraints.txt has 2",
        "c 1 is installed, constraints.txt has no pin of it",
    ]


def fake(tmp_path: Path, said: str) -> str:
    """A pip-audit that says this on standard output."""
    path = tmp_path / "pip-audit"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_what_pip_audit_says_and_when_it_says_nothing(tmp_path: Path) -> None:
    vuln = {"id": "PYSEC-1", "fix_versions": ["1.2"]}
    found = {"dependencies": [{"name": "a", "version": "1", "vulns": [vuln]}]}
    program = fake(tmp_path, json.dumps(found))
    assert audit.vulnerable(program, ["a==1"]) == ["a 1: PYSEC-1, mended in 1.2"]
    clean = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
    assert audit.vulnerable(fake(tmp_path, json.dumps(clean)), ["a==1"]) == []
    skipped = {"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]}
    assert audit.vulnerable(fake(tmp_path, json.dumps(skipped)), ["a==1"]) is None
    assert audit.vulnerable(fake(tmp_path, "no JSON"), ["a==1"]) is None
    assert audit.vulnerable(str(tmp_path / "none"), ["a==1"]) is None


def test_an_index_without_advisories_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = {"dependencies": [{"name": "urllib3", "version": "1.24.1", "vulns": []}]}
    monkeypatch.setattr("sys.argv", ["audit", "--pip-audit", fake(tmp_path, json.dumps(clean))])
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert "vulnerabilities  NOT AUDITED: nothing is known here even of urllib3==1.24.1" in said
    assert "packages, 0 not on the list" in said, said  # the licences of what is installed here
    assert ", 0 not as constraints.txt has them" in said or (REPO / ".venv").is_dir(), said
