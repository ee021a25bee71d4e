"""The list of stages is checked: nothing is read before it is written."""

from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from skypile.errors import SkypileError
from skypile.pipeline import all_stages, check
from skypile.settings import setting
from skypile.stage import Measure, Relate
from skypile.tables import Table
from tests.toy import LENGTH, LENGTHS, LINES, TRIM, make_length_kernel, rank

OTHER = replace(LENGTHS, name="other")
UNSIGNED = pa.schema([("doc_id", pa.string()), ("hash", pa.uint64())])


@dataclass(frozen=True)
class OnlyMeasure:
    x: int = setting(1, piece="measure", help="")


@dataclass(frozen=True)
class Misspelt:
    x: int = setting(1, piece="ctu", help="")


def test_the_stages_of_the_paper_are_in_order() -> None:
    stages = all_stages()
    assert [s.step for s in stages] == sorted(s.step for s in stages)
    assert stages[0].name == "extract"
    for stage in stages:
        assert len(set(stage.reasons)) == len(stage.reasons)
        assert stage.paper


def test_texts_are_measured_and_written_by_modules_of_their_own() -> None:
    stage = next(s for s in all_stages() if s.name == "mixture")
    modules = {piece: stage.code(piece).removeprefix("skypile.stages.") for piece in stage.pieces()}
    assert modules == {
        "measure": "mixture_marks",
        "relate": "mixture",
        "cut": "mixture",
        "write": "mixture_write",
    }


def test_each_stage_has_its_job_and_each_job_its_stage() -> None:
    from pathlib import Path

    jobs = {p.stem for p in (Path(__file__).parent.parent / "jobs").glob("*.py")}
    assert jobs == {f"{s.step:02d}_{s.name}" for s in all_stages()}


def test_stages_are_sorted_by_step() -> None:
    assert check((LENGTH, TRIM, LINES)) == (LINES, TRIM, LENGTH)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((LINES, replace(TRIM, name="lines")), "two stages have the name 'lines'"),
        ((LINES, replace(TRIM, step=10)), "two stages have the step 10"),
        (
            (LINES, LENGTH, replace(LENGTH, name="again", step=40)),
            "two stages write table 'lengths'",
        ),
        (
            (
                LINES,
                replace(
                    LENGTH,
                    name="early",
                    step=20,
                    relate=None,
                    config=OnlyMeasure,
                    measure=Measure(OTHER, {"lengths": ("length",)}, make_length_kernel),
                ),
                LENGTH,
            ),
            "stage early reads table 'lengths' before it is written",
        ),
        ((LINES, replace(LENGTH, measure=None)), "setting factor of stage length says it decides"),
        (
            (LINES, replace(TRIM, config=Misspelt)),
            "setting x .* decides piece 'ctu'; the stage has",
        ),
        (
            (
                LINES,
                replace(LENGTH, relate=Relate({}, rank, Table("u", UNSIGNED, ("doc_id",), ""))),
            ),
            "column hash is uint64: Spark has no unsigned integers",
        ),
    ],
)
def test_a_list_that_does_not_hold_together(stages: tuple, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(SkypileError, match=message):
        check(stages)


def test_columns_must_exist_and_only_a_measure_may_read_text() -> None:
    wrong = Measure(LENGTHS, {"documents": ("txt",)}, make_length_kernel)
    with pytest.raises(SkypileError, match=r"columns that documents lacks: \{'txt'\}"):
        check((LINES, replace(LENGTH, measure=wrong)))
    assert LENGTH.cut
    greedy = replace(LENGTH.cut, reads={"documents": ("text",)})
    with pytest.raises(SkypileError, match="only a measure may read text, cut asks for it"):
        check((LINES, replace(LENGTH, cut=greedy)))
