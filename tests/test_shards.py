"""`skypile shards`: every kind of fault is found, and Megatron's reader gets the same documents."""

import dataclasses
import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from skypile import megatron, shards
from skypile.cli import app
from skypile.errors import InputError, SkypileError
from skypile.run import Run
from skypile.shards import ShardError
from skypile.stages import plan_shards
from tests import toy_corpus
from tests.tokenizer_texts import SETTINGS, lines, make_tokenizer, processor


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with shards, made once and copied by tests that change it."""
    import skypile.spark

    base = tmp_path_factory.mktemp("shards")
    make_tokenizer(base / "tokenizer")
    sources = {"english_web": lines("en")[:80], "chinese_web": lines("zh_hant")[:60]}
    section = {"tokenizer": str(base / "tokenizer"), "shard_tokens": 2000}
    config = toy_corpus.config_of(base, sources, tokens=section)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            skypile.spark,
            "run_tasks",
            lambda spark, function, tasks, *_, **__: [*map(function, tasks)],
        )
        Run(config, lambda: None, lambda said: None).execute()  # type: ignore[arg-type,return-value]
    return base


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the shards alone."""
    shutil.copytree(shards.shards_of(str(made / "run")).uri, tmp_path / "shards")
    return tmp_path / "shards"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def rewrite(folder: Path, domain: str, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    path = folder / domain / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


DOMAIN = "train/chinese_web.main"
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped byte of tokens": (
        lambda f: flip(f / DOMAIN / "part-00001.u16", 777),
        r"part-00001.u16: part-00001.u16 does not have its SHA-256",
    ),
    "a flipped byte of ends": (
        lambda f: flip(f / DOMAIN / "part-00000.docs", 8),
        r"part-00000.docs does not have its SHA-256",
    ),
    "a missing file": (
        lambda f: (f / DOMAIN / "part-00000.u16").unlink(),
        r"part-00000.u16 is missing",
    ),
    "a missing file of ends": (
        lambda f: (f / DOMAIN / "part-00001.docs").unlink(),
        r"part-00001.docs is missing",
    ),
    "a file cut short": (
        lambda f: (f / DOMAIN / "part-00000.u16").write_bytes(b"ab"),
        r"part-00000.u16 has 2 bytes, [\d,]+ are due",
    ),
    "a missing domain": (
        lambda f: shutil.rmtree(f / DOMAIN),
        r"train/chinese_web.main: in index.json, not in the folder",
    ),
    "another tokenizer": (
        lambda f: rewrite(f, DOMAIN, lambda m: m.update(tokenizer="0" * 64)),
        r"chinese_web.main: made with tokenizer 000000000000…",
    ),
    "another copy of the tokenizer": (
        lambda f: flip(f / "tokenizer/tokenizer.model", 2000),
        r"8 faults|tokenizer/tokenizer.model is",
    ),
    "sums that do not add up": (
        lambda f: rewrite(f, DOMAIN, lambda m: m.update(tokens=m["tokens"] + 1)),
        r"tokens is not the sum over its files",
    ),
    "a smaller vocabulary": (
        lambda f: rewrite(f, DOMAIN, lambda m: m.update(vocabulary=1000)),
        r"has token 1,\d+, beyond the vocabulary",
    ),
    "another end of documents": (
        lambda f: rewrite(f, DOMAIN, lambda m: m.update(eos=1)),
        r"documents do not end where the end-of-document tokens are",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named(folder: Path, name: str) -> None:
    assert shards.verify(str(folder))["domains"] == 8
    fault, message = FAULTS[name]
    fault(folder)
    with pytest.raises(ShardError, match=message):
        shards.verify(str(folder))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "brackets": lambda data: b"[" * 100_000,
    "a list": lambda data: b"[" + data + b"]",
    "no UTF-8": lambda data: b"\x89PNG" + data,
    "cut short": lambda data: data[: len(data) // 2],
    "a file elsewhere": lambda data: data.replace(b'"part-00000.u16"', b'"../part-00000.u16"'),
    "no digest": lambda data: data.replace(b'"sha256"', b'"sha"'),
    "a digest that is none": lambda data: data.replace(b'"sha256": "', b'"sha256": [], "x": "'),
    "files that are none": lambda data: data.replace(b'"files": [', b'"files": [7, '),
    "no number": lambda data: data.replace(b'"vocabulary": ', b'"vocabulary": null, "x": '),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_manifest_is_an_error_that_names_it(folder: Path, name: str) -> None:
    path = folder / DOMAIN / "manifest.json"
    data = DAMAGES[name](path.read_bytes())
    assert data != path.read_bytes()
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{DOMAIN}/manifest.json is not a manifest"):
        shards.verify(str(folder))
    with pytest.raises(SkypileError, match=f"{DOMAIN}/manifest.json"):
        plan_shards.parse(DOMAIN, data if name != "a file elsewhere" else b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update(domains=7),
        lambda index: index["domains"][0].pop("split"),
        lambda index: index["domains"][0].update(tokens="5"),
        lambda index: index.update(domains=["train"]),
    ],
)
def test_a_damaged_index_is_an_error_that_names_it(
    folder: Path,
    change: Callable[[dict], None],  # type: ignore[type-arg]
) -> None:
    path = folder / "index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"index\.json is not a manifest"):
        shards.verify(str(folder))


def test_shards_of_another_tokenizer_are_found(made: Path, folder: Path, tmp_path: Path) -> None:
    own = made / "tokenizer/tokenizer.model"
    assert shards.verify(str(folder), str(own))["domains"] == 8
    make_tokenizer(tmp_path / "other", dataclasses.replace(SETTINGS, reserved=16))
    with pytest.raises(ShardError, match="8 faults"):
        shards.verify(str(folder), str(tmp_path / "other/tokenizer.model"))
    with pytest.raises(InputError, match="no such file"):
        shards.verify(str(folder), str(tmp_path / "nothing.model"))


def test_a_damaged_index_of_documents_with_a_right_digest_is_found(folder: Path) -> None:
    """Ends that were wrong from the start: the digest is theirs, the tokens say otherwise."""

    path = folder / DOMAIN / "part-00000.docs"
    ends = np.frombuffer(path.read_bytes(), "<u8").copy()
    ends[0] += 1
    path.write_bytes(ends.tobytes())
    digest = hashlib.sha256(ends.tobytes()).hexdigest()
    rewrite(folder, DOMAIN, lambda m: m["files"][0].update(docs_sha256=digest))
    with pytest.raises(ShardError, match="documents do not end where"):
        shards.verify(str(folder))


def test_what_is_no_folder_of_shards_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="no shards in"):
        shards.verify(str(tmp_path / "empty"))
    (folder / DOMAIN / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="not a manifest of this version"):
        shards.verify(str(folder))


def test_verify_and_export_as_commands(made: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["shards", "verify", str(made / "run")])
    assert done.exit_code == 0, done.output
    assert "8 domains" in done.output
    assert "140 documents" in done.output
    out = tmp_path / "megatron"
    command = ["shards", "export", "--format", "megatron", str(made / "run"), str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert str(out / DOMAIN) in done.output
    assert (out / f"{DOMAIN}.bin").exists()
    command[3] = "llm.c"
    assert isinstance(CliRunner().invoke(app, command).exception, SkypileError)


def read_megatron(prefix: Path) -> list[list[int]]:
    """The documents of a dataset, read as Megatron-LM's `_IndexReader` does: a header of 34 bytes,
    lengths, byte offsets, and document indices into the sequences.
    """
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    data = prefix.with_name(prefix.name + ".bin").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code = struct.unpack_from("<QB", index, 9)
    assert version == 1
    kind = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}[code]
    sequences, indices = struct.unpack_from("<QQ", index, 18)
    lengths = struct.unpack_from(f"<{sequences}i", index, 34)
    offsets = struct.unpack_from(f"<{sequences}q", index, 34 + 4 * sequences)
    documents = struct.unpack_from(f"<{indices}q", index, 34 + 12 * sequences)
    assert len(index) == 34 + 12 * sequences + 8 * indices
    assert documents[0] == 0
    assert documents[-1] == sequences
    texts = [
        np.frombuffer(data, kind, length, offset).tolist()
        for length, offset in zip(lengths, offsets, strict=True)
    ]
    assert sum(lengths) * np.dtype(kind).itemsize == len(data)
    return [[t for s in texts[a:b] for t in s] for a, b in pairwise(documents)]


def test_megatron_reads_the_same_documents(made: Path, tmp_path: Path) -> None:
    prefixes = megatron.export(str(made / "run"), str(tmp_path))
    assert len(prefixes) == 8
    library = processor(made / "tokenizer")
    read = []
    for domain in shards.domains_of(shards.shards_of(str(made / "run"))):
        found = read_megatron(tmp_path / domain.path)
        own = [
            one.tolist()
            for file in domain.manifest["files"]
            for one in np.split(np.concatenate(list(domain.tokens(file))), domain.ends(file))[:-1]
        ]
        assert found == own
        read += found
    texts = [library.decode(tokens[:-1]) for tokens in read]
    assert sorted(texts) == sorted(
        t.replace("|", "\n") for t in lines("en")[:80] + lines("zh_hant")[:60]
    )


def test_a_damaged_shard_is_not_exported(folder: Path, tmp_path: Path) -> None:
    flip(folder / DOMAIN / "part-00000.u16", 5)
    with pytest.raises(ShardError, match="does not have its SHA-256"):
        megatron.export(str(folder), str(tmp_path / "out"))
    assert not (tmp_path / f"out/{DOMAIN}.bin").exists()
    assert not list((tmp_path / "out").rglob("*.tmp"))
