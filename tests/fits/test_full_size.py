"""Eight workers with models of a real crawl's size: memory-mapped, one copy a host."""

import multiprocessing as mp
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skypile import lmplz
from skypile.fits.lm import LmSettings, fit_lm
from skypile.fits.reference import Page, ReferenceSettings, fit_reference
from skypile.stages.quality import Config, make_measure_kernel

pytestmark = pytest.mark.soak
WORKERS = 8
MOST_OWN_MIB = 300  # of a worker, beside its share of the models
WORDS_A_DOCUMENT = 120


def made_up(documents: int, seed: int) -> list[str]:
    """Texts of 60,000 words that follow Zipf's law and each other: many different n-grams."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlu"))
    words = np.array(["".join(rng.choice(letters, rng.integers(3, 8))) for _ in range(60_000)])
    weights = 1 / np.arange(1, len(words) + 1)
    draws = rng.choice(len(words), (documents, WORDS_A_DOCUMENT), p=weights / weights.sum())
    return [" ".join(words[row]) for row in draws]


def hold(config: Config, texts: list[str], here: Any, end: Any) -> None:
    names = pa.array(["en"] * len(texts))
    batch = pa.RecordBatch.from_arrays(
        [pa.array(map(str, range(len(texts))), pa.string()), names, names, pa.array(texts)],
        names=["doc_id", "family", "lang", "text"],
    )
    assert make_measure_kernel(config, {})(batch)["perplexity"].null_count == 0
    here.release()
    end.wait()


def pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf8").splitlines()
    return sum(int(x.split()[1]) for x in lines if x.startswith("Pss:")) / 1024


def test_eight_workers_share_a_model_of_700_mib(tmp_path: Path) -> None:
    try:
        lmplz.find("lmplz")
    except lmplz.MissingProgram as e:
        pytest.skip(str(e))
    begun = time.monotonic()
    settings = LmSettings(vocab_size=32_000, max_sp_chars=2_000_000, memory_mb=4096)
    documents = (t for part in range(40) for t in made_up(10_000, part))
    fit_lm(documents, "en", tmp_path / "lm", settings=settings)
    texts = made_up(2000, 99)
    pages = [Page(str(n), text) for n, text in enumerate(texts)]
    learn = ReferenceSettings(hash_buckets=2_000_000, epochs=1)
    fit_reference(pages[::2], pages[1::2], "en", tmp_path / "reference", settings=learn)
    model = (tmp_path / "lm/lm.bin").stat().st_size / 2**20
    print(f"language model of {model:,.0f} MiB in {time.monotonic() - begun:.0f} s")
    assert model > 700

    config = Config(lm={"en": str(tmp_path / "lm")}, reference={"en": str(tmp_path / "reference")})
    context = mp.get_context("spawn")
    here, end = context.Semaphore(0), context.Event()
    workers = [
        context.Process(target=hold, args=(config, texts, here, end)) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert here.acquire(timeout=600)
    held = sum(pss_mib(worker.pid) for worker in workers if worker.pid)
    end.set()
    for worker in workers:
        worker.join()
    print(f"{WORKERS} workers: {held:,.0f} MiB, pages that are shared counted once")
    assert held < model + WORKERS * MOST_OWN_MIB
