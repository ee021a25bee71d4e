"""Wikipedia dumps: MB/s of reading beside plain bz2, articles/s and F1 of the text beside peers.

`python -m bench.wikipedia [--data ../shared/data] [--dump pages-articles.xml.bz2]` prints JSON
lines. The dump is generated: real prose of wiki_reference in English, simplified and traditional
Chinese, dressed in what articles have (links, references with citation templates, an infobox,
pictures, a navigation table, last sections). Half of the wikitext is prose, with 15 links and 3
references a thousand characters (98 English articles of 2016: half, 11 and 3). So the right text is
known; templates that carry text are not among it. A real dump may be given; then there is no F1.

Peers do the same work where they are installed: mwparserfromhell's `strip_code`, wikitextparser's
`plain_text`; for reading the pages, mwxml.
"""

import argparse
import bz2
import gzip
import io
import json
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import mwparserfromhell

from bench.metrics import overlap
from skypile.kernels.wiki.wikidump import DumpReader, Page, boundaries
from skypile.kernels.wiki.wikipedia import article

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
SETS = {"en": "enwiki_articles", "zh-hans": "zhwiki_cmrc2018", "zh-hant": "zhwiki_hant_drcd"}
HEAD = (
    "<mediawiki>\n<siteinfo><sitename>Wikipedia</sitename><dbname>xwiki</dbname><base>x</base>"
    '<generator>x</generator><case>first-letter</case><namespaces><namespace key="0" '
    'case="first-letter"/></namespaces></siteinfo>\n'
)
PAGES_A_STREAM = 100  # as in MediaWiki's multistream dumps
ROUNDS = 3
FILE = {"en": "File", "zh-hans": "文件", "zh-hant": "檔案"}
END = {
    "en": "== See also ==\n* [[Another article]]\n== References ==\n{{reflist}}\n"
    "== External links ==\n* [http://www.example.org Home]\n{{Authority control}}\n"
    "[[Category:Things]]\n",
    "zh-hans": "== 参见 ==\n* [[另一条目]]\n== 参考文献 ==\n{{reflist}}\n[[分类:事物]]\n",
    "zh-hant": "== 參見 ==\n* [[另一條目]]\n== 參考文獻 ==\n{{reflist}}\n[[分類:事物]]\n",
}


def prose(data: Path, name: str) -> Iterator[tuple[str, str]]:
    """(title, text) of the articles of a set; characters that are markup are left out."""
    with gzip.open(data / f"wiki_reference/{SETS[name]}.jsonl.gz", "rt", encoding="utf8") as file:
        for line in file:
            row = json.loads(line)
            if row["title"].endswith("(disambiguation)"):
                continue
            text = "".join(c for c in row["text"] if c not in "[]{}<>|*#=&'_")
            yield (
                row["title"],
                "\n".join(x.strip(":; ") for x in text.split("\n") if x.strip(":; ")),
            )


_WORD = re.compile(r"\b\w{3,40}")


def reference(rng: random.Random) -> str:
    number = rng.randrange(10**6)
    if number % 3 == 0:
        return f"<ref name=n{number}/>"
    return (
        f'<ref name="n{number}">{{{{cite web |last=Author |date=2 May 2015 |title=A title '
        f"of some length, number {number} |url=https://www.example.org/articles/{number}.html?id="
        f"{number % 97}&amp;lang=en |publisher=[[Example Press]] |archive-url=https://web.archive."
        f"org/web/20160102030405/https://www.example.org/{number} |access-date=2016}}}}</ref>"
    )


def dressed(text: str, name: str, rng: random.Random) -> str:
    """Prose as the wikitext of an article."""
    paragraphs = []
    for paragraph in text.split("\n"):
        parts, at = [], 0
        while word := _WORD.search(paragraph, at + rng.randrange(30, 110)):
            parts.append(paragraph[at : word.start()])
            shown = word[0] if word[0].isascii() else word[0][:4]
            form = rng.choice(["[[{0}]]", "[[{0} (thing)|{0}]]", "[[Some title|{0}]]", "'''{0}'''"])
            parts.append(form.format(shown))
            at = word.start() + len(shown)
            if rng.random() < 0.25:
                parts.append(reference(rng))
        parts.append(paragraph[at:])
        paragraphs.append("".join(parts))
        if rng.random() < 0.1:
            words = "[[Word]] " * rng.randrange(1, 9)
            paragraphs.append(
                f"[[{FILE[name]}:P{rng.randrange(999)}.jpg|thumb|right|220px|{words}]]"
            )
        if rng.random() < 0.05:
            cells = "\n|-\n".join(f"| {i} || [[A{i}]] || style=x | {i * 7}" for i in range(12))
            paragraphs.append(f'{{| class="navbox"\n! a !! b !! c\n|-\n{cells}\n|}}')
    box = "\n".join(f"| field_{i} = [[Value {i}]]{reference(rng)}" for i in range(12))
    return f"{{{{Infobox thing\n{box}\n}}}}\n" + "\n\n".join(paragraphs) + f"\n{END[name]}"


def dump(pages: list[tuple[str, str]]) -> bytes:
    """A multistream dump of (title, wikitext)."""
    xml = [
        f"<page><title>{escape(title)}</title><ns>0</ns><id>{n}</id><revision><id>{n}</id>"
        "<timestamp>2020-01-01T00:00:00Z</timestamp><contributor><username>A</username><id>1</id>"
        f"</contributor><text>{escape(text)}</text></revision></page>\n"
        for n, (title, text) in enumerate(pages)
    ]
    groups = ["".join(xml[i : i + PAGES_A_STREAM]) for i in range(0, len(xml), PAGES_A_STREAM)]
    return b"".join(bz2.compress(g.encode()) for g in [HEAD, *groups, "</mediawiki>\n"])


def line(case: str, metric: str, value: float, unit: str, **more: Any) -> None:
    print(
        json.dumps(
            {
                "bench": "wikipedia",
                "case": case,
                "metric": metric,
                "value": round(value, 4),
                "unit": unit,
                **more,
            }
        ),
        flush=True,
    )


def timed(work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median of processor seconds of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, do in work.items():
            start = time.process_time()
            do()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def reading(case: str, packed: bytes) -> None:
    """MB of XML a second, beside bz2 alone and mwxml."""
    size = len(bz2.decompress(packed)) / 1e6
    work: dict[str, Callable[[], Any]] = {
        "skypile": lambda: sum(1 for _ in DumpReader(io.BytesIO(packed))),
        "bz2": lambda: bz2.decompress(packed),
    }
    try:
        import mwxml
    except ImportError:
        pass
    else:
        work["mwxml"] = lambda: _by_mwxml(mwxml, packed)
    seconds = timed(work)
    ours = seconds.pop("skypile")
    for peer, other in seconds.items():
        line(f"read {case}", "mb_per_s", size / ours, "MB/s", peer=peer, peer_value=size / other)
        line(f"read {case}", "ratio", other / ours, "", peer=peer)
    points = boundaries(io.BytesIO(packed), 1 << 18)
    line(f"read {case}", "cut_points", len(points), "")


def _by_mwxml(mwxml: Any, packed: bytes) -> int:
    with bz2.open(io.BytesIO(packed)) as file:
        return sum(1 for page in mwxml.Dump.from_file(file) for _ in page)


def by_skypile(pages: list[Page], lang: str) -> list[str]:
    return ["\n".join(article(p, lang).blocks) for p in pages]


def peers() -> dict[str, Callable[[str], str]]:
    found: dict[str, Callable[[str], str]] = {
        "mwparserfromhell": lambda text: str(mwparserfromhell.parse(text).strip_code())
    }
    try:
        import wikitextparser
    except ImportError:
        return found
    return {**found, "wikitextparser": lambda text: str(wikitextparser.parse(text).plain_text())}


def texts(case: str, pages: list[Page], lang: str, gold: list[str] | None) -> None:
    """Articles and MB of wikitext a second and, where the right text is known, mean F1."""
    size = sum(len(p.text.encode()) for p in pages) / 1e6
    others = peers()
    got: dict[str, list[str]] = {}

    def keep(name: str, make: Callable[[], list[str]]) -> Callable[[], None]:
        return lambda: got.update({name: make()})

    work = {"skypile": keep("skypile", lambda: by_skypile(pages, lang))}
    for name, strip in others.items():
        work[name] = keep(name, lambda strip=strip: [strip(p.text) for p in pages])  # type: ignore[misc]
    seconds = timed(work)
    ours = seconds["skypile"]
    for name in others:
        more = {"peer": name, "pages": len(pages)}
        theirs = seconds[name]
        line(
            f"text {case}",
            "docs_per_s",
            len(pages) / ours,
            "1/s",
            **more,
            peer_value=round(len(pages) / theirs, 4),
        )
        line(f"text {case}", "mb_per_s", size / ours, "MB/s", **more, peer_value=size / theirs)
        line(f"text {case}", "ratio", theirs / ours, "", **more)
        if gold:
            mine, other = (
                statistics.mean(overlap(t, g).f1 for t, g in zip(got[n], gold, strict=True))
                for n in ("skypile", name)
            )
            line(f"text {case}", "f1", mine, "", **more, peer_value=round(other, 4))


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--dump", type=Path, help="a real pages-articles.xml.bz2, not too big")
    parser.add_argument("--lang", default="en", help="of the real dump")
    parser.add_argument("--pages", type=int, default=60, help="of each language")
    given = parser.parse_args()
    if given.dump:
        packed = given.dump.read_bytes()
        reading(given.dump.name, packed)
        pages = [p for p in DumpReader(io.BytesIO(packed)) if article(p, given.lang).reason is None]
        texts(given.dump.name, pages, given.lang, None)
        return
    everything: list[tuple[str, str]] = []
    for name in SETS:
        rng = random.Random(name)
        rows = [row for _, row in zip(range(given.pages), prose(given.data, name), strict=False)]
        dressed_up = [(title, dressed(text, name, rng)) for title, text in rows]
        everything += dressed_up
        pages = list(DumpReader(io.BytesIO(dump(dressed_up))))
        texts(name, pages, name[:2], [text for _, text in rows])
    reading("generated", dump(everything * 3))


if __name__ == "__main__":
    main()
