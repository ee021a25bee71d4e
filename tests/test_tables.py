"""Tables are conformed by name: the one line of plumbing that Spark does not have."""

import pyarrow as pa
import pytest

from skypile.tables import DOCUMENTS, RECORDS, Table, aligned_file_schema, field, verdicts

PAIR = Table(
    "pair",
    pa.schema(
        [field("a", pa.int64()), field("b", pa.int64()), field("c", pa.string(), nullable=True)]
    ),
    key=("a",),
    meaning="two columns of one type, which would swap in silence",
)


def batch(**columns: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_columns_are_matched_by_name_not_position() -> None:
    swapped = batch(c=pa.array(["x"]), b=pa.array([2]), a=pa.array([1]))
    assert PAIR.conform(swapped).to_pylist() == [{"a": 1, "b": 2, "c": "x"}]
    assert PAIR.conform(swapped).schema == PAIR.schema


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": pa.array([1]), "c": pa.array(["x"])}, r"columns missing: \['b'\]"),
        (
            {"a": pa.array([1]), "b": pa.array([1]), "c": pa.array(["x"]), "d": pa.array([1])},
            r"unexpected columns: \['d'\]",
        ),
        (
            {"a": pa.array([1]), "b": pa.array([1.5]), "c": pa.array(["x"])},
            "column 'b' is double, must be int64",
        ),
        (
            {"a": pa.array([1]), "b": pa.array([None], pa.int64()), "c": pa.array(["x"])},
            "column 'b' has 1 nulls",
        ),
    ],
)
def test_what_does_not_fit_is_named(columns: dict[str, pa.Array], message: str) -> None:
    with pytest.raises(ValueError, match=f"table pair: .*{message}"):
        PAIR.conform(batch(**columns))


def test_a_column_twice_is_refused() -> None:
    twice = pa.RecordBatch.from_arrays(
        [pa.array([1])] * 3 + [pa.array(["x"])], ["a", "a", "b", "c"]
    )
    with pytest.raises(ValueError, match="occurs twice"):
        PAIR.conform(twice)


def test_rows_that_do_not_fit_are_named() -> None:
    assert PAIR.from_rows([]).num_rows == 0
    with pytest.raises(ValueError, match=r"missing or unexpected in a row: \['c'\]"):
        PAIR.from_rows([{"a": 1, "b": 2}])
    with pytest.raises(ValueError, match="column 'b'"):
        PAIR.from_rows([{"a": 1, "b": "two", "c": None}])
    with pytest.raises(ValueError, match="column 'c'"):  # a lone surrogate is no text
        PAIR.from_rows([{"a": 1, "b": 2, "c": "\ud800"}])


def test_keys_are_columns_and_not_null() -> None:
    for table in (DOCUMENTS, RECORDS, verdicts("x")):
        for name in table.key:
            assert not table.schema.field(name).nullable


def test_an_aligned_file_may_have_rows_without_numbers() -> None:
    schema = aligned_file_schema(PAIR, measured=True)
    assert schema.names == ["a", "b", "c", "read_digest"]
    assert all(f.nullable for f in schema)
