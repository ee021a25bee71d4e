"""`python -m experiments.leakage`: does the leakage test of Table 8 find what we know leaked?

Models of two sizes are trained on real English text with nothing, a part of the training split, or
the test split of GSM8K in their mix, shown once or four times; then the test of `model.evaluate` is
asked about each, with the paper's reference set (`mock_gsm8k_eval_ea7fe3f`), alone and with a clean
model of the same size and another seed as its control. Who is flagged is who should be, or the test
fails; what it cannot see at a size or a number of repetitions is what the table shows. The models
are thrown away.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from experiments.command import figure
from experiments.shards import Source
from experiments.small_runs import Run, fit_pieces, place, rows, train, write
from model.evaluate.leakage import MARGIN, PAPER, Verdict, flags, judge, means
from model.evaluate.scoring import load

HERE = Path(__file__).resolve().parent.parent
SIZES: dict[str, dict[str, Any]] = {
    "0.16M": {"hidden": 32, "layers": 2, "heads": 2, "ffn": 88, "context": 256},
    "0.4M": {"hidden": 64, "layers": 2, "heads": 2, "ffn": 172, "context": 256},
    "1.3M": {"hidden": 128, "layers": 4, "heads": 4, "ffn": 344, "context": 256},
}
VOCABULARY = 2048
BACKGROUND_CHARS = 2_000_000
SAMPLES = 700  # of each split: as many as the smallest has within the context
CASES = (("clean", 0), ("train", 1), ("train", 4), ("test", 1), ("test", 4))


def questions(data: Path) -> dict[str, list[str]]:
    """Question and answer, joined: `train`, `test`, `ref`; the first of each by hash."""
    files = {
        "train": data / "benchmarks/gsm8k_train.jsonl.gz",
        "test": data / "benchmarks/gsm8k_test.jsonl.gz",
        "ref": data / "skywork_release/mock_gsm8k_eval_ea7fe3f.jsonl",
    }
    return {
        split: sorted((f"{r['question']} {r['answer']}" for r in rows(path)), key=place)
        for split, path in files.items()
    }


def background(data: Path, chars: int = BACKGROUND_CHARS) -> tuple[list[str], list[str]]:
    """English texts of so many characters to train on, and some held out."""
    texts = [r["text"] for r in rows(data / "domain_text/texts.jsonl.gz") if r["lang"] == "en"]
    texts = sorted(set(texts), key=place)
    taken, size = [], 0
    for text in texts:
        if size >= chars:
            break
        taken.append(text)
        size += len(text)
    return taken[20:], taken[:20]


def main() -> None:
    """Trains, judges, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "shared/data")
    parser.add_argument("--size", action="append", choices=SIZES, help="parameters; default 0.4M")
    parser.add_argument("--out", type=Path, default=HERE / "runs/experiments/leakage")
    args = parser.parse_args()
    asked = questions(args.data)
    texts, held = background(args.data)
    with tempfile.TemporaryDirectory(prefix="leakage-") as work:
        pieces = fit_pieces(texts, VOCABULARY, Path(work) / "pieces")
        verdicts: dict[str, Verdict] = {}
        runs: dict[str, dict[str, Run]] = {}
        for size in args.size or ["0.4M"]:
            found, runs[size] = experiment(Path(work) / size, size, asked, texts, held, pieces)
            verdicts |= found
    said = {
        "background_chars": sum(map(len, texts)),
        "samples": SAMPLES,
        "runs": {
            f"{size} {case}": {
                "tokens": r.tokens,
                "seconds": round(r.seconds, 1),
                "losses": r.losses,
            }
            for size, some in runs.items()
            for case, r in some.items()
        },
        "verdicts": {name: v.as_json() for name, v in verdicts.items()},
    }
    write(args.out, "leakage", said, table(verdicts))
    figure(said, draw, args.out / "leakage.png")


def experiment(
    work: Path,
    size: str,
    asked: dict[str, list[str]],
    texts: list[str],
    held: list[str],
    pieces: Path,
) -> tuple[dict[str, Verdict], dict[str, Run]]:
    """The verdicts on all models of a size, alone and beside a clean one of another seed."""
    losses, runs = {}, {}
    chosen = None
    for case, times in (*CASES, ("control", 0)):
        sources = {"english.main": Source(texts, held)}
        if times:
            sources["gsm8k.main"] = Source(asked[case][: 2 * SAMPLES], epochs=times)
        name = f"{case} x{times}" if times else case
        folder = work / name.replace(" ", "-")
        folder.mkdir(parents=True)
        runs[name] = train(folder, sources, pieces, SIZES[size], seed=int(case == "control"))
        scorer = load(runs[name].checkpoints, pieces, torch.float32, torch.device("cpu"))
        if chosen is None:
            fits = {
                s: [
                    t
                    for t in asked[s][: 2 * SAMPLES]
                    if len(scorer.tokenizer.encode(t)) <= scorer.context
                ]
                for s in asked
            }
            chosen = {s: some[:SAMPLES] for s, some in fits.items()}
        losses[name] = {split: means(scorer.score(some)) for split, some in chosen.items()}
    control = losses.pop("control")
    verdicts = {}
    for name, values in losses.items():
        verdicts[f"{size} {name}"] = judge(values)
        verdicts[f"{size} {name}, control"] = judge(values, control, control_name="a clean model")
    return verdicts, runs


def right(name: str, verdict: Verdict) -> str:
    """Whether D1, and D2, say of a model what is so."""
    d1 = verdict.test_leaked == ("test" in name)
    d2 = (verdict.test_known, verdict.train_known) == ("test" in name, "train" in name)
    return ", ".join(f"{d}: {'yes' if good else '**no**'}" for d, good in (("D1", d1), ("D2", d2)))


def table(verdicts: dict[str, Verdict]) -> str:
    """A row a model and way of asking; the paper's below."""
    lines = [
        "| parameters, in the mix | L_train | L_test | L_ref | D1 | D2 | flagged | right |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for name, v in verdicts.items():
        d1, d2 = (f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]" for d in (v.d1, v.d2))
        losses = " | ".join(f"{x:.3f}" for x in (v.train, v.test, v.ref))
        flagged = ", ".join(flags(v)) or "-"
        lines.append(f"| {name} | {losses} | {d1} | {d2} | {flagged} | {right(name, v)} |")
    for name, (train_loss, test, ref) in PAPER.items():
        d1, d2 = f"{test - ref:+.2f}", f"{test - train_loss:+.2f}"
        lines.append(f"| {name} (the paper) | {train_loss} | {test} | {ref} | {d1} | {d2} | | |")
    return "\n".join(lines)


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """D1 and D2 of each model with their intervals, and the margin that a verdict is beyond."""
    verdicts = said["verdicts"]
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"d1": "D1 = L_test - L_ref", "d2": "D2 = L_test - L_train"}
    for panel, (key, title) in zip(panels, titles.items(), strict=True):
        found = [v[key] for v in verdicts.values()]
        values = [d["value"] for d in found]
        ends = [[d["value"] - d["low"] for d in found], [d["high"] - d["value"] for d in found]]
        panel.errorbar(values, range(len(values)), xerr=ends, fmt="o", capsize=3)
        panel.axvspan(-MARGIN, MARGIN, color="0.9")
        panel.set_title(f"{title}, nats a token")
    panels[0].set_yticks(range(len(verdicts)), list(verdicts), fontsize=8)
    panels[0].invert_yaxis()


if __name__ == "__main__":
    main()
