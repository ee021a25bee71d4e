"""E-mail and IP addresses in folded text (skypile.kernels.personal_data.surroundings), compiled.

As FineWeb: only public IP addresses, since a private one tells nothing of a person. Unlike it, no
version and no section number: 1.2.3.4 behind `version`, `v` or 版本, 2.1.3.1 where a line begins.
Left out: local parts and domains that are not ASCII (what stands before the @ in Chinese text is
prose), quoted local parts, `name (at) host`.
"""

import numpy as np

from skypile.kernels.compiled import U32, compiled
from skypile.kernels.personal_data.surroundings import (
    AT,
    COLON,
    DASH,
    DOT,
    LF,
    PERCENT,
    PLUS,
    SMALL_X,
    SPACE,
    UNDERSCORE,
    char_at,
    context,
    is_alnum,
    is_digit,
    may_end,
)

_MAX_LOCAL, _MAX_DOMAIN, _MAX_TLD = 64, 253, 24
_VERSION_CONTEXT_CHARS = 10
# Networks that are not public (IANA's registry of special addresses, multicast, reserved), and how
# many bits of an address tell inside of one.
_NOT_PUBLIC = np.array(
    [
        *((0 << 24, 24), (10 << 24, 24), (127 << 24, 24), (0xE0 << 24, 29)),
        *((0x64400000, 22), (0xA9FE0000, 16), (0xAC100000, 20), (0xC0A80000, 16)),
        *((0xC0000000, 8), (0xC0000200, 8), (0xC6120000, 17), (0xC6336400, 8), (0xCB007100, 8)),
    ],
    np.int64,
)


@compiled
def email(c: U32, at: int, low: int) -> tuple[int, int]:
    """The address around the @ at `at`, from `low` on; (0, 0) where there is none."""
    start = at
    while start > low and at - start <= _MAX_LOCAL:
        p = c[start - 1]
        if not (is_alnum(p) or p in (DOT, DASH) or p in (UNDERSCORE, PLUS, PERCENT)):
            break
        start -= 1
    too_long = at - start > _MAX_LOCAL
    while start < at and not is_alnum(c[start]):
        start += 1
    end = at + 1
    while end < len(c) and end - at <= _MAX_DOMAIN:
        p = c[end]
        if not (is_alnum(p) or p == DASH or (p == DOT and c[end - 1] not in (DOT, AT))):
            break
        end += 1
    while c[end - 1] in (DOT, DASH):
        end -= 1
    tld = end
    while tld > at + 1 and c[tld - 1] != DOT:
        tld -= 1
    while tld > at + 2 and is_digit(c[tld]):  # x@qq.com.13812345678
        end = tld - 1
        tld = end
        while tld > at + 1 and c[tld - 1] != DOT:
            tld -= 1
    if start == at or too_long or tld <= at + 2 or c[at + 1] == DASH:
        return 0, 0
    if is_digit(c[at + 1]) and char_at(c, at + 2) == SMALL_X and char_at(c, at + 3) == DOT:
        return 0, 0  # logo@2x.png
    letters = tld
    while letters < end and not is_digit(c[letters]) and c[letters] != DASH:
        letters += 1
    coded = end - tld > 4 and c[tld] == SMALL_X and c[tld + 2] == DASH and c[tld + 3] == DASH
    if not coded:
        end = letters  # x@qq.com13812345678
    return (start, end) if 2 <= end - tld <= _MAX_TLD or coded else (0, 0)


@compiled
def _is_public(address: int) -> bool:
    for k in range(len(_NOT_PUBLIC)):
        if (address >> _NOT_PUBLIC[k, 1]) == (_NOT_PUBLIC[k, 0] >> _NOT_PUBLIC[k, 1]):
            return False
    return True


@compiled
def ipv4(c: U32, i: int, versions: U32) -> int:
    """Where the public address that begins at i ends; 0 where there is none."""
    address, small, j = 0, True, i
    for k in range(4):
        if k > 0:
            if char_at(c, j) != DOT:
                return 0
            j += 1
        start, number = j, 0
        while j < len(c) and j - start < 3 and is_digit(c[j]):
            number = 10 * number + int(c[j]) - 48
            j += 1
        if j == start or number > 255 or (j - start > 1 and c[start] == 48):
            return 0
        address = address * 256 + number
        small = small and (number < 20 or k == 3)
    if not may_end(c, j) and not (char_at(c, j) == DASH and is_digit(char_at(c, j + 1))):
        return 0
    at = i
    while char_at(c, at - 1) == SPACE and at > 0 and i - at < 8:
        at -= 1
    section = small and (at == 0 or c[at - 1] == LF)
    if section or not _is_public(address):
        return 0
    for k in range(j, j + 3):  # “6.5.254.21”版本
        if char_at(c, k) == 0x7248:
            return 0
    return 0 if context(c, i, _VERSION_CONTEXT_CHARS, versions, 0) >= 0 else j


@compiled
def ipv6(c: U32, i: int) -> int:
    """Where the global unicast address (2000::/3) that begins at i ends; 0 where there is none."""
    j, groups, short = i, 0, False
    first = second = 0
    while groups < 8:
        start, number = j, 0
        while j < len(c) and j - start < 4 and (is_digit(c[j]) or (c[j] >= 97 and c[j] <= 102)):
            number = 16 * number + (c[j] - 48 if c[j] < 58 else c[j] - 87)
            j += 1
        if j == start:
            if short and c[j - 1] == COLON and c[j - 2] == COLON:
                break
            return 0
        groups += 1
        first = number if groups == 1 else first
        second = number if groups == 2 else second
        if groups == 8 or char_at(c, j) != COLON:
            break
        j += 1
        if char_at(c, j) == COLON:
            if short:
                return 0
            short = True
            j += 1
    whole = groups < 8 if short else groups == 8
    ok = whole and 0x2000 <= first < 0x4000 and not (first == 0x2001 and second == 0xDB8)
    return j if ok and may_end(c, j) and char_at(c, j) != COLON else 0
