"""Token shards of a toy corpus: every document once, the same bytes for any parts, and faults."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import spearmanr

from skypile import shards
from skypile.config import Config
from skypile.errors import BalanceError, ConfigError, InputError, SkypileError
from skypile.gc import collect
from skypile.kernels.tokenizer.shards import keys_of
from skypile.reader import RunReader
from skypile.run import Run
from skypile.shards import domains_of, shards_of
from skypile.stages import tokens, tokens_write
from tests import toy_corpus
from tests.tokenizer_texts import lines, make_tokenizer, processor

ENGLISH = lines("en")[:150]
CHINESE = lines("zh_hans")[:60] + lines("zh_hant")[:60]
SOURCES = {"english_web": ENGLISH, "chinese_web": CHINESE}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    make_tokenizer(made)
    return made


def config_of(base: Path, tokenizer: Path, sources: Any = SOURCES, **settings: Any) -> Config:
    options = {"part_bytes": settings.pop("part_bytes", 8000), "out": settings.pop("out", "run")}
    section = {"tokenizer": str(tokenizer), "shard_tokens": 2000, **settings}
    return toy_corpus.config_of(base, sources, tokens=section, **options)


def execute(config: Config, only: tuple[str, ...] = ()) -> list[str]:
    said: list[str] = []
    Run(config, lambda: None, said.append).execute(only)  # type: ignore[arg-type,return-value]
    return said


def files_of(run: Path) -> dict[str, bytes]:
    """The files of a run's shards by path."""
    root = shards_of(str(run))
    return {f.path: root.read(f.path) for f in root.walk()}


def documents_of(run: Path) -> list[tuple[str, str, list[int]]]:
    """(split, domain, tokens) of every document, in the order of files."""
    found = []
    for domain in domains_of(shards_of(str(run))):
        for file in domain.manifest["files"]:
            tokens = np.concatenate(list(domain.tokens(file)))
            names = domain.manifest["split"], domain.manifest["domain"]
            found += [(*names, t.tolist()) for t in np.split(tokens, domain.ends(file))[:-1]]
    return found


def corpus_of(run: Path) -> list[dict[str, Any]]:
    reader = RunReader(str(run))
    return [r for f in reader.files("corpus") for r in pq.read_table(run / f.path).to_pylist()]


def test_every_document_is_in_one_shard_of_its_domain_once(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer))
    library = processor(tokenizer)
    expected = [
        (r["split"], f"{r['category']}.{r['partition']}", [*library.encode(r["text"]), 2])
        for r in corpus_of(tmp_path / "run")
    ]
    found = documents_of(tmp_path / "run")
    assert len(found) == len(ENGLISH) + len(CHINESE)
    assert Counter(map(repr, found)) == Counter(map(repr, expected))
    assert len({(split, domain) for split, domain, _ in found}) == 8
    counts = shards.verify(str(tmp_path / "run"))
    assert counts["documents"] == len(found)
    assert counts["tokens"] == sum(len(t) for _, _, t in found)


def test_manifests_are_as_the_trainer_reads_them(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer))
    files = files_of(tmp_path / "run")
    manifest = json.loads(files["train/chinese_web.main/manifest.json"])
    card = json.loads((tokenizer / "card.json").read_text())
    sha256 = card["files"]["tokenizer.model"]["sha256"]
    assert {k: manifest[k] for k in manifest if k not in ("files", "tokens", "documents")} == {
        "format": "skypile-shard",
        "version": 1,
        "domain": "chinese_web.main",
        "split": "train",
        "tokenizer": sha256,
        "vocabulary": 1400,
        "eos": 2,
    }
    assert [f["name"] for f in manifest["files"]] == [
        f"part-{i:05d}.u16" for i in range(len(manifest["files"]))
    ]
    assert len(manifest["files"]) > 1
    for file in manifest["files"]:
        assert len(files[f"train/chinese_web.main/{file['name']}"]) == 2 * file["tokens"]
        assert len(files[f"train/chinese_web.main/{file['docs']}"]) == 8 * file["documents"]
        assert set(file) == {"name", "docs", "tokens", "documents", "sha256", "docs_sha256"}
    assert files["tokenizer/tokenizer.model"] == (tokenizer / "tokenizer.model").read_bytes()
    total = sum(d["tokens"] for d in json.loads(files["index.json"])["domains"])
    facts = json.loads((tmp_path / "run/manifests/tokens.build/_corpus.json").read_text())["facts"]
    assert total == sum(d["tokens"] for d in facts["domains"])


def test_the_order_is_by_key_across_the_shards_of_a_domain(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer, {"english_web": ENGLISH}, shard_tokens=1000))
    library = processor(tokenizer)
    rows = [r for r in corpus_of(tmp_path / "run") if r["split"] == "train"]
    rows = [r for r in rows if r["partition"] == "main"]
    by_key = sorted(rows, key=lambda r: keys_of([r["doc_id"]], 0)[0].tolist())
    found = [t for s, d, t in documents_of(tmp_path / "run") if s == "train" and d.endswith("main")]
    assert found == [[*library.encode(r["text"]), 2] for r in by_key]
    place = {r["doc_id"]: i for i, r in enumerate(by_key)}
    correlation = spearmanr(range(len(rows)), [place[r["doc_id"]] for r in rows]).statistic
    assert abs(correlation) < 0.2  # of about 110: two standard errors
    execute(config_of(tmp_path, tokenizer, {"english_web": ENGLISH}, seed=1, out="other"))
    other = [t for s, d, t in documents_of(tmp_path / "other") if (s, d[-4:]) == ("train", "main")]
    assert sorted(other) == sorted(found)
    assert other != found


def test_other_parts_and_tasks_give_the_same_bytes(
    tmp_path: Path, tokenizer: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(config_of(tmp_path, tokenizer, part_bytes=10**6))
    whole = files_of(tmp_path / "run")
    monkeypatch.setattr(tokens, "_MIN_TASK_TOKENS", 1)
    said = execute(config_of(tmp_path, tokenizer, part_bytes=1024, out="small", task_tokens=300))
    assert int(said[-1].split()[-2]) > 40  # parts
    assert files_of(tmp_path / "small") == whole


def test_small_domains_have_one_shard_whatever_the_parts(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer, part_bytes=1024, shard_tokens=10**9))
    shard_files = [p for p in files_of(tmp_path / "run") if p.endswith(".u16")]
    assert len(shard_files) == 8
    assert {Path(p).name for p in shard_files} == {"part-00000.u16"}


def test_shards_are_about_as_long_as_asked_for(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer, shard_tokens=1500))
    for domain in domains_of(shards_of(str(tmp_path / "run"))):
        sizes = [f["tokens"] for f in domain.manifest["files"]]
        assert np.mean(sizes) <= 1500 * 1.15  # (a shard may have been empty)
        assert len(sizes) <= -(-domain.manifest["tokens"] // 1500)
        assert max(sizes) < 3000


def test_a_document_longer_than_a_shard_stays_whole(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    long = "a very long line " * 400
    execute(
        config_of(tmp_path, tokenizer, {"english_web": [*ENGLISH[:30], long]}, shard_tokens=256)
    )
    library = processor(tokenizer)
    expected = [*library.encode(long), 2]
    assert len(expected) > 2000
    assert expected in [t for _, _, t in documents_of(tmp_path / "run")]
    shards.verify(str(tmp_path / "run"))


def test_a_retried_task_leaves_nothing_behind(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every task is tried three times: once it dies while it writes, then it is done twice."""
    import skypile.spark

    real, armed = tokens_write._bytes, [False]

    def dying(values: np.ndarray) -> Any:
        if armed[0]:
            raise OSError("the disk is gone")
        return real(values)

    def run_tasks(
        spark: Any, function: Any, todo: Any, label: str, *_: Any, **__: Any
    ) -> list[Any]:
        done = []
        for task in todo:
            armed[0] = label in ("tokens encode", "tokens shards")
            if armed[0]:
                with pytest.raises(OSError, match="disk"):
                    function(task)
            armed[0] = False
            first = function(task)
            if label.startswith("tokens"):
                assert function(task) == first
            done.append(first)
        return done

    monkeypatch.setattr(tokens_write, "_bytes", dying)
    monkeypatch.setattr(skypile.spark, "run_tasks", run_tasks)
    execute(config_of(tmp_path, tokenizer))
    shards.verify(str(tmp_path / "run"))
    listed = {"index.json", *(f"tokenizer/{n}" for n in ("tokenizer.model", "tokenizer.json"))}
    listed |= {"tokenizer/card.json"}
    for domain in domains_of(shards_of(str(tmp_path / "run"))):
        names = [n for f in domain.manifest["files"] for n in (f["name"], f["docs"])]
        listed |= {f"{domain.path}/{n}" for n in [*names, "manifest.json"]}
    assert set(files_of(tmp_path / "run")) == listed
    assert collect(str(tmp_path / "run")) == []


def test_a_killed_run_is_taken_up_to_the_same_shards(
    tmp_path: Path, tokenizer: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, tokenizer)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "write_shard", lambda task: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            execute(config)
    with pytest.raises(InputError, match="without shards"):
        shards.verify(str(tmp_path / "run"))
    execute(config)
    execute(config_of(tmp_path, tokenizer, out="fresh"))
    assert files_of(tmp_path / "run") == files_of(tmp_path / "fresh")


@pytest.mark.parametrize("fault", ["lost", "doubled", "swapped"])
def test_documents_lost_or_doubled_on_the_way_stop_the_stage(
    tmp_path: Path, tokenizer: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    real = tokens_write.survey

    def wrong(task: Any) -> Any:
        found = real(task)
        domain = sorted(found)[0]
        change = {"lost": (1, 1), "doubled": (-1, -1), "swapped": (0, 5)}[fault]
        found[domain] += tokens_write.Totals(change[0], 0, change[1])
        return found

    monkeypatch.setattr(tokens, "survey", wrong)
    with pytest.raises(BalanceError, match=r"tokens: .* are due, .* were written"):
        execute(config_of(tmp_path, tokenizer))
    assert not (tmp_path / "run/manifests/tokens.build").exists()


def test_a_shard_that_lacks_a_document_stops_the_stage(
    tmp_path: Path, tokenizer: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tokens_write.merge

    def lossy(stretches: Any) -> Any:
        rows, tokens_ = real(stretches)
        return rows[1:], tokens_[rows["tokens"][0] :]

    monkeypatch.setattr(tokens_write, "merge", lossy)
    with pytest.raises(BalanceError, match="documents, tokens and keys in shards"):
        execute(config_of(tmp_path, tokenizer))


def test_only_what_decides_the_shards_makes_them_stale(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer))
    assert "tokens.build _corpus: up to date" in execute(config_of(tmp_path, tokenizer))
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("tokenizer.model", "tokenizer.json", "card.json"):
        (moved / name).write_bytes((tokenizer / name).read_bytes())
    said = execute(config_of(tmp_path, moved, task_tokens=5000))
    assert "tokens.build _corpus: up to date" in said
    before = shards_of(str(tmp_path / "run")).uri
    said = execute(config_of(tmp_path, tokenizer, shard_tokens=500))
    assert "finished.cut english_web: up to date" in said
    assert shards_of(str(tmp_path / "run")).uri != before
    removed = {f.path for f in collect(str(tmp_path / "run"))}
    assert any(p.endswith("part-00000.u16") for p in removed)
    assert not Path(before).exists()
    shards.verify(str(tmp_path / "run"))


def test_a_domain_without_documents_has_no_folder(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    execute(config_of(tmp_path, tokenizer, {"english_web": ENGLISH[:1]}))
    assert len(domains_of(shards_of(str(tmp_path / "run")))) == 1


def test_a_corpus_without_documents_is_an_error(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    with pytest.raises(InputError, match="the corpus has no documents"):
        execute(config_of(tmp_path, tokenizer, {"english_web": ["!rejected"]}))


def test_a_category_that_is_no_folder_is_an_error(
    tmp_path: Path, tokenizer: Path, no_spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tokens_write._domains
    monkeypatch.setattr(
        tokens_write, "_domains", lambda table: [(s, f"../{d}") for s, d in real(table)]
    )
    with pytest.raises(InputError, match=r"documents of train, \.\./english"):
        execute(config_of(tmp_path, tokenizer, {"english_web": ENGLISH}))


def test_settings_that_cannot_be_are_refused_before_any_work(
    tmp_path: Path, tokenizer: Path, no_spark: Any
) -> None:
    with pytest.raises(ConfigError, match=r"give the run a section \[fit_tokenizer\]"):
        toy_corpus.config_of(tmp_path, SOURCES, tokens={})
    for name, message in (("nowhere", "no artifact"), ("broken", "not a SentencePiece model")):
        folder = tmp_path / name
        if name == "broken":
            folder.mkdir()
            card = json.loads((tokenizer / "card.json").read_text())
            data = b"not a model"
            entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            card["files"] = {"tokenizer.model": entry}
            (folder / "tokenizer.model").write_bytes(data)
            (folder / "card.json").write_text(json.dumps(card))
        with pytest.raises(SkypileError, match=message):
            execute(config_of(tmp_path, folder))
        assert not (tmp_path / "run/documents").exists()
    with pytest.raises(ConfigError, match="shard_tokens: must be >= 256"):
        config_of(tmp_path, tokenizer, shard_tokens=1)
