"""The table of signals: what each column of kernels.quality.signals is, and how it follows from the
counters of the passes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.kernels.quality import repetition, scan


@dataclass(frozen=True)
class Signal:
    """A column: its name, Arrow type, and what it is, with the source."""

    name: str
    type: pa.DataType
    meaning: str


def _count(name: str, meaning: str) -> Signal:
    return Signal(name, pa.int32(), meaning)


def _ratio(name: str, meaning: str) -> Signal:
    return Signal(name, pa.float32(), meaning)


_OF_SOLID = "of the characters that are no white space"
SIGNALS: tuple[Signal, ...] = (
    _count("chars", "code points"),
    _count("lines", "lines that are not blank"),
    _count("words", "words of scripts with spaces: runs of letters, digits and symbols"),
    _count("wide_chars", "Han and kana characters"),
    _ratio("word_equivalents", "words + wide_chars / 1.8 (Gopher: 50 to 100,000 words)"),
    _ratio("mean_word_letters", "letters a word equivalent; a wide character is 3.5 (Gopher)"),
    _ratio("mean_word_chars", "code points a word equivalent (FineWeb-2: 1 to 5 for Chinese)"),
    _count("longest_word_chars", "longest run without white space and wide characters (C4)"),
    _ratio("hash_to_word_ratio", "# over word equivalents (Gopher)"),
    _ratio(
        "ellipsis_to_word_ratio", "... … …… 。。。, a run each one, over word equivalents (Gopher)"
    ),
    _ratio("bullet_line_fraction", "of the lines, begin with a bullet or dash (Gopher)"),
    _ratio("ellipsis_line_fraction", "of the lines, end in an ellipsis (Gopher)"),
    _ratio("alpha_word_fraction", "of the word equivalents, with a letter or wide (Gopher)"),
    _count("en_stop_words", "how many of Gopher's eight English stop words occur"),
    _count("zh_stop_words", "how many of FineWeb-2's Chinese stop characters occur"),
    _count("stop_words", "the larger of the two (Gopher, FineWeb-2: at least 2)"),
    _ratio("zh_stop_char_fraction", "of the wide characters, are such stop characters"),
    _ratio("duplicate_line_fraction", "of the lines, occurred before (Gopher)"),
    _ratio("duplicate_line_char_fraction", "of the lines' characters, in such (Gopher, FineWeb)"),
    _ratio("duplicate_paragraph_fraction", "of the paragraphs, occurred before (Gopher)"),
    _ratio("duplicate_paragraph_char_fraction", "of their characters, in such (Gopher)"),
    *(
        _ratio(f"top_{n}gram_char_fraction", "of the units' characters, in the top n-gram (Gopher)")
        for n in repetition.TOP_N
    ),
    *(
        _ratio(
            f"duplicate_{n}gram_char_fraction",
            "of the units' characters, in n-grams that occurred before, each once (Gopher)",
        )
        for n in repetition.DUPLICATE_N
    ),
    _ratio("terminal_line_fraction", "of the lines, end as a sentence or quotation (C4, FineWeb)"),
    _ratio("sentence_line_fraction", "of the lines, have an end of a sentence anywhere"),
    _ratio("few_word_line_fraction", "of the lines, have fewer than 3 word equivalents (C4)"),
    _count("sentences", "ends of sentences"),
    _count("c4_sentences", "of these, in lines that C4 keeps (C4: at least 5)"),
    _ratio("c4_line_char_fraction", "of the lines' characters, in lines that C4 keeps"),
    _count("javascript_lines", "lines with the word javascript (C4)"),
    _count("policy_lines", "lines on terms of use, privacy or cookies, Chinese too (C4's code)"),
    _count("lorem_ipsum", "times that `lorem ipsum` occurs (C4)"),
    _count("curly_brackets", "opening curly brackets (C4)"),
    _ratio("short_line_fraction", "of the lines, have up to 30 letters, wide: 3.5 (FineWeb)"),
    _ratio("newline_to_word_ratio", "line ends over word equivalents (FineWeb)"),
    _ratio("mean_line_chars", "code points a line (ChineseWebText)"),
    *(
        _ratio(f"{name}_fraction", _OF_SOLID)
        for name in ("han", "kana", "latin", "digit", "punctuation", "symbol")
    ),
    _count("flagged_words", "occurrences of the user's flagged words"),
    _ratio("flagged_words_per_line", "these over the lines (ChineseWebText: at most .5)"),
    _ratio("flagged_char_fraction", f"{_OF_SOLID}, in such"),
    _ratio("odd_fraction", f"{_OF_SOLID}: controls, private, unassigned, U+FFFD"),
)
SCHEMA = pa.schema([pa.field(s.name, s.type, nullable=False) for s in SIGNALS])


def columns_of(n: dict[str, Any]) -> dict[str, Any]:
    """The columns of SCHEMA by name, from the counters: those of kernels.quality.scan and, behind
    `rep_`, of skypile.kernels.quality.repetition, of phrases, and of flagged words.
    """

    def over(top: Any, bottom: Any) -> Any:
        top = np.asarray(top, np.float64)
        return np.divide(top, bottom, out=np.zeros_like(top), where=np.asarray(bottom) > 0)

    wide = n["han"] + n["kana"]
    english, chinese = (np.bitwise_count(n[f"{name}_stop_words"]) for name in ("en", "zh"))
    words = n["words"] + wide / scan.WIDE_PER_WORD
    lines, line_chars, solid = n["lines"], n["line_chars"], n["solid"]
    columns = {name: n[name] for name in ("chars", "lines", "words", "sentences", "c4_sentences")}
    columns |= {name: n[name] for name in ("javascript_lines", "policy_lines", "lorem_ipsum")}
    columns |= {
        "wide_chars": wide,
        "word_equivalents": words,
        "mean_word_letters": over(n["word_chars"] + scan.WIDE_LETTERS * wide, words),
        "mean_word_chars": over(n["word_chars"] + wide, words),
        "longest_word_chars": n["longest"],
        "hash_to_word_ratio": over(n["hashes"], words),
        "ellipsis_to_word_ratio": over(n["ellipses"], words),
        "alpha_word_fraction": over(n["alpha_words"] + wide / scan.WIDE_PER_WORD, words),
        "en_stop_words": english,
        "zh_stop_words": chinese,
        "stop_words": np.maximum(english, chinese),
        "zh_stop_char_fraction": over(n["zh_stop_chars"], wide),
        "c4_line_char_fraction": over(n["c4_line_chars"], line_chars),
        "curly_brackets": n["braces"],
        "newline_to_word_ratio": over(n["newlines"], words),
        "mean_line_chars": over(line_chars, lines),
        "flagged_words": n["flagged_words"],
        "flagged_words_per_line": over(n["flagged_words"], lines),
        "flagged_char_fraction": np.minimum(over(n["flagged_chars"], solid), 1),
    }
    for name in ("bullet", "ellipsis", "terminal", "few_word", "short", "sentence"):
        columns[f"{name}_line_fraction"] = over(n[f"{name}_lines"], lines)
    for name in ("line", "paragraph"):
        columns[f"duplicate_{name}_fraction"] = over(n[f"rep_duplicate_{name}s"], n[f"rep_{name}s"])
        columns[f"duplicate_{name}_char_fraction"] = over(
            n[f"rep_duplicate_{name}_chars"], n[f"rep_{name}_chars"]
        )
    for name in (
        *(f"top_{k}gram" for k in repetition.TOP_N),
        *(f"duplicate_{k}gram" for k in repetition.DUPLICATE_N),
    ):
        columns[f"{name}_char_fraction"] = over(n[f"rep_{name}_chars"], n["rep_unit_chars"])
    for name in ("han", "kana", "latin", "digits", "punctuation", "symbols", "odd"):
        columns[f"{name.removesuffix('s')}_fraction"] = over(n[name], solid)
    return columns
