"""The bytes of a file depend on its rows, not on how they come."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from skypile.files import Root
from skypile.release.files import Layout, Rows, writer
from tests.tokenizer_texts import lines

LAYOUTS = [
    Layout(),
    Layout(compression="gzip"),  # zlib-ng makes other bytes of the same data in other pieces
    Layout(compression="zstd"),
    Layout(format="parquet"),
]


def texts(documents: int) -> list[str]:
    """A few megabytes of documents, English and Chinese."""
    draw = random.Random(5)
    found = [*lines("en"), *lines("zh_hant")]
    return ["\n".join(draw.choices(found, k=draw.randrange(1, 25))) for _ in range(documents)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda x: x.suffix)
def test_bytes_do_not_depend_on_how_rows_come(tmp_path: Path, layout: Layout) -> None:
    table = pa.table({"text": pa.array(texts(2500), pa.large_string())})
    found = set()
    for step in (table.num_rows, 1000, 7):
        root = Root(str(tmp_path / f"{step}"))
        out = writer(root, "shard", layout)
        for first in range(0, table.num_rows, step):
            out.write(Rows(table.slice(first, step), layout))
        size, digest = out.close()
        assert (root.size("shard"), root.sha256("shard")) == (size, digest)
        found.add(digest)
    assert len(found) == 1
