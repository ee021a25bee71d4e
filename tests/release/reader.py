"""Run by another interpreter: what `datasets`, polars and duckdb find in a release, as JSON."""

import glob
import json
import os
import sys
import tempfile

with tempfile.TemporaryDirectory() as cache:
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": cache,
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    import datasets
    import duckdb
    import polars

    out, domain, suffix = sys.argv[1:]
    pattern = f"{out}/data/*/*{suffix}"
    whole = datasets.load_dataset(out)
    one = datasets.load_dataset(out, domain, split="train")
    streamed = datasets.load_dataset(out, split="validation", streaming=True)
    scan = polars.scan_parquet if suffix == ".parquet" else polars.scan_ndjson
    call = "read_parquet" if suffix == ".parquet" else "read_json"
    found = {
        "files": len(glob.glob(pattern)),
        "datasets": sorted(text for split in whole.values() for text in split["text"]),
        "columns": whole["train"].column_names,
        "splits": {name: len(split) for name, split in whole.items()},
        "domain": list(one["text"]),
        "streamed": len(list(streamed)),
        "polars": sorted(scan(pattern).select("text").collect()["text"].to_list()),
        "duckdb": sorted(
            r[0] for r in duckdb.sql(f"SELECT text FROM {call}('{pattern}')").fetchall()
        ),
    }
    print(json.dumps(found))
