"""Signals, rules, personal data and block lists: how fast, and how right.

`python -m bench.signals [--data ../shared/data]` prints JSON lines. Times are CPU time of one core,
median of `--repeat`, beside peers in the same run that do the same work: the signals as a plain
Python loop (`bench.plain_signals`, equal to the last bit); personal data as plain regular
expressions of FineWeb's kind, e-mail and IPv4 alone, which is less than ours do.
"""

import argparse
import gzip
import html
import json
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench.metrics import half
from bench.plain_signals import plain
from skypile.blocklists import compile_lists, load
from skypile.files import Root
from skypile.kernels.personal_data import personal
from skypile.kernels.quality import rules, signals
from skypile.sample.generators import SPAM, spam, word_salad

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
MB = 1e6
ENTRIES = 1_000_000
# What is repeated to a megabyte: pieces that look like the beginning of something, over and over.
HOSTILE = (
    *("1.1.1.", "=", "1", "１", "1234567890", "a", "字", "@", "a@", "a@a.a.", "a.b@c.", "x@y.co,"),
    *(
        "a" * 64 + "@",
        "a@" + "b." * 120,
        "a@" + "b-" * 120,
        "-@",
        "8.8.8.8 ",
        "8.8.8.8版",
        "1.",
        "12.",
    ),
    *("version 1.2.3.4 ", "2001:", "2a02:1:", "2001:a:b:c:d:e:f:", "2f0f:", "2f:2f:", "2::", "::1"),
    *("1-", "12 ", "09 ", "01 ", "123 ", "1 2 ", "0 1 2 3 4 5 6 7 8 9 ", "86 138 ", "0086 1"),
    *("138 1234 567 ", "13812345678 ", "13812345678，", "1234567890-", "1-415-555-267 "),
    *("415 555 2671 ", "415-555-2671 ", "415.555.2671 ", "02 2345 67 ", "0912-345-67 "),
    *("+1", "(1", "+86 1", "+86 138", "+861381234567", "(+86 138 1234 567) ", "+1 415 555 267"),
    *("(010)", "(010)1", "((010) 12345678 ", "(0755) 8-", "+1.2-3 4.5-6 ", "+", "("),
    *(
        "010-12345678 ",
        "电话",
        "话(010)12345678",
        "电话1234567 ",
        "tel 2345678 ",
        "cell 010-1234567",
    ),
    *("6222021202000000009 ", "4111 1111 1111 1112,", "4111 1111 1111 1111 111 ", "6 1234567890 "),
    *(
        "621234 1234567890 ",
        "110101199003077759 ",
        "110101900307776 ",
        "id no 110101 19900307 775 ",
    ),
    *("<PHONE>", "<EMAIL>", "<"),
)
EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)")
CLEAN = (
    "_news",
    "_decoded",
    "_clean",
    "_main_text_test",
    "_without_lottery",
    "_without_lottery_test",
)  # cases that a target is set for
# What no clean text has: entities that nobody decoded, and a page's program.
LEFT_OVER = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,7});|\bfunction\s*\w*\(")
LOTTERY = re.compile("开奖|彩票|竞彩|大乐透|双色球|快乐8|排列三|福彩|红单|胜负彩")


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    row = {"bench": "signals", "case": case, "metric": metric, "value": value, "unit": unit}
    print(json.dumps({**row, **more}, ensure_ascii=False), flush=True)


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(text) for text in lines]


def seconds(repeat: int, *calls: Callable[[], object]) -> list[float]:
    """Median CPU time of each call, taken in turns."""
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeat):
        for call, taken in zip(calls, times, strict=True):
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return [statistics.median(taken) for taken in times]


def hostile(piece: str, size: int) -> str:
    """A text of some `size` bytes, the piece over and over."""
    return piece * (size // len(piece.encode()) + 1)


def bench_signals(data: Path, repeat: int) -> None:
    web, chinese = (rows(data / f"{name}/texts.jsonl.gz") for name in ("web_text", "zh_web_text"))
    sets = {
        "web_text_en": [r["text"] for r in web if r["lang"] == "en"],
        "web_text_zh": [r["text"] for r in web if r["lang"] == "zh"],
        "zh_web_text": [r["text"] for r in chinese],
    }
    for case, texts in sets.items():
        some = texts[:100]  # the peer takes seconds
        ours, theirs = seconds(repeat, lambda: signals.measure(some), lambda: [*map(plain, some)])  # noqa: B023
        size = sum(len(t.encode()) for t in some) / MB
        peer = {"peer": "plain_python", "peer_value": len(some) / theirs}
        line(case, "docs_per_s", len(some) / ours, "1/s", **peer)
        line(case, "mb_per_s", size / ours, "MB/s", peer="plain_python", peer_value=size / theirs)
        line(case, "ratio", theirs / ours, "", peer="plain_python")


def bench_rules(data: Path) -> None:
    """What the profiles drop: of clean texts, of lottery pages and spam, and of labelled ones.

    News of zh_web_text has HTML entities that nobody decoded (`&nbsp;`), which no text of the
    pipeline has: `decoded` is the same documents with them decoded, as a parser does, and `clean`
    those that have neither entities nor a program. html_cwce_zh has the main text of Chinese pages,
    cut out by hand. Lottery pages of zh_news are told by their words, which no rule looks at.
    `test` halves were not looked at when the profile was made (`bench.metrics.half`).
    """
    web, chinese = (rows(data / f"{name}/texts.jsonl.gz") for name in ("web_text", "zh_web_text"))
    news = [r["text"] for r in chinese if r["domain"].startswith("news")]
    sina = [r["text"] for r in rows(data / "skywork_release/zh_news.jsonl.gz")]
    clear = [t for t in sina if not LOTTERY.search(t)]
    finance = [r["text"] for r in rows(data / "skywork_release/zh_finance.jsonl.gz")]
    with (data / "html_cwce_zh/gold.jsonl").open(encoding="utf8") as lines:
        by_hand = [json.loads(text)["gold_text"] for text in lines]
    domain = rows(data / "domain_text/texts.jsonl.gz")
    crawl = [r["text"] for r in web if r["lang"] == "zh" and not r["quality"]]
    made = [spam("zh", SPAM["zh"][i % len(SPAM["zh"])], i, 7).gold_text for i in range(60)]
    sets = {
        ("zh", "zh_web_text_news"): news,
        ("zh", "zh_web_text_news_decoded"): [html.unescape(t) for t in news],
        ("zh", "zh_web_text_news_clean"): [t for t in news if not LEFT_OVER.search(t)],
        ("zh", "html_cwce_zh_main_text_test"): [t for t in by_hand if half(t) == "test"],
        ("zh", "zh_news"): sina,
        ("zh", "zh_news_without_lottery"): clear,
        ("zh", "zh_news_without_lottery_test"): [t for t in clear if half(t) == "test"],
        ("zh", "zh_finance_test"): [t for t in finance if half(t) == "test"],
        ("zh", "zh_news_lottery"): [t for t in sina if LOTTERY.search(t)],
        ("zh", "web_text_crawl"): crawl,
        ("zh", "web_text_dirty"): [r["text"] for r in web if r["quality"] == "dirty"],
        ("zh", "sample_spam"): made,
        ("zh", "sample_word_salad"): [word_salad("zh", i, 7).gold_text for i in range(60)],
        ("gopher", "abc_news"): [r["text"] for r in domain if r["domain"] == "science+rural news"],
    }
    for (profile, case), texts in sets.items():
        found = rules.apply(rules.profile(profile), signals.measure(texts))
        reasons = Counter(r for r in found if r)
        share = reasons.total() / len(texts)
        clean = {"target": 0.05, "ok": share <= 0.05} if case.endswith(CLEAN) else {}
        more = {"engine": profile, "n": len(texts), "reasons": dict(reasons.most_common(6))}
        line(case, "dropped_fraction", share, "", **clean, **more)
    labelled = [r for r in web if r["quality"] in ("clean", "dirty")]
    batch = signals.measure([r["text"] for r in labelled])
    for profile in ("zh", "gopher", "c4", "fineweb", "chinesewebtext"):
        found = rules.apply(rules.profile(profile), batch)
        dropped = [r["quality"] for r, reason in zip(labelled, found, strict=True) if reason]
        dirty = dropped.count("dirty")
        precision = dirty / len(dropped) if dropped else 0.0
        for metric, value in (("precision", precision), ("recall", dirty / 10)):
            line("web_text_labelled", metric, value, "", engine=profile, n=len(labelled))


def bench_personal(data: Path, repeat: int) -> None:
    chinese = [r["text"] for r in rows(data / "zh_web_text/texts.jsonl.gz")]
    english = [r["text"] for r in rows(data / "domain_text/texts.jsonl.gz") if r["lang"] == "en"]
    real = {"zh_web_text": chinese, "domain_text_en": english}
    for case, texts in real.items():
        size = sum(len(t.encode()) for t in texts) / MB

        def theirs(texts: list[str] = texts) -> None:
            for text in texts:
                IPV4.sub("<IP>", EMAIL.sub("<EMAIL>", text))

        ours, peer = seconds(repeat, lambda: [*map(personal.mask, texts)], theirs)  # noqa: B023
        found = Counter(kind for text in texts for _, _, kind in personal.find(text))
        more = {"peer": "re_email_ipv4", "peer_value": size / peer, "found": dict(found)}
        line(case, "mb_per_s", size / ours, "MB/s", **more)
    for piece in HOSTILE:
        text = hostile(piece, 1_000_000)
        size = len(text.encode()) / MB
        (ours,) = seconds(repeat, lambda: personal.mask(text))  # noqa: B023
        taken = 1000 * ours / size
        line(f"hostile {piece[:20]}", "ms_per_mb", taken, "ms/MB", target=50, ok=taken < 50)


def bench_blocklist(repeat: int) -> None:
    """A list of a million domains and URLs, made up from a seed, in a folder of its own."""
    draw = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    names = [
        "".join(draw.choices(letters, k=draw.randint(6, 18))) + draw.choice((".com", ".cn", ".org"))
        for _ in range(ENTRIES)
    ]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "ut1/adult").mkdir(parents=True)
        domains, urls = names[: ENTRIES * 9 // 10], names[ENTRIES * 9 // 10 :]
        (base / "ut1/adult/domains").write_text("\n".join(domains))
        (base / "ut1/adult/urls").write_text("\n".join(f"{n}/a/{i}" for i, n in enumerate(urls)))
        start = time.process_time()
        card = compile_lists(Root(str(base / "ut1")), base / "made")
        entries = card.parameters["entries"]
        line("blocklist", "build_s", time.process_time() - start, "s", entries=entries)
        before = psutil.Process().memory_info().rss
        blocks = load(base / "made")
        asked = [
            f"https://www.{draw.choice(domains)}/x"
            if i % 10 == 0
            else f"https://sub{i}.{names[i % 999]}x.example.net/path/to/{i}.html?q={i}"
            for i in range(50_000)
        ]
        found = blocks.check(asked)
        assert sum(v is not None for v in found) == 5_000
        grown = (psutil.Process().memory_info().rss - before) / MB
        stored = sum(f.stat().st_size for f in (base / "made").glob("*.npy")) / MB
        line("blocklist", "mapped_mb", stored, "MB", entries=entries, rss_mb=grown)
        listed = {*domains}

        def theirs() -> None:
            from urllib.parse import urlsplit

            for url in asked:
                host = urlsplit(url).hostname or ""
                parts = host.split(".")
                any(".".join(parts[i:]) in listed for i in range(len(parts)))

        ours, peer = seconds(repeat, lambda: blocks.check(asked), theirs)
        more = {"peer": "urlsplit_and_set", "peer_value": len(asked) / peer}
        line("blocklist", "lookups_per_s", len(asked) / ours, "1/s", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    bench_signals(given.data, given.repeat)
    bench_rules(given.data)
    bench_personal(given.data, given.repeat)
    bench_blocklist(given.repeat)


if __name__ == "__main__":
    main()
