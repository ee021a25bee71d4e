r"""Statistics of documents that the rules of Gopher, C4 and FineWeb are made of, for English and
Chinese alike: measured for every document, cut by nothing here (kernels.quality.rules cuts).

Where the papers count words, a Han or kana character counts as 1 / 1.8 word, and where they count
letters, as 3.5 letters (kernels.quality.scan says why): the papers' thresholds then mean about the
same for Chinese, with no segmenter, and for a text of both. Lines are what `\n` separates; blank
ones are not counted. A fraction whose denominator is zero is zero.

Sources: Gopher, arXiv 2112.11446, appendix A.1; C4, JMLR 21 (140), 2020, section 2.2; FineWeb,
arXiv 2406.17557, section 3.6; FineWeb-2, arXiv 2506.20920; ChineseWebText, arXiv 2311.01149.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skypile.kernels.compiled import I32, I64, U8, U16, U32, U64, compiled
from skypile.kernels.quality import repetition, scan
from skypile.kernels.quality.flagged import NONE, FlaggedWords
from skypile.kernels.quality.signal_table import SCHEMA, SIGNALS, columns_of
from skypile.kernels.text import characters

# Gopher's eight; bits of `en_stop_words`.
EN_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# FineWeb-2's stop words for cmn_Hani, but for `·`; simplified and traditional forms are one.
ZH_STOP_CHARS = (
    *("的", "年", "在", "月", "是", "和", "日", "了", "于於", "为為", "有", "被", "人", "中"),
    *("他", "与與", "后後", "也", "而", "由"),
)
# Lines that C4's code leaves out, and what takes their place on Chinese pages.
POLICY_PHRASES = (
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies"),
    *("use cookies", "隐私政策", "隱私政策", "隐私权政策", "隱私權政策", "使用条款", "使用條款"),
    *("服务条款", "服務條款", "使用cookie", "cookie政策"),
)
_ALL_PHRASES = ("javascript", "lorem ipsum", *POLICY_PHRASES)


@compiled
def _measure(
    data: U8,
    offsets: I64,
    skipped: I64,
    skipped_at: I64,
    flags: U16,
    folding: U32,
    stop_words: U64,
    stop_chars: U8,
    sizes: I64,
    text: U32,
    hashes: U64,
    lengths: I64,
    keys: U64,
    stamps: I64,
    counts: I32,
    ends: I32,
    stamp: I64,
    scanned: I64,
    repeated: I64,
) -> None:
    """Both passes over each text of a batch; a row of `scanned` and `repeated` each."""
    for row in range(len(offsets) - 1):
        size = scan.decode(data, offsets[row], offsets[row + 1], text)
        skip = skipped[skipped_at[row] : skipped_at[row + 1]]
        count = scanned[row]
        scan.scan(text[:size], skip, flags, folding, stop_words, stop_chars, count)
        wide = count[scan.N_HAN] + count[scan.N_KANA] > count[scan.WORDS]
        repetition.repetition(
            text[:size],
            wide,
            count[scan.GAPS] > 0,
            flags,
            folding,
            sizes,
            hashes,
            lengths,
            keys,
            stamps,
            counts,
            ends,
            stamp,
            repeated[row],
        )


def measure(
    texts: pa.Array | pa.ChunkedArray | list[str | None], flagged: FlaggedWords = NONE
) -> pa.RecordBatch:
    """The signals of each text, in order: SCHEMA, no nulls; a null text is measured as empty.

    flagged: words whose occurrences `flagged_words` and the two after it count.
    A text's row depends on nothing but the text. Linear in its length; beside the batch itself
    it takes 4 bytes for each byte of the longest text, and 20 MB.

    Raises:
        pa.ArrowInvalid, pa.ArrowTypeError: `texts` are not strings.
    """
    array = _large_strings(texts)
    data, offsets = _buffers(array)
    phrases, skipped, skipped_at = _phrase_lines(array)
    longest = int(np.diff(offsets).max(initial=0))
    work = repetition.Workspace(longest)
    stop_chars = np.zeros(len(characters.classes()), np.uint8)
    for at, forms in enumerate(ZH_STOP_CHARS):
        stop_chars[[ord(c) for c in forms]] = 1 + at
    scanned = np.zeros((len(array), len(scan.COUNTERS)), np.int64)
    repeated = np.zeros((len(array), len(repetition.COUNTERS)), np.int64)
    _measure(
        data,
        offsets,
        skipped,
        skipped_at,
        characters.classes(),
        characters.folding(),
        np.array([scan.word_hash(word) for word in EN_STOP_WORDS], np.uint64),
        stop_chars,
        repetition.UNITS,
        np.empty(longest, np.uint32),
        work.hashes,
        work.lengths,
        work.keys,
        work.stamps,
        work.counts,
        work.ends,
        work.stamp,
        scanned,
        repeated,
    )
    counted = {
        **{name: scanned[:, at] for at, name in enumerate(scan.COUNTERS)},
        **{f"rep_{name}": repeated[:, at] for at, name in enumerate(repetition.COUNTERS)},
        **phrases,
    }
    counted["flagged_words"], counted["flagged_chars"] = flagged.count(array)
    columns = columns_of(counted)
    return pa.record_batch(
        [pa.array(columns[s.name].astype(s.type.to_pandas_dtype())) for s in SIGNALS],
        schema=SCHEMA,
    )


def _large_strings(texts: Any) -> pa.Array:
    array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string()).fill_null("")


def _buffers(array: pa.Array) -> tuple[U8, I64]:
    """(bytes of all texts, where each begins and the last ends)."""
    _, offsets, data = array.buffers()
    first = array.offset
    starts = (
        np.frombuffer(offsets, np.int64)[first : first + len(array) + 1]
        if len(array)
        else np.zeros(1, np.int64)
    )
    return np.frombuffer(data or b"", np.uint8), starts


def _phrase_lines(array: pa.Array) -> tuple[dict[str, I64], I64, I64]:
    """(counts by phrase, numbers of the lines that C4 leaves out, where each text's begin)."""
    found = {
        name: np.zeros(len(array), np.int64)
        for name in ("javascript_lines", "policy_lines", "lorem_ipsum")
    }
    lines: list[int] = []
    per_text = np.zeros(len(array) + 1, np.int64)
    suspects = pc.match_substring_regex(array, "|".join(_ALL_PHRASES), ignore_case=True)
    for row in np.flatnonzero(suspects.to_numpy(zero_copy_only=False)):
        for ordinal, line in enumerate(array[row].as_py().lower().split("\n")):
            script = "javascript" in line
            policy = any(phrase in line for phrase in POLICY_PHRASES)
            found["javascript_lines"][row] += script
            found["policy_lines"][row] += policy
            found["lorem_ipsum"][row] += line.count("lorem ipsum")
            if script or policy:
                lines.append(ordinal)
                per_text[row + 1] += 1
    return found, np.array(lines, np.int64), np.cumsum(per_text)
