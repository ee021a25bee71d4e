"""The peers of bench.tokenizer: a process that is run by the Python which has them installed.

Reads `{"texts": [...]}` a line and answers, for each tokenizer, with the tokens of all the texts
and the CPU seconds that encoding them took on one thread. Imports nothing of skypile.

- `mistral-7b`: the SentencePiece model of Mistral 7B (LLaMA's kind, 32,000 pieces), which the wheel
  of mistral-common carries.
- `qwen`: the byte-level BPE of Qwen (151,643 pieces), which the wheel of dashscope carries; the
  pattern is that of Qwen's published tokenizer.
"""

import base64
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sentencepiece
import tiktoken

QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def file_of(package: str, name: str) -> Path:
    """A file that a package's wheel carries."""
    (found,) = [f for f in importlib.metadata.files(package) or () if f.name == name]
    return Path(str(found.locate()))


def mistral() -> Callable[[list[str]], int]:
    path = file_of("mistral-common", "tokenizer.model.v1")
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return lambda texts: sum(map(len, model.encode(texts, num_threads=1)))


def qwen() -> Callable[[list[str]], int]:
    lines = file_of("dashscope", "qwen.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(t): int(rank) for t, rank in (x.split() for x in lines if x)}
    made = tiktoken.Encoding("qwen", pat_str=QWEN_PATTERN, mergeable_ranks=ranks, special_tokens={})
    return lambda texts: sum(map(len, made.encode_ordinary_batch(texts, num_threads=1)))


def main() -> None:
    """Answer until standard input ends."""
    peers = {"mistral-7b": mistral(), "qwen": qwen()}
    for request in sys.stdin:
        texts = json.loads(request)["texts"]
        answer = {}
        for name, count in peers.items():
            begun = time.process_time()
            answer[name] = {"tokens": count(texts), "seconds": time.process_time() - begun}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
