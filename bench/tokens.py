"""Token shards: speed of the whole way from corpus to shards beside the library's batch encoder.

`python -m bench.tokens [--data ../shared/data]` fits the tokenizer of the paper's size on real
text, writes a corpus of each kind (English, Chinese, code) as Parquet files, and prints JSON lines:

- `mb_per_s`: megabytes of UTF-8 a second of one core, from opened Parquet files to shards on disk
  with their digests: survey, reading, encoding, sorting, writing, merging, hashing. The peer is
  `SentencePieceProcessor.encode` on one thread, as arrays, of the same texts in lists in memory.
- `ratio`: the former over the latter, of which at least 0.9 are asked for.

Processor time, medians of rounds in turns. Without Spark: its tasks do just this.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import sentencepiece

from bench.tokenizer_texts import KINDS, full_tokenizer, texts_of
from skypile.builds import BuildInput
from skypile.files import Root
from skypile.kernels.reading.ids import doc_id
from skypile.parts import PartFiles, TableWriter, corpus_part
from skypile.stage import Model
from skypile.stages import tokens
from skypile.tasks import collect_less

REPO = Path(__file__).resolve().parent.parent
ROUNDS = 5
PARTS = 4
SCHEMA = pa.schema(
    [
        ("doc_id", pa.string()),
        ("category", pa.string()),
        ("partition", pa.string()),
        ("split", pa.string()),
        ("text", pa.large_string()),
        ("estimated_tokens", pa.int64()),
    ]
)


def line(case: str, metric: str, value: float, unit: str, **more: object) -> None:
    named = {"bench": "tokens", "case": case, "metric": metric, "value": value, "unit": unit}
    print(json.dumps({**named, **more}), flush=True)


def write_corpus(root: Root, kind: str, texts: list[str]) -> list[PartFiles]:
    """The texts as parts of a corpus, one in fifty of them for validation."""
    parts = []
    for number in range(PARTS):
        writer = TableWriter(root, f"corpus/{kind}/part-{number:05d}.parquet", SCHEMA)
        rows = [
            {
                "doc_id": doc_id(kind, "bench", ordinal),
                "category": kind,
                "partition": "main",
                "split": "train" if ordinal % 50 else "validation",
                "text": text,
                "estimated_tokens": len(text) // 3,
            }
            for ordinal, text in enumerate(texts)
            if ordinal % PARTS == number
        ]
        writer.write(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
        entry = writer.close("corpus", kind, number)
        parts.append(corpus_part(root, kind, number, entry))
    return parts


def cpu_seconds(function: Callable[[], object]) -> float:
    begun = time.process_time()
    function()
    return time.process_time() - begun


def main() -> None:
    """Fit, then measure each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory(prefix="bench-tokens-") as folder:
        card = full_tokenizer(data, Path(folder) / "tokenizer")
        uri = str(Path(folder) / "tokenizer")
        library = sentencepiece.SentencePieceProcessor(model_file=f"{uri}/tokenizer.model")
        root = Root(folder)
        for kind in KINDS:
            texts = list(texts_of(data, kind))
            parts = write_corpus(root, kind, texts)

            collect_less()  # as a task of the stage does

            def ours(kind: str = kind, parts: list[PartFiles] = parts) -> None:
                given = BuildInput(
                    parts,
                    {"tokenizer": Model(uri, card.digest)},
                    root,
                    f"shards/{kind}",
                    lambda function, todo, label: [*map(function, todo)],
                )
                tokens.build(tokens.Config(shard_tokens=2_000_000), given)

            def theirs(texts: list[str] = texts) -> None:
                library.encode(texts, return_type="numpy", num_threads=1)

            times = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(ROUNDS)]
            own, peer = (statistics.median(t) for t in zip(*times, strict=True))
            size = sum(len(text.encode()) for text in texts) / 1e6
            beside = {"peer": "sentencepiece batch", "peer_value": round(size / peer, 2)}
            line(kind, "mb_per_s", round(size / own, 2), "MB/s", n=len(texts), **beside)
            ratio = round(statistics.median(b / a for a, b in times), 3)
            line(kind, "ratio", ratio, "ours/peer", target=0.9, ok=ratio >= 0.9)


if __name__ == "__main__":
    main()
