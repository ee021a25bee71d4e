"""The rules of stage `code`, from measured numbers alone: the first condition that a file fails."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skypile.kernels.code.licences import allowed

OVER_SHARE = "over_share"
REASONS = (
    *("unlisted_language", "unknown_licence", "licence_not_allowed", "vendored", "generated"),
    *("minified", "data_blob", "long_line", "long_mean_line", "few_alphanumeric"),
    "few_letters_per_token",
)


def failed(config: Any, batch: pa.RecordBatch) -> pa.Array:
    """For each file the first of REASONS that holds, null where none does.

    batch: columns of `code`, and `code_licence`, the SPDX expression that is the file's.
    """
    size = batch.num_rows
    languages = pa.array(config.languages, pa.string())
    listed = pc.is_in(batch["code_language"], languages)  # a null is not
    licensed = batch["code_licence"].is_valid()
    permitted = frozenset(config.licences)
    fine = pa.array(
        [name is None or allowed(name, permitted) for name in batch["code_licence"].to_pylist()],
        pa.bool_(),
    )
    any_licence = pa.array([not permitted] * size, pa.bool_())
    no_name = pc.and_(pc.invert(licensed), pa.array([not config.keep_unlicensed] * size))
    blob = pc.or_(
        pc.or_(
            pc.greater(batch["encoded_share"], config.max_encoded_share),
            pc.greater(batch["longest_encoded_chars"], config.max_encoded_chars),
        ),
        pc.greater(batch["number_share"], config.max_number_share),
    )
    found = {
        "unlisted_language": pc.invert(listed),
        "unknown_licence": pc.and_not(no_name, any_licence),
        "licence_not_allowed": pc.and_not(pc.invert(fine), any_licence),
        **{n: batch[n] for n in ("vendored", "generated", "minified")},
        "data_blob": blob,
        "long_line": pc.greater(batch["max_line_chars"], config.max_line_chars),
        "long_mean_line": pc.greater(batch["mean_line_chars"], config.max_mean_line_chars),
        "few_alphanumeric": pc.less(batch["alphanumeric_share"], config.min_alphanumeric_share),
        "few_letters_per_token": pc.less(batch["letters_per_token"], config.min_letters_per_token),
    }
    optional = {"vendored", "generated", "minified", "data_blob"} - {*config.drop}
    used = [name for name in REASONS if name not in optional]
    return pc.case_when(pc.make_struct(*(found[name] for name in used)), *used)
