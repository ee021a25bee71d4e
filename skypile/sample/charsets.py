"""In which charset a page of the sample is written, and what it says of it."""

from dataclasses import dataclass

from skypile.sample.articles import Article

# What sites of a language use, in turn; a text that does not fit in one takes the next.
CHARSETS = {
    "en": "utf-8 utf-8 windows-1252 utf-8 iso-8859-1 utf-8 utf-8 utf-8 utf-8 utf-8",
    "zh-Hans": "utf-8 gb2312 utf-8 gbk utf-8 gb18030 utf-8 gbk utf-8 utf-8 gb2312 utf-16 "
    "utf-8 gbk utf-8 gb18030 utf-8 utf-8 gbk gb2312 utf-8 utf-8 gbk utf-8 utf-8 utf-8",
    "zh-Hant": "big5 utf-8 utf-8 gbk big5 utf-8",
    "yue": "utf-8 big5",
    "lzh": "big5 utf-8",
    "ja": "utf-8 shift_jis euc-jp",
    "ko": "euc-kr utf-8",
    "ru": "windows-1251 koi8-r",
    "de": "iso-8859-1 utf-8",
    "fr": "windows-1252 utf-8",
    "es": "utf-8 iso-8859-1",
}
# What people call these charsets -> the Python codec that writes what browsers read.
CODECS = {
    **{"big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "euc-jp": "euc_jp"},
    **{"iso-8859-1": "cp1252", "windows-1252": "cp1252", "windows-1251": "cp1251"},
    **{"utf-16": "utf-16-le", "gb2312": "gbk"},  # pages that say gb2312 often hold more
}
WHERE = ("header", "meta", "both", "none", "wrong")
# A wrong declaration that real sites have: the server's default, the template's first charset.
WRONG = {"utf-8": "iso-8859-1", "big5": "gb2312", "gb18030": "iso-8859-1", "gbk": "utf-8"}


@dataclass(frozen=True)
class Charset:
    """How a page is written: its charset, and what header and page call it, None where nothing."""

    name: str
    header: str | None
    meta: str | None

    def encode(self, html: str) -> bytes:
        """The bytes of a page; what the charset lacks becomes a character reference."""
        bom = "\ufeff" if self.name == "utf-16" else ""
        return (bom + html).encode(CODECS.get(self.name, self.name), "xmlcharrefreplace")

    @property
    def tag(self) -> str:
        """The declaration in the page's head."""
        if self.meta is None:
            return ""
        if len(self.meta) % 2:
            return f'<meta charset="{self.meta}">\n'
        content = f"text/html; charset={self.meta}"
        return f'<meta http-equiv="Content-Type" content="{content}">\n'


def choose(article: Article, number: int) -> Charset:
    """The charset of the number-th page in a language, and what it declares."""
    names = CHARSETS[article.lang].split()
    turn = number % len(names)
    name = next((n for n in [*names[turn:], *names] if fits(article, n)), "utf-8")
    where = WHERE[(number // len(names) + turn) % len(WHERE)]
    if name == "utf-16":  # a mark at its start says it; ASCII-compatible labels would be odd
        return Charset(name, "utf-16" if where == "header" else None, None)
    label = WRONG.get(name, "utf-8") if where == "wrong" else name
    if where == "wrong" and name == "utf-8" and article.lang.startswith("zh"):
        label = "gb2312"
    return Charset(
        name,
        label if where in ("header", "both") else None,
        label if where in ("meta", "both", "wrong") else None,
    )


def fits(article: Article, name: str) -> bool:
    """Has the charset every character of the article?"""
    try:
        (article.title + article.gold_text).encode(CODECS.get(name, name))
    except UnicodeEncodeError:
        return False
    return True
