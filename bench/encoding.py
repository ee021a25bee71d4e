"""How many real files are decoded to the gold text, and how fast.

`python -m bench.encoding [--data ../shared/data]` prints JSON lines; `--shares` prints what the
weights of `skypile.kernels.reading.charset` were rounded from: the share of each character set in a
language's words. Gold charsets are those of the data sets. A text is right if it is what the gold
charset reads, or the superset that browsers read in its place (GB18030 for GB2312, cp932 for
Shift_JIS, cp949 for EUC-KR, Big5-HKSCS for Big5, windows-1252 for latin-1), a BOM aside. Python has
no EUC-TW: there iconv's text is the gold, and without iconv the file is left out.

Peers get the bytes alone, and resiliparse is asked for the detector's own answer: both its reading
of meta elements and its mapping to WHATWG's charsets make it worse here.
"""

import argparse
import gzip
import json
import random
import re
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from skypile.kernels.reading import charset

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
CHINESE = ("Big5", "EUC-TW", "GB2312")
READ_AS = {
    "Big5": "big5hkscs",
    "EUC-KR": "cp949",
    "GB2312": "gb18030",
    "SHIFT_JIS": "cp932",
    "iso-8859-1": "cp1252",
    "windows-1251-bulgarian": "cp1251",
    "windows-1251-russian": "cp1251",
}
HEADERS = [
    "big5",
    "euc-jp",
    "euc-kr",
    "gb2312",
    "iso-8859-1",
    "koi8-r",
    "shift_jis",
    "utf-16",
    "utf-8",
    "windows-1250",
]
# Codecs that a page in any of the others may be mistaken for.
RIVALS = ("big5hkscs", "cp932", "cp949", "euc_jp", "gb18030", "utf-8")
Decode = Callable[[bytes], str | None]
File = tuple[bytes, str | None, set[str | None]]  # bytes, header, right texts


def skypile(body: bytes, header: str | None = None) -> str | None:
    decoded = charset.decode(body, header)
    return decoded.text if decoded else None


def resiliparse(body: bytes) -> str | None:
    found = detect_encoding(body, html5_compatible=False)
    return bytes_to_str(body, found or "utf-8", "replace")


def peers() -> dict[str, Decode]:
    """The peers that are installed."""
    found: dict[str, Decode] = {"resiliparse": resiliparse}
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return found

    def normalizer(body: bytes) -> str | None:
        best = from_bytes(body).best()
        return str(best) if best else None

    return {**found, "charset_normalizer": normalizer}


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "gold.jsonl").read_text("utf8").splitlines():
        yield json.loads(line)


def page(folder: Path, row: dict[str, Any]) -> bytes:
    data = (folder / row["file"]).read_bytes()
    return gzip.decompress(data) if row["file"].endswith(".gz") else data


def plain(text: str | None) -> str | None:
    return text.removeprefix("\ufeff") if text is not None else None


def gold_texts(body: bytes, label: str) -> set[str | None]:
    """What a file in the charset may rightly be read as; empty where nothing here can read it."""
    texts = set()
    for codec in {label, READ_AS.get(label, label)}:
        try:
            texts.add(plain(body.decode(codec)))
        except UnicodeDecodeError:
            # The data sets have two damaged GB18030 pages.
            if codec == READ_AS.get(label, label):
                texts.add(plain(body.decode(codec, "replace")))
        except LookupError:
            if codec == "EUC-TW" and shutil.which("iconv"):
                done = subprocess.run(
                    ["iconv", "-f", codec, "-t", "utf-8"],
                    input=body,
                    stdout=subprocess.PIPE,
                    check=True,
                )
                texts.add(done.stdout.decode())
    return texts


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    print(
        json.dumps(
            {
                "bench": "encoding",
                "case": case,
                "metric": metric,
                "value": value,
                "unit": unit,
                **more,
            }
        ),
        flush=True,
    )


def accuracy(
    case: str,
    files: list[File],
    target: float | None = None,
    against: dict[str, Decode] | None = None,
) -> None:
    """A line of how many files (bytes, header, right texts) are decoded rightly; one a peer."""
    if not files:
        return
    value = sum(plain(skypile(b, h)) in right for b, h, right in files) / len(files)
    more: dict[str, object] = {"files": len(files)}
    if target is not None:
        more |= {"target": target, "ok": value >= target}
    if not against:
        line(case, "accuracy", value, "fraction", **more)
    for name, decode in (against or {}).items():
        got = sum(plain(decode(b)) in right for b, _, right in files) / len(files)
        line(case, "accuracy", value, "fraction", **more, peer=name, peer_value=got)


def encodings(folder: Path, against: dict[str, Decode]) -> None:
    by_label: dict[str, list[File]] = defaultdict(list)
    for row in rows(folder):
        body = page(folder, row)
        if right := gold_texts(body, row["gold_charset"]):
            by_label[row["gold_charset"]].append((body, None, right))
    accuracy("encodings", [f for files in by_label.values() for f in files], 0.95, against)
    chinese = [f for label in CHINESE for f in by_label[label]]
    accuracy("encodings/chinese", chinese, 0.98, against)
    # The right label is among them; utf-16 and windows-1250 are none of the files'.
    for header in HEADERS:
        told: list[File] = [
            (body, header, right) for f in by_label.values() for body, _, right in f
        ]
        accuracy(f"encodings+{header} header", told, 0.95)
    for label in sorted(by_label):
        accuracy(f"encodings/{label}", by_label[label], None, against)


def pages(folder: Path, against: dict[str, Decode]) -> None:
    """The pages of a set: GBK and mislabelled ones apart, with and without the declared header.

    Pages that are not UTF-8 are GB18030, two of them damaged (their `decoded_as` is latin-1).
    """
    groups = defaultdict(list)
    for row in rows(folder):
        body = page(folder, row)
        codec = "utf-8" if row["valid_utf8"] else "GB2312"
        declared = (row.get("declared_charset") or "utf-8").lower()
        groups["" if codec == "utf-8" else "/gbk"].append((body, declared, codec))
        if codec == "utf-8" and not declared.startswith("utf"):
            groups["/mislabelled"].append((body, declared, codec))
    for group, found in sorted(groups.items()):
        files = [(body, declared, gold_texts(body, codec)) for body, declared, codec in found]
        case, target = folder.name + group, 0.98 if group == "/gbk" else None
        accuracy(case, [(b, None, right) for b, _, right in files], target, against)
        accuracy(f"{case}+header", files, target)
        if group == "/gbk":
            damage(case, [body for body, _, _ in files])


def damage(case: str, bodies: list[bytes]) -> None:
    """The share of characters that break in the right charset, and in the best of the wrong ones.

    Wrong charsets can break as rarely as damaged pages do, so breaks alone do not tell them apart:
    max_replaced_fraction, 20 times what the most damaged page has, only bounds the damage.
    """

    def share(body: bytes, codec: str) -> float:
        text = body.decode(codec, "replace")
        return text.count("\ufffd") / len(text)

    right = [share(b, "gb18030") for b in bodies]
    wrong = [min(share(b, c) for c in RIVALS if c != "gb18030") for b in bodies]
    line(case, "replaced_in_the_right_charset_max", max(right), "fraction")
    line(
        case,
        "replaced_in_the_best_wrong_charset_median",
        sorted(wrong)[len(wrong) // 2],
        "fraction",
    )


def binary(size: int = 100_000) -> None:
    """Whether bytes of no charset are refused."""
    body = random.Random(0).randbytes(size)
    refused = charset.decode(body) is None
    line("random bytes", "refused", float(refused), "fraction", target=1.0, ok=refused)


def speed(folder: Path) -> None:
    """Processor time of pages made of the GBK pages of a set, cut to size: the least of ten."""
    found = [page(folder, r) for r in rows(folder) if r["decoded_as"] == "gb18030"]
    text = "".join(b.decode("gb18030", "replace") for b in found).replace("\ufffd", "")
    undeclared = re.sub(r"charset", "", text, flags=re.I)
    pages = {}
    for codec in ("utf-8", "gb18030", "big5hkscs", "euc_jp", "utf-16-le"):
        for size, name in ((150_000, "150 KB"), (10_000_000, "10 MB")):
            copies = undeclared * (1 + size // len(undeclared))
            pages[f"{name} {codec}"] = copies.encode(codec, "ignore")[:size]
    best = dict.fromkeys(pages, 1e9)
    for _ in range(10):  # in turns, so that what else the machine does does not hit one case alone
        for case, data in pages.items():
            start = time.process_time()
            charset.decode(data)
            best[case] = min(best[case], (time.process_time() - start) * 1000)
    for case, ms in best.items():
        limit = 300 if case.startswith("10 MB") else 1 if case.endswith("utf-8") else 5
        line(case, "ms", round(ms, 3), "ms", target=limit, ok=ms <= limit)


# The sets of each model's language in the pages' `lang`, and in the names of udhr_langid.
LANGUAGES = {
    "hans": ("zh", ""),
    "ja": ("ja", "Japanese"),
    "ko": ("ko", "Korean"),
    "cyr": ("ru uk bg", "Russian|Ukrainian|Bulgarian|Serbian|Macedonian"),
    "latin": (
        "de fr es pt it pl tr",
        "Danish|Finnish|Hungarian|Swedish|Norwegian|Croatian|Turkish",
    ),
    "greek": ("el", "Greek"),
    "hebrew": ("he", "Hebrew"),
    "arabic": ("ar fa", "Arabic|Farsi"),
    "thai": ("th", "Thai"),
}
PAGES = ("html_cwce_zh", "html_gne_zh", "html_magic", "html_aeb", "html_trafilatura", "html_misc")


def texts(data: Path) -> dict[str, list[str]]:
    """Decoded pages and texts by the model that they are for. None of `encodings` is among them."""
    found: dict[str, list[str]] = defaultdict(list)
    by_lang = {lang: model for model, (langs, _) in LANGUAGES.items() for lang in langs.split()}
    for name in PAGES:
        for row in rows(data / name):
            if model := by_lang.get(row["lang"]):
                found[model].append(skypile(page(data / name, row)) or "")
    with gzip.open(data / "wiki_reference/zhwiki_hant_drcd.jsonl.gz", "rt", encoding="utf8") as f:
        found["hant"] = [json.loads(x)["text"] for x in f]
    for path in sorted((data / "udhr_langid/files").iterdir()):
        for model, (_, names) in LANGUAGES.items():
            if names and re.match(names, path.name):
                found[model].append(skypile(path.read_bytes()) or "")
    found["caps"] = ["".join(filter(str.isupper, text)) for text in found["cyr"]]
    return found


def shares(data: Path) -> None:
    """A line for each model: its sets' shares in the words that are not all ASCII."""
    found = texts(data)
    for model, sets in charset._MODELS.items():
        counts: Counter[str] = Counter()
        for text in found[model]:
            for word in re.findall(r"[0-9@-\x7f\x80-\U0010ffff]+", text):
                if not word.isascii():
                    counts.update(word)
        total, share = max(1, counts.total()), {}
        for name in sets.split()[::2]:
            share[name] = round(sum(counts.pop(c, 0) for c in set(charset._SETS[name])) / total, 4)
        print(
            json.dumps(
                {
                    "model": model,
                    "texts": len(found[model]),
                    "shares": share,
                    "none": round(counts.total() / total, 4),
                }
            )
        )


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--shares", action="store_true", help="what the weights are rounded from")
    given = parser.parse_args()
    if given.shares:
        shares(given.data)
        return
    against = peers()
    encodings(given.data / "encodings", against)
    for name in ("html_cwce_zh", "html_gne_zh", "html_magic"):
        pages(given.data / name, against)
    binary()
    speed(given.data / "html_cwce_zh")


if __name__ == "__main__":
    main()
