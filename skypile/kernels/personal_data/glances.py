"""Whether a closer look at a place in a text is worth while for `personal_scan`.

Most groups of digits are too short for anything, and text made to be slow is nearly all such
places, so what is cheap is asked first. Functions of one array: a call with all the scanner's
arrays costs as much as this for ten characters. What is turned away here nothing there would take.
"""

from skypile.kernels.compiled import U32, compiled
from skypile.kernels.personal_data.surroundings import (
    CLOSE,
    COLON,
    DASH,
    DOT,
    OPEN,
    PLUS,
    SPACE,
    char_at,
    is_digit,
    may_begin,
)


@compiled
def chained(c: U32, i: int) -> bool:
    """Whether another group of digits stands one space before i."""
    return char_at(c, i - 1) == SPACE and is_digit(char_at(c, i - 2))


@compiled
def _enough_digits(c: U32, i: int) -> bool:
    """Whether + or ( at i has the digits of a number behind it, as `_open_number` reads on."""
    near = 0
    for k in range(i + 1, min(i + 7, len(c))):
        near += is_digit(c[k])
    if near <= 2:
        return False
    plus = c[i] == PLUS or char_at(c, i + 1) == PLUS
    j = i + 1 + int(plus and c[i] == OPEN)
    size = gap = 0
    closed = False
    while j < len(c) and gap <= 2:
        p = c[j]
        j += 1
        if is_digit(p):
            size += 1
            gap = 0
            if size == 8:
                return True
            continue
        if p == CLOSE and size > 0 and not closed:
            closed = True
        elif not (p == SPACE or p == DASH or p == DOT or (p == OPEN and plus and size <= 4)):
            return False
        gap += 1
    return False


@compiled
def _is_first_group(c: U32, i: int) -> bool:
    """Whether 2000: to 3fff: stands at i, as global IPv6 addresses begin."""
    if not (char_at(c, i) == 50 or char_at(c, i) == 51) or char_at(c, i + 4) != COLON:
        return False
    found = True
    for k in range(i + 1, i + 4):
        found = found and (is_digit(c[k]) or (c[k] >= 97 and c[k] <= 102))
    return found


@compiled
def is_promising(c: U32, i: int) -> bool:
    """Whether a number or address may begin at i: a digit that follows none, + or (."""
    if c[i] == PLUS or c[i] == OPEN:
        return _enough_digits(c, i) and may_begin(c, i)
    size = 1
    while size < 20 and is_digit(char_at(c, i + size)):
        size += 1
    after = char_at(c, i + size)
    if after == DOT and size <= 3:
        return may_begin(c, i)
    first = c[i]
    if size <= 4 and (after == COLON or (after >= 97 and after <= 102)):
        # An IPv6 address or nothing, and no later group of one that failed.
        chain = char_at(c, i - 1) == COLON and _is_first_group(c, i - 5)
        return _is_first_group(c, i) and not chain and may_begin(c, i)
    # Only what is whole by itself, or an ID in groups, may stand behind another group.
    parts = size != 6 and size != 11 and size != 13 and size != 15 and size != 17 and size != 18
    if parts and chained(c, i):
        return False
    if size >= 7:
        return size < 20 and may_begin(c, i)
    one = first == 49 and size == 1 and is_digit(char_at(c, i + 4))
    if size < 3 and not (first == 48 or one or (first == 56 and char_at(c, i + 1) == 54)):
        return False
    at = i + size
    while size < 7 and char_at(c, at) in (SPACE, DASH) and is_digit(char_at(c, at + 1)):
        at += 1
        while size < 7 and is_digit(char_at(c, at)):
            size += 1
            at += 1
    return size == 7 and may_begin(c, i)
