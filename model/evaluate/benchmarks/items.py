"""Benchmark items as published (JSON lines) to questions, and questions to prompts.

Prompts of Table 5 are those of the team's published scripts; those of Table 11, which the paper
does not give, are lm-eval's.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from model.evaluate import texts
from model.evaluate.benchmarks.subjects import CEVAL, CMMLU
from model.evaluate.benchmarks.suite import Benchmark
from model.settings import SettingsError

FOLDERS = "SKYPILE_BENCHMARKS"  # the environment variable: folders, with os.pathsep between them
LETTERS = "ABCD"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """One item.

    text: the prompt, up to where the answer begins. choices: what may follow it; of Winogrande,
    what may stand before `rest`; none where the answer is generated. gold: the right choice.
    solution: the answer as a solved example has it. accepted: generated answers that are right.
    """

    subject: str
    text: str
    solution: str
    choices: tuple[str, ...] = ()
    gold: int = 0
    accepted: tuple[str, ...] = ()
    rest: str = ""
    self_written: bool = False


def folders(given: Sequence[Path] | None = None) -> list[Path]:
    """Where data is looked for: as given, else by the environment variable.

    Raises:
        SettingsError: nowhere, or a folder that is not there.
    """
    found = list(given or [Path(p) for p in os.environ.get(FOLDERS, "").split(os.pathsep) if p])
    if not found:
        raise SettingsError(f"no data: --data FOLDER, or {FOLDERS} in the environment")
    if missing := [str(p) for p in found if not p.is_dir()]:
        raise SettingsError(f"no such folder: {', '.join(missing)}")
    return found


def find(where: Sequence[Path], stem: str) -> Path | None:
    """The first file of that name: .jsonl, .jsonl.gz, .txt."""
    for folder in where:
        for ending in (".jsonl", ".jsonl.gz", ".txt"):
            if (folder / f"{stem}{ending}").is_file():
                return folder / f"{stem}{ending}"
    return None


def files(benchmark: Benchmark, where: Sequence[Path]) -> list[Path] | None:
    """The files that a benchmark reads: items, examples; None where one is not there."""
    found = [find(where, benchmark.test)]
    if benchmark.shots_file:
        shots = find(where, benchmark.shots_file)
        if shots is None and benchmark.name == "gsm8k":  # the first of the training split instead
            shots = find(where, "gsm8k_train")
        found.append(shots)
    there = [f for f in found if f is not None]
    return there if len(there) == len(found) else None


def read(benchmark: Benchmark, path: Path) -> Iterator[Question]:
    """The questions of a file.

    Raises:
        SettingsError: a line that is not an item of the benchmark; it names file and line.
    """
    form = FORMS[benchmark.name]
    number = 0
    for number, row in texts.rows(path):
        try:
            question = form(row)
        except KeyError as e:
            raise SettingsError(
                f"{path}, line {number}: no {e.args[0]!r}; it has {', '.join(sorted(row))}"
            ) from e
        except (ValueError, TypeError, IndexError, AttributeError) as e:
            raise SettingsError(f"{path}, line {number}: no item of {benchmark.title}: {e}") from e
        if row.get("self_written"):
            question = Question(**{**vars(question), "self_written": True})
        yield question
    if not number:
        raise SettingsError(f"{path}: no item in it")


def documents(
    benchmark: Benchmark, where: Sequence[Path], limit: int | None = None
) -> list[dict[str, Any]]:
    """What lm-eval is asked: solved examples and question in `prompt`, in the files' order.

    limit: so many questions of each subject.

    Raises:
        SettingsError: files are missing, or there are too few examples of a subject.
    """
    paths = files(benchmark, where)
    if paths is None:
        wanted = ", ".join(f"{s}.jsonl[.gz]" for s in (benchmark.test, benchmark.shots_file) if s)
        raise SettingsError(f"{benchmark.title}: {wanted} not in {', '.join(map(str, where))}")
    before = _examples(benchmark, paths[1]) if benchmark.shots else defaultdict(str)
    asked: defaultdict[str, int] = defaultdict(int)
    found = []
    for question in read(benchmark, paths[0]):
        asked[question.subject] += 1
        if limit is not None and asked[question.subject] > limit:
            continue
        if question.subject not in before and benchmark.shots:
            raise SettingsError(f"{paths[1]}: no examples of {question.subject}")
        found.append(
            {
                "subject": question.subject,
                "prompt": before[question.subject] + question.text,
                "choices": list(question.choices),
                "answer": question.gold,
                "rest": question.rest,
                "accepted": list(question.accepted),
                "self_written": question.self_written,
            }
        )
    return found


def _examples(benchmark: Benchmark, path: Path) -> dict[str, str]:
    """What stands in front of the questions of a subject: the first examples, as published."""
    if path.suffix == ".txt":
        prompt = path.read_text(encoding="utf8").strip()
        if (n := prompt.count("Question:")) != benchmark.shots:
            raise SettingsError(f"{path}: {n} examples, not {benchmark.shots}")
        return {"": prompt + "\n\n"}
    of: defaultdict[str, list[Question]] = defaultdict(list)
    questions = read(benchmark, path)
    if not benchmark.by_subject:  # training splits are long
        questions = islice(questions, benchmark.shots)
    for question in questions:
        of[question.subject].append(question)
    found = {}
    for subject, some in of.items():
        if len(some) < benchmark.shots:
            raise SettingsError(
                f"{path}: {len(some)} examples of {subject or benchmark.title}, not "
                f"{benchmark.shots}"
            )
        head = f"{_MMLU_HEAD}{subject.replace('_', ' ')}.\n\n" if benchmark.name == "mmlu" else ""
        solved = (q.text + q.solution + "\n\n" for q in some[: benchmark.shots])
        found[subject] = head + "".join(solved)
    return found


_MMLU_HEAD = "The following are multiple choice questions (with answers) about "


def _letter(given: Any) -> int:
    """The place of an answer: a letter, or a number from 0."""
    text = str(given).strip()
    place = LETTERS.index(text) if len(text) == 1 and text in LETTERS else int(text)
    return _place(place, 4)


def _place(place: int, among: int) -> int:
    if not 0 <= place < among:
        raise ValueError(f"the answer is number {place} of {among}")
    return place


def _lettered(row: Row) -> str:
    return "\n".join(f"{letter}. {row[letter]}" for letter in LETTERS)


def _mmlu(row: Row) -> Question:
    gold = _letter(row["answer"])
    text = f"Question: {row['question']}\nChoices:\n{_lettered(row)}\nAnswer:"
    return Question(row["subject"], text, f" {LETTERS[gold]}", tuple(LETTERS), gold)


def _cmmlu(row: Row) -> Question:
    gold = _letter(row["Answer"])
    subject = CMMLU.get(row["subject"], row["subject"])
    text = (
        f"以下是关于{subject}的单项选择题，请直接给出正确答案的选项。\n\n"
        f"题目：{row['Question']}\n{_lettered(row)}\n答案："
    )
    return Question(row["subject"], text, LETTERS[gold], tuple(LETTERS), gold)


def _ceval(row: Row) -> Question:
    gold = _letter(row["answer"])
    if row["subject"] not in CEVAL:
        raise ValueError(f"no subject {row['subject']!r}")
    text = (
        f"以下是中国关于{CEVAL[row['subject']][0]}考试的单项选择题，请选出其中的正确答案。\n\n"
        f"{row['question']}\n{_lettered(row)}\n答案："
    )
    return Question(row["subject"], text, LETTERS[gold], tuple(LETTERS), gold)


def _gsm8k(row: Row) -> Question:
    steps, mark, answer = row["answer"].rpartition("####")
    if not mark:
        raise ValueError("no '####' before the result")
    answer = answer.strip().replace(",", "")
    text = f"Question: {row['question']}\nLet's think step by step\n"
    steps = re.sub(r"<<[^>]*>>", "", steps).strip()
    return Question("", text, f"{steps}\nThe answer is {answer}", accepted=(answer,))


def _triviaqa(row: Row) -> Question:
    answer = row["answer"]
    accepted = tuple(dict.fromkeys([answer["value"], *answer["aliases"]]))
    text = f"Question: {row['question']}\nAnswer:"
    return Question("", text, f" {answer['value']}", accepted=accepted)


def _chosen(text: str, choices: Sequence[str], gold: int) -> Question:
    gold = _place(gold, len(choices))
    return Question("", text, f" {choices[gold]}", tuple(choices), gold)


def _boolq(row: Row) -> Question:
    if not isinstance(row["answer"], bool):
        raise ValueError(f"the answer is {row['answer']!r}, neither true nor false")
    return _chosen(
        f"{row['passage']}\nQuestion: {row['question']}?\nAnswer:", ("no", "yes"), row["answer"]
    )


def _piqa(row: Row) -> Question:
    text = f"Question: {row['goal']}\nAnswer:"
    return _chosen(text, (row["sol1"], row["sol2"]), int(row["label"]))


def _winogrande(row: Row) -> Question:
    before, gap, after = row["sentence"].partition("_")
    if not gap:
        raise ValueError("no gap ('_') in the sentence")
    choices = (before + row["option1"], before + row["option2"])
    gold = _place(int(row["answer"]) - 1, 2)
    return Question("", "", "", choices, gold, rest=after.strip())


def _race(row: Row) -> Question:
    text = f"Article: {row['article']}\n\nQuestion: {row['question']}\nAnswer:"
    return _chosen(text, row["options"], _letter(row["answer"]))


def _hellaswag(row: Row) -> Question:
    begun = f"{row['ctx_a']} {row['ctx_b'].capitalize()}"
    text = _unmarked(f"{row['activity_label']}: {begun}")
    return _chosen(text, [_unmarked(e) for e in row["endings"]], int(row["label"]))


def _unmarked(text: str) -> str:
    """WikiHow's marks ([title], [step]) taken out."""
    text = re.sub(r"\[.*?\]", "", text.replace(" [title]", ". "))
    return re.sub(" +", " ", text).strip()


def _arc(row: Row) -> Question:
    asked, choices = row["question"], row.get("choices")
    if isinstance(asked, dict):  # as published by AI2; else as in the hub's copy
        asked, choices = asked["stem"], asked["choices"]
        choices = {k: [c[k] for c in choices] for k in ("label", "text")}
    if choices is None:
        raise KeyError("choices")
    gold = choices["label"].index(row["answerKey"])
    return _chosen(f"Question: {asked}\nAnswer:", choices["text"], gold)


FORMS: dict[str, Callable[[Row], Question]] = {
    "ceval": _ceval,
    "cmmlu": _cmmlu,
    "mmlu": _mmlu,
    "gsm8k": _gsm8k,
    "boolq": _boolq,
    "piqa": _piqa,
    "winogrande": _winogrande,
    "triviaqa": _triviaqa,
    "race": _race,
    "hellaswag": _hellaswag,
    "arc_easy": _arc,
    "arc_challenge": _arc,
}
