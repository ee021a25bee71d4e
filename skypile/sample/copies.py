"""Near-duplicates of the sample: a text changed to several degrees, and how near it still is.

Nearness is the Jaccard index of the sets of shingles: five words where words are spaced, five code
points in Chinese and Japanese; case and punctuation aside.
"""

import random
import re
from dataclasses import replace

from skypile.sample.articles import Article, Block
from skypile.sample.wordings import sections

DEGREES = ("reframed", "touched", "edited", "shortened", "half", "excerpt")
NEAR = 0.8  # from here on two texts are near-duplicates
SHINGLE = 5
_UNSPACED = ("zh", "ja", "yue", "lzh")
NOTES = {  # what a copier adds to a text: shortened, excerpted
    "en": (
        "This copy was shortened a little and first appeared elsewhere under the same title.",
        "Read the whole story where it first appeared; this is only its beginning.",
    ),
    "zh-Hans": (
        "转载自网络，文字略有改动，图片请见原文。",
        "以上为节选，全文请到首发网站阅读，转载时未作其他改动。",
    ),
    "zh-Hant": (
        "轉載自網路，文字略有更動，圖片請見原文。",
        "以上為節錄，全文請至原網站閱讀，轉載時未作其他更動。",
    ),
}


def unspaced(lang: str) -> bool:
    """Is the language written without spaces between words?"""
    return lang.startswith(_UNSPACED)


def shingles(text: str, lang: str) -> set[tuple[str, ...]]:
    """The shingles of a text; one of all its words where it has fewer than five."""
    words = re.findall(r"\w" if unspaced(lang) else r"\w+", text.lower())
    return set(zip(*(words[i:] for i in range(SHINGLE)), strict=False)) or {tuple(words)}


def jaccard(text: str, other: str, lang: str) -> float:
    """How many of the shingles of two texts they have in common, 0 to 1."""
    ours, theirs = shingles(text, lang), shingles(other, lang)
    return len(ours & theirs) / len(ours | theirs)


def changed(article: Article, degree: str, donor: Article, rng: random.Random) -> Article:
    """The article after a change of one of `DEGREES`. donor: another one of its language.

    reframed: not at all (another site's dress). touched: a few words. edited: every word that has
    a synonym, and sentences left out. shortened: a paragraph less, a note more. half: half of the
    paragraphs are another text's. excerpt: its beginning, and a note.
    """
    blocks = list(article.blocks)
    count = len(blocks)
    if degree == "touched":
        blocks = _reworded(blocks, article.lang, rng.randint(2, 4))
    elif degree == "edited":
        blocks = _fewer_sentences(_reworded(blocks, article.lang, 999), article.lang, rng)
    elif degree == "shortened":
        gone = rng.randrange(1, count)
        blocks[gone : gone + 1] = []
        blocks.append(Block("p", _note(article.lang, 0)))
    elif degree == "half":
        texts = [b for b in donor.blocks if b.kind == "p"]
        for i, at in enumerate(rng.sample(range(count), count // 2)):
            blocks[at] = texts[i % len(texts)]
    elif degree == "excerpt":
        blocks = [*blocks[: max(2, round(count * 0.6))], Block("p", _note(article.lang, 1))]
    return replace(article, id=f"{article.id}-{degree}", blocks=tuple(blocks))


def _note(lang: str, number: int) -> str:
    hant = lang in ("yue", "lzh")
    return NOTES["zh-Hant" if hant else lang if lang in NOTES else "en"][number]


def _reworded(blocks: list[Block], lang: str, most: int) -> list[Block]:
    """Blocks with at most so many words replaced by synonyms, spread over all of them; sentences
    change places where the language has no synonyms here.
    """
    name = "zh" if lang == "zh-Hans" else "zh-hant" if unspaced(lang) and lang != "ja" else lang
    pairs = [line.split("=") for line in sections("synonyms").get(name, ())]
    text = "\x00".join(b.text for b in blocks)
    edge = "" if unspaced(lang) else r"\b"
    found = [
        (m.start(), old, new)
        for old, new in pairs
        for m in re.finditer(f"{edge}{re.escape(old)}{edge}", text)
    ]
    free, chosen = 0, []
    for start, old, new in sorted(found):  # none inside another
        if start >= free:
            chosen.append((start, old, new))
            free = start + len(old)
    step = max(1, len(chosen) // most)
    for start, old, new in reversed(chosen[::step][:most]):
        text = text[:start] + new + text[start + len(old) :]
    texts = text.split("\x00")
    if not chosen:
        parts = sentences(texts[0], lang)
        texts[0] = ("" if unspaced(lang) else " ").join([*parts[1:], parts[0]])
    return [replace(b, text=t) for b, t in zip(blocks, texts, strict=True)]


def sentences(text: str, lang: str) -> list[str]:
    """A paragraph as its sentences."""
    return re.findall(r"[^。！？]+[。！？]?[”』」]?", text) if unspaced(lang) else re.split(
        r"(?<=[.!?]) +", text
    )  # fmt: skip


def _fewer_sentences(blocks: list[Block], lang: str, rng: random.Random) -> list[Block]:
    """Every second paragraph of three sentences or more loses one."""
    made = []
    for i, block in enumerate(blocks):
        parts = sentences(block.text, lang)
        if block.kind == "p" and i % 2 == 0 and len(parts) >= 3:
            parts.pop(rng.randrange(1, len(parts)))
            block = replace(block, text=("" if unspaced(lang) else " ").join(parts))
        made.append(block)
    return made
