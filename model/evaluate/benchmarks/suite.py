"""Which benchmarks, how each is asked, and the paper's numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    test, shots_file: names of JSON lines files, without `.jsonl` or `.jsonl.gz`.
    shots: solved examples in front of each question; None: as many as the fixed prompt has.
    metric: what is compared with the paper. paper: Skywork-13B, in percent; table: where from.
    by_subject: the score is shown by subject as well. mean_of_subjects: it is their plain mean, and
    not the mean over items, as the team's own scripts have it.
    """

    name: str
    title: str
    test: str
    metric: str
    paper: float
    table: int
    shots: int = 0
    shots_file: str | None = None
    by_subject: bool = False
    mean_of_subjects: bool = False

    @property
    def task(self) -> str:
        """Its name in lm-eval: not that of a task that lm-eval brings along."""
        return f"skypile_{self.name}"


# The paper gives shots for Table 5 only ("5-shot", GSM8K "8-shot"). Those of Table 11 are asked
# without examples, TriviaQA with five; it compares acc or acc_norm without saying which.
SUITE = (
    Benchmark(
        "ceval", "C-Eval", "ceval_val", "acc", 60.6, 5, 5, "ceval_dev",
        by_subject=True, mean_of_subjects=True,
    ),
    Benchmark(
        "cmmlu", "CMMLU", "cmmlu_test", "acc", 61.8, 5, 5, "cmmlu_dev",
        by_subject=True, mean_of_subjects=True,
    ),
    Benchmark("mmlu", "MMLU", "mmlu_test", "acc", 62.1, 5, 5, "mmlu_dev", by_subject=True),
    Benchmark("gsm8k", "GSM8K", "gsm8k_test", "exact_match", 55.8, 5, 8, "gsm8k_prompt"),
    Benchmark("boolq", "BoolQ", "boolq_validation", "acc", 82.9, 11),
    Benchmark("piqa", "PIQA", "piqa_validation", "acc_norm", 79.9, 11),
    Benchmark("winogrande", "Winogrande", "winogrande_validation", "acc", 72.2, 11),
    Benchmark(
        "triviaqa", "TriviaQA", "triviaqa_validation", "exact_match", 54.0, 11, 5, "triviaqa_train"
    ),
    Benchmark("race", "RACE", "race_test", "acc", 45.2, 11),
    Benchmark("hellaswag", "HellaSwag", "hellaswag_validation", "acc_norm", 77.4, 11),
    Benchmark("arc_easy", "ARC-E", "arc_easy_test", "acc_norm", 78.5, 11),
    Benchmark("arc_challenge", "ARC-C", "arc_challenge_test", "acc_norm", 50.2, 11),
)  # fmt: skip
BY_NAME = {b.name: b for b in SUITE}
