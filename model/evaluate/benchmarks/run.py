"""Runs lm-eval on a Hugging Face folder, offline."""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.evaluate.benchmarks import items
from model.evaluate.benchmarks.suite import BY_NAME, SUITE, Benchmark
from model.evaluate.benchmarks.tables import Score
from model.settings import SettingsError

_TASKS = Path(__file__).parent / "tasks"
_PROBES = 20  # prompts that both readings of a tokenizer must agree on


def chosen(only: Sequence[str] | None, where: Sequence[Path]) -> tuple[list[Benchmark], list[str]]:
    """Benchmarks that can be run, and the names of those whose files are not there.

    Raises:
        SettingsError: there is none, or one that was asked for by name is unknown or not there.
    """
    if unknown := sorted(set(only or ()) - BY_NAME.keys()):
        raise SettingsError(f"no benchmark {', '.join(unknown)}; known: {', '.join(BY_NAME)}")
    wanted = [b for b in SUITE if only is None or b.name in only]
    there = [b for b in wanted if items.files(b, where) is not None]
    missing = [b for b in wanted if b not in there]
    if (only and missing) or not there:
        needed = sorted({f for b in missing for f in (b.test, b.shots_file) if f})
        said = ", ".join(f"{f}.jsonl[.gz]" for f in needed if items.find(where, f) is None)
        raise SettingsError(f"not in {', '.join(map(str, where))}: {said}")
    return there, [b.name for b in missing]


def check_model(folder: Path) -> None:
    """Whether lm-eval can run a model.

    Raises:
        SettingsError: no lm-eval, no Hugging Face folder, or one without tokenizer.
    """
    if not (folder / "config.json").is_file():
        raise SettingsError(
            f"{folder}: no config.json: benchmarks run on what `python -m model.export` writes, or "
            "another Hugging Face folder"
        )
    names = ("tokenizer.model", "tokenizer.json", "vocab.json", "tokenizer_config.json")
    there = {n for n in names if (folder / n).is_file()}
    if not there - {"tokenizer_config.json"}:
        raise SettingsError(
            f"{folder}: a model without tokenizer: export it with --tokenizer tokenizer.model"
        )
    if "tokenizer_config.json" not in there:
        raise SettingsError(
            f"{folder}: no tokenizer_config.json: transformers would guess how texts begin; "
            "export it with --tokenizer tokenizer.model"
        )
    if importlib.util.find_spec("lm_eval") is None:
        raise SettingsError(
            "lm-eval is not installed: make evaluate-benchmarks MODEL=... sets it up in an "
            "environment of its own, or pip install 'lm-eval[hf]'"
        )


def run(
    folder: Path,
    benchmarks: Sequence[Benchmark],
    where: Sequence[Path],
    *,
    limit: int | None,
    batch_size: int,
    dtype: str,
    device: str,
) -> tuple[dict[str, Any], list[Score]]:
    """What the scores were made with (versions, settings), and the scores.

    Raises:
        SettingsError: see `check_model`; items that are none; a tokenizer that transformers reads
            otherwise than SentencePiece does.
    """
    check_model(folder)
    for b in benchmarks:  # bad data is found before a model is loaded
        items.documents(b, where, limit)
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "0"}
    import lm_eval
    import transformers
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    model = HFLM(
        pretrained=str(folder), dtype=dtype, device=device, batch_size=batch_size,
    )  # fmt: skip
    metadata = {"folders": [str(p) for p in where], "per_subject": limit}
    manager = TaskManager(include_path=str(_TASKS), include_defaults=False, metadata=metadata)
    _same_tokens(folder, model, [d["prompt"] for d in items.documents(benchmarks[0], where, 1)])
    found = lm_eval.simple_evaluate(
        model=model, tasks=[b.task for b in benchmarks], task_manager=manager,
        bootstrap_iters=0, log_samples=True, metadata=metadata,
    )  # fmt: skip
    scores = [_score(b, found["samples"][b.task], model, where) for b in benchmarks]
    said = {
        "model": str(folder),
        "lm_eval": lm_eval.__version__,
        "transformers": transformers.__version__,
        "dtype": dtype,
        "device": device,
        "context": model.max_length,
        "limit": limit,
    }
    return said, scores


def _same_tokens(folder: Path, model: Any, prompts: Sequence[str]) -> None:
    """Whether transformers reads our tokenizer.model as the token shards were written."""
    pieces = folder / "tokenizer.model"
    if not pieces.is_file():
        return
    import sentencepiece

    ours = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    for prompt in prompts[:_PROBES]:
        if list(model.tok_encode(prompt)) != list(ours.encode(prompt)):
            raise SettingsError(
                f"{folder}: transformers reads tokenizer.model otherwise than SentencePiece "
                f"({prompt[:60]!r}): scores would be of other tokens than the model learnt"
            )


def _score(
    benchmark: Benchmark, samples: Sequence[dict[str, Any]], model: Any, where: Sequence[Path]
) -> Score:
    score = Score(benchmark)
    metrics = {"acc", "acc_norm", "exact_match"}
    for sample in samples:
        doc = sample["doc"]
        found = {m: float(sample[m]) for m in metrics & sample.keys()}
        score.add(doc["subject"], found, len(doc["choices"]))
        score.self_written += doc["self_written"]
        score.cut += any(_length(r, model) > model.max_length for r in sample["arguments"])
    for path in items.files(benchmark, where) or ():
        score.files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return score


def _length(request: Sequence[Any], model: Any) -> int:
    """The tokens of a prompt and what follows it."""
    prompt, rest = request[0], request[1]
    if isinstance(rest, str):
        return len(model.tok_encode(prompt + rest)) - 1  # nothing is predicted after the last one
    return len(model.tok_encode(prompt)) + int(rest.get("max_gen_toks", 0))


def as_json(
    said: dict[str, Any], scores: Sequence[Score], missing: Sequence[str]
) -> dict[str, Any]:
    """What `--out` holds."""
    return said | {
        "benchmarks": {s.benchmark.name: s.as_json() for s in scores},
        "no_data": missing,
    }
