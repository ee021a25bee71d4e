"""FineWeb-2's filters for Chinese as its own code runs them, beside the `zh` profile.

`python -m bench.fineweb2 [--data ../shared/data]` prints JSON lines; it needs `pip install
jieba==0.42.1`. FineWeb-2's thresholds (configs/cmn_Hani.yml) are values of datatrove's measures: of
jieba's words, among which punctuation counts; ours count Han characters and no punctuation. For
each rule on repetition and line ends: `ratio`, the median of our value over theirs on texts whose
value is between half and twice their threshold, and `share_factor`, by how much our threshold must
differ for as many texts to fail. skypile.kernels.quality.rules has its factors from these lines.

Everything here is measured on the half `tune` of each set (`bench.metrics.half`), and without the
news that `bench.signals` judges the profile by; `filtered_fraction` says what theirs drop of it.
"""

import argparse
import html
import json
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.metrics import half
from bench.signals import DATA, LOTTERY
from bench.signals import rows as texts_of
from skypile.kernels.quality import rules, signals

# datatrove.utils.text.TERMINAL_PUNCTUATION, those of Latin and Chinese text.
TERMINAL = tuple("。．.｡!！?？…‼⁇⁈⁉‽'⸮﹒﹖﹗")
# Rule: (datatrove's measure, cmn_Hani.yml's or fineweb-2-pipeline.py's value).
HIGH = {
    **{f"zh_top_{n}gram": v for n, v in {2: 0.256, 3: 0.201, 4: 0.171}.items()},
    **{
        f"zh_duplicate_{n}gram": v
        for n, v in {5: 0.198, 6: 0.182, 7: 0.167, 8: 0.154, 9: 0.14, 10: 0.127}.items()
    },
    **{"zh_newlines": 0.178, "zh_duplicate_lines": 0.287, "zh_duplicate_line_chars": 0.1},
}
LOW = {"zh_alpha_words": 0.735, "zh_sentence_lines": 0.106}


def words_of(text: str) -> list[str]:
    """Words of jieba and punctuation marks, without white space."""
    import jieba

    jieba.setLogLevel(60)
    return [w for w in (w.strip() for w in jieba.cut(text)) if w]


def duplicate_chars(words: list[str], n: int) -> int:
    """Characters of n-grams that were there before; after one, the search goes on behind it."""
    seen, found, at = set(), 0, 0
    while at <= len(words) - n:
        gram = "".join(words[at : at + n])
        found += len(gram) if gram in seen else 0
        at += n if gram in seen else 1
        seen.add(gram)
    return found


def top_chars(words: list[str], n: int) -> int:
    """Characters of the commonest n-gram, with a space between its words, in all occurrences."""
    counts = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    gram, count = counts.most_common(1)[0] if counts else ("", 0)
    return len(gram) * count if count > 1 else 0


def repeats(lines: Iterable[str]) -> tuple[int, int]:
    """(lines that were there before, their characters)."""
    seen: set[str] = set()
    count = chars = 0
    for line in lines:
        count, chars = (count + 1, chars + len(line)) if line in seen else (count, chars)
        seen.add(line)
    return count, chars


def theirs(text: str) -> dict[str, float]:
    """What datatrove's GopherRepetitionFilter, FineWebQualityFilter and GopherQualityFilter see."""
    words, lines = words_of(text), [x for x in text.split("\n") if x.strip()]
    split = re.split("\n+", text.strip())
    some = max(1, len(words))
    return {
        **{f"zh_top_{n}gram": top_chars(words, n) / len(text) for n in (2, 3, 4)},
        **{f"zh_duplicate_{n}gram": duplicate_chars(words, n) / len(text) for n in range(5, 11)},
        "zh_newlines": text.count("\n") / some,
        "zh_duplicate_lines": repeats(split)[0] / len(split),
        "zh_duplicate_line_chars": repeats(lines)[1] / max(1, len(text.replace("\n", ""))),
        "zh_alpha_words": sum(any(map(str.isalpha, w)) for w in words) / some,
        "zh_sentence_lines": sum(x.endswith(TERMINAL) for x in lines) / max(1, len(lines)),
        "zh_words": sum(any(unicodedata.category(c)[0] not in "PS" for c in w) for w in words),
    }


def fails(value: dict[str, float]) -> list[str]:
    """The rules of which the text is out of bounds."""
    found = [name for name, high in HIGH.items() if value[name] > high]
    found += [name for name, low in LOW.items() if value[name] < low]
    return [*found, *(["zh_words"] if value["zh_words"] < 50 else [])]


def line(case: str, metric: str, value: float, **more: object) -> None:
    row = {"bench": "fineweb2", "case": case, "metric": metric, "value": value, "unit": ""}
    print(json.dumps({**row, **more}, ensure_ascii=False), flush=True)


def sets(data: Path) -> tuple[list[str], dict[str, list[str]]]:
    """(texts to translate thresholds by, news by name), the half `tune` of each."""
    other = [
        r["text"]
        for name in ("finance", "general", "movie")
        for r in texts_of(data / f"skywork_release/zh_{name}.jsonl.gz")
    ]
    web = texts_of(data / "web_text/texts.jsonl.gz")
    other += [r["text"] for r in web if r["lang"] == "zh" and not r["quality"]]
    for name in ("html_cwce_zh", "html_gne_zh"):
        gold = (data / name / "gold.jsonl").read_text("utf8").splitlines()
        other += [json.loads(row)["gold_text"] for row in gold]
    chinese = texts_of(data / "zh_web_text/texts.jsonl.gz")
    sina = [r["text"] for r in texts_of(data / "skywork_release/zh_news.jsonl.gz")]
    news = {
        "zh_web_text_news_decoded": [
            html.unescape(r["text"]) for r in chinese if r["domain"].startswith("news")
        ],
        "zh_news_without_lottery": [t for t in sina if not LOTTERY.search(t)],
    }
    tune = [t for t in other if t and half(t) == "tune"]
    return tune, {k: [t for t in v if half(t) == "tune"] for k, v in news.items()}


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    other, news = sets(parser.parse_args().data)
    measured = signals.measure(other)
    values: list[dict[str, Any]] = [theirs(t) for t in other]
    for rule in rules.profile("zh"):
        if (high := HIGH.get(rule.name)) is None:
            continue
        mine = measured[rule.signal].to_pylist()
        ratios = [
            m / v[rule.name]
            for m, v in zip(mine, values, strict=True)
            if high / 2 < v[rule.name] < 2 * high
        ]
        over = sum(v[rule.name] > high for v in values)
        more = {"n": len(ratios), "documents": len(other), "over": over}
        if ratios:
            line(rule.name, "ratio", round(statistics.median(ratios), 3), **more)
        if over:
            ordered = sorted(mine, reverse=True)
            factor = (ordered[over - 1] + ordered[over]) / 2 / high
            line(rule.name, "share_factor", round(factor, 3), **more)
    for case, texts in news.items():
        found = [fails(theirs(t)) for t in texts]
        share = sum(map(bool, found)) / len(texts)
        reasons = Counter(name for names in found for name in names)
        line(case, "filtered_fraction", round(share, 4), n=len(texts), reasons=dict(reasons))


if __name__ == "__main__":
    main()
