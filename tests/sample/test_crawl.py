"""The sample as a whole: same bytes, every kind of record, a truth that is true, clean splits."""

import bz2
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from skypile.errors import SkypileError
from skypile.sample import pythondocs
from skypile.sample.charsets import CODECS
from skypile.sample.copies import NEAR, shingles
from skypile.sample.crawl import MIN_PAGES, PYTHON_FILE, Crawl, make_crawl, write_sample
from skypile.sample.planted import INTENTS
from skypile.sample.templates import TEMPLATES
from tests.conftest import REPO

PAGES = {"page", "mirror", "near_mirror", "recrawl", "fetched_twice", "fetched_late", "late"}
PAGES |= {"broken", "python", "spam", "word_salad", "cut_off"}
FURNITURE = {"redirect", "missing", "server_error", "pdf", "json", "image", "blank", "noise"}
FURNITURE |= {"menu", "stub"}
KINDS = PAGES | FURNITURE


@pytest.fixture(scope="module")
def crawl() -> Crawl:
    return make_crawl(600, 0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample")
    assert write_sample(out, pages=MIN_PAGES) == {"records": 60, "files": 5, "wiki_pages": 42}
    return out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from skypile.sample.crawl import write_sample;"
        "write_sample(Path(sys.argv[1]), pages=60)"
    )
    env = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], env=env, check=True)
    assert digests(tmp_path / "a") == digests(written)
    write_sample(tmp_path / "b", pages=60, seed=1)
    other = digests(tmp_path / "b")
    assert other.keys() == digests(written).keys()
    assert not set(other.values()) & set(digests(written).values())


def test_another_python_changes_only_the_file_of_its_prose(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = list(pythondocs.pages(2))
    monkeypatch.setattr(pythondocs, "pages", lambda _: iter(few))
    monkeypatch.setattr(pythondocs, "version", lambda: "3.99.0")
    write_sample(tmp_path, pages=60)
    here, there = digests(written), digests(tmp_path)
    file = f"sample-{PYTHON_FILE:05d}.warc.gz"
    assert {n for n in here if here[n] != there[n]} == {file, "truth.jsonl"}
    rest = [
        [line for line in lines(folder / "truth.jsonl") if line["file"] != file]
        for folder in (written, tmp_path)
    ]
    assert rest[0] == rest[1]
    assert all(line["python"] is None for line in rest[0])


def test_sixty_pages_hold_every_kind_and_fewer_are_refused(written: Path, tmp_path: Path) -> None:
    truth = lines(written / "truth.jsonl")
    assert {line["kind"] for line in truth} == KINDS
    assert len(make_crawl(1_500, 3).responses) == 1_500
    with pytest.raises(SkypileError, match="at least 60"):
        write_sample(tmp_path / "none", pages=59)
    assert not (tmp_path / "none").exists()


def test_another_reader_finds_the_records_that_the_truth_says(written: Path) -> None:
    for file, group in itertools.groupby(lines(written / "truth.jsonl"), lambda t: t["file"]):
        with (written / file).open("rb") as stream:
            found = [
                (i, r.record_id, r.headers.get("WARC-Target-URI"))
                for i, r in enumerate(ArchiveIterator(stream, parse_http=True))
                if r.record_type == WarcRecordType.response
            ]
        wanted = [
            (t["ordinal"], f"<urn:uuid:{t['record_id']}>", t["url"])
            for t in group
            if t["kind"] != "cut_off"
        ]
        assert found[: len(wanted)] == wanted
        assert len(found) - len(wanted) in (0, 1)
    assert (written / "sample-00004.warc.gz").exists()


def test_truth_is_about_the_bytes(crawl: Crawl) -> None:
    """Each page, decoded in the charset that the truth names, shows its text."""
    for response in (r for r in crawl.responses if r.article and r.charset):
        assert response.article
        assert response.charset
        name = response.charset.name
        html = response.body.decode(CODECS.get(name, name)).removeprefix("\ufeff")
        shown = " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())
        for block in response.article.blocks:
            cells = block.text.replace(" | ", " ") if block.kind == "row" else block.text
            wanted = " ".join(cells.split())
            if not re.search(r"[<>]", wanted):
                assert wanted in shown, (response.url, wanted)
        said = f"charset={response.charset.header}" if response.charset.header else "text/html"
        assert response.content_type.endswith(said)


def test_the_sample_is_as_varied_as_it_claims(crawl: Crawl) -> None:
    responses = crawl.responses
    assert len(responses) == 600
    assert {r.kind for r in responses} == KINDS
    assert {r.template for r in responses} - {None} == set(TEMPLATES)
    assert len(TEMPLATES) >= 12
    charsets = Counter(r.charset.name for r in responses if r.charset)
    for name in ("utf-8", "gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc-kr", "utf-16"):
        assert charsets[name], name
    declared = Counter()
    for charset in (r.charset for r in responses if r.charset):
        labels = {charset.header, charset.meta} - {None}
        declared["none" if not labels else "right" if labels == {charset.name} else "wrong"] += 1
    assert min(declared["none"], declared["wrong"]) >= 30, declared
    langs = Counter(r.lang for r in responses if r.gold_text)
    assert langs["en"] >= 200
    assert langs["zh-Hans"] >= 200
    assert {"zh-Hant", "yue", "lzh", "de", "fr", "es", "ja", "ko", "ru"} <= langs.keys()
    kinds = Counter(p.kind for r in responses for p in r.planted)
    assert all(kinds[intent] >= 12 for intent in INTENTS), kinds
    hosts = defaultdict(set)
    for r in responses:
        for p in r.planted:
            hosts[p.kind].add(r.url.split("/")[2])
    assert all(len(hosts[intent]) >= 8 for intent in INTENTS)


def test_only_the_copies_are_near_duplicates(crawl: Crawl) -> None:
    seen: dict[str, tuple[Any, set[tuple[str, ...]]]] = {}
    for r in crawl.responses:
        if r.gold_text and r.article and r.record_id not in seen:
            seen[r.record_id] = (r, shingles(r.gold_text, r.article.lang))
    worst = 0.0
    for (a, ours), (b, theirs) in itertools.combinations(seen.values(), 2):
        if a.lang == b.lang and a.family != b.family:
            common = len(ours & theirs)
            worst = max(worst, common / (len(ours) + len(theirs) - common))
    print(f"the nearest two of different families: {worst:.3f}")
    assert worst < 0.5
    degrees = defaultdict(list)
    for r in crawl.responses:
        if r.copy_of:
            original, its = seen[r.copy_of]
            index = len(its & seen[r.record_id][1]) / len(its | seen[r.record_id][1])
            assert r.jaccard == pytest.approx(index, abs=1e-4)
            assert (r.family, r.split) == (original.family, original.split)
            degrees[r.degree].append(r.jaccard)
    assert min(degrees["touched"]) > NEAR > max(degrees["half"])
    assert all(r.body == seen[r.copy_of][0].body for r in crawl.responses if r.kind == "mirror")


def groups_of(r: Any) -> Iterator[tuple[str, str]]:
    yield "host", r.url.split("/")[2]
    if r.template:
        yield "template", r.template
    if r.family:
        yield "family", r.family
    if r.article and r.article.generator not in (None, "python", "word_salad"):
        yield "generator", f"{r.article.generator} {r.lang}"
    for p in r.planted:
        if p.group == "boilerplate":
            yield "wording", f"{r.lang} {p.kind} {p.wording}"


def test_no_group_is_in_both_splits(crawl: Crawl) -> None:
    splits = defaultdict(set)
    for r in crawl.responses:
        if r.kind in PAGES:
            for group in groups_of(r):
                splits[group].add(r.split)
    assert {kind for kind, _ in splits} == {"host", "template", "family", "generator", "wording"}
    both = [group for group, its in splits.items() if len(its) > 1]
    assert not both
    share = Counter(r.split for r in crawl.responses)
    assert 0.35 < share["tune"] / 600 < 0.65


def test_every_line_of_truth_is_consistent(written: Path) -> None:
    truth = lines(written / "truth.jsonl")
    personal = 0
    for line in truth:
        assert set(line) == set(truth[0])
        if line["expect"]["extract"] != "kept":
            assert line["gold_text"] is line["blocks"] is None
            assert line["boilerplate"] == line["personal"] == line["decoys"] == []
            continue
        assert line["expect"].keys() == {"extract", "language", "dedup", "quality"}
        assert line["gold_text"] == "\n".join(text for _, text in line["blocks"])
        for block in line["boilerplate"]:
            assert line["blocks"][block["block"]] == ["p", block["text"]]
        for span in [*line["personal"], *line["decoys"]]:
            assert line["gold_text"][span["start"] : span["end"]] == span["text"]
            personal += 1
    assert personal
    ids = Counter(line["record_id"] for line in truth)
    twice = [line for line in truth if line["kind"] == "fetched_twice"]
    assert {i for i, n in ids.items() if n > 1} == {line["record_id"] for line in twice}
    for copy in twice:  # behind its first copy
        first = next(line for line in truth if line["record_id"] == copy["record_id"])
        assert (first["file"], first["ordinal"]) < (copy["file"], copy["ordinal"])
    assert truth[-1]["kind"] == "cut_off"


NS = "{http://www.mediawiki.org/xml/export-0.11/}"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_dump_is_mediawikis_and_its_truth_is_true(written: Path, lang: str) -> None:
    file = f"{lang}wiki-sample-pages-articles.xml.bz2"
    with bz2.open(written / "wiki" / file) as stream:
        root = ET.parse(stream).getroot()
    assert root.tag == f"{NS}mediawiki"
    assert root.attrib["version"] == "0.11"
    names = {n.attrib["key"]: n.text for n in root.iter(f"{NS}namespace")}
    assert names["0"] is None
    assert names["10"] == "Template"
    pages = {p.findtext(f"{NS}title"): p for p in root.iter(f"{NS}page")}
    truth = [t for t in lines(written / "wiki/truth.jsonl") if t["file"] == file]
    assert list(pages) == [t["title"] for t in truth]
    assert Counter(t["kind"] for t in truth)["article"] == 10
    urls = {t["url"] for t in lines(written / "truth.jsonl")}
    for line in truth:
        page = pages[line["title"]]
        text = page.findtext(f"{NS}revision/{NS}text") or ""
        size = page.find(f"{NS}revision/{NS}text")
        assert size is not None
        assert int(size.attrib["bytes"]) == len(text.encode())
        redirect = page.find(f"{NS}redirect")
        assert (redirect.attrib["title"] if redirect is not None else None) == line["redirect"]
        if line["kind"] == "article":
            check_article(text, line, urls)
        elif line["redirect"]:
            assert line["redirect"] in pages
            assert text.startswith("#")


def check_article(text: str, line: dict[str, Any], urls: set[str]) -> None:
    bare = re.sub(r"<ref[^>]*>.*?</ref>|<!--.*?-->", "", text)
    bare = re.sub(r"\[\[(?:[^\]|]*\|)?([^\]|]*)\]\]", r"\1", bare)
    bare = re.sub(r"-\{(.*?)\}-", r"\1", bare).replace("&nbsp;", " ")
    found = re.sub(r"'{2,3}", "", bare).split("\n")
    for paragraph in line["paragraphs"]:
        assert paragraph in [f.removeprefix("* ") for f in found], paragraph
    assert "'''" in text
    assert "{{" in text
    assert all(f"== {h} ==" in text for h in line["headings"])
    assert line["cites"]
    for cite in line["cites"]:
        assert f"{cite['url']}" in text
        assert cite["page"] is None or cite["page"] in urls
        host = cite["url"].rpartition("://")[2].split("/")[0].removeprefix("www.")
        page = cite["page"] or "https://www.gone.example/"
        assert host == page.split("/")[2].removeprefix("www.")


def test_dumps_cite_in_many_forms(crawl: Crawl) -> None:
    from skypile.sample.wikidump import wiki_pages

    cites = [c for x in ("en", "zh") for p in wiki_pages(x, crawl.responses, 0) for c in p.cites]
    forms = Counter(c.form for c in cites)
    assert forms.keys() == {"plain", "scheme", "www", "fragment", "archive", "archive_http"}
    assert len({c.page for c in cites if c.page}) >= 30
    assert any("-{" in p.text for p in wiki_pages("zh", crawl.responses, 0))
    split = {r.url: r.split for r in crawl.responses}
    for lang in ("en", "zh"):
        for page in wiki_pages(lang, crawl.responses, 0):
            assert {split[c.page] for c in page.cites if c.page} <= {page.split}
