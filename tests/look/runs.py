"""Small finished runs of the stages that need no Spark, from JSON lines: to look at."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from skypile.config import load
from skypile.driver import run_config
from skypile.pipeline import all_stages

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
