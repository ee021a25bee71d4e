"""Which digits are what: checks of resident IDs, bank cards and telephone numbers, compiled.

Digits come as an array of values 0 to 9. Sources: GB 11643-1999 (resident IDs, with ISO 7064 MOD
11-2), GB/T 2260 (provinces), ISO/IEC 7812 (cards, Luhn), MIIT's mobile prefixes, ITU E.164, NANP.
"""

import numpy as np

from skypile.kernels.compiled import I64, U8, compiled

# First two digits of an ID: provinces; 81 to 83 are residence permits for Hong Kong, Macao, Taiwan.
_PROVINCES = np.zeros(100, np.uint8)
_PROVINCES[
    [
        *(*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)),
        *(*range(61, 66), 71, 81, 82, 83),
    ]
] = 1
# First three digits of a mobile number in mainland China.
_MOBILE = np.zeros(1000, np.uint8)
_MOBILE[
    [
        *(*range(130, 142), *range(144, 154), *range(155, 160), 162, 165, 166, 167),
        *(*range(170, 179), *range(180, 200)),
    ]
] = 1
# Numbers of businesses, which the caller does not pay: not personal.
_TOLL_FREE = np.zeros(1000, np.uint8)
_TOLL_FREE[[400, 800, 822, 833, 844, 855, 866, 877, 888]] = 1
# Country codes (E.164) by their first two digits: how many digits they have; 0: none begins so.
_COUNTRY = np.full(100, 3, np.uint8)
_COUNTRY[:10] = 0
_COUNTRY[10:20] = 1
_COUNTRY[70:80] = 1
_COUNTRY[
    [
        *(20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59)),
        *(*range(60, 67), 81, 82, 84, 86, *range(90, 96), 98),
    ]
] = 2
_COUNTRY[[28, 83, 89]] = 0
_MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], np.int64)


@compiled
def value(d: U8, start: int, stop: int) -> int:
    """The number that the digits spell."""
    found = 0
    for i in range(start, stop):
        found = 10 * found + d[i]
    return found


@compiled
def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day; years from 1900 to 2039 (no clock is asked)."""
    if not (1900 <= year <= 2039 and 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]):
        return False
    return month != 2 or day < 29 or (year % 4 == 0 and year != 1900)


@compiled
def is_resident_id(d: U8, check: int) -> bool:
    """Whether 17 digits and the check digit (10 for X) are an ID: province, birthday, checksum."""
    total = 0
    for i in range(17):
        total += d[i] * _ID_WEIGHTS[i]
    return (
        (12 - total % 11) % 11 == check
        and _PROVINCES[value(d, 0, 2)] != 0
        and is_date(value(d, 6, 10), value(d, 10, 12), value(d, 12, 14))
    )


@compiled
def is_old_resident_id(d: U8) -> bool:
    """Whether 15 digits may be an ID from before 1999, which has no checksum."""
    if not _PROVINCES[value(d, 0, 2)]:
        return False
    return is_date(1900 + value(d, 6, 8), value(d, 8, 10), value(d, 10, 12))


@compiled
def is_card(d: U8, size: int) -> bool:
    """Whether 16 to 19 digits are a card number: an issuer's range of that length, and Luhn."""
    two, four = value(d, 0, 2), value(d, 0, 4)
    sixteen = size == 16 and (
        d[0] == 4 or 51 <= two <= 55 or 2221 <= four <= 2720 or 3528 <= four <= 3589
    )
    discover = size in (16, 19) and (four == 6011 or two == 65 or 6440 <= four <= 6499)
    union_pay = two == 62 or (four == 9558 and size == 19) or (four == 9559 and size == 19)
    if not (sixteen or discover or union_pay):
        return False
    total, same = 0, 0
    for i in range(size):
        twice = d[size - 1 - i] * (1 + i % 2)
        total += twice - 9 * (twice > 9)
        same += d[i] == d[size - 1]
    return total % 10 == 0 and same < size


@compiled
def _zeros_at_end(d: U8, start: int, stop: int) -> int:
    found = 0
    while stop - found > start and d[stop - 1 - found] == 0:
        found += 1
    return found


@compiled
def is_mobile(d: U8, start: int) -> bool:
    """Whether the 11 digits from start are a mobile number of mainland China, and no round sum."""
    return _MOBILE[value(d, start, start + 3)] != 0 and _zeros_at_end(d, start, start + 11) < 6


@compiled
def is_nanp(d: U8, start: int) -> bool:
    """Whether the 10 digits from start are a North American number that is not toll-free."""
    area = value(d, start, start + 3)
    return bool(d[start] >= 2 and d[start + 3] >= 2 and _TOLL_FREE[area] == 0)


@compiled
def is_landline(d: U8, size: int) -> bool:
    """Whether digits from 0 on are an area code of mainland China or Taiwan and a number there."""
    if d[0] != 0 or d[1] == 0:
        return False
    if d[1] == 1 or d[1] == 2:  # 010, 02x with 7 or 8 digits; Taipei's 02 with 8
        return 10 <= size <= 11 and (d[1] == 2 or d[2] == 0)
    return 9 <= size <= 12  # 0xxx with 7 or 8; Taiwan's 0x with 7, and its mobiles 09xx


@compiled
def is_international(d: U8, size: int) -> bool:
    """Whether the digits behind a + are a number with a country code; China's and NANP exactly."""
    if not 8 <= size <= 15 or _zeros_at_end(d, 0, size) >= 6:
        return False
    two = value(d, 0, 2)
    if two == 86:
        if size == 13 and d[2] == 1:
            return is_mobile(d, 2)
        return (12 <= size <= 13 and d[2] >= 2) or (12 <= size <= 13 and d[2] == 1 and d[3] == 0)
    if d[0] == 1:
        return size == 11 and is_nanp(d, 1)
    return bool(_COUNTRY[two] > 0)


@compiled
def lengths_are(groups: I64, at: int, count: int, a: int, b: int, c: int, e: int) -> bool:
    """Whether the groups of digits from `at` on have these lengths; 0 for no further group.

    count: how many groups there are.
    """
    need = 1 + (b > 0) + (c > 0) + (e > 0)
    return (
        count - at >= need
        and groups[at] == a
        and (b == 0 or groups[at + 1] == b)
        and (c == 0 or groups[at + 2] == c)
        and (e == 0 or groups[at + 3] == e)
    )
