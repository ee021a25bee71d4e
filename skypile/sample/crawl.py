"""The sample as WARC files, with a line of truth for each response record.

Same seed, same bytes. How many records of each kind there are follows from `pages`; each kind
occurs at least once, so that sixty pages are enough for a quick test.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from skypile.errors import SkypileError
from skypile.sample import pythondocs, warcs, wikidump
from skypile.sample.articles import Article, articles
from skypile.sample.copies import DEGREES, changed
from skypile.sample.generators import LANGS, MAKERS, SPAM, generate, spam, word_salad
from skypile.sample.pages import BREAKS, PageMaker, Response, mirrored
from skypile.sample.specials import specials
from skypile.sample.splits import SPLITS

CRAWLED_AGAIN = "2023-06-27T08:00:00Z"
CRAWLED_LATE = "2023-08-02T08:00:00Z"  # after the paper's cut-off, 2023-06-30
MIN_PAGES, MAX_PYTHON = 60, 60  # of Python's prose there is no more on every version
# Shares of all records; what is left goes to the written articles, then to the generators.
SPECIALS = {
    **{"redirect": 0.008, "missing": 0.01, "server_error": 0.003, "pdf": 0.006, "json": 0.004},
    **{"image": 0.003, "blank": 0.005, "noise": 0.004, "menu": 0.012, "stub": 0.01},
}
SHARES = {
    **{"fetched_twice": 0.005, "recrawl": 0.005, "late": 0.006, "fetched_late": 0.006},
    **{"broken": 0.016, "mirror": 0.06, "near": 0.1, "python": 0.06, "spam": 0.05, "salad": 0.03},
    **{"others": 0.05},
}
FILES = ("00000.warc.gz", "00001.warc", "00002.warc.gz", "00003.warc.gz", "00004.warc.gz")
PYTHON_FILE, CUT_FILE = 3, 4  # the first depends on the version of Python, the last is cut off


@dataclass(frozen=True)
class Crawl:
    """The response records of each file. The last file ends in the middle of its last record."""

    groups: tuple[tuple[Response, ...], ...]

    @property
    def responses(self) -> list[Response]:
        """All records, in the order of the files."""
        return [r for group in self.groups for r in group]


def write_sample(out: Path, *, pages: int = 600, seed: int = 0) -> dict[str, int]:
    """Write `sample-NNNNN.warc[.gz]`, `truth.jsonl` and `wiki/` to a folder; what was written.

    Raises:
        SkypileError: fewer pages than there are kinds of them, that is MIN_PAGES.
    """
    crawl = make_crawl(pages, seed)
    out.mkdir(parents=True, exist_ok=True)
    truth = []
    for number, (name, group) in enumerate(zip(FILES, crawl.groups, strict=True)):
        file = f"sample-{name}"
        (out / file).write_bytes(warcs.warc_file(group, file, cut_off=number == CUT_FILE))
        truth += warcs.truth(group, file)
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in truth)
    (out / "truth.jsonl").write_text(lines, encoding="utf8")
    articles_written = wikidump.write_wiki(out / "wiki", crawl.responses, seed)
    return {"records": len(truth), "files": len(FILES), "wiki_pages": articles_written}


def make_crawl(pages: int, seed: int) -> Crawl:
    """Every response record of the sample, in its file."""
    if pages < MIN_PAGES:
        raise SkypileError(f"--pages {pages}: at least {MIN_PAGES}, for a page of each kind")
    maker = PageMaker(seed)
    odd = {kind: _count(pages, share) for kind, share in SPECIALS.items()}
    counts = {kind: _count(pages, share) for kind, share in SHARES.items()}
    counts["python"] = min(counts["python"], MAX_PYTHON)
    counts["near"] = max(counts["near"], len(DEGREES))
    others = [maker.page(a, maker.articles[a.id]) for a in _others(counts["others"])]
    left = pages - sum(odd.values()) - sum(counts.values()) + counts["others"] - len(others) - 1
    written = _written(min(left * 5 // 8, 108))
    base = [maker.page(a, maker.articles[a.id]) for a in written]
    made = _generated(maker, left - len(base), seed)
    base += others + [maker.page(a, split) for a, split in made]
    python = [
        replace(maker.page(a, split, plant=False), kind="python", python=pythondocs.version())
        for a, split in zip(pythondocs.pages(counts["python"]), cycle(SPLITS), strict=False)
    ]
    rest = [
        *_copies(maker, base, counts, seed),
        *_advertisements(maker, counts, seed),
        *_odd_ones(maker, counts, seed),
        *specials(maker, odd),
    ]
    everything = [*base, *rest]
    maker.rng("order").shuffle(everything)
    twice = [
        replace(p, kind="fetched_twice", expect="duplicate_record")
        for p in _some(maker, base, counts["fetched_twice"], "twice")
    ]
    groups = [everything[i::4] for i in range(4)]
    cut = maker.page(_text("notice", "en", 8000, seed), _split(maker, "notice", "en"), plant=False)
    cut = replace(cut, kind="cut_off", expect="truncated_record")
    groups.insert(PYTHON_FILE, python)
    groups[CUT_FILE] += [*twice, cut]  # behind their first copies, in the order of the files
    return Crawl(tuple(map(tuple, groups)))


def _count(pages: int, share: float) -> int:
    return max(1, round(pages * share))


def _text(name: str, code: str, number: int, seed: int) -> Article:
    return generate(name, code, number, seed)


def _split(maker: PageMaker, name: str, code: str) -> str:
    return maker.generators[f"{name}-{code}"]


def _some(maker: PageMaker, pages: Sequence[Response], count: int, why: str) -> list[Response]:
    return maker.rng(why).sample(list(pages), count)


def _others(count: int) -> list[Article]:
    """Articles in other languages, one of each first; in Japanese a second one soon."""
    ranked = sorted(articles("other"), key=lambda a: (a.id[-3:] > "001", a.lang != "ja", a.id))
    return ranked[: max(count, 7)]


def _written(count: int) -> list[Article]:
    """So many of the written articles, all three files in proportion; Cantonese and literary
    Chinese come first among the traditional ones.
    """
    hant = articles("zh_hant")
    files = (articles("en"), articles("zh_hans"), (*hant[16:19], *hant[:16], hant[19]))
    ranked = [(i / len(file), n, a) for n, file in enumerate(files) for i, a in enumerate(file)]
    return [a for _, _, a in sorted(ranked, key=lambda r: r[:2])[:count]]


def _generated(maker: PageMaker, count: int, seed: int) -> list[tuple[Article, str]]:
    turns = cycle([(name, code) for name in MAKERS for code in LANGS])
    return [
        (_text(name, code, i // (len(MAKERS) * len(LANGS)), seed), _split(maker, name, code))
        for i, (name, code) in enumerate(islice(turns, count))
    ]


def _copies(
    maker: PageMaker, base: list[Response], counts: dict[str, int], seed: int
) -> list[Response]:
    """Mirrors, the same page fetched again, and near-duplicates of all degrees in turn."""
    made = []
    for i, page in enumerate(_some(maker, base, counts["mirror"], "mirrors")):
        host = f"mirror{2 * (i // 2 % 9) + SPLITS.index(page.split)}.example"
        made.append(mirrored(page, host, maker.record_id(f"mirror{i}/{page.url}")))
    for page in _some(maker, base, counts["recrawl"], "recrawl"):
        again = replace(mirrored(page, "", maker.record_id(f"recrawl/{page.url}")), url=page.url)
        made.append(replace(again, kind="recrawl", degree="recrawl", crawled=CRAWLED_AGAIN))
    long = [  # in other languages they would be gone before anybody looks for duplicates
        p
        for p in base
        if p.article
        and p.article.lang.partition("-")[0] in ("en", "zh", "yue", "lzh")
        and sum(b.kind == "p" for b in p.article.blocks) >= 3
    ]
    for i, page in enumerate(_some(maker, long, counts["near"], "near")):
        assert page.article
        degree = DEGREES[i % len(DEGREES)]
        donor = _donor(maker, page, seed)
        article = changed(page.article, degree, donor, maker.rng(f"near/{page.article.id}"))
        copy = maker.page(
            *(article, page.split), plant=False, kind="near_mirror", original=page, degree=degree
        )
        # What was planted came along where the change left it alone.
        text = article.gold_text
        kept = tuple(p for p in page.planted if p.text in text)
        made.append(replace(copy, planted=kept))
    return made


def _donor(maker: PageMaker, page: Response, seed: int) -> Article:
    """Another text of the same language and split, which is no page of the sample if it can be."""
    article = page.article
    assert article
    if article.generator:
        code = next(c for c, lang in LANGS.items() if lang == article.lang)
        return _text(article.generator, code, 7000 + int(article.id[-4:]), seed)
    name = {"en": "match", "zh-Hans": "match"}.get(article.lang)
    if name:
        code = next(c for c, lang in LANGS.items() if lang == article.lang)
        return _text(name, code, 6000 + int(article.id[-3:]), seed)
    kin = [a for a in (*articles("zh_hant"), *articles("other")) if a.lang == article.lang]
    return next((a for a in kin if a.id != article.id), kin[0])


def _advertisements(maker: PageMaker, counts: dict[str, int], seed: int) -> list[Response]:
    topics = zip(*(cycle([(code, t) for t in SPAM[code]]) for code in LANGS), strict=False)
    made = []
    for i, pair in enumerate(islice(topics, (counts["spam"] + 1) // 2)):
        for code, topic in pair[: counts["spam"] - 2 * i]:
            text = spam(code, topic, i, seed)
            page = maker.page(text, maker.spam[code][topic], plant=False)
            made.append(replace(page, kind="spam"))
    for i in range(counts["salad"]):
        text = word_salad(list(LANGS)[i % 2], i, seed)
        page = maker.page(text, SPLITS[i // 2 % 2], plant=False)
        made.append(replace(page, kind="word_salad"))
    return made


def _odd_ones(maker: PageMaker, counts: dict[str, int], seed: int) -> list[Response]:
    """Pages of broken HTML; pages fetched after the cut-off, written before it and after it."""
    turns = cycle([(name, code) for code in LANGS for name in MAKERS if name != "thread"])
    made = []
    for i, breakage in enumerate(islice(cycle(BREAKS), counts["broken"])):
        name, code = next(turns)
        text = _text(name, code, 5000 + i, seed)
        made.append(maker.page(text, _split(maker, name, code), kind="broken", broken=breakage))
    for kind in ("fetched_late", "late"):
        for i in range(counts[kind]):
            name, code = next(turns)
            text = _text(name, code, 5500 + i, seed)
            page = maker.page(text, _split(maker, name, code), kind=kind, plant=False)
            page = replace(page, crawled=CRAWLED_LATE)
            made.append(replace(page, expect="after_cutoff") if kind == "late" else page)
    return made
