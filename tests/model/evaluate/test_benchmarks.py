"""Benchmarks: prompts as published, answers, tables; through lm-eval where it is installed."""

import dataclasses
import hashlib
import importlib.util
import json
import math
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[train]'")

from model.evaluate import __main__ as command
from model.evaluate.benchmarks import answers, items, tables
from model.evaluate.benchmarks.subjects import CEVAL, CMMLU
from model.evaluate.benchmarks.suite import BY_NAME, SUITE
from model.huggingface import write_tokenizer
from model.settings import SettingsError
from tests.model.evaluate.test_scoring import CFG, write_llama
from tests.tokenizer_texts import make_tokenizer

ROOT = Path(__file__).resolve().parents[3]
OURS = Path(__file__).parent / "benchmark_items"
SHARED = ROOT.parent / "shared/data"


def four(question: str, answer: Any, **more: Any) -> dict[str, Any]:
    return {"question": question, "A": "w", "B": "x", "C": "y", "D": "z", "answer": answer} | more


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf8")
    return path


def test_mmlu_has_its_heading_once_and_examples_of_the_subject_in_order(tmp_path: Path) -> None:
    shots = [four(f"{s} {i}", str(i % 4), subject=s) for i in range(6) for s in ("a_b", "c")]
    write(tmp_path / "mmlu_dev.jsonl", shots)
    asked = [four("Why?", 2, subject="c"), four("How?", "B", subject="a_b")]
    write(tmp_path / "mmlu_test.jsonl", asked)
    docs = items.documents(BY_NAME["mmlu"], [tmp_path])
    choices = "Choices:\nA. w\nB. x\nC. y\nD. z\nAnswer:"
    expected = "The following are multiple choice questions (with answers) about a b.\n\n"
    for i, letter in enumerate("ABCDA"):
        expected += f"Question: a_b {i}\n{choices} {letter}\n\n"
    assert docs[1]["prompt"] == f"{expected}Question: How?\n{choices}"
    assert [d["answer"] for d in docs] == [2, 1]
    assert "a_b" not in docs[0]["prompt"]


def test_chinese_questions_name_their_subject_each_time() -> None:
    row = four("鲸是", "C", subject="logic")
    ceval = items.FORMS["ceval"](row)
    assert ceval.text == (
        "以下是中国关于逻辑学考试的单项选择题，请选出其中的正确答案。\n\n"
        "鲸是\nA. w\nB. x\nC. y\nD. z\n答案："
    )
    assert ceval.solution == "C"
    row = {"Question": "鯨是", "Answer": "B", "subject": "arts"} | dict.fromkeys("ABCD", "字")
    assert items.FORMS["cmmlu"](row).text == (
        "以下是关于艺术学的单项选择题，请直接给出正确答案的选项。\n\n"
        "题目：鯨是\nA. 字\nB. 字\nC. 字\nD. 字\n答案："
    )


def test_gsm8k_has_the_published_prompt_or_the_first_of_the_training_split(tmp_path: Path) -> None:
    rows = [
        {"question": f"Q{i}?", "answer": f"1+{i} = <<1+{i}={i + 1}>>{i + 1}\n#### 1,{i:03d}"}
        for i in range(9)
    ]
    write(tmp_path / "gsm8k_test.jsonl", rows[8:])
    assert items.files(BY_NAME["gsm8k"], [tmp_path]) is None
    write(tmp_path / "gsm8k_train.jsonl", rows)
    (doc,) = items.documents(BY_NAME["gsm8k"], [tmp_path])
    step = "Let's think step by step\n"
    assert doc["prompt"].startswith(f"Question: Q0?\n{step}1+0 = 1\nThe answer is 1000\n\nQuestion")
    assert doc["prompt"].endswith(f"The answer is 1007\n\nQuestion: Q8?\n{step}")
    assert doc["accepted"] == ["1008"]
    (tmp_path / "gsm8k_prompt.txt").write_text("Question: a\nThe answer is 1\n\n" * 8, "utf8")
    (doc,) = items.documents(BY_NAME["gsm8k"], [tmp_path])
    assert doc["prompt"].endswith(f"Question: a\nThe answer is 1\n\nQuestion: Q8?\n{step}")
    (tmp_path / "gsm8k_prompt.txt").write_text("Question: a\nThe answer is 1\n", "utf8")
    with pytest.raises(SettingsError, match="1 examples, not 8"):
        items.documents(BY_NAME["gsm8k"], [tmp_path])


def test_ten_items_of_our_own_in_each_form_that_is_not_at_hand() -> None:
    for b in SUITE:
        if b.name in ("mmlu", "cmmlu", "gsm8k"):
            continue
        docs = items.documents(b, [OURS])
        assert len(docs) == 10, b.name
        assert all(d["self_written"] for d in docs)
        assert b.name == "triviaqa" or len({d["answer"] for d in docs}) > 1
    first = {b.name: items.documents(b, [OURS])[0] for b in SUITE if items.files(b, [OURS])}
    assert first["boolq"]["prompt"].endswith(
        "\nQuestion: is a tide mill driven by the wind?\nAnswer:"
    )
    assert first["winogrande"]["choices"][0].endswith("because the jug")
    assert first["winogrande"]["rest"] == "was too large."
    assert first["hellaswag"]["prompt"].endswith("on a table. She")
    assert first["arc_challenge"]["choices"][1] == "It is at a lower temperature."
    assert first["triviaqa"]["prompt"].count("Question:") == 6
    marked = items.documents(BY_NAME["hellaswag"], [OURS])[5]["prompt"]
    assert "[" not in marked
    assert ". Dig a hole" in marked


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_the_published_files_are_read_whole() -> None:
    where = [SHARED / "benchmarks", SHARED / "skywork_release"]
    for name, size, subjects in (("mmlu", 14042, 57), ("cmmlu", 11582, 67), ("gsm8k", 1319, 1)):
        docs = items.documents(BY_NAME[name], where)
        assert (len(docs), len({d["subject"] for d in docs})) == (size, subjects)
    assert docs[0]["prompt"].count("Let's think step by step") == 9
    two = items.documents(BY_NAME["cmmlu"], where, limit=2)
    assert len(two) == 134
    assert {d["subject"] for d in two} == CMMLU.keys()


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("mmlu", {"question": "a"}, r"line 2: no 'answer'; it has question"),
        ("mmlu", four("a", 4, subject="s"), r"the answer is number 4 of 4"),
        ("ceval", four("a", "A", subject="alchemy"), r"no subject 'alchemy'"),
        ("gsm8k", {"question": "a", "answer": "4"}, r"no '####'"),
        ("winogrande", {"sentence": "a", "option1": "", "option2": "", "answer": "1"}, "no gap"),
        ("boolq", {"passage": "a", "question": "b", "answer": "no"}, "neither true nor false"),
        ("arc_easy", {"question": "a", "answerKey": "A"}, "no 'choices'"),
    ],
)  # fmt: skip
def test_what_is_no_item(tmp_path: Path, name: str, row: dict[str, Any], said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n" + json.dumps(row) + "\n", "utf8")
    with pytest.raises(SettingsError, match=said):
        list(items.read(BY_NAME[name], path))


def test_numbers_and_names() -> None:
    assert answers.number("so 3 + 4 = 7 and 2.\nThe answer is $1,234.50.") == Decimal("1234.50")
    assert answers.number("它是 5。答案是 -12") == -12
    assert answers.number("3 + 4 = 7\n\nQuestion: 9") == 7
    assert answers.number("The answer is 6\nQuestion: What is 8?") == 6
    assert answers.number("none") is None
    assert answers.same_number("The answer is 70.00", ["70"])
    assert not answers.same_number("The answer is 7", ["70"])
    assert answers.same_name(" The nile!\nQuestion: ", ["Nile"])
    assert not answers.same_name(" Nile delta", ["Nile"])
    assert not answers.same_name("", ["Nile"])


def test_tables_are_means_of_subjects_or_items_beside_the_paper() -> None:
    scores = [tables.Score(BY_NAME[n]) for n in ("ceval", "mmlu")]
    for score in scores:
        for subject, right in (("logic", 1), ("logic", 0), ("logic", 0), ("law", 1)):
            score.add(subject, {"acc": right}, 4)
    assert scores[0].percent() == pytest.approx(100 * (1 / 3 + 1) / 2)
    assert scores[1].percent() == pytest.approx(50)
    assert scores[1].error() == pytest.approx(25)
    assert scores[0].error() == pytest.approx(100 * math.sqrt(2 / 27) / 2)
    assert scores[0].chance() == scores[1].chance() == 25
    scores[0].self_written, scores[1].cut = 4, 3
    shown = tables.markdown("m", scores, ["piqa"], 2)
    assert "| C-Eval | 5 | 4 | acc | 66.7 ± 13.6 | 25.0 | 60.6 (Table 5) | self-written" in shown
    assert "| MMLU | 5 | 4 | acc | 50.0 ± 25.0 | 25.0 | 62.1 (Table 5) | 3 prompts cut" in shown
    assert "| PIQA | 0 | - | acc_norm | - | | 79.9 (Table 11) | no data |" in shown
    assert "| logic | 3 | 33.3 | 50.0 | 45.5 |" in shown  # Table 12
    assert "first 2 items" in shown
    assert scores[0].as_json()["subjects"]["law"] == {"items": 1, "right": 1.0}


def test_table_12_is_the_papers() -> None:
    assert len(CEVAL) == 52
    # Boosts of the same table, some of them; and its mean, which is not Table 5's 60.6.
    for subject, boost in (("civil_servant", 25.5), ("discrete_mathematics", -31.3), ("law", 12.5)):
        assert CEVAL[subject][2] - CEVAL[subject][1] == pytest.approx(boost, abs=0.11)
    assert sum(second for _, _, second in CEVAL.values()) / 52 == pytest.approx(59.46, abs=0.01)


def exported(folder: Path, context: int = 512) -> Path:
    made = folder / "made"
    make_tokenizer(made)
    tokenizer = made / "tokenizer.model"
    write_llama(folder / "tiny", tokenizer, dataclasses.replace(CFG, context=context))
    digest = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
    write_tokenizer(folder / "tiny", tokenizer, digest, context)
    return folder / "tiny"


def refused(capsys: Any, *args: str | Path) -> str:
    assert command.main(["benchmarks", *map(str, args)]) == 2
    return " ".join(capsys.readouterr().err.split())


def test_errors_say_what_is_missing(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(items.FOLDERS, raising=False)
    model = exported(tmp_path)
    assert "SKYPILE_BENCHMARKS" in refused(capsys, "--model", model)
    assert "no such folder" in refused(capsys, "--model", model, "--data", tmp_path / "none")
    assert "ceval_val.jsonl" in refused(capsys, "--model", model, "--data", tmp_path)
    given = ("--data", OURS, "--only")
    assert "mmlu_test.jsonl" in refused(capsys, "--model", model, *given, "mmlu")
    assert "known: ceval" in refused(capsys, "--model", model, *given, "ceval2")
    assert "model.export" in refused(capsys, "--model", tmp_path, *given, "piqa")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "lm_eval" else find(n))
    assert "lm-eval is not installed" in refused(capsys, "--model", model, *given, "piqa")
    (model / "tokenizer_config.json").unlink()
    assert "how texts begin" in refused(capsys, "--model", model, *given, "piqa")
    (model / "tokenizer.model").unlink()
    assert "without tokenizer" in refused(capsys, "--model", model, *given, "piqa")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_through_lm_eval_beside_our_own_losses(tmp_path: Path) -> None:
    """What lm-eval calls right is what the losses of our own network call right."""
    from model.evaluate.scoring import load

    model = exported(tmp_path)
    names = ["piqa", "winogrande", "boolq", "triviaqa", "ceval"]
    out = tmp_path / "out"
    subprocess.run(
        [sys.executable, "-m", "model.evaluate", "benchmarks", "--model", model, "--data", OURS,
         "--only", *names, "--limit", "3", "--out", out],
        check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = json.loads((out / "benchmarks.json").read_text("utf8"))["benchmarks"]
    assert {n: said[n]["items"] for n in names} == dict.fromkeys(names, 3) | {"ceval": 6}
    assert said["ceval"]["prompts_cut"] == 6
    assert said["piqa"]["self_written"] == 3
    scorer = load(model, None, torch.float32, torch.device("cpu"))

    def nats(text: str) -> float:
        return scorer.score([text])[0].nats

    for name in ("piqa", "boolq", "winogrande"):
        right = 0
        for doc in items.documents(BY_NAME[name], [OURS], 3):
            if name == "winogrande":
                found = [nats(f"{c} {doc['rest']}") - nats(c) for c in doc["choices"]]
            else:
                found = [nats(f"{doc['prompt']} {c}") - nats(doc["prompt"]) for c in doc["choices"]]
            right += found.index(min(found)) == doc["answer"]
        assert said[name]["metrics"]["acc"] == pytest.approx(100 * right / 3), name
