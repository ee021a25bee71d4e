"""What stage `code` measures: numbers, language, licence and origin of each file. A module of its
own: work on the rules measures nothing again.
"""

from typing import Any

import pyarrow as pa

from skypile.kernels.code import licences
from skypile.kernels.code.code_languages import language_of
from skypile.kernels.code.code_origin import HEAD_CHARS, generated, minified, vendored
from skypile.kernels.code.code_text import measure
from skypile.kernels.mixing.split import unit_key
from skypile.stage import Kernel
from skypile.tables import Table, field

_KEYS = pa.list_(pa.field("element", pa.int64(), nullable=False))
CODE = Table(
    "code",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("code_language", pa.string(), nullable=True),  # by the file's name
            field("lines", pa.int64()),
            field("max_line_chars", pa.int64()),  # code points
            field("mean_line_chars", pa.float32()),
            field("alphanumeric_share", pa.float32()),  # of all code points
            field("letters_per_token", pa.float32()),
            field("code_tokens", pa.int64()),  # estimated
            # Of the characters that are not white space, and of the lines that are not blank.
            field("letter_share", pa.float32()),
            field("number_share", pa.float32()),
            field("distinct_line_share", pa.float32()),
            field("encoded_share", pa.float32()),  # in runs of base64, hex, escapes
            field("longest_encoded_chars", pa.int64()),
            field("generated", pa.bool_()),
            field("minified", pa.bool_()),
            field("vendored", pa.bool_()),
            # Licences as SPDX expressions: what the data set names, what the file's head says, and,
            # of a file that is a licence, which one.
            field("named_licence", pa.string(), nullable=True),
            field("head_licence", pa.string(), nullable=True),
            field("folder_licence", pa.string(), nullable=True),
            field("folders", _KEYS),  # of the repository and each folder down to the file's own
        ]
    ),
    key=("doc_id",),
    meaning="of each file of code: language, lines, licence, and whether someone wrote it here",
)
# Prose speaks of licences that are not its own; only a tag counts there.
_PROSE = frozenset({"Markdown", "reStructuredText", "TeX", "JSON", "YAML", None})


def make_measure_kernel(config: Any) -> Kernel:
    """The numbers of a batch of files."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        return CODE.from_rows([_row(row) for row in batch.to_pylist()])

    return kernel


def _row(row: dict[str, Any]) -> dict[str, Any]:
    path, text = row["title"], row["text"]
    language = language_of(path)
    n = measure(text)
    head = text[:HEAD_CHARS]
    return {
        "doc_id": row["doc_id"],
        "code_language": language,
        "lines": n.lines,
        "max_line_chars": n.max_line_chars,
        "mean_line_chars": n.mean_line_chars,
        "alphanumeric_share": n.alphanumeric_share,
        "letters_per_token": n.letters_per_token,
        "code_tokens": n.tokens,
        "letter_share": n.letter_share,
        "number_share": n.number_share,
        "distinct_line_share": n.distinct_line_share,
        "encoded_share": n.encoded_share,
        "longest_encoded_chars": n.longest_encoded_chars,
        "generated": generated(path, text),
        "minified": minified(path, language, n.mean_line_chars),
        "vendored": vendored(path),
        "named_licence": licences.spdx(row["licence"]),
        "head_licence": licences.of_head(head, notices=language not in _PROSE),
        "folder_licence": licences.of_folder(path, text),
        "folders": folder_keys(row["source"], row["repository"], path),
    }


def folder_keys(source: str, repository: str | None, path: str | None) -> list[int]:
    """Keys of the repository's root and of each folder of it on the way to a file; none where the
    repository is not known.
    """
    if repository is None:
        return []
    folders = (path or "").split("/")[:-1]
    name = f"folder {source} {repository.lower()}"
    return [unit_key("/".join([name, *folders[:depth]])) for depth in range(len(folders) + 1)]
