"""The signals as a plain Python loop, written the obvious way: the peer of the bench, and the
reference of the tests, with which the compiled kernel agrees to the last bit of a float32.
"""

import re
import unicodedata
from collections import Counter
from typing import Any

from skypile.kernels.quality import repetition, signals
from skypile.kernels.text import characters

HAN = "\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9d"
WIDE = re.compile(f"[{HAN}{KANA}]")
STOP_CHARS = {c: forms for forms in signals.ZH_STOP_CHARS for c in forms}
ELLIPSES = re.compile(r"[.。…⋯]+")


def kind(c: str) -> str:
    """Space, han, kana, letter, digit, punctuation, symbol or odd."""
    if c in "\t\n\v\f\r\x85":
        return "space"
    if re.match(f"[{HAN}]", c):
        return "han"
    if re.match(f"[{KANA}]", c):
        return "kana"
    category = unicodedata.category(c)
    if c == "\ufffd" or (category[0] == "C" and category != "Cf"):
        return "odd"
    names = {"L": "letter", "M": "mark", "N": "digit", "P": "punctuation", "S": "symbol"}
    return names.get(category[0], "space")


KINDS: dict[str, str] = {}


def kind_of(c: str) -> str:
    found = KINDS.get(c)
    if found is None:
        found = KINDS[c] = kind(c)
    return found


def fold(text: str) -> str:
    return "".join(chr(characters.folding()[ord(c)]) for c in text)


def units(line: str) -> list[str]:
    """Wide characters and words of a line."""
    found: list[str] = []
    word = ""
    for i, c in enumerate(line):
        k = kind_of(c)
        if k in ("letter", "digit", "mark", "symbol"):
            word += c
            continue
        inside = {"'": "letter", "’": "letter", ".": "digit", ",": "digit"}.get(c)
        around = {kind_of(a) for a in line[max(i - 1, 0) : i + 2 : 2]}
        if inside and word and around == {inside} and i + 1 < len(line):
            word += c
            continue
        if word:
            found.append(word)
        word = ""
        if k in ("han", "kana"):
            found.append(c)
    return [*found, word] if word else found


def strip(text: str) -> str:
    start, end = 0, len(text)
    while start < end and kind_of(text[start]) == "space":
        start += 1
    while start < end and kind_of(text[end - 1]) == "space":
        end -= 1
    return text[start:end]


def duplicates(pieces: list[str]) -> tuple[float, float]:
    """(fraction of the pieces that occurred before, of their characters)."""
    seen: set[str] = set()
    repeated = [p for p in pieces if p in seen or seen.add(p)]  # type: ignore[func-returns-value]
    chars = sum(map(len, pieces))
    return over(len(repeated), len(pieces)), over(sum(map(len, repeated)), chars)


def paragraphs(raw: list[str]) -> list[str]:
    """What blank lines separate; nothing where there are none between others."""
    found: list[str] = []
    block: list[str] = []
    for line in [*raw, ""]:
        if strip(line):
            block.append(line)
        elif block:
            found.append(strip("\n".join(block)))
            block = []
    return found if len(found) > 1 else []


def over(top: float, bottom: float) -> float:
    return top / bottom if bottom else 0.0


def top_ngram(words: list[str], n: int) -> int:
    counts: Counter[tuple[str, ...]] = Counter()
    ends: dict[tuple[str, ...], int] = {}
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if i >= ends.get(gram, 0):
            counts[gram] += 1
            ends[gram] = i + n
    return max((k * sum(map(len, g)) for g, k in counts.items() if k > 1), default=0)


def duplicate_ngrams(words: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    covered = [False] * len(words)
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if gram in seen:
            covered[i : i + n] = [True] * n
        seen.add(gram)
    return sum(len(w) for w, c in zip(words, covered, strict=True) if c)


def sentences(line: str) -> int:
    found = 0
    for m in re.finditer("[.!?。！？．｡…⋯‼⁇⁈⁉]+", line):
        after = line[m.end() : m.end() + 1]
        cjk = any(ord(c) >= 128 for c in m[0])
        closes = after in characters._QUOTE or after in characters._CLOSER
        found += cjk or not after or closes or kind_of(after) in ("space", "han", "kana")
    return found


def is_terminal(line: str) -> bool:
    last = line[-1]
    if last in characters._CLOSER and len(line) > 1:
        opener = max(line.rfind("(", 1, -1), line.rfind("（", 1, -1))
        near = opener > len(line) - 2 - 40
        last = line[-2] + (strip(line[:opener])[-1:] if near else "")
    ends = characters._TERMINAL + characters._QUOTE
    return any(c in ends for c in last) and not line.endswith("...")


def longest_token(text: str) -> int:
    longest = token = 0
    for c in text:
        token = 0 if kind_of(c) in ("space", "han", "kana") else token + 1
        longest = max(longest, token)
    return longest


def plain(text: str) -> dict[str, Any]:
    """The signals of a text, by name."""
    raw = text.split("\n")
    stripped = [strip(line) for line in raw]
    lines = [line for line in stripped if line]
    of_lines = [units(line) for line in lines]
    found = [u for line in of_lines for u in line]
    words = [u for u in found if not WIDE.match(u)]
    wide = len(found) - len(words)
    equivalents = len(words) + wide / 1.8
    letters = sum(map(len, words))
    alpha = sum(any(kind_of(c) == "letter" for c in w) for w in words)
    kinds = Counter(map(kind_of, text))
    solid = len(text) - kinds["space"]
    stops = [STOP_CHARS[c] for c in found if c in STOP_CHARS]
    latin = sum(bool(characters.classes()[ord(c)] & characters.LATIN) for c in text)
    folded = [fold(u) for u in found]
    ellipses = sum(
        len(run) > 2 or not {*run}.isdisjoint(characters._ELLIPSIS)
        for run in ELLIPSES.findall(text)
    )
    unit_chars = sum(map(len, found))
    scaled = wide > len(words)
    ngrams = dict(
        zip(
            repetition.TOP_N + repetition.DUPLICATE_N,
            repetition.UNITS[int(scaled)].tolist(),
            strict=True,
        )
    )
    lowered = [line.lower() for line in raw]
    script = ["javascript" in line for line in lowered]
    policy = [any(p in line for p in signals.POLICY_PHRASES) for line in lowered]
    few_lines = [
        sum(not WIDE.match(u) for u in line) + sum(bool(WIDE.match(u)) for u in line) / 1.8 < 3
        for line in of_lines
    ]
    out = [s or p for s, p, line in zip(script, policy, stripped, strict=True) if line]
    kept = [
        line
        for line, f, o in zip(lines, few_lines, out, strict=True)
        if is_terminal(line) and not f and not o and longest_token(line) <= 1000
    ]
    line_chars = sum(map(len, lines))
    weighted = [len(line) + 2.5 * len(WIDE.findall(line)) for line in lines]
    duplicate_line, duplicate_line_chars = duplicates(lines)
    duplicate_paragraph, duplicate_paragraph_chars = duplicates(paragraphs(raw) or lines)

    def share(count: float) -> float:
        return over(count, len(lines))

    result = {
        "chars": len(text),
        "lines": len(lines),
        "words": len(words),
        "wide_chars": wide,
        "word_equivalents": equivalents,
        "mean_word_letters": over(letters + 3.5 * wide, equivalents),
        "mean_word_chars": over(letters + wide, equivalents),
        "longest_word_chars": longest_token(text),
        "hash_to_word_ratio": over(text.count("#") + text.count("＃"), equivalents),
        "ellipsis_to_word_ratio": over(ellipses, equivalents),
        "bullet_line_fraction": share(sum(line[0] in characters._BULLET for line in lines)),
        "ellipsis_line_fraction": share(
            sum(line.endswith(("...", "。。。", "…", "⋯")) for line in lines)
        ),
        "alpha_word_fraction": over(alpha + wide / 1.8, equivalents),
        "en_stop_words": len({*map(fold, words)} & {*signals.EN_STOP_WORDS}),
        "zh_stop_words": len({*stops}),
        "stop_words": max(len({*map(fold, words)} & {*signals.EN_STOP_WORDS}), len({*stops})),
        "flagged_words": 0,
        "flagged_words_per_line": 0,
        "flagged_char_fraction": 0,
        "zh_stop_char_fraction": over(len(stops), wide),
        "duplicate_line_fraction": duplicate_line,
        "duplicate_line_char_fraction": duplicate_line_chars,
        "duplicate_paragraph_fraction": duplicate_paragraph,
        "duplicate_paragraph_char_fraction": duplicate_paragraph_chars,
        "terminal_line_fraction": share(sum(map(is_terminal, lines))),
        "sentence_line_fraction": share(sum(sentences(line) > 0 for line in lines)),
        "few_word_line_fraction": share(sum(few_lines)),
        "sentences": sum(map(sentences, lines)),
        "c4_sentences": sum(map(sentences, kept)),
        "c4_line_char_fraction": over(sum(map(len, kept)), line_chars),
        "javascript_lines": sum(script),
        "policy_lines": sum(policy),
        "lorem_ipsum": text.lower().count("lorem ipsum"),
        "curly_brackets": text.count("{") + text.count("｛"),
        "short_line_fraction": share(sum(w <= 30 for w in weighted)),
        "newline_to_word_ratio": over(text.count("\n"), equivalents),
        "mean_line_chars": share(line_chars),
        "han_fraction": over(kinds["han"], solid),
        "kana_fraction": over(kinds["kana"], solid),
        "latin_fraction": over(latin, solid),
        "digit_fraction": over(kinds["digit"], solid),
        "punctuation_fraction": over(kinds["punctuation"], solid),
        "symbol_fraction": over(kinds["symbol"], solid),
        "odd_fraction": over(kinds["odd"], solid),
    }
    for n in repetition.TOP_N:
        result[f"top_{n}gram_char_fraction"] = over(top_ngram(folded, ngrams[n]), unit_chars)
    for n in repetition.DUPLICATE_N:
        result[f"duplicate_{n}gram_char_fraction"] = over(
            duplicate_ngrams(folded, ngrams[n]), unit_chars
        )
    return result
