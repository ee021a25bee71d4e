"""From an article to a response record: a site of its split puts on its dress and its charset."""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from skypile.sample import charsets, planted
from skypile.sample.articles import FILES, Article, articles, file_of
from skypile.sample.copies import jaccard
from skypile.sample.generators import LANGS, MAKERS, SPAM
from skypile.sample.planted import CODES, INTENTS, KINDS, Planted
from skypile.sample.splits import halves
from skypile.sample.templates import FORUMS, TEMPLATES, VARIANTS, Dress, family, furniture, render
from skypile.sample.wordings import sections

CRAWLED = "2023-06-20T08:00:00Z"
BOILERPLATE_SHARE, PERSONAL_SHARE = 0.5, 0.12  # of the pages that may hold some
SURE = ("notice-en-0000", "notice-zh-0000", "weather-en-0000", "weather-zh-0000")  # hold both
WWW, HTTP = ("magazine", "gazette"), ("table_layout", "portal")  # sites with www., without TLS


@dataclass(frozen=True)
class Response:
    """One response record and the truth about it. `expect` is "kept" or a reason of `extract`.

    copy_of: the record whose text this one carries, changed to a degree; family: the first text of
    all its copies. jaccard: of the shingles of its text and that record's.
    """

    record_id: str
    url: str
    body: bytes
    kind: str
    expect: str
    split: str
    status: str = "200 OK"
    content_type: str = "text/html"
    crawled: str = CRAWLED
    lang: str | None = None
    article: Article | None = None
    charset: charsets.Charset | None = None
    template: str | None = None
    family: str | None = None
    copy_of: str | None = None
    degree: str | None = None
    jaccard: float | None = None
    planted: tuple[Planted, ...] = ()
    python: str | None = None
    meta: str = ""  # of a page in the making: what broke it

    @property
    def gold_text(self) -> str | None:
        """What extraction should find; None where it should find nothing, or drop it."""
        return self.article.gold_text if self.article and self.expect == "kept" else None


class PageMaker:
    """Makes the pages of one seed. Splits are drawn once, for all groups of wordings."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        plain = halves(seed, "templates", set(TEMPLATES) - set(FORUMS))
        self.templates = {**plain, **halves(seed, "forums", FORUMS)}
        self.variants = halves(seed, "furniture", map(str, range(VARIANTS)))
        self.articles = {
            name: split
            for file in FILES
            for name, split in halves(seed, file, (a.id for a in articles(file))).items()
        }
        self.generators = {
            f"{name}-{code}": split
            for code in LANGS
            for name, split in halves(seed, f"generators/{code}", MAKERS).items()
        }
        self.spam = {code: halves(seed, f"spam/{code}", SPAM[code]) for code in LANGS}
        self._pages: Counter[str] = Counter()

    def rng(self, name: str) -> random.Random:
        """The random numbers of one thing: they do not depend on what was made before it."""
        return random.Random(f"{self.seed}/{name}")

    def record_id(self, name: str) -> str:
        """An id as crawlers write them, from a name."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).hexdigest()
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    def wordings(self, code: str, intent: str, split: str) -> list[int]:
        """The numbers of the wordings of a boilerplate intent that a split may use."""
        every = sections(f"boilerplate.{code}")[intent]
        drawn = halves(self.seed, f"boilerplate/{code}/{intent}", map(str, range(len(every))))
        return sorted(int(number) for number, its in drawn.items() if its == split)

    def planted(self, article: Article, split: str) -> tuple[Article, tuple[Planted, ...]]:
        """The article with what chance plants in it."""
        rng = self.rng(f"planted/{article.id}")
        found: list[Planted] = []
        if article.lang not in CODES:
            return article, ()
        code = CODES[article.lang]
        sure = article.id in SURE
        if sure or rng.random() < PERSONAL_SHARE:
            article, spans = planted.plant_personal(article, rng.choice(KINDS[code]), rng)
            found += spans
        if sure or rng.random() < BOILERPLATE_SHARE:
            site = rng.choice(_sites(article.lang))
            for intent in rng.sample(INTENTS, rng.choice((1, 1, 2))):
                numbers = self.wordings(code, intent, split)
                article, block = planted.plant_boilerplate(article, intent, numbers, site, rng)
                found.append(block)
        return article, tuple(found)

    def page(
        self,
        article: Article,
        split: str,
        *,
        plant: bool = True,
        kind: str = "page",
        broken: str = "",
        original: Response | None = None,
        degree: str | None = None,
    ) -> Response:
        """A page of a site of its split with an article; a copy of `original` if one is given."""
        found: tuple[Planted, ...] = ()
        base = article.id
        if plant:
            article, found = self.planted(article, split)
        rng = self.rng(f"page/{kind}/{article.id}")
        allowed = FORUMS if article.generator == "thread" else tuple(TEMPLATES)
        template = rng.choice([t for t in allowed if self.templates[t] == split])
        number = rng.randint(1, 3)
        # The pages of Python's prose have a count of their own: they must not shift the others.
        turn = article.lang if article.generator != "python" else "python"
        charset = charsets.choose(article, self._pages[turn])
        self._pages[turn] += 1
        date = f"2023-0{7 if kind == 'late' else rng.randint(1, 5)}-{rng.randint(1, 28):02d}"
        date = "" if article.generator == "python" else date
        dress = self._dress(article, split, template, number, date, rng)
        html = render(template, article, dress, charset.tag)
        header = f"; charset={charset.header}" if charset.header else ""
        url = _url(template, article, number, dress.date, kind)
        like = original.gold_text if original else None
        return Response(
            self.record_id(f"{kind}/{url}"),
            url,
            charset.encode(BREAKS[broken](html) if broken else html),
            kind,
            "kept",
            split,
            content_type=f"text/html{header}",
            lang=article.lang,
            article=article,
            charset=charset,
            template=template,
            family=original.family if original else base,
            copy_of=original.record_id if original else None,
            degree=degree,
            jaccard=round(jaccard(article.gold_text, like, article.lang), 4) if like else None,
            planted=found,
            meta=broken,
        )

    def _dress(
        self,
        article: Article,
        split: str,
        template: str,
        number: int,
        date: str,
        rng: random.Random,
    ) -> Dress:
        kin = family(article.lang)
        variants = [int(v) for v, its in self.variants.items() if its == split]
        names = _sites(kin)
        others = [
            a.title
            for a in articles(file_of(article.lang))
            if self.articles[a.id] == split and a.id != article.id
        ]
        return Dress(
            furniture(kin, variants[number % len(variants)]),
            names[(list(TEMPLATES).index(template) * 3 + number) % len(names)],
            date,
            tuple(rng.sample(others, min(5, len(others)))),
        )


def _sites(lang: str) -> list[str]:
    return sections("sites")[lang][0].split("|")


def _url(template: str, article: Article, number: int, date: str, kind: str) -> str:
    host = f"{template.replace('_', '-')}{number}-{article.lang.lower()}.example"
    host = f"www.{host}" if template in WWW else host
    scheme = "http" if template in HTTP else "https"
    digits = int(hashlib.sha256(f"{kind}/{article.id}".encode()).hexdigest()[:7], 16)
    if template in FORUMS:
        return f"{scheme}://{host}/viewtopic.php?t={digits}"
    if template in ("blog", "magazine") and date:
        return f"{scheme}://{host}/{date[:4]}/{date[5:7]}/{article.id}/"
    return f"{scheme}://{host}/{article.id}.html"


def mirrored(page: Response, host: str, record_id: str) -> Response:
    """The same bytes on another host."""
    path = page.url.split("/", 3)[3]
    return replace(
        page,
        record_id=record_id,
        url=f"https://{host}/{path}",
        kind="mirror",
        copy_of=page.record_id,
        degree="exact",
        jaccard=1.0,
    )


def _frameless(html: str) -> str:
    body = html.partition("<body>")[2].partition("</body>")[0]
    title = html.partition("<title>")[2].partition("</title>")[0]
    charset = html.partition("<head>")[2].partition("<title>")[0]
    return f"{charset}<title>{title}</title>{body}"


def _middle(html: str, inserted: str) -> str:
    cut = html.index("</p>", len(html) // 2) + 4 if "</p>" in html[len(html) // 2 :] else None
    return html[:cut] + inserted + html[cut:] if cut else html


# What is wrong with the HTML of a page whose text a browser shows all the same.
BREAKS: dict[str, Callable[[str], str]] = {
    "frameless": _frameless,
    "unclosed": lambda h: h.replace("</p>", "").replace("</li>", "").replace("</td>", ""),
    "misnested": lambda h: h.replace("<p>", "<p><b><i>").replace("</p>", "</b></i></p>"),
    "unquoted": lambda h: re.sub(r'(\w+)="([^"\s<>=]+)"', r"\1=\2", h),
    "two_bodies": lambda h: _middle(h, "</body></html>\n<html><body>"),
    "stray_ends": lambda h: h.replace("</h1>", "</h1></font></b></span>", 1),
    "open_comment": lambda h: h.replace("</body>", "<!-- counter", 1),
    "bare_entities": lambda h: h.replace("</title>", " &nbsp &copy &middot; &bogus; < 5 </title>"),
}
