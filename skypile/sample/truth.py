"""How near a finished run came to the truth of the sample: precision and recall, stage by stage.

A stage is added with one function in `SCORERS`: it gets the run and the lines of truth, and yields
rows. Nothing here judges quality on the web: it shows that a stage does what it is meant to do.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skypile.errors import SkypileError
from skypile.reader import RunReader

Truth = Mapping[tuple[str, int], Mapping[str, Any]]  # (file, ordinal) -> line of truth
_ONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_ONE}]|[^\W_{_ONE}]+")


@dataclass(frozen=True)
class Score:
    """One line of the comparison. n: how many the truth has. precision or recall is None where it
    does not exist: nothing was found, nothing was there.
    """

    stage: str
    what: str
    precision: float | None
    recall: float | None
    n: int

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where one does not exist."""
        if self.precision is None or self.recall is None:
            return None
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def load_truth(path: Path, split: str | None = None) -> Truth:
    """The lines of a `truth.jsonl`, of one split or of both.

    Raises:
        SkypileError: the file cannot be read, or is no truth of a sample.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
        found = {(line["file"], line["ordinal"]): line for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise SkypileError(f"{path}: not the truth of a sample: {e}") from e
    return {k: v for k, v in found.items() if split in (None, v["split"])}


def score(run: RunReader, truth: Truth) -> list[Score]:
    """The rows of every stage that the run has and that can be scored."""
    stages = [s["name"] for s in run.record["stages"]]
    return [row for name in stages if name in SCORERS for row in SCORERS[name](run, truth)]


def labels(stage: str, pairs: list[tuple[str, str]]) -> Iterator[Score]:
    """A row a label, from pairs (label by the truth, label by the run); most frequent first."""
    wanted, found = Counter(w for w, _ in pairs), Counter(f for _, f in pairs)
    right = Counter(w for w, f in pairs if w == f)
    for label in sorted(wanted | found, key=lambda x: (-wanted[x], x)):
        yield Score(
            *(stage, label),
            right[label] / found[label] if found[label] else None,
            right[label] / wanted[label] if wanted[label] else None,
            wanted[label],
        )


def token_overlap(text: str, gold: str) -> tuple[float, float]:
    """(precision, recall) of a text's words, counted with repeats; a Han or kana character is one.

    The precision of an empty text is 1, and so is the recall of an empty gold text.
    """
    ours, theirs = Counter(_WORD.findall(text)), Counter(_WORD.findall(gold))
    common = (ours & theirs).total()
    return (
        common / ours.total() if ours else 1.0,
        common / theirs.total() if theirs else 1.0,
    )


def records(run: RunReader, truth: Truth) -> dict[tuple[str, int], Mapping[str, Any]]:
    """The run's rows of `records` on which there is truth, by file and ordinal.

    Raises:
        SkypileError: a record of the truth is not in the run: this is another sample.
    """
    rows = run.table("records", ["doc_id", "path", "ordinal", "record_id", "reason"]).to_pylist()
    found = {(r["path"], r["ordinal"]): r for r in rows if (r["path"], r["ordinal"]) in truth}
    if missing := sorted(truth.keys() - found.keys()):
        file, ordinal = missing[0]
        raise SkypileError(
            f"the run has no record {ordinal} of {file}, and lacks {len(missing):,} of the "
            f"{len(truth):,} that the truth is about: was it made from this sample, in whole?"
        )
    other = [k for k, r in found.items() if (r["record_id"] or "")[9:] != truth[k]["record_id"]]
    if other:
        raise SkypileError(
            f"record {other[0][1]} of {other[0][0]} is another one than in the truth"
        )
    return found


def extract(run: RunReader, truth: Truth) -> Iterator[Score]:
    """What was kept, what was dropped for which reason; the text of what both kept."""
    found = records(run, truth)
    verdicts = {v["doc_id"]: v for v in run.table("verdicts_extract").to_pylist()}
    fates = {}
    for key, row in found.items():
        reason = row["reason"]
        if reason is None:
            reason = verdicts[row["doc_id"]]["reason"]
        fates[key] = reason or "kept"
    yield from labels("extract", [(truth[k]["expect"]["extract"], f) for k, f in fates.items()])
    keys = {found[k]["doc_id"]: k for k, fate in fates.items() if fate == "kept"}
    by_lang: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for table in run.texts("extract", ()):
        for row in table.to_pylist():
            line = truth[keys[row["doc_id"]]] if row["doc_id"] in keys else None
            if line and line["expect"]["extract"] == "kept":
                both = token_overlap(row["text"], line["gold_text"])
                by_lang[line["expect"]["language"]].append(both)
    for lang in sorted(by_lang, key=lambda x: (-len(by_lang[x]), x)):
        pairs = by_lang[lang]
        precision, recall = (sum(p[i] for p in pairs) / len(pairs) for i in range(2))
        yield Score("extract", f"words of the text, {lang}", precision, recall, len(pairs))


def language(run: RunReader, truth: Truth) -> Iterator[Score]:
    """English, Chinese or other; what was dropped as other, or as uncertain, counts as other."""
    found = records(run, truth)
    families = {r["doc_id"]: r["family"] for r in run.table("language").to_pylist()}
    verdicts = {v["doc_id"]: v for v in run.table("verdicts_language").to_pylist()}
    pairs = []
    for key, row in found.items():
        verdict, wanted = verdicts.get(row["doc_id"]), truth[key]["expect"].get("language")
        if wanted is not None and verdict is not None and verdict["kept"] is not None:
            pairs.append((wanted, families[row["doc_id"]] if verdict["kept"] else "other"))
    yield from labels("language", pairs)


def dedup(run: RunReader, truth: Truth) -> Iterator[Score]:
    """How many of each family went. Which of them stays is a matter of rank: a family of three that
    are alike must lose two, whichever.
    """
    found = records(run, truth)
    verdicts = {v["doc_id"]: v for v in run.table("verdicts_dedup").to_pylist()}
    gone: dict[tuple[str, str], int] = Counter()
    wanted: dict[tuple[str, str], int] = Counter()
    for key, row in found.items():
        line, verdict = truth[key], verdicts.get(row["doc_id"])
        if verdict is None or verdict["kept"] is None:  # it did not come so far
            continue
        family = (line["expect"].get("language", "other"), line["family"] or str(key))
        gone[family] += not verdict["kept"]
        wanted[family] += line["expect"].get("dedup") == "duplicate"
    for lang in ("en", "zh", "other"):
        families = [f for f in {*gone, *wanted} if f[0] == lang]
        right = sum(min(gone[f], wanted[f]) for f in families)
        dropped, due = (sum(n[f] for f in families) for n in (gone, wanted))
        yield Score(
            *("dedup", f"duplicates, {lang}"),
            right / dropped if dropped else None,
            right / due if due else None,
            due,
        )


def quality(run: RunReader, truth: Truth) -> Iterator[Score]:
    """Spam and word salad (`low`) are to go, articles (`high`) to stay."""
    found = records(run, truth)
    verdicts = {v["doc_id"]: v for v in run.table("verdicts_quality").to_pylist()}
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, row in found.items():
        expect, verdict = truth[key]["expect"], verdicts.get(row["doc_id"])
        if expect.get("quality") and verdict is not None and verdict["applies"]:
            fate = "high" if verdict["kept"] else "low"
            pairs[expect["language"]].append((expect["quality"], fate))
    for lang in sorted(pairs):
        for score in labels("quality", pairs[lang]):
            yield replace(score, what=f"{score.what}, {lang}")


# A stage that is not here has no truth yet. There can be none for `distribution`: the generators
# write the same sentences with other names, and these recur more often than what was planted.
SCORERS: dict[str, Callable[[RunReader, Truth], Iterator[Score]]] = {
    "extract": extract,
    "language": language,
    "dedup": dedup,
    "quality": quality,
}
