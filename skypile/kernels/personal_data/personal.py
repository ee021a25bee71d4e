"""Personal data in text: found by rules that take linear time, and masked by placeholders.

- `email`, `<EMAIL>`: e-mail addresses.
- `ip`, `<IP>`: public IPv4 and IPv6 addresses; no private ones, versions, section numbers.
- `resident_id`, `<ID>`: Chinese resident IDs, 18 digits with province, birthday and checksum; with
  15 digits only behind a word such as 身份证.
- `phone`, `<PHONE>`: Chinese mobiles, with +86 or without; numbers with + and a country code; North
  American ones written 415-555-2671, (415) 555-2671 or 415.555.2671; landlines, and those with
  spaces, only behind a word such as 电话 or `tel`; no toll-free numbers.
- `bank_card`, `<CARD>`: 16 to 19 digits in an issuer's range, with the checksum (Luhn).

Full-width digits and letters, ＠ and dashes of all kinds count as their ASCII forms. A placeholder
is the same whatever it replaces, holds no digit and no @, and does not depend on the text: masking
is deterministic, and masking twice is masking once.

A rule per kind decides from the characters around, never further away than 300: a megabyte takes
some milliseconds whatever is in it. Left out: names, postal addresses, passports, licence plates,
QQ and WeChat names, MAC addresses; numbers in Chinese digits (一三八).
"""

import functools
from urllib.parse import unquote

import numpy as np

from skypile.kernels.compiled import I64, U32
from skypile.kernels.personal_data import personal_scan, placeholders, surroundings
from skypile.kernels.text import characters

KINDS = {
    surroundings.EMAIL: "email",
    surroundings.IP: "ip",
    surroundings.RESIDENT_ID: "resident_id",
    surroundings.PHONE: "phone",
    surroundings.BANK_CARD: "bank_card",
}
MAX_ENCODINGS = 4  # of a URL in a URL in a URL
PLACEHOLDERS = {
    "email": "<EMAIL>",
    "ip": "<IP>",
    "resident_id": "<ID>",
    "phone": "<PHONE>",
    "bank_card": "<CARD>",
}
PHONE_WORDS = (
    *(
        "电话",
        "電話",
        "手机",
        "手機",
        "传真",
        "傳真",
        "座机",
        "座機",
        "热线",
        "熱線",
        "联系",
        "聯繫",
    ),
    *(
        "聯絡",
        "联络",
        "致电",
        "致電",
        "拨打",
        "撥打",
        "咨询",
        "諮詢",
        "联系方式",
        "聯繫方式",
        "电话号码",
    ),
    *(
        "電話號碼",
        "手机号",
        "手機號",
        "手机号码",
        "手機號碼",
        "联系人",
        "tel",
        "phone",
        "call",
        "fax",
    ),
    *("mobile", "telephone", "cell", "whatsapp", "hotline"),
)
ID_WORDS = (
    *("身份证", "身份證", "身分證", "身份证号", "身份證號", "身分證號", "身份证号码", "身份證號碼"),
    *(
        "身分證號碼",
        "身分证",
        "证件号",
        "證件號",
        "证件号码",
        "證件號碼",
        "公民身份号码",
        "id card",
    ),
    *("id no", "id number", "identity card"),
)
VERSION_WORDS = (
    "版本",
    "版",
    "固件",
    "韌體",
    "v",
    "ver",
    "version",
    "firmware",
    "release",
    "build",
)


def find(text: str) -> list[tuple[int, int, str]]:
    """(start, end, kind) of each piece of personal data, by start, in code points; none overlap."""
    if not text:
        return []
    spans = _spans(characters.code_points(text))
    kinds = [KINDS[kind] for kind in spans[:, 2].tolist()]
    return list(zip(spans[:, 0].tolist(), spans[:, 1].tolist(), kinds, strict=True))


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with placeholders in place of personal data, and how many of each kind (only of the
    kinds that occur, in the order of PLACEHOLDERS).
    """
    points = characters.code_points(text)
    spans = _spans(points) if text else np.zeros((0, 3), np.int64)
    if not len(spans):
        return text, {}
    longest = max(map(len, PLACEHOLDERS.values()))
    out = np.empty(len(text) + longest * len(spans), np.uint32)
    size = placeholders.mask(points, spans, _placeholders(), out)
    masked = out[:size].tobytes().decode("utf-32-le", "surrogatepass")
    counts = np.bincount(spans[:, 2], minlength=1 + len(KINDS)).tolist()
    return masked, {kind: counts[code] for code, kind in KINDS.items() if counts[code]}


def mask_url(url: str) -> str:
    """A URL with placeholders, also for what its percent-encoding hides (`?to=a%40b.example`, and
    that encoded again, up to MAX_ENCODINGS times): then it is written without the encoding.
    """
    shown = plain = mask(url)[0]
    left = MAX_ENCODINGS
    while left:
        before, plain, left = plain, unquote(plain), left - 1
        if plain == before:
            break
        if find(plain):
            shown = plain = mask(plain)[0]
            left = MAX_ENCODINGS  # of what is shown now
    return shown


def _spans(points: U32) -> I64:
    """Rows of (start, end, kind), by start."""
    folded = characters.folding()[points]
    placeholders.fill(points, _placeholders(), folded)
    out = np.empty((len(points) // 5 + 2, 3), np.int64)
    spans = out[: personal_scan.scan(folded, *_words(), out)]
    return spans[np.argsort(spans[:, 0])]


@functools.cache
def _placeholders() -> U32:
    """[kind, character], 0 behind the last; the row of no kind is empty."""
    table = np.zeros((1 + len(KINDS), 1 + max(map(len, PLACEHOLDERS.values()))), np.uint32)
    for code, kind in KINDS.items():
        points = characters.code_points(PLACEHOLDERS[kind])
        table[code, : len(points)] = points
    return table


@functools.cache
def _words() -> tuple[U32, U32, U32]:
    """The words that numbers stand behind, as the scanner reads them."""
    tables = [surroundings.word_table(w) for w in (PHONE_WORDS, ID_WORDS, VERSION_WORDS)]
    return tables[0], tables[1], tables[2]
