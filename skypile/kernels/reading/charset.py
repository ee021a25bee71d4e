"""From the bytes of a page to its text: which charset were they written in?

What a page declares is a hint: pages say gb2312 and hold UTF-8, GBK or Big5, servers say latin-1
whatever they send. Valid UTF-8 needs no weighing. Of any other page, a sample of words is read in
each candidate charset, and a reading costs bits under small character models of languages and
scripts: rare characters, private use, controls, broken sequences are dear. The cheapest wins, a
declared one with a head start; the whole page is read in it, and refused if it breaks too often.

Left out: pages of several charsets, text garbled before it was sent (UTF-8 encoded twice), font
hacks, and 8-bit charsets of small languages where neither the page nor resiliparse names them.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise, product, repeat

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_UTF16_32 = ["utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"]  # the longer BOMs first
# The order settles ties: quotation marks read alike in cp1252 and cp1251, kana in EUC and GBK.
_LEGACY = ["cp1252", "euc_jp", "cp932", "gb18030", "big5hkscs", "cp949", "cp1251", "koi8-r"]
_VARIANTS = {"big5hkscs": ["cp950"], "euc_jp": ["euc_jis_2004"]}  # for pages on which it breaks
# resiliparse's name of a charset, or a label that is not WHATWG's -> what reads such pages best.
_READ_AS = {"gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}
_READ_AS |= {"iso8859-11": "cp874", "iso2022_jp": "iso2022_jp_ext", "iso-2022-kr": "iso2022_kr"}
_READ_AS |= {"cp936": "gb18030", "ms936": "gb18030", "gb-2312": "gb18030", "euc-tw": "euc_tw"}
_READ_AS |= {"cp932": "cp932", "cp949": "cp949", "cp950": "big5hkscs", "hz-gb-2312": "hz"}


def _span(*ranges: tuple[int, int]) -> str:
    return "".join(chr(c) for a, b in ranges for c in range(a, b + 1))


def _rows(codec: str, first: int, last: int, cell: int = 0x40) -> str:
    pairs = (bytes((r, c)) for r in range(first, last + 1) for c in range(cell, 0xFF))
    return "".join(s for p in pairs if len(s := p.decode(codec, "ignore")) == 1 and s > "\x7f")


_SETS = {  # the most frequent: hans and hant of the corpora below, kanji and hangul of lists
    "hans": "的一第是在人有用以个中为国章不和了年可行大这上法会我于发定时要作生者地文本出应理对能到"
    "成条业你来部当方后民下工其们分动使他学开机或公主自务现之件关家所事管如多经日同十更数过就设产进得",
    "hant": "的國年在為一中大是人和有於了以地後成時學民會不日之主與政上軍部發行月南多西個其斯而到來"
    "法區世方東分自出北對生他這及家戰用公經由被也最代作同立建要並市文等動開名高都利教期海爾第本亞外內",
    "kanji": "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市",
    "hangul": "이다는의에을가고지한하로은사를기도리아자어서인시대나정부그일해스수제보만들라으면오년"
    "있전주과장성우국비조구상원공여유화와안무세관선경적문방것게당계신동분요모니연람든강말되력내간받터위",
    "marks": "\xa0«»“”„’‘–—…©®·•°€£´¡¿ºª²½",
    "points": "、。，．：；！？（）「」『』《》【】“”‘’…—·～・",
    "accents": "éèàáíóúñçäöüßãõêâôîëïùûìòåæøœýăąćčďđęěğıłńňőřśşšţťůűźżž",
    "latin": _span((0xC0, 0x17F), (0x218, 0x21B), (0x300, 0x303)) + "ƠơƯư\u0309\u0323₫",
    "wide": "".join(_rows(codec, 0xA1, 0xA3) for codec in ("gb2312", "euc_jp", "euc_kr")),
    "arabic": _span((0x627, 0x63A), (0x641, 0x652)) + "پچژکگی،؛؟",
}
_SETS |= {"ascii": _span((0x20, 0x7E)) + "\t\n\r", "half": _span((0xFF61, 0xFF9F))}
_SETS |= {"gb1": _rows("gb2312", 0xB0, 0xD7), "gb2": _rows("gb2312", 0xD8, 0xF7)}
_SETS |= {"big1": _rows("cp950", 0xA4, 0xC6)[:5401], "big2": _rows("cp950", 0xC9, 0xF9)[:7652]}
_SETS |= {"jis1": _rows("euc_jp", 0xB0, 0xCF), "jis2": _rows("euc_jp", 0xD0, 0xF4)}
_SETS |= {"kana": _span((0x3041, 0x3093), (0x30A1, 0x30F6)) + "ー", "greek": _span((0x3AC, 0x3CE))}
_SETS |= {"ks": _rows("euc_kr", 0xB0, 0xC8), "thai": _span((0xE01, 0xE3A), (0xE40, 0xE4E))}
_SETS |= {"cyr1": "оеаинтсрвл", "cyr2": "кмдпуяыьгзб", "cyr3": "чйхжшюцщэфъёіїєґѓќљњџјђћѕў"}
_SETS |= {"caps1": "ОЕАИНТСРВЛ", "caps2": "КМДПУЯЫЬГЗБ", "cyr": _span((0x400, 0x42F))}
_SETS |= {"hebrew": _span((0x5B0, 0x5EA)), "hebrew1": "יוהלאמרתבש", "greek1": "αοιετσνρυς"}
_SETS |= {"arabic1": "الينمورتبع", "thai1": "านรอกเงมยล"}
# The share that each set, less those before it, has of the characters in a language's words that
# are not all ASCII: of 1,200 pages and texts (`python -m bench.encoding --shares`), smoothed. ASCII
# is .1 in all but latin, since how much a page mixes in is its site's and not its language's.
_MODELS = {
    "hans": "ascii .1 points .06 hans .23 gb1 .58 gb2 .005 wide .005",
    "hant": "ascii .1 points .08 hant .32 big1 .5 big2 .005 wide .005",
    "ja": "ascii .1 points .05 kana .6 kanji .06 jis1 .17 jis2 .005 wide .01 half .005",
    "ko": "ascii .1 hangul .53 ks .35 points .01 wide .005",
    "cyr": "ascii .1 cyr1 .57 cyr2 .21 cyr3 .08 cyr .03 marks .01",
    "caps": "ascii .1 caps1 .4 caps2 .15 cyr .07 marks .01",  # .7 of cyr: it is rarer
    "latin": "ascii .82 accents .14 marks .02 latin .01",
} | {s: f"ascii .1 {s}1 .55 {s} .34 marks .01" for s in ("greek", "hebrew", "arabic", "thai")}


def _tables() -> np.typing.NDArray[np.float32]:
    kinds = [unicodedata.category(chr(c)) for c in range(0x10000)]
    bits = np.where(np.arange(0x10001) < 0x2E80, 18, 22).astype(np.float32)  # in no set of a model
    bits[:-1][np.isin(kinds, ["Cc", "Cn", "Co", "Cs"])] = bits[0xFFFD] = 26
    table = np.tile(bits[:, None], len(_MODELS))
    for column, model in enumerate(_MODELS.values()):
        seen: set[str] = set()
        for name, share in zip(model.split()[::2], model.split()[1::2], strict=True):
            new = set(_SETS[name]) - seen
            seen |= new
            table[[ord(c) for c in new], column] = np.log2(len(new) / float(share))
    return table


_BITS = _tables()
# EUC-TW: CNS 11643 has Big5's characters in Big5's order, but for these (place, character).
_MOVED = [
    "1836耄3713銬4626薦4732彝4900嚨4955繳",
    "43刉138攷2146笻2792筇2893莚4930錥5077徻5365螤5723磿6312鎀6530舋6644鎥6787瀪6904鐼7589鬮"
    "7645爩\ufa0c\ufa0d",  # two that Big5 has twice
]


def _cns() -> dict[int, str]:
    """GB18030's reading of a code -> the character of plane 1; + 0xF0000 -> of plane 2."""
    grid = [ord(c) for c in _rows("gb18030", 0xA1, 0xFE, cell=0xA1)]
    table = dict.fromkeys(grid, "\ufffd")
    table |= zip(grid[:234] + grid[282:456], _rows("cp950", 0xA1, 0xA3), strict=False)
    for plane, moved in enumerate(_MOVED):
        chars = [c for c in _SETS[f"big{plane + 1}"] if c not in moved]
        for place, char in re.findall(r"(\d+)(\D)", moved):
            chars.insert(int(place), char)
        cells = [plane * 0xF0000 + code for code in (grid if plane else grid[35 * 94 :])]
        table |= zip(cells, chars, strict=False)
    return table


def _text(data: bytes, codec: str) -> str:
    if codec != "euc_tw":
        return data.decode(codec, "replace")
    text, shift = data.decode("gb18030", "replace"), b"\x8e\xa2".decode("gb18030")
    return re.sub(f"{shift}(.)", lambda m: chr(0xF0000 + ord(m[1])), text).translate(_CNS)


def _cost(text: str) -> float:  # bits under the model that explains it best
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return float(_BITS[np.minimum(codes, 0x10000)].sum(0, dtype=np.float64).min())


def _sample(body: bytes, size: int = 4096, block: int = 1024) -> list[bytes]:
    """Words that are not all ASCII, about `size` bytes of them, evenly from the whole page."""
    blocks = [i for i in range(0, len(body), block) if not body[i : i + block].isascii()]
    blocks = blocks[:: len(blocks) // 24 + 1]
    sample = []
    for i in blocks:
        left, last = max(0, i - 65536), i + block + 256
        start = max(left, *(body.rfind(space, left, i) + 1 for space in (b"\n", b" ", b">")))
        text = body[start:last]
        skip = max(0, len(text) - len(text.lstrip(_ASCII)) - 64)
        # The bytes between words are in no charset a later byte of a character.
        words = re.findall(rb"[0-9@-\xff]+", text[skip : skip + block + 512])
        words = words[: len(words) - (last < len(body) and len(words) > 1)]  # the last may be cut
        words = [w.lstrip(_ASCII)[:256] if len(w) > 256 else w for w in words if not w.isascii()]
        sample += words[:: sum(map(len, words)) * len(blocks) // size + 1]
    return sample


def _cases(name: str) -> list[set[str]]:
    return [{c, c.upper()} for c in name]


_CNS, _ASCII = _cns(), bytes(range(128))
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r\x1b"})
_DECLARATION = re.compile(
    rb"<(?:\?xml|meta)\b[^<>]*?(?:charset|encoding)\s*=[\s\"']*([\w.:-]+)", re.IGNORECASE
)
# Where one may begin is seen with vector instructions: small letters made first, and the pattern
# tried at each bracket, took twice as long.
_BEGUN = BytesAhoCorasick(
    ["".join(one).encode() for name in ("<meta", "<?xml") for one in product(*_cases(name))],
    matchkind=MatchKind.LeftmostFirst,
)
_HEAD_BYTES, _MAX_DECLARATIONS = 1 << 20, 16


def _telling_tags(body: bytes) -> Iterator[int]:
    """Where tags begin that may say a charset: one or two of 27 a page; the pattern goes through
    each byte of the others.
    """
    starts = [start for _, start, _ in _BEGUN.find_matches_as_indexes(body[:_HEAD_BYTES])]
    for start, stop in pairwise([*starts, _HEAD_BYTES]):
        end = body.find(b">", start, stop)
        tag = body[start : stop if end < 0 else end].lower()
        if b"charset" in tag or b"encoding" in tag:
            yield start


def _declarations(body: bytes) -> list[str]:
    """The labels of the first declarations in the head; those in comments count and say nothing."""
    matches = (_DECLARATION.match(body, start, _HEAD_BYTES) for start in _telling_tags(body))
    found = islice(filter(None, matches), _MAX_DECLARATIONS)
    shown = (m for m in found if body.rfind(b"<!--", 0, m.end()) <= body.rfind(b"-->", 0, m.end()))
    return [match[1].lower().decode() for match in shown]


def _declared(body: bytes, header: str | None) -> dict[str, str]:
    """The codecs that a BOM, the header and the first MiB name -> who named it first."""
    boms = [c for c in ["utf-8", *_UTF16_32] if body.startswith("\ufeff".encode(c))]
    codecs = dict.fromkeys(boms[:1], "bom")
    said = (header or "").lower().rpartition("charset")[2]
    labels = [("header", label) for label in re.findall(r"(?a:[\w.:+-]+)", said)[:1]]
    labels += [("meta", label) for label in _declarations(body)]
    for source, label in labels:
        name = re.sub(r"^(?:win|windows|cp)[-_]?(?=125[0-8]$)", "windows-", label)
        if codec := _READ_AS.get(name) or map_encoding_to_html5(name, fallback_utf8=False):
            codecs.setdefault(_READ_AS.get(codec, codec), source)
    return codecs


@dataclass(frozen=True)
class Decoded:
    """A page's text, and how it was read."""

    text: str
    charset: str  # the Python codec that read it; "euc_tw" is ours, Python has none
    source: str  # who named it: "bom", "header", "meta", "detected"; "default": all is ASCII
    replaced: int  # characters U+FFFD that stand for broken bytes


def decode(
    body: bytes, header_charset: str | None = None, *, max_replaced_fraction: float = 0.01
) -> Decoded | None:
    """The text of a page's raw bytes without its BOM, newlines as they are; None if undecodable.

    header_charset: what the Content-Type header says, wrong or nonsense as it may be. Undecodable
    is what breaks at more than max_replaced_fraction of its characters, of 400 if it is shorter (a
    cut at its end is free), has more controls than pages have, or reads worse than random bytes.
    """
    declared = _declared(body, header_charset)

    def read(codec: str, otherwise: str = "detected", text: str | None = None) -> Decoded | None:
        return _read(body, codec, declared.get(codec, otherwise), max_replaced_fraction, text)

    has_nul = b"\0" in body
    for codec in _UTF16_32:
        if codec not in declared and not has_nul:
            continue
        text = _text(body[:8192], codec)
        sure = declared.get(codec) == "bom" or _cost(text) < 13 * len(text)  # right: 11, wrong: 17
        if sure and (found := read(codec)):
            return found
    declared = {c: s for c, s in declared.items() if c not in _UTF16_32}
    if body.isascii():
        escaped = "iso2022_kr" if b"\x1b$)C" in body else "iso2022_jp_ext"
        if b"\x1b$" in body and (found := read(escaped)):
            return found
        return read(next(iter(declared), "utf-8"), "default")
    whole = None
    try:
        whole = body.decode()
        trailing = len(body) - len(whole)
    except UnicodeDecodeError as e:
        trailing = e.start - len(body[: e.start].decode())
    # 64 trailing bytes that all fit before the first that does not are no accident.
    sure = trailing >= 64 or (whole is not None and (not declared or "utf-8" in declared))
    if sure and (found := read("utf-8", text=whole)):
        return found
    body = body.removeprefix(b"\xef\xbb\xbf")
    words = _sample(body)
    guess = detect_encoding(b"\n".join(words)[:1024], html5_compatible=False) or ""
    guessed = re.findall(r"^(?:cp125[03-8]|iso8859-(?:[2-9]|1\d)|cp866|tis-620)$", guess)
    lead = [] if declared else guessed
    rivals = ["utf-8", *declared, *([] if whole is not None else [*_LEGACY, *guessed, "euc_tw"])]
    for part in (b"\n".join(words[:: len(words) // 48 + 1]), b"\n".join(words)):
        high = len(part.translate(None, _ASCII))
        # On real pages the right charset leads by .5 bits a byte and more, or readings agree.
        ahead = {"cp1252": 5.0, "euc_tw": -20.0} | dict.fromkeys(lead, 2 + 0.1 * high)
        ahead |= dict.fromkeys([*declared, *["utf-8"] * (whole is not None)], 10 + 0.3 * high)
        costs = {c: _cost(_text(part, c)) - ahead.get(c, 0) for c in rivals}
        rivals = sorted(costs, key=costs.__getitem__)[:3]
    if rivals[0] not in declared and costs[rivals[0]] > 9 * len(part) + 64:  # pages: 8, random: 10
        return None
    return read(rivals[0])


def _controls(data: bytes) -> int:
    """How many bytes are controls that text has none of, counted only where there may be any."""
    low = sum(map(_low, range(0, len(data), _PIECE), repeat(np.frombuffer(data, np.uint8))))
    if low == 0 and b"\x7f" not in data and b"\x0b" not in data:
        return 0
    return len(data) - len(data.translate(None, _CONTROLS))


_PIECE = 1 << 15  # bytes, so that what is compared stays in the nearest cache


def _low(start: int, codes: np.typing.NDArray[np.uint8]) -> int:
    """How many bytes of a piece are below the space and no white space."""
    piece = codes[start : start + _PIECE]
    return int(np.count_nonzero(piece < 32) - np.count_nonzero(piece - np.uint8(9) < 5))


def _read(
    body: bytes, codec: str, source: str, limit: float, known: str | None = None
) -> Decoded | None:
    """The page in a charset, if it can be read so. known: what it is there, without a fault."""
    readings = [] if known is None else [(0, 0, codec, known)]
    for variant in [codec, *_VARIANTS.get(codec, [])] if known is None else []:
        text = _text(body, variant)
        replaced = text.count("\ufffd")
        if replaced and variant in ("utf-8", "gb18030", *_UTF16_32):
            replaced -= min(replaced, body.count("\ufffd".encode(variant)))
        broken = replaced - (replaced > 0 and text.endswith("\ufffd"))
        readings.append((broken, replaced, variant, text))
        if not broken:
            break
    broken, replaced, codec, text = min(readings, key=lambda r: r[0])
    wide = codec.startswith(("utf-16", "utf-32", "iso2022"))
    data = (text.encode() if wide else body).rstrip(b"\0")
    controls = _controls(data)
    nuls = data.count(0) if controls else 0
    if broken or not (wide or codec == "utf-8"):
        broken += controls
    binary = controls - nuls > 0.03 * len(text) or nuls > 0.1 * len(text)  # pages: .014, .001
    if binary or broken > limit * max(400, len(text)):
        return None
    return Decoded(text.removeprefix("\ufeff"), codec, source, replaced)
