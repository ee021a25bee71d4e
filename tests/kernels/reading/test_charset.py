import io
import random
import struct
import time
import unicodedata
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.encoding import gold_texts, page, rows
from skypile.kernels.reading.charset import Decoded, decode

# Texts written for this test, one a language, in the ways that a page would have them.
SIMPLIFIED = (
    "清晨的集市上，卖豆腐的老人把木桶放在石阶旁边。孩子们背着书包走过小桥，河水比昨天高了一些。"
    "他说，今年的雨水多，田里的稻子长得很好，等到秋天，家家户户都能有一个好收成。"
)
TRADITIONAL = (
    "清晨的市場上，賣豆腐的老人把木桶放在石階旁邊。孩子們背著書包走過小橋，河水比昨天高了一些。"
    "他說，今年的雨水多，田裡的稻子長得很好，等到秋天，家家戶戶都能有一個好收成。"
)
JAPANESE = (
    "朝の市場で、豆腐を売るおじいさんが木の桶を石段のそばに置いた。子どもたちはランドセルを背負"
    "って小さな橋を渡る。川の水は昨日より少し高い。今年は雨が多く、田んぼの稲もよく育っている。"
)
KOREAN = (
    "이른 아침 시장에서 두부를 파는 할아버지가 나무통을 돌계단 옆에 내려놓았다. 아이들은 책가방을 "
    "메고 작은 다리를 건너간다. 올해는 비가 많이 와서 논의 벼가 잘 자라고 있다고 그는 말했다."
)
RUSSIAN = (
    "Ранним утром на рынке старик поставил деревянное ведро у каменной лестницы. Дети с портфелями "
    "переходили через мост. Вода в реке поднялась, и он сказал, что осенью будет хороший урожай."
)
FRENCH = (
    "Très tôt le matin, un vieil homme pose son seau près de l'escalier. Les élèves traversent "
    "déjà le pont ; la rivière a monté, et l'été prochain, dit-il, la récolte sera belle à Orléans."
)
GREEK = (
    "Νωρίς το πρωί στην αγορά ένας γέρος άφησε τον ξύλινο κουβά του δίπλα στα σκαλοπάτια. Τα "
    "παιδιά περνούσαν τη μικρή γέφυρα με τις τσάντες τους, και το ποτάμι ήταν πιο ψηλά από χθες."
)
HEBREW = (
    "מוקדם בבוקר בשוק הניח זקן אחד את דלי העץ שלו ליד המדרגות. הילדים עברו על הגשר הקטן עם "
    "התיקים, והמים בנהר היו גבוהים יותר מאתמול. הוא אמר שהשנה היבול יהיה טוב."
)
ARABIC = (
    "في الصباح الباكر وضع رجل عجوز دلوه الخشبي قرب الدرج في السوق. وكان الأطفال يعبرون الجسر "
    "الصغير وهم يحملون حقائبهم، وقال إن المطر كثير هذا العام وإن الحصاد سيكون جيدا."
)
THAI = (
    "เช้าตรู่ที่ตลาด ชายชราวางถังไม้ของเขาไว้ข้างบันไดหิน เด็กๆ สะพายกระเป๋าเดินข้าม"
    "สะพานเล็กๆ น้ำในแม่น้ำสูงกว่าเมื่อวาน เขาบอกว่าปีนี้ฝนตกมาก ข้าวในนาจึงงอกงามดี"
)
POLISH = (
    "Wczesnym rankiem starszy mężczyzna postawił drewniane wiadro obok schodów. Dzieci "
    "przechodziły przez mały most, a woda w rzece była wyższa niż wczoraj; żniwa będą dobre."
)
ENGLISH = "Early in the morning an old man sets his wooden bucket down beside the stone steps."
PREAMBLE = "".join(f"<!-- {i:04} --><script>var a{i} = {i};</script>\n" for i in range(1000))

# (text, charset it is in, label a page declares it by, codec that is to read it)
LEGACY = [
    pytest.param(SIMPLIFIED, "gb2312", "gb2312", "gb18030", id="gb2312"),
    pytest.param(SIMPLIFIED + "囍镕喆", "gbk", "gb2312", "gb18030", id="gbk_labelled_gb2312"),
    pytest.param(TRADITIONAL, "gbk", "gb2312", "gb18030", id="traditional_in_gbk"),
    pytest.param(SIMPLIFIED + "㐂䶮𠮷", "gb18030", "gb2312", "gb18030", id="gb18030_only"),
    pytest.param(TRADITIONAL, "big5", "big5", "big5hkscs", id="big5"),
    pytest.param(TRADITIONAL + "嘅喺咗", "big5hkscs", "big5", "big5hkscs", id="hkscs"),
    pytest.param(TRADITIONAL + "€", "cp950", "big5", "cp950", id="cp950_euro"),
    pytest.param(JAPANESE, "shift_jis", "shift_jis", "cp932", id="shift_jis"),
    pytest.param(JAPANESE + "①髙～", "cp932", "x-sjis", "cp932", id="cp932"),
    pytest.param(JAPANESE, "euc_jp", "euc-jp", "euc_jp", id="euc_jp"),
    pytest.param(JAPANESE + "①", "euc_jis_2004", "euc-jp", "euc_jis_2004", id="euc_jis"),
    pytest.param(KOREAN, "euc_kr", "euc-kr", "cp949", id="euc_kr"),
    pytest.param(KOREAN + " 햏 똠방각하", "cp949", "ks_c_5601-1987", "cp949", id="cp949"),
    pytest.param(RUSSIAN, "cp1251", "windows-1251", "cp1251", id="cp1251"),
    pytest.param(RUSSIAN, "koi8-r", "koi8-r", "koi8-r", id="koi8_r"),
    pytest.param(RUSSIAN.upper() + RUSSIAN, "koi8-r", "koi8-r", "koi8-r", id="koi8_r_capitals"),
    pytest.param(FRENCH, "cp1252", "iso-8859-1", "cp1252", id="cp1252"),
]
WRONG = ["utf-8", "iso-8859-1", "gb2312", "big5", "shift_jis", "euc-kr", "windows-1251", "utf-16"]


def html(text: str, label: str | None = None, preamble: str = "") -> str:
    """A page of a text that declares `label`, after `preamble`."""
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">' if label else ""
    head = f"<html><head>{preamble}{meta}<title>1</title></head>\r\n"
    return f"{head}<body><p>{text}</p></body></html>\n"


def check(found: Decoded | None, text: str, charset: str, source: str) -> None:
    assert found is not None
    assert found.text == text
    assert (found.charset, found.source, found.replaced) == (charset, source, 0)


@pytest.mark.parametrize(("text", "written", "label", "codec"), LEGACY)
class TestOneTextInManyCharsets:
    """The given/expected pairs of the field's reports: the same text, whatever says what it is."""

    def test_header_only(self, text: str, written: str, label: str, codec: str) -> None:
        check(decode(html(text).encode(written), label), html(text), codec, "header")

    def test_meta_only(self, text: str, written: str, label: str, codec: str) -> None:
        check(decode(html(text, label).encode(written)), html(text, label), codec, "meta")

    def test_meta_after_40_kb_of_ascii(
        self, text: str, written: str, label: str, codec: str
    ) -> None:
        whole = html(text, label, PREAMBLE)
        assert len(PREAMBLE) > 40_000
        check(decode(whole.encode(written)), whole, codec, "meta")

    def test_nothing_declared(self, text: str, written: str, label: str, codec: str) -> None:
        check(decode(html(text).encode(written)), html(text), codec, "detected")
        whole = html(text, preamble=PREAMBLE)
        check(decode(whole.encode(written)), whole, codec, "detected")

    @pytest.mark.parametrize("wrong", WRONG)
    def test_wrong_declarations(
        self, text: str, written: str, label: str, codec: str, wrong: str
    ) -> None:
        whole = html(text, wrong)
        for header in (None, wrong):
            found = decode(whole.encode(written), header)
            assert found is not None
            assert (found.text, found.charset, found.replaced) == (whole, codec, 0)

    def test_a_wrong_meta_beside_the_right_header(
        self, text: str, written: str, label: str, codec: str
    ) -> None:
        whole = html(text, "utf-8")
        check(decode(whole.encode(written), label), whole, codec, "header")

    def test_utf_8_under_this_label(self, text: str, written: str, label: str, codec: str) -> None:
        whole = html(text, label)
        check(decode(whole.encode(), label), whole, "utf-8", "detected")
        check(decode(html(text, "utf-8").encode(), label), html(text, "utf-8"), "utf-8", "meta")

    def test_cut_in_the_middle_of_a_character(
        self, text: str, written: str, label: str, codec: str
    ) -> None:
        head, last = "<p>" + text, "稻" if ord(text[0]) > 0x3000 else "é"
        if codec in ("cp949", "cp1251", "koi8-r", "cp1252"):
            last = "벼" if codec == "cp949" else ""
        data = (head + last).encode(written)
        cut = data[: len(data) - (1 if last else 0)]
        for body in (cut, html(text, label, PREAMBLE).encode(written) + cut):
            found = decode(body, label)
            assert found is not None
            assert found.text.removesuffix("\ufffd").endswith(head)
            assert found.replaced == len(last)

    def test_a_few_broken_bytes(self, text: str, written: str, label: str, codec: str) -> None:
        parts = [html(text * 5, label, PREAMBLE), html(text * 5)]
        clean = "".join(parts)
        data = b"\x81\n\xff\n".join(p.encode(written) for p in parts)
        found = decode(data)
        assert found is not None
        assert found.replaced <= 2
        # cp1251 and koi8-r have characters for both bytes, and cp950 breaks less than Big5-HKSCS.
        assert found.text.startswith(parts[0])
        assert found.text.endswith(parts[1])
        assert len(found.text) <= len(clean) + 4


def test_capitals_alone_are_read_as_declared() -> None:
    """KOI8-R's and windows-1251's capitals are each other's small letters."""
    for codec in ("koi8-r", "cp1251"):
        whole = html(RUSSIAN.upper())
        check(decode(whole.encode(codec), codec), whole, codec, "header")


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN, RUSSIAN, FRENCH])
def test_utf_8_with_broken_bytes_is_utf_8(text: str) -> None:
    whole = html(text * 3, "gb2312")
    data = whole.encode()
    at = len(data) - 60  # in the last character of the text or the markup behind it
    for body in (data[:at] + b"\xff" + data[at:], b"\xe4\xb8\n" + data, html(text).encode()[:-25]):
        for header in (None, "utf-8", "gb2312"):
            found = decode(body, header)
            assert found is not None
            assert found.charset == "utf-8"
            assert found.replaced <= 4  # two halves of a character, and \xff


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("GB2312", "gb18030"),
        (" 'gbk' ", "gb18030"),
        ("x-gbk", "gb18030"),
        ("cp936", "gb18030"),
        ("text/html; charset=gb_2312-80", "gb18030"),
        ("gb2312; boundary=x", "gb18030"),
        ("gbk,utf-8", "gb18030"),
    ],
)
def test_labels_of_simplified_chinese(label: str, codec: str) -> None:
    check(decode(html(SIMPLIFIED).encode("gbk"), label), html(SIMPLIFIED), codec, "header")


@pytest.mark.parametrize(
    ("label", "text", "codec"),
    [
        ("windows-949", KOREAN, "cp949"),
        ("x-sjis", JAPANESE, "cp932"),
        ("windows-31j", JAPANESE, "cp932"),
        ("big5-hkscs", TRADITIONAL, "big5hkscs"),
        ("cn-big5", TRADITIONAL, "big5hkscs"),
        ("cp-1251", RUSSIAN, "cp1251"),
        ("koi", RUSSIAN, "koi8-r"),
        ("latin1", FRENCH, "cp1252"),
        ("us-ascii", FRENCH, "cp1252"),
    ],
)
def test_labels_of_other_languages(label: str, text: str, codec: str) -> None:
    check(decode(html(text, label).encode(codec)), html(text, label), codec, "meta")


@pytest.mark.parametrize(
    "label",
    [
        "",
        "none",
        "utf8mb4",
        "base64",
        "rot13",
        "undefined",
        "x-user-defined",
        "中文",
        "\udc80",
        "a" * 9999,
    ],
)
def test_nonsense_declares_nothing(label: str) -> None:
    check(decode(html(SIMPLIFIED).encode("gbk"), label), html(SIMPLIFIED), "gb18030", "detected")
    check(decode(html(SIMPLIFIED).encode(), label), html(SIMPLIFIED), "utf-8", "detected")


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=gb2312>",
        "<META CHARSET = 'GB2312' />",
        "<MeTa chArset=gB2312>",
        '<?XML version="1.0" Encoding="gb2312"?>',
        '<meta content="text/html;charset=gb2312" http-equiv=content-type>',
        '<?xml version="1.0" encoding="gb2312"?>',
        '<meta name="keywords" content="x"><!-- <meta charset=utf-8> --><meta charset=gb2312>',
    ],
)
def test_ways_to_declare(declaration: str) -> None:
    whole = declaration + html(SIMPLIFIED)
    check(decode(whole.encode("gbk")), whole, "gb18030", "meta")


@pytest.mark.parametrize(
    "no_declaration",
    [
        "<!-- <meta charset=gb2312> -->",
        '<script charset="gb2312" src="x.js"></script>',
        "<p>charset=gb2312</p>",
    ],
)
def test_what_declares_nothing(no_declaration: str) -> None:
    whole = no_declaration + html(SIMPLIFIED)
    check(decode(whole.encode("gbk")), whole, "gb18030", "detected")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, JAPANESE, KOREAN, RUSSIAN, ""])
def test_a_bom_wins_and_is_removed(codec: str, text: str) -> None:
    body = ("\ufeff" + text).encode(codec)
    for header in (None, "gb2312", "utf-16be", "utf-8"):
        check(decode(body, header), text, codec, "bom")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN, RUSSIAN])
def test_wide_charsets_without_a_bom(codec: str, text: str) -> None:
    whole = html(text, "utf-8")
    check(decode(whole.encode(codec)), whole, codec, "detected")
    cut = decode(whole.encode(codec)[:-1], "gb2312")
    assert cut is not None
    assert (cut.charset, cut.replaced) == (codec, 1)


def test_a_utf_8_bom_before_another_charset() -> None:
    """Editors and PHP includes put one there."""
    found = decode(b"\xef\xbb\xbf" + html(SIMPLIFIED, "gb2312").encode("gbk"))
    check(found, html(SIMPLIFIED, "gb2312"), "gb18030", "meta")


@pytest.mark.parametrize(("codec", "text"), [("iso2022_jp", JAPANESE), ("iso2022_kr", KOREAN)])
def test_escape_sequences(codec: str, text: str) -> None:
    found = decode(html(text).encode(codec))
    assert found is not None
    assert found.text == html(text)


def test_hz_is_read_where_it_is_declared() -> None:
    check(decode(html(SIMPLIFIED).encode("hz"), "hz-gb-2312"), html(SIMPLIFIED), "hz", "header")


@pytest.mark.parametrize("header", [None, "euc-tw", "big5"])
def test_euc_tw(header: str | None) -> None:
    """As iconv writes it; 銬, 薦 and 嚨 are elsewhere than in Big5, the last four in plane 2."""
    text = "雜誌上說，臺灣的春天，雨下得很久，大家都在等太陽。銬薦嚨咘鋆瀪甯"
    body = bytes.fromhex(
        "f7e3eba2c4b8eba9a1a2ead7fda4cefbd1cec5b2a1a2cfe4c4b6dab5d0fec4bca1a2c4cbd5a5dde7"
        "c7e3e1abc5b4e2eca1a4ebd0f5b5f8ad8ea2a5ec8ea2d5cc8ea2e9b48ea2beb0"
    )
    check(decode(body, header), text, "euc_tw", "header" if header == "euc-tw" else "detected")


def test_ascii_is_read_as_declared_or_as_utf_8() -> None:
    check(decode(html(ENGLISH).encode()), html(ENGLISH), "utf-8", "default")
    check(decode(html(ENGLISH).encode(), "gb2312"), html(ENGLISH), "gb18030", "header")
    check(decode(html(ENGLISH, "latin1").encode()), html(ENGLISH, "latin1"), "cp1252", "meta")
    # That it has no NULs says that it is none of these, whatever it declares.
    check(decode(html(ENGLISH).encode(), "utf-16"), html(ENGLISH), "utf-8", "default")


def test_short_valid_utf_8_against_a_declaration() -> None:
    """Bytes of a word or two that are valid in both: the likelier text wins."""
    check(decode("<p>© 2010 Example".encode(), "gb2312"), "<p>© 2010 Example", "utf-8", "detected")
    check(decode("<p>一些一些".encode("gbk"), "gb2312"), "<p>一些一些", "gb18030", "header")
    assert "<p>一些一些".encode("gbk").decode()  # valid UTF-8 too: Cyrillic nonsense


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("<p>首页 | 新闻中心 | 关于我们", "gb18030"),
        ("<p>首頁 | 最新消息 | 關於我們", "big5hkscs"),
        ("<p>今日のニュースはこちら", "euc_jp"),
        ("<p>今日のニュースはこちら", "cp932"),
        ("<p>회사 소개와 공지 사항", "cp949"),
        ("<p>Новости и погода", "koi8-r"),
        ("<p>Новости и погода", "cp1251"),
        ("<p>déjà vu, à la carte", "cp1252"),
        ("<p>“Yes”, she said – for £5…", "cp1252"),
        ("<p>à", "cp1252"),
    ],
)
def test_a_line_without_a_declaration(text: str, codec: str) -> None:
    check(decode(text.encode(codec)), text, codec, "detected")


@pytest.mark.parametrize(
    ("text", "label", "codec"),
    [
        pytest.param(GREEK, "iso-8859-7", "iso8859-7", id="greek"),
        pytest.param(GREEK, "windows-1253", "cp1253", id="greek_windows"),
        pytest.param(HEBREW, "windows-1255", "cp1255", id="hebrew"),
        pytest.param(ARABIC, "windows-1256", "cp1256", id="arabic"),
        pytest.param(THAI, "tis-620", "cp874", id="thai"),
        pytest.param(POLISH, "iso-8859-2", "iso8859-2", id="polish"),
        pytest.param(POLISH, "windows-1250", "cp1250", id="polish_windows"),
    ],
)
def test_charsets_of_other_scripts(text: str, label: str, codec: str) -> None:
    """As declared; undeclared, to the same text, by resiliparse's guess."""
    whole = html(text, label)
    check(decode(whole.encode(codec)), whole, codec, "meta")
    found = decode(html(text * 3).encode(codec))
    assert found is not None
    assert found.text == html(text * 3)
    assert found.source == "detected"


def test_the_whole_page_is_sampled() -> None:
    """A part in another charset, and a page without spaces, are weighed as the whole is."""
    body = (f"<p>{JAPANESE}" * 200).encode("euc_jp") + html(SIMPLIFIED * 1000).encode("gbk")
    found = decode(body)
    assert found is not None
    assert found.charset == "gb18030"
    assert found.text.endswith(html(SIMPLIFIED * 1000))
    run = "A" * 2999 + SIMPLIFIED * 100
    check(decode(run.encode("gbk")), run, "gb18030", "detected")


def test_four_byte_characters_of_gb18030() -> None:
    """Their second and fourth bytes are digits. Tibetan has no model here."""
    whole = html("བོད་ཡིག་ནི་བོད་པའི་སྐད་ཡིག་ཡིན། " * 5, "gb18030")
    check(decode(whole.encode("gb18030")), whole, "gb18030", "meta")


def test_valid_utf_8_is_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("skypile.kernels.reading.charset._sample")
    check(decode(html(SIMPLIFIED).encode(), "gbk"), html(SIMPLIFIED), "utf-8", "detected")


def test_nothing_is_the_empty_text() -> None:
    check(decode(b""), "", "utf-8", "default")
    check(decode(b"", "gbk"), "", "gb18030", "header")


def test_a_few_nuls_and_controls_are_kept() -> None:
    for codec in ("utf-8", "gbk", "ascii"):
        text = html(SIMPLIFIED if codec != "ascii" else ENGLISH * 4).replace("<p>", "<p>\0\x0b", 1)
        found = decode(text.encode(codec))
        assert found is not None
        assert found.text == text


def test_many_nuls_or_controls_are_binary() -> None:
    assert decode(b"abcd\0" * 500) is None
    assert decode(b"abc def ghi jklmnop\x01" * 500) is None
    text = f"{SIMPLIFIED[:60]}\x01" * 50
    assert decode(text.encode()) is not None  # pages in UTF-8 have up to 1.4 %
    assert decode(text.encode("gbk"), "gbk") is None  # UTF-8 is hard to be by accident, GBK is not


@pytest.mark.parametrize("control", [*range(9), 11, *range(14, 27), 28, 29, 30, 31, 127])
def test_many_of_any_one_control_are_binary(control: int) -> None:
    assert (
        decode((f"{SIMPLIFIED[:3]}{TRADITIONAL[:3]}\t\f\r\n" + 2 * chr(control)).encode() * 99)
        is None
    )


def test_white_space_and_escapes_are_no_controls() -> None:
    text = f"{SIMPLIFIED[:3]}{TRADITIONAL[:3]}\t\f\r\n\x1b" * 99
    check(decode(text.encode()), text, "utf-8", "detected")


def test_newlines_are_untouched() -> None:
    text = "一行\r\n二行\r三行\n\n" * 9
    for codec in ("utf-8", "gbk", "utf-16"):
        found = decode(text.encode(codec))
        assert found is not None
        assert found.text == text


def png(width: int) -> bytes:
    """A grey PNG image of random pixels."""
    pixels = b"".join(b"\0" + random.Random(i).randbytes(width) for i in range(width))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    ]
    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    for kind, data in chunks:
        out.write(struct.pack(">I", len(data)) + kind + data)
        out.write(struct.pack(">I", zlib.crc32(kind + data)))
    return out.getvalue()


@pytest.mark.parametrize("header", [None, "utf-8", "gbk", "iso-8859-1", "koi8-r", "utf-16"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n", id="png_signature"),
        pytest.param(png(1), id="png_1"),
        pytest.param(png(100), id="png_100"),
        pytest.param(zlib.compress(html(SIMPLIFIED * 50).encode()), id="deflate"),
        pytest.param(random.Random(1).randbytes(256), id="random_256"),
        pytest.param(random.Random(2).randbytes(100_000), id="random_100k"),
        pytest.param(bytes(range(256)) * 4, id="all_bytes"),
        pytest.param(b"\0\1\2\3" * 500, id="ascii_controls"),
    ],
)
def test_binary_content_is_undecodable(body: bytes, header: str | None) -> None:
    assert decode(body, header) is None


def test_what_reads_worse_than_random_bytes_is_undecodable() -> None:
    noise = [b for b in range(33, 256) if b != 127]
    assert decode(bytes(random.Random(3).choices(noise, k=20_000))) is None


def test_the_limit_on_replacements() -> None:
    clean = html(SIMPLIFIED * 20, "gb2312").encode("gbk")
    broken = clean.replace("豆腐".encode("gbk"), b"\xff\n\xff\n")
    found = decode(broken, max_replaced_fraction=0.05)
    assert found is not None
    assert found.replaced == found.text.count("\ufffd") == 40
    assert decode(broken, max_replaced_fraction=0.9 * 40 / len(found.text)) is None
    assert decode(broken) is None
    assert decode(clean, max_replaced_fraction=0.0) is not None


def test_replacement_characters_of_the_page_itself_are_not_counted() -> None:
    text = html("\ufffd" + SIMPLIFIED * 3)
    for codec in ("utf-8", "gb18030", "utf-16"):
        found = decode(text.encode(codec) + (b"\xff\n" if codec == "utf-8" else b""), "utf-8")
        assert found is not None
        assert found.replaced == (codec == "utf-8")


TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cn", "Co", "Cs"), exclude_characters="\ufeff"),
    max_size=300,
)


@given(TEXTS)
def test_any_text_in_utf_8_with_a_meta_comes_back(text: str) -> None:
    whole = f"<meta charset=utf-8>{text}"
    check(decode(whole.encode()), whole, "utf-8", "meta")


@given(TEXTS)
def test_any_text_in_utf_8_under_a_bom_comes_back(text: str) -> None:
    check(decode(("\ufeff" + text).encode(), "big5"), text, "utf-8", "bom")


def survives(body: bytes, header: str | None) -> None:
    first = decode(body, header)
    decode(b"\xb0\xa1" * 9, "gbk")
    assert decode(body, header) == first
    if first is not None:
        assert first.source in ("bom", "header", "meta", "detected", "default")
        assert first.replaced <= first.text.count("\ufffd")
        assert first.charset == first.charset.lower()
        assert not any(unicodedata.category(c) == "Cs" for c in first.text)


HEADERS = st.none() | st.text(max_size=30) | st.sampled_from([*WRONG, "euc-tw", "hz-gb-2312"])


@given(st.binary(max_size=300), HEADERS)
def test_any_bytes_any_header_never_raise_and_twice_are_the_same(
    body: bytes, header: str | None
) -> None:
    survives(body, header)


PIECES = [b"<meta charset=", b"gbk", b">", b"<!--", b"-->", b"<?xml encoding='", b"\x1b$B", b"~{"]
PIECES += [
    b"\xb0\xa1",
    b"\x8e\xa2\xa1\xa1",
    b"\xff\xfe",
    b"\0",
    b" ",
    b"a",
    b"\xe4\xb8\xad",
    b"\xa4",
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=40),
    HEADERS,
)
def test_any_bytes_of_pages_never_raise_and_twice_are_the_same(
    parts: list[bytes], header: str | None
) -> None:
    survives(b"".join(parts), header)


@pytest.mark.parametrize(
    "piece",
    [
        b"<meta ",
        b"<meta charset=",
        b"<!--<meta charset=gbk ",
        b"charset=",
        b"<?xml ",
        b" ",
        b"\xfe",
    ],
)
def test_no_page_takes_more_than_linear_time(piece: bytes) -> None:
    spent = []
    for size in (200_000, 1_600_000):
        body = piece * (size // len(piece)) + b"\xe9"
        start = time.process_time()
        decode(body)
        spent.append(time.process_time() - start)
    assert spent[1] < 1  # 1.6 MB take some 10 ms; quadratic work would take minutes


def test_gold_charsets(shared_data: Path) -> None:
    """Real files of 18 charsets and GBK pages: the whole of what `bench.encoding` measures."""
    files = [
        (shared_data / "encodings", r, r["gold_charset"]) for r in rows(shared_data / "encodings")
    ]
    folder = shared_data / "html_cwce_zh"
    files += [(folder, r, "GB2312") for r in rows(folder) if not r["valid_utf8"]]
    wrong = []
    for folder, row, label in files:
        body = page(folder, row)
        found = decode(body)
        right = gold_texts(body, label)
        if right and (found is None or found.text not in right):
            wrong.append(row["file"])
    assert len(wrong) <= 0.02 * len(files), wrong
