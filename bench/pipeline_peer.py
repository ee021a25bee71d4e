"""datatrove's FineWeb recipe on WARC files: run by the Python which has it installed.

`pipeline_peer.py FOLDER(with in/*.warc.gz) LID_MODEL WORKERS` prints one JSON line: what each step
was given, let through and how long it took, over all workers, as datatrove's own statistics say.

The recipe is that of its examples (fineweb.py), less the list of URLs, so that both sides have
none: trafilatura for precision, fastText's language, the rules of Gopher, C4 and FineWeb, MinHash
of 14 buckets of 8 hashes. English and Chinese pass the language filter; the rules are those for
English, as the recipe has them. The limit of a page is raised from 1 s to 30: on a busy machine
pages would be lost to the clock. fastText's model is the small one, given, in the place where its
own would be.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.lid import FT176LID

PAGE_SECONDS = 30
COUNTS = ("total", "forwarded", "dropped", "documents", "timeout")


def put_model(model: str) -> None:
    """The model where datatrove would look for the one it has fetched."""
    from datatrove.io import strip_protocol
    from huggingface_hub import cached_assets_path

    folder = cached_assets_path(
        library_name="datatrove", namespace="lid", subfolder=FT176LID.MODEL_SUBFOLDER
    )
    target = Path(folder, strip_protocol(FT176LID.MODEL_URL).replace("/", "_"))
    shutil.copy(model, target)
    # How its safely_create_file knows that the file is whole.
    Path(f"{target}.completed").touch()


def main() -> None:
    folder, model, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    put_model(model)
    tasks = len(list((folder / "in").glob("*.warc.gz")))
    filtered, sums = (
        str(folder / "filtered"),
        MinhashConfig(
            hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5
        ),
    )
    signatures, buckets, removed = (str(folder / n) for n in ("signatures", "buckets", "removed"))
    read_filter = [
        WarcReader(str(folder / "in"), glob_pattern="*.warc.gz"),
        Trafilatura(favour_precision=True, timeout=PAGE_SECONDS),
        LanguageFilter(languages=["en", "zh"]),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        JsonlWriter(filtered),
    ]
    reader = JsonlReader(filtered)
    steps: list[tuple[list[Any], int]] = [
        (read_filter, tasks),
        ([reader, MinhashDedupSignature(signatures, config=sums)], tasks),
        ([MinhashDedupBuckets(signatures, buckets, config=sums)], sums.num_buckets),
        ([MinhashDedupCluster(buckets, removed, config=sums)], 1),
        ([reader, MinhashDedupFilter(removed), JsonlWriter(str(folder / "deduplicated"))], tasks),
    ]
    found = []
    for number, (steps_of_one, count) in enumerate(steps):
        stats = LocalPipelineExecutor(
            pipeline=steps_of_one,
            tasks=count,
            workers=workers,
            logging_dir=str(folder / f"logs-{number}"),
            skip_completed=False,
        ).run()
        for step in json.loads(stats.to_json()):
            counts = {k: v for k, v in step["stats"].items() if k in COUNTS}
            found.append(
                {
                    "step": step["name"],
                    "seconds": _total(step["time_stats"]),
                    **{k: _total(v) for k, v in counts.items()},
                }
            )
    left = sum(1 for _ in JsonlReader(str(folder / "deduplicated")).run())
    print(json.dumps({"steps": found, "left": left}))


def _total(value: Any) -> float:
    return float(value["total"] if isinstance(value, dict) else value)


if __name__ == "__main__":
    main()
