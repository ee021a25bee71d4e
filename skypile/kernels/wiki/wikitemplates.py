"""The templates that carry text, what text that is, and those that are references.

A Wikipedia has hundreds of thousands of templates; what one shows, without the site, is known only
from its manual page. These are the ones that stand inside sentences. All others carry no text here.
Names are written as `wikiterms.name` has them, with underscores for spaces in the lists.
"""

import re
from collections.abc import Callable, Mapping

from skypile.kernels.wiki.wikimarkup import BREAK
from skypile.kernels.wiki.wikiterms import SISTERS, name

Values = Mapping[str, str]  # of a template's parameters by name or number, stripped, as text
Shown = Callable[[Values], str]


def _numbered(values: Values) -> list[str]:
    return [values[k] for k in sorted((k for k in values if k.isdecimal()), key=int) if values[k]]


def _first(*keys: str) -> Shown:
    return lambda values: next((values[k] for k in keys if values.get(k)), "")


def _last(values: Values) -> str:
    return (_numbered(values) or [""])[-1]


def _joined(by: str) -> Shown:
    return lambda values: by.join(_numbered(values))


def _literal(text: str) -> Shown:
    return lambda values: text


def _apart(shown: Shown) -> Shown:
    return lambda values: f"{BREAK}{shown(values)}{BREAK}"


_RANGES = {"-": "–", "–": "–", "to": " to ", "and": " and ", "by": " × ", "x": " × ", "or": " or "}
_UNITS = {"sqmi": "sq mi", "sqft": "sq ft", "C": "°C", "F": "°F", "mi2": "sq mi", "ft2": "sq ft"}
_NUMBER = re.compile(r"[-−+]?\d[\d,.\s]*(?:e[-+]?\d+)?(?:[+/]\d+(?:/\d+)?)?\Z")


def _unit(code: str) -> str:
    return _UNITS.get(code) or re.sub("(?<=[a-z])([23])$", lambda m: "²³"[int(m[1]) - 2], code)


def _convert(values: Values) -> str:
    """{{convert|5|-|10|km|mi}} shows the first unit, {{convert|6|ft|2|in}} both."""
    words = _numbered(values)
    text = ""
    for i, word in enumerate(words):
        if _NUMBER.match(word) and (not text or text.endswith(tuple(_RANGES.values()))):
            text += word
        elif word in _RANGES and text:
            text += _RANGES[word]
        else:
            text += f" {_unit(word)}"
            feet = words[i + 1 : i + 3]
            if word in ("ft", "st", "lb") and len(feet) == 2 and _NUMBER.match(feet[0]):
                text += f" {feet[0]} {_unit(feet[1])}"
            break
    return text.strip()


def _value(values: Values) -> str:
    power = f"×10^{values['e']}" if values.get("e") else ""
    unit = values.get("u") or values.get("ul") or ""
    return f"{values.get('1', '')}{power} {unit}".strip()


def _fraction(values: Values) -> str:
    *whole, last = _numbered(values) or [""]
    if not whole:
        return f"1/{last}" if last else ""
    return f"{' '.join(whole)}/{last}"


_MONTHS = """January February March April May June July August September October November
December"""


def _as_of(values: Values) -> str:
    year, month, day, *_ = [*_numbered(values), "", "", ""]
    if month.isdecimal() and 1 <= int(month) <= 12:
        month = _MONTHS.split()[int(month) - 1]
    date = " ".join(filter(None, (day, month, year)))
    return f"{'as' if values.get('lc') else 'As'} of {date}"


def _around(before: str) -> Shown:
    return lambda values: f"{before} {'–'.join(_numbered(values))}".strip()


def _ship(prefix: str) -> Shown:
    def shown(values: Values) -> str:
        words = ([prefix] if prefix else []) + _numbered(values)
        shape = len(words) > 3 and words[3].isdecimal()  # the last one says which parts show
        mark = f" ({words[2]})" if len(words) > 2 and not shape else ""
        return " ".join(words[:2]) + mark

    return shown


def _nihongo(values: Values) -> str:
    word, inside = values.get("1", ""), [values.get("2", ""), values.get("3", "")]
    inside = [x for x in inside if x]
    return f"{word} ({', '.join(inside)})" if word and inside else word or ", ".join(inside)


def _ruby(values: Values) -> str:
    base, reading = values.get("1", ""), values.get("2", "")
    return f"{base}({reading})" if base and reading else base


def _interlanguage(values: Values) -> str:
    if values.get("lt") or values.get("1", "") not in SISTERS:
        return values.get("lt") or values.get("1", "")
    return values.get("2", "")


_SHIPS = ("USS", "HMS", "SS", "HMAS", "HMCS", "RMS", "MV", "USCGC")
_TABLE: list[tuple[Shown, str]] = [
    (
        _first("1", "text", "content"),
        "nowrap nobr nobreak small smaller big larger large em strong bold italic italics "
        "mono monospace code tt kbd var samp sup sub math mvar abbr tooltip visible_anchor "
        "vanchor not_a_typo typo sic annotated_link anl plainlist flatlist columns-list "
        "col-list smallcaps sc allcaps script unicode pinyin flag flagcountry flagu "
        "flaglink 僻字 ul underline overline strikethrough zhi midsize kaiti 楷體 楷体 nobold "
        "normal noitalic key keypress iast center left right align block_indent",
    ),
    (
        _last,
        "lang langx rtl-lang transl transliteration translit color colour font_color "
        "fontcolor font",
    ),
    (
        _apart(_first("text", "quote", "1", "content")),
        "quote cquote blockquote quotation bq rquote centered_quote quote_block block_quote "
        "cita zitat 引用 引文 引言 pull_quote poem poemquote poem_quote verse_translation",
    ),
    (_ruby, "ruby ruby-ja ruby-zh-p ruby-zh-b ruby-py ふりがな ルビ"),
    (_first("3", "d", "1"), "le ilh internal_link_helper"),
    (_first("4", "3"), "tsl translink"),
    (_first("1"), "仮リンク"),
    (_interlanguage, "ill interlanguage_link interlanguage_link_multi ill-wd illm"),
    (_nihongo, "nihongo nihongo2 nihongo3"),
    (_convert, "convert cvt"),
    (_value, "val"),
    (_fraction, "frac sfrac fraction"),
    (_as_of, "as_of"),
    (_around("c."), "circa c."),
    (_around("fl."), "floruit fl."),
    (_around("r."), "reign"),
    (_ship(""), "ship"),
    (lambda values: "-class ".join(_numbered(values)[:2]), "sclass sclass2"),
    *((_ship(prefix), prefix.lower()) for prefix in _SHIPS),
    (_joined(""), "linktext chem chem2"),
    (_joined(", "), "hlist comma_separated_entries csl"),
    (_joined(BREAK), "ubl ublist unbulleted_list bulleted_list ordered_list"),
    (_literal("–"), "ndash en_dash nsndash"),
    (_literal(" – "), "spaced_ndash snd spnd spndash sndash spaced_en_dash"),
    (_literal("—"), "mdash em_dash mdashb"),
    (_literal(" — "), "spaced_mdash spaced_em_dash"),
    (_literal(" "), "nbsp space sp thinsp thin_space hair_space spaces"),
    (_literal(" · "), "· dot middot bold_middot"),
    (_literal("|"), "!"),
    (_literal("="), "="),
    (_literal("'"), "' apostrophe"),
    (_literal("'s"), "'s"),
    (lambda values: f"⟨{values.get('1', '')}⟩", "angbr angle_bracket"),
    (lambda values: f"×10^{values.get('1', '')}", "e"),
    (_literal("..."), "..."),
    (lambda values: "€" + values.get("1", ""), "euro €"),
    (lambda values: "£" + values.get("1", ""), "£ gbp"),
    (lambda values: "$" + values.get("1", ""), "us$ usd"),
    (lambda values: "¥" + values.get("1", ""), "¥ jpy cny"),
]
_BY_NAME = {name(title): shown for shown, titles in _TABLE for title in titles.split()}
# Families: {{lang-fr|texte}}, {{link-de|本地|fremd|顯示}}, {{formatnum:1234}}.
_FAMILIES: list[tuple[re.Pattern[str], Shown]] = [
    (re.compile(r"lang-[a-z-]{2,12}\Z"), _first("1", "text")),
    (re.compile(r"link-[a-z-]{2,12}\Z"), _first("3", "d", "1")),
    (re.compile(r"internal link helper/[a-z-]{2,12}\Z"), _first("3", "d", "1")),
]
_FORMAT = "formatnum:"
_CITES = re.compile(
    r"(?:cite|citation|vcite|vancite|citeer|literatur|internetquelle|ouvrage|article|книга|статья|"
    r"refn?|efn|notetag|#tag:ref)(?:[ :-]|\Z)|(?:cita|citar|lien) "
)


def cites(title: str) -> bool:
    """Whether a template of this name is a reference, or holds one."""
    return _CITES.match(title) is not None


def kept(title: str) -> bool:
    """Whether a template of this name carries text."""
    return title in _BY_NAME or title.startswith(_FORMAT) or _family(title) is not None


def _family(title: str) -> Shown | None:
    return next((shown for family, shown in _FAMILIES if family.match(title)), None)


def text_of(title: str, values: Values) -> str:
    """The text that a kept template carries; empty where it lacks what it should show."""
    if title.startswith(_FORMAT):
        return title.removeprefix(_FORMAT)
    shown = _BY_NAME.get(title) or _family(title)
    return shown(values) if shown else ""
