"""A small MediaWiki dump in the form of `pages-articles.xml.bz2`, whose articles cite the sample.

Schema export-0.11. The markup is put on plain texts by rule, so that what a reader of the dump
should find is known: paragraphs, headings, list items, and which page of the sample each citation
means, however its address is written.
"""

import base64
import bz2
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from skypile.sample.pages import Response
from skypile.sample.splits import halves
from skypile.sample.wikitext import Citation, Markup, cite

NAMESPACES = {
    **{-2: "Media", -1: "Special", 0: "", 1: "Talk", 2: "User", 3: "User talk", 4: "Wikipedia"},
    **{6: "File", 8: "MediaWiki", 10: "Template", 12: "Help", 14: "Category", 828: "Module"},
}


@dataclass
class WikiPage:
    """A page of the dump and the truth about it. kind: article, redirect, disambiguation, broken,
    other.
    """

    title: str
    kind: str
    text: str
    ns: int = 0
    redirect: str | None = None
    paragraphs: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    cites: list[Citation] = field(default_factory=list)
    split: str | None = None
    model: str = "wikitext"


def write_wiki(out: Path, responses: Sequence[Response], seed: int) -> int:
    """Write `{en,zh}wiki-sample-pages-articles.xml.bz2` and `truth.jsonl`; pages written."""
    out.mkdir(parents=True, exist_ok=True)
    truth: list[dict[str, Any]] = []
    for lang in ("en", "zh"):
        pages = wiki_pages(lang, responses, seed)
        file = f"{lang}wiki-sample-pages-articles.xml.bz2"
        (out / file).write_bytes(bz2.compress(dump(pages, lang, seed).encode()))
        truth += [{"file": file, **_truth(number, p)} for number, p in enumerate(pages, 1)]
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in truth)
    (out / "truth.jsonl").write_text(lines, encoding="utf8")
    return len(truth)


def _truth(number: int, p: WikiPage) -> dict[str, Any]:
    return {
        **{"id": 100 + number, "title": p.title, "ns": p.ns, "kind": p.kind, "split": p.split},
        **{"redirect": p.redirect, "paragraphs": p.paragraphs, "headings": p.headings},
        "cites": [{"url": c.url, "page": c.page, "form": c.form} for c in p.cites],
    }


def wiki_pages(lang: str, responses: Sequence[Response], seed: int) -> list[WikiPage]:
    """The pages of one language's dump, in order of their ids."""
    entries = _entries(lang)
    titles = [e["title"] for e in entries if "about" in e]
    splits = halves(seed, f"wiki/{lang}", titles)
    citable = [
        r
        for r in responses
        if r.kind == "page" and r.article and r.article.generator is None
        if r.article.quality != "forum" and r.article.lang.startswith(lang)
    ]
    pages = []
    for entry in entries:
        if target := entry.get("redirect"):
            code = f"#REDIRECT [[{target}]]" if lang == "en" else f"#重定向 [[{target}]]"
            pages.append(WikiPage(entry["title"], "redirect", code, redirect=target))
        elif "disambiguation" in entry:
            pages.append(_disambiguation(entry, lang))
        else:
            split = splits[entry["title"]]
            mine = [r for r in citable if r.split == split]
            rng = random.Random(f"{seed}/wiki/{lang}/{entry['title']}")
            pages.append(_article(entry, lang, titles, _cited(entry, mine, rng), rng))
            pages[-1].split = split
    return pages + _other_pages(lang)


def _entries(lang: str) -> list[dict[str, Any]]:
    text = files("skypile.sample").joinpath(f"data/wiki.{lang}.txt").read_text(encoding="utf8")
    entries = []
    for chunk in ("\n" + text).split("\n=== ")[1:]:
        head, *lines = chunk.strip().split("\n")
        title, *pairs = head.split(" | ")
        entries.append({"title": title, "lines": lines} | dict(p.split("=", 1) for p in pairs))
    return entries


def _cited(entry: dict[str, Any], mine: list[Response], rng: random.Random) -> list[Citation]:
    """What an article cites: pages on its subject, others, one twice, and one that is gone."""
    about = entry["about"].split(",")
    near = [r for r in mine if r.article and r.article.id in about]
    far = rng.sample(mine, min(len(mine), rng.randint(2, 4)))
    chosen = list({r.record_id: r for r in [*near, *far]}.values())
    cites = [cite(r.url, r.article.title if r.article else "", rng) for r in chosen]
    gone = f"https://www.gone.example/{rng.randint(100, 999)}/index.html"
    return [*cites, cite(gone, "Archive", rng, known=False)]


def _article(
    entry: dict[str, Any], lang: str, titles: list[str], cites: list[Citation], rng: random.Random
) -> WikiPage:
    markup = Markup(entry["title"], lang, titles, cites, rng)
    body = [markup.line(line) for line in entry["lines"]]
    text = markup.frame(body, entry.get("box", ""))
    return WikiPage(
        *(entry["title"], "article", text),
        paragraphs=markup.paragraphs,
        headings=markup.headings,
        cites=cites,
    )


def _disambiguation(entry: dict[str, Any], lang: str) -> WikiPage:
    says = f"'''{entry['title']}''' may refer to:" if lang == "en" else (
        f"'''{entry['title']}'''可以指："
    )  # fmt: skip
    items = "\n".join(f"* [[{t}]]" for t in entry["disambiguation"].split(", "))
    end = "{{disambiguation}}" if lang == "en" else "{{disambig}}"
    return WikiPage(entry["title"], "disambiguation", f"{says}\n{items}\n\n{end}")


def _other_pages(lang: str) -> list[WikiPage]:
    """Pages of other namespaces, as dumps have them, and one whose markup never ends; no text for
    a corpus.
    """
    lua = "local p = {}\nfunction p.main(frame)\n  return frame.args[1]\nend\nreturn p\n"
    category = "[[Category:Contents]]" if lang == "en" else "[[Category:总览]]"
    convert = "<includeonly>{{{1}}} {{{2|m}}}</includeonly><noinclude>{{documentation}}</noinclude>"
    broken = "'''Broken''' is a [[page with {{no end|of=[[it]], a <ref>note and {|\n| a cell\n"
    return [
        WikiPage("Broken page", "broken", broken),
        WikiPage("Template:Convert", "other", convert, ns=10),
        WikiPage("Category:Technology", "other", category, ns=14),
        WikiPage("Wikipedia:About", "other", "This page is about the sample itself.", ns=4),
        WikiPage("Module:Arguments", "other", lua, ns=828, model="Scribunto"),
    ]


def dump(pages: Sequence[WikiPage], lang: str, seed: int) -> str:
    """The XML of a dump."""
    schema = "http://www.mediawiki.org/xml/export-0.11/"
    namespaces = "\n".join(
        f'      <namespace key="{key}" case="first-letter"'
        + (f">{name}</namespace>" if name else " />")
        for key, name in NAMESPACES.items()
    )
    return (
        f'<mediawiki xmlns="{schema}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{schema} http://www.mediawiki.org/xml/export-0.11.xsd" '
        f'version="0.11" xml:lang="{lang}">\n  <siteinfo>\n    <sitename>Wikipedia</sitename>\n'
        f"    <dbname>{lang}wiki</dbname>\n"
        f"    <base>https://{lang}.wikipedia.example/wiki/Main_Page</base>\n"
        "    <generator>MediaWiki 1.41.0-wmf.13</generator>\n    <case>first-letter</case>\n"
        f"    <namespaces>\n{namespaces}\n    </namespaces>\n  </siteinfo>\n"
        + "".join(_page(p, 100 + number, seed) for number, p in enumerate(pages, 1))
        + "</mediawiki>\n"
    )


def _page(p: WikiPage, number: int, seed: int) -> str:
    digest = hashlib.sha1(p.text.encode(), usedforsecurity=False).hexdigest()
    sha1 = _base36(int(digest, 16))
    rng = random.Random(f"{seed}/revision/{p.title}")
    revision = 900_000 + number * 37 + rng.randrange(30)
    stamp = f"2023-05-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:10:00Z"
    target = f"    <redirect title={quoteattr(p.redirect)} />\n" if p.redirect else ""
    mime = "text/plain" if p.model == "Scribunto" else "text/x-wiki"
    user = base64.b32encode(str(revision).encode()).decode().rstrip("=").capitalize()
    return (
        f"  <page>\n    <title>{escape(p.title)}</title>\n    <ns>{p.ns}</ns>\n"
        f"    <id>{number}</id>\n{target}    <revision>\n      <id>{revision}</id>\n"
        f"      <parentid>{revision - 11}</parentid>\n      <timestamp>{stamp}</timestamp>\n"
        f"      <contributor>\n        <username>{user}</username>\n        <id>{number * 7}</id>\n"
        f"      </contributor>\n      <minor />\n      <comment>/* History */ ce</comment>\n"
        f"      <origin>{revision}</origin>\n      <model>{p.model}</model>\n"
        f'      <format>{mime}</format>\n      <text bytes="{len(p.text.encode())}" sha1="{sha1}" '
        f'xml:space="preserve">{escape(p.text)}</text>\n      <sha1>{sha1}</sha1>\n'
        "    </revision>\n  </page>\n"
    )


def _base36(number: int) -> str:
    """A SHA-1 as MediaWiki writes it: 31 digits to the base of 36."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(31, "0")
