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

import numpy as np

from skypile.kernels import characters, personal_scan, surroundings
from skypile.kernels.compiled import I64, U32
from skypile.kernels.surroundings import FILLED

KINDS = {
    surroundings.EMAIL: "email",
    surroundings.IP: "ip",
    surroundings.RESIDENT_ID: "resident_id",
    surroundings.PHONE: "phone",
    surroundings.BANK_CARD: "bank_card",
}
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
    spans = _spans(text)
    kinds = [KINDS[kind] for kind in spans[:, 2].tolist()]
    return list(zip(spans[:, 0].tolist(), spans[:, 1].tolist(), kinds, strict=True))


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with placeholders in place of personal data, and how many of each kind (only of the
    kinds that occur, in the order of PLACEHOLDERS).
    """
    pieces, last = [], 0
    counts = dict.fromkeys(PLACEHOLDERS, 0)
    for start, end, kind in find(text):
        pieces += [text[last:start], PLACEHOLDERS[kind]]
        counts[kind] += 1
        last = end
    masked = "".join([*pieces, text[last:]])
    return masked, {kind: count for kind, count in counts.items() if count}


def _spans(text: str) -> I64:
    folded = characters.folding()[characters.code_points(text)]
    for kind, placeholder in PLACEHOLDERS.items():
        at = text.find(placeholder)
        while at >= 0:
            code = next(k for k, name in KINDS.items() if name == kind)
            folded[at : at + len(placeholder)] = FILLED + code
            at = text.find(placeholder, at + len(placeholder))
    out = np.empty((len(text) // 5 + 2, 3), np.int64)
    spans = out[: personal_scan.scan(folded, *_words(), out)]
    return spans[np.argsort(spans[:, 0])]


@functools.cache
def _words() -> tuple[U32, U32, U32]:
    """The words that numbers stand behind, as the scanner reads them: from the end, 0 behind."""
    found = []
    for words in (PHONE_WORDS, ID_WORDS, VERSION_WORDS):
        table = np.zeros((len(words), max(map(len, words)) + 1), np.uint32)
        for row, word in zip(table, words, strict=True):
            row[: len(word)] = characters.code_points(word)[::-1]
        found.append(table)
    return found[0], found[1], found[2]
