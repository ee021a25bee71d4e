"""Extraction beside its peers: F1 against gold text, and CPU time a page, in one process.

skypile, with either of its engines (`skypile` is that of trafilatura), starts from the bytes of a
page and ends with title, date and the blocks that its paragraph rules leave. trafilatura and
resiliparse are given the page as the gold data decodes it, and asked for its text alone; the engine
`trafilatura, title, date` starts from the bytes and gives these, too: the same work. They take
turns page by page, in another order on each, after a page that makes each load what it loads late.
The case `fast` is all pages together; F1 of the fast engine on the sets that it was fitted on is no
measure of it and not printed: with each set left out, `python -m bench.fit_fast --judge set`.

Left out: whether dates and titles are right; how the settings were chosen (`extract_evidence`).
"""

import argparse
import gzip
import hashlib
import json
import logging
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trafilatura
from htmldate import find_date
from resiliparse.extract.html2text import extract_plain_text
from trafilatura.metadata import extract_title

from bench.metrics import overlap, snippets
from skypile.kernels.extraction.html import DEFAULT_LIMITS, Page, extract
from skypile.kernels.extraction.paragraphs import substance
from skypile.kernels.fast_engine import fast
from skypile.kernels.reading import charset
from skypile.kernels.text.scripts import wide_chars

GOLD_SETS = ("html_aeb", "html_magic", "html_cwce_zh", "html_newspaper_en")
HELD_OUT = "html_trafilatura"
OTHER_SETS = ("html_gne_zh", "html_misc")  # no gold text, or little
LATEST_DATE = "2026-12-31"
Line = dict[str, Any]


@dataclass(frozen=True)
class GoldPage:
    """A page as bytes and as the gold data decodes it; gold is None where it has no gold text."""

    id: str
    source: str
    url: str | None
    body: bytes
    text: str
    gold: str | None
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def half(self) -> int:
        """0 or 1, the same for all pages of a host (of a file stem where no URL is known)."""
        host = urlsplit(self.url or "").hostname or re.sub(r"\d*\.html?$", "", self.source)
        return hashlib.blake2b(host.encode(), digest_size=1).digest()[0] & 1

    @property
    def is_list(self) -> bool:
        """Whether its collection files it under pages that only link to others."""
        return "list" in self.source.rsplit("/", 2)[-2] or "test_list_page" in self.source


def pages(data: Path, name: str) -> Iterator[GoldPage]:
    """The pages of a data set, in its order."""
    for line in (data / name / "gold.jsonl").read_text(encoding="utf8").splitlines():
        row = json.loads(line)
        body = gzip.decompress((data / name / row["file"]).read_bytes())
        codec = row["decoded_as"]
        if name == "html_cwce_zh" and codec == "latin-1":
            codec = "gb18030"  # its README: damaged GB18030, to be read with replacements
        yield GoldPage(
            id=row["id"],
            source=row["src"],
            url=row.get("url"),
            body=body,
            text=body.decode(codec, "replace"),
            gold=row.get("gold_text") or None,
            wanted=tuple(row.get("with") or ()),
            unwanted=tuple(row.get("without") or ()),
        )


def blocks_of(page: GoldPage, engine: Callable[..., Page | None] = extract) -> tuple[str, ...]:
    """All blocks that skypile finds on a page, from its bytes."""
    decoded = charset.decode(page.body)
    if decoded is None:
        return ()
    found = engine(decoded.text, url=page.url, limits=DEFAULT_LIMITS, latest_date=LATEST_DATE)
    return found.blocks if found else ()


def kept_text(blocks: Sequence[str], **settings: Any) -> str:
    """The text of the blocks that the paragraph rules leave."""
    removed = substance(
        [len(b) for b in blocks], [wide_chars(b) for b in blocks], **settings
    ).removed
    gone = set(removed)
    return "\n".join(b for i, b in enumerate(blocks) if i not in gone)


ENGINES: dict[str, Callable[[GoldPage], str]] = {
    "skypile": lambda page: kept_text(blocks_of(page)),
    "fast": lambda page: kept_text(blocks_of(page, fast.extract)),
    "trafilatura": lambda page: trafilatura.extract(page.text, include_comments=False) or "",
    "trafilatura, title, date": lambda page: _title_date_text(page),
    "resiliparse": lambda page: extract_plain_text(page.text, main_content=True, alt_texts=False),
}
PEER, SAME_WORK = "trafilatura", "trafilatura, title, date"


def _title_date_text(page: GoldPage) -> str:
    """From bytes to title, date and text, and nothing else that trafilatura says of a page."""
    tree: Any = trafilatura.load_html(page.body)
    if tree is None:
        return ""
    extract_title(tree)
    find_date(tree, url=page.url, original_date=True, extensive_search=True)
    found: Any = trafilatura.bare_extraction(tree, include_comments=False)
    return (found.text or "") if found else ""


_WARM = "<html><body><p class='date'>3 stycznia 2020</p><p>Short.</p></body></html>"


def run(found: Iterable[GoldPage]) -> dict[str, list[tuple[GoldPage, str, float]]]:
    """By engine: page, text and CPU ms, of each page."""
    results: dict[str, list[tuple[GoldPage, str, float]]] = {name: [] for name in ENGINES}
    names = list(ENGINES)
    for engine in ENGINES.values():
        engine(GoldPage("", "x", None, _WARM.encode(), _WARM, None, (), ()))
    for i, page in enumerate(found):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            begun = time.process_time()
            text = ENGINES[name](page)
            results[name].append((page, text, 1000 * (time.process_time() - begun)))
    return results


def score(found: Sequence[tuple[GoldPage, str, float]]) -> dict[str, float]:
    """By metric: mean 4-gram F1 where there is gold text, else what became of the snippets.

    Of snippets: F1 over all of them; the share of wanted ones that are present and of unwanted ones
    that are absent; and accuracy, the share of both that is as it should be.
    """
    if found[0][0].gold is not None:
        return {"f1": statistics.fmean(overlap(t, p.gold).f1 for p, t, _ in found if p.gold)}
    counts = [snippets(t, list(p.wanted), list(p.unwanted)) for p, t, _ in found]
    right, wrong, missed = (sum(c) for c in zip(*counts, strict=True))
    unwanted = sum(len(p.unwanted) for p, *_ in found)
    return {
        "snippet_f1": 2 * right / (2 * right + wrong + missed),
        "wanted_present": right / (right + missed),
        "unwanted_absent": (unwanted - wrong) / unwanted,
        "accuracy": (right + unwanted - wrong) / (right + missed + unwanted),
    }


TARGETED = frozenset({"f1", "snippet_f1", "accuracy"})  # no less than the peer


def lines(case: str, results: dict[str, list[tuple[GoldPage, str, float]]]) -> Iterator[Line]:
    """The bench lines of one data set."""
    scores = {name: score(result) for name, result in results.items()}
    times = {name: [ms for *_, ms in result] for name, result in results.items()}
    medians = {name: statistics.median(ms) for name, ms in times.items()}
    for name in ENGINES:
        line: Line = {"bench": "extract", "case": case, "engine": name}
        beside = {"peer": PEER} if name != PEER else {}
        for metric, value in scores[name].items():
            quality = {**line, "metric": metric, "value": round(value, 4), "unit": "fraction"}
            if beside:
                peer_value = scores[PEER][metric]
                quality |= {**beside, "peer_value": round(peer_value, 4)}
                if name == "skypile" and metric in TARGETED:
                    quality |= {"target": round(peer_value, 4), "ok": value >= peer_value}
            if name != "fast" or case not in GOLD_SETS:  # it was fitted on their pages
                yield quality
        spent = {**line, "metric": "ms_per_page", "value": round(medians[name], 2), "unit": "ms"}
        spent |= {"mean": round(statistics.fmean(times[name]), 2), "max": round(max(times[name]))}
        if beside:
            spent |= {**beside, "peer_value": round(medians[PEER], 2)}
        yield spent


MAX_MEAN_MS, MAX_P999_MS, MIN_SPEEDUP = 4.0, 200.0, 8.0  # of the fast engine on one idle core


def cost(times: dict[str, list[float]]) -> Iterator[Line]:
    """What the engines cost over all sets: CPU ms a page, and the fast one's gain in speed."""
    means = {name: statistics.fmean(ms) for name, ms in times.items()}
    for name, ms in times.items():
        p999 = sorted(ms)[min(len(ms) - 1, int(0.999 * len(ms)))]
        line: Line = {"bench": "extract", "case": "fast", "engine": name, "n": len(ms)}
        line |= {"metric": "ms_per_page", "value": round(means[name], 2), "unit": "ms"}
        line |= {"p99_9": round(p999, 1), "max": round(max(ms), 1)}
        if name == "fast":
            line |= {"target": MAX_MEAN_MS, "ok": means[name] <= MAX_MEAN_MS and p999 < MAX_P999_MS}
        yield line
    for peer in (PEER, SAME_WORK):
        speedup = means[peer] / means["fast"]
        gain: Line = {"bench": "extract", "case": "fast", "engine": "fast", "metric": "speedup"}
        gain |= {"value": round(speedup, 1), "unit": "ratio", "peer": peer}
        yield gain | ({"target": MIN_SPEEDUP, "ok": speedup >= MIN_SPEEDUP} if peer == PEER else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=[*GOLD_SETS, HELD_OUT])
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    times: dict[str, list[float]] = {name: [] for name in ENGINES}
    for case in given.sets:
        results = run(p for p in pages(given.data, case) if p.gold or p.wanted)
        for name, result in results.items():
            times[name] += [ms for *_, ms in result]
        for line in lines(case, results):
            print(json.dumps(line), flush=True)
    for line in cost(times):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
