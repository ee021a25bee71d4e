"""The rows of the paper's Table 1: what a text is in the mixture, by language and kind.

A source names its kind; each document shows its language. `english_webpages`, `chinese_webpages`,
`other_encyclopedia` and so on; code is one category, whatever its comments are written in. A domain
of the mixture is a category in one of two partitions (2.1): `english_webpages.main`.
"""

KINDS = (
    "webpages",
    "books",
    "academic_papers",
    "encyclopedia",
    "social_media",
    "miscellany",
    "code",
)
ENGLISH, CHINESE, OTHER = "english", "chinese", "other"
LANGUAGES = (ENGLISH, CHINESE, OTHER)
CODE = "code"
CATEGORIES = (*(f"{a}_{kind}" for a in LANGUAGES for kind in KINDS if kind != CODE), CODE)
MAIN, STEM = PARTITIONS = ("main", "stem")
_CHINESE_CODES = frozenset({"zh", "yue", "wuu", "lzh"})  # as stage language has them


def category(language: str, kind: str) -> str:
    """The row of Table 1, as `english_webpages`."""
    return CODE if kind == CODE else f"{language}_{kind}"


def language_of(code: str) -> str:
    """English, Chinese or other, of an ISO 639 code."""
    if code == "en":
        return ENGLISH
    return CHINESE if code.partition("-")[0] in _CHINESE_CODES else OTHER


def language_by_script(letters: int, latin: int, han: int, kana: int) -> str:
    """The likeliest language of a text of which no more is known than how many of its letters are
    in which script: Latin counts as English, Han with hardly any kana as Chinese.

    A Chinese character says as much as 3.5 English letters, so a fifth of the letters makes a text
    Chinese.
    """
    if letters and 5 * han >= letters and 10 * kana < han:
        return CHINESE
    return ENGLISH if letters and 2 * latin >= letters else OTHER
