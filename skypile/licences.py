"""Licences of sources, as a data card names them: which are known, and what the hub calls them.

A licence is known if it is an SPDX identifier of the list below, one of the hub's names, or
`LicenseRef-NAME`, SPDX's way to name terms that are in no list; AND and OR join several. Anything
else (`unknown`, "as the publisher's", "terms of use") says nothing that a reader could rely on.
The hub's names: huggingface.co/docs/hub/repositories-licenses. Left out: exceptions (`WITH`), and
what a licence allows; that is for whoever publishes to read.
"""

import re

OTHER, UNKNOWN = "other", "unknown"

_NAMES = (
    "afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause "
    "bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 "
    "cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 "
    "cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 "
    "etalab-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr "
    "lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 osl-3.0 pddl postgresql unlicense "
    "wtfpl zlib "
)
_HUB = frozenset(_NAMES.split())
_SPDX = {  # what the hub calls otherwise, or has no name for
    **dict.fromkeys(("gfdl-1.1", "gfdl-1.2", "gfdl-1.3"), "gfdl"),
    **{"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "blessing": OTHER},
    **dict.fromkeys(("0bsd", "mit-0", "psf-2.0", "python-2.0", "php-3.01", "ruby", "vim"), OTHER),
    **dict.fromkeys(("cc-by-1.0", "cc-by-sa-1.0", "cc-by-sa-2.0", "cc-by-sa-2.5"), OTHER),
    **dict.fromkeys(
        ("cc-by-nd-1.0", "cc-by-nd-2.0", "cc-by-nd-3.0", "cc-pddc", "ogl-uk-3.0"), OTHER
    ),
}
_JOIN = re.compile(r"\s+(?:and|or)\s+")
_OWN = re.compile(r"licenseref-[a-z0-9.-]+")
_VERSIONED = re.compile(r"-(?:only|or-later)$|\+$")  # GPL-3.0-or-later


def hub_names(licence: str) -> tuple[str, ...] | None:
    """The hub's names of a licence, each once and in its order (`other` where it has none); None
    where the licence is not known.
    """
    names: list[str] = []
    for one in _JOIN.split(licence.strip().lower().replace("(", " ").replace(")", " ").strip()):
        name = one.strip()
        plain = _VERSIONED.sub("", name)
        if plain in _HUB:
            names.append(plain)
        elif plain in _SPDX:
            names.append(_SPDX[plain])
        elif _OWN.fullmatch(name):
            names.append(OTHER)
        else:
            return None
    return tuple(dict.fromkeys(names))
