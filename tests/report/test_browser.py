"""The report in a real browser: nothing runs, nothing is asked for, links work, phones fit."""

import html
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from skypile.report.page import Options, write
from tests.look.runs import small_run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

# A page around the report, which may run scripts, looks at it.
AROUND = """<!doctype html><iframe id=f src="report.html" width=WIDTH height=900></iframe>
<pre id=found></pre><script>
const f = document.getElementById("f");
f.onload = () => setTimeout(() => {
  const d = f.contentDocument, w = d.documentElement;
  const links = [...d.querySelectorAll('a[href^="#"]')];
  const targets = links.map(a => d.getElementById(decodeURIComponent(a.hash.slice(1))));
  f.contentWindow.location.hash = "#HASH";
  setTimeout(() => {
    const inside = d.getElementById("HASH"), opened = inside && inside.closest("details").open;
    d.querySelectorAll("details").forEach(e => e.open = true);
    document.getElementById("found").textContent = JSON.stringify({
      title: d.title, links: links.length, broken: targets.filter(t => !t).length,
      opened: opened,
      over: w.scrollWidth - w.clientWidth, scripts: d.scripts.length,
      requests: f.contentWindow.performance.getEntriesByType("resource").length,
    });
  }, 300);
}, 300);
</script>"""


def look(folder: Path, width: int, hash_: str = "r-language-other_language") -> tuple[Any, str]:
    """What the browser finds in the folder's report, and what its console says."""
    around = AROUND.replace("WIDTH", str(width)).replace("HASH", hash_)
    (folder / "around.html").write_text(around, encoding="utf8")
    assert BROWSER
    done = subprocess.run(
        [
            *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--allow-file-access-from-files", "--enable-logging=stderr", "--disable-extensions"),
            *("--disable-background-networking", f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=10000", "--dump-dom", f"file://{folder}/around.html"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "HOME": str(folder)},
    )
    found = done.stdout.partition('<pre id="found">')[2].partition("</pre>")[0]
    assert found, done.stderr[-3000:]
    said = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(html.unescape(found)), said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skypile import spark

    base = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark, "run_tasks", lambda _, do, tasks, *more, **named: [*map(do, tasks)])
        run = small_run(base, lambda: None)
    write(run, base / "report.html", Options())
    return base


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_opens_fits_and_runs_nothing(folder: Path, width: int) -> None:
    found, said = look(folder, width)
    assert said == ""
    assert found["title"].endswith(": skypile report")
    assert found["links"] > 10
    assert {k: found[k] for k in ("broken", "scripts", "requests", "over")} == dict.fromkeys(
        ("broken", "scripts", "requests", "over"), 0
    )
    assert found["opened"] is True  # a link to a reason opens its samples


def test_should_escaping_fail_the_policy_holds(folder: Path, tmp_path: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf8")
    planted = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    (tmp_path / "report.html").write_text(page.replace("<main>", f"<main>{planted}"), "utf8")
    found, said = look(tmp_path, 1280)
    assert found["title"] != "ran"
    assert "Content Security Policy" in said
    naked = page.replace('<meta http-equiv="Content-Security-Policy"', "<meta")
    (tmp_path / "report.html").write_text(naked.replace("<main>", f"<main>{planted}"), "utf8")
    assert look(tmp_path, 1280)[0]["title"] == "ran"  # what it would do without
