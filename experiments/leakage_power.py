"""`python -m experiments.leakage_power`: what the leakage test can see, by size and repetitions.

One model a size and seed. In its mix, beside real English text, lie four groups of items of one
split of GSM8K, shown once, twice, four and eight times; a fifth group is never shown. Even seeds
leak the test split, odd ones the training split. D2 (section 5.2) of a group is its loss against
that of unseen items of the other split: what it says of the group that was never shown is the
test's rate of false alarms, what it says of the others its power. All groups are of one model, so a
group that was shown once is asked of a model that has learnt the benchmark's manner from others.

A model that is done stays in OUT/models, and a run that was stopped goes on behind it.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from experiments.command import figure, markdown, progress
from experiments.leakage import HERE, SIZES, VOCABULARY, background, questions
from experiments.shards import Source
from experiments.small_runs import fit_pieces, place, train, write
from model.evaluate.leakage import MARGIN, Verdict, judge, means
from model.evaluate.scoring import Pieces, load

REPETITIONS = (0, 1, 2, 4, 8)
SEEDS = {"0.16M": 4, "0.4M": 4, "1.3M": 2}  # as many as 25 minutes of a processor allow
BACKGROUND_CHARS = 1_000_000
ITEM_CHARS = 400  # of an item, so that nearly all fit into the context; the split has 1,319
GROUP = 240  # items of a group
OTHERS = 700  # unseen items of the other split, and of the reference set
CONFIDENCE, POWER = 0.95, 0.8
Floats = NDArray[np.float64]
Losses = Mapping[str, Sequence[float]]


def leaked_split(seed: int) -> str:
    """Which split the models of a seed have in their mix."""
    return ("test", "train")[seed % 2]


def groups(asked: Mapping[str, Sequence[str]], pieces: Path, context: int, seed: int
           ) -> dict[str, list[str]]:  # fmt: skip
    """Items by name: `x0` to `x8` of the leaked split, `other`, `ref`; each seed draws its own.

    Raises:
        ValueError: a split has too few items that the context holds.
    """
    tokenizer, split = Pieces(pieces), leaked_split(seed)
    fits = {}
    for name, texts in asked.items():
        cut = sorted({t[:ITEM_CHARS] for t in texts}, key=lambda t: place(f"{seed} {t}"))
        fits[name] = [t for t in cut if len(tokenizer.encode(t)) <= context]
    needed = dict.fromkeys(fits, OTHERS) | {split: GROUP * len(REPETITIONS)}
    for name, count in needed.items():
        if len(fits[name]) < count:
            raise ValueError(f"{name}: {len(fits[name])} items fit the context, not {count}")
    found = {
        f"x{times}": fits[split][i * GROUP : (i + 1) * GROUP] for i, times in enumerate(REPETITIONS)
    }
    other = "train" if split == "test" else "test"
    return found | {"other": fits[other][:OTHERS], "ref": fits["ref"][:OTHERS]}


def one_model(
    work: Path, size: str, seed: int, asked: Mapping[str, Sequence[str]], texts: Sequence[str],
    held: Sequence[str], pieces: Path,
) -> dict[str, Any]:  # fmt: skip
    """A model of a size and seed, trained and asked: losses of all groups, nats a token an item."""
    given = groups(asked, pieces, SIZES[size]["context"], seed)
    sources = {"english.main": Source(texts, held)} | {
        f"gsm8k_x{n}.main": Source(given[f"x{n}"], epochs=n) for n in REPETITIONS if n
    }
    run = train(work, sources, pieces, SIZES[size], seed=seed, validations=1)
    scorer = load(run.checkpoints, pieces, torch.float32, torch.device("cpu"))
    losses = {name: means(scorer.score(some)).tolist() for name, some in given.items()}
    return {
        "size": size,
        "seed": seed,
        "leaked": leaked_split(seed),
        "settings": _settings(size),
        "tokens": run.tokens,
        "seconds": round(run.seconds, 1),
        "validation": run.losses,
        "losses": losses,
    }


def _settings(size: str) -> dict[str, Any]:
    """What a model that lies in a file must have been made with."""
    return {
        "model": SIZES[size], "vocabulary": VOCABULARY, "background_chars": BACKGROUND_CHARS,
        "item_chars": ITEM_CHARS, "group": GROUP, "others": OTHERS, "times": list(REPETITIONS),
    }  # fmt: skip


def verdict(losses: Losses, leaked: str, times: int) -> Verdict:
    """What the test says of a group, with the other split unseen."""
    group, other = np.array(losses[f"x{times}"]), np.array(losses["other"])
    train_losses, test = (other, group) if leaked == "test" else (group, other)
    return judge({"train": train_losses, "test": test, "ref": np.array(losses["ref"])})


def power(difference: float, variance: float, items: float, margin: float) -> float:
    """How often the interval lies beyond the margin on the right side, 0 to 1, with so many items.

    difference: nats a token, above 0 where the right group is known. variance: of an item's loss,
    both splits added, each of which has that many items. By the normal approximation.
    """
    error = math.sqrt(variance / items)
    return float(ndtr((difference - margin) / error - ndtri(0.5 + CONFIDENCE / 2)))


def items_needed(difference: float, variance: float, margin: float) -> float | None:
    """Items of either split by which the power is 80 %; None where no number suffices."""
    if difference <= margin:
        return None
    wanted = ndtri(0.5 + CONFIDENCE / 2) + ndtri(POWER)
    return float(variance * (wanted / (difference - margin)) ** 2)


def summary(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a size and number of repetitions, over seeds."""
    found = []
    for size in dict.fromkeys(m["size"] for m in models):
        some = [m for m in models if m["size"] == size]
        found += [{"size": size, "repetitions": n, **_row(some, n)} for n in REPETITIONS]
    return found


def _row(models: Sequence[Mapping[str, Any]], times: int) -> dict[str, Any]:
    known, right, wrong, accused, variances = [], 0, 0, {"test": 0, "train": 0}, []
    for m in models:
        v = verdict(m["losses"], m["leaked"], times)
        test = m["leaked"] == "test"
        known.append(-v.d2.value if test else v.d2.value)
        right += v.test_known if test else v.train_known
        wrong += v.train_known if test else v.test_known
        accused[m["leaked"]] += v.test_leaked
        variances.append(float(sum(np.var(m["losses"][k]) for k in (f"x{times}", "other"))))
    mean, variance = float(np.mean(known)), float(np.mean(variances))
    seeds = len(models)
    return {
        "seeds": seeds,
        "known": known,
        "known_mean": mean,
        "known_error": float(np.std(known, ddof=1) / math.sqrt(seeds)) if seeds > 1 else None,
        "flagged": right,
        "wrong_split_flagged": wrong,
        "accused_by_d1": accused,
        "of": {s: sum(m["leaked"] == s for m in models) for s in accused},
        "power": {n: power(mean, variance, n, MARGIN) for n in (100, 250, 1000)},
        "items_needed": items_needed(mean, variance, MARGIN),
        "items_needed_without_margin": items_needed(mean, variance, 0.0),
    }


def table(said: Mapping[str, Any]) -> str:
    """A row a size and number of repetitions."""
    heads = [
        "parameters", "times shown", "D2 towards the leak", "flagged by D2", "wrong split flagged",
        "D1: test leaked, said of test", "of train", "power, 100 items", "250", "1,000",
        "items for 80 %", "without margin",
    ]  # fmt: skip
    lines = []
    for r in said["rows"]:
        error = "" if r["known_error"] is None else f" ± {r['known_error']:.3f}"
        lines.append(
            [r["size"], str(r["repetitions"]), f"{r['known_mean']:+.3f}{error}",
             f"{r['flagged']} of {r['seeds']}", f"{r['wrong_split_flagged']}",
             *(f"{r['accused_by_d1'][s]} of {r['of'][s]}" for s in ("test", "train")),
             *(f"{100 * x:.0f} %" for x in r["power"].values()),
             _count(r["items_needed"]), _count(r["items_needed_without_margin"])]
        )  # fmt: skip
    return markdown(heads, lines)


def _count(items: float | None) -> str:
    if items is None:
        return "-"
    return f"{math.ceil(items):,}" if items < 1_000_000 else "> 1M"


def draw(said: Mapping[str, Any], figure: Any) -> None:
    """D2 by repetitions, a line a size and a dot a model; power with 250 items beside it."""
    left, right = figure.subplots(1, 2)
    for size in dict.fromkeys(r["size"] for r in said["rows"]):
        rows = [r for r in said["rows"] if r["size"] == size]
        places = range(len(rows))
        (line,) = left.plot(places, [r["known_mean"] for r in rows], label=size)
        for at, row in zip(places, rows, strict=True):
            seeds = [at] * len(row["known"])
            left.plot(seeds, row["known"], "o", ms=4, alpha=0.6, color=line.get_color())
        right.plot(places, [100 * r["power"][250] for r in rows], "o-", label=size)
    left.axhspan(-MARGIN, MARGIN, color="0.9")
    left.set_title("D2 towards the leaked split, nats a token")
    right.set_title("power with 250 items of each split, %")
    for panel in (left, right):
        panel.set_xticks(range(len(REPETITIONS)), [str(n) for n in REPETITIONS])
        panel.set_xlabel("times the items were shown")
        panel.legend(title="parameters")


def main(argv: Sequence[str] | None = None) -> int:
    """Trains what is not there yet, judges, writes; 2 for what cannot be run."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.leakage_power",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=HERE / "runs/experiments/leakage_power")
    parser.add_argument("--seeds", type=int, choices=range(1, 5), help="the first of each size")
    parser.add_argument("--size", action="append", choices=SEEDS, help="parameters; default all")
    args = parser.parse_args(argv)
    sizes = [size for size in SEEDS if size in (args.size or SEEDS)]
    wanted = [(size, s) for size in sizes for s in range(min(SEEDS[size], args.seeds or 4))]
    # Both splits of all sizes first.
    wanted.sort(key=lambda w: (w[1] // 2, sizes.index(w[0]), w[1]))
    try:
        models = _all(args.data, args.out / "models", wanted)
    except (ValueError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    report(args.out, sorted(models, key=lambda m: (sizes.index(m["size"]), m["seed"])))
    return 0


def report(out: Path, models: Sequence[Mapping[str, Any]]) -> None:
    """JSON, table and figure of models that are done."""
    kept = [{k: v for k, v in m.items() if k != "losses"} for m in models]
    said = {"margin": MARGIN, "models": kept, "rows": summary(models)}
    write(out, "leakage_power", said, table(said))
    figure(said, draw, out / "leakage_power.png")


def _all(data: Path, kept: Path, wanted: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """The models of (size, seed), from files or trained."""
    asked = questions(data)
    texts, held = background(data, BACKGROUND_CHARS)
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="leakage-power-") as work:
        pieces = fit_pieces(texts, VOCABULARY, Path(work) / "pieces")
        for size, seed in wanted:
            file = kept / f"{size}-{seed}.json"
            made = json.loads(file.read_text(encoding="utf8")) if file.exists() else {}
            if made.get("settings") != _settings(size):
                progress(f"{size}, seed {seed}")
                folder = Path(work) / f"{size}-{seed}"
                folder.mkdir()
                made = one_model(folder, size, seed, asked, texts, held, pieces)
                file.write_text(json.dumps(made) + "\n", encoding="utf8")
            found.append(made)
    return found


if __name__ == "__main__":
    sys.exit(main())
