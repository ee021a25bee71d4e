"""What a run would cost, before it runs."""

import time
from pathlib import Path

import pytest

from skypile.check import probe
from skypile.config import from_table
from skypile.files import Root
from skypile.pipeline import all_stages
from skypile.plan import find_files
from tests.kernels.wiki.test_wikidump import FOOT, HEAD, multistream, noise, one_stream, page


@pytest.mark.parametrize("pack", [multistream, one_stream])
def test_pages_of_one_compressed_block_cost_no_more_than_reading_them_took(
    tmp_path: Path, pack: object
) -> None:
    """All of them begin where the block begins: nothing lies between the first and the last."""
    pages = "".join(page(n, noise(n)) for n in range(30))
    assert callable(pack)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/zhwiki.xml.bz2").write_bytes(pack([HEAD, pages, FOOT]))
    source = {"name": "zhwiki", "format": "wikipedia", "language": "zh", "root": "in"}
    about = {"paths": ["*"], "category": "encyclopedia", "licence": "t"}
    table = {"run": {"out": "out"}, "sources": [{**source, **about}]}
    config = from_table(table, all_stages(), base=tmp_path, where="t")
    (only,) = config.sources
    files = find_files(Root(only.root), only.paths)
    begun = time.perf_counter()
    cost = probe(config, only, files)  # milliseconds a MB
    spent = time.perf_counter() - begun
    assert 0 < cost * files[0].bytes / 1e6 <= spent * 1000
