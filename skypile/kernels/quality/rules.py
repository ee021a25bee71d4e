"""Rules on signals: tables of thresholds, and the first one that a document fails.

A rule keeps a document whose signal is from `low` to `high`, both included, compared as float32,
as the signals are stored. The name of the rule is the reason. Profiles are data: a configuration
may take one, change thresholds by name, or leave rules out.

Where the papers' units are words they are those of kernels.quality.signals, in which thresholds for
English hold for Chinese too. `zh` has values that were found on Chinese: FineWeb-2's, and of
ChineseWebText's those on lines, Han and flagged words. Its least length of 200 characters drops one
short news item in twenty and is left to `chinesewebtext`; FineWeb-2's is 50 words, 90 characters.

FineWeb-2's numbers are of its own measures: of jieba's words, among which punctuation counts, with
repeated n-grams counted apart from each other. Ours, on the same texts, are 1.12 times as high for
repeated n-grams, .73 times for the top 3- and 4-grams, 1.2 times for line ends a word (`python -m
bench.fineweb2`: medians of 1.08 to 1.14, .73 and .58, and 1.20, on halves of sets that do not judge
the profile); the thresholds of `zh` are FineWeb-2's times that. Of top 2-grams there are too few
texts to tell. Two are looser on purpose: as FineWeb-2 counts, its least shares of words with a
letter and of lines with a stop at the end drop 12 % and 4 % of clean news. Ours leave punctuation
out and look for a stop anywhere; what they drop is tables of figures, lottery numbers and lists.

Left out: C4's list of bad words (give one: `flagged_words`), and that Gopher's bullets are `•`
alone (dashes and other marks count as well).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skypile.kernels.quality.signal_table import SIGNALS

_INFINITY = float("inf")
_NAMES = frozenset(s.name for s in SIGNALS)


@dataclass(frozen=True)
class Rule:
    """A condition on one signal, and where its numbers are from.

    Raises:
        ValueError: no such signal, or `low` above `high`.
    """

    name: str
    signal: str
    low: float = -_INFINITY
    high: float = _INFINITY
    source: str = ""

    def __post_init__(self) -> None:
        if self.signal not in _NAMES:
            raise ValueError(f"{self.name}: there is no signal {self.signal!r}")
        if not self.low <= self.high:
            raise ValueError(f"{self.name}: from {self.low} to {self.high} is nothing")


Profile = tuple[Rule, ...]
_GOPHER, _GOPHER_R = "Gopher A.1.1", "Gopher A.1, table A1"
_FINEWEB = "FineWeb 3.6"
_FINEWEB2 = "FineWeb-2 cmn_Hani.yml"
_CWT = "ChineseWebText preprocess.py"
_FINEWEB2_DUPLICATES = {5: 0.198, 6: 0.182, 7: 0.167, 8: 0.154, 9: 0.14, 10: 0.127}
# Our measures over datatrove's on the same Chinese texts: top n-grams, repeated ones, line ends.
_ZH_TOP, _ZH_DUPLICATE, _ZH_NEWLINES = 0.73, 1.12, 1.2


def _ngrams(prefix: str, source: str, highs: Mapping[int, float]) -> Iterable[Rule]:
    for n, high in highs.items():
        kind = "top" if n < 5 else "duplicate"
        yield Rule(
            f"{prefix}_{kind}_{n}gram", f"{kind}_{n}gram_char_fraction", high=high, source=source
        )


PROFILES: Mapping[str, Profile] = {
    "gopher": (
        Rule("gopher_words", "word_equivalents", 50, 100_000, _GOPHER),
        Rule("gopher_mean_word_length", "mean_word_letters", 3, 10, _GOPHER),
        Rule("gopher_hash_to_word_ratio", "hash_to_word_ratio", high=0.1, source=_GOPHER),
        Rule("gopher_ellipsis_to_word_ratio", "ellipsis_to_word_ratio", high=0.1, source=_GOPHER),
        Rule("gopher_bullet_lines", "bullet_line_fraction", high=0.9, source=_GOPHER),
        Rule("gopher_ellipsis_lines", "ellipsis_line_fraction", high=0.3, source=_GOPHER),
        Rule("gopher_alpha_words", "alpha_word_fraction", low=0.8, source=_GOPHER),
        Rule("gopher_stop_words", "stop_words", low=2, source=_GOPHER),
        Rule("gopher_duplicate_lines", "duplicate_line_fraction", high=0.3, source=_GOPHER_R),
        Rule(
            "gopher_duplicate_paragraphs",
            "duplicate_paragraph_fraction",
            high=0.3,
            source=_GOPHER_R,
        ),
        Rule(
            "gopher_duplicate_line_chars",
            "duplicate_line_char_fraction",
            high=0.2,
            source=_GOPHER_R,
        ),
        Rule(
            "gopher_duplicate_paragraph_chars",
            "duplicate_paragraph_char_fraction",
            high=0.2,
            source=_GOPHER_R,
        ),
        *_ngrams(
            "gopher",
            _GOPHER_R,
            {2: 0.2, 3: 0.18, 4: 0.16, 5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1},
        ),
    ),
    "c4": (
        Rule("c4_lorem_ipsum", "lorem_ipsum", high=0, source="C4 2.2"),
        Rule("c4_curly_bracket", "curly_brackets", high=0, source="C4 2.2"),
        # In lines that end as sentences, have three words, none of 1,000 characters, and name
        # neither javascript nor a policy.
        Rule("c4_sentences", "c4_sentences", low=5, source="C4 2.2 and its code"),
    ),
    "fineweb": (
        Rule("fineweb_terminal_lines", "terminal_line_fraction", low=0.12, source=_FINEWEB),
        Rule("fineweb_short_lines", "short_line_fraction", high=0.67, source=_FINEWEB),
        Rule(
            "fineweb_duplicate_line_chars",
            "duplicate_line_char_fraction",
            high=0.01,
            source=_FINEWEB,
        ),
        Rule("fineweb_newlines", "newline_to_word_ratio", high=0.3, source="datatrove"),
    ),
    "zh": (
        Rule("zh_mean_line_chars", "mean_line_chars", low=10, source=_CWT),
        Rule("zh_han", "han_fraction", low=0.3, source=_CWT),
        Rule("zh_flagged_words", "flagged_words_per_line", high=0.5, source=_CWT),
        Rule("zh_words", "word_equivalents", 50, 100_000, "FineWeb-2: as Gopher"),
        Rule("zh_mean_word_chars", "mean_word_chars", 1, 5, _FINEWEB2),
        Rule(
            "zh_hash_to_word_ratio", "hash_to_word_ratio", high=0.1, source="FineWeb-2: as Gopher"
        ),
        Rule(
            "zh_ellipsis_to_word_ratio",
            "ellipsis_to_word_ratio",
            high=0.1,
            source="FineWeb-2: as Gopher",
        ),
        Rule("zh_bullet_lines", "bullet_line_fraction", high=0.9, source="FineWeb-2: as Gopher"),
        Rule(
            "zh_ellipsis_lines", "ellipsis_line_fraction", high=0.3, source="FineWeb-2: as Gopher"
        ),
        Rule("zh_alpha_words", "alpha_word_fraction", low=0.735, source=_FINEWEB2),
        Rule("zh_stop_words", "zh_stop_words", low=2, source=_FINEWEB2),
        # FineWeb-2 looks at the ends of lines. A Chinese news item is often one line that ends in a
        # name or is cut off, and is no list.
        Rule("zh_sentence_lines", "sentence_line_fraction", low=0.106, source=_FINEWEB2),
        Rule("zh_newlines", "newline_to_word_ratio", high=0.178 * _ZH_NEWLINES, source=_FINEWEB2),
        Rule("zh_duplicate_lines", "duplicate_line_fraction", high=0.287, source=_FINEWEB2),
        Rule(
            "zh_duplicate_line_chars",
            "duplicate_line_char_fraction",
            high=0.1,
            source="fineweb-2-pipeline.py",
        ),
        *_ngrams(
            "zh",
            _FINEWEB2,
            {
                **{2: 0.256, 3: 0.201 * _ZH_TOP, 4: 0.171 * _ZH_TOP},
                **{n: high * _ZH_DUPLICATE for n, high in _FINEWEB2_DUPLICATES.items()},
            },
        ),
    ),
    "chinesewebtext": (
        Rule("chinesewebtext_chars", "chars", low=201, source=_CWT),
        Rule("chinesewebtext_mean_line_chars", "mean_line_chars", low=10, source=_CWT),
        Rule("chinesewebtext_han", "han_fraction", low=0.3, source=_CWT),
        Rule("chinesewebtext_flagged_words", "flagged_words_per_line", high=0.5, source=_CWT),
        # 13 characters are a 7-gram here; theirs counts the first occurrence, too.
        Rule("chinesewebtext_repetition", "duplicate_7gram_char_fraction", high=0.5, source=_CWT),
    ),
}


def profile(
    name: str,
    thresholds: Mapping[str, Sequence[float | None]] | None = None,
    without: Iterable[str] = (),
) -> Profile:
    """A profile by name; thresholds: {rule: (low, high)}, None for none. without: rules to drop.

    Raises:
        ValueError: no such profile or rule, or a pair that is nothing.
    """
    if name not in PROFILES:
        raise ValueError(f"there is no profile {name!r}: {', '.join(PROFILES)}")
    rules = PROFILES[name]
    changed, left_out = dict(thresholds or {}), set(without)
    if unknown := sorted({*changed, *left_out} - {rule.name for rule in rules}):
        raise ValueError(f"profile {name!r} has no rule {', '.join(unknown)}")
    return tuple(_with(rule, changed.get(rule.name)) for rule in rules if rule.name not in left_out)


def _with(rule: Rule, pair: Sequence[float | None] | None) -> Rule:
    if pair is None:
        return rule
    low, high = pair
    return replace(
        rule,
        low=-_INFINITY if low is None else low,
        high=_INFINITY if high is None else high,
        source="configuration",
    )


def failures(rules: Profile, columns: pa.RecordBatch | Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """[row, rule]: whether the row fails the rule. A missing value (NaN) fails.

    columns: a batch of signals, or arrays or single numbers by name.

    Raises:
        KeyError: a signal that a rule needs is not there.
    """
    found = []
    for rule in rules:
        value = columns[rule.signal]
        values = np.atleast_1d(np.asarray(value, np.float32))
        found.append(~((values >= np.float32(rule.low)) & (values <= np.float32(rule.high))))
    if found:
        return np.stack(found, axis=1)
    rows = columns.num_rows if isinstance(columns, pa.RecordBatch) else 0
    return np.zeros((rows, 0), np.bool_)


def apply(rules: Profile, columns: pa.RecordBatch | Mapping[str, Any]) -> list[str | None]:
    """For each row the name of the first rule that it fails, in the profile's order, or None."""
    failed = failures(rules, columns)
    if not failed.shape[1]:
        return [None] * failed.shape[0]
    first = failed.argmax(axis=1)
    return [rules[at].name if failed[row, at] else None for row, at in enumerate(first.tolist())]
