"""Wiki markup put on plain text: bold, links, references, infoboxes, tables, the rest around it."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

ARCHIVE = "https://web.archive.org/web"


@dataclass(frozen=True)
class Citation:
    """A `<ref>`: its markup, the address as written, the page of the sample that it means (None
    where there is none), and the form of the address.
    """

    markup: str
    url: str
    page: str | None
    form: str


def cite(url: str, title: str, rng: random.Random, *, known: bool = True) -> Citation:
    """A reference to a page, in one of the ways in which articles write them."""
    form = rng.choice(("plain", "scheme", "www", "fragment", "archive", "archive_http"))
    stamp = f"20{rng.randint(17, 23)}0{rng.randint(1, 9)}1{rng.randint(0, 9)}123456"
    other = url.replace("https://", "http://") if url.startswith("https") else (
        url.replace("http://", "https://")
    )  # fmt: skip
    www = url.replace("://www.", "://") if "://www." in url else url.replace("://", "://www.")
    written = {
        **{"plain": url, "scheme": other, "www": www, "fragment": f"{url}#section-2"},
        **{"archive": f"{ARCHIVE}/{stamp}/{url}", "archive_http": f"{ARCHIVE}/{stamp}id_/{other}"},
    }[form]
    title = re.sub(r"[|{}\[\]=]", " ", title)
    markup = rng.choice(
        (
            f"<ref>{{{{cite web|url={written}|title={title}|access-date=2 June 2023}}}}</ref>",
            f"<ref>[{written} {title}]</ref>",
            f"<ref>{written}</ref>",
            f'<ref name="r{rng.randint(1, 9999)}">{{{{Cite news |last=Ash |title={title} '
            f"|url={written} |url-status=live}}}}</ref>",
        )
    )
    return Citation(markup, written, url if known else None, form)


class Markup:
    """The markup of one article, line by line; keeps what a reader should find in it."""

    def __init__(
        self,
        title: str,
        lang: str,
        titles: Sequence[str],
        cites: Sequence[Citation],
        rng: random.Random,
    ) -> None:
        self.title, self.lang = title, lang
        self.paragraphs: list[str] = []
        self.headings: list[str] = []
        self._titles = sorted((t for t in titles if t != title), key=len, reverse=True)
        self._cites = list(cites)
        self._rng = rng
        self._bold = False

    def line(self, line: str) -> str:
        """The markup of a line: a heading, a list item or a paragraph."""
        if line.startswith("== "):
            self.headings.append(line.strip("= "))
            return f"\n{line}"
        start = "* " if line.startswith("* ") else ""
        text = line.removeprefix("* ")
        self.paragraphs.append(re.sub(r"_([^_]+)_", r"\1", text))
        text = re.sub(r"_([^_]+)_", r"''\1''", text)
        text = re.sub(r"(\d) (metres|kilometres)", r"\1&nbsp;\2", text)
        text = self._linked(self._emboldened(text))
        if not start and self._cites:
            text = self._cited(text)
        return f"{start}{text}" if start else f"{text}\n"

    def _emboldened(self, text: str) -> str:
        """The first mention of the title in bold; in Chinese, the next is marked as it stands."""
        if self._bold:
            return text if self.lang == "en" else text.replace(self.title, f"-{{{self.title}}}-", 1)
        bold, count = re.subn(re.escape(self.title), "'''\\g<0>'''", text, count=1, flags=re.I)
        self._bold = count > 0
        return bold

    def _linked(self, text: str) -> str:
        """The first mention of another article's title becomes a link, with a label if need be."""
        for title in self._titles:
            found = re.search(rf"(?<![\w\[|]){re.escape(title)}(?![\w\]|])", text, re.I | re.A)
            if found:
                shown = found[0]
                link = f"[[{title}]]" if shown == title else f"[[{title}|{shown}]]"
                return text[: found.start()] + link + text[found.end() :]
        return text

    def _cited(self, text: str) -> str:
        """References behind the ends of sentences, at most two a paragraph."""
        ends = [m.end() for m in re.finditer(r"[.。](?= |$)|。", text)]
        for at in sorted(self._rng.sample(ends, min(2, len(ends))), reverse=True):
            if self._cites:
                text = text[:at] + self._cites.pop(0).markup + text[at:]
        return text

    def frame(self, body: Sequence[str], box: str) -> str:
        """The article: what stands before and after the text, and citations that are left."""
        left = "".join(c.markup for c in self._cites)
        english = self.lang == "en"
        more = "Further reading" if english else "延伸阅读"
        notes = "References" if english else "参考文献"
        table = (
            '{| class="wikitable sortable"\n! Year !! Number\n|-\n| 1871 || {{formatnum:1100}}\n'
            "|-\n| 1962 || 940\n|}\n"
        )
        parts = [
            "{{Short description|Sample article}}" if english else "{{noteTA|G1=Sample}}",
            self._infobox(box) if box else "",
            f"[[File:Sample {len(self.title)}.jpg|thumb|right|220px|{self.title}]]",
            *body,
            "<!-- the figures are from the annual report -->",
            table,
            f"== {more} ==\n* {{{{cite book|title={self.title}|year=1998|isbn=978-0-00-000000-2}}}}"
            f"{left}\n",
            f"== {notes} ==\n{{{{reflist|30em}}}}\n",
            "{{Authority control}}",
            "[[Category:Technology]]" if english else "[[Category:技术]]",
            f"[[de:{self.title}]]",
        ]
        self.headings += [more, notes]
        return "\n".join(p for p in parts if p)

    def _infobox(self, box: str) -> str:
        height = "{{convert|94|m|ft|abbr=on}}"
        return (
            f"{{{{Infobox {box}\n| name = {self.title}\n| image = Sample.jpg\n"
            f"| height = {height}\n| built = {{{{Start date|1871|{{{{#if:1|05}}}}}}}}\n"
            "| note = {{nowrap|see text}}<ref>{{cite book|title=Register|year=1962}}</ref>\n}}"
        )
