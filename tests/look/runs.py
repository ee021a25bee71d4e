"""Small finished runs to look at: of stages that need no Spark, and of code, pairs and benchmarks;
and what a leakage test writes.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skypile.config import from_table, load
from skypile.driver import run_config
from skypile.pipeline import all_stages

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EN = (
    "The old canal winds past the mill, and in the evenings people sit on the wall beside the lock "
    "and talk about the weather, the price of bread and who has gone to live in the city."
)
HANS = (
    "这条运河绕过磨坊，傍晚时人们坐在船闸旁的石墙上，谈论天气、面包的价钱，以及谁又搬到城里去住了。"
)
HANT = (
    "這條運河繞過磨坊，傍晚時人們坐在船閘旁的石牆上，談論天氣、麵包的價錢，以及誰又搬到城裡去住了。"
)
DE = (
    "Der alte Kanal führt an der Mühle vorbei, und abends sitzen die Leute auf der Mauer und reden."
)
SPLITS = ("train", "test", "ref")
SCRIPT = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
EMAIL, PHONE, MOBILE = "wei.zhang@mail.example.org", "+1 415-555-2671", "13912345678"

ROWS: list[dict[str, Any]] = [
    {
        "text": f"{EN} {SCRIPT}\nWrite to {EMAIL}.",
        "title": SCRIPT,
        "url": "https://a.example/1?q=<b>",
    },
    {"text": f"{HANS}\n电话 {MOBILE}，{EMAIL}", "title": "运河", "url": "https://b.example/x/2"},
    {"text": HANT, "title": f"運河 {EMAIL}", "url": f"https://www.b.example/3?to={EMAIL}"},
    {
        "text": f"{DE} {SCRIPT}\nMail: {EMAIL}, Tel. {PHONE}",
        "title": SCRIPT,
        "url": "javascript:document.title='ran'",
    },
    {"text": f"Call {PHONE}", "title": "short", "url": "https://c.example/4"},
    *(
        {"text": f"{i}. {EN}\n{HANS}" if i % 2 else f"{i}. {EN}", "url": f"https://d.example/{i}"}
        for i in range(40)
    ),
]


def small_run(
    base: Path,
    no_spark: Callable[[], Any],
    *,
    min_chars: int = 30,
    rows: Sequence[dict[str, Any]] = ROWS,
) -> str:
    """A run of some rows and two rejects, in several parts; its folder."""
    (base / "in").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(r, ensure_ascii=False) for r in rows]
    for number in range(3):
        own = [*lines[number::3], *(["{broken", '{"title": 1}'] if number == 0 else [])]
        if own:
            (base / f"in/{number}.jsonl").write_text("\n".join(own) + "\n", encoding="utf8")
    (base / "c.toml").write_text(
        '[run]\nout = "out"\nstages = ["ingest", "language"]\npart_bytes = 4096\n'
        '[[sources]]\nname = "web"\nformat = "jsonl"\nroot = "in"\npaths = ["*.jsonl"]\n'
        'category = "webpages"\nlicence = "x"\n'
        f"[ingest]\nmin_chars = {min_chars}\n",
        encoding="utf8",
    )
    run_config(load(base / "c.toml", all_stages()), no_spark, say=lambda _: None)
    return str(base / "out")


def optional_run(base: Path, start: "Callable[[], SparkSession]") -> str:
    """A run of code, pairs, and pages that hold benchmark items; its folder."""
    from tests.stages import test_code, test_decontaminate, test_parallel

    test_code.corpus(base)
    test_decontaminate.write(base)
    (base / "pairs").mkdir()
    pairs = [*test_parallel.PAIRS, *test_parallel.PAIRS_T[1:2], ("Not a pair.", "渡船")]
    (base / "pairs/a.tsv").write_bytes(test_parallel.tsv(pairs))
    common = {"category": "miscellany", "licence": "test"}
    table = {
        "run": {"out": "out", "stages": ["ingest", "code", "parallel", "decontaminate"]},
        "sources": [
            *test_code.SOURCES,
            {"name": "pairs", "format": "pairs_tsv", "root": "pairs", "paths": ["*"], **common}
            | {"language": "zh"},
            {"name": "web", "format": "jsonl", "root": "web", "paths": ["*"], **common}
            | {"category": "webpages"},
        ],
        "code": {"shares": {"XML": 0.1}},
        "decontaminate": {
            "benchmarks": {"math_en": "bench/math_en.*", "math_zh": "bench/*zh.jsonl.gz"},
            "default_fields": ["q.text"],
        },
    }
    config = from_table(table, all_stages(), base=base, where="test")
    run_config(config, start, say=lambda _: None)
    return config.run.out


def leakage_test(folder: Path, within: str = "models") -> Path:
    """What a leakage test writes of a clean model and of one that knows the test split."""
    from model.evaluate.leakage import judge

    rng = np.random.default_rng(0)
    verdicts = {
        name: judge({s: rng.normal(m, 0.1, 50) for s, m in zip(SPLITS, means, strict=True)})
        for name, means in {"clean": (2.0, 2.0, 1.9), "told": (2.0, 1.2, 2.1)}.items()
    }
    said = {within: {name: v.as_json() for name, v in verdicts.items()}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "leakage.json").write_text(json.dumps(said), encoding="utf8")
    return folder
