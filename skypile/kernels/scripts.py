"""Scripts of text by code point: which characters carry a syllable or a word each.

Ranges, not Unicode names, so that a page of a megabyte costs a millisecond.
"""

import re

# Han with its extensions and compatibility forms, kana, hangul syllables; not their punctuation.
_WIDE = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af]+"
)


def wide_chars(text: str) -> int:
    """Code points that are Han, kana or hangul."""
    return sum(len(run) for run in _WIDE.findall(text))
