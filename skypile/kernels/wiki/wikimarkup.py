"""Small pieces of wiki markup, as functions of strings: entities, language variants, tables."""

import re
from collections.abc import Sequence
from html import unescape

# Characters that XML cannot hold, so that no page has them. GAP stands where something was cut,
# BREAK for a new line inside an element, BAR for a bar inside a kept template, and ASIDE[0] number
# ASIDE[1] for what is set aside.
GAP, BREAK, BAR, ASIDE = "\x04", "\x1d", "\x05", ("\x02", "\x03")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ufffe\uffff]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def decode_entities(text: str) -> str:
    """HTML entities, those with a semicolon as MediaWiki has it, as the characters they are."""
    return _ENTITY.sub(lambda m: CONTROL.sub("", unescape(m[0])), text) if "&" in text else text


def table_rows(text: str) -> str:
    """The rows of a `wikitable` as list items, filled cells separated by " | "; GAP for another.

    Left out: cells that span rows or columns are in the first of these.
    """
    first, _, body = text.partition("\n")
    if not re.search(r"\b(?:wikitable|sortable)\b", first):
        return GAP
    rows: list[list[str]] = [[]]
    for line in map(str.strip, body.replace(BREAK, " ").split("\n")):
        if line.startswith(("|-", "|+")):
            rows.append([])
            if line.startswith("|+"):
                rows += [[line[2:].rpartition("|")[2]], []]
        elif line.startswith(("|", "!")):
            line = line.replace("!!", "||") if line[0] == "!" else line
            cells = [cell.partition("|") for cell in line[1:].split("||")]
            rows[-1] += [value if bar else cell for cell, bar, value in cells]
        elif rows[-1]:
            rows[-1][-1] += f" {line.lstrip('*#:;')}"
    filled = ([c.strip() for c in row if any(map(str.isalnum, c))] for row in rows)
    return "\n".join(f"* {' &#124; '.join(cells)}" for cells in filled if cells)


_RULE = re.compile(r"\s*(?:[^;{}]*=>\s*)?([A-Za-z-]{2,12})\s*:")


def variant(text: str, wanted: Sequence[str]) -> str:
    """What `-{text}-` shows in the first of the wanted variants that it has, else in its first.

    https://www.mediawiki.org/wiki/Writing_systems/Syntax: flags before `|`, of which A and none
    show, H, T, - and D do not; then one text, or `variant:text` separated by `;`.
    """
    flags, bar, rest = text.partition("|")
    if bar and re.fullmatch(r"[\w\s;+-]{0,80}", flags):
        if {"H", "T", "-", "D", "N"} & {f.strip().upper() for f in flags.split(";")}:
            return ""
        text = rest
        if "R" in {f.strip().upper() for f in flags.split(";")}:
            return text
    found: dict[str, str] = {}
    last = ""
    for piece in text.split(";"):
        rule = _RULE.match(piece)
        if rule and rule[1].lower().partition("-")[0] in ("zh", "sr"):
            last = rule[1].lower()
            found.setdefault(last, piece[rule.end() :].strip())
        elif last:
            found[last] += ";" + piece if piece.strip() else ""
    if not found:
        return text
    return next((found[v] for v in wanted if v in found), next(iter(found.values())))
