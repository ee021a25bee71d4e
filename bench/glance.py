"""The language of a page at a glance, before extraction, against the language of its gold text.

`python -m bench.glance [--data ../shared/data]` prints JSON lines. Truth is the verdict of stage
`language` on the gold text of each page of the html_* sets that have one:

- `caught`: of the pages whose text is neither English nor Chinese, the share that is `foreign`.
- `lost`: of the others, the share that is. At most 1 in 200 is asked for.
- `ms_per_page`: processor time of the glance, beside that of extraction on the same pages.

Pages of both kinds are real; their mix is not that of a crawl. No threshold was fitted here.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from bench.extract import GOLD_SETS, LATEST_DATE
from bench.extract import pages as pages_of
from skypile.kernels.extraction.html import DEFAULT_LIMITS, extract
from skypile.kernels.text import language
from skypile.stages.extract import Config
from skypile.stages.extract_gate import Gate, Wanted

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
FAMILIES = ("en", "zh")
MAX_LOST = 0.005
TIMED = 300  # pages that are extracted as well


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    named = {"bench": "glance", "case": case, "metric": metric, "value": round(value, 4)}
    print(json.dumps({**named, "unit": unit, **more}), flush=True)


def main() -> None:
    """All sets together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    config = Config(languages=FAMILIES)
    wanted = Wanted(FAMILIES, config.foreign_min_prob, config.foreign_min_letters)
    gate = Gate(wanted, "", language.LID_SHA256, "")
    model = language.open_model("", language.LID_SHA256)
    pages = [p for name in GOLD_SETS for p in pages_of(data, name) if p.gold]
    gate.page(pages[0].text)
    seen = {True: [0, 0], False: [0, 0]}  # wanted: pages, of these foreign
    spent = 0.0
    for page in pages:
        lang = language.identify(page.gold or "", model).lang
        ours = "zh" if lang in language.SINITIC else lang
        begun = time.process_time()
        foreign = gate.page(page.text)[0] is not None
        spent += time.process_time() - begun
        seen[ours in FAMILIES][0] += 1
        seen[ours in FAMILIES][1] += foreign
        if foreign and ours in FAMILIES:
            print(f"lost: {page.url or page.id}, whose text is {lang}", file=sys.stderr)
    some = pages[:: max(1, len(pages) // TIMED)]
    begun = time.process_time()
    for page in some:
        extract(page.text, url=page.url, limits=DEFAULT_LIMITS, latest_date=LATEST_DATE)
    peer = 1000 * (time.process_time() - begun) / len(some)
    lost, caught = seen[True][1] / seen[True][0], seen[False][1] / seen[False][0]
    line("pages", "caught", caught, "share", n=seen[False][0])
    line("pages", "lost", lost, "share", n=seen[True][0], target=MAX_LOST, ok=lost <= MAX_LOST)
    mine = 1000 * spent / len(pages)
    more = {"peer": "extraction", "peer_value": round(peer, 2)}
    line("pages", "ms_per_page", mine, "ms", n=len(pages), **more)


if __name__ == "__main__":
    main()
