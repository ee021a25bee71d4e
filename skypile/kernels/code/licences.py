"""Licences as SPDX expressions: of the names that data sets give, and of texts and notices."""

import re

_SPDX_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([^\n*]{1,200})")
_WORDS = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*")
_JOINED = re.compile(r"(?i)(\band\b|\bor\b|[()/,;])")
_OPERATOR = re.compile(r"\b(AND|OR)\b")
# The name of an exception ends where the expression goes on.
_EXCEPTION = re.compile(r"\s+with\s+(?:(?!\b(?:and|or)\b)[\w.+ -])+", re.I)
_BRACKETED = re.compile(r"\([\w.-]+\)")
_FILLER = frozenset(
    (
        *("the", "license", "licenses", "version", "v", "software", "public", "general", "of"),
        *("new", "or", "revised", "modified", "style"),
    )
)
IDENTIFIERS = (
    *("0BSD", "AFL-3.0", "AGPL-3.0", "Apache-1.1", "Apache-2.0", "Artistic-1.0", "Artistic-2.0"),
    *("BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent", "BSD-3-Clause", "BSD-3-Clause-Clear"),
    *("BSD-4-Clause", "BSL-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"),
    *("CC0-1.0", "CDDL-1.0", "CDDL-1.1", "ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1", "EUPL-1.2"),
    *("GFDL-1.3", "GPL-1.0", "GPL-2.0", "GPL-3.0", "ISC", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0"),
    *("MIT", "MIT-0", "MPL-1.1", "MPL-2.0", "MS-PL", "MS-RL", "MulanPSL-1.0", "MulanPSL-2.0"),
    *("NCSA", "OFL-1.1", "OSL-3.0", "PostgreSQL", "PSF-2.0", "Python-2.0", "Ruby", "Unlicense"),
    *("UPL-1.0", "Vim", "W3C", "WTFPL", "X11", "Zlib", "ZPL-2.1"),
)
_SPELLINGS = {
    "MIT": "mit; expat; mit expat; x11 mit",
    "MIT-0": "mit 0; mit no attribution",
    "Apache-1.1": "apache 1.1",
    "Apache-2.0": "apache; apache 2; apache 2.0; apache2; apache2.0; asl 2.0; al 2.0; apl 2.0",
    "BSD-3-Clause": "bsd 3; bsd 3 clause; 3 clause bsd; bsd3; bsd; bsd three clause; "
    "three clause bsd",
    "BSD-2-Clause": "bsd 2; bsd 2 clause; 2 clause bsd; bsd2; freebsd; two clause bsd; "
    "bsd simplified; simplified bsd; bsd 2 clause simplified",
    "BSD-4-Clause": "bsd 4 clause; 4 clause bsd; original bsd; bsd original",
    "0BSD": "0bsd; zero clause bsd; bsd 0 clause; bsd zero clause",
    "GPL-2.0": "gpl 2; gpl 2.0; gpl2; gplv2; gnu gpl 2; gnu 2; gnu gpl 2.0; gpl2.0; gnu 2.0",
    "GPL-3.0": "gpl 3; gpl 3.0; gpl3; gplv3; gnu gpl 3; gnu 3; gnu gpl 3.0; gpl3.0; gnu 3.0",
    "LGPL-2.1": "lgpl 2.1; lgplv2.1; gnu lesser 2.1; gnu lgpl 2.1; lgpl2.1",
    "LGPL-3.0": "lgpl 3; lgpl 3.0; lgplv3; gnu lesser 3; gnu lgpl 3; gnu lgpl 3.0",
    "AGPL-3.0": "agpl 3; agpl 3.0; agplv3; gnu affero 3; gnu agpl 3; gnu agpl 3.0; agpl",
    "MPL-2.0": "mpl 2; mpl 2.0; mozilla 2.0; mozilla 2",
    "Unlicense": "unlicense; unlicence",
    "CC0-1.0": "cc0; cc0 1.0; creative commons zero; creative commons zero 1.0 universal",
    "Zlib": "zlib; zlib libpng",
    "BSL-1.0": "boost; boost 1.0; bsl 1.0",
    "MulanPSL-2.0": "mulan psl 2; mulan permissive 2; mulanpsl 2",
    "EPL-1.0": "epl 1.0; eclipse 1.0",
    "EPL-2.0": "epl 2.0; eclipse 2.0",
    "WTFPL": "wtfpl; do what the fuck you want to",
    "ISC": "isc",
}
NOASSERTION = "NOASSERTION"  # SPDX: terms are stated, but which is not known
_KNOWN = {name.lower(): name for name in IDENTIFIERS}


def _plain(name: str) -> str:
    words = _WORDS.findall(name.lower().replace("licence", "license"))
    return " ".join(
        w.removeprefix("v") if w[1:2].isdigit() else w for w in words if w not in _FILLER
    )


_NAMED = {_plain(name): name for name in IDENTIFIERS} | {
    _plain(s): name for name, spellings in _SPELLINGS.items() for s in spellings.split(";")
}


def identifier(name: str) -> str | None:
    """The SPDX identifier that one licence's name means ("The MIT License (MIT)", "apache-2.0");
    None where it means none that is known. `-only`, `-or-later` and exceptions make no difference.
    """
    name = _EXCEPTION.sub("", name.strip())
    if _OPERATOR.search(name) or name.startswith("("):
        return None
    name = re.sub(r"(?i)(-only|-or-later|\+)$", "", name).strip()
    if name.lower() in _KNOWN:
        return _KNOWN[name.lower()]
    if whole := _NAMED.get(_plain(name)):
        return whole
    inner = _NAMED.get(_plain(_BRACKETED.sub(" ", name)))
    beside = {_NAMED.get(_plain(short)) for short in _BRACKETED.findall(name)}
    return inner if beside <= {inner, None} else None


def spdx(names: str | None) -> str | None:
    """What a data set says of a file's licence as an SPDX expression: one name, an expression, or
    several names (comma, slash), all of which then hold. None where no name is there, or one of
    them is not known: half of an expression is no licence.
    """
    if not names or not names.strip():
        return None
    if whole := identifier(names):
        return whole
    out: list[str] = []
    for piece in filter(None, (p and p.strip() for p in _JOINED.split(names))):
        if piece.upper() in ("AND", "OR") or piece in "()":
            out.append(piece.upper())
        elif piece in "/,;":
            out.append("AND")
        elif found := identifier(piece):
            out.append(found)
        else:
            return None
    text = " ".join(out).replace("( ", "(").replace(" )", ")")
    try:
        _value(text, frozenset())
    except ValueError:
        return None
    return text


def allowed(expression: str, licences: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met with these licences: of OR one, of AND all.

    Raises:
        ValueError: it is no expression.
    """
    return _value(expression, licences)


def _value(text: str, licences: frozenset[str]) -> bool:
    tokens = re.findall(r"[()]|[^\s()]+", text)

    def either(at: int, depth: int) -> tuple[bool, int]:
        value, at = both(at, depth)
        while at < len(tokens) and tokens[at] == "OR":
            other, at = both(at + 1, depth)
            value = value or other
        return value, at

    def both(at: int, depth: int) -> tuple[bool, int]:
        value, at = one(at, depth)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1, depth)
            value = value and other
        return value, at

    def one(at: int, depth: int) -> tuple[bool, int]:
        if at >= len(tokens) or tokens[at] in ("AND", "OR", ")") or depth > 20:
            raise ValueError(f"no SPDX expression: {text!r}")
        if tokens[at] != "(":
            return tokens[at] in licences, at + 1
        value, at = either(at + 1, depth + 1)
        if at >= len(tokens) or tokens[at] != ")":
            raise ValueError(f"no SPDX expression: {text!r}")
        return value, at + 1

    value, end = either(0, 0)
    if end != len(tokens):
        raise ValueError(f"no SPDX expression: {text!r}")
    return value


_LICENCE_FILE = re.compile(
    r"(?i)(un)?licen[cs]e([-_.].*)?|copying([-_.].*)?|mit-licen[cs]e(\.txt)?"
)
# A name that only the terms of a folder have; LICENSE-header or docs/license.md may be about some.
_TERMS_FILE = re.compile(r"(?i)(licen[cs]e|copying)(\.txt)?")
_CODE_NAME = re.compile(r"(?i)\.(py|js|ts|go|java|c|h|cc|cpp|rs|rb|cs|php|json|yml|yaml|xml|html)$")
# What a licence's text says and others do not, in order: the longer names first. White space is one
# blank by then.
_TEXTS = (
    ("AGPL-3.0", "gnu affero general public license"),
    ("LGPL", "gnu lesser general public license"),
    ("LGPL", "gnu library general public license"),
    ("GPL", "gnu general public license"),
    ("MPL-2.0", "mozilla public license"),
    ("EPL-2.0", "eclipse public license - v 2.0"),
    ("EPL-1.0", "eclipse public license - v 1.0"),
    ("CDDL-1.0", "common development and distribution license"),
    ("Apache-2.0", "licensed under the apache license, version 2.0"),
    ("Apache-2.0", "apache license version 2.0, january 2004"),
    ("Apache-2.0", "apache license, version 2.0"),
    ("BSL-1.0", "boost software license"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
    ("CC0-1.0", "cc0 1.0 universal"),
    ("MulanPSL-2.0", "mulan psl v2"),
    ("MulanPSL-2.0", "木兰宽松许可证, 第2版"),
    ("BSD", "redistribution and use in source and binary forms"),
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"),
    ("ISC", "permission to use, copy, modify, and distribute this software for any purpose"),
)
_GNU_VERSION = re.compile(r"(?:version|v)\.? ?(1|2\.1|2|3)\b")
_COMMENT_SIGNS = re.compile(r"(?m)^[ \t]*(?://+|#+|/?\*+|--+|;+|%+|<!--|\.\.|dnl\b|!+)[ \t]?")


def is_licence_file(path: str | None) -> bool:
    """Whether a file's name says that it is the licence of its folder."""
    name = (path or "").rpartition("/")[2]
    return bool(_LICENCE_FILE.fullmatch(name)) and not _CODE_NAME.search(name)


def of_text(text: str) -> str | None:
    """The licence that a text spells out or a notice names; None where it is none that is known."""
    text = " ".join(_COMMENT_SIGNS.sub("", text).lower().split())
    first = [(text.find(phrase), -len(phrase), name) for name, phrase in _TEXTS if phrase in text]
    if not first:
        return None
    at, _, name = min(first)  # a GPL speaks of the Lesser one at its end
    after = text[at : at + 400]
    match name:
        case "GPL" | "LGPL":
            found = _GNU_VERSION.search(after)
            version = found[1] if found else "2.1" if name == "LGPL" else "2"
            return f"{name}-{version if '.' in version else version + '.0'}"
        case "BSD":
            if "all advertising materials" in text:
                return "BSD-4-Clause"
            names = re.search(
                r"neither the names? |may not be used to endorse|names? of .{0,80} not be", text
            )
            return "BSD-3-Clause" if names else "BSD-2-Clause"
        case "MIT" if "permission notice shall be included" not in text:
            return "MIT-0"
        case "ISC" if "permission notice appear in all copies" not in text:
            return "0BSD"
    return name


def of_folder(path: str | None, text: str) -> str | None:
    """The licence that a file states for its folder; None where it is no licence file. Terms that
    are not known are NOASSERTION: a folder with terms of its own (`ee/LICENSE`) does not have those
    of the folder above. The path of another licence file, which is how git has links, says nothing.
    """
    if not is_licence_file(path):
        return None
    stated = _TERMS_FILE.fullmatch((path or "").rpartition("/")[2])
    link = len(text) < 200 and is_licence_file(text.strip())
    return of_text(text) or (NOASSERTION if stated and not link else None)


def of_head(head: str, *, notices: bool) -> str | None:
    """What the head of a file says of its own licence: an SPDX tag (NOASSERTION where its licence
    is not known), or, with `notices`, the notice that it opens with.
    """
    if tag := _SPDX_TAG.search(head):
        name = tag[1].replace("-->", "").replace("*/", "").strip().strip("\"'")
        return spdx(name) or NOASSERTION
    return of_text(head) if notices else None
