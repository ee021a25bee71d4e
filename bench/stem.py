"""STEM: are exercises with solutions told from ordinary text and from what looks like them?

`python -m bench.stem [--data ../shared/data]` prints JSON lines. Positives are benchmarks
(question, options, answer and solution, as far as they are there), negatives zh_web_text,
domain_text, wiki text, and hard ones: technical posts (zh_web_text's blogs, Linux articles and
newsletters, domain_text's software docs, web_text's StackExchange samples), statutes with numbered
items (zh_web_text's), pages with FAQ or marked questions among the html_* sets' gold texts.

For each benchmark a classifier is fitted without it and without half of the sets of negatives: no
positive comes from a benchmark that it learnt from (GSM8K's two splits go out together, and so do
AGIEval's tests of one kind), no negative from a set (a domain of a set) that it learnt from.

First, though (`kinds known`), half of every benchmark's items is learnt from and the other asked.

- `auc`: of the stage's score; `auc_rules` of the rules alone, `auc_classifier` of the classifier.
- `bare`: the same with question marks and letters of options removed from the positives.
- `recall`, `false_alarms`: at the stage's threshold.
"""

import argparse
import functools
import gzip
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.fits.names import CLASSIFIER
from skypile.fits.stem import StemSettings, fit_stem
from skypile.kernels.quality.reference import auc
from skypile.kernels.quality.stem import combined, make_classifier, marks, rule_score
from skypile.kernels.text.textnorm import han_fold
from skypile.stages.stem import Config

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data"
ASKED = 100  # texts of a set, by hash
LEARNT = {True: 1500, False: 300}  # of a benchmark and of another set
MOST_CHARS = 2500  # of a negative text, from its start
TARGET = 0.98
# Group: its files. A group is left out as a whole.
GROUPS = {
    "gsm8k": ("gsm8k_test", "gsm8k_train"),
    "cmath": ("cmath_dev",),
    "math23k": ("math23k_test",),
    "agieval_math": ("agieval_math",),
    "agieval_sat-math": ("agieval_sat-math",),
    "agieval_gaokao-mathqa": ("agieval_gaokao-mathqa",),
    "agieval_gaokao-history+chinese": ("agieval_gaokao-history", "agieval_gaokao-chinese"),
    "agieval_verbal": (
        "agieval_logiqa-en",
        "agieval_logiqa-zh",
        "agieval_lsat-lr",
        "agieval_sat-en",
    ),
}
FAQ = re.compile(r"(?im)\bFAQ\b|frequently asked|常见问题|常見問題|^[ \t]*(?:Q|问|問)[:：.]")


def say(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    row = {"bench": "stem", "case": case, "metric": metric, "value": float(f"{value:.4g}")}
    print(json.dumps({**row, "unit": unit, **more}, ensure_ascii=False), flush=True)


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def drawn(texts: list[str], most: int) -> list[str]:
    """At most so many different texts, by hash."""
    texts = [t for t in texts if t.strip()]
    keyed = {hashlib.blake2b(t.encode(), digest_size=8).digest(): t for t in texts}
    return [keyed[key] for key in sorted(keyed)[:most]]


def exercise(row: dict[str, Any]) -> str:
    """Question, options, answer and solution of an item, in whatever fields they are."""
    other = row.get("other") or {}
    answer = row.get("answer") or row.get("golden") or row.get("ans") or row.get("label")
    parts = [
        row.get("passage"),
        row.get("question") or row.get("input") or row.get("original_text"),
        *(row.get("options") or ()),
        row.get("equation"),
        other.get("solution"),
        str(answer) if answer else None,
    ]
    # GSM8K's own marks (calculator notes, "####") would give it away.
    return re.sub(r"<<[^>]*>>|####", "", "\n".join(p for p in parts if p))


def bare(text: str) -> str:
    """Without question marks and letters of options."""
    return re.sub(r"(?m)^\(?[A-E](?:[).．、]|$)", "", re.sub(r"[?？]", "", text))


def negatives(data: Path) -> dict[str, list[str]]:
    """Texts that are no exercises, by set and domain."""
    found: dict[str, list[str]] = {}
    for row in rows(data / "zh_web_text/texts.jsonl.gz"):
        name = "news" if row["domain"].startswith("news") else row["domain"]
        found.setdefault(f"zh_web_text {name}", []).append(row["text"])
    for row in rows(data / "domain_text/texts.jsonl.gz"):
        found.setdefault(f"domain_text {row['lang']} {row['domain']}", []).append(row["text"])
    for row in rows(data / "web_text/texts.jsonl.gz"):
        if row["lang"] == "en":
            source = row["source"].rpartition("/")[2].removesuffix("-refined.jsonl")
            found.setdefault(f"web_text {source}", []).append(row["text"])
    for name in ("wikitext2_en", "enwiki_articles", "zhwiki_cmrc2018", "zhwiki_hant_drcd"):
        found[f"wiki {name}"] = [r["text"] for r in rows(data / f"wiki_reference/{name}.jsonl.gz")]
    for name in ("html_aeb", "html_magic", "html_newspaper_en", "html_cwce_zh", "html_gne_zh"):
        gold = (data / name / "gold.jsonl").read_text(encoding="utf8").splitlines()
        for text in filter(None, (json.loads(line).get("gold_text") for line in gold)):
            found.setdefault("html FAQ" if FAQ.search(text) else f"html {name}", []).append(text)
    return {
        name: drawn([t[:MOST_CHARS] for t in texts], LEARNT[False])
        for name, texts in sorted(found.items())
    }


@functools.cache
def rules_of(text: str) -> float:
    """By the rules alone."""
    return rule_score(marks(text))


class Scorer:
    """Scores by the rules, the classifier and the stage."""

    def __init__(self, folder: Path, learnt: list[str], others: list[str]) -> None:
        settings = StemSettings(heldout_fraction=0)
        fit_stem(learnt, others, folder, settings=settings, fold=han_fold())
        self._classify = make_classifier(str(folder / CLASSIFIER), han_fold())

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        """By metric."""
        rules = np.array([rules_of(t) for t in texts])
        found = self._classify(pa.array(texts)).to_numpy(zero_copy_only=False)
        both = combined(rules, found, Config().rules_weight)
        return {"auc": both, "auc_rules": rules, "auc_classifier": np.nan_to_num(found)}


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    groups = {
        name: drawn(
            [exercise(r) for f in files for r in rows(data / f"benchmarks/{f}.jsonl.gz")],
            LEARNT[True],
        )
        for name, files in GROUPS.items()
    }
    sets = negatives(data)
    halves = [sorted(sets)[0::2], sorted(sets)[1::2]]
    kept: dict[str, dict[str, list[np.ndarray]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-stem-") as work:
        known_kinds(groups, sets, Path(work))
        for turn, group in enumerate(groups):
            learnt = [t for name, texts in groups.items() if name != group for t in texts]
            asked = drawn(groups[group], ASKED)
            half, other = halves if turn % 2 else halves[::-1]
            folder = Path(work) / f"{group}{half[0]}".replace(" ", "_").replace("/", "_")
            score = Scorer(folder, learnt, [t for n in half for t in sets[n]])
            cases = {group: asked, f"{group}, bare": [bare(t) for t in asked]}
            cases |= {name: drawn(sets[name], ASKED) for name in other}
            for case, texts in cases.items():
                for metric, values in score(texts).items():
                    kept.setdefault(case, {}).setdefault(metric, []).append(values)
            report(group, cases, other, kept)
        totals(kept, groups, sets)


def known_kinds(groups: dict[str, list[str]], sets: dict[str, list[str]], work: Path) -> None:
    """Every second item of every benchmark is learnt from, the others are asked: what a user has
    whose examples are of the kinds that are looked for. Negatives are of sets never learnt from.
    """
    positives: dict[str, list[np.ndarray]] = {"": [], ", bare": []}
    others = []
    names = sorted(sets)
    for turn in (0, 1):
        learnt = [t for texts in groups.values() for t in texts[turn::2]]
        asked = [t for texts in groups.values() for t in texts[1 - turn :: 2][:ASKED]]
        known = [t for n in names[turn::2] for t in sets[n]]
        score = Scorer(work / f"known{turn}", learnt, known)
        positives[""].append(score(asked)["auc"])
        positives[", bare"].append(score([bare(t) for t in asked])["auc"])
        others += [score(drawn(sets[n], ASKED))["auc"] for n in names[1 - turn :: 2]]
    for end, found in positives.items():
        values = np.concatenate(found)
        value = auc(values, np.concatenate(others))
        goal = {"target": TARGET, "ok": value >= TARGET}
        say(f"all, kinds known{end}", "auc", value, "fraction", n=len(values), **goal)


def report(group: str, cases: dict[str, list[str]], other: list[str], kept: dict[str, Any]) -> None:
    """Of one classifier: this benchmark against the half of the sets that it never saw."""
    for case in (group, f"{group}, bare"):
        values = {
            metric: auc(
                kept[case][metric][-1], np.concatenate([kept[n][metric][-1] for n in other])
            )
            for metric in ("auc", "auc_rules", "auc_classifier")
        }
        for metric, value in values.items():
            goal = {"target": TARGET, "ok": value >= TARGET} if metric == "auc" else {}
            say(case, metric, value, "fraction", n=len(cases[case]), bin=other[0][:12], **goal)


def totals(kept: dict[str, Any], groups: dict[str, Any], sets: dict[str, Any]) -> None:
    """All benchmarks against each set, each scored by classifiers that saw neither."""
    least = Config().min_score
    for end in ("", ", bare"):
        for label, names in (
            ("all", [*groups]),
            ("maths", [g for g in groups if "math" in g or g == "gsm8k"]),
        ):
            for metric in ("auc", "auc_rules", "auc_classifier"):
                positives = np.concatenate([v for g in names for v in kept[g + end][metric]])
                others = np.concatenate([v for n in sets for v in kept[n][metric]])
                value = auc(positives, others)
                goal = {"target": TARGET, "ok": value >= TARGET} if metric == "auc" else {}
                say(f"{label}{end}", metric, value, "fraction", n=len(positives), **goal)
                if metric == "auc":
                    say(f"{label}{end}", "recall", float((positives >= least).mean()), "fraction")
    everything = np.concatenate([v for g in groups for v in kept[g]["auc"]])
    for group in groups:
        found = np.concatenate(kept[group]["auc"])
        say(group, "recall", float((found >= least).mean()), "fraction", n=len(found))
    for name in sets:
        values = np.concatenate(kept[name]["auc"])
        share = float((values >= least).mean())
        value = auc(everything, values)
        say(name, "auc, all benchmarks", value, "fraction", n=len(sets[name]))
        say(name, "false_alarms", share, "fraction", n=len(sets[name]))


if __name__ == "__main__":
    main()
