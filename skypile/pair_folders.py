"""Two folders with documents in English and in Chinese to JSON lines for the format
`document_pairs`: a run reads files whose bytes are in its plan, one at a time, so what belongs
together has to lie together.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from skypile.errors import InputError
from skypile.files import Root
from skypile.kernels.extraction.html import DEFAULT_LIMITS, extract
from skypile.kernels.reading import charset

SHARD_BYTES = 16 << 20  # a file of document pairs is one task's work
_MARK = re.compile(
    r"(?:^|(?<=[/._-]))(en|zh)(?:[-_](?:us|gb|cn|tw|hk|mo|sg|hans|hant)){0,2}(?:[._-]|/|$)", re.I
)
_HTML = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Paired:
    """What was paired: documents, and the files of each side without a counterpart or text."""

    documents: int
    files: tuple[str, ...]
    english_alone: tuple[str, ...]
    chinese_alone: tuple[str, ...]
    unreadable: tuple[str, ...]


def pair_names(
    english: Iterable[str], chinese: Iterable[str], *, one_folder: bool = False
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """(pairs, English ones alone, Chinese ones alone) of relative paths, each sorted.

    Two belong together whose paths are the same but for marks of the language: `a.md` and `a.md`,
    `a.en-US.md` and `a.zh-CN.md`, `en/a.md` and `zh_hans/a.md`. one_folder: both lists are of one,
    in which the Chinese files bear a mark.

    Raises:
        InputError: two files of a side have the same path without marks.
    """
    sides: list[dict[str, str]] = [{}, {}]
    for side, wanted, other, names in zip(
        sides, ("en", "zh"), ("zh", "en"), (english, chinese), strict=True
    ):
        for name in sorted(names):
            marks = {m[1].lower() for m in _MARK.finditer(name)}
            if other in marks or (one_folder and wanted == "zh" and wanted not in marks):
                continue
            key = _MARK.sub("", name)
            if key in side:
                raise InputError(f"{side[key]} and {name} are the same document twice")
            side[key] = name
    left, right = sides
    pairs = [(left[k], right[k]) for k in sorted(left) if k in right]
    alone = [[a[k] for k in sorted(a) if k not in b] for a, b in ((left, right), (right, left))]
    return pairs, alone[0], alone[1]


def text_of(name: str, data: bytes) -> str | None:
    """The text of a file in any charset, of HTML the main text, its blocks parted by blank lines;
    None where it has none.
    """
    decoded = charset.decode(data)
    if decoded is None:
        return None
    if not name.lower().endswith(_HTML):
        return decoded.text if decoded.text.strip() else None
    page = extract(decoded.text, url=None, limits=DEFAULT_LIMITS, latest_date="9999-12-31")
    return "\n\n".join(page.blocks) if page else None


def pair_folders(english: Root, chinese: Root, out: Root) -> Paired:
    """Write `pairs-00000.jsonl` and so on, with `id`, `title`, `en` and `zh`.

    Raises:
        InputError: as `pair_names`.
    """
    names = [[f.path for f in root.walk()] for root in (english, chinese)]
    same = english.at("") == chinese.at("")
    pairs, left, right = pair_names(*names, one_folder=same)
    unreadable: list[str] = []

    def rows() -> Iterator[bytes]:
        for en, zh in pairs:
            texts = text_of(en, english.read(en)), text_of(zh, chinese.read(zh))
            if None in texts:
                unreadable.append(en if texts[0] is None else zh)
                continue
            row = {"id": en, "title": en, "en": texts[0], "zh": texts[1]}
            yield json.dumps(row, ensure_ascii=False).encode("utf8", "replace") + b"\n"

    files: list[str] = []
    held: list[bytes] = []
    documents = size = 0
    for row in rows():
        if held and size + len(row) > SHARD_BYTES:
            files.append(_write(out, len(files), held))
            held, size = [], 0
        held.append(row)
        documents, size = documents + 1, size + len(row)
    if held:
        files.append(_write(out, len(files), held))
    return Paired(documents, tuple(files), tuple(left), tuple(right), tuple(unreadable))


def _write(out: Root, number: int, rows: list[bytes]) -> str:
    name = f"pairs-{number:05d}.jsonl"
    out.write_atomic(name, b"".join(rows))
    return name
