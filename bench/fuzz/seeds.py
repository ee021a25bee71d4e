"""Valid inputs that the fuzzer begins with, written for the purpose."""

import gzip
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.fuzz.records import READY

ENGLISH = (
    "The bridge over the river was closed for the whole of the winter, and the people of the two "
    "villages had to take the ferry, which went only twice a day and not at all in a storm."
)
CHINESE = "这座桥整个冬天都关闭了，两个村子的居民只好乘坐渡船，渡船每天只开两班，遇到暴风雨就停航。"
TRADITIONAL = "這座橋整個冬天都關閉了，兩個村子的居民只好乘坐渡船，每天只開兩班，遇到暴風雨就停航。"
TEXTS = (ENGLISH, CHINESE, TRADITIONAL)


def page(text: str, charset: str = "utf-8", extra: str = "") -> str:
    """A page of a site with what sites have."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="{charset}"><title>A bridge - The '
        'Site</title><meta property="article:published_time" content="2020-05-06T07:08:09Z">'
        '<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": '
        '"2020-05-06", "headline": "A bridge"}</script><style>p { color: red }</style></head>'
        '<body class="single"><nav><ul><li><a href="/">Home</a></li><li><a href="/n">News</a></ul>'
        f'</nav><div id="content" class="post"><h1>A bridge</h1><p>{text}</p><p>{text} &amp; more'
        f"&nbsp;&#8212;<b>bold</b><br>line</p>{extra}<ul><li>{text}<ol><li>one</li></ol></li></ul>"
        f"<table><tr><th>a<td>b</tr></table><!-- a comment --><pre>x = 1\n  y</pre></div>"
        "<footer>&copy; The Site, tel. 010-12345678</footer></body></html>"
    )


THREAD = (
    '<div id="postlist" class="pl bm"><div id="post_1"><table class="plhin"><tr><td class="t_f" '
    f'id="postmessage_1">{CHINESE}</td></tr></table></div><div id="post_2"><td class="t_f" '
    f'id="postmessage_2">{ENGLISH}</td></div></div><math><mi>x</mi></math><code>f(x)</code>'
)

COMMENTS = (
    '<div id="comments" class="comments-area"><ol class="comment-list"><li class="comment depth-1">'
    f'<div class="comment-meta">Ann</div><div class="comment-content"><p>{ENGLISH}</p><pre>y</pre>'
    f'</div></li><li itemprop="comment"><p>{CHINESE}</p></li></ol><form>x</form></div>'
)


def pages() -> Iterator[bytes]:
    """Pages in two languages, a thread, readers' comments, fragments."""
    for text in TEXTS:
        yield page(text).encode()
    yield page(ENGLISH, extra=THREAD).encode()
    yield page(CHINESE, extra=COMMENTS).encode()
    yield b"<p>" + ENGLISH.encode() * 3
    yield b"<div><div><a href=x>y</a><select><option>o</select><textarea>t</textarea></div>"


def record(number: int, block: bytes, kind: str = "response", **more: str) -> bytes:
    """A WARC record."""
    fields = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number}>",
        "WARC-Target-URI": f"http://example.org/{number}?q=%E6%A1%A5",
        "WARC-Date": "2023-06-20T08:00:00Z",
        "Content-Type": "application/http; msgtype=response" if kind == "response" else "text/x",
        "Content-Length": str(len(block)),
        **more,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def response(body: bytes, *lines: str) -> bytes:
    """An HTTP answer."""
    head = ["HTTP/1.1 200 OK", "Content-Type: text/html; charset=UTF-8", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def archives() -> Iterator[bytes]:
    """WARC files of a few records, an ARC file."""
    html = [page(text).encode() for text in TEXTS]
    chunked = b"5\r\n<p>ab\r\n3\r\ncde\r\n0\r\n\r\n"
    records = (
        record(0, b"software: x\r\n", "warcinfo"),
        record(1, response(html[0])),
        record(2, response(chunked, "Transfer-Encoding: chunked")),
        record(3, response(gzip.compress(html[1], mtime=0), "Content-Encoding: gzip")),
        record(4, b"", "revisit"),
        record(5, response(html[2]), **{"WARC-Truncated": "length"}),
    )
    yield b"".join(records)
    yield from (records[i] + records[j] for i, j in ((1, 2), (3, 4), (0, 5)))
    block = response(b"<p>" + ENGLISH.encode())
    line = f"http://a.example/ 1.2.3.4 20200102030405 text/html {len(block)}\n".encode()
    version = b"1 0 X\nURL IP-address Archive-date Content-type Archive-length\n"
    first = f"filedesc://x.arc 0.0.0.0 20200102030405 text/plain {len(version)}\n".encode()
    yield first + version + b"\n" + line + block + b"\n"


def after(count: int, inputs: Callable[[], Iterator[bytes]], choices: int) -> Iterator[bytes]:
    """The inputs behind `count` bytes of choice."""
    for number, data in enumerate(inputs()):
        for choice in range(choices):
            yield bytes([choice, 4 + number % 8][:count]) + data


def charsets() -> Iterator[bytes]:
    """Pages in charsets that they declare, and do not."""
    names = ("utf-8", "gb18030", "big5hkscs", "euc_jp", "cp932", "iso2022_jp", "hz", "utf-16")
    for number, name in enumerate((*names, "cp1251", "cp949", "utf-32", "cp1252")):
        for text in (*TEXTS, "Мост закрыт на зиму.", "橋は冬の間ずっと閉鎖された。"):
            html = page(text, name) if number % 2 else f"<p>{text}"
            yield bytes([number]) + html.encode(name, "ignore")[:2000]


WIKI = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="zh">\n'
    "<siteinfo><sitename>W</sitename></siteinfo>\n<page><title>橋</title><ns>0</ns><id>7</id>"
    "<revision><id>9</id><timestamp>2020-01-02T03:04:05Z</timestamp><text xml:space='preserve'>"
    "'''橋''' {{lang|en|bridge}} is [[a|b]] -{zh-hans:桥; zh-hant:橋}-.\n\n== H ==\n* item\n{| \n"
    f"| a || b\n|}}\n{TRADITIONAL}&lt;ref&gt;http://x.example&lt;/ref&gt;</text></revision></page>\n"
    "<page><title>R</title><ns>0</ns><id>8</id><redirect title='橋' /><revision><text>#REDIRECT "
    "[[橋]]</text></revision></page>\n</mediawiki>\n"
)
TMX = (
    '<?xml version="1.0"?>\n<tmx version="1.4"><header srclang="en"/><body>\n<tu><tuv xml:lang='
    f'"en"><seg>{ENGLISH}</seg></tuv><tuv xml:lang="zh"><seg>{CHINESE}</seg></tuv></tu>\n</body>'
    "</tmx>\n"
)


def _tar() -> bytes:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("p-1/a.py", "p-1/../../b/" + "長" * 60 + ".c", "/etc/x.md"):
            info = tarfile.TarInfo(name)
            info.size = 12
            archive.addfile(info, io.BytesIO(b"x = 1\ny = 2\n"))
    return buffer.getvalue()


def files() -> Iterator[bytes]:
    """An input of each format that the reading stages have."""
    row = f'{{"text": "{ENGLISH}", "url": "http://a.example/", "date": "2020-01-02", "id": 7}}\n'
    nested = f'{{"a": {{"b": ["{CHINESE}", "x"]}}, "meta": {{"when": 1577836800}}, "id": null}}\n'
    code = '{"text": "x = 1\\n", "repository": "o/n", "path": "a.py", "licence": "MIT"}\n'
    pair = f'{{"en": "{ENGLISH}", "zh": "{CHINESE}"}}\n'
    wet = record(1, CHINESE.encode(), "conversion") + record(2, b"a\nb", "conversion")
    of: dict[str, bytes] = {
        "jsonl": (row + row + "\n[1]\n" + nested).encode(),
        "text": "\n\n".join(TEXTS).encode(),
        "wet": wet,
        "wikipedia": WIKI.encode(),
        "code_files": b"# -*- coding: latin-1 -*-\nx = 1\n",
        "code_jsonl": code.encode(),
        "code_tar": _tar(),
        "tmx": TMX.encode(),
        "pairs_tsv": f"en\tzh\n{ENGLISH}\t{CHINESE}\na\tb\tc\n".encode(),
        "pairs_jsonl": pair.encode(),
        "document_pairs": pair.encode(),
    }
    for number, (_, format, said) in enumerate(READY):
        data = nested.encode() * 2 if "fields" in said else of[format]
        yield bytes([number]) + data
        yield bytes([number]) + gzip.compress(data, mtime=0)


def texts() -> Iterator[bytes]:
    """Texts, and text of all kinds of characters."""
    for text in TEXTS:
        yield f"{text}\n{text}\n\n{text}".encode()
    yield "\x1e".join(TEXTS).encode()
    yield "😀👨‍👩‍👧 \u200d\ufeff\x00 é ß ﷽ ا ب 𠀀 </s><s><unk><0x0A> \t  x\r\n\u2028".encode()
    yield "- a\n• b\n... c…\n{lorem ipsum}\njavascript\nterms of use\n#1 a.b.c 。。。".encode()


PERSONAL = (
    *("mail a.b+c@mail.example.com, A (at) b.example", "ip 8.8.8.8 and [2001:4860:4860::8888]:80"),
    *("身份证号 11010519491231002X", "440524 18800101 001 4", "电话：010-12345678 转 12"),
    *("手机13812345678", "+86 138 1234 5678", "call (415) 555-2671 or 415.555.2671"),
    *("卡 6222 0212 3456 7890 128", "4111111111111111", "v1.2.3.4 版本 10.0.0.1"),
    *(
        "１３８１２３４５６７８ ＡＢ＠ｅ．ｃｏｍ",
        "http://x.example/?to=a%40b.example&t=%2B8613812345678",
    ),
    *("<EMAIL><IP><PHONE>@8.8.8.8", "tel:+44 20 7946 0958"),
)


def personal() -> Iterator[bytes]:
    """Personal data of each kind."""
    for text in PERSONAL:
        yield text.encode()
    yield " ".join(PERSONAL).encode()


URLS = (
    *("example.com", "http://Www.Example.com:80/a/../b/%7Ec?x=1#y", "bücher.example", "xn--a"),
    *(
        "http://[2001:db8::1]/x",
        "1.2.3.4",
        "//user:pw@host.example/",
        "github.io",
        "co.uk",
        "例え.jp",
    ),
    *("# comment", "a" * 70 + ".com", "http://e.example/" + "a/" * 70, "http://e.example?q"),
)


def urls() -> Iterator[bytes]:
    """Entries of block lists, one and many."""
    yield from (url.encode() for url in URLS)
    yield "\n".join(URLS).encode()


def configurations() -> Iterator[bytes]:
    """Those of conf/, and a small one."""
    for path in sorted((Path(__file__).resolve().parents[2] / "conf").glob("*.toml")):
        if path.stat().st_size < 1 << 14 and b"[[sources]]" in path.read_bytes():
            yield path.read_bytes()
    yield (
        b'[run]\nout = "out"\n[[sources]]\nname = "web"\nformat = "warc"\nroot = "in"\npaths = '
        b'["*.gz"]\ncategory = "webpages"\nlicence = "MIT"\n[extract]\nmin_chars = 3\n'
        b"cutoff_date = 2023-06-30\nforeign_min_prob = 0.9\n[dedup]\n"
    )


def damaged(make: Callable[[Path], dict[str, bytes]]) -> Callable[[], Iterator[bytes]]:
    """Each file of ours as it should be."""

    def inputs() -> Iterator[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            for number, (_, data) in enumerate(sorted(make(Path(folder)).items())):
                yield bytes([number]) + data

    return inputs
