"""Which licence leaves with a document: of code the file's own, else its source's."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from skypile.errors import StaleError
from skypile.files import Root
from skypile.parts import TableWriter
from skypile.release.rows import Corpus, _documents
from skypile.stages.code_shares import FATES
from skypile.tables import DOCUMENTS

IDS = [f"{i:032x}" for i in range(3)]


def written(root: Root, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> Any:
    empty = dict.fromkeys(schema.names)
    batch = pa.RecordBatch.from_pylist([empty | row for row in rows], schema=schema)
    writer = TableWriter(root, f"{name}.parquet", schema)
    writer.write(batch)
    return writer.close(name, "github", 0)


def corpus(base: Path, fates: list[str]) -> tuple[Corpus, Any]:
    root = Root(str(base))
    nullable = pa.schema([f.with_nullable(True) for f in DOCUMENTS.schema])
    names = ("a/b", "c/d", None)
    rows = [{"doc_id": i, "repository": n} for i, n in zip(IDS, names, strict=True)]
    documents = written(root, "documents", nullable, rows)
    own = zip(fates, ("MIT", None, "BSD-3-Clause"), strict=True)
    fate_rows = [{"doc_id": i, "code_licence": n} for i, n in own]
    judged = written(root, "code_fates", FATES.schema, fate_rows)
    at = ("github", 0)
    reader: Any = SimpleNamespace(root=root)
    whole = Corpus(reader, [documents], {"github": "Apache-2.0"}, {at: documents}, {at: judged})
    return whole, documents


def test_a_file_of_code_has_its_own_licence(tmp_path: Path) -> None:
    whole, file = corpus(tmp_path, IDS)
    found = _documents(whole, file)
    assert found["licence"].to_pylist() == ["MIT", "Apache-2.0", "BSD-3-Clause"]
    assert found["repository"].to_pylist() == ["a/b", "c/d", None]
    plain = _documents(replace(whole, code={}), file)
    assert plain["licence"].to_pylist() == ["Apache-2.0"] * 3


def test_fates_of_other_documents_are_an_error(tmp_path: Path) -> None:
    whole, file = corpus(tmp_path, IDS[::-1])
    with pytest.raises(StaleError, match="other documents"):
        _documents(whole, file)
