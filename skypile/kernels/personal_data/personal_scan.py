"""The scanner behind `personal_data.personal`: one pass for e-mail addresses, one for numbers.

See kernels.personal_data.surroundings for what the text looks like here, and why what is found is
overwritten.
"""

import numpy as np

from skypile.kernels.compiled import I64, U8, U32, compiled
from skypile.kernels.personal_data import number_checks as numbers
from skypile.kernels.personal_data.addresses import email, ipv4, ipv6
from skypile.kernels.personal_data.glances import chained, is_promising
from skypile.kernels.personal_data.number_checks import lengths_are
from skypile.kernels.personal_data.surroundings import (
    AT,
    BANK_CARD,
    CLOSE,
    COLON,
    DASH,
    DOT,
    EMAIL,
    EQUALS,
    FILLED,
    IP,
    OPEN,
    PHONE,
    PLUS,
    RESIDENT_ID,
    SMALL_X,
    SPACE,
    char_at,
    context,
    is_digit,
    may_end,
)

_MAX_DIGITS, _MAX_GROUPS = 20, 6
_PHONE_CONTEXT_CHARS, _ID_CONTEXT_CHARS = 16, 20
_REACH = 320  # characters around that a decision may depend on: the longest address and its ends


@compiled
def _read(c: U32, i: int, d: U8, groups: I64, ends: I64, seps: I64) -> int:
    """Groups of digits from i on, one space or dash between two; how many.

    d: the digits. groups: how many each has. ends: where it ends. seps: what stands before it.
    """
    size = count = 0
    while count < _MAX_GROUPS:
        start = i
        while i < len(c) and is_digit(c[i]) and size < _MAX_DIGITS:
            d[size] = c[i] - 48
            size += 1
            i += 1
        if i == start:
            break
        groups[count], ends[count] = i - start, i
        count += 1
        if char_at(c, i) not in (SPACE, DASH) or not is_digit(char_at(c, i + 1)):
            break
        seps[count] = c[i] if count < _MAX_GROUPS else 0
        i += 1
    return count


@compiled
def _resident_id(c: U32, i: int, d: U8, g: I64, ends: I64, count: int, words: U32) -> int:
    """Where the ID that begins at i ends; 0 where there is none."""
    whole, parted = g[0] in (17, 18), count >= 3 and g[0] == 6 and g[1] == 8 and g[2] in (3, 4)
    if whole or parted:
        size = g[0] if whole else 14 + g[2]
        end = ends[0] if whole else ends[2]
        check = int(d[17]) if size == 18 else 10 if char_at(c, end) == SMALL_X else -1
        end += size == 17
        return end if numbers.is_resident_id(d, check) and may_end(c, end) else 0
    if g[0] == 15 and numbers.is_old_resident_id(d) and may_end(c, ends[0]):
        near = context(c, i, _ID_CONTEXT_CHARS, words, RESIDENT_ID)
        return ends[0] if near >= 0 else 0
    return 0


@compiled
def _mobile(c: U32, i: int, d: U8, g: I64, ends: I64, count: int) -> int:
    """Where the mobile number of mainland China that begins at i ends, with 86 or 0086 before it or
    not; 0 where there is none.
    """
    skip = digits = 0  # groups and digits of the country code
    if g[0] == 2 and d[0] == 8 and d[1] == 6 and count > 1:
        skip, digits = 1, 2
    elif g[0] == 4 and numbers.value(d, 0, 4) == 86 and count > 1:
        skip, digits = 1, 4
    elif g[0] == 13 and d[0] == 8 and d[1] == 6:
        return ends[0] if numbers.is_mobile(d, 2) and may_end(c, ends[0]) else 0
    elif g[0] == 15 and numbers.value(d, 0, 4) == 86:
        return ends[0] if numbers.is_mobile(d, 4) and may_end(c, ends[0]) else 0
    if lengths_are(g, skip, count, 11, 0, 0, 0):
        last = skip
    elif lengths_are(g, skip, count, 3, 4, 4, 0):
        last = skip + 2
    elif lengths_are(g, skip, count, 3, 8, 0, 0) or lengths_are(g, skip, count, 7, 4, 0, 0):
        last = skip + 1
    else:
        return 0
    if last > 0 and chained(c, i):
        return 0
    return ends[last] if numbers.is_mobile(d, digits) and may_end(c, ends[last]) else 0


@compiled
def _card(c: U32, i: int, d: U8, g: I64, ends: I64, count: int) -> int:
    """Where the card number that begins at i ends; 0 where there is none."""
    if char_at(c, i - 1) == EQUALS or chained(c, i):
        return 0
    if 16 <= g[0] <= 19:
        size, end = g[0], ends[0]
    elif lengths_are(g, 0, count, 4, 4, 4, 4):
        more = count > 4 and g[4] <= 3
        size, end = (16 + g[4], ends[4]) if more else (np.int64(16), ends[3])
    elif count > 1 and g[0] == 6 and 10 <= g[1] <= 13:
        size, end = 6 + g[1], ends[1]
    else:
        return 0
    return end if numbers.is_card(d, size) and may_end(c, end) else 0


@compiled
def _phone(c: U32, i: int, d: U8, g: I64, ends: I64, seps: I64, count: int, words: U32) -> int:
    """Where the North American number or, in context, the landline at i ends; 0 where none is.

    No group of digits stands before it.
    """
    skip = 1 if g[0] == 1 and d[0] == 1 and count > 1 else 0
    last = skip + 2
    if lengths_are(g, skip, count, 3, 3, 4, 0):
        dashed = seps[last] == DASH and seps[last - 1] == DASH
        if numbers.is_nanp(d, skip) and may_end(c, ends[last]):
            near = dashed or context(c, i, _PHONE_CONTEXT_CHARS, words, PHONE) >= 0
            return ends[last] if near else 0
    size, last = 0, -1
    for k in range(min(count, 3)):  # as much as an area code and a number have
        size += g[k]
        if size <= 12 and g[k] >= 2 and may_end(c, ends[k]) and numbers.is_landline(d, size):
            last = k
    if last >= 0:
        return ends[last] if context(c, i, _PHONE_CONTEXT_CHARS, words, PHONE) >= 0 else 0
    if g[0] in (7, 8) and 2 <= d[0] <= 8 and may_end(c, ends[0]):
        near = context(c, i, 2, words, 0)  # a number without area code, right behind the word
        between = near >= 0
        for k in range(i - near, i):
            between = between and c[k] in (COLON, SPACE)
        dated = g[0] == 8 and numbers.is_date(
            numbers.value(d, 0, 4), numbers.value(d, 4, 6), numbers.value(d, 6, 8)
        )
        return ends[0] if between and not dated else 0
    return 0


@compiled
def _is_open(d: U8, size: int, plus: bool, closed: int) -> int:
    """Whether the digits behind + or ( are a telephone number: 0 no, 1 yes, 2 behind a word.

    closed: how many of them stand before the closing bracket.
    """
    if plus:
        return int(numbers.is_international(d, size))
    if closed == 3 and size == 10 and numbers.is_nanp(d, 0):
        return 1
    if closed == 2 and size == 13 and numbers.value(d, 0, 2) == 86:
        return int(numbers.is_mobile(d, 2))
    return 2 if 2 <= closed <= 4 and numbers.is_landline(d, size) else 0


@compiled
def _open_number(c: U32, i: int, d: U8, words: U32) -> int:
    """Where the number that begins with + or ( at i ends, the longest; 0 where there is none."""
    plus = c[i] == PLUS or char_at(c, i + 1) == PLUS
    j = i + 1 + int(plus and c[i] == OPEN)
    size = closed = gap = end = found = 0
    while j < len(c) and size < 15 and gap <= 2:
        p = c[j]
        j += 1
        if not is_digit(p):
            if p == CLOSE and size > 0 and closed == 0:
                closed = size
            elif not (p == SPACE or p == DASH or p == DOT or (p == OPEN and plus and size <= 4)):
                break
            gap += 1
            continue
        d[size] = p - 48
        size += 1
        gap = 0
        if size >= 8 and not is_digit(char_at(c, j)) and may_end(c, j):
            kind = _is_open(d, size, plus, closed)
            if kind > 0:
                end, found = j, kind
    if found == 2 and context(c, i, _PHONE_CONTEXT_CHARS, words, PHONE) < 0:
        return 0
    return end


@compiled
def _dotted(c: U32, i: int, d: U8) -> int:
    """Where the North American number with points that begins at i ends; 0 where there is none."""
    for k in range(12):
        p = char_at(c, i + k)
        if k in (3, 7):
            if p != DOT:
                return 0
        elif not is_digit(p):
            return 0
        else:
            d[k - (k > 3) - (k > 7)] = p - 48
    return i + 12 if numbers.is_nanp(d, 0) and may_end(c, i + 12) else 0


@compiled
def _number(
    c: U32, i: int, d: U8, g: I64, ends: I64, seps: I64, phones: U32, ids: U32, versions: U32
) -> tuple[int, int]:
    """(end, kind) of what begins with the digits at a promising i; end 0: nothing."""
    size = 0
    while size < 5 and is_digit(char_at(c, i + size)):
        size += 1
    after = char_at(c, i + size)
    if after == COLON or (size < 5 and (after >= 97 and after <= 102)):
        end = ipv6(c, i) if c[i] in (50, 51) else 0
        return end, IP
    if after == DOT and size <= 3:
        end = ipv4(c, i, versions)
        if end:
            return end, IP
        return (_dotted(c, i, d), PHONE) if size == 3 else (0, 0)
    if size < 2 and not (c[i] == 49 and after == DASH):
        return 0, 0
    count = _read(c, i, d, g, ends, seps)
    size = g[0]
    if size == 6 or size == 15 or size == 17 or size == 18:
        end = _resident_id(c, i, d, g, ends, count, ids)
        if end:
            return end, RESIDENT_ID
    if d[0] == 1 or d[0] == 8 or d[0] == 0:
        end = _mobile(c, i, d, g, ends, count)
        if end:
            return end, PHONE
    if size == 4 or size == 6 or size >= 16:
        end = _card(c, i, d, g, ends, count)
        if end:
            return end, BANK_CARD
    landline = d[0] == 0 or size == 7 or size == 8
    if chained(c, i) or not (landline or size == 3 or size == 1):
        return 0, PHONE
    return _phone(c, i, d, g, ends, seps, count, phones), PHONE


@compiled
def _emails(c: U32, start: int, stop: int, out: I64, found: int) -> int:
    """Add the addresses whose @ stands from start to stop; how many spans there are then."""
    for i in range(start, stop):
        if c[i] == AT:
            first, end = email(c, i, 0)
            if end:
                out[found, 0], out[found, 1], out[found, 2] = first, end, EMAIL
                c[first:end] = FILLED + EMAIL
                found += 1
    return found


@compiled
def _numbers(
    c: U32, start: int, stop: int, phones: U32, ids: U32, versions: U32, out: I64, found: int
) -> int:
    """Add the numbers and IP addresses that begin from start to stop; how many spans then."""
    d, g = np.zeros(_MAX_DIGITS + 4, np.uint8), np.zeros(_MAX_GROUPS + 1, np.int64)
    ends, seps = np.zeros(_MAX_GROUPS + 1, np.int64), np.zeros(_MAX_GROUPS + 1, np.int64)
    i = start
    while i < stop:
        begins = is_digit(c[i])
        if begins and i > 0:
            p = c[i - 1]
            inside = i > 1 and (p == DOT or p == DASH or p == COLON) and is_digit(c[i - 2])
            begins = not (inside or is_digit(p))
        if not ((begins or c[i] == PLUS or c[i] == OPEN) and is_promising(c, i)):
            i += 1
            continue
        if begins:
            end, kind = _number(c, i, d, g, ends, seps, phones, ids, versions)
        else:
            end, kind = _open_number(c, i, d, phones), PHONE
        if end:
            out[found, 0], out[found, 1], out[found, 2] = i, end, kind
            c[i:end] = FILLED + kind
            found += 1
        i = max(i + 1, end)
    return found


@compiled
def scan(c: U32, phones: U32, ids: U32, versions: U32, out: I64) -> int:
    """Rows of (start, end, kind) into `out`, in no order; how many. `c` is changed.

    What is found may be what kept something beside it from being found: an ID before `.8.8.8.8` is
    none, one before `.<IP>` is. So there is another look around all that is found, until no look
    finds anything. Each span is looked around once: time stays linear.
    """
    found = _emails(c, 0, len(c), out, 0)
    found = _numbers(c, 0, len(c), phones, ids, versions, out, found)
    done = 0
    while done < found:
        near = out[done:found, :2].copy()
        near = near[np.argsort(near[:, 0])]
        done, after = found, 0
        for row in range(len(near)):
            start, stop = max(after, near[row, 0] - _REACH), min(len(c), near[row, 1] + _REACH)
            if start < stop:
                found = _emails(c, start, stop, out, found)
                found = _numbers(c, start, stop, phones, ids, versions, out, found)
                after = stop
    return found
