"""The numbers that an English or a Chinese text names, so that a translation can be checked for
them: digits of any width, 1.2万 and 1.2 million, 三百二十, dates, percent, ordinals, number words.

A number in digits must come back in a translation; one in words may not (`one of the`, 一些, 千万),
and serves only to answer digits on the other side. A mention has several values where usage
differs: `1990s` is 90年代, 15点 is 3 p.m., 5千米 is 5 km.

Left out: conversion of units, currencies and calendars (民国), fractions beyond halves, fuzzy
numbers (数十, dozens).
"""

import re
from dataclasses import dataclass
from decimal import Decimal

Value = Decimal | str  # a string for what is no quantity: versions, addresses (2.6.32)

_NARROW = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_DIGITS = r"(?:[0-9]{1,3}(?:[,\u00a0\u202f][0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)*"
# (before, number, behind): a letter before makes it part of a name (MP3), which is not a number.
_NUMBER = re.compile(rf"(?<![0-9.])({_DIGITS})", re.ASCII)
_MAX_DIGITS = 24  # longer ones are keys and serial numbers, equal or not
_GROUPING = str.maketrans("", "", ",\u00a0\u202f")

_SCALE_WORDS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_SCALE_WORDS |= {"trillion": 10**12}
_SCALE = re.compile(
    r"[\s\u00a0-]{0,2}(hundred|thousand|million|billion|trillion)s?\b|(k|m|mn|bn|b|tn)\b", re.I
)
_SHORT = {"k": 1000, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9, "tn": 10**12}
_DECADE = re.compile(r"['’]?s\b")
_POINTED = re.compile(r"\b([0-9]{1,2})\.([0-9]{2})(?=\s?[ap]\.?m\b)")  # 4.40 am
_CLOCK = re.compile(r"\s?(?::[0-9]{2}|[点點时時])")


def _words(text: str) -> list[str]:
    return text.split()


_ONES = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_MONTHS = _words(
    "january february march april may june july august september october november december"
)
_SMALL = {
    **{w: i for i, w in enumerate(_ONES)},
    **{w: i for i, w in enumerate(_ORDINALS, 1)},
    **{w: 10 * i for i, w in enumerate(_TENS, 2)},
    **{w[:-1] + "ieth": 10 * i for i, w in enumerate(_TENS, 2)},
}
_ALONE = {
    **{w: i for i, w in enumerate(_MONTHS, 1)},
    **{w[:3]: i for i, w in enumerate(_MONTHS, 1)},
    **{"sept": 9, "once": 1, "single": 1, "twice": 2, "both": 2, "double": 2, "pair": 2},
    **{"couple": 2, "triple": 3, "quarter": 4, "dozen": 12, "noon": 12},
}
_WORD = re.compile(r"[a-z]+")
_ROMAN = re.compile(r"\b(?=[IVXLC]{2,12}\b)(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})\b")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}

_HAN_DIGITS = {
    c: i
    for i, chars in enumerate(
        (
            "〇零○",
            "一壹弌",
            "二贰貳两兩",
            "三叁參叄",
            "四肆",
            "五伍",
            "六陆陸",
            "七柒",
            "八捌",
            "九玖",
        )
    )
    for c in chars
}
_HAN_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_HAN_BIG = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN_TENS = {"廿": 20, "卅": 30}
_HAN_CHARS = "".join([*_HAN_DIGITS, *_HAN_SMALL, *_HAN_BIG, *_HAN_TENS])
_HAN_RUN = re.compile(rf"[{_HAN_CHARS}]+(?:[点點][{''.join(_HAN_DIGITS)}]+)?")
_UNITS = "".join([*_HAN_SMALL, *_HAN_BIG])
_STEP = re.compile(rf"({_DIGITS})\s?([{_UNITS}]+)", re.ASCII)
# 1.2万, 3亿5千万, 1万2000, 3万5: steps, and what follows the last one.
_MIXED = re.compile(rf"(?<![0-9.])((?:{_DIGITS}\s?[{_UNITS}]+)+)([0-9]{{0,4}})(?![0-9])", re.ASCII)
_CENTURY = re.compile(r"([0-9]{2})\s?世[纪紀]\s?(?:的\s?)?([0-9])0\s?年代")


@dataclass(frozen=True)
class Numbers:
    """stated: each number in digits, as its possible values. known: every value that the text
    gives, in digits or words.
    """

    stated: tuple[frozenset[Value], ...]
    known: frozenset[Value]

    def missing_in(self, other: "Numbers") -> int:
        """How many of the stated numbers the other text does not give in any form."""
        return sum(not (values & other.known) for values in self.stated)


def numbers(text: str) -> Numbers:
    """The numbers of a text in English or Chinese (simplified or traditional), or a mixture."""
    if _FULL_WIDTH.search(text):
        text = text.translate(_NARROW)
    stated: list[frozenset[Value]] = []
    loose: set[Value] = set()

    def century(m: re.Match[str]) -> str:
        decade = 10 * int(m[2])
        stated.append(frozenset({Decimal(decade), Decimal(100 * (int(m[1]) - 1) + decade)}))
        return " "

    def mixed(m: re.Match[str]) -> str:
        stated.append(_stepped(m[1], m[2]))
        return " "

    text = _POINTED.sub(r"\1:\2", text)
    text = _MIXED.sub(mixed, _CENTURY.sub(century, text))
    for m in _NUMBER.finditer(text):
        before = text[m.start() - 1] if m.start() else " "
        values = _values(m[1], text, m.end())
        if before.isascii() and (before.isalpha() or before == "_"):
            loose |= values
        else:
            stated.append(values)
    loose |= _english(text) | _chinese(text)
    return Numbers(tuple(stated), frozenset(loose.union(*stated)))


def _values(digits: str, text: str, end: int) -> frozenset[Value]:
    """What a number in digits may mean, by what follows it at `end`."""
    if len(digits) > _MAX_DIGITS or digits.count(".") > 1:
        return frozenset({digits})
    value = Decimal(digits.translate(_GROUPING))
    found = {value}
    if scale := _SCALE.match(text, end):
        found.add(value * _scale_of(scale))
    elif _DECADE.match(text, end) and 1000 <= value < 2100 and value % 10 == 0:
        found.add(value % 100)
    elif _CLOCK.match(text, end) and 13 <= value <= 24:
        found.add(value - 12)
    return frozenset(found)


def _scale_of(found: re.Match[str]) -> int:
    return _SCALE_WORDS[found[1].lower()] if found[1] else _SHORT[found[2].lower()]


def _stepped(steps: str, rest: str) -> frozenset[Value]:
    """Digits with units: their sum, and of a single step the digits too (5千米 is 5 km)."""
    total, first, scale = Decimal(0), Decimal(0), 1
    found = _STEP.findall(steps)
    for digits, units in found:
        if len(digits) > _MAX_DIGITS or digits.count(".") > 1:
            return frozenset({steps})
        first, scale = Decimal(digits.translate(_GROUPING)), 1
        for char in units[:6]:
            scale *= _HAN_SMALL.get(char) or _HAN_BIG[char]
        total += first * scale
    if rest:
        total += int(rest) * (scale // 10 if len(rest) == 1 else 1)
    return frozenset({total, first} if len(found) == 1 and not rest else {total})


def _english(text: str) -> set[Value]:
    """Values of number words, months, and Roman numerals."""
    found: set[Value] = set()
    total, current, last = 0, 0, -1
    for m in _WORD.finditer(text.lower()):
        word = m[0].removesuffix("s") if m[0] not in _SMALL else m[0]
        if word in _ALONE:
            found.add(Decimal(_ALONE[word]))
        if word == "and" and last >= 0:
            continue
        joined = last >= 0 and m.start() - last <= 5
        if not joined or (word not in _SMALL and word not in _SCALE_WORDS):
            total, current = 0, 0
        if word in _SMALL:
            small = _SMALL[word]
            found.add(Decimal(small))
            current = current + small if not current or _fits(current, small) else small
        elif word in _SCALE_WORDS:
            scale = _SCALE_WORDS[word]
            current = max(current, 1) * scale
            if scale > 100:
                total, current = total + current, 0
        else:
            last = -1
            continue
        found.add(Decimal(total + current))
        last = m.end()
    found |= {Decimal(_roman(m[0])) for m in _ROMAN.finditer(text) if m[0]}
    return found


def _fits(current: int, small: int) -> bool:
    """Whether a word goes on with the number before it: twenty-three, three hundred and twenty."""
    return (current % 100 == 0) or (current % 10 == 0 and current % 100 >= 20 and 0 < small < 10)


def _roman(text: str) -> int:
    values = [_ROMAN_DIGITS[c] for c in text]
    behind = [*values[1:], 0]
    return sum(v if v >= b else -v for v, b in zip(values, behind, strict=True))


def _chinese(text: str) -> set[Value]:
    """Values of numbers in Chinese characters."""
    found: set[Value] = set()
    for m in _HAN_RUN.finditer(text):
        whole, _, part = m[0][:_MAX_DIGITS].replace("點", "点").partition("点")
        value = _han_value(whole)
        found.add(Decimal(value))
        if part:
            digits = "".join(str(_HAN_DIGITS[c]) for c in part)
            found.add(Decimal(f"{value}.{digits}"))
    if "半" in text:
        found.add(Decimal("0.5"))
    return found


def _han_value(run: str) -> int:
    """三百二十 is 320, 二〇二三 is 2023, 一万二千 is 12,000, 十五 is 15, 万 is 10,000."""
    if all(c in _HAN_DIGITS for c in run):
        return int("".join(str(_HAN_DIGITS[c]) for c in run))
    total, section, digit = 0, 0, 0
    for char in run:
        if char in _HAN_DIGITS:
            digit = 10 * digit + _HAN_DIGITS[char]
        elif char in _HAN_TENS:
            section, digit = section + _HAN_TENS[char], 0
        elif char in _HAN_SMALL:
            section, digit = section + max(digit, 1) * _HAN_SMALL[char], 0
        else:
            whole = section + digit
            big = _HAN_BIG[char]
            if total and whole == 0:  # 万亿
                total *= big
            elif total and big > _last_big(total):
                total = (total + whole) * big
            else:
                total += max(whole, 1) * big
            section, digit = 0, 0
    return total + section + digit


def _last_big(total: int) -> int:
    return 10**8 if total % 10**8 == 0 else 10**4
