"""The tokenizer of the paper's size: what it makes of held-out text, beside its base and peers.

`python -m bench.tokenizer [--data ../shared/data] [--peers .venv-bench/bin/python]` fits 32,000 +
8,000 + 25,519 + 17 pieces on nineteen twentieths of the real texts and prints JSON lines about the
others (English, Chinese, code):

- `chars_per_token` and `bytes_per_token`, beside the base, the tokenizer of Mistral 7B (LLaMA's
  kind and size) and that of Qwen (151,643 pieces), where the peers are installed. Peers learnt from
  other and far more text; the base and ours from other parts of the same collections.
- `words_in_one_piece`: the share of the occurrences of added words that are one piece.
- `reachable`: the share of added pieces that, alone, come out as one piece.
- `mb_per_s`: encoding, one core, ids as arrays, in batches; peers as they encode batches on one
  thread. And `fast`: our `tokenizer.json` in the library tokenizers, where that is installed.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece

from bench.tokenizer_texts import KINDS, full_tokenizer, heldout_texts

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
MAX_BYTES = 3_000_000  # of a kind, for speed


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    named = {"bench": "tokenizer", "case": case, "metric": metric, "value": value, "unit": unit}
    print(json.dumps({**named, **more}), flush=True)


class Peers:
    """The peers' process; without one it knows of none."""

    def __init__(self, python: Path) -> None:
        self._process: Any = None
        if python.exists():
            command = [python, ROOT / "bench/tokenizer_peer.py"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

    def encode(self, texts: list[str]) -> dict[str, dict[str, float]]:
        """Tokens and CPU seconds of each peer."""
        if self._process is None:
            return {}
        self._process.stdin.write(json.dumps({"texts": texts}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, dict[str, float]] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()


def cpu_seconds(function: Callable[[], object]) -> float:
    begun = time.process_time()
    function()
    return time.process_time() - begun


def lengths(model: Any, base: Any, texts: dict[str, list[str]], peers: Peers) -> None:
    """Characters and bytes a token."""
    for kind, of_kind in texts.items():
        chars = sum(map(len, of_kind))
        size = sum(len(t.encode()) for t in of_kind)
        tokens = {"base": sum(map(len, base.encode(of_kind, return_type="numpy")))}
        tokens |= {name: int(a["tokens"]) for name, a in peers.encode(of_kind).items()}
        own = sum(map(len, model.encode(of_kind, return_type="numpy")))
        for metric, whole, unit in (
            ("chars_per_token", chars, "characters"),
            ("bytes_per_token", size, "bytes"),
        ):
            for peer, count in tokens.items():
                beside = {"peer": peer, "peer_value": round(whole / count, 3), "n": len(of_kind)}
                line(kind, metric, round(whole / own, 3), unit, **beside)


def speed(model: Any, folder: Path, texts: dict[str, list[str]], peers: Peers) -> None:
    """Megabytes of UTF-8 a second of one core, medians."""
    fast: Any = None
    if importlib.util.find_spec("tokenizers"):
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        import tokenizers

        fast = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    for kind, of_kind in texts.items():
        some, size = [], 0
        for text in of_kind:
            if size < MAX_BYTES:
                some.append(text)
                size += len(text.encode())
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            spent = cpu_seconds(lambda some=some: model.encode(some, return_type="numpy"))  # type: ignore[misc]
            times.setdefault("", []).append(spent)
            for name, answer in peers.encode(some).items():
                times.setdefault(name, []).append(answer["seconds"])
            if fast:
                spent = cpu_seconds(lambda some=some: fast.encode_batch_fast(some))  # type: ignore[misc]
                times.setdefault("tokenizer.json", []).append(spent)
        rates = {name: round(size / 1e6 / statistics.median(t), 2) for name, t in times.items()}
        own = rates.pop("")
        for peer, rate in rates.items():
            line(kind, "mb_per_s", own, "MB/s", peer=peer, peer_value=rate)
        if not rates:
            line(kind, "mb_per_s", own, "MB/s")


def main() -> None:
    """Fit, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-bench/bin/python")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-tokenizer-") as work:
        folder = Path(work) / "tokenizer"
        card = full_tokenizer(given.data, folder)
        model = sentencepiece.SentencePieceProcessor(
            model_file=str(folder / "tokenizer.model"), num_threads=1
        )
        base = sentencepiece.SentencePieceProcessor(
            model_file=str(folder.parent / "base.model"), num_threads=1
        )
        parts = card.parameters["parts"]
        added = [model.id_to_piece(i) for i in range(parts["base"], 65_536 - parts["reserved"])]
        whole = sum(model.encode(p, out_type=str) == ["\u2581", p] for p in added) / len(added)
        line("added pieces", "reachable", whole, "share", n=len(added), target=1.0, ok=whole == 1)
        share, occurrences = (card.quality[k] for k in ("words_in_one_piece", "word_occurrences"))
        line("added words in running text", "words_in_one_piece", share, "share", n=occurrences)
        texts = {kind: list(heldout_texts(given.data, kind)) for kind in KINDS}
        peers = Peers(given.peers)
        lengths(model, base, texts, peers)
        speed(model, folder, texts, peers)
        peers.close()


if __name__ == "__main__":
    main()
