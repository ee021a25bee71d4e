"""Names that attack: of files, in archives, in addresses. And what may load code: nothing else."""

import ast
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import skypile.spark
from skypile.config import load
from skypile.errors import ConfigError, InputError, plain_lines
from skypile.files import Root
from skypile.manifests import Manifests
from skypile.pipeline import all_stages
from skypile.reader import RunReader
from skypile.run import Run
from tests import toy
from tests.conftest import REPO

NAMES = (
    "$(touch pwned).txt",
    "`touch pwned`; touch pwned #.txt",
    "a\nerror: forged.txt",
    "\x1b]0;owned\x07\x1b[2J.txt",
    "-rf.txt",
    "'\"&|<script>alert(1)</script>.txt",
    "\u202etxt.exe.txt",
    "橋 桥 %2e%2e%2f.txt",
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 橋\tand a tab", "plain 橋\tand a tab"),
        ("a\x1b[2Jb\x07\x9bm\x7f", "a\\x1b[2Jb\\x07\\x9bm\\x7f"),
        ("one\nerror: two\r\nthree", "one\n  error: two\\r\n  three"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, shown: str) -> None:
    assert plain_lines(text) == shown


def test_files_with_names_that_attack_are_read_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        skypile.spark, "run_tasks", lambda spark, do, tasks, *_, **__: [*map(do, tasks)]
    )
    for number, name in enumerate(NAMES):
        toy.write_lines(tmp_path, name, [f"line {number}", "!rejected"])
    config = toy.make_config(tmp_path, run={"stages": ["lines"]})
    before = {p for p in tmp_path.rglob("*") if "run" not in p.parts}
    Run(config, lambda: None, say=lambda _: None).execute()  # type: ignore[arg-type,return-value]
    rows = RunReader(str(tmp_path / "run")).table("records").to_pylist()
    assert sorted({row["path"] for row in rows}) == sorted(NAMES)
    assert sum(row["kept"] for row in rows) == len(NAMES)
    assert {p for p in tmp_path.rglob("*") if (tmp_path / "run") not in (p, *p.parents)} == before
    files = [f.path for f in Manifests(Root(str(tmp_path / "run"))).root.walk()]
    assert all(path.isascii() and " " not in path for path in files)  # none is named after input


def test_an_error_that_names_such_a_file_is_safe_on_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in NAMES[2:4]:  # the same file under two names
        (folder / name).write_text("WARC/1.0\r\n\r\n")
    (tmp_path / "c.toml").write_text(
        '[run]\nout = "out"\n[[sources]]\nname = "web"\nformat = "warc"\nroot = "in"\n'
        'paths = ["*.txt"]\ncategory = "webpages"\nlicence = "MIT"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "skypile.cli", "run", "-c", str(tmp_path / "c.toml")],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "the same file is listed twice" in done.stderr
    assert "\\x1b]0;owned\\x07" in done.stderr
    assert not {"\x1b", "\x07"} & set(done.stderr)
    assert "forged" in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("error: forged")]


SECRET = "wJalrXUtnFEMI"
WITH_SECRETS = (
    f"s3://AKIA:{SECRET}@bucket/in?region=x",
    f"s3://bucket/in?endpoint_override=h&secret_key={SECRET}",
    f"abfs://container:{SECRET}@account.example/in",
    f"https://bucket.example/in?X-Amz-Signature={SECRET}",
    f"gs://bucket/in?token={SECRET}&a=b",
)


@pytest.mark.parametrize("uri", WITH_SECRETS)
def test_addresses_with_credentials_are_refused_and_not_shown(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="credentials do not belong") as refused:
        Root(uri)
    assert SECRET not in str(refused.value)
    (tmp_path / "c.toml").write_text(
        f'[run]\nout = "out"\n[[sources]]\nname = "web"\nformat = "warc"\nroot = "{uri}"\n'
        'paths = ["*.txt"]\ncategory = "webpages"\nlicence = "MIT"\n'
    )
    with pytest.raises(ConfigError, match="c.toml: .*credentials") as wrong:
        load(tmp_path / "c.toml", all_stages())
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/in?endpoint_override=http://127.0.0.1:9&scheme=http", "hdfs://me@name:8020/in"],
)
def test_other_options_of_addresses_stand(uri: str) -> None:
    assert Root(uri).uri == uri


def test_paths_in_an_archive_are_names_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("../../escaped.py", "/tmp/escaped.py", "a/../../escaped.py", "p/$(touch pwned).py")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 6
            archive.addfile(info, io.BytesIO(b"x = 1\n"))
        link = tarfile.TarInfo("link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    code = next(s for s in all_stages() if s.name == "code")
    assert code.read
    kernel = code.read.make_kernel(code.config(), lambda _: True)
    rows = [
        *kernel(
            io.BytesIO(buffer.getvalue()),
            source="code",
            format="code_tar",
            path="a.tar",
            start=0,
            first_ordinal=0,
        )
    ]
    assert len(rows) == len(names)
    assert json.loads(json.dumps(kernel.log()))["passed_over"] == [["link", 1]]
    assert not [*tmp_path.iterdir()]


# Calls that run what they are given. Where one stands, and why that is no input.
ALLOWED = {
    ("skypile/spark.py", "pickle.loads"),  # parts, from this driver to its own tasks
    (
        "skypile/kernels/extraction/sandbox.py",
        "pickle.loads",
    ),  # pages, between a task and its child
}
_RUNS = {
    *("eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads"),
    *("os.system", "os.popen", "torch.load", "yaml.load", "joblib.load", "subprocess.getoutput"),
    *("shelve.open", "dill.loads", "cloudpickle.loads", "numpy.lib.format.read_array"),
}


def _calls(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if name in _RUNS or options.get("shell") == "True":
                found.add(name)
            if options.get("allow_pickle") == "True" or options.get("weights_only") == "False":
                found.add(name)
    return found


def test_no_input_and_no_checkpoint_is_loaded_as_code() -> None:
    found = {
        (str(path.relative_to(REPO)), name)
        for folder in ("skypile", "model", "jobs")
        for path in (REPO / folder).rglob("*.py")
        for name in _calls(path)
    }
    assert found == ALLOWED
